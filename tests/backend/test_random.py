"""Random tensors: distributions, seeds, shapes; dropout."""

import numpy as np
import pytest

from gpukeras import backend as K


def test_normal():
    for mean, std in ((0.0, 1.0), (-10.0, 5.0)):
        x = K.eval(K.random_normal((300, 200), mean, std, seed=1))
        assert abs(x.mean() - mean) < 0.015 * std
        assert abs(x.std() - std) < 0.015 * std


def test_uniform():
    x = K.eval(K.random_uniform((200, 100), -1.0, 3.0))
    assert x.min() >= -1 and x.max() < 3
    assert abs(x.mean() - 1) < 0.03 and abs(x.std() - 4 / np.sqrt(12)) < 0.03


def test_truncated_normal():
    x = K.eval(K.truncated_normal((300, 200), 1.0, 2.0))
    assert np.abs(x - 1).max() <= 4
    assert abs(x.std() / 2 - 0.87962566) < 0.01


def test_binomial():
    x = K.eval(K.random_binomial((200, 100), 0.3))
    assert set(np.unique(x)) == {0, 1}
    assert abs(x.mean() - 0.3) < 0.015


def test_probabilities_may_be_tensors():
    p = K.variable(0.3)
    drawn, dropped = K.random_binomial((200, 100), p), K.dropout(K.ones((200, 100)), p)
    assert abs(K.eval(drawn).mean() - 0.3) < 0.015
    np.testing.assert_allclose(np.unique(K.eval(dropped)), [0, 1 / 0.7], rtol=1e-6)
    K.set_value(p, 0.8)
    assert abs(K.eval(drawn).mean() - 0.8) < 0.015
    assert abs((K.eval(dropped) == 0).mean() - 0.8) < 0.015
    each = K.eval(K.random_binomial((1000, 3), K.constant([0.0, 0.5, 1.0])))
    assert each[:, 0].max() == 0 and 0 < each[:, 1].mean() < 1 and each[:, 2].min() == 1


@pytest.mark.parametrize("make", [K.random_normal, K.random_uniform, K.truncated_normal])
def test_new_numbers_at_every_evaluation_and_reproducible_by_the_global_seed(make):
    r = make((20,))
    assert not np.array_equal(K.eval(r), K.eval(r))
    runs = []
    for _ in range(2):
        np.random.seed(5)
        f = K.function([], [make((20,)), make((20,))])
        runs.append(np.concatenate(f([]) + f([])))
    np.testing.assert_array_equal(runs[0], runs[1])
    assert len(set(runs[0].tolist())) == runs[0].size


@pytest.mark.parametrize("make", [K.random_normal, K.random_uniform, K.truncated_normal, K.random_binomial])
def test_symbolic_shapes_and_types(make):
    x = K.placeholder((None, 3))
    r = make((K.shape(x)[0], 2), dtype="float64")
    assert K.int_shape(r) == (None, 2) and K.dtype(r) == "float64"
    f = K.function([x], [r, make(K.shape(x))])
    for n in (2, 5):
        a, b = f([np.zeros((n, 3))])
        assert a.shape == (n, 2) and a.dtype == "float64"
        assert b.shape == (n, 3) and b.dtype == "float32"


def test_one_random_tensor_is_one_value_within_a_call():
    r = K.random_uniform((4,))
    np.testing.assert_array_equal(K.function([], [r - r * 1.0])([])[0], np.zeros(4))


def test_variables():
    np.random.seed(3)
    u = K.random_uniform_variable((50, 40), -1, 1, name="u")
    n = K.random_normal_variable((50, 40), 2.0, 0.5, seed=4)
    a, b = K.get_value(u), K.get_value(n)
    assert a.min() >= -1 and a.max() < 1 and abs(b.mean() - 2) < 0.05
    np.testing.assert_array_equal(a, K.get_value(u))
    assert u.name.startswith("u")
    np.testing.assert_array_equal(b, K.get_value(K.random_normal_variable((50, 40), 2.0, 0.5, seed=4)))


def test_dropout():
    x = K.ones((100, 100))
    y = K.dropout(x, 0.2)
    got = K.eval(y)
    np.testing.assert_allclose(np.unique(got), [0, 1.25], rtol=1e-6)
    assert abs((got == 0).mean() - 0.2) < 0.02
    assert not np.array_equal(got, K.eval(y))


def test_dropout_gradient_uses_the_same_mask():
    x = K.variable(np.ones((10, 10)))
    y = K.dropout(x, 0.5)
    (dx,) = K.gradients(K.sum(y), [x])
    out, grad = K.function([], [y, dx])([])
    np.testing.assert_array_equal(out, grad)


def test_dropout_noise_shape():
    x = K.placeholder((None, 5, 3))
    for noise in ((None, 1, 3), (K.shape(x)[0], 1, 3), [4, 1, 3]):
        y = K.function([x], [K.dropout(x, 0.5, noise_shape=noise)])([np.ones((4, 5, 3))])[0]
        assert (y == y[:, :1]).all() and 0 < (y == 0).mean() < 1
    with pytest.raises(ValueError, match="as many entries"):
        K.dropout(x, 0.5, noise_shape=(4, 1))


def test_dropout_levels():
    x = K.ones((3,))
    np.testing.assert_array_equal(K.eval(K.dropout(x, 0.0)), np.ones(3))
    for level in (-0.5, 1.0, 2):
        with pytest.raises(ValueError, match="at least 0 and less than 1"):
            K.dropout(x, level)
