"""Enlarging images and volumes."""

from __future__ import annotations

from typing import Any

from .. import ops
from ..graph.tensor import Tensor, as_tensor
from .common import normalize_data_format
from .linalg import known_rank

__all__ = ["resize_images", "resize_volumes"]


def _factors(what: str, x: Tensor, *factors: Any) -> tuple[int, ...]:
    known_rank(what, x)
    if x.shape is not None and len(x.shape) != len(factors) + 2:
        raise ValueError(f"{what}: expected a tensor with {len(factors) + 2} axes, got one of shape {tuple(x.shape)}")
    if any(int(f) != f or f < 1 for f in factors):
        raise ValueError(f"{what}: factors must be positive integers, got {factors}; the size must be a whole multiple")
    return tuple(int(f) for f in factors)


def resize_images(
    x: Any, height_factor: int, width_factor: int, data_format: str | None, interpolation: str = "nearest"
) -> Tensor:
    """Returns images enlarged by whole factors.

    Arguments:
        x: tensor (N, H, W, C), or (N, C, H, W) for channels_first.
        height_factor: int.
        width_factor: int.
        data_format: 'channels_last', 'channels_first', or None for the default.
        interpolation: 'nearest', or 'bilinear': pixel i is sampled at i / factor, without half-pixel centres.

    Returns:
        Tensor (N, H * height_factor, W * width_factor, C), or with the channels first.

    Raises:
        ValueError: when an argument does not fit.
    """
    first = normalize_data_format(data_format) == "channels_first"
    if interpolation not in ("nearest", "bilinear"):
        raise ValueError(
            f'resize_images: interpolation should be one of "nearest" or "bilinear", got {interpolation!r}'
        )
    x = as_tensor(x)
    height, width = _factors("resize_images", x, height_factor, width_factor)
    if interpolation == "nearest":
        return ops.upsample(x, (height, width), first)
    axis = 2 if first else 1
    return ops.interpolate(ops.interpolate(x, width, axis + 1), height, axis)


def resize_volumes(x: Any, depth_factor: int, height_factor: int, width_factor: int, data_format: str | None) -> Tensor:
    """Returns volumes enlarged by whole factors, elements repeated.

    Arguments:
        x: tensor (N, D, H, W, C), or (N, C, D, H, W) for channels_first.
        depth_factor: int.
        height_factor: int.
        width_factor: int.
        data_format: 'channels_last', 'channels_first', or None for the default.

    Returns:
        Tensor with spatial axes as many times as long.

    Raises:
        ValueError: when an argument does not fit.
    """
    first = normalize_data_format(data_format) == "channels_first"
    x = as_tensor(x)
    return ops.upsample(x, _factors("resize_volumes", x, depth_factor, height_factor, width_factor), first)
