"""K.rnn, K.map_fn, K.foldl and K.foldr against plain loops. Numbers of 2.2.4: layers/test_recurrent_golden.py."""

import numpy as np
import pytest

from gpukeras import backend as K

RNG = np.random.RandomState(7)
X = RNG.randn(3, 5, 4)
H = RNG.randn(3, 2)
W, U = RNG.randn(4, 2), RNG.randn(2, 2)
MASK = np.array([[0, 1, 1, 0, 1], [1, 1, 0, 0, 0], [1, 1, 1, 1, 1]])


def loop(x, h, mask=None, backwards=False, unrolled=False):
    """h' = tanh(x W + h U), y = 2 h': the output is no state, but has its shape."""
    outputs = []
    for t in reversed(range(x.shape[1])) if backwards else range(x.shape[1]):
        new = np.tanh(x[:, t] @ W + h @ U)
        y = 2 * new
        if mask is not None:
            keep = mask[:, t, None] != 0
            before = h if not unrolled else outputs[-1] if outputs else np.zeros_like(y)
            y = np.where(keep, y, before)
            new = np.where(keep, new, h)
        outputs.append(y)
        h = new
    return outputs[-1], np.stack(outputs, 1), h


@pytest.fixture(autouse=True)
def _float64():
    K.set_floatx("float64")
    yield
    K.set_floatx("float32")


def step(w, u):
    def one(x, states):
        h = K.tanh(K.dot(x, w) + K.dot(states[0], u))
        return 2 * h, [h]

    return one


@pytest.mark.parametrize("shape", [(3, 5, 4), (None, 5, 4), (None, None, 4)])
@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("unroll", [False, True])
def test_outputs_and_states(shape, backwards, masked, unroll):
    if unroll and shape[1] is None:
        shape = (None, 5, 4)
    x, h = K.placeholder(shape), K.placeholder((shape[0], 2))
    mask = K.placeholder(shape[:2]) if masked else None
    last, outputs, states = K.rnn(
        step(K.constant(W), K.constant(U)), x, [h], go_backwards=backwards, mask=mask, unroll=unroll
    )
    assert K.int_shape(outputs) == (*shape[:2], 2)
    assert K.int_shape(last) == (shape[0], 2)
    feeds = [(x, X), (h, H)] + ([(mask, MASK)] if masked else [])
    got = K.function([p for p, _ in feeds], [last, outputs, *states])([v for _, v in feeds])
    for ours, theirs in zip(got, loop(X, H, MASK if masked else None, backwards, unroll), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)


def differences(f, arrays, eps=1e-6):
    """Gradients of f by central differences."""
    found = []
    for a in arrays:
        g = np.zeros_like(a)
        for i in np.ndindex(*a.shape):
            keep = a[i]
            a[i] = keep + eps
            up = f()
            a[i] = keep - eps
            g[i] = (up - f()) / (2 * eps)
            a[i] = keep
        found.append(g)
    return found


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("unroll", [False, True])
def test_gradients(backwards, masked, unroll):
    x, h, w, u = (K.placeholder(a.shape) for a in (X, H, W, U))
    mask = K.constant(MASK) if masked else None
    last, outputs, states = K.rnn(step(w, u), x, [h], go_backwards=backwards, mask=mask, unroll=unroll)
    loss = K.sum(K.square(outputs)) + K.sum(last) + K.sum(K.sin(states[0]))
    got = K.function([x, h, w, u], K.gradients(loss, [x, h, w, u]))([X, H, W, U])

    def value():
        a, b, c = loop(X, H, MASK if masked else None, backwards, unroll)
        return (b**2).sum() + a.sum() + np.sin(c).sum()

    for ours, theirs in zip(got, differences(value, [X, H, W, U]), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-8)


def test_output_that_is_the_first_state_needs_no_stack_of_all_outputs():
    def one(x, states):
        h = K.tanh(x + states[0])
        return h, [h]

    x = K.placeholder((3, 5, 2))
    last, outputs, states = K.rnn(one, x, [K.constant(H)])
    assert last is states[0]
    (grad,) = K.gradients(K.sum(last), [x])
    value, stacked, g = K.function([x], [last, outputs, grad])([X[..., :2]])
    np.testing.assert_array_equal(value, stacked[:, -1])
    h, expected = H, np.ones_like(H)
    for t in range(5):
        h = np.tanh(X[:, t, :2] + h)
    # the gradient of the last step's input
    np.testing.assert_allclose(g[:, -1], expected * (1 - h**2), rtol=1e-10)


@pytest.mark.parametrize("unroll", [False, True])
def test_states_of_other_sizes_and_ranks_under_a_mask(unroll):
    def one(x, states):
        count, frames, total = states
        return K.sum(x, axis=-1), [count + 1, frames + K.expand_dims(K.expand_dims(x)), total + x[:, :1]]

    starts = [K.zeros((3,)), K.zeros((3, 4, 1, 1)), K.zeros((3, 1))]
    x = K.constant(X)
    last, outputs, (count, frames, total) = K.rnn(one, x, starts, mask=K.constant(MASK), unroll=unroll)
    held = X * MASK[..., None]
    np.testing.assert_allclose(K.eval(count), MASK.sum(1))
    np.testing.assert_allclose(K.eval(frames)[..., 0, 0], held.sum(1))
    np.testing.assert_allclose(K.eval(total), held.sum(1)[:, :1])
    assert K.int_shape(outputs) == (3, 5)
    expected, before = np.zeros((3, 5)), np.zeros(3)
    for t in range(5):
        # in the loop the first state is given out, which counts; unrolled, the output before
        before = np.where(MASK[:, t], X[:, t].sum(-1), before if unroll else MASK[:, :t].sum(1))
        expected[:, t] = before
    np.testing.assert_allclose(K.eval(outputs), expected)
    np.testing.assert_allclose(K.eval(last), expected[:, -1])


def test_masked_output_of_another_shape_than_the_state_holds_the_output_before():
    def one(x, states):
        return x, [states[0] + 1]

    _, outputs, _ = K.rnn(one, K.constant(X), [K.zeros((3, 1))], mask=K.constant(MASK))
    expected, before = np.zeros_like(X), np.zeros((3, 4))
    for t in range(5):
        before = expected[:, t] = np.where(MASK[:, t, None], X[:, t], before)
    np.testing.assert_allclose(K.eval(outputs), expected)


@pytest.mark.parametrize("unroll", [False, True])
def test_no_states(unroll):
    last, outputs, states = K.rnn(lambda x, s: (x * 2, []), K.constant(X), [], unroll=unroll)
    assert list(states) == []
    np.testing.assert_allclose(K.eval(outputs), 2 * X)
    np.testing.assert_allclose(K.eval(last), 2 * X[:, -1])


@pytest.mark.parametrize("unroll", [False, True])
def test_constants_follow_the_states(unroll):
    seen = []

    def one(x, states):
        seen.append(len(states))
        return x * states[1] + states[2], [states[0]]

    constants = [K.constant(3.0), K.constant(np.arange(4.0))]
    last, _, _ = K.rnn(one, K.constant(X), [K.zeros((3, 1))], constants=constants, unroll=unroll)
    assert set(seen) == {3}
    np.testing.assert_allclose(K.eval(last), X[:, -1] * 3 + np.arange(4.0))


@pytest.mark.parametrize("unroll", [False, True])
def test_learning_phase_inside_the_step_shows_outside(unroll):
    def one(x, states):
        return K.in_train_phase(x, 2 * x), [states[0]]

    x = K.placeholder((3, 5, 4))
    last, outputs, _ = K.rnn(one, x, [K.zeros((3, 1))], unroll=unroll)
    assert last._uses_learning_phase and outputs._uses_learning_phase
    f = K.function([x, K.learning_phase()], [outputs])
    np.testing.assert_allclose(f([X, 1])[0], X)
    np.testing.assert_allclose(f([X, 0])[0], 2 * X)
    last, _, _ = K.rnn(lambda x, s: (x, s), x, [K.zeros((3, 1))], unroll=unroll)
    assert not getattr(last, "_uses_learning_phase", False)


def test_one_function_serves_any_number_of_steps():
    x = K.placeholder((None, None, 4))
    last, outputs, _ = K.rnn(step(K.constant(W), K.constant(U)), x, [K.zeros_like(x[:, 0, :2])])
    f = K.function([x], [last, outputs])
    for n, steps in ((3, 5), (1, 2), (2, 1), (3, 5)):
        got = f([X[:n, :steps]])
        expected = loop(X[:n, :steps], np.zeros((n, 2)))
        np.testing.assert_allclose(got[0], expected[0])
        np.testing.assert_allclose(got[1], expected[1])


def test_errors():
    x, h = K.placeholder((3, 5, 4)), K.zeros((3, 4))
    keep = lambda x, s: (x, list(s))
    with pytest.raises(ValueError, match=r"at least 3D.*\(3, 4\)"):
        K.rnn(keep, K.placeholder((3, 4)), [h])
    with pytest.raises(ValueError, match=r"fixed number of timesteps.*\(3, None, 4\)"):
        K.rnn(keep, K.placeholder((3, None, 4)), [h], unroll=True)
    with pytest.raises(ValueError, match="No initial states provided"):
        K.rnn(keep, x, [], mask=K.placeholder((3, 5)))
    with pytest.raises(ValueError, match="given 2 states and returned 1"):
        K.rnn(lambda x, s: (x, [s[0]]), x, [h, h])
    with pytest.raises(ValueError, match=r"state 0 has shape \(3, 4\) before the step and \(3, 8\)"):
        K.rnn(lambda x, s: (x, [K.concatenate([x, x])]), x, [h])
    with pytest.raises(ValueError, match="mask must be of shape"):
        K.rnn(keep, x, [h], mask=K.placeholder((3,)))


# -- map and fold -------------------------------------------------------------------------------------------


def test_map_fn():
    x = RNG.randn(4, 3)
    np.testing.assert_allclose(K.eval(K.map_fn(K.sum, K.variable(x))), x.sum(1))
    np.testing.assert_allclose(K.eval(K.map_fn(lambda a: a * 2, x)), 2 * x)
    np.testing.assert_allclose(K.eval(K.map_fn(lambda a: a + 1, [1.0, 2.0])), [2.0, 3.0])
    first, second = K.map_fn(lambda p: (p[0] + p[1], p[0]), (K.constant(x), K.constant(2 * x)))
    np.testing.assert_allclose(K.eval(first), 3 * x)
    np.testing.assert_allclose(K.eval(second), x)
    total = K.map_fn(lambda p: p[0] + p[1], (K.constant(x), K.constant(2 * x)), dtype="float32")
    assert K.dtype(total) == "float32"
    np.testing.assert_allclose(K.eval(total), 3 * x, rtol=1e-6)


def test_map_fn_looks_up_what_the_loop_tells():
    v = K.variable(np.arange(6.0).reshape(3, 2))
    np.testing.assert_allclose(
        K.eval(K.map_fn(lambda i: v[i] * 2, np.array([2, 0]), dtype="float64")), [[8, 10], [0, 2]]
    )
    picked = K.map_fn(lambda i: K.gather(v, i), K.arange(3), dtype="float64")
    (g,) = K.gradients(K.sum(K.square(picked)), [v])
    np.testing.assert_allclose(K.eval(g), 2 * np.arange(6.0).reshape(3, 2))


@pytest.mark.parametrize("steps", [1, 2, 5])
def test_folds(steps):
    x = RNG.randn(steps, 3)
    combine = lambda a, b: a * 2 + b
    left, right = x[0], x[-1]
    for row in x[1:]:
        left = left * 2 + row
    for row in x[-2::-1]:
        right = right * 2 + row
    np.testing.assert_allclose(K.eval(K.foldl(combine, K.variable(x))), left)
    np.testing.assert_allclose(K.eval(K.foldr(combine, K.variable(x))), right)
    with_start = np.ones(3)
    for row in x:
        with_start = with_start * 2 + row
    np.testing.assert_allclose(K.eval(K.foldl(combine, x, initializer=K.ones((3,)))), with_start)
    backwards = np.ones(3)
    for row in x[::-1]:
        backwards = backwards * 2 + row
    np.testing.assert_allclose(K.eval(K.foldr(combine, x, initializer=np.ones(3))), backwards)


def test_fold_gradient():
    x = K.variable(RNG.randn(4, 2))
    (g,) = K.gradients(K.sum(K.foldl(lambda a, b: a * b, x)), [x])
    value = K.get_value(x)
    np.testing.assert_allclose(K.eval(g), value.prod(0) / value, rtol=1e-10)


def test_fold_of_several():
    a, b = RNG.randn(3), RNG.randn(3)
    total, product = K.foldl(
        lambda acc, e: (acc[0] + e[0], acc[1] * e[1]),
        (K.constant(a), K.constant(b)),
        initializer=(K.constant(0.0), K.constant(1.0)),
    )
    np.testing.assert_allclose([K.eval(total), K.eval(product)], [a.sum(), b.prod()])
