"""Elementwise groups over large arrays: the same numbers as step by step, in fewer passes, written in place."""

import numpy as np
import pytest

from gpukeras import ops
from gpukeras.compiler import blocked, program
from gpukeras.compiler.function import Function
from gpukeras.compiler.program import Program
from gpukeras.graph.tensor import Placeholder, Variable


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(blocked, "MIN_SIZE", 64)
    monkeypatch.setattr(blocked, "BLOCK", 32)


def names(p):
    return [step.op.name for step in p.steps]


def ungrouped(function, feeds, monkeypatch):
    with monkeypatch.context() as m:
        m.setattr(program, "group_elementwise", lambda steps, needed: steps)
        return function()(feeds)


def adam_like(shape):
    w = Variable(np.linspace(-1, 1, int(np.prod(shape))).reshape(shape), name="w")
    m, v = Variable(np.full(shape, 0.5), name="m"), Variable(np.full(shape, 0.25), name="v")
    g = Placeholder(shape)
    new_m = ops.add(ops.multiply(m, 0.9), ops.multiply(g, 0.1))
    new_v = ops.add(ops.multiply(v, 0.99), ops.multiply(ops.square(g), 0.01))
    new_w = ops.subtract(w, ops.divide(ops.multiply(new_m, 0.1), ops.add(ops.sqrt(new_v), 1e-3)))
    return g, [w, m, v], [(m, new_m), (v, new_v), (w, new_w)]


@pytest.mark.parametrize("shape", [(100,), (7, 33), (3, 3, 16), (1, 130)])
def test_an_optimizer_update_is_one_step_in_the_variables_themselves(shape):
    g, variables, updates = adam_like(shape)
    p = Program([], updates, {g: shape})
    assert names(p) == ["blocked"]
    assert p.commits == [] and set(p.writes.values()) == set(variables)


@pytest.mark.parametrize("shape", [(100,), (7, 33), (3, 3, 16), (1, 130)])
def test_an_optimizer_update_gives_the_numbers_of_single_steps(shape, monkeypatch):
    feed = [np.random.default_rng(0).normal(size=shape).astype("float32")]
    results = []
    for grouped in (True, False):
        g, variables, updates = adam_like(shape)
        f = Function([g], [], updates)
        if grouped:
            f(feed)
        else:
            ungrouped(lambda f=f: f, feed, monkeypatch)
        results.append([v.numpy() for v in variables])
    for a, b in zip(*results, strict=True):
        np.testing.assert_array_equal(a, b)


def test_rows_with_a_broadcast_bias_are_cut_along_the_first_axis(monkeypatch):
    x, b = Placeholder((None, 10)), Variable(np.arange(10.0), name="b")
    y = ops.exp(ops.negative(ops.relu(ops.add(x, b))))
    assert names(Program([y], [], {x: (19, 10)})) == ["blocked"]
    data = np.random.default_rng(1).normal(size=(19, 10)).astype("float32")
    np.testing.assert_array_equal(
        Function([x], [y])([data])[0], ungrouped(lambda: Function([x], [y]), [data], monkeypatch)[0]
    )


def test_values_read_later_are_kept_and_others_never_leave_the_block():
    x = Placeholder((None,))
    kept = ops.exp(x)
    y = ops.tanh(ops.negative(kept))
    p = Program([y, ops.sum(kept)], [], {x: (1000,)})
    (group,) = [step for step in p.steps if step.op.name == "blocked"]
    assert len(group.op.steps) == 3 and len(group.outs) == 2
    data = np.linspace(0, 1, 1000, dtype="float32")
    out, total = Function([x], [y, ops.sum(kept)])([data])
    np.testing.assert_allclose(total, np.exp(data).sum(), rtol=1e-6)
    np.testing.assert_allclose(out, np.tanh(-np.exp(data)), rtol=1e-6)


def test_an_old_value_read_after_the_new_one_is_not_overwritten():
    w = Variable(np.full(100, 2.0), name="w")
    new = ops.add(w, 1.0)
    late = ops.multiply(ops.exp(new), w)  # reads the old value after the new one was made
    f = Function([], [late], [(w, new)])
    np.testing.assert_allclose(f([])[0], np.exp(3.0) * 2.0, rtol=1e-6)
    np.testing.assert_array_equal(w.numpy(), 3)


def test_a_view_of_what_the_group_makes_ends_the_group():
    x = Placeholder((8, 16))
    y = ops.exp(x)
    z = ops.add(y, ops.reverse(y, 0))
    p = Program([ops.tanh(z)], [], {x: (8, 16)})
    assert [s.op.name for s in p.steps if s.op.name != "blocked"] == ["exp"]
    data = np.random.default_rng(2).normal(size=(8, 16)).astype("float32")
    e = np.exp(data)
    np.testing.assert_allclose(Function([x], [ops.tanh(z)])([data])[0], np.tanh(e + e[::-1]), rtol=1e-6)
