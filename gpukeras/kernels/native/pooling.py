"""Pooling on the C++ extension."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from ...graph.op import Binding, Thunk
from ...ops.conv_geometry import resolve_pads
from ...ops.pool import MaxPool, MaxPoolGrad, MaxPoolPick, WindowSpread, WindowSum
from ...runtime import native
from ..registry import Kernel, kernel

#: Arrays of the extension's call, by operation: kind, and where x, y and what is moved are among the inputs.
_ROLES: dict[type, tuple[str, tuple[int | None, int | None, int | None]]] = {
    MaxPool: ("max", (0, None, None)),
    MaxPoolGrad: ("max_gradient", (0, 1, 2)),
    MaxPoolPick: ("max_pick", (0, 1, 2)),
    WindowSum: ("sum", (0, None, None)),
    WindowSpread: ("spread", (None, None, 0)),
}


def _five_axes(x: Any) -> Any:
    """View as (samples, three spatial axes, channels)."""
    return x.reshape(x.shape[0], *(1,) * (5 - x.ndim), *x.shape[1:])


def _fits(x: np.ndarray) -> bool:
    return x.dtype == np.float32 and x.flags.c_contiguous and x.size > 0


@kernel("native", MaxPool, MaxPoolGrad, MaxPoolPick, WindowSum, WindowSpread)
def pooling(op: Any, ins: Sequence[np.ndarray], outs: Sequence[Any]) -> Kernel | None:
    """A pooling over channels that lie side by side; for channels_first NumPy's strided slices are faster."""
    module = native.load()
    name, roles = _ROLES[type(op)]
    used = [ins[i] for i in roles if i is not None]
    if module is None or op.channels_first or not all(_fits(x) for x in (*used, outs[0])):
        return None
    spatial = (outs[0] if op.large < 0 else ins[op.large]).shape[1:-1]
    pads = resolve_pads(op.pads, spatial, op.size, op.strides, (1,) * len(op.size))
    ones = (1,) * (3 - len(spatial))
    size, strides = (*ones, *op.size), (*ones, *op.strides)
    before = (*(0 for _ in ones), *(lo for lo, _ in pads))
    make: Callable[..., Any] = partial(module.pooling, name)
    mean = bool(getattr(op, "mean", False))

    def bind(b: Binding) -> list[Thunk]:
        x, y, moved = (None if i is None else _five_axes(b.ins[i]) for i in roles)
        out = _five_axes(b.outs[0])
        like_x = out if x is None else x
        like_y = moved if x is None else out if y is None else y
        return [make(like_x, like_y, x, y, moved, out, size, strides, before, mean)]

    return Kernel(f"pooling:{name}", bind)
