"""Steps as CUDA graphs: recorded, replayed, and what is left out of them; against the same steps run at once."""

import gc
import logging

import numpy as np
import pytest

from gpukeras import ops
from gpukeras.compiler.function import Function
from gpukeras.compiler.scan import scan
from gpukeras.graph.gradient import gradients
from gpukeras.graph.op import Op
from gpukeras.graph.tensor import Placeholder, Variable, apply
from gpukeras.kernels.cuda import glue
from gpukeras.runtime.device import Device
from tests.csrc import simulator

from .cupy import Cupy, early
from .libraries import libraries

RUNS = 5  # at once, recorded, and replayed three times


class Doubled(Op):
    """Twice its input; says that it cannot be recorded."""

    captures = False

    def infer(self, ins, values):
        return ins[0]

    def bind(self, b):
        return [lambda: b.xp.add(b.ins[0], b.ins[0], b.outs[0])]


class Unexpected(Doubled):
    """Says that it can be recorded, and cannot."""

    captures = True

    def bind(self, b):
        def run():
            b.xp.add(b.ins[0], b.ins[0], b.outs[0])
            b.outs[0].get()

        return [run]


class Allocating(Doubled):
    """Needs memory while it runs, as many of CuPy's functions do."""

    captures = True

    def bind(self, b):
        def run():
            ones = b.xp.ones(b.ins[0].shape, b.ins[0].dtype)
            b.xp.multiply(b.ins[0] + ones, 2.0, b.outs[0])

        return [run]


@pytest.fixture
def fake():
    return Cupy()


@pytest.fixture
def device(fake):
    return Device("/gpu:0", fake, "numpy")


def graphs(function, *shapes):
    return function.plan(shapes).gpu.replay.graphs


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype("float32")


def polynomial(device, rate):
    """w += rate * (x - w) elementwise, returning the mean of the old w and the input."""
    x = Placeholder((None, 3), "float32")
    w = Variable(np.ones((2, 3), "float32"), name="w")
    w._device = device
    y = ops.add(ops.multiply(ops.subtract(x, w), rate), 0.5)
    return Function([x], [ops.mean(w), ops.square(y)], [(w, ops.add(w, y))], device), w


@pytest.mark.parametrize("side_streams", ["late", "early"])
def test_replays_follow_inputs_and_variables(fake, device, side_streams, monkeypatch):
    fake.machine.early = side_streams == "early"
    got_f, got_w = polynomial(device, 0.3)
    monkeypatch.setenv("GPUKERAS_CUDA_GRAPHS", "0")
    want_f, want_w = polynomial(Device("/gpu:0", Cupy(), "numpy"), 0.3)
    for i in range(RUNS):
        x = normal(2, 3, seed=i)
        monkeypatch.delenv("GPUKERAS_CUDA_GRAPHS")
        got = got_f([x])
        monkeypatch.setenv("GPUKERAS_CUDA_GRAPHS", "0")
        want = want_f([x])
        for g, w in zip(got, want, strict=True):
            np.testing.assert_array_equal(g, w)
    np.testing.assert_array_equal(got_w.numpy(), want_w.numpy())
    (graph,) = graphs(got_f, (2, 3))
    assert graph.launches == RUNS - 1
    assert graphs(want_f, (2, 3)) == []


def test_values_set_between_replays_are_seen(fake, device):
    rate = Variable(np.float32(0.5), name="rate")
    rate._device = device
    x = Placeholder((2,), "float32")
    f = Function([x], [ops.multiply(ops.add(x, 1.0), rate)], [], device)
    for i in range(RUNS):
        rate.assign_value(np.float32(i))
        np.testing.assert_array_equal(f([np.zeros(2, "float32")])[0], [i, i])
    assert len(graphs(f, (2,))) == 1


def test_dropout_masks_differ_from_replay_to_replay(fake, device):
    f = Function([], [ops.add(ops.dropout_mask((64,), 0.5, "float32", 7), 0.0)], [], device)
    masks = [f([])[0] for _ in range(RUNS)]
    assert len(graphs(f)) == 1
    assert len({m.tobytes() for m in masks}) == RUNS
    cpu = Function([], f.outputs, [], Device("/cpu:0", np, "numpy"))
    for mask in masks:
        np.testing.assert_array_equal(mask, cpu([])[0])


def test_counters_count_in_replays(fake, device):
    count = Variable(np.int64(0), name="iterations")
    count._device = device
    f = Function([], [ops.multiply(count, 2)], [(count, ops.add(count, 1))], device)
    assert [int(f([])[0]) for _ in range(RUNS)] == [0, 2, 4, 6, 8]
    assert int(count.numpy()) == RUNS


def test_calls_that_cannot_be_recorded_run_between_graphs(fake, device, caplog):
    caplog.set_level(logging.INFO, "gpukeras")
    x = Placeholder((4,), "float32")
    before = ops.exp(ops.multiply(ops.sin(x), 2.0))
    y = ops.multiply(ops.add(apply(Doubled(), before), 1.0), ops.cos(x))
    f = Function([x], [y], [], device)
    for i in range(RUNS):
        v = normal(4, seed=i)
        np.testing.assert_allclose(f([v])[0], (2 * np.exp(2 * np.sin(v)) + 1) * np.cos(v), 1e-5)
    assert [g.launches for g in graphs(f, (4,))] == [RUNS - 1] * 2
    (record,) = caplog.records
    assert record.levelname == "INFO" and "doubled" in record.message and "\n" not in record.message


def test_a_surprise_is_logged_once_and_runs_at_once(fake, device, caplog):
    x = Placeholder((4,), "float32")
    f = Function([x], [ops.add(apply(Unexpected(), ops.exp(x)), 1.0)], [], device)
    for i in range(RUNS):
        v = normal(4, seed=i)
        np.testing.assert_allclose(f([v])[0], 2 * np.exp(v) + 1, 1e-5)
    assert graphs(f, (4,)) == []
    (record,) = caplog.records
    assert record.levelname == "WARNING" and "copy to the host" in record.message and "\n" not in record.message
    assert not any(s.is_capturing() for s in fake.machine.all_streams())


def test_an_interrupted_recording_is_made_again(fake, device):
    x = Placeholder((4,), "float32")
    f = Function([x], [ops.exp(ops.sin(x))], [], device)
    v = normal(4)
    f([v])
    replay = f.plan([(4,)]).gpu.replay
    calls = list(replay.calls)

    def interrupted():
        if fake.machine.stream().is_capturing():
            raise KeyboardInterrupt

    replay.calls[:] = [*calls, interrupted]
    with pytest.raises(KeyboardInterrupt):
        f([v])
    assert not any(s.is_capturing() for s in fake.machine.all_streams())
    replay.calls[:] = calls
    for _ in range(3):
        np.testing.assert_allclose(f([v])[0], np.exp(np.sin(v)), 1e-6)
    assert len(replay.graphs) == 1


def test_memory_taken_while_recording_stays_the_plans_own(fake, device):
    x = Placeholder((1000,), "float32")
    f = Function([x], [ops.add(apply(Allocating(), x), 0.0)], [], device)
    for i in range(RUNS):
        np.testing.assert_allclose(f([np.full(1000, i, "float32")])[0], 2.0 * (i + 1))
        # others take what the pool has, and write to it
        fake.get_default_memory_pool().free_all_blocks()
        others = [fake.full((1000,), 1e9, "float32") for _ in range(8)]
    assert len(graphs(f, (1000,))) == 1 and len(others) == 8
    (own,) = [pool for pool in fake.pools if pool is not fake.get_default_memory_pool()]
    assert own.total_bytes() >= 2 * 4000 and own.used_bytes() == 0
    del f, own
    gc.collect()
    assert list(fake.pools) == [fake.get_default_memory_pool()]


def test_an_output_is_the_old_value_of_what_the_step_changes(fake, device):
    w = Variable(np.zeros(2, "float32"), name="w")
    w._device = device
    x = Placeholder((2,), "float32")
    f = Function([x], [w, ops.multiply(w, 2.0)], [(w, ops.add(w, x))], device)
    for i in range(RUNS):
        old, twice = f([np.ones(2, "float32")])
        assert old.tolist() == [i, i] and twice.tolist() == [2 * i, 2 * i]
    assert w.numpy().tolist() == [RUNS, RUNS] and len(graphs(f, (2,))) == 1


def test_one_plan_per_shape_has_its_own_graph(fake, device):
    x = Placeholder((None,), "float32")
    f = Function([x], [ops.exp(ops.sin(x))], [], device)
    for i in range(RUNS):
        for n in (2, 5):
            v = normal(n, seed=i)
            np.testing.assert_allclose(f([v])[0], np.exp(np.sin(v)), 1e-6)
    assert len(graphs(f, (2,))) == len(graphs(f, (5,))) == 1


def test_a_weight_of_another_shape_makes_new_plans(fake, device):
    w = Variable(np.ones(3, "float32"), name="w")
    w._device = device
    w.shape = type(w.shape)((None,))
    f = Function([], [ops.multiply(ops.add(w, 1.0), 2.0)], [], device)
    for _ in range(RUNS):
        assert f([])[0].tolist() == [4, 4, 4]
    w.assign_value(np.zeros(2, "float32"))
    for _ in range(RUNS):
        assert f([])[0].tolist() == [2, 2]


def test_nothing_is_read_or_waited_for_while_a_step_runs(fake, device):
    f, _ = polynomial(device, 0.3)
    plan = f.plan([(2, 3)])
    for i in range(RUNS):
        counts = fake.machine.reads, fake.machine.syncs
        plan.gpu.feed([normal(2, 3, seed=i)])
        plan.gpu.replay()
        assert (fake.machine.reads, fake.machine.syncs) == counts
    with early(fake):
        assert plan.outputs()[1].shape == (2, 3)


@pytest.mark.skipif(simulator.COMPILER is None, reason="no C++ compiler is installed")
def test_a_loop_and_its_gradient_are_one_graph(fake):
    x, w = Placeholder((3, 4, 5), "float32"), Placeholder((5, 5), "float32")

    def step(rows, states):
        h = ops.add(rows[0], ops.matmul(states[0], w))
        return [h], [h]

    ys, states = scan(step, [x], [ops.zeros_like(x[0])])
    outputs = [ys[0], states[0], *gradients(states[0], [x, w])]
    feeds = [normal(3, 4, 5), normal(5, 5, seed=1)]
    want = Function([x, w], outputs, [], Device("/cpu:0", np, "numpy"))(feeds)
    with glue.use(libraries()):
        f = Function([x, w], outputs, [], Device("/gpu:0", fake, "cuda"))
        for _ in range(RUNS):
            got = f(feeds)
        (graph,) = graphs(f, (3, 4, 5), (5, 5))
    assert graph.launches == RUNS - 1
    for g, v in zip(got, want, strict=True):
        np.testing.assert_allclose(g, v, 1e-5, 1e-6)
