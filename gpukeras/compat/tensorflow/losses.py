"""`tf.losses`: weighted losses, each put into the graph's collection of losses."""

from __future__ import annotations

from typing import Any

from ... import ops
from ...backend.running import GRAPH
from ...graph.tensor import Tensor
from . import _math, nn
from ._base import convert, rank_of
from ._missing import module_getattr


class Reduction:
    """What becomes of the losses of single elements."""

    NONE = "none"
    SUM = "weighted_sum"
    SUM_OVER_BATCH_SIZE = "weighted_sum_over_batch_size"
    MEAN = "weighted_mean"
    SUM_BY_NONZERO_WEIGHTS = "weighted_sum_by_nonzero_weights"
    SUM_OVER_NONZERO_WEIGHTS = SUM_BY_NONZERO_WEIGHTS

    @classmethod
    def all(cls) -> tuple[str, ...]:
        """All of them."""
        return cls.NONE, cls.SUM, cls.MEAN, cls.SUM_OVER_BATCH_SIZE, cls.SUM_BY_NONZERO_WEIGHTS


_BY_WEIGHTS = Reduction.SUM_BY_NONZERO_WEIGHTS


def compute_weighted_loss(
    losses: Any, weights: Any = 1.0, scope: str | None = None, loss_collection: Any = "losses",
    reduction: str = _BY_WEIGHTS,
) -> Tensor:  # fmt: skip
    """Losses of single elements, weighted and brought together."""
    x = convert(losses)
    w = convert(weights, x.dtype) + ops.zeros_like(x)
    loss: Tensor = x * w
    total = ops.sum(loss)
    if reduction == _BY_WEIGHTS:
        loss = _math.div_no_nan(total, ops.sum(ops.cast(ops.not_equal(w, 0), x.dtype)))
    elif reduction == Reduction.MEAN:
        loss = _math.div_no_nan(total, ops.sum(w))
    elif reduction == Reduction.SUM_OVER_BATCH_SIZE:
        loss = _math.div_no_nan(total, ops.cast(ops.size(x), x.dtype))
    elif reduction == Reduction.SUM:
        loss = total
    elif reduction != Reduction.NONE:
        raise ValueError(f"Invalid Reduction Key {reduction}.")
    add_loss(loss, loss_collection)
    return loss


def add_loss(loss: Any, loss_collection: Any = "losses") -> None:
    """Puts a loss into the collection."""
    if loss_collection:
        GRAPH.add_to_collection(loss_collection, loss)


def get_losses(scope: str | None = None, loss_collection: Any = "losses") -> list[Any]:
    """The losses in the collection."""
    return GRAPH.get_collection(loss_collection, scope)


def get_regularization_losses(scope: str | None = None) -> list[Any]:
    """The penalties in the collection."""
    return GRAPH.get_collection("regularization_losses", scope)


def get_regularization_loss(scope: str | None = None, name: str = "total_regularization_loss") -> Tensor:
    """The sum of the penalties."""
    found = get_regularization_losses(scope)
    return _math.add_n(found) if found else convert(0.0)  # type: ignore[no-any-return]


def get_total_loss(
    add_regularization_losses: bool = True, name: str = "total_loss", scope: str | None = None
) -> Tensor:
    """The sum of all losses (and penalties)."""
    found = get_losses(scope) + (get_regularization_losses(scope) if add_regularization_losses else [])
    return _math.add_n(found)  # type: ignore[no-any-return]


def _operands(labels: Any, predictions: Any) -> tuple[Tensor, Tensor]:
    x = convert(predictions)
    x = x if x.dtype.is_floating else ops.cast(x, "float32")
    y = convert(labels)
    x.get_shape().assert_is_compatible_with(y.get_shape())
    return ops.cast(y, x.dtype), x


def absolute_difference(
    labels: Any, predictions: Any, weights: Any = 1.0, scope: str | None = None, loss_collection: Any = "losses",
    reduction: str = _BY_WEIGHTS,
) -> Tensor:  # fmt: skip
    """Absolute differences."""
    y, x = _operands(labels, predictions)
    return compute_weighted_loss(ops.abs(x - y), weights, scope, loss_collection, reduction)


def mean_squared_error(
    labels: Any, predictions: Any, weights: Any = 1.0, scope: str | None = None, loss_collection: Any = "losses",
    reduction: str = _BY_WEIGHTS,
) -> Tensor:  # fmt: skip
    """Squares of differences."""
    y, x = _operands(labels, predictions)
    return compute_weighted_loss(ops.squared_difference(x, y), weights, scope, loss_collection, reduction)


def huber_loss(
    labels: Any, predictions: Any, weights: Any = 1.0, delta: float = 1.0, scope: str | None = None,
    loss_collection: Any = "losses", reduction: str = _BY_WEIGHTS,
) -> Tensor:  # fmt: skip
    """Squares of differences up to `delta`, linear beyond."""
    y, x = _operands(labels, predictions)
    error = ops.abs(x - y)
    inner = ops.minimum(error, delta)
    loss = 0.5 * inner * inner + delta * (error - inner)
    return compute_weighted_loss(loss, weights, scope, loss_collection, reduction)


def hinge_loss(
    labels: Any, logits: Any, weights: Any = 1.0, scope: str | None = None, loss_collection: Any = "losses",
    reduction: str = _BY_WEIGHTS,
) -> Tensor:  # fmt: skip
    """max(0, 1 - y x) for labels 0 and 1 taken as -1 and 1."""
    y, x = _operands(labels, logits)
    loss = ops.relu(1.0 - (2 * y - 1) * x)
    return compute_weighted_loss(loss, weights, scope, loss_collection, reduction)


def log_loss(
    labels: Any, predictions: Any, weights: Any = 1.0, epsilon: float = 1e-7, scope: str | None = None,
    loss_collection: Any = "losses", reduction: str = _BY_WEIGHTS,
) -> Tensor:  # fmt: skip
    """Crossentropy of probabilities."""
    y, x = _operands(labels, predictions)
    loss = -y * ops.log(x + epsilon) - (1 - y) * ops.log(1 - x + epsilon)
    return compute_weighted_loss(loss, weights, scope, loss_collection, reduction)


def cosine_distance(
    labels: Any, predictions: Any, axis: Any = None, weights: Any = 1.0, scope: str | None = None,
    loss_collection: Any = "losses", reduction: str = _BY_WEIGHTS, dim: Any = None,
) -> Tensor:  # fmt: skip
    """1 less the product of unit vectors."""
    y, x = _operands(labels, predictions)
    axis = dim if axis is None else axis
    if axis is None:
        raise ValueError("You must specify 'axis'.")
    return compute_weighted_loss(1 - ops.sum(x * y, int(axis), True), weights, scope, loss_collection, reduction)


def _smoothed(y: Tensor, smoothing: float, classes: Any) -> Tensor:
    if not smoothing:
        return y
    return y * (1 - smoothing) + smoothing / ops.cast(convert(classes), y.dtype)


def sigmoid_cross_entropy(
    multi_class_labels: Any, logits: Any, weights: Any = 1.0, label_smoothing: float = 0, scope: str | None = None,
    loss_collection: Any = "losses", reduction: str = _BY_WEIGHTS,
) -> Tensor:  # fmt: skip
    """Crossentropy of sigmoid(logits)."""
    y, x = _operands(multi_class_labels, logits)
    loss = nn.sigmoid_cross_entropy_with_logits(labels=_smoothed(y, label_smoothing, 2), logits=x)
    return compute_weighted_loss(loss, weights, scope, loss_collection, reduction)


def softmax_cross_entropy(
    onehot_labels: Any, logits: Any, weights: Any = 1.0, label_smoothing: float = 0, scope: str | None = None,
    loss_collection: Any = "losses", reduction: str = _BY_WEIGHTS,
) -> Tensor:  # fmt: skip
    """Crossentropy of softmax(logits)."""
    y, x = _operands(onehot_labels, logits)
    y = ops.stop_gradient(_smoothed(y, label_smoothing, ops.shape(x)[1]))
    loss = nn.softmax_cross_entropy_with_logits_v2(labels=y, logits=x)
    return compute_weighted_loss(loss, weights, scope, loss_collection, reduction)


def sparse_softmax_cross_entropy(
    labels: Any, logits: Any, weights: Any = 1.0, scope: str | None = None, loss_collection: Any = "losses",
    reduction: str = _BY_WEIGHTS,
) -> Tensor:  # fmt: skip
    """Crossentropy of softmax(logits) for class numbers."""
    y, x = convert(labels), convert(logits)
    if rank_of(y, "labels") == rank_of(x, "logits"):
        y = ops.squeeze(y, -1)
    loss = nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=x)
    return compute_weighted_loss(loss, weights, scope, loss_collection, reduction)


__getattr__ = module_getattr("losses")
