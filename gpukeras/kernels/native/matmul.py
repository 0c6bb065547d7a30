"""Matrix products on oneDNN."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...graph.op import Binding, Thunk
from ...ops.linalg import MatMul
from ..epilogue import Epilogue
from ..registry import Kernel, kernel
from .primitive import epilogue, extension, is_float32, primitive_kernel


def _operands(op: MatMul, a: Any, b: Any, out: Any) -> tuple[Any, Any, Any]:
    """Views of one rank, with the matrices as they are multiplied in the last two axes."""
    if op.transpose_a:
        a = a.swapaxes(-1, -2)
    if op.transpose_b:
        b = b.swapaxes(-1, -2)
    if b.ndim == 2 and a.ndim > 2 and a.flags.c_contiguous:
        return a.reshape(-1, a.shape[-1]), b, out.reshape(-1, out.shape[-1])
    rank = out.ndim
    return a.reshape((1,) * (rank - a.ndim) + a.shape), b.reshape((1,) * (rank - b.ndim) + b.shape), out


def _is_matrix(x: np.ndarray) -> bool:
    """Whether oneDNN takes the layout: rows or columns without gaps, and nothing repeated by a stride of zero."""
    item = x.itemsize
    rows, columns = x.strides[-2:]
    m, n = x.shape[-2:]
    if not ((n == 1 or columns == item) and (m == 1 or rows >= n * item)):
        if not ((m == 1 or rows == item) and (n == 1 or columns >= m * item)):
            return False
    return all(s > 0 for s, d in zip(x.strides[:-2], x.shape[:-2], strict=True) if d > 1)


def _is_row(x: Any, w: Any, bias: Any, y: Any) -> bool:
    """Whether one row is multiplied by a matrix as it lies in memory: reading it once is all there is to do."""
    together = all(a is None or a.flags.c_contiguous for a in (x, w, bias, y))
    return together and x.size == x.shape[-1] and w.size == w.shape[-1] * w.shape[-2]


def _bind_row(op: MatMul, module: Any, relu: bool, b: Binding) -> list[Thunk]:
    x, w, y = _operands(op, b.ins[0], b.ins[1], b.outs[0])
    bias = b.ins[2] if len(b.ins) > 2 else None
    return [module.row_product(x, w, bias, y, relu)]


def _matmul(op: MatMul, a: Any, b: Any, bias: Any, out: Any, relu: bool) -> Kernel | None:
    module = extension()
    if module is None or not is_float32(a, b, bias, out):
        return None
    try:
        x, w, y = _operands(op, a, b, out)
    except ValueError:  # a strided input that would have to be copied
        return None
    if not (_is_matrix(x) and _is_matrix(w)):
        return None
    if _is_row(x, w, bias, y) and hasattr(module, "row_product"):
        return Kernel("row_product", functools.partial(_bind_row, op, module, relu))
    row = None if bias is None else bias.reshape((1,) * (y.ndim - 1) + (-1,))

    def arrays(binding: Any) -> list[Any]:
        first, second = _operands(op, binding.ins[0], binding.ins[1], binding.outs[0])[:2]
        return [first, second, *binding.ins[2:], *binding.outs]

    return primitive_kernel(lambda: module.matmul(x, w, row, y, relu), arrays)


@kernel("native", MatMul)
def matmul(op: MatMul, ins: Sequence[np.ndarray], outs: Sequence[Any]) -> Kernel | None:
    """Matrix product."""
    return _matmul(op, ins[0], ins[1], None, outs[0], False)


@epilogue(MatMul)
def matmul_epilogue(op: Epilogue, ins: Sequence[np.ndarray], outs: Sequence[Any]) -> Kernel | None:
    """Matrix product, bias and activation in one."""
    if op.activation not in ("", "relu"):
        return None
    inner: MatMul = op.op  # type: ignore[assignment]
    bias = ins[2] if op.bias else None
    return _matmul(inner, ins[0], ins[1], bias, outs[0], op.activation == "relu")
