"""TimeDistributed and Bidirectional: what they make of layers, masks, states, weights, losses and updates."""

import numpy as np
import pytest

import gpukeras.layers as L
from gpukeras import backend as K
from gpukeras.engine.base_layer import Layer
from gpukeras.graph.gradient import ancestors
from gpukeras.models import Model, Sequential, model_from_json
from gpukeras.utils.generic_utils import CustomObjectScope, object_list_uid
from gpukeras.utils.test_utils import layer_test

N, T, C, U = 3, 4, 2, 3
X = np.random.RandomState(0).randn(N, T, C).astype("float32")


class Scale(Layer):
    """A layer of the user's own that relies on the number of samples it was told."""

    def __init__(self, samples=N, **kwargs):
        self.samples = samples
        super().__init__(**kwargs)

    def call(self, inputs):
        return inputs * K.ones((self.samples, 1))

    def get_config(self):
        return {**super().get_config(), "samples": self.samples}


# -- TimeDistributed ----------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(T, C), (None, C)])
def test_every_step_gets_the_same_layer(shape):
    inner = L.Dense(U, activation="tanh")
    model = Sequential([L.TimeDistributed(inner, input_shape=shape)])
    kernel, bias = model.get_weights()
    np.testing.assert_allclose(model.predict(X), np.tanh(X @ kernel + bias), rtol=1e-5, atol=1e-6)
    assert model.output_shape == (None, shape[0], U)
    assert model.layers[0].input_spec.shape == (None, *shape)


def test_layer_test_of_both():
    with CustomObjectScope({"TimeDistributed": L.TimeDistributed, "Bidirectional": L.Bidirectional}):
        for kwargs in ({"layer": L.Dense(2)}, {"layer": L.Dropout(0.5)}):
            layer_test(L.TimeDistributed, kwargs=kwargs, input_shape=(N, T, C), fixed_batch_size=True)
        layer_test(L.Bidirectional, kwargs={"layer": L.GRU(2), "merge_mode": "ave"}, input_shape=(N, T, C))


def test_a_fixed_batch_size_is_no_loop_for_layers_that_take_any():
    inputs = L.Input(batch_shape=(N, T, C))
    y = L.TimeDistributed(L.Dense(U))(inputs)
    assert "scan" not in {node.op.name for node in ancestors([y])}
    assert K.int_shape(y) == (N, T, U)


@pytest.mark.parametrize("make", [Scale, lambda: L.Lambda(lambda x: x * K.ones((N, 1)))])
def test_layers_of_ones_own_see_their_batch_size(make):
    inputs = L.Input(batch_shape=(N, T, C))
    model = Model(inputs, L.TimeDistributed(make())(inputs))
    np.testing.assert_allclose(model.predict(X, batch_size=N), X)


def test_stateful_layer_inside_keeps_its_batch_size():
    inputs = L.Input(batch_shape=(N, T, 2, C))
    model = Model(inputs, L.TimeDistributed(L.SimpleRNN(U, stateful=True))(inputs))
    x = np.random.RandomState(1).randn(N, T, 2, C)
    assert model.predict(x, batch_size=N).shape == (N, T, U)


def test_masks_reach_the_inner_layer_and_come_out():
    x = np.random.RandomState(2).randn(N, T, 5, C).astype("float32")
    x[0, 1, 3:] = 0
    x[1, 2] = 0
    inputs = L.Input((T, 5, C))
    masked = L.TimeDistributed(L.Masking())(inputs)
    rnn = L.LSTM(U)
    y = L.TimeDistributed(rnn)(masked)
    f = K.function([inputs], [y, y._keras_history[0]._inbound_nodes[0].output_masks[0]])
    got, mask = f([x])
    np.testing.assert_array_equal(mask, x.any((2, 3)))
    step, short = L.Input((5, C)), L.Input((3, C))
    whole = Model(step, rnn(step))
    part = Model(short, rnn(short))
    np.testing.assert_allclose(got[0, 0], whole.predict(x[0, :1])[0], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(got[0, 1], part.predict(x[0, 1:2, :3])[0], rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(got[1, 2], np.zeros(U))


def test_masks_work_with_a_fixed_batch_size_too():
    inputs = L.Input(batch_shape=(N, T, 5, C))
    y = L.TimeDistributed(L.GRU(U))(L.TimeDistributed(L.Masking())(inputs))
    assert Model(inputs, y).predict(np.zeros((N, T, 5, C)), batch_size=N).shape == (N, T, U)


def test_a_mask_of_steps_stays():
    inputs = L.Input((T, C))
    y = L.TimeDistributed(L.Dense(U))(L.Masking()(inputs))
    mask = y._keras_history[0]._inbound_nodes[0].output_masks[0]
    x = X.copy()
    x[1, 2] = 0
    np.testing.assert_array_equal(K.function([inputs], [mask])([x])[0], x.any(-1))


def test_input_map_leads_to_the_updates_of_the_inner_layer():
    inputs = L.Input((T, C))
    layer = L.TimeDistributed(L.BatchNormalization())
    layer(inputs)
    inner = layer._input_map[object_list_uid(inputs)]
    assert K.int_shape(inner) == (None, C)
    assert len(layer.get_updates_for(inputs)) == 2 == len(layer.layer.get_updates_for(inner))
    assert layer.get_updates_for(None) == []
    layer.trainable = False
    assert layer.updates == [] and layer.layer.trainable is False


def test_moving_averages_are_those_of_all_steps():
    model = Sequential([L.TimeDistributed(L.BatchNormalization(momentum=0.5), input_shape=(T, C))])
    model.compile("sgd", "mse")
    model.train_on_batch(X, X)
    np.testing.assert_allclose(model.get_weights()[2], X.reshape(-1, C).mean(0) / 2, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("fixed", [False, True])
def test_penalties_count_once(fixed):
    shape = {"batch_input_shape": (N, T, C)} if fixed else {"input_shape": (T, C)}
    inner = L.Dense(2, activity_regularizer="l2", kernel_regularizer="l1")
    model = Sequential([L.TimeDistributed(inner, **shape)])
    layer = model.layers[0]
    assert len(model.losses) == 2 and len(layer.losses) == 1
    assert len(layer.get_losses_for(None)) == 1 == len(layer.get_losses_for(model.input))
    model.compile("sgd", "mse")
    y = model.predict(X, batch_size=N)
    want = 0.01 * (np.square(y).sum() + np.abs(model.get_weights()[0]).sum())
    np.testing.assert_allclose(model.test_on_batch(X, y), want, rtol=1e-5)


def test_models_and_wrappers_inside():
    inner = Sequential([L.Dense(3, input_shape=(C,)), L.Dropout(0.5), L.Dense(2)])
    model = Sequential([L.TimeDistributed(L.TimeDistributed(inner), input_shape=(2, T, C))])
    assert model.output_shape == (None, 2, T, 2) and model.uses_learning_phase
    x = np.stack([X, -X], 1)
    np.testing.assert_allclose(model.predict(x)[:, 1, 2], inner.predict(-X[:, 2]), rtol=1e-5, atol=1e-6)
    again = model_from_json(model.to_json())
    again.set_weights(model.get_weights())
    np.testing.assert_array_equal(again.predict(x), model.predict(x))


def test_training_argument_settles_the_learning_phase():
    inputs = L.Input((T, C))
    assert not L.TimeDistributed(L.Dropout(0.5))(inputs, training=True)._uses_learning_phase
    assert L.TimeDistributed(L.Dropout(0.5))(inputs)._uses_learning_phase


def test_time_distributed_errors():
    for wrong in (3, "dense", None, L.Dense):
        with pytest.raises(ValueError, match="`layer` must be a layer or a model"):
            L.TimeDistributed(wrong)
    with pytest.raises(ValueError, match="at least 3 axes"):
        L.TimeDistributed(L.Dense(2))(L.Input((C,)))
    with pytest.raises(ValueError, match="takes one input, got 2"):
        L.TimeDistributed(L.Add())([L.Input((T, C)), L.Input((T, C))])


# -- Bidirectional ------------------------------------------------------------------------------

MERGE = {
    "sum": lambda a, b: a + b,
    "mul": lambda a, b: a * b,
    "ave": lambda a, b: (a + b) / 2,
    "concat": lambda a, b: np.concatenate([a, b], -1),
}


@pytest.mark.parametrize("cell", ["SimpleRNN", "GRU", "LSTM", "CuDNNGRU"])
@pytest.mark.parametrize("mode", [*MERGE, None])
@pytest.mark.parametrize("sequences", [False, True])
def test_merges_the_two_directions(cell, mode, sequences):
    model, layer = _bidirectional(getattr(L, cell)(U, return_sequences=sequences), merge_mode=mode)
    weights = layer.get_weights()
    plain = Sequential([getattr(L, cell)(U, return_sequences=sequences, input_shape=(T, C))])
    plain.set_weights(weights[: len(weights) // 2])
    forward = plain.predict(X)
    plain.set_weights(weights[len(weights) // 2 :])
    backward = plain.predict(X[:, ::-1])
    backward = backward[:, ::-1] if sequences else backward
    got = model.predict(X)
    want = [forward, backward] if mode is None else MERGE[mode](forward, backward)
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)
    assert [K.int_shape(y)[1:] for y in model.outputs] == [np.shape(w)[1:] for w in (want if mode is None else [want])]


def _bidirectional(cell, **kwargs):
    """A model of one bidirectional layer, and the layer."""
    inputs = L.Input((T, C))
    layer = L.Bidirectional(cell, **kwargs)
    return Model(inputs, layer(inputs)), layer


def test_masked_steps_are_held_not_zeroed():
    inputs = L.Input((T, C))
    layer = L.Bidirectional(L.LSTM(U, return_sequences=True))
    y = layer(L.Masking()(inputs))
    x = X.copy()
    x[:, 2:] = 0
    got = Model(inputs, y).predict(x)
    np.testing.assert_array_equal(got[:, 2, :U], got[:, 1, :U])
    np.testing.assert_array_equal(got[:, 3, :U], got[:, 1, :U])
    np.testing.assert_array_equal(got[:, 2:, U:], np.zeros((N, 2, U)))  # nothing came before them from behind
    assert np.abs(got[:, 1, U:]).min() > 0
    mask = y._keras_history[0]._inbound_nodes[0].output_masks[0]
    np.testing.assert_array_equal(K.function([inputs], [mask])([x])[0], x.any(-1))


@pytest.mark.parametrize("mode", ["concat", None])
@pytest.mark.parametrize("sequences", [False, True])
def test_masks_one_per_output(mode, sequences):
    layer = L.Bidirectional(L.LSTM(U, return_sequences=sequences, return_state=True), merge_mode=mode)
    x, mask = L.Input((T, C)), K.placeholder((None, T))
    found = layer.compute_mask(x, mask)
    first = [mask if sequences else None] * (2 if mode is None else 1)
    assert found == [*first, None, None, None, None]
    assert len(layer.compute_output_shape((None, T, C))) == len(found) == len(layer(x))
    plain = L.Bidirectional(L.LSTM(U, return_sequences=sequences), merge_mode=mode)
    assert plain.compute_mask(x, [mask]) == (first if mode is None else first[0])


def test_states_go_out_and_in():
    inputs = L.Input((T, C))
    y, *states = L.Bidirectional(L.LSTM(U, return_state=True))(inputs)
    decoder = L.Bidirectional(L.LSTM(U))
    z = decoder(inputs, initial_state=states)
    model = Model(inputs, [y, z, *states])
    got = model.predict(X)
    np.testing.assert_array_equal(got[0], np.concatenate([got[2], got[4]], -1))
    assert decoder.input[1:] == states
    listed = decoder([inputs, *states])
    np.testing.assert_array_equal(Model(inputs, listed).predict(X), got[1])
    zeros = Model(inputs, decoder(inputs)).predict(X)
    assert np.abs(zeros - got[1]).max() > 1e-3
    again = Model.from_config(model.get_config())
    again.set_weights(model.get_weights())
    np.testing.assert_array_equal(again.predict(X)[1], got[1])


def test_initial_states_that_are_no_keras_tensors():
    inputs = L.Input((T, C))
    layer = L.Bidirectional(L.GRU(U))
    ones, zeros = K.ones((N, U)), K.zeros((N, U))
    f = K.function([inputs], [layer(inputs, initial_state=[ones, zeros]), layer(inputs)])
    a, b = f([X])
    assert np.abs(a - b)[:, :U].min() > 0
    np.testing.assert_array_equal(a[:, U:], b[:, U:])


class Shifted(L.SimpleRNNCell):
    """A cell that adds a constant to its input."""

    def build(self, input_shape):
        super().build(input_shape[0])

    def call(self, inputs, states, constants, training=None):
        return super().call(inputs + constants[0], states, training=training)


def test_constants_reach_both_directions():
    x, c = L.Input((T, C)), L.Input((C,))
    with CustomObjectScope({"Shifted": Shifted}):  # the backward layer is made from the config
        layer = L.Bidirectional(L.RNN(Shifted(U)))
    model = Model([x, c], layer(x, constants=c))
    shift = np.random.RandomState(4).randn(N, C).astype("float32")
    zero = np.zeros_like(shift)
    np.testing.assert_allclose(
        model.predict([X, shift]), model.predict([X + shift[:, None], zero]), rtol=1e-4, atol=1e-5
    )
    config = layer.get_config()
    assert config["num_constants"] == 1
    with CustomObjectScope({"Shifted": Shifted}):
        again = L.Bidirectional.from_config(config)
    flat = Model([x, c], again([x, c]))
    flat.set_weights(model.get_weights())
    np.testing.assert_array_equal(flat.predict([X, shift]), model.predict([X, shift]))


def test_stateful_updates_and_reset():
    inputs = L.Input(batch_shape=(N, T, C))
    layer = L.Bidirectional(L.GRU(U, stateful=True))
    model = Model(inputs, layer(inputs))
    assert layer.stateful and model.stateful and len(model.state_updates) == 2
    assert len(layer.get_updates_for(inputs)) == 2
    first, second = (model.predict(X, batch_size=N) for _ in range(2))
    assert np.abs(first - second).max() > 1e-4
    model.reset_states()
    np.testing.assert_array_equal(model.predict(X, batch_size=N), first)


def test_stateful_updates_with_states_given():
    inputs, states = L.Input(batch_shape=(N, T, C)), [L.Input(batch_shape=(N, U)) for _ in range(2)]
    layer = L.Bidirectional(L.GRU(U, stateful=True))
    layer(inputs, initial_state=states)
    assert len(layer.get_updates_for([inputs, *states])) == 2


def test_trainable_weights_losses():
    model, layer = _bidirectional(L.LSTM(U, kernel_regularizer="l1", activity_regularizer="l2"))
    assert len(layer.trainable_weights) == 6 and len(layer.losses) == 2 and len(model.losses) == 3
    assert [w.name.split("/")[1] for w in layer.weights[::3]] == [
        "forward_" + layer.layer.name,
        "backward_" + layer.layer.name,
    ]
    layer.trainable = False
    assert not layer.trainable_weights and len(layer.non_trainable_weights) == 6
    assert not layer.forward_layer.trainable and not layer.backward_layer.trainable
    layer.trainable = True
    assert len(layer.trainable_weights) == 6


def test_weights_given_at_the_start():
    _, layer = _bidirectional(L.GRU(U))
    weights = [w + i for i, w in enumerate(layer.get_weights())]
    _, other = _bidirectional(L.GRU(U), weights=weights)
    for a, b in zip(other.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(a, b)


def test_directions_are_turned_over():
    layer = L.Bidirectional(L.GRU(U, go_backwards=True, name="gru"))
    assert layer.forward_layer.go_backwards and not layer.backward_layer.go_backwards
    assert (layer.forward_layer.name, layer.backward_layer.name) == ("forward_gru", "backward_gru")
    again = L.Bidirectional.from_config(layer.get_config())
    assert again.forward_layer.go_backwards and again.layer.name == "gru"


def test_dropout_marks_all_outputs():
    inputs = L.Input((T, C))
    ys = L.Bidirectional(L.LSTM(U, dropout=0.5, return_state=True), merge_mode=None)(inputs)
    assert all(y._uses_learning_phase for y in ys)
    ys = L.Bidirectional(L.LSTM(U, dropout=0.5, return_state=True))(inputs, training=True)
    assert not any(y._uses_learning_phase for y in ys)


def test_bidirectional_errors():
    with pytest.raises(ValueError, match="Invalid merge mode"):
        L.Bidirectional(L.LSTM(U), merge_mode="max")
    for wrong in (L.Dense(2), 3):
        with pytest.raises(ValueError, match="must be a recurrent layer"):
            L.Bidirectional(wrong)
    x, s = L.Input((T, C)), L.Input((U,))
    with pytest.raises(ValueError, match="list of an even number of states"):
        L.Bidirectional(L.GRU(U))(x, initial_state=s)
    with pytest.raises(ValueError, match="cannot be a mix of Keras tensors"):
        L.Bidirectional(L.GRU(U))(x, initial_state=[s, K.zeros((N, U))])
