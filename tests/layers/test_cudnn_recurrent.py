"""CuDNNGRU and CuDNNLSTM against plain loops and against GRU and LSTM, with whom they share files."""

import numpy as np
import pytest

from gpukeras import backend as K
from gpukeras.engine.saving import preprocess_weights_for_loading
from gpukeras.layers import GRU, LSTM, Bidirectional, CuDNNGRU, CuDNNLSTM, Input, Masking, TimeDistributed
from gpukeras.models import Model, Sequential, load_model
from gpukeras.utils.test_utils import layer_test

N, T, C, U = 3, 5, 4, 2
X = np.random.RandomState(0).randn(N, T, C).astype("float32")

#: layer, number of gates, the plain layer that computes the same
KINDS = {
    "lstm": (CuDNNLSTM, 4, lambda **k: LSTM(U, recurrent_activation="sigmoid", **k)),
    "gru": (CuDNNGRU, 3, lambda **k: GRU(U, recurrent_activation="sigmoid", reset_after=True, **k)),
}
both = pytest.mark.parametrize("kind", KINDS)


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


def _matrices(weights, gates):
    """What cuDNN multiplies each gate's input and state with, and its two biases: kernels are read row by row as
    (U, C) and (U, U), whatever shape Keras keeps them in."""
    kernel, recurrent, bias = (w.astype("float64") for w in weights)
    parts = []
    for g in range(gates):
        columns = slice(g * U, (g + 1) * U)
        w = kernel[:, columns].ravel().reshape(U, C)
        u = recurrent[:, columns].ravel().reshape(U, U)
        parts.append((w, u, bias[columns], bias[gates * U :][columns]))
    return parts


def _lstm_loop(x, weights, h, c):
    parts = _matrices(weights, 4)
    ys = []
    for xt in x:
        i, f, g, o = (w @ xt + u @ h + b + rb for w, u, b, rb in parts)
        c = _sigmoid(f) * c + _sigmoid(i) * np.tanh(g)
        h = _sigmoid(o) * np.tanh(c)
        ys.append(h)
    return ys, [h, c]


def _gru_loop(x, weights, h):
    (wz, uz, bz, rz), (wr, ur, br, rr), (wh, uh, bh, rh) = _matrices(weights, 3)
    ys = []
    for xt in x:
        z = _sigmoid(wz @ xt + uz @ h + bz + rz)
        r = _sigmoid(wr @ xt + ur @ h + br + rr)
        h = (1 - z) * np.tanh(wh @ xt + bh + r * (uh @ h + rh)) + z * h
        ys.append(h)
    return ys, [h]


LOOPS = {"lstm": _lstm_loop, "gru": _gru_loop}


def _randomized(model):
    rng = np.random.RandomState(5)
    model.set_weights([rng.randn(*w.shape) * 0.5 for w in model.get_weights()])
    return model


@both
@pytest.mark.parametrize("backwards", [False, True])
def test_against_loops(kind, backwards):
    make = KINDS[kind][0]
    count = 2 if kind == "lstm" else 1
    inputs, states = Input((T, C)), [Input((U,)) for _ in range(count)]
    layer = make(U, return_sequences=True, return_state=True, go_backwards=backwards)
    model = _randomized(Model([inputs, *states], layer(inputs, initial_state=states)))
    given = [np.random.RandomState(i).randn(N, U) for i in range(count)]
    ys, *finals = model.predict([X, *given])
    for n in range(N):
        x = X[n, ::-1] if backwards else X[n]
        want, want_finals = LOOPS[kind](x.astype("float64"), model.get_weights(), *(s[n] for s in given))
        np.testing.assert_allclose(ys[n], want, rtol=1e-5, atol=1e-6)
        for got, state in zip(finals, want_finals):
            np.testing.assert_allclose(got[n], state, rtol=1e-5, atol=1e-6)


def _pair(kind, wrap):
    """A model with the cuDNN layer and one with the plain layer."""
    make, _, plain = KINDS[kind]
    return [Sequential([wrap(layer)]) for layer in (make(U, return_sequences=True), plain(return_sequences=True))]


WRAPS = {
    "alone": lambda layer: _with_shape(layer, (None, T, C)),
    "bidirectional": lambda layer: Bidirectional(layer, input_shape=(T, C)),
    "every step": lambda layer: TimeDistributed(layer, input_shape=(2, T, C)),
}


def _with_shape(layer, shape):
    layer.batch_input_shape = shape
    return layer


@both
@pytest.mark.parametrize("wrap", WRAPS)
def test_weights_convert_both_ways(kind, wrap):
    fast, plain = _pair(kind, WRAPS[wrap])
    _randomized(plain)
    fast.set_weights(preprocess_weights_for_loading(fast, plain.get_weights()))
    x = np.stack([X, -X], 1) if wrap == "every step" else X
    want = plain.predict(x)
    np.testing.assert_allclose(fast.predict(x), want, rtol=1e-5, atol=1e-6)
    # into the other one again, from another start
    _randomized(fast)
    plain.set_weights(preprocess_weights_for_loading(plain, fast.get_weights()))
    np.testing.assert_allclose(plain.predict(x), fast.predict(x), rtol=1e-5, atol=1e-6)


@both
def test_files_of_one_load_into_the_other(kind, tmp_path):
    fast, plain = (_randomized(m) for m in _pair(kind, WRAPS["bidirectional"]))
    fast.save_weights(str(tmp_path / "fast.h5"))
    plain.load_weights(str(tmp_path / "fast.h5"))
    np.testing.assert_allclose(plain.predict(X), fast.predict(X), rtol=1e-5, atol=1e-6)
    fast.compile("sgd", "mse")
    fast.save(str(tmp_path / "model.h5"))
    np.testing.assert_array_equal(load_model(str(tmp_path / "model.h5")).predict(X), fast.predict(X))


@both
def test_trains_as_the_plain_layer_does(kind):
    fast, plain = _pair(kind, WRAPS["alone"])
    _randomized(plain)
    fast.set_weights(preprocess_weights_for_loading(fast, plain.get_weights()))
    y = np.random.RandomState(9).randn(N, T, U)
    for model in (fast, plain):
        model.compile("sgd", "mse")
    # The two biases of an LSTM both move, their sum moves twice as far: compare before that shows.
    a, b = (model.train_on_batch(X, y) for model in (fast, plain))
    np.testing.assert_allclose(a, b, rtol=1e-5)
    moved = preprocess_weights_for_loading(plain, fast.get_weights())
    for got, want in zip(moved[:2], plain.get_weights()[:2]):
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


@both
@pytest.mark.parametrize("sequences", [False, True])
def test_layer(kind, sequences):
    layer_test(
        KINDS[kind][0],
        kwargs={"units": U, "return_sequences": sequences, "bias_initializer": "ones", "kernel_regularizer": "l2"},
        input_shape=(N, T, C),
    )


@both
def test_stateful(kind):
    layer = KINDS[kind][0](U, stateful=True, batch_input_shape=(N, T, C))
    model = Sequential([layer])
    first, second = model.predict(X, batch_size=N), model.predict(X, batch_size=N)
    assert np.abs(first - second).max() > 1e-4
    np.testing.assert_array_equal(K.get_value(layer.states[0]), second)
    model.reset_states()
    np.testing.assert_array_equal(model.predict(X, batch_size=N), first)


@both
def test_weights_and_what_they_are_called(kind):
    make, gates, _ = KINDS[kind]
    layer = make(U, kernel_regularizer="l1", bias_regularizer="l2", activity_regularizer="l1")
    y = layer(K.variable(X))
    assert [w.name.rsplit("/", 1)[1] for w in layer.weights] == ["kernel:0", "recurrent_kernel:0", "bias:0"]
    assert [K.int_shape(w) for w in layer.weights] == [(C, gates * U), (U, gates * U), (2 * gates * U,)]
    assert K.int_shape(y) == (N, U) and len(layer.losses) == 3
    for gate in layer.gates:
        assert K.int_shape(getattr(layer, f"kernel_{gate}")) == (C, U)
        assert K.int_shape(getattr(layer, f"recurrent_kernel_{gate}")) == (U, U)
        assert K.int_shape(getattr(layer, f"bias_{gate}")) == K.int_shape(getattr(layer, f"bias_{gate}_i")) == (U,)
    layer.trainable = False
    assert not layer.trainable_weights and len(layer.non_trainable_weights) == 3
    assert layer.cell.state_size == ((U, U) if kind == "lstm" else U)


def test_one_bias_of_the_forget_gate_starts_at_ones():
    for forget, want in ((True, 1), (False, 0)):
        layer = CuDNNLSTM(U, unit_forget_bias=forget)
        layer.build((None, T, C))
        bias = layer.get_weights()[2].reshape(8, U)
        assert (bias[5] == want).all() and not bias[[0, 1, 2, 3, 4, 6, 7]].any()


@both
def test_errors(kind):
    make = KINDS[kind][0]
    with pytest.raises(ValueError, match="Masking is not supported for CuDNN RNNs"):
        make(U)(Masking()(Input((T, C))))
    for wrong in ("activation", "dropout", "unroll", "implementation", "use_bias"):
        with pytest.raises(TypeError, match=wrong):
            make(U, **{wrong: 1})
    with pytest.raises(ValueError, match="expected ndim=3"):
        make(U)(Input((C,)))
    with pytest.raises(ValueError, match="last axis of the input must be known"):
        make(U)(Input((T, None)))
    with pytest.raises(TypeError, match="takes no `constants`"):
        make(U)(Input((T, C)), constants=Input((U,)))
    with pytest.raises(ValueError, match="not compatible with `cell.state_size`"):
        make(U)(Input((T, C)), initial_state=[Input((U + 1,))] * (2 if kind == "lstm" else 1))
    with pytest.raises(AttributeError, match="must be stateful"):
        make(U).reset_states()
    with pytest.raises(ValueError, match="needs to know its batch size"):
        make(U, stateful=True)(Input((T, C)))
