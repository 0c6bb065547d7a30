"""Shape rules, error messages and plans of indexing, gathering and sorting."""

from __future__ import annotations

import numpy as np
import pytest

from gpukeras import ops
from gpukeras.compiler.function import Function
from gpukeras.graph.gradient import gradients
from gpukeras.graph.tensor import Placeholder, Variable


def ph(*shape, dtype="float32"):
    return Placeholder(shape, dtype)


def steps(inputs, outputs, *shapes):
    plan = Function(inputs, outputs).plan(shapes)
    assert plan is not None
    return [step.op.name for step in plan.program.steps]


@pytest.mark.parametrize(
    "key, expected",
    [
        (0, (4, None)),
        ((slice(None), slice(1, 3)), (None, 2, None)),
        ((slice(None), slice(None, None, -1)), (None, 4, None)),
        ((slice(None, 2),), (None, 4, None)),
        ((..., 0), (None, 4)),
        ((..., None), (None, 4, None, 1)),
        ((slice(None), [0, 2, 1, 1, 0]), (None, 5, None)),
    ],
)
def test_static_shape_of_getitem(key, expected):
    assert ph(None, 4, None)[key].shape == expected


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: ph(2, 3)[2], ValueError, r"index 2 is out of range for axis 0 of shape \(2, 3\)"),
        (lambda: ph(2, 3)[:, -4], ValueError, "index -4 is out of range for axis 1"),
        (lambda: ph(2, 3)[0, 0, 0], ValueError, "too many indices: 3"),
        (lambda: ph(2, 3)[..., 0, 0, 0], ValueError, "too many indices: 3"),
        (lambda: ph(2, 3)[..., ...], ValueError, "one ellipsis"),
        (lambda: ph(2, 3)["a"], TypeError, "cannot index a tensor with str"),
        (lambda: ph(2, 3)[True], ValueError, "not indices"),
        (lambda: ph(2, 3)[ph(2)], TypeError, "indices must be integers, got a tensor of float32"),
        (lambda: ph(2, 3)[ph(4, dtype="bool")], ValueError, r"mask of shape \(4,\) does not fit shape \(2, 3\)"),
        (lambda: ops.slice(ph(2, 3), (0,), (1,)), ValueError, "one entry for each of the 2 axes"),
        (lambda: ops.slice(ph(2, 3), (0, 2), (2, 2)), ValueError, "has no 2 elements from 2 on"),
        (lambda: ops.gather(ph(2), ph(3)), TypeError, "expected integer indices, got float32"),
        (lambda: ops.gather(ph(2, 3), ph(1, dtype="int32"), 2), ValueError, "axis 2 is out of range"),
        (lambda: ops.gather(ph(), ph(1, dtype="int32")), ValueError, "slices of a scalar"),
        (lambda: ops.pick(ph(2, 3), ph(3, dtype="int32")), ValueError, r"do not fit rows of shape \(2, 3\)"),
        (lambda: ops.pick(ph(2, 3), ph(dtype="int32")), ValueError, "do not fit"),
        (lambda: ops.top_k(ph(2, 3), 4), ValueError, r"k = 4 is more than the last axis of shape \(2, 3\)"),
        (lambda: ops.in_top_k(ph(2, 3), ph(2, 1, dtype="int32"), 1), ValueError, r"predictions \(N, C\)"),
        (lambda: ops.boolean_mask(ph(2), ph(2)), TypeError, "expected a boolean mask, got float32"),
        (lambda: ops.sort(ph()), ValueError, "cannot sort a scalar"),
    ],
)
def test_bad_arguments(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize(
    "call, indices, message",
    [
        (lambda x, i: ops.gather(x, i), [0, 5], r"gather_\d+: index 5 is out of range for an axis of length 4"),
        (lambda x, i: ops.gather(x, i), [0, -1], "index -1 is out of range for an axis of length 4"),
        (lambda x, i: ops.gather(x, i, 1), [3], "index 3 is out of range for an axis of length 3"),
        (lambda x, i: x[i], [-5], "index -5 is out of range for an axis of length 4"),
        (lambda x, i: x[i, i], [0, 3], "index 3 is out of range for axis 1 of length 3"),
        (lambda x, i: ops.pick(x, i), [0, 1, 2, 12], "label 12 is out of range for 3 classes"),
        (lambda x, i: ops.pick(x, i), [0, -1, 2, 2], "label -1 is out of range for 3 classes"),
        (lambda x, i: ops.scatter_add(i, x, (3, 3)), [0, 1, 2, 3], "index 3 is out of range for an axis of length 3"),
    ],
)
def test_indices_out_of_range_name_node_size_and_index(call, indices, message):
    x, i = ph(4, 3), ph(None, dtype="int32")
    f = Function([x, i], [call(x, i)])
    with pytest.raises(ValueError, match=message):
        f([np.zeros((4, 3), "float32"), np.asarray(indices, "int32")])


def test_fed_limits_of_a_slice():
    x, i = ph(2, 6), ph(dtype="int32")
    y = x[:, i : i + 2]
    (dx,) = gradients(y * y, [x])
    data = np.arange(12, dtype="float32").reshape(2, 6)
    got, grad = Function([x, i], [y, dx])([data, np.int32(3)])
    np.testing.assert_array_equal(got, data[:, 3:5])
    want = np.zeros((2, 6))
    want[:, 3:5] = 2 * data[:, 3:5]
    np.testing.assert_array_equal(grad, want)


def test_boolean_mask_of_different_sizes_through_one_function():
    x, m = ph(None, 2), ph(None, dtype="bool")
    f = Function([x, m], [x[m], ops.sum(x[m] * 2.0)])
    data = np.arange(8, dtype="float32").reshape(4, 2)
    for mask in ([True, False, True, False], [False] * 4, [True] * 4):
        rows, total = f([data, np.array(mask)])
        np.testing.assert_array_equal(rows, data[mask])
        assert total == 2 * data[mask].sum()


def test_basic_indices_leave_no_steps():
    x = ph(None, 4, 6)
    assert steps([x], [x[0], x[:, ::2, None, 1:], x[..., ops.shape(x)[0] - 1]], (3, 4, 6)) == []


def test_a_scan_style_index_by_a_known_tensor_is_a_view():
    x = ph(3, 4)
    i = ops.arange(3)[1]
    assert steps([x], [x[i]], (3, 4)) == []


def test_embedding_gradient_adds_repeated_rows():
    table = Variable(np.zeros((5, 300)), "float32")
    i = ph(None, None, dtype="int32")
    (grad,) = gradients(ops.sum(ops.gather(table, i) * 2.0), [table])
    f = Function([i], [grad])
    got = f([np.array([[1, 1], [4, 1]], "int32")])[0]
    np.testing.assert_array_equal(got[:, 0], [0, 6, 0, 0, 2])
    assert (got == got[:, :1]).all()


def test_scatter_add_gives_the_same_bits_every_time():
    rng = np.random.RandomState(0)
    i, u = ph(None, dtype="int32"), ph(None, 7)
    f = Function([i, u], [ops.scatter_add(i, u, (3, 7))])
    feeds = [rng.randint(0, 3, 5000).astype("int32"), rng.randn(5000, 7).astype("float32")]
    first = f(feeds)[0]
    np.testing.assert_array_equal(f(feeds)[0], first)


def test_gather_nd_takes_an_unknown_last_axis_for_the_rank():
    x, i = ph(None, 3), ph(None, None, dtype="int32")
    f = Function([x, i], [ops.gather_nd(x, i)])
    a = np.arange(6, dtype="float32").reshape(2, 3)
    np.testing.assert_array_equal(f([a, [[0, 2], [1, 1]]])[0], [2, 4])
    with pytest.raises(ValueError, match="reshape"):
        f([a, [[0], [1]]])


def test_iteration_and_len_use_the_static_shape():
    x = ph(3, 2)
    assert len(x) == 3 and [t.shape for t in x] == [(2,)] * 3
    with pytest.raises(TypeError, match="unknown"):
        iter(ph(None, 2))
    with pytest.raises(TypeError, match="unknown"):
        len(ph(None, 2))


def test_a_batch_is_not_taken_for_a_list():
    assert not hasattr(ph(None, 2), "__len__") and not hasattr(ph(), "__len__") and hasattr(ph(3, 2), "__len__")
