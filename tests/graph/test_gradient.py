"""Reverse-mode gradients on graphs."""

import numpy as np
import pytest

from gpukeras import ops
from gpukeras.compiler.function import Function
from gpukeras.graph.gradient import gradients
from gpukeras.graph.tensor import Placeholder, Variable, as_tensor


def test_unconnected_and_integer_paths_give_none():
    x = Placeholder((None, 3), "float32")
    n = Placeholder((None,), "int32")
    other = Variable(np.zeros(3), name="other")
    loss = ops.sum(ops.add(x, ops.cast(ops.expand_dims(n, 1), "float32")))
    assert [g is None for g in gradients(loss, [x, n, other])] == [False, True, True]


def test_stop_gradient_blocks_a_path():
    x = Variable(np.array([1.0, 2.0]))
    loss = ops.sum(ops.multiply(ops.stop_gradient(x), x))
    (g,) = gradients(loss, [x])
    np.testing.assert_array_equal(Function([], [g])([])[0], [1, 2])


def test_a_tensor_used_twice_gets_the_sum():
    x = Variable(np.array([3.0]))
    y = ops.multiply(x, x)
    (g,) = gradients(ops.add(y, x), [x])
    assert Function([], [g])([])[0] == 7


def test_gradient_of_gradient():
    x = Variable(np.array([2.0], "float64"), dtype="float64")
    (g,) = gradients(ops.sum(ops.pow(x, 3.0)), [x])
    (gg,) = gradients(ops.sum(g), [x])
    assert Function([], [gg])([])[0] == pytest.approx(12)


def test_gradient_with_respect_to_intermediate_and_fed_tensors():
    x = Placeholder((None, 2), "float32")
    h = ops.multiply(x, 3.0)
    gx, gh = gradients(ops.sum(ops.square(h)), [x, h])
    got = Function([x], [gx, gh])([np.ones((1, 2))])
    np.testing.assert_array_equal(got, [[[18, 18]], [[6, 6]]])


def test_broadcast_operands_get_gradients_of_their_own_shape():
    x = Placeholder((None, 3), "float64")
    b = Variable(np.zeros(3), dtype="float64")
    s = Variable(np.ones(()), dtype="float64")
    grads = gradients(ops.sum(ops.multiply(ops.add(x, b), s)), [x, b, s])
    gx, gb, gs = Function([x], grads)([np.arange(6.0).reshape(2, 3)])
    np.testing.assert_array_equal(gx, np.ones((2, 3)))
    np.testing.assert_array_equal(gb, [2, 2, 2])
    assert gs == 15


def test_an_unknown_axis_that_is_one_at_run_time_is_summed():
    x = Placeholder((None, 2), "float32")
    y = Placeholder((None, 2), "float32")
    gx, gy = gradients(ops.sum(ops.multiply(x, y)), [x, y])
    got = Function([x, y], [gx, gy])([np.ones((1, 2)), np.ones((4, 2))])
    assert [g.shape for g in got] == [(1, 2), (4, 2)]
    np.testing.assert_array_equal(got[0], [[4, 4]])


def test_a_deep_graph_does_not_exhaust_the_stack():
    x = Variable(np.array(1.0))
    y = as_tensor(0.0)
    for _ in range(3000):
        y = ops.add(ops.tanh(y), x)
    (g,) = gradients(y, [x])
    assert np.isfinite(Function([], [g])([])[0])
