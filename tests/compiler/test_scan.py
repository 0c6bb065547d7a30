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


def test_random_numbers_of_an_inner_loop_agree_in_the_gradient():
    x = Placeholder((5, 4, 3), "float64")

    def inner(xs, states):
        y = ops.multiply(xs[0], ops.random_uniform((3,), dtype="float64"))
        return [], [ops.add(states[0], ops.square(y))]

    def outer(xs, states):
        _, (total,) = scan(inner, [xs[0]], [ops.zeros_like(xs[0][0])])
        return [total], []

    (ys,), _ = scan(outer, [x])
    assert ys.node.op.stateful
    (g,) = gradients(ops.sum(ys), [x])
    value = np.random.default_rng(3).normal(size=(5, 4, 3))
    f = Function([x], [ys, g])
    y, gx = f([value])
    # every term is (x r)^2 with gradient 2 x r^2, so sum(x * gradient) = 2 * sum(terms)
    np.testing.assert_allclose((value * gx).sum(1), 2 * y, rtol=1e-12)
    assert (f([value])[0] != y).any()


def test_loop_in_a_loop():
    w = Variable(np.random.default_rng(4).normal(size=(3, 3)), dtype="float64")
    x = Placeholder((None, 4, 2, 3), "float64")

    def outer(xs, states):
        _, (h,) = scan(tanh_cell(w), [xs[0]], [states[0]])
        return [h], [h]

    (ys,), (final,) = scan(outer, [x], [ops.zeros_like(x[0][0])])
    f = Function([x], [ys, final, *gradients(ops.sum(ops.sin(ys)), [x, w])])
    xv, wv = np.random.default_rng(5).normal(size=(2, 4, 2, 3)), w.numpy()

    def run():
        h, out = np.zeros((2, 3)), []
        for part in xv:
            _, h = loop(part, h, wv, False)
            out.append(h)
        return np.stack(out)

    got = f([xv])
    np.testing.assert_allclose(got[0], run(), rtol=1e-12)
    np.testing.assert_allclose(got[1], run()[-1], rtol=1e-12)
    for g, a in zip(got[2:], (xv, wv), strict=True):
        np.testing.assert_allclose(g, numeric(lambda: np.sin(run()).sum(), a), rtol=1e-6, atol=1e-8)


def test_slices_and_states_that_are_single_numbers():
    x = Placeholder((None,), "float64")

    def step(xs, states):
        s = ops.add(ops.multiply(states[0], 2.0), xs[0])
        return [ops.square(s)], [s]

    (ys,), (final,) = scan(step, [x], [ops.add(ops.multiply(x[0], 0.0), 1.0)])
    f = Function([x], [ys, final, *gradients(final, [x])])
    y, last, g = f([np.array([1.0, 2.0, 3.0])])
    np.testing.assert_allclose(y, [9, 64, 19**2])
    np.testing.assert_allclose(last, 19)
    np.testing.assert_allclose(g[1:], [2, 1])


@pytest.mark.parametrize("reverse", [False, True])
def test_no_steps(reverse):
    x, h = Placeholder((None, 2), "float64"), Placeholder((2,), "float64")
    (ys,), (final,) = scan(lambda xs, s: ([xs[0]], [ops.add(s[0], xs[0])]), [x], [h], reverse=reverse)
    y, last, g = Function([x, h], [ys, final, *gradients(ops.sum(final), [h])])([np.zeros((0, 2)), np.ones(2)])
    assert y.shape == (0, 2)
    np.testing.assert_array_equal(last, [1, 1])
    np.testing.assert_array_equal(g, [1, 1])


def test_states_must_keep_their_shape():
    x, h = Placeholder((3, 2)), Placeholder((2,))
    with pytest.raises(ValueError, match=r"state 0 has shape \(2,\) before the step and \(4,\) after it"):
        scan(lambda xs, s: ([], [ops.concatenate([s[0], xs[0]], 0)]), [x], [h])


def test_steps_share_the_buffers_of_what_nobody_reads():
    """A plan of more steps takes no more memory than its sequences do."""
    x = Placeholder((None, 1000), "float64")

    def step(xs, states):
        h = ops.tanh(ops.add(xs[0], states[0]))
        return [ops.exp(h)], [h]

    _, (final,) = scan(step, [x], [ops.zeros_like(x[0])])
    f = Function([x], [final])
    arenas = []
    for steps in (10, 20):
        f([np.zeros((steps, 1000))])
        arenas.append(f.plan([(steps, 1000)]).program.arena_bytes)
    assert arenas[1] - arenas[0] <= 11 * 8000


def test_gradient_keeps_only_the_states_it_reads():
    x = Placeholder((6, 3), "float64")

    def step(xs, states):
        total, product = states
        return [], [ops.add(total, ops.square(xs[0])), ops.multiply(product, xs[0])]

    _, (total, product) = scan(step, [x], [ops.zeros_like(x[0]), ops.ones_like(x[0])])
    for loss, histories in ((total, 0), (product, 1), (ops.add(total, product), 1)):
        (g,) = gradients(ops.sum(loss), [x])
        kept = [t for t in g.node.inputs if t.node is total.node and t.index >= 2]
        assert len(kept) == histories
        value = np.random.default_rng(6).normal(size=(6, 3))

        def expected(loss=loss, value=value):
            return (loss is not product) * (value**2).sum() + (loss is not total) * np.prod(value, 0).sum()

        np.testing.assert_allclose(Function([x], [g])([value])[0], numeric(expected, value), rtol=1e-6, atol=1e-8)


def test_sizes_that_come_from_outside_keep_the_plan():
    x = Placeholder((None, None), "float64")
    n = ops.floordiv(ops.shape(x)[1], 2)
    (ys,), _ = scan(lambda xs, _: ([ops.reshape(xs[0], ops.stack([n, 2]))], []), [x])
    f = Function([x], [ys])
    a = np.arange(12.0).reshape(2, 6)
    np.testing.assert_array_equal(f([a])[0], a.reshape(2, 3, 2))
    assert f.plan([(2, 6)]) is not None


@pytest.mark.parametrize("reverse", [False, True])
def test_sizes_that_differ_from_step_to_step(reverse):
    x, w = Placeholder((None, None), "float64"), Variable(np.array([0.5, -1.0, 2.0, 3.0]), dtype="float64")
    ends = Placeholder((None,), "int32")

    def step(xs, states):
        row, end = xs
        total = ops.add(states[0], ops.sum(ops.multiply(row[:end], w[:end])))
        return [total], [total]

    zero = ops.zeros_like(ops.sum(x))
    (ys,), (last,) = scan(step, [x, ends], [zero], reverse=reverse)
    loss = ops.sum(ops.square(ys))
    f = Function([x, ends], [ys, last, *gradients(loss, [x, w])])
    rng = np.random.default_rng(0)
    a, e = rng.normal(size=(3, 4)), np.array([2, 4, 0])

    def plain():
        sums = np.array([(row[:n] * w.numpy()[:n]).sum() for row, n in zip(a, e, strict=True)])
        return np.cumsum(sums[::-1])[::-1] if reverse else np.cumsum(sums)

    got = f([a, e])
    assert f.plan([(3, 4), (3,)]) is None
    np.testing.assert_allclose(got[0], plain())
    np.testing.assert_allclose(got[1], plain()[0 if reverse else -1])
    np.testing.assert_allclose(got[2], numeric(lambda: (plain() ** 2).sum(), a), atol=1e-6)
    v = w.numpy().copy()

    def with_weights():
        w.assign_value(v)
        return (plain() ** 2).sum()

    np.testing.assert_allclose(got[3], numeric(with_weights, v), atol=1e-6)


def test_steps_whose_results_differ_in_shape_are_refused():
    x, ends = Placeholder((None, None), "float64"), Placeholder((None,), "int32")
    (ys,), _ = scan(lambda xs, _: ([xs[0][: xs[1]]], []), [x, ends])
    with pytest.raises(ValueError, match=r"one shape, got \(1,\), \(2,\)"):
        Function([x, ends], [ys])([np.ones((2, 3)), np.array([1, 2])])


def test_known_shapes_with_sizes_that_depend_on_data_inside():
    x = Variable(np.arange(12.0).reshape(3, 4), dtype="float64")
    (ys,), _ = scan(lambda xs, _: ([ops.sum(ops.square(ops.boolean_mask(xs[0], ops.greater(xs[0], 2.0))))], []), [x])
    (g,) = gradients(ops.sum(ys), [x])
    value, slope = Function([], [ys, g])([])
    np.testing.assert_array_equal(value, [9, 126, 366])
    np.testing.assert_array_equal(slope, np.where(x.numpy() > 2, 2 * x.numpy(), 0))


def test_steps_reshape_what_is_strided_outside():
    x, w = Placeholder((None, None, None), "float64"), Placeholder((None, None), "float64")
    seq, const = ops.transpose(x, (2, 1, 0)), ops.transpose(w, (1, 0))
    flat = lambda t: ops.reshape(t, (-1,))
    (ys,), _ = scan(lambda xs, _: ([ops.multiply(flat(xs[0]), flat(const))], []), [seq])
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 3, 4)), rng.normal(size=(2, 3))
    got = Function([x, w], [ys])([a, b])[0]
    np.testing.assert_allclose(got, a.T.reshape(4, -1) * b.T.reshape(-1))
