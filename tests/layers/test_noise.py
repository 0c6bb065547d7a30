"""Noise layers: statistics of the training phase, identity in the other."""

import numpy as np
import pytest

from gpukeras import backend as K
from gpukeras import layers
from gpukeras.layers import Input
from gpukeras.utils.test_utils import layer_test


def _run(layer, x, phase=1):
    inputs = Input(batch_shape=x.shape)
    return K.function([inputs, K.learning_phase()], [layer(inputs)])([x, phase])[0]


@pytest.mark.parametrize(
    "cls, settings",
    [
        (layers.GaussianNoise, {"stddev": 1.0}),
        (layers.GaussianDropout, {"rate": 0.5}),
        (layers.AlphaDropout, {"rate": 0.5}),
        (layers.AlphaDropout, {"rate": 0.2, "noise_shape": (3, 1, 2), "seed": 4}),
    ],
)
def test_layer(cls, settings):
    layer_test(cls, kwargs=settings, input_shape=(3, 2, 2))


@pytest.mark.parametrize("layer", [layers.GaussianNoise(0.5), layers.GaussianDropout(0.3), layers.AlphaDropout(0.3)])
def test_test_phase_changes_nothing(layer):
    x = np.random.RandomState(0).randn(4, 5).astype("float32")
    np.testing.assert_array_equal(_run(layer, x, 0), x)
    assert np.abs(_run(layer.__class__.from_config(layer.get_config()), x) - x).max() > 0.01


def test_gaussian_noise():
    noise = _run(layers.GaussianNoise(0.5), np.full((300, 300), 2.0)) - 2.0
    np.testing.assert_allclose([noise.mean(), noise.std()], [0, 0.5], atol=0.01)


def test_gaussian_dropout_varies_like_dropout():
    y = _run(layers.GaussianDropout(0.2), np.full((300, 300), 2.0))
    # sqrt(0.2 / 0.8) = 0.5, times 2.
    np.testing.assert_allclose([y.mean(), y.std()], [2, 1], atol=0.02)


@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_alpha_dropout_keeps_mean_and_variance(rate):
    x = np.random.RandomState(0).randn(400, 400).astype("float32")
    y = _run(layers.AlphaDropout(rate), x)
    np.testing.assert_allclose([y.mean(), y.std()], [0, 1], atol=0.02)
    # The dropped entries all became one value.
    values, counts = np.unique(np.round(y, 4), return_counts=True)
    np.testing.assert_allclose(counts.max() / y.size, rate, atol=0.01)


def test_alpha_dropout_noise_shape():
    y = _run(layers.AlphaDropout(0.5, noise_shape=(4, 1, 30)), np.ones((4, 5, 30)))
    np.testing.assert_array_equal(y, np.repeat(y[:, :1], 5, axis=1))


@pytest.mark.parametrize("cls", [layers.GaussianDropout, layers.AlphaDropout])
def test_rate_outside_warns(cls):
    with pytest.warns(UserWarning, match=f"{cls.__name__}: `rate` .* between 0 and 1, got 1.5"):
        layer = cls(1.5)
    np.testing.assert_array_equal(_run(layer, np.ones((2, 2))), np.ones((2, 2)))
    with pytest.raises(TypeError, match="`rate` must be a number"):
        cls("half")


@pytest.mark.parametrize("stddev", [-1.0, "a"])
def test_bad_stddev(stddev):
    with pytest.raises(ValueError, match="GaussianNoise: `stddev` must be a number of at least 0"):
        layers.GaussianNoise(stddev)
