"""The built-in recurrent layers: `SimpleRNN`, `GRU` and `LSTM`."""

import warnings

from .. import regularizers
from ..legacy import interfaces
from .rnn_base import RNN
from .rnn_cell_base import write_option
from .rnn_cells import GRUCell, LSTMCell, SimpleRNNCell

__all__ = ["GRU", "LSTM", "SimpleRNN"]


def of_cell(name):
    """A property that reads an attribute of the layer's cell.

    Arguments:
        name: str, the attribute.

    Returns:
        A property.
    """
    return property(lambda self: getattr(self.cell, name), doc=f"The `{name}` of the cell.")


class CellRNN(RNN):
    """What the layers of a single built-in cell share: they hide the cell in their config.

    Arguments:
        cell: the cell.
        activity_regularizer: penalty on the output.
        settings: dict, the arguments of `RNN`.
        **kwargs: arguments of `Layer`.
    """

    def __init__(self, cell, activity_regularizer, settings, **kwargs):
        super().__init__(cell, **settings, **kwargs)
        self.activity_regularizer = regularizers.get(activity_regularizer)

    def call(self, inputs, mask=None, training=None, initial_state=None):
        return super().call(inputs, mask=mask, training=training, initial_state=initial_state)

    def get_config(self):
        config = self._run_config()
        for name in self.cell._options:
            config[name] = write_option(name, getattr(self.cell, name))
            if name == "bias_regularizer":
                config["activity_regularizer"] = regularizers.serialize(self.activity_regularizer)
        return config

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        if config.get("implementation") == 0:
            config["implementation"] = 1
        count = config.pop("num_constants", None)
        layer = cls(**config)
        layer._num_constants = count
        return layer


def _known_implementation(name, implementation):
    if implementation == 0:
        warnings.warn(
            f"{name}: `implementation=0` is gone since Keras 2.1 and means `implementation=1` now, which computes the "
            "same",
            stacklevel=4,
        )
        return 1
    return implementation


class SimpleRNN(CellRNN):
    """Fully connected recurrent layer whose output is fed back: h' = activation(x W + h U + b).

    Arguments:
        units: int, size of the output.
        activation: activation of the output.
        use_bias: bool.
        kernel_initializer: initializer of W (C, U).
        recurrent_initializer: initializer of U (U, U).
        bias_initializer: initializer of b (U,).
        kernel_regularizer, recurrent_regularizer, bias_regularizer: penalties on the weights.
        activity_regularizer: penalty on the output.
        kernel_constraint, recurrent_constraint, bias_constraint: projections of the weights after each update.
        dropout: float, share of the inputs to drop in training, the same ones at every step.
        recurrent_dropout: float, share of the state to drop in training.
        return_sequences, return_state, go_backwards, stateful, unroll: see `RNN`.

    Input shape:
        (N, T, C).

    Output shape:
        (N, U), with `return_sequences` (N, T, U); with `return_state` a list of that and the state (N, U).
    """

    @interfaces.legacy_recurrent_support
    def __init__(
        self,
        units,
        activation="tanh",
        use_bias=True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        kernel_regularizer=None,
        recurrent_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        return_sequences=False,
        return_state=False,
        go_backwards=False,
        stateful=False,
        unroll=False,
        **kwargs,
    ):
        if "implementation" in kwargs:
            kwargs.pop("implementation")
            warnings.warn(
                "SimpleRNN: there is one implementation, the argument `implementation` is ignored; leave it out",
                stacklevel=3,
            )
        given = locals()
        cell = SimpleRNNCell(**{name: given[name] for name in SimpleRNNCell._options})
        super().__init__(cell, activity_regularizer, {name: given[name] for name in _SETTINGS}, **kwargs)

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        config.pop("implementation", None)
        return super().from_config(config)


class GRU(CellRNN):
    """Gated recurrent unit, see `GRUCell`.

    Arguments:
        units: int, size of the output.
        activation: activation of the candidate state.
        recurrent_activation: activation of the gates.
        use_bias: bool.
        kernel_initializer: initializer of W (C, 3 * U), gates z, r, h.
        recurrent_initializer: initializer of U (U, 3 * U).
        bias_initializer: initializer of b (3 * U,), with `reset_after` (2, 3 * U).
        kernel_regularizer, recurrent_regularizer, bias_regularizer: penalties on the weights.
        activity_regularizer: penalty on the output.
        kernel_constraint, recurrent_constraint, bias_constraint: projections of the weights after each update.
        dropout: float, share of the inputs to drop in training, the same ones at every step.
        recurrent_dropout: float, share of the state to drop in training.
        implementation: 1: each gate has dropout masks of its own; 2: one mask for all gates.
        return_sequences, return_state, go_backwards, stateful, unroll: see `RNN`.
        reset_after: bool, apply the reset gate after the matrix product, as `CuDNNGRU` does.

    Input shape:
        (N, T, C).

    Output shape:
        (N, U), with `return_sequences` (N, T, U); with `return_state` a list of that and the state (N, U).

    Source: Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder for Statistical Machine
    Translation", 2014.
    """

    @interfaces.legacy_recurrent_support
    def __init__(
        self,
        units,
        activation="tanh",
        recurrent_activation="hard_sigmoid",
        use_bias=True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        kernel_regularizer=None,
        recurrent_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        implementation=1,
        return_sequences=False,
        return_state=False,
        go_backwards=False,
        stateful=False,
        unroll=False,
        reset_after=False,
        **kwargs,
    ):
        implementation = _known_implementation("GRU", implementation)
        given = locals()
        cell = GRUCell(**{name: given[name] for name in GRUCell._options})
        super().__init__(cell, activity_regularizer, {name: given[name] for name in _SETTINGS}, **kwargs)


class LSTM(CellRNN):
    """Long short-term memory, see `LSTMCell`.

    Arguments:
        units: int, size of the output.
        activation: activation of the cell's input and output.
        recurrent_activation: activation of the gates.
        use_bias: bool.
        kernel_initializer: initializer of W (C, 4 * U), gates i, f, c, o.
        recurrent_initializer: initializer of U (U, 4 * U).
        bias_initializer: initializer of b (4 * U,).
        unit_forget_bias: bool, start the bias of the forget gate at ones.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: penalties on the weights.
        activity_regularizer: penalty on the output.
        kernel_constraint, recurrent_constraint, bias_constraint: projections of the weights after each update.
        dropout: float, share of the inputs to drop in training, the same ones at every step.
        recurrent_dropout: float, share of the state to drop in training.
        implementation: 1: each gate has dropout masks of its own; 2: one mask for all gates.
        return_sequences, return_state, go_backwards, stateful, unroll: see `RNN`.

    Input shape:
        (N, T, C).

    Output shape:
        (N, U), with `return_sequences` (N, T, U); with `return_state` a list of that and the states h and c.

    Source: Hochreiter and Schmidhuber, "Long Short-Term Memory", 1997.
    """

    @interfaces.legacy_recurrent_support
    def __init__(
        self,
        units,
        activation="tanh",
        recurrent_activation="hard_sigmoid",
        use_bias=True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        unit_forget_bias=True,
        kernel_regularizer=None,
        recurrent_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        implementation=1,
        return_sequences=False,
        return_state=False,
        go_backwards=False,
        stateful=False,
        unroll=False,
        **kwargs,
    ):
        implementation = _known_implementation("LSTM", implementation)
        given = locals()
        cell = LSTMCell(**{name: given[name] for name in LSTMCell._options})
        super().__init__(cell, activity_regularizer, {name: given[name] for name in _SETTINGS}, **kwargs)


_SETTINGS = ("return_sequences", "return_state", "go_backwards", "stateful", "unroll")

for _layer, _cell in ((SimpleRNN, SimpleRNNCell), (GRU, GRUCell), (LSTM, LSTMCell)):
    for _name in _cell._options:
        setattr(_layer, _name, of_cell(_name))
