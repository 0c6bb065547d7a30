"""Activations, dropout, normalisation, bias."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import ops
from ..graph.tensor import Tensor, as_tensor
from .common import normalize_data_format
from .linalg import dims, known_rank
from .random import draw_seed

__all__ = [
    "batch_normalization",
    "bias_add",
    "dropout",
    "elu",
    "hard_sigmoid",
    "l2_normalize",
    "normalize_batch_in_training",
    "relu",
    "sigmoid",
    "softmax",
    "softplus",
    "softsign",
    "tanh",
]


def _number(x: Any) -> Any:
    """A Python number for a NumPy scalar or 0-d array (layers keep their settings as such), tensors as they are."""
    return x if isinstance(x, Tensor) or np.ndim(x) else float(x)


def relu(x: Any, alpha: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> Tensor:
    """Returns the rectified linear function.

    With defaults it is max(x, 0); else `max_value` for x >= max_value, x above `threshold`, and
    alpha * (x - threshold) below.

    Arguments:
        x: tensor or array.
        alpha: slope below the threshold.
        max_value: upper limit, or None.
        threshold: below it values are damped.

    Returns:
        Tensor of the same shape.
    """
    alpha, threshold = _number(alpha), _number(threshold)
    shifted = isinstance(threshold, Tensor) or threshold != 0
    leaks = isinstance(alpha, Tensor) or np.ndim(alpha) or alpha != 0
    if max_value is None and not shifted:
        if not leaks:
            return ops.relu(x)
        return ops.leaky_relu(x, alpha) if isinstance(alpha, float) else ops.relu(x) - alpha * ops.relu(-as_tensor(x))
    x = as_tensor(x)
    if not shifted:  # not clip, whose gradient at 0 is 1
        y = ops.minimum(ops.relu(x), _number(max_value))
    else:
        y = ops.where(x > threshold, x, 0.0)
        y = y if max_value is None else ops.clip(y, 0.0, _number(max_value))
    return y - alpha * ops.relu(threshold - x) if leaks else y


def elu(x: Any, alpha: float = 1.0) -> Tensor:
    """Returns the exponential linear function: x above 0, alpha * (exp(x) - 1) below.

    Arguments:
        x: tensor or array.
        alpha: negative of the limit for large negative values.

    Returns:
        Tensor of the same shape.
    """
    alpha = _number(alpha)
    if isinstance(alpha, float):
        return ops.elu(x, alpha)
    x = as_tensor(x)
    return ops.where(x > 0, x, alpha * ops.expm1(ops.minimum(x, 0)))


def softmax(x: Any, axis: int = -1) -> Tensor:
    """Returns exp(x) scaled to sum 1 along an axis.

    Arguments:
        x: tensor or array.
        axis: int.

    Returns:
        Tensor of the same shape.
    """
    return ops.softmax(x, axis)


def softplus(x: Any) -> Tensor:
    """Returns log(1 + exp(x)).

    Arguments:
        x: tensor or array.

    Returns:
        Tensor of the same shape.
    """
    return ops.softplus(x)


def softsign(x: Any) -> Tensor:
    """Returns x / (1 + |x|).

    Arguments:
        x: tensor or array.

    Returns:
        Tensor of the same shape.
    """
    return ops.softsign(x)


def sigmoid(x: Any) -> Tensor:
    """Returns 1 / (1 + exp(-x)).

    Arguments:
        x: tensor or array.

    Returns:
        Tensor of the same shape.
    """
    return ops.sigmoid(x)


def hard_sigmoid(x: Any) -> Tensor:
    """Returns 0.2 * x + 0.5 limited to 0..1, a cheap stand-in for the sigmoid.

    Arguments:
        x: tensor or array.

    Returns:
        Tensor of the same shape.
    """
    return ops.hard_sigmoid(x)


def tanh(x: Any) -> Tensor:
    """Returns the hyperbolic tangent.

    Arguments:
        x: tensor or array.

    Returns:
        Tensor of the same shape.
    """
    return ops.tanh(x)


def dropout(x: Any, level: Any, noise_shape: Any = None, seed: int | None = None) -> Tensor:
    """Returns a tensor with some elements set to 0 at random and the others scaled to keep the mean.

    Arguments:
        x: float tensor.
        level: share of elements to drop, at least 0 and below 1; a number or a scalar tensor.
        noise_shape: shape of the pattern, 1 where elements are dropped together (None for the length of `x`).
        seed: int.

    Returns:
        Tensor of the same shape.

    Raises:
        ValueError: when `level` is out of range.

    Source: Srivastava et al., Dropout: A Simple Way to Prevent Neural Networks from Overfitting, 2014.
    """
    x = as_tensor(x)
    if isinstance(level, Tensor):  # a level that a callback changes while the model trains
        keep = 1.0 - ops.cast(level, x.dtype)
        return x * ops.random_binomial(_noise_shape(x, noise_shape), keep, x.dtype, draw_seed(seed)) / keep
    level = float(level)
    if not 0 <= level < 1:
        raise ValueError(f"dropout: level must be at least 0 and less than 1, got {level}")
    seed = draw_seed(seed)  # also at level 0, so that the numbers drawn later do not depend on the level
    if level == 0:
        return ops.identity(x)
    return x * ops.dropout_mask(_noise_shape(x, noise_shape), 1.0 - level, x.dtype, seed)


def _noise_shape(x: Tensor, noise_shape: Any) -> Any:
    if noise_shape is None:
        return ops.shape_like(x)
    if isinstance(noise_shape, (list, tuple)):
        if x.shape is not None and len(noise_shape) != len(x.shape):
            raise ValueError(
                f"dropout: noise_shape {tuple(noise_shape)} must have as many entries as x, shape "
                f"{tuple(x.shape)}, has axes"
            )
        own: Any = x.shape if x.shape is not None else [None] * len(noise_shape)
        lengths = [own[i] if n is None else n for i, n in enumerate(noise_shape)]
        return tuple(ops.shape(x)[i] if n is None else n for i, n in enumerate(lengths))
    return noise_shape


def l2_normalize(x: Any, axis: int | Sequence[int] | None = None) -> Tensor:
    """Returns a tensor scaled to Euclidean norm 1 along an axis.

    Arguments:
        x: tensor or array.
        axis: axis or axes of the vectors; None for all.

    Returns:
        Tensor of the same shape; squared norms below 1e-12 count as 1e-12.
    """
    x = as_tensor(x)
    return x * ops.rsqrt(ops.maximum(ops.sum(ops.square(x), axis, True), 1e-12))


def _bias_shape(x: Tensor, bias: Tensor, data_format: str) -> tuple[Any, ...] | None:
    """Shape that makes the bias broadcast over `x`; None when its own does."""
    assert x.shape is not None and bias.shape is not None
    rank, own = len(x.shape), dims(bias)
    if len(own) not in (1, rank - 1):
        raise ValueError(
            f"Unexpected bias dimensions {len(own)}, expect to be 1 or {rank - 1} dimensions: bias_add got "
            f"x of shape {tuple(x.shape)} and a bias of shape {tuple(bias.shape)}"
        )
    if data_format == "channels_last" or rank == 2:
        return None
    if len(own) == 1:
        return (1, own[0], *[1] * (rank - 2))
    return (1, own[-1], *own[:-1])


def bias_add(x: Any, bias: Any, data_format: str | None = None) -> Tensor:
    """Adds a bias to a tensor.

    Arguments:
        x: tensor of shape (N, ..., C), or (N, C, ...) for channels_first.
        bias: tensor of shape (C,), or (..., C) with one number for each element of a sample.
        data_format: 'channels_last', 'channels_first', or None for the default.

    Returns:
        Tensor of the shape of `x`.

    Raises:
        ValueError: when `data_format` is unknown or the shapes do not fit.
    """
    data_format = normalize_data_format(data_format)
    x = as_tensor(x)
    bias = as_tensor(bias, x.dtype)
    if x.shape is None and data_format == "channels_last":
        return x + bias
    known_rank("bias_add", x, bias)
    target = _bias_shape(x, bias, data_format)
    return x + (bias if target is None else ops.reshape(bias, target))


def _beside(t: Any, x: Tensor, axes: Sequence[int]) -> Any:
    """`t`, with one axis for each of `axes` of `x`, so shaped that it broadcasts over `x`."""
    rank = len(x.shape or ())
    t = as_tensor(t, x.dtype)
    if t.shape is None or len(t.shape) != len(axes) or rank == 0:
        return t
    kept = sorted(a % rank for a in axes)
    if kept == list(range(rank - len(kept), rank)):
        return t
    lengths = iter(t.shape)
    target = [next(lengths) if i in kept else 1 for i in range(rank)]
    if target.count(None) > 1:
        for i in range(rank):
            if i not in kept:
                t = ops.expand_dims(t, i)
        return t
    return ops.reshape(t, tuple(-1 if n is None else n for n in target))


def batch_normalization(
    x: Any, mean: Any, var: Any, beta: Any, gamma: Any, axis: int = -1, epsilon: float = 1e-3
) -> Tensor:
    """Normalises with given statistics: (x - mean) / sqrt(var + epsilon) * gamma + beta.

    Arguments:
        x: tensor.
        mean: mean of each channel, shape (C,) or any that broadcasts.
        var: variance, the same.
        beta: offset, the same; or None for 0.
        gamma: scale, the same; or None for 1.
        axis: axis of the channels, for statistics of shape (C,).
        epsilon: number added to the variance.

    Returns:
        Tensor of the shape of `x`.

    Source: Ioffe and Szegedy, Batch Normalization, 2015.
    """
    x = as_tensor(x)
    if axis != -1:
        known_rank("batch_normalization", x)
    mean, var, beta, gamma = (None if t is None else _beside(t, x, (axis,)) for t in (mean, var, beta, gamma))
    return _normalised(x, mean, var, beta, gamma, epsilon)


def _normalised(x: Tensor, mean: Any, var: Any, beta: Any, gamma: Any, epsilon: float) -> Tensor:
    """One product and one sum over the big tensor; the rest is done on the small ones."""
    scale = ops.rsqrt(var + epsilon)
    if gamma is not None:
        scale = scale * gamma
    shift = -(mean * scale) if beta is None else beta - mean * scale
    return x * scale + shift


def normalize_batch_in_training(
    x: Any, gamma: Any, beta: Any, reduction_axes: Sequence[int], epsilon: float = 1e-3
) -> tuple[Tensor, Tensor, Tensor]:
    """Normalises a batch with its own mean and variance.

    Arguments:
        x: tensor.
        gamma: scale, of the shape of `x` without the reduced axes, or None.
        beta: offset, the same, or None.
        reduction_axes: axes to take mean and variance over.
        epsilon: number added to the variance.

    Returns:
        Normalised tensor, mean and variance (without Bessel's correction), the two without the reduced axes.

    Source: Ioffe and Szegedy, Batch Normalization, 2015.
    """
    x = as_tensor(x)
    known_rank("normalize_batch_in_training", x)
    axes = tuple(reduction_axes)
    mean, var = ops.moments(x, axes)
    rank = len(x.shape or ())
    reduced = {a % rank for a in axes}
    kept = tuple(i for i in range(rank) if i not in reduced)
    m, v, b, g = (None if t is None else _beside(t, x, kept) for t in (mean, var, beta, gamma))
    return _normalised(x, m, v, b, g, epsilon), mean, var
