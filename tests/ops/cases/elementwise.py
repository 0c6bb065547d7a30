"""Cases of arithmetic, comparisons, logic, elementary functions, selection and conversion."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gpukeras import ops
from gpukeras.graph.tensor import apply
from gpukeras.ops.pointwise import REGISTRY
from tests.ops.harness import Case, Draw, bools, exactly, floats, ints, normal, spread, uniform

ALL_FLOATS = ("float16", "float32", "float64")


def _loop(function: Any) -> Any:
    """The function of Python's math module, element by element."""
    return lambda *xs: np.vectorize(function, otypes=[float])(*xs)


def _unary() -> list[Case]:
    rows: list[tuple[str, Any, Draw, bool]] = [
        ("negative", lambda x: -x, normal(3, 4), True),
        ("abs", lambda x: np.where(x < 0, -x, x), spread(3, 4), False),
        ("sign", lambda x: (x > 0) * 1.0 - (x < 0), spread(3, 4), False),
        ("square", lambda x: x * x, normal(3, 4), True),
        ("sqrt", _loop(math.sqrt), uniform(3, 4, lo=0.3, hi=4), True),
        ("root", _loop(lambda x: math.sqrt(max(x, 0))), spread(3, 4), True),
        ("rsqrt", lambda x: x**-0.5, uniform(3, 4, lo=0.3, hi=4), True),
        ("reciprocal", lambda x: x**-1.0, uniform(3, 4, lo=0.3, hi=4), True),
        ("exp", _loop(math.exp), normal(3, 4), True),
        ("expm1", _loop(math.expm1), normal(3, 4, scale=0.1), True),
        ("log", _loop(math.log), uniform(3, 4, lo=0.3, hi=4), True),
        ("log1p", _loop(math.log1p), uniform(3, 4, lo=-0.5, hi=2), True),
        ("sin", _loop(math.sin), normal(3, 4), True),
        ("cos", _loop(math.cos), normal(3, 4), True),
        ("tan", _loop(math.tan), uniform(3, 4, lo=-1, hi=1), True),
        ("asin", _loop(math.asin), uniform(3, 4, lo=-0.8, hi=0.8), True),
        ("acos", _loop(math.acos), uniform(3, 4, lo=-0.8, hi=0.8), True),
        ("atan", _loop(math.atan), normal(3, 4), True),
        ("sinh", _loop(math.sinh), normal(3, 4), True),
        ("cosh", _loop(math.cosh), normal(3, 4), True),
        ("erf", _loop(math.erf), normal(6, 7, scale=1.5), True),
    ]
    return [
        Case(name, getattr(ops, name), [draw], oracle, second=second, dtypes=ALL_FLOATS)
        for name, oracle, draw, second in rows
    ]


def _binary() -> list[Case]:
    a, b = normal(3, 4), normal(3, 4)
    positive = uniform(3, 4, lo=0.5, hi=2)
    return [
        Case("add", ops.add, [a, b], lambda x, y: x + y, dtypes=ALL_FLOATS),
        Case("add/broadcast", ops.add, [normal(3, 1), normal(2, 1, 4)], lambda x, y: x + y),
        Case("add/int", ops.add, [ints(3, lo=-5, hi=5), ints(3, lo=-5, hi=5)], lambda x, y: x + y, no_grad=True),
        Case("subtract", ops.subtract, [a, b], lambda x, y: x - y),
        Case("subtract/broadcast", ops.subtract, [normal(4), normal(3, 4)], lambda x, y: x - y),
        Case("multiply", ops.multiply, [a, b], lambda x, y: x * y, second=True),
        Case("multiply/broadcast", ops.multiply, [normal(3, 4), normal(3, 1)], lambda x, y: x * y, second=True),
        Case("multiply/scalar", ops.multiply, [normal(3, 4), normal()], lambda x, y: x * y),
        Case("multiply/itself", lambda x: ops.multiply(x, x), [normal(3, 4)], lambda x: x * x, second=True),
        Case("divide", ops.divide, [a, positive], lambda x, y: x / y, second=True, dtypes=ALL_FLOATS),
        Case("divide/broadcast", ops.divide, [normal(4), uniform(3, 4, lo=0.5, hi=2)], lambda x, y: x / y),
        Case(
            "divide/int gives floatx",
            ops.divide,
            [ints(5, lo=-9, hi=9), exactly([1, 2, 4, 5, 8], "int32")],
            lambda x, y: x.astype("float64") / y,
            no_grad=True,
        ),
        Case("floordiv", ops.floordiv, [spread(3, 4), positive], lambda x, y: np.floor(x / y), no_grad=True),
        Case(
            "floordiv/int",
            ops.floordiv,
            [exactly([7, -7, 7, -7], "int32"), exactly([2, 2, -2, -2], "int32")],
            lambda x, y: np.array([3, -4, -4, 3]),
            no_grad=True,
        ),
        Case("mod", ops.mod, [spread(3, 4), positive], lambda x, y: x - np.floor(x / y) * y),
        Case(
            "mod/int",
            ops.mod,
            [exactly([7, -7, 7, -7], "int32"), exactly([3, 3, -3, -3], "int32")],
            lambda x, y: np.array([1, 2, -2, -1]),
            no_grad=True,
        ),
        Case("pow", ops.pow, [positive, b], lambda x, y: np.exp(y * np.log(x)), second=True),
        Case("pow/broadcast", ops.pow, [positive, normal(4)], lambda x, y: np.exp(y * np.log(x))),
        Case(
            "pow/int",
            ops.pow,
            [ints(3, lo=-5, hi=5), exactly([0, 1, 3], "int32")],
            _loop(lambda x, y: x**y),
            no_grad=True,
        ),
        *[
            Case(
                f"pow/{p}", lambda x, p=p: ops.pow(x, p), [positive], lambda x, p=p: _loop(math.pow)(x, p), second=True
            )
            for p in (0, 0.5, 1, 2, 3, -1, -0.5, 1.7)
        ],
        Case("pow/negative base", lambda x: ops.pow(x, 3), [normal(3, 4)], lambda x: x * x * x, second=True),
        Case("atan2", ops.atan2, [a, positive], _loop(math.atan2), second=True),
        Case(
            "squared_difference",
            ops.squared_difference,
            [a, normal(4)],
            lambda x, y: (x - y) * (x - y),
            second=True,
        ),
        Case("maximum", ops.maximum, [spread(3, 4), spread(3, 4, avoid=0.2)], lambda x, y: np.where(x > y, x, y)),
        Case("maximum/number", lambda x: ops.maximum(x, 0.3), [spread(3, 4)], lambda x: np.where(x > 0.3, x, 0.3)),
        Case("maximum/int", ops.maximum, [ints(5, lo=-5, hi=5), ints(5, lo=-5, hi=5)], _loop(max), no_grad=True),
        Case("minimum", ops.minimum, [spread(3, 4), spread(4, avoid=0.2)], lambda x, y: np.where(x < y, x, y)),
        Case("minimum/number", lambda x: ops.minimum(-0.3, x), [spread(3, 4)], lambda x: np.where(x < -0.3, x, -0.3)),
        Case(
            "clip",
            lambda x: ops.clip(x, -0.3, 0.5),
            [spread(3, 4)],
            lambda x: np.where(x < -0.3, -0.3, np.where(x > 0.5, 0.5, x)),
        ),
        Case("at_least", _with_number("at_least", 0.3), [spread(3, 4)], lambda x: np.where(x > 0.3, x, 0.3)),
        Case("at_most", _with_number("at_most", 0.3), [spread(3, 4)], lambda x: np.where(x < 0.3, x, 0.3)),
        Case("clip/crossed", lambda x: ops.clip(x, 2, 1), [spread(3, 4)], lambda x: np.full(x.shape, 2.0)),
        Case(
            "clip/tensors",
            ops.clip,
            [spread(3, 4), exactly([[-0.41], [-0.3], [0.03]], "float64"), exactly([[0.61], [0.3], [0.09]], "float64")],
            lambda x, lo, hi: np.array([[min(max(v, l), h) for v in r] for r, l, h in zip(x, lo[:, 0], hi[:, 0])]),
            dtypes=("float64",),
        ),
        Case(
            "clip/int", lambda x: ops.clip(x, -2, 2), [ints(9, lo=-5, hi=5)], lambda x: np.clip(x, -2, 2), no_grad=True
        ),
    ]


def _with_number(name: str, value: float) -> Any:
    """An operation that only plans make, out of maximum or minimum with a number."""
    return lambda x: apply(REGISTRY[name](value), x)


def _rounding() -> list[Case]:
    halves = floats([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 0.49, -0.51])
    return [
        Case("round", ops.round, [halves], lambda x: np.array([-2, -2, 0, 0, 2, 2, 0, -1.0]), no_grad=True),
        Case("floor", ops.floor, [halves], _loop(math.floor), no_grad=True),
        Case("ceil", ops.ceil, [halves], _loop(math.ceil), no_grad=True),
        Case("floor/int", ops.floor, [ints(4, lo=-5, hi=5)], lambda x: x, no_grad=True),
    ]


def _truth() -> list[Case]:
    odd = floats([0.0, -0.0, 1.0, np.nan, np.inf, -np.inf])
    pairs = [exactly([1, 2, 3, 2], "int32"), exactly([2, 2, 2, 2], "int32")]
    compare = {
        "equal": [False, True, False, True],
        "not_equal": [True, False, True, False],
        "less": [True, False, False, False],
        "less_equal": [True, True, False, True],
        "greater": [False, False, True, False],
        "greater_equal": [False, True, True, True],
    }
    table = [exactly([0, 0, 1, 1], "bool"), exactly([0, 1, 0, 1], "bool")]
    logic = {
        "logical_and": [False, False, False, True],
        "logical_or": [False, True, True, True],
        "logical_xor": [False, True, True, False],
    }
    return [
        *[
            Case(name, getattr(ops, name), pairs, lambda x, y, want=want: np.array(want), no_grad=True)
            for name, want in compare.items()
        ],
        Case("less/broadcast", ops.less, [normal(3, 1), normal(4)], lambda x, y: ~(x >= y), no_grad=True),
        *[
            Case(name, getattr(ops, name), table, lambda x, y, want=want: np.array(want), no_grad=True)
            for name, want in logic.items()
        ],
        Case(
            "logical_and/numbers",
            ops.logical_and,
            [normal(4), ints(4, lo=0, hi=2)],
            lambda x, y: (x != 0) * y > 0,
            no_grad=True,
        ),
        Case("logical_not", ops.logical_not, [table[0]], lambda x: np.array([True, True, False, False]), no_grad=True),
        Case("isnan", ops.isnan, [odd], lambda x: x != x, no_grad=True),
        Case("isinf", ops.isinf, [odd], lambda x: np.array([0, 0, 0, 0, 1, 1], bool), no_grad=True),
        Case("isfinite", ops.isfinite, [odd], lambda x: np.array([1, 1, 1, 0, 0, 0], bool), no_grad=True),
    ]


def _choose(c: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    c, x, y = np.broadcast_arrays(c, x, y)
    return np.array([a if t else b for t, a, b in zip(c.ravel(), x.ravel(), y.ravel())]).reshape(c.shape)


def _selection() -> list[Case]:
    return [
        Case("where", ops.where, [bools(3, 4), normal(3, 4), normal(3, 4)], _choose, dtypes=ALL_FLOATS),
        Case("where/broadcast", ops.where, [bools(3, 1), normal(4), normal(2, 1, 1)], _choose),
        Case("where/int", ops.where, [bools(5), ints(5, lo=-5, hi=0), ints(5, lo=0, hi=5)], _choose, no_grad=True),
        Case("where/bool", ops.where, [bools(5), bools(5), bools(5)], _choose, no_grad=True),
        Case("where/number condition", ops.where, [ints(5, lo=0, hi=2), normal(5), normal(5)], _choose),
        Case(
            "where/keeps not-a-number out",
            ops.where,
            [exactly([True, False], "bool"), floats([1.5, np.nan]), floats([np.inf, 2.5])],
            lambda c, x, y: np.array([1.5, 2.5]),
            wrt=(),
            no_grad=False,
        ),
        Case("masked", ops.masked, [normal(3, 4), bools(3, 4)], lambda x, m: _choose(m, x, np.zeros(()))),
        Case("masked/broadcast", ops.masked, [normal(3, 1), bools(3, 4)], lambda x, m: _choose(m, x, np.zeros(()))),
    ]


def _conversion() -> list[Case]:
    return [
        Case("cast/to float64", lambda x: ops.cast(x, "float64"), [normal(3, 4)], lambda x: x, dtypes=ALL_FLOATS),
        Case(
            "cast/int to float",
            lambda x: ops.cast(x, "float32"),
            [ints(4, lo=-5, hi=5)],
            lambda x: x * 1.0,
            no_grad=True,
        ),
        Case(
            "cast/float to int",
            lambda x: ops.cast(x, "int32"),
            [floats([-1.7, -0.2, 0.9, 2.5])],
            lambda x: np.array([-1, 0, 0, 2]),
            no_grad=True,
        ),  # fmt: skip
        Case(
            "cast/to bool",
            lambda x: ops.cast(x, "bool"),
            [floats([-1.7, 0.0, 0.2])],
            lambda x: np.array([True, False, True]),
            no_grad=True,
        ),  # fmt: skip
        Case("identity", ops.identity, [normal(3, 4)], lambda x: x),
        Case("stop_gradient", ops.stop_gradient, [normal(3, 4)], lambda x: x, no_grad=True),
    ]


CASES = [*_unary(), *_binary(), *_rounding(), *_truth(), *_selection(), *_conversion()]
