"""Crossentropies with options, as files of tf.keras hold them."""

import json

import h5py
import numpy as np
import pytest

from gpukeras import layers, models

X = np.random.RandomState(0).rand(6, 3)
LABELS = np.array([0, 2, 1, 1, 0, 2])
TARGETS = {
    "BinaryCrossentropy": np.eye(3)[LABELS],
    "CategoricalCrossentropy": np.eye(3)[LABELS],
    "SparseCategoricalCrossentropy": LABELS[:, None],
}


def log_softmax(z):
    z = z - z.max(axis=-1, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=-1, keepdims=True))


def expected(name, z, smoothing):
    """The loss written out, from logits."""
    t = np.eye(3)[LABELS]
    if name == "BinaryCrossentropy":
        t = t * (1 - smoothing) + smoothing / 2
        p = 1 / (1 + np.exp(-z))
        return -(t * np.log(p) + (1 - t) * np.log(1 - p)).mean()
    t = t * (1 - smoothing) + smoothing / 3
    return -(t * log_softmax(z)).sum(axis=-1).mean()


CASES = [(n, s) for n in TARGETS for s in (0.0, 0.2) if s == 0 or not n.startswith("Sparse")]


@pytest.mark.parametrize("name, smoothing", CASES)
def test_options_are_kept(name, smoothing, tmp_path):
    model = models.Sequential([layers.Dense(3, input_shape=(3,))])
    model.compile("sgd", "mse")
    model.save(tmp_path / "m.h5")
    loss = {"class_name": name, "config": {"reduction": "auto", "name": "x", "from_logits": True,
                                           "label_smoothing": smoothing, "axis": -1}}  # fmt: skip
    with h5py.File(tmp_path / "m.h5", "a") as f:
        f.attrs["training_config"] = json.dumps(dict(json.loads(f.attrs["training_config"]), loss=loss)).encode()
    for again in range(2):
        # What was loaded saves and loads again.
        loaded = models.load_model(tmp_path / "m.h5")
        got = loaded.test_on_batch(X, TARGETS[name])
        np.testing.assert_allclose(got, expected(name, model.predict(X), smoothing), rtol=1e-5)
        if not again:
            loaded.save(tmp_path / "m.h5")
