"""Pooling and locally connected layers: settings, layouts, masks, errors. Numbers: test_convolutional_golden.py."""

import itertools

import numpy as np
import pytest

from gpukeras import backend as K
from gpukeras import layers
from gpukeras.engine import Layer
from gpukeras.layers import Input, pooling
from gpukeras.models import Model
from gpukeras.utils.test_utils import layer_test

SHAPES = {1: (2, 7, 3), 2: (2, 7, 6, 3), 3: (2, 5, 6, 4, 2)}
FORMATS = ("channels_last", "channels_first")


def _in(shape, data_format):
    return (shape[0], shape[-1], *shape[1:-1]) if data_format == "channels_first" else shape


def _cases():
    for kind, rank in itertools.product(("Max", "Average"), (1, 2, 3)):
        cls = getattr(layers, f"{kind}Pooling{rank}D")
        for size, strides, padding in itertools.product((2, 3), (None, 1, 2), ("valid", "same")):
            yield cls, SHAPES[rank], dict(pool_size=size, strides=strides, padding=padding)
        yield getattr(layers, f"Global{kind}Pooling{rank}D"), SHAPES[rank], {}
    yield layers.LocallyConnected1D, SHAPES[1], dict(filters=2, kernel_size=3)
    yield layers.LocallyConnected1D, SHAPES[1], dict(filters=2, kernel_size=2, strides=2, activation="relu")
    yield layers.LocallyConnected2D, SHAPES[2], dict(filters=2, kernel_size=3, use_bias=False)
    yield layers.LocallyConnected2D, SHAPES[2], dict(filters=2, kernel_size=(2, 3), strides=(2, 1))


CASES = list(_cases())
ids = [f"{cls.__name__}-{i}" for i, (cls, _, _) in enumerate(CASES)]


@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize("cls, shape, settings", CASES, ids=ids)
def test_layer(cls, shape, settings, data_format):
    layer_test(cls, kwargs=dict(settings, data_format=data_format), input_shape=_in(shape, data_format))


def _run(layer, x):
    inputs = Input(batch_shape=x.shape)
    y = layer(inputs)
    return K.function([inputs], [y, K.gradients(K.sum(K.square(y)), [inputs])[0]])([x])


@pytest.mark.parametrize("cls, shape, settings", [c for c in CASES if "Local" not in c[0].__name__])
def test_layouts_agree(cls, shape, settings):
    x = np.random.RandomState(0).randn(*shape)
    last = _run(cls(**settings, data_format="channels_last"), x)
    first = _run(cls(**settings, data_format="channels_first"), np.moveaxis(x, -1, 1))
    for a, b in zip(last, first, strict=True):
        np.testing.assert_allclose(np.moveaxis(a, -1, 1), b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("rank", [1, 2])
def test_local_layouts_agree(rank):
    """In channels_first the channels are the slowest axis of a kernel's rows, so the kernel is reordered."""
    cls, shape = (layers.LocallyConnected1D, layers.LocallyConnected2D)[rank - 1], SHAPES[rank]
    size = (3, 2)[:rank]
    x = np.random.RandomState(0).randn(*shape)
    last = cls(4, size, data_format="channels_last")
    first = cls(4, size, data_format="channels_first")
    a = _run(last, x)
    inputs = Input(batch_shape=_in(shape, "channels_first"))
    y = first(inputs)
    kernel, bias = last.get_weights()
    rows = kernel.reshape(len(kernel), *size, shape[-1], 4)
    first.set_weights([np.moveaxis(rows, -2, 1).reshape(kernel.shape), bias])
    b = K.function([inputs], [y, K.gradients(K.sum(K.square(y)), [inputs])[0]])([np.moveaxis(x, -1, 1)])
    for one, other in zip(a, b, strict=True):
        np.testing.assert_allclose(np.moveaxis(one, -1, 1), other, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("cls, shape, settings", [c for c in CASES if "Local" not in c[0].__name__])
def test_unknown_sizes(cls, shape, settings):
    inputs = Input((*(None,) * (len(shape) - 2), shape[-1]))
    layer = cls(**settings, data_format="channels_last")
    model = Model(inputs, layer(inputs))
    for more in (0, 1, 3):
        x = np.random.RandomState(0).randn(shape[0], *(n + more for n in shape[1:-1]), shape[-1])
        assert model.predict(x).shape == layer.compute_output_shape(x.shape)


@pytest.mark.parametrize("data_format", FORMATS)
def test_mean_over_unmasked_steps(data_format):
    x = np.random.RandomState(0).randn(3, 4, 2)
    mask = np.array([[1, 1, 1, 1], [1, 0, 1, 0], [0, 0, 0, 1]], bool)
    want = np.array([x[i][mask[i]].mean(axis=0) for i in range(3)])
    values = np.moveaxis(x, -1, 1) if data_format == "channels_first" else x
    layer = layers.GlobalAveragePooling1D(data_format)
    inputs, masks = K.placeholder(values.shape), K.placeholder((3, 4), dtype="bool")
    np.testing.assert_allclose(
        K.function([inputs, masks], [layer.call(inputs, masks)])([values, mask])[0], want, rtol=1e-5
    )
    assert layer.compute_mask(inputs, masks) is None


def test_pooling_function_may_be_overridden():
    class Range(pooling._Pooling2D):
        def _pooling_function(self, inputs, pool_size, strides, padding, data_format):
            high = K.pool2d(inputs, pool_size, strides, padding, data_format, pool_mode="max")
            return high + K.pool2d(-inputs, pool_size, strides, padding, data_format, pool_mode="max")

    inputs = Input((4, 4, 1))
    f = K.function([inputs], [Range()(inputs)])
    np.testing.assert_array_equal(f([np.arange(16.0).reshape(1, 4, 4, 1)])[0].ravel(), [5, 5, 5, 5])


def test_old_names():
    assert layers.MaxPool2D is layers.MaxPooling2D is pooling.MaxPool2D
    assert layers.GlobalAvgPool3D is layers.GlobalAveragePooling3D
    assert issubclass(pooling._GlobalPooling1D, Layer)
    with pytest.warns(UserWarning, match="Keras 1"):
        old = layers.MaxPooling1D(pool_length=3, stride=2, border_mode="same", name="p")
    assert old.get_config() == layers.MaxPooling1D(3, 2, "same", name="p").get_config()


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: layers.MaxPooling2D((1, 2, 3)), r"pool_size.*\(1, 2, 3\)"),
        (lambda: layers.MaxPooling2D(2, strides=(1,)), r"strides.*\(1,\)"),
        (lambda: layers.MaxPooling2D(0), r"must be positive, got \(0, 0\)"),
        (lambda: layers.MaxPooling1D(2, padding="causal"), "'valid' or 'same', got 'causal'"),
        (lambda: layers.AveragePooling1D(2, padding="full"), "padding"),
        (
            lambda: layers.MaxPooling2D(9, name="p")(Input((8, 8, 3))),
            r"MaxPooling2D 'p'.*\(None, 8, 8, 3\).*sizes \(0, 0\)",
        ),
        (lambda: layers.MaxPooling2D(name="p")(Input((8, 3))), "p.*expected ndim=4, found ndim=3"),
        (lambda: layers.LocallyConnected1D(2, 3, padding="same"), "LocallyConnected1D.*only \"valid\".*'same'"),
        (lambda: layers.LocallyConnected1D(2, 3, name="l")(Input((None, 3))), "LocallyConnected1D 'l'.*fully-defined"),
        (
            lambda: layers.LocallyConnected2D(2, 3, name="l")(Input((8, None, 3))),
            "LocallyConnected2D 'l'.*fully-defined",
        ),
        (lambda: layers.LocallyConnected1D(2, 3, name="l")(Input((8, None))), "'l'.*channel dimension"),
        (lambda: layers.LocallyConnected1D(2, 9, name="l")(Input((8, 3))), r"'l'.*output sizes \(0,\)"),
        (lambda: layers.LocallyConnected2D(2, 3, strides=0), "positive"),
    ],
)
def test_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_another_size_is_refused_by_a_local_layer():
    layer = layers.LocallyConnected1D(2, 3, name="l")
    layer(Input((8, 3)))
    with pytest.raises(ValueError, match="7 positions.*for 6"):
        layer(Input((9, 3)))
