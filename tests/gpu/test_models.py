"""Whole models: trained on the device and with NumPy, from graphs and call by call, in mixed precision."""

import numpy as np
import pytest

import gpukeras as keras
from gpukeras import backend as K
from gpukeras import mixed_precision
from gpukeras.models import load_model

from . import devices
from .devices import runs
from .networks import NETWORKS

pytestmark = pytest.mark.gpu
RECORDED = "GPUKERAS_CUDA_GRAPHS"


def train(name, optimizer="adam", batches=6, policy="float32", scale=None):
    """Losses of some batches, and weights and predictions after them."""
    make, x, y = NETWORKS[name]
    mixed_precision.set_policy(policy)
    try:
        np.random.seed(11)
        model = make()
        optimizer = keras.optimizers.get(optimizer)
        if scale is not None:
            mixed_precision.scale_loss(optimizer, scale)
        model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["acc"])
        losses = []
        for i in range(batches):
            rows = np.arange(8 * i, 8 * i + 8) % len(x)
            losses.append(model.train_on_batch(x[rows], y[rows])[0])
        return [np.array(losses), model.predict(x, batch_size=16), *model.get_weights()]
    finally:
        mixed_precision.set_policy("float32")


def assert_near(ours, theirs, rtol):
    for a, b in zip(ours, theirs, strict=True):
        assert a.shape == b.shape and a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol, rtol * (1e-3 + np.abs(b).max()))


@pytest.mark.parametrize("name", list(NETWORKS))
def test_training_equals_numpys(name):
    reference, ours = runs(lambda: train(name))
    assert_near(ours, reference, 2e-3)  # Adam divides by roots of small numbers


@pytest.mark.parametrize("name", list(NETWORKS))
@pytest.mark.parametrize("optimizer", ["sgd", "nadam"])
def test_graphs_change_nothing(monkeypatch, name, optimizer):
    found = []
    for recorded in ("0", "1"):
        monkeypatch.setenv(RECORDED, recorded)
        with devices.default(devices.make()):
            found.append(train(name, optimizer))
    assert_near(found[1], found[0], 1e-5)


def test_replays_see_learning_rate_and_new_masks(gpu):
    make, x, y = NETWORKS["mlp"]
    model = make()
    model.compile(keras.optimizers.SGD(0.0), "sparse_categorical_crossentropy")
    losses = [model.train_on_batch(x[:8], y[:8]) for _ in range(6)]
    assert len(set(losses)) > 1, "dropout draws new numbers at every replay"
    before = model.get_weights()[0]
    K.set_value(model.optimizer.lr, 0.5)
    model.train_on_batch(x[:8], y[:8])
    assert not np.array_equal(model.get_weights()[0], before)


@pytest.mark.parametrize("name", ["mlp", "cnn", "lstm"])
def test_fit_evaluate_predict_save(gpu, name, tmp_path):
    make, x, y = NETWORKS[name]
    model = make()
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["acc"])
    history = model.fit(x, y, batch_size=16, epochs=8, validation_data=(x[:7], y[:7]), verbose=0).history
    assert history["loss"][-1] < history["loss"][0] and len(history["val_acc"]) == 8
    path = str(tmp_path / "model.h5")
    model.save(path)
    again = load_model(path)
    np.testing.assert_allclose(again.predict(x), model.predict(x), 1e-6, 1e-7)
    np.testing.assert_allclose(again.evaluate(x, y, verbose=0), model.evaluate(x, y, verbose=0), 1e-5)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("name", list(NETWORKS))
def test_mixed_precision_follows_float32(name, policy):
    if policy == "mixed_bfloat16":
        pytest.importorskip("ml_dtypes")
    with devices.default(devices.make()):
        single = train(name, "sgd")
    with devices.default(devices.make()):
        low = train(name, "sgd", policy=policy, scale=2.0**10)
    assert {w.dtype.name for w in low} <= {"float32", "float64"}
    assert_near(low, single, 2e-2 if policy == "mixed_float16" else 1e-1)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("name", ["mlp", "cnn"])
def test_mixed_precision_equals_numpys(name, policy):
    """Both engines compute in float32 and round at the same places."""
    if policy == "mixed_bfloat16":
        pytest.importorskip("ml_dtypes")
    reference, ours = runs(lambda: train(name, "sgd", policy=policy, scale=2.0**10))
    assert_near(ours, reference, 5e-3 if policy == "mixed_float16" else 4e-2)


@pytest.mark.simulated
def test_the_loss_scale_falls_and_grows_on_the_device(gpu):
    w, x = K.variable([1.0, 2.0]), K.placeholder((2,))
    optimizer = mixed_precision.scale_loss(keras.optimizers.SGD(0.5), 8.0, 3)
    step = K.function([x], [K.sum(w)], optimizer.guarded(optimizer.get_updates(K.sum(w * x), [w])))
    good, bad, seen = [1.0, 1.0], [np.inf, 1.0], []
    for value in (good, good, good, bad, good, bad):
        step([value])
        seen.append(tuple(K.batch_get_value(optimizer.loss_scale.weights)))
    assert seen == [(8, 1), (8, 2), (16, 0), (8, 0), (8, 1), (4, 0)]
    np.testing.assert_allclose(K.get_value(w), [-1.0, 0.0])
