"""Convolution, padding, cropping and enlarging layers: settings, layouts, sizes, errors.

Numbers of 2.2.4: test_convolutional_golden.py.
"""

import itertools

import numpy as np
import pytest

from gpukeras import backend as K
from gpukeras import layers, optimizers
from gpukeras.layers import Input, convolutional
from gpukeras.models import Model, Sequential, model_from_json
from gpukeras.utils.test_utils import layer_test

SEQUENCES, IMAGES, VOLUMES = (2, 9, 3), (2, 7, 8, 3), (2, 5, 6, 5, 2)
FORMATS = ("channels_last", "channels_first")


def _first(shape):
    return (shape[0], shape[-1], *shape[1:-1])


#: class, shape (channels_last), settings
CASES = [
    *[
        (layers.Conv1D, SEQUENCES, dict(filters=4, kernel_size=k, strides=s, dilation_rate=d, padding=p))
        for k, (s, d), p in itertools.product((1, 3), ((1, 1), (2, 1), (1, 2)), ("valid", "same"))
    ],
    *[
        (layers.Conv2D, IMAGES, dict(filters=4, kernel_size=k, strides=s, dilation_rate=d, padding=p))
        for k, (s, d), p in itertools.product((1, (2, 3)), ((1, 1), ((2, 1), 1), (1, 2)), ("valid", "same"))
    ],
    *[
        (layers.Conv3D, VOLUMES, dict(filters=2, kernel_size=k, strides=s, padding=p))
        for k, s, p in itertools.product((1, (2, 3, 1)), (1, (2, 1, 2)), ("valid", "same"))
    ],
    *[
        (layers.SeparableConv1D, SEQUENCES, dict(filters=4, kernel_size=3, padding=p, depth_multiplier=m, **more))
        for m, p, more in itertools.product((1, 2), ("valid", "same"), ({}, {"strides": 2}, {"dilation_rate": 2}))
    ],
    *[
        (layers.SeparableConv2D, IMAGES, dict(filters=4, kernel_size=3, padding=p, depth_multiplier=m, **more))
        for m, p, more in itertools.product((1, 2), ("valid", "same"), ({}, {"strides": (1, 2)}, {"dilation_rate": 2}))
    ],
    *[
        (layers.DepthwiseConv2D, IMAGES, dict(kernel_size=(3, 2), padding=p, depth_multiplier=m, **more))
        for m, p, more in itertools.product((1, 2), ("valid", "same"), ({}, {"strides": 2}, {"dilation_rate": 2}))
    ],
    *[
        (layers.Conv2DTranspose, IMAGES, dict(filters=2, kernel_size=3, padding=p, **more))
        for p, more in itertools.product(
            ("valid", "same"),
            ({}, {"strides": (2, 3)}, {"strides": 2, "output_padding": 1}, {"dilation_rate": 2}),
        )
    ],
    *[
        (layers.Conv3DTranspose, VOLUMES, dict(filters=2, kernel_size=3, padding=p, **more))
        for p, more in itertools.product(("valid", "same"), ({}, {"strides": (2, 1, 3)}))
    ],
    (layers.ZeroPadding2D, IMAGES, dict(padding=2)),
    (layers.ZeroPadding2D, IMAGES, dict(padding=((1, 0), (2, 3)))),
    (layers.ZeroPadding3D, VOLUMES, dict(padding=(1, 0, 2))),
    (layers.Cropping2D, IMAGES, dict(cropping=((1, 0), (2, 3)))),
    (layers.Cropping3D, VOLUMES, dict(cropping=(1, 2, 0))),
    (layers.UpSampling2D, IMAGES, dict(size=(2, 3))),
    (layers.UpSampling2D, IMAGES, dict(size=(3, 2), interpolation="bilinear")),
    (layers.UpSampling3D, VOLUMES, dict(size=(2, 1, 3))),
]
ids = [f"{cls.__name__}-{i}" for i, (cls, _, _) in enumerate(CASES)]


@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize("cls, shape, settings", CASES, ids=ids)
def test_layer(cls, shape, settings, data_format):
    shape = _first(shape) if data_format == "channels_first" else shape
    layer_test(cls, kwargs=dict(settings, data_format=data_format), input_shape=shape)


def _run(layer, x):
    inputs = Input(batch_shape=x.shape)
    y = layer(inputs)
    layer.set_weights([np.random.RandomState(i).randn(*w.shape) for i, w in enumerate(layer.get_weights())])
    grad = K.gradients(K.sum(K.square(y)), [inputs])[0]
    return K.function([inputs], [y, grad])([x])


@pytest.mark.parametrize("cls, shape, settings", CASES, ids=ids)
def test_layouts_agree(cls, shape, settings):
    """The same weights on the same data in both layouts give the same numbers."""
    x = np.random.RandomState(0).randn(*shape)
    last = _run(cls(**settings, data_format="channels_last"), x)
    first = _run(cls(**settings, data_format="channels_first"), np.moveaxis(x, -1, 1))
    for a, b in zip(last, first, strict=True):
        np.testing.assert_allclose(np.moveaxis(a, -1, 1), b, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("cls, shape, settings", CASES, ids=ids)
def test_unknown_sizes(cls, shape, settings):
    """One model for inputs of several sizes; its static shapes hold for each."""
    inputs = Input((*(None,) * (len(shape) - 2), shape[-1]))
    layer = cls(**settings, data_format="channels_last")
    model = Model(inputs, layer(inputs))
    assert model.output_shape[0] is None and None not in model.output_shape[-1:]
    for more in (0, 1, 3):
        x = np.random.RandomState(0).randn(shape[0], *(n + more for n in shape[1:-1]), shape[-1])
        y = model.predict(x)
        assert y.shape == layer.compute_output_shape(x.shape)


@pytest.mark.parametrize(
    "cls, shape, settings",
    [
        (layers.Conv1D, SEQUENCES, dict(filters=2, kernel_size=3, padding="causal", dilation_rate=2)),
        (layers.Conv1D, SEQUENCES, dict(filters=2, kernel_size=3, padding="causal", strides=2)),
        (layers.ZeroPadding1D, SEQUENCES, dict(padding=2)),
        (layers.ZeroPadding1D, SEQUENCES, dict(padding=(0, 3))),
        (layers.Cropping1D, SEQUENCES, dict(cropping=2)),
        (layers.Cropping1D, SEQUENCES, dict(cropping=(0, 3))),
        (layers.UpSampling1D, SEQUENCES, dict(size=3)),
        (
            layers.Conv2D,
            (None, None, None, 3),
            dict(
                filters=2,
                kernel_size=2,
                padding="same",
                activation="relu",
                kernel_regularizer="l2",
                bias_regularizer="l2",
                activity_regularizer="l2",
                kernel_constraint="maxnorm",
                bias_constraint="maxnorm",
            ),
        ),
        (
            layers.SeparableConv2D,
            IMAGES,
            dict(
                filters=2,
                kernel_size=2,
                depthwise_regularizer="l2",
                pointwise_regularizer="l2",
                depthwise_constraint="unitnorm",
                pointwise_constraint="unitnorm",
                use_bias=False,
            ),
        ),
        (
            layers.DepthwiseConv2D,
            IMAGES,
            dict(kernel_size=2, depthwise_regularizer="l2", depthwise_constraint="unitnorm", use_bias=False),
        ),
    ],
)
def test_other_settings(cls, shape, settings):
    layer_test(cls, kwargs=settings, input_shape=shape)


@pytest.mark.parametrize("dilation", [1, 2, 3])
def test_causal_sees_no_later_step(dilation):
    x = np.random.RandomState(0).randn(1, 12, 2)
    later = x.copy()
    later[:, 7:] = 9
    layer = layers.Conv1D(3, 3, padding="causal", dilation_rate=dilation)
    inputs = Input((12, 2))
    f = K.function([inputs], [layer(inputs)])
    a, b = f([x])[0], f([later])[0]
    np.testing.assert_array_equal(a[:, :7], b[:, :7])
    assert (a[:, 7] != b[:, 7]).all()


def test_transposed_convolution_undoes_the_shape():
    """It brings the output's shape of a convolution back to the input's, if need be with output_padding."""
    for padding, strides, k, n in itertools.product(("valid", "same"), (1, 2, 3), (1, 3, 4), (8, 9)):
        if padding == "same" and k % 2 == 0:
            continue  # output_padding counts on equal padding on both sides
        size = layers.Conv2D(1, k, strides=strides, padding=padding).compute_output_shape((None, n, n, 1))[1]
        back = [
            layers.Conv2DTranspose(1, k, strides=strides, padding=padding, output_padding=extra).compute_output_shape(
                (None, size, size, 1)
            )[1]
            for extra in range(strides)
        ]
        assert n in back or n < (size - 1) * strides + k - 2 * (k // 2 if padding == "same" else 0)


def test_mobile_network_trains():
    """Depthwise, separable, strided, dilated and transposed convolutions together learn."""
    np.random.seed(0)
    model = Sequential(
        [
            layers.Conv2D(8, 3, padding="same", activation="relu", input_shape=(8, 8, 1)),
            layers.DepthwiseConv2D(3, strides=2, padding="same", activation="relu"),
            layers.SeparableConv2D(8, 3, padding="same", activation="relu"),
            layers.Conv2D(8, 3, dilation_rate=2, padding="same", activation="relu"),
            layers.Conv2DTranspose(4, 2, strides=2, activation="relu"),
            layers.Conv2D(1, 1, activation="sigmoid"),
        ]
    )
    model.compile(optimizers.Adam(lr=0.01), "binary_crossentropy")
    x = np.random.rand(64, 4, 4, 1).repeat(2, axis=1).repeat(2, axis=2)
    y = (x > 0.5).astype("float32")
    history = model.fit(x, y, epochs=20, batch_size=16, verbose=0).history["loss"]
    assert history[-1] < 0.6 * history[0]


def test_weights_and_names():
    shapes = {
        layers.Conv1D(4, 3): [(3, 3, 4), (4,)],
        layers.Conv2D(4, (3, 2)): [(3, 2, 3, 4), (4,)],
        layers.Conv2DTranspose(4, (3, 2)): [(3, 2, 4, 3), (4,)],
        layers.SeparableConv1D(4, 3, depth_multiplier=2): [(3, 3, 2), (1, 6, 4), (4,)],
        layers.SeparableConv2D(4, 3, depth_multiplier=2): [(3, 3, 3, 2), (1, 1, 6, 4), (4,)],
        layers.DepthwiseConv2D(3, depth_multiplier=2): [(3, 3, 3, 2), (6,)],
        layers.Conv3D(4, 2, use_bias=False): [(2, 2, 2, 3, 4)],
        layers.Conv3DTranspose(4, 2): [(2, 2, 2, 4, 3), (4,)],
    }
    for layer, wanted in shapes.items():
        layer(Input((*(5,) * (layer.input_spec.ndim - 2), 3)))
        assert [w.shape for w in layer.get_weights()] == wanted
    layer = layers.SeparableConv2D(2, 3, name="s")
    layer(Input((5, 5, 3)))
    assert [w.name for w in layer.weights] == ["s/depthwise_kernel:0", "s/pointwise_kernel:0", "s/bias:0"]


def test_old_names():
    assert layers.Convolution2D is layers.Conv2D is convolutional.Conv2D
    assert layers.Deconvolution2D is layers.Convolution2DTranspose is layers.Conv2DTranspose
    assert layers.Deconv3D is layers.Conv3DTranspose and layers.SeparableConvolution1D is layers.SeparableConv1D
    assert (
        convolutional.MaxPooling2D is layers.MaxPooling2D and convolutional.AveragePooling1D is layers.AveragePooling1D
    )
    assert issubclass(layers.Conv1D, convolutional._Conv) and issubclass(layers.DepthwiseConv2D, layers.Conv2D)
    with pytest.warns(UserWarning, match="Keras 1"):
        old = layers.Convolution2D(4, 3, 2, border_mode="same", subsample=(2, 2), dim_ordering="tf", name="c")
    assert (
        old.get_config()
        == layers.Conv2D(4, (3, 2), padding="same", strides=(2, 2), data_format="channels_last", name="c").get_config()
    )


def test_subclass_with_its_own_call():
    class Scaled(layers.Conv2D):
        def call(self, inputs):
            return 2 * super().call(inputs)

    plain, scaled = layers.Conv2D(2, 3, use_bias=False), Scaled(2, 3, use_bias=False)
    inputs = Input((5, 5, 1))
    outputs = [plain(inputs), scaled(inputs)]
    scaled.set_weights(plain.get_weights())
    a, b = K.function([inputs], outputs)([np.random.rand(2, 5, 5, 1)])
    np.testing.assert_allclose(2 * a, b, rtol=1e-6)


def test_default_layout_is_the_setting():
    K.set_image_data_format("channels_first")
    try:
        model = Sequential([layers.Conv2D(4, 3, input_shape=(3, 6, 7)), layers.MaxPooling2D(), layers.Flatten()])
        assert model.layers[0].output_shape == (None, 4, 4, 5) and model.output_shape == (None, 4 * 2 * 2)
        config = model.to_json()
    finally:
        K.set_image_data_format("channels_last")
    assert model_from_json(config).layers[1].data_format == "channels_first"


# -- errors -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: layers.Conv2D(3, 3, padding="causal"), "Conv2D.*causal.*one-dimensional"),
        (lambda: layers.SeparableConv1D(3, 3, padding="causal"), "SeparableConv1D.*causal"),
        (lambda: layers.Conv1D(3, 3, padding="causal", data_format="channels_first"), "channels_last"),
        (lambda: layers.Conv2D(3, 3, padding="full"), "padding"),
        (lambda: layers.Conv2D(0, 3), "`filters` must be a positive integer, got 0"),
        (lambda: layers.Conv2D(2.5, 3), "`filters` must be a positive integer, got 2.5"),
        (lambda: layers.Conv2D(2, (3,)), r"kernel_size.*2 ints.*\(3,\)"),
        (lambda: layers.Conv2D(2, 3, strides=(1, 2, 3)), r"strides.*\(1, 2, 3\)"),
        (lambda: layers.Conv2D(2, 3, strides=0), r"`strides` must be positive, got \(0, 0\)"),
        (lambda: layers.Conv2D(2, 3, data_format="nchw"), "nchw"),
        (lambda: layers.DepthwiseConv2D(3, depth_multiplier=0), "`depth_multiplier`"),
        (
            lambda: layers.Conv2DTranspose(2, 3, strides=2, output_padding=2),
            r"stride \(2, 2\) must be greater than.*\(2, 2\)",
        ),
        (lambda: layers.Conv3DTranspose(2, 3, dilation_rate=2), "dilation"),
        (lambda: layers.Cropping2D((1, 2, 3)), r"`cropping` should have two elements.*\(1, 2, 3\)"),
        (lambda: layers.Cropping2D("ab"), "cropping"),
        (lambda: layers.Cropping3D((1, 2)), "3 elements"),
        (lambda: layers.Cropping1D((1, -2)), "must not be negative"),
        (lambda: layers.ZeroPadding2D(((1, 2, 3), 4)), r"1st entry of padding.*\(1, 2, 3\)"),
        (lambda: layers.ZeroPadding1D((1, 2, 3)), "padding"),
        (lambda: layers.UpSampling2D(2, interpolation="cubic"), "nearest.*bilinear.*'cubic'"),
        (lambda: layers.UpSampling2D((1, 2, 3)), "size"),
        (lambda: layers.UpSampling3D(0), "`size` must be positive"),
    ],
)
def test_refused_settings(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    "layer, shape, message",
    [
        (
            lambda: layers.Conv2D(2, 3, strides=2, dilation_rate=2),
            (8, 8, 3),
            "strides > 1 not supported.*dilation_rate > 1",
        ),
        (lambda: layers.Conv1D(2, 3, strides=2, dilation_rate=2), (8, 3), r"strides=\(2,\) and dilation_rate=\(2,\)"),
        (lambda: layers.SeparableConv2D(2, 3, strides=2, dilation_rate=2), (8, 8, 3), "dilation_rate > 1"),
        (
            lambda: layers.Conv2D(2, 9, name="big"),
            (8, 7, 3),
            r"Conv2D 'big'.*\(None, 8, 7, 3\).*output sizes \(0, -1\)",
        ),
        (lambda: layers.Conv1D(2, 3, dilation_rate=4), (8, 3), r"Conv1D 'conv1d_\d+'.*output sizes \(0,\)"),
        (lambda: layers.Cropping2D(5, name="cut"), (8, 10, 3), r"Cropping2D 'cut'.*sizes \(-2, 0\)"),
        (lambda: layers.Conv2D(2, 3, name="c"), (8, 8, None), "Conv2D 'c'.*channel dimension.*should be defined"),
        (lambda: layers.Conv2D(2, 3, name="c"), (8, 3), "c.*expected ndim=4, found ndim=3"),
        (lambda: layers.UpSampling2D(name="u"), (8, 3), "u.*expected ndim=4, found ndim=3"),
        (lambda: layers.Conv2DTranspose(2, 2, padding="same", output_padding=0, name="t"), (5, 5, 3), r"size \(4, 4\)"),
    ],
)
def test_refused_inputs(layer, shape, message):
    with pytest.raises(ValueError, match=message):
        layer()(Input(shape))


def test_another_number_of_channels_is_refused():
    layer = layers.Conv2D(2, 3, name="c")
    layer(Input((8, 8, 3)))
    with pytest.raises(ValueError, match=r"c.*axis -1.*3.*\(None, 8, 8, 4\)"):
        layer(Input((8, 8, 4)))


def test_sizes_that_leave_nothing_are_refused_when_they_come():
    inputs = Input((None, None, 3))
    model = Model(inputs, layers.Conv2D(2, 5, name="deep")(inputs))
    with pytest.raises(ValueError, match=r"deep.*output sizes \(0, 1\) must be positive.*size \(4, 5\)"):
        model.predict(np.zeros((1, 4, 5, 3)))


def test_masks_are_refused():
    with pytest.raises(TypeError, match="does not support masking"):
        layers.Conv1D(2, 3)(layers.Masking()(Input((8, 3))))
