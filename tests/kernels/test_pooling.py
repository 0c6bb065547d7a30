"""Pooling kernels against the NumPy kernels."""

import numpy as np
import pytest

from gpukeras import ops
from gpukeras.graph.gradient import gradients

from .engines import assert_engines_agree, kernels, normal, placeholder, run

# (shape, window, strides, padding)
CASES = [
    ((2, 8, 8, 3), 2, 2, "valid"),
    ((2, 9, 7, 33), 3, 2, "same"),
    ((1, 5, 5, 300), 3, 1, "same"),
    ((3, 11, 5), 4, 3, "same"),
    ((3, 11, 5), 2, 1, ((1, 1),)),
    ((2, 6, 7, 8, 9), (2, 1, 3), (1, 2, 3), "valid"),
    ((4, 3, 3, 1), 3, 3, "valid"),
]


@pytest.mark.parametrize("pool", [ops.max_pool, ops.average_pool, ops.window_sum])
@pytest.mark.parametrize("case", CASES)
def test_pooling_and_its_gradient(pool, case):
    shape, size, strides, padding = case
    x = placeholder(shape)
    y = pool(x, size, strides, padding)
    dy = placeholder(tuple(y.shape))
    feeds = {x: normal(*shape).round(1), dy: normal(*y.shape)}  # rounded, so that windows have several maxima
    (dx,) = gradients(ops.sum(y * dy), [x])
    assert_engines_agree([y, dx], feeds)


def test_the_second_derivative_of_max_pooling():
    x, v = placeholder((2, 6, 6, 4)), placeholder((2, 6, 6, 4))
    (dx,) = gradients(ops.sum(ops.square(ops.max_pool(x, 2))), [x])
    (again,) = gradients(ops.sum(dx * v), [x])
    assert_engines_agree([again], {x: normal(2, 6, 6, 4), v: normal(2, 6, 6, 4)})


def test_nan_and_infinities_pass_through():
    x = placeholder((1, 4, 4, 2))
    values = normal(1, 4, 4, 2)
    values[0, 0, 0, 0], values[0, 2, 2, 1], values[0, 3, 3, 1] = np.nan, np.inf, -np.inf
    assert_engines_agree([ops.max_pool(x, 2)], {x: np.nan_to_num(values)})
    y = ops.max_pool(x, 2)
    device_values = [run([y], {x: values}, engine)[0] for engine in ("numpy", "native")]
    np.testing.assert_array_equal(*device_values)
    assert np.isnan(device_values[1]).sum() == 1


def test_channels_first_stays_with_numpy():
    x = placeholder((2, 3, 8, 8))
    y = ops.max_pool(x, 2, channels_first=True)
    assert kernels([y], {x: normal(2, 3, 8, 8)}) == [""]
