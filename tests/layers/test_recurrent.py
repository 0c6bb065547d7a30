"""RNN over cells of one's own, states, masks, configs, errors. Numbers of 2.2.4: test_recurrent_golden.py."""

import copy

import numpy as np
import pytest

from gpukeras import backend as K
from gpukeras import layers, regularizers
from gpukeras.layers import GRU, LSTM, RNN, GRUCell, Input, LSTMCell, Masking, SimpleRNN, SimpleRNNCell, StackedRNNCells
from gpukeras.models import Model, Sequential, load_model, model_from_json
from gpukeras.utils import CustomObjectScope
from gpukeras.utils.test_utils import layer_test

RNG = np.random.RandomState(3)
X = RNG.randn(3, 5, 4).astype("float32")
THREE = pytest.mark.parametrize("cls", [SimpleRNN, GRU, LSTM])


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def hard_sigmoid(x):
    return np.clip(0.2 * x + 0.5, 0, 1)


# -- numbers against loops ----------------------------------------------------------------------------------


def lstm_loop(x, w, u, b, gate=hard_sigmoid):
    h = c = np.zeros((len(x), len(u)))
    for t in range(x.shape[1]):
        i, f, g, o = np.split(x[:, t] @ w + h @ u + b, 4, axis=1)
        c = gate(f) * c + gate(i) * np.tanh(g)
        h = gate(o) * np.tanh(c)
    return h, c


def gru_loop(x, w, u, b, after, gate=hard_sigmoid):
    h = np.zeros((len(x), len(u)))
    n = len(u)
    b, a = b if after else (b, np.zeros(3 * n))
    for t in range(x.shape[1]):
        xz, xr, xh = np.split(x[:, t] @ w + b, 3, axis=1)
        hz, hr, hh = np.split(h @ u + a, 3, axis=1)
        z, r = gate(xz + hz), gate(xr + hr)
        g = np.tanh(xh + (r * hh if after else (r * h) @ u[:, 2 * n :]))
        h = z * h + (1 - z) * g
    return h


def built(layer, x=X, **shape):
    model = Sequential([layer])
    model.build((None, *x.shape[1:]))
    layer.set_weights([RNG.randn(*w.shape) * 0.5 for w in layer.get_weights()])
    return model


@pytest.mark.parametrize("implementation", [1, 2])
def test_lstm_against_a_loop(implementation):
    layer = LSTM(6, implementation=implementation)
    model = built(layer)
    np.testing.assert_allclose(model.predict(X), lstm_loop(X, *layer.get_weights())[0], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("implementation", [1, 2])
@pytest.mark.parametrize("after", [False, True])
def test_gru_against_a_loop(implementation, after):
    layer = GRU(6, implementation=implementation, reset_after=after)
    model = built(layer)
    expected = gru_loop(X, *layer.get_weights(), after)
    np.testing.assert_allclose(model.predict(X), expected, rtol=1e-4, atol=1e-6)


def test_simple_rnn_against_a_loop():
    layer = SimpleRNN(6)
    model = built(layer)
    w, u, b = layer.get_weights()
    h = np.zeros((3, 6))
    for t in range(5):
        h = np.tanh(X[:, t] @ w + h @ u + b)
    np.testing.assert_allclose(model.predict(X), h, rtol=1e-4, atol=1e-6)


@THREE
@pytest.mark.parametrize(
    "settings",
    [
        dict(return_sequences=True, return_state=True),
        dict(dropout=0.3, recurrent_dropout=0.2),
        dict(dropout=0.3, recurrent_dropout=0.2, unroll=True),
        dict(go_backwards=True, use_bias=False, activation="relu"),
        dict(kernel_regularizer="l2", recurrent_constraint="maxnorm", activity_regularizer="l1"),
    ],
)
def test_layer(cls, settings):
    layer_test(cls, kwargs=dict(settings, units=3), input_shape=(2, 4, 3))


@pytest.mark.parametrize("implementation", [1, 2])
@pytest.mark.parametrize("cls", [GRU, LSTM])
def test_layer_with_dropout(cls, implementation):
    settings = dict(units=3, implementation=implementation, dropout=0.3, recurrent_dropout=0.2)
    layer_test(cls, kwargs=settings, input_shape=(2, 4, 3))


def test_gru_with_reset_after_has_two_biases():
    layer = GRU(3, reset_after=True)
    layer(Input((4, 2)))
    assert [w.shape for w in layer.get_weights()] == [(2, 9), (3, 9), (2, 9)]
    assert K.int_shape(layer.cell.recurrent_bias_h) == (3,)


def test_forget_gate_starts_at_ones():
    layer, plain = LSTM(2), LSTM(2, unit_forget_bias=False)
    for made in (layer, plain):
        made(Input((4, 3)))
    np.testing.assert_array_equal(layer.get_weights()[2], [0, 0, 1, 1, 0, 0, 0, 0])
    np.testing.assert_array_equal(plain.get_weights()[2], np.zeros(8))


# -- dropout ------------------------------------------------------------------------------------------------


@THREE
@pytest.mark.parametrize("unroll", [False, True])
def test_dropout_uses_one_mask_for_all_steps(cls, unroll):
    # One unit per channel, identity input weights, no recurrence: the output shows what was dropped.
    inputs = Input((6, 8))
    settings = dict(activation="linear", recurrent_activation="linear") if cls is not SimpleRNN else {}
    layer = cls(8, dropout=0.5, return_sequences=True, unroll=unroll, **(settings or dict(activation="linear")))
    output = layer(inputs)
    assert output._uses_learning_phase
    f = K.function([inputs, K.learning_phase()], [output])
    gates = {SimpleRNN: 1, GRU: 3, LSTM: 4}[cls]
    layer.set_weights([np.tile(np.eye(8), gates), np.zeros((8, 8 * gates)), np.zeros(8 * gates)])
    x = np.ones((4, 6, 8))
    y = f([x, 1])[0]
    if cls is SimpleRNN:
        assert set(np.unique(y)) == {0.0, 2.0}
        np.testing.assert_array_equal(y, np.repeat(y[:, :1], 6, axis=1))
    assert (f([x, 1])[0] != y).any()
    np.testing.assert_array_equal(f([x, 0])[0], f([x, 0])[0])


def test_training_argument_decides_about_dropout():
    inputs = Input((5, 4))
    layer = LSTM(3, dropout=0.5)
    fixed = layer(inputs, training=True)
    assert not getattr(fixed, "_uses_learning_phase", False)
    f = K.function([inputs], [fixed])
    assert (f([X])[0] != f([X])[0]).any()
    off = K.function([inputs], [layer(inputs, training=False)])
    np.testing.assert_array_equal(off([X])[0], off([X])[0])


def test_training_argument_reaches_stacked_cells():
    inputs = Input((5, 4))
    layer = RNN([LSTMCell(3, dropout=0.5), GRUCell(3, recurrent_dropout=0.5)])
    f = K.function([inputs], [layer(inputs, training=True)])
    assert (f([X])[0] != f([X])[0]).any()


@pytest.mark.parametrize("make", [lambda: LSTM(3, dropout=0.5), lambda: RNN([GRUCell(3, dropout=0.5)])])
def test_layer_with_dropout_on_two_inputs(make):
    layer, a, b = make(), Input((5, 4)), Input((2, 4))
    layer(a)
    y = K.function([b, K.learning_phase()], [layer(b)])([X[:, :2], 1])[0]
    assert y.shape == (3, 3)


# -- masks --------------------------------------------------------------------------------------------------


@THREE
@pytest.mark.parametrize("unroll", [False, True])
def test_masked_steps_hold_output_and_state(cls, unroll):
    x = X.copy()
    x[0, 1] = x[0, 3:] = x[1, 4] = 0
    inputs = Input((5, 4))
    layer = cls(3, return_sequences=True, return_state=True, unroll=unroll)
    y, *states = layer(Masking()(inputs))
    mask = layer.get_output_mask_at(0)
    assert mask[1:] == [None] * len(states)
    out, flags, *finals = K.function([inputs], [y, mask[0], *states])([x])
    np.testing.assert_array_equal(flags, (x != 0).any(-1))
    np.testing.assert_array_equal(out[0, 1], out[0, 0])
    np.testing.assert_array_equal(out[0, 2:], np.repeat(out[0, 2:3], 3, axis=0))
    np.testing.assert_array_equal(finals[0], out[:, -1])
    if not unroll:  # the same as the sequence without the masked steps
        plain = Input((2, 4))
        short = K.function([plain], [layer(plain)[0]])([x[:1, [0, 2]]])[0]
        np.testing.assert_allclose(short[0], out[0, [0, 2]], rtol=1e-5, atol=1e-7)


# -- states -------------------------------------------------------------------------------------------------


@THREE
def test_initial_states_as_inputs_arrays_and_variables(cls):
    count = 2 if cls is LSTM else 1
    values = [RNG.randn(3, 2).astype("float32") for _ in range(count)]
    layer = cls(2)
    x = Input((5, 4))
    given = [Input((2,)) for _ in range(count)]
    y = layer(x, initial_state=given)
    assert layer._inbound_nodes[0].input_tensors == [x, *given]
    assert Model([x, *given], y).get_config()["layers"][-1]["inbound_nodes"][0][1][0] == given[0]._keras_history[0].name
    expected = Model([x, *given], y).predict([X, *values])
    arrays = Model(x, layer(x, initial_state=values)).predict(X)
    variables = Model(x, layer(x, initial_state=[K.variable(v) for v in values])).predict(X)
    listed = Model([x, *given], layer([x, *given])).predict([X, *values])
    for other in (arrays, variables, listed):
        np.testing.assert_array_equal(other, expected)
    assert (Model(x, layer(x)).predict(X) != expected).any()


@THREE
def test_model_with_given_states_is_rebuilt_and_nested(cls):
    count = 2 if cls is LSTM else 1
    x, given = Input((5, 4)), [Input((2,)) for _ in range(count)]
    model = Model([x, *given], cls(2)(x, initial_state=given))
    values = [X] + [RNG.randn(3, 2) for _ in range(count)]
    again = Model.from_config(model.get_config())
    again.set_weights(model.get_weights())
    np.testing.assert_array_equal(again.predict(values), model.predict(values))
    inputs = [Input((5, 4)), *[Input((2,)) for _ in range(count)]]
    np.testing.assert_array_equal(Model(inputs, model(inputs)).predict(values), model.predict(values))


def test_states_given_as_arrays_are_saved_with_the_model():
    x, values = Input((5, 4)), [RNG.randn(3, 2), RNG.randn(3, 2)]
    model = Model(x, LSTM(2)(x, initial_state=values))
    again = model_from_json(model.to_json())
    again.set_weights(model.get_weights())
    np.testing.assert_array_equal(again.predict(X), model.predict(X))


@THREE
def test_stateful_layer_with_given_states_keeps_its_last_ones(cls):
    inputs = Input(batch_shape=(3, 5, 4))
    layer = cls(2, stateful=True)
    given = [Input(batch_shape=(3, 2)) for _ in range(2 if cls is LSTM else 1)]
    model = Model([inputs, *given], layer(inputs, initial_state=given))
    y = model.predict([X] + [np.ones((3, 2))] * len(given), batch_size=3)
    np.testing.assert_array_equal(K.get_value(layer.states[0]), y)
    assert len(model.updates) == len(given)


@THREE
def test_encoder_states_start_the_decoder(cls):
    inputs, targets = Input((None, 4)), Input((None, 4))
    _, *states = cls(6, return_state=True)(inputs)
    decoded, *_ = cls(6, return_sequences=True, return_state=True)(targets, initial_state=states)
    model = Model([inputs, targets], layers.Dense(4)(decoded))
    model.compile("adam", "mse")
    first = model.train_on_batch([X, X[:, :3]], X[:, :3])
    for _ in range(20):
        last = model.train_on_batch([X, X[:, :3]], X[:, :3])
    assert last < first


@THREE
def test_stateful_goes_on_where_it_stopped(cls):
    layer = cls(2, stateful=True, return_sequences=True, batch_input_shape=(3, None, 4))
    model = Sequential([layer])
    assert model.stateful and len(model.state_updates) == len(layer.states)
    whole = model.predict(X, batch_size=3)
    model.reset_states()
    parts = [model.predict(X[:, :2], batch_size=3), model.predict(X[:, 2:], batch_size=3)]
    np.testing.assert_allclose(np.concatenate(parts, axis=1), whole, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(K.get_value(layer.states[0]), whole[:, -1], rtol=1e-5)
    values = [RNG.randn(3, 2) for _ in layer.states]
    layer.reset_states(values)
    np.testing.assert_allclose(K.get_value(layer.states[-1]), values[-1], rtol=1e-6)
    layer.reset_states()
    assert not K.get_value(layer.states[0]).any()


@THREE
def test_a_training_step_of_a_stateful_layer_starts_from_the_states_before_it(cls):
    count = 2 if cls is LSTM else 1
    states = [RNG.randn(3, 2) for _ in range(count)]
    inputs = Input(batch_shape=(3, 5, 4))
    layer = cls(2, stateful=True)
    kept = Model(inputs, layer(inputs))
    given = Model(inputs, cls(2)(inputs, initial_state=states))
    given.set_weights(kept.get_weights())
    losses = []
    for model in (kept, given):
        model.compile("sgd", "mse")
        layer.reset_states(states)
        losses.append(model.train_on_batch(X, np.ones((3, 2))))
    assert losses[0] == losses[1]
    for a, b in zip(kept.get_weights(), given.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_stateful_training_moves_the_states_also_of_frozen_layers():
    layer = LSTM(2, stateful=True, batch_input_shape=(3, 5, 4))
    layer.trainable = False
    model = Sequential([layer, layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(X, np.zeros((3, 1)), batch_size=3, verbose=0)
    assert K.get_value(layer.states[0]).any()


# -- cells of one's own -------------------------------------------------------------------------------------


class Plain:
    """No layer: sums its inputs and counts its steps in states of different sizes."""

    state_size = (4, 1)

    def call(self, inputs, states):
        total = states[0] + inputs
        return total, [total, states[1] + 1]


def test_cell_that_is_no_layer():
    layer = RNN(Plain(), return_state=True)
    inputs = Input((5, 4))
    outputs = layer(inputs)
    assert [K.int_shape(y) for y in outputs] == [(None, 4), (None, 4), (None, 1)]
    assert layer.weights == [] and layer.losses == [] and layer.trainable_weights == []
    y, total, steps = Model(inputs, outputs).predict(X)
    np.testing.assert_allclose(y, X.sum(1), rtol=1e-5)
    np.testing.assert_array_equal(y, total)
    np.testing.assert_array_equal(steps, np.full((3, 1), 5))


class Scaled(layers.Layer):
    """Takes a constant, which is multiplied with the input; its output is wider than its state."""

    def __init__(self, size, **kwargs):
        super().__init__(**kwargs)
        self.size = self.state_size = size
        self.output_size = size + 1

    def build(self, input_shape):
        (step, constant) = input_shape
        self.w = self.add_weight("w", (step[-1], self.size), initializer="ones")
        self.v = self.add_weight("v", (constant[-1], self.size), initializer="ones")
        self.built = True

    def call(self, inputs, states, constants):
        h = states[0] + K.dot(inputs, self.w) * K.dot(constants[0], self.v)
        return K.concatenate([h, K.ones_like(h[:, :1])]), [h]

    def get_config(self):
        return dict(super().get_config(), size=self.size)


@pytest.mark.parametrize("unroll", [False, True])
@pytest.mark.parametrize("way", ["keyword", "list", "state"])
def test_constants(unroll, way):
    x, c = Input((5, 4)), Input((3,))
    layer = RNN(Scaled(2), unroll=unroll)
    h = Input((2,))
    if way == "keyword":
        y, inputs, values = layer(x, constants=c), [x, c], []
    elif way == "state":
        y, inputs, values = layer(x, initial_state=h, constants=[c]), [x, h, c], [RNG.randn(3, 2)]
    else:
        with CustomObjectScope({"Scaled": Scaled}):
            first = RNN(Scaled(2), unroll=unroll)
            first(x, constants=c)
            layer = RNN.from_config(first.get_config())
        y, inputs, values = layer([x, c]), [x, c], []
    assert K.int_shape(y) == (None, 3) and layer.get_config()["num_constants"] == 1
    constant = RNG.randn(3, 3)
    got = Model(inputs, y).predict([X, *values, constant])
    start = values[0] if values else 0
    expected = start + (X.sum(-1) * constant.sum(-1, keepdims=True)).sum(1)[:, None]
    np.testing.assert_allclose(got[:, :2], np.broadcast_to(expected, (3, 2)), rtol=1e-4, atol=1e-5)


def test_constants_in_a_stack_go_to_the_cells_that_take_them():
    x, c = Input((5, 4)), Input((3,))
    layer = RNN([GRUCell(4), Scaled(2)])
    model = Model([x, c], layer(x, constants=c))
    with CustomObjectScope({"Scaled": Scaled}):
        again = Model.from_config(model.get_config())
    again.set_weights(model.get_weights())
    values = [X, RNG.randn(3, 3)]
    np.testing.assert_array_equal(again.predict(values), model.predict(values))


# -- stacks -------------------------------------------------------------------------------------------------


def test_stack_equals_layers_one_after_the_other():
    stack = RNN([LSTMCell(3), GRUCell(2), SimpleRNNCell(4)], return_state=True)
    inputs = Input((5, 4))
    outputs = stack(inputs)
    assert [K.int_shape(y) for y in outputs] == [(None, 4), (None, 3), (None, 3), (None, 2), (None, 4)]
    weights = stack.get_weights()
    chain = [LSTM(3, return_sequences=True), GRU(2, return_sequences=True), SimpleRNN(4)]
    y = inputs
    for layer in chain:
        y = layer(y)
    for i, layer in enumerate(chain):
        layer.set_weights(weights[3 * i : 3 * i + 3])
    expected = Model(inputs, y).predict(X)
    np.testing.assert_allclose(Model(inputs, outputs).predict(X)[0], expected, rtol=1e-5, atol=1e-6)


def test_stack_weights_losses_and_config():
    cells = [LSTMCell(3, kernel_regularizer="l2"), SimpleRNNCell(2)]
    layer = RNN(cells)
    layer(Input((5, 4)))
    assert len(layer.weights) == 6 and len(layer.losses) == 1 == len(layer.get_losses_for(None))
    cells[0].trainable = False
    assert len(layer.trainable_weights) == 3 and len(layer.non_trainable_weights) == 3
    values = [RNG.randn(*w.shape) for w in layer.cell.get_weights()]
    layer.cell.set_weights(values)
    np.testing.assert_allclose(layer.cell.get_weights()[5], values[5], rtol=1e-6)
    again = RNN.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    assert again.cell.state_size == (3, 3, 2) and again.cell.output_size == 2


def test_stack_in_the_old_order_of_states():
    with pytest.warns(UserWarning, match="reverse_state_order"):
        stack = StackedRNNCells([LSTMCell(3), GRUCell(2)], reverse_state_order=True)
    assert stack.state_size == (2, 3, 3)
    inputs = Input((5, 4))
    outputs = RNN(stack, return_state=True)(inputs)
    y, last, _, _ = Model(inputs, outputs).predict(X)
    np.testing.assert_array_equal(y, last)
    with pytest.warns(UserWarning, match="reverse_state_order"):
        assert StackedRNNCells.from_config(stack.get_config()).state_size == (2, 3, 3)


# -- properties, config, saving -----------------------------------------------------------------------------


@THREE
def test_cell_arguments_are_properties_of_the_layer(cls):
    layer = cls(3, dropout=2.0, recurrent_dropout=-1, kernel_regularizer=regularizers.l2(0.1))
    for name in layer.cell._options:
        assert getattr(layer, name) is getattr(layer.cell, name)
    assert (layer.dropout, layer.recurrent_dropout, layer.units) == (1.0, 0.0, 3)
    with pytest.raises(AttributeError):
        layer.units = 4


@THREE
def test_regularizers_and_trainability(cls):
    layer = cls(3, kernel_regularizer="l1", bias_regularizer="l2", activity_regularizer="l2")
    x = Input((5, 4))
    layer(x)
    assert len(layer.losses) == 3 and len(layer.cell.losses) == 2
    assert len(layer.get_losses_for(x)) == 1 and len(layer.get_losses_for(None)) == 2
    assert [w.name.split("/")[-1] for w in layer.weights] == ["kernel:0", "recurrent_kernel:0", "bias:0"]
    layer.trainable = False
    assert (len(layer.trainable_weights), len(layer.non_trainable_weights), len(layer.weights)) == (0, 3, 3)
    layer.trainable = True
    layer.cell.trainable = False
    assert (len(layer.trainable_weights), len(layer.non_trainable_weights)) == (0, 3)


@THREE
def test_saved_and_loaded(cls, tmp_path):
    model = Sequential([cls(3, input_shape=(5, 4), return_sequences=True), RNN([GRUCell(2), LSTMCell(3)])])
    model.compile("sgd", "mse")
    model.save(tmp_path / "model.h5")
    np.testing.assert_array_equal(load_model(tmp_path / "model.h5").predict(X), model.predict(X))


def test_old_implementation_number():
    with pytest.warns(UserWarning, match="implementation=0"):
        assert LSTM(3, implementation=0).implementation == 1
    assert GRU.from_config(dict(GRU(3).get_config(), implementation=0)).implementation == 1
    with pytest.warns(UserWarning, match="one implementation"):
        SimpleRNN(3, implementation=2)


def test_identity_recurrent_initializer_repeats_per_gate():
    layer = LSTM(3, recurrent_initializer="identity")
    layer(Input((5, 4)))
    np.testing.assert_array_equal(layer.get_weights()[1], np.tile(np.eye(3), 4))
    assert layer.get_config()["recurrent_initializer"]["class_name"] == "Identity"


def test_activation_may_be_changed_before_the_call():
    layer = SimpleRNN(4, use_bias=False)
    layer.cell.activation = lambda x: x * 0 + 7
    inputs = Input((5, 4))
    np.testing.assert_array_equal(Model(inputs, layer(inputs)).predict(X), np.full((3, 4), 7))


def test_copy_of_a_config_is_left_alone():
    config = RNN([GRUCell(2)]).get_config()
    before = copy.deepcopy(config)
    RNN.from_config(config)
    assert config == before


# -- errors -------------------------------------------------------------------------------------------------


class NoSize:
    def call(self, inputs, states):
        return inputs, states


def test_errors_of_construction():
    with pytest.raises(ValueError, match="should have a `call` method.*3"):
        RNN(3)
    with pytest.raises(ValueError, match="`state_size`"):
        RNN(NoSize())
    with pytest.raises(ValueError, match="All cells must have a `call`"):
        RNN([3])
    with pytest.raises(ValueError, match="All cells must have a `state_size`"):
        StackedRNNCells([NoSize()])
    with pytest.raises(ValueError, match="at least one cell"):
        RNN([])
    with pytest.raises(ValueError, match="`units` must be a positive integer, got 0"):
        LSTM(0)
    with pytest.raises(TypeError, match="input_dim"):
        RNN(LSTMCell(3), input_dim=3)


@pytest.mark.parametrize("steps", [None, 1])
def test_unrolling_needs_steps(steps):
    with pytest.raises(ValueError, match="lstm_.*cannot unroll.*it is %s" % steps):
        LSTM(3, unroll=True)(Input((steps, 4)))


def test_errors_of_states():
    x, s = Input((5, 4)), Input((3,))
    with pytest.raises(ValueError, match="not compatible with `cell.state_size`"):
        LSTM(3)(x, initial_state=[s])
    with pytest.raises(ValueError, match="not compatible with `cell.state_size`"):
        LSTM(3)(x, initial_state=[Input((4,)), s])
    with pytest.raises(ValueError, match="mix of Keras tensors and others"):
        LSTM(3)(x, initial_state=[s, K.zeros((2, 3))])
    with pytest.raises(ValueError, match="GRUCell does not support constants"):
        RNN(GRUCell(3))(x, constants=s)
    with pytest.raises(ValueError, match="in one way"):
        GRU(3)([x, s], initial_state=s)
    layer = LSTM(3)
    layer.build((None, 5, 4))
    with pytest.raises(ValueError, match="has 2 states but was passed 1 initial states"):
        layer.call(x, initial_state=[s])


def test_errors_of_stateful_layers():
    with pytest.raises(ValueError, match="gru_.*needs to know its batch size"):
        GRU(3, stateful=True)(Input((5, 4)))
    with pytest.raises(AttributeError, match="must be stateful"):
        LSTM(3).reset_states()
    layer = LSTM(3, stateful=True)
    with pytest.raises(ValueError, match="batch size"):
        layer.reset_states()
    layer(Input(batch_shape=(2, 5, 4)))
    with pytest.raises(ValueError, match="expects 2 states, but it received 1 state values"):
        layer.reset_states(np.zeros((2, 3)))
    with pytest.raises(ValueError, match=r"State 1 .*expected shape=\(2, 3\), found shape=\(2, 4\)"):
        layer.reset_states([np.zeros((2, 3)), np.zeros((2, 4))])


def test_errors_of_inputs():
    with pytest.raises(ValueError, match="expected ndim=3, found ndim=2"):
        LSTM(3)(Input((4,)))
    with pytest.raises(ValueError, match="number of channels of the input must be known"):
        LSTM(3)(Input((4, None)))


# -- the base class of old ----------------------------------------------------------------------------------


class OldSum(layers.Recurrent):
    """A layer written for Keras before 2.1."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.states = [None]

    def build(self, input_shape):
        if self.stateful:
            self.input_spec[0].shape = input_shape
            self.reset_states()
        self.built = True

    def step(self, inputs, states):
        total = states[0] + inputs
        return total, [total]


def test_layers_derived_from_recurrent():
    inputs = Input(batch_shape=(3, 5, 4))
    y, state = OldSum(4, return_state=True)(inputs)
    for t in (y, state):
        np.testing.assert_allclose(K.function([inputs], [t])([X])[0], X.sum(1), rtol=1e-5)
    start = Input((4,))
    y = OldSum(4)(inputs, initial_state=start)
    np.testing.assert_allclose(K.function([inputs, start], [y])([X, X[:, 0]])[0], X.sum(1) + X[:, 0], rtol=1e-5)
    layer = OldSum(4, stateful=True, return_sequences=True)
    model = Model(inputs, layer(inputs))
    model.predict(X, batch_size=3)
    np.testing.assert_allclose(model.predict(X, batch_size=3)[:, -1], 2 * X.sum(1), rtol=1e-5)
