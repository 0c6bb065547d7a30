"""Wrappers of layers and configs of the CuDNN layers against Keras 2.2.4 (see golden/make_wrappers.py)."""

import functools
import json
import os

import numpy as np
import pytest

import gpukeras as keras
import gpukeras.backend
from gpukeras import backend as K
from tests.golden import wrappers_cases

PATH = os.path.join(os.path.dirname(__file__), "..", "golden", "wrappers.npz")


def _stored():
    with np.load(PATH) as f:
        index, values, configs = json.loads(str(f["index"])), f["values"], json.loads(str(f["configs"]))
    arrays, start = {}, 0
    for name, shape in index:
        size = int(np.prod(shape))
        arrays[name] = values[start : start + size].reshape(shape)
        start += size
    assert start == len(values)
    return arrays, configs


ARRAYS, CONFIGS = _stored()
#: One test per layer and setting: names less the number of the array at their end.
CASES = sorted({name.rsplit("/", 1)[0] for name in ARRAYS})


@functools.cache
def _computed(group):
    arrays = wrappers_cases.GROUPS[group](keras)
    return {f"{name}/{i}": np.asarray(a) for name, found in arrays.items() for i, a in enumerate(found)}


@pytest.mark.parametrize("case", CASES)
def test_numbers_of_keras_2_2_4(case):
    ours = {k: v for k, v in _computed(case.split("/")[0]).items() if k.rsplit("/", 1)[0] == case}
    assert set(ours) == {name for name in ARRAYS if name.rsplit("/", 1)[0] == case}
    for name, array in ours.items():
        assert array.shape == ARRAYS[name].shape, name
        # float32 sums in another order, carried through four or five steps and back
        np.testing.assert_allclose(array, ARRAYS[name], rtol=2e-5, atol=1e-5, err_msg=name)


def test_same_cases_as_stored():
    assert {name for group in wrappers_cases.GROUPS for name in _computed(group)} == set(ARRAYS)


@functools.cache
def _configs():
    K.clear_session()
    return json.loads(json.dumps(wrappers_cases.configs(keras)))


@pytest.mark.parametrize("name", sorted(CONFIGS))
def test_config_of_keras_2_2_4(name):
    assert _configs()[name] == CONFIGS[name]
