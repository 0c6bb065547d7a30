"""The cost of connectionist temporal classification on CUDA, run by the simulator, against NumPy's engine."""

import numpy as np
import pytest

from gpukeras import ops
from gpukeras.compiler.plan import Plan
from gpukeras.compiler.program import Program
from gpukeras.graph.gradient import gradients
from gpukeras.runtime.memory import Memory
from tests.csrc import simulator
from tests.simulated.device import device as simulated

from .engines import normal, placeholder, rng
from .engines import run as run_numpy

pytestmark = pytest.mark.skipif(simulator.COMPILER is None, reason="no C++ compiler is installed")


def run(outs, feeds, order=0):
    device = simulated()
    device.xp.order = order
    program = Program(outs, [], {t: a.shape for t, a in feeds.items()}, engine="cuda")
    assert "cuda:ctc" in [step.kernel.name for step in program.steps if step.kernel is not None]
    plan = Plan(program, device, Memory(device))
    for _ in range(2):
        values = plan.run(list(feeds.values()))
    return values, [launch.name for launch in device.xp.launches if launch.name.startswith("ctc")]


def graph(logits, labels, steps, counts):
    arrays = [logits, *(np.array(a, "int32") for a in (labels, steps, counts))]
    tensors = [placeholder(a.shape, a.dtype.name) for a in arrays]
    return ops.ctc_loss(*tensors), tensors[0], dict(zip(tensors, arrays, strict=True))


def check(logits, labels, steps, counts, order=0, tolerance=2e-5):
    loss, x, feeds = graph(logits, labels, steps, counts)
    weight = placeholder((len(logits),))
    feeds[weight] = normal(len(logits))
    outs = [loss, *gradients(ops.sum(ops.where(ops.less(loss, 1e30), loss * weight, weight)), [x])]
    want = run_numpy(outs, feeds, "numpy")
    got, launches = run(outs, feeds, order)
    assert launches == ["ctc_rows", "ctc_walk", "ctc_gradient"] * 2
    for g, w in zip(got, want, strict=True):
        np.testing.assert_allclose(g, w, tolerance, tolerance)


@pytest.mark.parametrize("order", [0, 1], ids=["forwards", "backwards"])
@pytest.mark.parametrize("sizes", [(4, 9, 6, 3), (1, 1, 2, 1), (2, 3, 300, 2), (2, 150, 5, 140)])
def test_cost_and_gradient(sizes, order):
    samples, length, classes, most = sizes
    counts = rng.integers(1, min(most, max(length // 2, 1)) + 1, samples)
    labels = rng.integers(0, classes - 1, (samples, most))
    # probabilities come from differences of logarithms that grow with the steps, of a few hundred here
    tolerance = 2e-4 if length > 100 else 2e-5
    check(normal(samples, length, classes), labels, [length] * samples, counts, order, tolerance)


def test_repeated_labels_short_sequences_and_none_at_all():
    labels = [[1, 1, 2], [0, 0, 0], [2, 2, 2], [3, 0, 1], [1, 2, 0]]
    # the third has no alignment: equal labels need blanks between them
    check(normal(5, 6, 5), labels, [6, 5, 4, 6, 3], [3, 2, 3, 0, 2])


def test_extreme_logits():
    check(normal(2, 5, 4) * np.float32(300), [[0, 1], [2, 2]], [5, 5], [2, 2])


def test_no_labels():
    check(normal(2, 3, 4), np.zeros((2, 0)), [3, 2], [0, 0])


def test_what_an_array_module_cannot_refuse_is_clipped():
    """Labels from the blank on are absent, and there are no more steps than there are."""
    logits = normal(3, 4, 5)
    loss, _, feeds = graph(logits, [[1, 4, 2], [1, 3, 3], [7, 0, 0]], [4, 9, 3], [3, 3, 2])
    same, _, others = graph(logits, [[1, 0, 0], [1, 3, 3], [0, 0, 0]], [4, 4, 3], [1, 3, 0])
    np.testing.assert_allclose(run([loss], feeds)[0], run_numpy([same], others, "numpy"), 1e-5)


def test_the_cost_alone():
    loss, _, feeds = graph(normal(3, 4, 5), [[1, 2], [0, 3], [2, 2]], [4, 3, 4], [2, 1, 2])
    values, launches = run([loss], feeds)
    assert launches == ["ctc_rows", "ctc_walk"] * 2
    np.testing.assert_allclose(values, run_numpy([loss], feeds, "numpy"), 1e-5)
