"""Functions of the stand-in against numbers of TensorFlow 1.13, made by tests/golden/make_tensorflow.py."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

import gpukeras.compat.tensorflow as tf
from gpukeras.graph.dtype import FLOATS

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
_SPEC = importlib.util.spec_from_file_location("tensorflow_cases", GOLDEN / "tensorflow_cases.py")
cases = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(cases)

#: (rtol, atol): both sides are float32 and add in different orders.
TOLERANCE = (2e-5, 3e-6)
LOOSER = {
    # label: (rtol, atol) -- why
    "lgamma": (1e-4, 2e-6),  # near its zeros at 1 and 2 what is left of the sum is small
    "lgamma below zero": (2e-4, 2e-5),  # the same, and the reflection
    "digamma below zero": (2e-4, 2e-5),  # near its poles
    "matrix_solve": (2e-4, 2e-5),  # a product with the inverse against a factorisation
    "matrix_solve adjoint": (2e-4, 2e-5),
    "matrix_triangular_solve": (2e-4, 2e-5),
    "matrix_inverse": (2e-4, 2e-5),
    "cholesky_solve": (1e-4, 1e-5),
    "self_adjoint_eig squares": (1e-4, 1e-5),
    "psnr": (1e-4, 1e-4),  # decibels of a small difference
    "ssim": (1e-4, 1e-4),  # variances as differences of large numbers, and their gradients
}
#: Why a case is not run with an unknown first axis.
STATIC = {
    "squeeze": "of axes of unknown length none is dropped: a batch of one sample stays a batch",
    "hessians": "as many gradients as there are elements",
}


@pytest.fixture(scope="module")
def golden():
    found, start = {}, 0
    with np.load(GOLDEN / "tensorflow.npz") as stored:
        data = stored["data"].tobytes()
        for label, kinds in json.loads(str(stored["index"])):
            found[label] = []
            for dtype, shape in kinds:
                count = int(np.prod(shape, dtype=int))
                found[label].append(np.frombuffer(data, dtype, count, start).reshape(shape))
                start += count * np.dtype(dtype).itemsize
    assert start == len(data)
    return found


def _run(tensors, feeds, arrays):
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        return session.run(tensors, dict(zip(feeds, arrays)))


def _runs():
    """Every case with the shapes known, and with the first axis of its inputs unknown."""
    for found in cases.CASES:
        yield pytest.param(found, False, id=found[0])
        if found[2] and found[0] not in STATIC:
            yield pytest.param(found, True, id=f"{found[0]}, unknown")


@pytest.mark.parametrize(("case", "unknown"), list(_runs()))
def test_against_tensorflow(case, unknown, golden):
    label, function, arrays, options = case
    kernels = label.split()[0] in ("depthwise", "separable")  # whose own first axis must be known
    shape = (lambda a: (None, *a.shape[1:]) if not kernels or a is arrays[0] else a.shape) if unknown else None
    got = cases.one(tf, _run, function, arrays, options, shape)
    want = golden[label]
    assert len(got) == len(want), label
    rtol, atol = LOOSER.get(label, TOLERANCE)
    for i, (g, w) in enumerate(zip(got, want)):
        g = np.asarray(g)
        assert g.shape == w.shape, f"{label} output {i}: {g.shape} against {w.shape}"
        assert g.dtype == w.dtype, f"{label} output {i}: {g.dtype} against {w.dtype}"
        np.testing.assert_allclose(g, w, rtol if w.dtype.name in FLOATS else 0, atol, err_msg=f"{label} output {i}")
