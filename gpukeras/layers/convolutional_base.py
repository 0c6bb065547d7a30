"""What convolutional layers share: arguments, kernel and bias, output shapes."""

from .. import activations, constraints, initializers, regularizers
from .. import backend as K
from ..engine.base_layer import InputSpec, Layer
from ..utils import conv_utils
from .core import positive_int

__all__ = ["_Conv"]


def spatial_sizes(layer, shape):
    """The spatial entries of a shape in the layer's layout.

    Arguments:
        layer: has a `data_format`.
        shape: tuple with batch and channel axes.

    Returns:
        Tuple.
    """
    return tuple(shape[2:] if layer.data_format == "channels_first" else shape[1:-1])


def channels(layer, shape):
    """The number of channels in a shape in the layer's layout.

    Arguments:
        layer: has a `data_format`.
        shape: tuple with batch and channel axes.

    Returns:
        int or None.
    """
    return shape[1] if layer.data_format == "channels_first" else shape[-1]


def known_channels(layer, shape, needed_for="kernel"):
    """The number of channels, which must be known.

    Arguments:
        layer: has a `data_format`.
        shape: tuple with batch and channel axes.
        needed_for: str, what is made of that size.

    Returns:
        int.

    Raises:
        ValueError: when it is None.
    """
    count = channels(layer, shape)
    if count is None:
        raise ValueError(
            f"{type(layer).__name__} {layer.name!r}: the channel dimension of the inputs should be defined, because "
            f"the {needed_for} has that size; got an input of shape {tuple(shape)} ({layer.data_format}). Give the "
            "Input, or the layer before, a complete shape."
        )
    return count


def output_shape(layer, input_shape, sizes, count, least=1):
    """A shape in the layer's layout.

    Arguments:
        layer: has a `data_format`.
        input_shape: tuple that the batch axis is taken from.
        sizes: spatial sizes, entries may be None.
        count: number of channels.
        least: int, smallest size allowed.

    Returns:
        Tuple.

    Raises:
        ValueError: when a size is smaller.
    """
    if any(n is not None and n < least for n in sizes):
        raise ValueError(
            f"{type(layer).__name__} {layer.name!r}: an input of shape {tuple(input_shape)} ({layer.data_format}) "
            f"would give output sizes {tuple(sizes)}, which must be at least {least}; use a larger input or cut less "
            "off: a smaller window, smaller strides, padding='same', less cropping"
        )
    if layer.data_format == "channels_first":
        return (input_shape[0], count, *sizes)
    return (input_shape[0], *sizes, count)


def check_fits(layer, inputs):
    """Refuses an input that leaves no output, before the backend does without naming the layer.

    Arguments:
        layer: a layer.
        inputs: tensor.

    Raises:
        ValueError: as `compute_output_shape` does.
    """
    shape = K.int_shape(inputs)
    if shape is not None:
        layer.compute_output_shape(shape)


class _Conv(Layer):
    """Convolution over `rank` spatial axes; the base of the others.

    Arguments:
        rank: int, number of spatial axes.
        filters: int, number of output channels.
        kernel_size: int or tuple of `rank` ints.
        strides: int or tuple of `rank` ints, steps of the window.
        padding: 'valid', 'same', or 'causal' (rank 1).
        data_format: 'channels_last' or 'channels_first'; None for the setting in `~/.keras/keras.json`.
        dilation_rate: int or tuple of `rank` ints, spacing of the kernel's taps; not together with strides.
        activation: name or function; None for none.
        use_bias: bool.
        kernel_initializer: initializer of the kernel (*kernel_size, channels, filters).
        bias_initializer: initializer of the bias (filters,).
        kernel_regularizer: penalty on the kernel.
        bias_regularizer: penalty on the bias.
        activity_regularizer: penalty on the output.
        kernel_constraint: projection of the kernel after each update.
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
        self.rank = rank
        self.filters = filters if filters is None else positive_int(self, "filters", filters)
        self.kernel_size = conv_utils.normalize_tuple(kernel_size, rank, "kernel_size")
        self.strides = conv_utils.normalize_tuple(strides, rank, "strides")
        self.padding = conv_utils.normalize_padding(padding)
        if self.padding == "causal" and rank != 1:
            raise ValueError(
                f"{type(self).__name__}: padding='causal' is for one-dimensional convolutions (Conv1D) only; "
                "use 'valid' or 'same'"
            )
        self.data_format = K.normalize_data_format(data_format)
        self.dilation_rate = conv_utils.normalize_tuple(dilation_rate, rank, "dilation_rate")
        for argument in ("kernel_size", "strides", "dilation_rate"):
            if min(getattr(self, argument)) < 1:
                raise ValueError(f"{type(self).__name__}: `{argument}` must be positive, got {getattr(self, argument)}")
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.input_spec = InputSpec(ndim=rank + 2)

    def _kernel_shape(self, input_channels):
        return (*self.kernel_size, input_channels, self.filters)

    def build(self, input_shape):
        count = known_channels(self, input_shape)
        self.kernel = self.add_weight(
            shape=self._kernel_shape(count),
            initializer=self.kernel_initializer,
            name="kernel",
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        self._add_bias(self.filters)
        self._expect_channels(count)
        self.built = True

    def _add_bias(self, count):
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                shape=(count,),
                initializer=self.bias_initializer,
                name="bias",
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )

    def _expect_channels(self, count):
        axis = 1 if self.data_format == "channels_first" else -1
        self.input_spec = InputSpec(ndim=self.rank + 2, axes={axis: count})

    def _finish(self, outputs):
        """Adds the bias and applies the activation."""
        if self.use_bias:
            outputs = K.bias_add(outputs, self.bias, data_format=self.data_format)
        return outputs if self.activation is None else self.activation(outputs)

    def call(self, inputs):
        check_fits(self, inputs)
        one = self.rank == 1
        outputs = (K.conv1d, K.conv2d, K.conv3d)[self.rank - 1](
            inputs,
            self.kernel,
            strides=self.strides[0] if one else self.strides,
            padding=self.padding,
            data_format=self.data_format,
            dilation_rate=self.dilation_rate[0] if one else self.dilation_rate,
        )
        return self._finish(outputs)

    def _output_sizes(self, sizes):
        settings = zip(sizes, self.kernel_size, self.strides, self.dilation_rate, strict=True)
        return [conv_utils.conv_output_length(n, k, self.padding, s, dilation=d) for n, k, s, d in settings]

    def compute_output_shape(self, input_shape):
        sizes = self._output_sizes(spatial_sizes(self, input_shape))
        return output_shape(self, input_shape, sizes, self.filters)

    def get_config(self):
        return {
            **super().get_config(),
            "rank": self.rank,
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "data_format": self.data_format,
            "dilation_rate": self.dilation_rate,
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


def without(config, *names):
    """A config less some entries.

    Arguments:
        config: dict.
        *names: entries to leave out.

    Returns:
        dict.
    """
    return {key: value for key, value in config.items() if key not in names}
