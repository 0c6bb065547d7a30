"""Elementwise functions, comparisons and reductions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import ops
from ..graph.dtype import floatx as _floatx
from ..graph.tensor import Tensor, as_tensor

__all__ = [
    "abs",
    "all",
    "any",
    "argmax",
    "argmin",
    "cast",
    "clip",
    "cos",
    "cumprod",
    "cumsum",
    "equal",
    "exp",
    "greater",
    "greater_equal",
    "identity",
    "less",
    "less_equal",
    "log",
    "logsumexp",
    "max",
    "maximum",
    "mean",
    "min",
    "minimum",
    "not_equal",
    "pow",
    "prod",
    "round",
    "sign",
    "sin",
    "sqrt",
    "square",
    "std",
    "sum",
    "var",
]

Axis = int | Sequence[int] | None


def abs(x: Any) -> Tensor:
    """Returns the absolute value, element by element.

    Arguments:
        x: tensor or array.

    Returns:
        Tensor of the same shape.
    """
    return ops.abs(x)


def square(x: Any) -> Tensor:
    """Returns the square, element by element.

    Arguments:
        x: tensor or array.

    Returns:
        Tensor of the same shape.
    """
    return ops.square(x)


def exp(x: Any) -> Tensor:
    """Returns the exponential, element by element.

    Arguments:
        x: tensor or array.

    Returns:
        Tensor of the same shape.
    """
    return ops.exp(x)


def log(x: Any) -> Tensor:
    """Returns the natural logarithm, element by element.

    Arguments:
        x: tensor or array.

    Returns:
        Tensor of the same shape.
    """
    return ops.log(x)


def sign(x: Any) -> Tensor:
    """Returns the sign, -1, 0 or 1, element by element.

    Arguments:
        x: tensor or array.

    Returns:
        Tensor of the same shape.
    """
    return ops.sign(x)


def sin(x: Any) -> Tensor:
    """Returns the sine, element by element.

    Arguments:
        x: tensor or array.

    Returns:
        Tensor of the same shape.
    """
    return ops.sin(x)


def cos(x: Any) -> Tensor:
    """Returns the cosine, element by element.

    Arguments:
        x: tensor or array.

    Returns:
        Tensor of the same shape.
    """
    return ops.cos(x)


def round(x: Any) -> Tensor:
    """Returns the nearest integer, element by element; halves go to the even one.

    Arguments:
        x: tensor or array.

    Returns:
        Tensor of the same shape.
    """
    return ops.round(x)


def sqrt(x: Any) -> Tensor:
    """Returns the square root, element by element; that of a negative number is 0.

    Arguments:
        x: tensor or array.

    Returns:
        Tensor of the same shape.
    """
    return ops.root(x)


def pow(x: Any, a: Any) -> Tensor:
    """Returns a power, element by element.

    Arguments:
        x: tensor or array.
        a: exponent: number or tensor.

    Returns:
        Tensor.
    """
    return ops.pow(x, a)


def clip(x: Any, min_value: Any, max_value: Any) -> Tensor:
    """Returns `x` limited to an interval, element by element.

    Arguments:
        x: tensor or array.
        min_value: lower limit: number, tensor, or None for none.
        max_value: upper limit: number, tensor, or None for none; taken for `min_value` when below it.

    Returns:
        Tensor of the same shape.
    """
    if isinstance(min_value, Tensor) or isinstance(max_value, Tensor):
        if max_value is not None:
            x = ops.minimum(x, max_value)
        return x if min_value is None else ops.maximum(x, min_value)
    if min_value is None:
        return as_tensor(x) if max_value is None else ops.minimum(x, max_value)
    if max_value is None:
        return ops.maximum(x, min_value)
    return ops.clip(x, min_value, min_value if max_value < min_value else max_value)


def maximum(x: Any, y: Any) -> Tensor:
    """Returns the larger of two values, element by element.

    Arguments:
        x: tensor or array.
        y: tensor, array or number of a shape that broadcasts with that of `x`.

    Returns:
        Tensor of the broadcast shape.
    """
    return ops.maximum(x, y)


def minimum(x: Any, y: Any) -> Tensor:
    """Returns the smaller of two values, element by element.

    Arguments:
        x: tensor or array.
        y: tensor, array or number of a shape that broadcasts with that of `x`.

    Returns:
        Tensor of the broadcast shape.
    """
    return ops.minimum(x, y)


def equal(x: Any, y: Any) -> Tensor:
    """Returns whether two values are equal, element by element.

    Arguments:
        x: tensor or array.
        y: tensor, array or number of a shape that broadcasts with that of `x`.

    Returns:
        bool tensor of the broadcast shape.
    """
    return ops.equal(x, y)


def not_equal(x: Any, y: Any) -> Tensor:
    """Returns whether two values differ, element by element.

    Arguments:
        x: tensor or array.
        y: tensor, array or number of a shape that broadcasts with that of `x`.

    Returns:
        bool tensor of the broadcast shape.
    """
    return ops.not_equal(x, y)


def greater(x: Any, y: Any) -> Tensor:
    """Returns whether x > y, element by element.

    Arguments:
        x: tensor or array.
        y: tensor, array or number of a shape that broadcasts with that of `x`.

    Returns:
        bool tensor of the broadcast shape.
    """
    return ops.greater(x, y)


def greater_equal(x: Any, y: Any) -> Tensor:
    """Returns whether x >= y, element by element.

    Arguments:
        x: tensor or array.
        y: tensor, array or number of a shape that broadcasts with that of `x`.

    Returns:
        bool tensor of the broadcast shape.
    """
    return ops.greater_equal(x, y)


def less(x: Any, y: Any) -> Tensor:
    """Returns whether x < y, element by element.

    Arguments:
        x: tensor or array.
        y: tensor, array or number of a shape that broadcasts with that of `x`.

    Returns:
        bool tensor of the broadcast shape.
    """
    return ops.less(x, y)


def less_equal(x: Any, y: Any) -> Tensor:
    """Returns whether x <= y, element by element.

    Arguments:
        x: tensor or array.
        y: tensor, array or number of a shape that broadcasts with that of `x`.

    Returns:
        bool tensor of the broadcast shape.
    """
    return ops.less_equal(x, y)


def sum(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Returns the sum of the elements.

    Arguments:
        x: tensor or array.
        axis: axis or axes to reduce, negative counting from the last; None for all.
        keepdims: whether reduced axes stay, with length 1.

    Returns:
        Tensor without the reduced axes.
    """
    return ops.sum(x, axis, keepdims)


def prod(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Returns the product of the elements.

    Arguments:
        x: tensor or array.
        axis: axis or axes to reduce, negative counting from the last; None for all.
        keepdims: whether reduced axes stay, with length 1.

    Returns:
        Tensor without the reduced axes.
    """
    return ops.prod(x, axis, keepdims)


def max(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Returns the largest element.

    Arguments:
        x: tensor or array.
        axis: axis or axes to reduce, negative counting from the last; None for all.
        keepdims: whether reduced axes stay, with length 1.

    Returns:
        Tensor without the reduced axes.
    """
    return ops.max(x, axis, keepdims)


def min(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Returns the smallest element.

    Arguments:
        x: tensor or array.
        axis: axis or axes to reduce, negative counting from the last; None for all.
        keepdims: whether reduced axes stay, with length 1.

    Returns:
        Tensor without the reduced axes.
    """
    return ops.min(x, axis, keepdims)


def mean(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Returns the mean of the elements; bools count as 0 and 1 of type floatx.

    Arguments:
        x: tensor or array.
        axis: axis or axes to reduce, negative counting from the last; None for all.
        keepdims: whether reduced axes stay, with length 1.

    Returns:
        Tensor without the reduced axes.
    """
    return ops.mean(x, axis, keepdims)


def var(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Returns the variance of the elements (the mean squared deviation, without Bessel's correction).

    Arguments:
        x: tensor or array.
        axis: axis or axes to reduce, negative counting from the last; None for all.
        keepdims: whether reduced axes stay, with length 1.

    Returns:
        Tensor without the reduced axes.
    """
    x = as_tensor(x)
    if x.dtype.is_bool:
        x = ops.cast(x, _floatx())
    return ops.mean(ops.square(x - ops.mean(x, axis, True)), axis, keepdims)


def std(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Returns the standard deviation of the elements (the square root of `var`).

    Arguments:
        x: tensor or array.
        axis: axis or axes to reduce, negative counting from the last; None for all.
        keepdims: whether reduced axes stay, with length 1.

    Returns:
        Tensor without the reduced axes.
    """
    return ops.sqrt(var(x, axis, keepdims))


def logsumexp(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Returns log(sum(exp(x))), computed without overflow.

    Arguments:
        x: tensor or array.
        axis: axis or axes to reduce, negative counting from the last; None for all.
        keepdims: whether reduced axes stay, with length 1.

    Returns:
        Tensor without the reduced axes.
    """
    return ops.logsumexp(x, axis, keepdims)


def any(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Returns whether some element is true (not zero).

    Arguments:
        x: tensor or array.
        axis: axis or axes to reduce, negative counting from the last; None for all.
        keepdims: whether reduced axes stay, with length 1.

    Returns:
        bool tensor without the reduced axes.
    """
    return ops.any(x, axis, keepdims)


def all(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Returns whether every element is true (not zero).

    Arguments:
        x: tensor or array.
        axis: axis or axes to reduce, negative counting from the last; None for all.
        keepdims: whether reduced axes stay, with length 1.

    Returns:
        bool tensor without the reduced axes.
    """
    return ops.all(x, axis, keepdims)


def argmax(x: Any, axis: int = -1) -> Tensor:
    """Returns the index of the largest element along an axis, the first of equals.

    Arguments:
        x: tensor or array.
        axis: int.

    Returns:
        int64 tensor without that axis.
    """
    return ops.argmax(x, axis)


def argmin(x: Any, axis: int = -1) -> Tensor:
    """Returns the index of the smallest element along an axis, the first of equals.

    Arguments:
        x: tensor or array.
        axis: int.

    Returns:
        int64 tensor without that axis.
    """
    return ops.argmin(x, axis)


def cumsum(x: Any, axis: int = 0) -> Tensor:
    """Returns the running sum along an axis.

    Arguments:
        x: tensor or array.
        axis: int.

    Returns:
        Tensor of the same shape.
    """
    return ops.cumsum(x, axis)


def cumprod(x: Any, axis: int = 0) -> Tensor:
    """Returns the running product along an axis.

    Arguments:
        x: tensor or array.
        axis: int.

    Returns:
        Tensor of the same shape.
    """
    return ops.cumprod(x, axis)


def cast(x: Any, dtype: Any) -> Tensor:
    """Returns a tensor converted to another element type; floats become integers by dropping the fraction.

    Arguments:
        x: tensor or array.
        dtype: name of the type, e.g. 'float32', 'int64', 'bool'.

    Returns:
        Tensor of the same shape; `x` itself when it has that type already.
    """
    return ops.cast(x, dtype)


def identity(x: Any, name: str | None = None) -> Tensor:
    """Returns a new tensor with the content of `x`.

    Arguments:
        x: tensor or array.
        name: accepted for compatibility.

    Returns:
        Tensor of the same shape and type.
    """
    return ops.identity(x)
