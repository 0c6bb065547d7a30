"""Order: sorting, top k, and selection by a boolean tensor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ..graph.dtype import as_dtype
from ..graph.op import Binding, Op, Partial, Spec, Thunk
from ..graph.shape import normalize_axis
from ..graph.tensor import Tensor, apply, as_tensor
from .gather import PutAlong, _integers, take_along_axis, take_thunk
from .shaping import StaticShape, shape_like, shape_operand, static_or_value
from .shaping import shape as shape_of

if TYPE_CHECKING:
    from ..graph.tensor import Node

__all__ = ["argsort", "boolean_mask", "in_top_k", "sort", "top_k"]

INT32 = as_dtype("int32")
BOOL = as_dtype("bool")


class Argsort(Op):
    """Indices that sort along the last axis; equal elements keep their order."""

    captures = False
    no_grad = "integer output"

    def __init__(self, descending: bool) -> None:
        self.descending = descending

    def infer(self, ins: Sequence[Spec], values: Sequence[Partial]) -> Spec:
        if not ins[0].shape:
            raise ValueError("argsort: cannot sort a scalar")
        return Spec(ins[0].shape, INT32)

    def bind(self, b: Binding) -> Sequence[Thunk]:
        return [partial(_argsort, b.xp, b.ins[0], b.outs[0], self.descending)]


def _argsort(xp: Any, x: Any, out: Any, descending: bool) -> None:
    """Stable argsort; neither NumPy's nor CuPy's has an `out`, so it allocates."""
    if descending:  # sorting backwards and reading backwards keeps equal elements in order
        order = xp.argsort(x[..., ::-1], axis=-1, kind="stable")
        xp.subtract(x.shape[-1] - 1, order[..., ::-1], out=order[..., ::-1])
        xp.copyto(out, order[..., ::-1], "unsafe")
    else:
        xp.copyto(out, xp.argsort(x, axis=-1, kind="stable"), "unsafe")


def _last(x: Tensor, axis: int, function: Callable[[Tensor], Tensor]) -> Tensor:
    """`function` of `x` with `axis` last, put back where it was."""
    from .shaping import transpose

    rank = None if x.shape is None else len(x.shape)
    if axis == -1 or rank is None or normalize_axis(axis, rank) == rank - 1:
        return function(x)
    swap = list(range(rank))
    swap[axis], swap[-1] = swap[-1], swap[axis]
    return transpose(function(transpose(x, swap)), swap)


def argsort(x: Any, axis: int = -1, descending: bool = False) -> Tensor:
    """Indices that sort `x` along `axis`; equal elements keep their order.

    Arguments:
        x: tensor.
        axis: int.
        descending: whether the largest comes first.

    Returns:
        int32 tensor of the shape of `x`.
    """
    return _last(as_tensor(x), axis, lambda t: apply(Argsort(descending), t))


def sort(x: Any, axis: int = -1, descending: bool = False) -> Tensor:
    """`x` sorted along `axis`.

    Arguments:
        x: tensor.
        axis: int.
        descending: whether the largest comes first.

    Returns:
        Tensor of the shape of `x`.
    """
    return _last(as_tensor(x), axis, lambda t: take_along_axis(t, apply(Argsort(descending), t)))


class TopK(Op):
    """The k largest elements of each row, largest first, and where they are."""

    captures = False
    name = "top_k"

    def __init__(self, k: int) -> None:
        self.k = k

    def infer(self, ins: Sequence[Spec], values: Sequence[Partial]) -> Sequence[Spec]:
        dims, dtype = ins[0]
        if not dims:
            raise ValueError("top_k: expected at least one axis, got a scalar")
        if dims[-1] is not None and self.k > dims[-1]:
            raise ValueError(f"top_k: k = {self.k} is more than the last axis of shape {tuple(dims)} has")
        out = (*dims[:-1], self.k)
        return [Spec(out, dtype), Spec(out, INT32)]

    def grad(self, node: Node, dys: Sequence[Tensor | None]) -> Sequence[Tensor | None]:
        if dys[0] is None:
            return [None]
        static, inputs = shape_operand(shape_like(node.inputs[0]))
        message = "index {index} is out of range for an axis of length {size}"
        return [apply(PutAlong(static, message), dys[0], node.outputs[1], *inputs)]

    def bind(self, b: Binding) -> Sequence[Thunk]:
        xp, x, k = b.xp, b.ins[0], self.k
        values, where = b.outs
        order = xp.empty(x.shape, INT32)  # once per plan

        def select() -> None:
            _argsort(xp, x, order, True)
            xp.copyto(where, order[..., :k])
            xp.copyto(values, xp.take_along_axis(x, order[..., :k].astype(np.int64), -1))

        return [select]


def top_k(x: Any, k: int) -> tuple[Tensor, Tensor]:
    """The `k` largest elements along the last axis, largest first; of equal ones the first.

    Arguments:
        x: tensor of shape (..., N).
        k: int, at most N.

    Returns:
        (values, int32 indices), each of shape (..., k).
    """
    values, indices = apply(TopK(int(k)), as_tensor(x))
    return values, indices


class InTopK(Op):
    """Whether fewer than k scores of a row exceed the target's; False where the row cannot tell."""

    name = "in_top_k"
    no_grad = "boolean output"
    shape_inputs = (2,)

    def infer(self, ins: Sequence[Spec], values: Sequence[Partial]) -> Spec:
        dims, targets = ins[0].shape, ins[1].shape
        assert dims is not None and targets is not None
        if len(dims) != 2 or len(targets) != 1:
            raise ValueError(
                f"in_top_k: expected predictions (N, C) and targets (N,), got {tuple(dims)} and {tuple(targets)}"
            )
        return Spec((targets[0] if dims[0] is None else dims[0],), BOOL)

    def prepare_known(self, ins: Sequence[Spec], outs: Sequence[Spec | None], values: Sequence[Partial]) -> Any:
        return values[2]

    def scratch(self, ins: Sequence[Spec], outs: Sequence[Spec], prepared: Any) -> Sequence[Spec]:
        n = outs[0].shape
        assert n is not None
        return [
            Spec(n, as_dtype("int64")),
            Spec((*n, 1), ins[0].dtype),
            Spec(ins[0].shape, BOOL),
            Spec(n, as_dtype("int64")),
            Spec(n, BOOL),
        ]

    def bind(self, b: Binding) -> Sequence[Thunk]:
        from .gather import contiguous

        xp, out, k = b.xp, b.outs[0], b.prepared
        index, score, mask, count, flag = b.scratch
        x, refresh = contiguous(b, 0)
        classes = x.shape[1]
        starts = xp.arange(len(out)) * classes
        return [
            *refresh,
            partial(xp.copyto, index, b.ins[1], "unsafe"),
            partial(xp.greater_equal, index, 0, out),
            partial(xp.less, index, classes, flag),
            partial(xp.logical_and, out, flag, out),  # targets out of range are in no top k
            partial(xp.clip, index, 0, max(classes - 1, 0), index),
            partial(xp.add, index, starts, index),
            take_thunk(xp, x.reshape(-1), index, None, score[:, 0]),
            partial(xp.greater, x, score, mask),
            partial(xp.sum, mask, 1, None, count),
            partial(xp.less, count, k, flag),
            partial(xp.logical_and, out, flag, out),
            partial(xp.isfinite, x, mask),
            partial(xp.all, mask, 1, flag),
            partial(xp.logical_and, out, flag, out),
        ]


def in_top_k(predictions: Any, targets: Any, k: Any) -> Tensor:
    """Whether each target is among the k highest predictions; all classes tied at the boundary count as in.

    Arguments:
        predictions: float tensor of shape (N, C).
        targets: integer tensor of shape (N,).
        k: int or scalar integer tensor.

    Returns:
        bool tensor of shape (N,).
    """
    return apply(InTopK(), as_tensor(predictions), _integers(targets, "in_top_k"), as_tensor(k))  # type: ignore[no-any-return]


class BooleanMask(Op):
    """The slices of input 0 where input 1, over the first axes, holds."""

    name = "boolean_mask"
    dynamic = True

    def infer(self, ins: Sequence[Spec], values: Sequence[Partial]) -> Spec:
        (dims, dtype), (mask, _) = ins
        assert dims is not None and mask is not None
        if not mask or len(mask) > len(dims):
            raise ValueError(f"boolean_mask: mask of shape {tuple(mask)} for a tensor of shape {tuple(dims)}")
        if any(m is not None and n is not None and m != n for m, n in zip(mask, dims)):
            raise ValueError(f"boolean_mask: mask of shape {tuple(mask)} does not fit shape {tuple(dims)}")
        return Spec((None, *dims[len(mask) :]), dtype)

    def grad(self, node: Node, dys: Sequence[Tensor | None]) -> Sequence[Tensor | None]:
        x, mask = node.inputs
        return [apply(MaskScatter(None), dys[0], mask, shape_of(x)), None]  # type: ignore[arg-type]

    def compute(self, xp: Any, ins: list[Any]) -> Sequence[Any]:
        return [ins[0][ins[1]]]


class MaskScatter(Op):
    """Zeros with the slices of input 0 where input 1 holds: the gradient of `BooleanMask`."""

    captures = False
    name = "mask_scatter"
    shape_inputs = (2,)

    def __init__(self, target: StaticShape | None) -> None:
        self.target = target

    def infer(self, ins: Sequence[Spec], values: Sequence[Partial]) -> Spec:
        target = static_or_value(self.target, ins, values, 2)
        return Spec(None if target is None else tuple(target), ins[0].dtype)

    def grad(self, node: Node, dys: Sequence[Tensor | None]) -> Sequence[Tensor | None]:
        return [apply(BooleanMask(), dys[0], node.inputs[1])] + [None] * (len(node.inputs) - 1)  # type: ignore[arg-type]

    def bind(self, b: Binding) -> Sequence[Thunk]:
        out = b.outs[0]
        return [partial(out.fill, 0), partial(_put, out, b.ins[1], b.ins[0])]


def _put(out: Any, mask: Any, values: Any) -> None:
    out[mask] = values


def boolean_mask(x: Any, mask: Any) -> Tensor:
    """The slices of `x` where `mask` holds; how many is known only when run.

    Arguments:
        x: tensor.
        mask: boolean tensor over the first axes of `x`.

    Returns:
        Tensor of shape (count of True,) + the remaining axes of `x`.
    """
    mask = as_tensor(mask)
    if not mask.dtype.is_bool:
        raise TypeError(f"boolean_mask: expected a boolean mask, got {mask.dtype}")
    return apply(BooleanMask(), as_tensor(x), mask)  # type: ignore[no-any-return]
