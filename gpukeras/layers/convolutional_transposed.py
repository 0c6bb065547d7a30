"""Transposed convolutions."""

from .. import backend as K
from ..legacy import interfaces
from ..utils import conv_utils
from .convolutional_base import check_fits, spatial_sizes, without
from .convolutional_plain import Conv2D, Conv3D

__all__ = ["Conv2DTranspose", "Conv3DTranspose"]


class _Transposed:
    """What the transposed convolutions share; goes before `Conv2D` or `Conv3D` in the list of bases."""

    def _take_output_padding(self, output_padding):
        self.output_padding = None
        if output_padding is not None:
            self.output_padding = conv_utils.normalize_tuple(output_padding, self.rank, "output_padding")
            if any(s <= p for s, p in zip(self.strides, self.output_padding, strict=True)):
                raise ValueError(
                    f"{type(self).__name__}: stride {self.strides} must be greater than output padding "
                    f"{self.output_padding} on every axis"
                )

    def _kernel_shape(self, input_channels):
        return (*self.kernel_size, self.filters, input_channels)

    def _output_sizes(self, sizes):
        extra = self.output_padding or (None,) * self.rank
        settings = zip(sizes, self.strides, self.kernel_size, extra, self.dilation_rate, strict=True)
        return [conv_utils.deconv_length(n, s, k, self.padding, p, d) for n, s, k, p, d in settings]

    def _call(self, inputs, convolve, **kwargs):
        check_fits(self, inputs)
        static, symbolic = K.int_shape(inputs), K.shape(inputs)
        lengths = [symbolic[i] if n is None else n for i, n in enumerate(static)]
        sizes = self._output_sizes(spatial_sizes(self, lengths))
        if self.data_format == "channels_first":
            shape = (lengths[0], self.filters, *sizes)
        else:
            shape = (lengths[0], *sizes, self.filters)
        outputs = convolve(
            inputs,
            self.kernel,
            shape,
            strides=self.strides,
            padding=self.padding,
            data_format=self.data_format,
            **kwargs,
        )
        return self._finish(outputs)


class Conv2DTranspose(_Transposed, Conv2D):
    """Transposed convolution over images: a convolution's way back, from its output's shape to its input's.

    Arguments:
        filters: int, number of output channels.
        kernel_size: int or tuple of two ints, size of the window.
        strides: int or tuple of two ints, steps of the window in the output.
        padding: 'valid' or 'same'.
        output_padding: int or tuple of two ints, added to the smallest output that fits; below `strides`.
            None for the usual size.
        data_format: 'channels_last' or 'channels_first'; None for the setting in `~/.keras/keras.json`.
        dilation_rate: int or tuple of two ints, spacing of the kernel's taps; not together with strides.
        activation: name or function; None for none.
        use_bias: bool.
        kernel_initializer: initializer of the kernel (*kernel_size, filters, channels).
        bias_initializer: initializer of the bias (filters,).
        kernel_regularizer: penalty on the kernel.
        bias_regularizer: penalty on the bias.
        activity_regularizer: penalty on the output.
        kernel_constraint: projection of the kernel after each update.
        bias_constraint: projection of the bias after each update.

    Input shape:
        (N, H, W, C), or (N, C, H, W) for channels_first.

    Output shape:
        (N, H', W', filters), or (N, filters, H', W'); with `output_padding`
        H' = (H - 1) * stride + kernel_size - 2 * padding + output_padding.

    References:
        Zeiler et al., Deconvolutional Networks, 2010; Dumoulin and Visin, A guide to convolution arithmetic, 2016.
    """

    @interfaces.legacy_deconv2d_support
    def __init__(
        self,
        filters,
        kernel_size,
        strides=(1, 1),
        padding="valid",
        output_padding=None,
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
        self._take_output_padding(output_padding)

    def call(self, inputs):
        return self._call(inputs, K.conv2d_transpose, dilation_rate=self.dilation_rate)

    def get_config(self):
        return {**super().get_config(), "output_padding": self.output_padding}


class Conv3DTranspose(_Transposed, Conv3D):
    """Transposed convolution over volumes: a convolution's way back, from its output's shape to its input's.

    Arguments:
        filters: int, number of output channels.
        kernel_size: int or tuple of three ints, size of the window.
        strides: int or tuple of three ints, steps of the window in the output.
        padding: 'valid' or 'same'.
        output_padding: int or tuple of three ints, added to the smallest output that fits; below `strides`.
            None for the usual size.
        data_format: 'channels_last' or 'channels_first'; None for the setting in `~/.keras/keras.json`.
        activation: name or function; None for none.
        use_bias: bool.
        kernel_initializer: initializer of the kernel (*kernel_size, filters, channels).
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

    def __init__(
        self,
        filters,
        kernel_size,
        strides=(1, 1, 1),
        padding="valid",
        output_padding=None,
        data_format=None,
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
            filters,
            kernel_size,
            strides=strides,
            padding=padding,
            data_format=data_format,
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
        if max(self.dilation_rate) > 1:
            raise ValueError(
                f"Conv3DTranspose: dilation is not available for it, got dilation_rate={self.dilation_rate}; leave it 1"
            )
        self._take_output_padding(output_padding)

    def call(self, inputs):
        return self._call(inputs, K.conv3d_transpose)

    def get_config(self):
        config = without(super().get_config(), "dilation_rate")
        return {**config, "output_padding": self.output_padding}
