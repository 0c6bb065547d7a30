"""CUDA source: the files of csrc made one text, and the elementwise operations as device functions."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import NamedTuple

from ...ops.pointwise import REGISTRY

#: C types by the ending of an opcode.
TYPES = {
    "f32": "float", "f64": "double", "i32": "int32_t", "i64": "int64_t", "b8": "uint8_t", "f16": "Half",
    "bf16": "Bfloat",
}  # fmt: skip
#: What is only stored, and converted from and to float32 (csrc/kernels/halves.h).
_TO_LOW = {"f16": "to_half(x0)", "bf16": "to_bfloat(x0)"}
OPTIONS = ("-std=c++17", "-fmad=false")

_INCLUDE = re.compile(r'^#include "([^"]+)"\n', re.MULTILINE)

#: Operations that are no rows of the table, or whose C expression is a function of csrc/kernels/arithmetic.h.
_EXPRESSIONS = {
    "copy": "x0",
    "multiply_add": "x0 * x1 + x2",
    "multiply_subtract": "x0 * x1 - x2",
    "less_product": "x2 - x0 * x1",
    "multiply_square": "x0 * (x1 * x1)",
    "multiply_square_add": "x0 * (x1 * x1) + x2",
    "root_add": "sqrt(x0 < 0 ? (T)0 : x0) + x1",
    "divide_by_root": "x0 / (sqrt(x1 < 0 ? (T)0 : x1) + x2)",
    "divide_by_sum": "x0 / (x1 + x2)",
    "floordiv": "python_floordiv(x0, x1)",
    "mod": "python_mod(x0, x1)",
}
_COMPARED = ("equal", "not_equal", "less", "less_equal", "greater", "greater_equal")
_CHOSEN = ("masked", "where")
#: What integers can do, and truth values.
_INTEGERS = {
    "add", "subtract", "multiply", "floordiv", "mod", "maximum", "minimum", "copy", "negative", "abs", "square", "sign",
    "relu", *_COMPARED, *_CHOSEN,
}  # fmt: skip
_TRUTH = {
    "maximum", "minimum", "copy", "logical_and", "logical_or", "logical_xor", "logical_not", *_COMPARED, *_CHOSEN
}  # fmt: skip


def folder() -> Path:
    """Where the CUDA sources lie: beside the package in a checkout, inside it where it is installed.

    Raises:
        FileNotFoundError: when they lie in neither place.
    """
    package = Path(__file__).resolve().parents[2]
    for place in (package / "csrc", package.parent / "csrc"):
        if (place / "cuda" / "device.h").is_file():
            return place
    raise FileNotFoundError(f"the CUDA sources are missing: expected a folder csrc in {package} or beside it")


@functools.cache
def flattened(name: str) -> str:
    """A file of csrc/cuda with the files it includes in place, so that a compiler at run time needs no folders.

    Arguments:
        name: the file's name, for example 'random.cu'.
    """
    return _flat(folder() / "cuda" / name, set())


def _flat(path: Path, seen: set[Path]) -> str:
    path = path.resolve()
    if path in seen:
        return ""
    seen.add(path)
    text = path.read_text(encoding="utf-8").replace("#pragma once\n", "")
    return _INCLUDE.sub(lambda found: _flat(path.parent / found.group(1), seen), text)


class Signature(NamedTuple):
    """An elementwise opcode as a function.

    Attributes:
        name: of the function.
        result: C type.
        operands: C types.
        numbers: how many numbers it takes beside them.
        expression: of x0, x1, x2, a and b.
    """

    name: str
    result: str
    operands: tuple[str, ...]
    numbers: int
    expression: str


@functools.cache
def signature(opcode: str) -> Signature | None:
    """The function of an opcode such as 'add:f32'; None where there is none."""
    name, *types = opcode.split(":")
    if any(t not in TYPES for t in types):
        return None
    function = opcode.replace(":", "_")
    if name == "cast" and set(types) & set(_TO_LOW):
        return _conversion(function, *types) if "f32" in types else None
    if name == "cast" and len(types) == 2:
        expression = "x0 != 0" if types[1] == "b8" else "x0"
        return Signature(function, TYPES[types[1]], (TYPES[types[0]],), 0, expression)
    expression = _EXPRESSIONS.get(name) or (REGISTRY[name].row.c if name in REGISTRY else "")
    if not expression or len(types) != 1 or not _has_type(name, types[0]):
        return None
    ctype = TYPES[types[0]]
    arity = 3 if "x2" in expression else 2 if "x1" in expression else 1
    operands = tuple("uint8_t" if i == 0 and name in _CHOSEN else ctype for i in range(arity))
    gives = REGISTRY[name].row.gives if name in REGISTRY else ""
    numbers = 2 if re.search(r"\bb\b", expression) else 1 if re.search(r"\ba\b", expression) else 0
    return Signature(function, "uint8_t" if gives == "bool" else ctype, operands, numbers, expression)


def _conversion(function: str, source: str, target: str) -> Signature:
    """The function that converts between float32 and a 16-bit float."""
    return Signature(function, TYPES[target], (TYPES[source],), 0, _TO_LOW.get(target, "widened(x0)"))


def _has_type(name: str, kind: str) -> bool:
    if kind in _TO_LOW:
        return name == "copy"
    if kind == "b8":
        return name in _TRUTH
    if kind in ("i32", "i64"):
        return name in _INTEGERS
    return not name.startswith("logical_")


@functools.cache
def elementwise_opcodes() -> tuple[str, ...]:
    """All opcodes that have a function."""
    names = sorted({*REGISTRY, *_EXPRESSIONS})
    found = [f"{name}:{kind}" for name in names for kind in TYPES]
    found += [f"cast:{a}:{b}" for a in TYPES for b in TYPES]
    return tuple(opcode for opcode in found if signature(opcode) is not None)


@functools.cache
def loop_opcodes() -> frozenset[str]:
    """All instructions of fused loops: functions, and what is written out where it stands (`loops.py`)."""
    floats, numbers = ("f32", "f64"), ("f32", "f64", "i32", "i64")
    placed: dict[str, tuple[str, ...]] = dict.fromkeys(
        ("softmax", "log_softmax", "softmax_grad", "dropout_mask", "row_mean"), floats
    )
    placed |= dict.fromkeys(("row_sum", "row_max", "row_min", "row_argmax", "row_argmin"), numbers)
    placed |= dict.fromkeys(("random_uniform", "random_normal", "random_binomial", "truncated_normal"), ("f32",))
    placed["spread"] = tuple(TYPES)
    return frozenset(elementwise_opcodes()).union(f"{name}:{kind}" for name, kinds in placed.items() for kind in kinds)


def function(s: Signature) -> str:
    """The text of a function."""
    numbers = ("a", "b")[: s.numbers]
    args = [f"{t} x{i}" for i, t in enumerate(s.operands)] + [f"double {n}_number" for n in numbers]
    lines = [f"    const {s.operands[-1]} {n} = static_cast<{s.operands[-1]}>({n}_number);" for n in numbers]
    if "(T)" in s.expression:
        lines.insert(0, f"    using T = {s.operands[-1]};")
    lines.append(f"    return static_cast<{s.result}>({s.expression});")
    head = f"__device__ __forceinline__ {s.result} {s.name}({', '.join(args)}) {{"
    return "\n".join([head, *lines, "}"])


def functions(signatures: list[Signature]) -> str:
    """Functions in the namespace where their expressions find the functions they call."""
    body = "\n\n".join(function(s) for s in dict.fromkeys(signatures))
    return f"namespace gpukeras::expression {{\n\n{body}\n\n}}  // namespace gpukeras::expression\n"
