"""`Input` and `InputLayer`."""

import numpy as np
import pytest

from gpukeras import backend as K
from gpukeras.engine import Input, InputLayer
from gpukeras.layers import Dense
from gpukeras.models import Model


def test_input_is_a_placeholder_with_history():
    x = Input((3, None), name="x", dtype="int32")
    layer = x._keras_history[0]
    assert K.is_keras_tensor(x) and K.is_placeholder(x)
    assert x._keras_shape == (None, 3, None) and K.dtype(x) == "int32"
    assert layer.is_placeholder and layer.built and not layer.trainable
    assert layer.input is x and layer.output is x and layer.output_mask is None
    assert not x._uses_learning_phase


def test_names_count_inputs():
    K.clear_session()
    assert [Input((1,))._keras_history[0].name, InputLayer((1,)).name] == ["input_1", "input_2"]


def test_batch_shape():
    assert Input(batch_shape=(4, 3))._keras_shape == (4, 3)
    assert InputLayer((3,), batch_size=4).batch_input_shape == (4, 3)


def test_config_round_trip():
    layer = InputLayer(batch_input_shape=(None, 3), dtype="int32", name="x")
    config = layer.get_config()
    assert config == {"batch_input_shape": (None, 3), "dtype": "int32", "sparse": False, "name": "x"}
    assert InputLayer.from_config(config).get_config() == config
    assert InputLayer.from_config({**config, "ragged": False}).get_config() == config


def test_wrapping_a_variable():
    value = K.variable(np.ones((2, 3)))
    x = Input(tensor=value)
    assert x is value and x._keras_shape == (2, 3)
    layer = x._keras_history[0]
    assert not layer.is_placeholder
    model = Model(x, Dense(2)(x))
    assert model._feed_inputs == [] and model.input_names == [layer.name] and model._feed_input_names == []


def test_shape_given_for_a_tensor_counts():
    assert Input(tensor=K.placeholder((2, 3)), shape=(7,))._keras_shape == (None, 7)


def test_old_keyword():
    with pytest.warns(UserWarning, match="dtype"):
        layer = InputLayer((2,), input_dtype="int32")
    assert layer.dtype == "int32"


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Input(), ValueError, "needs `shape` .* or `batch_shape`"),
        (lambda: InputLayer(name="i"), ValueError, "'i' should be passed either a `batch_input_shape`"),
        (lambda: InputLayer((3,), batch_input_shape=(2, 3)), ValueError, "not both"),
        (lambda: Input(shape=3), TypeError, r"tuple such as \(3,\)"),
        (lambda: Input(tensor=3), ValueError, "must be a symbolic tensor.*int"),
        (lambda: InputLayer.from_config({"batch_input_shape": (None, 2), "ragged": True}), ValueError, "ragged"),
    ],
)
def test_bad_arguments(make, error, message):
    with pytest.raises(error, match=message):
        make()
