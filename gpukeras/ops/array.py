"""Joining, cutting, repeating and padding tensors."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ..graph.dtype import promote
from ..graph.op import Binding, Op, Partial, Spec, Thunk
from ..graph.shape import Dim, normalize_axis
from ..graph.tensor import Tensor, apply, as_tensor
from .creation import zeros_like
from .shaping import BroadcastTo as BroadcastTo
from .shaping import (
    StaticShape,
    expand_dims,
    join_dims,
    out_spec,
    reshape,
    shape,
    shape_operand,
    squeeze,
    static_or_value,
)

if TYPE_CHECKING:
    from ..graph.tensor import Node

__all__ = ["concatenate", "pad", "repeat", "split", "stack", "tile", "unstack"]


def _same_dtype(xs: Sequence[Any]) -> list[Tensor]:
    """Tensors of `xs`, cast to their common dtype; numbers and arrays take that of the tensors."""
    from .elementwise import cast

    anchors = [x for x in xs if isinstance(x, Tensor)]
    dtype = anchors[0].dtype if anchors else None
    for x in anchors:
        assert dtype is not None
        dtype = promote(dtype, x.dtype)
    tensors = [as_tensor(x, dtype) for x in xs]
    if dtype is None:
        dtype = tensors[0].dtype
        for t in tensors:
            dtype = promote(dtype, t.dtype)
    return [t if t.dtype == dtype else cast(t, dtype) for t in tensors]


class Concatenate(Op):
    """The inputs one after the other along an axis."""

    widens = False
    takes_voids = True

    def __init__(self, axis: int) -> None:
        self.axis = axis

    def infer(self, ins: Sequence[Spec], values: Sequence[Partial]) -> Spec:
        shapes = [s.shape for s in ins if s.shape is not None]
        axis = normalize_axis(self.axis, len(shapes[0]), self.name)
        out = join_dims(shapes, axis, self.name)
        lengths = [dims[axis] for dims in shapes]
        out[axis] = None if None in lengths else sum(n for n in lengths if n is not None)
        return Spec(tuple(out), ins[0].dtype)

    def partial(self, ins: Sequence[Partial], specs: Sequence[Spec]) -> Partial:
        out: list[int | None] = []
        for known, spec in zip(ins, specs):
            length = spec.shape[0] if spec.shape else None
            if isinstance(known, list):
                out += known
            elif length is None:
                return None
            else:
                out += [None] * length
        return out

    def grad(self, node: Node, dys: Sequence[Tensor | None]) -> Sequence[Tensor | None]:
        from .replicas import PartOf

        dy = dys[0]
        assert dy is not None
        rank = next((len(t.shape) for t in node.inputs if t.shape is not None), None)
        if rank is None:
            raise ValueError(f"{node.name}: the gradient of concatenate needs the rank of one input")
        axis = normalize_axis(self.axis, rank)
        sizes = [None if t.shape is None else t.shape[axis] for t in node.inputs]
        if None not in sizes:
            return split(dy, [n for n in sizes if n is not None], axis)
        return [apply(PartOf(i, axis), dy, *node.inputs) for i in range(len(node.inputs))]

    def simplify(self, lowering: Any, ins: list[Any]) -> Any:
        voids = [v for v in ins if v.kind == "void"]
        if voids and (len(voids) == len(ins) or normalize_axis(self.axis, len(ins[0].shape)) != 0):
            return voids[0]
        if voids:  # rows that are not there
            return lowering.emit(self, [v for v in ins if v.kind != "void"])[0]
        if len(ins) == 1:
            return ins[0]
        first = ins[0].uniform
        if first is not None and all(v.uniform is not None and v.uniform == first for v in ins):
            spec = out_spec(self, ins)
            return lowering.constant(first, spec.shape, spec.dtype)
        return None

    def bind(self, b: Binding) -> Sequence[Thunk]:
        out, axis, start, thunks = b.outs[0], self.axis % b.outs[0].ndim, 0, []
        for x in b.ins:
            stop = start + x.shape[axis]
            thunks.append(partial(b.xp.copyto, out[(slice(None),) * axis + (slice(start, stop),)], x))
            start = stop
        return thunks


def concatenate(xs: Sequence[Any], axis: int = -1) -> Tensor:
    """The tensors `xs` joined along `axis`.

    Arguments:
        xs: tensors of the same shape but for `axis`; dtypes promote.
        axis: int.

    Returns:
        Tensor.

    Raises:
        ValueError: when the shapes do not fit.
    """
    if not len(xs):
        raise ValueError("concatenate: expected at least one tensor, got an empty list")
    return apply(Concatenate(int(axis)), *_same_dtype(xs))  # type: ignore[no-any-return]


def stack(xs: Sequence[Any], axis: int = 0) -> Tensor:
    """Tensors of one shape as slices of a tensor with a new axis.

    Arguments:
        xs: tensors of the same shape; dtypes promote.
        axis: position of the new axis in the result.

    Returns:
        Tensor with one axis more.
    """
    if not len(xs):
        raise ValueError("stack: expected at least one tensor, got an empty list")
    return concatenate([expand_dims(x, axis) for x in _same_dtype(xs)], axis)


class Split(Op):
    """Consecutive pieces of the input along an axis (views, once lowered)."""

    widens = False

    def __init__(self, sizes: tuple[int, ...], axis: int) -> None:
        self.sizes = sizes
        self.axis = axis

    def infer(self, ins: Sequence[Spec], values: Sequence[Partial]) -> Sequence[Spec]:
        dims, dtype = ins[0]
        assert dims is not None
        axis = normalize_axis(self.axis, len(dims), self.name)
        n = dims[axis]
        if n is not None and n != sum(self.sizes):
            raise ValueError(f"split: pieces {self.sizes} do not add up to axis {axis} of shape {tuple(dims)}")
        return [Spec(tuple(dims[:axis]) + (k,) + tuple(dims[axis + 1 :]), dtype) for k in self.sizes]

    def _keys(self, ndim: int) -> list[tuple[int, int, int]]:
        axis, start, out = self.axis % ndim, 0, []
        for n in self.sizes:
            out.append((axis, start, start + n))
            start += n
        return out

    def grad(self, node: Node, dys: Sequence[Tensor | None]) -> Sequence[Tensor | None]:
        pieces = [zeros_like(t) if dy is None else dy for t, dy in zip(node.outputs, dys)]
        return [concatenate(pieces, self.axis)]

    def simplify(self, lowering: Any, ins: list[Any]) -> Any:
        from .indexing import axis_index

        ndim = len(ins[0].shape)
        return [lowering.emit(axis_index(*key), [ins[0]])[0] for key in self._keys(ndim)]

    def bind(self, b: Binding) -> Sequence[Thunk]:
        x = b.ins[0]
        return [
            partial(b.xp.copyto, out, x[(slice(None),) * axis + (slice(start, stop),)])
            for out, (axis, start, stop) in zip(b.outs, self._keys(x.ndim))
        ]


def split(x: Any, n_or_sizes: int | Sequence[int], axis: int = 0) -> list[Tensor]:
    """Pieces of `x` along `axis`.

    Arguments:
        x: tensor; the length of `axis` must be known where a number of pieces is given.
        n_or_sizes: number of equal pieces, or their lengths.
        axis: int.

    Returns:
        List of tensors.

    Raises:
        ValueError: when the pieces do not make up the axis.
    """
    x = as_tensor(x)
    if isinstance(n_or_sizes, (int, np.integer)):
        count = int(n_or_sizes)
        length = None if x.shape is None else x.shape[axis]
        if length is None or length % count:
            raise ValueError(f"split: cannot cut axis {axis} of shape {x.shape} into {count} equal pieces")
        sizes = (length // count,) * count
    else:
        sizes = tuple(int(n) for n in n_or_sizes)
    return list(apply(Split(sizes, int(axis)), x))


def unstack(x: Any, axis: int = 0) -> list[Tensor]:
    """The slices of `x` along `axis`, whose length must be known.

    Arguments:
        x: tensor.
        axis: int.

    Returns:
        List of tensors with one axis fewer.
    """
    x = as_tensor(x)
    length = None if x.shape is None else x.shape[axis]
    if length is None:
        raise ValueError(f"unstack: the length of axis {axis} of shape {x.shape} must be known")
    return [squeeze(piece, axis) for piece in split(x, (1,) * length, axis)]


class Tile(Op):
    """The whole input repeated along each axis."""

    widens = False

    def __init__(self, reps: StaticShape | None) -> None:
        self.reps = reps
        self.shape_inputs = (1,) if reps is None else ()

    def infer(self, ins: Sequence[Spec], values: Sequence[Partial]) -> Spec:
        dims, dtype = ins[0]
        assert dims is not None
        reps = static_or_value(self.reps, ins, values, 1)
        if reps is None:
            return Spec(None, dtype)
        rank = max(len(reps), len(dims))
        full: list[Dim] = [1] * (rank - len(dims))
        times: list[Dim] = [1] * (rank - len(reps))
        pairs = zip(full + list(dims), times + list(reps))
        return Spec(tuple(None if n is None or r is None else n * r for n, r in pairs), dtype)

    def grad(self, node: Node, dys: Sequence[Tensor | None]) -> Sequence[Tensor | None]:
        from .reduction import sum

        x, dy = node.inputs[0], dys[0]
        assert dy is not None
        count = len(self.reps) if self.reps is not None else (node.inputs[1].shape or (None,))[0]
        if x.shape is None or count is None:
            raise ValueError(f"{node.name}: the gradient of tile needs the rank of its input and the length of reps")
        reps: list[Any] = list(self.reps) if self.reps is not None else [node.inputs[1][i] for i in range(count)]
        rank = max(count, len(x.shape))
        reps = [1] * (rank - count) + reps
        dims: list[Any] = [shape(x)[i] if n is None else n for i, n in enumerate(x.shape)]
        dims = [1] * (rank - len(dims)) + dims
        pairs = reshape(dy, [n for pair in zip(reps, dims) for n in pair])
        total = sum(pairs, axis=list(range(0, 2 * rank, 2)))
        return [reshape(total, dims[rank - len(x.shape) :])] + [None] * (len(node.inputs) - 1)

    def simplify(self, lowering: Any, ins: list[Any]) -> Any:
        spec = out_spec(self, ins)
        if ins[0].uniform is not None:
            return lowering.constant(ins[0].uniform, spec.shape, spec.dtype)
        return ins[0] if spec.shape == tuple(ins[0].shape) else None

    def bind(self, b: Binding) -> Sequence[Thunk]:
        x, out = b.ins[0], b.outs[0]
        x = x[(None,) * (out.ndim - x.ndim) + (...,)]
        pairs = [k for n, m in zip(out.shape, x.shape) for k in (n // m if m else 0, m)]
        source = x[tuple(k for _ in range(x.ndim) for k in (None, slice(None)))]
        return [partial(b.xp.copyto, out.reshape(pairs), source)]


def tile(x: Any, reps: Any) -> Tensor:
    """`x` repeated reps[i] times along axis i.

    Arguments:
        x: tensor.
        reps: ints or scalar tensors, one for each axis, or one int vector tensor.

    Returns:
        Tensor of shape (n_i * reps[i]).
    """
    static, inputs = shape_operand(reps)
    return apply(Tile(static), as_tensor(x), *inputs)  # type: ignore[no-any-return]


class Repeat(Op):
    """Each slice along an axis repeated n times."""

    widens = False

    def __init__(self, n: int, axis: int) -> None:
        self.n = n
        self.axis = axis

    def infer(self, ins: Sequence[Spec], values: Sequence[Partial]) -> Spec:
        assert ins[0].shape is not None
        out = list(ins[0].shape)
        axis = normalize_axis(self.axis, len(out), self.name)
        length = out[axis]
        out[axis] = None if length is None else length * self.n
        return Spec(tuple(out), ins[0].dtype)

    def grad(self, node: Node, dys: Sequence[Tensor | None]) -> Sequence[Tensor | None]:
        from .reduction import sum

        x, dy = node.inputs[0], dys[0]
        assert dy is not None and x.shape is not None
        axis = self.axis % len(x.shape)
        dims: list[Any] = [shape(x)[i] if n is None else n for i, n in enumerate(x.shape)]
        return [sum(reshape(dy, dims[: axis + 1] + [self.n] + dims[axis + 1 :]), axis=axis + 1)]

    def simplify(self, lowering: Any, ins: list[Any]) -> Any:
        if ins[0].uniform is not None:
            spec = out_spec(self, ins)
            return lowering.constant(ins[0].uniform, spec.shape, spec.dtype)
        return ins[0] if self.n == 1 else None

    def bind(self, b: Binding) -> Sequence[Thunk]:
        x = b.ins[0]
        axis = self.axis % x.ndim
        target = b.outs[0].reshape(x.shape[: axis + 1] + (self.n,) + x.shape[axis + 1 :])
        return [partial(b.xp.copyto, target, x[(slice(None),) * (axis + 1) + (None,)])]


def repeat(x: Any, n: int, axis: int) -> Tensor:
    """Each slice of `x` along `axis` repeated `n` times, as np.repeat does.

    Arguments:
        x: tensor.
        n: int.
        axis: int.

    Returns:
        Tensor whose `axis` is n times as long.
    """
    return apply(Repeat(int(n), int(axis)), as_tensor(x))  # type: ignore[no-any-return]


class Pad(Op):
    """The input with a border of one value."""

    widens = False

    def __init__(self, paddings: tuple[tuple[int, int], ...], value: float) -> None:
        self.paddings = paddings
        self.value = value

    def infer(self, ins: Sequence[Spec], values: Sequence[Partial]) -> Spec:
        dims, dtype = ins[0]
        assert dims is not None
        if len(dims) != len(self.paddings):
            raise ValueError(f"pad: {len(self.paddings)} pairs of paddings for a tensor of shape {tuple(dims)}")
        return Spec(tuple(None if n is None else n + lo + hi for n, (lo, hi) in zip(dims, self.paddings)), dtype)

    def _key(self) -> tuple[slice, ...]:
        return tuple(slice(lo, -hi if hi else None) for lo, hi in self.paddings)

    def grad(self, node: Node, dys: Sequence[Tensor | None]) -> Sequence[Tensor | None]:
        assert dys[0] is not None
        return [dys[0][self._key()]]

    def simplify(self, lowering: Any, ins: list[Any]) -> Any:
        return ins[0] if not any(lo or hi for lo, hi in self.paddings) else None

    def bind(self, b: Binding) -> Sequence[Thunk]:
        out = b.outs[0]
        return [partial(out.fill, self.value), partial(b.xp.copyto, out[self._key()], b.ins[0])]


def pad(x: Any, paddings: Sequence[Sequence[int]], value: float = 0) -> Tensor:
    """`x` with a border of `value`.

    Arguments:
        x: tensor.
        paddings: for each axis, how many elements to put before and after, none negative.
        value: number.

    Returns:
        Tensor of shape (n_i + before_i + after_i).
    """
    pairs = tuple((int(lo), int(hi)) for lo, hi in paddings)
    if any(n < 0 for pair in pairs for n in pair):
        raise ValueError(f"pad: paddings must not be negative, got {pairs}")
    return apply(Pad(pairs, value), as_tensor(x))  # type: ignore[no-any-return]
