"""tf-keras loads what gpukeras writes; needs tf-keras beside gpukeras."""

import numpy as np
import pytest

from gpukeras import layers, models, optimizers

pytestmark = pytest.mark.peers

X, Y = np.random.RandomState(0).rand(6, 3), np.random.RandomState(1).rand(6, 2)


@pytest.mark.parametrize("name", ["SGD", "Adam", "Adamax", "RMSprop", "Adagrad", "Adadelta"])
def test_tf_keras_predicts_and_trains_on(name, tmp_path):
    tf_keras = pytest.importorskip("tf_keras")
    x = layers.Input((3,))
    inner = models.Sequential([layers.Dense(4, input_shape=(3,)), layers.PReLU()])
    y = layers.Dense(2, kernel_regularizer="l2")(layers.concatenate([inner(x), inner(layers.Dropout(0.0)(x))]))
    model = models.Model(x, y)
    model.compile(getattr(optimizers, name)(), "mse", metrics=["mae"])
    model.train_on_batch(X, Y)
    model.save(tmp_path / "m.h5")
    other = tf_keras.models.load_model(tmp_path / "m.h5")
    np.testing.assert_allclose(other.predict(X, verbose=0), model.predict(X), rtol=1e-5, atol=1e-6)
    model.train_on_batch(X, Y)
    other.train_on_batch(X, Y)
    np.testing.assert_allclose(other.predict(X, verbose=0), model.predict(X), rtol=1e-4, atol=1e-5)
