"""A matrix product or convolution that finishes with bias and activation, as the compiler makes it."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

from ..graph.op import Binding, Op, Spec, Thunk
from ..ops.pointwise import REGISTRY


class Epilogue(Op):
    """`activation(op(...) + bias)` in one step.

    Arguments:
        op: the operation with one output.
        arity: number of its inputs; the bias, of the length of the output's last axis, follows them.
        bias: whether there is one.
        activation: name of an elementwise operation of one input, or ''.
    """

    def __init__(self, op: Op, arity: int, bias: bool, activation: str) -> None:
        self.op = op
        self.arity = arity
        self.bias = bias
        self.activation = activation

    def key(self) -> Hashable:
        return (type(self), self.op.key(), self.bias, self.activation)

    def prepare(self, ins: Sequence[Spec], outs: Sequence[Spec]) -> Any:
        return self.op.prepare(ins[: self.arity], outs)

    def scratch(self, ins: Sequence[Spec], outs: Sequence[Spec], prepared: Any) -> Sequence[Spec]:
        return self.op.scratch(ins[: self.arity], outs, prepared)

    def bind(self, b: Binding) -> Sequence[Thunk]:
        (out,) = b.outs
        calls = [*self.op.bind(Binding(b.xp, b.ins[: self.arity], [out], b.scratch, b.prepared, b.where))]
        if self.bias:
            calls += REGISTRY["add"]().bind(Binding(b.xp, [out, b.ins[self.arity]], [out], []))
        if self.activation:
            calls += REGISTRY[self.activation]().bind(Binding(b.xp, [out], [out], []))
        return calls
