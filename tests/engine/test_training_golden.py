"""Whole trainings against numbers stored from Keras 2.2.4 (see golden/make_training.py)."""

import functools
import json
import os
import warnings

import numpy as np
import pytest

import gpukeras as keras
import gpukeras.backend
import gpukeras.callbacks
import gpukeras.utils
from gpukeras import backend as K
from tests.golden.training_cases import CASES

PATH = os.path.join(os.path.dirname(__file__), "..", "golden", "training.json")


@functools.cache
def stored():
    with open(PATH) as f:
        return json.load(f)


def same(found, expected, where):
    """Compares nested lists and dicts, numbers to the digits that single precision keeps over a few steps."""
    if isinstance(expected, dict):
        assert set(found) == set(expected), where
        for key in expected:
            same(found[key], expected[key], where + [key])
    elif isinstance(expected, list) and _ragged(expected):
        assert len(found) == len(expected), where
        for i, (a, b) in enumerate(zip(found, expected, strict=True)):
            same(a, b, where + [i])
    elif isinstance(expected, list) and expected:
        # 1e-4: rounding grows through the steps (adaptive optimizers divide by small numbers).
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6, err_msg=str(where))
    elif isinstance(expected, float):
        assert found == pytest.approx(expected, rel=1e-4, abs=1e-6), where
    else:
        assert found == expected, where


def _ragged(values):
    return any(not isinstance(v, (int, float)) or isinstance(v, bool) for v in values)


@pytest.mark.parametrize("name", CASES)
def test_as_in_keras(name):
    K.clear_session()
    with warnings.catch_warnings():
        if name == "several":
            warnings.simplefilter("ignore", UserWarning)
        found = json.loads(json.dumps(CASES[name](keras)))
    same(found, stored()[name], [name])


def test_every_stored_case_is_run():
    assert set(stored()) == set(CASES)
