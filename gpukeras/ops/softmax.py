"""Stable sums of exponentials, and the moments of batch normalisation."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ..graph.op import Binding, Op, Partial, Spec, Thunk
from ..graph.shape import normalize_axis
from ..graph.tensor import Tensor, apply
from .elementwise import exp
from .operands import as_floats, as_operands
from .reduction import (
    Axes,
    as_axes,
    concrete_axes,
    reduce_thunk,
    reduced,
    reduced_count,
    restore_axes,
    sum,
    wide,
)

if TYPE_CHECKING:
    from ..graph.tensor import Node

__all__ = ["log_softmax", "logsumexp", "moments", "softmax", "softmax_grad"]


def _extreme(xp: Any, x: Any, axes: tuple[int, ...], out: Any) -> Thunk:
    """Maximum over axes into `out`, which keeps them."""
    if xp is np:
        return partial(np.maximum.reduce, x, axes, out.dtype, out, True)
    return partial(xp.max, x, axes, out=out, keepdims=True)


# --- softmax ------------------------------------------------------------------------------------------------------


class _AlongAxis(Op):
    """Base of the softmax family: same shape out, one axis, wide work arrays."""

    precision = "full"

    inplace: tuple[int, ...] = (0,)

    def __init__(self, axis: int) -> None:
        self.axis = axis

    def infer(self, ins: Sequence[Spec], values: Sequence[Partial]) -> Spec:
        assert ins[0].shape is not None
        normalize_axis(self.axis, len(ins[0].shape), self.name)
        return ins[0]

    def small(self, outs: Sequence[Spec]) -> Spec:
        """Spec of one number per row."""
        assert outs[0].shape is not None
        axis = normalize_axis(self.axis, len(outs[0].shape))
        return Spec(reduced(outs[0].shape, (axis,), True), wide(outs[0].dtype))

    def large(self, outs: Sequence[Spec]) -> Spec:
        """Spec of a work array of the output's shape."""
        return Spec(outs[0].shape, wide(outs[0].dtype))


class Softmax(_AlongAxis):
    """exp(x) over its sum along an axis."""

    def grad(self, node: Node, dys: Sequence[Tensor | None]) -> Sequence[Tensor | None]:
        return [None if dys[0] is None else softmax_grad(dys[0], node.outputs[0], self.axis)]

    def scratch(self, ins: Sequence[Spec], outs: Sequence[Spec], prepared: Any) -> Sequence[Spec]:
        rows = self.small(outs)
        return [rows, self.large(outs)] if outs[0].dtype == "float16" else [rows]

    def bind(self, b: Binding) -> Sequence[Thunk]:
        (x,), (out,), xp = b.ins, b.outs, b.xp
        row, work = b.scratch[0], b.scratch[1] if len(b.scratch) > 1 else out
        if not x.size:
            return []
        axes = (normalize_axis(self.axis, x.ndim),)
        thunks: list[Thunk] = [
            _extreme(xp, x, axes, row),
            partial(xp.subtract, x, row, work),
            partial(xp.exp, work, work),
            reduce_thunk(xp, "add", work, axes, row),
            partial(xp.divide, work, row, work),
        ]
        return thunks if work is out else [*thunks, partial(xp.copyto, out, work, "same_kind")]


class SoftmaxGrad(_AlongAxis):
    """(dy - sum(dy y)) y: the gradient of softmax from its result y."""

    name = "softmax_grad"
    inplace = ()

    def grad(self, node: Node, dys: Sequence[Tensor | None]) -> Sequence[Tensor | None]:
        g: Any = dys[0]
        dy: Any = node.inputs[0]
        y: Any = node.inputs[1]
        if g is None:
            return [None, None]
        wrt_y = g * (dy - sum(dy * y, self.axis, True)) - dy * sum(g * y, self.axis, True)
        return [softmax_grad(g, y, self.axis), wrt_y]

    def scratch(self, ins: Sequence[Spec], outs: Sequence[Spec], prepared: Any) -> Sequence[Spec]:
        return [self.small(outs)]

    def bind(self, b: Binding) -> Sequence[Thunk]:
        (dy, y), (out,), (row,), xp = b.ins, b.outs, b.scratch, b.xp
        axes = (normalize_axis(self.axis, out.ndim),)
        return [
            partial(xp.multiply, dy, y, out),
            reduce_thunk(xp, "add", out, axes, row),
            partial(xp.subtract, dy, row, out, casting="same_kind"),
            partial(xp.multiply, out, y, out),
        ]


class LogSoftmax(_AlongAxis):
    """x less the logarithm of the sum of exp(x) along an axis."""

    name = "log_softmax"

    def grad(self, node: Node, dys: Sequence[Tensor | None]) -> Sequence[Tensor | None]:
        dy: Any = dys[0]
        return [None if dy is None else dy - exp(node.outputs[0]) * sum(dy, self.axis, True)]

    def scratch(self, ins: Sequence[Spec], outs: Sequence[Spec], prepared: Any) -> Sequence[Spec]:
        return [self.small(outs), self.large(outs)]

    def bind(self, b: Binding) -> Sequence[Thunk]:
        (x,), (out,), (row, work), xp = b.ins, b.outs, b.scratch, b.xp
        if not x.size:
            return []
        axes = (normalize_axis(self.axis, x.ndim),)
        return [
            _extreme(xp, x, axes, row),
            partial(xp.subtract, x, row, out, casting="same_kind"),
            partial(xp.exp, out, work),
            reduce_thunk(xp, "add", work, axes, row),
            partial(xp.log, row, row),
            partial(xp.subtract, out, row, out, casting="same_kind"),
        ]


def _along(x: Tensor, axis: int, what: str) -> int:
    return int(axis) if x.shape is None else normalize_axis(axis, len(x.shape), what)


def softmax(x: Any, axis: int = -1) -> Tensor:
    """exp(x) over its sum along `axis`."""
    (x,) = as_floats(x)
    out: Tensor = apply(Softmax(_along(x, axis, "softmax")), x)
    return out


def softmax_grad(dy: Any, y: Any, axis: int = -1) -> Tensor:
    """Gradient of softmax's input, from that of its result and the result `y`."""
    dy, y = as_operands(dy, y)
    out: Tensor = apply(SoftmaxGrad(_along(y, axis, "softmax_grad")), dy, y)
    return out


def log_softmax(x: Any, axis: int = -1) -> Tensor:
    """Logarithm of softmax along `axis`, exact where softmax underflows."""
    (x,) = as_floats(x)
    out: Tensor = apply(LogSoftmax(_along(x, axis, "log_softmax")), x)
    return out


# --- logsumexp ----------------------------------------------------------------------------------------------------


class LogSumExp(Op):
    """log(sum(exp(x))) over axes."""

    precision = "full"

    def __init__(self, axes: Axes, keepdims: bool) -> None:
        self.axes = axes
        self.keepdims = keepdims

    def infer(self, ins: Sequence[Spec], values: Sequence[Partial]) -> Spec:
        assert ins[0].shape is not None
        return Spec(reduced(ins[0].shape, self.axes, self.keepdims), ins[0].dtype)

    def grad(self, node: Node, dys: Sequence[Tensor | None]) -> Sequence[Tensor | None]:
        x: Any = node.inputs[0]
        if dys[0] is None:
            return [None]
        y = restore_axes(node.outputs[0], x, self.axes, self.keepdims)
        dy: Any = restore_axes(dys[0], x, self.axes, self.keepdims)
        return [dy * exp(x - y)]

    def scratch(self, ins: Sequence[Spec], outs: Sequence[Spec], prepared: Any) -> Sequence[Spec]:
        dtype = wide(ins[0].dtype)
        assert ins[0].shape is not None
        return [Spec(reduced(ins[0].shape, self.axes, True), dtype)] * 2 + [Spec(ins[0].shape, dtype)]

    def bind(self, b: Binding) -> Sequence[Thunk]:
        (x,), (out,), (top, total, work), xp = b.ins, b.outs, b.scratch, b.xp
        if not x.size:
            return [partial(out.fill, -np.inf)]
        axes = concrete_axes(self.axes, x.ndim)
        largest = float(np.finfo(str(top.dtype)).max)
        return [
            _extreme(xp, x, axes, top),
            partial(xp.maximum, top, -largest, out=top),  # a finite shift keeps infinities from meeting
            partial(xp.minimum, top, largest, out=top),
            partial(xp.subtract, x, top, work),
            partial(xp.exp, work, work),
            reduce_thunk(xp, "add", work, axes, total),
            partial(xp.log, total, total),
            partial(xp.add, total.reshape(out.shape), top.reshape(out.shape), out, casting="same_kind"),
        ]


def logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """log(sum(exp(x))) over `axis` (None: all; int or several), without overflow."""
    (x,) = as_floats(x)
    out: Tensor = apply(LogSumExp(as_axes(axis, x, "logsumexp"), bool(keepdims)), x)
    return out


# --- moments ------------------------------------------------------------------------------------------------------


class Moments(Op):
    """Mean and variance over axes, in two passes."""

    precision = "full"

    def __init__(self, axes: Axes, keepdims: bool) -> None:
        self.axes = axes
        self.keepdims = keepdims

    def infer(self, ins: Sequence[Spec], values: Sequence[Partial]) -> Sequence[Spec]:
        assert ins[0].shape is not None
        return [Spec(reduced(ins[0].shape, self.axes, self.keepdims), ins[0].dtype)] * 2

    def grad(self, node: Node, dys: Sequence[Tensor | None]) -> Sequence[Tensor | None]:
        x: Any = node.inputs[0]
        mean = node.outputs[0]
        n = reduced_count(x, mean, self.axes)
        dmean: Any = dys[0]
        dvar: Any = dys[1]
        dx: Any = None
        if dvar is not None:
            centred = x - restore_axes(mean, x, self.axes, self.keepdims)
            dx = centred * restore_axes(dvar * 2 / n, x, self.axes, self.keepdims)
        if dmean is not None:
            from .shaping import broadcast_to, shape_like

            share: Any = restore_axes(dmean / n, x, self.axes, self.keepdims)
            dx = broadcast_to(share, shape_like(x)) if dx is None else dx + share
        return [dx]

    def scratch(self, ins: Sequence[Spec], outs: Sequence[Spec], prepared: Any) -> Sequence[Spec]:
        dtype = wide(ins[0].dtype)
        assert ins[0].shape is not None
        return [Spec(reduced(ins[0].shape, self.axes, True), dtype)] * 2 + [Spec(ins[0].shape, dtype)]

    def bind(self, b: Binding) -> Sequence[Thunk]:
        (x,), (mean_out, var_out), (mean, var, work), xp = b.ins, b.outs, b.scratch, b.xp
        if not x.size:
            return [partial(mean_out.fill, np.nan), partial(var_out.fill, np.nan)]
        axes = concrete_axes(self.axes, x.ndim)
        count = x.size // mean.size
        n = np.asarray(count, mean.dtype) if xp is np else count
        return [
            reduce_thunk(xp, "add", x, axes, mean),
            partial(xp.divide, mean, n, mean),
            partial(xp.subtract, x, mean, work),
            partial(xp.multiply, work, work, work),
            reduce_thunk(xp, "add", work, axes, var),
            partial(xp.divide, var.reshape(var_out.shape), n, var_out, casting="same_kind"),
            partial(xp.copyto, mean_out, mean.reshape(mean_out.shape), "same_kind"),
        ]


def moments(x: Any, axes: Any, keepdims: bool = False) -> tuple[Tensor, Tensor]:
    """Mean and variance (divided by the count) of `x` over `axes`."""
    (x,) = as_floats(x)
    mean, var = apply(Moments(as_axes(axes, x, "moments"), bool(keepdims)), x)
    return mean, var
