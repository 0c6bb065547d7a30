"""Convolutions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import ops
from ..graph.tensor import Tensor, as_tensor
from .common import normalize_data_format
from .linalg import known_rank

__all__ = [
    "conv1d",
    "conv2d",
    "conv2d_transpose",
    "conv3d",
    "conv3d_transpose",
    "depthwise_conv2d",
    "separable_conv1d",
    "separable_conv2d",
]

Sides = int | Sequence[int]


def to_last(x: Tensor, data_format: str) -> Tensor:
    """`x` with the channels in its last axis (a view)."""
    rank = len(x.shape or ())
    return ops.transpose(x, (0, *range(2, rank), 1)) if data_format == "channels_first" else x


def from_last(x: Tensor, data_format: str) -> Tensor:
    """`x`, whose channels are its last axis, in the layout asked for (a view)."""
    rank = len(x.shape or ())
    return ops.transpose(x, (0, rank - 1, *range(1, rank - 1))) if data_format == "channels_first" else x


def sides(what: str, name: str, value: Any, n: int) -> tuple[int, ...]:
    """`value`, an int or `n` ints, as `n` positive ints.

    Raises:
        ValueError: when it is something else.
    """
    try:
        found = (int(value),) * n if isinstance(value, (int, np.integer)) else tuple(int(v) for v in value)
    except (TypeError, ValueError):
        found = ()
    if len(found) != n or any(v < 1 for v in found):
        raise ValueError(f"{what}: {name} must be {n} positive int(s), got {value!r}")
    return found


def checked_padding(what: str, padding: Any, allowed: Sequence[str] = ("valid", "same")) -> str:
    """`padding` when it is one of `allowed`.

    Raises:
        ValueError: when it is not.
    """
    if padding not in allowed:
        raise ValueError(f"Invalid padding: {padding!r}; {what} expects {' or '.join(map(repr, allowed))}")
    return str(padding)


def _steps(what: str, strides: Any, dilation: Any, n: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    steps, spacing = sides(what, "strides", strides, n), sides(what, "dilation_rate", dilation, n)
    if max(steps) > 1 and max(spacing) > 1:
        raise ValueError(
            f"{what}: strides > 1 not supported in conjunction with dilation_rate > 1, got strides={steps} and "
            f"dilation_rate={spacing}; leave one of them at 1"
        )
    return steps, spacing


def _checked(what: str, x: Any, kernel: Any, n: int) -> tuple[Tensor, Tensor]:
    """Input and kernel as tensors with `n` spatial axes."""
    x = as_tensor(x)
    kernel = as_tensor(kernel, x.dtype)
    known_rank(what, x, kernel)
    for name, t, axes in (("an input", x, "(N, ..., C)"), ("a kernel", kernel, "(sizes, channels in, channels out)")):
        if t.shape is not None and len(t.shape) != n + 2:
            raise ValueError(f"{what}: expected {name} with {n + 2} axes {axes}, got one of shape {tuple(t.shape)}")
    return x, kernel


def _conv(
    what: str, x: Any, kernel: Any, n: int, strides: Any, padding: str, data_format: str | None, dilation: Any
) -> Tensor:
    data_format = normalize_data_format(data_format)
    padding = checked_padding(what, padding, ("valid", "same", "causal") if n == 1 else ("valid", "same"))
    x, kernel = _checked(what, x, kernel, n)
    steps, spacing = _steps(what, strides, dilation, n)
    return from_last(ops.conv(to_last(x, data_format), kernel, steps, padding, spacing), data_format)


def conv1d(
    x: Any,
    kernel: Any,
    strides: int = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: int = 1,
) -> Tensor:
    """Returns the convolution of sequences.

    Arguments:
        x: tensor (N, T, C), or (N, C, T) for channels_first.
        kernel: tensor (K, C, F).
        strides: int, step of the window.
        padding: 'valid', 'same', or 'causal': output t sees no input after t.
        data_format: 'channels_last', 'channels_first', or None for the default.
        dilation_rate: int, spacing of the kernel's taps; not together with strides.

    Returns:
        Tensor (N, T', F), or (N, F, T').

    Raises:
        ValueError: when an argument or a shape does not fit.
    """
    return _conv("conv1d", x, kernel, 1, strides, padding, data_format, dilation_rate)


def conv2d(
    x: Any,
    kernel: Any,
    strides: Sides = (1, 1),
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Sides = (1, 1),
) -> Tensor:
    """Returns the convolution of images.

    Arguments:
        x: tensor (N, H, W, C), or (N, C, H, W) for channels_first.
        kernel: tensor (KH, KW, C, F).
        strides: int or two, steps of the window.
        padding: 'valid' or 'same'.
        data_format: 'channels_last', 'channels_first', or None for the default.
        dilation_rate: int or two, spacing of the kernel's taps; not together with strides.

    Returns:
        Tensor (N, H', W', F), or (N, F, H', W').

    Raises:
        ValueError: when an argument or a shape does not fit.
    """
    return _conv("conv2d", x, kernel, 2, strides, padding, data_format, dilation_rate)


def conv3d(
    x: Any,
    kernel: Any,
    strides: Sides = (1, 1, 1),
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Sides = (1, 1, 1),
) -> Tensor:
    """Returns the convolution of volumes.

    Arguments:
        x: tensor (N, D, H, W, C), or (N, C, D, H, W) for channels_first.
        kernel: tensor (KD, KH, KW, C, F).
        strides: int or three, steps of the window.
        padding: 'valid' or 'same'.
        data_format: 'channels_last', 'channels_first', or None for the default.
        dilation_rate: int or three, spacing of the kernel's taps; not together with strides.

    Returns:
        Tensor (N, D', H', W', F), or (N, F, D', H', W').

    Raises:
        ValueError: when an argument or a shape does not fit.
    """
    return _conv("conv3d", x, kernel, 3, strides, padding, data_format, dilation_rate)


def _transpose(
    what: str,
    x: Any,
    kernel: Any,
    output_shape: Any,
    n: int,
    strides: Any,
    padding: str,
    data_format: str | None,
    dilation: Any,
) -> Tensor:
    data_format = normalize_data_format(data_format)
    padding = checked_padding(what, padding)
    x, kernel = _checked(what, x, kernel, n)
    steps, spacing = _steps(what, strides, dilation, n)
    if isinstance(output_shape, (tuple, list)) and len(output_shape) != n + 2:
        raise ValueError(f"{what}: output_shape must have {n + 2} entries, batch axis included, got {output_shape!r}")
    spatial = output_shape[2:] if data_format == "channels_first" else output_shape[1:-1]
    if isinstance(spatial, (tuple, list)) and None in spatial:
        raise ValueError(f"{what}: the spatial entries of output_shape must be given, got {output_shape!r}")
    out = ops.conv_transpose(to_last(x, data_format), kernel, spatial, steps, padding, spacing)
    return from_last(out, data_format)


def conv2d_transpose(
    x: Any,
    kernel: Any,
    output_shape: Any,
    strides: Sides = (1, 1),
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Sides = (1, 1),
) -> Tensor:
    """Returns the transposed convolution of images: the gradient of `conv2d` with respect to its input.

    Arguments:
        x: tensor (N, H, W, C), or (N, C, H, W) for channels_first.
        kernel: tensor (KH, KW, F, C).
        output_shape: shape of the result, batch axis included: ints and scalar tensors, or an int tensor.
        strides: int or two, steps of the convolution that is transposed.
        padding: 'valid' or 'same', of that convolution.
        data_format: 'channels_last', 'channels_first', or None for the default.
        dilation_rate: int or two, spacing of the kernel's taps; not together with strides.

    Returns:
        Tensor of shape `output_shape`.

    Raises:
        ValueError: when an argument or a shape does not fit.
    """
    return _transpose(
        "conv2d_transpose", x, kernel, output_shape, 2, strides, padding, data_format, dilation_rate
    )  # fmt: skip


def conv3d_transpose(
    x: Any,
    kernel: Any,
    output_shape: Any,
    strides: Sides = (1, 1, 1),
    padding: str = "valid",
    data_format: str | None = None,
) -> Tensor:
    """Returns the transposed convolution of volumes: the gradient of `conv3d` with respect to its input.

    Arguments:
        x: tensor (N, D, H, W, C), or (N, C, D, H, W) for channels_first.
        kernel: tensor (KD, KH, KW, F, C).
        output_shape: shape of the result, batch axis included: ints and scalar tensors, or an int tensor.
        strides: int or three, steps of the convolution that is transposed.
        padding: 'valid' or 'same', of that convolution.
        data_format: 'channels_last', 'channels_first', or None for the default.

    Returns:
        Tensor of shape `output_shape`.

    Raises:
        ValueError: when an argument or a shape does not fit.
    """
    return _transpose("conv3d_transpose", x, kernel, output_shape, 3, strides, padding, data_format, 1)


def _depthwise(x: Tensor, kernel: Tensor, strides: Any, padding: str, dilation: Any, what: str) -> Tensor:
    """Depthwise convolution of a channels_last input with a kernel (*sizes, C, M)."""
    assert kernel.shape is not None and x.shape is not None
    *lengths, c, m = kernel.shape
    if c is None or m is None:
        raise ValueError(f"{what}: the channels of the depthwise kernel must be known, got shape {tuple(kernel.shape)}")
    if x.shape[-1] is not None and x.shape[-1] != c:
        raise ValueError(
            f"{what}: the input of shape {tuple(x.shape)} has {x.shape[-1]} channels, the depthwise kernel of shape "
            f"{tuple(kernel.shape)} expects {c}"
        )
    sizes = [ops.shape(kernel)[i] if k is None else k for i, k in enumerate(lengths)]
    return ops.conv(x, ops.reshape(kernel, (*sizes, 1, c * m)), strides, padding, dilation, groups=c)


def depthwise_conv2d(
    x: Any,
    depthwise_kernel: Any,
    strides: Sides = (1, 1),
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Sides = (1, 1),
) -> Tensor:
    """Returns the convolution of images in which every channel meets filters of its own.

    Arguments:
        x: tensor (N, H, W, C), or (N, C, H, W) for channels_first.
        depthwise_kernel: tensor (KH, KW, C, M).
        strides: int or two, steps of the window.
        padding: 'valid' or 'same'.
        data_format: 'channels_last', 'channels_first', or None for the default.
        dilation_rate: int or two, spacing of the kernel's taps; not together with strides.

    Returns:
        Tensor (N, H', W', C * M), or (N, C * M, H', W'); output c * M + m is filter m of channel c.

    Raises:
        ValueError: when an argument or a shape does not fit.
    """
    what = "depthwise_conv2d"
    data_format = normalize_data_format(data_format)
    padding = checked_padding(what, padding)
    x, kernel = _checked(what, x, depthwise_kernel, 2)
    steps, spacing = _steps(what, strides, dilation_rate, 2)
    return from_last(_depthwise(to_last(x, data_format), kernel, steps, padding, spacing, what), data_format)


def _separable(
    what: str,
    x: Any,
    depthwise_kernel: Any,
    pointwise_kernel: Any,
    n: int,
    strides: Any,
    padding: str,
    data_format: str | None,
    dilation: Any,
) -> Tensor:
    data_format = normalize_data_format(data_format)
    padding = checked_padding(what, padding)
    x, depthwise = _checked(what, x, depthwise_kernel, n)
    x, pointwise = _checked(what, x, pointwise_kernel, n)
    if any(k not in (1, None) for k in (pointwise.shape or ())[:-2]):
        raise ValueError(f"{what}: a pointwise kernel has size 1, got one of shape {tuple(pointwise.shape or ())}")
    steps, spacing = _steps(what, strides, dilation, n)
    y = _depthwise(to_last(x, data_format), depthwise, steps, padding, spacing, what)
    return from_last(ops.conv(y, pointwise), data_format)


def separable_conv1d(
    x: Any,
    depthwise_kernel: Any,
    pointwise_kernel: Any,
    strides: Sides = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Sides = 1,
) -> Tensor:
    """Returns the convolution of sequences in two parts: each channel by itself, then a mix of the results.

    Arguments:
        x: tensor (N, T, C), or (N, C, T) for channels_first.
        depthwise_kernel: tensor (K, C, M).
        pointwise_kernel: tensor (1, C * M, F).
        strides: int, step of the window.
        padding: 'valid' or 'same'.
        data_format: 'channels_last', 'channels_first', or None for the default.
        dilation_rate: int, spacing of the kernel's taps; not together with strides.

    Returns:
        Tensor (N, T', F), or (N, F, T').

    Raises:
        ValueError: when an argument or a shape does not fit.
    """
    return _separable(
        "separable_conv1d", x, depthwise_kernel, pointwise_kernel, 1, strides, padding, data_format, dilation_rate
    )


def separable_conv2d(
    x: Any,
    depthwise_kernel: Any,
    pointwise_kernel: Any,
    strides: Sides = (1, 1),
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Sides = (1, 1),
) -> Tensor:
    """Returns the convolution of images in two parts: each channel by itself, then a mix of the results.

    Arguments:
        x: tensor (N, H, W, C), or (N, C, H, W) for channels_first.
        depthwise_kernel: tensor (KH, KW, C, M).
        pointwise_kernel: tensor (1, 1, C * M, F).
        strides: int or two, steps of the window.
        padding: 'valid' or 'same'.
        data_format: 'channels_last', 'channels_first', or None for the default.
        dilation_rate: int or two, spacing of the kernel's taps; not together with strides.

    Returns:
        Tensor (N, H', W', F), or (N, F, H', W').

    Raises:
        ValueError: when an argument or a shape does not fit.
    """
    return _separable(
        "separable_conv2d", x, depthwise_kernel, pointwise_kernel, 2, strides, padding, data_format, dilation_rate
    )
