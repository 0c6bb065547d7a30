"""`tf.image`: sizes, flips, colours and measures of images (H, W, C), or batches of them (N, H, W, C)."""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import ops
from ...graph.tensor import Tensor
from . import _resize
from . import random as tf_random
from ._array import cast, clip_to
from ._base import convert, named, op_seed, rank_of, sizes, static
from ._missing import module_getattr

globals().update({name: getattr(_resize, name) for name in _resize.NAMES})
random_crop = tf_random.random_crop

# --- flips and crops ----------------------------------------------------------------------------------------------


def _rows(x: Tensor) -> int:
    """The axis of the rows."""
    rank = rank_of(x, "tf.image")
    if rank not in (3, 4):
        raise ValueError(f"tf.image: expected an image (H, W, C) or a batch (N, H, W, C), got shape {x.get_shape()}")
    return rank - 3


def flip_left_right(image: Any) -> Tensor:
    """Mirrored left to right."""
    x = convert(image)
    return ops.reverse(x, _rows(x) + 1)


def flip_up_down(image: Any) -> Tensor:
    """Mirrored top to bottom."""
    x = convert(image)
    return ops.reverse(x, _rows(x))


def _random_flip(image: Any, seed: Any, axis: int) -> Tensor:
    x = convert(image)
    at = _rows(x)
    count = [sizes(x)[0], 1, 1, 1] if at else []
    chosen = ops.random_uniform(count, 0.0, 1.0, "float32", op_seed(seed)) < 0.5
    return ops.where(chosen, ops.reverse(x, at + axis), x)


def random_flip_left_right(image: Any, seed: Any = None) -> Tensor:
    """Mirrored left to right with probability 1/2, each image by itself."""
    return _random_flip(image, seed, 1)


def random_flip_up_down(image: Any, seed: Any = None) -> Tensor:
    """Mirrored top to bottom with probability 1/2, each image by itself."""
    return _random_flip(image, seed, 0)


def transpose_image(image: Any) -> Tensor:
    """Rows and columns exchanged."""
    x = convert(image)
    order = list(range(rank_of(x, "transpose")))
    at = _rows(x)
    order[at], order[at + 1] = order[at + 1], order[at]
    return ops.transpose(x, order)


transpose = transpose_image


@named
def rot90(image: Any, k: Any = 1, name: str | None = None) -> Tensor:
    """Turned by k quarters, against the clock."""
    x, k = convert(image), int(static(k, "rot90: k")) % 4
    at = _rows(x)
    if k == 2:
        return ops.reverse(x, [at, at + 1])
    if k == 0:
        return x
    return ops.reverse(transpose_image(x), at if k == 1 else at + 1)


def crop_to_bounding_box(
    image: Any, offset_height: Any, offset_width: Any, target_height: Any, target_width: Any
) -> Tensor:
    """A block of pixels."""
    x = convert(image)
    at = _rows(x)
    return ops.slice_axis(ops.slice_axis(x, at, offset_height, target_height), at + 1, offset_width, target_width)


def pad_to_bounding_box(
    image: Any, offset_height: int, offset_width: int, target_height: int, target_width: int
) -> Tensor:
    """Zeros around an image."""
    x = convert(image)
    at = _rows(x)
    h, w = (int(n) for n in sizes(x)[at : at + 2])
    below, right = target_height - offset_height - h, target_width - offset_width - w
    if min(below, right, offset_height, offset_width) < 0:
        raise ValueError("pad_to_bounding_box: the image does not fit")
    return ops.pad(x, [(0, 0)] * at + [(offset_height, below), (offset_width, right), (0, 0)])


def central_crop(image: Any, central_fraction: float) -> Tensor:
    """The middle of an image."""
    if not 0 < central_fraction <= 1:
        raise ValueError("central_fraction must be within (0, 1]")
    x = convert(image)
    at = _rows(x)
    h, w = sizes(x)[at : at + 2]
    if isinstance(h, Tensor) or isinstance(w, Tensor):
        raise ValueError("central_crop: height and width must be known")
    top, left = int((h - h * central_fraction) / 2), int((w - w * central_fraction) / 2)
    return crop_to_bounding_box(x, top, left, h - 2 * top, w - 2 * left)


@named
def extract_image_patches(
    images: Any, ksizes: Any = None, strides: Any = None, rates: Any = None, padding: Any = None,
    name: str | None = None, sizes: Any = None,
) -> Tensor:  # fmt: skip
    """The pixels of each window, one after the other, as channels."""
    from ._base import sizes as lengths
    from ._conv import _padding, _spatial

    x = convert(images)
    what = "extract_image_patches"
    height, width = _spatial(ksizes if ksizes is not None else sizes, 2, False, what, "ksizes")
    steps, spacing = _spatial(strides, 2, False, what, "strides"), _spatial(rates, 2, False, what, "rates")
    c = int(lengths(x)[-1])
    kernel = np.eye(height * width * c, dtype=str(x.dtype)).reshape(height, width, c, height * width * c)
    return ops.conv(x, kernel, steps, _padding(padding, what), spacing)


@named
def non_max_suppression(
    boxes: Any, scores: Any, max_output_size: Any, iou_threshold: Any = 0.5, score_threshold: Any = float("-inf"),
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """Indices of the best boxes, none of which overlaps a better one by more than a share."""
    limits = (float(static(v, "non_max_suppression: thresholds")) for v in (iou_threshold, score_threshold))
    return ops.non_max_suppression(convert(boxes), convert(scores), convert(max_output_size), *limits)


# --- colours ------------------------------------------------------------------------------------------------------


def convert_image_dtype(image: Any, dtype: Any, saturate: bool = False, name: str | None = None) -> Tensor:
    """Another type, the values rescaled: integers use their whole range, floats [0, 1]."""
    from ...graph.dtype import as_dtype

    x, kind = convert(image), as_dtype(dtype)
    if x.dtype == kind:
        return x
    if x.dtype.is_floating and kind.is_floating:
        return cast(x, kind)  # type: ignore[no-any-return]
    if kind.is_floating:
        return ops.cast(x, kind) * (1.0 / float(np.iinfo(str(x.dtype)).max))
    if x.dtype.is_floating:
        scaled = x * (float(np.iinfo(str(kind)).max) + 0.5)
        return ops.cast(clip_to(scaled, kind) if saturate else scaled, kind)
    raise NotImplementedError("convert_image_dtype: from one integer type to another; go through floats")


def _in_float(image: Any, change: Any) -> Tensor:
    """A change of colours made in floats, in the image's own type again."""
    x = convert(image)
    if x.dtype.is_floating:
        return change(x)  # type: ignore[no-any-return]
    return convert_image_dtype(change(convert_image_dtype(x, "float32")), x.dtype, saturate=True)


def adjust_brightness(image: Any, delta: Any) -> Tensor:
    """A number added to every pixel."""
    return _in_float(image, lambda x: x + delta)


def adjust_contrast(images: Any, contrast_factor: Any) -> Tensor:
    """The distance of every pixel from the mean of its channel scaled."""

    def change(x: Tensor) -> Tensor:
        at = _rows(x)
        mean = ops.mean(x, [at, at + 1], True)
        return (x - mean) * contrast_factor + mean

    return _in_float(images, change)


def adjust_gamma(image: Any, gamma: Any = 1, gain: Any = 1) -> Tensor:
    """Every pixel to a power, scaled."""
    return _in_float(image, lambda x: ops.pow(x, gamma) * gain)


def _random_number(low: float, high: float, seed: Any) -> Tensor:
    return tf_random.uniform([], low, high, seed=seed)  # type: ignore[no-any-return]


def random_brightness(image: Any, max_delta: float, seed: Any = None) -> Tensor:
    """A random number added to every pixel."""
    return adjust_brightness(image, _random_number(-max_delta, max_delta, seed))


def random_contrast(image: Any, lower: float, upper: float, seed: Any = None) -> Tensor:
    """Contrast changed by a random factor."""
    return adjust_contrast(image, _random_number(lower, upper, seed))


@named
def rgb_to_grayscale(images: Any, name: str | None = None) -> Tensor:
    """Brightness as one channel."""

    def change(x: Tensor) -> Tensor:
        return ops.sum(x * convert([0.2989, 0.5870, 0.1140], x.dtype), -1, True)

    return _in_float(images, change)


@named
def grayscale_to_rgb(images: Any, name: str | None = None) -> Tensor:
    """Three equal channels."""
    x = convert(images)
    return ops.concatenate([x, x, x], -1)


@named
def rgb_to_hsv(images: Any, name: str | None = None) -> Tensor:
    """Hue, saturation and value, all in [0, 1]."""
    x = convert(images)
    r, g, b = (x[..., i] for i in range(3))
    top, low = ops.max(x, -1), ops.min(x, -1)
    span = top - low
    grey = ops.equal(span, 0)
    scale = ops.where(grey, 1, span)
    hue = ops.where(
        ops.equal(r, top), (g - b) / scale, ops.where(ops.equal(g, top), (b - r) / scale + 2, (r - g) / scale + 4)
    )
    hue = ops.where(grey, 0, hue / 6)
    hue = ops.where(hue < 0, hue + 1, hue)
    saturation = ops.where(top > 0, span / ops.where(top > 0, top, 1), 0)
    return ops.stack([hue, saturation, top], -1)


@named
def hsv_to_rgb(images: Any, name: str | None = None) -> Tensor:
    """Red, green and blue of hue, saturation and value."""
    x = convert(images)
    h, s, v = (x[..., i] for i in range(3))
    # each channel is a trapezium of the hue
    six = h * 6
    r = ops.clip(ops.abs(six - 3) - 1, 0, 1)
    g = ops.clip(2 - ops.abs(six - 2), 0, 1)
    b = ops.clip(2 - ops.abs(six - 4), 0, 1)
    return ops.stack([(1 - s + s * c) * v for c in (r, g, b)], -1)


@named
def adjust_saturation(image: Any, saturation_factor: Any, name: str | None = None) -> Tensor:
    """Saturation scaled."""

    def change(x: Tensor) -> Tensor:
        hsv = rgb_to_hsv(x)
        s = ops.clip(hsv[..., 1] * saturation_factor, 0, 1)
        return hsv_to_rgb(ops.stack([hsv[..., 0], s, hsv[..., 2]], -1))  # type: ignore[no-any-return]

    return _in_float(image, change)


@named
def adjust_hue(image: Any, delta: Any, name: str | None = None) -> Tensor:
    """Hue turned; `delta` counts in whole turns."""

    def change(x: Tensor) -> Tensor:
        hsv = rgb_to_hsv(x)
        h = ops.mod(hsv[..., 0] + (delta + 1.0), 1.0)
        return hsv_to_rgb(ops.stack([h, hsv[..., 1], hsv[..., 2]], -1))  # type: ignore[no-any-return]

    return _in_float(image, change)


def random_saturation(image: Any, lower: float, upper: float, seed: Any = None) -> Tensor:
    """Saturation changed by a random factor."""
    return adjust_saturation(image, _random_number(lower, upper, seed))  # type: ignore[no-any-return]


def random_hue(image: Any, max_delta: float, seed: Any = None) -> Tensor:
    """Hue turned by a random amount."""
    return adjust_hue(image, _random_number(-max_delta, max_delta, seed))  # type: ignore[no-any-return]


@named
def per_image_standardization(image: Any, name: str | None = None) -> Tensor:
    """Each image less its mean, divided by its standard deviation (or 1/sqrt(count), if that is larger)."""
    x = convert(image)
    x = x if x.dtype.is_floating else ops.cast(x, "float32")
    axes = list(range(_rows(x), rank_of(x, "per_image_standardization")))
    mean, variance = ops.moments(x, axes, True)
    lengths = sizes(x)
    count: Any = lengths[axes[0]] * lengths[axes[1]] * lengths[axes[2]]
    floor = ops.rsqrt(ops.cast(convert(count), x.dtype))
    return (x - mean) / ops.maximum(ops.sqrt(variance), floor)


# --- measures -----------------------------------------------------------------------------------------------------


@named
def total_variation(images: Any, name: str | None = None) -> Tensor:
    """Sum of the absolute differences of neighbouring pixels, for each image."""
    x = convert(images)
    at = _rows(x)
    h, w = sizes(x)[at : at + 2]
    total: Any = None
    for axis, n in ((at, h), (at + 1, w)):
        step = ops.abs(ops.slice_axis(x, axis, 1, n - 1) - ops.slice_axis(x, axis, 0, n - 1))
        part = ops.sum(step, [1, 2, 3] if at else None)
        total = part if total is None else total + part
    return total  # type: ignore[no-any-return]


def image_gradients(image: Any) -> tuple[Tensor, Tensor]:
    """Differences of each pixel to the next one below and to the right, 0 at the end."""
    x = convert(image)
    _, h, w, _ = sizes(x)
    dy = ops.slice_axis(x, 1, 1, h - 1) - ops.slice_axis(x, 1, 0, h - 1)
    dx = ops.slice_axis(x, 2, 1, w - 1) - ops.slice_axis(x, 2, 0, w - 1)
    return ops.pad(dy, [(0, 0), (0, 1), (0, 0), (0, 0)]), ops.pad(dx, [(0, 0), (0, 0), (0, 1), (0, 0)])


def sobel_edges(image: Any) -> Tensor:
    """Sobel's differences down and to the right, in a new last axis."""
    from ._array import pad as tf_pad

    x = convert(image)
    n, h, w, c = sizes(x)
    down = np.array([[-1, -2, -1], [0, 0, 0], [1, 2, 1]], str(x.dtype))
    kernels = np.tile(np.stack([down, down.T], -1)[:, :, None, :], (1, 1, 1, int(c)))
    padded = tf_pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]], "REFLECT")
    return ops.reshape(ops.conv(padded, kernels, 1, "valid", 1, int(c)), [n, h, w, c, 2])


@named
def psnr(a: Any, b: Any, max_val: Any, name: str | None = None) -> Tensor:
    """Ratio of the largest signal to the noise, in decibels."""
    x, y = (convert_image_dtype(v, "float32") for v in (a, b))
    top = _peak(max_val, convert(a))
    error = ops.mean(ops.squared_difference(x, y), [-3, -2, -1])
    return 20 * ops.log(top) / float(np.log(10.0)) - float(10 / np.log(10)) * ops.log(error)


def _peak(max_val: Any, like: Tensor) -> Tensor:
    """The largest value as a float, in the scale of `convert_image_dtype`."""
    return convert_image_dtype(convert(max_val, like.dtype), "float32")


def ssim(img1: Any, img2: Any, max_val: Any, filter_size: int = 11, filter_sigma: float = 1.5, k1: float = 0.01,
         k2: float = 0.03) -> Tensor:  # fmt: skip
    """Structural similarity of images (Wang et al., IEEE Trans. Image Processing 13, 2004), mean over the pixels."""
    x, y = (convert_image_dtype(v, "float32") for v in (img1, img2))
    top = _peak(max_val, convert(img1))
    c = int(sizes(x)[-1])
    grid = np.arange(filter_size) - (filter_size - 1) / 2
    weight = np.exp(-(grid[:, None] ** 2 + grid**2) / (2 * filter_sigma**2))
    window = np.tile((weight / weight.sum())[:, :, None, None], (1, 1, 1, c)).astype("float32")

    def smooth(t: Tensor) -> Tensor:
        return ops.conv(t, window, 1, "valid", 1, c)

    c1, c2 = ops.square(k1 * top), ops.square(k2 * top)
    mx, my = smooth(x), smooth(y)
    cross, squares = mx * my, ops.square(mx) + ops.square(my)
    light = (2 * cross + c1) / (squares + c1)
    structure = (2 * (smooth(x * y) - cross) + c2) / (smooth(ops.square(x) + ops.square(y)) - squares + c2)
    return ops.mean(ops.mean(light * structure, [-3, -2]), -1)


__getattr__ = module_getattr("image")
