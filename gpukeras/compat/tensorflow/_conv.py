"""Convolutions and pooling of `tf.nn`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ... import ops
from ...graph.tensor import Tensor
from ._base import convert, dims, named, rank_of, sizes

_FIRST = ("NCHW", "NCW", "NCDHW")


def _channels_first(data_format: Any, what: str) -> bool:
    if data_format not in (None, "NHWC", "NWC", "NDHWC", *_FIRST):
        raise ValueError(f"{what}: data_format {data_format!r} is not known")
    return data_format in _FIRST


def _spatial(value: Any, n: int, first: bool, what: str, name: str) -> list[int]:
    """The spatial entries of `strides` and the like: a number, one per spatial axis, or one per axis."""
    if value is None:
        return [1] * n
    entries = [int(value)] if np.ndim(value) == 0 else [int(v) for v in value]
    if len(entries) == 1:
        return entries * n
    if len(entries) == n:
        return entries
    if len(entries) != n + 2:
        raise ValueError(f"{what}: `{name}` must have length {n + 2} (one number per axis), got {list(value)}")
    outside = [entries[0], entries[1] if first else entries[-1]]
    if outside != [1, 1]:
        raise ValueError(f"{what}: `{name}` in the batch and channel axes must be 1, got {list(value)}")
    return entries[2:] if first else entries[1:-1]


def _padding(padding: Any, what: str) -> str:
    if not isinstance(padding, str) or padding.upper() not in ("SAME", "VALID"):
        raise ValueError(f"{what}: padding must be 'SAME' or 'VALID', got {padding!r}")
    return padding.lower()


def _last(x: Tensor, first: bool) -> Tensor:
    n = rank_of(x, "convolution")
    return ops.transpose(x, [0, *range(2, n), 1]) if first else x


def _first(x: Tensor, first: bool) -> Tensor:
    n = rank_of(x, "convolution")
    return ops.transpose(x, [0, n - 1, *range(1, n - 1)]) if first else x


def _conv(
    what: str, value: Any, kernel: Any, strides: Any, padding: Any, dilations: Any, data_format: Any, n: int
) -> Tensor:
    x = convert(value)
    w = convert(kernel, x.dtype)
    first = _channels_first(data_format, what)
    out = ops.conv(
        _last(x, first),
        w,
        _spatial(strides, n, first, what, "strides"),
        _padding(padding, what),
        _spatial(dilations, n, first, what, "dilations"),
    )
    return _first(out, first)


@named
def conv1d(
    value: Any, filters: Any = None, stride: Any = None, padding: Any = None, use_cudnn_on_gpu: Any = None,
    data_format: Any = None, name: str | None = None, input: Any = None, dilations: Any = None, **kwargs: Any,
) -> Tensor:  # fmt: skip
    """Convolution over one axis; kernel (size, channels in, channels out)."""
    x = input if value is None else value
    return _conv("tf.nn.conv1d", x, filters, stride, padding, dilations, data_format, 1)


@named
def conv2d(
    input: Any, filter: Any = None, strides: Any = None, padding: Any = None, use_cudnn_on_gpu: bool = True,
    data_format: str = "NHWC", dilations: Any = (1, 1, 1, 1), name: str | None = None, filters: Any = None,
) -> Tensor:  # fmt: skip
    """Convolution of images; kernel (height, width, channels in, channels out)."""
    kernel = filters if filter is None else filter
    return _conv("tf.nn.conv2d", input, kernel, strides, padding, dilations, data_format, 2)


@named
def conv3d(
    input: Any, filter: Any = None, strides: Any = None, padding: Any = None, data_format: str = "NDHWC",
    dilations: Any = (1, 1, 1, 1, 1), name: str | None = None, filters: Any = None,
) -> Tensor:  # fmt: skip
    """Convolution of volumes; kernel (depth, height, width, channels in, channels out)."""
    kernel = filters if filter is None else filter
    return _conv("tf.nn.conv3d", input, kernel, strides, padding, dilations, data_format, 3)


@named
def convolution(
    input: Any, filter: Any, padding: Any, strides: Any = None, dilation_rate: Any = None, name: str | None = None,
    data_format: Any = None, **kwargs: Any,
) -> Tensor:  # fmt: skip
    """Convolution over one to three axes."""
    n = rank_of(convert(input), "convolution") - 2
    return _conv("tf.nn.convolution", input, filter, strides, padding, dilation_rate, data_format, n)


@named
def atrous_conv2d(value: Any, filters: Any, rate: int, padding: Any, name: str | None = None) -> Tensor:
    """Convolution of images with spaced taps."""
    return _conv("tf.nn.atrous_conv2d", value, filters, 1, padding, rate, None, 2)


def _transposed(
    what: str, value: Any, kernel: Any, output_shape: Any, strides: Any, padding: Any, data_format: Any, n: int,
    rate: Any = 1,
) -> Tensor:  # fmt: skip
    first = _channels_first(data_format, what)
    y = convert(value)
    w = convert(kernel, y.dtype)
    target = dims(output_shape)
    axes = range(2, n + 2) if first else range(1, n + 1)
    lengths = [target[i] for i in axes]
    settings = (_spatial(strides, n, first, what, "strides"), _padding(padding, what), rate)
    return _first(ops.conv_transpose(_last(y, first), w, lengths, *settings), first)


@named
def conv2d_transpose(
    value: Any, filter: Any = None, output_shape: Any = None, strides: Any = None, padding: Any = "SAME",
    data_format: str = "NHWC", name: str | None = None, input: Any = None, filters: Any = None,
) -> Tensor:  # fmt: skip
    """Transposed convolution of images; kernel (height, width, channels out, channels in)."""
    x, kernel = (input if value is None else value), (filters if filter is None else filter)
    return _transposed("tf.nn.conv2d_transpose", x, kernel, output_shape, strides, padding, data_format, 2)


@named
def conv3d_transpose(
    value: Any, filter: Any = None, output_shape: Any = None, strides: Any = None, padding: Any = "SAME",
    data_format: str = "NDHWC", name: str | None = None, input: Any = None, filters: Any = None,
) -> Tensor:  # fmt: skip
    """Transposed convolution of volumes; kernel (depth, height, width, channels out, channels in)."""
    x, kernel = (input if value is None else value), (filters if filter is None else filter)
    return _transposed("tf.nn.conv3d_transpose", x, kernel, output_shape, strides, padding, data_format, 3)


@named
def atrous_conv2d_transpose(
    value: Any, filters: Any, output_shape: Any, rate: int, padding: Any, name: str | None = None
) -> Tensor:
    """Transposed convolution of images with spaced taps."""
    return _transposed("tf.nn.atrous_conv2d_transpose", value, filters, output_shape, 1, padding, None, 2, int(rate))


@named
def conv2d_backprop_input(
    input_sizes: Any, filter: Any, out_backprop: Any, strides: Any, padding: Any, use_cudnn_on_gpu: bool = True,
    data_format: str = "NHWC", dilations: Any = (1, 1, 1, 1), name: str | None = None,
) -> Tensor:  # fmt: skip
    """The gradient of `conv2d` with respect to its input."""
    what = "tf.nn.conv2d_backprop_input"
    rate = _spatial(dilations, 2, _channels_first(data_format, what), what, "dilations")
    return _transposed(what, out_backprop, filter, input_sizes, strides, padding, data_format, 2, rate)


@named
def conv2d_backprop_filter(
    input: Any, filter_sizes: Any, out_backprop: Any, strides: Any, padding: Any, use_cudnn_on_gpu: bool = True,
    data_format: str = "NHWC", dilations: Any = (1, 1, 1, 1), name: str | None = None,
) -> Tensor:  # fmt: skip
    """The gradient of `conv2d` with respect to its kernel."""
    what = "tf.nn.conv2d_backprop_filter"
    first = _channels_first(data_format, what)
    lengths = [int(n) for n in dims(filter_sizes)[:2]]
    x, y = _last(convert(input), first), _last(convert(out_backprop), first)
    steps = _spatial(strides, 2, first, what, "strides")
    return ops.conv_weight(
        x, y, lengths, steps, _padding(padding, what), _spatial(dilations, 2, first, what, "dilations")
    )


def _depthwise(what: str, value: Any, kernel: Any, strides: Any, padding: Any, rate: Any, data_format: Any) -> Tensor:
    first = _channels_first(data_format, what)
    x = _last(convert(value), first)
    w = convert(kernel, x.dtype)
    height, width, channels, multiplier = (int(n) for n in sizes(w))
    steps, spacing = _spatial(strides, 2, first, what, "strides"), _spatial(rate, 2, first, what, "rate")
    flat = ops.reshape(w, [height, width, 1, channels * multiplier])
    return _first(ops.conv(x, flat, steps, _padding(padding, what), spacing, channels), first)


@named
def depthwise_conv2d(
    input: Any, filter: Any, strides: Any, padding: Any, rate: Any = None, name: str | None = None,
    data_format: Any = None,
) -> Tensor:  # fmt: skip
    """Convolution of each channel by itself; kernel (height, width, channels, outputs per channel)."""
    return _depthwise("tf.nn.depthwise_conv2d", input, filter, strides, padding, rate, data_format)


@named
def depthwise_conv2d_native(
    input: Any, filter: Any, strides: Any, padding: Any, data_format: str = "NHWC", dilations: Any = (1, 1, 1, 1),
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """Convolution of each channel by itself."""
    return _depthwise("tf.nn.depthwise_conv2d_native", input, filter, strides, padding, dilations, data_format)


@named
def separable_conv2d(
    input: Any, depthwise_filter: Any, pointwise_filter: Any, strides: Any, padding: Any, rate: Any = None,
    name: str | None = None, data_format: Any = None,
) -> Tensor:  # fmt: skip
    """Convolution of each channel by itself, then of all channels of each pixel."""
    what = "tf.nn.separable_conv2d"
    middle = _depthwise(what, input, depthwise_filter, strides, padding, rate, data_format)
    return _conv(what, middle, pointwise_filter, 1, "VALID", 1, data_format, 2)


# --- pooling ------------------------------------------------------------------------------------------------------


def _pool(
    what: str, function: Any, value: Any, ksize: Any, strides: Any, padding: Any, data_format: Any, n: int
) -> Tensor:
    first = _channels_first(data_format, what)
    size = _spatial(ksize, n, first, what, "ksize")
    steps = _spatial(strides, n, first, what, "strides")
    out: Tensor = function(convert(value), size, steps, _padding(padding, what), first)
    return out


@named
def max_pool(
    value: Any, ksize: Any, strides: Any, padding: Any, data_format: str = "NHWC", name: str | None = None,
    input: Any = None,
) -> Tensor:  # fmt: skip
    """Largest element of each window of images."""
    x = input if value is None else value
    return _pool("tf.nn.max_pool", ops.max_pool, x, ksize, strides, padding, data_format, 2)


@named
def avg_pool(
    value: Any, ksize: Any, strides: Any, padding: Any, data_format: str = "NHWC", name: str | None = None,
    input: Any = None,
) -> Tensor:  # fmt: skip
    """Mean of each window of images."""
    x = input if value is None else value
    return _pool("tf.nn.avg_pool", ops.average_pool, x, ksize, strides, padding, data_format, 2)


@named
def max_pool3d(
    input: Any, ksize: Any, strides: Any, padding: Any, data_format: str = "NDHWC", name: str | None = None
) -> Tensor:
    """Largest element of each window of volumes."""
    return _pool("tf.nn.max_pool3d", ops.max_pool, input, ksize, strides, padding, data_format, 3)


@named
def avg_pool3d(
    input: Any, ksize: Any, strides: Any, padding: Any, data_format: str = "NDHWC", name: str | None = None
) -> Tensor:
    """Mean of each window of volumes."""
    return _pool("tf.nn.avg_pool3d", ops.average_pool, input, ksize, strides, padding, data_format, 3)


@named
def pool(
    input: Any, window_shape: Sequence[int], pooling_type: str, padding: Any, dilation_rate: Any = None,
    strides: Any = None, name: str | None = None, data_format: Any = None, dilations: Any = None,
) -> Tensor:  # fmt: skip
    """Largest element or mean of each window."""
    if any(r != 1 for r in np.atleast_1d(1 if dilation_rate is None else dilation_rate)):
        raise NotImplementedError("tf.nn.pool: dilation_rate")
    function = {"MAX": ops.max_pool, "AVG": ops.average_pool}[pooling_type]
    return _pool("tf.nn.pool", function, input, window_shape, strides, padding, data_format, len(window_shape))


NAMES = [
    n for n, v in list(globals().items()) if callable(v) and getattr(v, "__module__", "") == __name__ and n[0] != "_"
]
