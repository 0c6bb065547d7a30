"""Loss functions: how far predictions are from targets, per sample.

Every function takes `y_true` and `y_pred` of the same shape (unless its docstring says otherwise) and averages
or sums over the last axis, so its result has one axis less. Training turns that into one number, after masks
and sample weights.
"""

import math

from . import backend as K
from .utils.generic_utils import deserialize_keras_object, serialize_keras_object

_LOG_2 = math.log(2.0)


def mean_squared_error(y_true, y_pred):
    """Mean of the squared differences.

    Arguments:
        y_true: tensor (N, ..., D), targets.
        y_pred: tensor (N, ..., D), predictions.

    Returns:
        Tensor (N, ...).
    """
    return K.mean(K.square(y_pred - y_true), axis=-1)


def mean_absolute_error(y_true, y_pred):
    """Mean of the absolute differences.

    Arguments:
        y_true: tensor (N, ..., D), targets.
        y_pred: tensor (N, ..., D), predictions.

    Returns:
        Tensor (N, ...).
    """
    return K.mean(K.abs(y_pred - y_true), axis=-1)


def mean_absolute_percentage_error(y_true, y_pred):
    """Mean of the absolute differences in per cent of the targets, which count as `K.epsilon()` at least.

    Arguments:
        y_true: tensor (N, ..., D), targets.
        y_pred: tensor (N, ..., D), predictions.

    Returns:
        Tensor (N, ...), 100 standing for a difference as large as the target.
    """
    relative = K.abs((y_true - y_pred) / K.clip(K.abs(y_true), K.epsilon(), None))
    return 100.0 * K.mean(relative, axis=-1)


def mean_squared_logarithmic_error(y_true, y_pred):
    """Mean of the squared differences of log(1 + value), values counting as `K.epsilon()` at least.

    Arguments:
        y_true: tensor (N, ..., D), targets, not negative.
        y_pred: tensor (N, ..., D), predictions.

    Returns:
        Tensor (N, ...).
    """
    log_pred = K.log(K.clip(y_pred, K.epsilon(), None) + 1.0)
    log_true = K.log(K.clip(y_true, K.epsilon(), None) + 1.0)
    return K.mean(K.square(log_true - log_pred), axis=-1)


def squared_hinge(y_true, y_pred):
    """Mean of max(1 - y_true * y_pred, 0) squared.

    Arguments:
        y_true: tensor (N, ..., D), targets, -1 or 1.
        y_pred: tensor (N, ..., D), predictions.

    Returns:
        Tensor (N, ...).
    """
    return K.mean(K.square(K.maximum(1.0 - y_true * y_pred, 0.0)), axis=-1)


def hinge(y_true, y_pred):
    """Mean of max(1 - y_true * y_pred, 0).

    Arguments:
        y_true: tensor (N, ..., D), targets, -1 or 1.
        y_pred: tensor (N, ..., D), predictions.

    Returns:
        Tensor (N, ...).
    """
    return K.mean(K.maximum(1.0 - y_true * y_pred, 0.0), axis=-1)


def categorical_hinge(y_true, y_pred):
    """By how much the best wrong class comes within 1 of the right one: max(wrong - right + 1, 0).

    Arguments:
        y_true: tensor (N, ..., C), one-hot targets.
        y_pred: tensor (N, ..., C), scores.

    Returns:
        Tensor (N, ...).
    """
    right = K.sum(y_true * y_pred, axis=-1)
    wrong = K.max((1.0 - y_true) * y_pred, axis=-1)
    return K.maximum(0.0, wrong - right + 1.0)


def logcosh(y_true, y_pred):
    """Mean of log(cosh(y_pred - y_true)): squared for small errors, absolute for large ones.

    Arguments:
        y_true: tensor (N, ..., D), targets.
        y_pred: tensor (N, ..., D), predictions.

    Returns:
        Tensor (N, ...).
    """
    x = y_pred - y_true
    # log(cosh x) = x + softplus(-2x) - log 2 never forms cosh, which overflows early.
    return K.mean(x + K.softplus(-2.0 * x) - _LOG_2, axis=-1)


def categorical_crossentropy(y_true, y_pred):
    """Crossentropy of a distribution over classes with a target distribution.

    Arguments:
        y_true: tensor (N, ..., C), one-hot or soft targets.
        y_pred: tensor (N, ..., C), probabilities; they are rescaled to a sum of 1 first.

    Returns:
        Tensor (N, ...).
    """
    return K.categorical_crossentropy(y_true, y_pred)


def sparse_categorical_crossentropy(y_true, y_pred):
    """Crossentropy of a distribution over classes with an integer class per sample.

    Arguments:
        y_true: tensor (N, ...) or (N, ..., 1), class numbers.
        y_pred: tensor (N, ..., C), probabilities.

    Returns:
        Tensor (N, ...).
    """
    return K.sparse_categorical_crossentropy(y_true, y_pred)


def binary_crossentropy(y_true, y_pred):
    """Mean crossentropy of independent yes/no probabilities.

    Arguments:
        y_true: tensor (N, ..., D), targets between 0 and 1.
        y_pred: tensor (N, ..., D), probabilities.

    Returns:
        Tensor (N, ...).
    """
    return K.mean(K.binary_crossentropy(y_true, y_pred), axis=-1)


def kullback_leibler_divergence(y_true, y_pred):
    """Sum of y_true * log(y_true / y_pred), both clipped to [`K.epsilon()`, 1].

    Arguments:
        y_true: tensor (N, ..., C), target distribution.
        y_pred: tensor (N, ..., C), predicted distribution.

    Returns:
        Tensor (N, ...).
    """
    y_true = K.clip(y_true, K.epsilon(), 1)
    y_pred = K.clip(y_pred, K.epsilon(), 1)
    return K.sum(y_true * K.log(y_true / y_pred), axis=-1)


def poisson(y_true, y_pred):
    """Mean of y_pred - y_true * log(y_pred): the Poisson likelihood of counts, without its constant.

    Arguments:
        y_true: tensor (N, ..., D), counts.
        y_pred: tensor (N, ..., D), predicted rates, positive.

    Returns:
        Tensor (N, ...).
    """
    return K.mean(y_pred - y_true * K.log(y_pred + K.epsilon()), axis=-1)


def cosine_proximity(y_true, y_pred):
    """Minus the cosine of the angle between target and prediction, so that -1 is best.

    Arguments:
        y_true: tensor (N, ..., D), targets.
        y_pred: tensor (N, ..., D), predictions.

    Returns:
        Tensor (N, ...).
    """
    y_true = K.l2_normalize(y_true, axis=-1)
    y_pred = K.l2_normalize(y_pred, axis=-1)
    return -K.sum(y_true * y_pred, axis=-1)


mse = MSE = mean_squared_error
mae = MAE = mean_absolute_error
mape = MAPE = mean_absolute_percentage_error
msle = MSLE = mean_squared_logarithmic_error
kld = KLD = kullback_leibler_divergence
cosine = cosine_proximity


def serialize(loss):
    """The name that stands for a loss in a config.

    Arguments:
        loss: a loss function.

    Returns:
        str, the function's name.
    """
    return serialize_keras_object(loss)


def deserialize(name, custom_objects=None):
    """The loss function that a name stands for.

    Arguments:
        name: str, or a config dict of a custom loss object.
        custom_objects: dict of name -> function.

    Returns:
        The loss function.

    Raises:
        ValueError: for an unknown name.
    """
    return deserialize_keras_object(
        name, module_objects=globals(), custom_objects=custom_objects, printable_module_name="loss function"
    )


def get(identifier):
    """Finds a loss by name or config, and passes functions through.

    Arguments:
        identifier: None, str, config dict or callable.

    Returns:
        A callable, or None for None.

    Raises:
        ValueError: for an unknown name or another type.
    """
    if identifier is None:
        return None
    if isinstance(identifier, (str, dict)):
        return deserialize(identifier)
    if callable(identifier):
        return identifier
    raise ValueError(
        f"Could not interpret loss function identifier: {identifier!r}; expected a name such as 'mse', "
        "a function of (y_true, y_pred), or None"
    )
