"""Depthwise and separable convolutions."""

from .. import backend as K
from .. import constraints, initializers, regularizers
from ..legacy import interfaces
from .convolutional_base import _Conv, channels, check_fits, known_channels, output_shape, spatial_sizes, without
from .convolutional_plain import Conv2D
from .core import positive_int

__all__ = ["DepthwiseConv2D", "SeparableConv1D", "SeparableConv2D"]

#: Settings of the plain kernel, which these layers have not.
_PLAIN = ("kernel_initializer", "kernel_regularizer", "kernel_constraint")


class _SeparableConv(_Conv):
    """Depthwise convolution over `rank` spatial axes, then a pointwise one that mixes the channels.

    Arguments:
        rank: int, number of spatial axes.
        filters: int, number of output channels.
        kernel_size: int or tuple of `rank` ints.
        strides: int or tuple of `rank` ints, steps of the window.
        padding: 'valid' or 'same'.
        data_format: 'channels_last' or 'channels_first'; None for the setting in `~/.keras/keras.json`.
        dilation_rate: int or tuple of `rank` ints, spacing of the kernel's taps; not together with strides.
        depth_multiplier: int, number of depthwise filters of each channel.
        activation: name or function; None for none.
        use_bias: bool.
        depthwise_initializer: initializer of the depthwise kernel (*kernel_size, channels, depth_multiplier).
        pointwise_initializer: initializer of the pointwise kernel (1, .., channels * depth_multiplier, filters).
        bias_initializer: initializer of the bias (filters,).
        depthwise_regularizer: penalty on the depthwise kernel.
        pointwise_regularizer: penalty on the pointwise kernel.
        bias_regularizer: penalty on the bias.
        activity_regularizer: penalty on the output.
        depthwise_constraint: projection of the depthwise kernel after each update.
        pointwise_constraint: projection of the pointwise kernel after each update.
        bias_constraint: projection of the bias after each update.
    """

    def __init__(
        self,
        rank,
        filters,
        kernel_size,
        strides=1,
        padding="valid",
        data_format=None,
        dilation_rate=1,
        depth_multiplier=1,
        activation=None,
        use_bias=True,
        depthwise_initializer="glorot_uniform",
        pointwise_initializer="glorot_uniform",
        bias_initializer="zeros",
        depthwise_regularizer=None,
        pointwise_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        depthwise_constraint=None,
        pointwise_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        if isinstance(padding, str) and padding.lower() == "causal":
            raise ValueError(
                f"{type(self).__name__}: padding must be 'valid' or 'same', got 'causal'; use Conv1D for it"
            )
        super().__init__(
            rank,
            filters,
            kernel_size,
            strides=strides,
            padding=padding,
            data_format=data_format,
            dilation_rate=dilation_rate,
            activation=activation,
            use_bias=use_bias,
            bias_initializer=bias_initializer,
            bias_regularizer=bias_regularizer,
            activity_regularizer=activity_regularizer,
            bias_constraint=bias_constraint,
            **kwargs,
        )
        self.depth_multiplier = positive_int(self, "depth_multiplier", depth_multiplier)
        self.depthwise_initializer = initializers.get(depthwise_initializer)
        self.pointwise_initializer = initializers.get(pointwise_initializer)
        self.depthwise_regularizer = regularizers.get(depthwise_regularizer)
        self.pointwise_regularizer = regularizers.get(pointwise_regularizer)
        self.depthwise_constraint = constraints.get(depthwise_constraint)
        self.pointwise_constraint = constraints.get(pointwise_constraint)

    def build(self, input_shape):
        count = known_channels(self, input_shape, "depthwise kernel")
        self.depthwise_kernel = self.add_weight(
            shape=(*self.kernel_size, count, self.depth_multiplier),
            initializer=self.depthwise_initializer,
            name="depthwise_kernel",
            regularizer=self.depthwise_regularizer,
            constraint=self.depthwise_constraint,
        )
        self.pointwise_kernel = self.add_weight(
            shape=(*(1,) * self.rank, count * self.depth_multiplier, self.filters),
            initializer=self.pointwise_initializer,
            name="pointwise_kernel",
            regularizer=self.pointwise_regularizer,
            constraint=self.pointwise_constraint,
        )
        self._add_bias(self.filters)
        self._expect_channels(count)
        self.built = True

    def call(self, inputs):
        check_fits(self, inputs)
        outputs = (K.separable_conv1d, K.separable_conv2d)[self.rank - 1](
            inputs,
            self.depthwise_kernel,
            self.pointwise_kernel,
            strides=self.strides,
            padding=self.padding,
            data_format=self.data_format,
            dilation_rate=self.dilation_rate,
        )
        return self._finish(outputs)

    def get_config(self):
        return {
            **without(super().get_config(), "rank", *_PLAIN),
            "depth_multiplier": self.depth_multiplier,
            "depthwise_initializer": initializers.serialize(self.depthwise_initializer),
            "pointwise_initializer": initializers.serialize(self.pointwise_initializer),
            "depthwise_regularizer": regularizers.serialize(self.depthwise_regularizer),
            "pointwise_regularizer": regularizers.serialize(self.pointwise_regularizer),
            "depthwise_constraint": constraints.serialize(self.depthwise_constraint),
            "pointwise_constraint": constraints.serialize(self.pointwise_constraint),
        }


class SeparableConv1D(_SeparableConv):
    """Convolution over time in two parts: every channel by itself, then a mix of the channels.

    Arguments:
        filters: int, number of output channels.
        kernel_size: int, length of the window.
        strides: int, step of the window.
        padding: 'valid' or 'same'.
        data_format: 'channels_last' or 'channels_first'.
        dilation_rate: int, spacing of the kernel's taps; not together with strides.
        depth_multiplier: int, number of depthwise filters of each channel.
        activation: name or function; None for none.
        use_bias: bool.
        depthwise_initializer: initializer of the depthwise kernel (kernel_size, channels, depth_multiplier).
        pointwise_initializer: initializer of the pointwise kernel (1, channels * depth_multiplier, filters).
        bias_initializer: initializer of the bias (filters,).
        depthwise_regularizer: penalty on the depthwise kernel.
        pointwise_regularizer: penalty on the pointwise kernel.
        bias_regularizer: penalty on the bias.
        activity_regularizer: penalty on the output.
        depthwise_constraint: projection of the depthwise kernel after each update.
        pointwise_constraint: projection of the pointwise kernel after each update.
        bias_constraint: projection of the bias after each update.

    Input shape:
        (N, T, C), or (N, C, T) for channels_first.

    Output shape:
        (N, T', filters), or (N, filters, T').
    """

    def __init__(
        self,
        filters,
        kernel_size,
        strides=1,
        padding="valid",
        data_format="channels_last",
        dilation_rate=1,
        depth_multiplier=1,
        activation=None,
        use_bias=True,
        depthwise_initializer="glorot_uniform",
        pointwise_initializer="glorot_uniform",
        bias_initializer="zeros",
        depthwise_regularizer=None,
        pointwise_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        depthwise_constraint=None,
        pointwise_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        super().__init__(
            1,
            filters,
            kernel_size,
            strides=strides,
            padding=padding,
            data_format=data_format,
            dilation_rate=dilation_rate,
            depth_multiplier=depth_multiplier,
            activation=activation,
            use_bias=use_bias,
            depthwise_initializer=depthwise_initializer,
            pointwise_initializer=pointwise_initializer,
            bias_initializer=bias_initializer,
            depthwise_regularizer=depthwise_regularizer,
            pointwise_regularizer=pointwise_regularizer,
            bias_regularizer=bias_regularizer,
            activity_regularizer=activity_regularizer,
            depthwise_constraint=depthwise_constraint,
            pointwise_constraint=pointwise_constraint,
            bias_constraint=bias_constraint,
            **kwargs,
        )


class SeparableConv2D(_SeparableConv):
    """Convolution over images in two parts: every channel by itself, then a mix of the channels.

    Arguments:
        filters: int, number of output channels.
        kernel_size: int or tuple of two ints, size of the window.
        strides: int or tuple of two ints, steps of the window.
        padding: 'valid' or 'same'.
        data_format: 'channels_last' or 'channels_first'; None for the setting in `~/.keras/keras.json`.
        dilation_rate: int or tuple of two ints, spacing of the kernel's taps; not together with strides.
        depth_multiplier: int, number of depthwise filters of each channel.
        activation: name or function; None for none.
        use_bias: bool.
        depthwise_initializer: initializer of the depthwise kernel (*kernel_size, channels, depth_multiplier).
        pointwise_initializer: initializer of the pointwise kernel (1, 1, channels * depth_multiplier, filters).
        bias_initializer: initializer of the bias (filters,).
        depthwise_regularizer: penalty on the depthwise kernel.
        pointwise_regularizer: penalty on the pointwise kernel.
        bias_regularizer: penalty on the bias.
        activity_regularizer: penalty on the output.
        depthwise_constraint: projection of the depthwise kernel after each update.
        pointwise_constraint: projection of the pointwise kernel after each update.
        bias_constraint: projection of the bias after each update.

    Input shape:
        (N, H, W, C), or (N, C, H, W) for channels_first.

    Output shape:
        (N, H', W', filters), or (N, filters, H', W').

    References:
        Chollet, Xception: Deep Learning with Depthwise Separable Convolutions, 2017.
    """

    @interfaces.legacy_separable_conv2d_support
    def __init__(
        self,
        filters,
        kernel_size,
        strides=(1, 1),
        padding="valid",
        data_format=None,
        dilation_rate=(1, 1),
        depth_multiplier=1,
        activation=None,
        use_bias=True,
        depthwise_initializer="glorot_uniform",
        pointwise_initializer="glorot_uniform",
        bias_initializer="zeros",
        depthwise_regularizer=None,
        pointwise_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        depthwise_constraint=None,
        pointwise_constraint=None,
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
            depth_multiplier=depth_multiplier,
            activation=activation,
            use_bias=use_bias,
            depthwise_initializer=depthwise_initializer,
            pointwise_initializer=pointwise_initializer,
            bias_initializer=bias_initializer,
            depthwise_regularizer=depthwise_regularizer,
            pointwise_regularizer=pointwise_regularizer,
            bias_regularizer=bias_regularizer,
            activity_regularizer=activity_regularizer,
            depthwise_constraint=depthwise_constraint,
            pointwise_constraint=pointwise_constraint,
            bias_constraint=bias_constraint,
            **kwargs,
        )


class DepthwiseConv2D(Conv2D):
    """Convolution over images in which every channel meets filters of its own.

    Arguments:
        kernel_size: int or tuple of two ints, size of the window.
        strides: int or tuple of two ints, steps of the window.
        padding: 'valid' or 'same'.
        depth_multiplier: int, number of filters of each channel.
        data_format: 'channels_last' or 'channels_first'; None for the setting in `~/.keras/keras.json`.
        activation: name or function; None for none.
        use_bias: bool.
        depthwise_initializer: initializer of the kernel (*kernel_size, channels, depth_multiplier).
        bias_initializer: initializer of the bias (channels * depth_multiplier,).
        depthwise_regularizer: penalty on the kernel.
        bias_regularizer: penalty on the bias.
        activity_regularizer: penalty on the output.
        depthwise_constraint: projection of the kernel after each update.
        bias_constraint: projection of the bias after each update.

    Input shape:
        (N, H, W, C), or (N, C, H, W) for channels_first.

    Output shape:
        (N, H', W', C * depth_multiplier), or (N, C * depth_multiplier, H', W').
    """

    def __init__(
        self,
        kernel_size,
        strides=(1, 1),
        padding="valid",
        depth_multiplier=1,
        data_format=None,
        activation=None,
        use_bias=True,
        depthwise_initializer="glorot_uniform",
        bias_initializer="zeros",
        depthwise_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        depthwise_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        super().__init__(
            filters=None,
            kernel_size=kernel_size,
            strides=strides,
            padding=padding,
            data_format=data_format,
            activation=activation,
            use_bias=use_bias,
            bias_initializer=bias_initializer,
            bias_regularizer=bias_regularizer,
            activity_regularizer=activity_regularizer,
            bias_constraint=bias_constraint,
            **kwargs,
        )
        self.depth_multiplier = positive_int(self, "depth_multiplier", depth_multiplier)
        self.depthwise_initializer = initializers.get(depthwise_initializer)
        self.depthwise_regularizer = regularizers.get(depthwise_regularizer)
        self.depthwise_constraint = constraints.get(depthwise_constraint)

    def build(self, input_shape):
        if len(input_shape) < 4:
            raise ValueError(
                f"DepthwiseConv2D {self.name!r}: inputs should have rank 4, got an input of shape {tuple(input_shape)}"
            )
        count = known_channels(self, input_shape, "depthwise kernel")
        self.depthwise_kernel = self.add_weight(
            shape=(*self.kernel_size, count, self.depth_multiplier),
            initializer=self.depthwise_initializer,
            name="depthwise_kernel",
            regularizer=self.depthwise_regularizer,
            constraint=self.depthwise_constraint,
        )
        self._add_bias(count * self.depth_multiplier)
        self._expect_channels(count)
        self.built = True

    def call(self, inputs, training=None):
        check_fits(self, inputs)
        outputs = K.depthwise_conv2d(
            inputs,
            self.depthwise_kernel,
            strides=self.strides,
            padding=self.padding,
            dilation_rate=self.dilation_rate,
            data_format=self.data_format,
        )
        return self._finish(outputs)

    def compute_output_shape(self, input_shape):
        count = channels(self, input_shape)
        filters = None if count is None else count * self.depth_multiplier
        return output_shape(self, input_shape, self._output_sizes(spatial_sizes(self, input_shape)), filters)

    def get_config(self):
        return {
            **without(super().get_config(), "filters", *_PLAIN),
            "depth_multiplier": self.depth_multiplier,
            "depthwise_initializer": initializers.serialize(self.depthwise_initializer),
            "depthwise_regularizer": regularizers.serialize(self.depthwise_regularizer),
            "depthwise_constraint": constraints.serialize(self.depthwise_constraint),
        }
