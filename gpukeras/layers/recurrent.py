"""Recurrent layers and their cells."""

from ..legacy.layers import Recurrent
from .rnn_base import RNN
from .rnn_base import standardize_args as _standardize_args  # noqa: F401 - programs import it
from .rnn_cell_base import generate_dropout_mask as _generate_dropout_mask  # noqa: F401 - programs import it
from .rnn_cells import GRUCell, LSTMCell, SimpleRNNCell
from .rnn_layers import GRU, LSTM, SimpleRNN
from .rnn_stacked import StackedRNNCells

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "GRUCell",
    "LSTMCell",
    "Recurrent",
    "SimpleRNN",
    "SimpleRNNCell",
    "StackedRNNCells",
]
