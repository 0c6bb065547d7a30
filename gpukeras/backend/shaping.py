"""Functions that move elements: reshape, join, repeat, pad, pick."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import ops
from ..graph.tensor import Tensor, as_tensor
from .common import normalize_data_format
from .sparse import is_sparse, join
from .variables import int_shape, ndim

__all__ = [
    "arange",
    "batch_flatten",
    "concatenate",
    "expand_dims",
    "flatten",
    "gather",
    "one_hot",
    "permute_dimensions",
    "repeat",
    "repeat_elements",
    "reshape",
    "reverse",
    "slice",
    "spatial_2d_padding",
    "spatial_3d_padding",
    "squeeze",
    "stack",
    "temporal_padding",
    "tile",
    "transpose",
]

Pair = Sequence[int]


def reshape(x: Any, shape: Any) -> Tensor:
    """Returns the elements of a tensor, in row-major order, in another shape.

    Arguments:
        x: tensor or array.
        shape: ints, one of them may be -1 (deduced); scalar tensors may stand for ints, or one int vector
            tensor for all.

    Returns:
        Tensor of that shape.

    Raises:
        ValueError: when the numbers of elements differ.
    """
    return ops.reshape(x, shape)


def flatten(x: Any) -> Tensor:
    """Returns all elements of a tensor as a vector.

    Arguments:
        x: tensor or array.

    Returns:
        Vector tensor.
    """
    return ops.reshape(x, (-1,))


def batch_flatten(x: Any) -> Tensor:
    """Returns a tensor as a matrix: the first axis stays, the others become one.

    Arguments:
        x: tensor of shape (N, ...).

    Returns:
        Tensor of shape (N, product of the others).
    """
    x = as_tensor(x)
    if x.shape is not None and len(x.shape) > 0:
        rest = 1
        for n in x.shape[1:]:
            if n is None:
                break
            rest *= n
        else:
            return ops.reshape(x, (-1 if x.shape[0] is None else x.shape[0], rest))
    return ops.reshape(x, (ops.shape(x)[0], -1))


def transpose(x: Any) -> Tensor:
    """Returns a tensor with its axes in reverse order.

    Arguments:
        x: tensor or array.

    Returns:
        Tensor.
    """
    return ops.transpose(x)


def permute_dimensions(x: Any, pattern: Sequence[int]) -> Tensor:
    """Returns a tensor with its axes in another order.

    Arguments:
        x: tensor or array.
        pattern: indices of axes, e.g. (0, 2, 1).

    Returns:
        Tensor.

    Raises:
        ValueError: when `pattern` does not name every axis once.
    """
    return ops.transpose(x, tuple(pattern))


def expand_dims(x: Any, axis: int = -1) -> Tensor:
    """Returns a tensor with an axis of length 1 put in.

    Arguments:
        x: tensor or array.
        axis: where it stands in the result.

    Returns:
        Tensor with one axis more.
    """
    return ops.expand_dims(x, axis)


def squeeze(x: Any, axis: int) -> Tensor:
    """Returns a tensor without an axis of length 1.

    Arguments:
        x: tensor or array.
        axis: which one.

    Returns:
        Tensor with one axis fewer.

    Raises:
        ValueError: when the axis is longer than 1.
    """
    return ops.squeeze(x, axis)


def concatenate(tensors: Sequence[Any], axis: int = -1) -> Tensor:
    """Returns tensors joined along an axis.

    Arguments:
        tensors: list of tensors whose shapes differ along `axis` only.
        axis: int.

    Returns:
        Tensor.

    Raises:
        ValueError: when the shapes do not fit.
    """
    joined = ops.concatenate(tensors, axis)
    return join(joined, tensors, axis) if all(is_sparse(x) for x in tensors) else joined


def stack(x: Sequence[Any], axis: int = 0) -> Tensor:
    """Returns tensors of one shape as the slices of a tensor with one axis more.

    Arguments:
        x: list of tensors.
        axis: where the new axis stands in the result.

    Returns:
        Tensor.
    """
    return ops.stack(x, axis)


def repeat_elements(x: Any, rep: int, axis: int) -> Tensor:
    """Returns a tensor with each slice along an axis repeated, as np.repeat does.

    Arguments:
        x: tensor or array; (a, b) along `axis` becomes (a, a, b, b) for rep=2.
        rep: how many times.
        axis: int.

    Returns:
        Tensor whose `axis` is `rep` times as long.
    """
    y = ops.repeat(x, rep, axis)
    y._keras_shape = int_shape(y)
    return y


def repeat(x: Any, n: int) -> Tensor:
    """Returns a matrix repeated along a new second axis.

    Arguments:
        x: tensor of shape (N, D).
        n: how many times.

    Returns:
        Tensor of shape (N, n, D).

    Raises:
        ValueError: when `x` is not a matrix.
    """
    if ndim(x) not in (2, None):
        raise ValueError(f"repeat: expected a tensor with 2 axes, got one of shape {int_shape(x)}")
    return ops.repeat(ops.expand_dims(x, 1), n, 1)


def tile(x: Any, n: Any) -> Tensor:
    """Returns a tensor repeated as a whole along each axis.

    Arguments:
        x: tensor or array.
        n: how many times: an int (along the last axis), or one int or scalar tensor for each axis.

    Returns:
        Tensor.

    Raises:
        ValueError: when there are not as many numbers as axes.
    """
    x = as_tensor(x)
    if isinstance(n, Tensor) and n.shape == ():
        n = [n]
    elif not isinstance(n, (Tensor, list, tuple)):
        n = np.atleast_1d(n).tolist()
    if isinstance(n, (list, tuple)) and x.shape is not None:
        if len(n) > len(x.shape):
            raise ValueError(f"tile: {len(n)} repeats for the {len(x.shape)} axes of shape {tuple(x.shape)}")
        n = [1] * (len(x.shape) - len(n)) + list(n)
    return ops.tile(x, n)


def reverse(x: Any, axes: int | Sequence[int]) -> Tensor:
    """Returns a tensor with the order of its elements reversed along some axes.

    Arguments:
        x: tensor or array.
        axes: int or list of ints.

    Returns:
        Tensor of the same shape.
    """
    return ops.reverse(x, axes)


def arange(start: Any, stop: Any = None, step: Any = 1, dtype: Any = "int32") -> Tensor:
    """Returns evenly spaced numbers.

    Arguments:
        start: first number; the limit when `stop` is None (the first is 0 then).
        stop: limit, not included.
        step: distance between two numbers.
        dtype: element type.

    Returns:
        Vector tensor; empty when `stop` is None and `start` is negative.
    """
    if stop is None:
        start, stop = 0, ops.maximum(start, 0) if isinstance(start, Tensor) else max(start, 0)
    return ops.cast(ops.arange(start, stop, step), dtype)


def slice(x: Any, start: Any, size: Any) -> Tensor:
    """Returns a block of a tensor.

    Arguments:
        x: tensor or array.
        start: index of the first element, one int for each axis.
        size: length of the block along each axis; -1 for the rest.

    Returns:
        Tensor of shape `size`.
    """
    return ops.slice(x, start, size)


def gather(reference: Any, indices: Any) -> Tensor:
    """Returns slices of a tensor along its first axis.

    Arguments:
        reference: tensor of shape (V, ...).
        indices: int tensor or array of any shape.

    Returns:
        Tensor of shape indices.shape + reference.shape[1:].
    """
    return ops.gather(reference, indices)


def one_hot(indices: Any, num_classes: int) -> Tensor:
    """Returns a vector with a single 1 for each integer.

    Arguments:
        indices: int tensor of shape (N, ...).
        num_classes: length of the vectors.

    Returns:
        Tensor of shape (N, ..., num_classes), dtype floatx.
    """
    return ops.one_hot(indices, num_classes)


def temporal_padding(x: Any, padding: Pair = (1, 1)) -> Tensor:
    """Returns a tensor with zeros put before and after its middle axis.

    Arguments:
        x: tensor of shape (N, T, C).
        padding: how many steps (before, after).

    Returns:
        Tensor of shape (N, T + before + after, C).

    Raises:
        ValueError: when `padding` is not a pair, or `x` has not 3 axes.
    """
    return _pad(x, (padding,), "channels_last", "temporal_padding")


def spatial_2d_padding(x: Any, padding: Sequence[Pair] = ((1, 1), (1, 1)), data_format: str | None = None) -> Tensor:
    """Returns images with zeros around them.

    Arguments:
        x: tensor of shape (N, H, W, C), or (N, C, H, W) for channels_first.
        padding: ((top, bottom), (left, right)).
        data_format: 'channels_last', 'channels_first', or None for the default.

    Returns:
        Tensor.

    Raises:
        ValueError: when an argument does not fit.
    """
    return _pad(x, padding, data_format, "spatial_2d_padding", 2)


def spatial_3d_padding(
    x: Any, padding: Sequence[Pair] = ((1, 1), (1, 1), (1, 1)), data_format: str | None = None
) -> Tensor:
    """Returns volumes with zeros around them.

    Arguments:
        x: tensor of shape (N, D, H, W, C), or (N, C, D, H, W) for channels_first.
        padding: a pair (before, after) for each of D, H, W.
        data_format: 'channels_last', 'channels_first', or None for the default.

    Returns:
        Tensor.

    Raises:
        ValueError: when an argument does not fit.
    """
    return _pad(x, padding, data_format, "spatial_3d_padding", 3)


def _pad(x: Any, padding: Sequence[Pair], data_format: str | None, what: str, spatial: int = 1) -> Tensor:
    data_format = normalize_data_format(data_format)
    pairs = [tuple(pair) for pair in padding]
    if len(pairs) != spatial or any(len(pair) != 2 for pair in pairs):
        raise ValueError(f"{what}: expected {spatial} pair(s) (before, after), got padding={padding!r}")
    x = as_tensor(x)
    if x.shape is not None and len(x.shape) != spatial + 2:
        raise ValueError(f"{what}: expected a tensor with {spatial + 2} axes, got one of shape {tuple(x.shape)}")
    none = [(0, 0)]
    return ops.pad(x, none + none + pairs if data_format == "channels_first" else none + pairs + none)
