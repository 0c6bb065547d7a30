"""ConvRNN2D and ConvLSTM2D: shapes, states, masks, errors. Numbers of 2.2.4: test_recurrent_golden.py."""

import numpy as np
import pytest

from gpukeras import backend as K
from gpukeras import layers
from gpukeras.layers import ConvLSTM2D, ConvLSTM2DCell, ConvRNN2D, Input
from gpukeras.models import Model, Sequential
from gpukeras.utils.test_utils import layer_test

RNG = np.random.RandomState(5)
X = RNG.randn(2, 3, 5, 6, 2).astype("float32")


def convolve(x, w, same):
    """Plain convolution of images (N, H, W, C) with (KH, KW, C, M)."""
    kh, kw = w.shape[:2]
    if same:
        x = np.pad(x, ((0, 0), ((kh - 1) // 2, kh // 2), ((kw - 1) // 2, kw // 2), (0, 0)))
    n, h, width, _ = x.shape
    y = np.zeros((n, h - kh + 1, width - kw + 1, w.shape[3]))
    for i in range(y.shape[1]):
        for j in range(y.shape[2]):
            y[:, i, j] = np.tensordot(x[:, i : i + kh, j : j + kw], w, 3)
    return y


def loop(x, w, u, b, same):
    gate = lambda a: np.clip(0.2 * a + 0.5, 0, 1)
    h = c = None
    outputs = []
    for t in range(x.shape[1]):
        z = convolve(x[:, t], w, same) + b
        if h is None:
            h = c = np.zeros((*z.shape[:3], z.shape[3] // 4))
        i, f, g, o = np.split(z + convolve(h, u, True), 4, axis=-1)
        c = gate(f) * c + gate(i) * np.tanh(g)
        h = gate(o) * np.tanh(c)
        outputs.append(h)
    return np.stack(outputs, 1), h, c


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_against_a_loop(data_format, padding):
    x = X if data_format == "channels_last" else np.moveaxis(X, -1, 2)
    inputs = Input(x.shape[1:])
    layer = ConvLSTM2D(3, (3, 2), padding=padding, data_format=data_format, return_sequences=True, return_state=True)
    model = Model(inputs, layer(inputs))
    layer.set_weights([RNG.randn(*w.shape) * 0.3 for w in layer.get_weights()])
    for ours, theirs in zip(model.predict(x), loop(X, *layer.get_weights(), padding == "same"), strict=True):
        theirs = theirs if data_format == "channels_last" else np.moveaxis(theirs, -1, -3)
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "settings",
    [
        dict(),
        dict(padding="same", return_sequences=True),
        dict(strides=(2, 1), use_bias=False),
        dict(dilation_rate=(1, 2), go_backwards=True),
        dict(data_format="channels_first", padding="same"),
        dict(dropout=0.3, recurrent_dropout=0.2, padding="same"),
        dict(dropout=0.3, data_format="channels_first", strides=2, padding="same"),
        dict(kernel_regularizer="l2", recurrent_constraint="maxnorm", activity_regularizer="l1"),
    ],
)
def test_layer(settings):
    layer_test(ConvLSTM2D, kwargs=dict(settings, filters=2, kernel_size=(2, 3)), input_shape=(2, 3, 5, 6, 2))


@pytest.mark.parametrize(
    "settings, shape, frame",
    [
        (dict(), (3, 8, 9, 2), (6, 7, 4)),
        (dict(strides=2), (3, 8, 9, 2), (3, 4, 4)),
        (dict(dilation_rate=2), (3, 8, 9, 2), (4, 5, 4)),
        (dict(padding="same", strides=(2, 1)), (None, 8, 9, 2), (4, 9, 4)),
        (dict(data_format="channels_first"), (3, 2, 8, 9), (4, 6, 7)),
        (dict(), (None, None, 9, 2), (None, 7, 4)),
    ],
)
def test_shapes(settings, shape, frame):
    layer = ConvLSTM2D(4, 3, return_sequences=True, return_state=True, **settings)
    outputs = layer(Input(shape))
    assert [K.int_shape(y) for y in outputs] == [(None, shape[0], *frame), (None, *frame), (None, *frame)]
    assert layer.compute_output_shape((None, *shape)) == [K.int_shape(y) for y in outputs]


def test_images_of_unknown_size():
    inputs = Input((None, None, None, 2))
    layer = ConvLSTM2D(3, 3)
    model = Model(inputs, layer(inputs))
    for x in (X, X[:, :1, :4]):
        expected = loop(x, *layer.get_weights(), False)[1]
        np.testing.assert_allclose(model.predict(x), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("given", ["keras", "variables", "list"])
def test_initial_states(given):
    inputs = Input((3, 5, 6, 2))
    layer = ConvLSTM2D(4, 3, return_sequences=True, return_state=True)
    whole = Model(inputs, layer(inputs)).predict(X)
    first, second = Input((1, 5, 6, 2)), Input((2, 5, 6, 2))
    states = Model(first, layer(first)[1:]).predict(X[:, :1])
    held = [Input(s.shape[1:]) for s in states]
    if given == "keras":
        rest = Model([second, *held], layer(second, initial_state=held)).predict([X[:, 1:], *states])
    elif given == "list":
        rest = Model([second, *held], layer([second, *held])).predict([X[:, 1:], *states])
    else:
        rest = Model(second, layer(second, initial_state=[K.variable(s) for s in states])).predict(X[:, 1:])
    np.testing.assert_allclose(rest[0], whole[0][:, 1:], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(rest[2], whole[2], rtol=1e-5, atol=1e-6)


def test_stateful():
    layer = ConvLSTM2D(4, 3, padding="same", stateful=True, batch_input_shape=(2, None, 5, 6, 2))
    model = Sequential([layer])
    whole = model.predict(X)
    model.reset_states()
    model.predict(X[:, :2])
    np.testing.assert_allclose(model.predict(X[:, 2:]), whole, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(K.get_value(layer.states[0]), whole, rtol=1e-5, atol=1e-6)
    values = [RNG.randn(2, 5, 6, 4) for _ in range(2)]
    layer.reset_states(values)
    np.testing.assert_allclose(K.get_value(layer.states[1]), values[1], rtol=1e-6)
    layer.reset_states()
    assert not K.get_value(layer.states[1]).any()


class FrameMask(layers.Layer):
    """Masks frames of zeros."""

    def compute_mask(self, inputs, mask=None):
        return K.any(K.not_equal(inputs, 0), axis=(2, 3, 4))


def test_masked_frames_hold_the_output():
    x = X.copy()
    x[0, 1] = x[1, 2] = 0
    inputs = Input((3, 5, 6, 2))
    layer = ConvLSTM2D(3, 3, return_sequences=True)
    y = Model(inputs, layer(FrameMask()(inputs))).predict(x)
    np.testing.assert_array_equal(y[0, 1], y[0, 0])
    np.testing.assert_array_equal(y[1, 2], y[1, 1])
    plain = Input((2, 5, 6, 2))
    np.testing.assert_allclose(Model(plain, layer(plain)).predict(x[:1, [0, 2]])[0], y[0, [0, 2]], rtol=1e-5, atol=1e-6)


def test_training_learns_to_repeat_the_last_frame():
    model = Sequential([ConvLSTM2D(4, 3, padding="same", input_shape=(3, 5, 6, 2)), layers.Conv2D(2, 1)])
    model.compile("adam", "mse")
    history = model.fit(X, X[:, -1], epochs=60, verbose=0).history["loss"]
    assert history[-1] < 0.8 * history[0]


def test_gradients():
    K.set_floatx("float64")
    try:
        inputs = Input(batch_shape=(1, 2, 3, 4, 2))
        layer = ConvLSTM2D(2, 2, padding="same", recurrent_activation="sigmoid", return_sequences=True)
        loss = K.sum(K.square(layer(inputs)))
        f = K.function([inputs], [loss, *K.gradients(loss, [inputs, *layer.weights])])
        x = RNG.randn(1, 2, 3, 4, 2)
        weights = layer.get_weights()
        grads = f([x])[1:]
        # along a random direction of all of them at once
        for seed in range(3):
            steps = [np.random.RandomState(seed).randn(*a.shape) for a in (x, *weights)]
            values = []
            for sign in (1e-5, -1e-5):
                layer.set_weights([w + sign * s for w, s in zip(weights, steps[1:], strict=True)])
                values.append(f([x + sign * steps[0]])[0])
            layer.set_weights(weights)
            slope = sum((g * s).sum() for g, s in zip(grads, steps, strict=True))
            np.testing.assert_allclose(slope, (values[0] - values[1]) / 2e-5, rtol=1e-6)
    finally:
        K.set_floatx("float32")


def test_config():
    cell = ConvLSTM2DCell(3, 2, strides=2, data_format="channels_first")
    assert ConvLSTM2DCell.from_config(cell.get_config()).get_config() == cell.get_config()
    layer = ConvRNN2D(cell, return_state=True)
    assert ConvRNN2D.from_config(layer.get_config()).get_config() == layer.get_config()
    layer = ConvLSTM2D(3, 2, dropout=0.5)
    for name in layer.cell._options:
        assert getattr(layer, name) is getattr(layer.cell, name)


def test_errors():
    cell = ConvLSTM2DCell(3, 3)
    x = Input((3, 5, 6, 2))
    with pytest.raises(TypeError, match="Unrolling isn't possible"):
        ConvRNN2D(cell, unroll=True)
    with pytest.raises(TypeError, match="stack convolutional cells"):
        ConvRNN2D([cell])
    with pytest.raises(ValueError, match="'causal' is for sequences"):
        ConvLSTM2D(3, 3, padding="causal")
    with pytest.raises(ValueError, match="strides > 1 not supported in conjunction with dilation_rate > 1"):
        ConvLSTM2D(3, 3, strides=2, dilation_rate=2)
    with pytest.raises(ValueError, match="`filters` must be a positive integer"):
        ConvLSTM2D(0, 3)
    with pytest.raises(ValueError, match="channel dimension of the inputs should be defined"):
        ConvLSTM2D(3, 3)(Input((3, 5, 6, None)))
    with pytest.raises(ValueError, match="expected ndim=5, found ndim=4"):
        ConvLSTM2D(3, 3)(Input((5, 6, 2)))
    with pytest.raises(ValueError, match="not compatible with `cell.state_size`"):
        ConvLSTM2D(3, 3)(x, initial_state=[Input((3, 4, 3))])
    with pytest.raises(ValueError, match="not compatible with `cell.state_size`"):
        ConvLSTM2D(3, 3)(x, initial_state=[Input((3, 4, 2)), Input((3, 4, 2))])
    for shape in ((None, 3, 5, 6, 2), (2, 3, None, 6, 2)):
        with pytest.raises(ValueError, match="size of the images"):
            ConvLSTM2D(3, 3, stateful=True)(Input(batch_shape=shape))
    layer = ConvLSTM2D(3, 3, stateful=True)
    layer(Input(batch_shape=(2, 3, 5, 6, 2)))
    with pytest.raises(ValueError, match=r"State 1 .*expected shape=\(2, 3, 4, 3\), found shape=\(2, 3, 4, 2\)"):
        layer.reset_states([np.zeros((2, 3, 4, 3)), np.zeros((2, 3, 4, 2))])
