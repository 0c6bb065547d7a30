"""Operations of batches that several devices share: a device's rows, results put together, sums over devices.

A batch smaller than the number of devices leaves devices without rows. What follows from rows that are not there is
void when a plan is made (`Lowering.void`): it has no steps, so no kernel ever sees an empty array, and the operations
here and `concatenate` along the batch leave it out.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from ..graph.op import Binding, Op, Partial, Spec, Thunk
from ..graph.tensor import Tensor, apply
from ..runtime.collectives import reduce_calls
from .indexing import WHOLE, Index

if TYPE_CHECKING:
    from ..graph.tensor import Node

__all__ = ["replica_rows", "share", "total"]


def share(rows: int, i: int, parts: int) -> tuple[int, int]:
    """First and end of the rows of part `i`: a `parts`-th of them each, and for the last part what remains besides."""
    step = rows // parts
    return i * step, rows if i == parts - 1 else (i + 1) * step


class ReplicaRows(Op):
    """The rows of one device.

    Arguments:
        i: which device, from 0.
        parts: number of devices.
    """

    widens = False
    name = "replica_rows"

    def __init__(self, i: int, parts: int) -> None:
        self.i = i
        self.parts = parts

    def infer(self, ins: Sequence[Spec], values: Sequence[Partial]) -> Spec:
        dims = ins[0].shape
        assert dims is not None
        if not dims:
            raise ValueError(f"{self.name}: a scalar has no rows to share among {self.parts} devices")
        start, stop = (0, None) if dims[0] is None else share(dims[0], self.i, self.parts)
        return Spec((None if stop is None else stop - start, *dims[1:]), ins[0].dtype)

    def grad(self, node: Node, dys: Sequence[Tensor | None]) -> Sequence[Tensor | None]:
        return [apply(ReplicaPlace(self.i, self.parts), dys[0], node.inputs[0])]  # type: ignore[arg-type]

    def simplify(self, lowering: Any, ins: list[Any]) -> Any:
        (x,) = ins
        start, stop = share(x.shape[0], self.i, self.parts)
        if start == stop and x.shape[0]:
            return lowering.void((0, *x.shape[1:]), x.dtype)
        return lowering.emit(Index((("slice", start, stop, 1),)), [x])[0]

    def rows(self, x: Any) -> Any:
        """The rows of an array, as a view."""
        start, stop = share(len(x), self.i, self.parts)
        return x[start:stop]

    def bind(self, b: Binding) -> Sequence[Thunk]:
        return [partial(b.xp.copyto, b.outs[0], self.rows(b.ins[0]))]


class ReplicaPlace(Op):
    """Gradient of `ReplicaRows`: zeros but for the rows of one device; the second input has the shape."""

    name = "replica_place"

    def __init__(self, i: int, parts: int) -> None:
        self.i = i
        self.parts = parts

    def infer(self, ins: Sequence[Spec], values: Sequence[Partial]) -> Spec:
        return Spec(ins[1].shape, ins[0].dtype)

    def grad(self, node: Node, dys: Sequence[Tensor | None]) -> Sequence[Tensor | None]:
        return [apply(ReplicaRows(self.i, self.parts), dys[0]), None]  # type: ignore[arg-type]

    def bind(self, b: Binding) -> Sequence[Thunk]:
        out = b.outs[0]
        start, stop = share(out.shape[0], self.i, self.parts)
        return [partial(out.fill, 0), partial(b.xp.copyto, out[start:stop], b.ins[0])]


class PartOf(Op):
    """Gradient of `concatenate`: of the first input, the part where input `i` of those that follow lies.

    Arguments:
        i: which one, from 0.
        axis: the axis they were joined along.
    """

    widens = False
    name = "part_of"
    takes_voids = True

    def __init__(self, i: int, axis: int) -> None:
        self.i = i
        self.axis = axis

    def infer(self, ins: Sequence[Spec], values: Sequence[Partial]) -> Spec:
        part = ins[1 + self.i].shape
        assert ins[0].shape is not None and part is not None
        dims = list(ins[0].shape)
        dims[self.axis] = part[self.axis]
        return Spec(tuple(dims), ins[0].dtype)

    def grad(self, node: Node, dys: Sequence[Tensor | None]) -> Sequence[Tensor | None]:
        from .array import concatenate
        from .creation import zeros_like

        parts = [dys[0] if j == self.i else zeros_like(t) for j, t in enumerate(node.inputs[1:])]
        return [concatenate(parts, self.axis)] + [None] * (len(node.inputs) - 1)

    def simplify(self, lowering: Any, ins: list[Any]) -> Any:
        dy, *parts = ins
        if dy.kind == "void" or parts[self.i].kind == "void":
            return lowering.void(parts[self.i].shape, dy.dtype)
        lengths = [0 if v.kind == "void" else v.shape[self.axis] for v in parts]
        start = sum(lengths[: self.i])
        limits = ("slice", start, start + lengths[self.i], 1)
        return lowering.emit(Index((WHOLE,) * self.axis + (limits,)), [dy])[0]

    def bind(self, b: Binding) -> Sequence[Thunk]:
        lengths = [x.shape[self.axis] for x in b.ins[1:]]
        start = sum(lengths[: self.i])
        key = (slice(None),) * self.axis + (slice(start, start + lengths[self.i]),)
        return [partial(b.xp.copyto, b.outs[0], b.ins[0][key])]


class Total(Op):
    """The sum of what several devices computed, in the order of the inputs."""

    name = "total"
    takes_voids = True

    def infer(self, ins: Sequence[Spec], values: Sequence[Partial]) -> Spec:
        return ins[0]

    def grad(self, node: Node, dys: Sequence[Tensor | None]) -> Sequence[Tensor | None]:
        return [dys[0]] * len(node.inputs)

    def simplify(self, lowering: Any, ins: list[Any]) -> Any:
        there = [v for v in ins if v.kind != "void"]
        if not there:
            return ins[0]
        if len(there) == 1:
            return there[0]
        if lowering.reduces():  # devices with memory of their own: theirs to add up
            return None if len(there) == len(ins) else lowering.emit(self, there)[0]
        from .pointwise import REGISTRY

        result = there[0]
        for v in there[1:]:
            result = lowering.emit(REGISTRY["add"](), [result, v])[0]
        return result

    def bind(self, b: Binding) -> Sequence[Thunk]:
        return reduce_calls(b.xp, b.ins, b.outs[0])


def replica_rows(x: Tensor, i: int, parts: int) -> Tensor:
    """The rows of a batch that are device `i`'s, of `parts` devices.

    Arguments:
        x: tensor with a batch axis.
        i: int from 0.
        parts: int.

    Returns:
        Tensor: a `parts`-th of the rows, and for the last device what remains besides.
    """
    out: Tensor = apply(ReplicaRows(i, parts), x)
    return out


def total(xs: Sequence[Tensor]) -> Tensor:
    """The sum of tensors of one shape that several devices computed.

    Arguments:
        xs: list of tensors.

    Returns:
        Tensor.
    """
    out: Tensor = xs[0] if len(xs) == 1 else apply(Total(), *xs)
    return out
