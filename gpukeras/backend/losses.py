"""Cross entropies and what metrics count."""

from __future__ import annotations

from typing import Any

from .. import ops
from ..graph.tensor import Tensor, as_tensor
from .common import epsilon
from .linalg import known_rank
from .shaping import flatten

__all__ = [
    "binary_crossentropy",
    "categorical_crossentropy",
    "in_top_k",
    "sparse_categorical_crossentropy",
]


def _class_axis(output: Tensor, axis: int, what: str) -> int:
    """The axis of the classes, not negative when the rank is known."""
    if output.shape is None:
        if axis != -1:
            known_rank(what, output)
        return axis
    rank = len(output.shape)
    if not (axis == -1 or 0 <= axis < rank):
        raise ValueError(
            f"{what}: axis={axis} is none of the axes of `output`, which has shape {tuple(output.shape)}; "
            f"expected -1 or 0 to {rank - 1}"
        )
    return axis % rank


def _clipped(output: Tensor) -> Tensor:
    return ops.clip(output, epsilon(), 1.0 - epsilon())


def categorical_crossentropy(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> Tensor:
    """Returns the cross entropy between class probabilities.

    Arguments:
        target: tensor of shape (..., C), the wanted probabilities.
        output: tensor of the same shape; probabilities, scaled to sum 1 and clipped by epsilon first, or logits.
        from_logits: whether `output` holds logits.
        axis: axis of the classes.

    Returns:
        Tensor without the axis of the classes.

    Raises:
        ValueError: when there is no such axis.
    """
    output = as_tensor(output)
    axis = _class_axis(output, axis, "categorical_crossentropy")
    if from_logits:
        return -ops.sum(target * ops.log_softmax(output, axis), axis)
    output = output / ops.sum(output, axis, True)
    return -ops.sum(target * ops.log(_clipped(output)), axis)


def sparse_categorical_crossentropy(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> Tensor:
    """Returns the cross entropy of class probabilities against class numbers.

    Arguments:
        target: tensor of integers (of any type), as many as `output` has vectors of probabilities.
        output: tensor of shape (..., C); probabilities, clipped by epsilon first, or logits.
        from_logits: whether `output` holds logits.
        axis: axis of the classes.

    Returns:
        Tensor of the shape of `output` without the axis of the classes.

    Raises:
        ValueError: when there is no such axis.
    """
    output = as_tensor(output)
    axis = _class_axis(output, axis, "sparse_categorical_crossentropy")
    if output.shape is not None:
        last = len(output.shape) - 1
        if axis != last:
            output = ops.transpose(output, (*[i for i in range(last + 1) if i != axis], axis))
    index = _class_numbers(target, output)
    if from_logits:
        return ops.logsumexp(output, -1) - ops.pick(output, index)
    output = _clipped(output)  # its logarithms are the logits, so the normaliser is the logarithm of a plain sum
    return ops.log(ops.sum(output, -1)) - ops.log(ops.pick(output, index))


def _class_numbers(target: Any, output: Tensor) -> Tensor:
    """Targets as int64, one for each vector of `output`."""
    index = ops.cast(target, "int64")
    wanted = None if output.shape is None else tuple(output.shape[:-1])
    if wanted is not None and index.shape == wanted and None not in wanted:
        return index
    if wanted is None:
        return ops.reshape(index, ops.shape(output)[:-1])
    if len(wanted) == 1:
        return flatten(index)
    if wanted.count(None) > 1:
        return ops.reshape(index, ops.shape(output)[:-1])
    return ops.reshape(index, tuple(-1 if n is None else n for n in wanted))


def binary_crossentropy(target: Any, output: Any, from_logits: bool = False) -> Tensor:
    """Returns the cross entropy of each element as the probability of a yes.

    Arguments:
        target: tensor of numbers from 0 to 1.
        output: tensor of the same shape; probabilities, clipped by epsilon first, or logits.
        from_logits: whether `output` holds logits.

    Returns:
        Tensor of the same shape.
    """
    output = as_tensor(output)
    if from_logits:
        return ops.softplus(output) - output * target
    output = _clipped(output)
    return (target - 1.0) * ops.log(1.0 - output) - target * ops.log(output)


def in_top_k(predictions: Any, targets: Any, k: int) -> Tensor:
    """Returns whether the wanted class is among the k most probable ones.

    Arguments:
        predictions: tensor of shape (N, C).
        targets: int tensor of shape (N,).
        k: int.

    Returns:
        bool tensor of shape (N,); equal predictions share their rank.
    """
    return ops.in_top_k(predictions, targets, k)
