"""Advanced activations: closed forms, shared axes, bad settings."""

import numpy as np
import pytest

from gpukeras import backend as K
from gpukeras import layers
from gpukeras.layers import Input
from gpukeras.utils.test_utils import layer_test

X = np.linspace(-3, 3, 24, dtype="float32").reshape((2, 3, 4))


@pytest.mark.parametrize(
    "layer, expected",
    [
        (layers.LeakyReLU(), lambda x: np.where(x > 0, x, 0.3 * x)),
        (layers.LeakyReLU(alpha=0.5), lambda x: np.where(x > 0, x, 0.5 * x)),
        (layers.ELU(alpha=0.5), lambda x: np.where(x > 0, x, 0.5 * (np.exp(x) - 1))),
        (layers.ThresholdedReLU(theta=0.5), lambda x: x * (x > 0.5)),
        (layers.Softmax(), lambda x: np.exp(x) / np.exp(x).sum(-1, keepdims=True)),
        (layers.Softmax(axis=1), lambda x: np.exp(x) / np.exp(x).sum(1, keepdims=True)),
        (layers.ReLU(), lambda x: np.maximum(x, 0)),
        (layers.ReLU(max_value=1.5), lambda x: np.clip(x, 0, 1.5)),
        (layers.ReLU(negative_slope=0.2), lambda x: np.where(x > 0, x, 0.2 * x)),
        (layers.ReLU(threshold=0.5), lambda x: x * (x > 0.5)),
        (
            layers.ReLU(max_value=2.0, negative_slope=0.1, threshold=0.5),
            lambda x: np.where(x > 0.5, np.minimum(x, 2.0), 0.1 * (x - 0.5)),
        ),
    ],
)
def test_closed_form(layer, expected):
    inputs = Input((3, 4))
    output = layer.__class__.from_config(layer.get_config())(inputs)
    np.testing.assert_allclose(
        K.function([inputs], [output])([X])[0], expected(X.astype("float64")), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize(
    "cls, settings",
    [
        (layers.LeakyReLU, {"alpha": 0.1}),
        (layers.PReLU, {}),
        (layers.PReLU, {"shared_axes": 1}),
        (layers.PReLU, {"shared_axes": [1, 2], "alpha_initializer": "ones", "alpha_regularizer": "l2"}),
        (layers.ELU, {"alpha": 0.7}),
        (layers.ThresholdedReLU, {"theta": 0.5}),
        (layers.Softmax, {"axis": 1}),
        (layers.ReLU, {"max_value": 10.0, "negative_slope": 0.2, "threshold": 0.1}),
    ],
)
def test_layer(cls, settings):
    layer_test(cls, kwargs=settings, input_shape=(2, 3, 4))


@pytest.mark.parametrize("shared, shape", [(None, (3, 4)), (1, (1, 4)), ([2], (3, 1)), ([1, 2], (1, 1))])
def test_prelu_weights(shared, shape):
    layer = layers.PReLU(shared_axes=shared)
    inputs = Input((3, 4))
    output = layer(inputs)
    assert K.int_shape(layer.alpha) == shape
    alpha = np.random.RandomState(0).rand(*shape)
    layer.set_weights([alpha])
    value = K.function([inputs], [output])([X])[0]
    np.testing.assert_allclose(value, np.where(X > 0, X, alpha * X), rtol=1e-6)


def test_prelu_bad_axes():
    with pytest.raises(ValueError, match="`shared_axes` must be between 1 and 2"):
        layers.PReLU(shared_axes=[3])(Input((3, 4)))
    with pytest.raises(ValueError, match=r"must have a known size.*\(None, None, 4\)"):
        layers.PReLU()(Input((None, 4)))
    assert K.int_shape(layers.PReLU(shared_axes=1)(Input((None, 4)))) == (None, None, 4)


@pytest.mark.parametrize("settings", [{"max_value": -1.0}, {"negative_slope": -0.5}])
def test_relu_bad_settings(settings):
    name = next(iter(settings))
    with pytest.raises(ValueError, match=f"{name} of ReLU layer cannot be negative value"):
        layers.ReLU(**settings)


def test_softmax_of_vectors():
    with pytest.raises(ValueError, match="Cannot apply softmax to a tensor that is 1D"):
        layers.Softmax()(Input(()))
