"""Layers of Keras 1, against NumPy."""

import numpy as np
import pytest

from gpukeras import backend as K
from gpukeras import layers, models
from gpukeras.legacy import layers as old
from gpukeras.legacy import models as old_models

X = np.random.RandomState(0).rand(5, 3)
pytestmark = pytest.mark.filterwarnings("ignore:The layer .* is kept for Keras 1 programs only")


def run(layer):
    model = models.Sequential([layer])
    model.set_weights([np.random.RandomState(1).randn(*w.shape) for w in model.get_weights()])
    return model, model.predict(X)


@pytest.mark.parametrize("bias", [True, False])
def test_maxout(bias):
    model, got = run(old.MaxoutDense(4, nb_feature=2, bias=bias, input_dim=3))
    w, *b = model.get_weights()
    assert [w.shape] + [v.shape for v in b] == [(2, 3, 4)] + [(2, 4)] * bias
    pieces = [X @ w[f] + (b[0][f] if bias else 0) for f in range(2)]
    np.testing.assert_allclose(got, np.maximum(*pieces), rtol=1e-5)


@pytest.mark.parametrize("bias", [True, False])
def test_highway(bias):
    model, got = run(old.Highway(activation="tanh", bias=bias, input_dim=3))
    w, carry, *b = model.get_weights()
    b, b_carry = b if bias else (0, 0)
    gate = 1 / (1 + np.exp(-(X @ carry + b_carry)))
    np.testing.assert_allclose(got, gate * np.tanh(X @ w + b) + (1 - gate) * X, rtol=1e-5)


@pytest.mark.parametrize(
    "layer",
    [
        lambda: old.Highway(activation="relu", W_regularizer="l2", b_constraint="max_norm", input_dim=3),
        lambda: old.MaxoutDense(4, init="uniform", W_regularizer="l1", activity_regularizer="l2", input_dim=3),
    ],
)
def test_configs_and_files(layer, tmp_path):
    model, want = run(layer())
    again = type(model.layers[0]).from_config(model.layers[0].get_config())
    assert again.get_config() == model.layers[0].get_config()
    model.save(tmp_path / "m.h5")
    np.testing.assert_array_equal(models.load_model(tmp_path / "m.h5", compile=False).predict(X), want)


def test_given_weights_are_set():
    w = [np.full((2, 3, 4), 0.5), np.zeros((2, 4))]
    model = models.Sequential([old.MaxoutDense(4, nb_feature=2, weights=w, input_dim=3)])
    np.testing.assert_array_equal(model.get_weights()[0], w[0])


@pytest.mark.filterwarnings("default")
def test_old_layers_say_that_they_are_old():
    with pytest.warns(UserWarning, match="The layer MaxoutDense is kept for Keras 1 programs only"):
        old.MaxoutDense(4)
    with pytest.warns(UserWarning) as caught:
        old.Highway(transform_bias=-1)
    assert "`transform_bias` is gone" in str(caught[0].message)


def test_they_are_layers_and_models_under_their_old_names():
    assert layers.Highway is old.Highway and layers.Recurrent is old.Recurrent
    assert old_models.Sequential is models.Sequential


class Sum(old.Recurrent):
    """Adds up its inputs: the smallest layer on the old base class."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.states = [None]

    def build(self, input_shape):
        shape = input_shape[0] if isinstance(input_shape, list) else input_shape
        self.input_spec[0].shape = (shape[0] if self.stateful else None, None, shape[2])
        if self.stateful:
            self.reset_states()
        self.built = True

    def step(self, inputs, states):
        output = inputs + states[0]
        return output, [output]

    def get_config(self):
        return dict(super().get_config(), units=self.units)


STEPS = np.random.RandomState(2).rand(4, 6, 3)


def test_recurrent_shapes_masks_and_config():
    layer = Sum(3, return_state=True, go_backwards=True)
    assert layer.compute_output_shape((4, 6, 3)) == [(4, 3), (4, 3)]
    assert layer.compute_mask(None, ["mask"]) == [None, None]
    layer = Sum(3, return_sequences=True)
    assert layer.compute_output_shape([(4, 6, 3), (4, 3)]) == (4, 6, 3)
    assert layer.compute_mask(None, "mask") == "mask"
    assert Sum.from_config(layer.get_config()).get_config() == layer.get_config()
    with pytest.raises(NotImplementedError, match="Recurrent derives from Recurrent and must define step"):
        old.Recurrent().step(None, None)


def test_recurrent_reset_needs_a_stateful_layer():
    with pytest.raises(AttributeError, match="must be stateful"):
        Sum(3).reset_states()


def test_conv_recurrent_shapes():
    layer = old.ConvRecurrent2D(8, 3, strides=2, padding="same", return_sequences=True)
    assert layer.compute_output_shape((2, 5, 10, 11, 3)) == (2, 5, 5, 6, 8)
    layer = old.ConvRecurrent2D(8, (3, 2), data_format="channels_first")
    assert layer.compute_output_shape((2, 5, 3, 10, 11)) == (2, 8, 8, 10)
    config = layer.get_config()
    assert config["kernel_size"] == (3, 2) and config["data_format"] == "channels_first"
    assert old.ConvRecurrent2D.from_config(config).get_config() == config


def has_rnn():
    try:
        return callable(K.rnn)
    except AttributeError:
        return False


@pytest.mark.skipif(not has_rnn(), reason="K.rnn is not there yet")
def test_recurrent_runs():
    for kwargs, want in (
        ({}, STEPS.sum(axis=1)),
        ({"return_sequences": True}, np.cumsum(STEPS, axis=1)),
        ({"return_sequences": True, "go_backwards": True}, np.cumsum(STEPS[:, ::-1], axis=1)),
        ({"unroll": True}, STEPS.sum(axis=1)),
    ):
        model = models.Sequential([Sum(3, input_shape=(6, 3), **kwargs)])
        np.testing.assert_allclose(model.predict(STEPS), want, rtol=1e-5)


@pytest.mark.skipif(not has_rnn(), reason="K.rnn is not there yet")
def test_recurrent_initial_states_and_statefulness():
    x, s = layers.Input((6, 3)), layers.Input((3,))
    model = models.Model([x, s], Sum(3)(x, initial_state=s))
    start = np.ones((4, 3))
    np.testing.assert_allclose(model.predict([STEPS, start]), STEPS.sum(axis=1) + 1, rtol=1e-5)
    model = models.Sequential([Sum(3, stateful=True, batch_input_shape=(4, 6, 3))])
    np.testing.assert_allclose(model.predict(STEPS, batch_size=4), STEPS.sum(axis=1), rtol=1e-5)
    np.testing.assert_allclose(model.predict(STEPS, batch_size=4), 2 * STEPS.sum(axis=1), rtol=1e-5)
    model.reset_states()
    np.testing.assert_allclose(model.predict(STEPS, batch_size=4), STEPS.sum(axis=1), rtol=1e-5)
    with pytest.raises(ValueError, match=r"state 0 has shape \(4, 2\), expected \(4, 3\)"):
        model.layers[0].reset_states([np.zeros((4, 2))])
