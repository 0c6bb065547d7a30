"""Axes, plans, accuracy and messages of reductions, softmax, moments and running sums."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gpukeras import ops
from gpukeras.graph.gradient import gradients
from gpukeras.graph.tensor import Placeholder, Tensor
from gpukeras.ops.reduction import merged
from tests.ops.harness import compiled, thunks_allocate
from tests.ops.test_elementwise import steps

X = Placeholder((2, 3, 4))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ops.sum(X, 3), r"sum: axis 3 is out of range for a tensor with 3 axes"),
        (lambda: ops.mean(X, -4), r"mean: axis -4 is out of range"),
        (lambda: ops.max(X, (0, 0)), r"max: axis \(0, 0\) names an axis twice"),
        (lambda: ops.argmax(X, 5), r"argmax: axis 5 is out of range"),
        (lambda: ops.softmax(X, 3), r"softmax: axis 3 is out of range"),
        (lambda: ops.cumsum(X, 3), r"cumsum: axis 3 is out of range"),
        (lambda: ops.sum_to(X, (3, 1, 2)), r"sum_to: shape \(2, 3, 4\) cannot be summed to \(3, 1, 2\)"),
        (lambda: ops.sum_to(X, (1, 2, 3, 4)), r"sum_to: shape \(2, 3, 4\) cannot be summed to \(1, 2, 3, 4\)"),
        (lambda: ops.argmax(Placeholder((2, 0))), r"argmax: axis 1 of shape \(2, 0\) is empty"),
    ],
)
def test_messages(make: Callable[[], Tensor], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("axes", [np.int64(1), [0, -1], np.array([0, 2]), range(3)])
def test_axes_come_in_many_forms(axes: Any) -> None:
    x = np.random.RandomState(0).randn(2, 3, 4).astype("float32")
    got = compiled([X], [ops.sum(X, axes)])([x])[0]
    np.testing.assert_allclose(got, x.sum(tuple(np.atleast_1d(axes))), rtol=1e-5)


def test_unknown_dimensions_survive() -> None:
    x = Placeholder((None, 3, None))
    assert ops.sum(x, 0).shape == (3, None)
    assert ops.mean(x, -1, True).shape == (None, 3, 1)
    assert ops.softmax(x).shape == (None, 3, None)
    assert ops.argmax(x, 1).shape == (None, None)
    assert [t.shape for t in ops.moments(x, (0, 2))] == [(3,), (3,)]
    assert ops.sum(Placeholder(None), 0).shape is None


def test_ties_share_the_gradient() -> None:
    x = Placeholder((1, 4), "float64")
    got = compiled([x], gradients([ops.max(x, 1)], [x]))([np.array([[1.0, 3, 3, 2]])])[0]  # type: ignore[arg-type]
    np.testing.assert_array_equal(got, [[0, 0.5, 0.5, 0]])
    got = compiled([x], gradients([ops.min(x)], [x]))([np.array([[1.0, 1, 1, 1]])])[0]  # type: ignore[arg-type]
    np.testing.assert_array_equal(got, [[0.25] * 4])


def test_known_vectors_reduce_while_building() -> None:
    n = ops.shape(Placeholder((5, 6)))
    assert ops.prod(n).partial == 30 and ops.sum(n, 0, True).partial == [11]
    assert ops.max(n).partial == 6 and ops.min(n).partial == 5
    assert ops.prod(ops.shape(Placeholder((None, 6)))).partial is None


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: ops.sum(X, ()), []),
        (lambda: ops.sum(ops.reshape(X, (2, 1, 12)), 1), []),
        (lambda: ops.mean(ops.ones_like(X)), []),
        (lambda: ops.sum(ops.zeros_like(X), 1), []),
        (lambda: ops.sum_to(X, (2, 3, 4)), []),
        (lambda: ops.sum_to(ops.broadcast_to(X, (1, 2, 3, 4)), ops.shape(X)), []),
        (lambda: ops.sum(X) + ops.sum(X), ["sum", "add"]),
    ],
)
def test_plans_are_simplified(make: Callable[[], Tensor], expected: list[str]) -> None:
    assert steps(make()) == expected


def test_gradient_of_a_mean_costs_no_steps_of_its_own() -> None:
    x = Placeholder((None, 10))
    (g,) = gradients(ops.mean(ops.square(x)), [x])
    fixed = Placeholder((32, 10))
    (h,) = gradients(ops.mean(ops.square(fixed)), [fixed])
    assert g is not None and h is not None and steps(h) == ["multiply"]
    value = np.random.RandomState(0).randn(8, 10).astype("float32")
    np.testing.assert_allclose(compiled([x], [g])([value])[0], value * 2 / 80, rtol=1e-6)


@pytest.mark.parametrize(
    ("shape", "axes", "dims", "kept"),
    [
        ((2, 3, 4), (0, 1), (6, 4), (0,)),
        ((2, 3, 4), (1, 2), (2, 12), (1,)),
        ((2, 3, 4), (1,), (2, 3, 4), (1,)),
        ((2, 1, 4), (0, 2), (8,), (0,)),
        ((2, 3), (), (6,), ()),
    ],
)
def test_neighbouring_axes_are_merged(shape: Any, axes: Any, dims: Any, kept: Any) -> None:
    x, left = merged(np.zeros(shape), axes)
    assert x.shape == dims and left == kept


def test_long_float32_sums_stay_accurate() -> None:
    x = Placeholder((200_000, 4))
    value = np.random.RandomState(0).rand(200_000, 4).astype("float32")
    outs = [ops.sum(x), ops.sum(x, 0), ops.mean(x, 1), *ops.moments(x, 0)]
    exact = value.astype("float64")
    want = [exact.sum(), exact.sum(0), exact.mean(1), exact.mean(0), exact.var(0)]
    for got, w in zip(compiled([x], outs)([value]), want):
        np.testing.assert_allclose(got, w, rtol=1e-5)


def test_variance_far_from_zero() -> None:
    x = Placeholder((4096, 2))
    value = (np.random.RandomState(0).randn(4096, 2) + [1000, -500]).astype("float32")
    var = compiled([x], [ops.moments(x, 0)[1]])([value])[0]
    np.testing.assert_allclose(var, value.astype("float64").var(0), rtol=1e-4)


def test_float16_sums_are_carried_in_float32() -> None:
    x = Placeholder((4096,), "float16")
    value = np.ones(4096, "float16")
    assert compiled([x], [ops.sum(x), ops.mean(x)])([value]) == [4096, 1]


@pytest.mark.parametrize(
    "make",
    [
        lambda x: ops.sum(x), lambda x: ops.sum(x, 0), lambda x: ops.sum(x, 1), lambda x: ops.mean(x, -1),
        lambda x: ops.max(x, 1), lambda x: ops.argmax(x, 1), lambda x: ops.argmax(x, 0), lambda x: ops.softmax(x),
        lambda x: ops.softmax_grad(x, x), lambda x: ops.log_softmax(x, 0), lambda x: ops.logsumexp(x, 1),
        lambda x: ops.moments(x, 0)[0], lambda x: ops.cumsum(x, 1), lambda x: ops.sum_to(x, (1, 256)),
        lambda x: ops.prod(x, 0), lambda x: ops.any(ops.greater(x, 0)),
    ],
)  # fmt: skip
def test_steps_allocate_nothing(make: Callable[[Tensor], Tensor]) -> None:
    x = Placeholder((512, 256))
    value = np.random.RandomState(0).randn(512, 256).astype("float32")
    assert thunks_allocate(make(x), {x: value}) < 70_000  # NumPy's conversion buffers are 8192 elements each
