"""Steps that run in one call give what steps one by one give: to callbacks, to the bar, in every digit."""

import io
import re
import sys
import threading
import tracemalloc

import numpy as np
import pytest

import gpukeras as keras
from gpukeras import backend as K
from gpukeras.engine.training_batches import Batches
from gpukeras.runtime import native

NATIVE = native.load() is not None


def perceptron(**options):
    """A compiled model of 5 numbers, 3 classes, with dropout and a metric."""
    np.random.seed(3)
    model = keras.models.Sequential()
    model.add(keras.layers.Dense(8, activation="relu", input_shape=(5,)))
    model.add(keras.layers.Dense(3, activation="softmax"))
    model.compile("adam", "categorical_crossentropy", **{"metrics": ["accuracy"], **options})
    return model


def data(samples, dtype="float32"):
    """Samples of `perceptron` and their classes."""
    x = (np.random.rand(samples, 5) * 9).astype(dtype)
    return x, np.eye(3, dtype="float32")[np.random.randint(0, 3, samples)]


class Watcher(keras.callbacks.Callback):
    """Looks at every batch, so that each is run by itself."""

    def __init__(self):
        super().__init__()
        self.batches = []

    def on_batch_end(self, batch, logs=None):
        self.batches.append((batch, logs["size"], logs["loss"], logs["acc"]))


@pytest.fixture
def runs(monkeypatch):
    """The numbers of batches that calls of `add_up` made."""
    made = []
    plain = Batches.add_up

    def add_up(self, number, stop, totals):
        after = plain(self, number, stop, totals)
        made.append(after - number)
        return after

    monkeypatch.setattr(Batches, "add_up", add_up)
    return made


@pytest.mark.parametrize("samples", [1, 16, 17, 48, 200])
@pytest.mark.parametrize("dtype", ["float32", "uint8", "float64", "int64"])
def test_history_has_the_same_digits(samples, dtype, runs):
    x, y = data(samples, dtype)
    histories, weights = [], []
    for callbacks in ([], [Watcher()]):
        model = perceptron()
        np.random.seed(9)
        fitted = model.fit(x, y, batch_size=16, epochs=3, verbose=0, callbacks=callbacks, validation_split=0.0)
        histories.append(fitted.history)
        weights.append(model.get_weights())
    assert histories[0] == histories[1]
    assert all(np.array_equal(a, b) for a, b in zip(*weights))
    assert bool(sum(runs)) == (NATIVE and samples > 32)


def test_a_watcher_sees_every_batch():
    x, y = data(70)
    watcher = Watcher()
    history = perceptron().fit(x, y, batch_size=16, verbose=0, callbacks=[watcher]).history
    assert [b[:2] for b in watcher.batches] == [(0, 16), (1, 16), (2, 16), (3, 16), (4, 6)]
    assert history["loss"][0] == sum(float(b[2]) * b[1] for b in watcher.batches) / 70
    assert type(watcher.batches[0][2]) is np.float32


def test_types_that_are_too_large_to_convert_at_once(monkeypatch, runs):
    monkeypatch.setattr("gpukeras.engine.training_feeds._CONVERT_UP_TO", 0)
    x, y = data(200, "uint8")
    losses = []
    for samples in (x, x.astype("float32"), x.astype("int16"), np.asfortranarray(x)):
        np.random.seed(9)
        losses.append(perceptron().fit(samples, y, batch_size=16, verbose=0).history["loss"])
    assert losses[0] == losses[1] == losses[2] == losses[3]
    assert bool(sum(runs)) == NATIVE


def test_the_bar_shows_the_same_numbers(monkeypatch, runs):
    texts = []
    for callbacks in ([], [Watcher()]):
        x, y = np.random.default_rng(0).random((330, 5), dtype=np.float32), np.eye(3)[np.arange(330) % 3]
        stream = io.StringIO()
        monkeypatch.setattr(sys, "stdout", stream)
        model = perceptron()
        np.random.seed(9)
        model.fit(x, y, batch_size=32, epochs=2, verbose=1, callbacks=callbacks, validation_data=(x[:50], y[:50]))
        model.evaluate(x, y, batch_size=32, verbose=1)
        monkeypatch.undo()
        texts.append(stream.getvalue())
    finals = [re.findall(r"330/330 \[=+\].*?(- loss.*)", text) for text in texts]
    assert finals[0] == finals[1] and len(finals[0]) == 2
    assert texts[0].count("330/330") == texts[1].count("330/330")


class Seen(keras.layers.Layer):
    """A metric with a state: the number of samples seen."""

    def __init__(self):
        super().__init__(name="seen")
        self.stateful = True
        self.total = K.variable(0, dtype="int32")

    def reset_states(self):
        K.set_value(self.total, 0)

    def __call__(self, y_true, y_pred):
        self.add_update(K.update_add(self.total, K.shape(y_true)[0]), inputs=[y_true, y_pred])
        return self.total + K.shape(y_true)[0]


def test_stateful_metrics_keep_their_last_value(runs):
    x, y = data(100)
    model = perceptron(metrics=[Seen()])
    history = model.fit(x, y, batch_size=16, epochs=2, verbose=0, validation_data=(x[:40], y[:40])).history
    assert history["seen"] == [100, 100] and history["val_seen"] == [40, 40]
    assert model.evaluate(x, y, batch_size=16, verbose=0)[1] == 100


def test_stop_training_from_another_thread():
    x, y = data(20000)
    model = perceptron()
    timer = threading.Timer(0.2, lambda: setattr(model, "stop_training", True))
    timer.start()
    history = model.fit(x, y, batch_size=4, epochs=2000, verbose=0)
    timer.join()
    assert len(history.epoch) < 2000


@pytest.mark.parametrize("samples,batch_size", [(1, 32), (32, 32), (33, 32), (96, 32), (100, 32), (5, 1)])
def test_predict_and_evaluate_by_batches(samples, batch_size):
    x, y = data(samples)
    model = perceptron()
    whole = model.predict(x, batch_size=samples)
    np.testing.assert_allclose(model.predict(x, batch_size=batch_size), whole, atol=1e-6)
    losses = [model.test_on_batch(x[i : i + batch_size], y[i : i + batch_size]) for i in range(0, samples, batch_size)]
    sizes = [len(x[i : i + batch_size]) for i in range(0, samples, batch_size)]
    expected = 0.0
    for value, size in zip(losses, sizes):
        expected = expected + np.float64(value[0]) * size
    assert model.evaluate(x, y, batch_size=batch_size, verbose=0)[0] == expected / samples


def test_predictions_are_the_callers_own():
    x, _ = data(10)
    model = perceptron()
    first = model.predict(x, batch_size=2)
    kept = first.copy()
    model.predict(x + 1, batch_size=2)
    assert np.array_equal(first, kept)


def test_weights_set_between_epochs_count():
    x, y = data(64)
    model = perceptron(metrics=[])
    zeros = [np.zeros_like(w) for w in model.get_weights()]
    reset = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: model.set_weights(zeros))
    K.set_value(model.optimizer.lr, 0.0)
    losses = model.fit(x, y, batch_size=16, epochs=3, verbose=0, callbacks=[reset]).history["loss"]
    assert losses == [losses[0]] * 3 and losses[0] == pytest.approx(np.log(3), 1e-5)


def test_an_order_out_of_range_is_refused():
    if not NATIVE:
        pytest.skip(f"native engine off: {native.status().reason}")
    x, y = data(64)
    model = perceptron()
    model.fit(x, y, batch_size=16, verbose=0)
    steps = model.train_function.steps([x, y, np.ones(64, "float32")])
    with pytest.raises(IndexError, match="no sample 64"):
        steps.one(np.arange(1, 65), 48, 16)
    with pytest.raises(ValueError, match="out of range"):
        steps.one(None, 60, 16)


def test_an_epoch_allocates_nothing_per_step():
    x, y = data(16 * 400)
    model = perceptron()
    model.fit(x, y, batch_size=16, verbose=0, shuffle=False)
    sizes = []
    for samples in (16 * 100, 16 * 400):
        tracemalloc.start()
        model.fit(x[:samples], y[:samples], batch_size=16, verbose=0, shuffle=False)
        sizes.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    grown = sizes[1] - sizes[0]
    # `fit` makes sample weights (4 bytes) and an order (8 bytes) for every sample, but nothing for a step
    assert grown < 300 * 16 * (4 + 8) + (4096 if NATIVE else 300 * 1000)
