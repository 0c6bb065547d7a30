"""Pooling and depthwise convolution on CUDA."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from ...graph.dtype import as_dtype
from ...graph.op import Binding, Spec, Thunk
from ...ops.conv import Conv, ConvTranspose, ConvWeight
from ...ops.conv_geometry import resolve_pads
from ...ops.pool import MaxPool, MaxPoolGrad, MaxPoolPick, WindowSpread, WindowSum
from ..registry import Kernel, kernel
from .launch import blocks_for, launch

MOST = 2**31 - 1 - (1 << 21)  # elements that the kernels' ints can count
_POOLS: dict[type, str] = {
    MaxPool: "max",
    MaxPoolGrad: "max_gradient",
    MaxPoolPick: "max_pick",
    WindowSum: "sum",
    WindowSpread: "spread",
}
_LARGE_INPUT = (MaxPool, WindowSum, MaxPoolPick)  # whose input 0 is x, before pooling

#: The structures of csrc/kernels/pooling.h and depthwise.h.
POOLING = np.dtype(
    [("channels", "i4"), *((name, "i4", 3) for name in ("in", "out", "size", "strides", "before")), ("mean", "i4")]
)
_DEPTHWISE = (
    "samples height width channels multiplier out_height out_width kernel_height kernel_width stride_height "
    "stride_width dilation_height dilation_width top left"
)
DEPTHWISE = np.dtype([(name, "i4") for name in _DEPTHWISE.split()])


def fits(x: Any) -> bool:
    """Whether the hand-written kernels can take an array."""
    return bool(x.dtype == np.float32 and x.flags.c_contiguous and 0 < x.size <= MOST)


def structure(dtype: np.dtype[Any], *values: Any) -> np.ndarray:
    """A structure as CuPy passes it by value.

    Arguments:
        dtype: of the structure.
        values: of its fields.
    """
    return np.array([values], dtype)


@kernel("cuda", MaxPool, MaxPoolGrad, MaxPoolPick, WindowSum, WindowSpread)
def pooling(op: Any, ins: Sequence[np.ndarray], outs: Sequence[Any]) -> Kernel | None:
    """One thread per element of the result; with channels first, every channel is an image of its own."""
    name, count = _POOLS[type(op)], {MaxPoolGrad: 3, MaxPoolPick: 3}.get(type(op), 1)
    if not fits(outs[0]) or not all(x.dtype == np.float32 and 0 < x.size <= MOST for x in ins[:count]):
        return None
    large = ins[0] if isinstance(op, _LARGE_INPUT) else outs[0]
    small = ins[0] if isinstance(op, WindowSpread) else ins[1] if count == 3 else outs[0]
    axes = slice(2, None) if op.channels_first else slice(1, -1)
    spatial, channels = large.shape[axes], 1 if op.channels_first else large.shape[-1]
    if len(spatial) > 3:
        return None
    pads = resolve_pads(op.pads, spatial, op.size, op.strides, (1,) * len(op.size))
    ones, zeros = (1,) * (3 - len(spatial)), (0,) * (3 - len(spatial))
    before = (*zeros, *(lo for lo, _ in pads))
    sizes = [(*ones, *v) for v in (spatial, small.shape[axes], op.size, op.strides)]
    geometry = structure(POOLING, channels, *sizes, before, int(getattr(op, "mean", False)))

    gaps = [i for i, x in enumerate(ins[:count]) if not x.flags.c_contiguous]
    copies = [Spec(ins[i].shape, as_dtype("float32")) for i in gaps]

    def bind(b: Binding) -> list[Thunk]:
        elements, arrays = b.outs[0].size, b.ins[:count]
        calls: list[Thunk] = [partial(b.xp.copyto, copy, arrays[i]) for i, copy in zip(gaps, b.scratch, strict=True)]
        for i, copy in zip(gaps, b.scratch, strict=True):
            arrays[i] = copy
        args = [*arrays, b.outs[0], elements, geometry]
        return [*calls, launch(b.xp, "pooling.cu", f"pooling_{name}", blocks_for(elements), args)]

    orders = {i: tuple(range(ins[i].ndim)) for i in gaps}
    return Kernel(f"cuda:pooling:{name}", bind, copies, orders=orders)


def depthwise(op: Any, ins: Sequence[np.ndarray], outs: Sequence[Any]) -> Kernel | None:
    """A convolution of images in which every channel has kernels of its own; `convolution` asks for it."""
    x, w, y = ((*ins[:2], outs[0])[i] for i in op.places)
    if op.groups == 1 or w.shape[-2] != 1 or w.ndim != 4 or not all(map(fits, (x, w, y))):
        return None
    pads = resolve_pads(op.pads, x.shape[1:-1], w.shape[:-2], op.strides, op.dilation)
    sizes = (*x.shape, w.shape[-1] // x.shape[-1], *y.shape[1:-1], *w.shape[:-2])
    geometry = structure(DEPTHWISE, *sizes, *op.strides, *op.dilation, pads[0][0], pads[1][0])
    name = {Conv: "forward", ConvTranspose: "backward_data", ConvWeight: "backward_kernel"}[type(op)]
    tiles = (-(-w.shape[-1] // 32), w.shape[0] * w.shape[1])

    def bind(b: Binding) -> list[Thunk]:
        blocks = tiles if name == "backward_kernel" else blocks_for(b.outs[0].size)
        return [launch(b.xp, "depthwise.cu", f"depthwise_{name}", blocks, [*b.ins[:2], b.outs[0], geometry])]

    return Kernel(f"cuda:depthwise:{name}", bind)
