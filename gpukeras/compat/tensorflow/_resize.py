"""Sizes of images, sampled as TensorFlow 1 does: pixel i of the result lies at i * (old size / new size)."""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import ops
from ...graph.tensor import Tensor
from ._base import convert, dims, named, rank_of, sizes, static


class ResizeMethod:
    """Ways to compute pixels in between."""

    BILINEAR = 0
    NEAREST_NEIGHBOR = 1
    BICUBIC = 2
    AREA = 3


def _places(n: Any, m: Any, align_corners: bool) -> Tensor:
    """Where each of m new places lies among n old ones, a float32 vector."""
    index = ops.cast(ops.arange(m), "float32")
    old, new = (ops.cast(convert(v), "float32") for v in (n, m))
    if align_corners:
        several = ops.greater(new, 1)
        return index * ops.where(several, (old - 1) / ops.maximum(new - 1, 1), old / new)
    return index * (old / new)


def _limit(index: Tensor, n: Any) -> Tensor:
    return ops.minimum(ops.maximum(ops.cast(index, "int32"), 0), ops.cast(convert(n), "int32") - 1)


def _along(values: Tensor, axis: int, rank: int) -> Tensor:
    return ops.reshape(values, [-1 if i == axis else 1 for i in range(rank)])


def _linear(x: Tensor, axis: int, m: Any, align_corners: bool) -> Tensor:
    n = sizes(x)[axis]
    place = _places(n, m, align_corners)
    low = ops.floor(place)
    below, above = _limit(low, n), _limit(low + 1, n)
    share = _along(ops.cast(place - low, x.dtype), axis, rank_of(x, "resize"))
    a, b = ops.gather(x, below, axis), ops.gather(x, above, axis)
    return a + (b - a) * share


def _nearest(x: Tensor, axis: int, m: Any, align_corners: bool) -> Tensor:
    n = sizes(x)[axis]
    place = _places(n, m, align_corners)
    return ops.gather(x, _limit(ops.floor(place + 0.5) if align_corners else ops.floor(place), n), axis)


def _cubic_weights(t: Tensor) -> list[Tensor]:
    """Weights of the four neighbours (Keys' kernel with a = -0.75), t in [0, 1) from the second one."""
    a = -0.75

    def near(d: Tensor) -> Tensor:
        return ((a + 2) * d - (a + 3)) * d * d + 1

    def far(d: Tensor) -> Tensor:
        return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a

    return [far(t + 1), near(t), near(1 - t), far(2 - t)]


def _cubic(x: Tensor, axis: int, m: Any, align_corners: bool) -> Tensor:
    n = sizes(x)[axis]
    place = _places(n, m, align_corners)
    low = ops.floor(place)
    share = ops.round((place - low) * 1024.0) / 1024.0  # TensorFlow reads its weights from a table of that many
    total: Any = None
    for offset, weight in zip((-1, 0, 1, 2), _cubic_weights(share)):
        index = _limit(low + offset, n)
        part = ops.gather(x, index, axis) * _along(ops.cast(weight, x.dtype), axis, rank_of(x, "resize"))
        total = part if total is None else total + part
    return total  # type: ignore[no-any-return]


def _area(x: Tensor, axis: int, m: Any, align_corners: bool) -> Tensor:
    """Means over the part of the old axis each new pixel covers, as a matrix."""
    n, m = (int(static(v, "resize_area: sizes")) for v in (sizes(x)[axis], m))
    scale = (n - 1) / (m - 1) if align_corners and m > 1 else n / m
    weights = np.zeros((m, n))
    for i in range(m):
        start, end = i * scale, (i + 1) * scale
        for j in range(int(start), int(np.ceil(end))):  # past the edge its pixel counts again
            weights[i, min(j, n - 1)] += (min(j + 1, end) - max(j, start)) / scale
    rank = rank_of(x, "resize")
    out = ops.tensordot(x, convert(weights.T, x.dtype), [[axis], [0]])
    return ops.transpose(out, [*range(axis), rank - 1, *range(axis, rank - 1)])


_METHODS: dict[Any, Any] = {
    ResizeMethod.BILINEAR: _linear, ResizeMethod.NEAREST_NEIGHBOR: _nearest, ResizeMethod.BICUBIC: _cubic,
    ResizeMethod.AREA: _area, "bilinear": _linear, "nearest": _nearest, "bicubic": _cubic, "area": _area,
}  # fmt: skip


def _resized(images: Any, size: Any, function: Any, align_corners: bool, rank: tuple[int, ...] = (4,)) -> Tensor:
    x = convert(images)
    if rank_of(x, "resize") not in rank:
        raise ValueError(f"'images' must have {' or '.join(map(str, rank))} dimensions, got shape {x.get_shape()}")
    if function is not _nearest and not x.dtype.is_floating:
        x = ops.cast(x, "float32")
    height, width = _pair(size)
    rows = rank_of(x, "resize") - 3
    same = [n if isinstance(n, int) else None for n in sizes(x)[rows : rows + 2]] == [height, width]
    return x if same else function(function(x, rows, height, align_corners), rows + 1, width, align_corners)


def _pair(size: Any) -> tuple[Any, Any]:
    if isinstance(size, Tensor):
        known = size.partial if isinstance(size.partial, list) else [None, None]
        if len(known) != 2:
            raise ValueError("'size' must be a 1-D Tensor of 2 elements: new_height, new_width")
        return tuple(size[i] if k is None else k for i, k in enumerate(known))  # type: ignore[return-value]
    entries = dims(size)
    if len(entries) != 2:
        raise ValueError("'size' must be a 1-D Tensor of 2 elements: new_height, new_width")
    return entries[0], entries[1]


def resize_images(
    images: Any, size: Any, method: Any = ResizeMethod.BILINEAR, align_corners: bool = False,
    preserve_aspect_ratio: bool = False, name: str | None = None,
) -> Tensor:  # fmt: skip
    """Images of another size; with the very same size, the images unchanged."""
    if method not in _METHODS:
        raise ValueError("Resize method is not implemented.")
    if preserve_aspect_ratio:
        x = convert(images)
        rows = rank_of(x, "resize") - 3
        h, w = (int(static(n, "resize_images: the sizes")) for n in sizes(x)[rows : rows + 2])
        height, width = (int(static(n, "resize_images: size")) for n in _pair(size))
        scale = min(height / h, width / w)
        size = [int(round(scale * h)), int(round(scale * w))]
    return _resized(images, size, _METHODS[method], align_corners, (3, 4))


resize = resize_images


@named
def resize_bilinear(images: Any, size: Any, align_corners: bool = False, name: str | None = None) -> Tensor:
    """Images of another size, pixels in between interpolated."""
    return _resized(images, size, _linear, align_corners)


@named
def resize_nearest_neighbor(images: Any, size: Any, align_corners: bool = False, name: str | None = None) -> Tensor:
    """Images of another size, pixels repeated or left out."""
    return _resized(images, size, _nearest, align_corners)


@named
def resize_bicubic(images: Any, size: Any, align_corners: bool = False, name: str | None = None) -> Tensor:
    """Images of another size, pixels in between interpolated by cubic polynomials."""
    return _resized(images, size, _cubic, align_corners)


@named
def resize_area(images: Any, size: Any, align_corners: bool = False, name: str | None = None) -> Tensor:
    """Images of another size, pixels averaged."""
    return _resized(images, size, _area, align_corners)


def resize_image_with_crop_or_pad(image: Any, target_height: int, target_width: int) -> Tensor:
    """The middle of an image, or the image with zeros around it."""
    from . import image as images

    x = convert(image)
    rows = rank_of(x, "resize") - 3
    h, w = (int(static(n, "resize_image_with_crop_or_pad: the sizes")) for n in sizes(x)[rows : rows + 2])
    dh, dw = target_height - h, target_width - w
    x = images.crop_to_bounding_box(x, max(-dh // 2, 0), max(-dw // 2, 0), min(target_height, h), min(target_width, w))
    return images.pad_to_bounding_box(x, max(dh // 2, 0), max(dw // 2, 0), target_height, target_width)


@named
def crop_and_resize(
    image: Any, boxes: Any, box_ind: Any = None, crop_size: Any = None, method: str = "bilinear",
    extrapolation_value: float = 0, name: str | None = None, box_indices: Any = None,
) -> Tensor:  # fmt: skip
    """Boxes (y1, x1, y2, x2), in parts of the image, cut out of images and brought to one size."""
    x = convert(image)
    box, owner = convert(boxes), convert(box_indices if box_ind is None else box_ind)
    h, w = sizes(x)[1:3]
    height, width = (int(static(n, "crop_and_resize: crop_size")) for n in _pair(crop_size))

    def coordinates(low: Tensor, high: Tensor, n: Any, m: int) -> Tensor:
        last = ops.cast(convert(n), "float32") - 1
        if m == 1:
            return ops.expand_dims(0.5 * (low + high) * last, -1)
        steps = convert(np.arange(m, dtype="float32"))
        scale = (high - low) * last / float(m - 1)
        return ops.expand_dims(low * last, -1) + ops.expand_dims(scale, -1) * steps

    y1, x1, y2, x2 = (box[:, i] for i in range(4))
    ys, xs = coordinates(y1, y2, h, height), coordinates(x1, x2, w, width)

    def pick(rows: Tensor, columns: Tensor) -> Tensor:
        r, c = ops.expand_dims(_limit(rows, h), 2), ops.expand_dims(_limit(columns, w), 1)
        own = ops.reshape(ops.cast(owner, "int32"), [-1, 1, 1])
        shape = ops.zeros_like(r + c)
        return ops.gather_nd(x, ops.stack([own + shape, r + shape, c + shape], -1))

    if method == "nearest":
        out = pick(ops.floor(ys + 0.5), ops.floor(xs + 0.5))
    else:
        top, left = ops.floor(ys), ops.floor(xs)
        bottom, right = ops.ceil(ys), ops.ceil(xs)
        dy = ops.reshape(ys - top, [-1, height, 1, 1])
        dx = ops.reshape(xs - left, [-1, 1, width, 1])
        upper = pick(top, left) + (pick(top, right) - pick(top, left)) * dx
        lower = pick(bottom, left) + (pick(bottom, right) - pick(bottom, left)) * dx
        out = upper + (lower - upper) * dy
    inside_y = ops.logical_and(ys >= 0, ys <= ops.cast(convert(h), "float32") - 1)
    inside_x = ops.logical_and(xs >= 0, xs <= ops.cast(convert(w), "float32") - 1)
    inside = ops.logical_and(ops.reshape(inside_y, [-1, height, 1, 1]), ops.reshape(inside_x, [-1, 1, width, 1]))
    return ops.where(inside, out, float(extrapolation_value))


NAMES = [
    n for n, v in list(globals().items()) if callable(v) and getattr(v, "__module__", "") == __name__ and n[0] != "_"
]
