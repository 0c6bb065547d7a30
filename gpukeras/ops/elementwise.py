"""Arithmetic, comparisons, logic and elementary functions: one row each."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ..graph.dtype import DType, as_dtype
from ..graph.op import Binding, Op, Partial, Spec, Thunk
from ..graph.tensor import Tensor, apply, as_tensor
from .creation import zeros_like
from .operands import as_bools, as_floats, as_operands, to_dtype
from .pointwise import REGISTRY, Binary, Row, Unary, binary, define, level, unary

if TYPE_CHECKING:
    from ..graph.tensor import Node

__all__ = [
    "abs", "acos", "add", "asin", "atan", "atan2", "cast", "ceil", "clip", "cos", "cosh", "divide", "equal", "exp",
    "expm1", "floor", "floordiv", "greater", "greater_equal", "identity", "isfinite", "isinf", "isnan", "less",
    "less_equal", "log", "log1p", "logical_and", "logical_not", "logical_or", "logical_xor", "masked", "maximum",
    "minimum", "mod", "multiply", "negative", "not_equal", "pow", "reciprocal", "root", "round", "rsqrt", "sign", "sin",
    "sinh", "sqrt", "square", "squared_difference", "stop_gradient", "subtract", "tan", "where",
]  # fmt: skip

# --- arithmetic -------------------------------------------------------------------------------------------------


def _made_by(value: Any, name: str) -> Any:
    """Input of the operation `name` that made `value`, or None."""
    return value.step.ins[0] if value.step is not None and value.step.op.name == name else None


def _simplify_add(op: Op, low: Any, ins: list[Any], shape: Any) -> Any:
    for x, y in (ins, ins[::-1]):
        if y.uniform is not None and y.uniform == 0:
            return low.broadcast(x, shape)
        minus = _made_by(y, "negative")
        if minus is not None:
            return low.emit(_SUBTRACT, [x, minus])[0]
    return None


def _simplify_subtract(op: Op, low: Any, ins: list[Any], shape: Any) -> Any:
    x, y = ins
    if y.uniform is not None and y.uniform == 0:
        return low.broadcast(x, shape)
    if x.uniform is not None and x.uniform == 0 and y.shape == shape:
        return low.emit(_NEGATIVE, [y])[0]
    minus = _made_by(y, "negative")
    return None if minus is None else low.emit(_ADD, [x, minus])[0]


def _simplify_multiply(op: Op, low: Any, ins: list[Any], shape: Any) -> Any:
    for x, y in (ins, ins[::-1]):
        if y.uniform is None:
            continue
        if y.uniform == 1:
            return low.broadcast(x, shape)
        if y.uniform == 0:
            return low.constant(0, shape, x.dtype)
        if y.uniform == -1 and x.shape == shape and not x.dtype.startswith("u"):
            return low.emit(_NEGATIVE, [x])[0]
    if ins[0] is ins[1]:
        return low.emit(_SQUARE, ins[:1])[0]
    return None


def _simplify_divide(op: Op, low: Any, ins: list[Any], shape: Any) -> Any:
    x, y = ins
    if y.uniform is not None:
        if y.uniform == 1:
            return low.broadcast(x, shape)
        mantissa, _ = np.frexp(y.uniform)
        if mantissa == 0.5:  # a power of two: multiplying by its reciprocal is exact, and faster
            return low.emit(_MULTIPLY, [x, low.constant(1 / y.uniform, y.shape, y.dtype)])[0]
    if x.uniform is not None and x.uniform == 1 and y.shape == shape:
        return low.emit(_RECIPROCAL, [y])[0]
    return None


def _simplify_pow(op: Op, low: Any, ins: list[Any], shape: Any) -> Any:
    x, y = ins
    if y.uniform is None or not x.dtype.is_floating:
        return None
    if y.uniform == 0:
        return low.constant(1, shape, x.dtype)
    steps = _POWERS.get(float(y.uniform))
    if steps is None:
        return None
    base = power = low.broadcast(x, shape)
    for step in steps:
        power = low.emit(step, [power, base] if step is _MULTIPLY else [power])[0]
    return power


def _simplify_negative(op: Op, low: Any, ins: list[Any], shape: Any) -> Any:
    return _made_by(ins[0], "negative")


add: Binary = binary(
    "add", "add", "x0 + x1", (lambda g, y, a, b: g, lambda g, y, a, b: g),
    partial=operator.add, simplify=_simplify_add, takes="number",
)  # fmt: skip
subtract: Binary = binary(
    "subtract", "subtract", "x0 - x1", (lambda g, y, a, b: g, lambda g, y, a, b: negative(g)),
    partial=operator.sub, simplify=_simplify_subtract, takes="number",
)  # fmt: skip
multiply: Binary = binary(
    "multiply", "multiply", "x0 * x1", (lambda g, y, a, b: g * b, lambda g, y, a, b: g * a),
    partial=operator.mul, simplify=_simplify_multiply, takes="number",
)  # fmt: skip
divide: Binary = binary(
    "divide", "divide", "x0 / x1", (lambda g, y, a, b: g / b, lambda g, y, a, b: negative((g / b) * y)),
    takes="float", simplify=_simplify_divide,
)  # fmt: skip
floordiv: Binary = binary(
    "floordiv", "floor_divide", "floor(x0 / x1)",
    no_grad="a step function", partial=operator.floordiv, takes="number",
)  # fmt: skip
mod: Binary = binary(
    "mod", "remainder", "x0 - floor(x0 / x1) * x1",
    (lambda g, y, a, b: g, lambda g, y, a, b: negative(g * floordiv(a, b))), partial=operator.mod, takes="number",
)  # fmt: skip


def _pow_exponent_grad(g: Tensor, y: Tensor, a: Tensor, b: Tensor) -> Tensor:
    positive = greater(a, 0)
    return multiply(multiply(g, y), where(positive, log(where(positive, a, 1)), 0))


pow: Binary = binary(
    "pow", "power", "pow(x0, x1)",
    (lambda g, y, a, b: g * b * pow(a, b - 1), _pow_exponent_grad),
    simplify=_simplify_pow, takes="number", precision="full",
)  # fmt: skip
negative: Unary = unary("negative", "negative", "-x0", lambda g, y, x: negative(g),
                 partial=operator.neg, simplify=_simplify_negative, takes="number")  # fmt: skip
abs: Unary = unary("abs", "absolute", "fabs(x0)", lambda g, y, x: g * sign(x), partial=operator.abs, takes="number")
sign: Unary = unary("sign", "sign", "x0 > 0 ? 1 : x0 < 0 ? -1 : x0 == 0 ? 0 : x0",
             lambda g, y, x: zeros_like(x), takes="number")  # fmt: skip
square: Unary = unary("square", "square", "x0 * x0", lambda g, y, x: (g * 2) * x, takes="number", precision="full")
sqrt: Unary = unary("sqrt", "sqrt", "sqrt(x0)", lambda g, y, x: (g * 0.5) / y, takes="float")
reciprocal: Unary = unary(
    "reciprocal", "reciprocal", "1 / x0", lambda g, y, x: negative(g * square(y)), takes="float", precision="full"
)


def _rsqrt(b: Binding) -> list[Thunk]:
    (x,), (out,) = b.ins, b.outs
    return [partial(b.xp.sqrt, x, out), partial(b.xp.reciprocal, out, out)]


rsqrt: Unary = unary("rsqrt", _rsqrt, "1 / sqrt(x0)", lambda g, y, x: (g * -0.5) * (y * square(y)),
              takes="float", inplace=(0,), precision="full")  # fmt: skip


def _root(b: Binding) -> list[Thunk]:
    (x,), (out,), xp = b.ins, b.outs, b.xp
    return [partial(xp.maximum, x, level(b, 0, x), out=out), partial(xp.sqrt, out, out)]


# The square root of numbers that rounding may have made negative; a plain maximum in front would turn the infinite
# slope there into inf * 0.
root: Unary = unary("root", _root, "sqrt(x0 < 0 ? (T)0 : x0)",
              lambda g, y, x: where(less(x, 0), 0, (g * 0.5) / y), takes="float", inplace=(0,),
              precision="full")  # fmt: skip


def _squared_difference(b: Binding) -> list[Thunk]:
    (x, y), (out,) = b.ins, b.outs
    return [partial(b.xp.subtract, x, y, out), partial(b.xp.square, out, out)]


squared_difference: Binary = binary(
    "squared_difference", _squared_difference, "(x0 - x1) * (x0 - x1)",
    (lambda g, y, a, b: (g * 2) * (a - b), lambda g, y, a, b: (g * 2) * (b - a)),
    inplace=(0, 1), takes="number", precision="full",
)  # fmt: skip

_ADD, _SUBTRACT, _MULTIPLY = REGISTRY["add"](), REGISTRY["subtract"](), REGISTRY["multiply"]()
_NEGATIVE, _SQUARE, _SQRT = REGISTRY["negative"](), REGISTRY["square"](), REGISTRY["sqrt"]()
_RSQRT, _RECIPROCAL = REGISTRY["rsqrt"](), REGISTRY["reciprocal"]()
#: Exponents that need no logarithm, and what to apply in turn (a product is with the base).
_POWERS: dict[float, list[Any]] = {
    1: [], 2: [_SQUARE], 3: [_SQUARE, _MULTIPLY], 4: [_SQUARE, _SQUARE], 0.5: [_SQRT], -0.5: [_RSQRT],
    -1: [_RECIPROCAL], -2: [_SQUARE, _RECIPROCAL],
}  # fmt: skip

# --- elementary functions -----------------------------------------------------------------------------------------

exp: Unary = unary("exp", "exp", "exp(x0)", lambda g, y, x: g * y, takes="float", precision="full")
expm1: Unary = unary("expm1", "expm1", "expm1(x0)", lambda g, y, x: g * (y + 1), takes="float", precision="full")
log: Unary = unary("log", "log", "log(x0)", lambda g, y, x: g / x, takes="float", precision="full")
log1p: Unary = unary("log1p", "log1p", "log1p(x0)", lambda g, y, x: g / (x + 1), takes="float", precision="full")
sin: Unary = unary("sin", "sin", "sin(x0)", lambda g, y, x: g * cos(x), takes="float")
cos: Unary = unary("cos", "cos", "cos(x0)", lambda g, y, x: negative(g * sin(x)), takes="float")
tan: Unary = unary("tan", "tan", "tan(x0)", lambda g, y, x: g * (square(y) + 1), takes="float", precision="full")
asin: Unary = unary("asin", "arcsin", "asin(x0)", lambda g, y, x: g * rsqrt(1 - square(x)), takes="float")
acos: Unary = unary("acos", "arccos", "acos(x0)", lambda g, y, x: negative(g * rsqrt(1 - square(x))), takes="float")
atan: Unary = unary("atan", "arctan", "atan(x0)", lambda g, y, x: g / (square(x) + 1), takes="float")
sinh: Unary = unary("sinh", "sinh", "sinh(x0)", lambda g, y, x: g * cosh(x), takes="float", precision="full")
cosh: Unary = unary("cosh", "cosh", "cosh(x0)", lambda g, y, x: g * sinh(x), takes="float", precision="full")
atan2: Binary = binary(
    "atan2", "arctan2", "atan2(x0, x1)",
    (lambda g, y, a, b: g * b / (square(a) + square(b)), lambda g, y, a, b: negative(g * a / (square(a) + square(b)))),
    takes="float",
)  # fmt: skip

# --- extremes, rounding -----------------------------------------------------------------------------------------


def _beyond(better: str) -> Any:
    """Simplifies maximum and minimum with a number to the operation that compares with a fixed number."""

    def simplify(op: Op, low: Any, ins: list[Any], shape: Any) -> Any:
        for x, y in (ins, ins[::-1]):
            if y.uniform is not None and x.uniform is None and x.shape == shape and x.dtype.is_floating:
                return low.emit({"at_least": _AT_LEAST, "at_most": _AT_MOST}[better](float(y.uniform)), [x])[0]
        return low.broadcast(ins[0], shape) if ins[0] is ins[1] else None

    return simplify


# Ties give the whole gradient to the first operand, as in TensorFlow.
maximum: Binary = binary(
    "maximum", "maximum", "fmax(x0, x1)",
    (lambda g, y, a, b: masked(g, greater_equal(a, b)), lambda g, y, a, b: masked(g, less(a, b))),
    simplify=_beyond("at_least"), partial=max,
)  # fmt: skip
minimum: Binary = binary(
    "minimum", "minimum", "fmin(x0, x1)",
    (lambda g, y, a, b: masked(g, less_equal(a, b)), lambda g, y, a, b: masked(g, greater(a, b))),
    simplify=_beyond("at_most"), partial=min,
)  # fmt: skip
_AT_LEAST = define(Row(
    "at_least", lambda b, a: [partial(b.xp.maximum, b.ins[0], level(b, a, b.ins[0]), out=b.outs[0])], "x0 < a ? a : x0",
    (lambda g, y, x, a: masked(g, greater_equal(x, a)),), inplace=(0,),
))  # fmt: skip
_AT_MOST = define(Row(
    "at_most", lambda b, a: [partial(b.xp.minimum, b.ins[0], level(b, a, b.ins[0]), out=b.outs[0])], "x0 > a ? a : x0",
    (lambda g, y, x, a: masked(g, less_equal(x, a)),), inplace=(0,),
))  # fmt: skip


def _clip(b: Binding, lo: float, hi: float) -> list[Thunk]:
    (x,), (out,), xp = b.ins, b.outs, b.xp
    return [
        partial(xp.minimum, x, level(b, hi, x), out=out),
        partial(xp.maximum, out, level(b, lo, out), out=out),
    ]


_CLIP = define(Row(
    "clip", _clip, "x0 < a ? a : x0 > b ? b : x0",
    (lambda g, y, x, lo, hi: masked(g, equal(x, y)),), inplace=(0,),
))  # fmt: skip


def clip(x: Any, lo: Any, hi: Any) -> Tensor:
    """`x` limited to `lo` .. `hi` (numbers or tensors); `lo` wins where they cross.

    The gradient passes where the limits did not change the value, limits included.
    """
    if all(isinstance(v, (int, float, np.number)) for v in (lo, hi)):
        x = as_operands(x, lo)[0]
        whole = float(lo).is_integer() and float(hi).is_integer()
        x = x if x.dtype.is_floating or whole else as_floats(x)[0]
        out: Tensor = apply(_CLIP(float(lo), float(hi)), x)
        return out
    return maximum(minimum(x, hi), lo)


def _rounding(name: str, ufunc: str, c: str) -> Any:
    whole = unary(name, ufunc, c, no_grad="a step function")

    def function(x: Any) -> Tensor:
        x = as_tensor(x)
        return whole(x) if x.dtype.is_floating else x

    function.__name__, function.__doc__ = name, whole.__doc__
    return function


round = _rounding("round", "rint", "rint(x0)")  # half to even
floor = _rounding("floor", "floor", "floor(x0)")
ceil = _rounding("ceil", "ceil", "ceil(x0)")

# --- comparisons and logic --------------------------------------------------------------------------------------

_TRUTH: dict[str, Any] = {"gives": "bool", "no_grad": "truth values have no gradient"}

equal: Binary = binary("equal", "equal", "x0 == x1", **_TRUTH)
not_equal: Binary = binary("not_equal", "not_equal", "x0 != x1", **_TRUTH)
less: Binary = binary("less", "less", "x0 < x1", **_TRUTH)
less_equal: Binary = binary("less_equal", "less_equal", "x0 <= x1", **_TRUTH)
greater: Binary = binary("greater", "greater", "x0 > x1", **_TRUTH)
greater_equal: Binary = binary("greater_equal", "greater_equal", "x0 >= x1", **_TRUTH)
logical_and: Binary = binary("logical_and", "logical_and", "x0 && x1", takes="bool", **_TRUTH)
logical_or: Binary = binary("logical_or", "logical_or", "x0 || x1", takes="bool", **_TRUTH)
logical_xor: Binary = binary("logical_xor", "logical_xor", "x0 != x1", takes="bool", **_TRUTH)
logical_not: Unary = unary("logical_not", "logical_not", "!x0", takes="bool", **_TRUTH)
isnan: Unary = unary("isnan", "isnan", "isnan(x0)", **_TRUTH)
isinf: Unary = unary("isinf", "isinf", "isinf(x0)", **_TRUTH)
isfinite: Unary = unary("isfinite", "isfinite", "isfinite(x0)", **_TRUTH)


# --- selection --------------------------------------------------------------------------------------------------


def _simplify_masked(op: Op, low: Any, ins: list[Any], shape: Any) -> Any:
    mask, x = ins
    if mask.uniform is not None:
        return low.broadcast(x, shape) if mask.uniform else low.constant(0, shape, x.dtype)
    return low.constant(0, shape, x.dtype) if x.uniform is not None and x.uniform == 0 else None


# Choices are made on the bits, x & mask and y ^ ((x ^ y) & mask): several times faster than NumPy's masked copies,
# and unlike products with truth values they let no infinity through.


def _bits(b: Binding, condition: Any) -> tuple[Any, list[Thunk]]:
    """All ones where the condition is true, as integers of the output's size; and what computes them."""
    mask = b.scratch[0]
    return mask, [partial(b.xp.copyto, mask, condition), partial(b.xp.negative, mask, mask)]


def _masked(b: Binding) -> list[Thunk]:
    (condition, x), (out,), xp = b.ins, b.outs, b.xp
    mask, thunks = _bits(b, condition)
    return [*thunks, partial(xp.bitwise_and, x.view(mask.dtype), mask, out.view(mask.dtype))]


_MASKED = define(Row(
    "masked", _masked, "x0 ? x1 : 0",
    (None, lambda g, y, mask, x: masked(g, mask)), inplace=(1,), scratch=("bits",), simplify=_simplify_masked,
))()  # fmt: skip


def masked(x: Any, mask: Any) -> Tensor:
    """`x` where `mask` is true (nonzero), 0 elsewhere."""
    out: Tensor = apply(_MASKED, *as_bools(mask), as_tensor(x))
    return out


def _where(b: Binding) -> list[Thunk]:
    (condition, x, y), (out,), xp = b.ins, b.outs, b.xp
    mask, thunks = _bits(b, condition)
    xi, yi, oi = x.view(mask.dtype), y.view(mask.dtype), out.view(mask.dtype)
    return [
        *thunks,
        partial(xp.bitwise_xor, xi, yi, oi),
        partial(xp.bitwise_and, oi, mask, oi),
        partial(xp.bitwise_xor, oi, yi, oi),
    ]


def _simplify_where(op: Op, low: Any, ins: list[Any], shape: Any) -> Any:
    condition, x, y = ins
    if condition.uniform is None and x is not y:
        return None
    return low.broadcast(x if condition.uniform or x is y else y, shape)


_WHERE = define(Row(
    "where", _where, "x0 ? x1 : x2",
    (None, lambda g, y, c, a, b: where(c, g, 0), lambda g, y, c, a, b: where(c, 0, g)),
    inplace=(1,), scratch=("bits",), simplify=_simplify_where,
))()  # fmt: skip


def where(condition: Any, x: Any, y: Any) -> Tensor:
    """Elements of `x` where `condition` is true (nonzero), of `y` elsewhere; all three broadcast."""
    out: Tensor = apply(_WHERE, *as_bools(condition), *as_operands(x, y))
    return out


# --- conversions ------------------------------------------------------------------------------------------------


class Cast(Op):
    """Conversion to another dtype; to bool, nonzero is true; floats are cut to integers towards 0."""

    elementwise = True

    def __init__(self, dtype: DType) -> None:
        self.dtype = dtype

    def infer(self, ins: Sequence[Spec], values: Sequence[Partial]) -> Spec:
        return Spec(ins[0].shape, self.dtype)

    def partial(self, ins: Sequence[Partial], specs: Sequence[Spec]) -> Partial:
        return ins[0] if specs[0].dtype.is_integer else None

    def grad(self, node: Node, dys: Sequence[Tensor | None]) -> Sequence[Tensor | None]:
        x = node.inputs[0]
        return [None if dys[0] is None or not x.dtype.is_floating else cast(dys[0], x.dtype)]

    def simplify(self, lowering: Any, ins: list[Any]) -> Any:
        return ins[0] if ins[0].dtype == self.dtype else None

    def bind(self, b: Binding) -> Sequence[Thunk]:
        return [partial(b.xp.copyto, b.outs[0], b.ins[0], "unsafe")]


def cast(x: Any, dtype: Any) -> Tensor:
    """`x` as `dtype`; `x` itself when it has it already."""
    dtype = as_dtype(dtype)
    return to_dtype(x, dtype) if isinstance(x, Tensor) else as_tensor(x, dtype)


class _Same(Op):
    """Base of operations whose result is their input."""

    elementwise = True
    is_view = True

    def infer(self, ins: Sequence[Spec], values: Sequence[Partial]) -> Spec:
        return ins[0]

    def partial(self, ins: Sequence[Partial], specs: Sequence[Spec]) -> Partial:
        return ins[0]

    def simplify(self, lowering: Any, ins: list[Any]) -> Any:
        return ins[0]

    def view(self, x: Any, shape: tuple[int, ...]) -> Any:
        return x

    def bind(self, b: Binding) -> Sequence[Thunk]:
        return [partial(b.xp.copyto, b.outs[0], b.ins[0])]


class Identity(_Same):
    """The input again, as a tensor of its own."""

    def grad(self, node: Node, dys: Sequence[Tensor | None]) -> Sequence[Tensor | None]:
        return dys


class StopGradient(_Same):
    """The input, as a constant to gradients."""

    name = "stop_gradient"
    no_grad = "its purpose"

    def grad(self, node: Node, dys: Sequence[Tensor | None]) -> Sequence[Tensor | None]:
        return [None]


def identity(x: Any) -> Tensor:
    """A new tensor with the values of `x`."""
    out: Tensor = apply(Identity(), as_tensor(x))
    return out


def stop_gradient(x: Any) -> Tensor:
    """`x`, with nothing to be differentiated behind it."""
    out: Tensor = apply(StopGradient(), as_tensor(x))
    return out
