"""Recurrent layers on the C++ extension: all steps of a sequence in one task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...graph.dtype import as_dtype
from ...graph.op import Binding, Spec, Thunk
from ...ops.recurrent_gru import GRUSteps, GRUStepsGrad
from ...ops.recurrent_lstm import LSTMSteps, LSTMStepsGrad
from ...ops.recurrent_simple import SimpleRNNSteps, SimpleRNNStepsGrad
from ..registry import Kernel, kernel
from .primitive import extension

#: Inputs that may have any strides; the others must be contiguous.
_STRIDED = ("h0", "c0", "dh", "dc", "mask", "dys")
#: Names of the gradient operations' outputs.
GRADIENTS = {"z": "dz", "u": "du", "h0": "dh0", "c0": "dc0", "rbias": "drbias"}


def _fits(name: str, x: np.ndarray | None) -> bool:
    if x is None or name == "link":
        return True
    if x.dtype != (np.bool_ if name == "mask" else np.float32) or not x.size:
        return False
    if name == "dys":  # rows of units without gaps
        return x.strides[2] == x.itemsize or x.shape[2] == 1
    return name in _STRIDED or x.flags.c_contiguous


def cell_of(op: Any) -> str:
    """Name of the cell of a recurrent operation or its gradient."""
    if isinstance(op, (LSTMSteps, LSTMStepsGrad)):
        return "lstm"
    if isinstance(op, (SimpleRNNSteps, SimpleRNNStepsGrad)):
        return "simple"
    return "gru_reset_after" if op.reset_after else "gru"


def _kernel(op: Any, ins: dict[str, Any], outs: dict[str, Any], names: dict[str, str]) -> Kernel | None:
    module = extension()
    if module is None or not all(_fits(k, x) for k, x in (*ins.items(), *outs.items())):
        return None
    steps, samples, _ = (ins["z"] if "z" in ins else ins["ys"]).shape
    units = ins["u"].shape[0]
    drops = len(ins["drops"]) if "drops" in ins else 0
    backward = bool(names)
    wanted = outs.get("u") is not None
    try:
        recurrence = module.recurrence(
            cell_of(op), op.activation, op.recurrent_activation, steps, samples, units, drops, backward, wanted
        )
    except module.OneDnnError:
        return None

    def bind(b: Binding) -> list[Thunk]:
        arrays = dict(zip(op.parts, b.ins, strict=True))
        arrays |= {names.get(k, k): x for k, x in zip(outs, b.outs, strict=True) if x is not None}
        return [recurrence.bind(b.scratch[0], arrays)]

    direction = "backward" if backward else "forward"
    return Kernel(f"recurrence:{cell_of(op)}:{direction}", bind, [Spec((recurrence.scratch_bytes,), as_dtype("uint8"))])


@kernel("native", LSTMSteps, GRUSteps, SimpleRNNSteps)
def forward(op: Any, ins: Sequence[np.ndarray], outs: Sequence[Any]) -> Kernel | None:
    """All steps of a layer."""
    return _kernel(op, dict(zip(op.parts, ins, strict=True)), dict(zip(op.results, outs, strict=True)), {})


@kernel("native", LSTMStepsGrad, GRUStepsGrad, SimpleRNNStepsGrad)
def backward(op: Any, ins: Sequence[np.ndarray], outs: Sequence[Any]) -> Kernel | None:
    """Its gradient, from the last step to the first."""
    named = dict(zip(op.parts, ins, strict=True))
    results = [k for k in op.results if k == "z" or k in named]
    return _kernel(op, named, dict(zip(results, outs, strict=True)), GRADIENTS)
