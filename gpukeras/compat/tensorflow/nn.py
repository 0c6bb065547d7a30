"""`tf.nn`: activations, losses, normalisation, convolutions and pooling."""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import backend as K
from ... import ops
from ...graph.tensor import Tensor
from . import _array, _conv, _gather, _math
from ._base import axes_of, convert, dims, label, named, op_seed, pair, rank_of, sizes
from ._missing import module_getattr

globals().update({name: getattr(_conv, name) for name in _conv.NAMES})

# --- activations --------------------------------------------------------------------------------------------------

sigmoid, tanh = _math.sigmoid, _math.tanh  # type: ignore[attr-defined]
softplus = _math._unary("softplus", ops.softplus)
softsign = _math._unary("softsign", ops.softsign)
relu = _math._unary("relu", ops.relu)
relu6 = _math._unary("relu6", lambda x: K.relu(x, max_value=6.0))
elu = _math._unary("elu", ops.elu)
selu = _math._unary("selu", ops.selu)
swish = _math._unary("swish", lambda x: x * ops.sigmoid(x))
log_sigmoid = _math.log_sigmoid  # type: ignore[attr-defined]


@named
def leaky_relu(features: Any, alpha: Any = 0.2, name: str | None = None) -> Tensor:
    """x above 0, alpha * x below."""
    x = convert(features)
    return ops.maximum(alpha * x, x) if isinstance(alpha, Tensor) else ops.leaky_relu(x, float(alpha))


@named
def crelu(features: Any, name: str | None = None, axis: int = -1) -> Tensor:
    """The rectified linear function of x and of -x, side by side."""
    x = convert(features)
    return ops.relu(ops.concatenate([x, -x], axis))


@named
def softmax(logits: Any, axis: Any = None, name: str | None = None, dim: Any = None) -> Tensor:
    """exp(x) scaled to sum 1 along an axis, the last by default."""
    axis = axes_of(dim if axis is None else axis)
    return ops.softmax(convert(logits), -1 if axis is None else axis)


@named
def log_softmax(logits: Any, axis: Any = None, name: str | None = None, dim: Any = None) -> Tensor:
    """Logarithm of softmax."""
    axis = axes_of(dim if axis is None else axis)
    return ops.log_softmax(convert(logits), -1 if axis is None else axis)


# --- losses -------------------------------------------------------------------------------------------------------


def _cross_entropy(labels: Any, logits: Any, axis: Any) -> Tensor:
    x = convert(logits)
    y = convert(labels, x.dtype)
    return -ops.sum(y * ops.log_softmax(x, axis), axis)


def _need_names(sentinel: Any, what: str) -> None:
    if sentinel is not None:
        raise ValueError(f"Only call `{what}` with named arguments (labels=..., logits=..., ...)")


@named
def softmax_cross_entropy_with_logits(
    _sentinel: Any = None, labels: Any = None, logits: Any = None, dim: int = -1, name: str | None = None,
    axis: Any = None,
) -> Tensor:  # fmt: skip
    """Crossentropy of softmax(logits); no gradient goes into the labels."""
    _need_names(_sentinel, "softmax_cross_entropy_with_logits")
    return _cross_entropy(ops.stop_gradient(convert(labels)), logits, dim if axis is None else axis)


@named
def softmax_cross_entropy_with_logits_v2(
    _sentinel: Any = None, labels: Any = None, logits: Any = None, axis: Any = None, name: str | None = None,
    dim: Any = None,
) -> Tensor:  # fmt: skip
    """Crossentropy of softmax(logits); gradients go into the labels too."""
    _need_names(_sentinel, "softmax_cross_entropy_with_logits_v2")
    axis = dim if axis is None else axis
    return _cross_entropy(labels, logits, -1 if axis is None else axis)


@named
def sparse_softmax_cross_entropy_with_logits(
    _sentinel: Any = None, labels: Any = None, logits: Any = None, name: str | None = None
) -> Tensor:
    """Crossentropy of softmax(logits) for class numbers."""
    _need_names(_sentinel, "sparse_softmax_cross_entropy_with_logits")
    return -ops.pick(ops.log_softmax(convert(logits)), convert(labels))


@named
def sigmoid_cross_entropy_with_logits(
    _sentinel: Any = None, labels: Any = None, logits: Any = None, name: str | None = None
) -> Tensor:
    """Crossentropy of sigmoid(logits), element by element."""
    _need_names(_sentinel, "sigmoid_cross_entropy_with_logits")
    x = convert(logits)
    return ops.relu(x) - x * convert(labels, x.dtype) + ops.softplus(-ops.abs(x))


@named
def weighted_cross_entropy_with_logits(targets: Any, logits: Any, pos_weight: Any, name: str | None = None) -> Tensor:
    """Crossentropy of sigmoid(logits) whose positive part is weighted."""
    x = convert(logits)
    y = convert(targets, x.dtype)
    weight = 1 + (convert(pos_weight, x.dtype) - 1) * y
    return (1 - y) * x + weight * (ops.softplus(-ops.abs(x)) + ops.relu(-x))


@named
def log_poisson_loss(targets: Any, log_input: Any, compute_full_loss: bool = False, name: str | None = None) -> Tensor:
    """Poisson's loss for the logarithm of the rate."""
    x = convert(log_input)
    z = convert(targets, x.dtype)
    loss = ops.exp(x) - x * z
    if not compute_full_loss:
        return loss
    stirling = z * ops.log(z) - z + 0.5 * ops.log(float(2 * np.pi) * z)
    inside = ops.logical_and(z >= 0, z <= 1)
    return loss + ops.where(inside, ops.zeros_like(z), stirling)


@named
def l2_loss(t: Any, name: str | None = None) -> Tensor:
    """Half the sum of squares."""
    return ops.sum(ops.square(convert(t))) / 2


def ctc_loss(
    labels: Any, inputs: Any, sequence_length: Any, preprocess_collapse_repeated: bool = False,
    ctc_merge_repeated: bool = True, ignore_longer_outputs_than_inputs: bool = False, time_major: bool = True,
) -> Tensor:  # fmt: skip
    """Minus the log-probability of label sequences under `inputs`, which are not normalised; the last class is blank.

    Labels: a `tf.SparseTensor`.
    """
    from .sparse import SparseTensor

    if preprocess_collapse_repeated or not ctc_merge_repeated:
        raise NotImplementedError("tf.nn.ctc_loss: only the standard settings of repeated labels")
    if not isinstance(labels, SparseTensor):
        raise TypeError("tf.nn.ctc_loss: labels must be a tf.SparseTensor; for dense labels use K.ctc_batch_cost")
    logits = convert(inputs)
    if time_major:
        logits = ops.transpose(logits, [1, 0, 2])
    dense, lengths = labels.rows()
    loss: Tensor = ops.ctc_loss(logits, dense, convert(sequence_length), lengths)
    return loss


# --- normalisation ------------------------------------------------------------------------------------------------


@named
def l2_normalize(x: Any, axis: Any = None, epsilon: float = 1e-12, name: str | None = None, dim: Any = None) -> Tensor:
    """`x` divided by its Euclidean norm over some axes."""
    t = convert(x)
    square = ops.sum(ops.square(t), axes_of(dim if axis is None else axis), True)
    return t * ops.rsqrt(ops.maximum(square, epsilon))


def moments(
    x: Any, axes: Any, shift: Any = None, name: str | None = None, keep_dims: Any = None, keepdims: Any = None
) -> tuple[Tensor, Tensor]:
    """Mean and variance over some axes."""
    keep = bool(keep_dims if keepdims is None else keepdims)
    return ops.moments(convert(x), axes_of(axes), keep)


def weighted_moments(
    x: Any, axes: Any, frequency_weights: Any, name: str | None = None, keep_dims: Any = None, keepdims: Any = None
) -> tuple[Tensor, Tensor]:
    """Weighted mean and variance over some axes."""
    keep = bool(keep_dims if keepdims is None else keepdims)
    t, axes = convert(x), axes_of(axes)
    w = convert(frequency_weights, t.dtype) + ops.zeros_like(t)
    total = ops.sum(w, axes, True)
    mean = ops.sum(w * t, axes, True) / total
    variance = ops.sum(w * ops.square(t - mean), axes, True) / total
    if keep:
        return mean, variance
    axes = [axes] if isinstance(axes, int) else axes
    return ops.squeeze(mean, axes), ops.squeeze(variance, axes)


@named
def batch_normalization(
    x: Any, mean: Any, variance: Any, offset: Any, scale: Any, variance_epsilon: Any, name: str | None = None
) -> Tensor:
    """(x - mean) / sqrt(variance), scaled and shifted."""
    factor = ops.rsqrt(convert(variance) + variance_epsilon)
    if scale is not None:
        factor = factor * scale
    shift = -convert(mean) * factor if offset is None else offset - mean * factor
    return convert(x) * factor + shift


def fused_batch_norm(
    x: Any, scale: Any, offset: Any, mean: Any = None, variance: Any = None, epsilon: float = 0.001,
    data_format: str = "NHWC", is_training: bool = True, name: str | None = None,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """Batch normalisation of images: the result, and the mean and (unbiased) variance it used."""
    t = convert(x)
    axes = [0, 1, 2] if data_format == "NHWC" else [0, 2, 3]
    shape = [1, 1, 1, -1] if data_format == "NHWC" else [1, -1, 1, 1]
    if is_training:
        mean, biased = ops.moments(t, axes)
        count = ops.cast(ops.size(t) // ops.size(mean), t.dtype)
        variance, used = biased * count / ops.maximum(count - 1, 1), biased
    else:
        mean, variance = convert(mean), convert(variance)
        used = variance
    wide = [ops.reshape(convert(v), shape) for v in (mean, used, offset, scale)]
    return batch_normalization(t, *wide, epsilon), mean, variance


@named
def local_response_normalization(
    input: Any, depth_radius: int = 5, bias: float = 1, alpha: float = 1, beta: float = 0.5, name: str | None = None
) -> Tensor:
    """x divided by a power of the sum of squares over neighbouring channels."""
    x = convert(input)
    r = int(depth_radius)
    square = ops.pad(ops.square(x), [(0, 0)] * (rank_of(x, "lrn") - 1) + [(r, r)])
    c = sizes(x)[-1]
    total: Any = ops.slice_axis(square, rank_of(x, "lrn") - 1, 0, c)
    for i in range(1, 2 * r + 1):
        total = total + ops.slice_axis(square, rank_of(x, "lrn") - 1, i, c)
    return x / ops.pow(bias + alpha * total, beta)


lrn = local_response_normalization


@named
def bias_add(value: Any, bias: Any, data_format: Any = None, name: str | None = None) -> Tensor:
    """A vector added to the channels."""
    x = convert(value)
    if data_format in (None, "NHWC", "NWC", "NDHWC"):
        return x + bias
    return x + ops.reshape(convert(bias), [1, -1] + [1] * (rank_of(x, "bias_add") - 2))


@named
def dropout(
    x: Any, keep_prob: Any = None, noise_shape: Any = None, seed: Any = None, name: str | None = None, rate: Any = None
) -> Tensor:
    """Elements set to 0 at random, the others scaled up: each is kept with probability `keep_prob` (or 1 - rate)."""
    if keep_prob is None and rate is None:
        raise ValueError("You must provide a rate to dropout.")
    t = convert(x)
    keep = 1 - rate if keep_prob is None else keep_prob
    shape = dims(sizes(t) if noise_shape is None else noise_shape)
    if not isinstance(shape, Tensor):
        shape = [n if not isinstance(n, int) or n >= 0 else sizes(t)[i] for i, n in enumerate(shape)]
    if isinstance(keep, Tensor):
        chosen = ops.floor(ops.random_uniform(shape, 0.0, 1.0, t.dtype, op_seed(seed)) + ops.cast(keep, t.dtype))
        return t / ops.cast(keep, t.dtype) * chosen
    if not 0 < keep <= 1:
        raise ValueError(f"keep_prob must be a scalar tensor or a float in the range (0, 1], got {keep}")
    return t if keep == 1 else t * ops.dropout_mask(shape, float(keep), t.dtype, op_seed(seed))


# --- picking ------------------------------------------------------------------------------------------------------

top_k, in_top_k = _gather.top_k, _gather.in_top_k
space_to_depth, depth_to_space = _array.space_to_depth, _array.depth_to_space


def embedding_lookup(
    params: Any, ids: Any, partition_strategy: str = "mod", name: str | None = None, validate_indices: bool = True,
    max_norm: Any = None,
) -> Tensor:  # fmt: skip
    """Rows of a matrix, one for each id."""
    if isinstance(params, (list, tuple)):
        if len(params) != 1:
            raise NotImplementedError("tf.nn.embedding_lookup: a matrix in several parts; use tf.concat")
        params = params[0]
    rows = ops.gather(convert(params), convert(ids))
    if max_norm is not None:
        rows = _math.clip_by_norm(rows, max_norm, list(range(rank_of(convert(ids), "ids"), rank_of(rows, "rows"))))
    return label(rows, name)  # type: ignore[no-any-return]


@named
def xw_plus_b(x: Any, weights: Any, biases: Any, name: str | None = None) -> Tensor:
    """x W + b."""
    return ops.matmul(*(convert(v) for v in pair(x, weights))) + biases


@named
def relu_layer(x: Any, weights: Any, biases: Any, name: str | None = None) -> Tensor:
    """relu(x W + b)."""
    return ops.relu(xw_plus_b(x, weights, biases))


@named
def zero_fraction(value: Any, name: str | None = None) -> Tensor:
    """The share of elements that are 0."""
    return ops.mean(ops.cast(ops.equal(convert(value), 0), "float32"))


def sampled_softmax_loss(*args: Any, **kwargs: Any) -> Any:
    """Not available."""
    raise NotImplementedError("tf.nn.sampled_softmax_loss: use K.sparse_categorical_crossentropy over all classes")


__getattr__ = module_getattr("nn")
