"""Files of Keras 2.0 to 2.3, tf-keras and Keras 3 load: same predictions, same optimizer state.

The fixtures come from tests/golden/make_keras2.py and make_tfkeras.py, which say what is in them.
"""

import json
import os
import warnings

import h5py
import numpy as np
import pytest

from gpukeras import backend as K
from gpukeras import models

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden", "saving")


def path_of(name):
    return os.path.join(FOLDER, name + ".h5")


def golden(name):
    """The arrays stored beside the model: inputs, targets, predictions before and after one more batch."""
    found = {}
    with h5py.File(path_of(name), "r") as f:
        for key in sorted(f["golden"]):
            found.setdefault(key[:-1], []).append(f["golden"][key][()])
    return found


def predict(model, x):
    y = model.predict(x)
    return y if isinstance(y, list) else [y]


def check(model, arrays, train=True):
    for got, want in zip(predict(model, arrays["x"]), arrays["y"], strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)
    if train:
        model.train_on_batch(arrays["x"], arrays["t"])
        for got, want, before in zip(predict(model, arrays["x"]), arrays["after"], arrays["y"], strict=True):
            assert np.abs(want - before).max() > 1e-5, "the batch must have changed something"
            np.testing.assert_allclose(got, want, rtol=2e-5, atol=2e-6)


KERAS_224 = ["sequential", "functional", "sgd", "rmsprop", "adagrad", "adadelta", "adam", "adamax", "nadam", "amsgrad"]
KERAS_2 = ["k224_" + name for name in KERAS_224]
KERAS_2 += [v + name for v in ("k205_", "k216_", "k231_") for name in ("sequential", "functional", "rmsprop", "adam")]

# TensorFlow 1 does not say whether an update reads the step count and the moments before or after other updates of
# the same step, and runs of the original differ: only these optimizers have one right answer after another batch.
# For all of them the next tests compare the state itself.
ORDERED = ["sgd", "rmsprop", "adagrad", "adadelta"]


@pytest.mark.parametrize("name", KERAS_2)
def test_models_of_keras_2(name):
    check(models.load_model(path_of(name)), golden(name), train=name.split("_")[1] in ORDERED)


@pytest.mark.parametrize("name", KERAS_2)
def test_optimizer_states_of_keras_2(name):
    """The saved arrays, all of them, at the weights they belong to."""
    model = models.load_model(path_of(name))
    with h5py.File(path_of(name), "r") as f:
        group = f["optimizer_weights"]
        saved = [group[n][()] for n in group.attrs["weight_names"]]
    state = model.optimizer.get_weights()
    slots = [v for v in state if np.ndim(v) and v.shape != (1,)]
    assert sum(v.size for v in slots) == sum(v.size for v in saved if np.ndim(v) and v.shape != (1,))
    for value in slots:
        assert sum(np.array_equal(value, v) for v in saved) >= 1
    shapes = [w.shape for w in model.trainable_weights]
    rest = [v.shape for v in state[np.ndim(state[0]) == 0 :]][: len(shapes)]
    assert [tuple(s) for s in shapes] == rest


@pytest.mark.parametrize("name", KERAS_224)
def test_models_of_keras_224_saved_again(name, tmp_path):
    """A save after a load holds the same things as the file it came from, name by name and bit by bit."""
    K.clear_session()
    source, copy = path_of("k224_" + name), tmp_path / "copy.h5"
    models.load_model(source).save(copy)
    with h5py.File(source, "r") as a, h5py.File(copy, "r") as b:
        compare_groups(a, b)
    check(models.load_model(copy), golden("k224_" + name), train=False)


def compare_groups(a, b):
    assert set(a.attrs) == set(b.attrs)
    for key in a.attrs:
        if key.endswith("_config"):
            # The order of keys is free.
            assert json.loads(a.attrs[key]) == json.loads(b.attrs[key])
        else:
            np.testing.assert_array_equal(a.attrs[key], b.attrs[key])
    assert set(a) - {"golden"} == set(b)
    for key in b:
        if isinstance(a[key], h5py.Dataset):
            assert a[key].dtype == b[key].dtype
            np.testing.assert_array_equal(a[key][()], b[key][()])
        else:
            compare_groups(a[key], b[key])


def load_quietly(name, **kwargs):
    """Loads a file whose AUC metric has no counterpart, which is said in a warning."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The metric .*auc.* is left out")
        return models.load_model(path_of(name), **kwargs)


TF_KERAS = [
    "sequential", "functional", "sgd", "legacy_sgd", "momentum", "legacy_momentum", "adam", "legacy_adam", "adamax",
    "legacy_adamax", "amsgrad", "legacy_amsgrad",
]  # fmt: skip


@pytest.mark.parametrize("name", TF_KERAS)
def test_models_of_tf_keras(name):
    check(load_quietly("tfk_" + name), golden("tfk_" + name))


@pytest.mark.parametrize("name", ["tfk_rmsprop", "tfk_legacy_rmsprop"])
def test_rmsprop_of_tf_keras(name):
    """Its formula differs in the place of epsilon; the state that comes along must be exactly the saved one."""
    model = models.load_model(path_of(name))
    check(model, golden(name), train=False)
    with h5py.File(path_of(name), "r") as f:
        group = f["optimizer_weights"]
        saved = [group[n][()] for n in group.attrs["weight_names"] if "iter" not in n]
    for got, want in zip(model.optimizer.get_weights(), saved, strict=True):
        np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("name", ["keras3_sequential", "keras3_functional"])
def test_models_of_keras_3(name):
    check(load_quietly(name), golden(name), train=False)


def test_metrics_of_tf_keras_keep_their_names():
    with pytest.warns(UserWarning, match=r"The metric two_auc \(AUC\) of this file is not known here"):
        model = models.load_model(path_of("tfk_functional"))
    # Keras 2.2 calls accuracy 'acc' and other metrics by their functions' names.
    assert model.metrics_names == ["loss", "one_loss", "two_loss", "one_mean_absolute_error", "two_acc"]


@pytest.mark.parametrize(
    "source", ["k205_functional", "k216_functional", "k224_functional", "k231_functional", "tfk_functional"]
)
def test_weights_files_load_into_a_model_of_the_same_build(source):
    model = load_quietly(source, compile=False)
    model.set_weights([np.zeros_like(w) for w in model.get_weights()])
    model.load_weights(path_of(source + "_weights"))
    arrays = golden(source + "_weights")
    for got, want in zip(predict(model, arrays["x"]), arrays["y"], strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


def test_weights_files_load_by_name():
    model = models.load_model(path_of("k224_functional"), compile=False)
    before = model.get_layer("one").get_weights()[0]
    model.get_layer("one").set_weights([np.zeros((4, 1)), np.zeros(1)])
    model.load_weights(path_of("k224_functional_weights"), by_name=True)
    assert model.get_layer("one").get_weights()[0].any() and before.any()


def test_fixtures_stay_small():
    for name in os.listdir(FOLDER):
        assert os.path.getsize(os.path.join(FOLDER, name)) < 100_000, name
