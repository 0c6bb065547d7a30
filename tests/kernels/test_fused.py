"""Fused loops against the NumPy engine: every operation, layouts, reductions, random graphs, updates in place."""

import numpy as np
import pytest

from gpukeras import ops
from gpukeras.compiler.function import Function
from gpukeras.graph.tensor import Placeholder
from gpukeras.kernels.fused import Fused
from gpukeras.kernels.native.opcodes import opcodes
from gpukeras.ops.pointwise import REGISTRY
from gpukeras.runtime import native
from gpukeras.runtime.device import Device

pytestmark = pytest.mark.skipif(not opcodes(), reason=f"native engine off: {native.status().reason}")

NATIVE, NUMPY = Device("/cpu:0", np, "native"), Device("/cpu:0", np, "numpy")
SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, 2.5, -2.5, 1e-40, -1e-40, 1e30, -1e30, np.inf, -np.inf, np.nan]

# (rtol, atol): some units in the last place of float32, and what cancellation leaves of them.
CLOSE = {"float32": (2e-6, 2e-7), "float64": (1e-13, 1e-14)}


def both(inputs, outputs, arrays, updates=()):
    """Results of the native engine and of NumPy, and the native plan."""
    fast, slow = (Function(inputs, outputs, updates, device) for device in (NATIVE, NUMPY))
    got, want = fast(arrays), slow(arrays)
    return got, want, fast.plan([a.shape for a in arrays])


def fused_steps(plan):
    return [step.op for step in plan.program.steps if isinstance(step.op, Fused)]


def assert_same(got, want, tolerance=None, what=""):
    got, want = np.asarray(got), np.asarray(want)
    assert got.dtype == want.dtype and got.shape == want.shape, what
    if got.dtype.kind == "f":
        rtol, atol = tolerance or CLOSE[got.dtype.name]
        np.testing.assert_allclose(got, want, rtol, atol, err_msg=what)
    else:
        np.testing.assert_array_equal(got, want, err_msg=what)


# --- every operation ------------------------------------------------------------------------------------------

POSITIVE = ("sqrt", "rsqrt", "log", "log1p", "pow", "reciprocal")
PARAMS = {
    "clip": (-0.5, 0.75), "at_least": (0.25,), "at_most": (0.25,), "elu": (0.7,), "leaky_relu": (0.3,),
    "leaky_relu_grad": (0.3,),
}  # fmt: skip
# erf: two rational approximations with terms of either sign.
LOOSER = {"erf": (2e-6, 3e-7), "tan": (5e-6, 5e-7), "erf float64": (1e-12, 1e-13)}


def cases():
    names = {opcode.split(":")[0] for opcode in opcodes()}
    for name, cls in sorted(REGISTRY.items()):
        for dtype, short in (
            ("float32", "f32"),
            ("float64", "f64"),
            ("int32", "i32"),
            ("int64", "i64"),
            ("bool", "b8"),
        ):
            if name in names and f"{name}:{short}" in opcodes():
                yield pytest.param(cls, dtype, id=f"{name}-{dtype}")


def draw(rng, name, dtype, shape):
    if dtype == "bool":
        return rng.random(shape) < 0.5
    if dtype.startswith("int"):
        return rng.integers(-9, 10, shape).astype(dtype)
    x = rng.standard_normal(shape) * 3
    if name in POSITIVE:
        x = np.abs(x)
    if name in ("asin", "acos"):
        x = np.tanh(x)
    return x.astype(dtype)


def arity(cls):
    return 3 if "x2" in cls.row.c else 2 if "x1" in cls.row.c else 1


def apply_row(cls, *tensors):
    from gpukeras.graph.tensor import apply

    return apply(cls(*PARAMS.get(cls.name, ())), *tensors)


@pytest.mark.parametrize(("cls", "dtype"), list(cases()))
def test_every_operation_equals_numpy(cls, dtype):
    rng = np.random.default_rng(len(cls.name))
    name = cls.name
    for shape in ((3, 5), (1200,), (7, 300), (1, 1)):
        arrays = [draw(rng, name, dtype, shape) for _ in range(arity(cls))]
        if name in ("masked", "where"):
            arrays[0] = rng.random(shape) < 0.5
        if dtype.startswith("int") and name == "pow":
            arrays[1] = np.abs(arrays[1])
        inputs = [Placeholder(a.shape, a.dtype.name) for a in arrays]
        got, want, plan = both(inputs, [apply_row(cls, *inputs)], arrays)
        assert len(fused_steps(plan)) == 1, name
        assert_same(got[0], want[0], LOOSER.get(f"{name} {dtype}" if dtype == "float64" else name), f"{name} {shape}")


@pytest.mark.parametrize("cls", [c for c in REGISTRY.values() if f"{c.name}:f32" in opcodes()], ids=lambda c: c.name)
def test_special_numbers(cls):
    first, second = (a.astype("float32").reshape(-1) for a in np.meshgrid(SPECIAL, SPECIAL))
    arrays = [first, second, second[::-1].copy()][: arity(cls)]
    if cls.name in ("masked", "where"):
        arrays[0] = arrays[0] > 0
    inputs = [Placeholder(a.shape, a.dtype.name) for a in arrays]
    got, want, _ = both(inputs, [apply_row(cls, *inputs)], arrays)
    with np.errstate(all="ignore"):
        if cls.name == "sign":
            want = [np.sign(arrays[0])]
    rtol, atol = (2e-6, 1e-37) if cls.name not in LOOSER else (5e-6, 5e-7)
    if np.asarray(got[0]).dtype == bool:
        np.testing.assert_array_equal(got[0], want[0])
    else:
        np.testing.assert_allclose(got[0], want[0], rtol, atol, err_msg=cls.name)


@pytest.mark.parametrize("source", ["float32", "float64", "int32", "int64", "bool"])
@pytest.mark.parametrize("target", ["float32", "float64", "int32", "int64", "bool"])
def test_conversions(source, target):
    x = draw(np.random.default_rng(0), "", source, (9, 111))
    t = Placeholder(x.shape, source)
    got, want, _ = both([t], [ops.identity(ops.cast(t, target)), ops.equal(t, t)], [x])
    np.testing.assert_array_equal(got[0], want[0])


@pytest.mark.parametrize("target", ["float32", "float64", "int32"])
def test_images_of_bytes_join_the_loop_that_reads_them(target):
    x = np.random.default_rng(0).integers(0, 256, (9, 111)).astype("uint8")
    t = Placeholder(x.shape, "uint8")
    got, want, plan = both([t], [ops.subtract(ops.multiply(ops.cast(t, target), 3), 1)], [x])
    np.testing.assert_array_equal(got[0], want[0])
    assert len(fused_steps(plan)) == 1 == len(plan.program.steps)


# --- units in the last place ------------------------------------------------------------------------------------

FUNCTIONS = {  # name: (NumPy's function in float64, from, to, units in the last place)
    "exp": (np.exp, -87, 88, 2), "log": (np.log, 1e-30, 1e30, 2), "log1p": (np.log1p, -0.999, 1e6, 4),
    "expm1": (np.expm1, -90, 88, 3), "tanh": (np.tanh, -12, 12, 4), "sin": (np.sin, -6000, 6000, 3),
    "cos": (np.cos, -6000, 6000, 3), "tan": (np.tan, -6000, 6000, 3), "sqrt": (np.sqrt, 0, 1e10, 0.51),
    "asin": (np.arcsin, -1, 1, 3), "acos": (np.arccos, -1, 1, 3), "atan": (np.arctan, -1e4, 1e4, 3),
    "sinh": (np.sinh, -89, 89, 3), "cosh": (np.cosh, -89, 89, 3),
    "sigmoid": (lambda x: 1 / (1 + np.exp(-x)), -80, 30, 4), "softplus": (lambda x: np.logaddexp(0, x), -80, 80, 4),
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_units_in_the_last_place(name):
    function, low, high, limit = FUNCTIONS[name]
    rng = np.random.default_rng(1)
    near = np.exp(rng.uniform(-40, 2, 200_000)) * rng.choice([-1, 1], 200_000)
    x = np.concatenate([rng.uniform(low, high, 200_000), near, [0.0, 1.0]])
    x = x[(x >= low) & (x <= high)].astype("float32")
    t = Placeholder(x.shape, "float32")
    got = Function([t], [getattr(ops, name)(t)], device=NATIVE)([x])[0]
    want = function(x.astype("float64"))
    unit = np.maximum(np.spacing(np.abs(want).astype("float32")).astype("float64"), 1.5e-45)
    assert np.max(np.abs(got - want) / unit) <= limit


PAIRS = {  # name: (NumPy's function in float64, units in the last place)
    "pow": (np.power, 4), "atan2": (np.arctan2, 3.5), "mod": (np.mod, 0.51), "floordiv": (np.floor_divide, 0),
}  # fmt: skip


@pytest.mark.parametrize("name", PAIRS)
def test_units_in_the_last_place_of_two_arguments(name):
    function, limit = PAIRS[name]
    rng = np.random.default_rng(2)
    signs = rng.choice([-1, 1], (2, 300_000))
    x, y = (np.exp(rng.uniform(-5, 5, (2, 300_000))) * signs).astype("float32")
    if name == "pow":
        x = np.abs(x)
        x[:50_000], y[:50_000] = 1 + 1e-3 * y[:50_000], 1000 * y[:50_000]
    tensors = [Placeholder(x.shape, "float32") for _ in range(2)]
    got = Function(tensors, [getattr(ops, name)(*tensors)], device=NATIVE)([x, y])[0]
    with np.errstate(over="ignore"):
        want = function(x.astype("float64"), y.astype("float64"))
        rounded = want.astype("float32")
    unit = np.maximum(np.spacing(np.abs(rounded)).astype("float64"), 1.5e-45)
    finite = np.isfinite(rounded)
    np.testing.assert_array_equal(got[~finite], rounded[~finite])
    assert np.max(np.abs(got[finite] - want[finite]) / unit[finite]) <= limit


@pytest.mark.parametrize("name", ["sin", "cos", "tan", "pow", "mod", "floordiv"])
def test_neighbours_do_not_matter(name):
    """Blocks of ordinary numbers run faster bodies than those with a number that these do not reach: same digits."""
    rng = np.random.default_rng(3)
    arrays = [a.astype("float32") for a in np.exp(rng.uniform(-3, 3, (2, 3000)))][: 1 if name in "sin cos tan" else 2]
    tensors = [Placeholder(a.shape, "float32") for a in arrays]
    run = Function(tensors, [getattr(ops, name)(*tensors)], device=NATIVE)
    alone = run(arrays)[0].copy()
    for a in arrays:
        a[::100] = [1e30, -1e-42, np.inf, 1e7, 0.0] * 6
    beside = run(arrays)[0]
    ordinary = np.arange(3000) % 100 != 0
    np.testing.assert_array_equal(beside[ordinary], alone[ordinary])


@pytest.mark.parametrize("name", ["relu_grad", "hard_sigmoid_grad"])
def test_gradients_that_are_not_numbers_where_masked(name):
    """What TensorFlow 1.13 gives: a product for relu, a choice for the clipping of the hard sigmoid."""
    g = np.array([np.inf, np.nan, np.inf, -np.inf, 1, np.inf], "float32")
    x = np.array([-3, -3, 1, 1, np.nan, np.nan], "float32")
    wanted = {
        "relu_grad": [np.nan, np.nan, np.inf, -np.inf, 0, np.nan],
        "hard_sigmoid_grad": [0, 0, np.inf, -np.inf, 0, 0],
    }
    tensors = [Placeholder((6,), "float32") for _ in range(2)]
    got, numpy, _ = both(tensors, [apply_row(REGISTRY[name], *tensors)], [g, x])
    np.testing.assert_array_equal(got[0], np.array(wanted[name], "float32"))
    np.testing.assert_array_equal(numpy[0], got[0])


# --- layouts ----------------------------------------------------------------------------------------------------


def views(rng, t, shape):
    """The tensor of `shape`, seen through a random view that a plan makes without copying."""
    kind = rng.integers(5)
    if kind == 0 and len(shape) > 1:
        order = rng.permutation(len(shape))
        return ops.transpose(t, [int(i) for i in order])
    if kind == 1:
        return ops.reverse(t, int(rng.integers(len(shape))))
    if kind == 2 and shape[0] > 2:
        return t[1:]
    if kind == 3 and shape[-1] > 3:
        return t[..., ::2]
    return t


@pytest.mark.parametrize("seed", range(40))
def test_strided_and_broadcast_operands(seed):
    rng = np.random.default_rng(seed)
    shape = tuple(int(n) for n in rng.choice([1, 2, 3, 5, 8, 33, 130], rng.integers(1, 5)))
    if np.prod(shape) > 200_000:
        shape = shape[:3]
    x = rng.standard_normal(shape).astype("float32")
    t = Placeholder(shape, "float32")
    v = views(rng, t, shape)
    small = [1 if rng.random() < 0.5 else n for n in v.shape]
    small = small[int(rng.integers(len(small))) :]
    y = rng.standard_normal(small).astype("float32")
    u = Placeholder(small, "float32")
    out = ops.multiply(ops.add(v, u), ops.subtract(u, 2.0))
    axes = tuple(int(a) for a in np.flatnonzero(rng.random(len(v.shape)) < 0.5))
    outs = [
        out,
        ops.sum(ops.square(out)),
        ops.mean(out, axes or None),
        ops.max(v, axes or None),
        ops.sum_to(out, small),
    ]
    got, want, _ = both([t, u], outs, [x, y])
    for g, w in zip(got, want, strict=True):
        assert_same(g, w, (2e-5, 2e-5 * max(1, x.size) ** 0.5 / 10))


@pytest.mark.parametrize("shape", [(4, 7), (64, 10), (1, 9), (300, 3), (5, 4000), (2, 3, 50), (17, 20000)])
def test_rows(shape):
    rng = np.random.default_rng(3)
    x, y = (rng.standard_normal(shape).astype("float32") * 4 for _ in range(2))
    t, u = Placeholder(shape, "float32"), Placeholder(shape, "float32")
    p = ops.softmax(t)
    outs = [
        p, ops.log_softmax(t), ops.softmax_grad(u, p), ops.sum(t, -1), ops.mean(t, -1, True), ops.max(t, -1),
        ops.min(t, -1), ops.argmax(t, -1), ops.argmin(t, -1), ops.divide(p, ops.sum(p, -1, True)),
        ops.subtract(t, ops.mean(t, -1, True)),
        ops.mean(ops.cast(ops.equal(ops.argmax(t, -1), ops.argmax(u, -1)), "float32")),
    ]  # fmt: skip
    got, want, _ = both([t, u], outs, [x, y])
    for i, (g, w) in enumerate(zip(got, want, strict=True)):
        # softmax_grad is a difference of numbers up to 16 that may cancel
        assert_same(g, w, (1e-5, 5e-6 if i == 2 else 1e-6))


def test_first_extreme_and_nan_win():
    x = np.array([[1, 3, 3, 2], [np.nan, 5, np.nan, 9], [-np.inf] * 4, [7, 7, 7, 7]], "float32")
    t = Placeholder(x.shape, "float32")
    got, want, _ = both([t], [ops.argmax(t, -1), ops.argmin(t, -1), ops.max(t, -1), ops.max(t), ops.max(t, 0)], [x])
    for g, w in zip(got, want, strict=True):
        np.testing.assert_array_equal(g, w)


def test_reductions_of_integers_wrap_as_numpy_does():
    x = np.full((3, 2000), 2**30, "int32")
    t = Placeholder(x.shape, "int32")
    got, want, plan = both([t], [ops.sum(t), ops.sum(t, 0), ops.sum(t, 1), ops.max(t), ops.min(t, 0)], [x])
    assert fused_steps(plan)
    for g, w in zip(got, want, strict=True):
        np.testing.assert_array_equal(g, w)


def test_long_sums_lose_less_than_numpys():
    rng = np.random.default_rng(0)
    x = (rng.standard_normal((200_000, 3)) + 10).astype("float32")
    t = Placeholder(x.shape, "float32")
    got, want, _ = both([t], [ops.sum(t), ops.sum(t, 0), ops.mean(t, 0)], [x])
    exact = [x.astype("float64").sum(), x.astype("float64").sum(0), x.astype("float64").mean(0)]
    for g, w, e in zip(got, want, exact, strict=True):
        assert np.max(np.abs(g - e) / np.abs(e)) <= max(np.max(np.abs(w - e) / np.abs(e)), 1.2e-7)


def test_empty_arrays_are_left_to_numpy():
    t = Placeholder((0, 4), "float32")
    got, want, plan = both([t], [ops.add(t, 1.0), ops.sum(t), ops.mean(t, 0)], [np.zeros((0, 4), "float32")])
    assert not fused_steps(plan)
    for g, w in zip(got, want, strict=True):
        assert_same(g, w)
