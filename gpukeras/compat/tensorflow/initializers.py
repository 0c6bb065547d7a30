"""`tf.initializers`: first values of variables, those of Keras under TensorFlow's names."""

from __future__ import annotations

from typing import Any

from ... import initializers as keras
from ._missing import module_getattr
from ._variables import global_variables_initializer, local_variables_initializer, variables_initializer

zeros = keras.Zeros
ones = keras.Ones
constant = keras.Constant
variance_scaling = keras.VarianceScaling
orthogonal = keras.Orthogonal
identity = keras.Identity
glorot_uniform, glorot_normal = keras.glorot_uniform, keras.glorot_normal
he_uniform, he_normal = keras.he_uniform, keras.he_normal
lecun_uniform, lecun_normal = keras.lecun_uniform, keras.lecun_normal
global_variables, variables = global_variables_initializer, variables_initializer
local_variables = local_variables_initializer


class random_normal(keras.RandomNormal):
    """Normally distributed numbers; TensorFlow's default is a standard deviation of 1."""

    def __init__(self, mean: float = 0.0, stddev: float = 1.0, seed: Any = None, dtype: Any = None) -> None:
        super().__init__(mean, stddev, seed)


class random_uniform(keras.RandomUniform):
    """Uniform numbers; TensorFlow's default is the interval from 0 to 1."""

    def __init__(self, minval: float = 0, maxval: Any = None, seed: Any = None, dtype: Any = None) -> None:
        super().__init__(minval, 1.0 if maxval is None else maxval, seed)


class truncated_normal_initializer(keras.TruncatedNormal):
    """Truncated normal numbers; TensorFlow's default is a standard deviation of 1."""

    def __init__(self, mean: float = 0.0, stddev: float = 1.0, seed: Any = None, dtype: Any = None) -> None:
        super().__init__(mean, stddev, seed)


truncated_normal = truncated_normal_initializer


__getattr__ = module_getattr("initializers")
