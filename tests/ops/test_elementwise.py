"""Dtype rules, operators, plans and messages of the elementwise operations."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gpukeras import ops
from gpukeras.compiler.program import Program
from gpukeras.graph.gradient import ancestors, gradients
from gpukeras.graph.op import Op
from gpukeras.graph.tensor import Placeholder, Tensor, as_tensor
from gpukeras.ops.pointwise import REGISTRY
from tests.ops.harness import compiled, thunks_allocate


def steps(output: Tensor) -> list[str]:
    """Names of the steps that a plan runs for a graph of placeholders."""
    tensors = [output, *(t for node in ancestors([output]) for t in node.inputs)]
    feeds = {t: t.shape for t in tensors if isinstance(t, Placeholder)}
    return [step.op.name for step in Program([output], [], feeds).steps]


X = Placeholder((2, 3), "float32")
N = Placeholder((2, 3), "int32")
B = Placeholder((2, 3), "bool")


# --- dtypes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "dtype"),
    [
        (lambda: X + 1, "float32"),
        (lambda: X + 1.5, "float32"),
        (lambda: X + np.ones(3), "float32"),
        (lambda: X + [1.0, 2.0, 3.0], "float32"),
        (lambda: [1.0, X[0, 0], 2.0] + X, "float32"),
        (lambda: X + N, "float32"),
        (lambda: X + Placeholder((), "float16"), "float32"),
        (lambda: X + Placeholder((), "float64"), "float64"),
        (lambda: N + 1, "int32"),
        (lambda: N + 1.5, "float32"),
        (lambda: N + Placeholder((), "int64"), "int64"),
        (lambda: N / 2, "float32"),
        (lambda: N // 2, "int32"),
        (lambda: B + B, "int32"),
        (lambda: B * 2, "int32"),
        (lambda: B & True, "bool"),
        (lambda: ops.maximum(N, 0), "int32"),
        (lambda: ops.sqrt(N), "float32"),
        (lambda: ops.clip(N, 0.5, 1), "float32"),
        (lambda: ops.clip(N, 0, np.inf), "float32"),
        (lambda: ops.where(B, 1, X), "float32"),
        (lambda: ops.where(B, N, 0), "int32"),
        (lambda: ops.add(1, 2), "int32"),
        (lambda: ops.add(1.0, 2), "float32"),
        (lambda: ops.cast(1.5, "float64"), "float64"),
        (lambda: X < 1, "bool"),
    ],
)
def test_result_dtype(make: Callable[[], Tensor], dtype: str) -> None:
    assert make().dtype == dtype


def test_dtype_of_divided_integers_is_floatx() -> None:
    from gpukeras.graph import dtype

    before = dtype.floatx()
    try:
        dtype.set_floatx("float64")
        assert (N / 2).dtype == "float64"
        assert ops.mean(N).dtype == "float64"
    finally:
        dtype.set_floatx(before)


# --- operators ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "lt", "le", "gt", "ge"])
@pytest.mark.parametrize("reverse", [False, True])
def test_operators(name: str, reverse: bool) -> None:
    apply = getattr(operator, name)
    x = np.float32([[0.5, 1.5, 2.5], [3.5, 1.0, 2.0]])
    y = np.float32([[2.0, 2.0, 2.0], [1.5, 1.0, 0.5]])
    symbolic = apply(y, X) if reverse else apply(X, y)
    expected = apply(y, x) if reverse else apply(x, y)
    got = compiled([X], [symbolic])([x])[0]
    np.testing.assert_allclose(got, expected, rtol=1e-6)
    assert got.dtype == expected.dtype


def test_more_operators() -> None:
    x = np.float32([[-1, 2, 3], [4, -5, 6]])
    b = np.array([[True, False, True], [False, True, True]])
    outs = [
        -X,
        +X,
        abs(X),
        X @ np.ones((3, 1)),
        np.ones((1, 2)) @ X,
        ~B,
        B & (X > 0),
        B | (X > 0),
        B ^ (X > 0),
        True & B,
    ]
    got = compiled([X, B], outs)([x, b])
    want = [-x, x, np.abs(x), x.sum(1, keepdims=True), x.sum(0, keepdims=True)]
    want += [~b, b & (x > 0), b | (x > 0), b ^ (x > 0), b]
    for g, w in zip(got, want):
        np.testing.assert_array_equal(g, w)


def test_equality_is_identity() -> None:
    other = Placeholder((2, 3))
    assert X == X and X != other and len({X, other, X}) == 2
    assert (X == 1) is False


# --- messages -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: X + Placeholder((2, 4)), ValueError, r"add: shapes \(2, 3\) and \(2, 4\) do not broadcast"),
        (lambda: ops.where(B, X, Placeholder((7,))), ValueError, r"where: shapes .*\(7,\) do not broadcast"),
        (lambda: X + "a", TypeError, "unsupported operand"),
        (lambda: X + None, TypeError, "unsupported operand"),
        (lambda: ops.add(X, "a"), TypeError, "expected numbers"),
        (lambda: X & X, TypeError, "`&` works on boolean tensors, got float32"),
        (lambda: ~N, TypeError, "`~` works on boolean tensors, got int32"),
        (lambda: ops.cast(X, "complex64"), TypeError, "dtype 'complex64' is not supported"),
        (lambda: bool(X), TypeError, "the truth of"),
    ],
)
def test_messages(make: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


# --- gradients and broadcasting -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("a", "b", "sums"),
    [
        ((None, 3), (None, 3), 2),  # either batch might be 1
        ((None, 3), (3,), 1),
        ((None, 3), (1, 3), 1),
        ((2, 3), (2, 3), 0),
        ((None, 3), (), 1),
        ((5, 3), (None, 3), 1),
    ],
)
def test_gradients_are_summed_only_where_shapes_demand_it(a: Any, b: Any, sums: int) -> None:
    x, y = Placeholder(a), Placeholder(b)
    grads = gradients(x * y, [x, y])
    assert [n.op.name for n in ancestors([g for g in grads if g is not None])].count("sum_to") == sums
    for g, t in zip(grads, (x, y)):
        assert g is not None and g.shape is not None and t.shape is not None and len(g.shape) == len(t.shape)


def test_one_operand_alone_is_never_summed() -> None:
    x = Placeholder((None, None))
    grads = gradients(ops.tanh(ops.exp(x) * 2) + 1, [x])
    assert "sum_to" not in [n.op.name for n in ancestors([grads[0]])]  # type: ignore[list-item]


def test_ties_of_maximum_go_to_the_first_operand() -> None:
    x, y = Placeholder((2,), "float64"), Placeholder((2,), "float64")
    got = compiled([x, y], gradients(ops.maximum(x, y), [x, y]))([np.ones(2), np.ones(2)])  # type: ignore[arg-type]
    np.testing.assert_array_equal(got, [[1, 1], [0, 0]])


def test_no_infinity_gets_through_a_branch_not_taken() -> None:
    x = Placeholder((2,), "float64")
    safe = ops.sqrt(ops.maximum(x, 0))  # d sqrt at 0 is infinite
    chosen = ops.where(x > 0, ops.log(x), 0)
    got = compiled([x], gradients([safe, chosen], [x]))([np.array([-1.0, 4.0])])[0]  # type: ignore[arg-type]
    assert got[1] == 0.5 and (got[0] == 0 or np.isnan(got[0]))
    got = compiled([x], gradients(safe, [x]))([np.array([-1.0, 4.0])])[0]  # type: ignore[arg-type]
    np.testing.assert_array_equal(got, [0, 0.25])


def test_rounding_stops_gradients() -> None:
    assert gradients(ops.round(X) + ops.floor(X), [X]) == [None]
    assert gradients(ops.stop_gradient(X) * 2, [X]) == [None]
    assert gradients(ops.cast(ops.cast(X, "int32"), "float32"), [X]) == [None]


# --- plans ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: X + 0, []),
        (lambda: 0 + X, []),
        (lambda: X - 0, []),
        (lambda: 0 - X, ["negative"]),
        (lambda: X * 1, []),
        (lambda: X * 0, []),
        (lambda: X * -1, ["negative"]),
        (lambda: ops.negative(-X), []),
        (lambda: X + (-X), ["subtract"]),
        (lambda: X - (-X), ["add"]),
        (lambda: X * X, ["square"]),
        (lambda: X / 1, []),
        (lambda: X / 4, ["multiply"]),
        (lambda: X / 3, ["divide"]),
        (lambda: 1 / X, ["reciprocal"]),
        (lambda: X**1, []),
        (lambda: X**2, ["square"]),
        (lambda: X**3, ["square", "multiply"]),
        (lambda: X**0.5, ["sqrt"]),
        (lambda: X**-1, ["reciprocal"]),
        (lambda: X**0, []),
        (lambda: X**1.5, ["pow"]),
        (lambda: ops.maximum(X, 0), ["at_least"]),
        (lambda: ops.minimum(2, X), ["at_most"]),
        (lambda: ops.where(True, X, X + 1), []),
        (lambda: ops.where(B, X, X), []),
        (lambda: ops.masked(X, True), []),
        (lambda: ops.cast(X, "float32"), []),
        (lambda: ops.identity(X), []),
        (lambda: ops.exp(X) + ops.exp(X), ["exp", "add"]),
        (lambda: (as_tensor(2.0) * 3) * X, ["multiply"]),
    ],
)
def test_plans_are_simplified(make: Callable[[], Tensor], expected: list[str]) -> None:
    assert steps(make()) == expected


def test_simplified_results_keep_shape_and_value() -> None:
    x = np.float32([[1, 2, 3], [4, 5, 6]])
    wide = as_tensor(np.zeros((2, 1, 1)), "float32")
    outs = [X + wide, X * (wide + 1), X ** (wide + 2), X / (wide + 1), ops.where(wide + 1, X, 0.0)]
    got = compiled([X], outs)([x])
    for g, w in zip(got, [x, x, x * x, x, x]):
        np.testing.assert_array_equal(g, np.stack([w, w]))


# --- shape arithmetic -----------------------------------------------------------------------------------------


def test_integers_known_while_building() -> None:
    n = ops.shape(Placeholder((None, 6, 4)))
    assert (n * 2).partial == [None, 12, 8]
    assert (n[1] + n[2]).partial == 10
    assert (n // 4 - 1).partial == [None, 0, 0]
    assert ops.maximum(n[1], n[2]).partial == 6
    assert ops.cast(n, "int64").partial == [None, 6, 4]
    assert (n[1] // 0).partial is None
    assert (-n[1] % 4).partial == 2


# --- every row ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cls", REGISTRY.values(), ids=lambda c: c.name)
def test_rows_are_complete(cls: type[Op]) -> None:
    row = cls.row  # type: ignore[attr-defined]
    assert row.c and bool(row.grads) != bool(row.no_grad)
    assert all(f"x{i}" in row.c for i in range(len(row.grads)))


@pytest.mark.parametrize(
    "make",
    [
        ops.relu, ops.sigmoid, ops.tanh, ops.softplus, ops.softsign, ops.hard_sigmoid, ops.elu, ops.leaky_relu, ops.erf,
        lambda x: ops.clip(x, -1, 1), lambda x: ops.relu_grad(x, x), lambda x: ops.sigmoid_grad(x, x),
        lambda x: ops.where(x, x, 0), lambda x: ops.masked(x, x), lambda x: ops.squared_difference(x, x),
        lambda x: ops.maximum(x, x), lambda x: ops.rsqrt(x), lambda x: ops.cast(x, "float64"),
    ],
)  # fmt: skip
def test_steps_allocate_nothing(make: Callable[[Tensor], Tensor]) -> None:
    x = Placeholder((512, 256))
    value = np.random.RandomState(0).randn(512, 256).astype("float32")
    assert thunks_allocate(make(x), {x: value}) < 70_000  # NumPy's conversion buffers are 8192 elements each


@pytest.mark.parametrize("shape", [(257, 300), (1, 70_001), (70_001,), (40_000, 2)])
def test_long_chains_over_large_arrays(shape: Any) -> None:
    x = Placeholder(shape)
    row = np.linspace(-1, 1, shape[-1]).astype("float32") if len(shape) > 1 else np.float32(0.5)
    value = np.random.RandomState(0).randn(*shape).astype("float32")
    y = ops.leaky_relu(x, 0.1) + row
    y = ops.where(y > 0.2, ops.elu(y), ops.softplus(x)) * ops.clip(x, -1, 1)
    y = ops.hard_sigmoid(y) + ops.masked(y, x < 0)
    want = np.where(value > 0, value, 0.1 * value) + row
    want = np.where(want > 0.2, np.where(want > 0, want, np.expm1(want)), np.log1p(np.exp(value))) * value.clip(-1, 1)
    want = (0.2 * want + 0.5).clip(0, 1) + np.where(value < 0, want, 0)
    np.testing.assert_allclose(compiled([x], [y])([value])[0], want, rtol=1e-4, atol=1e-6)
