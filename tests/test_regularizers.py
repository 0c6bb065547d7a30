"""Regularizers: values, configs, lookup, and their way into the loss."""

import numpy as np
import pytest

from gpukeras import backend as K
from gpukeras import regularizers
from gpukeras.layers import ActivityRegularization, Dense
from gpukeras.models import Sequential

W = np.array([[1.0, -2.0], [3.0, 0.0]], dtype="float32")


@pytest.mark.parametrize(
    "regularizer, expected",
    [
        (regularizers.l1(0.5), 3.0),
        (regularizers.l2(0.5), 7.0),
        (regularizers.l1_l2(0.5, 0.1), 4.4),
        (regularizers.L1L2(l1=0.5), 3.0),
        (regularizers.get("l2"), 0.14),
        (regularizers.get({"class_name": "L2", "config": {"l2": 0.5}}), 7.0),
    ],
)
def test_penalty(regularizer, expected):
    np.testing.assert_allclose(K.eval(regularizer(K.variable(W))), expected, rtol=1e-6)


def test_nothing_to_add():
    assert regularizers.L1L2()(K.variable(W)) == 0.0


def test_config():
    config = regularizers.serialize(regularizers.l2(0.25))
    assert config == {"class_name": "L1L2", "config": {"l1": 0.0, "l2": 0.25}}
    assert regularizers.get(config).get_config() == config["config"]


def test_lookup():
    assert regularizers.get(None) is None
    with pytest.raises(ValueError, match="Unknown regularizer.*l1l2.*L1L2"):
        regularizers.get("l1l2")
    with pytest.raises(ValueError, match="Could not interpret regularizer identifier"):
        regularizers.get(0.1)


def test_weight_penalty_is_in_the_loss():
    model = Sequential([Dense(2, kernel_regularizer=regularizers.l2(0.5), use_bias=False, input_shape=(2,))])
    model.compile("sgd", "mse")
    model.set_weights([W])
    x = np.zeros((3, 2))
    np.testing.assert_allclose(model.evaluate(x, np.zeros((3, 2)), verbose=0), 7.0, rtol=1e-6)


def test_activity_penalty_sums_over_the_batch():
    model = Sequential([ActivityRegularization(l1=0.1, l2=0.1, input_shape=(3,))])
    model.compile("sgd", "mse")
    ones = np.ones((4, 3))
    np.testing.assert_allclose(model.evaluate(ones, ones, verbose=0), 2.4, rtol=1e-6)
