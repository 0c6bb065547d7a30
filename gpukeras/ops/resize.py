"""Enlarging by whole factors: nearest neighbours and linear interpolation."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ..graph.op import Binding, Op, Partial, Spec, Thunk
from ..graph.shape import normalize_axis, prod
from ..graph.tensor import Tensor, apply, as_tensor
from .operands import as_floats
from .pool import window_sum

if TYPE_CHECKING:
    from ..graph.tensor import Node

__all__ = ["interpolate", "upsample"]


class Upsample(Op):
    """Each element of the spatial axes repeated.

    Arguments:
        factors: how often, per spatial axis.
        channels_first: spatial axes are 2, 3, ... and not 1, 2, ...
    """

    def __init__(self, factors: tuple[int, ...], channels_first: bool) -> None:
        self.factors = factors
        self.channels_first = channels_first

    def _per_axis(self, ndim: int) -> list[int]:
        if ndim != len(self.factors) + 2:
            raise ValueError(
                f"upsample: factors {self.factors} need a tensor with {len(self.factors) + 2} axes, got {ndim}"
            )
        return [1, 1, *self.factors] if self.channels_first else [1, *self.factors, 1]

    def infer(self, ins: Sequence[Spec], values: Sequence[Partial]) -> Spec:
        assert ins[0].shape is not None
        each = self._per_axis(len(ins[0].shape))
        return Spec(tuple(None if n is None else n * r for n, r in zip(ins[0].shape, each)), ins[0].dtype)

    def grad(self, node: Node, dys: Sequence[Tensor | None]) -> Sequence[Tensor | None]:
        assert dys[0] is not None
        return [window_sum(dys[0], self.factors, channels_first=self.channels_first)]

    def simplify(self, lowering: Any, ins: list[Any]) -> Any:
        x = ins[0]
        if x.uniform is not None:
            spec = self.infer([x.spec], [None])
            return lowering.constant(x.uniform, spec.shape, spec.dtype)
        return x if prod(self.factors) == 1 else None

    def bind(self, b: Binding) -> Sequence[Thunk]:
        x, out = b.ins[0], b.outs[0]
        pairs = [k for n, r in zip(x.shape, self._per_axis(x.ndim)) for k in (n, r)]
        return [partial(b.xp.copyto, out.reshape(pairs), x[tuple(k for _ in x.shape for k in (slice(None), None))])]


def upsample(x: Any, factors: Sequence[int], channels_first: bool = False) -> Tensor:
    """`x` enlarged by repeating its elements along the spatial axes.

    Arguments:
        x: tensor (N, *spatial, C), or (N, C, *spatial).
        factors: one int per spatial axis.
        channels_first: bool.

    Returns:
        Tensor with spatial axes `factors` times as long.
    """
    out: Tensor = apply(Upsample(tuple(int(f) for f in factors), bool(channels_first)), as_tensor(x))
    return out


class _Linear(Op):
    """Base of linear interpolation along one axis and its transpose.

    Output element q * factor + r is x[q] + (x[q + 1] - x[q]) * r / factor; the last element stands for the one
    past the end.  This is how TensorFlow 1 samples: at i / factor, without half-pixel centres.
    """

    def __init__(self, factor: int, axis: int) -> None:
        self.factor = factor
        self.axis = axis

    def _cut(self, x: Any, *args: int | None) -> Any:
        return x[(slice(None),) * normalize_axis(self.axis, x.ndim) + (slice(*args),)]


class Interpolate(_Linear):
    """An axis enlarged by linear interpolation."""

    def infer(self, ins: Sequence[Spec], values: Sequence[Partial]) -> Spec:
        assert ins[0].shape is not None
        out = list(ins[0].shape)
        axis = normalize_axis(self.axis, len(out), self.name)
        n = out[axis]
        out[axis] = None if n is None else n * self.factor
        return Spec(tuple(out), ins[0].dtype)

    def grad(self, node: Node, dys: Sequence[Tensor | None]) -> Sequence[Tensor | None]:
        assert dys[0] is not None
        return [apply(InterpolateSum(self.factor, self.axis), dys[0])]

    def simplify(self, lowering: Any, ins: list[Any]) -> Any:
        return ins[0] if self.factor == 1 else None

    def scratch(self, ins: Sequence[Spec], outs: Sequence[Spec], prepared: Any) -> Sequence[Spec]:
        return [ins[0], ins[0]]

    def bind(self, b: Binding) -> Sequence[Thunk]:
        x, out, (rise, share) = b.ins[0], b.outs[0], b.scratch
        if not x.size:
            return []
        xp = b.xp
        thunks: list[Thunk] = [
            partial(self._cut(rise, -1, None).fill, 0),  # past the end nothing rises
            partial(xp.subtract, self._cut(x, 1, None), self._cut(x, 0, -1), self._cut(rise, 0, -1)),
            partial(xp.copyto, self._cut(out, 0, None, self.factor), x),
        ]
        for r in range(1, self.factor):
            thunks.append(partial(xp.multiply, rise, _scalar(xp, r / self.factor, x), share))
            thunks.append(partial(xp.add, x, share, self._cut(out, r, None, self.factor)))
        return thunks


class InterpolateSum(_Linear):
    """Transpose of `Interpolate`: each output element handed back to the two it came from."""

    name = "interpolate_sum"

    def infer(self, ins: Sequence[Spec], values: Sequence[Partial]) -> Spec:
        assert ins[0].shape is not None
        out = list(ins[0].shape)
        axis = normalize_axis(self.axis, len(out), self.name)
        n = out[axis]
        out[axis] = None if n is None else n // self.factor
        return Spec(tuple(out), ins[0].dtype)

    def grad(self, node: Node, dys: Sequence[Tensor | None]) -> Sequence[Tensor | None]:
        assert dys[0] is not None
        return [apply(Interpolate(self.factor, self.axis), dys[0])]

    def simplify(self, lowering: Any, ins: list[Any]) -> Any:
        return ins[0] if self.factor == 1 else None

    def scratch(self, ins: Sequence[Spec], outs: Sequence[Spec], prepared: Any) -> Sequence[Spec]:
        return [outs[0], outs[0]]

    def bind(self, b: Binding) -> Sequence[Thunk]:
        y, out, (later, share) = b.ins[0], b.outs[0], b.scratch
        if not y.size:
            return []
        xp = b.xp
        thunks: list[Thunk] = [partial(xp.copyto, out, self._cut(y, 0, None, self.factor)), partial(later.fill, 0)]
        for r in range(1, self.factor):
            part = self._cut(y, r, None, self.factor)
            thunks.append(partial(xp.add, out, part, out))
            thunks.append(partial(xp.multiply, part, _scalar(xp, r / self.factor, y), share))
            thunks.append(partial(xp.add, later, share, later))
        # what belongs to the element after: moved there, at the end it stays
        head, tail = self._cut(out, 0, -1), self._cut(out, 1, None)
        moved = self._cut(later, 0, -1)
        return [*thunks, partial(xp.subtract, head, moved, head), partial(xp.add, tail, moved, tail)]


def _scalar(xp: Any, value: float, like: Any) -> Any:
    return np.asarray(value, like.dtype) if xp is np else value


def interpolate(x: Any, factor: int, axis: int) -> Tensor:
    """`x` with one axis enlarged by linear interpolation, sampled at i / factor.

    Arguments:
        x: float tensor.
        factor: int.
        axis: int.

    Returns:
        Tensor whose `axis` is `factor` times as long.
    """
    (x,) = as_floats(x)
    if x.shape is not None:
        axis = normalize_axis(axis, len(x.shape), "interpolate")
    out: Tensor = apply(Interpolate(int(factor), int(axis)), x)
    return out
