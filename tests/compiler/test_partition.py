"""Plans for several devices: who runs what when, and that nobody writes where another reads."""

import threading

import numpy as np
import pytest

from gpukeras import ops
from gpukeras.compiler.function import Function
from gpukeras.compiler.lowering import Lowering
from gpukeras.compiler.program import Program
from gpukeras.graph.gradient import gradients
from gpukeras.graph.scope import device_scope
from gpukeras.graph.tensor import Placeholder, Variable
from gpukeras.runtime import lanes
from gpukeras.runtime.collectives import reduce_calls


@pytest.fixture(autouse=True)
def three_devices(monkeypatch):
    monkeypatch.setenv("GPUKERAS_VIRTUAL_DEVICES", "3")


def shared(parts=3):
    """A batch shared among devices: loss, gradient of the weight, inputs."""
    x, w = Placeholder((None, 4), "float32"), Variable(np.random.rand(4, 5).astype("float32"))
    results = []
    for i in range(parts):
        with device_scope(f"/gpu:{i}"):
            results.append(ops.tanh(ops.matmul(ops.replica_rows(x, i, parts), w)))
    y = ops.concatenate(results, 0)
    loss = ops.sum(ops.multiply(y, y))
    return x, w, loss, gradients(loss, [w])[0]


def overlap(a, b):
    return a[0] < b[1] and b[0] < a[1]


def test_phases_alternate_and_lanes_do_the_same_work():
    x, w, loss, g = shared()
    p = Program([loss], [(w, ops.subtract(w, g))], {x: (6, 4)}, lane_of=lanes.lane_of)
    assert [(phase, lane) for phase, lane, _ in p.segments if lane] == [(1, 1), (1, 2), (1, 3), (3, 1), (3, 2), (3, 3)]
    assert sum(count for *_, count in p.segments) == len(p.steps)
    assert all(phase % 2 == (lane > 0) for phase, lane, _ in p.segments)
    made = set()
    for step in p.steps:
        assert all(v.root in made or v.root.step is None for v in step.ins)
        made.update(step.outs)


def test_lanes_share_no_memory():
    x, w, loss, g = shared()
    p = Program([loss], [(w, ops.subtract(w, g))], {x: (6, 4)}, lane_of=lanes.lane_of)
    for phase in (1, 3):
        places = {}
        first = 0
        for at, lane, count in p.segments:
            for step in p.steps[first : first + count]:
                if at == phase:
                    blocks = [(p.offsets[v], p.offsets[v] + v.nbytes) for v in step.outs if v in p.offsets]
                    places.setdefault(lane, []).extend(blocks)
                    for v in step.ins:
                        if v.root in p.offsets and v.root.step is not None and v.root.step.lane != lane:
                            places.setdefault("read", []).append((p.offsets[v.root], p.offsets[v.root] + v.root.nbytes))
            first += count
        names = list(places)
        for i, one in enumerate(names):
            for other in names[:i]:
                assert not any(overlap(a, b) for a in places[one] for b in places[other]), (phase, one, other)


def test_one_lane_without_virtual_devices(monkeypatch):
    monkeypatch.delenv("GPUKERAS_VIRTUAL_DEVICES")
    assert lanes.lanes() is None
    x, _, loss, _ = shared()
    assert len(Program([loss], [], {x: (6, 4)}, lane_of=lanes.lanes()).segments) == 1


@pytest.mark.parametrize(("rows", "inputs"), [(6, 3), (2, 0)])
def test_devices_with_memories_of_their_own_add_up_themselves(rows, inputs):
    x, _, _, g = shared()
    lowering = Lowering({x: (rows, 4)}, lane_of=lanes.lane_of, reduces=lambda: True)
    lowering.lower([g])
    assert [len(step.ins) for step in lowering.steps if step.op.name == "total"] == [inputs] * (inputs > 0)


@pytest.mark.parametrize("rows", [1, 2, 3, 7, 9])
def test_gradients_are_those_of_one_device(rows):
    x, w, loss, g = shared()
    data = np.random.rand(rows, 4).astype("float32")
    value, grad = Function([x], [loss, g])([data])
    y = np.tanh(data @ w.numpy())
    np.testing.assert_allclose(value, (y**2).sum(), rtol=1e-5)
    np.testing.assert_allclose(grad, data.T @ (2 * y * (1 - y**2)), rtol=1e-4, atol=1e-6)


def test_many_runs_give_the_same():
    x, w, loss, g = shared()
    f = Function([x], [loss, g])
    data = np.random.rand(9, 4).astype("float32")
    value, grad = f([data])
    for _ in range(200):
        again = f([data])
        assert again[0] == value
        np.testing.assert_array_equal(again[1], grad)


def test_second_derivatives_pass_the_devices():
    x, w, loss, g = shared()
    (second,) = gradients(ops.sum(ops.multiply(g, g)), [w])
    data = np.random.rand(7, 4).astype("float32")
    y, z = Placeholder((None, 4), "float32"), ops.tanh
    alone = z(ops.matmul(y, w))
    (g1,) = gradients(ops.sum(ops.multiply(alone, alone)), [w])
    (second1,) = gradients(ops.sum(ops.multiply(g1, g1)), [w])
    for rows in (7, 2):
        ours, theirs = Function([x], [second])([data[:rows]])[0], Function([y], [second1])([data[:rows]])[0]
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def test_what_has_no_rows_is_empty_when_asked_for():
    x = Placeholder((None, 4), "float32")
    first, last = ops.replica_rows(x, 0, 3), ops.replica_rows(x, 2, 3)
    out = Function([x], [first, ops.mean(first), last, ops.total([ops.mean(first), ops.mean(last)])])
    rows, mean, others, both = out([np.ones((2, 4), "float32")])
    assert rows.shape == (0, 4) and np.isnan(mean) and others.shape == (2, 4) and both == 1


def test_updates_without_rows_do_not_happen():
    x, seen = Placeholder((None, 1), "float32"), Variable(np.float32(7))
    f = Function([x], [], [(seen, ops.mean(ops.replica_rows(x, 0, 2)))])
    f([np.ones((1, 1), "float32")])
    assert seen.numpy() == 7
    f([np.ones((2, 1), "float32")])
    assert seen.numpy() == 1


def test_branches_run_at_the_same_time():
    meeting = threading.Barrier(3, timeout=20)
    lanes.Fork([[meeting.wait]] * 3)()  # alone, each would wait for the others for ever


def test_an_error_in_a_branch_is_raised_when_all_have_ended():
    ended = []

    def fails():
        raise ZeroDivisionError("lane")

    for branches in ([[fails], [lambda: ended.append(1)]], [[lambda: ended.append(1)], [fails]]):
        with pytest.raises(ZeroDivisionError, match="lane"):
            lanes.Fork(branches)()
    assert len(ended) == 2


@pytest.mark.parametrize("text", ["0", "two", "-1", "1000"])
def test_numbers_of_devices_that_cannot_be(monkeypatch, text):
    monkeypatch.setenv("GPUKERAS_VIRTUAL_DEVICES", text)
    with pytest.raises(ValueError, match="GPUKERAS_VIRTUAL_DEVICES should be a number from 1 to 64, got"):
        lanes.virtual_devices()


@pytest.mark.parametrize(
    ("name", "lane"),
    [
        (None, 0),
        ("/cpu:0", 0),
        ("/gpu:0", 1),
        ("/device:GPU:2", 3),
        ("/job:localhost/replica:0/task:0/device:GPU:1", 2),
        ("/gpu:3", 0),
        ("gpu:1", 2),
    ],
)
def test_names_of_devices(name, lane):
    assert lanes.lane_of(name) == lane


@pytest.mark.parametrize("count", [1, 2, 4])
def test_sums_of_arrays(count):
    arrays = [np.random.rand(5).astype("float32") for _ in range(count)]
    out = np.empty(5, "float32")
    for call in reduce_calls(np, arrays, out):
        call()
    np.testing.assert_allclose(out, sum(arrays), rtol=1e-6)
