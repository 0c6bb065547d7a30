"""Shape rules, error messages and plans of shaping, joining and creating."""

from __future__ import annotations

import numpy as np
import pytest

from gpukeras import ops
from gpukeras.compiler.function import Function
from gpukeras.graph.gradient import gradients
from gpukeras.graph.tensor import Placeholder


def ph(*shape, dtype="float32"):
    return Placeholder(shape, dtype)


def steps(inputs, outputs, *shapes):
    """Names of the operations that are left in the plan."""
    plan = Function(inputs, outputs).plan(shapes)
    assert plan is not None
    return [step.op.name for step in plan.program.steps]


@pytest.mark.parametrize(
    "source, target, expected",
    [
        ((None, 4, 5), (-1, 20), (None, 20)),
        ((None, 4, 5), (None, 20), (None, 20)),
        ((2, 4, 5), (-1, 10), (4, 10)),
        ((None, None), (-1,), (None,)),
        ((6,), (2, 3), (2, 3)),
        ((0, 6), (-1, 3), (0, 3)),
        ((0, 6), (0, -1), (0, 0)),
    ],
)
def test_static_shape_of_reshape(source, target, expected):
    assert ops.reshape(ph(*source), target).shape == expected


def test_known_parts_of_shapes_reach_the_static_shape():
    x = ph(None, 4, 5)
    s = ops.shape(x)
    assert s.partial == [None, 4, 5]
    assert ops.reshape(x, (s[0], 20)).shape == (None, 20)
    assert ops.reshape(x, (s[0], s[1] * s[2])).shape == (None, 20)
    assert ops.reshape(x, ops.concatenate([s[:1], np.array([20])], 0)).shape == (None, 20)
    assert ops.reshape(x, (s[0], ops.prod(s[1:]))).shape == (None, 20)
    assert ops.tile(x, (1, s[1], 2)).shape == (None, 16, 10)
    assert ops.fill((s[1], s[0]), 0.0).shape == (4, None)
    assert ops.arange(s[1]).shape == (4,)
    assert ops.broadcast_to(ph(5), ops.stack([s[1], s[2]])).shape == (4, 5)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: ops.reshape(ph(2, 3), (4, 2)), r"shape \(2, 3\) has 6 elements.*\(4, 2\)"),
        (lambda: ops.reshape(ph(2, 3), (-1, 4)), r"6 elements"),
        (lambda: ops.reshape(ph(2, 3), (-1, -1)), "more than one -1"),
        (lambda: ops.squeeze(ph(2, 3), 1), r"axis 1 of shape \(2, 3\) has length 3"),
        (lambda: ops.squeeze(ph(2, 3), 2), "axis 2 is out of range for a tensor with 2 axes"),
        (lambda: ops.expand_dims(ph(2), 3), "axis 3 is out of range"),
        (lambda: ops.transpose(ph(2, 3), (0, 0)), r"\(0, 0\) is not a permutation of the 2 axes of \(2, 3\)"),
        (lambda: ops.transpose(ph(2, 3), (0, 1, 2)), "not a permutation"),
        (lambda: ops.broadcast_to(ph(2, 3), (2, 4)), r"\(2, 3\) does not broadcast to \(2, 4\)"),
        (lambda: ops.broadcast_to(ph(2, 3), (3,)), "more axes than the target"),
        (lambda: ops.reverse(ph(2), 1), "axis 1 is out of range"),
        (lambda: ops.concatenate([]), "at least one tensor"),
        (lambda: ops.concatenate([ph(2, 3), ph(3, 3)], 1), r"\[\(2, 3\), \(3, 3\)\].*axis 0 differs"),
        (lambda: ops.concatenate([ph(2, 3), ph(3)], 0), "number of axes"),
        (lambda: ops.stack([]), "at least one tensor"),
        (lambda: ops.stack([ph(2), ph(3)]), "differs"),
        (lambda: ops.split(ph(2, 6), 4, 1), "into 4 equal pieces"),
        (lambda: ops.split(ph(None, 6), 2, 0), "into 2 equal pieces"),
        (lambda: ops.split(ph(6), (1, 2)), r"pieces \(1, 2\) do not add up"),
        (lambda: ops.unstack(ph(None, 2)), "must be known"),
        (lambda: ops.pad(ph(2, 3), ((1, 1),)), "1 pairs of paddings"),
        (lambda: ops.pad(ph(2), ((-1, 1),)), "must not be negative"),
        (lambda: ops.arange(ops.shape(ph(3))[0], 5, 0), "step must not be 0"),
    ],
)
def test_bad_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_one_hot_of_floats_is_refused():
    with pytest.raises(TypeError, match="expected integer indices, got float32"):
        ops.one_hot(ph(3), 4)


def test_reshape_fails_at_the_call_when_the_sizes_differ():
    x = ph(None, None)
    f = Function([x], [ops.reshape(x, (-1, 4))])
    assert f([np.zeros((2, 6), "float32")])[0].shape == (3, 4)
    with pytest.raises(ValueError, match=r"shape \(2, 3\) has 6 elements"):
        f([np.zeros((2, 3), "float32")])


def test_views_leave_no_steps():
    x = ph(None, 4, 6)
    y = ops.reshape(ops.reverse(ops.transpose(ops.expand_dims(x, 1), (0, 2, 1, 3)), 0), (-1, 4, 6))
    assert steps([x], [ops.squeeze(ops.expand_dims(y, 0), 0)], (2, 4, 6)) == []


def test_split_is_views_and_its_gradient_one_concatenation():
    x = ph(2, 6)
    a, b = ops.split(x, 2, 1)
    assert steps([x], [a, b], (2, 6)) == []
    (dx,) = gradients([ops.multiply(a, a), b], [x])
    assert steps([x], [dx], (2, 6)).count("concatenate") == 1
    assert "unindex" not in steps([x], [dx], (2, 6))


def test_shape_arithmetic_leaves_no_steps():
    x = ph(None, 4)
    s = ops.shape(x)
    assert steps([x], [s[0] * s[1] + 1, ops.size(x), ops.stack([s[1], s[0]])], (3, 4)) == []


def test_trivial_operations_vanish():
    x = ph(None, 4)
    same = [
        ops.reshape(x, ops.shape(x)),
        ops.broadcast_to(x, ops.shape(x)),
        ops.transpose(x, (0, 1)),
        ops.tile(x, (1, 1)),
        ops.repeat(x, 1, 0),
        ops.pad(x, ((0, 0), (0, 0))),
        ops.concatenate([x]),
        x[:, :],
        x[0:],
    ]
    assert steps([x], same, (3, 4)) == []


def test_uniform_values_stay_uniform():
    x = ph(None, 4)
    zeros = ops.zeros_like(x)
    moved = ops.tile(ops.reshape(ops.concatenate([zeros, zeros], 0), (-1,)), (2,))
    assert steps([x], [ops.reshape(moved, (-1, 4))[:3] + x], (3, 4)) == []


def test_unknown_rank_passes_through():
    x = Placeholder(None, "float32")
    y = ops.reshape(ops.transpose(x), (-1,))
    assert y.shape in (None, (None,))
    got = Function([x], [y])([np.arange(6, dtype="float32").reshape(2, 3)])[0]
    np.testing.assert_array_equal(got, [0, 3, 1, 4, 2, 5])


def test_zeros_like_of_unknown_shapes():
    x = Placeholder(None, "float32")
    got = Function([x], [ops.zeros_like(x), ops.ones_like(x, "int32")])([np.full((2, 3), 5, "float32")])
    np.testing.assert_array_equal(got[0], np.zeros((2, 3)))
    np.testing.assert_array_equal(got[1], np.ones((2, 3)))
    assert ops.zeros_like(ph(None, 3)).shape == (None, 3)


def test_big_fill_holds_no_memory():
    x = ph(1)
    plan = Function([x], [ops.sum(ops.fill((1000, 1000), 2.0) * x)]).plan([(1,)])
    assert plan.program.arena_bytes < 8e6
