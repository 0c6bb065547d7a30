"""Generated CUDA kernels of fused loops, run on a CPU by the simulator, against the NumPy engine."""

import numpy as np
import pytest

from gpukeras import ops
from gpukeras.compiler import fusion_condense, fusion_pieces
from gpukeras.compiler.plan import Plan
from gpukeras.compiler.program import Program
from gpukeras.graph.tensor import Placeholder, Variable, apply
from gpukeras.kernels.cuda import source
from gpukeras.kernels.cuda.fused import Generated, fused
from gpukeras.kernels.fused import Fused, Loop, Part, Read
from gpukeras.kernels.native import opcodes as native_opcodes
from gpukeras.kernels.native.opcodes import opcodes
from gpukeras.ops.pointwise import REGISTRY
from gpukeras.runtime.device import Device
from gpukeras.runtime.memory import Memory
from tests.csrc import simulator
from tests.simulated.cupy import Cupy

from .engines import run as run_numpy

pytestmark = [
    pytest.mark.skipif(simulator.COMPILER is None, reason="no C++ compiler is installed"),
    pytest.mark.skipif(not opcodes(), reason="the native engine, whose compiler pass makes fused loops, is off"),
]
RTOL, ATOL = 2e-6, 2e-7


def run_cuda(outputs, feeds, updates=(), order=0, times=1):
    """Values of the outputs with the CUDA kernels of all fused steps, and the fake with their launches."""
    fake = Cupy()
    fake.order = order
    program = Program(outputs, list(updates), {t: np.shape(a) for t, a in feeds.items()}, engine="cuda")
    assert any(isinstance(step.op, Fused) for step in program.steps)
    plan = Plan(program, Device("/gpu:0", fake, "cuda"), Memory(Device("/gpu:0", fake, "cuda")))
    for _ in range(times):
        values = plan.run(list(feeds.values()))
    return values, fake, program


def compare(outputs, feeds, rtol=RTOL, atol=ATOL, **kwargs):
    want = run_numpy(outputs, feeds, "numpy")
    got, fake, program = run_cuda(outputs, feeds, **kwargs)
    for g, w in zip(got, want, strict=True):
        assert g.shape == w.shape and g.dtype == w.dtype
        if w.dtype.kind == "f":
            np.testing.assert_allclose(g, w, rtol, atol)
        else:
            np.testing.assert_array_equal(g, w)
    return fake, program


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype("float32")


def fed(*arrays):
    tensors = [Placeholder(a.shape, a.dtype.name) for a in arrays]
    return tensors, dict(zip(tensors, arrays, strict=True))


# --- every operation ------------------------------------------------------------------------------------------------

PARAMS = {
    "clip": (-0.5, 0.75), "at_least": (0.25,), "at_most": (0.25,), "elu": (0.7,), "leaky_relu": (0.3,),
    "leaky_relu_grad": (0.3,),
}  # fmt: skip
COMBINED = {
    "multiply_add": lambda x, y, z: x * y + z, "multiply_subtract": lambda x, y, z: x * y - z,
    "less_product": lambda x, y, z: z - x * y, "multiply_square": lambda x, y: x * (y * y),
    "multiply_square_add": lambda x, y, z: x * (y * y) + z, "root_add": lambda x, y: np.sqrt(np.maximum(x, 0)) + y,
    "divide_by_root": lambda x, y, z: x / (np.sqrt(np.maximum(y, 0)) + z), "divide_by_sum": lambda x, y, z: x / (y + z),
}  # fmt: skip
SPECIAL = [0.0, 1.0, -1.0, 0.5, -2.5, 7.0, 1e-40, 1e30, np.inf, -np.inf, np.nan]
RESULTS = {
    "float": "float32",
    "double": "float64",
    "int32_t": "int32",
    "int64_t": "int64",
    "uint8_t": "bool",
    "Half": "float16",
}
DTYPES = {"f32": "float32", "f64": "float64", "i32": "int32", "i64": "int64", "b8": "bool", "f16": "float16"}
try:
    import ml_dtypes

    DTYPES["bf16"] = np.dtype(ml_dtypes.bfloat16)
    RESULTS["Bfloat"] = np.dtype(ml_dtypes.bfloat16)
except ImportError:
    pass
OPCODES = [opcode for opcode in source.elementwise_opcodes() if set(opcode.split(":")[1:]) <= set(DTYPES)]


def draw(rng, opcode, kind):
    if kind == "b8":
        return rng.random(300) < 0.5
    if kind.startswith("i"):
        return rng.integers(-9, 10, 300).astype(DTYPES[kind])
    x = rng.standard_normal(300) * 3
    name = opcode.split(":")[0]
    if name in ("sqrt", "rsqrt", "log", "log1p", "pow", "reciprocal"):
        x = np.abs(x)
    if name in ("asin", "acos"):
        x = np.tanh(x)
    return x.astype(DTYPES[kind])


def kinds(s):
    back = {ctype: kind for kind, ctype in source.TYPES.items()}
    return [back[t] for t in s.operands]


def one_loop(opcode, index, place):
    """A loop of one instruction; its operands are inputs `place`, `place` + 1 ..."""
    s = source.signature(opcode)
    reads = tuple(Read("full", place + i, False, 0) for i in range(len(s.operands)))
    numbers = PARAMS.get(opcode.split(":")[0], ())
    return Loop(300, 1, (Part(opcode, numbers, reads, 0, False, False, index),), ())


@pytest.fixture(scope="module")
def results():
    """Inputs and results of every elementwise opcode, all in one generated kernel."""
    rng, loops, ins, outs, table = np.random.default_rng(0), [], [], [], {}
    for opcode in OPCODES:
        s = source.signature(opcode)
        arrays = [draw(rng, opcode, kind) for kind in kinds(s)]
        if opcode.startswith(("masked", "where")):
            arrays[0] = rng.random(300) < 0.5
        loops.append(one_loop(opcode, len(outs), len(ins)))
        out = np.empty(300, RESULTS[s.result])
        table[opcode] = (arrays, out)
        ins += arrays
        outs.append(out)
    simulate(loops, ins, outs)
    return table


def simulate(loops, ins, outs):
    from gpukeras.graph.op import Binding

    kernel = fused(Fused(loops), ins, outs)
    fake = Cupy()
    views = [[fake.wrap(x) for x in arrays] for arrays in (ins, outs)]
    for call in kernel.bind(Binding(fake, *views, [])):
        call()
    fake.machine.drain()


def by_numpy(opcode, arrays):
    name, *types = opcode.split(":")
    if name in ("cast", "copy"):
        return arrays[0].astype(DTYPES[types[-1]])
    if name in COMBINED:
        return COMBINED[name](*arrays)
    tensors, feeds = fed(*arrays)
    return run_numpy([apply(REGISTRY[name](*PARAMS.get(name, ())), *tensors)], feeds, "numpy")[0]


@pytest.mark.parametrize("opcode", OPCODES)
def test_every_operation_equals_numpy(results, opcode):
    arrays, got = results[opcode]
    with np.errstate(all="ignore"):
        want = by_numpy(opcode, arrays)
    assert got.dtype == want.dtype
    if want.dtype.kind == "f":
        loose = opcode.split(":")[0] in ("tan", "erf")
        np.testing.assert_allclose(got, want, 5e-6 if loose else RTOL, 5e-7 if loose else ATOL)
    else:
        np.testing.assert_array_equal(got, want)


def test_every_row_of_the_table_has_a_function():
    for name, cls in REGISTRY.items():
        kind = "b8" if cls.row.takes == "bool" else "f32"
        assert source.signature(f"{name}:{kind}") is not None, name


def test_everything_the_evaluator_can_do_can_be_generated():
    """All but what `compiler/table_rows.py` makes for the native engine alone."""
    assert opcodes() - source.loop_opcodes() == {"rows_at:f32", "rows_at:f64"}
    assert source.loop_opcodes() - opcodes() <= {"spread:bf16"}


def test_steps_are_fused_without_the_extension(monkeypatch):
    monkeypatch.setattr(native_opcodes, "opcodes", frozenset)
    found = native_opcodes.loop_opcodes.__wrapped__()
    assert found == source.loop_opcodes()
    for module in (fusion_pieces, fusion_condense):
        monkeypatch.setattr(module, "loop_opcodes", lambda: found)
    (x,), feeds = fed(normal(40, 6))
    _, program = compare([ops.sum(ops.tanh(ops.add(ops.softmax(x), 1.0)), 1)], feeds)
    assert len(program.steps) == 1


NAMES = [n for n in REGISTRY if source.signature(f"{n}:f32") and n not in ("masked", "where")]


def test_special_numbers():
    loops, ins, outs, cases = [], [], [], []
    for name in NAMES:
        count = len(source.signature(f"{name}:f32").operands)
        arrays = [np.tile(np.array(SPECIAL, "float32"), 30)[:300], np.repeat(np.array(SPECIAL, "float32"), 28)[:300]][
            :count
        ]
        loops.append(one_loop(f"{name}:f32", len(outs), len(ins)))
        out = np.empty(300, "bool" if REGISTRY[name].row.gives else "float32")
        cases.append((name, arrays, out))
        ins += arrays
        outs.append(out)
    simulate(loops, ins, outs)
    for name, arrays, got in cases:
        with np.errstate(all="ignore"):
            want = by_numpy(f"{name}:f32", arrays)
        keep = np.ones(300, bool)
        if name in ("relu_grad", "leaky_relu_grad", "hard_sigmoid_grad"):  # NumPy's engine multiplies by the mask
            keep = np.isfinite(arrays[0])
        rtol, atol = (5e-6, 5e-7) if name in ("tan", "erf") else (RTOL, 1e-37)
        if name in ("sin", "cos", "tan"):
            keep = np.abs(arrays[0]) < 1e9
        np.testing.assert_allclose(got[keep].astype("f8"), want[keep].astype("f8"), rtol, atol, err_msg=name)


# --- graphs ---------------------------------------------------------------------------------------------------------

ORDERS = pytest.mark.parametrize("order", [0, 1], ids=["forwards", "backwards"])


@ORDERS
@pytest.mark.parametrize("shape", [(4, 7), (64, 10), (300, 3), (5, 400), (2, 3, 50)])
def test_rows(shape, order):
    (t, u), feeds = fed(normal(*shape) * 4, normal(*shape, seed=1) * 4)
    p = ops.softmax(t)
    outs = [
        p, ops.log_softmax(t), ops.softmax_grad(u, p), ops.sum(t, -1), ops.mean(t, -1, True), ops.max(t, -1),
        ops.min(t, -1), ops.argmax(t, -1), ops.argmin(t, -1), ops.divide(p, ops.sum(p, -1, True)),
        ops.subtract(t, ops.mean(t, -1, True)), ops.sum(ops.max(u, -1)),
        ops.mean(ops.cast(ops.equal(ops.argmax(t, -1), ops.argmax(u, -1)), "float32")),
    ]  # fmt: skip
    compare(outs, feeds, 1e-5, 5e-6, order=order)


def test_first_extreme_and_nan_win():
    x = np.array([[1, 3, 3, 2], [np.nan, 5, np.nan, 9], [-np.inf] * 4, [7, 7, 7, 7]], "float32")
    (t,), feeds = fed(x)
    compare([ops.argmax(t, -1), ops.argmin(t, -1), ops.max(t, -1), ops.max(t), ops.max(t, 0)], feeds, 0, 0)


def views(rng, t):
    kind, rank = int(rng.integers(4)), len(t.shape)
    if kind == 0:
        return ops.transpose(t, [int(i) for i in rng.permutation(rank)])
    if kind == 1:
        return ops.reverse(t, int(rng.integers(rank)))
    return t[..., ::2] if kind == 2 and t.shape[-1] > 3 else t


@pytest.mark.parametrize("seed", range(12))
def test_strided_and_broadcast_operands(seed):
    rng = np.random.default_rng(seed)
    shape = tuple(int(n) for n in rng.choice([1, 2, 3, 5, 8, 33], rng.integers(1, 5)))
    x = rng.standard_normal(shape).astype("float32")
    t = Placeholder(shape, "float32")
    v = views(rng, t)
    small = [1 if rng.random() < 0.5 else n for n in v.shape][int(rng.integers(len(v.shape))) :]
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
    compare(outs, {t: x, u: y}, 1e-5, 1e-5)


@ORDERS
def test_reductions(order):
    (t, n), feeds = fed(
        normal(40, 6, 5) + 10, np.random.default_rng(1).integers(-(2**30), 2**30, (3, 500)).astype("int32")
    )
    outs = [
        ops.sum(t), ops.sum(t, 0), ops.mean(t, (0, 1)), ops.max(t, (0, 1)), ops.sum(t, 1), ops.mean(t, (1, 2)),
        ops.min(t), ops.sum(n), ops.sum(n, 0), ops.max(n, 0), ops.min(n),
    ]  # fmt: skip
    compare(outs, feeds, 1e-6, 1e-6, order=order)


def test_dropout_and_random_numbers_are_numpys():
    (t,), feeds = fed(np.ones((100, 7), "float32"))
    mask = ops.dropout_mask((100, 7), 0.75, "float32", 5)
    noise = ops.random_uniform((100, 7), -2.0, 3.0, "float32", 6)
    normals = ops.random_normal((100, 7), 2.0, 3.0, "float32", 7)
    near = ops.truncated_normal((100, 7), 1.0, 0.5, "float32", 8)
    ones = ops.random_binomial((100, 7), 0.3, "float32", 9)
    outs = [ops.multiply(t, r) for r in (mask, normals, near, ones)] + [ops.add(t, noise)]
    want = run_numpy(outs, feeds, "numpy", times=1)
    # the counters start from NumPy's, which has run once
    second = run_numpy(outs, feeds, "numpy", times=1)
    for r in (mask, noise, normals, near, ones):
        r.node.op.counter.array(np)[:] = 0
    got, _, _ = run_cuda(outs, feeds)
    for g, w in zip(got, want, strict=True):
        np.testing.assert_allclose(g, w, 1e-6, 6e-6)  # NumPy rounds angles to float32
    assert not np.array_equal(want[0], second[0])


def test_adam_updates_in_place(monkeypatch):
    monkeypatch.setenv("GPUKERAS_CUDA_GRAPHS", "0")
    arrays = [normal(33, 4), normal(17, seed=1)]
    gradients, feeds = fed(normal(33, 4, seed=2), normal(17, seed=3))
    results = []
    for engine in ("numpy", "cuda"):
        fake = Cupy()
        device = Device("/gpu:0", fake, "cuda") if engine == "cuda" else Device("/cpu:0", np, "numpy")
        updates, variables = [], []
        for a, g in zip(arrays, gradients, strict=True):
            p, m, v = (Variable(x.copy(), "float32") for x in (a, np.zeros_like(a), np.zeros_like(a)))
            for var in (p, m, v):
                var._device = device
            new_m = ops.add(ops.multiply(m, 0.9), ops.multiply(g, 0.1))
            new_v = ops.add(ops.multiply(v, 0.99), ops.multiply(ops.square(g), 0.01))
            step = ops.divide(ops.multiply(new_m, 0.02), ops.add(ops.sqrt(new_v), 1e-7))
            updates += [(m, new_m), (v, new_v), (p, ops.subtract(p, step))]
            variables += [p, m, v]
        shapes = {t: a.shape for t, a in feeds.items()}
        program = Program([], updates, shapes, engine=engine)
        plan = Plan(program, device, Memory(device))
        for _ in range(3):
            plan.run(list(feeds.values()))
        results.append([device.to_host(var.data) for var in variables])
    assert len(fake.launches) == 3  # one launch per run updates both tensors
    for got, want in zip(results[1], results[0], strict=True):
        np.testing.assert_allclose(got, want, 1e-6, 1e-7)


# --- launches -------------------------------------------------------------------------------------------------------


def test_launch_parameters():
    (t, b), feeds = fed(normal(1000, 3), normal(3, seed=1))
    out = ops.add(t, b)
    _, fake, program = run_cuda([out, ops.sum(out, 0)], feeds)
    assert [launch.name for launch in fake.launches] == ["fused", "finish"]
    main, finish = fake.launches
    # 3000 elements, a thread each, in blocks of 256; 1000 values to each of 3 sums: a block adds them up
    assert main.grid == (12,) and finish.grid == (3,) and main.block == (256,)
    (argument,) = main.args
    assert argument is finish.args[0] and argument.shape == (1,) and argument.dtype["word"].base == np.uint64


def test_sources_do_not_depend_on_sizes_and_numbers():
    def text(count, number):
        part = Part("clip:f32", (0.0, number), (Read("full", 0, False, 4),), 4, False, False, 0)
        return Generated([Loop(count, 1, (part,), ())]).source

    assert text(10, 1.0) == text(77, 2.0)
