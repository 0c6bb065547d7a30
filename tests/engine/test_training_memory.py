"""Training in its steady state allocates nothing: neither Python's memory nor more room for plans."""

import gc
import tracemalloc
from itertools import cycle

import numpy as np
import pytest

import gpukeras as keras
from gpukeras import backend as K
from gpukeras.compiler.function import Function
from gpukeras.runtime import native
from gpukeras.runtime.feed import Rows

L = keras.layers
NATIVE = native.load() is not None and hasattr(native.load(), "Primitive")

# What a step may hold for a moment: the list of outputs and its numbers; on plain NumPy also the buffers in which
# NumPy converts types (8192 elements each, whatever the size of the arrays).
BRIEFLY = 3000 if NATIVE else 80_000

MODELS = {
    "perceptron": [
        L.Dense(256, activation="relu", input_shape=(64,)), L.Dropout(0.2), L.Dense(10, activation="softmax")
    ],
    "convolutional": [
        L.Conv2D(8, 3, activation="relu", input_shape=(14, 14, 3)), L.BatchNormalization(), L.MaxPooling2D(),
        L.Conv2D(8, 3), L.Flatten(), L.Dense(10, activation="softmax"),
    ],
    "recurrent": [
        L.LSTM(16, return_sequences=True, input_shape=(12, 8)), L.GRU(8), L.Dense(10, activation="softmax")
    ],
}  # fmt: skip
SHAPES = {"perceptron": (64,), "convolutional": (14, 14, 3), "recurrent": (12, 8)}


def training(name, optimizer="rmsprop"):
    """A compiled model, a step of its training, and the step's plan (a function that gives it)."""
    model = keras.models.Sequential([type(layer).from_config(layer.get_config()) for layer in MODELS[name]])
    model.compile(optimizer, "categorical_crossentropy", metrics=["accuracy"])
    x = np.random.default_rng(0).random((96, *SHAPES[name]), dtype=np.float32)
    y, weights, ids = np.eye(10, dtype="float32")[np.arange(96) % 10], np.ones(96, "float32"), np.arange(32)
    model._make_train_function()
    phase = model._phase_value("train_function", 1.0)

    def step():
        model.train_function([Rows(x, ids), Rows(y, ids), Rows(weights, ids), *phase])

    def plan():
        (compiled,) = model.train_function._compiled.values()
        return compiled._plans.values()

    return model, step, plan


@pytest.mark.parametrize("name", list(MODELS))
def test_steps_leave_nothing_behind(name):
    _, step, _ = training(name)
    for _ in range(20):
        step()
    tracemalloc.start()
    try:
        for _ in range(5):  # what is kept for reuse, such as free lists, is there now
            step()
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        for _ in range(20):
            step()
        after, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 2000
    if NATIVE or name != "recurrent":  # NumPy's dot copies slices of sequences
        assert peak - before < BRIEFLY


@pytest.mark.parametrize("name", list(MODELS))
def test_one_plan_in_one_block_serves_all_steps(name):
    _, step, plans = training(name, "adam")
    step()
    (plan,) = plans()
    addresses = [a.__array_interface__["data"][0] for a in (*plan.feeds, *plan.outs)]
    for _ in range(5):
        step()
    (again,) = plans()
    assert again is plan and len(plan.calls) > 0
    assert addresses == [a.__array_interface__["data"][0] for a in (*again.feeds, *again.outs)]


@pytest.mark.skipif(not NATIVE, reason="the native engine with oneDNN is off")
@pytest.mark.parametrize("name", list(MODELS))
@pytest.mark.parametrize("optimizer", ["sgd", "rmsprop", "adam"])
def test_a_step_is_one_call_without_pythons_lock(name, optimizer):
    _, step, plans = training(name, optimizer)
    step()
    (plan,) = plans()
    assert [type(call) for call in plan.calls] == [native.load().Task] and not plan.commits


def growth(call, times, collect=False):
    """Bytes that `times` calls leave behind, and the most that is held meanwhile; the least of three rounds.

    What is kept for reuse once, by Python or NumPy, comes in one of them; what is lost at every call in all.
    """

    def held():
        if collect:
            gc.collect()
        return tracemalloc.get_traced_memory()

    left, most = [], []
    tracemalloc.start()
    try:
        for _ in range(4 * times):
            call()
        for _ in range(3):
            before = held()[0]
            tracemalloc.reset_peak()
            for _ in range(times):
                call()
            after, peak = held()
            left.append(after - before)
            most.append(peak - before)
    finally:
        tracemalloc.stop()
    return min(left), min(most)


@pytest.fixture
def built(monkeypatch):
    """The plans that are made."""
    made = []
    build = Function._build
    monkeypatch.setattr(Function, "_build", lambda self, key: made.append(key) or build(self, key))
    return made


def calls():
    """What a program does again and again with one model, by name: a call, and whether it is a loop over batches.

    A loop makes objects of its own, whose room Python keeps for others of their kind until it collects garbage.
    """
    model, _, _ = training("perceptron")
    x = np.random.default_rng(1).random((64, 64), dtype=np.float32)
    y = np.eye(10, dtype="float32")[np.arange(64) % 10]
    function = K.function([model.input, K.learning_phase()], [model.output])
    batches = [(x[:32], y[:32]), (x[32:], y[32:])]
    return {
        "train_on_batch": (lambda: model.train_on_batch(x, y), False),
        "train_on_batch with weights": (lambda: model.train_on_batch(x, y, sample_weight=np.ones(64)), False),
        "test_on_batch": (lambda: model.test_on_batch(x, y), False),
        "predict_on_batch": (lambda: model.predict_on_batch(x), False),
        "predict one": (lambda: model.predict(x[:1]), False),
        "predict many": (lambda: model.predict(x, batch_size=16), True),
        "K.function": (lambda: function([x, 0]), False),
        "fit": (lambda: model.fit(x, y, batch_size=16, epochs=2, verbose=0), True),
        "evaluate": (lambda: model.evaluate(x, y, batch_size=16, verbose=0), True),
        "fit_generator": (lambda: model.fit_generator(cycle(batches), 4, verbose=0, workers=0), True),
        "fit_generator, worker": (lambda: model.fit_generator(cycle(batches), 4, verbose=0), True),
        "predict_generator": (lambda: model.predict_generator(cycle([x[:32]]), 2, workers=0), True),
    }


@pytest.mark.parametrize("name", list(calls()))
def test_calls_leave_nothing_behind(name, built):
    call, loops = calls()[name]
    left, most = growth(call, 4 if loops else 20, collect=loops)
    plans = len(built)
    call()
    assert left < 2000 and len(built) == plans
    if not loops:  # the results, the weights made for a batch, and on plain NumPy what converts types
        assert most < 6 * 64 * 10 * 4 + BRIEFLY
