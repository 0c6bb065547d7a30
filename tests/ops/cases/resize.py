"""Cases of enlarging."""

from __future__ import annotations

from typing import Any

import numpy as np

from gpukeras import ops
from gpukeras.graph.gradient import gradients
from tests.ops.harness import Case, ints, normal, squared


def _nearest(factors: tuple[int, ...], first: bool) -> Any:
    def oracle(x: np.ndarray) -> np.ndarray:
        each = (1, 1, *factors) if first else (1, *factors, 1)
        out = np.zeros([n * r for n, r in zip(x.shape, each)], x.dtype)
        for where in np.ndindex(*out.shape):
            out[where] = x[tuple(i // r for i, r in zip(where, each))]
        return out

    return oracle


def _linear(factor: int, axis: int) -> Any:
    def oracle(x: np.ndarray) -> np.ndarray:
        x = np.moveaxis(x, axis, 0)
        out = []
        for i in range(len(x) * factor):
            at = i / factor
            low = int(at)
            high = min(low + 1, len(x) - 1)
            out.append(x[low] * (1 - (at - low)) + x[high] * (at - low))
        return np.moveaxis(np.asarray(out), 0, axis)

    return oracle


def _linear_back(factor: int, axis: int) -> Any:
    """Every output element handed back to the two it lies between."""

    def oracle(x: np.ndarray, g: np.ndarray) -> np.ndarray:
        dx, g = np.zeros(np.moveaxis(x, axis, 0).shape), np.moveaxis(g, axis, 0)
        for i in range(len(g)):
            low = int(i / factor)
            share = i / factor - low
            dx[low] += (1 - share) * g[i]
            dx[min(low + 1, len(dx) - 1)] += share * g[i]
        return np.moveaxis(dx, 0, axis)

    return oracle


CASES = [
    *[
        Case(
            f"interpolate_sum/{factor} on axis {axis} of {shape}",
            lambda x, g, factor=factor, axis=axis: gradients(ops.interpolate(x, factor, axis), [x], [g])[0],
            [normal(*shape), normal(*(n * factor if i == axis else n for i, n in enumerate(shape)))],
            _linear_back(factor, axis),
            wrt=(1,),
            second=True,
        )
        for shape, factor, axis in [((2, 3, 2), 2, 1), ((2, 3, 4, 2), 3, 2), ((2, 1, 2), 4, 1)]
    ],
    *[
        Case(
            f"upsample/{factors} channels {'first' if first else 'last'}",
            lambda x, factors=factors, first=first: ops.upsample(x, factors, first),
            [normal(*shape)],
            _nearest(factors, first),
        )
        for shape, factors in [
            ((2, 3, 2), (3,)),
            ((2, 3, 2, 2), (2, 3)),
            ((1, 2, 2, 3, 2), (1, 2, 2)),
            ((2, 3, 2), (1,)),
        ]
        for first in (False, True)
    ],
    squared(Case("upsample/2d", lambda x: ops.upsample(x, (2, 2)), [normal(1, 2, 3, 1)], _nearest((2, 2), False))),
    Case(
        "upsample/ints",
        lambda x: ops.upsample(x, (2,)),
        [ints(1, 3, 2, lo=0, hi=9)],
        _nearest((2,), False),
        no_grad=True,
    ),
    *[
        Case(
            f"interpolate/{factor} on axis {axis} of {shape}",
            lambda x, factor=factor, axis=axis: ops.interpolate(x, factor, axis),
            [normal(*shape)],
            _linear(factor, axis),
        )
        for shape, factor, axis in [
            ((2, 3, 2), 2, 1),
            ((2, 3, 4, 2), 3, 2),
            ((2, 1, 2), 4, 1),
            ((3, 4), 1, 0),
            ((2, 3), 5, -1),
        ]
    ],
    squared(Case("interpolate/2", lambda x: ops.interpolate(x, 2, 1), [normal(2, 3, 2)], _linear(2, 1))),
    Case(
        "interpolate/float16", lambda x: ops.interpolate(x, 2, 1), [normal(2, 3, 2)], _linear(2, 1), dtypes=("float16",)
    ),
]
