"""cuBLASLt and cuDNN on the device, called directly: results, replays, types, TF32, and measured choices."""

import json

import numpy as np
import pytest

from gpukeras import ops
from gpukeras.compiler.function import Function
from gpukeras.graph.gradient import gradients
from gpukeras.graph.tensor import Placeholder
from gpukeras.kernels.cuda import autotune, glue
from tests.kernels.test_cuda_libraries import CONVOLUTIONS, MATMULS
from tests.simulated.libraries import libraries

from .devices import CPU, is_simulated, selected

pytestmark = pytest.mark.gpu

RUNS = 4  # at once, recorded, replayed twice


@pytest.fixture(autouse=True)
def parts(gpu):
    """Stand-ins for the libraries where the device is one."""
    with glue.use(libraries() if is_simulated(gpu) else None):
        yield


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def check(gpu, outputs, feeds, kernels, tolerance=1e-5):
    """Compares with NumPy's engine on float64's numbers, and says which kernels are the libraries'."""
    tensors = list(feeds)
    function, reference = (Function(tensors, outputs, device=device) for device in (gpu, CPU))
    plan = function.plan([t.shape for t in tensors])
    names = [step.kernel.name for step in plan.program.steps if step.kernel is not None]
    assert sorted(n for n in names if n.startswith(("cublaslt", "cudnn"))) == sorted(kernels)
    for run in range(RUNS):
        arrays = [(normal(*a.shape, seed=run * 100 + i)).astype(a.dtype) for i, a in enumerate(feeds.values())]
        for got, want in zip(function(arrays), reference(arrays), strict=True):
            want = np.asarray(want, float)
            np.testing.assert_allclose(np.asarray(got, float), want, rtol=0, atol=tolerance * np.abs(want).max())
    return function, arrays


@pytest.mark.parametrize("part", ["cublaslt", "cudnn_graphs"])
def test_the_parts_are_there(part):
    assert glue.reason(part) == ""


@pytest.mark.parametrize("a, b, ta, tb", selected([pytest.param(*m, id=str(m)) for m in MATMULS], 5))
def test_products(gpu, a, b, ta, tb):
    x, w = Placeholder(a, "float32"), Placeholder(b, "float32")
    check(
        gpu, [ops.matmul(x, w, ta, tb)], {x: normal(*a).astype("f4"), w: normal(*b).astype("f4")}, ["cublaslt:matmul"]
    )


@pytest.mark.parametrize("x, w, settings", selected([pytest.param(*c[1:], id=c[0]) for c in CONVOLUTIONS], 4))
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_convolutions_and_their_gradients(gpu, x, w, settings, dtype):
    image, kernel = Placeholder(x, dtype), Placeholder(w, dtype)
    y = ops.conv(image, kernel, **settings)
    outs = [y, *gradients(ops.sum(y), [image, kernel])]
    kinds = ["cudnn:forward", "cudnn:data_gradient", "cudnn:kernel_gradient"]
    feeds = {image: normal(*x).astype(dtype), kernel: normal(*w).astype(dtype)}
    check(gpu, outs, feeds, kinds, 1e-5 if dtype == "float32" else 1e-2)


@pytest.mark.parametrize("shape", [(33, 20), (2, 9, 9, 20)])
@pytest.mark.parametrize("relu", [False, True])
def test_bias_and_relu_in_the_same_pass(gpu, shape, relu):
    window = () if len(shape) == 2 else (3, 3)
    x, w = Placeholder(shape, "float32"), Placeholder((*window, 20, 12), "float32")
    b = Placeholder((12,), "float32")
    y = ops.add(ops.conv(x, w) if window else ops.matmul(x, w), b)
    y = ops.relu(y) if relu else y
    kind = f"cudnn:forward_bias{'_relu' * relu}" if window else f"cublaslt:matmul:bias{':relu' * relu}"
    check(gpu, [y], {t: normal(*t.shape).astype("f4") for t in (x, w, b)}, [kind])


def test_one_tap_is_a_product(gpu):
    x, w = Placeholder((2, 4, 5, 3), "float32"), Placeholder((1, 1, 3, 6), "float32")
    outs = [y := ops.conv(x, w), *gradients(ops.sum(ops.square(y)), [x, w])]
    check(gpu, outs, {t: normal(*t.shape).astype("f4") for t in (x, w)}, ["cublaslt:conv:matmul"] * 3)


def test_tf32_rounds_and_is_off_when_told(gpu, monkeypatch):
    if is_simulated(gpu):
        pytest.skip("the stand-ins for the libraries do not round")
    errors = []
    for setting in ("1", "0"):
        monkeypatch.setenv("GPUKERAS_TF32", setting)
        x, w, k = (Placeholder(s, "float32") for s in ((8, 32, 64), (64, 48), (3, 64, 32)))
        outs = [ops.matmul(x, w), ops.conv(x, k)]
        arrays = [normal(*t.shape, seed=i).astype("f4") for i, t in enumerate((x, w, k))]
        got = Function([x, w, k], outs, device=gpu)(arrays)
        want = Function([x, w, k], outs, device=CPU)(arrays)
        errors.append([np.abs(g - v).max() / np.abs(v).max() for g, v in zip(got, want, strict=True)])
    assert all(e < 3e-3 for e in errors[0]) and all(e < 5e-6 for e in errors[1])


def test_deterministic_runs_give_equal_bits(gpu, monkeypatch):
    monkeypatch.setenv("GPUKERAS_DETERMINISTIC", "1")
    x, w = Placeholder((16, 17, 18, 24), "float32"), Placeholder((3, 3, 24, 40), "float32")
    outs = gradients(ops.sum(ops.square(ops.conv(x, w))), [x, w])
    function = Function([x, w], outs, device=gpu)
    arrays = [normal(*t.shape).astype("f4") for t in (x, w)]
    first = function(arrays)
    for _ in range(RUNS):
        for a, b in zip(first, function(arrays), strict=True):
            np.testing.assert_array_equal(a, b)


def test_measured_choices_are_kept_and_right(gpu, monkeypatch, tmp_path):
    if is_simulated(gpu):
        pytest.skip("there is no time to measure")
    monkeypatch.setenv("GPUKERAS_AUTOTUNE", "1")
    monkeypatch.setenv("GPUKERAS_CACHE", str(tmp_path))
    x, w, k = (Placeholder(s, "float32") for s in ((6, 19, 72), (72, 56), (3, 72, 40)))
    feeds = {t: normal(*t.shape).astype("f4") for t in (x, w, k)}
    check(gpu, [ops.matmul(x, w), ops.conv(x, k)], feeds, ["cublaslt:matmul", "cudnn:forward"])
    found = json.loads(autotune.file().read_text())
    assert len(found) >= 2 and all(isinstance(choice, int) and choice >= 0 for choice in found.values())
