"""Learning phase, switches, updates, gradients, and the state that clear_session resets."""

import numpy as np
import pytest

from gpukeras import backend as K


@pytest.fixture(autouse=True)
def fresh():
    K.clear_session()
    yield
    K.clear_session()


def uses_phase(x):
    return getattr(x, "_uses_learning_phase", False)


def test_learning_phase_is_fed():
    x = K.placeholder((2,))
    y = K.in_train_phase(x * 2, x * 3)
    assert uses_phase(y) and uses_phase(y + 1) and not uses_phase(x * 2) and not uses_phase(K.learning_phase())
    f = K.function([x, K.learning_phase()], [y])
    one = np.ones(2)
    for phase, factor in ((0, 3), (1, 2), (0.0, 3), (1.0, 2), (True, 2), (np.int64(0), 3)):
        np.testing.assert_array_equal(f([one, phase])[0], one * factor)
    np.testing.assert_array_equal(K.function([x], [y])([one])[0], one * 3)  # testing, when not fed


def test_in_test_phase():
    y = K.in_test_phase(K.constant(1.0), lambda: K.constant(2.0))
    assert uses_phase(y)
    f = K.function([K.learning_phase()], [y])
    assert (f([0]), f([1])) == ([1], [2])


def test_learning_phase_and_inputs_nothing_reads_may_be_left_out_of_the_values():
    x = K.placeholder((None,))
    f = K.function([x, K.learning_phase()], [K.in_train_phase(x * 2, x)])
    assert f([[5.0]])[0] == f([[5.0], 0])[0] == 5 and f([[5.0], 1])[0] == 10
    assert K.function([x, K.placeholder(()), K.placeholder((3,))], [x + 1])([[1.0], 2.0])[0] == 2
    with pytest.raises(ValueError, match="takes 2 inputs.*got 0.*needed but not fed"):
        f([])


def test_learning_phase_can_be_fixed():
    x = K.variable(1.0)
    for value in (0, 1, True):
        K.set_learning_phase(value)
        assert K.learning_phase() == int(value)
        y = K.in_train_phase(lambda: x * 2, x)
        assert not uses_phase(y)
        assert K.eval(y) == (2 if value else 1)
        assert K.function([x, K.learning_phase()], [y])([5.0, value]) == [10 if value else 5]
    for wrong in (2, -1, "train", None):
        with pytest.raises(ValueError, match="0 or 1"):
            K.set_learning_phase(wrong)
    K.clear_session()
    assert K.is_placeholder(K.learning_phase())
    assert K.learning_phase() is K.learning_phase()


def test_training_argument_decides_at_once():
    x, alt = K.variable(1.0), K.variable(2.0)
    for training, chosen in ((1, x), (0, alt), (True, x), (False, alt), (np.bool_(True), x)):
        assert K.in_train_phase(x, alt, training=training) is chosen
        assert not uses_phase(chosen)
    y = K.in_train_phase(x, alt, training=K.variable(1.0))
    assert not uses_phase(y) and K.eval(y) == 1
    for wrong in (2, "yes", [1, 0]):
        with pytest.raises(ValueError, match="training must be"):
            K.in_train_phase(x, alt, training=wrong)


def test_switch_scalar():
    x = K.placeholder((2,))
    flag = K.placeholder((), dtype="bool")
    y = K.switch(flag, lambda: x * 2, lambda: x - 1)
    f = K.function([x, flag], [y])
    np.testing.assert_array_equal(f([np.ones(2), True])[0], [2, 2])
    np.testing.assert_array_equal(f([np.ones(2), False])[0], [0, 0])
    assert K.eval(K.switch(K.variable(3.0), 1.0, 2.0)) == 1
    pair = K.switch(K.variable(0.0), lambda: [x, x], lambda: [x * 2, x * 3])
    assert [v.tolist() for v in K.function([x], pair)([np.ones(2)])] == [[2, 2], [3, 3]]
    with pytest.raises(ValueError, match="as many tensors"):
        K.switch(flag, [x], [x, x])


def test_switch_scalar_gradient():
    x = K.variable(3.0)
    flag = K.placeholder((), dtype="bool")
    (dx,) = K.gradients(K.switch(flag, K.square(x), x * 10), [x])
    f = K.function([flag], [dx])
    assert (f([True]), f([False])) == ([6], [10])


def test_switch_refuses_a_condition_of_higher_rank():
    with pytest.raises(ValueError, match=r"\(2, 3\).*\(2,\)"):
        K.switch(K.ones((2, 3)) > 0, K.ones((2,)), K.ones((2,)))


def test_switch_broadcasts_a_condition_of_unknown_lengths():
    c, a = K.placeholder((None, None)), K.placeholder((None, None, 2))
    f = K.function([c, a], [K.switch(c, a, -a)])
    flags, values = np.array([[1.0, 0.0]]), np.ones((1, 2, 2))
    np.testing.assert_array_equal(f([flags, values])[0], [[[1, 1], [-1, -1]]])


def test_updates_read_old_values():
    a, b = K.variable(1.0), K.variable(2.0)
    f = K.function(
        [],
        [a + b],
        updates=[
            (a, b),
            K.update(b, a),
        ],
    )
    assert f([]) == [3]
    assert K.batch_get_value([a, b]) == [2, 1]
    x = K.placeholder(())
    g = K.function([x], [a * 1], updates=[K.update_add(a, x), K.update_sub(b, 1)])
    assert g([10.0]) == [2]
    assert K.batch_get_value([a, b]) == [12, 0]


def test_update_tensors_are_carried_out_wherever_they_are_computed():
    a = K.variable(1.0)
    assert K.eval(K.update_add(a, 1)) == 2 == K.get_value(a)
    assert K.function([], [K.update_sub(a, 3)])([]) == [-1]
    assert K.get_value(a) == -1
    assert K.get_session().run(K.update(a, 5.0)) == 5 == K.get_value(a)


def test_moving_average():
    a = K.variable([1.0])
    np.testing.assert_allclose(K.eval(K.moving_average_update(a, K.constant([3.0]), 0.9)), [1.2], rtol=1e-6)


def test_updates_that_do_not_fit():
    a = K.variable([1.0, 2.0])
    with pytest.raises(ValueError, match=r"\(2,\).*\(3,\)"):
        K.update(a, K.ones((3,)))
    with pytest.raises(TypeError, match="only variables"):
        K.update(a * 2, a)
    assert K.eval(K.update(a, np.array([3, 4])))[1] == 4
    i = K.variable(0, dtype="int32")
    assert K.dtype(K.update(i, K.constant(2.5))) == "int32"


def test_gradients():
    x, y, z = K.variable([2.0, 3.0]), K.placeholder((2,)), K.variable(1.0)
    middle = x * y
    loss = K.sum(K.square(middle))
    dx, dy, dz, dm = K.gradients(loss, [x, y, z, middle])
    assert dz is None
    got = K.function([y], [dx, dy, dm])([[1.0, 2.0]])
    np.testing.assert_allclose(got, [[4, 24], [8, 36], [4, 12]])
    (single,) = K.gradients(loss, x)
    (second,) = K.gradients(K.sum(single), [x])
    np.testing.assert_allclose(K.function([y], [second])([[1.0, 2.0]])[0], [2, 8])


def test_stop_gradient():
    x = K.variable([2.0])
    a, b = K.stop_gradient([x, x * 2])
    assert K.gradients(K.sum(a * b), [x]) == [None]
    (dx,) = K.gradients(K.sum(x * K.stop_gradient(x)), [x])
    assert K.eval(dx) == 2


def test_print_tensor(capfd):
    x = K.print_tensor(K.variable([1.0, 2.0]), "here it is ")
    np.testing.assert_array_equal(K.eval(x * 2), [2, 4])
    printed = "".join(capfd.readouterr())
    assert printed.startswith("here it is") and "1. 2." in printed


def test_uids():
    assert [K.get_uid("dense"), K.get_uid("dense"), K.get_uid("x"), K.get_uid()] == [1, 2, 1, 1]
    K.reset_uids()
    assert K.get_uid("dense") == 1
    K.clear_session()
    assert K.get_uid("dense") == 1
    K.manual_variable_initialization(True)
    assert K.eval(K.zeros(())) == 0
    K.manual_variable_initialization(False)


def test_session_stand_in():
    session = K.get_session()
    assert K.get_session() is session
    x = K.placeholder((2,))
    v = K.variable([1.0, 2.0])
    found = session.run({"a": [x * 2, v], "b": (x,)}, feed_dict={x: [3, 4]})
    np.testing.assert_array_equal(found["a"], [[6, 8], [1, 2]])
    np.testing.assert_array_equal(found["b"][0], [3, 4])
    with session.graph.as_default(), session.as_default():
        assert K.get_session() is session
    assert session.run(x.name, {x.name: [5, 6]}).tolist() == [5, 6]
    with pytest.raises(TypeError, match="session runs tensors"):
        session.run(3)
    with pytest.raises(KeyError, match="'loss' refers to an operation that is not in the graph"):
        session.run("loss")
    mine = object()
    K.set_session(mine)
    assert K.get_session() is mine
