"""NumPy-style indexing of tensors: basic indices are views, integer tensors gather, boolean ones select."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ..graph.op import Binding, Op, Partial, Spec, Thunk
from ..graph.shape import Dim
from ..graph.tensor import Tensor, apply, as_tensor
from .gather import gather, ravel_index
from .shaping import Moves, StaticShape, reshape, shape_like, shape_operand, static_or_value, transpose
from .shaping import shape as shape_of
from .sorting import boolean_mask

if TYPE_CHECKING:
    from ..graph.tensor import Node

__all__ = ["getitem", "slice", "slice_axis"]

#: One entry of a basic index: ('int', i), ('slice', start, stop, step), ('new',) or ('...',).
Entry = tuple[Any, ...]
WHOLE: Entry = ("slice", None, None, None)


def _numpy_key(key: Sequence[Entry]) -> tuple[Any, ...]:
    """The index as NumPy takes it."""
    return tuple(
        e[1] if e[0] == "int" else None if e[0] == "new" else Ellipsis if e[0] == "..." else builtins.slice(*e[1:])
        for e in key
    )


def _expand(key: Sequence[Entry], rank: int) -> list[Entry]:
    """The index with its ellipsis spelled out and all axes covered."""
    used = sum(e[0] in ("int", "slice") for e in key)
    if used > rank:
        raise ValueError(f"getitem: too many indices: {used} for a tensor with {rank} axes")
    fill = [WHOLE] * (rank - used)
    where = next((i for i, e in enumerate(key) if e[0] == "..."), None)
    if where is None:
        return [*key, *fill]
    return [*key[:where], *fill, *key[where + 1 :]]


def _slice_length(n: Dim, start: Any, stop: Any, step: Any) -> Dim:
    """Length of a slice of an axis of length n."""
    if n is not None:
        return len(range(*builtins.slice(start, stop, step).indices(n)))
    return None  # even [:2] may find fewer than two


class Index(Moves):
    """Integers, slices, new axes and an ellipsis, all known."""

    name = "getitem"
    is_view = True

    def __init__(self, entries: tuple[Entry, ...]) -> None:
        self.entries = entries

    def infer(self, ins: Sequence[Spec], values: Sequence[Partial]) -> Spec:
        dims, dtype = ins[0]
        assert dims is not None
        out: list[Dim] = []
        axis = 0
        for entry in _expand(self.entries, len(dims)):
            if entry[0] == "new":
                out.append(1)
                continue
            n = dims[axis]
            if entry[0] == "slice":
                out.append(n if entry in (WHOLE, ("slice", None, None, -1)) else _slice_length(n, *entry[1:]))
            elif n is not None and not -n <= entry[1] < n:
                raise ValueError(f"getitem: index {entry[1]} is out of range for axis {axis} of shape {tuple(dims)}")
            axis += 1
        return Spec(tuple(out), dtype)

    def partial(self, ins: Sequence[Partial], specs: Sequence[Spec]) -> Partial:
        known, keys = ins[0], _numpy_key([e for e in self.entries if e[0] != "..."])
        if isinstance(known, list) and len(keys) == 1 and keys[0] is not None:
            return known[keys[0]]
        return [known] if isinstance(known, int) and keys == (None,) else None

    def grad(self, node: Node, dys: Sequence[Tensor | None]) -> Sequence[Tensor | None]:
        assert dys[0] is not None
        return [unindex(dys[0], self.entries, shape_like(node.inputs[0]))]

    def changes_nothing(self, ins: Sequence[Any]) -> bool:
        dims = ins[0].shape
        return all(
            e[0] == "slice" and (e[3] or 1) > 0 and _slice_length(n, *e[1:]) == n
            for e, n in zip(_expand(self.entries, len(dims)), dims)
        ) and not any(e[0] == "new" for e in self.entries)

    def view(self, x: Any, shape: tuple[int, ...]) -> Any:
        return x[(*_numpy_key(_expand(self.entries, x.ndim)), ...)]  # the ellipsis keeps a 0-d result an array


class Unindex(Op):
    """Zeros but for the places an `Index` picks, which hold the input: its gradient."""

    def __init__(self, entries: tuple[Entry, ...], target: StaticShape | None) -> None:
        self.entries = entries
        self.target = target
        self.shape_inputs = (1,) if target is None else ()

    def infer(self, ins: Sequence[Spec], values: Sequence[Partial]) -> Spec:
        target = static_or_value(self.target, ins, values, 1)
        return Spec(None if target is None else tuple(target), ins[0].dtype)

    def grad(self, node: Node, dys: Sequence[Tensor | None]) -> Sequence[Tensor | None]:
        return [apply(Index(self.entries), dys[0])] + [None] * (len(node.inputs) - 1)  # type: ignore[arg-type]

    def bind(self, b: Binding) -> Sequence[Thunk]:
        out = b.outs[0]
        place = out[(*_numpy_key(_expand(self.entries, out.ndim)), ...)]
        return [partial(out.fill, 0), partial(b.xp.copyto, place, b.ins[0])]


def unindex(dy: Tensor, entries: tuple[Entry, ...], shape: Any) -> Tensor:
    """Zeros of `shape` with `dy` at the places that the basic index `entries` picks.

    Arguments:
        dy: tensor of the indexed shape.
        entries: a basic index as `Index` keeps it.
        shape: ints or int vector tensor.

    Returns:
        Tensor of that shape.
    """
    static, inputs = shape_operand(shape)
    return apply(Unindex(entries, static), dy, *inputs)  # type: ignore[no-any-return]


def axis_index(axis: int, start: Any, stop: Any) -> Index:
    """The operation x[:, ..., start:stop] with the slice at a non-negative axis."""
    return Index((WHOLE,) * axis + (("slice", start, stop, None),))


class SliceAxis(Op):
    """A slice of one axis whose limits are tensors (known when a plan is made).

    Arguments:
        limits: (start, stop); None, an int, or '?' for the next input.
        length: length of the result where the caller knows it.
    """

    widens = False
    name = "slice"

    def __init__(self, axis: int, limits: tuple[Any, Any], step: int | None, length: int | None) -> None:
        self.axis = axis
        self.limits = limits
        self.step = step
        self.length = length
        self.shape_inputs = tuple(range(1, 1 + limits.count("?")))

    def infer(self, ins: Sequence[Spec], values: Sequence[Partial]) -> Spec:
        assert ins[0].shape is not None
        out = list(ins[0].shape)
        known = all(values[i] is not None for i in self.shape_inputs)
        out[self.axis] = _slice_length(out[self.axis], *_slice_args(self, values[1:])) if known else self.length
        return Spec(tuple(out), ins[0].dtype)

    def grad(self, node: Node, dys: Sequence[Tensor | None]) -> Sequence[Tensor | None]:
        x = node.inputs[0]
        op = UnsliceAxis(self.axis, self.limits, self.step)
        return [apply(op, dys[0], *node.inputs[1:], shape_of(x))] + [None] * (len(node.inputs) - 1)  # type: ignore[arg-type]

    def simplify(self, lowering: Any, ins: list[Any]) -> Any:
        if not all(v.is_const for v in ins[1:]):
            return None
        limits = _slice_args(self, [v.array().item() for v in ins[1:]])
        return lowering.emit(Index((WHOLE,) * self.axis + (("slice", *limits),)), [ins[0]])[0]

    def prepare_known(self, ins: Sequence[Spec], outs: Sequence[Spec | None], values: Sequence[Partial]) -> Any:
        return _axis_key(self, values[1:])

    def bind(self, b: Binding) -> Sequence[Thunk]:
        return [partial(b.xp.copyto, b.outs[0], b.ins[0][b.prepared])]


class UnsliceAxis(Op):
    """Gradient of `SliceAxis`: zeros around the input; its last input is the shape."""

    widens = False
    name = "unslice"

    def __init__(self, axis: int, limits: tuple[Any, Any], step: int | None) -> None:
        self.axis = axis
        self.limits = limits
        self.step = step
        self.shape_inputs = tuple(range(1, 2 + limits.count("?")))

    def infer(self, ins: Sequence[Spec], values: Sequence[Partial]) -> Spec:
        target = static_or_value(None, ins, values, len(ins) - 1)
        return Spec(None if target is None else tuple(target), ins[0].dtype)

    def grad(self, node: Node, dys: Sequence[Tensor | None]) -> Sequence[Tensor | None]:
        op = SliceAxis(self.axis, self.limits, self.step, None)
        return [apply(op, dys[0], *node.inputs[1:-1])] + [None] * (len(node.inputs) - 1)  # type: ignore[arg-type]

    def simplify(self, lowering: Any, ins: list[Any]) -> Any:
        if not all(v.is_const for v in ins[1:]):
            return None
        limits = _slice_args(self, [v.array().item() for v in ins[1:-1]])
        entries = (WHOLE,) * self.axis + (("slice", *limits),)
        return lowering.emit(Unindex(entries, tuple(ins[-1].array().tolist())), [ins[0]])[0]

    def prepare_known(self, ins: Sequence[Spec], outs: Sequence[Spec | None], values: Sequence[Partial]) -> Any:
        return _axis_key(self, values[1:])

    def bind(self, b: Binding) -> Sequence[Thunk]:
        return [partial(b.outs[0].fill, 0), partial(b.xp.copyto, b.outs[0][b.prepared], b.ins[0])]


def _slice_args(op: SliceAxis | UnsliceAxis, known: Sequence[Any]) -> list[Any]:
    """start, stop and step, the '?' among the limits replaced by the known values."""
    rest = iter(known)
    return [next(rest) if v == "?" else v for v in op.limits] + [op.step]


def _axis_key(op: SliceAxis | UnsliceAxis, known: Sequence[Any]) -> Any:
    return (builtins.slice(None),) * op.axis + (builtins.slice(*_slice_args(op, known)),)


def _limit(v: Any) -> Any:
    """A slice limit as None, int, or scalar tensor whose value is not known yet."""
    if isinstance(v, Tensor):
        if isinstance(v.partial, int):
            return v.partial
        return reshape(v, ()) if v.shape != () else v
    return None if v is None else int(v)


def _slice_tensors(x: Tensor, axis: int, start: Any, stop: Any, step: Any, length: int | None) -> Tensor:
    limits = (_limit(start), _limit(stop))
    step = None if step is None else int(step)
    inputs = [v for v in limits if isinstance(v, Tensor)]
    if not inputs:
        return apply(Index((WHOLE,) * axis + (("slice", *limits, step),)), x)  # type: ignore[no-any-return]
    marks = ("?" if isinstance(limits[0], Tensor) else limits[0], "?" if isinstance(limits[1], Tensor) else limits[1])
    return apply(SliceAxis(axis, marks, step, length), x, *inputs)  # type: ignore[no-any-return]


def slice_axis(x: Tensor, axis: int, start: Any, length: Any) -> Tensor:
    """`length` elements of `x` along a non-negative `axis`, from `start` on; -1 takes the rest.

    Arguments:
        x: tensor.
        axis: int.
        start: int or scalar tensor.
        length: int or scalar tensor.

    Returns:
        Tensor.
    """
    fixed = length if isinstance(length, int) and length >= 0 else None
    stop = None if isinstance(length, int) and length == -1 else start + length
    return _slice_tensors(x, axis, start, stop, None, fixed)


def slice(x: Any, begin: Any, size: Any) -> Tensor:
    """A box cut out of `x`.

    Arguments:
        x: tensor.
        begin: for each axis the first index: ints, scalar tensors, or one int vector tensor.
        size: for each axis the length, -1 for all the rest.

    Returns:
        Tensor with as many axes as `x`.

    Raises:
        ValueError: when begin and size do not have one entry per axis, or the box leaves the tensor.
    """
    t: Tensor = as_tensor(x)

    def entries(v: Any) -> list[Any]:
        if isinstance(v, Tensor):
            if v.partial is not None and None not in v.partial:
                return list(v.partial)
            count = v.shape[0] if v.shape else None
            if count is None:
                raise ValueError("slice: the number of entries of begin and size must be known")
            return [v[i] for i in range(count)]
        return [n if isinstance(n, Tensor) else int(n) for n in v]

    starts, lengths = entries(begin), entries(size)
    rank = len(starts) if t.shape is None else len(t.shape)
    if not len(starts) == len(lengths) == rank:
        raise ValueError(f"slice: begin {starts} and size {lengths} must have one entry for each of the {rank} axes")
    for axis, (start, length) in enumerate(zip(starts, lengths)):
        n = None if t.shape is None else t.shape[axis]
        if isinstance(start, int) and isinstance(length, int) and n is not None and start + max(length, 0) > n:
            raise ValueError(f"slice: axis {axis} of shape {t.shape} has no {length} elements from {start} on")
        if not (isinstance(start, int) and start == 0 and isinstance(length, int) and length in (-1, n)):
            t = slice_axis(t, axis, start, length)
    return t


def _key_items(key: Any) -> list[Any]:
    """The entries of an index, arrays and lists as arrays, boolean arrays as the integers they pick."""
    items = list(key) if isinstance(key, tuple) else [key]
    out: list[Any] = []
    for item in items:
        if isinstance(item, (list, np.ndarray)) and not any(isinstance(v, Tensor) for v in np.ravel(item).tolist()):
            item = np.asarray(item)
            if item.dtype == bool:
                out.extend(np.nonzero(item))
                continue
            if item.size == 0:
                item = item.astype(np.int64)
        elif isinstance(item, list):
            item = as_tensor(item)
        if isinstance(item, (bool, np.bool_)):
            raise ValueError("getitem: True and False are not indices; use K.switch to choose")
        if isinstance(item, Tensor) and isinstance(item.partial, int):
            item = item.partial
        out.append(item)
    return out


def getitem(x: Tensor, key: Any) -> Tensor:
    """`x[key]` with NumPy's rules.

    Arguments:
        x: tensor.
        key: ints, slices (limits may be scalar tensors), None, `...`, scalar integer tensors, integer arrays or
            tensors, a boolean array or tensor; or a tuple of these.

    Returns:
        Tensor.

    Raises:
        ValueError: when there are too many indices, or one is out of range.
    """
    if isinstance(key, Tensor) and key.dtype.is_bool:
        return boolean_mask(x, key)
    items = _key_items(key)
    if not items:
        return x
    advanced_at = [i for i, e in enumerate(items) if isinstance(e, (Tensor, np.ndarray))]
    has_ellipsis = [i for i, e in enumerate(items) if e is Ellipsis]
    if len(has_ellipsis) > 1:
        raise ValueError("getitem: an index can hold one ellipsis ('...') only")
    if has_ellipsis and x.shape is not None:
        used = len([e for e in items if e is not None and e is not Ellipsis])
        if used > len(x.shape):
            raise ValueError(f"getitem: too many indices: {used} for shape {tuple(x.shape)}")
        i = has_ellipsis[0]
        items[i : i + 1] = [builtins.slice(None)] * (len(x.shape) - used)
        advanced_at = [i for i, e in enumerate(items) if isinstance(e, (Tensor, np.ndarray))]
    elif has_ellipsis and advanced_at:
        raise ValueError("getitem: '...' beside tensor indices needs a tensor of known rank")
    entries: list[Entry] = []
    sliced: list[tuple[int, Any]] = []
    advanced: list[tuple[int, Any]] = []
    axis = 0  # axis of the result of the basic part
    for item in items:
        if item is None:
            entries.append(("new",))
        elif item is Ellipsis:
            entries.append(("...",))
        elif isinstance(item, builtins.slice):
            start, stop = _limit(item.start), _limit(item.stop)
            step = None if item.step is None else int(item.step)
            if isinstance(start, Tensor) or isinstance(stop, Tensor):
                sliced.append((axis, item))
                start = stop = step = None
            entries.append(("slice", start, stop, step))
        elif isinstance(item, (Tensor, np.ndarray)):
            advanced.append((axis, item))
            entries.append(WHOLE)
        elif isinstance(item, (int, np.integer)):
            entries.append(("int", int(item)))
            continue
        else:
            raise TypeError(f"getitem: cannot index a tensor with {type(item).__name__} {item!r}")
        axis += 1
    if any(e != WHOLE for e in entries) or (x.shape is not None and len(entries) > len(x.shape)):
        x = apply(Index(tuple(entries)), x)
    for at, item in sliced:
        x = _slice_tensors(x, at, item.start, item.stop, item.step, None)
    return _advanced(x, advanced) if advanced else x


def _advanced(x: Tensor, picks: list[tuple[int, Any]]) -> Tensor:
    """Integer tensors and arrays at some axes of `x`, all other axes whole."""
    indices = [as_tensor(i) for _, i in picks]
    axes = [axis for axis, _ in picks]
    for t in indices:
        if not t.dtype.is_integer:
            raise TypeError(f"getitem: indices must be integers, got a tensor of {t.dtype}; use K.cast(i, 'int32')")
    if len(picks) == 1 or all(t.shape == () for t in indices):
        for axis, index in reversed(list(zip(axes, indices))):
            x = gather(x, index, axis, wrap=True)
        return x
    if x.shape is None:
        raise ValueError("getitem: several tensor indices need a tensor of known rank")
    rest = [i for i in range(len(x.shape)) if i not in axes]
    moved = transpose(x, axes + rest)
    dims: list[Any] = [shape_of(moved)[i] if n is None else n for i, n in enumerate(moved.shape or ())]
    linear = ravel_index(indices, dims[: len(axes)])
    out = gather(reshape(moved, [-1, *dims[len(axes) :]]), linear, 0)
    if axes[-1] - axes[0] == len(axes) - 1:  # side by side: their axes stay in place, else they come first
        k = len(linear.shape or ())
        order = list(range(k, k + axes[0])) + list(range(k)) + list(range(k + axes[0], k + len(rest)))
        out = transpose(out, order)
    return out


Tensor.__getitem__ = getitem  # type: ignore[method-assign]
