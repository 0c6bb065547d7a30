"""Cases of pooling."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from gpukeras import ops
from gpukeras.graph.gradient import gradients
from tests.ops.cases.conv import pads_of
from tests.ops.harness import Case, floats, normal, spread


def _windows(x: np.ndarray, size: tuple[int, ...], strides: tuple[int, ...], padding: Any, first: bool) -> Any:
    """(index of the window, places in x of its elements that are not padding), window by window."""
    shape = (x.shape[0], *x.shape[2:], x.shape[1]) if first else x.shape
    back = [0, len(shape) - 1, *range(1, len(shape) - 1)] if first else list(range(len(shape)))
    n = x.ndim - 2
    pads = pads_of(padding, shape[1:-1], size, strides, (1,) * n)
    out = [(shape[1 + i] + sum(pads[i]) - size[i]) // strides[i] + 1 for i in range(n)]
    for where in np.ndindex(shape[0], *out, shape[-1]):
        sample, *position, c = where
        inside = []
        for tap in itertools.product(*map(range, size)):
            at = [p * s + k - lo for p, s, k, (lo, _) in zip(position, strides, tap, pads)]
            if all(0 <= i < m for i, m in zip(at, shape[1:-1])):
                whole = (sample, *at, c)
                inside.append(tuple(whole[i] for i in back))
        yield tuple(where[i] for i in back), inside


def _oracle(reduce: Any, size: Any, strides: Any, padding: Any, first: bool) -> Any:
    def oracle(x: np.ndarray) -> np.ndarray:
        found = {at: reduce([x[i] for i in inside]) for at, inside in _windows(x, size, strides, padding, first)}
        y = np.zeros([max(at[i] for at in found) + 1 for i in range(x.ndim)])
        for at, value in found.items():
            y[at] = value
        return y

    return oracle


def _best(x: np.ndarray, inside: list[Any]) -> Any:
    """Place of the first largest element."""
    return max(inside, key=lambda i: x[i])  # max keeps the first of equals


def _max_back(size: Any, strides: Any, padding: Any, first: bool) -> Any:
    """dy goes to the first maximum of each window."""

    def oracle(x: np.ndarray, dy: np.ndarray) -> np.ndarray:
        dx = np.zeros(x.shape)
        for at, inside in _windows(x, size, strides, padding, first):
            dx[_best(x, inside)] += dy[at]
        return dx

    return oracle


def _max_pick(size: Any, strides: Any, padding: Any, first: bool) -> Any:
    """What stands in g where x has the first maximum of each window."""

    def oracle(x: np.ndarray, dy: np.ndarray, g: np.ndarray) -> np.ndarray:
        y = np.zeros(dy.shape)
        for at, inside in _windows(x, size, strides, padding, first):
            y[at] = g[_best(x, inside)]
        return y

    return oracle


def _mean_back(size: Any, strides: Any, padding: Any, first: bool) -> Any:
    """dy is shared out evenly in each window."""

    def oracle(x: np.ndarray, dy: np.ndarray) -> np.ndarray:
        dx = np.zeros(x.shape)
        for at, inside in _windows(x, size, strides, padding, first):
            for i in inside:
                dx[i] += dy[at] / len(inside)
        return dx

    return oracle


def _derivative(op: Any, *settings: Any) -> Any:
    return lambda x, dy: gradients(op(x, *settings), [x], [dy])[0]


def _second(*settings: Any) -> Any:
    """The gradient of max_pool's gradient with respect to dy."""

    def call(x: Any, dy: Any, g: Any) -> Any:
        return gradients(gradients(ops.max_pool(x, *settings), [x], [dy])[0], [dy], [g])[0]

    return call


SETTINGS: list[tuple[str, tuple[int, ...], tuple[int, ...], tuple[int, ...], Any]] = [
    ("1d", (2, 6, 2), (2,), (2,), "valid"),
    ("1d same overlapping", (2, 5, 2), (3,), (2,), "same"),
    ("2d", (2, 4, 4, 2), (2, 2), (2, 2), "valid"),
    ("2d left over", (2, 5, 4, 1), (2, 3), (2, 2), "valid"),
    ("2d overlapping", (1, 4, 5, 2), (3, 2), (1, 1), "valid"),
    ("2d same", (2, 5, 4, 2), (3, 2), (2, 3), "same"),
    ("2d same strides 1", (1, 4, 3, 2), (2, 3), (1, 1), "same"),
    ("2d strides beyond window", (1, 7, 6, 1), (2, 1), (3, 2), "valid"),
    ("2d pairs", (1, 3, 4, 1), (2, 2), (2, 1), ((1, 0), (0, 1))),
    ("3d same", (1, 3, 4, 3, 2), (2, 2, 2), (2, 1, 2), "same"),
]


def _cases() -> list[Case]:
    cases = []
    for (label, shape, size, strides, padding), first in itertools.product(SETTINGS, (False, True)):
        x = (shape[0], shape[-1], *shape[1:-1]) if first else shape
        name = f"{label} channels {'first' if first else 'last'}"
        for op, reduce, draw in (
            (ops.max_pool, max, spread(*x)),
            (ops.average_pool, np.mean, normal(*x)),
            (ops.window_sum, np.sum, normal(*x)),
        ):
            cases.append(
                Case(
                    f"{op.__name__}/{name}",
                    lambda t, op=op, a=(size, strides, padding, first): op(t, *a),
                    [draw],
                    _oracle(reduce, size, strides, padding, first),
                )
            )
    return cases


def _gradient_cases() -> list[Case]:
    """Gradients themselves, on inputs with ties."""
    cases = []
    for (label, shape, size, strides, padding), first in itertools.product(SETTINGS, (False, True)):
        x = (shape[0], shape[-1], *shape[1:-1]) if first else shape
        y = _oracle(max, size, strides, padding, first)(np.zeros(x)).shape
        name = f"{label} channels {'first' if first else 'last'}"
        a = (size, strides, padding, first)
        cases += [
            Case(
                f"max_pool_grad/{name}",
                _derivative(ops.max_pool, *a),
                [few(*x), normal(*y)],
                _max_back(*a),
                wrt=(1,),  # at ties the place of the maximum is not a continuous function of x
            ),
            Case(f"max_pool_pick/{name}", _second(*a), [few(*x), normal(*y), normal(*x)], _max_pick(*a), wrt=(2,)),
            Case(
                f"window_spread/{name}",
                _derivative(ops.average_pool, *a),
                [normal(*x), normal(*y)],
                _mean_back(*a),
                wrt=(1,),
                second=True,
            ),
        ]
    return cases


def few(*shape: int) -> Any:
    """Floats of which many are equal."""
    return lambda rng, dtype: np.asarray(rng.randint(0, 3, shape), dtype)


def _squared_pool(op: Any) -> Any:
    return lambda x: ops.square(op(x, 2, 1, "same"))


CASES = [
    *_cases(),
    *_gradient_cases(),
    Case(
        "max_pool/second order",
        _squared_pool(ops.max_pool),
        [spread(1, 4, 3, 2)],
        lambda x: _oracle(max, (2, 2), (1, 1), "same", False)(x) ** 2,
        second=True,
    ),
    Case(
        "average_pool/second order",
        _squared_pool(ops.average_pool),
        [normal(1, 4, 3, 2)],
        lambda x: _oracle(np.mean, (2, 2), (1, 1), "same", False)(x) ** 2,
        second=True,
    ),
    Case(
        "max_pool/infinities",
        lambda x: ops.max_pool(x, 2),
        [floats([[[-np.inf], [-np.inf], [np.inf], [3.0]]])],
        _oracle(max, (2,), (2,), "valid", False),
        wrt=(),
    ),
    *[
        Case(
            f"{op.__name__}/float16",
            lambda x, op=op: op(x, 2, 2, "same"),
            [draw],
            _oracle(reduce, (2, 2), (2, 2), "same", False),
            dtypes=("float16",),
        )
        for op, reduce, draw in (
            (ops.max_pool, max, spread(1, 3, 3, 2)),
            (ops.average_pool, np.mean, normal(1, 3, 3, 2)),
        )
    ],
]
