"""Picking elements by integer tensors, and its transpose, adding into places named by integer tensors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ..graph.dtype import as_dtype
from ..graph.op import Binding, Op, Partial, Spec, Thunk
from ..graph.shape import Dim, normalize_axis, prod
from ..graph.tensor import Tensor, apply, as_tensor
from .shaping import (
    StaticShape,
    broadcast_all,
    expand_dims,
    out_spec,
    reshape,
    shape_like,
    shape_operand,
    squeeze,
    static_or_value,
    transpose,
)
from .shaping import shape as shape_of

if TYPE_CHECKING:
    from ..graph.tensor import Node

__all__ = ["gather", "gather_nd", "pick", "ravel_index", "scatter_add", "take_along_axis"]

INT64 = as_dtype("int64")
CHUNK = 1 << 15  # linear indices worked out at a time when adding rows: they stay in the cache


def _integers(indices: Any, what: str) -> Tensor:
    t = as_tensor(indices)
    if not t.dtype.is_integer:
        raise TypeError(f"{what}: expected integer indices, got {t.dtype}; use K.cast(indices, 'int32')")
    return t


def contiguous(b: Binding, i: int) -> tuple[Any, list[Thunk]]:
    """Input `i` as a C-contiguous array, with the call that refreshes it where it is a copy."""
    x = b.ins[i]
    if x.flags.c_contiguous:
        return x, []
    copy = b.xp.empty(x.shape, x.dtype)  # once per plan
    return copy, [partial(b.xp.copyto, copy, x)]


def _bounded(b: Binding, indices: Any, out: Any, size: int, wrap: bool, message: str) -> list[Thunk]:
    """Calls that write `indices` as int64 to `out`, negative ones counted from the end when `wrap`.

    On NumPy an index out of range raises; a GPU would have to wait for the answer, so there it is clipped.
    """
    xp = b.xp
    thunks: list[Thunk] = [partial(xp.copyto, out, indices, "unsafe")]
    low = -size if wrap else 0
    if wrap:
        thunks.append(partial(xp.add, out, size, out))
    if xp is np and out.size:
        limit = size - low
        unsigned = out.view(np.uint64)  # negative numbers become huge ones: one comparison for both ends
        largest: Callable[..., Any] = np.maximum.reduce

        def check() -> None:
            if largest(unsigned, axis=None) >= limit:
                bad = out[(out < 0) | (out >= limit)].flat[0] + low
                raise ValueError(f"{b.where}: " + message.format(index=bad, size=size))

        thunks.append(check)
    if wrap:
        thunks.append(partial(xp.remainder, out, max(size, 1), out))
    return thunks


def out_of_range(wrap: bool) -> str:
    """The message for an index that is too large or too small, with places for it and the size of the axis."""
    message = "index {index} is out of range for an axis of length {size}"
    rows = ": indices run from 0, and an Embedding layer needs an input_dim above the largest one it is given"
    return message if wrap else message + rows


def take_thunk(xp: Any, x: Any, index: Any, axis: int | None, out: Any) -> Thunk:
    """The call out = take(x, index, axis); the indices are in range."""
    if xp is np:
        return partial(np.take, x, index, axis, out, "clip")  # other modes go through a copy of `out`
    return partial(xp.take, x, index, axis, out)


def _add_at(b: Binding, out: Any, linear: Any, values: Any) -> Thunk:
    """out[linear] += values for flat arrays, in the order of `linear` on NumPy."""
    return partial(b.xp.add.at, out, linear, values)


class Gather(Op):
    """Slices of input 0 along an axis, chosen by the integers of input 1."""

    widens = False

    def __init__(self, axis: int, wrap: bool) -> None:
        self.axis = axis
        self.wrap = wrap

    def infer(self, ins: Sequence[Spec], values: Sequence[Partial]) -> Spec:
        (dims, dtype), (index_dims, _) = ins
        assert dims is not None and index_dims is not None
        if not dims:
            raise ValueError("gather: cannot pick slices of a scalar")
        axis = normalize_axis(self.axis, len(dims), self.name)
        return Spec(tuple(dims[:axis]) + tuple(index_dims) + tuple(dims[axis + 1 :]), dtype)

    def grad(self, node: Node, dys: Sequence[Tensor | None]) -> Sequence[Tensor | None]:
        x, indices = node.inputs
        dy = dys[0]
        assert dy is not None and x.shape is not None and indices.shape is not None
        axis, rank, k = self.axis % len(x.shape), len(x.shape), len(indices.shape)
        dims: list[Any] = [shape_of(x)[i] if n is None else n for i, n in enumerate(x.shape)]
        if axis == 0:
            return [scatter_add(indices, dy, dims, self.wrap), None]
        out_rank = rank - 1 + k
        order = list(range(axis, axis + k)) + list(range(axis)) + list(range(axis + k, out_rank))
        rows = scatter_add(indices, transpose(dy, order), [dims[axis], *dims[:axis], *dims[axis + 1 :]], self.wrap)
        return [transpose(rows, list(range(1, axis + 1)) + [0] + list(range(axis + 1, rank))), None]

    def simplify(self, lowering: Any, ins: list[Any]) -> Any:
        from .indexing import WHOLE, Index

        x, indices = ins
        if x.uniform is not None:
            spec = out_spec(self, ins)
            return lowering.constant(x.uniform, spec.shape, spec.dtype)
        if indices.shape == () and indices.is_const:
            axis, i = self.axis % len(x.shape), int(indices.array())
            if (-x.shape[axis] if self.wrap else 0) <= i < x.shape[axis]:
                return lowering.emit(Index((WHOLE,) * axis + (("int", i),)), [x])[0]
        return None

    def scratch(self, ins: Sequence[Spec], outs: Sequence[Spec], prepared: Any) -> Sequence[Spec]:
        return [Spec(ins[1].shape, INT64)]

    def bind(self, b: Binding) -> Sequence[Thunk]:
        x, refresh = contiguous(b, 0)
        index = b.scratch[0]
        check = _bounded(b, b.ins[1], index, x.shape[self.axis], self.wrap, out_of_range(self.wrap))
        # mode='clip' writes into `out` without a temporary
        return [*refresh, *check, take_thunk(b.xp, x, index, self.axis, b.outs[0])]


def gather(x: Any, indices: Any, axis: int = 0, wrap: bool = False) -> Tensor:
    """Slices of `x` along `axis`, one for each element of `indices`.

    Arguments:
        x: tensor.
        indices: integer tensor of any shape.
        axis: int.
        wrap: whether negative indices count from the end, as in NumPy.

    Returns:
        Tensor of shape x.shape[:axis] + indices.shape + x.shape[axis + 1:].

    Raises:
        ValueError: when run with an index out of range (on a GPU it is clipped).
    """
    return apply(Gather(int(axis), wrap), as_tensor(x), _integers(indices, "gather"))  # type: ignore[no-any-return]


class ScatterAdd(Op):
    """Zeros of a shape, with slice i of the updates added at first index indices[i]."""

    name = "scatter_add"

    def __init__(self, target: StaticShape | None, wrap: bool) -> None:
        self.target = target
        self.shape_inputs = (2,) if target is None else ()
        self.wrap = wrap

    def infer(self, ins: Sequence[Spec], values: Sequence[Partial]) -> Spec:
        target = static_or_value(self.target, ins, values, 2)
        return Spec(None if target is None else tuple(target), ins[1].dtype)

    def grad(self, node: Node, dys: Sequence[Tensor | None]) -> Sequence[Tensor | None]:
        return [None, gather(dys[0], node.inputs[0], 0, self.wrap)] + [None] * (len(node.inputs) - 2)

    def prepare(self, ins: Sequence[Spec], outs: Sequence[Spec]) -> Any:
        assert outs[0].shape is not None and ins[0].shape is not None
        width = prod(outs[0].shape[1:])  # type: ignore[arg-type]
        count = prod(ins[0].shape)  # type: ignore[arg-type]
        return count, width, max(1, min(count, CHUNK // max(width, 1)))

    def scratch(self, ins: Sequence[Spec], outs: Sequence[Spec], prepared: Any) -> Sequence[Spec]:
        count, width, rows = prepared
        return [Spec((count,), INT64), Spec((rows, width), INT64)]

    def bind(self, b: Binding) -> Sequence[Thunk]:
        xp, out = b.xp, b.outs[0]
        count, width, rows = b.prepared
        index, linear = b.scratch
        clear: Thunk = partial(out.fill, 0)
        if not count or not width:
            return [clear]
        updates, refresh = contiguous(b, 1)
        message = "index {index} is out of range for an axis of length {size}"
        thunks = [clear, *refresh]
        # the indices may have gaps, which a reshape of theirs would copy now instead of in every run
        thunks += _bounded(b, b.ins[0], index.reshape(b.ins[0].shape), out.shape[0], self.wrap, message)
        if xp is not np:
            return [*thunks, _add_at(b, out.reshape(out.shape[0], width), index, updates.reshape(count, width))]
        # Rows one by one are slow in np.add.at; single elements at linear indices run in its fast loop.
        thunks.append(partial(np.multiply, index, width, index))
        columns, flat, values = np.arange(width), out.reshape(-1), updates.reshape(-1)
        for start in range(0, count, rows):
            part = linear[: min(rows, count - start)]
            n = len(part)
            thunks.append(partial(np.add, index[start : start + n, None], columns, part))
            thunks.append(_add_at(b, flat, part.reshape(-1), values[start * width : (start + n) * width]))
        return thunks


def scatter_add(indices: Any, updates: Any, shape: Any, wrap: bool = False) -> Tensor:
    """Zeros of `shape` to which the slices of `updates` are added; the gradient of `gather` along axis 0.

    On NumPy equal indices are added in order, so that results repeat; CuPy adds atomically, in any order.

    Arguments:
        indices: integer tensor (of shape I), indices into the first axis.
        updates: tensor of shape I + shape[1:].
        shape: ints or int vector tensor.
        wrap: whether negative indices count from the end.

    Returns:
        Tensor of that shape.
    """
    static, inputs = shape_operand(shape)
    index = _integers(indices, "scatter_add")
    return apply(ScatterAdd(static, wrap), index, as_tensor(updates), *inputs)  # type: ignore[no-any-return]


class TakeAlong(Op):
    """Elements of each row (last axis) of input 0 chosen by the row of input 1."""

    widens = False
    name = "take_along"

    def __init__(self, message: str) -> None:
        self.message = message

    def infer(self, ins: Sequence[Spec], values: Sequence[Partial]) -> Spec:
        (dims, dtype), (index_dims, _) = ins
        assert dims is not None and index_dims is not None
        lead = _same_rows(dims, index_dims, self.name)
        return Spec((*lead, index_dims[-1]), dtype)

    def grad(self, node: Node, dys: Sequence[Tensor | None]) -> Sequence[Tensor | None]:
        x, indices = node.inputs
        static, inputs = shape_operand(shape_like(x))
        return [apply(PutAlong(static, self.message), dys[0], indices, *inputs), None]  # type: ignore[arg-type]

    def scratch(self, ins: Sequence[Spec], outs: Sequence[Spec], prepared: Any) -> Sequence[Spec]:
        return [Spec(ins[1].shape, INT64)]

    def bind(self, b: Binding) -> Sequence[Thunk]:
        x, refresh = contiguous(b, 0)
        linear = _linear_rows(b, b.ins[1], x.shape[-1], self.message)
        return [*refresh, *linear, take_thunk(b.xp, x.reshape(-1), b.scratch[0], None, b.outs[0])]


class PutAlong(Op):
    """Zeros with the elements of input 0 added in each row at the places input 1 names."""

    name = "put_along"

    def __init__(self, target: StaticShape | None, message: str) -> None:
        self.target = target
        self.shape_inputs = (2,) if target is None else ()
        self.message = message

    def infer(self, ins: Sequence[Spec], values: Sequence[Partial]) -> Spec:
        target = static_or_value(self.target, ins, values, 2)
        return Spec(None if target is None else tuple(target), ins[0].dtype)

    def grad(self, node: Node, dys: Sequence[Tensor | None]) -> Sequence[Tensor | None]:
        dx = apply(TakeAlong(self.message), dys[0], node.inputs[1])  # type: ignore[arg-type]
        return [dx] + [None] * (len(node.inputs) - 1)

    def scratch(self, ins: Sequence[Spec], outs: Sequence[Spec], prepared: Any) -> Sequence[Spec]:
        return [Spec(ins[1].shape, INT64)]

    def bind(self, b: Binding) -> Sequence[Thunk]:
        out = b.outs[0]
        values, refresh = contiguous(b, 0)
        linear = _linear_rows(b, b.ins[1], out.shape[-1], self.message)
        add = _add_at(b, out.reshape(-1), b.scratch[0].reshape(-1), values.reshape(-1))
        return [partial(out.fill, 0), *refresh, *linear, add]


def _same_rows(dims: StaticShape, index_dims: StaticShape, what: str) -> StaticShape:
    if not dims or len(dims) != len(index_dims):
        raise ValueError(f"{what}: indices of shape {tuple(index_dims)} do not fit a tensor of shape {tuple(dims)}")
    lead: list[Dim] = []
    for m, n in zip(dims[:-1], index_dims[:-1]):
        if m is not None and n is not None and m != n:
            raise ValueError(f"{what}: indices of shape {tuple(index_dims)} do not fit rows of shape {tuple(dims)}")
        lead.append(n if m is None else m)
    return tuple(lead)


def _linear_rows(b: Binding, indices: Any, width: int, message: str) -> list[Thunk]:
    """Calls that turn indices into rows of length `width` into indices of the flat array, in scratch 0."""
    linear = b.scratch[0]
    rows = prod(indices.shape[:-1])
    starts = b.xp.arange(rows).reshape((*indices.shape[:-1], 1)) * width
    return [*_bounded(b, indices, linear, width, False, message), partial(b.xp.add, linear, starts, linear)]


def take_along_axis(x: Any, indices: Any, axis: int = -1) -> Tensor:
    """Elements of `x` along `axis` chosen separately at every other position, as np.take_along_axis does.

    Arguments:
        x: tensor.
        indices: integer tensor of the shape of `x` but for `axis`; none negative.
        axis: int.

    Returns:
        Tensor of the shape of `indices`.
    """
    x, indices = as_tensor(x), _integers(indices, "take_along_axis")
    op = TakeAlong("index {index} is out of range for an axis of length {size}")
    rank = None if x.shape is None else len(x.shape)
    if axis == -1 or (rank is not None and axis == rank - 1):
        return apply(op, x, indices)  # type: ignore[no-any-return]
    if rank is None:
        raise ValueError("take_along_axis: an axis other than the last needs a tensor of known rank")
    swap = list(range(rank))
    swap[axis], swap[-1] = swap[-1], swap[axis]
    return transpose(apply(op, transpose(x, swap), transpose(indices, swap)), swap)


def pick(x: Any, indices: Any) -> Tensor:
    """One element of each row (last axis) of `x`: the score of each sample's label.

    Arguments:
        x: tensor of shape (..., C).
        indices: integer tensor of shape (...), labels in 0 .. C - 1.

    Returns:
        Tensor of shape (...).

    Raises:
        ValueError: when run with a label out of range (on a GPU it is clipped).
    """
    op = TakeAlong("label {index} is out of range for {size} classes")
    return squeeze(apply(op, as_tensor(x), expand_dims(_integers(indices, "pick"), -1)), -1)


class RavelIndex(Op):
    """Position in the flattened first axes of an array, from one index per axis (broadcast together)."""

    name = "ravel_index"
    no_grad = "integers"

    def __init__(self, count: int, dims: StaticShape | None) -> None:
        self.count = count
        self.dims = dims
        self.shape_inputs = (count,) if dims is None else ()

    def infer(self, ins: Sequence[Spec], values: Sequence[Partial]) -> Spec:
        shapes = [s.shape for s in ins[: self.count] if s.shape is not None]
        return Spec(broadcast_all(shapes, "getitem"), INT64)

    def prepare_known(self, ins: Sequence[Spec], outs: Sequence[Spec | None], values: Sequence[Partial]) -> Any:
        return self.dims if self.dims is not None else tuple(values[self.count])

    def scratch(self, ins: Sequence[Spec], outs: Sequence[Spec], prepared: Any) -> Sequence[Spec]:
        return [Spec(s.shape, INT64) for s in ins[: self.count]]

    def bind(self, b: Binding) -> Sequence[Thunk]:
        out, dims, thunks = b.outs[0], b.prepared, []
        for k, (index, work) in enumerate(zip(b.ins, b.scratch)):
            message = f"index {{index}} is out of range for axis {k} of length {{size}}"
            thunks += _bounded(b, index, work, dims[k], True, message)
            if k == 0:
                thunks.append(partial(b.xp.copyto, out, work))
            else:
                thunks.append(partial(b.xp.multiply, out, dims[k], out))
                thunks.append(partial(b.xp.add, out, work, out))
        return thunks


def ravel_index(indices: Sequence[Tensor], dims: Sequence[Any]) -> Tensor:
    """Flat positions in axes of lengths `dims`; negative indices count from the end.

    Arguments:
        indices: one integer tensor per axis; they broadcast.
        dims: ints or scalar tensors.

    Returns:
        int64 tensor.
    """
    static, inputs = shape_operand(dims)
    return apply(RavelIndex(len(indices), static), *indices, *inputs)  # type: ignore[no-any-return]


def gather_nd(x: Any, indices: Any) -> Tensor:
    """Slices of `x` at the multi-indices held by the last axis of `indices`.

    Arguments:
        x: tensor of known rank.
        indices: integer tensor of shape (..., k); an unknown k is taken to be the rank of x.

    Returns:
        Tensor of shape indices.shape[:-1] + x.shape[k:].
    """
    x, indices = as_tensor(x), _integers(indices, "gather_nd")
    if x.shape is None or not indices.shape:
        raise ValueError("gather_nd: the ranks of x and indices must be known, and indices need an axis")
    k = indices.shape[-1]
    if k is None:
        k = len(x.shape)
        indices = reshape(indices, [*(shape_of(indices)[i] for i in range(len(indices.shape) - 1)), k])
    dims: list[Any] = [shape_of(x)[i] if n is None else n for i, n in enumerate(x.shape)]
    linear = ravel_index([indices[..., i] for i in range(k)], dims[:k])
    return gather(reshape(x, [-1, *dims[k:]]), linear, 0)
