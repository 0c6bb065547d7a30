"""Every function of arrays, in every float type, from variables, arrays and placeholders, and its gradient."""

from __future__ import annotations

import numpy as np
import pytest

from gpukeras import backend as K
from tests.backend import checks
from tests.backend.cases import CASES

every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


@every_case
def test_values(case):
    for dtype in ("float32", "float64"):
        checks.check_values(case, dtype)


@pytest.mark.parametrize("case", [c for c in CASES if c.half], ids=lambda case: case.name)
def test_half_precision(case):
    checks.check_values(case, "float16")


@pytest.mark.parametrize("case", [c for c in CASES if c.grad], ids=lambda case: case.name)
def test_gradients(case):
    checks.check_gradients(case)


def test_case_names_are_unique():
    names = [c.name for c in CASES]
    assert len(set(names)) == len(names), sorted(n for n in names if names.count(n) > 1)


def test_numpy_float64_does_not_leak():
    x = K.variable([1.0, 2.0])
    for y in (
        x * np.float64(3),
        np.ones(2) + x,
        x / np.arange(1, 3),
        K.maximum(x, np.ones(2)),
        K.dot([[1.0, 2.0]], [[1.0], [2.0]]),
    ):
        assert K.dtype(y) == "float32"


def test_integer_arithmetic():
    i = K.variable([7, -7], dtype="int32")
    assert K.dtype(i + 1) == "int32"
    assert K.dtype(i * 2.5) == "float32"
    np.testing.assert_array_equal(K.eval(i // 2), [3, -4])
    np.testing.assert_allclose(K.eval(i / 2), [3.5, -3.5])
    assert K.dtype(i / 2) == "float32"
    np.testing.assert_array_equal(K.eval(K.max(K.reshape(i, (1, 2)), axis=1)), [7])
    assert K.dtype(K.sum(i)) == "int32"


def test_mean_of_bools_counts():
    hits = K.greater(K.variable([1.0, -1.0, 2.0, 3.0]), 0.0)
    assert K.dtype(hits) == "bool"
    share = K.mean(hits)
    assert K.dtype(share) == "float32"
    assert K.eval(share) == np.float32(0.75)
    assert K.eval(K.var(hits)) == np.float32(0.1875)


def test_argmax_takes_the_first_and_is_int64():
    x = K.variable([[1.0, 3.0, 3.0], [2.0, 2.0, 1.0]])
    best = K.argmax(x)
    assert K.dtype(best) == "int64"
    np.testing.assert_array_equal(K.eval(best), [1, 0])
    np.testing.assert_array_equal(K.eval(K.argmin(x, axis=0)), [0, 1, 1])


def test_round_halves_to_even():
    np.testing.assert_array_equal(K.eval(K.round(K.variable([0.5, 1.5, 2.5, -0.5, 2.6]))), [0, 2, 2, 0, 3])


def test_cast():
    x = K.variable([0.0, 1.5, -2.7])
    np.testing.assert_array_equal(K.eval(K.cast(x, "int32")), [0, 1, -2])
    np.testing.assert_array_equal(K.eval(K.cast(x, "bool")), [False, True, True])
    assert K.cast(x, "float32") is x
    with pytest.raises(TypeError, match="complex"):
        K.cast(x, "complex64")


def test_clip_forms():
    x = K.variable([-2.0, 0.5, 2.0])
    np.testing.assert_array_equal(K.eval(K.clip(x, 0, None)), [0, 0.5, 2])
    np.testing.assert_array_equal(K.eval(K.clip(x, None, 1)), [-2, 0.5, 1])
    np.testing.assert_array_equal(K.eval(K.clip(x, 1, 0)), [1, 1, 1])
    np.testing.assert_array_equal(K.eval(K.clip(x, K.variable(-1.0), K.variable(1.0))), [-1, 0.5, 1])


def test_sqrt_of_negative_numbers_is_zero():
    np.testing.assert_array_equal(K.eval(K.sqrt(K.variable([-4.0, 0.0, 4.0]))), [0, 0, 2])


def test_sign_and_logic():
    x = K.variable([[1.0, 0.0], [-2.0, 0.0]])
    np.testing.assert_array_equal(K.eval(K.sign(x)), [[1, 0], [-1, 0]])
    np.testing.assert_array_equal(K.eval(K.any(x, axis=0)), [True, False])
    np.testing.assert_array_equal(K.eval(K.all(x, axis=1)), [False, False])
    assert K.eval(K.any(x)) and not K.eval(K.all(x))


def test_shapes_that_do_not_broadcast_are_named():
    with pytest.raises(ValueError, match=r"\(2, 3\).*\(4,\)"):
        K.maximum(K.zeros((2, 3)), K.zeros((4,)))


def test_gradients_at_the_edges():
    x = K.variable([-1.0, 0.0, 6.0, 7.0, 3.0])
    for y, want in (
        (K.relu(x), [0, 0, 1, 1, 1]),
        (K.relu(x, alpha=0.5), [0.5, 0.5, 1, 1, 1]),
        (K.relu(x, max_value=5.0), [0, 0, 0, 0, 1]),
        (K.clip(x, 0.0, 6.0), [0, 1, 1, 0, 1]),
        (K.maximum(x, K.stop_gradient(x)), [1, 1, 1, 1, 1]),
        (K.abs(x), [-1, 0, 1, 1, 1]),
        (K.sqrt(x - 6.0), [0, 0, np.inf, 0.5, 0]),
        (K.hard_sigmoid(x * 2.5), np.array([0.5, 0.5, 0, 0, 0])),
    ):
        np.testing.assert_array_equal(K.eval(K.gradients(K.sum(y), [x])[0]), want)


def test_ties_share_the_gradient_of_an_extreme():
    x = K.variable([[1.0, 2.0, 2.0], [3.0, 1.0, 0.0]])
    (dx,) = K.gradients(K.sum(K.max(x, axis=1)), [x])
    np.testing.assert_array_equal(K.eval(dx), [[0, 0.5, 0.5], [1, 0, 0]])


def test_arange():
    for args, want in (
        ((5,), [0, 1, 2, 3, 4]),
        ((-5,), []),
        ((2, 8, 3), [2, 5]),
        ((5, 0, -2), [5, 3, 1]),
    ):
        x = K.arange(*args)
        assert K.dtype(x) == "int32" and K.int_shape(x) == (len(want),)
        np.testing.assert_array_equal(K.eval(x), want)
    np.testing.assert_allclose(K.eval(K.arange(2, 8, 2.5, dtype="float32")), [2, 4.5, 7])
    n = K.placeholder((), dtype="int32")
    f = K.function([n], [K.arange(n), K.arange(1, n)])
    for length in (4, 2, 0):
        whole, rest = f([length])
        np.testing.assert_array_equal(whole, np.arange(length))
        np.testing.assert_array_equal(rest, np.arange(1, length))


def test_one_hot_is_of_the_default_float_type():
    assert K.dtype(K.one_hot(K.variable([1], dtype="int32"), 3)) == "float32"


def test_shape_arithmetic_is_known_while_the_graph_is_built():
    x = K.placeholder((None, 4, 6))
    n = K.shape(x)
    for y, want in (
        (K.reshape(x, (n[0], n[1] * n[2])), (None, 24)),
        (K.reshape(x, K.stack([n[0] * n[1], n[2]])), (None, 6)),
        (K.reshape(x, K.concatenate([n[:1], [24]])), (None, 24)),
        (K.zeros((n[1], n[2] // 2)), (4, 3)),
        (K.tile(K.ones((1, 2)), (n[1], 1)), (4, 2)),
    ):
        assert K.int_shape(y) == want
        assert all(
            m in (None, k) for m, k in zip(want, K.function([x], [y])([np.zeros((2, 4, 6))])[0].shape, strict=True)
        )


def test_device_scope():
    with K.device("/cpu:0"):
        assert K.exp(K.variable(1.0)).device == "/cpu:0"
    assert K.exp(K.variable(1.0)).device is None
