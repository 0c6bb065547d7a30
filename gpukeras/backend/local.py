"""Convolutions whose kernels differ from place to place."""

from __future__ import annotations

from typing import Any

from .. import ops
from ..graph.tensor import Tensor, as_tensor
from .common import normalize_data_format
from .convolution import Sides, sides
from .linalg import known_rank

__all__ = ["local_conv1d", "local_conv2d"]


def local_conv1d(
    inputs: Any, kernel: Any, kernel_size: Sides, strides: Sides, data_format: str | None = None
) -> Tensor:
    """Returns the convolution of sequences with a kernel of its own for every output step.

    Arguments:
        inputs: tensor (N, T, C), or (N, C, T) for channels_first.
        kernel: tensor (T', K * C, F).
        kernel_size: int (or a tuple of one), K.
        strides: int (or a tuple of one), step of the window.
        data_format: 'channels_last', 'channels_first', or None for the default.

    Returns:
        Tensor (N, T', F), or (N, F, T').

    Raises:
        ValueError: when an argument or a shape does not fit.
    """
    return _local("local_conv1d", inputs, kernel, 1, kernel_size, strides, data_format)


def local_conv2d(
    inputs: Any, kernel: Any, kernel_size: Sides, strides: Sides, output_shape: Any, data_format: str | None = None
) -> Tensor:
    """Returns the convolution of images with a kernel of its own for every output pixel.

    Arguments:
        inputs: tensor (N, H, W, C), or (N, C, H, W) for channels_first.
        kernel: tensor (H' * W', KH * KW * C, F); for channels_first, rows are ordered (C, KH, KW).
        kernel_size: int or two, (KH, KW).
        strides: int or two, steps of the window.
        output_shape: (H', W'), which must be what the other arguments give.
        data_format: 'channels_last', 'channels_first', or None for the default.

    Returns:
        Tensor (N, H', W', F), or (N, F, H', W').

    Raises:
        ValueError: when an argument or a shape does not fit.
    """
    out = _local("local_conv2d", inputs, kernel, 2, kernel_size, strides, data_format)
    found = (out.shape or ())[2:] if normalize_data_format(data_format) == "channels_first" else (out.shape or ())[1:-1]
    if any(m is not None and n is not None and m != n for m, n in zip(found, output_shape, strict=True)):
        raise ValueError(f"local_conv2d: output_shape={tuple(output_shape)}, but the arguments give {tuple(found)}")
    return out


def _local(
    what: str, inputs: Any, kernel: Any, n: int, kernel_size: Any, strides: Any, data_format: str | None
) -> Tensor:
    first = normalize_data_format(data_format) == "channels_first"
    x = as_tensor(inputs)
    kernel = as_tensor(kernel, x.dtype)
    known_rank(what, x, kernel)
    if x.shape is not None and len(x.shape) != n + 2:
        raise ValueError(f"{what}: expected an input with {n + 2} axes, got one of shape {tuple(x.shape)}")
    size, steps = sides(what, "kernel_size", kernel_size, n), sides(what, "strides", strides, n)
    return ops.local_conv(x, kernel, size, steps, first)
