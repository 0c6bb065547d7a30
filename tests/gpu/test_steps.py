"""Many steps in one call: data on the device or fed in turn, graphs, and feeds that change at once."""

import contextlib

import numpy as np
import pytest

import gpukeras as keras
from gpukeras import backend as K
from gpukeras.compiler.function import Function
from gpukeras.compiler.steps import steps_of
from gpukeras.graph.tensor import Placeholder
from gpukeras.kernels.cuda import glue
from gpukeras.runtime.staging import Place, Staging
from tests.simulated.libraries import libraries

from . import devices
from .networks import NETWORKS

pytestmark = pytest.mark.gpu


def trained():
    """Losses and weights of a training with a batch left over."""
    np.random.seed(3)
    make, x, y = NETWORKS["mlp"]
    model = make()
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["acc"])
    history = model.fit(x[:45], y[:45], batch_size=8, epochs=4, verbose=0, validation_data=(x[:21], y[:21])).history
    return [history["loss"], history["acc"], history["val_loss"], model.predict(x, batch_size=8), *model.get_weights()]


def test_data_on_the_device_and_fed_in_turn_train_alike(gpu, monkeypatch):
    monkeypatch.setenv("GPUKERAS_DETERMINISTIC", "1")
    found = []
    for share in ("0.5", "0"):
        monkeypatch.setenv("GPUKERAS_GPU_DATA", share)
        found.append(trained())
        K.clear_session()
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, 1e-6, 1e-7)


def test_a_training_step_is_recorded_whole(gpu, caplog):
    make, x, y = NETWORKS["mlp"]
    with glue.use(libraries()) if devices.is_simulated(gpu) else contextlib.nullcontext():
        model = make()
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["acc"])
        model.fit(x[:40], y[:40], batch_size=8, epochs=3, verbose=0)
        steps = model.train_function.steps([x[:40], y[:40].reshape(40, 1), np.ones(40, "float32"), 1])
        for _ in range(4):
            steps.one(None, 0, 8)
    (loop,) = steps._loops.values()
    assert len(loop.replay.graphs) == 1 and steps._data.there is not None
    assert not [r.message for r in caplog.records if r.name == "gpukeras" and r.levelname == "WARNING"]


@pytest.mark.simulated
@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8", "int64", "bool"])
def test_batches_are_gathered_and_added_up(gpu, dtype):
    x = Placeholder((None, 5), "float32")
    rows = (np.random.default_rng(0).standard_normal((23, 5)) * 3).astype(dtype)
    order = np.random.default_rng(1).permutation(23)
    f = Function([x], [K.mean(x), K.max(x)])
    steps, totals = steps_of(f, [rows]), np.array([1.0, 2.0])
    done = 0
    while done < 20:
        done += steps.add_up(order, done, 20, 4, totals, 0.0)
    batches = [rows[order[i : i + 4]].astype("float32") for i in range(0, 20, 4)]
    want = [1 + sum(4 * float(b.mean()) for b in batches), 2 + sum(4 * float(b.max()) for b in batches)]
    np.testing.assert_allclose(totals, want, 1e-5)


@pytest.mark.simulated
def test_fed_arrays_may_change_at_once(gpu):
    xp, count = gpu.xp, 1 << 20  # 4 MB: the copy takes longer than coming back
    region = xp.empty((4 * count,), "uint8")
    stage, seen = Staging(xp, region, [Place(0, (count,), np.dtype("float32"))]), []
    x = np.empty(count, "float32")
    for i in range(12):
        x.fill(i)
        stage.feed([x])
        x.fill(-1)
        seen.append(region.view("float32").copy())
    for i, array in enumerate(seen):
        assert np.array_equal(array.get(), np.full(count, i, "float32"))
