"""Many steps on a GPU: data on the device or fed in turn, sums read at the end; against steps made one by one."""

import numpy as np
import pytest

from gpukeras import ops
from gpukeras.compiler.function import Function
from gpukeras.compiler.gpu_steps import SCALARS, GpuSteps, kernel_name
from gpukeras.compiler.steps import steps_of
from gpukeras.graph.tensor import Placeholder, Variable
from gpukeras.runtime.device import Device
from gpukeras.runtime.resident import SHARE, free_bytes, share
from tests.csrc import simulator

from .cupy import Cupy

pytestmark = pytest.mark.skipif(simulator.COMPILER is None, reason="no C++ compiler is installed")

N, BATCH = 23, 4


def training(device, dtype="float32"):
    """A step that changes a weight by what it sees; returns two numbers. Its variable comes second."""
    x, y = Placeholder((None, 3), dtype), Placeholder((None,), "float32")
    w = Variable(np.linspace(0.5, 1.5, 3).astype("float32"), name="w")
    w._device = device
    error = ops.subtract(ops.sum(ops.multiply(ops.cast(x, "float32"), w), axis=1), y)
    step = ops.mean(ops.multiply(ops.expand_dims(error, 1), ops.cast(x, "float32")), axis=0)
    loss = ops.mean(ops.square(error))
    return Function([x, y], [loss, ops.mean(w)], [(w, ops.subtract(w, ops.multiply(step, 0.1)))], device), w


def data(dtype="float32"):
    rng = np.random.default_rng(0)
    return [(rng.standard_normal((N, 3)) * 3).astype(dtype), rng.standard_normal(N).astype("float32")]


def device(**options):
    return Device("/gpu:0", Cupy(**options), "numpy")


def epoch(steps, order):
    """What a training loop does in an epoch: the first batch, many, the last; returns the sums."""
    size, whole = BATCH, N // BATCH * BATCH
    totals = np.array([float(v) * size for v in steps.one(order, 0, size)])
    begin = size
    while begin < whole:
        done = steps.add_up(order, begin, whole, size, totals, 0.0)  # comes back after every step
        assert done >= size
        begin += done
    last = [float(v) for v in steps.values(size)]
    totals += [float(v) * (N - whole) for v in steps.one(order, whole, N - whole)]
    return [*totals, *last]


def one_by_one(f, arrays, orders):
    found = []
    for order in orders:
        rows = np.arange(N) if order is None else order
        batches = [rows[i : i + BATCH] for i in range(0, N, BATCH)]
        outs = [[float(v) for v in f([x[b] for x in arrays])] for b in batches]
        found.append([*np.sum([np.array(o) * len(b) for o, b in zip(outs, batches, strict=True)], axis=0), *outs[-2]])
    return found


def close(got, want):
    """Equal but for the order in which NumPy's engine adds float32 numbers around 1 up (by BLAS, here by a ufunc)."""
    np.testing.assert_allclose(got, want, 1e-5, 1e-6)


def orders(kind):
    rng = np.random.default_rng(1)
    return [None if kind == "as they lie" else rng.permutation(N) for _ in range(3)]


@pytest.mark.parametrize("side_streams", ["late", "early"])
@pytest.mark.parametrize("share_of_memory", ["", "0"])
@pytest.mark.parametrize("kind", ["as they lie", "shuffled"])
def test_steps_are_those_made_one_by_one(monkeypatch, kind, share_of_memory, side_streams):
    monkeypatch.setenv("GPUKERAS_GPU_DATA", share_of_memory)
    arrays, made = data(), device()
    made.xp.machine.early = side_streams == "early"
    f, w = training(made)
    steps = steps_of(f, arrays)
    assert isinstance(steps, GpuSteps)
    got = [epoch(steps, order) for order in orders(kind)]
    assert (steps._data.there is None) == bool(share_of_memory)
    reference = Device("/cpu:0", np, "numpy")
    want_f, want_w = training(reference)
    close(got, one_by_one(want_f, arrays, orders(kind)))
    close(w.numpy(), want_w.numpy())


def test_data_on_the_device_and_fed_in_turn_train_alike(monkeypatch):
    weights = []
    for share_of_memory in ("1", "0"):
        monkeypatch.setenv("GPUKERAS_GPU_DATA", share_of_memory)
        f, w = training(device())
        steps = steps_of(f, data())
        sums = [epoch(steps, order) for order in orders("shuffled")]
        weights.append((w.numpy().tobytes(), np.array(sums).tobytes()))
    assert weights[0] == weights[1]


@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64", "float64", "bool"])
def test_data_of_other_types_is_converted_on_the_device(dtype):
    arrays = data()
    arrays[0] = np.abs(arrays[0]).astype(dtype)
    f, w = training(device())
    steps = steps_of(f, arrays)
    got = epoch(steps, None)
    assert steps._data.there is not None and steps._data.there[0].dtype == dtype
    want_f, want_w = training(Device("/cpu:0", np, "numpy"))
    close(got, one_by_one(want_f, arrays, [None])[0])
    close(w.numpy(), want_w.numpy())


@pytest.mark.parametrize("share_of_memory", ["1", "0"])
def test_samples_that_are_not_there_are_refused(monkeypatch, share_of_memory):
    monkeypatch.setenv("GPUKERAS_GPU_DATA", share_of_memory)
    f, w = training(device())
    steps = steps_of(f, data())
    before = w.numpy()
    for bad, order in ((N, np.arange(1, N + 1)), (-1, np.arange(-1, N - 1))):
        with pytest.raises(IndexError, match=f"no sample {bad}: there are {N}"):
            steps.add_up(order, 0 if bad < 0 else N - 3, N, 3, np.zeros(2), 0.0)
    with pytest.raises(ValueError, match="samples 20 to 24 are out of range: there are 23"):
        steps.one(None, 20, BATCH)
    np.testing.assert_array_equal(w.numpy(), before)


def test_a_type_no_kernel_converts_is_fed_in_turn():
    arrays = data()
    arrays[0] = arrays[0].astype("float16")
    f, _ = training(device())
    steps = steps_of(f, arrays)
    epoch(steps, None)
    assert steps._data.there is None
    assert kernel_name(np.dtype("float16"), np.dtype("float16")) == "batch_copy2"
    assert kernel_name(np.dtype("complex128"), np.dtype("complex128")) is None


def test_the_device_is_read_when_steps_come_back_and_not_between():
    made = device()
    f, _ = training(made)
    steps, machine = steps_of(f, data()), made.xp.machine
    totals = np.zeros(2)
    for expected in (0, 1, 1):  # nothing is known of the first call, which makes arrays
        reads, syncs = machine.reads, machine.syncs
        assert steps.add_up(None, 0, 20, BATCH, totals, 1e9) == 20
        if expected:
            assert (machine.reads - reads, machine.syncs - syncs) == (1, 1)


def test_a_step_is_one_graph():
    made = device()
    f, _ = training(made)
    steps = steps_of(f, data())
    totals = np.zeros(2)
    for _ in range(3):
        steps.add_up(None, 0, 20, BATCH, totals, 1e9)
    (graph,) = made.xp.machine.graphs
    assert graph.launches == 14


def test_an_order_may_change_from_step_to_step():
    x = Placeholder((None,), "float32")
    steps = steps_of(Function([x], [ops.mean(x)], device=device()), [np.arange(8, dtype="float32")])
    order = np.arange(8)
    for _ in range(3):
        order[:] = (order + 1) % 8  # the array of an epoch is shuffled in place
        assert steps.one(order, 2, 4) == [order[2:6].mean()]
        totals = np.zeros(1)
        assert steps.add_up(order, 0, 8, 4, totals, 1e9) == 8 and totals.tolist() == [28]


def test_an_interrupted_step_leaves_the_next_ones_right():
    x = Placeholder((None,), "float32")
    steps = steps_of(Function([x], [ops.mean(x)], device=device()), [np.arange(8, dtype="float32")])
    assert steps.one(None, 0, 2) == [0.5] and steps.one(None, 2, 2) == [2.5]
    (loop,) = steps._loops.values()

    def interrupted():
        raise KeyboardInterrupt

    parts = loop.replay._parts
    loop.replay._parts = [interrupted]
    with pytest.raises(KeyboardInterrupt):
        steps.one(None, 4, 2)
    loop.replay._parts = parts
    assert steps.one(None, 6, 2) == [6.5] and steps.one(None, 4, 2) == [4.5]


def test_outputs_are_collected():
    x = Placeholder((None, 3), "float32")
    made = device()
    f = Function([x], [ops.exp(x), ops.sum(x, axis=1)], device=made)
    arrays = data()[:1]
    steps = steps_of(f, arrays)
    begin = 0
    while begin < 20:
        begin += steps.collect(begin, 20, BATCH, 0.0)
    assert steps.collect(20, N, 3, 0.0) == 3
    np.testing.assert_allclose(steps.results()[0], np.exp(arrays[0]), 1e-6)
    np.testing.assert_allclose(steps.results()[1], arrays[0].sum(axis=1), 1e-5, 1e-6)


def test_outputs_without_rows_are_not_collected():
    f, _ = training(device())
    steps = steps_of(f, data())
    assert steps.collect(0, 20, BATCH, 0.0) == 0 and steps.results() is None


def test_a_weight_of_another_shape_makes_new_steps():
    made = device()
    x = Placeholder((None,), "float32")
    w = Variable(np.ones(1, "float32"), name="w")
    w._device = made
    w.shape = type(w.shape)((None,))
    f = Function([x], [ops.sum(w)], device=made)
    steps = steps_of(f, [np.zeros(8, "float32")])
    assert steps.one(None, 0, 4) == [1]
    w.assign_value(np.ones(5, "float32"))
    assert steps.one(None, 4, 4) == [5]


def test_data_that_does_not_fit_is_fed_in_turn():
    made = device(memory=20_000)
    arrays = [np.zeros((N, 3, 100), "float32")]
    x = Placeholder((None, 3, 100), "float32")
    f = Function([x], [ops.mean(x)], device=made)
    steps = steps_of(f, arrays)
    assert steps.one(None, 0, 1) == [0]
    assert steps._data.there is None


def test_the_share_of_memory_is_a_setting(monkeypatch):
    fake = Cupy(memory=1 << 20)
    assert share() == SHARE and free_bytes(fake) == 1 << 20
    kept = fake.zeros(1000, "uint8")
    assert free_bytes(fake) == (1 << 20) - 1024 and kept is not None
    fake.get_default_memory_pool().set_limit(size=4096)
    assert free_bytes(fake) == 4096 - 1024
    monkeypatch.setenv("GPUKERAS_GPU_DATA", "0.25")
    assert share() == 0.25
    for wrong in ("2", "-1", "half"):
        monkeypatch.setenv("GPUKERAS_GPU_DATA", wrong)
        with pytest.raises(ValueError, match="GPUKERAS_GPU_DATA should be a number from 0 to 1"):
            share()


def test_one_array_for_two_inputs_is_uploaded_once():
    x, y = Placeholder((None, 3), "float32"), Placeholder((None, 3), "float32")
    f = Function([x, y], [ops.mean(ops.multiply(x, y))], device=device())
    array = data()[0]
    steps = steps_of(f, [array, array])
    steps.one(None, 0, 4)
    assert steps._data.there[0] is steps._data.there[1]


def test_the_structure_has_the_compilers_layout():
    assert SCALARS.itemsize == 16 * 8 + 16 * 4 + 8 and SCALARS.fields["count"][1] == 16 * 8 + 16 * 4
