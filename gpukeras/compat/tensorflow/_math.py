"""Elementwise functions, reductions and running sums."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ... import ops
from ...graph.tensor import Tensor
from ._base import axes_of, convert, label, named, pair, rank_of, sizes, static

# --- elementwise: name -> operation --------------------------------------------------------------------------------


def _round_away(x: Tensor) -> Tensor:
    return ops.sign(x) * ops.floor(ops.abs(x) + 0.5)


def _asinh(x: Tensor) -> Tensor:
    size = ops.abs(x)
    square = ops.square(size)
    return ops.sign(x) * ops.log1p(size + square / (1 + ops.sqrt(square + 1)))


def _acosh(x: Tensor) -> Tensor:
    above = x - 1
    return ops.log1p(above + ops.sqrt(above * (above + 2)))


# Lanczos' approximation (g = 7, nine terms), good to 15 digits; reflection serves arguments below 1/2.
_LANCZOS = (0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
            12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7)  # fmt: skip


def _lgamma_positive(x: Tensor) -> Tensor:
    z = x - 1
    total: Any = _LANCZOS[0]
    for i, c in enumerate(_LANCZOS[1:], 1):
        total = c / (z + i) + total
    t = z + 7.5
    return 0.5 * float(np.log(2 * np.pi)) + (z + 0.5) * ops.log(t) - t + ops.log(total)


def _lgamma(x: Tensor) -> Tensor:
    low = x < 0.5
    y = _lgamma_positive(ops.where(low, 1 - x, x))
    sine = ops.where(low, ops.sin(float(np.pi) * (x - ops.floor(x))), 1)
    return ops.where(low, float(np.log(np.pi)) - ops.log(ops.abs(sine)) - y, y)


def _digamma(x: Tensor) -> Tensor:
    """The asymptotic series at x + 8 or more, after eight steps of digamma(x) = digamma(x + 1) - 1/x."""
    low = x < 0.5
    y = ops.where(low, 1 - x, x)
    steps: Any = 0.0
    for _ in range(8):
        steps, y = steps - 1 / y, y + 1
    inverse = ops.square(ops.reciprocal(y))
    tail = inverse * (1 / 12 - inverse * (1 / 120 - inverse * (1 / 252 - inverse * (1 / 240 - inverse / 132))))
    value = ops.log(y) - 0.5 / y - tail + steps
    return ops.where(low, value - float(np.pi) / ops.tan(float(np.pi) * ops.where(low, x, 0.25)), value)


_UNARY: dict[str, Callable[[Tensor], Tensor]] = {
    "abs": ops.abs, "acos": ops.acos, "acosh": _acosh, "asin": ops.asin, "asinh": _asinh, "atan": ops.atan,
    "atanh": lambda x: 0.5 * ops.log1p(2 * x / (1 - x)), "ceil": ops.ceil, "cos": ops.cos, "cosh": ops.cosh,
    "digamma": _digamma, "erf": ops.erf, "erfc": lambda x: 1 - ops.erf(x), "exp": ops.exp, "expm1": ops.expm1,
    "floor": ops.floor, "is_finite": ops.isfinite, "is_inf": ops.isinf, "is_nan": ops.isnan, "lgamma": _lgamma,
    "log": ops.log, "log1p": ops.log1p, "log_sigmoid": lambda x: -ops.softplus(-x), "logical_not": ops.logical_not,
    "negative": ops.negative, "reciprocal": ops.reciprocal, "rint": ops.round, "round": ops.round,
    "rsqrt": ops.rsqrt, "sigmoid": ops.sigmoid, "sign": ops.sign, "sin": ops.sin, "sinh": ops.sinh,
    "sqrt": ops.sqrt, "square": ops.square, "tan": ops.tan, "tanh": ops.tanh,
    "real": lambda x: x, "conj": lambda x: x, "imag": ops.zeros_like,
}  # fmt: skip

_BINARY: dict[str, Callable[[Any, Any], Tensor]] = {
    "add": ops.add, "subtract": ops.subtract, "multiply": ops.multiply, "divide": ops.divide, "truediv": ops.divide,
    "realdiv": ops.divide, "floordiv": ops.floordiv, "floor_div": ops.floordiv, "mod": ops.mod, "floormod": ops.mod,
    "pow": ops.pow, "maximum": ops.maximum, "minimum": ops.minimum, "squared_difference": ops.squared_difference,
    "equal": ops.equal, "not_equal": ops.not_equal, "less": ops.less, "less_equal": ops.less_equal,
    "greater": ops.greater, "greater_equal": ops.greater_equal, "logical_and": ops.logical_and,
    "logical_or": ops.logical_or, "logical_xor": ops.logical_xor, "atan2": ops.atan2,
}  # fmt: skip


def _unary(name: str, function: Callable[[Tensor], Tensor]) -> Callable[..., Tensor]:
    def call(x: Any = None, name: str | None = None, **kwargs: Any) -> Tensor:
        if x is None:  # older signatures call it features, input or tensor
            x = _only(kwargs, call.__name__)
        x = convert(x)
        return label(function(x), name, (x,))  # type: ignore[no-any-return]

    return _dressed(call, name, "x")


def _only(kwargs: dict[str, Any], function: str) -> Any:
    if len(kwargs) == 1 and next(iter(kwargs)) in ("features", "input", "tensor", "a", "logits"):
        return kwargs.popitem()[1]
    raise TypeError(f"tensorflow.{function}: expected x and name, got {', '.join(kwargs) or 'nothing'}")


def _binary(name: str, function: Callable[[Any, Any], Tensor]) -> Callable[..., Tensor]:
    def call(x: Any, y: Any, name: str | None = None) -> Tensor:
        return label(function(*pair(x, y)), name, (x, y))  # type: ignore[no-any-return]

    return _dressed(call, name, "x, y")


def _dressed(call: Any, name: str, arguments: str) -> Any:
    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"tf.{name}({arguments}), element by element."
    return call


globals().update({name: _unary(name, function) for name, function in _UNARY.items()})
globals().update({name: _binary(name, function) for name, function in _BINARY.items()})


@named
def div(x: Any, y: Any, name: str | None = None) -> Tensor:
    """x / y as Python 2 divides: integers round down."""
    x, y = pair(x, y)
    a = x if isinstance(x, Tensor) else convert(x)
    return ops.divide(x, y) if a.dtype.is_floating else ops.floordiv(x, y)


@named
def div_no_nan(x: Any, y: Any, name: str | None = None) -> Tensor:
    """x / y, 0 where y is 0."""
    x, y = (convert(v) for v in pair(x, y))
    zero = ops.equal(y, 0)
    return ops.where(zero, 0, ops.divide(x, ops.where(zero, 1, y)))


@named
def truncatediv(x: Any, y: Any, name: str | None = None) -> Tensor:
    """x / y rounded towards 0."""
    x, y = (convert(v) for v in pair(x, y))
    down = ops.floordiv(ops.abs(x), ops.abs(y))
    return ops.sign(x) * ops.sign(y) * down


@named
def truncatemod(x: Any, y: Any, name: str | None = None) -> Tensor:
    """The rest of x / y rounded towards 0, of the sign of x."""
    x, y = (convert(v) for v in pair(x, y))
    return ops.sign(x) * ops.mod(ops.abs(x), ops.abs(y))


@named
def xlogy(x: Any, y: Any, name: str | None = None) -> Tensor:
    """x * log(y), 0 where x is 0."""
    x, y = (convert(v) for v in pair(x, y))
    zero = ops.equal(x, 0)
    return ops.where(zero, 0, x * ops.log(ops.where(zero, 1, y)))


@named
def xdivy(x: Any, y: Any, name: str | None = None) -> Tensor:
    """x / y, 0 where x is 0."""
    x, y = (convert(v) for v in pair(x, y))
    zero = ops.equal(x, 0)
    return ops.where(zero, 0, x / ops.where(zero, 1, y))


@named
def scalar_mul(scalar: Any, x: Any, name: str | None = None) -> Tensor:
    """A number times a tensor."""
    return ops.multiply(*pair(scalar, x))


@named
def add_n(inputs: Any, name: str | None = None) -> Tensor:
    """The sum of a list of tensors of one shape."""
    if isinstance(inputs, Tensor):
        return ops.identity(inputs)
    if not len(inputs):
        raise ValueError("add_n: inputs must be a list of at least one tensor")
    total = convert(inputs[0])
    for x in inputs[1:]:
        total = ops.add(total, convert(x))
    return ops.identity(total) if len(inputs) == 1 else total


def accumulate_n(inputs: Any, shape: Any = None, tensor_dtype: Any = None, name: str | None = None) -> Tensor:
    """The sum of a list of tensors."""
    return add_n(inputs, name=name)  # type: ignore[no-any-return]


@named
def clip_by_value(t: Any, clip_value_min: Any, clip_value_max: Any, name: str | None = None) -> Tensor:
    """`t` limited to an interval."""
    return ops.clip(convert(t), clip_value_min, clip_value_max)


# --- reductions ---------------------------------------------------------------------------------------------------


def _keep(keepdims: Any, keep_dims: Any) -> bool:
    return bool(keepdims if keep_dims is None else keep_dims)


def _reduction(name: str, function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def call(
        input_tensor: Any,
        axis: Any = None,
        keepdims: Any = None,
        name: str | None = None,
        reduction_indices: Any = None,
        keep_dims: Any = None,
    ) -> Tensor:
        axis = axes_of(reduction_indices if axis is None else axis)
        x = convert(input_tensor)
        out = x if isinstance(axis, list) and not axis else function(x, axis, _keep(keepdims, keep_dims))
        return label(out, name, (x,))  # type: ignore[no-any-return]

    return _dressed(call, name, "input_tensor, axis, keepdims")


def _mean(x: Tensor, axis: Any, keepdims: bool) -> Tensor:
    if x.dtype.is_integer:  # TensorFlow keeps the type and rounds towards 0
        total, count = ops.sum(x, axis, keepdims), ops.sum(ops.ones_like(x), axis, keepdims)
        return truncatediv(total, count)  # type: ignore[no-any-return]
    return ops.mean(x, axis, keepdims)


def _variance(x: Tensor, axis: Any, keepdims: bool) -> Tensor:
    return ops.mean(ops.square(x - ops.mean(x, axis, True)), axis, keepdims)


_REDUCTIONS: dict[str, Callable[..., Tensor]] = {
    "reduce_sum": ops.sum, "reduce_mean": _mean, "reduce_prod": ops.prod, "reduce_max": ops.max,
    "reduce_min": ops.min, "reduce_all": ops.all, "reduce_any": ops.any, "reduce_logsumexp": ops.logsumexp,
    "reduce_variance": _variance,
    "reduce_std": lambda x, axis, keepdims: ops.sqrt(_variance(x, axis, keepdims)),
}  # fmt: skip
globals().update({name: _reduction(name, function) for name, function in _REDUCTIONS.items()})


@named
def count_nonzero(
    input_tensor: Any,
    axis: Any = None,
    keepdims: Any = None,
    dtype: Any = "int64",
    name: str | None = None,
    reduction_indices: Any = None,
    keep_dims: Any = None,
) -> Tensor:
    """How many elements are not 0."""
    flags = ops.cast(ops.not_equal(convert(input_tensor), 0), dtype)
    return ops.sum(flags, axes_of(reduction_indices if axis is None else axis), _keep(keepdims, keep_dims))


def _arg(function: Callable[..., Tensor], input: Any, axis: Any, dimension: Any, output_type: Any) -> Tensor:
    axis = axes_of(dimension if axis is None else axis)
    out = function(convert(input), 0 if axis is None else axis)
    return out if output_type is None or out.dtype == output_type else ops.cast(out, output_type)


@named
def argmax(
    input: Any, axis: Any = None, name: str | None = None, dimension: Any = None, output_type: Any = "int64"
) -> Tensor:
    """Index of the largest element along an axis, the first one by default."""
    return _arg(ops.argmax, input, axis, dimension, output_type)


@named
def argmin(
    input: Any, axis: Any = None, name: str | None = None, dimension: Any = None, output_type: Any = "int64"
) -> Tensor:
    """Index of the smallest element along an axis, the first one by default."""
    return _arg(ops.argmin, input, axis, dimension, output_type)


arg_max, arg_min = argmax, argmin


@named
def cumsum(x: Any, axis: Any = 0, exclusive: bool = False, reverse: bool = False, name: str | None = None) -> Tensor:
    """Running sum along an axis."""
    return ops.cumsum(convert(x), axes_of(axis), exclusive, reverse)


@named
def cumprod(x: Any, axis: Any = 0, exclusive: bool = False, reverse: bool = False, name: str | None = None) -> Tensor:
    """Running product along an axis."""
    return ops.cumprod(convert(x), axes_of(axis), exclusive, reverse)


# --- norms --------------------------------------------------------------------------------------------------------


@named
def norm(
    tensor: Any,
    ord: Any = "euclidean",
    axis: Any = None,
    keepdims: Any = None,
    name: str | None = None,
    keep_dims: Any = None,
) -> Tensor:
    """Norm of vectors, or of matrices for a pair of axes."""
    x, axis, keep = convert(tensor), axes_of(axis), _keep(keepdims, keep_dims)
    matrix = isinstance(axis, list) and len(axis) == 2
    if matrix and ord not in ("euclidean", "fro"):
        return _matrix_norm(x, ord, axis, keep)
    if ord in ("euclidean", "fro", 2, 2.0):
        return ops.sqrt(ops.sum(ops.square(x), axis, keep))
    size = ops.abs(x)
    if ord in (1, 1.0):
        return ops.sum(size, axis, keep)
    if ord == np.inf:
        return ops.max(size, axis, keep)
    if isinstance(ord, (int, float)) and ord > 0:
        return ops.pow(ops.sum(ops.pow(size, float(ord)), axis, keep), 1.0 / ord)
    raise ValueError(f"norm: ord must be 'euclidean', 'fro', inf or a positive number, got {ord!r}")


def _matrix_norm(x: Tensor, ord: Any, axis: list[int], keep: bool) -> Tensor:
    rows, columns = axis
    rank = rank_of(x, "norm")
    if ord not in (1, np.inf):
        raise NotImplementedError(f"norm: ord {ord!r} of matrices needs singular values; 'fro', 1 and inf do not")
    first, second = (rows, columns) if ord == 1 else (columns, rows)
    out = ops.max(ops.sum(ops.abs(x), first, True), second % rank, True)
    return out if keep else ops.squeeze(out, [a % rank for a in axis])


def _l2(tensors: Any) -> list[Tensor]:
    return [ops.sum(ops.square(convert(t))) for t in tensors if t is not None]


@named
def global_norm(t_list: Any, name: str | None = None) -> Tensor:
    """The Euclidean norm of all elements of several tensors together."""
    return ops.sqrt(add_n(_l2(t_list)))


@named
def clip_by_norm(t: Any, clip_norm: Any, axes: Any = None, name: str | None = None) -> Tensor:
    """`t`, scaled down where its norm (over `axes`) is larger than `clip_norm`."""
    x, axes = convert(t), axes_of(axes)
    square = ops.sum(ops.square(x), axes, True)
    positive = square > 0
    length = ops.where(positive, ops.sqrt(ops.where(positive, square, 1)), square)
    return x * clip_norm / ops.maximum(length, clip_norm)


def clip_by_global_norm(t_list: Any, clip_norm: Any, use_norm: Any = None, name: str | None = None) -> Any:
    """Several tensors, scaled down together where their common norm is larger than `clip_norm`; and that norm."""
    length = global_norm(t_list) if use_norm is None else convert(use_norm)
    scale = clip_norm * ops.minimum(1.0 / length, convert(1.0, length.dtype) / clip_norm)
    return [None if t is None else convert(t) * scale for t in t_list], length


@named
def clip_by_average_norm(t: Any, clip_norm: Any, name: str | None = None) -> Tensor:
    """`t`, scaled down where its norm divided by its size is larger than `clip_norm`."""
    x = convert(t)
    count = ops.cast(ops.size(x), x.dtype)
    inverse = ops.rsqrt(ops.sum(ops.square(x))) * count
    return x * clip_norm * ops.minimum(inverse, 1.0 / clip_norm)


# --- segments and counts ------------------------------------------------------------------------------------------


def _flat_segments(data: Tensor, ids: Tensor, count: Any) -> tuple[Tensor, Tensor, list[Any]]:
    """Data as rows, ids as a vector, and the shape of the result; rows of negative ids go to a row that is cut off."""
    k = rank_of(ids, "segment_ids")
    tail = sizes(data)[k:]
    rows = ops.reshape(data, [-1, *tail])
    flat = ops.cast(ops.reshape(ids, [-1]), "int32")
    return rows, ops.where(flat < 0, ops.cast(convert(count), "int32"), flat), [count, *tail]


@named
def unsorted_segment_sum(data: Any, segment_ids: Any, num_segments: Any, name: str | None = None) -> Tensor:
    """Sums of the rows of `data` that share a segment id; negative ids are left out."""
    count = num_segments if isinstance(num_segments, Tensor) else int(num_segments)
    rows, ids, shape = _flat_segments(convert(data), convert(segment_ids), count)
    return ops.scatter_add(ids, rows, [shape[0] + 1, *shape[1:]])[:-1]


@named
def unsorted_segment_mean(data: Any, segment_ids: Any, num_segments: Any, name: str | None = None) -> Tensor:
    """Means of the rows of `data` that share a segment id, 0 for empty segments."""
    x = convert(data)
    total = unsorted_segment_sum(x, segment_ids, num_segments)
    counts = unsorted_segment_sum(ops.ones_like(x), segment_ids, num_segments)
    return total / ops.maximum(counts, 1)


def _last_id(ids: Tensor) -> Tensor:
    return ops.cast(ops.max(ids), "int32") + 1


@named
def segment_sum(data: Any, segment_ids: Any, name: str | None = None) -> Tensor:
    """Sums of rows with equal, sorted ids; how many there are is known only when run."""
    ids = convert(segment_ids)
    return unsorted_segment_sum(data, ids, _last_id(ids))  # type: ignore[no-any-return]


@named
def segment_mean(data: Any, segment_ids: Any, name: str | None = None) -> Tensor:
    """Means of rows with equal, sorted ids; how many there are is known only when run."""
    ids = convert(segment_ids)
    return unsorted_segment_mean(data, ids, _last_id(ids))  # type: ignore[no-any-return]


def bincount(
    arr: Any, weights: Any = None, minlength: Any = None, maxlength: Any = None, dtype: Any = "int32"
) -> Tensor:
    """How often each number from 0 on occurs (or the sum of its weights)."""
    values = ops.reshape(convert(arr), [-1])
    w = ops.ones_like(values, dtype) if weights is None else ops.reshape(convert(weights), [-1])
    count: Any = _last_id(values)
    if minlength is not None:
        count = ops.maximum(count, int(static(minlength, "minlength")))
    if maxlength is not None:
        count = ops.minimum(count, int(static(maxlength, "maxlength")))
        if isinstance(minlength, int) and minlength == maxlength:
            count = int(minlength)
        values = ops.where(values < count, values, -1)
    return unsorted_segment_sum(w, values, count)  # type: ignore[no-any-return]


def confusion_matrix(
    labels: Any, predictions: Any, num_classes: Any = None, dtype: Any = "int32", name: str | None = None,
    weights: Any = None,
) -> Tensor:  # fmt: skip
    """Counts of (label, prediction) pairs, a matrix."""
    a, b = (ops.cast(ops.reshape(convert(v), [-1]), "int32") for v in (labels, predictions))
    n = num_classes if num_classes is not None else ops.maximum(_last_id(a), _last_id(b))
    w = ops.ones_like(a, dtype) if weights is None else ops.cast(convert(weights), dtype)
    counts = unsorted_segment_sum(w, a * n + b, n * n)
    return label(ops.reshape(counts, [n, n]), name)  # type: ignore[no-any-return]


def is_non_decreasing(x: Any, name: str | None = None) -> Tensor:
    """Whether no element is less than the one before."""
    flat = ops.reshape(convert(x), [-1])
    return ops.all(flat[1:] >= flat[:-1])


def is_strictly_increasing(x: Any, name: str | None = None) -> Tensor:
    """Whether every element is greater than the one before."""
    flat = ops.reshape(convert(x), [-1])
    return ops.all(flat[1:] > flat[:-1])


def polyval(coeffs: Any, x: Any, name: str | None = None) -> Tensor:
    """A polynomial at `x`, its coefficients from the highest power down."""
    x = convert(x)
    if not coeffs:
        return ops.zeros_like(x)
    value = convert(coeffs[0])
    for c in coeffs[1:]:
        value = c + value * x
    return label(value, name)  # type: ignore[no-any-return]


NAMES = [
    n for n, v in list(globals().items()) if callable(v) and getattr(v, "__module__", "") == __name__ and n[0] != "_"
]
