"""Programs in two and three real processes against one process with the whole batch."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

import gpukeras.distributed as hvd
from gpukeras import backend as K
from gpukeras.callbacks import Callback
from gpukeras.distributed import mpi
from gpukeras.distributed import process as state
from gpukeras.layers import Dense
from gpukeras.models import Sequential, load_model
from gpukeras.optimizers import SGD, Adam

MODEL = """
import numpy as np
from keras import optimizers
from keras.layers import LSTM, Dense
from keras.models import Sequential

def build():
    return Sequential([LSTM(4, input_shape=(3, 2)), Dense(5, activation="relu", kernel_regularizer="l2"), Dense(2)])

def rule():
    return optimizers.Adam(0.01, clipnorm=0.05)

ROWS, BATCH = 24, 12  # of all processes together
x = np.random.RandomState(0).rand(ROWS, 3, 2).astype("float32")
y = np.random.RandomState(1).rand(ROWS, 2).astype("float32")
"""

PROGRAM = (
    MODEL
    + """
import json, os, sys
import gpukeras.distributed as hvd

hvd.init()
rank, size = hvd.rank(), hvd.size()
assert (hvd.local_rank(), hvd.local_size()) == (rank, size)
np.random.seed(100 + rank)  # everybody draws other weights
model = build()
model.compile(hvd.DistributedOptimizer(rule()), "mse", metrics=["mae"])
share = BATCH // size
mine = np.concatenate([np.arange(b + rank * share, b + (rank + 1) * share) for b in range(0, ROWS, BATCH)])
first = []

class Begin(hvd.callbacks.BroadcastGlobalVariablesCallback):
    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        first.extend(model.get_weights())

history = model.fit(
    x[mine], y[mine], batch_size=share, epochs=3, shuffle=False, verbose=0,
    callbacks=[Begin(1), hvd.callbacks.MetricAverageCallback()],
)
folder = sys.argv[1]
np.savez(os.path.join(folder, f"{rank}.npz"), *first, *model.get_weights())
results = {
    "history": history.history,
    "sum": hvd.allreduce([rank, 1.5], average=False).tolist(),
    "mean": float(hvd.allreduce(rank)),
    "all": hvd.allgather(np.full((rank + 1, 2), rank)).tolist(),
    "told": hvd.broadcast(np.arange(3) + rank, root_rank=size - 1).tolist(),
}
with open(os.path.join(folder, f"{rank}.json"), "w") as f:
    json.dump(results, f)
hvd.shutdown()
assert not hvd.is_initialized()
"""
)


def start(processes, folder, program, *arguments):
    script = folder / "program.py"
    script.write_text(program)
    command = [sys.executable, "-m", "gpukeras.distributed", "-n", str(processes), script, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=folder)


@pytest.mark.parametrize("processes", [2, 3])
def test_training_is_that_of_one_process(processes, tmp_path):
    done = start(processes, tmp_path, PROGRAM, tmp_path)
    assert done.returncode == 0, done.stderr
    check_results(processes, tmp_path)


@pytest.mark.skipif(not shutil.which("mpirun"), reason="MPI is not installed")
def test_training_by_mpi(tmp_path):
    pytest.importorskip("mpi4py", reason="mpi4py is not installed")
    script = tmp_path / "program.py"
    script.write_text(PROGRAM)
    allowed = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", "OMP_NUM_THREADS": "1"}
    command = ["mpirun", "--oversubscribe", "-n", "2", sys.executable, "-m", "gpukeras", script, tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env={**os.environ, **allowed})
    assert done.returncode == 0, done.stderr
    check_results(2, tmp_path)


def check_results(processes, tmp_path):
    """What PROGRAM wrote against one process with the whole batches."""
    names = {}
    exec(MODEL.replace("from keras", "from gpukeras"), names)
    model = names["build"]()
    count = len(model.get_weights())
    saved = []
    for rank in range(processes):
        with np.load(tmp_path / f"{rank}.npz") as f:
            saved.append([f[f"arr_{i}"] for i in range(2 * count)])
    for other in saved[1:]:
        for ours, theirs in zip(saved[0], other, strict=True):
            np.testing.assert_array_equal(ours, theirs)

    model.set_weights(saved[0][:count])
    model.compile(names["rule"](), "mse", metrics=["mae"])
    history = model.fit(names["x"], names["y"], batch_size=names["BATCH"], epochs=3, shuffle=False, verbose=0).history
    for ours, theirs in zip(saved[0][count:], model.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=2e-6)

    told = [json.loads((tmp_path / f"{rank}.json").read_text()) for rank in range(processes)]
    for results in told:
        assert results == told[0]
        for name, values in history.items():
            np.testing.assert_allclose(results["history"][name], values, rtol=1e-4)
        assert results["sum"] == [sum(range(processes)), 1.5 * processes]
        assert results["mean"] == (processes - 1) / 2
        assert results["all"] == [[rank] * 2 for rank in range(processes) for _ in range(rank + 1)]
        assert results["told"] == [processes - 1, processes, processes + 1]


def test_a_failing_process_ends_the_others(tmp_path):
    program = """
import sys, time
import gpukeras.distributed as hvd
hvd.init()
if hvd.rank() == 1:
    sys.exit(7)
hvd.allreduce(1.0)
"""
    done = start(2, tmp_path, program)
    assert done.returncode in (1, 7) and "the others were stopped" in done.stderr
    assert "has lost its neighbour" in done.stderr


def test_the_command_line_says_what_is_missing(capsys):
    from gpukeras.distributed.launch import main

    for arguments, message in [([], "-n"), (["-n", "2"], "a script is needed"), (["-n", "0", "x.py"], "at least 1")]:
        with pytest.raises(SystemExit):
            main(arguments)
        assert message in capsys.readouterr().err


@pytest.fixture
def alone(monkeypatch):
    """One process."""
    monkeypatch.setattr(state._State, "link", None)
    hvd.init()
    yield
    hvd.shutdown()


class Four(hvd.process.Alone):
    """Stands for four processes that all have the same values."""

    size = local_size = 4

    def sum(self, flat):
        flat *= 4


@pytest.fixture
def four(monkeypatch):
    monkeypatch.setattr(state._State, "link", Four())


def small(optimizer):
    model = Sequential([Dense(2, input_shape=(3,))])
    model.compile(optimizer, "mse", metrics=["accuracy"])
    return model


def test_init_comes_first(monkeypatch):
    monkeypatch.setattr(state._State, "link", None)
    for call in (hvd.size, hvd.rank, hvd.local_rank, hvd.local_size, lambda: hvd.allreduce(1)):
        with pytest.raises(ValueError, match=r"call gpukeras.distributed.init\(\) first"):
            call()


def test_one_process(alone):
    assert (hvd.size(), hvd.rank(), hvd.is_initialized()) == (1, 0, True)
    assert hvd.allreduce(K.constant([1.0, 3.0])).tolist() == [1.0, 3.0]
    assert hvd.allgather([[1, 2]]).tolist() == [[1, 2]] and hvd.broadcast(3, 0) == 3
    hvd.broadcast_global_variables(0)
    with pytest.raises(ValueError, match="from 0 to 0, got 1"):
        hvd.broadcast(3, 1)


def test_the_optimizer_is_saved_under_its_own_name(four, tmp_path):
    optimizer = hvd.DistributedOptimizer(Adam(0.003, clipvalue=0.5))
    assert isinstance(optimizer, Adam) and type(optimizer) is not Adam
    assert hvd.DistributedOptimizer(optimizer) is optimizer
    assert optimizer.get_config() == Adam(0.003, clipvalue=0.5).get_config()
    model = small(optimizer)
    x = np.random.rand(4, 3)
    model.train_on_batch(x, x[:, :2])
    model.save(tmp_path / "m.h5")
    assert type(load_model(tmp_path / "m.h5").optimizer) is Adam
    again = hvd.load_model(tmp_path / "m.h5")
    assert type(again.optimizer) is type(optimizer)
    for m in (model, again):
        m.train_on_batch(x, x[:, :2])
    for ours, theirs in zip(again.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)
    for refuse in (
        lambda: hvd.DistributedOptimizer(SGD(), compression="zip"),
        lambda: hvd.load_model(tmp_path / "m.h5", compression=1),
    ):
        with pytest.raises(ValueError, match="compression should be Compression.none or Compression.fp16, got"):
            refuse()


def test_half_precision_for_the_way(four):
    weights = {}
    x = np.random.rand(5, 3).astype("float32")
    start = small(SGD()).get_weights()
    for compression in (hvd.Compression.none, hvd.Compression.fp16):
        model = small(hvd.DistributedOptimizer(SGD(1.0), compression=compression))
        model.set_weights(start)
        model.train_on_batch(x, x[:, :2])
        weights[compression] = model.get_weights()[0]
    plain = start[0] - weights[None]
    np.testing.assert_allclose(start[0] - weights["fp16"], plain.astype("float16"), rtol=1e-3, atol=1e-6)
    assert (weights["fp16"] != weights[None]).any()


def test_optimizers_with_gradients_of_their_own(four, monkeypatch):
    sums = []
    monkeypatch.setattr(Four, "sum", lambda self, flat: (sums.append(len(flat)), flat.__imul__(4)))

    class Doubled(SGD):
        def get_gradients(self, loss, params):
            return [2 * g for g in K.gradients(loss, params)]

    class Hidden(SGD):
        def get_updates(self, loss, params):
            return [K.update_sub(p, g) for p, g in zip(params, K.gradients(loss, params))]

    x = np.random.rand(4, 3)
    small(hvd.DistributedOptimizer(Doubled())).train_on_batch(x, x[:, :2])
    assert sums == [8]
    with pytest.raises(ValueError, match="the gradients of Hidden cannot be averaged, because its get_updates"):
        small(hvd.DistributedOptimizer(Hidden())).train_on_batch(x, x[:, :2])


def rates(callback, optimizer, epochs=3):
    """Rate and momentum at the end of each batch, and the model's history."""
    seen = []

    class See(Callback):
        def on_batch_begin(self, batch, logs=None):
            seen.append((float(K.get_value(optimizer.lr)), float(K.get_value(optimizer.momentum))))

    x = np.random.rand(8, 3)
    history = small(optimizer).fit(x, x[:, :2], batch_size=4, epochs=epochs, verbose=0, callbacks=[callback, See()])
    return seen, history.history


def test_warm_up(four, capsys):
    optimizer = SGD(0.4, momentum=0.5)
    callback = hvd.callbacks.LearningRateWarmupCallback(warmup_epochs=2, verbose=1)
    seen, history = rates(callback, optimizer)
    np.testing.assert_allclose([r for r, _ in seen], [0.175, 0.25, 0.325, 0.4, 0.4, 0.4], rtol=1e-5)
    assert seen[1][1] == pytest.approx(0.5 * 0.25 / 0.175) and seen[4][1] == 0.5
    np.testing.assert_allclose(history["lr"], [0.25, 0.4, 0.4], rtol=1e-5)
    assert "Epoch 2: finished gradual learning rate warmup to 0.4." in capsys.readouterr().out
    assert K.get_value(optimizer.momentum) == 0.5


def test_schedules(four):
    Schedule = hvd.callbacks.LearningRateScheduleCallback
    seen, history = rates(Schedule(0.1, start_epoch=1, end_epoch=2, momentum_correction=False), SGD(1.0, momentum=0.5))
    np.testing.assert_allclose([r for r, _ in seen], [1, 1, 0.1, 0.1, 0.1, 0.1], rtol=1e-6)
    assert {m for _, m in seen} == {0.5}
    seen, _ = rates(Schedule(lambda epoch: 1 + epoch, staircase=False, initial_lr=2.0), SGD(1.0))
    np.testing.assert_allclose([r for r, _ in seen], [2, 3, 4, 5, 6, 7], rtol=1e-6)
    seen, _ = rates(Schedule(lambda epoch: 1 + epoch, initial_lr=2.0), SGD(1.0))
    np.testing.assert_allclose([r for r, _ in seen], [2, 2, 4, 4, 6, 6], rtol=1e-6)


def test_averages_of_metrics(four):
    logs = {"loss": 2.0, "acc": np.float32(0.5), "curve": np.ones(3)}
    hvd.callbacks.MetricAverageCallback().on_epoch_end(0, logs)
    assert logs["loss"] == 2.0 and logs["acc"] == 0.5 and logs["curve"].tolist() == [1, 1, 1]


def test_mpi_without_mpi4py_says_so(monkeypatch):
    for name in mpi._STARTED:
        monkeypatch.delenv(name, raising=False)
    assert mpi.Mpi.from_environment() is None
    monkeypatch.setenv("OMPI_COMM_WORLD_SIZE", "2")
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    with pytest.raises(ImportError, match=r"needs mpi4py \(pip install 'gpukeras\[mpi\]'\)"):
        mpi.Mpi.from_environment()
