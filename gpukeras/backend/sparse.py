"""Sparse matrices: SciPy's, fed or held in variables, stay in compressed rows where they are multiplied by dense ones.

A sparse tensor is an ordinary tensor of a dense matrix, which is only built when something other than `K.dot` (or
`K.concatenate` before a `K.dot`) reads it; a batch is then as large as its dense rows.  Compressed rows need two axes,
a known number of columns and float32 or float64; other sparse placeholders and variables are dense from the start.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import ops
from ..graph.dtype import DType
from ..graph.shape import Shape
from ..graph.tensor import Node, Placeholder, Tensor, Variable
from ..ops.sparse import CsrToDense
from ..runtime.feed import Rows

__all__ = ["is_sparse", "to_dense"]

_KINDS = ("float32", "float64")  # what SciPy multiplies without converting


def is_scipy_sparse(value: Any) -> bool:
    """Returns whether `value` is a SciPy sparse matrix or array, without importing SciPy.

    Arguments:
        value: anything.

    Returns:
        A bool.
    """
    module = sys.modules.get("scipy.sparse")  # a caller that holds such a matrix has imported it
    return module is not None and bool(module.issparse(value))


def densify(value: Any) -> np.ndarray:
    """Returns a SciPy sparse matrix as an array.

    Arguments:
        value: SciPy sparse matrix.

    Returns:
        NumPy array.
    """
    array: np.ndarray = value.toarray()
    return array


def mark_sparse(x: Tensor) -> Tensor:
    """Makes `is_sparse` answer True for a tensor.

    Arguments:
        x: tensor.

    Returns:
        The same tensor.
    """
    x._is_sparse = True  # type: ignore[attr-defined]
    return x


class SparsePlaceholder(Placeholder):
    """A placeholder that is fed in compressed rows.

    Arguments:
        shape: (rows or None, columns).
        dtype: float32 or float64.
        name: base of the name.

    Attributes:
        parts: the three placeholders that are fed in its place.
    """

    def __init__(self, shape: Sequence[int | None], dtype: DType, name: str | None) -> None:
        super().__init__(shape, dtype, name)
        rows, columns = shape
        assert columns is not None
        base = self._name.split(":")[0]
        self.parts = (
            Placeholder((None,), dtype, base + "_entries"),
            Placeholder((None,), "int32", base + "_columns"),
            Placeholder((None if rows is None else rows + 1,), "int32", base + "_rows"),
        )
        self.node = Node(CsrToDense(columns), self.parts)
        self.node.outputs = (self,)
        mark_sparse(self)


class SparseVariable(Tensor):
    """A sparse matrix that lasts between runs; its entries can be set, and are not trained.

    Arguments:
        value: SciPy sparse matrix.
        dtype: float32 or float64.
        name: base of the name.
    """

    def __init__(self, value: Any, dtype: DType, name: str | None) -> None:
        shape = tuple(int(n) for n in value.shape)
        arrays = compressed(value, dtype, padded=False)
        labels = ("entries", "columns", "rows")
        base = name or "Variable"
        self.parts = tuple(Variable(a, str(a.dtype), f"{base}_{part}") for a, part in zip(arrays, labels))
        node = Node(CsrToDense(shape[1]), self.parts)
        super().__init__(node, 0, shape, dtype)
        node.outputs = (self,)
        self.constraint = None
        mark_sparse(self)

    def assign_value(self, value: Any) -> None:
        """Replaces the matrix.

        Arguments:
            value: SciPy sparse matrix or array of the same shape.

        Raises:
            ValueError: when the shape differs, naming both.
        """
        assert self.shape is not None
        if tuple(value.shape) != tuple(self.shape):
            raise ValueError(f"cannot set {self.name!r} of shape {tuple(self.shape)} to a value of shape {value.shape}")
        for part, array in zip(self.parts, compressed(value, self.dtype, padded=True)):
            if len(array) != len(part.data):
                part.shape = Shape((None,))
            part.assign_value(array)


def sparse_placeholder(shape: Sequence[int | None] | None, dtype: DType, name: str | None) -> Placeholder:
    """A placeholder for sparse matrices, in compressed rows where these can be had.

    Arguments:
        shape: ints and Nones, or None.
        dtype: element type.
        name: base of the name.

    Returns:
        The placeholder.
    """
    if shape is not None and len(shape) == 2 and shape[1] is not None and dtype in _KINDS:
        return SparsePlaceholder(shape, dtype, name)
    x = Placeholder(shape, dtype, name)
    mark_sparse(x)
    return x


def sparse_variable(value: Any, dtype: DType, name: str | None) -> Tensor | None:
    """A variable of compressed rows for a SciPy matrix; None where the dtype does not allow it.

    Arguments:
        value: SciPy sparse matrix.
        dtype: element type.
        name: base of the name.

    Returns:
        The variable or None.
    """
    return SparseVariable(value, dtype, name) if dtype in _KINDS and value.ndim == 2 else None


def _room(count: int) -> int:
    """`count` rounded up to one of eight sizes per power of two, so that few plans serve all batches."""
    step = 1 << max(count.bit_length() - 4, 4)
    return max(-(-count // step) * step, step)


def compressed(value: Any, dtype: DType, padded: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Entries, their columns and the starts of the rows.

    Arguments:
        value: SciPy sparse matrix, array or `Rows`, of two axes.
        dtype: type of the entries.
        padded: fill up with entries of 0 in the last row.

    Returns:
        Three arrays, the last two int32.
    """
    if not is_scipy_sparse(value):
        from scipy.sparse import csr_matrix

        value = csr_matrix(value.read() if isinstance(value, Rows) else np.asarray(value))
    rows = value.tocsr()
    starts = rows.indptr.astype(np.int32)
    count = int(starts[-1])
    size = _room(count) if padded and rows.shape[0] else count
    entries, columns = np.zeros(size, dtype), np.zeros(size, np.int32)
    entries[:count], columns[:count] = rows.data[:count], rows.indices[:count]
    starts[-1] = size
    return entries, columns, starts


def expand_feeds(inputs: Sequence[Tensor], values: Sequence[Any] | None = None) -> tuple[list[Tensor], list[Any]]:
    """What is really fed: the parts of sparse placeholders in place of these.

    Arguments:
        inputs: tensors to feed.
        values: their values, or None to expand the tensors only.

    Returns:
        Tensors and values.

    Raises:
        ValueError: when a matrix does not have the shape of its placeholder.
    """
    tensors: list[Tensor] = []
    arrays: list[Any] = []
    for i, t in enumerate(inputs):
        if not isinstance(t, SparsePlaceholder):
            tensors.append(t)
            if values is not None:
                arrays.append(densify(values[i]) if is_scipy_sparse(values[i]) else values[i])
            continue
        tensors += t.parts
        if values is not None:
            shape, static = tuple(np.shape(values[i]) if isinstance(values[i], list) else values[i].shape), t.shape
            assert static is not None
            if len(shape) != 2 or any(m not in (None, n) for m, n in zip(static, shape)):
                raise ValueError(
                    f"cannot feed a value of shape {shape} for {t.name!r}, which has shape {tuple(static)}"
                )
            arrays += compressed(values[i], t.dtype, padded=True)
    return tensors, arrays


def join(joined: Tensor, tensors: Sequence[Any], axis: int) -> Tensor:
    """Marks the concatenation of sparse tensors as sparse, and remembers what it was made of.

    Arguments:
        joined: the dense concatenation.
        tensors: what was concatenated.
        axis: along which axis.

    Returns:
        `joined`.
    """
    if joined.shape is not None and len(joined.shape) == 2:
        joined._joined = (axis % 2, list(tensors))  # type: ignore[attr-defined]
    return mark_sparse(joined)


def sparse_dot(x: Tensor, y: Tensor) -> Tensor | None:
    """Product of a sparse matrix in compressed rows with a dense one.

    Arguments:
        x: sparse tensor of shape (R, C).
        y: tensor of shape (C, U).

    Returns:
        Tensor of shape (R, U); None where `x` has no compressed rows, or the dtypes differ.
    """
    parts = getattr(x, "parts", None)
    if parts is not None:
        if y.dtype != x.dtype or y.shape is None or len(y.shape) != 2:
            return None
        assert x.shape is not None and x.shape[1] is not None
        return ops.csr_matmul(*parts, y, x.shape[1])
    axis, pieces = getattr(x, "_joined", (0, []))
    if not pieces or y.shape is None or len(y.shape) != 2:
        return None
    products, start = [], 0
    for piece in pieces:
        if axis == 1:
            width = piece.shape[1]
            if width is None:
                return None
            product = sparse_dot(piece, y[start : start + width])
            start += width
        else:
            product = sparse_dot(piece, y)
        if product is None:
            return None
        products.append(product)
    if axis == 0:
        return ops.concatenate(products, 0)
    total = products[0]
    for product in products[1:]:
        total = ops.add(total, product)
    return total


def is_sparse(tensor: Any) -> bool:
    """Returns whether a tensor stands for a sparse matrix.

    Arguments:
        tensor: tensor.

    Returns:
        A bool.
    """
    return getattr(tensor, "_is_sparse", False)


def to_dense(tensor: Any) -> Any:
    """Returns a sparse tensor as a dense one.

    Arguments:
        tensor: tensor.

    Returns:
        Tensor; the same one when it is not sparse.
    """
    return ops.identity(tensor) if is_sparse(tensor) else tensor
