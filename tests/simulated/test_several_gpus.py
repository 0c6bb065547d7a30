"""Several GPUs in one process: what crosses between them and when, memory, streams, graphs and errors.

The GPUs are simulated: an array of one in a kernel of another is an error, and work waits until something waits for it,
so that missing copies and missing waits show.
"""

from collections import Counter

import numpy as np
import pytest

from gpukeras import backend as K
from gpukeras import mixed_precision, ops
from gpukeras.compiler.function import Function
from gpukeras.compiler.gpu import GpuOutOfMemory
from gpukeras.compiler.program import Program
from gpukeras.graph.gradient import gradients
from gpukeras.graph.scope import device_scope
from gpukeras.graph.tensor import Placeholder, Variable
from gpukeras.kernels import collectives
from gpukeras.kernels.cuda import glue
from gpukeras.layers import (
    GRU,
    LSTM,
    BatchNormalization,
    Conv2D,
    CuDNNLSTM,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    MaxPooling2D,
)
from gpukeras.models import Sequential
from gpukeras.optimizers import SGD, Adam
from gpukeras.runtime import lanes
from gpukeras.runtime.device import gpus
from gpukeras.utils import multi_gpu_model
from tests.csrc import simulator

from .cupy import early
from .device import simulated_gpu
from .libraries import libraries
from .nccl import Nccl

GPUS = 3


@pytest.fixture(autouse=True)
def no_virtual_devices(monkeypatch):
    monkeypatch.delenv("GPUKERAS_VIRTUAL_DEVICES", raising=False)


@pytest.fixture
def cupy():
    with glue.use({}), simulated_gpu(devices=GPUS, engine="numpy") as made:
        yield made


@pytest.fixture
def nccl():
    fake = Nccl()
    with glue.use({"nccl": fake}), simulated_gpu(devices=GPUS, engine="numpy") as made:
        fake.cupy = made
        yield fake


def template(optimizer="sgd", gpus=GPUS):
    """Two dense layers, and the same on several GPUs."""
    np.random.seed(3)
    model = Sequential([Dense(5, activation="tanh", input_shape=(4,)), Dense(2)])
    parallel = multi_gpu_model(model, gpus)
    for m in (model, parallel):
        m.compile(optimizer, "mse")
    return model, parallel


def batch(rows=9):
    rng = np.random.default_rng(5)
    return rng.random((rows, 4)), rng.random((rows, 2))


def plan_of(function):
    (plan,) = [p for f in function._compiled.values() for p in f._plans.values()]
    return plan


def shared(parts=GPUS):
    """A batch shared among GPUs: input, weight, loss and gradient of the weight."""
    x, w = Placeholder((None, 4), "float32"), Variable(np.random.default_rng(1).random((4, 5), "float32"))
    results = []
    for i in range(parts):
        with device_scope(f"/gpu:{i}"):
            results.append(ops.tanh(ops.matmul(ops.replica_rows(x, i, parts), w)))
    y = ops.concatenate(results, 0)
    loss = ops.sum(ops.multiply(y, y))
    return x, w, loss, gradients(loss, [w])[0]


# --- what plans look like ---------------------------------------------------------------------------------------


def crossing(program):
    """Steps that bring something from another GPU: phase, GPU, name, number of results."""
    found, first = [], 0
    for phase, lane, count in program.segments:
        for step in program.steps[first : first + count]:
            if step.op.name in ("transfer", "broadcast_weights", "reduce_gradients"):
                found.append((phase, program.home(lane), step.op.name, len(step.outs)))
        first += count
    return found


@pytest.mark.parametrize("reduces", [False, True])
def test_what_crosses_in_a_training_step(nccl, reduces):
    x, w, loss, g = shared()
    updates = [(w, ops.subtract(w, g))]
    p = Program([loss], updates, {x: (6, 4)}, lane_of=lanes.lane_of, memories=True, reduces=lambda: reduces)
    gradients_cross = [(4, 0, "reduce_gradients", 1)] if reduces else [(4, 0, "transfer", 1)] * 2
    assert crossing(p) == [
        (0, 0, "broadcast_weights", 2),
        (1, 1, "transfer", 1),  # rows of the batch
        (1, 2, "transfer", 1),
        (2, 0, "transfer", 1),  # results
        (2, 0, "transfer", 1),
        (3, 1, "transfer", 1),  # gradients of the results
        (3, 2, "transfer", 1),
        *gradients_cross,
    ]
    assert [(phase, lane) for phase, lane, _ in p.segments] == [
        *((0, 0), (1, 1), (1, 2), (1, 3)),
        *((2, 0), (3, 1), (3, 2), (3, 3), (4, 0)),
    ]
    assert sorted(p.arenas) == [0, 1, 2] and sum(p.arenas.values()) == p.arena_bytes


def test_every_step_finds_its_inputs_in_its_own_memory(cupy):
    x, w, loss, g = shared()
    p = Program([loss], [(w, ops.subtract(w, g))], {x: (7, 4)}, lane_of=lanes.lane_of, memories=True)
    for step in p.steps:
        if step.op.name not in ("transfer", "broadcast_weights"):
            homes = {p.homes.get(v.root, 0) for v in [*step.ins, *step.outs] if not v.root.is_const}
            assert homes == {p.home(step.lane)}, step


def test_what_comes_from_elsewhere_comes_first(cupy):
    """So that everything else of a segment can be one CUDA graph."""
    x, w, loss, g = shared()
    p = Program([loss], [(w, ops.subtract(w, g))], {x: (6, 4)}, lane_of=lanes.lane_of, memories=True)
    first = 0
    for _, _, count in p.segments:
        captures = [step.captures or step.op.name == "matmul" for step in p.steps[first : first + count]]
        assert captures == sorted(captures)
        first += count


def test_one_gpu_asked_for_by_name_has_one_segment(cupy):
    x = Placeholder((None, 4), "float32")
    with device_scope("/gpu:0"):
        y = ops.tanh(x)
    p = Program([ops.sum(y)], [], {x: (6, 4)}, lane_of=lanes.lane_of, memories=True)
    assert len(p.segments) == 1 and crossing(p) == []


def test_transposed_weights_and_views_are_copied_once(cupy):
    x, w = Placeholder((None, 4), "float32"), Variable(np.random.default_rng(1).random((5, 4), "float32"))
    whole = ops.tanh(x)
    with device_scope("/gpu:1"):
        row = whole[2:3]
        a = ops.matmul(row, ops.transpose(w))
        b = ops.matmul(ops.transpose(w), ops.transpose(ops.matmul(row, ops.transpose(w))))
        c = ops.sum(ops.transpose(row))
    f = Function([x], [a, b, c])
    data = np.random.default_rng(2).random((4, 4)).astype("float32")
    outs = f([data])
    row = np.tanh(data[2:3])
    np.testing.assert_allclose(outs[0], row @ w.numpy().T, rtol=1e-5)
    np.testing.assert_allclose(outs[1], w.numpy().T @ (row @ w.numpy().T).T, rtol=1e-5)
    np.testing.assert_allclose(outs[2], row.sum(), rtol=1e-5)
    assert Counter(cupy.peer_copies) == {(0, 1, 80): 1, (0, 1, 16): 1, (1, 0, 20): 1, (1, 0, 16): 1, (1, 0, 4): 1}


# --- copies that are made ---------------------------------------------------------------------------------------


def test_weights_cross_once_per_step_and_not_for_predictions(cupy):
    model, parallel = template()
    x, y = batch()
    sizes, rows, results = [w.nbytes for w in model.get_weights()], 3 * 4 * 4, 3 * 2 * 4
    for _ in range(3):
        del cupy.peer_copies[:]
        parallel.train_on_batch(x, y)
        away = Counter(c for c in cupy.peer_copies if c[0] == 0)
        assert away == Counter((0, i, n) for i in (1, 2) for n in [*sizes, rows, results])
        back = Counter(c[:2] for c in cupy.peer_copies if c[1] == 0)
        assert back == {(1, 0): 1 + len(sizes), (2, 0): 1 + len(sizes)}  # results and gradients
    parallel.predict(x)
    del cupy.peer_copies[:]
    for _ in range(3):
        parallel.predict(x)
    assert Counter(cupy.peer_copies) == {(0, 1, rows): 3, (0, 2, rows): 3, (1, 0, results): 3, (2, 0, results): 3}


def test_new_weights_are_seen_everywhere(cupy, tmp_path):
    model, parallel = template()
    x, y = batch()
    first, kernel = parallel.predict(x), model.layers[0].kernel

    def same():
        np.testing.assert_allclose(parallel.predict(x), model.predict(x), rtol=1e-5)
        return parallel.predict(x)

    model.save_weights(tmp_path / "first.h5")
    K.set_value(kernel, K.get_value(kernel) + 1)
    assert (same() != first).all()
    model.set_weights([w * 2 for w in model.get_weights()])
    second = same()
    model.train_on_batch(x, y)  # on one GPU alone
    assert (same() != second).any()
    parallel.train_on_batch(x, y)
    same()
    K.get_session().run(K.update_add(kernel, K.ones_like(kernel)))
    same()
    model.load_weights(tmp_path / "first.h5")
    np.testing.assert_array_equal(same(), first)


def test_nccl_adds_up_all_gradients_in_one_call(nccl):
    model, parallel = template("adam")
    x, y = batch()
    for _ in range(2):
        del nccl.groups[:], nccl.cupy.peer_copies[:]
        parallel.train_on_batch(x, y)
        assert nccl.groups == [("broadcast", (0, 1, 2), 4), ("reduce", (0, 1, 2), 4)]
        assert len(nccl.cupy.peer_copies) == 6  # rows, results and their gradients
    parallel.predict(x)
    del nccl.groups[:]
    parallel.predict(x)
    assert nccl.groups == []
    np.testing.assert_allclose(parallel.predict(x), model.predict(x), rtol=1e-5)


@pytest.mark.parametrize(("name", "value", "groups"), [("NCCL", "0", []), ("DETERMINISTIC", "1", ["broadcast"])])
def test_settings_leave_nccl_out(nccl, monkeypatch, name, value, groups):
    monkeypatch.setenv(f"GPUKERAS_{name}", value)
    _, parallel = template()
    parallel.train_on_batch(*batch())
    assert [kind for kind, *_ in nccl.groups] == groups


def test_nccl_between_some_gpus(nccl):
    _, parallel = template(gpus=[0, 2])
    parallel.train_on_batch(*batch())
    assert nccl.groups == [("broadcast", (0, 2), 4), ("reduce", (0, 2), 4)]
    _, parallel = template(gpus=[1, 2])  # the first GPU, where sums are wanted, has no term
    del nccl.groups[:]
    parallel.train_on_batch(*batch())
    assert nccl.groups == [("broadcast", (0, 1, 2), 4)]


def test_nothing_is_asked_of_the_other_gpus_by_a_model_for_one(nccl):
    model, _ = template()
    model.train_on_batch(*batch())
    model.predict(batch()[0])
    assert nccl.made == [] and nccl.groups == []
    assert [d._stream for d in gpus()] == [None] * GPUS


def test_where_nccl_does_not_work_copies_do(caplog):
    fake = Nccl(works=False)
    with glue.use({"nccl": fake}), simulated_gpu(devices=2, engine="numpy") as made:
        for _ in range(2):
            _, parallel = template(gpus=2)
            parallel.train_on_batch(*batch())
        assert fake.groups == [] and made.peer_copies
    assert [r.getMessage() for r in caplog.records if "NCCL" in r.getMessage()] == [
        "NCCL is not used between GPUs (0, 1): ncclCommInitAll: unhandled system error"
    ]


# --- numbers ----------------------------------------------------------------------------------------------------


def trained(gpus, steps=(7, 2, 8, 1)):
    """Weights, losses and predictions after steps with batches of these sizes, twice in a row."""
    np.random.seed(11)
    model = Sequential(
        [
            Dense(6, activation="relu", input_shape=(4,)),
            BatchNormalization(momentum=0.5),
            Dropout(0.3),
            Dense(2, activation="softmax"),
        ]
    )
    parallel = multi_gpu_model(model, gpus)
    parallel.compile(Adam(0.05), "categorical_crossentropy", metrics=["mae"])
    losses = [parallel.train_on_batch(*batch(rows)) for rows in steps * 2]
    return [*losses, *model.get_weights(), parallel.predict(batch(7)[0])]


@pytest.mark.parametrize("gpus", [2, 3, 4])
def test_numbers_are_those_of_virtual_devices(gpus, monkeypatch):
    with monkeypatch.context() as m:
        m.setenv("GPUKERAS_VIRTUAL_DEVICES", str(gpus))
        want = trained(gpus)
    for parts in ({}, {"nccl": Nccl()}):
        with glue.use(parts), simulated_gpu(devices=gpus, engine="numpy") as made:
            late = trained(gpus)
            with early(made):
                at_once = trained(gpus)
        for got in (late, at_once):
            for g, w in zip(got, want, strict=True):
                np.testing.assert_allclose(g, w, rtol=2e-4, atol=2e-5)


def test_numbers_repeat(cupy):
    first = trained(GPUS)
    second = trained(GPUS)
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)


def test_mixed_precision(monkeypatch):
    """Casts, a loss scale that all GPUs read, updates that do not happen where gradients are not finite."""

    def steps():
        mixed_precision.set_policy("mixed_float16")
        try:
            return trained(GPUS, (7, 2))
        finally:
            mixed_precision.set_policy("float32")

    with monkeypatch.context() as m:
        m.setenv("GPUKERAS_VIRTUAL_DEVICES", str(GPUS))
        want = steps()
    with glue.use({"nccl": Nccl()}), simulated_gpu(devices=GPUS, engine="numpy"):
        for g, w in zip(steps(), want, strict=True):
            np.testing.assert_allclose(g, w, rtol=2e-3, atol=2e-4)


@pytest.mark.slow
@pytest.mark.skipif(simulator.COMPILER is None, reason="no C++ compiler is installed")
@pytest.mark.parametrize("name", ["convolutional", "recurrent", "cudnn"])
def test_kernels_and_libraries_run_on_every_gpu(name, monkeypatch):
    layers = {
        "convolutional": lambda: [Conv2D(3, 3, activation="relu", input_shape=(6, 6, 2)), MaxPooling2D(), Flatten()],
        "recurrent": lambda: [Embedding(10, 4, input_length=5), LSTM(4, dropout=0.2, return_sequences=True), GRU(3)],
        "cudnn": lambda: [CuDNNLSTM(4, input_shape=(5, 2))],
    }[name]
    shape = {"convolutional": (6, 6, 2), "recurrent": (5,), "cudnn": (5, 2)}[name]

    def steps():
        np.random.seed(0)
        model = Sequential([*layers(), Dense(3, activation="softmax")])
        parallel = multi_gpu_model(model, 2)
        parallel.compile(SGD(0.1), "categorical_crossentropy")
        rng = np.random.default_rng(0)
        x = rng.integers(0, 10, (7, *shape)) if name == "recurrent" else rng.random((7, *shape))
        y = np.eye(3)[rng.integers(0, 3, 7)]
        return [*(parallel.train_on_batch(x, y) for _ in range(3)), *model.get_weights(), parallel.predict(x)]

    with monkeypatch.context() as m:
        m.setenv("GPUKERAS_VIRTUAL_DEVICES", "2")
        want = steps()
    with glue.use({**libraries(), "nccl": Nccl()}), simulated_gpu(devices=2):
        for g, w in zip(steps(), want, strict=True):
            np.testing.assert_allclose(g, w, rtol=1e-4, atol=1e-5)


@pytest.mark.skipif(simulator.COMPILER is None, reason="no C++ compiler is installed")
def test_kernels_of_the_engine_run_on_every_gpu(monkeypatch):
    def steps(make):
        np.random.seed(3)
        model, m = make(Sequential([Dense(3, activation="tanh", input_shape=(4,))]))
        m.compile(SGD(0.1), "mse")
        rng = np.random.default_rng(5)
        losses = [m.train_on_batch(rng.random((8, 4)), rng.random((8, 3))) for _ in range(3)]
        return [*losses, *model.get_weights()]

    want = steps(lambda model: (model, model))
    with glue.use({}), simulated_gpu(devices=2) as made:
        for g, w in zip(steps(lambda model: (model, multi_gpu_model(model, 2))), want, strict=True):
            np.testing.assert_allclose(g, w, rtol=1e-5, atol=1e-6)
        assert {g.device_id for g in made.machine.graphs} == {0, 1}


# --- streams, graphs, memory ------------------------------------------------------------------------------------


def test_all_gpus_have_their_work_before_anything_waits(cupy):
    _, parallel = template()
    x, y = batch()
    for _ in range(3):
        parallel.train_on_batch(x, y)
    plan = plan_of(parallel.train_function)
    cupy.machine.drain()
    before = cupy.machine.syncs, cupy.machine.reads
    plan.gpu.replay()
    assert (cupy.machine.syncs, cupy.machine.reads) == before
    waiting = {s.device_id for s in cupy.machine.all_streams() if s.queue}
    assert waiting == {0, 1, 2}
    cupy.machine.drain()


def test_every_gpu_has_graphs_of_its_own(cupy, monkeypatch):
    _, parallel = template()
    x, y = batch()
    want = [parallel.train_on_batch(x, y) for _ in range(5)]
    graphs = Counter(g.device_id for g in cupy.machine.graphs)
    assert set(graphs) == {0, 1, 2} and graphs[1] == graphs[2]
    monkeypatch.setenv("GPUKERAS_CUDA_GRAPHS", "0")
    _, parallel = template()
    np.testing.assert_allclose([parallel.train_on_batch(x, y) for _ in range(5)], want, rtol=1e-6)
    assert Counter(g.device_id for g in cupy.machine.graphs) == graphs


def test_fit_steps_without_reading(cupy):
    """Many steps in a row, with data on the device, as on one GPU."""
    model, parallel = template(SGD(0.1))
    alone = Sequential([Dense(5, activation="tanh", input_shape=(4,)), Dense(2)])
    alone.set_weights(model.get_weights())
    alone.compile(SGD(0.1), "mse")
    x, y = batch(50)
    for m in (parallel, alone):
        m.values = m.fit(x, y, batch_size=8, epochs=3, shuffle=False, verbose=0).history["loss"]
    np.testing.assert_allclose(parallel.values, alone.values, rtol=1e-5)
    np.testing.assert_allclose(parallel.predict(x, batch_size=8), alone.predict(x, batch_size=8), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(model.predict(x), alone.predict(x), rtol=1e-4, atol=1e-6)


def test_each_gpu_has_the_memory_of_its_lane(cupy):
    units, rows = 4000, 6
    model = Sequential([Dense(units, input_shape=(4,)), Dense(1)])
    parallel = multi_gpu_model(model, GPUS)
    parallel.compile("sgd", "mse")
    parallel.train_on_batch(np.ones((rows, 4)), np.ones((rows, 1)))
    program = plan_of(parallel.train_function).program
    used = []
    for i in range(GPUS):
        with cupy.cuda.Device(i):
            used.append(cupy.get_default_memory_pool().used_bytes())
    weights = sum(w.nbytes for w in model.get_weights())
    for i in (1, 2):
        assert weights + program.arenas[i] <= used[i] <= 1.1 * (weights + program.arenas[i]) + 8192
        # two activations of its rows, and gradients as large as the weights
        assert program.arenas[i] < weights + 4 * (rows // GPUS) * units * 4
    assert used[0] >= used[1]


@pytest.mark.parametrize("number", [0, 2])
def test_the_gpu_without_memory_is_named(cupy, number):
    _, parallel = template()
    with cupy.cuda.Device(number):
        cupy.get_default_memory_pool().set_limit(size=1 << 16)
    x, y = np.ones((30000, 4)), np.ones((30000, 2))
    with pytest.raises(GpuOutOfMemory, match=f"out of GPU memory on GPU {number}: .*64.0 KiB"):
        parallel.train_on_batch(x, y)
    assert np.isfinite(parallel.predict(np.ones((6, 4)))).all()


def test_names_of_gpus(cupy):
    assert K.tensorflow_backend._get_available_gpus() == [f"/device:GPU:{i}" for i in range(GPUS)]
    assert [d.name for d in gpus()] == [f"/gpu:{i}" for i in range(GPUS)]
    assert [lanes.lane_of(f"/gpu:{i}") for i in range(4)] == [1, 2, 3, 0]
    assert lanes.have_memories() and not collectives.has_nccl()
    with pytest.raises(ValueError, match="but GPU 3 is not there; this machine has 3"):
        multi_gpu_model(Sequential([Dense(1, input_shape=(1,))]), 4)


def test_virtual_devices_are_all_on_the_first_gpu(cupy, monkeypatch):
    monkeypatch.setenv("GPUKERAS_VIRTUAL_DEVICES", "4")
    _, parallel = template(gpus=4)
    parallel.train_on_batch(*batch())
    assert not lanes.have_memories() and cupy.peer_copies == []


def test_layers_one_after_the_other_on_gpus_by_hand(cupy):
    np.random.seed(0)
    model = Sequential()
    for i in range(GPUS):
        with K.device(f"/gpu:{i}"):
            model.add(Dense(4, activation="tanh", **({"input_shape": (4,)} if not i else {})))
    model.add(Dense(2))
    alone = Sequential([Dense(4, activation="tanh", input_shape=(4,)), *(Dense(4, activation="tanh") for _ in "ab")])
    alone.add(Dense(2))
    alone.set_weights(model.get_weights())
    x, y = batch()
    for m in (model, alone):
        m.compile("adam", "mse")
        m.values = [m.train_on_batch(x, y) for _ in range(4)]
    np.testing.assert_allclose(model.values, alone.values, rtol=1e-5)
    for ours, theirs in zip(model.get_weights(), alone.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)


def test_sizes_that_depend_on_data_are_run_on_the_first_gpu(cupy):
    x = Placeholder((None,), "float32")
    with device_scope("/gpu:1"):
        y = ops.boolean_mask(x, ops.greater(x, 0.0))
    (got,) = Function([x], [y])([np.array([1, -1, 2], "float32")])
    np.testing.assert_array_equal(got, [1, 2])
