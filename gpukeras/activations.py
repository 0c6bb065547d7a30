"""Activation functions, by name or as functions of a tensor."""

import warnings

from . import backend as K
from .utils.generic_utils import deserialize_keras_object

# Klambauer et al. 2017: chosen so that mean 0 and variance 1 are a fixed point of a selu layer.
_SELU_ALPHA = 1.6732632423543772848170429916717
_SELU_SCALE = 1.0507009873554804934193349852946


def softmax(x, axis=-1):
    """Exponentials rescaled to a sum of 1 along an axis.

    Arguments:
        x: tensor of rank 2 or more.
        axis: int, the axis that sums to 1.

    Returns:
        Tensor like `x`.

    Raises:
        ValueError: when `x` has fewer than two axes.
    """
    ndim = K.ndim(x)
    if ndim is not None and ndim < 2:
        raise ValueError(
            f"Cannot apply softmax to a tensor that is {ndim}D; expected (N, C) or more axes, "
            f"got shape {K.int_shape(x)}"
        )
    return K.softmax(x, axis=axis)


def elu(x, alpha=1.0):
    """x above 0, alpha * (exp(x) - 1) below.

    Arguments:
        x: tensor.
        alpha: float, minus the limit for very negative `x`.

    Returns:
        Tensor like `x`.

    Source: Clevert et al., "Fast and Accurate Deep Network Learning by Exponential Linear Units", 2015.
    """
    return K.elu(x, alpha)


def selu(x):
    """A scaled `elu` that drives activations towards mean 0 and variance 1.

    Use it with the `lecun_normal` initializer and `AlphaDropout`.

    Arguments:
        x: tensor.

    Returns:
        Tensor like `x`.

    Source: Klambauer et al., "Self-Normalizing Neural Networks", 2017.
    """
    return _SELU_SCALE * K.elu(x, _SELU_ALPHA)


def softplus(x):
    """log(exp(x) + 1).

    Arguments:
        x: tensor.

    Returns:
        Tensor like `x`.
    """
    return K.softplus(x)


def softsign(x):
    """x / (|x| + 1).

    Arguments:
        x: tensor.

    Returns:
        Tensor like `x`.
    """
    return K.softsign(x)


def relu(x, alpha=0.0, max_value=None, threshold=0.0):
    """x at or above the threshold (at most `max_value`), alpha * (x - threshold) below it.

    Arguments:
        x: tensor.
        alpha: float, slope below the threshold.
        max_value: float, the largest result, or None.
        threshold: float.

    Returns:
        Tensor like `x`.
    """
    return K.relu(x, alpha=alpha, max_value=max_value, threshold=threshold)


def tanh(x):
    """Hyperbolic tangent.

    Arguments:
        x: tensor.

    Returns:
        Tensor like `x`.
    """
    return K.tanh(x)


def sigmoid(x):
    """1 / (1 + exp(-x)).

    Arguments:
        x: tensor.

    Returns:
        Tensor like `x`.
    """
    return K.sigmoid(x)


def hard_sigmoid(x):
    """A straight-line sigmoid: 0.2 * x + 0.5, clipped to [0, 1].

    Arguments:
        x: tensor.

    Returns:
        Tensor like `x`.
    """
    return K.hard_sigmoid(x)


def exponential(x):
    """exp(x).

    Arguments:
        x: tensor.

    Returns:
        Tensor like `x`.
    """
    return K.exp(x)


def linear(x):
    """x, unchanged.

    Arguments:
        x: tensor.

    Returns:
        `x` itself.
    """
    return x


def serialize(activation):
    """The name that stands for an activation in a config.

    Arguments:
        activation: a function.

    Returns:
        str, the function's name.
    """
    return activation.__name__


def deserialize(name, custom_objects=None):
    """The activation function that a name stands for.

    Arguments:
        name: str.
        custom_objects: dict of name -> function.

    Returns:
        The function.

    Raises:
        ValueError: for an unknown name.
    """
    return deserialize_keras_object(
        name,
        module_objects=globals(),
        custom_objects=custom_objects,
        printable_module_name="activation function",
    )


def get(identifier):
    """Finds an activation by name, and passes functions through.

    Arguments:
        identifier: None (which means `linear`), str or callable.

    Returns:
        A function of a tensor.

    Raises:
        ValueError: for an unknown name or another type.
    """
    if identifier is None:
        return linear
    if isinstance(identifier, str):
        return deserialize(identifier)
    if callable(identifier):
        _warn_about_layer(identifier)
        return identifier
    raise ValueError(
        f"Could not interpret activation function identifier: {identifier!r}; "
        "expected a name such as 'relu', a function of a tensor, or None"
    )


def _warn_about_layer(identifier):
    # Imported here: the engine itself imports this module.
    from .engine.base_layer import Layer

    if isinstance(identifier, Layer):
        warnings.warn(
            f"The layer {type(identifier).__name__!r} was passed as an activation: its weights would not be "
            "tracked and the model could not be saved. Add it to the model as a layer instead.",
            stacklevel=3,
        )
