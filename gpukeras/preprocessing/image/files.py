"""Images between files, Pillow and arrays."""

import os
import warnings

import numpy as np

from ... import backend as K
from ._optional import pillow

__all__ = ["array_to_img", "img_to_array", "list_pictures", "load_img", "save_img"]

_INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "hamming", "box", "lanczos")
_MODES = {"grayscale": "L", "rgb": "RGB", "rgba": "RGBA"}
_FORMATS = ("channels_first", "channels_last")


def working_dtype(dtype):
    """The type that pixels are computed in: `dtype`, or float32 where that is no float or a smaller one.

    Arguments:
        dtype: type of the images, or None for `K.floatx()`.

    Returns:
        `numpy.dtype`.
    """
    dtype = np.dtype(K.floatx() if dtype is None else dtype)
    return dtype if dtype.kind == "f" and dtype.itemsize >= 4 else np.dtype("float32")


def _checked_format(data_format):
    """`data_format`, or the configured one for None."""
    if data_format is None:
        return K.image_data_format()
    if data_format not in _FORMATS:
        raise ValueError(f"Unknown data_format: {data_format!r}; it is 'channels_last' or 'channels_first'.")
    return data_format


def array_to_img(x, data_format=None, scale=True, dtype=None):
    """Makes a Pillow image of an array.

    Arguments:
        x: array (H, W, C) or (C, H, W), C = 1, 3 or 4.
        data_format: 'channels_last' or 'channels_first'; None for the configured one.
        scale: bool, whether values are stretched so that the greatest becomes 255 (and negative ones raised to 0).
        dtype: type to compute in; None for `K.floatx()`. What is no float, or a small one, means float32.

    Returns:
        `PIL.Image.Image` of mode L, RGB or RGBA.

    Raises:
        ValueError: for other shapes or formats.
        ImportError: without Pillow.
    """
    Image = pillow("array_to_img")
    # A copy: the caller's array stays as it is.
    x = np.array(x, dtype=working_dtype(dtype))
    if x.ndim != 3:
        raise ValueError(
            "Expected image array to have rank 3 (single image). "
            f"Got array with shape: {x.shape}; add an axis of size 1 for the channels of a grey image."
        )
    if _checked_format(data_format) == "channels_first":
        x = x.transpose(1, 2, 0)
    if x.shape[2] not in (1, 3, 4):
        raise ValueError(f"Unsupported channel number: {x.shape[2]}; 1, 3 or 4 channels make an image.")
    if scale:
        x = x + max(-np.min(x), 0)
        greatest = np.max(x)
        if greatest != 0:
            x /= greatest
        x *= 255
    if x.dtype.kind == "f":
        # Beyond the range of int64 the conversion's result is undefined.
        x = x.clip(-(2.0**62), 2.0**62).astype("int64")
    # Values outside 0..255 wrap around, as converting to bytes does.
    pixels = (x & 255).astype("uint8")
    return Image.fromarray(np.ascontiguousarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels))


def img_to_array(img, data_format=None, dtype=None):
    """Makes an array of a Pillow image.

    Arguments:
        img: `PIL.Image.Image`, or array (H, W) or (H, W, C).
        data_format: 'channels_last' or 'channels_first', of the result; None for the configured one.
        dtype: type of the result; None for `K.floatx()`.

    Returns:
        Array (H, W, C) or (C, H, W).

    Raises:
        ValueError: for other shapes or formats.
    """
    data_format = _checked_format(data_format)
    x = np.asarray(img, dtype=dtype or K.floatx())
    if x.ndim == 2:
        return x[None] if data_format == "channels_first" else x[:, :, None]
    if x.ndim != 3:
        raise ValueError(f"Unsupported image shape: {x.shape}; expected (H, W) or (H, W, C).")
    return x.transpose(2, 0, 1) if data_format == "channels_first" else x


def save_img(path, x, data_format=None, file_format=None, scale=True, **kwargs):
    """Writes an array as an image file.

    Arguments:
        path: path or open file.
        x: array (H, W, C) or (C, H, W).
        data_format: 'channels_last' or 'channels_first'; None for the configured one.
        file_format: str for Pillow, such as 'png'; None to go by the path.
        scale: see `array_to_img`.
        **kwargs: further arguments of `PIL.Image.Image.save`.
    """
    img = array_to_img(x, data_format=data_format, scale=scale)
    name = file_format or (os.path.splitext(os.fspath(path))[1] if isinstance(path, (str, os.PathLike)) else "")
    if img.mode == "RGBA" and name.lower().lstrip(".") in ("jpg", "jpeg"):
        warnings.warn("JPEG has no transparency: the image is written without its fourth channel.", stacklevel=2)
        img = img.convert("RGB")
    img.save(path, format=file_format, **kwargs)


def load_img(path, grayscale=False, color_mode="rgb", target_size=None, interpolation="nearest"):
    """Reads an image file.

    Arguments:
        path: path of the file, or open file.
        grayscale: bool, old spelling of `color_mode='grayscale'`.
        color_mode: 'grayscale', 'rgb' or 'rgba': what the image is converted to.
        target_size: (height, width) to resize to, or None.
        interpolation: 'nearest', 'bilinear', 'bicubic', 'hamming', 'box' or 'lanczos', for the resizing.

    Returns:
        `PIL.Image.Image`.

    Raises:
        ValueError: for another colour mode or interpolation.
        OSError: when the file cannot be read, or is no whole image.
        ImportError: without Pillow.
    """
    Image = pillow("load_img")
    if grayscale:
        warnings.warn('grayscale is deprecated. Please use color_mode = "grayscale"', stacklevel=2)
        color_mode = "grayscale"
    if color_mode not in _MODES:
        raise ValueError(f"color_mode must be 'grayscale', 'rgb' or 'rgba', got {color_mode!r}")
    try:
        with Image.open(path) as opened:
            opened.load()
            img = _converted(opened, _MODES[color_mode])
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:  # no such file, no permission: it says which
            raise
        # Of most that can be wrong within a file, Pillow says what, but not where.
        raise OSError(f"load_img: {path} is damaged, or no image: {error}") from error
    if target_size is not None:
        size = (target_size[1], target_size[0])
        if img.size != size:
            if interpolation not in _INTERPOLATIONS:
                raise ValueError(
                    f"Invalid interpolation method {interpolation} specified. "
                    f"Supported methods are {', '.join(_INTERPOLATIONS)}"
                )
            img = img.resize(size, getattr(Image.Resampling, interpolation.upper()))
    return img


def _converted(img, mode):
    """A copy of an image in another mode."""
    if img.mode == mode:
        return img.copy()
    if img.mode == "F" or img.mode.startswith("I"):
        warnings.warn(
            f"An image has more than 8 bits per channel (mode '{img.mode}'): values above 255 become 255. Read it by "
            "other means, for example with Pillow, and scale it, if that is not meant.",
            stacklevel=3,
        )
    if img.mode == "P" and "transparency" in img.info:
        # The same colours, and no advice from Pillow to do just that.
        img = img.convert("RGBA")
    return img.convert(mode)


def list_pictures(directory, ext="jpg|jpeg|bmp|png|ppm"):
    """Lists image files below a folder.

    Arguments:
        directory: path.
        ext: str, endings separated by '|'.

    Returns:
        List of paths.
    """
    endings = tuple("." + e.lower() for e in ext.split("|"))
    return [
        os.path.join(folder, name)
        for folder, _, names in os.walk(directory)
        for name in names
        if name.lower().endswith(endings)
    ]
