"""Convolutions and their gradients by cuDNN, or by cuBLASLt where they are plain products."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ...graph.dtype import as_dtype
from ...graph.op import Binding, Spec, Thunk
from ...ops.conv import Conv, ConvTranspose, ConvWeight
from ...ops.conv_geometry import resolve_pads
from ..epilogue import Epilogue
from ..permuted import Permuted
from ..registry import Kernel, kernel
from . import glue, products
from .epilogues import epilogue
from .graphs import MOST_WORKSPACE, PART, Graph, place_pointers, words
from .images import depthwise
from .launch import address
from .prepared import TYPES, alignment, deterministic, layout, offset_alignment, prepare, queued

_UINT8 = as_dtype("uint8")
#: Kinds of graph by operation; of a convolution by (bias, activation) too.
_GRADIENTS = {ConvTranspose: "data_gradient", ConvWeight: "kernel_gradient"}
_FORWARD = {
    (False, ""): "forward",
    (True, ""): "forward_bias",
    (False, "relu"): "forward_relu",
    (True, "relu"): "forward_bias_relu",
}


class Roles(NamedTuple):
    """The arrays of an operation by the part they have in y = conv(x, w)."""

    x: Any
    w: Any
    y: Any

    @staticmethod
    def of(op: Any, ins: Sequence[Any], out: Any) -> Roles:
        """Those of one of the three operations."""
        tensors = [ins[0], ins[1], out]
        return Roles(*(tensors[i] for i in op.places))


def by_filters(ndim: int) -> tuple[int, ...]:
    """The order that cuDNN is fast with, (F, *kernel, C / groups), of the axes of a kernel (*kernel, C / groups, F)."""
    return (ndim - 1, *range(ndim - 2), ndim - 2)


def _is_ordered(w: Any) -> bool:
    return bool(w.transpose(by_filters(w.ndim)).flags.c_contiguous)


def channels_second(x: Any) -> Any:
    """View of (N, *spatial, C) as (N, C, *spatial), the order in which cuDNN names axes."""
    return x.transpose(0, x.ndim - 1, *range(1, x.ndim - 1))


def _is_packed(x: Any) -> bool:
    """Whether images lie without gaps, channels last or first."""
    return bool(x.flags.c_contiguous or channels_second(x).flags.c_contiguous)


def _graph(op: Any, kind: str, roles: Roles, pads: Any, aligned: int, most: int) -> list[int]:
    x, w, y = roles
    filters = layout((w.shape[-1], *w.shape[:-2], w.shape[-2]), w.dtype)
    return words(
        Graph(
            kind, str(y.dtype), deterministic(), aligned, most, channels_second(x),
            channels_second(filters), channels_second(y), pads, op.strides, op.dilation,
        )
    )  # fmt: skip


def _pointwise(op: Any, roles: Roles) -> tuple[Any, Any, Any] | None:
    """The operands and the result of the product that a kernel of one tap amounts to; None for others."""
    x, w, y = roles
    pads = resolve_pads(op.pads, x.shape[1:-1], w.shape[:-2], op.strides, op.dilation)
    plain = op.groups == 1 and {*w.shape[:-2], *op.strides} == {1} and not any(map(any, pads))
    if not plain or not all(t.flags.c_contiguous for t in roles):
        return None
    c, f = w.shape[-2:]
    rows, matrix, out = x.reshape(-1, c), w.reshape(c, f), y.reshape(-1, f)
    if type(op) is Conv:
        return rows, matrix, out
    return (out, matrix.T, rows) if type(op) is ConvTranspose else (rows.T, out, matrix)


def _product(op: Any, roles: Roles, bias: Any, activation: str) -> Kernel | None:
    matrices = _pointwise(op, roles)
    found = None if matrices is None else products.plan(*matrices, bias, activation)
    if found is None:
        return None

    def tie(b: Binding) -> Sequence[Thunk]:
        given = None if bias is None else b.ins[-1]
        arrays = _pointwise(op, Roles.of(op, b.ins, b.outs[0]))
        assert arrays is not None
        return products.bind(b.xp, found, *arrays, b.scratch, given, activation)

    return Kernel("cublaslt:conv:" + products.name(bias, activation), tie, found.scratch)


def _trial(sizes: Sequence[int]) -> Any:
    """Starts a graph on arrays of these bytes, made once."""
    made: list[Any] = []

    def run(xp: Any, handle: int, work: Any) -> None:
        made.extend(() if made else [xp.zeros((max(n, 1),), "uint8") for n in sizes])
        pointers = place_pointers(dict(zip(("x", "w", "y", "bias"), map(address, made), strict=False)))
        library = glue.library(PART)
        assert library is not None
        library.run(handle, pointers, address(work), xp.cuda.get_current_stream().ptr)

    return run


class _Plan(NamedTuple):
    """A graph that can be had, and what has to be copied for it."""

    kind: str
    pads: Any
    staged: tuple[bool, bool, bool]  # which of x, w and y come or go through arrays without gaps
    scratch: list[Spec]


def _plan(op: Any, kind: str, roles: Roles, bias: Any) -> _Plan | None:
    x, w, y = roles
    given = [t for t in (x, w, y, bias) if t is not None]
    if glue.library(PART) is None or str(y.dtype) not in TYPES:
        return None
    if any(t.dtype != y.dtype or not t.size for t in given) or (bias is not None and not bias.flags.c_contiguous):
        return None
    pads = resolve_pads(op.pads, x.shape[1:-1], w.shape[:-2], op.strides, op.dilation)
    staged = (not _is_packed(x), not _is_ordered(w), not _is_packed(y))
    seen = Roles(layout(x.shape, x.dtype) if staged[0] else x, w, layout(y.shape, y.dtype) if staged[2] else y)
    aligned = max(offset_alignment(seen.x, None if staged[1] else w, seen.y, bias), y.dtype.itemsize)
    sizes = [t.size * t.dtype.itemsize for t in given]
    made = prepare(PART, _graph(op, kind, seen, pads, aligned, MOST_WORKSPACE), _trial(sizes))
    if made is None:
        return None
    shapes = [x.shape, [w.shape[i] for i in by_filters(w.ndim)], y.shape]
    copies = [Spec(tuple(n), as_dtype(str(y.dtype))) for n, s in zip(shapes, staged, strict=True) if s]
    return _Plan(kind, pads, staged, [Spec((made.workspace,), _UINT8), *copies])


def _bind(op: Any, found: _Plan, b: Binding) -> list[Thunk]:
    """Copies of what lies unfavourably, the graph, and copies of the results."""
    roles, xp = Roles.of(op, b.ins, b.outs[0]), b.xp
    bias = b.ins[-1] if "bias" in found.kind else None
    work, *copies = b.scratch
    before: list[Thunk] = []
    after: list[Thunk] = []
    used = [roles.x, roles.w.transpose(by_filters(roles.w.ndim)), roles.y]
    for place, array in enumerate(used):
        if found.staged[place]:
            used[place] = copy = copies.pop(0)
            if op.places[place] == 2:
                after.append(partial(xp.copyto, array, copy))
            else:
                before.append(partial(xp.copyto, copy, array))
    arrays = [*used, *([] if bias is None else [bias])]
    item = roles.y.dtype.itemsize
    seen = Roles(used[0], roles.w, used[2])
    made = None
    aligned = max(alignment(arrays), item)
    for most, at_most in ((MOST_WORKSPACE, aligned), (work.nbytes, aligned), (work.nbytes, item)):
        made = prepare(PART, _graph(op, found.kind, seen, found.pads, at_most, most))
        if made is not None and made.workspace <= work.nbytes:
            break
    else:
        raise RuntimeError(f"cuDNN has no graph for a convolution of {roles.x.shape} at these addresses")
    library = glue.library(PART)
    assert library is not None
    pointers = place_pointers(dict(zip(("x", "w", "y", "bias"), map(address, arrays), strict=False)))
    arguments = [made.handle, pointers, address(work) if work.nbytes else None]
    return [*before, queued(xp, library.run, arguments, [*arrays, work]), *after]


def _convolution(op: Any, ins: Sequence[Any], out: Any, bias: Any, activation: str) -> Kernel | None:
    roles = Roles.of(op, ins, out)
    found = _product(op, roles, bias, activation)
    if found is not None:
        return found
    kind = _FORWARD[bias is not None, activation] if type(op) is Conv else _GRADIENTS[type(op)]
    graph = _plan(op, kind, roles, bias)
    if graph is None:
        return None
    order = by_filters(roles.w.ndim) if graph.staged[1] else ()
    orders, gives = ({}, order) if type(op) is ConvWeight else ({1: order} if order else {}, ())
    return Kernel(f"cudnn:{kind}", partial(_bind, op, graph), graph.scratch, orders=orders, gives=gives)


@kernel("cuda", Conv, ConvTranspose, ConvWeight)
def convolution(op: Any, ins: Sequence[np.ndarray], outs: Sequence[Any]) -> Kernel | None:
    """One of the three contractions; depthwise ones have a kernel of our own."""
    return depthwise(op, ins, outs) or _convolution(op, ins, outs[0], None, "")


@epilogue(Conv)
def convolution_epilogue(op: Epilogue, ins: Sequence[np.ndarray], outs: Sequence[Any]) -> Kernel | None:
    """Convolution, bias and relu in one."""
    if op.activation not in ("", "relu") or depthwise(op.op, ins, outs) is not None:
        return None
    bias = ins[op.arity] if op.bias else None
    return _convolution(op.op, ins, outs[0], bias, op.activation)


@kernel("cuda", Permuted)
def kernel_gradient(op: Permuted, ins: Sequence[np.ndarray], outs: Sequence[Any]) -> Kernel | None:
    """The gradient of a kernel as cuDNN makes it; `axis_order` has put it so."""
    if type(op.op) is not ConvWeight:
        return None
    found = _convolution(op.op, ins, op.back(outs[0]), None, "")

    def tie(b: Binding) -> Sequence[Thunk]:
        assert found is not None
        return found.bind(Binding(b.xp, b.ins, [op.back(b.outs[0])], b.scratch, None, b.where))

    return None if found is None else Kernel(found.name, tie, found.scratch)
