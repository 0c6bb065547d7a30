"""Picking, scattering, sorting and comparing elements; matrix products and linear algebra."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import numpy as np

from ... import ops
from ...graph.dtype import as_dtype
from ...graph.tensor import Constant, Tensor
from ._base import axes_of, convert, dims, named, pair, rank_of, sizes, static

TopK = namedtuple("TopKV2", "values indices")
Unique = namedtuple("Unique", "y idx")
UniqueWithCounts = namedtuple("UniqueWithCounts", "y idx count")
ListDiff = namedtuple("ListDiff", "out idx")
SelfAdjointEig = namedtuple("SelfAdjointEig", "e v")

# --- picking ------------------------------------------------------------------------------------------------------


@named
def gather(params: Any, indices: Any, validate_indices: Any = None, name: str | None = None, axis: Any = 0) -> Tensor:
    """Slices along an axis chosen by indices."""
    x, at = convert(params), axes_of(axis)
    return ops.gather(x, convert(indices), at % rank_of(x, "gather") if at else 0)


@named
def gather_nd(params: Any, indices: Any, name: str | None = None) -> Tensor:
    """Slices at multi-indices."""
    return ops.gather_nd(convert(params), convert(indices))


@named
def batch_gather(params: Any, indices: Any, name: str | None = None) -> Tensor:
    """Slices along the last axis of the indices, for every position of the axes before."""
    x, index = convert(params), convert(indices)
    at = rank_of(index, "batch_gather") - 1
    lead = sizes(index)[:at]
    place = ops.cast(index, "int32")
    parts = [
        ops.broadcast_to(ops.reshape(ops.arange(n), [-1 if i == k else 1 for i in range(at + 1)]), sizes(index))
        for k, n in enumerate(lead)
    ]
    return ops.gather_nd(x, ops.stack([*parts, place], -1))


@named
def boolean_mask(tensor: Any, mask: Any, name: str | None = None, axis: Any = None) -> Tensor:
    """The elements where a mask holds; how many is known only when run."""
    x, flags = convert(tensor), convert(mask)
    at = axes_of(axis) or 0
    if not at:
        return ops.boolean_mask(x, flags)
    order = list(range(at, rank_of(x, "boolean_mask")))
    k = rank_of(flags, "boolean_mask")
    moved = ops.transpose(x, [*order[:k], *range(at), *order[k:]])
    rows = ops.boolean_mask(moved, flags)
    return ops.transpose(rows, [*range(1, at + 1), 0, *range(at + 1, rank_of(rows, "boolean_mask"))])


@named
def where(condition: Any, x: Any = None, y: Any = None, name: str | None = None) -> Tensor:
    """`x` where the condition holds and `y` elsewhere; alone, the indices where it holds.

    A vector condition beside tensors of higher rank chooses among their rows.
    """
    flags = convert(condition)
    if x is None and y is None:
        return ops.nonzero(flags)
    if x is None or y is None:
        raise ValueError("x and y must both be non-None or both be None.")
    x, y = (convert(v) for v in pair(x, y))
    if flags.shape is not None and x.shape is not None and len(flags.shape) == 1 and len(x.shape) > 1:
        flags = ops.reshape(flags, [-1] + [1] * (len(x.shape) - 1))
    return ops.where(flags, x, y)


@named
def one_hot(
    indices: Any, depth: Any, on_value: Any = None, off_value: Any = None, axis: Any = None, dtype: Any = None,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """A new axis with one value at the index and another elsewhere."""
    index = convert(indices)
    values = [v for v in (on_value, off_value) if v is not None]
    kind = as_dtype(dtype) if dtype is not None else convert(values[0]).dtype if values else as_dtype("float32")
    if isinstance(depth, Tensor) and depth.partial is None:
        flags = ops.equal(ops.expand_dims(index, -1), ops.cast(ops.arange(depth), index.dtype))
    else:
        flags = ops.one_hot(index, int(static(depth, "depth")), "bool")
    plain = (on_value is None or on_value == 1) and (off_value is None or off_value == 0)
    on, off = (1 if on_value is None else on_value), (0 if off_value is None else off_value)
    out = ops.cast(flags, kind) if plain else ops.where(flags, convert(on, kind), convert(off, kind))
    rank = rank_of(out, "one_hot")
    at = -1 if axis is None else int(axis)
    if at % rank == rank - 1:
        return out
    order = list(range(rank - 1))
    order.insert(at % rank, rank - 1)
    return ops.transpose(out, order)


@named
def scatter_nd(indices: Any, updates: Any, shape: Any, name: str | None = None) -> Tensor:
    """Zeros with updates added at multi-indices."""
    index, values = convert(indices), convert(updates)
    wanted = dims(shape)
    lengths = [wanted[i] for i in range((wanted.shape or (0,))[0] or 0)] if isinstance(wanted, Tensor) else wanted
    k = (index.shape or (None,))[-1]
    if k is None:
        raise ValueError("scatter_nd: the last axis of the indices must have a known length")
    linear = ops.ravel_index([index[..., i] for i in range(k)], lengths[:k])
    total: Any = 1
    for n in lengths[:k]:
        total = total * n
    flat = ops.scatter_add(ops.reshape(linear, [-1]), ops.reshape(values, [-1, *lengths[k:]]), [total, *lengths[k:]])
    return ops.reshape(flat, lengths)


def _scattered(tensor: Any, indices: Any, updates: Any) -> tuple[Tensor, Tensor]:
    x = convert(tensor)
    return x, scatter_nd(indices, convert(updates, x.dtype), sizes(x))


@named
def tensor_scatter_add(tensor: Any, indices: Any, updates: Any, name: str | None = None) -> Tensor:
    """`tensor` with updates added at multi-indices."""
    x, change = _scattered(tensor, indices, updates)
    return x + change


@named
def tensor_scatter_sub(tensor: Any, indices: Any, updates: Any, name: str | None = None) -> Tensor:
    """`tensor` with updates subtracted at multi-indices."""
    x, change = _scattered(tensor, indices, updates)
    return x - change


@named
def tensor_scatter_update(tensor: Any, indices: Any, updates: Any, name: str | None = None) -> Tensor:
    """`tensor` with the elements at multi-indices replaced; an index that comes twice gets the mean of its updates."""
    x, change = _scattered(tensor, indices, updates)
    _, count = _scattered(tensor, indices, ops.ones_like(convert(updates, x.dtype)))
    return ops.where(count > 0, change / ops.maximum(count, 1) if x.dtype.is_floating else change, x)


# --- sorting ------------------------------------------------------------------------------------------------------


def _descending(direction: str) -> bool:
    if direction not in ("ASCENDING", "DESCENDING"):
        raise ValueError(f"direction must be 'ASCENDING' or 'DESCENDING', got {direction!r}")
    return direction == "DESCENDING"


@named
def sort(values: Any, axis: Any = -1, direction: str = "ASCENDING", name: str | None = None) -> Tensor:
    """Sorted along an axis."""
    return ops.sort(convert(values), axes_of(axis), _descending(direction))


@named
def argsort(
    values: Any, axis: Any = -1, direction: str = "ASCENDING", stable: bool = False, name: str | None = None
) -> Tensor:
    """The indices that sort along an axis."""
    return ops.argsort(convert(values), axes_of(axis), _descending(direction))


def top_k(input: Any, k: Any = 1, sorted: bool = True, name: str | None = None) -> Any:
    """The k largest elements along the last axis, largest first, and where they are; `k` may be computed."""
    x = convert(input)
    if isinstance(k, Tensor) and not isinstance(k, Constant) and k.partial is None:
        count = ops.cast(k, "int32")
        return TopK(ops.sort(x, -1, True)[..., :count], ops.argsort(x, -1, True)[..., :count])
    return TopK(*ops.top_k(x, int(static(k, "top_k: k"))))


@named
def in_top_k(predictions: Any, targets: Any, k: Any, name: str | None = None) -> Tensor:
    """Whether each target is among the k highest predictions."""
    return ops.in_top_k(convert(predictions), convert(targets), k)


def unique(x: Any, out_idx: Any = "int32", name: str | None = None) -> Any:
    """Distinct elements in the order they occur, and the place of each element among them."""
    return Unique(*ops.unique(convert(x), out_idx)[:2])


def unique_with_counts(x: Any, out_idx: Any = "int32", name: str | None = None) -> Any:
    """Distinct elements in the order they occur, the place of each element among them, and how often they occur."""
    return UniqueWithCounts(*ops.unique(convert(x), out_idx))


def setdiff1d(x: Any, y: Any, index_dtype: Any = "int32", name: str | None = None) -> Any:
    """Elements of `x` that are not in `y`, and where they are."""
    a, b = convert(x), convert(y)
    missing = ops.logical_not(ops.any(ops.equal(ops.expand_dims(a, 1), b), 1))
    return ListDiff(ops.boolean_mask(a, missing), ops.cast(ops.nonzero(missing)[:, 0], index_dtype))


@named
def invert_permutation(x: Any, name: str | None = None) -> Tensor:
    """The permutation that undoes another."""
    return ops.argsort(convert(x))


@named
def searchsorted(
    sorted_sequence: Any, values: Any, side: str = "left", out_type: Any = "int32", name: str | None = None
) -> Tensor:
    """Where values would have to be put into sorted rows."""
    if side not in ("left", "right"):
        raise ValueError(f"side must be either 'right' or 'left'.  Saw: {side}.")
    rows, x = (convert(v) for v in pair(sorted_sequence, values))
    compare = ops.less if side == "left" else ops.less_equal
    return ops.sum(ops.cast(compare(ops.expand_dims(rows, -2), ops.expand_dims(x, -1)), out_type), -1)


def _edges(value_range: Any, nbins: int) -> tuple[Any, Any]:
    limits = convert(value_range)
    return limits[0], limits[1]


@named
def histogram_fixed_width_bins(
    values: Any, value_range: Any, nbins: Any = 100, dtype: Any = "int32", name: str | None = None
) -> Tensor:
    """The bin of each value among bins of equal width."""
    n = int(static(nbins, "nbins"))
    lo, hi = _edges(value_range, n)
    x = convert(values)
    share = (x - ops.cast(lo, x.dtype)) / (ops.cast(hi, x.dtype) - ops.cast(lo, x.dtype))
    return ops.cast(ops.clip(ops.floor(share * float(n)), 0, n - 1), dtype)


@named
def histogram_fixed_width(
    values: Any, value_range: Any, nbins: Any = 100, dtype: Any = "int32", name: str | None = None
) -> Tensor:
    """How many values fall into each of some bins of equal width."""
    n = int(static(nbins, "nbins"))
    place = ops.reshape(histogram_fixed_width_bins(values, value_range, n), [-1])
    return ops.scatter_add(place, ops.ones_like(place, dtype), [n])


@named
def dynamic_stitch(indices: Any, data: Any, name: str | None = None) -> Tensor:
    """Rows of several tensors put where their indices say."""
    places = [ops.reshape(convert(i), [-1]) for i in indices]
    rows = []
    for i, d in zip(indices, data):
        x = convert(d)
        rows.append(ops.reshape(x, [-1, *sizes(x)[rank_of(convert(i), "dynamic_stitch") :]]))
    return ops.gather(ops.concatenate(rows, 0), ops.argsort(ops.concatenate(places, 0)))


def dynamic_partition(data: Any, partitions: Any, num_partitions: int, name: str | None = None) -> list[Tensor]:
    """The rows of each of some groups; how many is known only when run."""
    x, group = convert(data), convert(partitions)
    return [ops.boolean_mask(x, ops.equal(group, i)) for i in range(int(num_partitions))]


# --- products -----------------------------------------------------------------------------------------------------


@named
def matmul(
    a: Any, b: Any, transpose_a: bool = False, transpose_b: bool = False, adjoint_a: bool = False,
    adjoint_b: bool = False, a_is_sparse: bool = False, b_is_sparse: bool = False, name: str | None = None,
) -> Tensor:  # fmt: skip
    """Products of matrices over the last two axes."""
    x, y = (convert(v) for v in pair(a, b))
    return ops.matmul(x, y, transpose_a or adjoint_a, transpose_b or adjoint_b)


sparse_matmul = matmul


@named
def matvec(a: Any, b: Any, transpose_a: bool = False, name: str | None = None, **kwargs: Any) -> Tensor:
    """Products of matrices and vectors."""
    x, y = (convert(v) for v in pair(a, b))
    return ops.squeeze(ops.matmul(x, ops.expand_dims(y, -1), transpose_a), -1)


@named
def tensordot(a: Any, b: Any, axes: Any, name: str | None = None) -> Tensor:
    """Sum of products over pairs of axes."""
    x, y = (convert(v) for v in pair(a, b))
    axes = static(axes, "tensordot: axes")
    if np.ndim(axes) == 0:
        return ops.tensordot(x, y, int(axes))
    left, right = ([int(i) for i in np.atleast_1d(side)] for side in axes)
    return ops.tensordot(x, y, [left, right])


def einsum(equation: str, *inputs: Any, **kwargs: Any) -> Tensor:
    """Sum of products by letters: 'bij,bjk->bik'.

    Two tensors at a time: letters that only one has and the result lacks are summed first, shared ones that the
    result has are batch axes of a matrix product.
    """
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(inputs):
        raise ValueError(f"einsum: {equation!r} names {len(terms)} tensors, got {len(inputs)}")
    if "..." in equation:
        raise ValueError("einsum: subscripts with '...' are not known to TensorFlow 1.13; name every axis")
    if not arrow:
        letters = "".join(terms)
        right = "".join(sorted(c for c in set(letters) if letters.count(c) == 1))
    tensors = [convert(x) for x in inputs]
    for term, x in zip(terms, tensors):
        if len(term) != rank_of(x, "einsum") or len(set(term)) != len(term):
            raise ValueError(f"einsum: {term!r} does not fit a tensor of shape {x.get_shape()}")
    term, out = terms[0], tensors[0]
    for i in range(1, len(terms)):
        rest = set(right).union(*terms[i + 1 :])
        term, out = _contract(term, out, terms[i], tensors[i], rest)
    out = ops.sum(out, [i for i, c in enumerate(term) if c not in right]) if set(term) - set(right) else out
    term = "".join(c for c in term if c in right)
    return out if term == right else ops.transpose(out, [term.index(c) for c in right])


def _contract(a: str, x: Tensor, b: str, y: Tensor, keep: set[str]) -> tuple[str, Tensor]:
    """One product of `einsum`: its letters and the tensor."""
    a, x = _presum(a, x, set(b) | keep)
    b, y = _presum(b, y, set(a) | keep)
    batch = [c for c in a if c in b and c in keep]
    inner = [c for c in a if c in b and c not in keep]
    only_a, only_b = [c for c in a if c not in b], [c for c in b if c not in a]
    length = {**dict(zip(b, sizes(y))), **dict(zip(a, sizes(x)))}
    p = ops.transpose(x, [a.index(c) for c in batch + only_a + inner])
    q = ops.transpose(y, [b.index(c) for c in batch + inner + only_b])
    lead = [length[c] for c in batch]
    p = ops.reshape(p, [*lead, _product(length, only_a), _product(length, inner)])
    q = ops.reshape(q, [*lead, _product(length, inner), _product(length, only_b)])
    letters = batch + only_a + only_b
    return "".join(letters), ops.reshape(ops.matmul(p, q), [length[c] for c in letters])


def _presum(term: str, x: Tensor, needed: set[str]) -> tuple[str, Tensor]:
    gone = [i for i, c in enumerate(term) if c not in needed]
    return (term, x) if not gone else ("".join(c for c in term if c in needed), ops.sum(x, gone))


def _product(length: dict[str, Any], letters: list[str]) -> Any:
    total: Any = 1
    for c in letters:
        total = length[c] * total
    return total


@named
def cross(a: Any, b: Any, name: str | None = None) -> Tensor:
    """Cross products of vectors along the last axis."""
    x, y = (convert(v) for v in pair(a, b))
    (a0, a1, a2), (b0, b1, b2) = ([v[..., i] for i in range(3)] for v in (x, y))
    return ops.stack([a1 * b2 - a2 * b1, a2 * b0 - a0 * b2, a0 * b1 - a1 * b0], -1)


# --- matrices -----------------------------------------------------------------------------------------------------


@named
def matrix_transpose(a: Any, name: str | None = None, conjugate: bool = False) -> Tensor:
    """The last two axes exchanged."""
    return ops.transposed(convert(a))


@named
def diag(diagonal: Any, name: str | None = None) -> Tensor:
    """A tensor with a diagonal: of rank 2k for one of rank k."""
    x = convert(diagonal)
    flat = matrix_diag(ops.reshape(x, [-1]))
    return ops.reshape(flat, sizes(x) * 2)


@named
def diag_part(input: Any, name: str | None = None) -> Tensor:
    """The diagonal of a tensor of rank 2k."""
    x = convert(input)
    half = sizes(x)[: rank_of(x, "diag_part") // 2]
    count = _product({str(i): n for i, n in enumerate(half)}, [str(i) for i in range(len(half))])
    return ops.reshape(matrix_diag_part(ops.reshape(x, [count, count])), half)


@named
def matrix_diag(diagonal: Any, name: str | None = None) -> Tensor:
    """Matrices with these diagonals."""
    x = convert(diagonal)
    n = sizes(x)[-1]
    square = ops.equal(ops.expand_dims(ops.arange(n), 1), ops.arange(n))
    return ops.expand_dims(x, -1) * ops.cast(square, x.dtype)


@named
def matrix_diag_part(input: Any, name: str | None = None) -> Tensor:
    """The diagonals of matrices."""
    x = convert(input)
    *lead, m, n = sizes(x)
    k = ops.minimum(m, n) if isinstance(m, Tensor) or isinstance(n, Tensor) else min(m, n)
    return ops.gather(ops.reshape(x, [*lead, m * n]), ops.arange(k) * (n + 1), len(lead))


@named
def matrix_set_diag(input: Any, diagonal: Any, name: str | None = None) -> Tensor:
    """Matrices with their diagonals replaced."""
    x = convert(input)
    m, n = sizes(x)[-2:]
    on = ops.equal(ops.expand_dims(ops.arange(m), 1), ops.arange(n))
    if m is not n and m != n:
        raise NotImplementedError("matrix_set_diag: only square matrices")
    return ops.where(on, ops.expand_dims(convert(diagonal, x.dtype), -1), x)


@named
def matrix_band_part(input: Any, num_lower: Any, num_upper: Any, name: str | None = None) -> Tensor:
    """Matrices with zeros outside a band."""
    x = convert(input)
    m, n = sizes(x)[-2:]
    offset = ops.expand_dims(ops.arange(m), 1) - ops.arange(n)
    lower, upper = int(static(num_lower, "num_lower")), int(static(num_upper, "num_upper"))
    keep = ops.equal(offset, offset)
    if lower >= 0:
        keep = ops.logical_and(keep, offset <= lower)
    if upper >= 0:
        keep = ops.logical_and(keep, -offset <= upper)
    return ops.where(keep, x, 0)


@named
def trace(x: Any, name: str | None = None) -> Tensor:
    """Sums of the diagonals of matrices."""
    return ops.sum(matrix_diag_part(x), -1)


@named
def matrix_inverse(input: Any, adjoint: bool = False, name: str | None = None) -> Tensor:
    """Inverses of matrices."""
    x = convert(input)
    return ops.inverse(ops.transposed(x) if adjoint else x)


@named
def matrix_determinant(input: Any, name: str | None = None) -> Tensor:
    """Determinants of matrices."""
    return ops.determinant(convert(input))


@named
def cholesky(input: Any, name: str | None = None) -> Tensor:
    """Lower triangular factors of symmetric positive definite matrices."""
    return ops.cholesky(convert(input))


@named
def logdet(matrix: Any, name: str | None = None) -> Tensor:
    """Logarithms of the determinants of symmetric positive definite matrices."""
    return 2.0 * ops.sum(ops.log(matrix_diag_part(ops.cholesky(convert(matrix)))), -1)


@named
def matrix_solve(matrix: Any, rhs: Any, adjoint: bool = False, name: str | None = None) -> Tensor:
    """Solutions of systems of linear equations."""
    return ops.matmul(matrix_inverse(matrix, adjoint), convert(rhs))


@named
def matrix_triangular_solve(
    matrix: Any, rhs: Any, lower: bool = True, adjoint: bool = False, name: str | None = None
) -> Tensor:
    """Solutions of triangular systems of linear equations."""
    half = matrix_band_part(matrix, -1 if lower else 0, 0 if lower else -1)
    return matrix_solve(half, rhs, adjoint)  # type: ignore[no-any-return]


@named
def cholesky_solve(chol: Any, rhs: Any, name: str | None = None) -> Tensor:
    """Solutions of A x = rhs from the lower triangular factors of A."""
    factor = matrix_band_part(chol, -1, 0)
    return matrix_solve(factor, matrix_solve(factor, rhs), adjoint=True)  # type: ignore[no-any-return]


def self_adjoint_eig(tensor: Any, name: str | None = None) -> Any:
    """Eigenvalues, ascending, and eigenvectors (columns) of symmetric matrices."""
    return SelfAdjointEig(*ops.eigh(convert(tensor)))


@named
def self_adjoint_eigvals(tensor: Any, name: str | None = None) -> Tensor:
    """Eigenvalues of symmetric matrices, ascending."""
    return ops.eigh(convert(tensor))[0]


NAMES = [
    n for n, v in list(globals().items()) if callable(v) and getattr(v, "__module__", "") == __name__ and n[0] != "_"
]
