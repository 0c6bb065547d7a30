"""Plans by their shape: how many steps, how many bytes, what is written where."""

import numpy as np

from gpukeras import ops
from gpukeras.compiler.function import Function
from gpukeras.compiler.program import Program
from gpukeras.graph.gradient import gradients
from gpukeras.graph.tensor import Placeholder, Variable
from gpukeras.runtime.device import PLAN_ONLY


def names(program):
    return [step.op.name for step in program.steps]


def test_dead_steps_are_dropped():
    x = Placeholder((None, 4))
    ops.exp(x)
    program = Program([ops.tanh(x)], [], {x: (2, 4)})
    assert names(program) == ["tanh"]


def test_equal_steps_are_computed_once():
    x = Placeholder((None, 4))
    program = Program([ops.add(ops.exp(x), ops.exp(x))], [], {x: (2, 4)})
    assert names(program) == ["exp", "add"]


def test_shape_arithmetic_leaves_no_step():
    x = Placeholder((None, 4))
    n = ops.shape(x)[0]
    y = ops.reshape(x, (n * 2, ops.floordiv(ops.shape(x)[1], 2)))
    program = Program([ops.exp(y)], [], {x: (3, 4)})
    assert names(program) == ["exp"]
    assert program.outputs[0].shape == (6, 2)


def test_neutral_elements_and_zero_branches_vanish():
    x = Placeholder((None, 4))
    y = ops.add(ops.multiply(x, 1.0), ops.zeros_like(x))
    program = Program([ops.exp(y)], [], {x: (2, 4)})
    assert names(program) == ["exp"]


def test_only_the_branch_of_a_known_predicate_is_planned():
    phase = Placeholder((), "bool")
    phase.by_value = True
    x = Placeholder((None, 4))
    y = ops.cond(phase, ops.exp(x), ops.tanh(x))
    for value, expected in ((True, ["exp"]), (False, ["tanh"])):
        assert names(Program([y], [], {x: (2, 4)}, {phase: np.asarray(value)})) == expected


def test_transpose_and_reshape_are_views_until_a_copy_is_needed():
    x = Placeholder((None, 3))
    t = ops.transpose(x)
    assert names(Program([ops.exp(t)], [], {x: (2, 3)})) == ["exp"]
    flat = ops.reshape(t, (-1,))
    assert names(Program([ops.exp(flat)], [], {x: (2, 3)})) == ["reshape", "exp"]


def test_a_chain_of_elementwise_steps_needs_one_buffer():
    x = Placeholder((None, 1024))
    y = ops.tanh(ops.exp(ops.negative(x)))
    program = Program([y], [], {x: (4, 1024)})
    assert program.arena_bytes == 4 * 1024 * 4


def test_buffers_are_reused_once_dead():
    x = Placeholder((64, 64))
    y = x
    for _ in range(20):
        y = ops.matmul(y, y)
    assert Program([y], [], {x: (64, 64)}).arena_bytes <= 3 * 64 * 64 * 4


def test_an_update_is_computed_in_the_variable_itself():
    w = Variable(np.ones(8), name="w")
    g = Placeholder((8,))
    program = Program([], [(w, ops.subtract(w, ops.multiply(g, 0.1)))], {g: (8,)})
    assert program.commits == []
    assert list(program.writes.values()) == [w]


def test_an_update_waits_where_the_old_value_is_still_read():
    a = Variable(np.array([1.0]), name="a")
    b = Variable(np.array([10.0]), name="b")
    f = Function([], [a], [(a, ops.add(a, b)), (b, ops.multiply(a, 3.0))])
    np.testing.assert_array_equal(f([])[0], [1])
    assert (a.numpy(), b.numpy()) == ([11], [3])


def test_variables_can_be_swapped():
    a, b = Variable(np.array([1.0])), Variable(np.array([2.0]))
    Function([], [], [(a, b), (b, a)])([])
    assert (a.numpy(), b.numpy()) == ([2], [1])


def test_a_training_step_of_a_dense_layer_has_the_steps_one_would_write_by_hand():
    x, t = Placeholder((None, 8)), Placeholder((None, 2))
    w, b = Variable(np.ones((8, 2)), name="w"), Variable(np.zeros(2), name="b")
    loss = ops.mean(ops.square(ops.subtract(ops.add(ops.matmul(x, w), b), t)))
    gw, gb = gradients(loss, [w, b])
    program = Program(
        [loss],
        [(w, ops.subtract(w, ops.multiply(gw, 0.1))), (b, ops.subtract(b, ops.multiply(gb, 0.1)))],
        {x: (4, 8), t: (4, 2)},
    )
    assert names(program).count("matmul") == 2  # forward, and the kernel's gradient; none for the input's
    assert len(program.steps) <= 16
    assert not program.commits


def test_the_plan_only_device_executes_nothing():
    x = Placeholder((None, 3))
    f = Function([x], [ops.exp(x)], device=PLAN_ONLY)
    assert f([np.ones((2, 3))]) == [None]
    plan = f.plan([(2, 3)])
    assert len(plan.program.steps) == 1 and plan.calls == []
