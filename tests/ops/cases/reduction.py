"""Cases of reductions, softmax, moments and running sums."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from gpukeras import ops
from tests.ops.harness import Case, bools, exactly, floats, ints, normal, spread, uniform

ALL_FLOATS = ("float16", "float32", "float64")


def _fold(function: Any, start: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """A reduction by plain loops."""

    def oracle(x: np.ndarray) -> np.ndarray:
        axes = range(x.ndim) if axis is None else {a % x.ndim for a in np.atleast_1d(np.asarray(axis, int))}
        shape = [1 if i in axes else n for i, n in enumerate(x.shape)]
        out: dict[tuple[int, ...], Any] = {}
        for index in itertools.product(*map(range, x.shape)):
            to = tuple(0 if i in axes else k for i, k in enumerate(index))
            out[to] = (
                function(out[to], x[index])
                if to in out
                else function(start, x[index])
                if start is not None
                else x[index]
            )
        result = np.array([out[i] for i in itertools.product(*map(range, shape))]).reshape(shape)
        return result if keepdims else result.reshape([n for i, n in enumerate(x.shape) if i not in axes])

    return oracle


AXES: list[tuple[Any, bool]] = [
    (None, False), (None, True), (0, False), (-1, False), (1, True), ((0, 1), False), ((0, 2), False),
    ((1, 2), True), ((2, 0), True), ((), False),
]  # fmt: skip


def _over_axes(name: str, function: Any, start: Any, draw: Any, **fields: Any) -> list[Case]:
    op = getattr(ops, name)
    return [
        Case(
            f"{name}/axis {axis} keepdims {keep}",
            lambda x, axis=axis, keep=keep: op(x, axis, keep),
            [draw],
            _fold(function, start, axis, keep),
            **fields,
        )
        for axis, keep in AXES
    ]


def _mean(axis: Any) -> Any:
    def oracle(x: np.ndarray) -> np.ndarray:
        total = _fold(lambda a, b: a + b, 0, axis)(x)
        return total * total.size / x.size

    return oracle


def _sums() -> list[Case]:
    plus: Any = lambda a, b: a + b
    return [
        *_over_axes("sum", plus, 0, normal(3, 4, 5)),
        Case(
            "sum/float16",
            ops.sum,
            [uniform(40, 40, lo=0, hi=1)],
            lambda x: x.sum(),
            dtypes=("float16",),
            wrt=(),
        ),
        Case("sum/int32 stays", lambda x: ops.sum(x, 1), [ints(3, 4, lo=-9, hi=9)], _fold(plus, 0, 1), no_grad=True),
        Case("sum/bool counts", lambda x: ops.sum(x, 0), [bools(9, 2)], _fold(plus, 0, 0), no_grad=True),
        Case("sum/nothing", lambda x: ops.sum(x, 0), [floats(np.zeros((0, 3)))], lambda x: np.zeros(3), wrt=()),
        Case("sum/scalar", ops.sum, [normal()], lambda x: x),
        *[
            Case(
                f"mean/axis {axis}",
                lambda x, axis=axis: ops.mean(x, axis),
                [normal(3, 4, 5)],
                _mean(axis),
                dtypes=ALL_FLOATS,
            )
            for axis in (None, 0, -1, (0, 2))
        ],
        Case("mean/keepdims", lambda x: ops.mean(x, 1, True), [normal(3, 4)], lambda x: _mean(1)(x)[:, None]),
        Case(
            "mean/bool", ops.mean, [exactly([True, False, True, True], "bool")], lambda x: np.array(0.75), no_grad=True
        ),
        Case("mean/int", lambda x: ops.mean(x, 0), [ints(4, 3, lo=0, hi=9)], lambda x: sum(x) / 4.0, no_grad=True),
        *[
            Case(
                f"sum_to/{source} to {target}",
                lambda x, target=target: ops.sum_to(x, target),
                [normal(*source)],
                lambda x, axis=axis, target=target: _fold(plus, 0, axis)(x).reshape(target),
            )
            for source, target, axis in [
                ((2, 3, 4), (3, 4), 0),
                ((2, 3, 4), (1, 4), (0, 1)),
                ((2, 3, 4), (2, 1, 4), 1),
                ((3, 4), (), None),
                ((2, 3), (2, 3), ()),
                ((1, 3), (3,), 0),
            ]
        ],  # fmt: skip
        Case(
            "sum_to/shape of another",
            lambda x, y: ops.sum_to(x, ops.shape(y)),
            [normal(2, 3, 4), normal(3, 1)],
            lambda x, y: _fold(plus, 0, (0, 2))(x).reshape(3, 1),
            wrt=[0],
        ),
    ]


def _products_and_extremes() -> list[Case]:
    return [
        *_over_axes("prod", lambda a, b: a * b, 1, uniform(2, 3, 2, lo=0.5, hi=1.5), second=True),
        Case(
            "prod/zeros",
            lambda x: ops.prod(x, 1),
            [floats([[1, 0, 3], [0, 0, 2], [4, 5, 6]])],
            lambda x: np.array([0, 0, 120]),
        ),
        *_over_axes("max", lambda a, b: b if b > a else a, None, spread(3, 4, 2)),
        *_over_axes("min", lambda a, b: b if b < a else a, None, spread(3, 4, 2)),
        Case("max/int", lambda x: ops.max(x, 0), [ints(5, 2, lo=-9, hi=9)], _fold(max, -99, 0), no_grad=True),
        Case("max/nothing", lambda x: ops.max(x, 0), [floats(np.zeros((0, 2)))], lambda x: np.full(2, -np.inf), wrt=()),
        Case("any/axis", lambda x: ops.any(x, 1), [bools(5, 2)], _fold(lambda a, b: a or b, False, 1), no_grad=True),
        Case("any/numbers", ops.any, [floats([[0, 0], [0, 2]])], lambda x: np.array(True), no_grad=True),
        Case(
            "all/axis",
            lambda x: ops.all(x, 1, True),
            [bools(5, 2)],
            _fold(lambda a, b: a and b, True, 1, True),
            no_grad=True,
        ),
        *[
            Case(
                f"{name}/axis {axis}",
                lambda x, f=f, axis=axis: f(x, axis),
                [ints(4, 5, 6, lo=0, hi=9)],
                lambda x, best=best, axis=axis: np.apply_along_axis(lambda r: list(r).index(best(r)), axis, x),
                no_grad=True,
            )
            for name, f, best in (("argmax", ops.argmax, max), ("argmin", ops.argmin, min))
            for axis in (0, 1, -1)
        ],
    ]


def _log_sum_exp(x: np.ndarray, axis: Any, keepdims: bool = False) -> np.ndarray:
    return np.log(_fold(lambda a, b: a + b, 0, axis, keepdims)(np.exp(x)))


def _exponentials() -> list[Case]:
    far = floats([[1000.0, 999.0, 0.0], [-1000.0, -1001.0, -2000.0], [-np.inf, 0.0, 0.0]])
    e = np.exp(-1.0)
    soft = np.array([[1 / (1 + e), e / (1 + e), 0]] * 2 + [[0, 0.5, 0.5]])
    with np.errstate(divide="ignore"):
        log_soft = np.log(soft)
    log_soft[0, 2] = -1000 - np.log(1 + e)
    log_soft[1, 2] = -1000 - np.log(1 + e)
    return [
        *[
            Case(
                f"logsumexp/axis {axis} keepdims {keep}",
                lambda x, axis=axis, keep=keep: ops.logsumexp(x, axis, keep),
                [normal(3, 4, 2)],
                lambda x, axis=axis, keep=keep: _log_sum_exp(x, axis, keep),
                second=True,
                dtypes=ALL_FLOATS,
            )
            for axis, keep in AXES[:8]
        ],
        Case(
            "logsumexp/far out",
            lambda x: ops.logsumexp(x, -1),
            [floats([[1000, 1000], [-1000, -1000], [-np.inf, -np.inf], [np.inf, 0]])],
            lambda x: np.array([1000 + np.log(2), -1000 + np.log(2), -np.inf, np.inf]),
            wrt=(),
        ),
        *[
            Case(
                f"{name}/axis {axis}",
                lambda x, f=f, axis=axis: f(x, axis),
                [normal(3, 4, 2)],
                lambda x, g=g, axis=axis: g(x - _log_sum_exp(x, axis, True)),
                second=True,
                dtypes=ALL_FLOATS,
            )
            for name, f, g in (("softmax", ops.softmax, np.exp), ("log_softmax", ops.log_softmax, np.array))
            for axis in (0, 1, -1)
        ],
        Case("softmax/far out", ops.softmax, [far], lambda x: soft, wrt=()),
        Case("log_softmax/far out", ops.log_softmax, [far], lambda x: log_soft, wrt=()),
        Case(
            "softmax_grad",
            ops.softmax_grad,
            [normal(3, 4), normal(3, 4)],
            lambda g, y: np.stack([(np.diag(b) - np.outer(b, b)) @ a for a, b in zip(g, y)]),
            second=True,
            dtypes=ALL_FLOATS,
        ),
    ]


def _moments(axis: Any) -> Any:
    def oracle(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        mean = _mean(axis)(x)
        return mean, _mean(axis)(x * x) - mean * mean

    return oracle


def _statistics() -> list[Case]:
    return [
        *[
            Case(
                f"moments/axes {axes}",
                lambda x, axes=axes: ops.moments(x, axes),
                [normal(3, 4, 5, shift=0.5)],
                _moments(axes),
                second=True,
                dtypes=ALL_FLOATS,
            )
            for axes in ((0,), (0, 1), (0, 2), (1,), (0, 1, 2))
        ],
        Case(
            "moments/keepdims, far from 0",
            lambda x: ops.moments(x, (0,), True),
            [floats(4096 + np.arange(6.0).reshape(3, 2))],
            lambda x: (np.array([[4098.0, 4099.0]]), np.full((1, 2), 8 / 3)),
            wrt=(),
        ),
    ]


def _running(product: bool, axis: int, exclusive: bool, reverse: bool) -> Any:
    def row(values: np.ndarray) -> np.ndarray:
        order = list(values)[::-1] if reverse else list(values)
        out, total = [], 1.0 if product else 0.0
        for v in order:
            after = total * v if product else total + v
            out.append(total if exclusive else after)
            total = after
        return np.array(out[::-1] if reverse else out)

    return lambda x: np.apply_along_axis(row, axis, x)


def _scans() -> list[Case]:
    return [
        Case(
            f"{name}/axis {axis} exclusive {exclusive} reverse {reverse}",
            lambda x, f=f, a=axis, e=exclusive, r=reverse: f(x, a, e, r),
            [uniform(3, 4, lo=0.5, hi=1.5)],
            _running(name == "cumprod", axis, exclusive, reverse),
            second=name == "cumprod",
        )
        for name, f in (("cumsum", ops.cumsum), ("cumprod", ops.cumprod))
        for axis, exclusive, reverse in itertools.product((0, -1), (False, True), (False, True))
    ]


CASES = [*_sums(), *_products_and_extremes(), *_exponentials(), *_statistics(), *_scans()]
