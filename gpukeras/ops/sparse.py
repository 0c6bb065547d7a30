"""Sparse matrices in compressed rows: their product with a dense matrix, and the dense matrix they stand for.

Such a matrix is three tensors: entries (E,), the column of each (E,), and where each row begins and the last one ends
(R + 1,).  Entries of one place add up.  Feeding one with another number of entries asks for another plan, so callers
fill up with zero entries to a few sizes.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ..graph.op import Binding, Op, Partial, Spec, Thunk
from ..graph.shape import Dim
from ..graph.tensor import Tensor, apply
from .gather import contiguous

if TYPE_CHECKING:
    from ..graph.tensor import Node

__all__ = ["csr_matmul", "csr_to_dense"]


def _rows(ins: Sequence[Spec], what: str) -> Dim:
    """Number of rows, after a look at the three parts."""
    entries, columns, starts = (s.shape for s in ins[:3])
    assert entries is not None and columns is not None and starts is not None
    if (len(entries), len(columns), len(starts)) != (1, 1, 1):
        raise ValueError(
            f"{what}: expected entries (E,), columns (E,) and row starts (R + 1,), got shapes "
            f"{tuple(entries)}, {tuple(columns)} and {tuple(starts)}"
        )
    return None if starts[0] is None else starts[0] - 1


def _matrix(b: Binding, columns: int, transpose: bool) -> tuple[Any, list[Thunk]]:
    """A SciPy (CuPy) matrix whose arrays are the plan's own, so that it is made once; and what refreshes copies."""
    if b.xp is np:
        from scipy import sparse
    else:
        from cupyx.scipy import sparse
    parts, thunks = [], []
    for i in range(3):
        array, refresh = contiguous(b, i)
        parts.append(array)
        thunks += refresh
    rows = len(parts[2]) - 1
    # compressed rows of a matrix are compressed columns of its transpose
    matrix = sparse.csc_matrix((columns, rows)) if transpose else sparse.csr_matrix((rows, columns))
    matrix.data, matrix.indices, matrix.indptr = parts
    return matrix, thunks


class CsrMatMul(Op):
    """Product of a sparse matrix (inputs 0 to 2), or its transpose, with a dense one (input 3).

    Arguments:
        columns: number of columns of the sparse matrix.
        transpose: multiply by its transpose.
    """

    captures = False
    precision = "low"

    name = "csr_matmul"

    def __init__(self, columns: int, transpose: bool) -> None:
        self.columns = columns
        self.transpose = transpose

    def infer(self, ins: Sequence[Spec], values: Sequence[Partial]) -> Spec:
        rows, w = _rows(ins, self.name), ins[3].shape
        assert w is not None
        shape = (self.columns, rows) if self.transpose else (rows, self.columns)
        if len(w) != 2 or (None not in (w[0], shape[1]) and w[0] != shape[1]):
            raise ValueError(f"{self.name}: a sparse matrix of shape {shape} does not fit a dense one of {tuple(w)}")
        return Spec((shape[0], w[1]), ins[3].dtype)

    def grad(self, node: Node, dys: Sequence[Tensor | None]) -> Sequence[Tensor | None]:
        # the entries are data: whoever wants their gradient multiplies by the dense matrix
        dy = dys[0]
        entries, indices, starts = node.inputs[:3]
        if dy is None:
            return [None] * 4
        return [None, None, None, csr_matmul(entries, indices, starts, dy, self.columns, not self.transpose)]

    def bind(self, b: Binding) -> Sequence[Thunk]:
        matrix, thunks = _matrix(b, self.columns, self.transpose)
        return [*thunks, partial(_multiply, b.xp, matrix, b.ins[3], b.outs[0])]


def _multiply(xp: Any, matrix: Any, w: Any, out: Any) -> None:
    """Neither SciPy nor CuPy writes a product into an array that is given, so it allocates one of the output's size."""
    xp.copyto(out, matrix @ w)


class CsrToDense(Op):
    """The dense matrix (R, columns) of a sparse one."""

    captures = False
    name = "csr_to_dense"
    no_grad = "the entries of a sparse matrix are data"

    def __init__(self, columns: int) -> None:
        self.columns = columns

    def infer(self, ins: Sequence[Spec], values: Sequence[Partial]) -> Spec:
        return Spec((_rows(ins, self.name), self.columns), ins[0].dtype)

    def bind(self, b: Binding) -> Sequence[Thunk]:
        matrix, thunks = _matrix(b, self.columns, False)
        if b.xp is np:
            return [*thunks, partial(matrix.toarray, None, b.outs[0])]
        return [*thunks, partial(_copy_dense, b.xp, matrix, b.outs[0])]


def _copy_dense(xp: Any, matrix: Any, out: Any) -> None:
    xp.copyto(out, matrix.toarray())


def csr_matmul(
    entries: Tensor, indices: Tensor, starts: Tensor, w: Tensor, columns: int, transpose: bool = False
) -> Tensor:
    """Product of a sparse matrix with a dense one.

    Arguments:
        entries: float32 or float64 tensor of shape (E,).
        indices: int32 tensor of shape (E,), the column of each entry.
        starts: int32 tensor of shape (R + 1,), where the entries of each row begin; the last is E.
        w: tensor of shape (columns, U) of the dtype of `entries`, or (R, U) with `transpose`.
        columns: number of columns of the sparse matrix.
        transpose: multiply by the transpose of the sparse matrix.

    Returns:
        Tensor of shape (R, U), or (columns, U) with `transpose`.
    """
    out: Tensor = apply(CsrMatMul(columns, transpose), entries, indices, starts, w)
    return out


def csr_to_dense(entries: Tensor, indices: Tensor, starts: Tensor, columns: int) -> Tensor:
    """The dense matrix (R, columns) of a sparse one; arguments as for `csr_matmul`."""
    out: Tensor = apply(CsrToDense(columns), entries, indices, starts)
    return out
