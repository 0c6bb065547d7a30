"""Activations: lookup and closed forms; numbers of 2.2.4 are in test_catalogue_golden.py."""

import numpy as np
import pytest

from gpukeras import activations
from gpukeras import backend as K
from gpukeras.layers import ReLU

X = np.linspace(-4, 4, 17, dtype="float32").reshape((1, 17))


@pytest.mark.parametrize(
    "name, expected",
    [
        ("relu", lambda x: np.maximum(x, 0)),
        ("elu", lambda x: np.where(x > 0, x, np.exp(x) - 1)),
        ("selu", lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * (np.exp(x) - 1))),
        ("softplus", lambda x: np.log1p(np.exp(x))),
        ("softsign", lambda x: x / (1 + np.abs(x))),
        ("tanh", np.tanh),
        ("sigmoid", lambda x: 1 / (1 + np.exp(-x))),
        ("hard_sigmoid", lambda x: np.clip(0.2 * x + 0.5, 0, 1)),
        ("exponential", np.exp),
        ("linear", lambda x: x),
        ("softmax", lambda x: np.exp(x) / np.exp(x).sum(axis=-1, keepdims=True)),
    ],
)
def test_closed_form(name, expected):
    value = K.eval(activations.get(name)(K.variable(X)))
    np.testing.assert_allclose(value, expected(X.astype("float64")), rtol=1e-5, atol=1e-6)


def test_softmax_of_large_values():
    value = K.eval(activations.softmax(K.variable([[1e4, 0.0], [-1e4, 0.0]])))
    np.testing.assert_allclose(value, [[1, 0], [0, 1]])


def test_softmax_refuses_vectors():
    with pytest.raises(ValueError, match="Cannot apply softmax to a tensor that is 1D"):
        activations.softmax(K.variable([1.0, 2.0]))


def test_none_is_linear():
    assert activations.get(None) is activations.linear


def test_round_trip():
    for name in ("relu", "softmax", "exponential"):
        assert activations.serialize(activations.get(name)) == name
        assert activations.deserialize(name) is activations.get(name)


def test_unknown_name_lists_close_ones():
    with pytest.raises(ValueError, match="Unknown activation function.*rellu.*relu"):
        activations.get("rellu")


@pytest.mark.parametrize("bad", [6, {"class_name": "relu", "config": {}}])
def test_not_an_activation(bad):
    with pytest.raises(ValueError, match="Could not interpret activation function identifier"):
        activations.get(bad)


def test_a_layer_is_no_activation():
    with pytest.warns(UserWarning, match="'ReLU' was passed as an activation"):
        activations.get(ReLU())
