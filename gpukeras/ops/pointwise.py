"""How elementwise operations are made from table rows: one row, one `Op` subclass and one function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ..graph.dtype import as_dtype
from ..graph.op import Binding, Op, Partial, Spec, Thunk
from ..graph.shape import Dim, broadcast
from ..graph.tensor import Constant, Tensor, apply
from .operands import BOOL, as_bools, as_floats, as_numbers, as_operands, unbroadcast

if TYPE_CHECKING:
    from ..graph.tensor import Node

Rule = Callable[..., Any]
Unary = Callable[[Any], Tensor]
Binary = Callable[[Any, Any], Tensor]
Kernel = Callable[..., Sequence[Thunk]]

#: What the arguments of a function are turned into, by the first word of a row.
_CONVERT: dict[str, Callable[..., list[Tensor]]] = {
    "any": as_operands, "number": as_numbers, "float": as_floats, "bool": as_bools,
}  # fmt: skip
#: NumPy 2.4 no longer takes these ufuncs' third positional argument as `out`.
_OUT_BY_NAME = ("maximum", "minimum")


@dataclass(frozen=True)
class Row:
    """One elementwise operation.

    Attributes:
        name: name of the operation, snake_case.
        kernel: name of the NumPy ufunc that does it all, or a function (binding, *params) -> thunks.
        c: C expression in the inputs x0, x1, x2 and the parameters a, b; T is the element type.
        grads: per input, its gradient (dy, y, *inputs, *params) before undoing broadcasts; None: none.
        no_grad: why there is no gradient at all.
        takes: 'any', 'number' (bool becomes int32), 'float' (integers become floatx) or 'bool' arguments.
        gives: '' for the dtype of the last input, or 'bool'.
        inplace: inputs whose buffer may receive the result; None: all, for a single ufunc.
        scratch: dtypes of work arrays of the output's shape; '' for its own dtype, 'bits' for integers of its size,
            'wide' for its own but at least float32.
        partial: the same on Python ints, for shape arithmetic.
        simplify: (op, lowering, inputs, output shape) -> cheaper Value or None.
        precision: see `Op.precision`.
    """

    name: str
    kernel: str | Kernel
    c: str
    grads: tuple[Rule | None, ...] = ()
    no_grad: str = ""
    takes: str = "any"
    gives: str = ""
    inplace: tuple[int, ...] | None = None
    scratch: tuple[str, ...] = ()
    partial: Callable[..., Any] | None = None
    simplify: Callable[..., Any] | None = None
    precision: str = ""


class Elementwise(Op):
    """Base of the operations that rows describe; `params` are their numeric attributes."""

    elementwise = True
    row: ClassVar[Row]

    def __init__(self, *params: float) -> None:
        self.params = params

    def infer(self, ins: Sequence[Spec], values: Sequence[Partial]) -> Spec:
        shape = ins[0].shape
        for s in ins[1:]:
            assert shape is not None and s.shape is not None
            shape = broadcast(shape, s.shape, self.name)
        return Spec(shape, BOOL if self.row.gives == "bool" else ins[-1].dtype)

    def partial(self, ins: Sequence[Partial], specs: Sequence[Spec]) -> Partial:
        if self.row.partial is None:
            return None
        return map_partial(self.row.partial, ins)

    def grad(self, node: Node, dys: Sequence[Tensor | None]) -> Sequence[Tensor | None]:
        dy, y = dys[0], node.outputs[0]
        grads: list[Tensor | None] = [None] * len(node.inputs)
        if dy is None:
            return grads
        for i, rule in enumerate(self.row.grads):
            x = node.inputs[i]
            # numbers written in the program are never differentiated: spare their gradients' nodes
            if rule is not None and x.dtype.is_floating and not (isinstance(x, Constant) and not x.shape):
                g = rule(dy, y, *node.inputs, *self.params)
                grads[i] = g if g is None else unbroadcast(g, x, y, node.inputs)
        return grads

    def simplify(self, lowering: Any, ins: list[Any]) -> Any:
        if self.row.simplify is None:
            return None
        shape: tuple[Dim, ...] = ins[0].shape
        for v in ins[1:]:
            shape = broadcast(shape, v.shape, self.name)
        return self.row.simplify(self, lowering, ins, shape)

    def scratch(self, ins: Sequence[Spec], outs: Sequence[Spec], prepared: Any) -> Sequence[Spec]:
        dtype = outs[0].dtype
        names = {"": dtype, "bits": f"int{8 * dtype.itemsize}", "wide": "float32" if dtype == "float16" else dtype}
        return [Spec(outs[0].shape, as_dtype(names.get(d, d))) for d in self.row.scratch]

    def bind(self, b: Binding) -> Sequence[Thunk]:
        kernel = self.row.kernel
        if not isinstance(kernel, str):
            return kernel(b, *self.params)
        ufunc = getattr(b.xp, kernel)
        if kernel in _OUT_BY_NAME:
            return [partial(ufunc, *b.ins, out=b.outs[0])]
        return [partial(ufunc, *b.ins, b.outs[0])]


def map_partial(function: Callable[..., Any], ins: Sequence[Partial]) -> Partial:
    """Apply an integer function to partly known ints and lists of ints, scalars meeting each entry of a list."""
    lengths = {len(p) for p in ins if isinstance(p, list)}
    if not lengths:
        return None if any(p is None for p in ins) else _call(function, list(ins))
    n = max(lengths)
    if lengths - {1, n} or any(isinstance(e, list) for p in ins if isinstance(p, list) for e in p):
        return None
    columns = [[p] * n if not isinstance(p, list) else p * n if len(p) == 1 else p for p in ins]
    return [None if any(v is None for v in row) else _call(function, list(row)) for row in zip(*columns, strict=True)]


def _call(function: Callable[..., Any], args: list[int]) -> int | None:
    try:
        return int(function(*args))
    except ZeroDivisionError:
        return None


#: Every operation made from a row, by name.
REGISTRY: dict[str, type[Elementwise]] = {}


def define(row: Row) -> type[Elementwise]:
    """The `Op` subclass of a row."""
    inplace = row.inplace
    if inplace is None:
        inplace = (0, 1, 2) if isinstance(row.kernel, str) and not row.gives else ()
    body = {"name": row.name, "row": row, "inplace": inplace, "no_grad": row.no_grad, "__module__": __name__}
    body["precision"] = row.precision
    title = "".join(part.capitalize() for part in row.name.split("_"))
    REGISTRY[row.name] = cls = type(title, (Elementwise,), body)
    return cls


def unary(name: str, kernel: str | Kernel, c: str, grad: Rule | None = None, **fields: Any) -> Unary:
    """Define an operation of one tensor; returns its function."""
    row = Row(name, kernel, c, () if grad is None else (grad,), **fields)
    op, convert = define(row)(), _CONVERT[row.takes]

    def function(x: Any) -> Tensor:
        out: Tensor = apply(op, *convert(x))
        return out

    _name(function, name, "x", c)
    return function


def binary(name: str, kernel: str | Kernel, c: str, grads: tuple[Rule | None, ...] = (), **fields: Any) -> Binary:
    """Define an operation of two tensors that broadcast; returns its function."""
    row = Row(name, kernel, c, grads, **fields)
    op, convert = define(row)(), _CONVERT[row.takes]

    def function(x: Any, y: Any) -> Tensor:
        out: Tensor = apply(op, *convert(x, y))
        return out

    _name(function, name, "x, y", c)
    return function


def _name(function: Any, name: str, args: str, c: str) -> None:
    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"Elementwise {name}({args}), in C `{c}`; tensors, arrays or numbers."


# --- pieces of kernels ----------------------------------------------------------------------------------------


def number(b: Binding, value: float) -> Any:
    """A number in the output's dtype, in the form ufuncs take up fastest."""
    dtype = b.outs[0].dtype
    return np.asarray(value, dtype) if b.xp is np else dtype.type(value)


@lru_cache(maxsize=32)
def _repeated(value: float, dtype: np.dtype[Any]) -> np.ndarray:
    out = np.full(1 << 16, value, dtype)
    out.setflags(write=False)
    return out


def level(b: Binding, value: float, like: Any) -> Any:
    """A number to compare `like` with in maximum and minimum.

    NumPy vectorises those only when both operands are contiguous arrays: a row of the number, shared by all
    kernels, makes them several times faster than the number itself.
    """
    if b.xp is not np or not like.flags.c_contiguous:
        return number(b, value)
    size, start = like.size, 0
    while size > 1 << 16:
        size //= like.shape[start]
        start += 1
    if not size or (start and size < 64):
        return number(b, value)
    return _repeated(float(value), like.dtype)[:size].reshape(like.shape[start:])
