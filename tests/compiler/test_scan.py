"""Loops over time against plain Python loops."""

import numpy as np
import pytest

from gpukeras import ops
from gpukeras.compiler.function import Function
from gpukeras.compiler.scan import scan
from gpukeras.graph.gradient import gradients
from gpukeras.graph.tensor import Placeholder, Variable


def tanh_cell(w):
    def step(xs, states):
        h = ops.tanh(ops.add(xs[0], ops.matmul(states[0], w)))
        return [h], [h]

    return step


def loop(x, h, w, reverse):
    ys = np.zeros((len(x), *h.shape))
    for t in reversed(range(len(x))) if reverse else range(len(x)):
        h = np.tanh(x[t] + h @ w)
        ys[t] = h
    return ys, h


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("steps", [1, 2, 5])
def test_outputs_and_final_state(reverse, steps):
    rng = np.random.default_rng(0)
    x, h0 = Placeholder((None, None, 3), "float64"), Placeholder((None, 3), "float64")
    w = Variable(rng.normal(size=(3, 3)), dtype="float64")
    (ys,), (final,) = scan(tanh_cell(w), [x], [h0], reverse=reverse)
    assert tuple(ys.shape) == (None, None, 3)
    xv, hv = rng.normal(size=(steps, 2, 3)), rng.normal(size=(2, 3))
    got = Function([x, h0], [ys, final])([xv, hv])
    for a, b in zip(got, loop(xv, hv, w.numpy(), reverse), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


def numeric(f, a, eps=1e-6):
    g = np.zeros_like(a)
    for i in np.ndindex(*a.shape):
        keep = a[i]
        a[i] = keep + eps
        up = f()
        a[i] = keep - eps
        down = f()
        a[i] = keep
        g[i] = (up - down) / (2 * eps)
    return g


@pytest.mark.parametrize("reverse", [False, True])
def test_gradients_of_inputs_states_and_captured_weights(reverse):
    rng = np.random.default_rng(1)
    x, h0 = Placeholder((None, 2, 3), "float64"), Placeholder((2, 3), "float64")
    w = Variable(rng.normal(size=(3, 3)), dtype="float64")
    (ys,), (final,) = scan(tanh_cell(w), [x], [h0], reverse=reverse)
    loss = ops.add(ops.sum(ops.square(ys)), ops.sum(final))
    f = Function([x, h0], gradients(loss, [x, h0, w]))
    xv, hv, wv = rng.normal(size=(4, 2, 3)), rng.normal(size=(2, 3)), w.numpy()
    got = f([xv, hv])

    def value():
        ys, h = loop(xv, hv, wv, reverse)
        return (ys**2).sum() + h.sum()

    for g, a in zip(got, (xv, hv, wv), strict=True):
        np.testing.assert_allclose(g, numeric(value, a), rtol=1e-6, atol=1e-8)


def test_gradient_of_gradient():
    x = Placeholder((3, 2), "float64")

    def step(xs, states):
        s = ops.multiply(states[0], xs[0])
        return [s], [s]

    _, (final,) = scan(step, [x], [ops.ones_like(x[0])])
    (g,) = gradients(ops.sum(final), [x])
    (gg,) = gradients(ops.sum(ops.square(g)), [x])
    xv = np.random.default_rng(2).normal(size=(3, 2))

    def value():
        return sum((np.prod(np.delete(xv, i, 0), 0) ** 2).sum() for i in range(3))

    np.testing.assert_allclose(Function([x], [gg])([xv])[0], numeric(value, xv), rtol=1e-5)


def test_what_does_not_depend_on_the_step_is_captured_once():
    x = Placeholder((None, 3))
    w = Variable(np.ones(3))
    outer = ops.exp(w)
    (ys,), _ = scan(lambda xs, states: ([ops.multiply(xs[0], outer)], []), [x])
    assert outer in ys.node.inputs and w not in ys.node.inputs


def test_random_numbers_inside_differ_by_step_and_agree_in_the_gradient():
    x = Placeholder((50, 4), "float64")
    (ys,), _ = scan(lambda xs, s: ([ops.multiply(xs[0], ops.random_uniform((4,), dtype="float64"))], []), [x])
    (g,) = gradients(ops.sum(ys), [x])
    y, gx = Function([x], [ys, g])([np.ones((50, 4))])
    np.testing.assert_array_equal(y, gx)
    assert len(np.unique(y)) == y.size


def test_sequences_of_different_lengths_are_refused():
    x, y = Placeholder((3, 2)), Placeholder((4, 2))
    with pytest.raises(ValueError, match="3 and 4 steps"):
        scan(lambda xs, s: ([ops.add(xs[0], xs[1])], []), [x, y])
