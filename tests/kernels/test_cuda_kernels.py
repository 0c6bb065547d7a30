"""Hand-written CUDA kernels as a GPU's plan launches them, run on a CPU by the simulator, against NumPy's engine."""

import numpy as np
import pytest

from gpukeras import ops
from gpukeras.compiler.plan import Plan
from gpukeras.compiler.program import Program
from gpukeras.graph.gradient import gradients
from gpukeras.graph.tensor import Placeholder
from gpukeras.runtime.device import Device
from gpukeras.runtime.memory import Memory
from tests.csrc import simulator
from tests.simulated.cupy import Cupy

from .engines import run as run_numpy

pytestmark = pytest.mark.skipif(simulator.COMPILER is None, reason="no C++ compiler is installed")


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype("float32")


def check(outputs, feeds, kernels, tolerance=5e-6):
    """Compares, and says which of the steps' kernels are CUDA's; returns the launches."""
    want = run_numpy(outputs, feeds, "numpy")
    fake = Cupy()
    device = Device("/gpu:0", fake, "cuda")
    program = Program(outputs, [], {t: a.shape for t, a in feeds.items()}, engine="cuda")
    names = [step.kernel.name.removeprefix("cuda:") for step in program.steps if step.kernel is not None]
    assert sorted(n for n in names if not n.startswith("fused")) == sorted(kernels)
    plan = Plan(program, device, Memory(device))
    for _ in range(2):
        got = plan.run(list(feeds.values()))
    for g, w in zip(got, want, strict=True):
        assert g.shape == w.shape and g.dtype == w.dtype
        np.testing.assert_allclose(g, w, tolerance, tolerance)
    return fake.launches


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_pooling(padding):
    x = Placeholder((2, 7, 9, 3), "float32")
    y, mean = ops.max_pool(x, (2, 3), (2, 2), padding), ops.average_pool(x, (3, 2), (2, 1), padding)
    loss = ops.add(ops.sum(ops.square(y)), ops.sum(ops.square(mean)))
    outs = [y, mean, *gradients(loss, [x])]
    launches = check(
        outs, {x: normal(2, 7, 9, 3)}, ["pooling:max", "pooling:sum", "pooling:max_gradient", "pooling:spread"]
    )
    first = next(launch for launch in launches if launch.name == "pooling_max")
    assert first.grid == (1,) and [type(a).__name__ for a in first.args] == ["Array", "Array", "int32", "ndarray"]


@pytest.mark.parametrize("multiplier, stride, padding", [(1, 1, "same"), (2, 2, "valid")])
def test_depthwise_convolution(multiplier, stride, padding):
    x, w = Placeholder((2, 8, 7, 3), "float32"), Placeholder((3, 2, 1, 3 * multiplier), "float32")
    y = ops.conv(x, w, stride, padding, groups=3)
    outs = [y, *gradients(ops.sum(ops.square(y)), [x, w])]
    feeds = {x: normal(2, 8, 7, 3), w: normal(3, 2, 1, 3 * multiplier, seed=1)}
    launches = check(outs, feeds, ["depthwise:forward", "depthwise:backward_data", "depthwise:backward_kernel"], 1e-5)
    grids = {launch.name: launch.grid for launch in launches}
    assert grids["depthwise_backward_kernel"] == (1, 6)


@pytest.mark.parametrize("axes, name", [((0, 1), "columns"), ((1, 2), "rows"), ((0,), "columns")])
def test_moments(axes, name):
    x = Placeholder((300, 4, 5), "float32")
    mean, variance = ops.moments(x, axes)
    check([mean, variance], {x: normal(300, 4, 5) + 3}, [f"moments:{name}"], 1e-5)


@pytest.mark.parametrize("deterministic", ["", "1"])
@pytest.mark.parametrize("samples", [3, 400])
def test_embedding(monkeypatch, deterministic, samples):
    monkeypatch.setenv("GPUKERAS_DETERMINISTIC", deterministic)
    table, index = Placeholder((50, 6), "float32"), Placeholder((samples, 4), "int32")
    y = ops.gather(table, index)
    outs = [y, *gradients(ops.sum(ops.square(y)), [table])]
    feeds = {table: normal(50, 6), index: np.random.default_rng(0).integers(0, 50, (samples, 4)).astype("int32")}
    kind = "sorted" if deterministic else "atomic"
    launches = check(outs, feeds, ["gather", f"scatter_add:{kind}"], 2e-5)
    assert sum(launch.name == "embedding_add_atomic" for launch in launches) == (0 if deterministic else 2)


def test_what_does_not_fit_is_left_to_the_array_module():
    x = Placeholder((2, 3, 6, 6), "float32")
    first = ops.max_pool(x, (2, 2), (2, 2), "valid", True)
    d = Placeholder((4, 5), "float64")
    check([first, *ops.moments(d, (0,))], {x: normal(2, 3, 6, 6), d: normal(4, 5).astype("float64")}, [])


def test_empty_arrays_are_left_to_the_array_module():
    table, index = Placeholder((5, 6), "float32"), Placeholder((0,), "int32")
    check([ops.gather(table, index)], {table: normal(5, 6), index: np.zeros(0, "int32")}, [])
