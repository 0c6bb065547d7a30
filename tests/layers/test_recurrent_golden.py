"""Recurrent layers against numbers stored from Keras 2.2.4 (see golden/make_recurrent.py)."""

import functools
import json
import os
import warnings

import numpy as np
import pytest

import gpukeras as keras
import gpukeras.backend
from gpukeras import backend as K
from tests.golden import recurrent_cases

PATH = os.path.join(os.path.dirname(__file__), "..", "golden", "recurrent.npz")


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
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*reverse_state_order")
        return {name: np.asarray(array) for name, array in recurrent_cases.GROUPS[group](keras)}


@pytest.mark.parametrize("case", CASES)
def test_numbers_of_keras_2_2_4(case):
    ours = {k: v for k, v in _computed(case.split("/")[0]).items() if k.rsplit("/", 1)[0] == case}
    assert set(ours) == {name for name in ARRAYS if name.rsplit("/", 1)[0] == case}
    for name, array in ours.items():
        assert array.shape == ARRAYS[name].shape, name
        # float32 sums in another order, carried through five steps and back
        np.testing.assert_allclose(array, ARRAYS[name], rtol=2e-5, atol=1e-5, err_msg=name)


def test_same_cases_as_stored():
    assert {name for group in recurrent_cases.GROUPS for name in _computed(group)} == set(ARRAYS)


@functools.cache
def _configs():
    K.clear_session()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="LSTM: `input_dim`")
        return json.loads(json.dumps(recurrent_cases.configs(keras)))


@pytest.mark.parametrize("name", sorted(CONFIGS))
def test_config_of_keras_2_2_4(name):
    assert _configs()[name] == CONFIGS[name]
