"""Picking slices by integers and adding slices where integers say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...graph.dtype import as_dtype
from ...graph.op import Binding, Spec, Thunk
from ...graph.shape import normalize_axis, prod
from ...ops.gather import Gather, PutAlong, ScatterAdd, TakeAlong, out_of_range
from ...runtime import native
from ..registry import Kernel, kernel
from ..table_rows import RowSums
from .calls import copy

_INDICES = ("int32", "int64")
_NUMBERS = ("float32", "float64", "int32", "int64")


def _module(out: Any, *arrays: Any) -> Any:
    """The extension, where it is there and there is something to do."""
    module = native.load()
    if module is None or not hasattr(module, "gather"):
        return None
    return module if out.flags.c_contiguous and all(a.size for a in (out, *arrays)) else None


def _gaps(*arrays: Any) -> list[Spec]:
    """Specs of contiguous copies of the arrays that need one."""
    return [Spec(a.shape, as_dtype(a.dtype)) for a in arrays if not a.flags.c_contiguous]


def _whole(b: Binding, *arrays: Any) -> tuple[list[Thunk], list[Any]]:
    """The arrays without gaps, and the copies that takes."""
    scratch = iter(b.scratch)
    calls: list[Thunk] = []
    whole: list[Any] = []
    for x in arrays:
        if not x.flags.c_contiguous:
            place = next(scratch)
            calls.append(copy(place, x))
            x = place
        whole.append(x)
    return calls, whole


def _message(b: Binding, message: str, size: int) -> list[str]:
    return f"{b.where}: {message}".replace("{size}", str(size)).split("{index}")


@kernel("native", Gather)
def gather(op: Gather, ins: Sequence[np.ndarray], outs: Sequence[Any]) -> Kernel | None:
    """Rows of a table: the lookup of an embedding."""
    x, indices = ins
    module = _module(outs[0], x, indices)
    if module is None or normalize_axis(op.axis, x.ndim) != 0 or indices.dtype.name not in _INDICES:
        return None
    nbytes, size = prod(x.shape[1:]) * x.itemsize, x.shape[0]

    def bind(b: Binding) -> list[Thunk]:
        texts = _message(b, out_of_range(op.wrap), size)
        calls, (x, indices) = _whole(b, b.ins[0], b.ins[1])
        return [*calls, module.gather(x, indices, b.outs[0], nbytes, size, 0, op.wrap, *texts)]

    return Kernel("gather:rows", bind, _gaps(*ins))


@kernel("native", TakeAlong)
def take_along(op: TakeAlong, ins: Sequence[np.ndarray], outs: Sequence[Any]) -> Kernel | None:
    """Elements of each row."""
    x, indices = ins
    module = _module(outs[0], x, indices)
    if module is None or indices.dtype.name not in _INDICES:
        return None
    size, each = x.shape[-1], indices.shape[-1]

    def bind(b: Binding) -> list[Thunk]:
        texts = _message(b, op.message, size)
        calls, (table, places) = _whole(b, b.ins[0], b.ins[1])
        return [*calls, module.gather(table, places, b.outs[0], table.itemsize, size, each, False, *texts)]

    return Kernel("gather:elements", bind, _gaps(*ins))


@kernel("native", ScatterAdd)
def scatter_add(op: ScatterAdd, ins: Sequence[np.ndarray], outs: Sequence[Any]) -> Kernel | None:
    """Rows added to a table: the gradient of an embedding."""
    indices, updates = ins[:2]
    out = outs[0]
    module = _module(out, indices, updates)
    if module is None or indices.dtype.name not in _INDICES or updates.dtype.name not in _NUMBERS:
        return None
    rows, width = out.shape[0], prod(out.shape[1:])

    def bind(b: Binding) -> list[Thunk]:
        texts = _message(b, out_of_range(op.wrap), rows)
        calls, (places, added) = _whole(b, b.ins[0], b.ins[1])
        return [*calls, module.scatter_add(places, added, b.outs[0], rows, width, rows, 0, op.wrap, *texts)]

    return Kernel("scatter:rows", bind, _gaps(indices, updates))


@kernel("native", RowSums)
def row_sums(op: RowSums, ins: Sequence[np.ndarray], outs: Sequence[Any]) -> Kernel | None:
    """Sums of an embedding's gradient by the rows that get any."""
    indices, updates = ins
    sums, places = outs
    module = _module(sums, indices, updates)
    if module is None or not hasattr(module, "row_sums") or indices.dtype.name not in _INDICES:
        return None
    rows = places.shape[0]

    def bind(b: Binding) -> list[Thunk]:
        texts = _message(b, out_of_range(op.wrap), rows)
        calls, (index, added) = _whole(b, b.ins[0], b.ins[1])
        return [*calls, module.row_sums(index, added, b.outs[0], b.outs[1], sums.shape[1], op.wrap, *texts)]

    return Kernel("scatter:sums", bind, _gaps(indices, updates))


@kernel("native", PutAlong)
def put_along(op: PutAlong, ins: Sequence[np.ndarray], outs: Sequence[Any]) -> Kernel | None:
    """Elements added in each row."""
    values, indices = ins[:2]
    out = outs[0]
    module = _module(out, indices, values)
    if module is None or indices.dtype.name not in _INDICES or values.dtype.name not in _NUMBERS:
        return None
    size, each = out.shape[-1], indices.shape[-1]

    def bind(b: Binding) -> list[Thunk]:
        texts = _message(b, op.message, size)
        calls, (places, added) = _whole(b, b.ins[1], b.ins[0])
        return [*calls, module.scatter_add(places, added, b.outs[0], out.size, 1, size, each, False, *texts)]

    return Kernel("scatter:elements", bind, _gaps(indices, values))
