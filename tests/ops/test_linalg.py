"""Shapes, plans and messages of matrix products."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gpukeras import ops
from gpukeras.graph.gradient import gradients
from gpukeras.graph.tensor import Placeholder, Tensor
from tests.ops.harness import compiled, thunks_allocate
from tests.ops.test_elementwise import steps


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: ops.matmul(Placeholder((2, 3)), Placeholder((4, 5))),
            r"matmul: shapes \(2, 3\) and \(4, 5\) do not fit: 3 columns against 4 rows",
        ),
        (
            lambda: ops.matmul(Placeholder((2, 3)), Placeholder((3, 5)), transpose_b=True),
            r"shapes \(2, 3\) and \(3, 5\) \(b transposed\) do not fit: 3 columns against 5 rows",
        ),
        (lambda: ops.matmul(Placeholder((3,)), Placeholder((3, 5))), r"both inputs need two axes or more"),
        (
            lambda: ops.matmul(Placeholder((2, 2, 3)), Placeholder((4, 3, 5))),
            r"matmul: leading axes: shapes \(2,\) and \(4,\) do not broadcast",
        ),
        (
            lambda: ops.tensordot(Placeholder((2, 3)), Placeholder((4, 5)), 1),
            r"tensordot: axis 1 of \(2, 3\) does not fit axis 0 of \(4, 5\)",
        ),
        (lambda: ops.tensordot(Placeholder((2, 3)), Placeholder((3, 2)), [[1, 0], [0]]), r"pair 2 axes with 1"),
        (lambda: ops.tensordot(Placeholder(None), Placeholder((3, 2)), 1), r"both inputs need a known rank"),
    ],
)
def test_messages(make: Callable[[], Tensor], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_unknown_dimensions_survive() -> None:
    x = Placeholder((None, 3, None))
    assert ops.matmul(x, Placeholder((None, 7))).shape == (None, 3, 7)
    assert ops.matmul(Placeholder((None, None)), Placeholder((4, 5))).shape == (None, 5)
    assert ops.tensordot(x, Placeholder((3, 5)), [[1], [0]]).shape == (None, None, 5)
    assert ops.tensordot(Placeholder((None, 4)), Placeholder((4, 2, 3)), 1).shape == (None, 2, 3)


def test_a_dense_layer_is_three_products_and_a_sum() -> None:
    x, w, b = Placeholder((32, 20)), Placeholder((20, 64)), Placeholder((64,))
    y = ops.relu(ops.matmul(x, w) + b)
    grads = gradients(ops.sum(y), [x, w, b])
    counts: dict[str, int] = {}
    for g in grads:
        for name in steps(g):  # type: ignore[arg-type]
            counts[name] = counts.get(name, 0) + 1
    assert counts["matmul"] == 3 + 2 and counts["sum_to"] == 1  # the forward product once in each of the plans
    assert set(counts) == {"matmul", "sum_to", "add", "relu", "relu_grad"}


def test_one_matrix_under_many_has_one_product_for_its_gradient() -> None:
    x, w = Placeholder((5, 7, 3)), Placeholder((3, 4))
    (dw,) = gradients(ops.sum(ops.matmul(x, w)), [w])
    assert steps(dw) == ["matmul"]  # type: ignore[arg-type]


@pytest.mark.parametrize("transposed", [(False, False), (True, False), (False, True), (True, True)])
@pytest.mark.parametrize("batch", [(), (8,)])
def test_transposed_operands_are_not_copied(transposed: Any, batch: Any) -> None:
    a, b = Placeholder((*batch, 128, 128)), Placeholder((128, 128))
    feeds = {t: np.ones(t.shape, "float32") for t in (a, b)}  # type: ignore[arg-type]
    allowed = 1000 if not batch else 70_000
    assert thunks_allocate(ops.matmul(a, b, *transposed), feeds) < allowed


def test_integer_and_float_operands_promote() -> None:
    n, x = Placeholder((2, 2), "int32"), Placeholder((2, 2))
    y = ops.matmul(n, x)
    assert y.dtype == "float32"
    got = compiled([n, x], [y])([np.int32([[1, 2], [3, 4]]), np.float32([[0.5, 0], [0, 0.5]])])[0]
    np.testing.assert_array_equal(got, [[0.5, 1], [1.5, 2]])
