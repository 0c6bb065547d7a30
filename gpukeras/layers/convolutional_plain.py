"""Convolutions over one, two and three spatial axes."""

from ..legacy import interfaces
from .convolutional_base import _Conv, without

__all__ = ["Conv1D", "Conv2D", "Conv3D"]


class Conv1D(_Conv):
    """Convolution over time.

    Arguments:
        filters: int, number of output channels.
        kernel_size: int, length of the window.
        strides: int, step of the window.
        padding: 'valid', 'same', or 'causal': output t sees no input after t.
        data_format: 'channels_last' or 'channels_first'.
        dilation_rate: int, spacing of the kernel's taps; not together with strides.
        activation: name or function; None for none.
        use_bias: bool.
        kernel_initializer: initializer of the kernel (kernel_size, channels, filters).
        bias_initializer: initializer of the bias (filters,).
        kernel_regularizer: penalty on the kernel.
        bias_regularizer: penalty on the bias.
        activity_regularizer: penalty on the output.
        kernel_constraint: projection of the kernel after each update.
        bias_constraint: projection of the bias after each update.

    Input shape:
        (N, T, C), or (N, C, T) for channels_first.

    Output shape:
        (N, T', filters), or (N, filters, T').
    """

    @interfaces.legacy_conv1d_support
    def __init__(
        self,
        filters,
        kernel_size,
        strides=1,
        padding="valid",
        data_format="channels_last",
        dilation_rate=1,
        activation=None,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        if padding == "causal" and data_format not in (None, "channels_last"):
            raise ValueError("Conv1D: padding='causal' needs `data_format='channels_last'`, got %r" % (data_format,))
        super().__init__(
            1,
            filters,
            kernel_size,
            strides=strides,
            padding=padding,
            data_format=data_format,
            dilation_rate=dilation_rate,
            activation=activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            activity_regularizer=activity_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
            **kwargs,
        )

    def get_config(self):
        return without(super().get_config(), "rank")


class Conv2D(_Conv):
    """Convolution over images.

    Arguments:
        filters: int, number of output channels.
        kernel_size: int or tuple of two ints, size of the window.
        strides: int or tuple of two ints, steps of the window.
        padding: 'valid' or 'same'.
        data_format: 'channels_last' or 'channels_first'; None for the setting in `~/.keras/keras.json`.
        dilation_rate: int or tuple of two ints, spacing of the kernel's taps; not together with strides.
        activation: name or function; None for none.
        use_bias: bool.
        kernel_initializer: initializer of the kernel (*kernel_size, channels, filters).
        bias_initializer: initializer of the bias (filters,).
        kernel_regularizer: penalty on the kernel.
        bias_regularizer: penalty on the bias.
        activity_regularizer: penalty on the output.
        kernel_constraint: projection of the kernel after each update.
        bias_constraint: projection of the bias after each update.

    Input shape:
        (N, H, W, C), or (N, C, H, W) for channels_first.

    Output shape:
        (N, H', W', filters), or (N, filters, H', W').
    """

    @interfaces.legacy_conv2d_support
    def __init__(
        self,
        filters,
        kernel_size,
        strides=(1, 1),
        padding="valid",
        data_format=None,
        dilation_rate=(1, 1),
        activation=None,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        super().__init__(
            2,
            filters,
            kernel_size,
            strides=strides,
            padding=padding,
            data_format=data_format,
            dilation_rate=dilation_rate,
            activation=activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            activity_regularizer=activity_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
            **kwargs,
        )

    def get_config(self):
        return without(super().get_config(), "rank")


class Conv3D(_Conv):
    """Convolution over volumes.

    Arguments:
        filters: int, number of output channels.
        kernel_size: int or tuple of three ints, size of the window.
        strides: int or tuple of three ints, steps of the window.
        padding: 'valid' or 'same'.
        data_format: 'channels_last' or 'channels_first'; None for the setting in `~/.keras/keras.json`.
        dilation_rate: int or tuple of three ints, spacing of the kernel's taps; not together with strides.
        activation: name or function; None for none.
        use_bias: bool.
        kernel_initializer: initializer of the kernel (*kernel_size, channels, filters).
        bias_initializer: initializer of the bias (filters,).
        kernel_regularizer: penalty on the kernel.
        bias_regularizer: penalty on the bias.
        activity_regularizer: penalty on the output.
        kernel_constraint: projection of the kernel after each update.
        bias_constraint: projection of the bias after each update.

    Input shape:
        (N, D, H, W, C), or (N, C, D, H, W) for channels_first.

    Output shape:
        (N, D', H', W', filters), or (N, filters, D', H', W').
    """

    @interfaces.legacy_conv3d_support
    def __init__(
        self,
        filters,
        kernel_size,
        strides=(1, 1, 1),
        padding="valid",
        data_format=None,
        dilation_rate=(1, 1, 1),
        activation=None,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        super().__init__(
            3,
            filters,
            kernel_size,
            strides=strides,
            padding=padding,
            data_format=data_format,
            dilation_rate=dilation_rate,
            activation=activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            activity_regularizer=activity_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
            **kwargs,
        )

    def get_config(self):
        return without(super().get_config(), "rank")
