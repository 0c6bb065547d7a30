"""Metrics: numbers to watch while training. Most losses are metrics as well.

A metric is a function of (y_true, y_pred) whose result is averaged, or a stateful layer with `reset_states`.
"""

from . import backend as K
from .losses import (  # noqa: F401  (losses are metrics too)
    binary_crossentropy,
    categorical_crossentropy,
    cosine_proximity,
    hinge,
    kullback_leibler_divergence,
    logcosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    poisson,
    sparse_categorical_crossentropy,
    squared_hinge,
)
from .utils.generic_utils import deserialize_keras_object, serialize_keras_object


def binary_accuracy(y_true, y_pred):
    """Share of the last axis on which the prediction, rounded to 0 or 1, equals the target.

    Arguments:
        y_true: tensor (N, ..., D), targets 0 or 1.
        y_pred: tensor (N, ..., D), probabilities.

    Returns:
        Tensor (N, ...), between 0 and 1.
    """
    return K.mean(K.equal(y_true, K.round(y_pred)), axis=-1)


def categorical_accuracy(y_true, y_pred):
    """Whether the most probable class is the target's class.

    Arguments:
        y_true: tensor (N, ..., C), one-hot targets.
        y_pred: tensor (N, ..., C), probabilities or scores.

    Returns:
        Tensor (N, ...) of 0 and 1.
    """
    return K.cast(K.equal(K.argmax(y_true, axis=-1), K.argmax(y_pred, axis=-1)), K.floatx())


def sparse_categorical_accuracy(y_true, y_pred):
    """Whether the most probable class is the target's class number.

    Arguments:
        y_true: tensor (N, ...) or (N, ..., 1), class numbers.
        y_pred: tensor (N, ..., C), probabilities or scores.

    Returns:
        Tensor (N, ...) of 0 and 1.
    """
    predicted = K.argmax(y_pred, axis=-1)
    # Targets may come as (N,) or (N, 1); for sequences as (N, T) or (N, T, 1).
    expected = K.flatten(y_true) if K.ndim(y_pred) == 2 else K.reshape(y_true, K.shape(predicted))
    return K.cast(K.equal(K.cast(expected, K.floatx()), K.cast(predicted, K.floatx())), K.floatx())


def top_k_categorical_accuracy(y_true, y_pred, k=5):
    """Share of samples whose target class is among the `k` most probable ones.

    Arguments:
        y_true: tensor (N, C), one-hot targets.
        y_pred: tensor (N, C), probabilities or scores.
        k: int, how many classes may be right.

    Returns:
        Scalar tensor.
    """
    return K.mean(K.in_top_k(y_pred, K.argmax(y_true, axis=-1), k), axis=-1)


def sparse_top_k_categorical_accuracy(y_true, y_pred, k=5):
    """Share of samples whose target class number is among the `k` most probable ones.

    Arguments:
        y_true: tensor (N,) or (N, 1), class numbers.
        y_pred: tensor (N, C), probabilities or scores.
        k: int, how many classes may be right.

    Returns:
        Scalar tensor.
    """
    return K.mean(K.in_top_k(y_pred, K.cast(K.flatten(y_true), "int32"), k), axis=-1)


mse = MSE = mean_squared_error
mae = MAE = mean_absolute_error
mape = MAPE = mean_absolute_percentage_error
msle = MSLE = mean_squared_logarithmic_error
cosine = cosine_proximity


def serialize(metric):
    """What a config stores for a metric.

    Arguments:
        metric: a function, or an object with `get_config`.

    Returns:
        str or dict.
    """
    return serialize_keras_object(metric)


def deserialize(config, custom_objects=None):
    """The metric that a name or config stands for.

    Arguments:
        config: str, or dict with `class_name` and `config`.
        custom_objects: dict of name -> function or class.

    Returns:
        The metric.

    Raises:
        ValueError: for an unknown name.
    """
    return deserialize_keras_object(
        config,
        module_objects=globals(),
        custom_objects=custom_objects,
        printable_module_name="metric function",
    )


def get(identifier):
    """Finds a metric by name or config, and passes functions through.

    Arguments:
        identifier: str, config dict or callable.

    Returns:
        A callable.

    Raises:
        ValueError: for an unknown name or another type.
    """
    if isinstance(identifier, (str, dict)):
        return deserialize(identifier)
    if callable(identifier):
        return identifier
    raise ValueError(
        f"Could not interpret metric function identifier: {identifier!r}; expected a name such as 'mae' "
        "or a function of (y_true, y_pred)"
    )
