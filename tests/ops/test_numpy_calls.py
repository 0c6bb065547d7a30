"""NumPy's functions on tensors: operators compute, everything else names what to use instead."""

import operator

import numpy as np
import pytest

from gpukeras import backend as K
from gpukeras import ops
from gpukeras.graph.tensor import Placeholder, Tensor
from gpukeras.ops.numpy_calls import _BACKEND

LEFT = np.array([[4.0, 9.0], [2.0, 3.0]], "float32")
RIGHT = np.array([[2.0, 4.0], [5.0, 3.0]], "float32")
OPERATORS = ["add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "lt", "le", "gt", "ge"]


@pytest.mark.parametrize(
    ("name", "left"), [(n, LEFT) for n in OPERATORS] + [(n, np.float32(3)) for n in OPERATORS if n != "matmul"]
)
def test_what_stands_left_of_a_tensor_may_be_numpys(name, left):
    function = getattr(operator, name)
    result = function(left, K.constant(RIGHT))
    assert isinstance(result, Tensor)
    np.testing.assert_allclose(K.eval(result), function(left, RIGHT), rtol=1e-6)


@pytest.mark.parametrize("name", ["and_", "or_", "xor"])
def test_truth_values(name):
    function, left, right = getattr(operator, name), np.array([True, True, False]), np.array([True, False, False])
    np.testing.assert_array_equal(K.eval(function(left, K.constant(right, dtype="bool"))), function(left, right))


def test_ufuncs_of_operators_compute():
    x = Placeholder((None, 3))
    assert isinstance(np.add(x, 1.0), Tensor) and np.multiply(LEFT[:1, :1], x).shape == (None, 3)


def test_tensors_equal_themselves_only():
    x = K.constant(RIGHT)
    assert (LEFT == x) is False and (LEFT != x) is True and (np.float32(1) == x) is False
    assert x not in [LEFT, RIGHT] and x in [x, LEFT]


@pytest.mark.parametrize(
    ("call", "instead"),
    [
        (np.exp, "numpy.exp cannot compute with <Placeholder .*; use K.exp to make it part of the model"),
        (np.abs, "use K.abs "),
        (np.sum, "use K.sum "),
        (np.max, "use K.max "),
        (lambda x: np.maximum(x, 0), "use K.maximum "),
        (lambda x: np.equal(x, x), "use K.equal "),
        (np.arctan, r"use the backend's functions \(from keras import backend as K\)"),
        (lambda x: np.add(LEFT, x, out=LEFT), "numpy.add cannot compute with"),
        (lambda x: operator.iadd(LEFT.copy(), x), "numpy.add cannot compute with"),
        (lambda x: np.concatenate([x, x]), "no value yet, so NumPy cannot read it; use the backend's functions"),
        (np.asarray, "K.eval"),
    ],
)
def test_other_functions_say_what_to_use(call, instead):
    with pytest.raises(TypeError, match=instead):
        call(Placeholder((None, 2)))


@pytest.mark.parametrize("name", sorted(set(_BACKEND.values())))
def test_what_is_named_exists(name):
    assert callable(getattr(K, name))


def test_variables_take_values_as_before():
    v = K.variable(LEFT)
    K.set_value(v, RIGHT)
    np.testing.assert_array_equal(K.get_value(v), RIGHT)
    np.testing.assert_array_equal(K.eval(RIGHT - v), np.zeros((2, 2)))
    assert ops.abs(v).shape == (2, 2)
