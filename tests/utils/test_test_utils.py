"""The helpers for tests: layers that are wrong must fail them."""

import numpy as np
import pytest

from gpukeras import backend as K
from gpukeras import layers
from gpukeras.utils.test_utils import get_test_data, keras_test, layer_test


class Affine(layers.Layer):
    """A layer as it should be; the subclasses below each get one thing wrong."""

    def __init__(self, factor=2.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def build(self, input_shape):
        self.w = self.add_weight(name="w", shape=(input_shape[-1],), initializer="ones")
        super().build(input_shape)

    def call(self, inputs, training=None):
        return inputs * self.w * self.factor

    def get_config(self):
        return dict(super().get_config(), factor=self.factor)


class WrongShape(Affine):
    def compute_output_shape(self, input_shape):
        return input_shape[:-1] + (input_shape[-1] + 1,)


class ForgetsItsConfig(Affine):
    def get_config(self):
        return layers.Layer.get_config(self)


class WrongType(Affine):
    def call(self, inputs, training=None):
        return K.cast(inputs, "int32")


def test_a_right_layer_passes():
    x = np.random.random((3, 4)).astype("float32")
    out = layer_test(Affine, kwargs={"factor": 3.0}, input_data=x, expected_output=3 * x)
    np.testing.assert_allclose(out, 3 * x, rtol=1e-6)
    assert layer_test(Affine, input_shape=(2, None, 4)).shape[0] == 2
    layer_test(Affine, input_shape=(3, 4), fixed_batch_size=True)


@pytest.mark.parametrize(
    "cls, kwargs, message",
    [
        (WrongShape, {}, "expected an output of shape"),
        (ForgetsItsConfig, {"factor": 5.0}, "rebuilt from its config"),
        (WrongType, {}, "expected an output of type float32, got int32"),
    ],
)
def test_wrong_layers_fail(cls, kwargs, message):
    with pytest.raises((AssertionError, ValueError), match=message):
        layer_test(cls, kwargs=kwargs, input_shape=(3, 4))


def test_a_wrong_output_fails():
    x = np.ones((3, 4), "float32")
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        layer_test(Affine, input_data=x, expected_output=x)


def test_integer_inputs():
    x = np.random.randint(0, 4, (3, 5)).astype("int32")
    out = layer_test(
        layers.Embedding, kwargs={"input_dim": 4, "output_dim": 2}, input_data=x, expected_output_dtype="float32"
    )
    assert out.shape == (3, 5, 2)


def test_data_sets():
    (x, y), (x_test, y_test) = get_test_data(20, 5, input_shape=(3, 2), num_classes=4)
    assert x.shape == (20, 3, 2) and y.shape == (20,) and x_test.shape == (5, 3, 2) and y_test.shape == (5,)
    assert x.dtype == "float32" and set(np.unique(y)) <= set(range(4))
    (x, y), _ = get_test_data(2000, 1, classification=False, output_shape=(2,))
    assert y.shape == (2000, 2)
    assert np.corrcoef(x[:, 0], y[:, 0])[0, 1] > 0.2, "there is something to learn"


def test_keras_test_leaves_no_graph_behind():
    @keras_test
    def test():
        return K.get_uid("keras_test")

    assert test() == test()
