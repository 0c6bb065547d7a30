"""Running sums and products."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from ..graph.op import Binding, Op, Partial, Spec, Thunk
from ..graph.shape import normalize_axis
from ..graph.tensor import Tensor, apply, as_tensor

if TYPE_CHECKING:
    from ..graph.tensor import Node

__all__ = ["cumprod", "cumsum"]


class _Running(Op):
    """Base of running sums and products.

    Arguments:
        axis: axis to run along.
        exclusive: leave the element itself out: the first result is 0 (or 1).
        reverse: run from the end.
    """

    precision = "full"

    method: ClassVar[str]
    start: ClassVar[int]

    def __init__(self, axis: int, exclusive: bool, reverse: bool) -> None:
        self.axis = axis
        self.exclusive = exclusive
        self.reverse = reverse

    def infer(self, ins: Sequence[Spec], values: Sequence[Partial]) -> Spec:
        assert ins[0].shape is not None
        normalize_axis(self.axis, len(ins[0].shape), self.name)
        return ins[0]

    def bind(self, b: Binding) -> Sequence[Thunk]:
        x, out = b.ins[0], b.outs[0]
        if not x.size:
            return []
        axis = normalize_axis(self.axis, x.ndim)

        def along(entries: slice) -> tuple[slice, ...]:
            return (slice(None),) * axis + (entries,)

        if self.reverse:
            x, out = x[along(slice(None, None, -1))], out[along(slice(None, None, -1))]
        if not self.exclusive:
            return [partial(getattr(x, self.method), axis, None, out)]
        first = partial(out[along(slice(0, 1))].fill, self.start)
        if x.shape[axis] == 1:
            return [first]
        return [first, partial(getattr(x[along(slice(None, -1))], self.method), axis, None, out[along(slice(1, None))])]


class CumSum(_Running):
    """Running sum along an axis."""

    method = "cumsum"
    start = 0

    def grad(self, node: Node, dys: Sequence[Tensor | None]) -> Sequence[Tensor | None]:
        return [None if dys[0] is None else cumsum(dys[0], self.axis, self.exclusive, not self.reverse)]


class CumProd(_Running):
    """Running product along an axis; its gradient divides by x, so it is NaN at zeros, as in TensorFlow."""

    method = "cumprod"
    start = 1

    def grad(self, node: Node, dys: Sequence[Tensor | None]) -> Sequence[Tensor | None]:
        dy: Any = dys[0]
        if dy is None:
            return [None]
        sums = cumsum(dy * node.outputs[0], self.axis, self.exclusive, not self.reverse)
        return [sums / node.inputs[0]]


def _running(cls: type[_Running], x: Any, axis: int, exclusive: bool, reverse: bool) -> Tensor:
    x = as_tensor(x)
    if x.shape is not None:
        axis = normalize_axis(axis, len(x.shape), cls.name)
    out: Tensor = apply(cls(axis, bool(exclusive), bool(reverse)), x)
    return out


def cumsum(x: Any, axis: int = 0, exclusive: bool = False, reverse: bool = False) -> Tensor:
    """Running sum of `x` along `axis`; `exclusive` leaves each element itself out, `reverse` runs from the end."""
    return _running(CumSum, x, axis, exclusive, reverse)


def cumprod(x: Any, axis: int = 0, exclusive: bool = False, reverse: bool = False) -> Tensor:
    """Running product of `x` along `axis`; `exclusive` leaves each element itself out, `reverse` runs from the end."""
    return _running(CumProd, x, axis, exclusive, reverse)
