"""Products of tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import ops
from ..graph.tensor import Tensor, as_tensor
from .sparse import is_sparse, sparse_dot

__all__ = ["batch_dot", "dot"]


def _operands(x: Any, y: Any) -> tuple[Tensor, Tensor]:
    """Both as tensors; an array takes the type of the tensor beside it."""
    if not isinstance(x, Tensor):
        x = as_tensor(x, y.dtype if isinstance(y, Tensor) else None)
    return x, as_tensor(y, x.dtype)


def known_rank(what: str, *tensors: Tensor) -> None:
    """Raises a ValueError when the number of axes of a tensor is unknown, where the result would depend on it.

    Arguments:
        what: function to name in the message.
        tensors: the tensors it was given.
    """
    for x in tensors:
        if x.shape is None:
            raise ValueError(
                f"{what}: the number of axes of {x.name!r} must be known; give the placeholder a shape or ndim, "
                "or call set_shape on the tensor"
            )


def dims(x: Tensor) -> list[Any]:
    """Lengths of the axes of `x`: ints where known, scalar tensors elsewhere.

    Arguments:
        x: tensor of known rank.

    Returns:
        List of ints and tensors.
    """
    assert x.shape is not None
    if None not in x.shape:
        return list(x.shape)
    lengths = ops.shape(x)
    return [lengths[i] if n is None else n for i, n in enumerate(x.shape)]


def _split_rows(out: Tensor, like: Tensor, tail: Sequence[Any]) -> Tensor:
    """`out`, of shape (R, ...), with R taken apart into the axes of `like` but its last; `tail` follows."""
    assert like.shape is not None
    lead: list[Any] = list(like.shape[:-1])
    if lead.count(None) + sum(isinstance(n, Tensor) for n in tail) == 1:
        lead = [-1 if n is None else n for n in lead]
        tail = [-1 if isinstance(n, Tensor) else n for n in tail]
    else:
        lead = dims(like)[:-1]
    return ops.reshape(out, (*lead, *tail))


def dot(x: Any, y: Any) -> Tensor:
    """Multiplies two tensors: the last axis of `x` with the last but one of `y`.

    A sparse `x` is multiplied as it is, without its zeros; the result and the gradient of `y` are dense, and there is
    none for `x`, whose entries are data.

    Arguments:
        x: tensor of shape (..., D); one of unknown rank counts as a matrix when `y` is one.
        y: tensor of shape (D, U), (..., D, U) or (D,).

    Returns:
        Tensor of shape x.shape[:-1] + y.shape without D; a matrix product for two matrices.

    Raises:
        ValueError: when the lengths D differ, or an argument is a scalar.
    """
    x, y = _operands(x, y)
    if x.shape is None and y.shape is not None and len(y.shape) == 2:
        # A layer may be called on a bare placeholder.
        x = ops.identity(x)
        x.set_shape((None, y.shape[0]))
    known_rank("dot", x, y)
    assert x.shape is not None and y.shape is not None
    m, n = len(x.shape), len(y.shape)
    if m == 0 or n == 0:
        raise ValueError(
            f"dot: expected tensors with at least one axis, got shapes {tuple(x.shape)} and {tuple(y.shape)}; "
            "use x * y to multiply by a scalar"
        )
    inner, other = x.shape[-1], y.shape[-2 if n > 1 else -1]
    if inner is not None and other is not None and inner != other:
        raise ValueError(
            f"dot: the last axis of x, shape {tuple(x.shape)}, and axis {max(n - 2, 0)} of y, shape "
            f"{tuple(y.shape)}, must have the same length"
        )
    if m == 2 and n == 2:
        product = sparse_dot(x, y) if is_sparse(x) else None
        return ops.matmul(x, y) if product is None else product
    y_dims: list[Any] = []
    if n > 2:
        y_dims = dims(y)
        y_dims = y_dims[:-2] + y_dims[-1:]
        y = ops.transpose(y, (n - 2, *range(n - 2), n - 1))
        y = ops.reshape(y, (other if other is not None else ops.shape(y)[0], -1))
    elif n == 2:
        y_dims = dims(y)[-1:]
    else:
        y = ops.expand_dims(y, 1)
    if m == 2 and not y_dims:
        return ops.squeeze(ops.matmul(x, y), 1)
    rows = ops.matmul(x if m == 2 else ops.reshape(x, (-1, inner if inner is not None else ops.shape(x)[-1])), y)
    return _split_rows(rows, x, y_dims)


def batch_dot(x: Any, y: Any, axes: Any = None) -> Tensor:
    """Multiplies two batches, sample by sample, summing over one axis of each.

    The result has the axes of `x` but axes[0], then those of `y` but its first and axes[1], and at least two.
    Two tensors of the same rank above 3, summed over one of their last two axes, are batches of matrices over
    all the axes before. So are tensors of 3 axes or more and ones with one axis more, where the last of `x` is
    summed over and the axes before agree: each vector of `x` meets its own matrix of `y`.

    Arguments:
        x: tensor with 2 axes or more, the first one the sample.
        y: the same.
        axes: int, or (axis of x, axis of y); default: the last of `x` and the last but one of `y` (the last
            when it has only two).

    Returns:
        Tensor; (N, 1) where nothing but the sample axis would remain.

    Raises:
        ValueError: when the ranks or axes do not fit, naming them.
    """
    x, y = _operands(x, y)
    known_rank("batch_dot", x, y)
    assert x.shape is not None and y.shape is not None
    m, n = len(x.shape), len(y.shape)
    if m < 2 or n < 2:
        raise ValueError(
            "batch_dot: expected tensors with 2 axes or more, the first one the sample, got shapes "
            f"{tuple(x.shape)} and {tuple(y.shape)}"
        )
    a, b = _contracted(x, y, axes)
    p, q = x.shape[a], y.shape[b]
    if p is not None and q is not None and p != q:
        raise ValueError(
            f"batch_dot: axis {a} of x, shape {tuple(x.shape)}, and axis {b} of y, shape {tuple(y.shape)}, "
            "must have the same length"
        )
    if m == 2 and n == 2:
        if a == b:
            return ops.expand_dims(ops.sum(x * y, a), 1)
        return ops.expand_dims(ops.sum(ops.transpose(x) * y, b), 1)
    if a == 0 or b == 0:
        raise ValueError(f"batch_dot: axis 0 is the sample and cannot be summed over here, got axes={axes!r}")
    if m == n and (m == 3 or (a >= m - 2 and b >= n - 2)):
        return ops.matmul(x, y, transpose_a=a != m - 1, transpose_b=b == n - 1)
    if m == 2 and n == 3:
        return ops.squeeze(ops.matmul(ops.expand_dims(x, 1), y, transpose_b=b == 2), 1)
    if m == 3 and n == 2:
        return ops.squeeze(ops.matmul(x, ops.expand_dims(y, 2), transpose_a=a == 1), 2)
    if _rows_by_matrices(x, y, a, b):
        return ops.squeeze(ops.matmul(ops.expand_dims(x, m - 1), y, transpose_b=b == n - 1), m - 1)
    return _general_batch_dot(x, y, a, b)


def _rows_by_matrices(x: Tensor, y: Tensor, a: int, b: int) -> bool:
    """Whether each vector of `x` belongs to one matrix of `y`; programs route capsules this way."""
    assert x.shape is not None and y.shape is not None
    m, n = len(x.shape), len(y.shape)
    if m < 3 or n != m + 1 or a != m - 1 or b < n - 2:
        return False
    return all(p is None or q is None or p == q for p, q in zip(x.shape[1:-1], y.shape[1 : m - 1], strict=True))


def _contracted(x: Tensor, y: Tensor, axes: Any) -> tuple[int, int]:
    """The two axes to sum over, not negative."""
    assert x.shape is not None and y.shape is not None
    m, n = len(x.shape), len(y.shape)
    if axes is None:
        axes = (m - 1, n - 1 if n == 2 else n - 2)
    elif not isinstance(axes, (list, tuple)):
        axes = (axes, axes)
    if len(axes) != 2 or any(isinstance(a, (list, tuple)) for a in axes):
        raise ValueError(f"batch_dot: one axis of each tensor can be summed over; expected an int or two, got {axes}")
    a, b = int(axes[0]), int(axes[1])
    if not (-m <= a < m and -n <= b < n):
        raise ValueError(
            f"batch_dot: axes={tuple(axes)} do not exist in tensors of shapes {tuple(x.shape)} and {tuple(y.shape)}"
        )
    return a % m, b % n


def _general_batch_dot(x: Tensor, y: Tensor, a: int, b: int) -> Tensor:
    """Sample by sample tensor product, as one batch of matrix products."""
    assert x.shape is not None and y.shape is not None
    m, n = len(x.shape), len(y.shape)
    x_dims, y_dims = dims(x), dims(y)
    free_x = [i for i in range(1, m) if i != a]
    free_y = [i for i in range(1, n) if i != b]
    left = ops.reshape(ops.transpose(x, (0, *free_x, a)), (x_dims[0], -1, x_dims[a]))
    right = ops.reshape(ops.transpose(y, (0, b, *free_y)), (y_dims[0], y_dims[b], -1))
    return ops.reshape(ops.matmul(left, right), (x_dims[0], *[x_dims[i] for i in free_x], *[y_dims[i] for i in free_y]))
