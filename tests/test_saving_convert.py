"""Weights of other versions and kinds of layers, against plain computations with them."""

import numpy as np
import pytest

from gpukeras import layers, models
from gpukeras.engine.saving import preprocess_weights_for_loading as convert

C, U = 5, 3


class Variable:
    def __init__(self, *shape):
        self.shape = shape
        self.name = "w:0"


def layer(kind, *shapes, **attributes):
    """Stands in for a layer: what is read of one is its class name and a few attributes."""
    weights = [Variable(*s) for s in shapes]
    return type(kind, (), dict(attributes, name="l", weights=weights))()


def random(*shapes):
    return [np.random.random(s) for s in shapes]


def gates_plain(x, h, kernel, recurrent, bias, gates):
    """What reaches every gate of a plain layer: input part and recurrent part with their biases."""
    from_x = np.split(x @ kernel, gates)
    from_h = np.split(h @ recurrent, gates)
    b_x, b_h = bias if np.ndim(bias) == 2 else (bias, np.zeros_like(bias))
    return [a + b for a, b in zip(from_x, np.split(b_x, gates))], [a + b for a, b in zip(from_h, np.split(b_h, gates))]


def gates_cudnn(x, h, kernel, recurrent, bias, gates):
    """The same of a CuDNN layer: it reads every gate's kernel, C order, as a matrix (U, C) that multiplies x."""
    from_x = [k.reshape(-1).reshape(U, C) @ x for k in np.hsplit(kernel, gates)]
    from_h = [r.reshape(-1).reshape(U, U) @ h for r in np.hsplit(recurrent, gates)]
    halves = np.split(bias, 2 * gates)
    return [a + b for a, b in zip(from_x, halves[:gates])], [a + b for a, b in zip(from_h, halves[gates:])]


CUDNN = [
    ("LSTM", "CuDNNLSTM", 4, (4 * U,), (8 * U,), {}),
    ("GRU", "CuDNNGRU", 3, (2, 3 * U), (6 * U,), {"reset_after": True}),
]


@pytest.mark.parametrize("plain, cudnn, gates, plain_bias, cudnn_bias, attributes", CUDNN)
def test_plain_to_cudnn_computes_the_same(plain, cudnn, gates, plain_bias, cudnn_bias, attributes):
    weights = random((C, gates * U), (U, gates * U), plain_bias)
    x, h = random(C, U)
    converted = convert(layer(cudnn), weights)
    assert converted[2].shape == cudnn_bias
    want, got = gates_plain(x, h, *weights, gates), gates_cudnn(x, h, *converted, gates)
    if plain == "GRU":
        np.testing.assert_allclose(got, want)
    np.testing.assert_allclose(np.sum(got, axis=0), np.sum(want, axis=0))
    for a, b in zip(convert(layer(plain, **attributes), converted), weights, strict=True):
        np.testing.assert_allclose(a, b)


@pytest.mark.parametrize("plain, cudnn, gates, plain_bias, cudnn_bias, attributes", CUDNN)
def test_cudnn_to_plain_computes_the_same(plain, cudnn, gates, plain_bias, cudnn_bias, attributes):
    weights = random((C, gates * U), (U, gates * U), cudnn_bias)
    x, h = random(C, U)
    converted = convert(layer(plain, **attributes), weights)
    assert converted[2].shape == plain_bias
    want, got = gates_cudnn(x, h, *weights, gates), gates_plain(x, h, *converted, gates)
    np.testing.assert_allclose(np.sum(got, axis=0), np.sum(want, axis=0))


@pytest.mark.parametrize(
    "kind, bias, attributes",
    [("LSTM", (4 * U,), {}), ("CuDNNLSTM", (8 * U,), {}), ("CuDNNGRU", (6 * U,), {}), ("GRU", (3 * U,), {}),
     ("GRU", (2, 3 * U), {"reset_after": True})],
)  # fmt: skip
def test_weights_of_the_same_kind_stay(kind, bias, attributes):
    gates = 3 if "GRU" in kind else 4
    weights = random((C, gates * U), (U, gates * U), bias)
    for a, b in zip(convert(layer(kind, **attributes), weights), weights, strict=True):
        assert a is b


GRUS = {
    "GRU(reset_after=False)": (lambda: layer("GRU", reset_after=False), (3 * U,)),
    "GRU(reset_after=True)": (lambda: layer("GRU", reset_after=True), (2, 3 * U)),
    "CuDNNGRU": (lambda: layer("CuDNNGRU"), (6 * U,)),
}


@pytest.mark.parametrize(
    "source, target",
    [(s, t) for s in GRUS for t in GRUS if s != t and "GRU(reset_after=False)" in (s, t)],
)
def test_incompatible_grus_are_refused(source, target):
    weights = random((C, 3 * U), (U, 3 * U), GRUS[source][1])
    with pytest.raises(ValueError) as caught:
        convert(GRUS[target][0](), weights)
    assert "%s is not compatible with %s" % (source, target) in str(caught.value)


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_biases_of_no_known_shape_are_refused(kind):
    with pytest.raises(ValueError, match=r"the saved bias has shape \(7,\)"):
        convert(layer(kind), random((C, 12), (U, 12), 7))


def test_wrappers_and_their_halves():
    weights = random((C, 4 * U), (U, 4 * U), 8 * U)
    single = convert(layer("LSTM"), weights)
    timed = convert(layer("TimeDistributed", layer=layer("LSTM")), weights)
    both = convert(layer("Bidirectional", forward_layer=layer("LSTM"), backward_layer=layer("LSTM")), weights + weights)
    for got in (timed, both[:3], both[3:]):
        for a, b in zip(got, single, strict=True):
            np.testing.assert_array_equal(a, b)


def test_keras_1_lstm_gates_are_joined_in_the_new_order():
    gates = {g: random((C, U), (U, U), U) for g in "icfo"}
    old = [w for g in "icfo" for w in gates[g]]
    for got, part in zip(convert(layer("LSTM"), old, "1.2.2"), range(3), strict=True):
        np.testing.assert_array_equal(got, np.concatenate([gates[g][part] for g in "ifco"], axis=-1))


def test_keras_1_gru_gates_are_joined():
    gates = [random((C, U), (U, U), U) for _ in range(3)]
    got = convert(layer("GRU", reset_after=False), [w for g in gates for w in g], "1.0")
    for part in range(3):
        np.testing.assert_array_equal(got[part], np.concatenate([g[part] for g in gates], axis=-1))


@pytest.mark.parametrize("channels_first", [False, True])
def test_keras_1_convlstm(channels_first):
    new = [random((3, 2, 4, 6), (3, 2, 6, 6), 6) for _ in "icfo"]
    old = [np.transpose(w, (3, 2, 0, 1)) if channels_first and w.ndim == 4 else w for gate in new for w in gate]
    stand_in = layer(
        "ConvLSTM2D", (3, 2, 4, 24), (3, 2, 6, 24), (24,), data_format="channels_first" if channels_first else None
    )
    got = convert(stand_in, old, "1.2.2")
    for part in range(3):
        want = np.concatenate([new[g][part] for g in (0, 2, 1, 3)], axis=-1)
        np.testing.assert_array_equal(got[part], want)


# kind, new shape, axes of the new kernel in the old one, attributes.
KERNELS = [
    ("Conv2D", (3, 2, 4, 6), (3, 2, 0, 1), {"data_format": "channels_first"}),
    ("Conv2D", (3, 2, 4, 6), (0, 1, 2, 3), {"data_format": "channels_last"}),
    ("Conv2DTranspose", (3, 2, 6, 4), (2, 3, 0, 1), {"data_format": "channels_first"}),
    ("Conv2DTranspose", (3, 2, 6, 4), (0, 1, 3, 2), {"data_format": "channels_last"}),
    ("Conv3D", (3, 2, 5, 4, 6), (4, 3, 0, 1, 2), {"data_format": "channels_first"}),
]


@pytest.mark.parametrize("kind, shape, old_axes, attributes", KERNELS)
def test_keras_1_kernels(kind, shape, old_axes, attributes):
    new = np.random.random(shape)
    bias = np.zeros(shape[-1])
    got = convert(layer(kind, shape, bias.shape, **attributes), [np.transpose(new, old_axes), bias], "1.2.2")
    np.testing.assert_array_equal(got[0], new)


@pytest.mark.parametrize("early", [False, True])
def test_keras_1_conv1d(early):
    new = np.random.random((3, 4, 6))
    old = np.transpose(new, (2, 1, 0))[..., None] if early else new[:, None]
    stand_in = layer("Conv1D", (3, 4, 6), (6,), kernel_size=(3,), filters=6, data_format="channels_last")
    np.testing.assert_array_equal(convert(stand_in, [old, np.zeros(6)], "1.0")[0], new)


def test_kernels_of_theano_are_flipped():
    kernel = np.random.random((3, 2, 4, 6))
    stand_in = layer("Conv2D", kernel.shape, (6,))
    flipped = convert(stand_in, [kernel, np.zeros(6)], "2.0.0", "theano")[0]
    np.testing.assert_array_equal(flipped, kernel[::-1, ::-1])
    np.testing.assert_array_equal(convert(stand_in, [kernel, np.zeros(6)], "2.0.0", "cntk")[0], kernel)


def test_reshape():
    stand_in = layer("Conv2D", (1, 1, 2, 3), (3,))
    kernel = np.arange(6.0).reshape(2, 3)
    got = convert(stand_in, [kernel, np.zeros(3)], reshape=True)
    np.testing.assert_array_equal(got[0], kernel.reshape(1, 1, 2, 3))
    with pytest.raises(ValueError, match=r"cannot reshape saved weights of shape \(2, 2\) to \(1, 1, 2, 3\)"):
        convert(stand_in, [np.zeros((2, 2)), np.zeros(3)], reshape=True)


def test_nested_models_are_converted_in_their_own_order():
    """A model lists trainable weights first: each layer must get its own, also when some are frozen."""
    inner = models.Sequential(
        [layers.Dense(4, input_shape=(3,)), layers.BatchNormalization(), layers.Dense(2, trainable=False)]
    )
    values = [np.random.random(w.shape) for w in inner.weights]
    for a, b in zip(convert(inner, values, "2.1.0", "tensorflow"), values, strict=True):
        np.testing.assert_array_equal(a, b)
