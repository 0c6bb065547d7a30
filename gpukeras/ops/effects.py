"""Operations about effects: what must have happened before, checks of values, and Python functions in the graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ..graph.dtype import DType, as_dtype
from ..graph.op import Binding, Op, Partial, Spec, Thunk
from ..graph.tensor import Tensor, apply, as_tensor
from .operands import as_bools

if TYPE_CHECKING:
    from ..graph.tensor import Node

__all__ = ["after", "check", "py_function", "with_gradient"]


class After(Op):
    """Input 0, computed once all other inputs are."""

    widens = False

    def infer(self, ins: Sequence[Spec], values: Sequence[Partial]) -> Spec:
        return ins[0]

    def partial(self, ins: Sequence[Partial], specs: Sequence[Spec]) -> Partial:
        return ins[0]

    def grad(self, node: Node, dys: Sequence[Tensor | None]) -> Sequence[Tensor | None]:
        return [dys[0], *[None] * (len(node.inputs) - 1)]

    def bind(self, b: Binding) -> Sequence[Thunk]:
        return [partial(b.xp.copyto, b.outs[0], b.ins[0])]


def after(x: Any, others: Sequence[Tensor]) -> Tensor:
    """`x`; computing it computes `others` too.

    Arguments:
        x: tensor.
        others: tensors of any shape.

    Returns:
        Tensor.
    """
    return apply(After(), as_tensor(x), *others)  # type: ignore[no-any-return]


class Check(Op):
    """Input 0, a truth value; running it raises unless all of it is true."""

    captures = False
    widens = False
    stateful = True
    no_grad = "truth values have no gradient"

    def __init__(self, message: str, error: type[Exception]) -> None:
        self.message = message
        self.error = error

    def infer(self, ins: Sequence[Spec], values: Sequence[Partial]) -> Spec:
        return ins[0]

    def bind(self, b: Binding) -> Sequence[Thunk]:
        return [partial(b.xp.copyto, b.outs[0], b.ins[0]), partial(self._raise, b.outs[0], b.ins[1:], b.where)]

    def _raise(self, holds: Any, data: Sequence[Any], where: str) -> None:
        if not bool(holds.all()):
            shown = "".join(f"\n{x.get() if hasattr(x, 'get') else x}" for x in data)
            raise self.error(f"{where}: {self.message}{shown}")


def check(condition: Any, message: str, data: Sequence[Any] = (), error: type[Exception] = ValueError) -> Tensor:
    """`condition`; computing it raises unless every element is true.

    On a GPU the check waits for the computation.

    Arguments:
        condition: bool tensor.
        message: text of the error.
        data: tensors whose values are shown in the error.
        error: its class.

    Returns:
        The condition, a tensor.
    """
    (holds,) = as_bools(condition)
    return apply(Check(str(message), error), holds, *map(as_tensor, data))  # type: ignore[no-any-return]


class PyFunction(Op):
    """What a Python function of arrays returns; its shape is known only when it has run."""

    captures = False
    widens = False
    name = "py_function"
    stateful = True
    dynamic = True
    no_grad = "a Python function has no derivative"

    def __init__(self, function: Callable[..., Any], dtypes: tuple[DType, ...]) -> None:
        self.function = function
        self.dtypes = dtypes

    def infer(self, ins: Sequence[Spec], values: Sequence[Partial]) -> Sequence[Spec]:
        return [Spec(None, dtype) for dtype in self.dtypes]

    def compute(self, xp: Any, ins: list[Any]) -> Sequence[Any]:
        results = self.function(*(x.get() if hasattr(x, "get") else x for x in ins))
        if not isinstance(results, (list, tuple)) or len(self.dtypes) == 1 != len(results):
            results = [results]
        if len(results) != len(self.dtypes):
            raise ValueError(f"py_function: the function returned {len(results)} arrays, {len(self.dtypes)} expected")
        return [xp.asarray(np.asarray(r, dtype)) for r, dtype in zip(results, self.dtypes, strict=True)]


def py_function(function: Callable[..., Any], inputs: Sequence[Any], dtypes: Sequence[Any]) -> list[Tensor]:
    """Tensors that a Python function computes from the values of `inputs`.

    Arguments:
        function: takes NumPy arrays, returns one array or a list of them.
        inputs: tensors.
        dtypes: element type of each result.

    Returns:
        List of tensors of unknown shape, without gradients.
    """
    op = PyFunction(function, tuple(as_dtype(d) for d in dtypes))
    return list(apply(op, *map(as_tensor, inputs)))


class WithGradient(Op):
    """Input 0; its gradient with respect to the other inputs is what a function says."""

    widens = False
    name = "with_gradient"

    def __init__(self, rule: Callable[[Tensor], Sequence[Tensor | None]]) -> None:
        self.rule = rule

    def infer(self, ins: Sequence[Spec], values: Sequence[Partial]) -> Spec:
        return ins[0]

    def grad(self, node: Node, dys: Sequence[Tensor | None]) -> Sequence[Tensor | None]:
        assert dys[0] is not None
        found = list(self.rule(dys[0]))
        if len(found) != len(node.inputs) - 1:
            raise ValueError(f"{node.name}: {len(found)} gradients for {len(node.inputs) - 1} tensors")
        return [None, *found]

    def simplify(self, lowering: Any, ins: list[Any]) -> Any:
        return ins[0]

    def bind(self, b: Binding) -> Sequence[Thunk]:
        return [partial(b.xp.copyto, b.outs[0], b.ins[0])]


def with_gradient(y: Tensor, inputs: Sequence[Tensor], rule: Callable[[Tensor], Sequence[Tensor | None]]) -> Tensor:
    """`y`, with a gradient of the caller's own.

    Arguments:
        y: tensor computed from `inputs`.
        inputs: tensors.
        rule: function from the gradient of `y` to those of `inputs`.

    Returns:
        Tensor.
    """
    return apply(WithGradient(rule), y, *inputs)  # type: ignore[no-any-return]
