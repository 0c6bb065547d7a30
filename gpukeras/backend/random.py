"""Random tensors and variables.

A `seed` of None is drawn from NumPy's generator when the tensor is made, so `np.random.seed` reproduces a run.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import ops
from ..graph.dtype import as_dtype
from ..graph.tensor import Tensor, Variable
from .variables import variable

__all__ = [
    "random_binomial",
    "random_normal",
    "random_normal_variable",
    "random_uniform",
    "random_uniform_variable",
    "truncated_normal",
]


def draw_seed(seed: int | None) -> int:
    """Returns `seed`, or one drawn from NumPy's generator when it is None.

    Arguments:
        seed: int or None.

    Returns:
        An int.
    """
    return int(np.random.randint(10_000_000)) if seed is None else int(seed)


def random_normal(
    shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: int | None = None
) -> Tensor:
    """Returns a tensor of normally distributed numbers, new ones at every evaluation.

    Arguments:
        shape: ints and scalar tensors, or one int vector tensor.
        mean: mean of the distribution.
        stddev: its standard deviation.
        dtype: element type; default: floatx.
        seed: int.

    Returns:
        Tensor.
    """
    return ops.random_normal(shape, mean, stddev, as_dtype(dtype), draw_seed(seed))


def random_uniform(
    shape: Any, minval: float = 0.0, maxval: float = 1.0, dtype: Any = None, seed: int | None = None
) -> Tensor:
    """Returns a tensor of uniformly distributed numbers, new ones at every evaluation.

    Arguments:
        shape: ints and scalar tensors, or one int vector tensor.
        minval: lower limit.
        maxval: upper limit, not included.
        dtype: element type; default: floatx.
        seed: int.

    Returns:
        Tensor.
    """
    return ops.random_uniform(shape, minval, maxval, as_dtype(dtype), draw_seed(seed))


def truncated_normal(
    shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: int | None = None
) -> Tensor:
    """Returns a tensor of normally distributed numbers, drawn again until within two deviations of the mean.

    Arguments:
        shape: ints and scalar tensors, or one int vector tensor.
        mean: mean of the distribution before it is cut.
        stddev: standard deviation before it is cut; that of the result is 0.8796 times as large.
        dtype: element type; default: floatx.
        seed: int.

    Returns:
        Tensor.
    """
    return ops.truncated_normal(shape, mean, stddev, as_dtype(dtype), draw_seed(seed))


def random_binomial(shape: Any, p: Any = 0.0, dtype: Any = None, seed: int | None = None) -> Tensor:
    """Returns a tensor of zeros and ones, new ones at every evaluation.

    Arguments:
        shape: ints and scalar tensors, or one int vector tensor.
        p: probability of a one, number or float tensor.
        dtype: element type; default: floatx.
        seed: int.

    Returns:
        Tensor.
    """
    return ops.random_binomial(shape, p, as_dtype(dtype), draw_seed(seed))


def random_uniform_variable(
    shape: Any, low: float, high: float, dtype: Any = None, name: str | None = None, seed: int | None = None
) -> Variable:
    """Makes a variable that starts with uniformly distributed numbers.

    Arguments:
        shape: tuple of ints.
        low: lower limit.
        high: upper limit, not included.
        dtype: element type; default: floatx.
        name: base of the variable's name.
        seed: int.

    Returns:
        The variable.
    """
    return variable(random_uniform(shape, low, high, dtype, seed), dtype, name)


def random_normal_variable(
    shape: Any, mean: float, scale: float, dtype: Any = None, name: str | None = None, seed: int | None = None
) -> Variable:
    """Makes a variable that starts with normally distributed numbers.

    Arguments:
        shape: tuple of ints.
        mean: mean of the distribution.
        scale: its standard deviation.
        dtype: element type; default: floatx.
        name: base of the variable's name.
        seed: int.

    Returns:
        The variable.
    """
    return variable(random_normal(shape, mean, scale, dtype, seed), dtype, name)
