"""Core layers: shapes, configs, training phases, bad input. Numbers of 2.2.4: test_catalogue_golden.py."""

import numpy as np
import pytest

from gpukeras import backend as K
from gpukeras import layers
from gpukeras.layers import Input
from gpukeras.models import Model, Sequential
from gpukeras.utils.test_utils import layer_test


def _run(layer, x, phase=1):
    inputs = Input(batch_shape=x.shape)
    return K.function([inputs, K.learning_phase()], [layer(inputs)])([x, phase])[0]


@pytest.mark.parametrize(
    "cls, settings, shape",
    [
        (layers.Masking, {}, (3, 2, 3)),
        (layers.Dropout, {"rate": 0.5}, (3, 2)),
        (layers.Dropout, {"rate": 0.5, "noise_shape": (None, 1), "seed": 3}, (3, 2)),
        (layers.SpatialDropout1D, {"rate": 0.5}, (2, 3, 4)),
        (layers.SpatialDropout2D, {"rate": 0.5}, (2, 3, 4, 5)),
        (layers.SpatialDropout2D, {"rate": 0.5, "data_format": "channels_first"}, (2, 3, 4, 5)),
        (layers.SpatialDropout3D, {"rate": 0.5}, (2, 3, 4, 4, 5)),
        (layers.Activation, {"activation": "relu"}, (3, 2)),
        (layers.Reshape, {"target_shape": (8, 1)}, (3, 2, 4)),
        (layers.Reshape, {"target_shape": (-1, 1)}, (3, 2, 4)),
        (layers.Reshape, {"target_shape": (1, -1)}, (None, None, 4)),
        (layers.Permute, {"dims": (2, 1)}, (3, 2, 4)),
        (layers.Flatten, {}, (3, 2, 4)),
        (layers.Flatten, {"data_format": "channels_first"}, (3, 2, 4, 5)),
        (layers.RepeatVector, {"n": 3}, (3, 2)),
        (layers.Dense, {"units": 3}, (3, 2)),
        (layers.Dense, {"units": 3}, (3, 4, 2)),
        (layers.Dense, {"units": 3}, (None, None, 2)),
        (layers.Dense, {"units": 3, "kernel_regularizer": "l2", "bias_constraint": "maxnorm"}, (3, 4, 5, 2)),
        (layers.ActivityRegularization, {"l1": 0.01, "l2": 0.01}, (3, 2, 3)),
    ],
)
def test_layer(cls, settings, shape):
    layer_test(cls, kwargs=settings, input_shape=shape)


# -- masking ------------------------------------------------------------------------------------------------


def test_masking_zeroes_and_masks_steps():
    x = np.array([[[1, 1], [7, 7], [7, 1]]], dtype="float32")
    layer = layers.Masking(mask_value=7)
    inputs = Input(batch_shape=x.shape)
    output = layer(inputs)
    y, mask = K.function([inputs], [output, layer.get_output_mask_at(0)])([x])
    np.testing.assert_array_equal(y, [[[1, 1], [0, 0], [7, 1]]])
    np.testing.assert_array_equal(mask, [[True, False, True]])


# -- dropout ------------------------------------------------------------------------------------------------


def test_dropout_scales_what_it_keeps():
    y = _run(layers.Dropout(0.25), np.ones((200, 200)))
    assert set(np.unique(np.round(y, 5))) == {0.0, np.float32(1.33333)}
    np.testing.assert_allclose((y == 0).mean(), 0.25, atol=0.01)
    np.testing.assert_array_equal(_run(layers.Dropout(0.25), np.ones((3, 3)), 0), np.ones((3, 3)))


def test_dropout_draws_anew_each_time():
    inputs = Input(batch_shape=(20, 20))
    f = K.function([inputs, K.learning_phase()], [layers.Dropout(0.5)(inputs)])
    x = np.ones((20, 20))
    assert (f([x, 1])[0] != f([x, 1])[0]).any()


def test_noise_shape_repeats_the_mask():
    y = _run(layers.Dropout(0.5, noise_shape=(None, 1, None)), np.ones((6, 5, 40)))
    np.testing.assert_array_equal(y, np.repeat(y[:, :1], 5, axis=1))
    assert (y[0] != y[1]).any()


@pytest.mark.parametrize(
    "layer, shape, axes",
    [
        (layers.SpatialDropout1D(0.5), (4, 5, 30), (1,)),
        (layers.SpatialDropout2D(0.5), (4, 3, 5, 30), (1, 2)),
        (layers.SpatialDropout2D(0.5, data_format="channels_first"), (4, 30, 3, 5), (2, 3)),
        (layers.SpatialDropout3D(0.5), (4, 2, 3, 2, 30), (1, 2, 3)),
        (layers.SpatialDropout3D(0.5, data_format="channels_first"), (4, 30, 2, 3, 2), (2, 3, 4)),
    ],
)
def test_spatial_dropout_drops_whole_channels(layer, shape, axes):
    y = _run(layer, np.ones(shape))
    np.testing.assert_array_equal(y.min(axis=axes), y.max(axis=axes))
    assert set(np.unique(y)) == {0.0, 2.0}


def test_rate_ends_drop_nothing():
    x = np.ones((3, 3))
    for rate in (0, 1):
        np.testing.assert_array_equal(_run(layers.Dropout(rate), x), x)


@pytest.mark.parametrize("rate, kept", [(1.5, 1.0), (-0.5, 0.0)])
def test_rate_outside_warns_and_is_clamped(rate, kept):
    with pytest.warns(UserWarning, match=f"Dropout: `rate` .* between 0 and 1, got {rate}"):
        layer = layers.Dropout(rate)
    assert layer.rate == kept


def test_rate_that_is_no_number():
    with pytest.raises(TypeError, match="Dropout: `rate` must be a number between 0 and 1, got 'a'"):
        layers.Dropout("a")


def test_training_argument_overrides_the_phase():
    inputs = Input((4,))
    on = layers.Dropout(0.5)(inputs, training=True)
    off = layers.Dropout(0.5)(inputs, training=False)
    assert not on._uses_learning_phase and not off._uses_learning_phase
    assert layers.Dropout(0.5)(inputs)._uses_learning_phase
    x = np.ones((50, 4))
    assert (K.function([inputs], [on])([x])[0] == 0).any()
    np.testing.assert_array_equal(K.function([inputs], [off])([x])[0], x)


# -- shapes -------------------------------------------------------------------------------------------------


def test_reshape_values():
    x = np.arange(24.0).reshape((2, 3, 4))
    for target in ((4, 3), (-1, 3), (4, -1), (2, -1, 2)):
        expected = x.reshape((2, *target))
        np.testing.assert_array_equal(_run(layers.Reshape(target), x), expected)


def test_reshape_of_unknown_sizes():
    inputs = Input((None, 4))
    y = layers.Reshape((-1, 2))(inputs)
    assert K.int_shape(y) == (None, None, 2)
    assert K.function([inputs], [y])([np.ones((3, 5, 4))])[0].shape == (3, 10, 2)


@pytest.mark.parametrize(
    "target, message",
    [
        ((3, 4), r"total size of new array must be unchanged.*\(5,\) has 5 entries .*\(3, 4\)"),
        ((-1, 4), r"total size of new array must be unchanged"),
        ((-1, -1), "can only specify one unknown dimension"),
    ],
)
def test_impossible_reshape(target, message):
    with pytest.raises(ValueError, match=message):
        layers.Reshape(target)(Input((5,)))


def test_reshape_wants_a_tuple():
    with pytest.raises(TypeError, match=r"without the batch axis such as \(4,\), got 4"):
        layers.Reshape(4)


def test_permute():
    x = np.arange(24.0).reshape((2, 3, 4))
    np.testing.assert_array_equal(_run(layers.Permute((2, 1)), x), x.transpose((0, 2, 1)))
    with pytest.raises(ValueError, match=r"name each axis from 1 to 2 once, got \(0, 1\)"):
        layers.Permute((0, 1))
    with pytest.raises(ValueError, match="expected ndim=3, found ndim=4"):
        layers.Permute((2, 1))(Input((2, 3, 4)))


def test_flatten():
    x = np.arange(24.0).reshape((2, 3, 4, 1))
    np.testing.assert_array_equal(_run(layers.Flatten(), x), x.reshape((2, 12)))
    first = np.arange(24.0).reshape((2, 2, 3, 2))
    last = first.transpose((0, 2, 3, 1)).reshape((2, 12))
    np.testing.assert_array_equal(_run(layers.Flatten(data_format="channels_first"), first), last)


def test_flatten_bad_input():
    with pytest.raises(ValueError, match="min_ndim=3, found ndim=2"):
        layers.Flatten()(Input((3,)))
    with pytest.raises(ValueError, match=r'input to "Flatten" is not fully defined: \(3, None\)'):
        layers.Flatten()(Input((3, None)))
    with pytest.raises(ValueError, match="data_format"):
        layers.Flatten(data_format="nchw")


def test_repeat_vector():
    np.testing.assert_array_equal(_run(layers.RepeatVector(2), np.array([[1.0, 2.0]])), [[[1, 2], [1, 2]]])
    for bad in (2.5, 0, "a"):
        with pytest.raises(ValueError, match="RepeatVector: `n` must be a positive integer"):
            layers.RepeatVector(bad)


# -- dense --------------------------------------------------------------------------------------------------


def test_dense_value():
    layer = layers.Dense(2, activation="relu")
    x = np.random.RandomState(0).randn(4, 5, 3).astype("float32")
    inputs = Input((5, 3))
    y = layer(inputs)
    w, b = np.random.RandomState(1).randn(3, 2), np.array([0.5, -0.5])
    layer.set_weights([w, b])
    np.testing.assert_allclose(K.function([inputs], [y])([x])[0], np.maximum(x.dot(w) + b, 0), rtol=1e-5, atol=1e-6)
    assert K.int_shape(y) == (None, 5, 2)
    assert [v.name for v in layer.weights] == [layer.name + "/kernel:0", layer.name + "/bias:0"]


@pytest.mark.parametrize("units", [2.5, 3.0, 0, -1, "8", None, True])
def test_dense_bad_units(units):
    with pytest.raises(ValueError, match="Dense: `units` must be a positive integer, got"):
        layers.Dense(units)


def test_dense_numpy_units_are_saved_as_int():
    assert type(layers.Dense(np.int64(3)).get_config()["units"]) is int


def test_dense_of_another_width():
    layer = layers.Dense(3, name="dense_2")
    layer(Input((784,)))
    message = (
        r"Dense 'dense_2': expected last axis of size 784 \(from its kernel\), "
        r"got input of shape \(None, 28, 28\); flatten it first"
    )
    with pytest.raises(ValueError, match=message):
        layer(Input((28, 28)))
    with pytest.raises(ValueError, match=r"got input of shape \(None, 5\); use a new layer"):
        layer(Input((5,)))


def test_dense_of_unknown_width():
    with pytest.raises(ValueError, match=r"must have a known size.*\(None, None\)"):
        layers.Dense(3)(Input((None,)))


def test_dense_on_an_array():
    with pytest.raises(ValueError, match="isn't a symbolic tensor.*ndarray"):
        layers.Dense(3)(np.ones((2, 2)))


def test_dense_unknown_names():
    with pytest.raises(ValueError, match="Unknown activation function.*softmx.*softmax"):
        layers.Dense(3, activation="softmx")
    with pytest.raises(TypeError, match="foo"):
        layers.Dense(3, foo=1)


def test_dense_input_dim():
    assert layers.Dense(3, input_dim=4).batch_input_shape == (None, 4)


def test_keras_1_names():
    with pytest.warns(UserWarning):
        old = layers.Dense(output_dim=3, init="normal", W_regularizer="l2", bias=False, name="d")
    new = layers.Dense(3, kernel_initializer="normal", kernel_regularizer="l2", use_bias=False, name="d")
    assert old.get_config() == new.get_config()


# -- lambda -------------------------------------------------------------------------------------------------


def test_lambda_infers_its_shape():
    inputs = Input((3, 4))
    y = layers.Lambda(lambda x: K.sum(x, axis=1))(inputs)
    assert K.int_shape(y) == (None, 4)
    np.testing.assert_allclose(Model(inputs, y).predict(np.ones((2, 3, 4))), 3 * np.ones((2, 4)))


def test_lambda_shapes_given():
    double = lambda x: 2 * x
    assert layers.Lambda(double, output_shape=(5,)).compute_output_shape((None, 3)) == (None, 5)
    assert layers.Lambda(double, output_shape=[5]).compute_output_shape([(4, 3), (4, 3)]) == (4, 5)
    by_function = layers.Lambda(double, output_shape=lambda s: (s[0], 7))
    assert by_function.compute_output_shape((None, 3)) == (None, 7)
    with pytest.raises(TypeError, match="`output_shape` must be a list, a tuple, or a function, got 3"):
        layers.Lambda(double, output_shape=3)
    with pytest.raises(ValueError, match="must return a tuple or a list of tuples, got 3"):
        layers.Lambda(double, output_shape=lambda s: 3).compute_output_shape((None, 3))
    with pytest.raises(TypeError, match="`function` must be a function"):
        layers.Lambda("relu")


def test_lambda_of_integers_keeps_the_dtype():
    inputs = Input((3,), dtype="int32")
    table = K.constant(np.eye(4))
    y = layers.Lambda(lambda i: K.gather(table, i))(inputs)
    assert K.int_shape(y) == (None, 3, 4)


def test_lambda_with_several_inputs_and_outputs():
    a, b = Input((3,)), Input((3,))
    outputs = layers.Lambda(lambda t: [t[0] + t[1], t[0] * t[1]])([a, b])
    assert len(outputs) == 2
    x = np.full((1, 3), 2.0)
    for got, want in zip(Model([a, b], outputs).predict([x, x + 1]), (5.0, 6.0)):
        np.testing.assert_allclose(got, np.full((1, 3), want))


def test_lambda_arguments_and_mask():
    seen = []

    def f(x, factor, mask=None):
        seen.append(mask)
        return x * factor

    masked = layers.Masking()(Input((3, 2)))
    layer = layers.Lambda(f, arguments={"factor": 3.0}, mask=lambda x, m: m)
    layer(masked)
    assert seen[0] is not None
    assert layer.supports_masking
    assert layer.get_output_mask_at(0) is not None
    assert "mask" not in layer.arguments


def test_lambda_round_trip_of_bytecode():
    factor = 3.0
    layer = layers.Lambda(lambda x: K.abs(x) * factor, output_shape=lambda s: s)
    model = Sequential([layers.Dense(2, input_shape=(2,)), layer])
    again = Sequential.from_config(model.get_config())
    again.set_weights(model.get_weights())
    x = np.random.RandomState(0).randn(3, 2)
    np.testing.assert_array_equal(again.predict(x), model.predict(x))
    assert again.layers[1].get_config()["function_type"] == "lambda"


def test_lambda_loaded_code_sees_k_np_and_custom_objects():
    config = layers.Lambda(lambda x: K.square(x) + np.sum([1]) + helper).get_config()  # noqa: F821
    layer = layers.Lambda.from_config(config, custom_objects={"helper": 5.0})
    np.testing.assert_allclose(_run(layer, np.full((1, 2), 2.0)), [[10, 10]])


def test_lambda_by_name():
    config = layers.Lambda(np.sin).get_config()
    assert config["function"] == "sin" and config["function_type"] == "function"
    layer = layers.Lambda.from_config(config, custom_objects={"sin": K.sin})
    np.testing.assert_allclose(_run(layer, np.full((1, 2), 1.0)), np.sin([[1.0, 1.0]]), rtol=1e-6)
    with pytest.raises(ValueError, match="Unknown function in Lambda layer.*sin"):
        layers.Lambda.from_config(config)


def test_lambda_array_arguments_survive_json():
    layer = layers.Lambda(lambda x, w: x * w, arguments={"w": np.array([1.0, 2.0])})
    model = Sequential([layers.Activation("linear", input_shape=(2,)), layer])
    from gpukeras.models import model_from_json

    again = model_from_json(model.to_json())
    np.testing.assert_array_equal(again.predict(np.ones((1, 2))), [[1, 2]])


def test_lambda_unknown_function_type():
    with pytest.raises(TypeError, match="Unknown function type.*'weird'"):
        layers.Lambda.from_config({"function": "abs", "function_type": "weird"})


def test_lambda_of_tf_keras():
    code, defaults, closure = layers.Lambda(lambda x: x + 1).get_config()["function"]
    config = {
        "name": "l",
        "function": {
            "class_name": "__lambda__",
            "config": {"code": code, "defaults": defaults, "closure": closure},
        },
        "function_type": "lambda",
        "module": "somewhere",
        "output_shape": None,
        "output_shape_type": "raw",
        "output_shape_module": None,
        "arguments": {},
    }
    np.testing.assert_allclose(_run(layers.Lambda.from_config(config), np.zeros((1, 2))), [[1, 1]])
