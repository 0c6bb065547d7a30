"""Python operators on tensors; comparisons but `==` and `!=`, which stay identity so that tensors can be keys."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..graph.tensor import Tensor
from . import elementwise as e
from .linalg import matmul
from .numpy_calls import array_ufunc
from .operands import as_operands

__all__: list[str] = []


def _logical(on_bools: Callable[[Any, Any], Tensor], name: str) -> Callable[[Any, Any], Tensor]:
    def function(x: Any, y: Any) -> Tensor:
        a, b = as_operands(x, y)
        if not a.dtype.is_bool:
            raise TypeError(f"`{name}` works on boolean tensors, got {a.dtype}; compare first: (x > 0) {name} (y > 0)")
        return on_bools(a, b)

    return function


def _invert(x: Tensor) -> Tensor:
    if not x.dtype.is_bool:
        raise TypeError(f"`~` works on boolean tensors, got {x.dtype}; compare first, as in ~(x > 0)")
    return e.logical_not(x)


#: operator -> function; the reversed form swaps its arguments.
_BINARY: dict[str, Callable[[Any, Any], Tensor]] = {
    "add": e.add, "sub": e.subtract, "mul": e.multiply, "truediv": e.divide, "floordiv": e.floordiv, "mod": e.mod,
    "pow": e.pow, "matmul": matmul, "and": _logical(e.logical_and, "&"), "or": _logical(e.logical_or, "|"),
    "xor": _logical(e.logical_xor, "^"),
}  # fmt: skip
_COMPARE = {"lt": e.less, "le": e.less_equal, "gt": e.greater, "ge": e.greater_equal}


def _swapped(function: Callable[[Any, Any], Tensor]) -> Callable[[Any, Any], Tensor]:
    return lambda x, y: function(y, x)


def install() -> None:
    """Give `Tensor` its operators."""
    for name, function in _BINARY.items():
        setattr(Tensor, f"__{name}__", _method(function))
        setattr(Tensor, f"__r{name}__", _method(_swapped(function)))
    for name, function in _COMPARE.items():
        setattr(Tensor, f"__{name}__", _method(function))
    for name, unary in (("neg", e.negative), ("pos", lambda x: x), ("abs", e.abs), ("invert", _invert)):
        setattr(Tensor, f"__{name}__", unary)
    Tensor.__array_ufunc__ = array_ufunc(_BINARY | _COMPARE)  # type: ignore[attr-defined]


def _method(function: Callable[[Any, Any], Tensor]) -> Callable[[Any, Any], Any]:
    def operate(x: Any, y: Any) -> Any:
        if y is None or isinstance(y, (str, bytes, dict)):
            return NotImplemented
        return function(x, y)

    return operate


install()
