"""Regularizers: penalties on weights or activities that are added to the loss."""

from . import backend as K
from .utils.generic_utils import deserialize_keras_object, serialize_keras_object


class Regularizer:
    """Base of all regularizers: called with a tensor, returns a scalar penalty."""

    def __call__(self, x):
        return 0.0

    @classmethod
    def from_config(cls, config):
        """Builds a regularizer from what `get_config` returned.

        Arguments:
            config: dict.

        Returns:
            A new regularizer.
        """
        return cls(**config)


class L1L2(Regularizer):
    """l1 * sum(|x|) + l2 * sum(x^2).

    Arguments:
        l1: float, weight of the absolute values.
        l2: float, weight of the squares.
    """

    def __init__(self, l1=0.0, l2=0.0):
        self.l1 = K.cast_to_floatx(l1)
        self.l2 = K.cast_to_floatx(l2)

    def __call__(self, x):
        penalty = float(self.l1) * K.sum(K.abs(x)) if self.l1 else 0.0
        if self.l2:
            squares = float(self.l2) * K.sum(K.square(x))
            penalty = penalty + squares if self.l1 else squares
        return penalty

    def get_config(self):
        """Arguments to build an equal regularizer from.

        Returns:
            dict.
        """
        return {"l1": float(self.l1), "l2": float(self.l2)}


def l1(l=0.01):
    """An `L1L2` with absolute values only.

    Arguments:
        l: float, their weight.

    Returns:
        `L1L2`.
    """
    return L1L2(l1=l)


def l2(l=0.01):
    """An `L1L2` with squares only.

    Arguments:
        l: float, their weight.

    Returns:
        `L1L2`.
    """
    return L1L2(l2=l)


def l1_l2(l1=0.01, l2=0.01):
    """An `L1L2` with both.

    Arguments:
        l1: float, weight of the absolute values.
        l2: float, weight of the squares.

    Returns:
        `L1L2`.
    """
    return L1L2(l1=l1, l2=l2)


# Files of tf.keras name the two halves of L1L2 as classes of their own.
_FOREIGN = {"L1": lambda l1=0.01: L1L2(l1=l1), "L2": lambda l2=0.01: L1L2(l2=l2)}


def serialize(regularizer):
    """What a config stores for a regularizer.

    Arguments:
        regularizer: a `Regularizer`, a function, or None.

    Returns:
        dict, str or None.
    """
    return serialize_keras_object(regularizer)


def deserialize(config, custom_objects=None):
    """Builds a regularizer from its config.

    Arguments:
        config: dict with `class_name` and `config`, or the name of a class or function.
        custom_objects: dict of name -> class.

    Returns:
        The regularizer.

    Raises:
        ValueError: for an unknown name.
    """
    return deserialize_keras_object(
        config,
        module_objects={**_FOREIGN, **globals()},
        custom_objects=custom_objects,
        printable_module_name="regularizer",
    )


def get(identifier):
    """Finds a regularizer by name or config, and passes callables through.

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
        f"Could not interpret regularizer identifier: {identifier!r}; expected a name such as 'l2', "
        "a Regularizer, a function of a tensor, or None"
    )
