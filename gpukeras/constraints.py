"""Constraints: what a weight is projected onto after each optimizer update."""

from . import backend as K
from .utils.generic_utils import deserialize_keras_object, serialize_keras_object


class Constraint:
    """Base of all constraints: called with a weight, returns the constrained weight."""

    def __call__(self, w):
        return w

    def get_config(self):
        """Arguments to build an equal constraint from.

        Returns:
            dict.
        """
        return {}


def _norm(w, axis):
    return K.sqrt(K.sum(K.square(w), axis=axis, keepdims=True))


class MaxNorm(Constraint):
    """Shrinks each vector of a weight to a norm of at most `max_value`.

    Arguments:
        max_value: float, largest norm.
        axis: int or list of int, the axes a vector extends over: 0 for a `Dense` kernel
            (input_dim, units), [0, 1, 2] for a channels_last `Conv2D` kernel.

    Source: Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from Overfitting", 2014.
    """

    def __init__(self, max_value=2, axis=0):
        self.max_value = max_value
        self.axis = axis

    def __call__(self, w):
        norms = _norm(w, self.axis)
        return w * (K.clip(norms, 0, self.max_value) / (K.epsilon() + norms))

    def get_config(self):
        """Arguments to build an equal constraint from.

        Returns:
            dict.
        """
        return {"max_value": self.max_value, "axis": self.axis}


class NonNeg(Constraint):
    """Sets negative entries to 0."""

    def __call__(self, w):
        return w * K.cast(K.greater_equal(w, 0.0), K.floatx())


class UnitNorm(Constraint):
    """Scales each vector of a weight to norm 1.

    Arguments:
        axis: int or list of int, the axes a vector extends over (see `MaxNorm`).
    """

    def __init__(self, axis=0):
        self.axis = axis

    def __call__(self, w):
        return w / (K.epsilon() + _norm(w, self.axis))

    def get_config(self):
        """Arguments to build an equal constraint from.

        Returns:
            dict.
        """
        return {"axis": self.axis}


class MinMaxNorm(Constraint):
    """Moves the norm of each vector of a weight into [min_value, max_value].

    Arguments:
        min_value: float, smallest norm.
        max_value: float, largest norm.
        rate: float, how far to go: 1 is all the way, less leaves that share of the old norm.
        axis: int or list of int, the axes a vector extends over (see `MaxNorm`).
    """

    def __init__(self, min_value=0.0, max_value=1.0, rate=1.0, axis=0):
        self.min_value = min_value
        self.max_value = max_value
        self.rate = rate
        self.axis = axis

    def __call__(self, w):
        norms = _norm(w, self.axis)
        desired = self.rate * K.clip(norms, self.min_value, self.max_value) + (1 - self.rate) * norms
        return w * (desired / (K.epsilon() + norms))

    def get_config(self):
        """Arguments to build an equal constraint from.

        Returns:
            dict.
        """
        return {
            "min_value": self.min_value,
            "max_value": self.max_value,
            "rate": self.rate,
            "axis": self.axis,
        }


max_norm = maxnorm = MaxNorm
non_neg = nonneg = NonNeg
unit_norm = unitnorm = UnitNorm
min_max_norm = MinMaxNorm


def serialize(constraint):
    """What a config stores for a constraint.

    Arguments:
        constraint: a `Constraint`, a function, or None.

    Returns:
        dict, str or None.
    """
    return serialize_keras_object(constraint)


def deserialize(config, custom_objects=None):
    """Builds a constraint from its config.

    Arguments:
        config: dict with `class_name` and `config`, or the name of a class or function.
        custom_objects: dict of name -> class.

    Returns:
        The constraint.

    Raises:
        ValueError: for an unknown name.
    """
    return deserialize_keras_object(
        config, module_objects=globals(), custom_objects=custom_objects, printable_module_name="constraint"
    )


def get(identifier):
    """Finds a constraint by name or config, and passes callables through.

    Arguments:
        identifier: None, str, config dict or callable.

    Returns:
        A callable, or None for None.

    Raises:
        ValueError: for an unknown name or another type.
    """
    if identifier is None:
        return None
    if isinstance(identifier, dict):
        return deserialize(identifier)
    if isinstance(identifier, str):
        return deserialize({"class_name": identifier, "config": {}})
    if callable(identifier):
        return identifier
    raise ValueError(
        f"Could not interpret constraint identifier: {identifier!r}; expected a name such as 'maxnorm', "
        "a Constraint, a function of a weight, or None"
    )
