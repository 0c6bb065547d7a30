"""Cases of convolutions and their gradients."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from gpukeras import ops
from tests.ops.harness import Case, normal, squared


def pads_of(
    padding: Any, spatial: tuple[int, ...], kernel: tuple[int, ...], strides: tuple[int, ...], dilation: tuple[int, ...]
) -> list[tuple[int, int]]:
    """(before, after) per axis, from the definition of each mode."""
    out = []
    for axis, n in enumerate(spatial):
        span = (kernel[axis] - 1) * dilation[axis] + 1
        if padding == "valid":
            out.append((0, 0))
        elif padding == "causal":
            out.append((span - 1, 0))
        elif padding == "full":
            out.append((span - 1, span - 1))
        elif padding == "same":
            windows = (n + strides[axis] - 1) // strides[axis]
            missing = max(0, (windows - 1) * strides[axis] + span - n)
            out.append((missing // 2, missing - missing // 2))
        else:
            out.append(padding[axis])
    return out


def conv_loops(
    x: np.ndarray, w: np.ndarray, strides: tuple[int, ...], padding: Any, dilation: tuple[int, ...], groups: int
) -> np.ndarray:
    """Output by output, tap by tap, channel by channel."""
    n = x.ndim - 2
    kernel, (per_group, filters) = w.shape[:n], w.shape[n:]
    pads = pads_of(padding, x.shape[1:-1], kernel, strides, dilation)
    x = np.pad(x, [(0, 0), *pads, (0, 0)])
    out = [
        (x.shape[1 + i] - (kernel[i] - 1) * dilation[i] - 1) // strides[i] + 1 for i in range(n)
    ]  # fmt: skip
    y = np.zeros((x.shape[0], *out, filters))
    for where in np.ndindex(*y.shape):
        sample, *position, f = where
        first = f // (filters // groups) * per_group
        for tap in itertools.product(*map(range, kernel)):
            at = tuple(p * s + k * d for p, s, k, d in zip(position, strides, tap, dilation))
            for c in range(per_group):
                y[where] += x[(sample, *at, first + c)] * w[(*tap, c, f)]
    return y


def transpose_loops(
    y: np.ndarray,
    w: np.ndarray,
    spatial: tuple[int, ...],
    strides: tuple[int, ...],
    padding: Any,
    dilation: tuple[int, ...],
    groups: int,
) -> np.ndarray:
    """Each input element spread over the places its window covers."""
    n = y.ndim - 2
    kernel, (per_group, filters) = w.shape[:n], w.shape[n:]
    pads = pads_of(padding, spatial, kernel, strides, dilation)
    x = np.zeros((y.shape[0], *(m + lo + hi for m, (lo, hi) in zip(spatial, pads)), per_group * groups))
    for where in np.ndindex(*y.shape):
        sample, *position, f = where
        first = f // (filters // groups) * per_group
        for tap in itertools.product(*map(range, kernel)):
            at = tuple(p * s + k * d for p, s, k, d in zip(position, strides, tap, dilation))
            for c in range(per_group):
                x[(sample, *at, first + c)] += y[where] * w[(*tap, c, f)]
    inner = tuple(slice(lo, lo + m) for m, (lo, _) in zip(spatial, pads))
    return x[(slice(None), *inner)]


def weight_loops(
    x: np.ndarray,
    y: np.ndarray,
    kernel: tuple[int, ...],
    strides: tuple[int, ...],
    padding: Any,
    dilation: tuple[int, ...],
    groups: int,
) -> np.ndarray:
    """Every product of an input element with an output element, added to the tap that joins them."""
    per_group, filters = x.shape[-1] // groups, y.shape[-1]
    pads = pads_of(padding, x.shape[1:-1], kernel, strides, dilation)
    x = np.pad(x, [(0, 0), *pads, (0, 0)])
    w = np.zeros((*kernel, per_group, filters))
    for where in np.ndindex(*y.shape):
        sample, *position, f = where
        first = f // (filters // groups) * per_group
        for tap in itertools.product(*map(range, kernel)):
            at = tuple(p * s + k * d for p, s, k, d in zip(position, strides, tap, dilation))
            for c in range(per_group):
                w[(*tap, c, f)] += x[(sample, *at, first + c)] * y[where]
    return w


#: label, x, w, strides, padding, dilation, groups
SETTINGS: list[tuple[str, tuple[int, ...], tuple[int, ...], Any, Any, Any, int]] = [
    ("1d valid", (2, 6, 2), (3, 2, 3), 1, "valid", 1, 1),
    ("1d same strides", (2, 7, 2), (3, 2, 2), 2, "same", 1, 1),
    ("1d causal dilation", (2, 6, 2), (2, 2, 2), 1, "causal", 2, 1),
    ("1d causal strides", (2, 6, 2), (3, 2, 2), 2, "causal", 1, 1),
    ("1d pointwise", (2, 4, 3), (1, 3, 2), 1, "valid", 1, 1),
    ("1d kernel 1 strides", (2, 5, 3), (1, 3, 2), 2, "valid", 1, 1),
    ("2d valid", (2, 4, 5, 2), (3, 2, 2, 3), 1, "valid", 1, 1),
    ("2d same even kernel", (1, 4, 3, 2), (2, 2, 2, 2), 1, "same", 1, 1),
    ("2d same strides", (2, 5, 4, 2), (3, 2, 2, 2), (2, 3), "same", 1, 1),
    ("2d valid strides left over", (2, 6, 5, 1), (3, 2, 1, 2), (2, 2), "valid", 1, 1),
    ("2d strides beyond kernel", (1, 7, 7, 1), (2, 2, 1, 2), 3, "valid", 1, 1),
    ("2d full", (1, 3, 2, 2), (2, 3, 2, 2), 1, "full", 1, 1),
    ("2d pairs", (1, 4, 4, 2), (2, 2, 2, 1), (1, 2), ((2, 0), (0, 3)), 1, 1),
    ("2d dilation", (1, 6, 5, 2), (2, 2, 2, 2), 1, "same", (2, 3), 1),
    ("2d dilation strides", (1, 7, 6, 1), (2, 2, 1, 2), 2, "valid", (3, 2), 1),
    ("2d pointwise", (2, 3, 3, 3), (1, 1, 3, 4), 1, "same", 1, 1),
    ("2d few in many out", (2, 4, 4, 1), (2, 2, 1, 5), 1, "same", 1, 1),
    ("2d many in few out", (2, 4, 4, 5), (2, 2, 5, 1), 1, "same", 1, 1),
    ("2d groups", (2, 4, 4, 4), (2, 2, 2, 6), (2, 1), "same", 1, 2),
    ("2d depthwise", (2, 4, 4, 3), (3, 2, 1, 3), 1, "same", 1, 3),
    ("2d depthwise strides", (2, 5, 4, 3), (2, 2, 1, 3), 2, "valid", 1, 3),
    ("2d depthwise multiplier", (2, 4, 4, 2), (2, 2, 1, 6), (1, 2), "same", 1, 2),
    ("2d depthwise dilation", (2, 5, 5, 2), (2, 2, 1, 4), 1, "same", 2, 2),
    ("1d depthwise", (2, 5, 3), (2, 1, 3), 1, "causal", 1, 3),
    ("3d valid", (1, 3, 4, 3, 2), (2, 2, 2, 2, 2), 1, "valid", 1, 1),
    ("3d same strides", (1, 3, 4, 3, 1), (2, 3, 2, 1, 2), (2, 1, 2), "same", 1, 1),
    ("3d depthwise", (1, 3, 3, 3, 2), (2, 2, 2, 1, 4), 1, "same", 1, 2),
]


def _each(value: Any, n: int) -> tuple[int, ...]:
    return (value,) * n if isinstance(value, int) else tuple(value)


def _cases() -> list[Case]:
    cases = []
    for label, x, w, strides, padding, dilation, groups in SETTINGS:
        n = len(x) - 2
        s, d = _each(strides, n), _each(dilation, n)
        y = conv_loops(np.zeros(x), np.zeros(w), s, padding, d, groups).shape
        pairs = _pairs(padding, x, w, d)
        by_name = dict(strides=strides, dilation=dilation, groups=groups)
        cases += [
            Case(
                f"conv/{label}",
                lambda a, b, p=padding, k=by_name: ops.conv(a, b, padding=p, **k),
                [normal(*x), normal(*w)],
                lambda a, b, r=(s, padding, d, groups): conv_loops(a, b, *r),
                second=True,
                # how far 'causal' and 'full' reach depends on the kernel's size
                unknown=padding not in ("causal", "full"),
            ),
            Case(
                f"conv_transpose/{label}",
                lambda a, b, m=x[1:-1], p=pairs, k=by_name: ops.conv_transpose(a, b, m, padding=p, **k),
                [normal(*y), normal(*w)],
                lambda a, b, m=x[1:-1], r=(s, padding, d, groups): transpose_loops(a, b, m, *r),
                second=True,
            ),
            Case(
                f"conv_weight/{label}",
                lambda a, b, m=w[:-2], p=padding, k=by_name: ops.conv_weight(a, b, m, padding=p, **k),
                [normal(*x), normal(*y)],
                lambda a, b, m=w[:-2], r=(s, padding, d, groups): weight_loops(a, b, m, *r),
                second=True,
            ),
        ]
    return cases


def _pairs(padding: Any, x: tuple[int, ...], w: tuple[int, ...], dilation: tuple[int, ...]) -> Any:
    """Padding that can be built without knowing the kernel's size."""
    if padding in ("causal", "full"):
        return tuple(pads_of(padding, x[1:-1], w[:-2], (1,) * len(dilation), dilation))
    return padding


def _half(label: str, x: tuple[int, ...], w: tuple[int, ...], groups: int) -> list[Case]:
    n = len(x) - 2
    r = ((1,) * n, "same", (1,) * n, groups)
    y = (*x[:-1], w[-1])
    tol, why = (
        {"float16": (1e-2, 2e-2)},
        "float16 results of sums of 12 products of normal numbers, some of which cancel",
    )
    return [
        Case(
            f"conv/float16 {label}",
            lambda a, b: ops.conv(a, b, padding="same", groups=groups),
            [normal(*x), normal(*w)],
            lambda a, b: conv_loops(a, b, *r),
            dtypes=("float16",),
            tol=tol,
            why=why,
        ),
        Case(
            f"conv_transpose/float16 {label}",
            lambda a, b: ops.conv_transpose(a, b, x[1:-1], padding="same", groups=groups),
            [normal(*y), normal(*w)],
            lambda a, b: transpose_loops(a, b, x[1:-1], *r),
            dtypes=("float16",),
            tol=tol,
            why=why,
        ),
        Case(
            f"conv_weight/float16 {label}",
            lambda a, b: ops.conv_weight(a, b, w[:-2], padding="same", groups=groups),
            [normal(*x), normal(*y)],
            lambda a, b: weight_loops(a, b, w[:-2], *r),
            dtypes=("float16",),
            tol=tol,
            why=why,
        ),
    ]


CASES = [
    *_cases(),
    *_half("2d", (1, 3, 3, 2), (2, 2, 2, 2), 1),
    *_half("depthwise", (1, 3, 3, 2), (2, 2, 1, 4), 2),
    squared(
        Case(
            "conv/chain",
            lambda a, b: ops.conv(a, b, padding="same"),
            [normal(1, 4, 2), normal(3, 2, 2)],
            lambda a, b: conv_loops(a, b, (1,), "same", (1,), 1),
        )
    ),
]
