"""Mean and variance on the native engine against NumPy in float64."""

import numpy as np
import pytest

from gpukeras import ops

from .engines import assert_engines_agree, kernels, normal, placeholder, run

# (shape, reduced axes)
CASES = [
    ((4, 5), (0,)),
    ((1, 7), (0,)),
    ((300, 1), (0,)),
    ((33, 700), (0,)),
    ((8, 9, 10, 16), (0, 1, 2)),
    ((3, 5, 7, 6), (0, 2, 3)),
    ((6, 40, 50), (1, 2)),
    ((2, 3, 4, 5, 6), (0, 1, 2, 3)),
    ((64, 33, 31, 3), (0, 1, 2)),
]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("offset", [0, 100])
def test_mean_and_variance(case, offset):
    shape, axes = case
    x = placeholder(shape)
    values = normal(*shape) + np.float32(offset)
    mean, variance = run(list(ops.moments(x, axes)), {x: values}, "native")
    assert kernels(list(ops.moments(x, axes)), {x: values}) == ["moments"]
    exact = values.astype(np.float64)
    # Half a unit in the last place of the offset, and of sums of deviations of size 1.
    np.testing.assert_allclose(mean, exact.mean(axes), rtol=1.2e-7, atol=1e-6)
    np.testing.assert_allclose(variance, exact.var(axes), rtol=2e-6 if not offset else 1e-5, atol=1e-6)


@pytest.mark.parametrize("axes", [(1,), (0, 2), (0, 1, 2)])
def test_other_axes_are_right_too(axes):
    x = placeholder((4, 5, 6))
    assert_engines_agree(list(ops.moments(x, axes)), {x: normal(4, 5, 6)})


def test_nan_stays_in_its_channel():
    values = normal(50, 4)
    values[3, 2] = np.nan
    x = placeholder((50, 4))
    mean, variance = run(list(ops.moments(x, (0,))), {x: values}, "native")
    assert np.isnan(mean).tolist() == np.isnan(variance).tolist() == [False, False, True, False]
