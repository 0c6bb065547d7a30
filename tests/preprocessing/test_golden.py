"""Preprocessing against what Keras 2.2.4 gave (see golden/make_preprocessing.py)."""

import json
import os

import numpy as np
import pytest

import gpukeras
import gpukeras.preprocessing
from tests.golden import preprocessing_cases

PATH = os.path.join(os.path.dirname(__file__), "..", "golden", "preprocessing.json")
NEEDS = {
    "affine": ["scipy"],
    "single": ["scipy", "PIL"],
    "conversions": ["PIL"],
    "files": ["PIL"],
    "flows": ["scipy", "PIL"],
    "directories": ["scipy", "PIL"],
    "frames": ["scipy", "PIL", "pandas"],
}
with open(PATH) as _f:
    STORED = json.load(_f)


def same(found, expected, where):
    """Numbers to six digits (that many are stored), all else exactly."""
    if isinstance(expected, list):
        assert isinstance(found, list) and len(found) == len(expected), (where, found, expected)
        for i, (a, b) in enumerate(zip(found, expected)):
            same(a, b, where + [i])
    elif isinstance(expected, float) and isinstance(found, int | float):
        # 1e-3 absolute: pixels are up to 255, and computed in single precision.
        np.testing.assert_allclose(found, expected, rtol=3e-5, atol=1e-3, err_msg=str(where))
    else:
        assert found == expected, (where, found, expected)


def test_every_case_is_stored():
    assert set(STORED) == set(preprocessing_cases.CASES)


@pytest.mark.parametrize("name", sorted(preprocessing_cases.CASES))
def test_as_keras(name):
    for module in NEEDS.get(name, ()):
        pytest.importorskip(module)
    same(preprocessing_cases.run(name, gpukeras), STORED[name], [name])
