"""Convolutions whose kernels differ from place to place."""

from .. import activations, constraints, initializers, regularizers
from .. import backend as K
from ..engine.base_layer import InputSpec, Layer
from ..legacy import interfaces
from ..utils import conv_utils
from .convolutional_base import check_fits, known_channels, output_shape, spatial_sizes
from .core import positive_int

__all__ = ["LocallyConnected1D", "LocallyConnected2D"]


class _LocallyConnected(Layer):
    """What the two share; the arguments are theirs, and `rank` is the number of spatial axes."""

    def _take(
        self,
        rank,
        filters,
        kernel_size,
        strides,
        padding,
        data_format,
        activation,
        use_bias,
        initializers_given,
        regularizers_given,
        constraints_given,
    ):
        self.rank = rank
        self.filters = positive_int(self, "filters", filters)
        self.kernel_size = conv_utils.normalize_tuple(kernel_size, rank, "kernel_size")
        self.strides = conv_utils.normalize_tuple(strides, rank, "strides")
        self.padding = conv_utils.normalize_padding(padding)
        if self.padding != "valid":
            raise ValueError(
                f'{type(self).__name__}: invalid border mode (only "valid" is supported), got padding={padding!r}; '
                "put a ZeroPadding layer before it"
            )
        if min(*self.kernel_size, *self.strides) < 1:
            raise ValueError(
                f"{type(self).__name__}: `kernel_size` and `strides` must be positive, got {self.kernel_size} and "
                f"{self.strides}"
            )
        self.data_format = K.normalize_data_format(data_format)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer, self.bias_initializer = map(initializers.get, initializers_given)
        found = [regularizers.get(r) for r in regularizers_given]
        self.kernel_regularizer, self.bias_regularizer, self.activity_regularizer = found
        self.kernel_constraint, self.bias_constraint = map(constraints.get, constraints_given)
        self.input_spec = InputSpec(ndim=rank + 2)

    def _output_sizes(self, input_shape):
        settings = zip(spatial_sizes(self, input_shape), self.kernel_size, self.strides, strict=True)
        return tuple(conv_utils.conv_output_length(n, k, self.padding, s) for n, k, s in settings)

    def build(self, input_shape):
        count = known_channels(self, input_shape)
        if None in spatial_sizes(self, input_shape):
            raise ValueError(
                f"{type(self).__name__} {self.name!r}: the spatial dimensions of the inputs should be fully-defined, "
                f"because every place has a kernel of its own; got an input of shape {tuple(input_shape)}"
            )
        self.compute_output_shape(input_shape)
        sizes = self._output_sizes(input_shape)
        places, window = 1, count
        for n, k in zip(sizes, self.kernel_size, strict=True):
            places, window = places * n, window * k
        self.kernel_shape = (places, window, self.filters)
        self.kernel = self.add_weight(
            shape=self.kernel_shape,
            initializer=self.kernel_initializer,
            name="kernel",
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                shape=(*sizes, self.filters),
                initializer=self.bias_initializer,
                name="bias",
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )
        axis = 1 if self.data_format == "channels_first" else -1
        self.input_spec = InputSpec(ndim=self.rank + 2, axes={axis: count})
        self.built = True

    def _finish(self, outputs):
        if self.use_bias:
            outputs = K.bias_add(outputs, self.bias, data_format=self.data_format)
        return self.activation(outputs)

    def compute_output_shape(self, input_shape):
        return output_shape(self, input_shape, self._output_sizes(input_shape), self.filters)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "data_format": self.data_format,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
            "kernel_regularizer": regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": regularizers.serialize(self.bias_regularizer),
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
            "kernel_constraint": constraints.serialize(self.kernel_constraint),
            "bias_constraint": constraints.serialize(self.bias_constraint),
        }


class LocallyConnected1D(_LocallyConnected):
    """Convolution over time with a kernel of its own for every output step.

    Arguments:
        filters: int, number of output channels.
        kernel_size: int, length of the window.
        strides: int, step of the window.
        padding: 'valid', the only one there is.
        data_format: 'channels_last' or 'channels_first'; None for the setting in `~/.keras/keras.json`.
        activation: name or function; None for none.
        use_bias: bool.
        kernel_initializer: initializer of the kernel (T', kernel_size * channels, filters).
        bias_initializer: initializer of the bias (T', filters).
        kernel_regularizer: penalty on the kernel.
        bias_regularizer: penalty on the bias.
        activity_regularizer: penalty on the output.
        kernel_constraint: projection of the kernel after each update.
        bias_constraint: projection of the bias after each update.

    Input shape:
        (N, T, C), or (N, C, T) for channels_first; T must be known.

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
        super().__init__(**kwargs)
        self._take(
            1,
            filters,
            kernel_size,
            strides,
            padding,
            data_format,
            activation,
            use_bias,
            (kernel_initializer, bias_initializer),
            (kernel_regularizer, bias_regularizer, activity_regularizer),
            (kernel_constraint, bias_constraint),
        )

    def call(self, inputs):
        check_fits(self, inputs)
        return self._finish(
            K.local_conv1d(inputs, self.kernel, self.kernel_size, self.strides, data_format=self.data_format)
        )


class LocallyConnected2D(_LocallyConnected):
    """Convolution over images with a kernel of its own for every output pixel.

    Arguments:
        filters: int, number of output channels.
        kernel_size: int or tuple of two ints, size of the window.
        strides: int or tuple of two ints, steps of the window.
        padding: 'valid', the only one there is.
        data_format: 'channels_last' or 'channels_first'; None for the setting in `~/.keras/keras.json`.
        activation: name or function; None for none.
        use_bias: bool.
        kernel_initializer: initializer of the kernel (H' * W', kernel_size[0] * kernel_size[1] * channels, filters).
        bias_initializer: initializer of the bias (H', W', filters).
        kernel_regularizer: penalty on the kernel.
        bias_regularizer: penalty on the bias.
        activity_regularizer: penalty on the output.
        kernel_constraint: projection of the kernel after each update.
        bias_constraint: projection of the bias after each update.

    Input shape:
        (N, H, W, C), or (N, C, H, W) for channels_first; H and W must be known.

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
        super().__init__(**kwargs)
        self._take(
            2,
            filters,
            kernel_size,
            strides,
            padding,
            data_format,
            activation,
            use_bias,
            (kernel_initializer, bias_initializer),
            (kernel_regularizer, bias_regularizer, activity_regularizer),
            (kernel_constraint, bias_constraint),
        )

    def build(self, input_shape):
        super().build(input_shape)
        self.output_row, self.output_col = self._output_sizes(input_shape)

    def call(self, inputs):
        check_fits(self, inputs)
        sizes = (self.output_row, self.output_col)
        outputs = K.local_conv2d(inputs, self.kernel, self.kernel_size, self.strides, sizes, self.data_format)
        return self._finish(outputs)
