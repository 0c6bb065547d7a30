"""Every operation on the device: run, recorded and replayed with other inputs, and differentiated."""

import numpy as np
import pytest

from gpukeras import ops
from gpukeras.compiler.function import Function
from gpukeras.graph.gradient import gradients
from tests.ops.harness import compare, placeholders
from tests.ops.test_cases import ALL

from .devices import CPU, is_simulated, selected

pytestmark = pytest.mark.gpu

#: First run, recording, and three replays.
RUNS = (0, 0, 1, 2, 3)
EVERY = 97


def drawn(case, dtype, number):
    """Inputs of a case: with number 0 those of all other tests."""
    rng = np.random.RandomState(sum(map(ord, case.label)) + number)
    return [d(rng, dtype) for d in case.inputs]


def skip_what_has_no_stand_in(device, case):
    if is_simulated(device) and "csr" in case.label:
        pytest.skip("cuSPARSE has no stand-in")


def dtypes(device, case):
    return case.dtypes[:1] if is_simulated(device) else case.dtypes


@pytest.mark.parametrize("case", selected(ALL, EVERY))
def test_results_and_replays(gpu, case):
    skip_what_has_no_stand_in(gpu, case)
    for dtype in dtypes(gpu, case):
        feeds = placeholders(drawn(case, dtype, 0))
        function = Function(feeds, case.build(feeds), device=gpu)
        for number in RUNS:
            arrays = drawn(case, dtype, number)
            compare(case, [np.asarray(v) for v in function(arrays)], arrays)


def differentiable(case, dtype):
    """Feeds, and gradients of the sum of the first output's squares; None where there are none."""
    arrays = drawn(case, dtype, 0)
    feeds = placeholders(arrays)
    floats = [t for t in case.build(feeds) if t.dtype.is_floating]
    wrt = [feeds[i] for i in case.differentiable(arrays)]
    if case.no_grad or case.check is not None or not wrt or not floats:
        return None
    grads = [g for g in gradients(ops.sum(ops.square(floats[0])), wrt) if g is not None]
    return (feeds, grads) if grads else None


WITH_GRADIENTS = [p for p in ALL if differentiable(p.values[0], p.values[0].dtypes[0]) is not None]


@pytest.mark.parametrize("case", selected(WITH_GRADIENTS, EVERY))
def test_gradients_equal_numpys(gpu, case):
    skip_what_has_no_stand_in(gpu, case)
    for dtype in dtypes(gpu, case):
        feeds, grads = differentiable(case, dtype)
        function, reference = (Function(feeds, grads, device=device) for device in (gpu, CPU))
        for number in RUNS:
            arrays = drawn(case, dtype, number)
            for got, want in zip(function(arrays), reference(arrays), strict=True):
                scale = np.abs(want[np.isfinite(want)]).max(initial=0) if np.ndim(want) else np.abs(want)
                rtol = {"float16": 1e-2, "float32": 2e-5, "float64": 1e-10}[dtype]
                # What cancels has errors relative to the largest terms.
                np.testing.assert_allclose(got, want, rtol, rtol / 2 * (1 + float(scale)))
