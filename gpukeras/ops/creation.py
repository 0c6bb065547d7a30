"""Tensors made of nothing but a shape: fills, ranges, unit matrices, one-hot codes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from ..graph.dtype import DType, as_dtype, floatx
from ..graph.op import Binding, Op, Partial, Spec, Thunk
from ..graph.tensor import Constant, Tensor, apply, as_tensor
from .shaping import StaticShape, broadcast_to, out_spec, shape_like, shape_operand, static_or_value

__all__ = ["arange", "eye", "fill", "one_hot", "ones_like", "zeros_like"]


class Fill(Op):
    """One value everywhere; the shape is an attribute or input 0."""

    no_grad = "no input but a shape"

    def __init__(self, target: StaticShape | None, value: Any, dtype: DType) -> None:
        self.target = target
        self.shape_inputs = (0,) if target is None else ()
        self.value = value
        self.dtype = dtype

    def infer(self, ins: Sequence[Spec], values: Sequence[Partial]) -> Spec:
        target = static_or_value(self.target, ins, values, 0)
        return Spec(None if target is None else tuple(target), self.dtype)

    def partial(self, ins: Sequence[Partial], specs: Sequence[Spec]) -> Partial:
        if self.target == ():
            return int(self.value)
        if self.target is not None and self.target[0] is not None:
            return [int(self.value)] * self.target[0]
        return None

    def simplify(self, lowering: Any, ins: list[Any]) -> Any:
        return lowering.constant(self.value, out_spec(self, ins).shape, self.dtype)

    def bind(self, b: Binding) -> Sequence[Thunk]:
        return [partial(b.outs[0].fill, self.value)]


def fill(shape: Any, value: Any, dtype: Any = None) -> Tensor:
    """A tensor holding `value` everywhere.

    Arguments:
        shape: ints, scalar tensors, or one int vector tensor.
        value: number or scalar tensor.
        dtype: element type; default: floatx, or that of a tensor value.

    Returns:
        Tensor.
    """
    if isinstance(value, Tensor):
        from .elementwise import cast

        return broadcast_to(value if dtype is None else cast(value, dtype), shape)
    kind = as_dtype(dtype)
    static, inputs = shape_operand(shape)
    # the NumPy scalar rounds the value to the dtype now, so that equal fills have equal keys
    return apply(Fill(static, kind.as_numpy_dtype(value).item(), kind), *inputs)  # type: ignore[no-any-return]


def zeros_like(x: Any, dtype: Any = None) -> Tensor:
    """Zeros of the shape of `x`.

    Arguments:
        x: tensor.
        dtype: element type; default: that of `x`.

    Returns:
        Tensor.
    """
    x = as_tensor(x)
    return fill(shape_like(x), 0, x.dtype if dtype is None else dtype)


def ones_like(x: Any, dtype: Any = None) -> Tensor:
    """Ones of the shape of `x`.

    Arguments:
        x: tensor.
        dtype: element type; default: that of `x`.

    Returns:
        Tensor.
    """
    x = as_tensor(x)
    return fill(shape_like(x), 1, x.dtype if dtype is None else dtype)


class Arange(Op):
    """start, start + step, ... below stop, from three scalar inputs."""

    shape_inputs = (0, 1, 2)
    no_grad = "a range is a shape, not a function of its limits"

    def __init__(self, dtype: DType) -> None:
        self.dtype = dtype

    def infer(self, ins: Sequence[Spec], values: Sequence[Partial]) -> Spec:
        for spec in ins:
            if spec.shape != ():
                raise ValueError(f"arange: limits must be scalars, got shape {spec.shape}")
        if any(v is None for v in values):
            return Spec((None,), self.dtype)
        start, stop, step = values
        if not step:
            raise ValueError("arange: step must not be 0")
        return Spec((max(0, math.ceil((stop - start) / step)),), self.dtype)

    def partial(self, ins: Sequence[Partial], specs: Sequence[Spec]) -> Partial:
        return None if any(v is None for v in ins) else list(range(*ins))

    def bind(self, b: Binding) -> Sequence[Thunk]:
        xp, out = b.xp, b.outs[0]
        start, _, step = b.ins
        steps = xp.arange(out.size)  # once per plan, not per run
        wide = xp.empty(out.size, np.result_type(start.dtype, step.dtype, np.int64))
        return [
            partial(xp.multiply, steps, step, wide),
            partial(xp.add, wide, start, wide),
            partial(xp.copyto, out, wide, "unsafe"),
        ]


def arange(start: Any, stop: Any = None, step: Any = 1, dtype: Any = None) -> Tensor:
    """The numbers start, start + step, ... below stop.

    Arguments:
        start: first number, or the limit when `stop` is None (the first is 0 then).
        stop: limit, not included.
        step: distance; any of the three may be a scalar tensor.
        dtype: element type; default: that of the first tensor, int32 for ints, floatx for floats.

    Returns:
        Vector.
    """
    if stop is None:
        start, stop = 0, start
    limits = (start, stop, step)
    tensors = [t for t in limits if isinstance(t, Tensor)]
    if dtype is None:
        floats = any(isinstance(v, (float, np.floating)) for v in limits)
        dtype = tensors[0].dtype if tensors else floatx() if floats else "int32"
    if not tensors:
        return Constant(np.arange(start, stop, step).astype(as_dtype(dtype)))
    inputs = [as_tensor(v, tensors[0].dtype) for v in limits]
    return apply(Arange(as_dtype(dtype)), *inputs)  # type: ignore[no-any-return]


def eye(n: int, m: int | None = None, dtype: Any = None) -> Tensor:
    """Matrix with ones on the main diagonal.

    Arguments:
        n: number of rows.
        m: number of columns; default: n.
        dtype: element type; default: floatx.

    Returns:
        Tensor of shape (n, m).
    """
    return Constant(np.eye(n, m, dtype=as_dtype(dtype)))


class OneHot(Op):
    """Ones where the index along a new last axis equals the input; rows of indices out of range are zero."""

    name = "one_hot"
    no_grad = "integer input"

    def __init__(self, depth: int, dtype: DType) -> None:
        self.depth = depth
        self.dtype = dtype

    def infer(self, ins: Sequence[Spec], values: Sequence[Partial]) -> Spec:
        assert ins[0].shape is not None
        if ins[0].dtype.is_floating:
            raise TypeError(f"one_hot: expected integer indices, got {ins[0].dtype}; cast them first")
        return Spec(tuple(ins[0].shape) + (self.depth,), self.dtype)

    def bind(self, b: Binding) -> Sequence[Thunk]:
        classes = b.xp.arange(self.depth, dtype=b.ins[0].dtype)
        return [partial(b.xp.equal, b.ins[0][..., None], classes, b.outs[0])]


def one_hot(indices: Any, depth: int, dtype: Any = None) -> Tensor:
    """One-hot code of an integer tensor.

    Arguments:
        indices: integer tensor of any shape.
        depth: number of classes.
        dtype: element type; default: floatx.

    Returns:
        Tensor of shape indices.shape + (depth,).
    """
    return apply(OneHot(int(depth), as_dtype(dtype)), as_tensor(indices))  # type: ignore[no-any-return]
