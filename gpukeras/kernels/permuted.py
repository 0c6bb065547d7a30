"""An operation whose result is made in another order of axes, as the compiler makes it."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

from ..graph.op import Binding, Op, Spec, Thunk


class Permuted(Op):
    """The only output of `op`, with its axes in the order `perm`.

    Arguments:
        op: the operation.
        perm: which axis of its output comes where.
    """

    def __init__(self, op: Op, perm: tuple[int, ...]) -> None:
        self.op = op
        self.perm = perm

    def key(self) -> Hashable:
        return (type(self), self.op.key(), self.perm)

    def back(self, x: Any) -> Any:
        """An array of the result as the operation itself would have it, in the same memory."""
        return x.transpose(inverse(self.perm))

    def _outs(self, outs: Sequence[Spec]) -> list[Spec]:
        shape, dtype = outs[0]
        assert shape is not None
        return [Spec(tuple(shape[i] for i in inverse(self.perm)), dtype)]

    def prepare(self, ins: Sequence[Spec], outs: Sequence[Spec]) -> Any:
        return self.op.prepare(ins, self._outs(outs))

    def scratch(self, ins: Sequence[Spec], outs: Sequence[Spec], prepared: Any) -> Sequence[Spec]:
        return self.op.scratch(ins, self._outs(outs), prepared)

    def bind(self, b: Binding) -> Sequence[Thunk]:
        return self.op.bind(Binding(b.xp, b.ins, [self.back(b.outs[0])], b.scratch, b.prepared, b.where))


def inverse(perm: Sequence[int]) -> tuple[int, ...]:
    """The permutation that undoes another one."""
    return tuple(sorted(range(len(perm)), key=lambda i: perm[i]))
