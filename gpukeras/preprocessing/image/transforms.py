"""Geometry and colours of single images.

Images are arrays of rank 3 whose axes are told by `row_axis`, `col_axis` and `channel_axis`. Random functions draw
from `numpy.random` in a fixed order, so that a seed gives the same images everywhere.
"""

import numpy as np

from ._optional import ndimage, pillow_enhance
from .files import array_to_img, img_to_array

__all__ = [
    "apply_affine_transform",
    "apply_brightness_shift",
    "apply_channel_shift",
    "flip_axis",
    "random_brightness",
    "random_channel_shift",
    "random_rotation",
    "random_shear",
    "random_shift",
    "random_zoom",
    "transform_matrix_offset_center",
]


def transform_matrix_offset_center(matrix, x, y):
    """Lets a transformation turn about the middle of an image instead of its corner.

    Arguments:
        matrix: (3, 3) array, homogeneous coordinates.
        x: int, rows of the image.
        y: int, columns of the image.

    Returns:
        (3, 3) array.
    """
    row, col = float(x) / 2 + 0.5, float(y) / 2 + 0.5
    there = np.array([[1, 0, row], [0, 1, col], [0, 0, 1]])
    back = np.array([[1, 0, -row], [0, 1, -col], [0, 0, 1]])
    return there @ matrix @ back


def _affine_matrix(theta, tx, ty, shear, zx, zy):
    """The product of rotation, shift, shear and zoom, or None when none is asked for."""
    parts = []
    if theta != 0:
        c, s = np.cos(np.deg2rad(theta)), np.sin(np.deg2rad(theta))
        parts.append([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    if tx != 0 or ty != 0:
        parts.append([[1, 0, tx], [0, 1, ty], [0, 0, 1]])
    if shear != 0:
        angle = np.deg2rad(shear)
        parts.append([[1, -np.sin(angle), 0], [0, np.cos(angle), 0], [0, 0, 1]])
    if zx != 1 or zy != 1:
        parts.append([[zx, 0, 0], [0, zy, 0], [0, 0, 1]])
    if not parts:
        return None
    matrix = np.asarray(parts[0], dtype=float)
    for part in parts[1:]:
        matrix = matrix @ np.asarray(part, dtype=float)
    return matrix


def apply_affine_transform(
    x,
    theta=0,
    tx=0,
    ty=0,
    shear=0,
    zx=1,
    zy=1,
    row_axis=0,
    col_axis=1,
    channel_axis=2,
    fill_mode="nearest",
    cval=0.0,
):
    """Rotates, shifts, shears and zooms an image about its middle, with linear interpolation.

    Arguments:
        x: array of rank 3.
        theta: float, rotation in degrees.
        tx: float, shift along the rows' axis, in pixels.
        ty: float, shift along the columns' axis, in pixels.
        shear: float, shear angle in degrees.
        zx: float, zoom along the rows' axis; above 1 shrinks.
        zy: float, zoom along the columns' axis; above 1 shrinks.
        row_axis: int, axis of the rows.
        col_axis: int, axis of the columns.
        channel_axis: int, axis of the channels.
        fill_mode: 'constant', 'nearest', 'reflect' or 'wrap': what stands outside the image.
        cval: float, value outside the image for 'constant'.

    Returns:
        Array of the shape of `x`.

    Raises:
        ImportError: without SciPy.
    """
    matrix = _affine_matrix(theta, tx, ty, shear, zx, zy)
    if matrix is None:
        return x
    filters = ndimage("apply_affine_transform")
    matrix = transform_matrix_offset_center(matrix, x.shape[row_axis], x.shape[col_axis])
    dtype = x.dtype
    if dtype == np.float16:  # SciPy has no such type
        x = x.astype(np.float32)
    moved = np.moveaxis(x, channel_axis, 0)
    out = np.empty(moved.shape, dtype=x.dtype)
    for channel, result in zip(moved, out):
        filters.affine_transform(
            channel, matrix[:2, :2], matrix[:2, 2], output=result, order=1, mode=fill_mode, cval=cval
        )
    return np.moveaxis(out, 0, channel_axis).astype(dtype, copy=False)


def apply_channel_shift(x, intensity, channel_axis=0):
    """Adds a number to all channels, within the range of values that the image has.

    Arguments:
        x: array of rank 3.
        intensity: float.
        channel_axis: int, axis of the channels; it makes no difference, since all get the same.

    Returns:
        Array of the shape of `x`.
    """
    return np.clip(x + intensity, np.min(x), np.max(x))


def apply_brightness_shift(x, brightness):
    """Multiplies the brightness of an image, which is stretched to 0..255 first.

    Arguments:
        x: array of rank 3 in the configured data format.
        brightness: float, 1 for no change.

    Returns:
        Array of the shape of `x`, values 0..255.

    Raises:
        ImportError: without Pillow.
    """
    enhance = pillow_enhance("apply_brightness_shift")
    return img_to_array(enhance.Brightness(array_to_img(x)).enhance(brightness))


def flip_axis(x, axis):
    """Mirrors an array along an axis.

    Arguments:
        x: array.
        axis: int.

    Returns:
        View of `x`.
    """
    return np.flip(x, axis)


def random_rotation(x, rg, row_axis=1, col_axis=2, channel_axis=0, fill_mode="nearest", cval=0.0):
    """Rotates an image by a random angle.

    Arguments:
        x: array of rank 3.
        rg: float, greatest angle in degrees.
        row_axis: see `apply_affine_transform`.
        col_axis: see `apply_affine_transform`.
        channel_axis: see `apply_affine_transform`.
        fill_mode: see `apply_affine_transform`.
        cval: see `apply_affine_transform`.

    Returns:
        Array of the shape of `x`.
    """
    theta = np.random.uniform(-rg, rg)
    return apply_affine_transform(
        x, theta=theta, row_axis=row_axis, col_axis=col_axis, channel_axis=channel_axis, fill_mode=fill_mode, cval=cval
    )


def random_shift(x, wrg, hrg, row_axis=1, col_axis=2, channel_axis=0, fill_mode="nearest", cval=0.0):
    """Shifts an image by random distances.

    Arguments:
        x: array of rank 3.
        wrg: float, greatest shift as a fraction of the width.
        hrg: float, greatest shift as a fraction of the height.
        row_axis: see `apply_affine_transform`.
        col_axis: see `apply_affine_transform`.
        channel_axis: see `apply_affine_transform`.
        fill_mode: see `apply_affine_transform`.
        cval: see `apply_affine_transform`.

    Returns:
        Array of the shape of `x`.
    """
    tx = np.random.uniform(-hrg, hrg) * x.shape[row_axis]
    ty = np.random.uniform(-wrg, wrg) * x.shape[col_axis]
    return apply_affine_transform(
        x, tx=tx, ty=ty, row_axis=row_axis, col_axis=col_axis, channel_axis=channel_axis, fill_mode=fill_mode, cval=cval
    )


def random_shear(x, intensity, row_axis=1, col_axis=2, channel_axis=0, fill_mode="nearest", cval=0.0):
    """Shears an image by a random angle.

    Arguments:
        x: array of rank 3.
        intensity: float, greatest angle in degrees.
        row_axis: see `apply_affine_transform`.
        col_axis: see `apply_affine_transform`.
        channel_axis: see `apply_affine_transform`.
        fill_mode: see `apply_affine_transform`.
        cval: see `apply_affine_transform`.

    Returns:
        Array of the shape of `x`.
    """
    shear = np.random.uniform(-intensity, intensity)
    return apply_affine_transform(
        x, shear=shear, row_axis=row_axis, col_axis=col_axis, channel_axis=channel_axis, fill_mode=fill_mode, cval=cval
    )


def random_zoom(x, zoom_range, row_axis=1, col_axis=2, channel_axis=0, fill_mode="nearest", cval=0.0):
    """Zooms an image by random factors, one per axis.

    Arguments:
        x: array of rank 3.
        zoom_range: (least, greatest) factor.
        row_axis: see `apply_affine_transform`.
        col_axis: see `apply_affine_transform`.
        channel_axis: see `apply_affine_transform`.
        fill_mode: see `apply_affine_transform`.
        cval: see `apply_affine_transform`.

    Returns:
        Array of the shape of `x`.

    Raises:
        ValueError: when `zoom_range` is not a pair.
    """
    if len(zoom_range) != 2:
        raise ValueError(f"`zoom_range` should be a tuple or list of two floats. Received: {zoom_range}")
    if zoom_range[0] == 1 and zoom_range[1] == 1:
        zx, zy = 1, 1
    else:
        zx, zy = np.random.uniform(zoom_range[0], zoom_range[1], 2)
    return apply_affine_transform(
        x, zx=zx, zy=zy, row_axis=row_axis, col_axis=col_axis, channel_axis=channel_axis, fill_mode=fill_mode, cval=cval
    )


def random_channel_shift(x, intensity_range, channel_axis=0):
    """Adds one random number to all channels.

    Arguments:
        x: array of rank 3.
        intensity_range: float, greatest number.
        channel_axis: int, axis of the channels.

    Returns:
        Array of the shape of `x`.
    """
    return apply_channel_shift(x, np.random.uniform(-intensity_range, intensity_range), channel_axis)


def random_brightness(x, brightness_range):
    """Multiplies the brightness of an image by a random factor.

    Arguments:
        x: array of rank 3 in the configured data format.
        brightness_range: (least, greatest) factor.

    Returns:
        Array of the shape of `x`.

    Raises:
        ValueError: when `brightness_range` is not a pair.
    """
    if len(brightness_range) != 2:
        raise ValueError(f"`brightness_range` should be a tuple or list of two floats. Received: {brightness_range}")
    return apply_brightness_shift(x, np.random.uniform(brightness_range[0], brightness_range[1]))
