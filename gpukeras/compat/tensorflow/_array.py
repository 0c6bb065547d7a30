"""Making tensors, and shapes: reshaping, joining, cutting, padding, repeating."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np

from ... import ops
from ...graph.dtype import DType, as_dtype
from ...graph.shape import broadcast
from ...graph.tensor import Placeholder, Tensor
from ._base import axes_of, convert, dims, label, named, rank_of, sizes, static
from ._shapes import TensorShape

# --- making -------------------------------------------------------------------------------------------------------


def constant(
    value: Any, dtype: Any = None, shape: Any = None, name: str | None = "Const", verify_shape: bool = False
) -> Tensor:
    """A tensor with a fixed value; with `shape`, the last element repeated to fill it."""
    if isinstance(value, Tensor):
        raise TypeError(f"constant: expected numbers, got the tensor {value!r}; use tf.identity")
    out = convert(value, dtype)
    if shape is not None:
        wanted = [int(n) for n in dims(shape)]
        array = np.asarray(out.value)  # type: ignore[attr-defined]
        if verify_shape and list(array.shape) != wanted:
            raise TypeError(f"Expected Tensor's shape: {tuple(wanted)}, got {array.shape}.")
        flat, count = array.ravel(), int(np.prod(wanted))
        if flat.size > count:
            raise ValueError(f"Too many elements provided. Needed at most {count}, but received {flat.size}")
        flat = np.concatenate([flat, np.full(count - flat.size, flat[-1] if flat.size else 0, array.dtype)])
        out = convert(flat.reshape(wanted))
    return label(out, name if name != "Const" else None)  # type: ignore[no-any-return]


def convert_to_tensor(
    value: Any, dtype: Any = None, name: str | None = None, preferred_dtype: Any = None, dtype_hint: Any = None
) -> Tensor:
    """`value` as a tensor."""
    if isinstance(value, Tensor) and dtype is not None and value.dtype != as_dtype(dtype):
        raise ValueError(f"Tensor conversion requested dtype {as_dtype(dtype)} for Tensor with dtype {value.dtype}")
    return convert(value, dtype)


convert_to_tensor_or_indexed_slices = convert_to_tensor_or_sparse_tensor = convert_to_tensor


def placeholder(dtype: Any, shape: Any = None, name: str | None = None) -> Placeholder:
    """A tensor whose value is fed when it is computed."""
    known = None if shape is None or TensorShape(shape) == TensorShape(None) else TensorShape(shape).as_list()
    return _keras(Placeholder(known, as_dtype(dtype), name or "Placeholder"))


def placeholder_with_default(input: Any, shape: Any, name: str | None = None) -> Placeholder:
    """A tensor that may be fed and has this value when it is not."""
    known = None if shape is None else TensorShape(shape).as_list()
    value = convert(input)
    default = value.value if hasattr(value, "value") else None
    if default is None:
        raise NotImplementedError("placeholder_with_default: the default must be a number or an array, not a tensor")
    return _keras(Placeholder(known, value.dtype, name or "PlaceholderWithDefault", default))


def _keras(x: Placeholder) -> Placeholder:
    x._keras_shape = None if x.shape is None else tuple(x.shape)  # type: ignore[attr-defined]
    x._uses_learning_phase = False  # type: ignore[attr-defined]
    return x


def zeros(shape: Any, dtype: Any = "float32", name: str | None = None) -> Tensor:
    """Zeros."""
    return label(ops.fill(dims(shape), 0, as_dtype(dtype)), name)  # type: ignore[no-any-return]


def ones(shape: Any, dtype: Any = "float32", name: str | None = None) -> Tensor:
    """Ones."""
    return label(ops.fill(dims(shape), 1, as_dtype(dtype)), name)  # type: ignore[no-any-return]


@named
def zeros_like(tensor: Any, dtype: Any = None, name: str | None = None, optimize: bool = True) -> Tensor:
    """Zeros of the shape of a tensor."""
    return ops.zeros_like(convert(tensor), dtype)


@named
def ones_like(tensor: Any, dtype: Any = None, name: str | None = None, optimize: bool = True) -> Tensor:
    """Ones of the shape of a tensor."""
    return ops.ones_like(convert(tensor), dtype)


@named
def fill(dims: Any, value: Any, name: str | None = None) -> Tensor:
    """A tensor that holds one value everywhere."""
    from ._base import dims as listed

    number = convert(value)
    return ops.broadcast_to(number, listed(dims))


def range(start: Any, limit: Any = None, delta: Any = 1, dtype: Any = None, name: str | None = "range") -> Tensor:
    """The numbers from `start` (or 0) below `limit`, `delta` apart."""
    if limit is None:
        start, limit = 0, start
    if dtype is None and not any(isinstance(v, Tensor) for v in (start, limit, delta)):
        kinds = [np.asarray(v).dtype for v in (start, limit, delta)]
        dtype = "float32" if any(k.kind == "f" for k in kinds) else "int32"
    return ops.arange(start, limit, delta, dtype)


@named
def linspace(start: Any, stop: Any, num: Any, name: str | None = None) -> Tensor:
    """`num` numbers evenly spaced from `start` to `stop`."""
    a = convert(start, None if isinstance(start, Tensor) else "float32")
    b = convert(stop, a.dtype)
    n = int(static(num, "linspace: num"))
    steps = convert(np.arange(n).astype(str(a.dtype)) / max(n - 1, 1), a.dtype)
    return a + (b - a) * steps


lin_space = linspace


@named
def eye(
    num_rows: Any, num_columns: Any = None, batch_shape: Any = None, dtype: Any = "float32", name: str | None = None
) -> Tensor:
    """Identity matrices."""
    columns = num_rows if num_columns is None else num_columns
    square = ops.equal(ops.expand_dims(ops.arange(num_rows), 1), ops.arange(columns))
    out = ops.cast(square, dtype)
    return out if batch_shape is None else ops.broadcast_to(out, [*dims(batch_shape), *sizes(out)])


# --- types and shapes ---------------------------------------------------------------------------------------------


@named
def cast(x: Any, dtype: Any, name: str | None = None) -> Tensor:
    """`x` converted to another type; floats to integers are cut off."""
    x = convert(x)
    return x if x.dtype == as_dtype(dtype) else ops.cast(x, dtype)


def saturate_cast(value: Any, dtype: Any, name: str | None = None) -> Tensor:
    """`value` limited to what `dtype` can hold, and converted to it."""
    x, kind = convert(value), as_dtype(dtype)
    return cast(clip_to(x, kind), kind, name)  # type: ignore[no-any-return]


def clip_to(x: Tensor, kind: DType) -> Tensor:
    """`x` limited to the range of a dtype."""
    info: Any = np.finfo(str(kind)) if kind.is_floating else np.iinfo(str(kind))
    return ops.clip(x, float(info.min), float(info.max)) if x.dtype.is_floating else x


def to_float(x: Any, name: str = "ToFloat") -> Tensor:
    """`x` as float32."""
    return cast(x, "float32")  # type: ignore[no-any-return]


def to_double(x: Any, name: str = "ToDouble") -> Tensor:
    """`x` as float64."""
    return cast(x, "float64")  # type: ignore[no-any-return]


def to_int32(x: Any, name: str = "ToInt32") -> Tensor:
    """`x` as int32."""
    return cast(x, "int32")  # type: ignore[no-any-return]


def to_int64(x: Any, name: str = "ToInt64") -> Tensor:
    """`x` as int64."""
    return cast(x, "int64")  # type: ignore[no-any-return]


@named
def shape(input: Any, name: str | None = None, out_type: Any = "int32") -> Tensor:
    """The shape as an int vector."""
    out = ops.shape(convert(input))
    return out if as_dtype(out_type) == out.dtype else ops.cast(out, out_type)


def shape_n(input: Any, out_type: Any = "int32", name: str | None = None) -> list[Tensor]:
    """The shapes of several tensors."""
    return [shape(x, out_type=out_type) for x in input]


@named
def size(input: Any, name: str | None = None, out_type: Any = "int32") -> Tensor:
    """The number of elements."""
    return ops.cast(ops.size(convert(input)), out_type)


@named
def rank(input: Any, name: str | None = None) -> Tensor:
    """The number of axes."""
    return convert(rank_of(convert(input), "rank"), "int32")


@named
def identity(input: Any, name: str | None = None) -> Tensor:
    """A copy."""
    return ops.identity(convert(input))


def identity_n(input: Any, name: str | None = None) -> list[Tensor]:
    """Copies of several tensors."""
    return [ops.identity(convert(x)) for x in input]


@named
def stop_gradient(input: Any, name: str | None = None) -> Tensor:
    """A copy through which no gradient passes."""
    return ops.stop_gradient(convert(input))


@named
def reshape(tensor: Any, shape: Any, name: str | None = None) -> Tensor:
    """Another shape, the elements in row-major order."""
    return ops.reshape(convert(tensor), dims(shape))


@named
def transpose(a: Any, perm: Any = None, name: str | None = None, conjugate: bool = False) -> Tensor:
    """The axes in another order; reversed by default."""
    return ops.transpose(convert(a), None if perm is None else [int(p) for p in static(perm, "transpose: perm")])


@named
def expand_dims(input: Any, axis: Any = None, name: str | None = None, dim: Any = None) -> Tensor:
    """A new axis of length 1."""
    axis = axes_of(dim if axis is None else axis)
    if axis is None:
        raise ValueError("Must specify an axis argument to tf.expand_dims()")
    return ops.expand_dims(convert(input), axis[0] if isinstance(axis, list) else axis)


@named
def squeeze(input: Any, axis: Any = None, name: str | None = None, squeeze_dims: Any = None) -> Tensor:
    """Without axes of length 1."""
    axis = axes_of(squeeze_dims if axis is None else axis)
    return ops.squeeze(convert(input), axis if axis != [] else None)


def stack(values: Any, axis: int = 0, name: str | None = "stack") -> Tensor:
    """Tensors of one shape along a new axis."""
    parts = list(values) if not isinstance(values, Tensor) else unstack(values)
    lead = next((v.dtype for v in parts if isinstance(v, Tensor)), None)
    return label(ops.stack([convert(v, lead if not isinstance(v, Tensor) else None) for v in parts], int(axis)),
                 name if name != "stack" else None)  # type: ignore[no-any-return]  # fmt: skip


parallel_stack = stack


def unstack(value: Any, num: Any = None, axis: int = 0, name: str | None = "unstack") -> list[Tensor]:
    """The slices along an axis."""
    x = convert(value)
    length = None if x.shape is None else tuple(x.shape)[axis]
    if length is None and num is None:
        raise ValueError(f"Cannot infer num from shape {x.get_shape()}: give `num`")
    if length is None:
        return [ops.gather(x, i, int(axis) % rank_of(x, "unstack")) for i in builtins.range(int(num))]
    if num is not None and int(num) != length:
        raise ValueError(f"unstack: num is {num}, but axis {axis} of shape {x.get_shape()} has length {length}")
    return ops.unstack(x, int(axis))


unpack, pack = unstack, stack


def concat(values: Any, axis: Any, name: str | None = "concat") -> Tensor:
    """Tensors one after the other along an axis."""
    if isinstance(values, (int, np.integer)) or (isinstance(values, Tensor) and isinstance(axis, (list, tuple))):
        raise TypeError("concat: expected concat(values, axis), got the arguments in the order of TensorFlow 0.x")
    if isinstance(values, Tensor):
        values = [values]
    lead = next((v.dtype for v in values if isinstance(v, Tensor)), None)
    parts = [convert(v, lead if not isinstance(v, Tensor) else None) for v in values]
    at = axes_of(axis)
    if not isinstance(at, int):
        raise TypeError(f"concat: axis must be an int, got {axis!r}; the order is concat(values, axis)")
    out = ops.identity(parts[0]) if len(parts) == 1 else ops.concatenate(parts, at)
    return label(out, name if name != "concat" else None)  # type: ignore[no-any-return]


def split(
    value: Any, num_or_size_splits: Any, axis: Any = 0, num: Any = None, name: str | None = "split"
) -> list[Tensor]:
    """Pieces along an axis: a number of equal ones, or of given lengths (one of which may be -1)."""
    if isinstance(value, (int, np.integer)) and isinstance(num_or_size_splits, (int, np.integer, Tensor)):
        raise TypeError("split: expected split(value, num_or_size_splits, axis), got the order of TensorFlow 0.x")
    x, at = convert(value), int(axes_of(axis))
    pieces = static(num_or_size_splits, "split: num_or_size_splits")
    if np.ndim(pieces) == 0:
        return ops.split(x, int(pieces), at)
    lengths = [int(n) for n in pieces]
    if -1 in lengths:
        total = None if x.shape is None else tuple(x.shape)[at]
        if total is None:
            raise ValueError(f"split: -1 needs the length of axis {at} of shape {x.get_shape()}")
        lengths[lengths.index(-1)] = total - sum(n for n in lengths if n >= 0)
    return ops.split(x, lengths, at)


@named
def tile(input: Any, multiples: Any, name: str | None = None) -> Tensor:
    """Repeated along each axis."""
    return ops.tile(convert(input), dims(multiples))


@named
def broadcast_to(input: Any, shape: Any, name: str | None = None) -> Tensor:
    """Repeated to a shape."""
    return ops.broadcast_to(convert(input), dims(shape))


def broadcast_static_shape(shape_x: Any, shape_y: Any) -> Any:
    """The static shape of an elementwise operation."""
    return TensorShape(broadcast(TensorShape(shape_x).as_list(), TensorShape(shape_y).as_list()))


def broadcast_dynamic_shape(shape_x: Any, shape_y: Any) -> Tensor:
    """The shape of an elementwise operation on tensors of two shapes."""
    a, b = convert(shape_x), convert(shape_y)
    m, n = (int(t.shape[0] or 0) for t in (a, b))  # type: ignore[index]
    ones = [1] * abs(m - n)
    a, b = (
        ops.concatenate([convert(ones, t.dtype), t], 0) if ones and k == min(m, n) else t for t, k in ((a, m), (b, n))
    )
    return ops.where(ops.equal(a, 1), b, a)


@named
def reverse(tensor: Any, axis: Any, name: str | None = None) -> Tensor:
    """Backwards along some axes."""
    x, axis = convert(tensor), static(axis, "reverse: axis")
    if np.asarray(axis).dtype == bool:
        axis = np.flatnonzero(axis)
    return ops.reverse(x, [int(a) for a in np.atleast_1d(axis)])


reverse_v2 = reverse


@named
def pad(
    tensor: Any, paddings: Any, mode: str = "CONSTANT", name: str | None = None, constant_values: Any = 0
) -> Tensor:
    """A border of one value, or of mirrored elements."""
    x = convert(tensor)
    pairs = [(int(a), int(b)) for a, b in np.asarray(static(paddings, "pad: paddings")).reshape(-1, 2).tolist()]
    if mode.upper() == "CONSTANT":
        return ops.pad(x, pairs, static(constant_values, "pad: constant_values"))
    if mode.upper() not in ("REFLECT", "SYMMETRIC"):
        raise ValueError(f"Unknown padding mode: {mode}")
    for axis, (before, after) in enumerate(pairs):
        x = _mirror(x, axis, before, after, mode.upper() == "REFLECT")
    return x


def _mirror(x: Tensor, axis: int, before: int, after: int, inner: bool) -> Tensor:
    n = sizes(x)[axis]
    skip = 1 if inner else 0
    parts = [x]
    if before:
        parts.insert(0, ops.reverse(ops.slice_axis(x, axis, skip, before), axis))
    if after:
        parts.append(ops.reverse(ops.slice_axis(x, axis, n - skip - after, after), axis))
    return ops.concatenate(parts, axis) if len(parts) > 1 else x


@named
def slice(input_: Any, begin: Any, size: Any, name: str | None = None) -> Tensor:
    """A block of a tensor: where it begins and how large it is (-1: to the end)."""
    return ops.slice(convert(input_), dims(begin), dims(size))


@named
def strided_slice(
    input_: Any, begin: Any, end: Any = None, strides: Any = None, begin_mask: int = 0, end_mask: int = 0,
    ellipsis_mask: int = 0, new_axis_mask: int = 0, shrink_axis_mask: int = 0, var: Any = None,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """What x[begin:end:strides] gives, per axis; the masks say which limits to leave out."""
    starts = list(static(begin, "begin")) if not isinstance(begin, (list, tuple)) else list(begin)
    stops = list(static(end, "end")) if not isinstance(end, (list, tuple)) else list(end)
    steps = list(static(strides, "strides")) if strides is not None else [1] * len(starts)
    key: list[Any] = []
    for i, (a, b, s) in enumerate(zip(starts, stops, steps)):
        bit = 1 << i
        if ellipsis_mask & bit:
            key.append(...)
        elif new_axis_mask & bit:
            key.append(None)
        elif shrink_axis_mask & bit:
            key.append(a)
        else:
            key.append(builtins.slice(None if begin_mask & bit else a, None if end_mask & bit else b, int(s)))
    return convert(input_)[tuple(key)]


@named
def roll(input: Any, shift: Any, axis: Any, name: str | None = None) -> Tensor:
    """Elements moved along axes; those that fall off come back at the other end."""
    x = convert(input)
    for by, at in zip(np.atleast_1d(static(shift, "shift")).tolist(), np.atleast_1d(static(axis, "axis")).tolist()):
        n = sizes(x)[int(at)]
        order = ops.mod(ops.arange(n) - int(by), n)
        x = ops.gather(x, order, int(at) % rank_of(x, "roll"))
    return x


def meshgrid(*args: Any, indexing: str = "xy", name: str | None = None, **kwargs: Any) -> list[Tensor]:
    """Coordinates of a grid, from vectors along its axes."""
    if indexing not in ("xy", "ij"):
        raise ValueError("indexing parameter must be either 'xy' or 'ij'")
    vectors = [ops.reshape(convert(v), [-1]) for v in args]
    count = len(vectors)
    lengths = [sizes(v)[0] for v in vectors]
    places = list(builtins.range(count))
    if indexing == "xy" and count > 1:
        places[:2] = [1, 0]
    grid = [lengths[places.index(i)] for i in builtins.range(count)]
    return [
        ops.broadcast_to(ops.reshape(v, [-1 if i == at else 1 for i in builtins.range(count)]), grid)
        for v, at in zip(vectors, places)
    ]


@named
def sequence_mask(lengths: Any, maxlen: Any = None, dtype: Any = "bool", name: str | None = None) -> Tensor:
    """True for the first lengths[i] places of each row."""
    counts = convert(lengths)
    end = ops.cast(ops.max(counts), "int32") if maxlen is None else maxlen
    flags = ops.less(ops.cast(ops.arange(end), counts.dtype), ops.expand_dims(counts, -1))
    return flags if as_dtype(dtype).is_bool else ops.cast(flags, dtype)


@named
def ensure_shape(x: Any, shape: Any, name: str | None = None) -> Tensor:
    """`x`, with what is known of its shape."""
    out = ops.identity(convert(x))
    out.set_shape(shape)
    return out


def dimension_value(dimension: Any) -> int | None:
    """The length of an axis as an int, or None."""
    return getattr(dimension, "value", dimension) if not isinstance(dimension, (int, type(None))) else dimension


def space_to_depth(input: Any, block_size: int, name: str | None = None, data_format: str = "NHWC") -> Tensor:
    """Blocks of pixels as channels."""
    if data_format != "NHWC":
        raise NotImplementedError("space_to_depth: only data_format='NHWC'")
    x, k = convert(input), int(block_size)
    n, h, w, c = sizes(x)
    blocks = ops.reshape(x, [n, h // k, k, w // k, k, c])
    return ops.reshape(ops.transpose(blocks, [0, 1, 3, 2, 4, 5]), [n, h // k, w // k, k * k * c])


def depth_to_space(input: Any, block_size: int, name: str | None = None, data_format: str = "NHWC") -> Tensor:
    """Channels as blocks of pixels."""
    if data_format != "NHWC":
        raise NotImplementedError("depth_to_space: only data_format='NHWC'")
    x, k = convert(input), int(block_size)
    n, h, w, c = sizes(x)
    blocks = ops.reshape(x, [n, h, w, k, k, c // (k * k)])
    return ops.reshape(ops.transpose(blocks, [0, 1, 3, 2, 4, 5]), [n, h * k, w * k, c // (k * k)])


NAMES = [
    n for n, v in list(globals().items()) if callable(v) and getattr(v, "__module__", "") == __name__ and n[0] != "_"
]
