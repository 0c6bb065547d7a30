"""Products of matrices."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ..graph.op import Binding, Op, Partial, Spec, Thunk
from ..graph.shape import Dim, Shape, broadcast, normalize_axis
from ..graph.tensor import Tensor, apply
from .operands import as_operands, unbroadcast
from .shaping import reshape, shape, transpose

if TYPE_CHECKING:
    from ..graph.tensor import Node

__all__ = ["matmul", "tensordot"]


class MatMul(Op):
    """Product of the matrices in the last two axes; earlier axes broadcast.

    Arguments:
        transpose_a: the matrices of the first input are transposed first.
        transpose_b: those of the second are.
    """

    captures = False
    precision = "low"

    def __init__(self, transpose_a: bool, transpose_b: bool) -> None:
        self.transpose_a = transpose_a
        self.transpose_b = transpose_b

    def infer(self, ins: Sequence[Spec], values: Sequence[Partial]) -> Spec:
        a, b = ins[0].shape, ins[1].shape
        assert a is not None and b is not None
        if len(a) < 2 or len(b) < 2:
            raise ValueError(f"matmul: shapes {tuple(a)} and {tuple(b)}: both inputs need two axes or more; use K.dot")
        m, k = (a[-1], a[-2]) if self.transpose_a else (a[-2], a[-1])
        j, n = (b[-1], b[-2]) if self.transpose_b else (b[-2], b[-1])
        if k is not None and j is not None and k != j:
            flags = [name for name, on in (("a", self.transpose_a), ("b", self.transpose_b)) if on]
            how = f" ({' and '.join(flags)} transposed)" if flags else ""
            raise ValueError(f"matmul: shapes {tuple(a)} and {tuple(b)}{how} do not fit: {k} columns against {j} rows")
        batch: tuple[Dim, ...] = broadcast(a[:-2], b[:-2], "matmul: leading axes")
        return Spec((*batch, m, n), ins[0].dtype)

    def grad(self, node: Node, dys: Sequence[Tensor | None]) -> Sequence[Tensor | None]:
        a, b = node.inputs
        dy, y = dys[0], node.outputs[0]
        if dy is None:
            return [None, None]
        if not self.transpose_a:
            da = matmul(dy, b, False, not self.transpose_b)
        else:
            da = matmul(b, dy, self.transpose_b, True)
        flat = self._flattened(a, b, dy)
        if flat is not None:
            return [da, flat]
        if not self.transpose_b:
            db = matmul(a, dy, not self.transpose_a, False)
        else:
            db = matmul(dy, a, True, self.transpose_a)
        return [unbroadcast_leading(da, a, y, node.inputs), unbroadcast_leading(db, b, y, node.inputs)]

    def _flattened(self, a: Tensor, b: Tensor, dy: Tensor) -> Tensor | None:
        """Gradient of one matrix multiplied by many: one product of tall matrices instead of a sum of many."""
        if a.shape is None or b.shape is None or len(b.shape) != 2 or len(a.shape) < 3 or self.transpose_a:
            return None
        k, n = a.shape[-1], dy.shape[-1] if dy.shape is not None else None
        if k is None or n is None:
            return None
        rows, drows = reshape(a, (-1, k)), reshape(dy, (-1, n))
        return matmul(drows, rows, True, False) if self.transpose_b else matmul(rows, drows, True, False)

    def bind(self, b: Binding) -> Sequence[Thunk]:
        (x, w), (out,), xp = b.ins, b.outs, b.xp
        if self.transpose_a:
            x = xp.swapaxes(x, -1, -2)
        if self.transpose_b:
            w = xp.swapaxes(w, -1, -2)
        if w.ndim == 2 and x.ndim > 2 and x.flags.c_contiguous:
            x, out = x.reshape(-1, x.shape[-1]), out.reshape(-1, out.shape[-1])
        if x.ndim == w.ndim == 2:
            if not x.shape[1]:
                return [partial(out.fill, 0)]
            return [partial(xp.dot, x, w, out)]  # BLAS reads transposed views as they are; dot has less to check
        return [partial(xp.matmul, x, w, out=out)]


def unbroadcast_leading(g: Tensor, x: Tensor, y: Tensor, inputs: tuple[Tensor, ...]) -> Tensor:
    """Gradient of a matmul operand: summed over the leading axes along which it was repeated."""
    if g.shape is not None and x.shape is not None and len(x.shape) == 2 == len(g.shape):
        return g
    # the matrix axes of g are those of x: only leading axes can differ
    return unbroadcast(g, x, g, (x, *inputs))


def matmul(a: Any, b: Any, transpose_a: bool = False, transpose_b: bool = False) -> Tensor:
    """Matrix product over the last two axes; earlier axes broadcast.

    Arguments:
        a: tensor of shape (..., M, K), or (..., K, M) with `transpose_a`.
        b: tensor of shape (..., K, N), or (..., N, K) with `transpose_b`.
        transpose_a: transpose the matrices of `a` first.
        transpose_b: transpose the matrices of `b` first.

    Returns:
        Tensor of shape (..., M, N).

    Raises:
        ValueError: when the shapes do not fit.
    """
    x, w = as_operands(a, b)
    out: Tensor = apply(MatMul(bool(transpose_a), bool(transpose_b)), x, w)
    return out


def _dims(x: Tensor, axes: Sequence[int]) -> list[Any]:
    """Lengths of some axes: ints where static, scalar tensors elsewhere."""
    assert x.shape is not None
    return [shape(x)[a] if x.shape[a] is None else x.shape[a] for a in axes]


def _matrix(x: Tensor, rows: Sequence[int], columns: Sequence[int]) -> Tensor:
    """`x` as a matrix whose rows run over some axes and columns over the others."""
    order = [*rows, *columns]
    if order != list(range(len(order))):
        x = transpose(x, order)
    assert x.shape is not None
    lengths = [x.shape[: len(rows)], x.shape[len(rows) :]]
    if len(rows) == len(columns) == 1:
        return x
    sizes = [Shape(part).num_elements() for part in lengths]
    if sizes[0] is None and sizes[1] is None:
        return _reshape_unknown(x, len(rows))
    return reshape(x, tuple(-1 if n is None else n for n in sizes))


def _reshape_unknown(x: Tensor, split: int) -> Tensor:
    from .reduction import prod

    lengths = shape(x)
    return reshape(x, (prod(lengths[:split]), -1))


def tensordot(a: Any, b: Any, axes: Any) -> Tensor:
    """Sum of products over pairs of axes; the remaining axes of `a`, then those of `b`, are left.

    Arguments:
        a: tensor.
        b: tensor.
        axes: number of last axes of `a` and first axes of `b`, or a pair of (lists of) axes.

    Returns:
        Tensor.

    Raises:
        ValueError: when the paired axes differ in number or length.
    """
    x, w = as_operands(a, b)
    if x.shape is None or w.shape is None:
        raise ValueError("tensordot: both inputs need a known rank; give them one with set_shape")
    if isinstance(axes, (int, np.integer)):
        pairs = [list(range(len(x.shape) - int(axes), len(x.shape))), list(range(int(axes)))]
    else:
        pairs = [[int(i)] if isinstance(i, (int, np.integer)) else [int(j) for j in i] for i in axes]
    left = [normalize_axis(i, len(x.shape), "tensordot") for i in pairs[0]]
    right = [normalize_axis(i, len(w.shape), "tensordot") for i in pairs[1]]
    for i, j in zip(left, right, strict=False):
        m, n = x.shape[i], w.shape[j]
        if m is not None and n is not None and m != n:
            raise ValueError(f"tensordot: axis {i} of {tuple(x.shape)} does not fit axis {j} of {tuple(w.shape)}")
    if len(left) != len(right):
        raise ValueError(f"tensordot: axes {axes} pair {len(left)} axes with {len(right)}")
    rows = [i for i in range(len(x.shape)) if i not in left]
    columns = [i for i in range(len(w.shape)) if i not in right]
    product = matmul(_matrix(x, rows, left), _matrix(w, right, columns))
    target = _dims(x, rows) + _dims(w, columns)
    if len(target) == 2 and len(rows) == 1:
        return product
    unknown = [i for i, n in enumerate(target) if isinstance(n, Tensor)]
    if len(unknown) == 1:  # one unknown length needs no arithmetic on shapes
        target[unknown[0]] = -1
    return reshape(product, tuple(target))
