"""Losses: names, lookup and the traps of their formulas."""

import numpy as np
import pytest

import gpukeras
from gpukeras import backend as K
from gpukeras import losses, metrics, objectives

ALL = [
    "mean_squared_error",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_logarithmic_error",
    "squared_hinge",
    "hinge",
    "categorical_hinge",
    "logcosh",
    "categorical_crossentropy",
    "binary_crossentropy",
    "kullback_leibler_divergence",
    "poisson",
    "cosine_proximity",
]


@pytest.mark.parametrize("name", [*ALL, "sparse_categorical_crossentropy"])
def test_lookup_round_trip(name):
    loss = losses.get(name)
    assert losses.serialize(loss) == name
    assert losses.get(loss) is loss
    assert losses.deserialize(name) is loss
    assert getattr(objectives, name) is loss


@pytest.mark.parametrize(
    "short, name",
    [
        ("mse", "mean_squared_error"),
        ("MSE", "mean_squared_error"),
        ("mae", "mean_absolute_error"),
        ("MAPE", "mean_absolute_percentage_error"),
        ("msle", "mean_squared_logarithmic_error"),
        ("kld", "kullback_leibler_divergence"),
        ("cosine", "cosine_proximity"),
    ],
)
def test_short_names(short, name):
    assert losses.get(short) is getattr(losses, name)
    if short != "kld":
        assert metrics.get(short) is getattr(losses, name)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("shape", [(4, 3), (4, 5, 3), (2, 3, 4, 3)])
def test_reduces_the_last_axis(name, shape):
    x = np.random.RandomState(0).uniform(0.1, 1, shape)
    value = K.eval(losses.get(name)(K.variable(x), K.variable(x[::-1])))
    assert value.shape == shape[:-1]
    assert np.isfinite(value).all()


def test_unknown_name_lists_close_ones():
    with pytest.raises(ValueError, match="Unknown loss function.*mean_square_error.*mean_squared_error"):
        losses.get("mean_square_error")


@pytest.mark.parametrize("bad", [3, ["mse"]])
def test_not_a_loss(bad):
    with pytest.raises(ValueError, match="Could not interpret loss function identifier"):
        losses.get(bad)


def test_none_is_no_loss():
    assert losses.get(None) is None


def test_config_of_a_loss_object():
    class Scaled:
        def __init__(self, factor=1.0):
            self.factor = factor

        def __call__(self, y_true, y_pred):
            return self.factor * losses.mse(y_true, y_pred)

        def get_config(self):
            return {"factor": self.factor}

    config = losses.serialize(Scaled(2.0))
    with gpukeras.utils.custom_object_scope({"Scaled": Scaled}):
        assert losses.get(config).factor == 2.0


def test_logcosh_does_not_overflow():
    far = K.variable(np.array([[1e4]]))
    np.testing.assert_allclose(K.eval(losses.logcosh(K.zeros((1, 1)), far)), [1e4 - np.log(2)], rtol=1e-6)


def test_crossentropies_are_finite_at_the_ends():
    ends = K.variable(np.array([[0.0, 1.0]]))
    other = K.variable(np.array([[1.0, 0.0]]))
    # The probability counts as epsilon there, and log(1e-7) is -16.118.
    np.testing.assert_allclose(K.eval(losses.binary_crossentropy(other, ends)), [16.0], atol=0.2)
    np.testing.assert_allclose(K.eval(losses.categorical_crossentropy(other, ends)), [16.118], atol=1e-2)


def test_categorical_crossentropy_rescales_its_input():
    y_true = K.variable(np.array([[0.0, 1.0]]))
    twice = K.variable(np.array([[1.0, 3.0]]))
    np.testing.assert_allclose(K.eval(losses.categorical_crossentropy(y_true, twice)), [-np.log(0.75)], rtol=1e-6)


def test_cosine_is_minus_one_at_best():
    x = K.variable(np.array([[1.0, 2.0], [3.0, -1.0]]))
    np.testing.assert_allclose(K.eval(losses.cosine(x, 5.0 * x)), [-1, -1], rtol=1e-6)
