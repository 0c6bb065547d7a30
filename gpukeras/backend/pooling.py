"""Pooling."""

from __future__ import annotations

from typing import Any

from .. import ops
from ..graph.tensor import Tensor, as_tensor
from .common import normalize_data_format
from .convolution import Sides, checked_padding, sides
from .linalg import known_rank

__all__ = ["pool2d", "pool3d"]

_MODES = {"max": ops.max_pool, "avg": ops.average_pool}


def _pool(
    what: str, x: Any, n: int, pool_size: Any, strides: Any, padding: str, data_format: str | None, pool_mode: str
) -> Tensor:
    data_format = normalize_data_format(data_format)
    padding = checked_padding(what, padding)
    if pool_mode not in _MODES:
        raise ValueError(f"Invalid pool_mode: {pool_mode!r}; {what} expects 'max' or 'avg'")
    x = as_tensor(x)
    known_rank(what, x)
    if x.shape is not None and len(x.shape) != n + 2:
        raise ValueError(f"{what}: expected an input with {n + 2} axes, got one of shape {tuple(x.shape)}")
    size, steps = sides(what, "pool_size", pool_size, n), sides(what, "strides", strides, n)
    return _MODES[pool_mode](x, size, steps, padding, data_format == "channels_first")


def pool2d(
    x: Any,
    pool_size: Sides,
    strides: Sides = (1, 1),
    padding: str = "valid",
    data_format: str | None = None,
    pool_mode: str = "max",
) -> Tensor:
    """Returns the maximum or the mean of each window of images.

    Arguments:
        x: tensor (N, H, W, C), or (N, C, H, W) for channels_first.
        pool_size: int or two, size of the window.
        strides: int or two, steps of the window.
        padding: 'valid' or 'same'; padding counts neither as an element nor in a mean.
        data_format: 'channels_last', 'channels_first', or None for the default.
        pool_mode: 'max' or 'avg'.

    Returns:
        Tensor (N, H', W', C), or (N, C, H', W').

    Raises:
        ValueError: when an argument or a shape does not fit.
    """
    return _pool("pool2d", x, 2, pool_size, strides, padding, data_format, pool_mode)


def pool3d(
    x: Any,
    pool_size: Sides,
    strides: Sides = (1, 1, 1),
    padding: str = "valid",
    data_format: str | None = None,
    pool_mode: str = "max",
) -> Tensor:
    """Returns the maximum or the mean of each window of volumes.

    Arguments:
        x: tensor (N, D, H, W, C), or (N, C, D, H, W) for channels_first.
        pool_size: int or three, size of the window.
        strides: int or three, steps of the window.
        padding: 'valid' or 'same'; padding counts neither as an element nor in a mean.
        data_format: 'channels_last', 'channels_first', or None for the default.
        pool_mode: 'max' or 'avg'.

    Returns:
        Tensor (N, D', H', W', C), or (N, C, D', H', W').

    Raises:
        ValueError: when an argument or a shape does not fit.
    """
    return _pool("pool3d", x, 3, pool_size, strides, padding, data_format, pool_mode)
