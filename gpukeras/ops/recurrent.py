"""Whole recurrent layers as one operation: LSTM, GRU and the fully connected recurrence."""

from __future__ import annotations

from typing import Any

from ..graph.dtype import LOW
from ..graph.tensor import Tensor, apply, as_tensor
from .array import concatenate
from .elementwise import cast, multiply, not_equal
from .linalg import matmul
from .operands import as_floats
from .recurrent_base import Steps
from .recurrent_gru import GRUSteps
from .recurrent_lstm import LSTMSteps
from .recurrent_parts import ACTIVATIONS
from .recurrent_simple import SimpleRNNSteps
from .shaping import expand_dims, reshape, reverse, shape, transpose

__all__ = ["gru_sequence", "lstm_sequence", "simple_rnn_sequence"]


def lstm_sequence(
    x: Any,
    kernel: Any,
    recurrent_kernel: Any,
    bias: Any,
    h0: Any,
    c0: Any,
    activation: str = "tanh",
    recurrent_activation: str = "hard_sigmoid",
    mask: Any = None,
    input_masks: Any = None,
    recurrent_masks: Any = None,
    go_backwards: bool = False,
) -> tuple[Tensor, Tensor, Tensor]:
    """An LSTM over whole sequences.

    Masked steps leave the states as they are and give out the state. Gates are in the order i, f, c, o.

    Arguments:
        x: tensor (N, T, C).
        kernel: tensor (C, 4 * U).
        recurrent_kernel: tensor (U, 4 * U).
        bias: tensor (4 * U,) or None.
        h0: tensor (N, U), state before the first step.
        c0: tensor (N, U), cell state before the first step.
        activation: name of the activation of the cell's input and output, one of `ACTIVATIONS`.
        recurrent_activation: name of the activation of the gates.
        mask: tensor (N, T), 0 or False where a step is to be passed over, or None.
        input_masks: tensor (4, N, C) of factors of the input, one per gate, or (1, N, C); or None.
        recurrent_masks: tensor (4, N, U) or (1, N, U) of factors of the state in its products, or None.
        go_backwards: whether to walk from the last step to the first; outputs come in the order of the walk.

    Returns:
        (outputs (N, T, U), last state (N, U), last cell state (N, U)).

    Raises:
        ValueError: for an unknown activation or shapes that do not fit.

    Source: Hochreiter and Schmidhuber, "Long Short-Term Memory", 1997.
    """
    given = {"u": recurrent_kernel, "h0": h0, "c0": c0, "bias": bias, "drops": recurrent_masks}
    out = _run(LSTMSteps, x, kernel, given, activation, recurrent_activation, mask, input_masks, go_backwards)
    return out["ys"], out["h"], out["c"]


def gru_sequence(
    x: Any,
    kernel: Any,
    recurrent_kernel: Any,
    bias: Any,
    h0: Any,
    activation: str = "tanh",
    recurrent_activation: str = "hard_sigmoid",
    reset_after: bool = False,
    mask: Any = None,
    input_masks: Any = None,
    recurrent_masks: Any = None,
    go_backwards: bool = False,
) -> tuple[Tensor, Tensor]:
    """A GRU over whole sequences.

    Masked steps leave the state as it is and give it out. Gates are in the order z, r, h. A single factor for the
    state, (1, N, U), falls on the state that is kept too, as in Keras' `implementation=2`.

    Arguments:
        x: tensor (N, T, C).
        kernel: tensor (C, 3 * U).
        recurrent_kernel: tensor (U, 3 * U).
        bias: tensor (3 * U,), with `reset_after` (2, 3 * U) for the input's and the state's product; or None.
        h0: tensor (N, U), state before the first step.
        activation: name of the activation of the candidate state, one of `ACTIVATIONS`.
        recurrent_activation: name of the activation of the gates.
        reset_after: whether the reset gate multiplies the product of the state instead of the state.
        mask: tensor (N, T), 0 or False where a step is to be passed over, or None.
        input_masks: tensor (3, N, C) of factors of the input, one per gate, or (1, N, C); or None.
        recurrent_masks: tensor (3, N, U) or (1, N, U) of factors of the state, or None.
        go_backwards: whether to walk from the last step to the first; outputs come in the order of the walk.

    Returns:
        (outputs (N, T, U), last state (N, U)).

    Raises:
        ValueError: for an unknown activation or shapes that do not fit.

    Source: Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder for Statistical Machine
    Translation", 2014.
    """
    given = {"u": recurrent_kernel, "h0": h0, "bias": bias, "drops": recurrent_masks}
    if reset_after and bias is not None:
        both = as_tensor(bias)
        if both.shape is not None and len(both.shape) != 2:
            raise ValueError(f"gru_sequence: with reset_after the bias is (2, 3 * units), got {tuple(both.shape)}")
        given |= {"bias": both[0], "rbias": both[1]}
    out = _run(
        GRUSteps, x, kernel, given, activation, recurrent_activation, mask, input_masks, go_backwards,
        reset_after=bool(reset_after),
    )  # fmt: skip
    return out["ys"], out["h"]


def simple_rnn_sequence(
    x: Any,
    kernel: Any,
    recurrent_kernel: Any,
    bias: Any,
    h0: Any,
    activation: str = "tanh",
    mask: Any = None,
    input_masks: Any = None,
    recurrent_masks: Any = None,
    go_backwards: bool = False,
) -> tuple[Tensor, Tensor]:
    """A fully connected recurrence over whole sequences: h = activation(x W + h U + b).

    Arguments:
        x: tensor (N, T, C).
        kernel: tensor (C, U).
        recurrent_kernel: tensor (U, U).
        bias: tensor (U,) or None.
        h0: tensor (N, U), state before the first step.
        activation: name of the activation, one of `ACTIVATIONS`.
        mask: tensor (N, T), 0 or False where a step is to be passed over, or None.
        input_masks: tensor (1, N, C) of factors of the input, or None.
        recurrent_masks: tensor (1, N, U) of factors of the state, or None.
        go_backwards: whether to walk from the last step to the first; outputs come in the order of the walk.

    Returns:
        (outputs (N, T, U), last state (N, U)).

    Raises:
        ValueError: for an unknown activation or shapes that do not fit.
    """
    given = {"u": recurrent_kernel, "h0": h0, "bias": bias, "drops": recurrent_masks}
    out = _run(SimpleRNNSteps, x, kernel, given, activation, "linear", mask, input_masks, go_backwards)
    return out["ys"], out["h"]


def _run(
    op: type[Steps],
    x: Any,
    kernel: Any,
    given: dict[str, Any],
    activation: str,
    recurrent_activation: str,
    mask: Any,
    input_masks: Any,
    go_backwards: bool,
    **options: Any,
) -> dict[str, Tensor]:
    for what, name in (("activation", activation), ("recurrent_activation", recurrent_activation)):
        if name not in ACTIVATIONS:
            raise ValueError(
                f"{op.name}: {what} is {name!r}, the fused recurrence knows {', '.join(ACTIVATIONS)}; use K.rnn"
            )
    present = {k: v for k, v in given.items() if v is not None}
    x, kernel, *rest = as_floats(x, kernel, *present.values())
    named = dict(zip(present, rest, strict=True))
    dtype = x.dtype
    if dtype in LOW:  # sums over many steps would lose the small terms
        x, kernel = cast(x, "float32"), cast(kernel, "float32")
        named = {k: cast(v, "float32") for k, v in named.items()}
    drops = None if input_masks is None else cast(as_tensor(input_masks), x.dtype)
    parts = {"z": _input_product(x, kernel, drops, op.gates, go_backwards), **named}
    if mask is not None:
        parts["mask"] = _flags(mask, go_backwards)
    outs = apply(op(activation, recurrent_activation, tuple(parts), **options), *parts.values())
    found = dict(zip(op.results, outs, strict=True))
    found["ys"] = transpose(found["ys"], (1, 0, 2))
    if dtype in LOW:
        wanted = {k: found[k] for k in ("ys", "h", "c") if k in found}
        return {k: cast(v, dtype) for k, v in wanted.items()}
    return found


def _time_first(x: Tensor, go_backwards: bool) -> Tensor:
    assert x.shape is not None
    if len(x.shape) < 2:
        raise ValueError(f"recurrence: expected (samples, steps, ...), got shape {tuple(x.shape)}")
    y = transpose(x, (1, 0, *range(2, len(x.shape))))
    return reverse(y, 0) if go_backwards else y


def _flags(mask: Any, go_backwards: bool) -> Tensor:
    """The mask as truth values (T, N, 1)."""
    flags = as_tensor(mask)
    if flags.shape is not None and len(flags.shape) == 2:
        flags = expand_dims(flags, -1)
    if flags.shape is None or len(flags.shape) != 3 or flags.shape[2] not in (1, None):
        raise ValueError(f"recurrence: the mask must be of shape (samples, steps), got {flags!r}")
    return _time_first(flags if flags.dtype.is_bool else not_equal(flags, 0), go_backwards)


def _input_product(x: Tensor, kernel: Tensor, drops: Tensor | None, gates: int, go_backwards: bool) -> Tensor:
    """The inputs of all steps times their kernel, (T, N, G * U): one product, or one per gate with dropout."""
    if x.shape is None or kernel.shape is None or len(x.shape) != 3 or len(kernel.shape) != 2:
        raise ValueError(f"recurrence: expected inputs (N, T, C) and a kernel (C, units), got {x!r} and {kernel!r}")
    channels, width = kernel.shape
    if x.shape[2] is not None and channels is not None and x.shape[2] != channels:
        raise ValueError(
            f"recurrence: the inputs {tuple(x.shape)} have {x.shape[2]} channels, the kernel {tuple(kernel.shape)} "
            f"expects {channels}"
        )
    x = _time_first(x, go_backwards)
    if drops is None:
        return _rows_product(x, kernel)
    assert drops.shape is not None
    if drops.shape[0] == 1:
        return _rows_product(multiply(x, drops[0]), kernel)
    if drops.shape[0] != gates or width is None:
        raise ValueError(f"recurrence: expected dropout masks for 1 or {gates} gates, got shape {tuple(drops.shape)}")
    units = width // gates
    parts = [
        _rows_product(multiply(x, drops[g]), kernel[:, g * units : (g + 1) * units])  # one gate's columns
        for g in range(gates)
    ]
    return concatenate(parts, -1)


def _rows_product(x: Tensor, kernel: Tensor) -> Tensor:
    """x (T, N, C) times the kernel as one product of matrices."""
    assert x.shape is not None and kernel.shape is not None
    sizes = [shape(x)[i] if x.shape[i] is None else x.shape[i] for i in (0, 1)]
    channels = kernel.shape[0] if kernel.shape[0] is not None else shape(kernel)[0]
    width = kernel.shape[1] if kernel.shape[1] is not None else shape(kernel)[1]
    return reshape(matmul(reshape(x, (-1, channels)), kernel), (*sizes, width))
