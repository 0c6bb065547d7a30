"""Results whose size depends on data: where something holds, and which values occur."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..graph.dtype import DType, as_dtype
from ..graph.op import Op, Partial, Spec
from ..graph.tensor import Tensor, apply, as_tensor
from .operands import as_bools

__all__ = ["nonzero", "unique"]

INT64 = as_dtype("int64")


class NonZero(Op):
    """Indices of the elements that hold, in row-major order, one row each."""

    dynamic = True
    no_grad = "integer output"

    def infer(self, ins: Sequence[Spec], values: Sequence[Partial]) -> Spec:
        assert ins[0].shape is not None
        return Spec((None, len(ins[0].shape)), INT64)

    def compute(self, xp: Any, ins: list[Any]) -> Sequence[Any]:
        return [xp.stack(xp.nonzero(ins[0]), axis=1).astype(INT64)]


def nonzero(condition: Any) -> Tensor:
    """Indices of the elements of `condition` that are not zero; how many is known only when run.

    Arguments:
        condition: tensor of rank k, at least 1.

    Returns:
        int64 tensor of shape (count, k).
    """
    (flags,) = as_bools(condition)
    return apply(NonZero(), flags)  # type: ignore[no-any-return]


class Unique(Op):
    """Distinct elements in the order they first occur, the place of each element among them, and how often."""

    dynamic = True
    no_grad = "a choice among elements"

    def __init__(self, index: DType) -> None:
        self.index = index

    def infer(self, ins: Sequence[Spec], values: Sequence[Partial]) -> Sequence[Spec]:
        dims, dtype = ins[0]
        if dims is None or len(dims) != 1:
            raise ValueError(f"unique: expected a vector, got shape {dims}")
        return [Spec((None,), dtype), Spec(dims, self.index), Spec((None,), self.index)]

    def compute(self, xp: Any, ins: list[Any]) -> Sequence[Any]:
        values, first, place, count = xp.unique(ins[0], return_index=True, return_inverse=True, return_counts=True)
        order = xp.argsort(first)
        rank = xp.argsort(order)
        return [values[order], rank[place].astype(self.index), count[order].astype(self.index)]


def unique(x: Any, index: Any = "int32") -> tuple[Tensor, Tensor, Tensor]:
    """Distinct elements of a vector in the order they first occur.

    Arguments:
        x: vector.
        index: integer type of places and counts.

    Returns:
        (values, place of each element of `x` among them, how often each occurs).
    """
    values, place, count = apply(Unique(as_dtype(index)), as_tensor(x))
    return values, place, count
