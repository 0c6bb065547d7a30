"""Pooling layers."""

from .. import backend as K
from ..engine.base_layer import InputSpec, Layer
from ..legacy import interfaces
from ..utils import conv_utils
from .convolutional_base import channels, check_fits, output_shape, spatial_sizes

__all__ = [
    "AveragePooling1D",
    "AveragePooling2D",
    "AveragePooling3D",
    "AvgPool1D",
    "AvgPool2D",
    "AvgPool3D",
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "GlobalAveragePooling3D",
    "GlobalAvgPool1D",
    "GlobalAvgPool2D",
    "GlobalAvgPool3D",
    "GlobalMaxPool1D",
    "GlobalMaxPool2D",
    "GlobalMaxPool3D",
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
    "GlobalMaxPooling3D",
    "MaxPool1D",
    "MaxPool2D",
    "MaxPool3D",
    "MaxPooling1D",
    "MaxPooling2D",
    "MaxPooling3D",
]


class _Pooling(Layer):
    """Base of pooling over windows; a subclass says in `_pooling_function` what it takes of each.

    Arguments:
        rank: int, number of spatial axes.
        pool_size: int or tuple of `rank` ints, size of the window.
        strides: int or tuple of `rank` ints, steps of the window; None for `pool_size`.
        padding: 'valid' or 'same'.
        data_format: 'channels_last' or 'channels_first'; None for the setting in `~/.keras/keras.json`.
    """

    def __init__(self, rank, pool_size, strides, padding, data_format, **kwargs):
        super().__init__(**kwargs)
        self.pool_size = conv_utils.normalize_tuple(pool_size, rank, "pool_size")
        self.strides = conv_utils.normalize_tuple(pool_size if strides is None else strides, rank, "strides")
        self.padding = conv_utils.normalize_padding(padding)
        if self.padding == "causal":
            raise ValueError(f"{type(self).__name__}: padding must be 'valid' or 'same', got 'causal'")
        if min(*self.pool_size, *self.strides) < 1:
            raise ValueError(
                f"{type(self).__name__}: `pool_size` and `strides` must be positive, got {self.pool_size} and "
                f"{self.strides}"
            )
        self.data_format = K.normalize_data_format(data_format)
        self.input_spec = InputSpec(ndim=rank + 2)

    def compute_output_shape(self, input_shape):
        settings = zip(spatial_sizes(self, input_shape), self.pool_size, self.strides, strict=True)
        sizes = [conv_utils.conv_output_length(n, k, self.padding, s) for n, k, s in settings]
        return output_shape(self, input_shape, sizes, channels(self, input_shape))

    def _pooling_function(self, inputs, pool_size, strides, padding, data_format):
        raise NotImplementedError(f"{type(self).__name__} must define _pooling_function")

    def call(self, inputs):
        check_fits(self, inputs)
        return self._pooling_function(
            inputs=inputs,
            pool_size=self.pool_size,
            strides=self.strides,
            padding=self.padding,
            data_format=self.data_format,
        )

    def get_config(self):
        return {
            **super().get_config(),
            "pool_size": self.pool_size,
            "strides": self.strides,
            "padding": self.padding,
            "data_format": self.data_format,
        }


class _Pooling1D(_Pooling):
    """Base of pooling over time.

    Arguments:
        pool_size: int, length of the window.
        strides: int, step of the window; None for `pool_size`.
        padding: 'valid' or 'same'.
        data_format: 'channels_last' or 'channels_first'.
    """

    def __init__(self, pool_size=2, strides=None, padding="valid", data_format="channels_last", **kwargs):
        super().__init__(1, pool_size, strides, padding, data_format, **kwargs)

    def call(self, inputs):
        check_fits(self, inputs)
        # Sequences are images of width 1.
        axis = 3 if self.data_format == "channels_first" else 2
        outputs = self._pooling_function(
            inputs=K.expand_dims(inputs, axis),
            pool_size=(*self.pool_size, 1),
            strides=(*self.strides, 1),
            padding=self.padding,
            data_format=self.data_format,
        )
        return K.squeeze(outputs, axis)


class _Pooling2D(_Pooling):
    """Base of pooling over images.

    Arguments:
        pool_size: int or tuple of two ints, size of the window.
        strides: int or tuple of two ints, steps of the window; None for `pool_size`.
        padding: 'valid' or 'same'.
        data_format: 'channels_last' or 'channels_first'; None for the setting in `~/.keras/keras.json`.
    """

    def __init__(self, pool_size=(2, 2), strides=None, padding="valid", data_format=None, **kwargs):
        super().__init__(2, pool_size, strides, padding, data_format, **kwargs)


class _Pooling3D(_Pooling):
    """Base of pooling over volumes.

    Arguments:
        pool_size: int or tuple of three ints, size of the window.
        strides: int or tuple of three ints, steps of the window; None for `pool_size`.
        padding: 'valid' or 'same'.
        data_format: 'channels_last' or 'channels_first'; None for the setting in `~/.keras/keras.json`.
    """

    def __init__(self, pool_size=(2, 2, 2), strides=None, padding="valid", data_format=None, **kwargs):
        super().__init__(3, pool_size, strides, padding, data_format, **kwargs)


class MaxPooling1D(_Pooling1D):
    """Largest element of each window of sequences.

    Arguments:
        pool_size: int, length of the window.
        strides: int, step of the window; None for `pool_size`.
        padding: 'valid' or 'same'.
        data_format: 'channels_last' or 'channels_first'.

    Input shape:
        (N, T, C), or (N, C, T) for channels_first.

    Output shape:
        (N, T', C), or (N, C, T').
    """

    @interfaces.legacy_pooling1d_support
    def __init__(self, pool_size=2, strides=None, padding="valid", data_format="channels_last", **kwargs):
        super().__init__(pool_size, strides, padding, data_format, **kwargs)

    def _pooling_function(self, inputs, pool_size, strides, padding, data_format):
        return K.pool2d(inputs, pool_size, strides, padding, data_format, pool_mode="max")


class AveragePooling1D(_Pooling1D):
    """Mean of each window of sequences; padding does not count.

    Arguments:
        pool_size: int, length of the window.
        strides: int, step of the window; None for `pool_size`.
        padding: 'valid' or 'same'.
        data_format: 'channels_last' or 'channels_first'.

    Input shape:
        (N, T, C), or (N, C, T) for channels_first.

    Output shape:
        (N, T', C), or (N, C, T').
    """

    @interfaces.legacy_pooling1d_support
    def __init__(self, pool_size=2, strides=None, padding="valid", data_format="channels_last", **kwargs):
        super().__init__(pool_size, strides, padding, data_format, **kwargs)

    def _pooling_function(self, inputs, pool_size, strides, padding, data_format):
        return K.pool2d(inputs, pool_size, strides, padding, data_format, pool_mode="avg")


class MaxPooling2D(_Pooling2D):
    """Largest element of each window of images.

    Arguments:
        pool_size: int or tuple of two ints, size of the window.
        strides: int or tuple of two ints, steps of the window; None for `pool_size`.
        padding: 'valid' or 'same'.
        data_format: 'channels_last' or 'channels_first'; None for the setting in `~/.keras/keras.json`.

    Input shape:
        (N, H, W, C), or (N, C, H, W) for channels_first.

    Output shape:
        (N, H', W', C), or (N, C, H', W').
    """

    @interfaces.legacy_pooling2d_support
    def __init__(self, pool_size=(2, 2), strides=None, padding="valid", data_format=None, **kwargs):
        super().__init__(pool_size, strides, padding, data_format, **kwargs)

    def _pooling_function(self, inputs, pool_size, strides, padding, data_format):
        return K.pool2d(inputs, pool_size, strides, padding, data_format, pool_mode="max")


class AveragePooling2D(_Pooling2D):
    """Mean of each window of images; padding does not count.

    Arguments:
        pool_size: int or tuple of two ints, size of the window.
        strides: int or tuple of two ints, steps of the window; None for `pool_size`.
        padding: 'valid' or 'same'.
        data_format: 'channels_last' or 'channels_first'; None for the setting in `~/.keras/keras.json`.

    Input shape:
        (N, H, W, C), or (N, C, H, W) for channels_first.

    Output shape:
        (N, H', W', C), or (N, C, H', W').
    """

    @interfaces.legacy_pooling2d_support
    def __init__(self, pool_size=(2, 2), strides=None, padding="valid", data_format=None, **kwargs):
        super().__init__(pool_size, strides, padding, data_format, **kwargs)

    def _pooling_function(self, inputs, pool_size, strides, padding, data_format):
        return K.pool2d(inputs, pool_size, strides, padding, data_format, pool_mode="avg")


class MaxPooling3D(_Pooling3D):
    """Largest element of each window of volumes.

    Arguments:
        pool_size: int or tuple of three ints, size of the window.
        strides: int or tuple of three ints, steps of the window; None for `pool_size`.
        padding: 'valid' or 'same'.
        data_format: 'channels_last' or 'channels_first'; None for the setting in `~/.keras/keras.json`.

    Input shape:
        (N, D, H, W, C), or (N, C, D, H, W) for channels_first.

    Output shape:
        (N, D', H', W', C), or (N, C, D', H', W').
    """

    @interfaces.legacy_pooling3d_support
    def __init__(self, pool_size=(2, 2, 2), strides=None, padding="valid", data_format=None, **kwargs):
        super().__init__(pool_size, strides, padding, data_format, **kwargs)

    def _pooling_function(self, inputs, pool_size, strides, padding, data_format):
        return K.pool3d(inputs, pool_size, strides, padding, data_format, pool_mode="max")


class AveragePooling3D(_Pooling3D):
    """Mean of each window of volumes; padding does not count.

    Arguments:
        pool_size: int or tuple of three ints, size of the window.
        strides: int or tuple of three ints, steps of the window; None for `pool_size`.
        padding: 'valid' or 'same'.
        data_format: 'channels_last' or 'channels_first'; None for the setting in `~/.keras/keras.json`.

    Input shape:
        (N, D, H, W, C), or (N, C, D, H, W) for channels_first.

    Output shape:
        (N, D', H', W', C), or (N, C, D', H', W').
    """

    @interfaces.legacy_pooling3d_support
    def __init__(self, pool_size=(2, 2, 2), strides=None, padding="valid", data_format=None, **kwargs):
        super().__init__(pool_size, strides, padding, data_format, **kwargs)

    def _pooling_function(self, inputs, pool_size, strides, padding, data_format):
        return K.pool3d(inputs, pool_size, strides, padding, data_format, pool_mode="avg")


class _GlobalPooling(Layer):
    """Base of pooling over all of the spatial axes.

    Arguments:
        rank: int, number of spatial axes.
        data_format: 'channels_last' or 'channels_first'; None for the setting in `~/.keras/keras.json`.
    """

    def __init__(self, rank, data_format, **kwargs):
        super().__init__(**kwargs)
        self.data_format = K.normalize_data_format(data_format)
        self.input_spec = InputSpec(ndim=rank + 2)

    def _axes(self):
        first = 2 if self.data_format == "channels_first" else 1
        return list(range(first, first + self.input_spec.ndim - 2))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], channels(self, input_shape))

    def call(self, inputs):
        raise NotImplementedError(f"{type(self).__name__} must define call")

    def get_config(self):
        return {**super().get_config(), "data_format": self.data_format}


class _GlobalPooling1D(_GlobalPooling):
    """Base of pooling over all time.

    Arguments:
        data_format: 'channels_last' or 'channels_first'.
    """

    def __init__(self, data_format="channels_last", **kwargs):
        super().__init__(1, data_format, **kwargs)


class _GlobalPooling2D(_GlobalPooling):
    """Base of pooling over whole images.

    Arguments:
        data_format: 'channels_last' or 'channels_first'; None for the setting in `~/.keras/keras.json`.
    """

    @interfaces.legacy_global_pooling_support
    def __init__(self, data_format=None, **kwargs):
        super().__init__(2, data_format, **kwargs)


class _GlobalPooling3D(_GlobalPooling):
    """Base of pooling over whole volumes.

    Arguments:
        data_format: 'channels_last' or 'channels_first'; None for the setting in `~/.keras/keras.json`.
    """

    @interfaces.legacy_global_pooling_support
    def __init__(self, data_format=None, **kwargs):
        super().__init__(3, data_format, **kwargs)


class GlobalAveragePooling1D(_GlobalPooling1D):
    """Mean over all steps of sequences, or over those that a mask lets through.

    Arguments:
        data_format: 'channels_last' or 'channels_first'.

    Input shape:
        (N, T, C), or (N, C, T) for channels_first.

    Output shape:
        (N, C).
    """

    def __init__(self, data_format="channels_last", **kwargs):
        super().__init__(data_format, **kwargs)
        self.supports_masking = True

    def call(self, inputs, mask=None):
        (axis,) = self._axes()
        if mask is None:
            return K.mean(inputs, axis=axis)
        mask = K.expand_dims(K.cast(mask, K.dtype(inputs)), 3 - axis)  # (N, T, 1) or (N, 1, T)
        return K.sum(inputs * mask, axis=axis) / K.sum(mask, axis=axis)

    def compute_mask(self, inputs, mask=None):
        return None


class GlobalMaxPooling1D(_GlobalPooling1D):
    """Largest element over all steps of sequences.

    Arguments:
        data_format: 'channels_last' or 'channels_first'.

    Input shape:
        (N, T, C), or (N, C, T) for channels_first.

    Output shape:
        (N, C).
    """

    def call(self, inputs):
        return K.max(inputs, axis=self._axes())


class GlobalAveragePooling2D(_GlobalPooling2D):
    """Mean over the pixels of images.

    Arguments:
        data_format: 'channels_last' or 'channels_first'; None for the setting in `~/.keras/keras.json`.

    Input shape:
        (N, H, W, C), or (N, C, H, W) for channels_first.

    Output shape:
        (N, C).
    """

    def call(self, inputs):
        return K.mean(inputs, axis=self._axes())


class GlobalMaxPooling2D(_GlobalPooling2D):
    """Largest element over the pixels of images.

    Arguments:
        data_format: 'channels_last' or 'channels_first'; None for the setting in `~/.keras/keras.json`.

    Input shape:
        (N, H, W, C), or (N, C, H, W) for channels_first.

    Output shape:
        (N, C).
    """

    def call(self, inputs):
        return K.max(inputs, axis=self._axes())


class GlobalAveragePooling3D(_GlobalPooling3D):
    """Mean over the elements of volumes.

    Arguments:
        data_format: 'channels_last' or 'channels_first'; None for the setting in `~/.keras/keras.json`.

    Input shape:
        (N, D, H, W, C), or (N, C, D, H, W) for channels_first.

    Output shape:
        (N, C).
    """

    def call(self, inputs):
        return K.mean(inputs, axis=self._axes())


class GlobalMaxPooling3D(_GlobalPooling3D):
    """Largest element over volumes.

    Arguments:
        data_format: 'channels_last' or 'channels_first'; None for the setting in `~/.keras/keras.json`.

    Input shape:
        (N, D, H, W, C), or (N, C, D, H, W) for channels_first.

    Output shape:
        (N, C).
    """

    def call(self, inputs):
        return K.max(inputs, axis=self._axes())


AvgPool1D = AveragePooling1D
AvgPool2D = AveragePooling2D
AvgPool3D = AveragePooling3D
MaxPool1D = MaxPooling1D
MaxPool2D = MaxPooling2D
MaxPool3D = MaxPooling3D
GlobalAvgPool1D = GlobalAveragePooling1D
GlobalAvgPool2D = GlobalAveragePooling2D
GlobalAvgPool3D = GlobalAveragePooling3D
GlobalMaxPool1D = GlobalMaxPooling1D
GlobalMaxPool2D = GlobalMaxPooling2D
GlobalMaxPool3D = GlobalMaxPooling3D
