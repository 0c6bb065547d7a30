"""Products and convolutions of NVIDIA's libraries as a GPU's plan calls them, against NumPy's engine.

The libraries are those of tests/simulated, which work on the same descriptions and addresses.
"""

import numpy as np
import pytest

from gpukeras import ops
from gpukeras.compiler.plan import Plan
from gpukeras.compiler.program import Program
from gpukeras.graph.gradient import gradients
from gpukeras.graph.tensor import Placeholder
from gpukeras.kernels.cuda import glue
from gpukeras.runtime.memory import Memory
from tests.csrc import simulator
from tests.simulated.device import device
from tests.simulated.libraries import libraries

from .engines import run as run_numpy

pytestmark = pytest.mark.skipif(simulator.COMPILER is None, reason="no C++ compiler is installed")


def normal(*shape, seed=0, dtype="float32"):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def check(outputs, feeds, kernels, tolerance=2e-6, parts=None):
    """Compares, and says which of the steps' kernels are the libraries'; returns the parts."""
    want = run_numpy(outputs, feeds, "numpy")
    parts = libraries() if parts is None else parts
    gpu = device()
    with glue.use(parts):
        program = Program(outputs, [], {t: a.shape for t, a in feeds.items()}, engine="cuda")
        names = [step.kernel.name for step in program.steps if step.kernel is not None]
        assert sorted(n for n in names if n.startswith(("cublaslt", "cudnn"))) == sorted(kernels)
        plan = Plan(program, gpu, Memory(gpu))
        for _ in range(2):
            got = plan.run(list(feeds.values()))
    for g, w in zip(got, want, strict=True):
        assert g.shape == w.shape and g.dtype == w.dtype
        scale = np.abs(w.astype(float)).max()
        np.testing.assert_allclose(g, w, rtol=0, atol=tolerance * scale)
    return parts


MATMULS = [
    ((5, 7), (7, 4), False, False),
    ((7, 5), (7, 4), True, False),
    ((5, 7), (4, 7), False, True),
    ((7, 5), (4, 7), True, True),
    ((3, 5, 7), (7, 4), False, False),
    ((3, 5, 7), (3, 7, 4), False, False),
    ((3, 7, 5), (3, 4, 7), True, True),
    ((2, 3, 5, 7), (3, 7, 4), False, False),
    ((2, 1, 5, 7), (3, 7, 4), False, False),
    ((5, 7), (2, 3, 7, 4), False, False),
    ((1, 7), (7, 1), False, False),
    ((5, 1), (1, 4), False, False),
]


@pytest.mark.parametrize("a, b, ta, tb", MATMULS, ids=str)
def test_products_of_all_shapes(a, b, ta, tb):
    x, w = Placeholder(a, "float32"), Placeholder(b, "float32")
    check([ops.matmul(x, w, ta, tb)], {x: normal(*a), w: normal(*b, seed=1)}, ["cublaslt:matmul"])


def test_transposed_and_cut_inputs_are_read_as_they_lie():
    x, w = Placeholder((7, 8), "float32"), Placeholder((4, 9), "float32")
    y = ops.matmul(ops.transpose(x, (1, 0))[:, :7], ops.transpose(w, (1, 0))[1:8])
    parts = check([y], {x: normal(7, 8), w: normal(4, 9, seed=1)}, ["cublaslt:matmul"])
    (made,) = parts["cublaslt"].made
    assert made["transposed_a"] and made["transposed_b"] and (made["row_a"], made["row_b"]) == (8, 9)
    assert made["alignment"] == 4  # w is cut by one element


def test_layouts_that_cublaslt_has_no_words_for_are_copied_first():
    x, w = Placeholder((5, 14), "float32"), Placeholder((3, 2, 7, 4), "float32")
    y = ops.matmul(x[:, ::2], ops.transpose(w, (1, 0, 2, 3)))
    check([y], {x: normal(5, 14), w: normal(3, 2, 7, 4, seed=1)}, ["cublaslt:matmul"])


@pytest.mark.parametrize("activation", ["", "relu", "tanh"])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("shape", [(6, 5), (2, 3, 5)])
def test_bias_and_relu_come_with_the_product(shape, bias, activation):
    x, w, b = Placeholder(shape, "float32"), Placeholder((5, 4), "float32"), Placeholder((4,), "float32")
    y = ops.matmul(x, w)
    y = ops.add(y, b) if bias else y
    y = {"": lambda t: t, "relu": ops.relu, "tanh": ops.tanh}[activation](y)
    joined = "matmul" + (":bias" if bias else "") + (":relu" if activation == "relu" else "")
    check([y], {x: normal(*shape), w: normal(5, 4, seed=1), b: normal(4, seed=2)}, [f"cublaslt:{joined}"])


@pytest.mark.parametrize("dtype, number, tolerance", [("float16", 1, 2e-3), ("float64", 3, 1e-14)])
def test_products_of_other_types(dtype, number, tolerance):
    x, w = Placeholder((6, 5), dtype), Placeholder((5, 4), dtype)
    feeds = {x: normal(6, 5, dtype=dtype), w: normal(5, 4, seed=1, dtype=dtype)}
    parts = check([ops.matmul(x, w)], feeds, ["cublaslt:matmul"], tolerance)
    assert {(d["type"], d["tf32"]) for d in parts["cublaslt"].made} == {(number, 0)}


def test_integers_and_nothing_are_left_to_the_array_module():
    x, w = Placeholder((2, 3), "int32"), Placeholder((3, 2), "int32")
    check([ops.matmul(x, w)], {x: np.ones((2, 3), "int32"), w: np.ones((3, 2), "int32")}, [])
    x, w = Placeholder((2, 0), "float32"), Placeholder((0, 2), "float32")
    check([ops.matmul(x, w)], {x: np.ones((2, 0), "float32"), w: np.ones((0, 2), "float32")}, [])


def test_gradients_of_a_product():
    x, w = Placeholder((3, 5, 7), "float32"), Placeholder((7, 4), "float32")
    loss = ops.sum(ops.square(ops.matmul(x, w)))
    check([loss, *gradients(loss, [x, w])], {x: normal(3, 5, 7), w: normal(7, 4, seed=1)}, ["cublaslt:matmul"] * 3)


@pytest.mark.parametrize("setting, expected", [("", 1), ("1", 1), ("0", 0)])
def test_tf32_is_a_choice(monkeypatch, setting, expected):
    monkeypatch.delenv("GPUKERAS_TF32", raising=False)
    if setting:
        monkeypatch.setenv("GPUKERAS_TF32", setting)
    x, w, k = Placeholder((2, 6, 5), "float32"), Placeholder((5, 4), "float32"), Placeholder((3, 5, 4), "float32")
    feeds = {x: normal(2, 6, 5), w: normal(5, 4, seed=1), k: normal(3, 5, 4, seed=2)}
    parts = check([ops.matmul(x, w), ops.conv(x, k)], feeds, ["cublaslt:matmul", "cudnn:forward"])
    assert {d["tf32"] for d in parts["cublaslt"].made + parts["cudnn_graphs"].made} == {expected}


# --- convolutions ---------------------------------------------------------------------------------------------------

CONVOLUTIONS = [
    ("1 axis", (2, 9, 3), (4, 3, 5), {}),
    ("1 axis, causal and dilated", (2, 9, 3), (3, 3, 5), {"padding": "causal", "dilation": 2}),
    ("same, even size, stride 2", (2, 8, 6, 3), (3, 3, 3, 4), {"strides": 2, "padding": "same"}),
    ("valid, skips the rest", (2, 8, 7, 3), (3, 2, 3, 4), {"strides": (2, 3)}),
    ("dilated", (1, 9, 9, 2), (3, 3, 2, 3), {"dilation": 2, "padding": "same"}),
    ("groups", (2, 5, 6, 6), (3, 3, 2, 9), {"groups": 3, "padding": "same"}),
    ("one tap, stride 2", (2, 6, 6, 3), (1, 1, 3, 4), {"strides": 2}),
    ("3 axes", (2, 4, 5, 6, 2), (3, 2, 3, 2, 3), {"padding": "same"}),
]


@pytest.mark.parametrize("x, w, settings", [c[1:] for c in CONVOLUTIONS], ids=[c[0] for c in CONVOLUTIONS])
def test_convolutions_and_their_gradients(x, w, settings):
    image, kernel = Placeholder(x, "float32"), Placeholder(w, "float32")
    y = ops.conv(image, kernel, **settings)
    outs = [y, *gradients(ops.sum(ops.square(y)), [image, kernel])]
    kinds = ["cudnn:forward", "cudnn:data_gradient", "cudnn:kernel_gradient"]
    check(outs, {image: normal(*x), kernel: normal(*w, seed=1)}, kinds)


def test_one_tap_is_a_product():
    x, w, b = Placeholder((2, 4, 5, 3), "float32"), Placeholder((1, 1, 3, 6), "float32"), Placeholder((6,), "float32")
    y = ops.relu(ops.add(ops.conv(x, w), b))
    outs = [y, *gradients(ops.sum(ops.square(y)), [x, w])]
    kinds = ["cublaslt:conv:matmul:bias:relu", "cublaslt:conv:matmul", "cublaslt:conv:matmul"]
    check(outs, {x: normal(2, 4, 5, 3), w: normal(1, 1, 3, 6, seed=1), b: normal(6, seed=2)}, kinds)


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("activation", ["", "relu", "elu"])
def test_bias_and_relu_come_with_the_convolution(bias, activation):
    x, w, b = Placeholder((2, 6, 5, 3), "float32"), Placeholder((3, 3, 3, 4), "float32"), Placeholder((4,), "float32")
    y = ops.conv(x, w)
    y = ops.add(y, b) if bias else y
    y = {"": lambda t: t, "relu": ops.relu, "elu": ops.elu}[activation](y)
    # There is no engine for relu alone: the convolution stays by itself, and fused loops do the rest.
    kind = "forward" + ("_bias" + ("_relu" if activation == "relu" else "") if bias else "")
    feeds = {x: normal(2, 6, 5, 3), w: normal(3, 3, 3, 4, seed=1), b: normal(4, seed=2)}
    check([y], feeds, [f"cudnn:{kind}"])


def test_channels_first_is_read_as_it_lies():
    x, w = Placeholder((2, 3, 6, 5), "float32"), Placeholder((3, 3, 3, 4), "float32")
    y = ops.conv(ops.transpose(x, (0, 2, 3, 1)), w)
    parts = check([y], {x: normal(2, 3, 6, 5), w: normal(3, 3, 3, 4, seed=1)}, ["cudnn:forward"])
    (made,) = {tuple(d["x_strides"]) for d in parts["cudnn_graphs"].made}
    assert made == (90, 30, 5, 1)


def test_images_with_gaps_are_copied_first():
    x, w = Placeholder((2, 8, 7, 3), "float32"), Placeholder((3, 3, 3, 4), "float32")
    y = ops.conv(x[:, 1:-1], w)
    outs = [y, *gradients(ops.sum(ops.square(y)), [x, w])]
    kinds = ["cudnn:forward", "cudnn:data_gradient", "cudnn:kernel_gradient"]
    check(outs, {x: normal(2, 8, 7, 3), w: normal(3, 3, 3, 4, seed=1)}, kinds)


def test_bfloat16():
    bfloat16 = pytest.importorskip("ml_dtypes").bfloat16
    x, w, k = (Placeholder(s, "bfloat16") for s in ((2, 6, 5, 3), (3, 4), (3, 3, 3, 4)))
    feeds = {t: normal(*t.shape).astype(bfloat16) for t in (x, w, k)}
    check([ops.matmul(x, w), ops.conv(x, k)], feeds, ["cublaslt:matmul", "cudnn:forward"], 2e-2)


@pytest.mark.parametrize("dtype, tolerance", [("float16", 2e-3), ("float64", 1e-14)])
def test_convolutions_of_other_types(dtype, tolerance):
    x, w = Placeholder((2, 6, 5, 3), dtype), Placeholder((3, 3, 3, 4), dtype)
    feeds = {x: normal(2, 6, 5, 3, dtype=dtype), w: normal(3, 3, 3, 4, seed=1, dtype=dtype)}
    check([ops.conv(x, w)], feeds, ["cudnn:forward"], tolerance)


def test_depthwise_convolution_is_our_own_where_it_can():
    x, w = Placeholder((2, 6, 5, 3), "float32"), Placeholder((3, 3, 1, 3), "float32")
    check([ops.conv(x, w, groups=3)], {x: normal(2, 6, 5, 3), w: normal(3, 3, 1, 3, seed=1)}, [])
    half = {Placeholder(t.shape, "float16"): normal(*t.shape, dtype="float16") for t in (x, w)}
    check([ops.conv(*half, groups=3)], half, ["cudnn:forward"], 2e-3)


def test_without_the_libraries_the_array_module_does_it():
    x, w = Placeholder((2, 6, 5, 3), "float32"), Placeholder((3, 3, 3, 4), "float32")
    check([ops.conv(x, w)], {x: normal(2, 6, 5, 3), w: normal(3, 3, 3, 4, seed=1)}, [], parts={})


def test_equal_steps_share_what_was_prepared():
    x, w = Placeholder((2, 6, 6, 3), "float32"), Placeholder((3, 3, 3, 3), "float32")
    y = x
    for _ in range(3):
        y = ops.conv(y, w, padding="same")
    parts = check([y], {x: normal(2, 6, 6, 3), w: normal(3, 3, 3, 3, seed=1)}, ["cudnn:forward"] * 3)
    assert len(parts["cudnn_graphs"].made) == 1 and len(parts["cudnn_graphs"].runs) == 6
