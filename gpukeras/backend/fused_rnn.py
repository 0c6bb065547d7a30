"""Whole recurrent layers as one operation each; what they compute, `rnn` over the layers' cells computes too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import ops
from ..graph.tensor import Tensor, as_tensor
from ..ops.recurrent_parts import ACTIVATIONS as FUSED_ACTIVATIONS
from ..runtime.device import default_device

__all__ = ["FUSED_ACTIVATIONS", "cudnn_rnn", "fused_gru", "fused_lstm", "fused_simple_rnn"]

Result = tuple[Tensor, Tensor, list[Tensor]]


def fused_lstm(
    inputs: Any,
    initial_states: Sequence[Any],
    kernel: Any,
    recurrent_kernel: Any,
    bias: Any = None,
    activation: str = "tanh",
    recurrent_activation: str = "hard_sigmoid",
    mask: Any = None,
    input_masks: Any = None,
    recurrent_masks: Any = None,
    go_backwards: bool = False,
) -> Result:
    """Runs an LSTM over a sequence, like `rnn` with the step of `LSTMCell`.

    Arguments:
        inputs: tensor (N, T, C).
        initial_states: h and c, tensors (N, U).
        kernel: tensor (C, 4 * U), gates i, f, c, o.
        recurrent_kernel: tensor (U, 4 * U).
        bias: tensor (4 * U,) or None.
        activation: one of `FUSED_ACTIVATIONS`, for the cell's input and output.
        recurrent_activation: one of `FUSED_ACTIVATIONS`, for the gates.
        mask: tensor (N, T) or (N, T, 1), 0 where a step is to be passed over.
        input_masks: list of tensors (N, C), factors of the input for each gate, or of one for all.
        recurrent_masks: list of tensors (N, U), factors of the state for each gate, or of one for all.
        go_backwards: whether to walk from the last step to the first; outputs come in the order of the walk.

    Returns:
        (last output (N, U), all outputs (N, T, U), list of the last h and c).
    """
    h, c = initial_states
    outputs, h, c = ops.lstm_sequence(
        inputs,
        kernel,
        recurrent_kernel,
        bias,
        h,
        c,
        activation=activation,
        recurrent_activation=recurrent_activation,
        mask=mask,
        input_masks=_stacked(input_masks),
        recurrent_masks=_stacked(recurrent_masks),
        go_backwards=go_backwards,
    )
    return h, outputs, [h, c]


def fused_gru(
    inputs: Any,
    initial_states: Sequence[Any],
    kernel: Any,
    recurrent_kernel: Any,
    bias: Any = None,
    activation: str = "tanh",
    recurrent_activation: str = "hard_sigmoid",
    reset_after: bool = False,
    mask: Any = None,
    input_masks: Any = None,
    recurrent_masks: Any = None,
    go_backwards: bool = False,
) -> Result:
    """Runs a GRU over a sequence, like `rnn` with the step of `GRUCell`.

    Arguments:
        inputs: tensor (N, T, C).
        initial_states: h, a tensor (N, U), in a list.
        kernel: tensor (C, 3 * U), gates z, r, h.
        recurrent_kernel: tensor (U, 3 * U).
        bias: tensor (3 * U,), with `reset_after` (2, 3 * U), or None.
        activation: one of `FUSED_ACTIVATIONS`, for the candidate state.
        recurrent_activation: one of `FUSED_ACTIVATIONS`, for the gates.
        reset_after: whether the reset gate multiplies the product of the state instead of the state.
        mask: tensor (N, T) or (N, T, 1), 0 where a step is to be passed over.
        input_masks: list of tensors (N, C), factors of the input for each gate, or of one for all.
        recurrent_masks: list of tensors (N, U), factors of the state for each gate, or of one for all, which then
            falls on the state that is kept too.
        go_backwards: whether to walk from the last step to the first; outputs come in the order of the walk.

    Returns:
        (last output (N, U), all outputs (N, T, U), list of the last h).
    """
    outputs, h = ops.gru_sequence(
        inputs,
        kernel,
        recurrent_kernel,
        bias,
        *initial_states,
        activation=activation,
        recurrent_activation=recurrent_activation,
        reset_after=reset_after,
        mask=mask,
        input_masks=_stacked(input_masks),
        recurrent_masks=_stacked(recurrent_masks),
        go_backwards=go_backwards,
    )
    return h, outputs, [h]


def cudnn_rnn(
    cell: str,
    inputs: Any,
    initial_states: Sequence[Any],
    kernel: Any,
    recurrent_kernel: Any,
    bias: Any,
    go_backwards: bool = False,
) -> Result:
    """Runs an LSTM or GRU as cuDNN defines it: by cuDNN where models built now run on a GPU that has it.

    Arguments:
        cell: 'lstm' or 'gru'.
        inputs: tensor (N, T, C).
        initial_states: h, and for the LSTM c, tensors (N, U).
        kernel: tensor (C, G * U), gates in the order of `fused_lstm` or `fused_gru`.
        recurrent_kernel: tensor (U, G * U).
        bias: tensor (2 * G * U,): of the input's products, then of the state's.
        go_backwards: whether to walk from the last step to the first; outputs come in the order of the walk.

    Returns:
        (last output (N, U), all outputs (N, T, U), list of the last states).
    """
    if as_tensor(inputs).dtype == "float32" and _has_cudnn():
        outputs, states = ops.library_rnn(
            cell, inputs, kernel, recurrent_kernel, bias, list(initial_states), go_backwards
        )
        return states[0], outputs, states
    options: dict[str, Any] = {"recurrent_activation": "sigmoid", "go_backwards": go_backwards}
    both = ops.reshape(bias, (2, -1))
    if cell == "gru":
        return fused_gru(inputs, initial_states, kernel, recurrent_kernel, both, reset_after=True, **options)
    return fused_lstm(inputs, initial_states, kernel, recurrent_kernel, ops.add(both[0], both[1]), **options)


def _has_cudnn() -> bool:
    if default_device().engine != "cuda":
        return False
    from ..kernels.cuda.cudnn_rnn import is_available

    return is_available()


def fused_simple_rnn(
    inputs: Any,
    initial_states: Sequence[Any],
    kernel: Any,
    recurrent_kernel: Any,
    bias: Any = None,
    activation: str = "tanh",
    mask: Any = None,
    input_masks: Any = None,
    recurrent_masks: Any = None,
    go_backwards: bool = False,
) -> Result:
    """Runs h = activation(x W + h U + b) over a sequence, like `rnn` with the step of `SimpleRNNCell`.

    Arguments:
        inputs: tensor (N, T, C).
        initial_states: h, a tensor (N, U), in a list.
        kernel: tensor (C, U).
        recurrent_kernel: tensor (U, U).
        bias: tensor (U,) or None.
        activation: one of `FUSED_ACTIVATIONS`.
        mask: tensor (N, T) or (N, T, 1), 0 where a step is to be passed over.
        input_masks: list of one tensor (N, C), factors of the input.
        recurrent_masks: list of one tensor (N, U), factors of the state.
        go_backwards: whether to walk from the last step to the first; outputs come in the order of the walk.

    Returns:
        (last output (N, U), all outputs (N, T, U), list of the last h).
    """
    outputs, h = ops.simple_rnn_sequence(
        inputs,
        kernel,
        recurrent_kernel,
        bias,
        *initial_states,
        activation=activation,
        mask=mask,
        input_masks=_stacked(input_masks),
        recurrent_masks=_stacked(recurrent_masks),
        go_backwards=go_backwards,
    )
    return h, outputs, [h]


def _stacked(masks: Sequence[Any] | None) -> Tensor | None:
    return None if masks is None else ops.stack([as_tensor(m) for m in masks], 0)
