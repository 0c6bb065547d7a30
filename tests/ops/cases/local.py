"""Cases of windows as rows and of convolutions with unshared kernels."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from gpukeras import ops
from gpukeras.graph.gradient import gradients
from tests.ops.harness import Case, normal


def _rows(size: tuple[int, ...], strides: tuple[int, ...], first: bool) -> Any:
    def oracle(x: np.ndarray) -> np.ndarray:
        spatial = x.shape[2:] if first else x.shape[1:-1]
        positions = [(n - k) // s + 1 for n, k, s in zip(spatial, size, strides)]
        out = []
        for where in np.ndindex(*positions):
            cut = tuple(slice(p * s, p * s + k) for p, s, k in zip(where, strides, size))
            window = x[(slice(None), slice(None), *cut)] if first else x[(slice(None), *cut)]
            out.append([sample.ravel() for sample in window])
        return np.asarray(out).reshape(*positions, x.shape[0], -1)

    return oracle


def _rows_back(size: tuple[int, ...], strides: tuple[int, ...], first: bool) -> Any:
    """Every element of a row added to the place it was taken from."""
    rows = _rows(size, strides, first)

    def oracle(x: np.ndarray, g: np.ndarray) -> np.ndarray:
        place = rows(np.arange(x.size).reshape(x.shape)).astype(int)
        dx = np.zeros(x.size)
        for where in np.ndindex(*g.shape):
            dx[place[where]] += g[where]
        return dx.reshape(x.shape)

    return oracle


def _local(size: tuple[int, ...], strides: tuple[int, ...], first: bool) -> Any:
    rows = _rows(size, strides, first)

    def oracle(x: np.ndarray, w: np.ndarray) -> np.ndarray:
        windows = rows(x)
        *positions, n, _ = windows.shape
        y = np.zeros((n, *positions, w.shape[-1]))
        for number, where in enumerate(np.ndindex(*positions)):
            for sample in range(n):
                y[(sample, *where)] = windows[(*where, sample)] @ w[number]
        return np.moveaxis(y, -1, 1) if first else y

    return oracle


SETTINGS: list[tuple[str, tuple[int, ...], tuple[int, ...], tuple[int, ...]]] = [
    ("1d", (2, 5, 2), (3,), (1,)),
    ("1d strides", (2, 6, 2), (2,), (2,)),
    ("1d kernel 1", (2, 3, 2), (1,), (1,)),
    ("2d", (2, 4, 3, 2), (2, 2), (1, 1)),
    ("2d strides", (2, 5, 4, 1), (2, 3), (2, 1)),
]


def _cases() -> list[Case]:
    cases = []
    for (label, shape, size, strides), first in itertools.product(SETTINGS, (False, True)):
        x = (shape[0], shape[-1], *shape[1:-1]) if first else shape
        name = f"{label} channels {'first' if first else 'last'}"
        positions = int(np.prod([(n - k) // s + 1 for n, k, s in zip(shape[1:-1], size, strides)]))
        w = (positions, int(np.prod(size)) * shape[-1], 3)
        cases += [
            Case(
                f"patches/{name}",
                lambda t, a=(size, strides, first): ops.patches(t, *a),
                [normal(*x)],
                _rows(size, strides, first),
            ),
            Case(
                f"local_conv/{name}",
                lambda t, k, a=(size, strides, first): ops.local_conv(t, k, *a),
                [normal(*x), normal(*w)],
                _local(size, strides, first),
                second=label in ("1d", "2d strides"),
            ),
            Case(
                f"patches_sum/{name}",
                lambda t, g, a=(size, strides, first): gradients(ops.patches(t, *a), [t], [g])[0],
                [normal(*x), normal(*_rows(size, strides, first)(np.zeros(x)).shape)],
                _rows_back(size, strides, first),
                wrt=(1,),
                second=True,
            ),
        ]
    return cases


CASES = _cases()
