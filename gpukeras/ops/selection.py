"""Results whose size depends on data: where something holds, and which values occur."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..graph.dtype import DType, as_dtype
from ..graph.op import Op, Partial, Spec
from ..graph.tensor import Tensor, apply, as_tensor
from .operands import as_bools

__all__ = ["non_max_suppression", "nonzero", "unique"]

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


class NonMaxSuppression(Op):
    """Indices of boxes, best score first, none of which overlaps a better one by too much."""

    name = "non_max_suppression"
    dynamic = True
    no_grad = "integer output"

    def __init__(self, overlap: float, score: float) -> None:
        self.overlap = overlap
        self.score = score

    def infer(self, ins: Sequence[Spec], values: Sequence[Partial]) -> Spec:
        boxes, scores = ins[0].shape, ins[1].shape
        if boxes is None or len(boxes) != 2 or boxes[1] not in (4, None) or scores is None or len(scores) != 1:
            raise ValueError(f"non_max_suppression: expected boxes (N, 4) and scores (N,), got {boxes} and {scores}")
        return Spec((None,), as_dtype("int32"))

    def compute(self, xp: Any, ins: list[Any]) -> Sequence[Any]:
        # One box after the other: on the host, whatever the device.
        boxes, scores, count = (x.get() if hasattr(x, "get") else x for x in ins)
        low, high = np.minimum(boxes[:, :2], boxes[:, 2:]), np.maximum(boxes[:, :2], boxes[:, 2:])
        area = np.prod(high - low, axis=1)
        kept: list[int] = []
        for i in np.argsort(-scores, kind="stable"):
            if len(kept) >= int(count) or not scores[i] > self.score:
                break
            sides = np.minimum(high[i], high[kept]) - np.maximum(low[i], low[kept])
            both = np.prod(np.maximum(sides, 0), axis=1)
            union = area[i] + area[kept] - both
            ratio = np.divide(both, union, out=np.zeros_like(both), where=(area[i] > 0) & (area[kept] > 0))
            if not (ratio > self.overlap).any():
                kept.append(int(i))
        return [xp.asarray(np.array(kept, "int32"))]


def non_max_suppression(boxes: Any, scores: Any, count: Any, overlap: float = 0.5, score: float = -np.inf) -> Tensor:
    """Picks boxes greedily by score, leaving out those that overlap one already picked.

    Arguments:
        boxes: (N, 4), two opposite corners (y1, x1, y2, x2).
        scores: (N,).
        count: how many to pick at most, an int or scalar tensor.
        overlap: largest share of the union two picked boxes may have in common.
        score: only boxes of higher scores are picked.

    Returns:
        int32 vector of indices; how many is known only when run.
    """
    op = NonMaxSuppression(float(overlap), float(score))
    return apply(op, as_tensor(boxes), as_tensor(scores), as_tensor(count))  # type: ignore[no-any-return]
