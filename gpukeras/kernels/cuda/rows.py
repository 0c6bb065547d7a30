"""Kernels on rows: mean and variance, gathers, and the gradient of gathers."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from ...graph.dtype import as_dtype
from ...graph.op import Binding, Spec, Thunk
from ...ops.gather import Gather, PutAlong, ScatterAdd, TakeAlong
from ...ops.reduction import concrete_axes
from ...ops.softmax import Moments
from ..registry import Kernel, kernel
from .images import MOST, fits
from .launch import THREADS, blocks_for, launch

_SORTED = 2 * THREADS  # keys that a block sorts by itself
_COLUMNS = 32  # of a block of column_moments_parts
_MOST_PARTS = 128
_FEW_PLACES = 8  # of a row, which every element of it looks at


@kernel("cuda", Moments)
def moments(op: Moments, ins: Sequence[np.ndarray], outs: Sequence[Any]) -> Kernel | None:
    """Over the last axes, a block per row; over the first ones, or first and last ones, in two stages."""
    x = ins[0]
    if not fits(x) or any(out is None for out in outs):
        return None
    axes = sorted(concrete_axes(op.axes, x.ndim))
    kept = [i for i in range(x.ndim) if i not in axes]
    if axes == list(range(x.ndim - len(axes), x.ndim)):
        rows = math.prod(x.shape[: len(kept)])

        def by_row(b: Binding) -> list[Thunk]:
            return [launch(b.xp, "moments.cu", "row_moments", rows, [b.ins[0], *b.outs, x.size // rows])]

        return Kernel("cuda:moments:rows", by_row)
    columns = math.prod(x.shape[i] for i in kept)
    if axes != list(range(len(axes))):
        return _moments_between(x, kept, columns) if kept == list(range(kept[0], kept[-1] + 1)) else None
    rows = x.size // columns
    parts = min(-(-rows // 64), _MOST_PARTS)

    def by_column(b: Binding) -> list[Thunk]:
        (part,), (mean, variance) = b.scratch, b.outs
        grid = (-(-columns // _COLUMNS), parts)
        return [
            launch(b.xp, "moments.cu", "column_moments_parts", grid, [b.ins[0], part, rows, columns]),
            launch(
                b.xp, "moments.cu", "column_moments", -(-columns // THREADS), [part, parts, mean, variance, columns]
            ),
        ]

    return Kernel("cuda:moments:columns", by_column, [Spec((3 * parts * columns,), as_dtype("float32"))])


def _moments_between(x: np.ndarray, kept: list[int], columns: int) -> Kernel:
    """Of channels that lie between samples and pixels: a block per image, whose results are joined."""
    parts = math.prod(x.shape[: kept[0]])
    length = x.size // (parts * columns)

    def bind(b: Binding) -> list[Thunk]:
        (part,), (mean, variance) = b.scratch, b.outs
        join = [part, parts, mean, variance, columns]
        return [
            launch(b.xp, "moments.cu", "row_moments_parts", parts * columns, [b.ins[0], part, length]),
            launch(b.xp, "moments.cu", "column_moments", -(-columns // THREADS), join),
        ]

    return Kernel("cuda:moments:between", bind, [Spec((3 * parts * columns,), as_dtype("float32"))])


def _index(b: Binding, place: int, target: Any) -> Thunk:
    return partial(b.xp.copyto, target.reshape(b.ins[place].shape), b.ins[place])


@kernel("cuda", Gather)
def gather(op: Gather, ins: Sequence[np.ndarray], outs: Sequence[Any]) -> Kernel | None:
    """Rows of a float32 table; an index from nowhere reads the first or the last one."""
    x, index = ins[0], ins[1]
    if op.wrap or op.axis % max(x.ndim, 1) != 0 or not fits(x) or not fits(outs[0]):
        return None
    length = x.size // x.shape[0]

    def bind(b: Binding) -> list[Thunk]:
        rows, out = b.scratch[0], b.outs[0]
        args = [b.ins[0], rows, out, int(index.size), length, x.shape[0]]
        return [_index(b, 1, rows), launch(b.xp, "gather.cu", "gather", blocks_for(out.size), args)]

    return Kernel("cuda:gather", bind, [Spec((index.size,), as_dtype("int64"))])


@kernel("cuda", ScatterAdd)
def scatter_add(op: ScatterAdd, ins: Sequence[np.ndarray], outs: Sequence[Any]) -> Kernel | None:
    """Rows added up by their indices: with atomic additions, or in order where GPUKERAS_DETERMINISTIC is 1."""
    index, updates, out = ins[0], ins[1], outs[0]
    if op.wrap or updates.dtype != np.float32 or not 0 < updates.size <= MOST or not fits(out):
        return None
    gaps = not updates.flags.c_contiguous
    count = int(index.size)
    sizes = [count, updates.size // count, out.shape[0]]
    deterministic = os.environ.get("GPUKERAS_DETERMINISTIC") == "1"
    padded = max(2, 1 << (count - 1).bit_length()) if deterministic else 0

    def bind(b: Binding) -> list[Thunk]:
        rows, total, dy = b.scratch[0], b.outs[0], b.scratch[-1] if gaps else b.ins[1]
        calls: list[Thunk] = [partial(total.fill, 0), _index(b, 0, rows)]
        if gaps:
            calls.append(partial(b.xp.copyto, dy, b.ins[1]))
        blocks = blocks_for(updates.size)
        if not deterministic:
            args = [rows, dy, total, *sizes]
            return [*calls, launch(b.xp, "embedding.cu", "embedding_add_atomic", blocks, args)]
        key = b.scratch[1]
        keys = [rows, key, count, padded, out.shape[0]]
        calls.append(launch(b.xp, "embedding.cu", "embedding_keys", blocks_for(padded), keys))
        calls += sort(b.xp, key)
        return [*calls, launch(b.xp, "embedding.cu", "embedding_add_sorted", blocks, [key, dy, total, *sizes])]

    scratch = [Spec((count,), as_dtype("int64"))]
    if deterministic:
        scratch.append(Spec((padded,), as_dtype("uint64")))
    if gaps:
        scratch.append(Spec(updates.shape, as_dtype("float32")))
    return Kernel(f"cuda:scatter_add:{'sorted' if deterministic else 'atomic'}", bind, scratch)


def sort(xp: Any, key: Any) -> list[Thunk]:
    """Launches that sort uint64 keys, whose number is a power of two."""
    size = key.size
    longest = min(size, _SORTED)
    calls = [launch(xp, "embedding.cu", "sort_blocks", size // longest, [key, longest, 0])]
    merge = 2 * longest
    while merge <= size:
        distance = merge // 2
        while distance >= _SORTED:
            steps = [key, distance, merge, size]
            calls.append(launch(xp, "embedding.cu", "sort_step", -(-size // 2 // THREADS), steps))
            distance //= 2
        calls.append(launch(xp, "embedding.cu", "sort_blocks", size // _SORTED, [key, _SORTED, merge]))
        merge *= 2
    return calls


@kernel("cuda", TakeAlong, PutAlong)
def along(op: Any, ins: Sequence[np.ndarray], outs: Sequence[Any]) -> Kernel | None:
    """Elements of rows by their places, as a cross-entropy with labels takes them; places from nowhere are clipped."""
    x, index, out = ins[0], ins[1], outs[0]
    if not (fits(x) and fits(out) and 0 < index.size <= MOST):
        return None
    takes = isinstance(op, TakeAlong)
    many, length = index.shape[-1], (x if takes else out).shape[-1]
    if not takes and many > _FEW_PLACES:
        return None

    def bind(b: Binding) -> list[Thunk]:
        places, result = b.scratch[0], b.outs[0]
        args = [b.ins[0], places, result, result.size, many, length]
        return [_index(b, 1, places), launch(b.xp, "gather.cu", op.name, blocks_for(result.size), args)]

    return Kernel(f"cuda:{op.name}", bind, [Spec((index.size,), as_dtype("int64"))])
