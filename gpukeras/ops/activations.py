"""Activation functions and their gradients, which read the function's result rather than its input."""

from __future__ import annotations

from functools import partial
from typing import Any

from ..graph.op import Binding, Thunk
from ..graph.tensor import Tensor, apply
from .elementwise import abs, add, greater, masked, multiply, square, where
from .operands import as_floats
from .pointwise import Binary, Elementwise, Row, Unary, binary, define, level, number, unary

__all__ = [
    "elu", "hard_sigmoid", "leaky_relu", "relu", "relu_grad", "selu", "sigmoid", "sigmoid_grad", "softplus",
    "softsign", "tanh", "tanh_grad",
]  # fmt: skip

# Each gradient `f_grad(dy, y)` is linear in dy, so its own gradient with respect to dy is itself again.


def _apply(op: Elementwise, *inputs: Tensor) -> Tensor:
    out: Tensor = apply(op, *inputs)
    return out


# --- relu -------------------------------------------------------------------------------------------------------


def _relu(b: Binding) -> list[Thunk]:
    (x,) = b.ins
    return [partial(b.xp.maximum, x, level(b, 0, x), out=b.outs[0])]


def _relu_grad(b: Binding) -> list[Thunk]:
    (dy, y), (mask,) = b.ins, b.scratch
    return [
        partial(b.xp.greater, y, number(b, 0), mask),
        partial(b.xp.multiply, dy, mask, b.outs[0]),
    ]


# A product, as in TensorFlow: an infinite gradient gives NaN where it is masked.
relu_grad: Binary = binary("relu_grad", _relu_grad, "x0 * (x1 > 0 ? 1 : 0)",
                   (lambda g, dx, dy, y: relu_grad(g, y), None), inplace=(0, 1), scratch=("bool",))  # fmt: skip
relu: Unary = unary("relu", _relu, "x0 < 0 ? 0 : x0", lambda g, y, x: relu_grad(g, y), inplace=(0,))

# --- sigmoid, tanh ----------------------------------------------------------------------------------------------


def _sigmoid(b: Binding) -> list[Thunk]:
    (x,), (out,), xp = b.ins, b.outs, b.xp
    return [
        partial(xp.negative, x, out),
        partial(xp.exp, out, out),  # overflows to infinity for very negative x, of which the reciprocal is right
        partial(xp.add, out, number(b, 1), out),
        partial(xp.reciprocal, out, out),
    ]


def _sigmoid_grad(b: Binding) -> list[Thunk]:
    (dy, y), (s,), xp = b.ins, b.scratch, b.xp
    return [
        partial(xp.subtract, number(b, 1), y, s),
        partial(xp.multiply, s, y, s),
        partial(xp.multiply, dy, s, b.outs[0]),
    ]


def _tanh_grad(b: Binding) -> list[Thunk]:
    (dy, y), (s,), xp = b.ins, b.scratch, b.xp
    return [
        partial(xp.multiply, y, y, s),
        partial(xp.subtract, number(b, 1), s, s),
        partial(xp.multiply, dy, s, b.outs[0]),
    ]


sigmoid_grad: Binary = binary(
    "sigmoid_grad", _sigmoid_grad, "x0 * ((1 - x1) * x1)",
    (lambda g, dx, dy, y: sigmoid_grad(g, y), lambda g, dx, dy, y: g * dy * (1 - 2 * y)),
    inplace=(0, 1), scratch=("",),
)  # fmt: skip
sigmoid: Unary = unary("sigmoid", _sigmoid, "1 / (1 + exp(-x0))", lambda g, y, x: sigmoid_grad(g, y),
                takes="float", inplace=(0,), precision="full")  # fmt: skip
tanh_grad: Binary = binary(
    "tanh_grad", _tanh_grad, "x0 * (1 - x1 * x1)",
    (lambda g, dx, dy, y: tanh_grad(g, y), lambda g, dx, dy, y: (g * dy) * (-2 * y)),
    inplace=(0, 1), scratch=("",),
)  # fmt: skip
tanh: Unary = unary("tanh", "tanh", "tanh(x0)", lambda g, y, x: tanh_grad(g, y), takes="float")

# --- hard sigmoid -----------------------------------------------------------------------------------------------


def _hard_sigmoid(b: Binding) -> list[Thunk]:
    (x,), (out,), xp = b.ins, b.outs, b.xp
    return [
        partial(xp.multiply, x, number(b, 0.2), out),
        partial(xp.add, out, number(b, 0.5), out),
        partial(xp.minimum, out, level(b, 1, out), out=out),
        partial(xp.maximum, out, level(b, 0, out), out=out),
    ]


def _hard_sigmoid_grad(b: Binding) -> list[Thunk]:
    (dy, x), (out,), (s, mask), xp = b.ins, b.outs, b.scratch, b.xp
    return [  # 0 beyond the slope even for an infinite gradient, as in TensorFlow, which clips
        partial(xp.absolute, x, s),
        partial(xp.less_equal, s, number(b, 2.5), mask),
        partial(xp.logical_not, mask, mask),
        partial(xp.multiply, dy, number(b, 0.2), out),
        partial(xp.copyto, out, number(b, 0), where=mask),
    ]


_hard_sigmoid_backward: Binary = binary(
    "hard_sigmoid_grad", _hard_sigmoid_grad, "fabs(x1) <= 2.5 ? x0 * (T)0.2 : 0",
    (lambda g, dx, dy, x: _hard_sigmoid_backward(g, x), None), inplace=(0, 1), scratch=("", "bool"),
)  # fmt: skip
hard_sigmoid: Unary = unary("hard_sigmoid", _hard_sigmoid, "fmax(0, fmin(1, (T)0.2 * x0 + (T)0.5))",
                     lambda g, y, x: _hard_sigmoid_backward(g, x), takes="float", inplace=(0,))  # fmt: skip

# --- the elu family ---------------------------------------------------------------------------------------------


def _elu(b: Binding, alpha: float) -> list[Thunk]:
    (x,), (out,), (s,), xp = b.ins, b.outs, b.scratch, b.xp
    low: list[Thunk] = [partial(xp.minimum, x, level(b, 0, x), out=s), partial(xp.expm1, s, s)]
    if alpha != 1:
        low.append(partial(xp.multiply, s, number(b, alpha), s))
    return [*low, partial(xp.maximum, x, level(b, 0, x), out=out), partial(xp.add, out, s, out)]


def _elu_grad(b: Binding) -> list[Thunk]:
    (dy, y), (s,), xp = b.ins, b.scratch, b.xp
    return [
        partial(xp.minimum, y, level(b, 0, y), out=s),
        partial(xp.add, s, number(b, 1), s),
        partial(xp.multiply, dy, s, b.outs[0]),
    ]


# For alpha = 1 the slope is 1 + min(y, 0) on both sides.
_unit_elu_backward: Binary = binary(
    "elu_grad", _elu_grad, "x0 * (1 + (x1 > 0 ? 0 : x1))",
    (lambda g, dx, dy, y: _unit_elu_backward(g, y), lambda g, dx, dy, y: masked(g * dy, y < 0)),
    inplace=(0, 1), scratch=("",),
)  # fmt: skip


def _elu_backward(g: Tensor, y: Tensor, x: Tensor, alpha: float) -> Tensor:
    if alpha == 1:
        return _unit_elu_backward(g, y)
    return where(greater(x, 0), g, multiply(g, add(y, alpha)))


_ELU = define(Row("elu", _elu, "x0 > 0 ? x0 : a * expm1(x0)", (_elu_backward,), inplace=(0,), scratch=("",)))


def elu(x: Any, alpha: float = 1.0) -> Tensor:
    """Exponential linear unit: `x` above 0, alpha * (exp(x) - 1) below."""
    return _apply(_ELU(float(alpha)), *as_floats(x))


def selu(x: Any) -> Tensor:
    """Scaled exponential linear unit (Klambauer et al., 2017)."""
    return multiply(elu(x, 1.6732632423543772), 1.0507009873554805)


def _leaky_relu(b: Binding, alpha: float) -> list[Thunk]:
    (x,), (s,), xp = b.ins, b.scratch, b.xp
    steeper = xp.maximum if alpha <= 1 else xp.minimum
    return [partial(xp.multiply, x, number(b, alpha), s), partial(steeper, x, s, out=b.outs[0])]


def _leaky_relu_grad(b: Binding, alpha: float) -> list[Thunk]:
    (dy, x), (s, mask), xp = b.ins, b.scratch, b.xp
    return [
        partial(xp.greater, x, number(b, 0), mask),
        partial(xp.multiply, mask, number(b, 1 - alpha), s),
        partial(xp.add, s, number(b, alpha), s),
        partial(xp.multiply, dy, s, b.outs[0]),
    ]


_LEAKY_RELU_GRAD: type[Elementwise] = define(Row(
    "leaky_relu_grad", _leaky_relu_grad, "x1 > 0 ? x0 : a * x0",
    (lambda g, dx, dy, x, alpha: _apply(_LEAKY_RELU_GRAD(alpha), g, x), None), inplace=(0, 1), scratch=("", "bool"),
))  # fmt: skip
_LEAKY_RELU = define(Row(
    "leaky_relu", _leaky_relu, "x0 > 0 ? x0 : a * x0",
    (lambda g, y, x, alpha: _apply(_LEAKY_RELU_GRAD(alpha), g, x),), inplace=(0,), scratch=("",),
))  # fmt: skip


def leaky_relu(x: Any, alpha: float = 0.2) -> Tensor:
    """`x` above 0, alpha * x below."""
    return _apply(_LEAKY_RELU(float(alpha)), *as_floats(x))


# --- softplus, softsign -----------------------------------------------------------------------------------------


def _softplus(b: Binding) -> list[Thunk]:
    (x,), (out,), (s,), xp = b.ins, b.outs, b.scratch, b.xp
    return [  # max(x, 0) + log(1 + exp(-|x|)): no overflow, and faster than logaddexp
        partial(xp.absolute, x, s),
        partial(xp.negative, s, s),
        partial(xp.exp, s, s),
        partial(xp.log1p, s, s),
        partial(xp.maximum, x, level(b, 0, x), out=out),
        partial(xp.add, out, s, out),
    ]


def _softsign(b: Binding) -> list[Thunk]:
    (x,), (s,), xp = b.ins, b.scratch, b.xp
    return [
        partial(xp.absolute, x, s),
        partial(xp.add, s, number(b, 1), s),
        partial(xp.divide, x, s, b.outs[0]),
    ]


softplus: Unary = unary("softplus", _softplus, "fmax(x0, 0) + log1p(exp(-fabs(x0)))", lambda g, y, x: g * sigmoid(x),
                 takes="float", inplace=(0,), scratch=("",), precision="full")  # fmt: skip
softsign: Unary = unary("softsign", _softsign, "x0 / (1 + fabs(x0))", lambda g, y, x: g * square(1 - abs(y)),
                 takes="float", inplace=(0,), scratch=("",))  # fmt: skip
