"""What happens when NumPy's functions meet a tensor: operators compute, everything else says what to use instead."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..graph.tensor import Tensor

__all__: list[str] = []

#: NumPy's function -> the operator it stands for; the functions are those of the operators.
OPERATORS = {
    "add": "add", "subtract": "sub", "multiply": "mul", "divide": "truediv", "floor_divide": "floordiv",
    "remainder": "mod", "power": "pow", "matmul": "matmul", "bitwise_and": "and", "bitwise_or": "or",
    "bitwise_xor": "xor", "less": "lt", "less_equal": "le", "greater": "gt", "greater_equal": "ge",
}  # fmt: skip

#: NumPy's function -> the backend's, where the names differ or `reduce` makes another one of it.
_BACKEND = {
    "absolute": "abs", "rint": "round", "logical_and.reduce": "all", "logical_or.reduce": "any", "add.reduce": "sum",
    "multiply.reduce": "prod", "maximum.reduce": "max", "minimum.reduce": "min", "add.accumulate": "cumsum",
    "multiply.accumulate": "cumprod", **{name: name for name in (
        "cos", "equal", "exp", "log", "maximum", "minimum", "not_equal", "sign", "sin", "sqrt", "square", "tanh")},
}  # fmt: skip


def array_ufunc(functions: dict[str, Callable[[Any, Any], Tensor]]) -> Callable[..., Any]:
    """The method `__array_ufunc__` of tensors.

    Arguments:
        functions: what the operators compute, by their names.
    """

    def method(self: Tensor, ufunc: Any, how: str, *inputs: Any, **kwargs: Any) -> Any:
        if how == "__call__" and not kwargs:
            operator = OPERATORS.get(ufunc.__name__)
            if operator is not None:
                return functions[operator](*inputs)
            if ufunc.__name__ in ("equal", "not_equal") and not isinstance(inputs[0], Tensor):
                return ufunc.__name__ == "not_equal"  # `array == tensor`: tensors equal themselves only
        name = ufunc.__name__ if how == "__call__" else f"{ufunc.__name__}.{how}"
        known = _BACKEND.get(name)
        instead = f"K.{known}" if known else "the backend's functions (from keras import backend as K)"
        raise TypeError(
            f"numpy.{name} cannot compute with {self!r}, which is computed when a model runs; use {instead} to make it "
            "part of the model, or give NumPy a value: K.eval(x), where x needs no input"
        )

    return method
