"""Checks of values and shapes, printing, and Python functions in the graph."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any

import numpy as np

from ... import ops
from ...backend.running import Operation
from ...graph.dtype import as_dtype
from ...graph.tensor import Tensor
from ._base import convert, label, pair, rank_of
from .errors import InvalidArgumentError


def py_func(func: Callable[..., Any], inp: Any, Tout: Any, stateful: bool = True, name: str | None = None) -> Any:
    """What a Python function of NumPy arrays returns; it has no gradient, and its shape is known when it has run."""
    several = isinstance(Tout, (list, tuple))
    outs = ops.py_function(func, [convert(x) for x in inp], list(Tout) if several else [Tout])
    return outs if several else label(outs[0], name)


def Print(
    input_: Any, data: Any, message: str | None = None, first_n: Any = None, summarize: Any = None,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """`input_`; when it is computed, `data` are printed after `message`."""
    shown = [ops.print_tensor(convert(d), (message or "") if i == 0 else "") for i, d in enumerate(data)]
    return label(ops.after(convert(input_), shown), name)  # type: ignore[no-any-return]


def print(*inputs: Any, **kwargs: Any) -> Operation:
    """An operation that prints values, each after the text that stands before it."""
    message, shown = "", []
    for x in inputs:
        if isinstance(x, str):
            message = f"{message} {x}".strip()
        else:
            shown.append(ops.print_tensor(convert(x), message))
            message = ""
    if message:
        return Operation("print", shown, actions=[lambda: builtins.print(message)])
    return Operation("print", shown)


# --- values -------------------------------------------------------------------------------------------------------


def _check(flag: Tensor, message: str, data: Any = ()) -> Tensor:
    return ops.check(flag, message, list(data), InvalidArgumentError)


def check_numerics(tensor: Any, message: str, name: str | None = None) -> Tensor:
    """`tensor`; computing it raises where it is not finite."""
    x = convert(tensor)
    return ops.after(x, [_check(ops.isfinite(x), f"{message} : Tensor had Inf or NaN values")])


def verify_tensor_all_finite(t: Any, msg: str, name: str | None = None) -> Tensor:
    """`t`; computing it raises where it is not finite."""
    return check_numerics(t, msg)


assert_all_finite = verify_tensor_all_finite


def Assert(condition: Any, data: Any, summarize: Any = None, name: str | None = None) -> Operation:
    """An operation that raises unless a condition holds."""
    text = " ".join(["assertion failed:", *(d for d in data if isinstance(d, str))])
    return Operation("Assert", [_check(convert(condition), text, [convert(d) for d in data if not isinstance(d, str)])])


def _assertion(name: str, test: Callable[..., Tensor], sign: str) -> Callable[..., Operation]:
    if sign:

        def compare(
            x: Any, y: Any, data: Any = None, summarize: Any = None, message: str | None = None, name: Any = None
        ) -> Operation:
            a, b = (convert(v) for v in pair(x, y))
            text = f"{message + ' ' if message else ''}Condition x {sign} y did not hold element-wise:"
            return Operation(call.__name__, [_check(test(a, b), text, [a, b])])

        call: Any = compare
    else:

        def single(
            x: Any, data: Any = None, summarize: Any = None, message: str | None = None, name: Any = None
        ) -> Operation:
            a = convert(x)
            text = f"{message + ' ' if message else ''}{call.__name__} does not hold:"
            return Operation(call.__name__, [_check(test(a), text, [a])])

        call = single
    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"tf.{name}: an operation that raises InvalidArgumentError where it does not hold."
    return call  # type: ignore[no-any-return]


_ASSERTIONS: dict[str, tuple[Callable[..., Tensor], str]] = {
    "assert_equal": (ops.equal, "=="), "assert_none_equal": (ops.not_equal, "!="), "assert_less": (ops.less, "<"),
    "assert_less_equal": (ops.less_equal, "<="), "assert_greater": (ops.greater, ">"),
    "assert_greater_equal": (ops.greater_equal, ">="), "assert_positive": (lambda x: x > 0, ""),
    "assert_negative": (lambda x: x < 0, ""), "assert_non_negative": (lambda x: x >= 0, ""),
    "assert_non_positive": (lambda x: x <= 0, ""),
}  # fmt: skip
globals().update({name: _assertion(name, *row) for name, row in _ASSERTIONS.items()})


def assert_near(
    x: Any, y: Any, rtol: Any = None, atol: Any = None, data: Any = None, summarize: Any = None,
    message: str | None = None, name: str | None = None,
) -> Operation:  # fmt: skip
    """An operation that raises where two tensors differ by more than rounding."""
    a, b = (convert(v) for v in pair(x, y))
    eps = 10 * float(np.finfo(str(a.dtype)).eps)
    bound = (eps if atol is None else atol) + (eps if rtol is None else rtol) * ops.abs(b)
    return Operation(
        "assert_near", [_check(ops.abs(a - b) <= bound, message or "x and y not equal to tolerance", [a, b])]
    )


# --- shapes and types, known now ----------------------------------------------------------------------------------


def assert_rank(
    x: Any, rank: Any, data: Any = None, summarize: Any = None, message: Any = None, name: Any = None
) -> Operation:
    """Raises ValueError unless a tensor has so many axes."""
    return assert_rank_in(x, [rank], message=message)


def assert_rank_in(
    x: Any, ranks: Any, data: Any = None, summarize: Any = None, message: Any = None, name: Any = None
) -> Operation:
    """Raises ValueError unless the number of a tensor's axes is among some."""
    got = rank_of(convert(x), "assert_rank")
    if got not in [int(r) for r in ranks]:
        raise ValueError(f"{message or 'Static rank condition failed.'} Received rank {got}, expected {list(ranks)}")
    return Operation("assert_rank")


def assert_rank_at_least(
    x: Any, rank: Any, data: Any = None, summarize: Any = None, message: Any = None, name: Any = None
) -> Operation:
    """Raises ValueError unless a tensor has so many axes or more."""
    got = rank_of(convert(x), "assert_rank_at_least")
    if got < int(rank):
        raise ValueError(f"{message or 'Static rank condition failed.'} Received rank {got}, expected at least {rank}")
    return Operation("assert_rank_at_least")


def assert_scalar(tensor: Any, name: str | None = None) -> Tensor:
    """The tensor; raises ValueError unless it is a scalar."""
    x = convert(tensor)
    if rank_of(x, "assert_scalar"):
        raise ValueError(f"Expected scalar shape for {x.name}, saw shape: {x.shape}.")
    return x


def assert_type(tensor: Any, tf_type: Any, message: Any = None, name: str | None = None) -> Operation:
    """Raises TypeError unless a tensor has a type."""
    x = convert(tensor)
    if x.dtype != as_dtype(tf_type):
        raise TypeError(f"{message or ''} {x.name} must be of type {as_dtype(tf_type)}, got {x.dtype}")
    return Operation("assert_type")


def assert_integer(x: Any, message: Any = None, name: str | None = None) -> Operation:
    """Raises TypeError unless a tensor holds integers."""
    if not convert(x).dtype.is_integer:
        raise TypeError(f'{message or ""} Expected "x" to be integer type. Found: {convert(x).dtype}')
    return Operation("assert_integer")


def assert_variables_initialized(var_list: Any = None) -> Operation:
    """An operation that does nothing: variables take their initial value by themselves."""
    return Operation("assert_variables_initialized")


def is_numeric_tensor(tensor: Any) -> bool:
    """Whether something is a tensor of numbers."""
    return isinstance(tensor, Tensor) and not tensor.dtype.is_bool


NAMES = [
    n for n, v in list(globals().items()) if callable(v) and getattr(v, "__module__", "") == __name__ and n[0] != "_"
]
