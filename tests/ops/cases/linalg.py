"""Cases of matrix products."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from gpukeras import ops
from tests.ops.harness import Case, ints, normal


def _matmul(ta: bool, tb: bool) -> Any:
    """Products row by column, batch by batch, in plain loops."""

    def oracle(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        a = np.swapaxes(a, -1, -2) if ta else a
        b = np.swapaxes(b, -1, -2) if tb else b
        batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
        a, b = np.broadcast_to(a, batch + a.shape[-2:]), np.broadcast_to(b, batch + b.shape[-2:])
        out = np.zeros(batch + (a.shape[-2], b.shape[-1]), a.dtype)
        for index in np.ndindex(*out.shape):
            *lead, i, j = index
            out[index] = sum(a[(*lead, i, k)] * b[(*lead, k, j)] for k in range(a.shape[-1]))
        return out

    return oracle


def _cases() -> list[Case]:
    shapes: list[tuple[str, tuple[int, ...], tuple[int, ...]]] = [
        ("2d", (3, 4), (4, 5)),
        ("batched", (2, 3, 4), (2, 4, 5)),
        ("many by one", (2, 3, 4), (4, 5)),
        ("one by many", (3, 4), (2, 4, 5)),
        ("broadcast", (2, 1, 3, 4), (3, 4, 2)),
    ]
    cases = []
    for (label, a, b), ta, tb in itertools.product(shapes, (False, True), (False, True)):
        x = (*a[:-2], a[-1], a[-2]) if ta else a
        y = (*b[:-2], b[-1], b[-2]) if tb else b
        cases.append(
            Case(
                f"matmul/{label} transposed {ta} {tb}",
                lambda p, q, ta=ta, tb=tb: ops.matmul(p, q, ta, tb),
                [normal(*x), normal(*y)],
                _matmul(ta, tb),
                second=label in ("2d", "many by one"),
            )
        )
    return cases


def _tensordot(left: list[int], right: list[int]) -> Any:
    def oracle(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        letters = "abcdefgh"
        x = list(letters[: a.ndim])
        y = list(letters[a.ndim : a.ndim + b.ndim])
        for i, j in zip(left, right):
            y[j] = x[i]
        rest = [c for i, c in enumerate(x) if i not in left] + [c for j, c in enumerate(y) if j not in right]
        return np.einsum(f"{''.join(x)},{''.join(y)}->{''.join(rest)}", a, b)

    return oracle


CASES = [
    *_cases(),
    Case("matmul/float16", ops.matmul, [normal(3, 4), normal(4, 2)], _matmul(False, False), dtypes=("float16",)),
    Case(
        "matmul/int",
        ops.matmul,
        [ints(3, 4, lo=-5, hi=5), ints(4, 2, lo=-5, hi=5)],
        _matmul(False, False),
        no_grad=True,
    ),
    Case("matmul/inner length 0", ops.matmul, [normal(3, 0), normal(0, 2)], lambda a, b: np.zeros((3, 2)), wrt=()),
    *[
        Case(
            f"tensordot/{axes}",
            lambda a, b, axes=axes: ops.tensordot(a, b, axes),
            [normal(*x), normal(*y)],
            _tensordot(left, right),
        )
        for axes, x, y, left, right in [
            (1, (2, 3, 4), (4, 5), [2], [0]),
            (2, (2, 3, 4), (3, 4, 5), [1, 2], [0, 1]),
            (0, (2, 3), (4,), [], []),
            ([[1], [1]], (2, 3, 4), (5, 3), [1], [1]),
            ([[0, 2], [2, 0]], (2, 3, 4), (4, 5, 2), [0, 2], [2, 0]),
            ([2, 1], (2, 3, 4), (2, 4, 5), [2], [1]),
        ]
    ],
]
