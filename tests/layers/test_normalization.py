"""BatchNormalization: both phases on any axis, moving averages, freezing. Numbers: test_catalogue_golden.py."""

import numpy as np
import pytest

from gpukeras import backend as K
from gpukeras.layers import BatchNormalization, Dense, Input
from gpukeras.models import Model, Sequential
from gpukeras.utils.test_utils import layer_test


@pytest.mark.parametrize(
    "settings, shape",
    [
        ({"momentum": 0.9, "epsilon": 0.1, "gamma_regularizer": "l2", "beta_constraint": "maxnorm"}, (3, 4)),
        ({"axis": 1}, (3, 4, 2)),
        ({"axis": 1}, (3, 4, 2, 2)),
        ({"axis": -2}, (3, 4, 2, 2)),
        ({"scale": False}, (3, 4, 2, 2, 2)),
        ({"center": False, "scale": False}, (3, 4)),
        ({"gamma_initializer": "ones", "moving_variance_initializer": "zeros"}, (3, 4, 2)),
    ],
)
def test_layer(settings, shape):
    layer_test(BatchNormalization, kwargs=settings, input_shape=shape)


def _layer(shape, **settings):
    layer = BatchNormalization(**settings)
    inputs = Input(shape)
    return layer, inputs, layer(inputs)


@pytest.mark.parametrize("axis", [-1, 1, 2, 3])
def test_training_phase_normalizes(axis):
    x = np.random.RandomState(0).normal(5, 3, (4, 3, 6, 5)).astype("float32")
    _, inputs, output = _layer(x.shape[1:], axis=axis, epsilon=1e-5)
    y = K.function([inputs, K.learning_phase()], [output])([x, 1])[0]
    others = tuple(i for i in range(4) if i != axis % 4)
    np.testing.assert_allclose(y.mean(axis=others), 0, atol=1e-5)
    np.testing.assert_allclose(y.std(axis=others), 1, atol=1e-4)


@pytest.mark.parametrize("axis", [-1, 1])
def test_test_phase_uses_moving_averages(axis):
    layer, inputs, output = _layer((3, 4), axis=axis, epsilon=0.1)
    size = (3, 4)[0 if axis == 1 else 1]
    gamma, beta, mean, variance = weights = [np.random.RandomState(i).rand(size) + 0.5 for i in range(4)]
    layer.set_weights(weights)
    x = np.random.RandomState(9).randn(2, 3, 4)
    if axis == 1:
        gamma, beta, mean, variance = (w[:, None] for w in weights)
    y = K.function([inputs, K.learning_phase()], [output])([x, 0])[0]
    np.testing.assert_allclose(y, gamma * (x - mean) / np.sqrt(variance + 0.1) + beta, rtol=1e-5, atol=1e-6)


def test_moving_averages():
    x = np.random.RandomState(0).normal(5, 3, (8, 2)).astype("float32")
    model = Sequential([BatchNormalization(momentum=0.8, epsilon=1e-3, input_shape=(2,))])
    model.compile("sgd", "mse")
    mean, variance = np.zeros(2), np.ones(2)
    for _ in range(3):
        model.train_on_batch(x, x)
        mean = 0.8 * mean + 0.2 * x.mean(0)
        variance = 0.8 * variance + 0.2 * x.var(0) * 8 / (8 - 1.001)
        np.testing.assert_allclose(model.get_weights()[2], mean, rtol=1e-5)
        np.testing.assert_allclose(model.get_weights()[3], variance, rtol=1e-4)
    before = model.get_weights()
    model.predict(x)
    model.evaluate(x, x, verbose=0)
    for a, b in zip(before, model.get_weights()):
        np.testing.assert_array_equal(a, b)


def test_frozen_layer_still_normalizes_by_the_batch():
    layer, inputs, output = _layer((2,))
    assert len(layer.updates) == 2 and len(layer.get_updates_for(inputs)) == 2
    layer.trainable = False
    assert layer.updates == [] and layer.trainable_weights == []
    assert len(layer.non_trainable_weights) == 4
    model = Model(inputs, output)
    model.compile("sgd", "mse")
    x = np.random.RandomState(0).normal(5, 3, (64, 2)).astype("float32")
    before = model.get_weights()
    loss = model.train_on_batch(x, np.zeros((64, 2)))
    # Normalised by the batch the mean square is 1; by the moving averages it would be about 34.
    np.testing.assert_allclose(loss, 1.0, atol=0.01)
    for a, b in zip(before, model.get_weights()):
        np.testing.assert_array_equal(a, b)


def test_training_argument():
    layer = BatchNormalization()
    inputs = Input((2,))
    off = layer(inputs, training=False)
    assert not off._uses_learning_phase and layer.updates == []
    on = layer(inputs, training=True)
    assert not on._uses_learning_phase and len(layer.updates) == 2
    x = np.array([[1.0, 2.0], [3.0, 6.0]])
    a, b = K.function([inputs], [off, on])([x])
    np.testing.assert_allclose(a, x / np.sqrt(1.001), rtol=1e-6)
    np.testing.assert_allclose(b, [[-1, -1], [1, 1]], atol=1e-2)


def test_weights_and_names():
    layer = _layer((3,), name="bn")[0]
    names = [w.name for w in layer.weights]
    assert names == ["bn/gamma:0", "bn/beta:0", "bn/moving_mean:0", "bn/moving_variance:0"]
    assert len(layer.trainable_weights) == 2
    bare = _layer((3,), center=False, scale=False)[0]
    assert len(bare.weights) == 2 and bare.gamma is None and bare.beta is None


def test_shared_layer_updates_once_per_call():
    layer = BatchNormalization()
    a, b = Input((2,)), Input((2,))
    layer(a)
    layer(b)
    assert len(layer.updates) == 4
    assert len(layer.get_updates_for(a)) == len(layer.get_updates_for(b)) == 2


def test_learns_through():
    rng = np.random.RandomState(0)
    x = rng.normal(50, 20, (256, 4))
    y = (x[:, :1] > 50).astype("float32")
    model = Sequential(
        [
            BatchNormalization(input_shape=(4,), momentum=0.5),
            Dense(8, activation="relu"),
            Dense(1, activation="sigmoid"),
        ]
    )
    model.compile("adam", "binary_crossentropy", metrics=["acc"])
    model.fit(x, y, epochs=30, batch_size=16, verbose=0)
    assert model.evaluate(x, y, verbose=0)[1] > 0.9


def test_axis_of_tf_keras_files():
    assert BatchNormalization(axis=[3]).axis == 3


def test_bad_input():
    with pytest.raises(ValueError, match=r"Axis -1 of input tensor should have a defined dimension.*\(None, None\)"):
        BatchNormalization()(Input((None,)))
    with pytest.raises(ValueError, match=r"axis 5 is not an axis of its input of shape \(None, 3\)"):
        BatchNormalization(axis=5)(Input((3,)))
    with pytest.raises(TypeError, match="BatchNormalization: takes keyword arguments only"):
        BatchNormalization(1)
    layer = _layer((3,))[0]
    with pytest.raises(ValueError, match="expected axis -1 of input shape to have value 3"):
        layer(Input((4,)))
