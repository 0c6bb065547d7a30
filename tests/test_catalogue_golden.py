"""The catalogue against numbers stored from Keras 2.2.4 (see golden/make_catalogue.py)."""

import functools
import json
import os

import numpy as np
import pytest

import gpukeras as keras
import gpukeras.backend
from gpukeras import backend as K
from tests.golden import catalogue_cases

PATH = os.path.join(os.path.dirname(__file__), "golden", "catalogue.npz")
GROUPS = {
    "loss": catalogue_cases._losses,
    "metric": catalogue_cases._metrics,
    "optimizer": catalogue_cases._optimizers,
    "activation": catalogue_cases._functions,
    "constraint": catalogue_cases._functions,
    "regularizer": catalogue_cases._functions,
    "initializer": catalogue_cases._functions,
    "layer": catalogue_cases._layers,
    "moving": catalogue_cases._layers,
    "mask": catalogue_cases._masks,
}
# Settings that 2.2.4 forgets to save.
EXTRA = {
    "AlphaDropout": {"noise_shape", "seed"},
    "SpatialDropout2D": {"data_format"},
    "SpatialDropout3D": {"data_format"},
}


def _stored():
    with np.load(PATH) as f:
        index, values = json.loads(str(f["index"])), f["values"]
        configs = json.loads(str(f["configs"]))
    arrays, start = {}, 0
    for name, shape, _ in index:
        size = int(np.prod(shape))
        arrays[name] = values[start : start + size].reshape(shape)
        start += size
    assert start == len(values)
    return arrays, configs


ARRAYS, CONFIGS = _stored()
DTYPES = {"float64": "float32"}


@functools.cache
def _computed(group):
    return {name: np.asarray(array) for name, array in group(keras)}


@pytest.mark.parametrize("name", [n for n in sorted(ARRAYS) if not n.startswith("moving/")])
def test_number_of_keras_2_2_4(name):
    ours = _computed(GROUPS[name.split("/")[0]])[name]
    assert ours.shape == ARRAYS[name].shape
    # float32 sums in another order; the optimizer runs carry the difference through six steps.
    np.testing.assert_allclose(ours, ARRAYS[name], rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("name", sorted({n.split("/")[1] for n in ARRAYS if n.startswith("moving/")}))
def test_moving_averages_move_towards_the_originals_target(name):
    ours = _computed(catalogue_cases._layers)
    for i in range(2):
        before, target = (ARRAYS["moving/%s/%s/%d" % (name, when, i)] for when in ("before", "after"))
        np.testing.assert_allclose(ours["moving/%s/before/%d" % (name, i)], before, rtol=1e-6)
        if name == "bn_images" and i == 1:
            # TensorFlow's fused kernel for such images corrects the variance of its 24 values by n / (n - 1)
            # before Keras corrects it by n / (n - 1 - epsilon); we correct once, as for every other rank.
            target = target * 23 / 24
        after = ours["moving/%s/after/%d" % (name, i)]
        np.testing.assert_allclose(after, 0.99 * before + 0.01 * target, rtol=1e-5, atol=1e-6)


def test_same_cases_as_stored():
    computed = set()
    for group in set(GROUPS.values()):
        computed |= set(_computed(group))
    assert computed == set(ARRAYS)


def _configs():
    K.clear_session()
    return catalogue_cases.configs(keras)


@pytest.mark.parametrize("name", sorted(CONFIGS))
def test_config_of_keras_2_2_4(name):
    ours, stored = _cached_configs()[name], CONFIGS[name]
    if name.startswith("layer/") and "class_name" in stored:
        extra = set(ours["config"]) - set(stored["config"])
        assert extra == EXTRA.get(stored["class_name"], set())
        ours = {"class_name": ours["class_name"], "config": {k: ours["config"][k] for k in stored["config"]}}
    assert ours == stored


@functools.cache
def _cached_configs():
    return _configs()


def test_same_configs_as_stored():
    assert set(_cached_configs()) == set(CONFIGS)
