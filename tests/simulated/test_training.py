"""Models on a GPU through the training loops: graphs, data on the device, callbacks; against the same on the CPU."""

import numpy as np
import pytest

import gpukeras as keras
from gpukeras import backend as K
from gpukeras import layers
from gpukeras.runtime import device as runtime_device
from gpukeras.runtime.device import Device
from tests.csrc import simulator

from .device import simulated_gpu

pytestmark = pytest.mark.skipif(simulator.COMPILER is None, reason="no C++ compiler is installed")

N = 37


def data():
    rng = np.random.default_rng(0)
    return rng.standard_normal((N, 6)).astype("float32"), np.eye(3, dtype="float32")[rng.integers(0, 3, N)]


def network():
    """With a mask drawn anew at every step, statistics that move, and weights of its own for the optimizer."""
    np.random.seed(1)
    model = keras.models.Sequential()
    model.add(layers.Dense(8, activation="tanh", input_shape=(6,)))
    model.add(layers.BatchNormalization())
    model.add(layers.Dropout(0.25, seed=5))
    model.add(layers.Dense(3, activation="softmax"))
    model.compile(keras.optimizers.Adam(0.01), "categorical_crossentropy", metrics=["acc"])
    return model


@pytest.fixture
def cpu(monkeypatch):
    """NumPy's engine, whose kernels are those of the simulated GPU here."""
    monkeypatch.setattr(runtime_device, "_default", Device("/cpu:0", np, "numpy"))
    K.clear_session()
    yield
    K.clear_session()


def close(got, want):
    """Sums of up to 37 float32 numbers in another order (by BLAS on the CPU) differ by some units in the last place."""
    np.testing.assert_allclose(got, want, 2e-5, 2e-6)


def agree(train):
    """Runs `train` here and on a GPU, twice over; the results are to be close."""
    want = train()
    for early in (False, True):
        with simulated_gpu(engine="numpy") as fake:
            fake.machine.early = early
            got = train()
            assert fake.machine.graphs
        for g, w in zip(got, want, strict=True):
            close(g, w)


def test_fit_evaluate_and_predict(cpu):
    x, y = data()

    def train():
        model = network()
        history = model.fit(x, y, batch_size=8, epochs=4, verbose=0, validation_data=(x[:11], y[:11])).history
        logs = [history[k] for k in ("loss", "acc", "val_loss", "val_acc")]
        return [*logs, model.evaluate(x, y, batch_size=8, verbose=0), model.predict(x, batch_size=8),
                *model.get_weights()]  # fmt: skip

    agree(train)


def test_a_learning_rate_that_changes_reaches_replays(cpu):
    x, y = data()

    def train():
        model = network()
        schedule = keras.callbacks.LearningRateScheduler(lambda epoch: 0.05 / (1 + epoch))
        model.fit(x, y, batch_size=16, epochs=4, verbose=0, callbacks=[schedule])
        K.set_value(model.optimizer.lr, 0.0)
        before = model.get_weights()[0]
        model.fit(x, y, batch_size=16, epochs=1, verbose=0)
        np.testing.assert_array_equal(model.get_weights()[0], before)
        return [before, K.get_value(model.optimizer.lr), K.get_value(model.optimizer.iterations)]

    agree(train)


def test_batches_that_callbacks_look_at(cpu):
    x, y = data()

    def train():
        model, losses = network(), []
        look = keras.callbacks.LambdaCallback(on_batch_end=lambda batch, logs: losses.append(logs["loss"]))
        model.fit(x, y, batch_size=8, epochs=3, verbose=0, callbacks=[look])
        return [losses, *model.get_weights()]

    agree(train)


def test_single_batches_and_generators(cpu):
    x, y = data()

    def batches():
        while True:
            for start in (0, 8, 16):
                yield x[start : start + 8], y[start : start + 8]

    def train():
        model = network()
        losses = [model.train_on_batch(x[i : i + 8], y[i : i + 8])[0] for i in (0, 8, 16, 24)]
        history = model.fit_generator(batches(), 3, epochs=2, verbose=0, workers=0).history
        return [losses, history["loss"], model.predict_on_batch(x[:5]), model.test_on_batch(x, y), *model.get_weights()]

    agree(train)


def test_weights_loaded_between_replays_are_used(cpu):
    x, y = data()

    def train():
        model = network()
        start = model.get_weights()
        model.fit(x, y, batch_size=8, epochs=2, verbose=0, shuffle=False)
        model.set_weights(start)
        return [model.evaluate(x, y, batch_size=8, verbose=0), *start]

    agree(train)


def test_stateful_layers_keep_their_states_on_the_device(cpu):
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((8, 5, 2)).astype("float32"), rng.standard_normal((8, 3)).astype("float32")

    def train():
        np.random.seed(2)
        model = keras.models.Sequential([layers.SimpleRNN(3, stateful=True, batch_input_shape=(4, 5, 2))])
        model.compile("sgd", "mse")
        losses = [model.fit(x, y, batch_size=4, epochs=3, shuffle=False, verbose=0).history["loss"]]
        model.reset_states()
        return [*losses, *(model.predict_on_batch(x[:4]) for _ in range(3))]

    agree(train)


@pytest.mark.parametrize("shuffle", [True, False, "batch"])
def test_data_on_the_device_and_fed_in_turn_give_the_same_bits(monkeypatch, shuffle):
    x, y = data()
    found = []
    for share in ("1", "0"):
        monkeypatch.setenv("GPUKERAS_GPU_DATA", share)
        with simulated_gpu(engine="numpy"):
            model = network()
            history = model.fit(x, y, batch_size=8, epochs=3, verbose=0, shuffle=shuffle).history
            found.append([history["loss"], model.predict(x, batch_size=8).tolist()])
    assert found[0] == found[1]


def test_graphs_and_single_calls_give_the_same_bits(monkeypatch):
    x, y = data()
    found = []
    for graphs in ("1", "0"):
        monkeypatch.setenv("GPUKERAS_CUDA_GRAPHS", graphs)
        with simulated_gpu(engine="numpy") as fake:
            model = network()
            history = model.fit(x, y, batch_size=8, epochs=3, verbose=0).history
            found.append([history["loss"], model.predict(x, batch_size=8).tolist()])
            assert bool(fake.machine.graphs) == (graphs == "1")
    assert found[0] == found[1]


def test_the_loop_reads_the_device_only_when_somebody_looks(monkeypatch):
    monkeypatch.setattr("gpukeras.engine.training_batches._PATIENCE", 1e9)
    x, y = np.zeros((80, 6), "float32"), np.zeros((80, 3), "float32")
    with simulated_gpu(engine="numpy") as fake:
        model = network()
        model.fit(x, y, batch_size=8, epochs=1, verbose=0)
        for batches in (10, 10):
            reads, syncs, waits = fake.machine.reads, fake.machine.syncs, fake.machine.waits
            model.fit(x, y, batch_size=8, epochs=1, verbose=0)
            # the first and the last batch are shown to the loggers (two numbers each), the others are sums and values
            assert fake.machine.reads - reads == 3 * 2 + 1
            assert fake.machine.syncs - syncs == 4 and fake.machine.waits - waits <= batches


def test_a_device_scope_changes_nothing_on_one_gpu():
    x, y = data()
    found = []
    for scope in ("/gpu:0", "/cpu:0", None):
        with simulated_gpu(engine="numpy"), K.device(scope):
            model = network()
            found.append(model.fit(x, y, batch_size=8, epochs=2, verbose=0).history["loss"])
    assert found[0] == found[1] == found[2]
