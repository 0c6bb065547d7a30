"""Convolutions and their gradients on oneDNN."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...graph.op import Binding
from ...ops.conv import Conv, ConvTranspose, ConvWeight
from ...ops.conv_geometry import resolve_pads
from ..epilogue import Epilogue
from ..registry import Kernel, kernel
from .primitive import epilogue, extension, is_float32, primitive_kernel


def _channels_second(x: Any) -> Any:
    """View of (N, *spatial, C) as (N, C, *spatial), the order in which oneDNN names axes whatever the layout."""
    return np.moveaxis(x, -1, 1)


def _kernel_view(w: Any, groups: int) -> Any:
    """View of (*kernel, C / groups, F) as (F, C, *kernel), or (groups, F / groups, C / groups, *kernel)."""
    n = w.ndim - 2
    if groups == 1:
        return w.transpose(n + 1, n, *range(n))
    shared = w.reshape(*w.shape[:-1], groups, -1)
    return shared.transpose(n + 1, n + 2, n, *range(n))


def _pointwise(op: Any, which: str, x: Any, w: Any, y: Any) -> Kernel | None:
    """Gradients of a kernel of one position as products of matrices, which are the faster ones there."""
    channels, filters = w.shape[-2:]

    def product(x: Any, w: Any, y: Any) -> tuple[Any, Any, Any]:
        rows, matrix, out = x.reshape(-1, channels), w.reshape(channels, filters), y.reshape(-1, filters)
        return (out, matrix.T, rows) if which == "data" else (rows.T, out, matrix)

    def arrays(b: Binding) -> list[Any]:
        tensors = [b.ins[0], b.ins[1], b.outs[0]]
        return [*product(*(tensors[i] for i in op.places))]

    module = extension()
    first, second, out = product(x, w, y)
    return primitive_kernel(lambda: module.matmul(first, second, None, out), arrays)


def _convolution(op: Any, which: str, x: Any, w: Any, bias: Any, y: Any, relu: bool) -> Kernel | None:
    module = extension()
    if module is None or not is_float32(x, w, bias, y) or not w.flags.c_contiguous:
        return None
    pads = resolve_pads(op.pads, x.shape[1:-1], w.shape[:-2], op.strides, op.dilation)
    plain = op.groups == 1 and {*w.shape[:-2], *op.strides} == {1} and not any(map(any, pads))
    if plain and which != "forward" and x.flags.c_contiguous and y.flags.c_contiguous:
        return _pointwise(op, which, x, w, y)
    before, after = [lo for lo, _ in pads], [hi for _, hi in pads]
    places = op.places

    def arrays(b: Binding) -> list[Any]:
        tensors = [b.ins[0], b.ins[1], b.outs[0]]
        found = [tensors[i] for i in places]
        return [*found[:2], *([] if bias is None else [b.ins[2]]), found[2]]

    return primitive_kernel(
        lambda: module.convolution(
            getattr(module.Pass, which), _channels_second(x), _kernel_view(w, op.groups), bias, _channels_second(y),
            op.strides, [d - 1 for d in op.dilation], before, after, relu,
        ),
        arrays,
    )  # fmt: skip


@kernel("native", Conv, ConvTranspose, ConvWeight)
def convolution(op: Any, ins: Sequence[np.ndarray], outs: Sequence[Any]) -> Kernel | None:
    """One of the three contractions."""
    which = {Conv: "forward", ConvTranspose: "data", ConvWeight: "weights"}[type(op)]
    tensors = [ins[0], ins[1], outs[0]]
    x, w, y = (tensors[i] for i in op.places)
    return _convolution(op, which, x, w, None, y, False)


@epilogue(Conv)
def convolution_epilogue(op: Epilogue, ins: Sequence[np.ndarray], outs: Sequence[Any]) -> Kernel | None:
    """Convolution, bias and activation in one."""
    if op.activation not in ("", "relu"):
        return None
    bias = ins[op.arity] if op.bias else None
    return _convolution(op.op, "forward", ins[0], ins[1], bias, outs[0], op.activation == "relu")
