"""Recurrent layers by one operation against the same cells run step by step, in float64."""

import itertools

import numpy as np
import pytest

from gpukeras import activations
from gpukeras import backend as K
from gpukeras.graph.gradient import ancestors
from gpukeras.layers import RNN, GRUCell, Input, LSTMCell, SimpleRNN, SimpleRNNCell
from gpukeras.models import Model

RNG = np.random.RandomState(11)
X = RNG.randn(3, 5, 4)
MASK = np.array([[0, 1, 1, 0, 1], [1, 1, 0, 0, 0], [1, 1, 1, 1, 1]])
STATES = [RNG.randn(3, 6), RNG.randn(3, 6)]
CELLS = {"simple": SimpleRNNCell, "gru": GRUCell, "lstm": LSTMCell}


class SteppedSimple(SimpleRNNCell):
    """The same cell; a `call` of its own keeps it from the fused operation."""

    def call(self, inputs, states, training=None):
        return super().call(inputs, states, training)


class SteppedGRU(GRUCell):
    """As `SteppedSimple`."""

    def call(self, inputs, states, training=None):
        return super().call(inputs, states, training)


class SteppedLSTM(LSTMCell):
    """As `SteppedSimple`."""

    def call(self, inputs, states, training=None):
        return super().call(inputs, states, training)


STEPPED = {"simple": SteppedSimple, "gru": SteppedGRU, "lstm": SteppedLSTM}


@pytest.fixture(autouse=True)
def _float64():
    K.set_floatx("float64")
    yield
    K.set_floatx("float32")


def operations(tensors):
    return {node.op.name for node in ancestors(tensors)}


def run(cells, settings, masked, backwards, given, weights=None):
    """Outputs and gradients of a layer, its weights, and the names of the operations it is made of."""
    x, mask = Input(batch_shape=X.shape), K.placeholder(MASK.shape)
    cells = [cells] if isinstance(cells, type) else cells
    made = [cell(6, **settings) for cell in cells]
    layer = RNN(made if len(made) > 1 else made[0], True, True, go_backwards=backwards)
    layer.build(X.shape)
    if weights is None:
        weights = [RNG.randn(*w.shape) for w in layer.get_weights()]
    layer.set_weights(weights)
    states = [K.constant(s) for s in STATES[: len(layer.states)]] if given else None
    outputs = layer.call(x, mask=mask if masked else None, initial_state=states)
    # what stands before the last states and outputs differs by step and sample
    loss = sum(K.sum(K.sin(y * (i + 1.0))) for i, y in enumerate(outputs))
    results = outputs + K.gradients(loss, [x, *layer.trainable_weights, *(states or [])])
    return K.function([x, mask], results)([X, MASK]), weights, operations(outputs)


VARIANTS = [("simple", {})]
VARIANTS += [("gru", dict(implementation=i, reset_after=a)) for i in (1, 2) for a in (False, True)]
VARIANTS += [("lstm", dict(implementation=i)) for i in (1, 2)]


@pytest.mark.parametrize("name, settings", VARIANTS)
@pytest.mark.parametrize("masked, backwards, given, bias", list(itertools.product([False, True], repeat=4)))
def test_fused_equals_stepped(name, settings, masked, backwards, given, bias):
    settings = dict(settings, use_bias=bias)
    ours, weights, fused = run(CELLS[name], settings, masked, backwards, given)
    theirs, _, stepped = run(STEPPED[name], settings, masked, backwards, given, weights)
    assert "scan" not in fused and "scan" in stepped
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("activation", K.FUSED_ACTIVATIONS)
@pytest.mark.parametrize("name", sorted(CELLS))
def test_every_activation(name, activation):
    pairs = [dict(activation=activation)]
    if name != "simple":
        pairs.append(dict(recurrent_activation=activation))
    for settings in pairs:
        settings = dict(settings, recurrent_initializer="zeros")
        ours, weights, fused = run(CELLS[name], settings, True, False, False, _small(name))
        theirs, _, _ = run(STEPPED[name], settings, True, False, False, _small(name))
        assert "scan" not in fused
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-11)


def _small(name):
    gates = {"simple": 1, "gru": 3, "lstm": 4}[name]
    rng = np.random.RandomState(2)  # small enough for `exponential` fed back five times
    return [rng.randn(*shape) * 0.1 for shape in ((4, 6 * gates), (6, 6 * gates), (6 * gates,))]


@pytest.mark.parametrize("name, settings", VARIANTS)
@pytest.mark.parametrize(
    "rates", [dict(dropout=0.4), dict(recurrent_dropout=0.4), dict(dropout=0.3, recurrent_dropout=0.3)]
)
@pytest.mark.parametrize("masked", [False, True])
def test_dropout(name, settings, rates, masked):
    gates = {"simple": 1, "gru": 3, "lstm": 4}[name]
    x_masks = [K.constant((RNG.rand(3, 4) > 0.4) * 2.0) for _ in range(gates)]
    h_masks = [K.constant((RNG.rand(3, 6) > 0.4) * 2.0) for _ in range(gates)]
    weights, results = None, []
    for cells in (CELLS, STEPPED):
        cell = cells[name](6, **settings, **rates)
        layer = RNN(cell, return_sequences=True)
        layer.build(X.shape)
        weights = weights or [RNG.randn(*w.shape) for w in layer.get_weights()]
        layer.set_weights(weights)
        cell._dropout_mask, cell._recurrent_dropout_mask = x_masks, h_masks
        x = K.placeholder(X.shape)
        mask = K.constant(MASK) if masked else None
        y = layer._run(x, mask, None, layer.get_initial_state(x), None)[1]
        assert y._uses_learning_phase
        assert ("scan" in operations([y])) == (cells is STEPPED)
        grads = K.gradients(K.sum(K.sin(y)), [x, *layer.weights])
        results.append(K.function([x], [y, *grads])([X]))
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


def test_dropout_draws_as_the_stepped_cell_does():
    x = Input(X.shape[1:])
    results = []
    for cell in (LSTMCell, SteppedLSTM):
        np.random.seed(5)
        layer = RNN(cell(6, dropout=0.4, recurrent_dropout=0.3, kernel_initializer="ones"))
        y = layer(x)
        layer.set_weights([np.full(w.shape, 0.1) for w in layer.get_weights()])
        results.append(K.function([x, K.learning_phase()], [y])([X, 1])[0])
    np.testing.assert_allclose(results[0], results[1], rtol=1e-10)


def test_stack_without_a_mask():
    kinds = [LSTMCell, GRUCell, SimpleRNNCell]
    for backwards in (False, True):
        ours, weights, fused = run(kinds, {}, False, backwards, False)
        theirs, _, _ = run([LSTMCell, SteppedGRU, SimpleRNNCell], {}, False, backwards, False, weights)
        assert "scan" not in fused
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)
    ours, weights, fused = run(kinds, {}, True, False, False)
    assert "scan" in fused  # a masked step gives out the first cell's state


def test_second_derivative():
    results, weights = [], None
    for cells in (CELLS, STEPPED):
        x = K.placeholder(X.shape)
        layer = RNN(cells["lstm"](6, recurrent_activation="sigmoid"))
        y = layer(x)
        weights = weights or [RNG.randn(*w.shape) for w in layer.get_weights()]
        layer.set_weights(weights)
        (g,) = K.gradients(K.sum(y), [x])
        results.append(K.function([x], K.gradients(K.sum(K.square(g)), [x, *layer.weights[:2]]))([X]))
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-11)


@pytest.mark.parametrize(
    "make",
    [
        lambda: SimpleRNN(6, activation=lambda x: K.tanh(x)),
        lambda: SimpleRNN(6, activation="softmax"),
        lambda: SimpleRNN(6, unroll=True),
    ],
)
def test_what_only_the_steps_can_do(make):
    x = Input(X.shape[1:])
    y = make()(x)
    assert not any("rnn" in name for name in operations([y]))
    assert Model(x, y).predict(X).shape == (3, 6)


def test_activation_set_on_the_cell_counts():
    layer = SimpleRNN(6, use_bias=False)
    layer.cell.activation = activations.relu
    x = Input(X.shape[1:])
    model = Model(x, layer(x))
    assert model.predict(X).min() == 0
    layer = SimpleRNN(6)
    layer.cell.call = lambda inputs, states: (states[0] + 1, [states[0] + 1])
    np.testing.assert_array_equal(Model(x, layer(x)).predict(X), np.full((3, 6), 5.0))


def test_number_of_steps_and_samples_may_be_unknown():
    x = K.placeholder((None, None, 4))
    layer = RNN(GRUCell(6), return_sequences=True)
    y = layer(x)
    f = K.function([x], [y])
    whole = f([X])[0]
    np.testing.assert_allclose(f([X[:2, :3]])[0], whole[:2, :3], rtol=1e-10)
