"""Sums, means, extremes and other results over some axes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ..graph.dtype import DType, as_dtype
from ..graph.op import Binding, Op, Partial, Spec, Thunk
from ..graph.shape import Dim, normalize_axis
from ..graph.shape import prod as count_of
from ..graph.tensor import Tensor, apply, as_tensor
from .elementwise import cast, equal, floordiv, masked, maximum
from .operands import as_bools, as_floats
from .shaping import Reshape, broadcast_to, expand_dims, shape_like, shape_operand, size, static_or_value

if TYPE_CHECKING:
    from ..graph.tensor import Node

__all__ = ["all", "any", "argmax", "argmin", "max", "mean", "min", "prod", "sum", "sum_to"]

Axes = tuple[int, ...] | None
#: CuPy has functions where NumPy has methods of ufuncs.
_CUPY = {
    "add": "sum", "multiply": "prod", "maximum": "max", "minimum": "min", "logical_or": "any", "logical_and": "all",
}  # fmt: skip


def as_axes(axis: Any, x: Tensor, what: str) -> Axes:
    """`axis` (None, int or several ints) as a sorted tuple of non-negative axes; None means all of them.

    Raises:
        ValueError: when an axis is out of range or given twice.
    """
    if axis is None:
        return None if x.shape is None else tuple(range(len(x.shape)))
    axes = tuple(int(a) for a in axis) if isinstance(axis, (tuple, list, range, np.ndarray)) else (int(axis),)
    if x.shape is not None:
        axes = tuple(sorted(normalize_axis(a, len(x.shape), what) for a in axes))
    if len(set(axes)) != len(axes):
        raise ValueError(f"{what}: axis {axis} names an axis twice")
    return axes


def concrete_axes(axes: Axes, ndim: int) -> tuple[int, ...]:
    """Axes of a tensor whose rank is known by now."""
    return tuple(range(ndim)) if axes is None else tuple(sorted(normalize_axis(a, ndim) for a in axes))


def reduced(shape: Sequence[Dim], axes: Axes, keepdims: bool) -> tuple[Dim, ...]:
    """`shape` without `axes`, or with 1 in their place."""
    gone = concrete_axes(axes, len(shape))
    if keepdims:
        return tuple(1 if i in gone else n for i, n in enumerate(shape))
    return tuple(n for i, n in enumerate(shape) if i not in gone)


def restore_axes(dy: Tensor, x: Tensor, axes: Axes, keepdims: bool) -> Tensor:
    """A reduction's result, or its gradient, in a shape that broadcasts against the reduction's input `x`."""
    if not keepdims and x.shape is not None:
        for axis in concrete_axes(axes, len(x.shape)):
            dy = expand_dims(dy, axis)
    return dy


def reduced_count(x: Tensor, y: Tensor, axes: Axes) -> Any:
    """How many elements of `x` go into one of its reduction `y`: a number, or a tensor where sizes are unknown."""
    if x.shape is not None:
        dims = [x.shape[a] for a in concrete_axes(axes, len(x.shape))]
        if None not in dims:
            return float(count_of(dims))  # type: ignore[arg-type]
    return cast(floordiv(size(x), maximum(size(y), 1)), x.dtype)


# --- kernels ------------------------------------------------------------------------------------------------------


def wide(dtype: DType) -> DType:
    """The dtype sums are carried in: float32 for float16."""
    return as_dtype("float32") if dtype == "float16" else dtype


def merged(x: Any, axes: tuple[int, ...]) -> tuple[Any, tuple[int, ...]]:
    """A contiguous array with neighbouring axes merged where all or none of them are reduced, and its axes."""
    if not x.flags.c_contiguous or not x.size:
        return x, axes
    dims: list[int] = []
    kinds: list[bool] = []
    for i, n in enumerate(x.shape):
        if n == 1:
            continue
        if kinds and kinds[-1] == (i in axes):
            dims[-1] *= n
        else:
            dims.append(n)
            kinds.append(i in axes)
    return x.reshape(dims), tuple(i for i, kind in enumerate(kinds) if kind)


@lru_cache(maxsize=64)
def _ones(n: int, dtype: np.dtype[Any]) -> np.ndarray:
    out = np.ones(n, dtype)
    out.setflags(write=False)
    return out


def reduce_thunk(xp: Any, ufunc: str, x: Any, axes: tuple[int, ...], out: Any) -> Thunk:
    """The call that reduces `axes` of `x` into `out` (with or without those axes), carried in the dtype of `out`."""
    x, axes = merged(x, axes)
    out = out.reshape([n for i, n in enumerate(x.shape) if i not in axes])
    if xp is not np:
        return partial(getattr(xp, _CUPY[ufunc]), x, axes, out=out)
    if ufunc == "add" and x.ndim == 2 and len(axes) == 1 and x.dtype == out.dtype and x.dtype.char in "fd":
        # a product with ones: BLAS sums rows and columns several times faster than a ufunc, as precisely
        ones = _ones(x.shape[axes[0]], x.dtype)
        return partial(np.dot, x, ones, out) if axes == (1,) else partial(np.dot, ones, x, out)
    return partial(getattr(np, ufunc).reduce, x, axes, out.dtype, out)


class _Reduction(Op):
    """Base of reductions by one ufunc.

    Arguments:
        axes: axes to reduce; None: all.
        keepdims: leave them in place with length 1.
    """

    ufunc: ClassVar[str]
    #: The result for equal elements is that element (true of extremes and means).
    idempotent: ClassVar[bool] = True
    #: What a reduction of nothing gives, by kind of dtype.
    empty: ClassVar[Any] = 0
    on_ints: ClassVar[str] = ""  # NumPy function for shape arithmetic

    def __init__(self, axes: Axes, keepdims: bool) -> None:
        self.axes = axes
        self.keepdims = keepdims

    def infer(self, ins: Sequence[Spec], values: Sequence[Partial]) -> Spec:
        assert ins[0].shape is not None
        return Spec(reduced(ins[0].shape, self.axes, self.keepdims), ins[0].dtype)

    def partial(self, ins: Sequence[Partial], specs: Sequence[Spec]) -> Partial:
        x = ins[0]
        if not self.on_ints or not isinstance(x, list) or None in x or not x or self.axes not in (None, (0,)):
            return None
        total = int(getattr(np, self.on_ints)(x))
        return [total] if self.keepdims else total

    def simplify(self, lowering: Any, ins: list[Any]) -> Any:
        x = ins[0]
        axes = concrete_axes(self.axes, len(x.shape))
        shape = reduced(x.shape, axes, self.keepdims)
        n = count_of([x.shape[a] for a in axes])
        if n == 1:
            return x if shape == x.shape else lowering.emit(Reshape(shape), [x])[0]
        if x.uniform is not None and n and self.idempotent:
            return lowering.constant(x.uniform, shape, x.dtype)
        return None

    def scratch(self, ins: Sequence[Spec], outs: Sequence[Spec], prepared: Any) -> Sequence[Spec]:
        return [Spec(outs[0].shape, wide(outs[0].dtype))] if outs[0].dtype == "float16" else []

    def bind(self, b: Binding) -> Sequence[Thunk]:
        x, out = b.ins[0], b.outs[0]
        if not x.size:
            return [partial(out.fill, self.on_nothing(out.dtype))]
        axes = concrete_axes(self.axes, x.ndim)
        total = b.scratch[0] if b.scratch else out
        thunks = [reduce_thunk(b.xp, self.ufunc, x, axes, total), *self.finish(b.xp, x.size, total)]
        return [*thunks, partial(b.xp.copyto, out, total, "same_kind")] if b.scratch else thunks

    def on_nothing(self, dtype: Any) -> Any:
        """Result for an empty input."""
        return self.empty

    def finish(self, xp: Any, n: int, total: Any) -> list[Thunk]:
        """What remains to be done to the reduced array of an input of `n` elements."""
        return []


def _reduce(cls: type[_Reduction], x: Tensor, axis: Any, keepdims: bool) -> Tensor:
    out: Tensor = apply(cls(as_axes(axis, x, cls.name), bool(keepdims)), x)
    return out


# --- sum, mean ----------------------------------------------------------------------------------------------------


class Sum(_Reduction):
    """Sum over axes."""

    precision = "full"

    ufunc = "add"
    idempotent = False
    on_ints = "sum"

    def simplify(self, lowering: Any, ins: list[Any]) -> Any:
        x = ins[0]
        if x.uniform is not None:
            shape = reduced(x.shape, self.axes, self.keepdims)
            n = count_of([x.shape[a] for a in concrete_axes(self.axes, len(x.shape))])
            return lowering.constant(np.asarray(x.uniform, wide(x.dtype)) * n, shape, x.dtype)
        return super().simplify(lowering, ins)

    def grad(self, node: Node, dys: Sequence[Tensor | None]) -> Sequence[Tensor | None]:
        x, dy = node.inputs[0], dys[0]
        return [None if dy is None else broadcast_to(restore_axes(dy, x, self.axes, self.keepdims), shape_like(x))]


class Mean(_Reduction):
    """Mean over axes."""

    precision = "full"

    ufunc = "add"
    empty = np.nan

    def grad(self, node: Node, dys: Sequence[Tensor | None]) -> Sequence[Tensor | None]:
        x, dy, y = node.inputs[0], dys[0], node.outputs[0]
        if dy is None:
            return [None]
        share = dy / reduced_count(x, y, self.axes)
        return [broadcast_to(restore_axes(share, x, self.axes, self.keepdims), shape_like(x))]

    def finish(self, xp: Any, n: int, total: Any) -> list[Thunk]:
        count = n // total.size
        return [partial(xp.divide, total, np.asarray(count, total.dtype) if xp is np else count, total)]


def sum(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """Sum over `axis` (None: all; int or several), in the dtype of `x`; booleans are counted in int32."""
    x = as_tensor(x)
    return _reduce(Sum, cast(x, "int32") if x.dtype.is_bool else x, axis, keepdims)


def mean(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """Mean over `axis` (None: all; int or several); integers and booleans give floatx."""
    return _reduce(Mean, as_floats(x)[0], axis, keepdims)


class SumTo(Op):
    """The sum over the axes along which a tensor of the target shape would be repeated to the input's shape."""

    name = "sum_to"
    shape_inputs = (1,)

    def __init__(self, target: Any) -> None:
        self.target = target

    def infer(self, ins: Sequence[Spec], values: Sequence[Partial]) -> Spec:
        source, dtype = ins[0]
        assert source is not None
        target = static_or_value(self.target, ins, values, 1)
        if target is None:
            return Spec(None, dtype)
        fits = len(target) <= len(source) and not [
            1
            for m, n in zip(target[::-1], source[::-1], strict=False)
            if m is not None and m != 1 and n is not None and n != m
        ]
        if not fits:
            raise ValueError(f"sum_to: shape {tuple(source)} cannot be summed to {tuple(target)}")
        return Spec(tuple(target), dtype)

    def _axes(self, source: Sequence[int], target: Sequence[int]) -> tuple[int, ...]:
        missing = len(source) - len(target)
        repeated = [missing + i for i, m in enumerate(target) if m == 1 and source[missing + i] != 1]
        return (*range(missing), *repeated)

    def grad(self, node: Node, dys: Sequence[Tensor | None]) -> Sequence[Tensor | None]:
        dx = None if dys[0] is None else broadcast_to(dys[0], shape_like(node.inputs[0]))
        return [dx] + [None] * (len(node.inputs) - 1)

    def simplify(self, lowering: Any, ins: list[Any]) -> Any:
        x = ins[0]
        target = self.target if self.target is not None else ins[1].array().tolist()
        if tuple(target) == x.shape:
            return x
        if None in target:
            return None
        axes = self._axes(x.shape, target)
        n = count_of([x.shape[a] for a in axes])
        if n == 1:
            return lowering.emit(Reshape(tuple(target)), [x])[0]
        if x.uniform is not None:
            return lowering.constant(np.asarray(x.uniform, wide(x.dtype)) * n, target, x.dtype)
        return None

    def scratch(self, ins: Sequence[Spec], outs: Sequence[Spec], prepared: Any) -> Sequence[Spec]:
        return [Spec(outs[0].shape, wide(outs[0].dtype))] if outs[0].dtype == "float16" else []

    def bind(self, b: Binding) -> Sequence[Thunk]:
        x, out = b.ins[0], b.outs[0]
        total = b.scratch[0] if b.scratch else out
        thunks = [reduce_thunk(b.xp, "add", x, self._axes(x.shape, out.shape), total)]
        return [*thunks, partial(b.xp.copyto, out, total, "same_kind")] if b.scratch else thunks


def sum_to(x: Any, shape: Any) -> Tensor:
    """`x` summed to `shape` (a tuple or an integer tensor): undoes a broadcast.

    Raises:
        ValueError: when `shape` does not broadcast to the shape of `x`.
    """
    t = as_tensor(x)
    target, tensors = shape_operand(shape)
    if target is not None and t.shape is not None and None not in target and target == tuple(t.shape):
        return t
    out: Tensor = apply(SumTo(target), t, *tensors)
    return out


# --- product, extremes --------------------------------------------------------------------------------------------


class Prod(_Reduction):
    """Product over axes."""

    precision = "full"

    ufunc = "multiply"
    idempotent = False
    empty = 1
    on_ints = "prod"

    def grad(self, node: Node, dys: Sequence[Tensor | None]) -> Sequence[Tensor | None]:
        from .scans import cumprod

        x, dy = node.inputs[0], dys[0]
        if dy is None:
            return [None]
        # axis by axis, the product of the others is that of those before times that of those after: right at zeros
        if x.shape is None:
            raise ValueError("prod: the gradient needs a tensor of known rank")
        axes = concrete_axes(self.axes, len(x.shape))
        if not axes:
            return [dy]
        steps = [x]
        for axis in axes[:-1]:
            steps.append(prod(steps[-1], axis, keepdims=True))
        g: Any = restore_axes(dy, x, axes, self.keepdims)
        for part, axis in zip(reversed(steps), reversed(axes), strict=True):
            g = g * cumprod(part, axis, exclusive=True) * cumprod(part, axis, exclusive=True, reverse=True)
        return [g]


class _Extreme(_Reduction):
    """Base of max and min; the gradient is shared equally among ties."""

    def grad(self, node: Node, dys: Sequence[Tensor | None]) -> Sequence[Tensor | None]:
        x, dy, y = node.inputs[0], dys[0], node.outputs[0]
        if dy is None:
            return [None]
        best = equal(x, restore_axes(y, x, self.axes, self.keepdims))
        share: Any = restore_axes(dy, x, self.axes, self.keepdims)
        return [masked(share / sum(cast(best, x.dtype), self.axes, keepdims=True), best)]


class Max(_Extreme):
    """Maximum over axes."""

    ufunc = "maximum"
    on_ints = "max"

    def on_nothing(self, dtype: Any) -> Any:
        return -np.inf if dtype.kind == "f" else np.iinfo(dtype).min


class Min(_Extreme):
    """Minimum over axes."""

    ufunc = "minimum"
    on_ints = "min"

    def on_nothing(self, dtype: Any) -> Any:
        return np.inf if dtype.kind == "f" else np.iinfo(dtype).max


def prod(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """Product over `axis` (None: all; int or several)."""
    return _reduce(Prod, as_tensor(x), axis, keepdims)


def max(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """Maximum over `axis` (None: all; int or several)."""
    return _reduce(Max, as_tensor(x), axis, keepdims)


def min(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """Minimum over `axis` (None: all; int or several)."""
    return _reduce(Min, as_tensor(x), axis, keepdims)


# --- truth --------------------------------------------------------------------------------------------------------


class Any_(_Reduction):
    """Whether some element is true."""

    name = "any"
    ufunc = "logical_or"
    empty = False
    no_grad = "truth values have no gradient"


class All(_Reduction):
    """Whether all elements are true."""

    ufunc = "logical_and"
    empty = True
    no_grad = "truth values have no gradient"


def any(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """Whether some element over `axis` is true (nonzero)."""
    return _reduce(Any_, as_bools(x)[0], axis, keepdims)


def all(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """Whether all elements over `axis` are true (nonzero)."""
    return _reduce(All, as_bools(x)[0], axis, keepdims)


# --- places of extremes -------------------------------------------------------------------------------------------


class _ArgExtreme(Op):
    """Base of argmax and argmin: int64 index of the first extreme along one axis."""

    method: ClassVar[str]
    no_grad = "indices have no gradient"

    def __init__(self, axis: int) -> None:
        self.axis = axis

    def infer(self, ins: Sequence[Spec], values: Sequence[Partial]) -> Spec:
        shape = ins[0].shape
        assert shape is not None
        axis = normalize_axis(self.axis, len(shape), self.name)
        if shape[axis] == 0:
            raise ValueError(f"{self.name}: axis {axis} of shape {tuple(shape)} is empty")
        return Spec(shape[:axis] + shape[axis + 1 :], as_dtype("int64"))

    def _inner(self, shape: Sequence[int]) -> tuple[int, tuple[int, ...]]:
        axis = normalize_axis(self.axis, len(shape))
        return axis, (*shape[:axis], *shape[axis + 1 :], shape[axis])

    def scratch(self, ins: Sequence[Spec], outs: Sequence[Spec], prepared: Any) -> Sequence[Spec]:
        # NumPy copies its input when the axis is not the last contiguous one: give that copy a place
        return [Spec(self._inner(ins[0].shape)[1], ins[0].dtype)]  # type: ignore[arg-type]

    def bind(self, b: Binding) -> Sequence[Thunk]:
        x, out, work = b.ins[0], b.outs[0], b.scratch[0]
        axis, _ = self._inner(x.shape)
        if axis == x.ndim - 1 and x.flags.c_contiguous:
            return [partial(getattr(x, self.method), axis, out)]
        return [
            partial(b.xp.copyto, work, b.xp.moveaxis(x, axis, -1)),
            partial(getattr(work, self.method), work.ndim - 1, out),
        ]


class ArgMax(_ArgExtreme):
    """Index of the first maximum along an axis."""

    method = "argmax"


class ArgMin(_ArgExtreme):
    """Index of the first minimum along an axis."""

    method = "argmin"


def _arg(cls: type[_ArgExtreme], x: Any, axis: int) -> Tensor:
    x = as_tensor(x)
    if x.shape is not None:
        axis = normalize_axis(axis, len(x.shape), cls.name)
    out: Tensor = apply(cls(axis), x)
    return out


def argmax(x: Any, axis: int = -1) -> Tensor:
    """int64 index of the first maximum along `axis`."""
    return _arg(ArgMax, x, axis)


def argmin(x: Any, axis: int = -1) -> Tensor:
    """int64 index of the first minimum along `axis`."""
    return _arg(ArgMin, x, axis)
