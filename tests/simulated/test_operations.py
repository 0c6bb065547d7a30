"""Every operation through the array module's interface alone, as a GPU without kernels of ours would run it."""

import numpy as np
import pytest

from gpukeras import ops
from gpukeras.compiler.function import Function
from gpukeras.graph.gradient import gradients
from gpukeras.runtime.device import Device
from tests.ops.harness import compare, placeholders
from tests.ops.test_cases import ALL

from .cupy import Cupy


def functions_of(case, device, dtype):
    """A function of a case's outputs, and one of its gradients or None."""
    arrays = case.draw(dtype)
    feeds = placeholders(arrays)
    outs = case.build(feeds)
    wrt = [feeds[i] for i in case.differentiable(arrays)]
    floats = [t for t in outs if t.dtype.is_floating]
    grads = []
    if wrt and floats and not case.no_grad:
        loss = ops.add(ops.sum(ops.square(floats[0])), 0.0)
        grads = [g for g in gradients(loss, wrt) if g is not None]
    return arrays, Function(feeds, outs, device=device), Function(feeds, grads, device=device) if grads else None


#: They show values to Python, whatever the device.
ON_THE_HOST = ("check", "print_tensor", "exchange")
#: cuSPARSE has no stand-in.
CASES = [p for p in ALL if not p.id.startswith("sparse-")]


@pytest.fixture(autouse=True)
def no_surprises(caplog):
    """What cannot be recorded in a graph is said beforehand (`Op.captures`)."""
    yield
    assert not [r.message for r in caplog.get_records("call") if r.levelname == "WARNING"]


@pytest.mark.parametrize("case", CASES)
def test_operations(case):
    dtype = case.dtypes[0]
    fake = Cupy()
    arrays, function, backward = functions_of(case, Device("/gpu:0", fake, "numpy"), dtype)
    for _ in range(3):  # at once, recorded, replayed
        reads = fake.machine.reads
        got = function(arrays)
        if function.plan([a.shape for a in arrays]) is not None and case.label not in ON_THE_HOST:
            assert fake.machine.reads - reads == len(got), "only outputs are read"
        compare(case, [np.asarray(g) for g in got], arrays)
    if backward is None:
        return
    want = functions_of(case, Device("/cpu:0", np, "numpy"), dtype)[2]
    if case.check is not None:  # random: no two are alike
        backward(arrays)
        return
    for _ in range(3):
        got = backward(arrays)
    for g, w in zip(got, want(arrays), strict=True):
        scale = np.abs(w[np.isfinite(w)]).max(initial=0) if np.ndim(w) else np.abs(w)
        np.testing.assert_allclose(g, w, 1e-5, 1e-6 * (1 + scale))
