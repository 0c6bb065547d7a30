"""Shapes as tensors, and operations that only look at their input differently: reshape, transpose, reverse."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ..graph.dtype import as_dtype
from ..graph.op import Binding, Op, Partial, Spec, Thunk
from ..graph.shape import Dim, broadcast, normalize_axis, prod
from ..graph.tensor import Tensor, apply, as_tensor
from ..runtime.device import array_module

if TYPE_CHECKING:
    from ..graph.tensor import Node

__all__ = [
    "broadcast_to",
    "expand_dims",
    "reshape",
    "reverse",
    "shape",
    "shape_like",
    "shape_operand",
    "size",
    "squeeze",
    "transpose",
]

INT32 = as_dtype("int32")
StaticShape = tuple[Dim, ...]
_RESHAPE_HAS_COPY = tuple(int(n) for n in np.__version__.split(".")[:2]) >= (2, 1)


def shape_operand(target: Any) -> tuple[StaticShape | None, tuple[Tensor, ...]]:
    """Split a shape argument into (static tuple, no inputs) or (None, one int vector tensor).

    Arguments:
        target: int, sequence of ints, Nones and scalar tensors, or int vector tensor.

    Returns:
        The attribute and the inputs an operation with a shape argument keeps.
    """
    if isinstance(target, Tensor):
        known = target.partial
        if isinstance(known, list) and None not in known:
            return tuple(known), ()
        return None, (target,)
    items = [target] if isinstance(target, (int, np.integer)) else list(target)
    items = [
        n.partial if isinstance(n, Tensor) and isinstance(n.partial, int) else n  # a scalar known already
        for n in items
    ]
    if any(isinstance(n, Tensor) for n in items):
        return None, (as_tensor([-1 if n is None else n for n in items]),)
    return tuple(None if n is None else int(n) for n in items), ()


def shape_like(x: Tensor) -> Any:
    """Shape of `x` as an operand: a tuple where it is fully known, the tensor `shape(x)` elsewhere."""
    if x.shape is not None and None not in x.shape:
        return tuple(x.shape)
    return shape(x)


def static_or_value(attribute: StaticShape | None, ins: Sequence[Spec], values: Sequence[Partial], i: int) -> Any:
    """Entries of a shape operand: the attribute, or what is known of input `i`; None when not even its length."""
    if attribute is not None:
        return attribute
    if isinstance(values[i], list):
        return values[i]
    dims = ins[i].shape
    length = dims[0] if dims else None
    return None if length is None else [None] * length


def out_spec(op: Op, ins: Sequence[Any]) -> Spec:
    """Concrete output spec of `op` at plan time."""
    values = [v.array().tolist() if i in op.shape_inputs and v.is_const else None for i, v in enumerate(ins)]
    spec = op.infer([Spec(v.shape, v.dtype) for v in ins], values)
    assert isinstance(spec, Spec)
    return spec


class Moves(Op):
    """Base of operations whose output holds the elements of input 0 and nothing else."""

    def simplify(self, lowering: Any, ins: list[Any]) -> Any:
        x = ins[0]
        if x.uniform is not None:
            spec = out_spec(self, ins)
            return lowering.constant(x.uniform, spec.shape, spec.dtype)
        return x if self.changes_nothing(ins) else None

    def changes_nothing(self, ins: Sequence[Any]) -> bool:
        """Whether the output equals input 0 for these concrete inputs."""
        return False

    def bind(self, b: Binding) -> Sequence[Thunk]:
        return [partial(b.xp.copyto, b.outs[0], self.view(b.ins[0], b.outs[0].shape))]


class Shape(Op):
    """Shape of the input as an int32 vector."""

    no_grad = "integers"

    def infer(self, ins: Sequence[Spec], values: Sequence[Partial]) -> Spec:
        assert ins[0].shape is not None
        return Spec((len(ins[0].shape),), INT32)

    def partial(self, ins: Sequence[Partial], specs: Sequence[Spec]) -> Partial:
        return None if specs[0].shape is None else list(specs[0].shape)

    def simplify(self, lowering: Any, ins: list[Any]) -> Any:
        return lowering.constant(np.asarray(ins[0].shape, INT32), (len(ins[0].shape),), INT32)

    def bind(self, b: Binding) -> Sequence[Thunk]:
        return [partial(b.xp.copyto, b.outs[0], b.xp.asarray(b.ins[0].shape, INT32))]


def shape(x: Any) -> Tensor:
    """Shape of `x` as a symbolic int32 vector; what is known of it while the graph is built is kept.

    Arguments:
        x: tensor.

    Returns:
        int32 tensor of shape (ndim,).
    """
    return apply(Shape(), as_tensor(x))  # type: ignore[no-any-return]


class Size(Op):
    """Number of elements of the input as an int32 scalar."""

    no_grad = "integers"

    def infer(self, ins: Sequence[Spec], values: Sequence[Partial]) -> Spec:
        return Spec((), INT32)

    def partial(self, ins: Sequence[Partial], specs: Sequence[Spec]) -> Partial:
        dims = specs[0].shape
        return None if dims is None or None in dims else prod([n for n in dims if n is not None])

    def simplify(self, lowering: Any, ins: list[Any]) -> Any:
        return lowering.constant(prod(ins[0].shape), (), INT32)

    def bind(self, b: Binding) -> Sequence[Thunk]:
        return [partial(b.outs[0].fill, b.ins[0].size)]


def size(x: Any) -> Tensor:
    """Number of elements of `x` as a symbolic int32 scalar.

    Arguments:
        x: tensor.

    Returns:
        int32 scalar tensor.
    """
    return apply(Size(), as_tensor(x))  # type: ignore[no-any-return]


def _resolve_reshape(source: StaticShape, target: Sequence[Dim]) -> StaticShape:
    """Output shape of a reshape; -1 stands for the entry that makes the sizes agree, None for an unknown one."""
    if list(target).count(-1) > 1:
        raise ValueError(f"reshape: {tuple(target)} has more than one -1 or None; only one entry can be deduced")
    total = None if None in source else prod([n for n in source if n is not None])
    known = prod([n for n in target if n is not None and n != -1])
    free = [i for i, n in enumerate(target) if n is None or n == -1]
    out: list[Dim] = [None if n == -1 else n for n in target]
    if total is None or len(free) > 1:
        return tuple(out)
    if not free:
        fits = total == known
    else:
        fits = total % known == 0 if known else total == 0
        out[free[0]] = total // known if known else 0
    if not fits:
        raise ValueError(
            f"reshape: a tensor of shape {tuple(source)} has {total} elements, which do not fit {tuple(target)}"
        )
    return tuple(out)


def _same_memory(a: Any, b: Any) -> bool:
    return bool(array_module(a).may_share_memory(a, b))


class Reshape(Moves):
    """Same elements in row-major order, another shape."""

    is_view = True

    def __init__(self, target: StaticShape | None) -> None:
        self.target = target
        self.shape_inputs = (1,) if target is None else ()

    def infer(self, ins: Sequence[Spec], values: Sequence[Partial]) -> Spec:
        source, dtype = ins[0]
        assert source is not None
        target = static_or_value(self.target, ins, values, 1)
        return Spec(None if target is None else _resolve_reshape(source, target), dtype)

    def partial(self, ins: Sequence[Partial], specs: Sequence[Spec]) -> Partial:
        if not self.target:
            return ins[0][0] if self.target == () and isinstance(ins[0], list) and len(ins[0]) == 1 else None
        return [ins[0]] if isinstance(ins[0], int) else ins[0]

    def grad(self, node: Node, dys: Sequence[Tensor | None]) -> Sequence[Tensor | None]:
        x, dy = node.inputs[0], dys[0]
        assert dy is not None
        target = x.shape
        if target is not None and list(target).count(None) <= 1:
            dx = reshape(dy, tuple(-1 if n is None else n for n in target))
        else:
            dx = reshape(dy, shape(x))
            if target is not None:
                dx.set_shape(target)
        return [dx] + [None] * (len(node.inputs) - 1)

    def changes_nothing(self, ins: Sequence[Any]) -> bool:
        return out_spec(self, ins).shape == tuple(ins[0].shape)

    def view(self, x: Any, shape: tuple[int, ...]) -> Any:
        if not isinstance(x, np.ndarray):
            out = x.reshape(shape)
            if not x.flags.c_contiguous and not _same_memory(out, x):
                raise ValueError("the strides of the input do not allow a reshaped view")
            return out
        if _RESHAPE_HAS_COPY:
            return x.reshape(shape, copy=False)
        out = x.view()
        try:
            out.shape = shape
        except AttributeError as e:
            raise ValueError("the strides of the input do not allow a reshaped view") from e
        return out

    def bind(self, b: Binding) -> Sequence[Thunk]:
        return [partial(b.xp.copyto, b.outs[0].reshape(b.ins[0].shape), b.ins[0])]


def reshape(x: Any, shape: Any) -> Tensor:
    """`x` with another shape, elements in row-major order.

    Arguments:
        x: tensor.
        shape: ints, one of them -1 (or None) to be deduced; scalar tensors may stand for ints, or one int
            vector tensor for all.

    Returns:
        Tensor of that shape.

    Raises:
        ValueError: when the numbers of elements differ.
    """
    t: Tensor = as_tensor(x)
    static, inputs = shape_operand(shape)
    if static is not None:
        static = tuple(-1 if n is None else n for n in static)
        if t.shape is not None and tuple(t.shape) == static:
            return t
    return apply(Reshape(static), t, *inputs)  # type: ignore[no-any-return]


class ExpandDims(Moves):
    """A new axis of length 1."""

    name = "expand_dims"
    is_view = True

    def __init__(self, axis: int) -> None:
        self.axis = axis

    def infer(self, ins: Sequence[Spec], values: Sequence[Partial]) -> Spec:
        dims, dtype = ins[0]
        assert dims is not None
        at = normalize_axis(self.axis, len(dims) + 1, self.name)
        return Spec(tuple(dims[:at]) + (1,) + tuple(dims[at:]), dtype)

    def partial(self, ins: Sequence[Partial], specs: Sequence[Spec]) -> Partial:
        return [ins[0]] if isinstance(ins[0], int) else None

    def grad(self, node: Node, dys: Sequence[Tensor | None]) -> Sequence[Tensor | None]:
        assert dys[0] is not None
        return [squeeze(dys[0], self.axis)]

    def view(self, x: Any, shape: tuple[int, ...]) -> Any:
        return x[(slice(None),) * normalize_axis(self.axis, x.ndim + 1) + (None,)]


def expand_dims(x: Any, axis: int = -1) -> Tensor:
    """`x` with an axis of length 1 put in at position `axis`.

    Arguments:
        x: tensor.
        axis: position in the result; negative counts from its end.

    Returns:
        Tensor with one axis more.
    """
    return apply(ExpandDims(int(axis)), as_tensor(x))  # type: ignore[no-any-return]


class Squeeze(Moves):
    """Without axes of length 1."""

    is_view = True

    def __init__(self, axes: tuple[int, ...] | None) -> None:
        self.axes = axes

    def _positions(self, dims: StaticShape) -> set[int]:
        if self.axes is None:
            return {i for i, n in enumerate(dims) if n == 1}
        return {normalize_axis(a, len(dims), self.name) for a in self.axes}

    def infer(self, ins: Sequence[Spec], values: Sequence[Partial]) -> Spec:
        dims, dtype = ins[0]
        assert dims is not None
        drop = self._positions(dims)
        for i in drop:
            if dims[i] not in (1, None):
                raise ValueError(f"squeeze: axis {i} of shape {tuple(dims)} has length {dims[i]}; only 1 can go")
        return Spec(tuple(n for i, n in enumerate(dims) if i not in drop), dtype)

    def partial(self, ins: Sequence[Partial], specs: Sequence[Spec]) -> Partial:
        return ins[0][0] if isinstance(ins[0], list) and len(ins[0]) == 1 else None

    def grad(self, node: Node, dys: Sequence[Tensor | None]) -> Sequence[Tensor | None]:
        x, dy = node.inputs[0], dys[0]
        assert dy is not None
        if x.shape is None:
            return [reshape(dy, shape(x))]
        for i in sorted(self._positions(tuple(x.shape))):
            dy = expand_dims(dy, i)
        return [dy]

    def changes_nothing(self, ins: Sequence[Any]) -> bool:
        return out_spec(self, ins).shape == tuple(ins[0].shape)

    def view(self, x: Any, shape: tuple[int, ...]) -> Any:
        drop = self._positions(x.shape)
        # the ellipsis keeps a result of rank 0 a view: plain indices would copy it to a scalar
        return x[(*(0 if i in drop else slice(None) for i in range(x.ndim)), ...)]


def squeeze(x: Any, axis: int | Sequence[int] | None = None) -> Tensor:
    """`x` without one axis, several axes, or (None) all axes of length 1.

    Arguments:
        x: tensor.
        axis: int, sequence of ints, or None.

    Returns:
        Tensor with fewer axes.

    Raises:
        ValueError: when a named axis is longer than 1.
    """
    x = as_tensor(x)
    if axis is None:  # decided now, so that an unknown length that turns out to be 1 does not change the rank
        axes = None if x.shape is None else tuple(i for i, n in enumerate(x.shape) if n == 1)
    else:
        axes = (int(axis),) if isinstance(axis, (int, np.integer)) else tuple(int(a) for a in axis)
    return apply(Squeeze(axes), x)  # type: ignore[no-any-return]


class Transpose(Moves):
    """Axes in another order (reversed when `perm` is None)."""

    is_view = True

    def __init__(self, perm: tuple[int, ...] | None) -> None:
        self.perm = perm

    def order(self, ndim: int) -> tuple[int, ...]:
        """The permutation for `ndim` axes."""
        return tuple(range(ndim))[::-1] if self.perm is None else self.perm

    def infer(self, ins: Sequence[Spec], values: Sequence[Partial]) -> Spec:
        dims, dtype = ins[0]
        assert dims is not None
        order = self.order(len(dims))
        if sorted(order) != list(range(len(dims))):
            raise ValueError(f"transpose: {order} is not a permutation of the {len(dims)} axes of {tuple(dims)}")
        return Spec(tuple(dims[i] for i in order), dtype)

    def partial(self, ins: Sequence[Partial], specs: Sequence[Spec]) -> Partial:
        return ins[0]

    def grad(self, node: Node, dys: Sequence[Tensor | None]) -> Sequence[Tensor | None]:
        assert dys[0] is not None
        return [transpose(dys[0], None if self.perm is None else [self.perm.index(i) for i in range(len(self.perm))])]

    def changes_nothing(self, ins: Sequence[Any]) -> bool:
        return self.order(len(ins[0].shape)) == tuple(range(len(ins[0].shape)))

    def view(self, x: Any, shape: tuple[int, ...]) -> Any:
        return x.transpose(self.order(x.ndim))


def transpose(x: Any, perm: Sequence[int] | None = None) -> Tensor:
    """`x` with its axes in the order `perm`, reversed when None.

    Arguments:
        x: tensor.
        perm: permutation of range(ndim); negative entries count from the end.

    Returns:
        Tensor.
    """
    order = None if perm is None else tuple(int(i) % len(perm) for i in perm)
    return apply(Transpose(order), as_tensor(x))  # type: ignore[no-any-return]


class BroadcastTo(Moves):
    """The input repeated along axes of length 1 or missing."""

    name = "broadcast_to"
    is_view = True

    def __init__(self, target: StaticShape | None) -> None:
        self.target = target
        self.shape_inputs = (1,) if target is None else ()

    def infer(self, ins: Sequence[Spec], values: Sequence[Partial]) -> Spec:
        dims, dtype = ins[0]
        assert dims is not None
        target = static_or_value(self.target, ins, values, 1)
        if target is None:
            return Spec(None, dtype)
        out = [None if n == -1 else n for n in target]
        missing = len(out) - len(dims)
        if missing < 0:
            raise ValueError(f"broadcast_to: shape {tuple(dims)} has more axes than the target {tuple(target)}")
        for i, n in enumerate(dims):
            m = out[missing + i]
            if n is not None and n != 1 and m is not None and m != n:
                raise ValueError(f"broadcast_to: shape {tuple(dims)} does not broadcast to {tuple(target)}")
            if n is not None and (n != 1 or target[missing + i] == -1):
                out[missing + i] = n
        return Spec(tuple(out), dtype)

    def grad(self, node: Node, dys: Sequence[Tensor | None]) -> Sequence[Tensor | None]:
        from .reduction import sum_to

        assert dys[0] is not None
        return [sum_to(dys[0], shape_like(node.inputs[0]))] + [None] * (len(node.inputs) - 1)

    def changes_nothing(self, ins: Sequence[Any]) -> bool:
        return out_spec(self, ins).shape == tuple(ins[0].shape)

    def view(self, x: Any, shape: tuple[int, ...]) -> Any:
        from numpy.lib.stride_tricks import as_strided

        if isinstance(x, np.ndarray):
            # Not np.broadcast_to: its read-only marking would follow the buffer into every later view.
            strides = (0,) * (len(shape) - x.ndim) + tuple(
                0 if m == 1 and n != 1 else s for m, n, s in zip(x.shape, shape[len(shape) - x.ndim :], x.strides)
            )
            return as_strided(x, shape, strides, writeable=False)
        return array_module(x).broadcast_to(x, shape)


def broadcast_to(x: Any, shape: Any) -> Tensor:
    """`x` repeated to `shape` without copying.

    Arguments:
        x: tensor whose axes, counted from the last, have the target's length or 1.
        shape: ints (-1 or None keeps the input's length), scalar tensors, or one int vector tensor.

    Returns:
        Tensor of that shape.

    Raises:
        ValueError: when the shape does not broadcast.
    """
    t: Tensor = as_tensor(x)
    static, inputs = shape_operand(shape)
    if static is not None:
        static = tuple(-1 if n is None else n for n in static)
        if t.shape is not None and tuple(t.shape) == static:
            return t
    return apply(BroadcastTo(static), t, *inputs)  # type: ignore[no-any-return]


class Reverse(Moves):
    """Elements in reverse order along some axes."""

    is_view = True

    def __init__(self, axes: tuple[int, ...]) -> None:
        self.axes = axes

    def infer(self, ins: Sequence[Spec], values: Sequence[Partial]) -> Spec:
        assert ins[0].shape is not None
        for a in self.axes:
            normalize_axis(a, len(ins[0].shape), self.name)
        return ins[0]

    def partial(self, ins: Sequence[Partial], specs: Sequence[Spec]) -> Partial:
        return ins[0][::-1] if isinstance(ins[0], list) else None

    def grad(self, node: Node, dys: Sequence[Tensor | None]) -> Sequence[Tensor | None]:
        assert dys[0] is not None
        return [reverse(dys[0], self.axes)]

    def changes_nothing(self, ins: Sequence[Any]) -> bool:
        return all(ins[0].shape[a] == 1 for a in self.axes)

    def view(self, x: Any, shape: tuple[int, ...]) -> Any:
        flipped = {a % x.ndim for a in self.axes}
        return x[(*(slice(None, None, -1) if i in flipped else slice(None) for i in range(x.ndim)), ...)]


def reverse(x: Any, axes: int | Sequence[int]) -> Tensor:
    """`x` with the order of its elements reversed along `axes`.

    Arguments:
        x: tensor.
        axes: int or sequence of ints.

    Returns:
        Tensor of the same shape.
    """
    positions = (int(axes),) if isinstance(axes, (int, np.integer)) else tuple(int(a) for a in axes)
    return apply(Reverse(positions), as_tensor(x))  # type: ignore[no-any-return]


def join_dims(shapes: Sequence[StaticShape], axis: int, what: str) -> list[Dim]:
    """Shape, but for `axis`, that tensors to be joined along `axis` have in common.

    Raises:
        ValueError: naming the shapes, when they differ elsewhere.
    """
    out = list(shapes[0])
    for dims in shapes[1:]:
        if len(dims) != len(out):
            raise ValueError(f"{what}: shapes {[tuple(s) for s in shapes]} differ in their number of axes")
        for i, n in enumerate(dims):
            if i == axis or n is None or n == out[i]:
                continue
            if out[i] is not None:
                raise ValueError(
                    f"{what}: shapes {[tuple(s) for s in shapes]} must agree on all axes but {axis}; axis {i} differs"
                )
            out[i] = n
    return out


def broadcast_all(shapes: Sequence[StaticShape], what: str) -> StaticShape:
    """Common broadcast shape of several."""
    out: StaticShape = ()
    for dims in shapes:
        out = broadcast(out, dims, what)
    return out
