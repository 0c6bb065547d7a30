"""Helpers for testing: random data sets, and one test that every layer should pass."""

import functools

import numpy as np

from .generic_utils import CustomObjectScope, has_arg, to_list


def get_test_data(
    num_train=1000, num_test=500, input_shape=(10,), output_shape=(2,), classification=True, num_classes=2
):
    """Makes a random data set that can be learnt.

    Arguments:
        num_train: int, number of training samples.
        num_test: int, number of test samples.
        input_shape: tuple, shape of a sample.
        output_shape: tuple, shape of a target; for regression only.
        classification: bool, make class labels instead of real targets.
        num_classes: int.

    Returns:
        Two pairs of arrays: `(x_train, y_train), (x_test, y_test)`.
    """
    total = num_train + num_test
    if classification:
        y = np.random.randint(0, num_classes, size=(total,))
        level = y.astype("float64")
    else:
        level = np.random.random((total,))
        y = level.reshape((-1,) + (1,) * len(output_shape)) + np.zeros((total,) + tuple(output_shape))
    x = np.random.normal(loc=0.0, scale=0.7, size=(total,) + tuple(input_shape))
    x += level.reshape((-1,) + (1,) * len(input_shape))
    x = x.astype("float32")
    return (x[:num_train], y[:num_train]), (x[num_train:], y[num_train:])


def keras_test(func):
    """Decorates a test so that it leaves no graph behind.

    Arguments:
        func: the test.

    Returns:
        The decorated test.
    """

    @functools.wraps(func)
    def wrapper(*args, **kwargs):
        from .. import backend as K

        try:
            return func(*args, **kwargs)
        finally:
            K.clear_session()

    return wrapper


def _make_data(input_shape, dtype):
    shape = [np.random.randint(1, 4) if side is None else side for side in input_shape]
    return (10 * np.random.random(shape)).astype(dtype)


def _check_shape(what, expected, actual):
    if len(expected) != len(actual) or any(e is not None and e != a for e, a in zip(expected, actual, strict=True)):
        raise AssertionError("%s: expected an output of shape %s, got %s" % (what, tuple(expected), tuple(actual)))


def _check_model(what, model, layer, x, expected_shapes, expected_output):
    """Predicts, compares, rebuilds the model from its config with the same weights, trains a step."""
    output = model.predict(x)
    for shape, actual in zip(expected_shapes, to_list(output), strict=True):
        _check_shape(what, shape, actual.shape)
    if expected_output is not None:
        np.testing.assert_allclose(output, expected_output, rtol=1e-3, err_msg=what)
    # The layer need not be one that the package knows.
    with CustomObjectScope({layer.__class__.__name__: layer.__class__}):
        again = model.__class__.from_config(model.get_config())
    if model.weights:
        again.set_weights(model.get_weights())
        for a, b in zip(to_list(again.predict(x)), to_list(output), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-3, err_msg=what + ", rebuilt from its config")
    if has_arg(layer.call, "training"):
        # The layer has a training phase: it must run too.
        model.compile("rmsprop", "mse")
        model.train_on_batch(x, output)
    return output


def layer_test(
    layer_cls,
    kwargs={},  # noqa: B006 - Keras' default, and never written to
    input_shape=None,
    input_dtype=None,
    input_data=None,
    expected_output=None,
    expected_output_dtype=None,
    fixed_batch_size=False,
):
    """Tests what every layer should do: build, shapes, weights and config round trips, predicting, training.

    Arguments:
        layer_cls: class of the layer.
        kwargs: dict of constructor arguments.
        input_shape: tuple with the batch axis, entries may be None; from `input_data` by default.
        input_dtype: str.
        input_data: array; random by default.
        expected_output: array to compare the prediction with.
        expected_output_dtype: str, by default that of the input.
        fixed_batch_size: bool, build for the batch size of `input_shape` too.

    Returns:
        The layer's output for the input data.

    Raises:
        AssertionError: when the layer fails.
    """
    from .. import backend as K
    from ..engine import Input, Model
    from ..models import Sequential

    if input_data is None:
        assert input_shape, "layer_test needs input_shape or input_data"
        input_dtype = input_dtype or K.floatx()
        input_data = _make_data(input_shape, input_dtype)
    else:
        input_shape = input_data.shape if input_shape is None else input_shape
        input_dtype = input_dtype or input_data.dtype.name
    what = "%s(%s)" % (layer_cls.__name__, ", ".join("%s=%r" % item for item in kwargs.items()))

    layer = layer_cls(**kwargs)
    # Setting and getting weights must work before the layer is built, too.
    layer.set_weights(layer.get_weights())
    if "weights" not in kwargs and has_arg(layer_cls.__init__, "weights"):
        layer = layer_cls(**dict(kwargs, weights=layer.get_weights()))

    shapes = [{"shape": input_shape[1:]}] + ([{"batch_shape": input_shape}] if fixed_batch_size else [])
    for given in shapes:
        layer = layer_cls(**kwargs)
        x = Input(dtype=input_dtype, **given)
        y = layer(x)
        assert K.dtype(to_list(y)[0]) == (expected_output_dtype or input_dtype), (
            "%s: expected an output of type %s, got %s"
            % (what, expected_output_dtype or input_dtype, K.dtype(to_list(y)[0]))
        )
        expected = layer.compute_output_shape(tuple(input_shape))
        expected = expected if isinstance(expected, list) else [expected]
        output = _check_model(what, Model(x, y), layer, input_data, expected, expected_output)

    config = layer.get_config()
    first = layer.__class__.from_config(dict(config, batch_input_shape=(None,) + tuple(input_shape[1:])))
    if len(expected) == 1:
        model = Sequential()
        model.add(first if input_dtype == K.floatx() else layer_cls(**dict(kwargs, **_input(input_shape, input_dtype))))
        output = _check_model(what + " in a Sequential", model, model.layers[0], input_data, expected, expected_output)
    return output


def _input(input_shape, dtype):
    return {"batch_input_shape": (None,) + tuple(input_shape[1:]), "dtype": dtype}
