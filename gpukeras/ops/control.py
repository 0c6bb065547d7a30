"""Operations about when something is computed: branches and printing."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from ..graph.op import Binding, Op, Partial, Spec, Thunk
from ..graph.tensor import Tensor, apply, as_tensor
from .operands import as_bools, as_operands

if TYPE_CHECKING:
    from ..graph.tensor import Node

__all__ = ["cond", "print_tensor"]


class Cond(Op):
    """One of two tensors, by a scalar truth value: where(pred, a, b) that need not compute both.

    The plan takes a branch when the predicate is known; otherwise both are there and one is copied.
    """

    widens = False

    def infer(self, ins: Sequence[Spec], values: Sequence[Partial]) -> Spec:
        pred, a, b = ins
        assert pred.shape is not None and a.shape is not None and b.shape is not None
        if any(n not in (1, None) for n in pred.shape):
            raise ValueError(f"cond: the predicate must be a scalar, got shape {tuple(pred.shape)}; use K.switch")
        if len(a.shape) != len(b.shape):
            raise ValueError(f"cond: branches of shapes {tuple(a.shape)} and {tuple(b.shape)} differ in rank")
        return Spec(tuple(m if m == n else None for m, n in zip(a.shape, b.shape, strict=True)), a.dtype)

    def grad(self, node: Node, dys: Sequence[Tensor | None]) -> Sequence[Tensor | None]:
        dy = dys[0]
        if dy is None:
            return [None, None, None]
        from .creation import zeros_like

        pred, a, b = node.inputs
        return [None, cond(pred, dy, zeros_like(a)), cond(pred, zeros_like(b), dy)]

    def simplify(self, lowering: Any, ins: list[Any]) -> Any:
        pred, a, b = ins
        if a is b:
            return a
        if a.shape != b.shape:
            raise ValueError(f"cond: branches of shapes {a.shape} and {b.shape}, and the choice depends on data")
        # a predicate of rank 1 to n of ones must not raise the result's rank
        flat = lowering.emit(_as_scalar(), [pred])[0] if pred.shape else pred
        return lowering.emit(_where_op(), [flat, a, b])[0]

    def bind(self, b: Binding) -> Sequence[Thunk]:
        xp, (pred, x, y), out = b.xp, b.ins, b.outs[0]
        return [partial(xp.copyto, out, y), partial(xp.copyto, out, x, where=pred.reshape(()))]


def _as_scalar() -> Op:
    from .shaping import Reshape

    return Reshape(())


def _where_op() -> Op:
    from .pointwise import REGISTRY

    return REGISTRY["where"]()


def cond(pred: Any, a: Any, b: Any) -> Tensor:
    """`a` if the scalar `pred` is true (nonzero), else `b`.

    Raises:
        ValueError: when `pred` is not a scalar or the branches differ in rank.
    """
    (flag,) = as_bools(pred)
    out: Tensor = apply(Cond(), flag, *as_operands(a, b))
    return out


class PrintTensor(Op):
    """The input, printed at every run."""

    captures = False
    widens = False
    name = "print_tensor"
    stateful = True

    def __init__(self, message: str) -> None:
        self.message = message

    def infer(self, ins: Sequence[Spec], values: Sequence[Partial]) -> Spec:
        return ins[0]

    def grad(self, node: Node, dys: Sequence[Tensor | None]) -> Sequence[Tensor | None]:
        return dys

    def bind(self, b: Binding) -> Sequence[Thunk]:
        return [partial(b.xp.copyto, b.outs[0], b.ins[0]), partial(_print, self.message, b.outs[0])]


def _print(message: str, x: Any) -> None:
    print(message, x.get() if hasattr(x, "get") else x)


def print_tensor(x: Any, message: str = "") -> Tensor:
    """`x`; its values are printed after `message` whenever they are computed."""
    out: Tensor = apply(PrintTensor(message), as_tensor(x))
    return out
