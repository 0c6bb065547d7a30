"""What fusion makes of whole graphs: results, updates in place, random numbers, memory, and how few calls remain."""

import os
import subprocess
import sys

import numpy as np
import pytest

from gpukeras import ops
from gpukeras.compiler.function import Function
from gpukeras.graph.gradient import gradients
from gpukeras.graph.tensor import Placeholder, Variable
from gpukeras.kernels.fused import Fused
from gpukeras.kernels.native.opcodes import opcodes
from gpukeras.runtime import native
from gpukeras.runtime.device import Device

pytestmark = pytest.mark.skipif(not opcodes(), reason=f"native engine off: {native.status().reason}")

NATIVE, NUMPY = Device("/cpu:0", np, "native"), Device("/cpu:0", np, "numpy")


def fused(plan):
    return [step.op for step in plan.program.steps if isinstance(step.op, Fused)]


# --- random graphs ----------------------------------------------------------------------------------------------

UNARY = "exp tanh sigmoid relu square abs negative softplus sin elu log_softmax softmax".split()
BINARY = ["add", "subtract", "multiply", "maximum", "minimum", "squared_difference"]


def random_graph(rng, inputs, size):
    """Tensors made of each other: elementwise operations, reductions and their results spread again, choices."""
    pool = list(inputs)
    for _ in range(size):
        a, b = (pool[int(rng.integers(len(pool)))] for _ in range(2))
        kind = rng.random()
        if kind < 0.35:
            out = getattr(ops, str(rng.choice(UNARY)))(a)
        elif kind < 0.7:
            out = getattr(ops, str(rng.choice(BINARY)))(a, b)
        elif kind < 0.8:
            axis = [None, 0, -1][int(rng.integers(3))]
            out = ops.add(
                getattr(ops, str(rng.choice(["sum", "mean", "max", "min"])))(ops.tanh(a), axis, True), ops.tanh(b)
            )
        elif kind < 0.9:
            out = ops.where(ops.greater(a, b), a, ops.multiply(b, 0.5))
        else:
            out = ops.reshape(ops.reshape(a, (-1,)), a.shape)
        pool.append(ops.tanh(out) if rng.random() < 0.5 else ops.clip(out, -3.0, 3.0))
    return pool[len(inputs) :]


@pytest.mark.parametrize("seed", range(30))
def test_random_graphs_with_updates(seed):
    rng = np.random.default_rng(seed)
    shape = [(7, 5), (64, 10), (3, 700), (40, 1000), (1, 33)][seed % 5]
    results = []
    values = [rng.standard_normal(shape).astype("float32") for _ in range(4)]
    for device in (NATIVE, NUMPY):
        inputs = [Placeholder(shape, "float32") for _ in range(2)]
        variables = [Variable(v.copy()) for v in values[2:]]
        made = random_graph(np.random.default_rng(seed + 1000), [*inputs, *variables], 25)
        loss = ops.mean(ops.square(made[-1]))
        slopes = [g for g in gradients(loss, variables) if g is not None]
        updates = [(v, ops.add(ops.multiply(v, 0.9), m)) for v, m in zip(variables, made[-3:])]
        f = Function(inputs, [loss, made[-1], *slopes], updates, device)
        steps = [f(values[:2]) for _ in range(3)]
        results.append([*steps[-1], *[v.numpy() for v in variables]])
    for got, want in zip(*results, strict=True):
        # differences grow with the depth of the graph and three steps
        np.testing.assert_allclose(got, want, 2e-3, 2e-4)


@pytest.mark.parametrize("size", [5, 3000, 70_000])
def test_a_variable_is_updated_in_place_from_its_old_value(size):
    rng = np.random.default_rng(0)
    start = rng.standard_normal((2, size)).astype("float32")
    a, b = Variable(start[0].copy()), Variable(start[1].copy())
    f = Function([], [], [(a, ops.add(b, 1.0)), (b, ops.multiply(a, b))], NATIVE)
    x, y = start
    for _ in range(3):
        f([])
        x, y = y + np.float32(1), x * y
    np.testing.assert_array_equal(a.numpy(), x)
    np.testing.assert_array_equal(b.numpy(), y)


# --- random numbers -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("keep", [0.5, 0.8, 0.123456789])
@pytest.mark.parametrize("shape", [(5, 10), (64, 333), (300, 257)])
def test_dropout_draws_the_same_numbers_as_numpy(keep, shape):
    x = np.random.default_rng(0).standard_normal(shape).astype("float32")
    t = Placeholder(shape, "float32")
    results = []
    for device in (NATIVE, NUMPY):
        mask = ops.dropout_mask(shape, keep, seed=7)
        noise = ops.random_uniform(shape, -0.3, 1.7, seed=8)
        softened = ops.softmax(ops.multiply(t, mask))
        f = Function([t], [ops.multiply(t, mask), ops.add(t, noise), softened], device=device)
        results.append([f([x]) for _ in range(3)])
    for got, want in zip(*results, strict=True):
        np.testing.assert_array_equal(got[0], want[0])
        np.testing.assert_array_equal(got[1], want[1])
        np.testing.assert_allclose(got[2], want[2], 1e-5, 1e-7)
    assert not np.array_equal(results[0][0][0], results[0][1][0])


@pytest.mark.parametrize("shape", [(1,), (5, 11), (301, 257)])
def test_random_tensors_are_numpys(shape):
    """Drawn inside of the loop that reads them; rows of odd length start anywhere in a block of words."""
    x = np.random.default_rng(0).standard_normal(shape).astype("float32")
    row = np.linspace(1, 2, shape[-1], dtype="float32")
    t, r = Placeholder(shape, "float32"), Placeholder(row.shape, "float32")
    results = []
    for device in (NATIVE, NUMPY):
        drawn = [
            ops.random_normal(shape, 1.0, 2.0, seed=3), ops.truncated_normal(shape, -1.0, 0.5, seed=4),
            ops.random_binomial(shape, 0.3, seed=5), ops.random_uniform(shape, -1.0, 1.0, seed=6),
        ]  # fmt: skip
        f = Function([t, r], [ops.add(t, ops.multiply(d, r)) for d in drawn], device=device)
        results.append([f([x, row]) for _ in range(2)])
        if device is NATIVE:
            assert all(isinstance(step.op, Fused) for step in f.plan([shape, row.shape]).program.steps)
    for got, want in zip(*results, strict=True):
        np.testing.assert_allclose(got[0], want[0], 1e-6, 1e-5)  # NumPy rounds angles to float32
        np.testing.assert_allclose(got[1], want[1], 1e-6, 1e-6)
        np.testing.assert_array_equal(got[2], want[2])
        np.testing.assert_array_equal(got[3], want[3])
    assert not np.array_equal(results[0][0][0], results[0][1][0])


# --- structure ----------------------------------------------------------------------------------------------------


def test_the_step_of_a_small_model_is_one_call():
    import gpukeras as keras

    for optimizer in ("sgd", "rmsprop", "adam", "adadelta", "adagrad", "adamax", "nadam"):
        model = keras.models.Sequential()
        model.add(keras.layers.Dense(8, activation="relu", input_shape=(5,)))
        model.add(keras.layers.Dropout(0.3))
        model.add(keras.layers.Dense(3, activation="softmax"))
        model.compile(optimizer, "categorical_crossentropy", metrics=["accuracy"])
        x, y = np.ones((4, 5), "float32"), np.eye(3, dtype="float32")[[0, 1, 2, 0]]
        model.train_on_batch(x, y)
        (function,) = model.train_function._compiled.values()
        (plan,) = function._plans.values()
        assert len(plan.calls) == 1, optimizer


def test_updates_of_small_variables_are_one_step():
    variables = [Variable(np.ones(n, "float32")) for n in (3, 50, 700)]
    rate = Variable(np.float32(0.1))
    updates = [(v, ops.subtract(v, ops.multiply(rate, ops.square(v)))) for v in variables]
    f = Function([], [], updates, NATIVE)
    f([])
    (plan,) = f._plans.values()
    assert len(plan.program.steps) == 1 and len(plan.program.steps[0].op.loops) == 3
    assert not plan.program.commits
    for v in variables:
        np.testing.assert_allclose(v.numpy(), 0.9, 1e-6)


def test_a_large_update_passes_over_memory_once_and_needs_no_temporaries():
    n = 300_000
    v, m = Variable(np.ones(n, "float32")), Variable(np.zeros(n, "float32"))
    g = Placeholder((n,), "float32")
    moment = ops.add(ops.multiply(m, 0.9), ops.multiply(g, 0.1))
    f = Function(
        [g],
        [],
        [(m, moment), (v, ops.subtract(v, ops.divide(moment, ops.add(ops.sqrt(ops.square(moment)), 1e-7))))],
        NATIVE,
    )
    plan = f.plan([(n,)])
    assert len(plan.program.steps) == 1
    assert plan.program.arena_bytes < 4 * n + 1000  # the gradient that is fed
    f([np.ones(n, "float32")])
    np.testing.assert_allclose(v.numpy(), 0, atol=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("wanted", [(0,), (1,), (0, 1)])
def test_moments_of_which_some_are_wanted(dtype, wanted):
    x = np.random.default_rng(0).standard_normal((40, 7, 3)).astype(dtype)
    t = Placeholder(x.shape, dtype)
    for axes in ((0,), (0, 1), (2,), (0, 1, 2)):
        outs = [ops.moments(t, axes)[i] for i in wanted]
        fast, slow = (Function([t], outs, device=device) for device in (NATIVE, NUMPY))
        for g, w in zip(fast([x]), slow([x]), strict=True):
            np.testing.assert_allclose(g, w, 1e-5, 1e-7)


def test_instructions_made_one_round_like_the_two():
    rng = np.random.default_rng(0)
    arrays = [np.abs(rng.standard_normal(5000)).astype("float32") for _ in range(3)]
    a, b, c = (Placeholder((5000,), "float32") for _ in range(3))
    outs = {
        "multiply_add": ops.add(ops.multiply(a, b), c),
        "multiply_subtract": ops.subtract(ops.multiply(a, b), c),
        "less_product": ops.subtract(c, ops.multiply(a, b)),
        "multiply_square": ops.multiply(a, ops.square(b)),
        "multiply_square_add": ops.add(ops.multiply(ops.square(c), a), b),
        "divide_by_sum": ops.divide(a, ops.add(b, c)),
        "root_add": ops.add(ops.root(a), c),
        "divide_by_root": ops.divide(a, ops.add(ops.root(b), c)),
    }
    for name, out in outs.items():
        fast, slow = (Function([a, b, c], [out], device=device) for device in (NATIVE, NUMPY))
        np.testing.assert_array_equal(fast(arrays)[0], slow(arrays)[0], err_msg=name)
        (op,) = fused(fast.plan([(5000,)] * 3))
        assert [part.opcode for part in op.loops[0].parts] == [f"{name}:f32"]


def test_what_only_the_backward_pass_reads_is_made_there():
    # softplus' slope is sigmoid(x): as large as x, which then need not be kept, so it may as well be made late
    x, w = Placeholder((64, 1024), "float32"), Variable(np.eye(1024, dtype="float32"))
    h = ops.matmul(x, w)
    y = ops.matmul(ops.softplus(h), w)
    loss = ops.sum(ops.square(y))
    fast, slow = (Function([x], gradients(loss, [w]), device=device) for device in (NATIVE, NUMPY))
    a = np.random.default_rng(0).standard_normal((64, 1024)).astype("float32")
    np.testing.assert_allclose(fast([a])[0], slow([a])[0], 1e-3, 1e-2)
    (home,) = (
        [part.opcode for part in loop.parts]
        for op in fused(fast.plan([(64, 1024)]))
        for loop in op.loops
        if any(part.opcode == "sigmoid:f32" for part in loop.parts)
    )
    assert "multiply:f32" in home and "softplus:f32" not in home


def test_nothing_is_allocated_in_the_steady_state():
    import tracemalloc

    shape = (64, 100)
    t = Placeholder(shape, "float32")
    v = Variable(np.ones(100, "float32"))
    loss = ops.mean(ops.square(ops.softmax(ops.add(t, v))))
    (slope,) = gradients(loss, [v])
    f = Function([t], [loss], [(v, ops.subtract(v, slope))], NATIVE)
    x = np.ones(shape, "float32")
    for _ in range(3):
        f([x])
    grown = []
    tracemalloc.start()
    try:
        for _ in range(5):
            before = tracemalloc.get_traced_memory()[0]
            for _ in range(20):
                f([x])
            grown.append(tracemalloc.get_traced_memory()[0] - before)
    finally:
        tracemalloc.stop()
    assert min(grown) < 200


# --- picking and adding slices --------------------------------------------------------------------------------------


@pytest.mark.parametrize("index_type", ["int32", "int64"])
@pytest.mark.parametrize("wrap", [False, True])
def test_rows_of_a_table_and_their_gradient(index_type, wrap):
    rng = np.random.default_rng(0)
    table = rng.standard_normal((50, 7)).astype("float32")
    index = rng.integers(-50 if wrap else 0, 50, (6, 9)).astype(index_type)
    t, i = Placeholder(table.shape, "float32"), Placeholder(index.shape, index_type)
    rows = ops.gather(t, i, wrap=wrap)
    dy = rng.standard_normal((9, 6, 7)).astype("float32")
    d = Placeholder(dy.shape, "float32")
    back = ops.scatter_add(i, ops.transpose(d, (1, 0, 2)), (50, 7), wrap=wrap)
    fast, slow = (Function([t, i, d], [rows, back], device=device) for device in (NATIVE, NUMPY))
    for g, w in zip(fast([table, index, dy]), slow([table, index, dy]), strict=True):
        np.testing.assert_array_equal(g, w)
    with pytest.raises(ValueError, match="index 50 is out of range for an axis of length 50"):
        fast([table, np.full((6, 9), 50, index_type), dy])
    for g, w in zip(fast([table, index, dy]), slow([table, index, dy]), strict=True):
        np.testing.assert_array_equal(g, w)


def test_scores_of_labels_and_their_gradient():
    rng = np.random.default_rng(0)
    x, labels = rng.standard_normal((30, 5)).astype("float32"), rng.integers(0, 5, (30, 1))
    t, i = Placeholder(x.shape, "float32"), Placeholder(labels.shape, "int64")
    picked = ops.take_along_axis(t, i)
    outs = [picked, *gradients(ops.sum(ops.square(picked)), [t])]
    fast, slow = (Function([t, i], outs, device=device) for device in (NATIVE, NUMPY))
    for g, w in zip(fast([x, labels]), slow([x, labels]), strict=True):
        np.testing.assert_allclose(g, w, 1e-6)
    with pytest.raises(ValueError, match="index -1 is out of range"):
        fast([x, labels * 0 - 1])


# --- copies that operations make with NumPy calls ---------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64", "bool"])
def test_pieces_put_together_and_taken_apart(dtype):
    rng = np.random.default_rng(0)
    x = (rng.standard_normal((4, 6, 5)) * 3).astype(dtype)
    t = Placeholder(x.shape, dtype)
    turned = ops.transpose(t, (2, 0, 1))
    outs = [
        ops.concatenate([t, ops.reverse(t, 1)], -1),
        ops.reshape(turned, (-1,)),
        ops.tile(t, (1, 2, 3)),
        ops.identity(turned),
    ]
    fast, slow = (Function([t], outs, device=device) for device in (NATIVE, NUMPY))
    for g, w in zip(fast([x]), slow([x]), strict=True):
        np.testing.assert_array_equal(g, w)


# --- processors and threads -------------------------------------------------------------------------------------------

SCRIPT = """
import numpy as np, hashlib
from gpukeras import ops
from gpukeras.compiler.function import Function
from gpukeras.graph.tensor import Placeholder, Variable
rng = np.random.default_rng(0)
x = rng.standard_normal((300, 1000)).astype("float32")
t, v = Placeholder(x.shape, "float32"), Variable(np.ones(1000, "float32"))
y = ops.tanh(ops.multiply(t, v)); d = ops.multiply(y, ops.dropout_mask(x.shape, 0.8, seed=3))
outs = [ops.softmax(d), ops.sum(d), ops.sum(d, 0), ops.mean(d, 1), ops.argmax(d, -1), ops.erf(d)]
outs.append(ops.log(ops.exp(ops.sin(d))))
f = Function([t], outs, [(v, ops.add(v, ops.mean(d, 0)))])
for _ in range(2): r = f([x])
print(*[hashlib.md5(np.asarray(a).tobytes()).hexdigest() for a in [*r, v.numpy()]])
print(*[float(np.abs(np.asarray(a, "float64")).sum()) for a in [*r, v.numpy()]])
"""


def run_script(**variables):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], env={**os.environ, **variables}, capture_output=True, text=True, check=True
    )
    digests, sums = done.stdout.strip().splitlines()
    return digests.split(), np.array([float(s) for s in sums.split()])


def test_threads_and_instruction_sets_do_not_change_results():
    one = run_script(OMP_NUM_THREADS="1")
    three = run_script(OMP_NUM_THREADS="3")
    assert one[0] == three[0]  # to the last bit
    for isa in ("base", "avx2"):
        np.testing.assert_allclose(run_script(OMP_NUM_THREADS="1", GPUKERAS_CPU_ISA=isa)[1], one[1], 1e-6)
    np.testing.assert_allclose(run_script(GPUKERAS_ENGINE="numpy")[1], one[1], 1e-5)
