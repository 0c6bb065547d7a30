"""Layers that change the sizes of images and the like: padding, cropping, enlarging."""

from .. import backend as K
from ..engine.base_layer import InputSpec, Layer
from ..legacy import interfaces
from ..utils import conv_utils
from .convolutional_base import channels, check_fits, output_shape, spatial_sizes, without

__all__ = [
    "Cropping1D",
    "Cropping2D",
    "Cropping3D",
    "UpSampling1D",
    "UpSampling2D",
    "UpSampling3D",
    "ZeroPadding1D",
    "ZeroPadding2D",
    "ZeroPadding3D",
]


def _pairs(layer, argument, value, rank):
    """(before, after) for each axis, from an int, an int per axis, or a pair per axis.

    Raises:
        ValueError: for anything else, or a negative number.
    """
    if isinstance(value, int):
        found = ((value, value),) * rank
    else:
        if not hasattr(value, "__len__") or len(value) != rank:
            raise ValueError(
                f"{type(layer).__name__}: `{argument}` should have {'two' if rank == 2 else rank} elements "
                f"(one number or pair per axis), found: {value!r}"
            )
        names = [f"{nth} entry of {argument}" for nth in ("1st", "2nd", "3rd")]
        found = tuple(conv_utils.normalize_tuple(v, 2, name) for v, name in zip(value, names, strict=False))
    if min(n for pair in found for n in pair) < 0:
        raise ValueError(f"{type(layer).__name__}: `{argument}` must not be negative, got {value!r}")
    return found


class _Resizing(Layer):
    """What the layers here share: a layout and an output shape that depends on each axis by itself."""

    def __init__(self, rank, data_format, **kwargs):
        super().__init__(**kwargs)
        self.rank = rank
        self.data_format = K.normalize_data_format(data_format)
        self.input_spec = InputSpec(ndim=rank + 2)

    def _resized(self, sizes):
        raise NotImplementedError

    def compute_output_shape(self, input_shape):
        sizes = self._resized(spatial_sizes(self, input_shape))
        return output_shape(self, input_shape, sizes, channels(self, input_shape), least=0)


class _ZeroPadding(_Resizing):
    """Puts zeros around its input.

    Arguments:
        padding: tuple with a pair (before, after) for each spatial axis.
        data_format: 'channels_last' or 'channels_first'; None for the setting in `~/.keras/keras.json`.
    """

    def __init__(self, padding, data_format=None, **kwargs):
        self.padding = padding
        super().__init__(len(padding), data_format, **kwargs)

    def _resized(self, sizes):
        return [None if n is None else n + sum(pair) for n, pair in zip(sizes, self.padding, strict=True)]

    def call(self, inputs):
        pad = (None, K.spatial_2d_padding, K.spatial_3d_padding)[self.rank - 1]
        return pad(inputs, padding=self.padding, data_format=self.data_format)

    def get_config(self):
        return {**super().get_config(), "padding": self.padding, "data_format": self.data_format}


class ZeroPadding1D(_ZeroPadding):
    """Puts steps of zeros before and after sequences.

    Arguments:
        padding: int, number of steps on both sides, or tuple (before, after).

    Input shape:
        (N, T, C).

    Output shape:
        (N, T + before + after, C).
    """

    def __init__(self, padding=1, **kwargs):
        pair = conv_utils.normalize_tuple(padding, 2, "padding")
        super().__init__(_pairs(self, "padding", (pair,), 1), "channels_last", **kwargs)

    def call(self, inputs):
        return K.temporal_padding(inputs, padding=self.padding[0])

    def get_config(self):
        return {**without(super().get_config(), "data_format"), "padding": self.padding[0]}


class ZeroPadding2D(_ZeroPadding):
    """Puts zeros around images.

    Arguments:
        padding: int, the same on all sides; tuple (vertical, horizontal); or ((top, bottom), (left, right)).
        data_format: 'channels_last' or 'channels_first'; None for the setting in `~/.keras/keras.json`.

    Input shape:
        (N, H, W, C), or (N, C, H, W) for channels_first.

    Output shape:
        (N, H + top + bottom, W + left + right, C), or with the channels first.
    """

    @interfaces.legacy_zeropadding2d_support
    def __init__(self, padding=(1, 1), data_format=None, **kwargs):
        super().__init__(_pairs(self, "padding", padding, 2), data_format, **kwargs)


class ZeroPadding3D(_ZeroPadding):
    """Puts zeros around volumes.

    Arguments:
        padding: int, the same on all sides; tuple of three ints; or tuple of three pairs (before, after).
        data_format: 'channels_last' or 'channels_first'; None for the setting in `~/.keras/keras.json`.

    Input shape:
        (N, D, H, W, C), or (N, C, D, H, W) for channels_first.

    Output shape:
        The same with longer spatial axes.
    """

    @interfaces.legacy_zeropadding3d_support
    def __init__(self, padding=(1, 1, 1), data_format=None, **kwargs):
        super().__init__(_pairs(self, "padding", padding, 3), data_format, **kwargs)


class _Cropping(_Resizing):
    """Cuts off the border of its input.

    Arguments:
        cropping: tuple with a pair (before, after) for each spatial axis.
        data_format: 'channels_last' or 'channels_first'; None for the setting in `~/.keras/keras.json`.
    """

    def __init__(self, cropping, data_format=None, **kwargs):
        self.cropping = cropping
        super().__init__(len(cropping), data_format, **kwargs)

    def _resized(self, sizes):
        return [None if n is None else n - sum(pair) for n, pair in zip(sizes, self.cropping, strict=True)]

    def call(self, inputs):
        check_fits(self, inputs)
        inner = tuple(slice(lo, -hi if hi else None) for lo, hi in self.cropping)
        return inputs[
            (slice(None), slice(None), *inner) if self.data_format == "channels_first" else (slice(None), *inner)
        ]

    def get_config(self):
        return {**super().get_config(), "cropping": self.cropping, "data_format": self.data_format}


class Cropping1D(_Cropping):
    """Cuts off steps at both ends of sequences.

    Arguments:
        cropping: int, number of steps at both ends, or tuple (before, after).

    Input shape:
        (N, T, C).

    Output shape:
        (N, T - before - after, C).
    """

    def __init__(self, cropping=(1, 1), **kwargs):
        pair = conv_utils.normalize_tuple(cropping, 2, "cropping")
        super().__init__(_pairs(self, "cropping", (pair,), 1), "channels_last", **kwargs)

    def get_config(self):
        return {**without(super().get_config(), "data_format"), "cropping": self.cropping[0]}


class Cropping2D(_Cropping):
    """Cuts off the border of images.

    Arguments:
        cropping: int, the same on all sides; tuple (vertical, horizontal); or ((top, bottom), (left, right)).
        data_format: 'channels_last' or 'channels_first'; None for the setting in `~/.keras/keras.json`.

    Input shape:
        (N, H, W, C), or (N, C, H, W) for channels_first.

    Output shape:
        (N, H - top - bottom, W - left - right, C), or with the channels first.
    """

    @interfaces.legacy_cropping2d_support
    def __init__(self, cropping=((0, 0), (0, 0)), data_format=None, **kwargs):
        super().__init__(_pairs(self, "cropping", cropping, 2), data_format, **kwargs)


class Cropping3D(_Cropping):
    """Cuts off the border of volumes.

    Arguments:
        cropping: int, the same on all sides; tuple of three ints; or tuple of three pairs (before, after).
        data_format: 'channels_last' or 'channels_first'; None for the setting in `~/.keras/keras.json`.

    Input shape:
        (N, D, H, W, C), or (N, C, D, H, W) for channels_first.

    Output shape:
        The same with shorter spatial axes.
    """

    @interfaces.legacy_cropping3d_support
    def __init__(self, cropping=((1, 1), (1, 1), (1, 1)), data_format=None, **kwargs):
        super().__init__(_pairs(self, "cropping", cropping, 3), data_format, **kwargs)


class _UpSampling(_Resizing):
    """Enlarges its input by whole factors.

    Arguments:
        size: tuple with a factor for each spatial axis.
        data_format: 'channels_last' or 'channels_first'; None for the setting in `~/.keras/keras.json`.
    """

    def __init__(self, size, data_format=None, **kwargs):
        self.size = size
        super().__init__(len(size), data_format, **kwargs)
        if min(size) < 1:
            raise ValueError(f"{type(self).__name__}: `size` must be positive, got {size}")

    def _resized(self, sizes):
        return [None if n is None else n * factor for n, factor in zip(sizes, self.size, strict=True)]

    def get_config(self):
        return {**super().get_config(), "size": self.size, "data_format": self.data_format}


class UpSampling1D(_UpSampling):
    """Repeats every step of sequences.

    Arguments:
        size: int, how often.

    Input shape:
        (N, T, C).

    Output shape:
        (N, T * size, C).
    """

    @interfaces.legacy_upsampling1d_support
    def __init__(self, size=2, **kwargs):
        super().__init__((int(size),), "channels_last", **kwargs)

    def call(self, inputs):
        return K.repeat_elements(inputs, self.size[0], axis=1)

    def get_config(self):
        return {**without(super().get_config(), "data_format"), "size": self.size[0]}


class UpSampling2D(_UpSampling):
    """Enlarges images by whole factors.

    Arguments:
        size: int or tuple of two ints, factors for height and width.
        data_format: 'channels_last' or 'channels_first'; None for the setting in `~/.keras/keras.json`.
        interpolation: 'nearest', which repeats pixels, or 'bilinear', which samples at i / size.

    Input shape:
        (N, H, W, C), or (N, C, H, W) for channels_first.

    Output shape:
        (N, H * size[0], W * size[1], C), or with the channels first.
    """

    @interfaces.legacy_upsampling2d_support
    def __init__(self, size=(2, 2), data_format=None, interpolation="nearest", **kwargs):
        super().__init__(conv_utils.normalize_tuple(size, 2, "size"), data_format, **kwargs)
        if interpolation not in ("nearest", "bilinear"):
            raise ValueError(
                f'UpSampling2D: interpolation should be one of "nearest" or "bilinear", got {interpolation!r}'
            )
        self.interpolation = interpolation

    def call(self, inputs):
        return K.resize_images(inputs, *self.size, self.data_format, self.interpolation)

    def get_config(self):
        return {**super().get_config(), "interpolation": self.interpolation}


class UpSampling3D(_UpSampling):
    """Repeats every element of volumes along each spatial axis.

    Arguments:
        size: int or tuple of three ints, how often along each axis.
        data_format: 'channels_last' or 'channels_first'; None for the setting in `~/.keras/keras.json`.

    Input shape:
        (N, D, H, W, C), or (N, C, D, H, W) for channels_first.

    Output shape:
        The same with longer spatial axes.
    """

    @interfaces.legacy_upsampling3d_support
    def __init__(self, size=(2, 2, 2), data_format=None, **kwargs):
        super().__init__(conv_utils.normalize_tuple(size, 3, "size"), data_format, **kwargs)

    def call(self, inputs):
        return K.resize_volumes(inputs, *self.size, self.data_format)
