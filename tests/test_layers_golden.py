"""Every layer, rebuilt from a config of Keras 2.2.4, against the numbers stored with it (see golden/make_layers.py)."""

import functools
import inspect
import json
import os

import numpy as np
import pytest

import gpukeras as keras
import gpukeras.layers
from gpukeras import backend as K
from tests.golden import layers_cases

PATH = os.path.join(os.path.dirname(__file__), "golden", "layers.npz")
GROUPS = ("input", "weight", "output", "target", "after")


def _unpack():
    with np.load(PATH) as f:
        index, values, configs = json.loads(str(f["index"])), f["values"], json.loads(str(f["configs"]))
    arrays, start = {}, 0
    for name, shape, dtype in index:
        size = int(np.prod(shape))
        arrays[name] = values[start : start + size].reshape(shape).astype(dtype)
        start += size
    assert start == len(values)
    return arrays, configs


ARRAYS, CONFIGS = _unpack()
CTC = sorted(name for name in ARRAYS if name.startswith("ctc:"))


def _stored(name):
    """The arrays of a case, by group."""
    groups = {}
    for group in GROUPS:
        groups[group] = []
        while f"{name}:{group}:{len(groups[group])}" in ARRAYS:
            groups[group].append(ARRAYS[f"{name}:{group}:{len(groups[group])}"])
    return groups


@pytest.mark.parametrize("name", sorted(CONFIGS))
def test_output_and_step_of_keras_2_2_4(name):
    stored = _stored(name)
    layer = keras.layers.deserialize(CONFIGS[name])
    targets = stored["target"][0] if stored["target"] else None
    output, after = layers_cases.run(keras, layer, stored["input"], stored["weight"], targets, bool(stored["after"]))
    # float32 sums of a few dozen products in another order
    np.testing.assert_allclose(output, stored["output"][0], rtol=1e-4, atol=1e-5)
    assert len(after) == len(stored["after"])
    if "BatchNormalization" in name:
        # TensorFlow corrects a moving average's first step, which we do not (tests/test_catalogue_golden.py)
        after, stored["after"] = after[:2], stored["after"][:2]
    for ours, theirs in zip(after, stored["after"]):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", sorted(CONFIGS))
def test_step_moves_the_weights(name):
    """What is stored can tell a layer that does not train from one that does."""
    stored = _stored(name)
    moved = [not np.array_equal(a, b) for a, b in zip(stored["weight"], stored["after"])]
    assert all(moved) and len(stored["after"]) in (0, len(stored["weight"]))


def test_every_layer_class_has_a_case():
    covered = {config["class_name"] for config in CONFIGS.values()}
    classes = {
        name
        for name, value in vars(keras.layers).items()
        if inspect.isclass(value) and issubclass(value, keras.layers.Layer) and value.__name__ == name
    }
    assert classes - covered - set(layers_cases.EXEMPT) == set()
    assert covered == {name.split("/")[0] for name in CONFIGS}


def test_same_cases_as_stored():
    K.clear_session()
    assert set(layers_cases.cases(keras)) == set(CONFIGS)


@functools.cache
def _ctc():
    return layers_cases.ctc(keras)


@pytest.mark.parametrize("name", CTC)
def test_ctc_of_keras_2_2_4(name):
    ours = _ctc()[name.split(":")[1]]
    assert ours.shape == ARRAYS[name].shape and ours.dtype == ARRAYS[name].dtype
    # logarithms of sums over nine steps; gradients divide by probabilities down to 1e-7
    np.testing.assert_allclose(ours, ARRAYS[name], rtol=2e-4, atol=1e-5)


def test_ctc_is_stored():
    assert {name.split(":")[1] for name in CTC} == set(_ctc())
