"""Variables, placeholders, constants, and what is known of a tensor."""

import copy

import numpy as np
import pytest

from gpukeras import backend as K


def test_variable_takes_numbers_lists_and_arrays():
    for value in (3, [1, 2], np.ones((2, 3)), [[True, False]]):
        v = K.variable(value)
        assert K.dtype(v) == "float32"
        assert K.int_shape(v) == v._keras_shape == np.shape(value)
        np.testing.assert_array_equal(K.get_value(v), value)
    assert K.dtype(K.variable([1], dtype="int64")) == "int64"
    assert isinstance(K.get_value(K.variable(3)), np.float32)


def test_variable_names_and_constraint():
    K.clear_session()
    keep = abs
    assert K.variable(0, name="a", constraint=keep).constraint is keep
    assert K.variable(0).constraint is None
    assert [K.variable(0, name="a").name, K.variable(0, name="a").name] == ["a_1:0", "a_2:0"]
    with K.name_scope("dense"):
        assert K.variable(0, name="kernel").name == "dense/kernel:0"
    with K.name_scope("dense"):
        assert K.variable(0, name="kernel").name == "dense_1/kernel:0"
    assert K.variable(0).name == "Variable_1:0"


def test_variable_from_a_tensor():
    v = K.variable(K.random_uniform((3,), seed=3))
    first = K.get_value(v)
    np.testing.assert_array_equal(first, K.get_value(v))
    assert ((first >= 0) & (first < 1)).all()
    assert K.dtype(K.variable(K.constant([1.7]), dtype="int32")) == "int32"
    with pytest.raises(ValueError, match="not fully known"):
        K.variable(K.placeholder((None, 2)))


def test_variable_does_not_share_memory():
    value = np.ones(2, "float32")
    v = K.variable(value)
    value[0] = 5
    np.testing.assert_array_equal(K.get_value(v), [1, 1])
    K.get_value(v)[:] = 7
    np.testing.assert_array_equal(K.get_value(v), [1, 1])


def test_set_value():
    v = K.variable([1.0, 2.0])
    K.set_value(v, [3, 4])
    np.testing.assert_array_equal(K.get_value(v), [3, 4])
    assert K.get_value(v).dtype == "float32"
    w = K.variable(1.0)
    K.batch_set_value([(v, [5, 6]), (w, 7)])
    np.testing.assert_array_equal(np.hstack(K.batch_get_value([v, w])), [5, 6, 7])
    with pytest.raises(ValueError, match=r"\(2,\).*\(3,\)"):
        K.set_value(v, np.ones(3))
    with pytest.raises(TypeError, match="only variables"):
        K.set_value(K.ones((2,)) * 2, np.ones(2))


def test_variables_lie_in_rows():
    """Kernels read weights row by row, also those that were transposed before they were set."""
    column_major = np.asfortranarray(np.arange(6.0, dtype="float32").reshape(2, 3))
    x = K.variable(column_major)
    y = K.variable(np.zeros((2, 3)))
    K.set_value(y, column_major)
    for variable in x, y, K.variable(column_major.astype("float64")):
        K.eval(variable)
        assert variable.data.flags.c_contiguous
        np.testing.assert_array_equal(K.get_value(variable), column_major)


def test_deepcopy_of_a_variable():
    v = K.variable([1.0], name="v")
    w = copy.deepcopy(v)
    K.set_value(w, [2.0])
    assert K.get_value(v) == 1


def test_constant():
    assert K.dtype(K.constant(1)) == "float32"
    assert K.dtype(K.constant([1, 2], dtype="int32")) == "int32"
    np.testing.assert_array_equal(K.eval(K.constant(3, shape=(2, 2))), np.full((2, 2), 3))
    np.testing.assert_array_equal(K.eval(K.constant([1, 2], shape=(2, 2))), [[1, 2], [2, 2]])
    np.testing.assert_array_equal(K.eval(K.constant([1, 2, 3, 4], shape=(2, 2))), [[1, 2], [3, 4]])
    with pytest.raises(ValueError, match="more elements"):
        K.constant([1, 2, 3], shape=(2,))


def test_placeholder():
    x = K.placeholder(shape=(2, None))
    assert K.is_placeholder(x) and K.int_shape(x) == x._keras_shape == (2, None)
    assert x.shape.as_list() == x.get_shape().as_list() == [2, None]
    assert K.int_shape(K.placeholder(ndim=3)) == (None, None, None)
    assert K.int_shape(K.placeholder(shape=(np.int64(3),))) == (3,)
    unknown = K.placeholder()
    assert K.int_shape(unknown) is None and K.ndim(unknown) is None
    assert not K.is_placeholder(K.zeros((2,)))
    assert K.dtype(K.placeholder((1,), dtype="int32")) == "int32"


def test_a_placeholder_of_unknown_rank_can_be_computed_with():
    x = K.placeholder()
    f = K.function([x], [K.sum(x) * 2, x + 1])
    for value in (np.ones(3), np.ones((2, 2))):
        total, plus = f([value])
        assert total == 2 * value.size
        np.testing.assert_array_equal(plus, value + 1)


def test_kinds_of_tensors():
    v, p = K.variable(1.0), K.placeholder((2,))
    for x in (v, p, v + 1, K.learning_phase()):
        assert K.is_tensor(x) and not K.is_keras_tensor(x)
    assert not K.is_tensor(np.ones(2)) and not K.is_tensor(3)
    with pytest.raises(ValueError, match="ndarray"):
        K.is_keras_tensor(np.ones(2))


def test_zeros_ones_eye():
    for function, value in ((K.zeros, 0), (K.ones, 1)):
        v = function((2, 3), dtype="float64", name="made")
        assert K.dtype(v) == "float64" and v.name.startswith("made")
        np.testing.assert_array_equal(K.eval(v), np.full((2, 3), value))
        K.set_value(v, np.ones((2, 3)) * 9)  # a variable
        x = K.placeholder((None, 3))
        like = function((K.shape(x)[0], 2))
        assert K.int_shape(like) == (None, 2)
        f = K.function([x], [like, function(K.shape(x))])
        a, b = f([np.zeros((4, 3))])
        np.testing.assert_array_equal(a, np.full((4, 2), value))
        np.testing.assert_array_equal(b, np.full((4, 3), value))
        assert K.int_shape(function(())) == ()
    np.testing.assert_array_equal(K.get_value(K.eye(3, "int32")), np.eye(3))
    np.testing.assert_array_equal(K.eval(K.eye((2, 3))), np.eye(2, 3))
    x = K.placeholder((None,))
    np.testing.assert_array_equal(K.function([x], [K.eye(K.shape(x)[0])])([np.zeros(3)])[0], np.eye(3))


def test_unknown_entries_in_a_shape():
    for function in (K.zeros, K.ones):
        with pytest.raises(ValueError, match=r"\(None, 3\) has unknown entries"):
            function((None, 3))


def test_shapes():
    x = K.placeholder((None, 3))
    assert K.int_shape(K.shape(x)) == (2,)
    np.testing.assert_array_equal(K.function([x], [K.shape(x)])([np.zeros((5, 3))])[0], [5, 3])
    assert K.ndim(x) == 2 and K.ndim(K.variable(1)) == 0
    assert K.int_shape(K.reshape(x, (K.shape(x)[0], 3, 1))) == (None, 3, 1)
    assert K.int_shape(np.ones((2, 2))) == (2, 2)
    y = x + 1
    y._keras_shape = (7, 3)
    assert K.int_shape(y) == (7, 3)


def test_count_params():
    assert K.count_params(K.zeros((2, 3))) == 6 == K.count_params(K.zeros((3, 2)) * 1)
    assert K.get_variable_shape(K.zeros((2, 3))) == (2, 3)
    with pytest.raises(ValueError, match="not fully known"):
        K.count_params(K.placeholder((None, 2)))


def test_eval():
    x = K.variable([1.0, 2.0])
    np.testing.assert_array_equal(K.eval(x * 2), [2, 4])
    assert isinstance(K.eval(K.sum(x)), np.float32)
    assert K.eval(3.5) == 3.5
    np.testing.assert_array_equal(K.get_value(x * 3), [3, 6])
    with pytest.raises(ValueError, match="Placeholder"):
        K.eval(K.placeholder((2,)) * 2)


def test_loss_accumulates_into_a_new_tensor():
    start = loss = K.variable(0.0)
    loss += K.sum(K.ones((3,)))
    assert loss is not start
    assert (K.eval(loss), K.get_value(start)) == (3, 0)


def test_truth_length_and_iteration_of_tensors():
    x = K.placeholder((None, 2))
    for wrong in (bool, len, list, np.asarray):
        with pytest.raises(TypeError, match="Placeholder"):
            wrong(x)
    assert len(K.ones((3, 2))) == 3
    assert [K.eval(row).tolist() for row in K.variable([[1, 2], [3, 4]])] == [[1, 2], [3, 4]]


def test_sparse_matrices():
    sparse = pytest.importorskip("scipy.sparse")
    dense = np.array([[0, 2.0], [1, 0]])
    v = K.variable(sparse.csr_matrix(dense))
    assert K.is_sparse(v) and not K.is_sparse(K.variable(dense))
    np.testing.assert_array_equal(K.eval(v), dense)
    assert not K.is_sparse(K.to_dense(v))
    both = K.concatenate([v, v])
    assert K.is_sparse(both)
    np.testing.assert_array_equal(K.eval(both), np.hstack([dense, dense]))
    x = K.placeholder((None, 2), sparse=True)
    assert K.is_sparse(x)
    w = K.variable([[1.0], [2.0]])
    np.testing.assert_array_equal(K.function([x], [K.dot(x, w)])([sparse.coo_matrix(dense)])[0], dense @ [[1], [2]])
