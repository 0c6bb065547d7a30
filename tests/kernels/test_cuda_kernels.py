"""Hand-written CUDA kernels as a GPU's plan launches them, run on a CPU by the simulator, against NumPy's engine."""

import numpy as np
import pytest

from gpukeras import ops
from gpukeras.compiler.plan import Plan
from gpukeras.compiler.program import Program
from gpukeras.graph.gradient import gradients
from gpukeras.graph.tensor import Placeholder
from gpukeras.kernels.native.opcodes import opcodes
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


@pytest.mark.parametrize("shape, first", [((2, 7, 9, 3), False), ((2, 3, 7, 9), True)], ids=["last", "first"])
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_pooling(padding, shape, first):
    x = Placeholder(shape, "float32")
    y = ops.max_pool(x, (2, 3), (2, 2), padding, first)
    mean = ops.average_pool(x, (3, 2), (2, 1), padding, first)
    loss = ops.add(ops.sum(ops.square(y)), ops.sum(ops.square(mean)))
    outs = [y, mean, *gradients(loss, [x])]
    launches = check(
        outs, {x: normal(*shape)}, ["pooling:max", "pooling:sum", "pooling:max_gradient", "pooling:spread"]
    )
    first = next(launch for launch in launches if launch.name == "pooling_max")
    assert first.grid == (1,) and [type(a).__name__ for a in first.args] == ["Array", "Array", "int32", "ndarray"]


def test_pooling_of_what_has_gaps_copies_it_first():
    x, w = Placeholder((2, 3, 7, 8), "float32"), Placeholder((2, 3, 3, 3), "float32")
    y = ops.max_pool(x[..., 1:], (2, 2), (2, 2), "valid", True)
    loss = ops.sum(ops.multiply(ops.transpose(y, (0, 2, 3, 1)), w))
    feeds = {x: normal(2, 3, 7, 8), w: normal(2, 3, 3, 3, seed=1)}
    check([y, *gradients(loss, [x])], feeds, ["pooling:max", "pooling:max_gradient"])


@pytest.mark.parametrize("multiplier, stride, padding", [(1, 1, "same"), (2, 2, "valid")])
def test_depthwise_convolution(multiplier, stride, padding):
    x, w = Placeholder((2, 8, 7, 3), "float32"), Placeholder((3, 2, 1, 3 * multiplier), "float32")
    y = ops.conv(x, w, stride, padding, groups=3)
    outs = [y, *gradients(ops.sum(ops.square(y)), [x, w])]
    feeds = {x: normal(2, 8, 7, 3), w: normal(3, 2, 1, 3 * multiplier, seed=1)}
    launches = check(outs, feeds, ["depthwise:forward", "depthwise:backward_data", "depthwise:backward_kernel"], 1e-5)
    grids = {launch.name: launch.grid for launch in launches}
    assert grids["depthwise_backward_kernel"] == (1, 6)


@pytest.mark.parametrize("axes, name", [((0, 1), "columns"), ((1, 2), "rows"), ((0,), "columns"), ((0, 2), "between")])
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
    x, d = Placeholder((2, 6, 6, 3), "float64"), Placeholder((4, 5), "float64")
    feeds = {x: normal(2, 6, 6, 3).astype("float64"), d: normal(4, 5).astype("float64")}
    check([ops.max_pool(x, (2, 2), (2, 2)), *ops.moments(d, (0,))], feeds, [])


def test_empty_arrays_are_left_to_the_array_module():
    table, index = Placeholder((5, 6), "float32"), Placeholder((0,), "int32")
    check([ops.gather(table, index)], {table: normal(5, 6), index: np.zeros(0, "int32")}, [])


def random_tensors():
    return [
        ops.random_normal((50, 7), 2.0, 3.0, "float32", 5), ops.truncated_normal((1, 4099), 1.0, 0.5, "float32", 6),
        ops.random_uniform((3, 5), -7, 90, "int32", 7), ops.random_uniform((11,), 0, 2**32, "int64", 8),
        ops.random_binomial((301,), 0.3, "float32", 9),
    ]  # fmt: skip


def test_random_numbers_are_those_of_every_device(monkeypatch):
    """Without the compiler pass that makes loops, which draw most of them."""
    from gpukeras.compiler import program as programs

    monkeypatch.setattr(programs, "fuse", lambda steps, *_: steps)
    outs = random_tensors()
    first = run_numpy(outs, {}, "numpy", times=1)
    want = run_numpy(outs, {}, "numpy", times=1)
    for out in outs:
        out.node.op.counter.array(np)[:] = 0
    device = Device("/gpu:0", Cupy(), "cuda")
    program = Program(outs, [], {}, engine="cuda")
    assert sorted(step.kernel.name for step in program.steps) == sorted(
        f"cuda:{name}"
        for name in ("random_normal", "truncated_normal", "random_integers_int32", "random_integers_int64")
        + ("random_binomial",)
    )
    plan = Plan(program, device, Memory(device))
    for values in (first, want):
        for g, w in zip(plan.run([]), values, strict=True):
            assert g.dtype == w.dtype
            np.testing.assert_allclose(g, w, 1e-6, 2e-6)


@pytest.mark.parametrize("keep", [0.75, 0.3])
def test_random_numbers_that_loops_usually_draw(monkeypatch, keep):
    """Without the compiler pass that makes loops they have kernels of their own."""
    from gpukeras.compiler import program as programs

    monkeypatch.setattr(programs, "fuse", lambda steps, *_: steps)
    outs = [ops.dropout_mask((33, 7), keep, "float32", 3), ops.random_uniform((100,), -2.0, 3.0, "float32", 4)]
    want = run_numpy(outs, {}, "numpy", times=1)
    for out in outs:
        out.node.op.counter.array(np)[:] = 0
    device = Device("/gpu:0", Cupy(), "cuda")
    program = Program(outs, [], {}, engine="cuda")
    assert [step.kernel.name for step in program.steps] == ["cuda:dropout", "cuda:random_uniform"]
    for g, w in zip(Plan(program, device, Memory(device)).run([]), want, strict=True):
        np.testing.assert_array_equal(g, w)


@pytest.mark.parametrize("shape, index_shape", [((6, 9), (6, 1)), ((2, 3, 5), (2, 3, 4)), ((300, 2), (300, 2))])
def test_elements_along_rows(shape, index_shape):
    x, index = Placeholder(shape, "float32"), Placeholder(index_shape, "int32")
    y = ops.take_along_axis(x, index)
    outs = [y, *gradients(ops.sum(ops.multiply(y, y)), [x])]
    places = np.random.default_rng(1).integers(0, shape[-1], index_shape).astype("int32")
    check(outs, {x: normal(*shape), index: places}, ["take_along", "put_along"])


@pytest.mark.parametrize("deterministic", ["", "1"])
def test_embedding_whose_gradient_and_indices_have_gaps(monkeypatch, deterministic):
    monkeypatch.setenv("GPUKERAS_DETERMINISTIC", deterministic)
    table, index, w = Placeholder((9, 3), "float32"), Placeholder((4, 5), "int32"), Placeholder((4, 5, 3), "float32")
    turned = ops.transpose(index, (1, 0))
    loss = ops.sum(ops.multiply(ops.transpose(ops.gather(table, turned), (1, 0, 2)), w))
    feeds = {table: normal(9, 3), index: np.random.default_rng(0).integers(0, 9, (4, 5)).astype("int32")}
    kind = "sorted" if deterministic else "atomic"
    check(gradients(loss, [table]), feeds | {w: normal(4, 5, 3)}, [f"scatter_add:{kind}"])


@pytest.mark.parametrize("channels_first", [False, True])
@pytest.mark.parametrize(
    "spatial, size, strides", [((7,), (3,), (2,)), ((5, 6), (2, 3), (1, 2)), ((4, 3), (1, 1), (3, 1))]
)
def test_locally_connected(spatial, size, strides, channels_first):
    shape = (2, 3, *spatial) if channels_first else (2, *spatial, 3)
    count = np.prod([(n - k) // s + 1 for n, k, s in zip(spatial, size, strides, strict=True)])
    x, w = Placeholder(shape, "float32"), Placeholder((int(count), int(np.prod(size)) * 3, 4), "float32")
    y = ops.local_conv(x, w, size, strides, channels_first)
    outs = [y, *gradients(ops.sum(ops.square(y)), [x, w])]
    check(outs, {x: normal(*shape), w: normal(*w.shape, seed=1)}, ["patches", "patches_sum"], 2e-5)


needs_loops = pytest.mark.skipif(not opcodes(), reason="the compiler pass that makes fused loops is off")


def fused_steps(outputs, feeds):
    """Names of a plan's steps, all of which are fused loops."""
    program = Program(outputs, [], {t: a.shape for t, a in feeds.items()}, engine="cuda")
    names = [step.op.name if step.kernel is None else step.kernel.name for step in program.steps]
    assert all(name.startswith("cuda:fused") for name in names), names
    return names


@needs_loops
def test_layer_normalisation_and_its_gradient_are_one_step():
    x, gamma, beta, dy = (Placeholder(s, "float32") for s in ((6, 70), (70,), (70,), (6, 70)))
    centred = ops.subtract(x, ops.mean(x, -1, True))
    scale = ops.sqrt(ops.add(ops.mean(ops.square(centred), -1, True), 1e-3))
    y = ops.add(ops.multiply(ops.divide(centred, scale), gamma), beta)
    outs = [y, *gradients(ops.sum(ops.multiply(y, dy)), [x, gamma, beta])]
    feeds = {t: normal(*t.shape, seed=k) for k, t in enumerate((x, gamma, beta, dy))}
    assert len(fused_steps(outs, feeds)) == 1
    check(outs, feeds, [], 2e-5)


@needs_loops
@pytest.mark.parametrize("logits", [True, False])
def test_cross_entropies_and_their_gradients_are_one_step(logits):
    x, y = Placeholder((8, 12), "float32"), Placeholder((8, 12), "float32")
    log = ops.log_softmax(x) if logits else ops.log(ops.clip(ops.softmax(x), 1e-7, 1 - 1e-7))
    loss = ops.mean(ops.negative(ops.sum(ops.multiply(y, log), -1)))
    feeds = {x: normal(8, 12) * 3, y: np.abs(normal(8, 12, seed=1))}
    outs = [loss, *gradients(loss, [x])]
    assert len(fused_steps(outs, feeds)) == 1
    check(outs, feeds, [], 1e-5)
