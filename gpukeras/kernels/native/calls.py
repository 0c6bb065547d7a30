"""NumPy calls as tasks of the extension, so that a plan's calls make one sequence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from ...graph.op import Thunk
from ...runtime import native
from .opcodes import opcodes

_TYPES = {
    "float32": "f32",
    "float64": "f64",
    "int32": "i32",
    "int64": "i64",
    "bool": "b8",
    "float16": "f16",
    "bfloat16": "bf16",
}
_BY_SIZE = {1: "copy:b8", 2: "copy:f16", 4: "copy:i32", 8: "copy:i64"}
_UFUNCS: dict[Any, str] = {
    np.add: "add", np.subtract: "subtract", np.multiply: "multiply", np.divide: "divide", np.maximum: "maximum",
    np.minimum: "minimum", np.negative: "negative", np.absolute: "abs", np.square: "square", np.sqrt: "sqrt",
    np.reciprocal: "reciprocal", np.exp: "exp", np.log: "log", np.tanh: "tanh", np.log1p: "log1p",
    np.expm1: "expm1", np.equal: "equal", np.not_equal: "not_equal", np.less: "less", np.greater: "greater",
    np.less_equal: "less_equal", np.greater_equal: "greater_equal",
}  # fmt: skip


def as_tasks(calls: Sequence[Thunk]) -> list[Thunk]:
    """The calls, with copies, fills and ufuncs that the evaluator can do made tasks.

    Arguments:
        calls: what operations bound.

    Returns:
        The calls to make instead.
    """
    if not opcodes():
        return list(calls)
    return [_task(call) or call for call in calls]


def _task(call: Any) -> Callable[[], object] | None:
    if type(call) is not partial:
        return None
    function, args = call.func, call.args
    if function is np.copyto and not call.keywords:
        return _program(_copy(args[0], args[1]), [args[1]], args[0])
    out = getattr(function, "__self__", None)
    if isinstance(out, np.ndarray) and function.__name__ == "fill":
        return _program(_copy(out, out), [np.asarray(args[0], out.dtype)], out)
    if isinstance(function, np.ufunc) and function in _UFUNCS:
        return _ufunc(function, args, call.keywords)
    return None


def copy(out: Any, x: Any) -> Thunk:
    """The call that copies an array, as a task where the evaluator has the type."""
    return _program(_copy(out, x), [x], out) or partial(np.copyto, out, x)


def _copy(out: Any, x: Any) -> str:
    if not isinstance(x, np.ndarray):
        return ""
    if x.dtype == out.dtype:
        return _BY_SIZE.get(x.itemsize, "")
    return f"cast:{_TYPES.get(x.dtype.name, '')}:{_TYPES.get(out.dtype.name, '')}"


def _ufunc(function: Any, args: Sequence[Any], keywords: dict[str, Any]) -> Callable[[], object] | None:
    if len(args) == function.nin + 1 and not keywords:
        out = args[-1]
    elif len(args) == function.nin and keywords.keys() == {"out"}:
        out = keywords["out"]
    else:
        return None
    dtype = next((a.dtype for a in args[: function.nin] if isinstance(a, np.ndarray)), None)
    ins = [np.asarray(a, dtype) if isinstance(a, (int, float)) else a for a in args[: function.nin]]
    if dtype is None or not isinstance(out, np.ndarray) or not all(isinstance(a, np.ndarray) for a in ins):
        return None
    truth = function in (np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal)
    if any(a.dtype != dtype for a in ins) or out.dtype != (np.bool_ if truth else dtype):
        return None
    return _program(f"{_UFUNCS[function]}:{_TYPES.get(dtype.name, '')}", ins, out)


def _program(opcode: str, ins: list[Any], out: Any) -> Callable[[], object] | None:
    """One instruction over arrays of any strides; None where it does not exist or arrays overlap."""
    module = native.load()
    if opcode not in opcodes() or module is None or not out.size or out.ndim > 16:
        return None
    if any(_overlap(x, out) for x in ins):
        return None
    operands = [_operand(np.broadcast_to(x, out.shape), False) for x in ins] + [_operand(out, True)]
    wide = max(x.itemsize for x in [*ins, out]) == 8
    code: list[tuple[Any, ...]] = [(opcode, False, False, len(ins), list(range(len(ins))), [], 0)]
    program = module.FusedProgram([(out.size, 1, 0, wide, operands, code, [])])
    return program.bind([], *ins, out)  # type: ignore[no-any-return]


def _overlap(x: np.ndarray, out: np.ndarray) -> bool:
    """Whether arrays share memory in any way but element by element."""
    same = x.__array_interface__["data"][0] == out.__array_interface__["data"][0] and x.dtype == out.dtype
    if same and x.shape == out.shape and x.strides == out.strides:
        return False
    return np.may_share_memory(x, out)


def _operand(x: np.ndarray, output: bool) -> tuple[Any, ...]:
    if x.flags.c_contiguous:
        return (0, output, False, x.itemsize, [], [])
    if not output and not any(s for s, n in zip(x.strides, x.shape, strict=True) if n > 1):
        return (1, False, False, x.itemsize, [], [])
    return (2, output, False, x.itemsize, list(x.shape), list(x.strides))
