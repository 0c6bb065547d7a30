"""Constraints: what they project onto, and their configs."""

import numpy as np
import pytest

from gpukeras import backend as K
from gpukeras import constraints

W = np.random.RandomState(0).randn(4, 5).astype("float32") * np.array([0.01, 0.3, 1, 3, 10], dtype="float32")


def _norms(w, axis=0):
    return np.sqrt(np.sum(np.square(w), axis=axis))


@pytest.mark.parametrize("limit", [0.1, 2.0, 8.0])
def test_max_norm(limit):
    w = K.eval(constraints.max_norm(limit)(K.variable(W)))
    assert (_norms(w) <= limit + 1e-5).all()
    small = _norms(W) < limit
    np.testing.assert_allclose(w[:, small], W[:, small], rtol=1e-4)


def test_max_norm_over_several_axes():
    w = K.eval(constraints.MaxNorm(1.0, axis=[0, 1])(K.variable(np.ones((2, 3, 4)))))
    np.testing.assert_allclose(_norms(w, (0, 1)), np.ones(4), rtol=1e-5)


def test_non_neg():
    np.testing.assert_array_equal(K.eval(constraints.non_neg()(K.variable(W))), np.maximum(W, 0))


def test_unit_norm():
    w = K.eval(constraints.unit_norm(axis=1)(K.variable(W)))
    np.testing.assert_allclose(_norms(w, 1), np.ones(4), rtol=1e-5)


def test_min_max_norm():
    w = K.eval(constraints.min_max_norm(0.5, 2.0)(K.variable(W)))
    assert (_norms(w) >= 0.5 - 1e-4).all() and (_norms(w) <= 2.0 + 1e-4).all()
    half_way = K.eval(constraints.min_max_norm(0.5, 2.0, rate=0.5)(K.variable(W)))
    np.testing.assert_allclose(_norms(half_way), (_norms(w) + _norms(W)) / 2, rtol=1e-3)


@pytest.mark.parametrize("name", ["max_norm", "maxnorm", "non_neg", "nonneg", "unit_norm", "unitnorm", "min_max_norm"])
def test_names(name):
    constraint = constraints.get(name)
    config = constraints.serialize(constraint)
    assert config["class_name"] == type(constraint).__name__
    again = constraints.deserialize(config)
    assert type(again) is type(constraint) and again.get_config() == constraint.get_config()


def test_plain_base_changes_nothing():
    assert constraints.Constraint()(3) == 3


def test_lookup():
    assert constraints.get(None) is None
    double = lambda w: 2 * w
    assert constraints.get(double) is double
    with pytest.raises(ValueError, match="Unknown constraint.*MaxNrm.*MaxNorm"):
        constraints.get("MaxNrm")
    with pytest.raises(ValueError, match="Could not interpret constraint identifier"):
        constraints.get(4)
