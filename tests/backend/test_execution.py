"""K.function: what it takes, what it returns, what it refuses."""

import numpy as np
import pytest

from gpukeras import backend as K
from gpukeras.runtime.feed import Rows


@pytest.fixture
def doubling():
    x = K.placeholder((None, 2), name="x")
    return K.function([x], [x * 2, K.sum(x)], name="doubling")


def test_returns_arrays_and_scalars(doubling):
    for value in ([[1, 2]], np.ones((3, 2)), np.ones((2, 2), "int64"), np.ones((1, 2), bool)):
        twice, total = doubling([value])
        np.testing.assert_array_equal(twice, np.asarray(value) * 2)
        assert twice.dtype == "float32" and isinstance(total, np.float32)
        assert total == np.sum(value)


def test_results_are_the_callers_own(doubling):
    first = doubling([np.ones((2, 2))])[0]
    doubling([np.zeros((2, 2))])
    np.testing.assert_array_equal(first, np.full((2, 2), 2))


def test_takes_rows_of_arrays(doubling):
    data = np.arange(10.0).reshape(5, 2)
    np.testing.assert_array_equal(doubling([Rows(data, slice(1, 3))])[0], data[1:3] * 2)
    np.testing.assert_array_equal(doubling([Rows(data, np.array([4, 0]))])[0], data[[4, 0]] * 2)


def test_takes_symbolic_tensors(doubling):
    v = K.variable([[1.0, 2.0]])
    for factor in (1, 3):
        K.set_value(v, [[factor, factor]])
        np.testing.assert_array_equal(doubling([v + 1])[0], np.full((1, 2), 2 * factor + 2))


def test_symbolic_values_are_computed_together():
    x, y = K.placeholder((3,)), K.placeholder((3,))
    noise = K.random_uniform((3,))
    f = K.function([x, y], [x - y])
    np.testing.assert_array_equal(f([noise, noise * 1.0])[0], np.zeros(3))


def test_any_tensor_can_be_fed():
    x = K.placeholder((2,))
    middle = x * 2
    f = K.function([middle], [middle + 1])
    np.testing.assert_array_equal(f([[5.0, 6.0]])[0], [6, 7])
    v = K.variable([1.0, 1.0])
    np.testing.assert_array_equal(K.function([v], [v * 3])([[2.0, 2.0]])[0], [6, 6])
    np.testing.assert_array_equal(K.get_value(v), [1, 1])


def test_fetches_and_feed_dict():
    a, b = K.variable(0.0), K.variable(0.0)
    x, y = K.placeholder(()), K.placeholder(())
    feed = {y: 3.0}
    f = K.function([x], [x + 1], updates=[(a, x + 10)], feed_dict=feed, fetches=[K.update(b, y * 10), x + y])
    assert f([10.0]) == [11]
    assert K.batch_get_value([a, b]) == [20, 30]
    feed[y] = 4.0
    assert f([20.0]) == [21]
    assert K.batch_get_value([a, b]) == [30, 40]


def test_an_update_that_comes_twice_is_carried_out_once():
    a = K.variable(1.0)
    step = K.update_add(a, 1)
    assert K.function([], [step], updates=[step, step])([]) == [2]
    assert K.get_value(a) == 2


def test_updates_only():
    a = K.variable(1.0)
    assert K.function([], [], updates=[(a, a + 1)])([]) == []
    assert K.get_value(a) == 2


def test_learning_phase_set_to_an_int_may_stay_in_the_inputs():
    x = K.placeholder((1,))
    np.testing.assert_array_equal(K.function([x, 0], [x + 1])([[1.0], 0])[0], [2])


def test_none_leaves_an_input_out():
    x = K.placeholder((1,))
    f = K.function([x, K.learning_phase()], [K.in_train_phase(x, -x)])
    np.testing.assert_array_equal(f([[2.0], None])[0], [-2])
    with pytest.raises(ValueError, match="Placeholder"):
        f([None, 1])


def test_wrong_arguments():
    x = K.placeholder((2,))
    for args in ((x, [x]), ([x], x), ([x], [x], x)):
        with pytest.raises(TypeError, match="should be a list or tuple"):
            K.function(*args)
    with pytest.raises(TypeError, match="input 0"):
        K.function(["x"], [x])
    with pytest.raises(TypeError, match="output 0"):
        K.function([x], [np.ones(2)])
    with pytest.raises(TypeError, match="an update should be"):
        K.function([x], [x], updates=[None])
    with pytest.raises(ValueError, match="'options': it configures TensorFlow"):
        K.function([x], [x], options=1)
    with pytest.raises(ValueError, match="'givens': it is not known"):
        K.function([x], [x], givens={})


def test_wrong_values(doubling):
    with pytest.raises(TypeError, match="list or tuple"):
        doubling(np.ones((2, 2)))
    with pytest.raises(ValueError, match=r"doubling takes 1 inputs \(x.*\), got 2"):
        doubling([np.ones((2, 2)), 1])
    with pytest.raises(ValueError, match=r"\(2, 3\).*\(None, 2\)"):
        doubling([np.ones((2, 3))])
    with pytest.raises(TypeError, match="expected numbers"):
        doubling([np.array([["a", "b"]])])
    np.testing.assert_array_equal(doubling([np.array([[1, 2.5]], object)])[0], [[2, 5]])
