"""Convolutional, pooling and local layers against numbers of Keras 2.2.4 (see golden/make_convolutional.py)."""

import functools
import json
import os

import numpy as np
import pytest

import gpukeras as keras
import gpukeras.backend
from gpukeras import backend as K
from tests.golden import convolutional_cases

PATH = os.path.join(os.path.dirname(__file__), "..", "golden", "convolutional.npz")
# A setting that 2.2.4 forgets to save, so that a saved layer would come back in the default layout.
EXTRA = {"LocallyConnected1D": {"data_format"}, "LocallyConnected2D": {"data_format"}}


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
CASES = sorted({name.rsplit("/", 1)[0] if name[-1].isdigit() else name for name in ARRAYS})


@functools.cache
def _computed(group):
    return {name: np.asarray(array) for name, array in convolutional_cases.GROUPS[group](keras)}


@pytest.mark.parametrize("case", CASES)
def test_numbers_of_keras_2_2_4(case):
    wanted = {name for name in ARRAYS if name == case or name.rsplit("/", 1)[0] == case}
    ours = _computed(case.split("/")[0])
    assert wanted <= set(ours)
    for name in wanted:
        assert ours[name].shape == ARRAYS[name].shape, name
        # float32 sums of up to some hundred products in another order
        np.testing.assert_allclose(ours[name], ARRAYS[name], rtol=2e-5, atol=2e-5, err_msg=name)


def test_same_cases_as_stored():
    assert {name for group in convolutional_cases.GROUPS for name in _computed(group)} == set(ARRAYS)


@functools.cache
def _configs():
    K.clear_session()
    return convolutional_cases.configs(keras)


@pytest.mark.parametrize("name", sorted(CONFIGS))
def test_config_of_keras_2_2_4(name):
    ours, stored = _configs()[name], CONFIGS[name]
    assert set(ours) - set(stored) == EXTRA.get(name.split("/")[0], set()) - set(stored)
    assert {key: ours[key] for key in stored} == stored
