"""The layers most models are made of: dense, dropout, reshaping, masking, lambda."""

import numbers
import warnings

import numpy as np

from .. import activations, constraints, initializers, regularizers
from .. import backend as K
from ..engine.base_layer import InputSpec, Layer
from ..legacy import interfaces
from .lambda_layer import Lambda

__all__ = [
    "Activation",
    "ActivityRegularization",
    "Dense",
    "Dropout",
    "Flatten",
    "Lambda",
    "Masking",
    "Permute",
    "RepeatVector",
    "Reshape",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "SpatialDropout3D",
]


def positive_int(layer, argument, value):
    """Checks a size that a layer is given.

    Arguments:
        layer: the layer, for the message.
        argument: str, the argument's name.
        value: what was passed.

    Returns:
        int.

    Raises:
        ValueError: for anything but an integer of at least 1.
    """
    if not isinstance(value, numbers.Integral) or isinstance(value, bool) or value < 1:
        raise ValueError(
            f"{type(layer).__name__}: `{argument}` must be a positive integer, got {value!r}; "
            "round it, e.g. with int(...)"
        )
    return int(value)


def check_rate(layer, rate):
    """Warns about a share that is none.

    Arguments:
        layer: the layer, for the message.
        rate: what was passed.

    Raises:
        TypeError: when it is not a number.
    """
    name = type(layer).__name__
    if not isinstance(rate, numbers.Real):
        raise TypeError(f"{name}: `rate` must be a number between 0 and 1, got {rate!r}")
    if not 0 <= rate <= 1:
        warnings.warn(
            f"{name}: `rate` is the share of inputs to drop and must be between 0 and 1, got {rate!r}; "
            "such a layer drops nothing",
            stacklevel=3,
        )


class Masking(Layer):
    """Masks the time steps all of whose features equal a value.

    Arguments:
        mask_value: float.

    Input shape:
        (N, T, ...).

    Output shape:
        That of the input; masked steps become 0.
    """

    def __init__(self, mask_value=0.0, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.mask_value = mask_value

    def compute_mask(self, inputs, mask=None):
        return K.any(K.not_equal(inputs, self.mask_value), axis=-1)

    def call(self, inputs):
        kept = K.any(K.not_equal(inputs, self.mask_value), axis=-1, keepdims=True)
        return inputs * K.cast(kept, K.dtype(inputs))

    def get_config(self):
        return {**super().get_config(), "mask_value": self.mask_value}

    def compute_output_shape(self, input_shape):
        return input_shape


class Dropout(Layer):
    """Sets a random share of the inputs to 0 while training and scales up the others.

    Arguments:
        rate: float between 0 and 1, the share to drop; a value outside is moved to the nearer end, with a
            warning. 0 and 1 drop nothing.
        noise_shape: tuple, the shape of the random mask, which is broadcast to the input; None entries
            stand for the input's size. (N, 1, features) drops the same features at every step.
        seed: int, or None.

    Source: Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from Overfitting", 2014.
    """

    @interfaces.legacy_dropout_support
    def __init__(self, rate, noise_shape=None, seed=None, **kwargs):
        super().__init__(**kwargs)
        check_rate(self, rate)
        self.rate = min(1.0, max(0.0, rate))
        self.noise_shape = noise_shape
        self.seed = seed
        self.supports_masking = True

    def _get_noise_shape(self, inputs):
        if self.noise_shape is None:
            return None
        sizes = K.shape(inputs)
        return tuple(sizes[i] if n is None else n for i, n in enumerate(self.noise_shape))

    def call(self, inputs, training=None):
        if not 0.0 < self.rate < 1.0:
            return inputs
        noise_shape = self._get_noise_shape(inputs)

        def dropped_inputs():
            return K.dropout(inputs, self.rate, noise_shape, seed=self.seed)

        return K.in_train_phase(dropped_inputs, inputs, training=training)

    def get_config(self):
        return {
            **super().get_config(),
            "rate": self.rate,
            "noise_shape": self.noise_shape,
            "seed": self.seed,
        }

    def compute_output_shape(self, input_shape):
        return input_shape


class SpatialDropout1D(Dropout):
    """Drops whole channels of sequences: a channel is 0 at every step or at none.

    Arguments:
        rate: float between 0 and 1, the share of channels to drop.

    Input shape:
        (N, T, C).

    Source: Tompson et al., "Efficient Object Localization Using Convolutional Networks", 2014.
    """

    @interfaces.legacy_spatialdropout1d_support
    def __init__(self, rate, **kwargs):
        super().__init__(rate, **kwargs)
        self.input_spec = InputSpec(ndim=3)

    def _get_noise_shape(self, inputs):
        sizes = K.shape(inputs)
        return (sizes[0], 1, sizes[2])


class _SpatialDropout(Dropout):
    _ndim = None

    def __init__(self, rate, data_format=None, **kwargs):
        super().__init__(rate, **kwargs)
        self.data_format = K.normalize_data_format(data_format)
        self.input_spec = InputSpec(ndim=self._ndim)

    def _get_noise_shape(self, inputs):
        sizes = K.shape(inputs)
        spatial = (1,) * (self._ndim - 2)
        if self.data_format == "channels_first":
            return (sizes[0], sizes[1], *spatial)
        return (sizes[0], *spatial, sizes[self._ndim - 1])

    def get_config(self):
        return {**super().get_config(), "data_format": self.data_format}


class SpatialDropout2D(_SpatialDropout):
    """Drops whole feature maps of images: a channel is 0 at every pixel or at none.

    Arguments:
        rate: float between 0 and 1, the share of channels to drop.
        data_format: 'channels_last' or 'channels_first'; None for the setting in `~/.keras/keras.json`.

    Input shape:
        (N, H, W, C), or (N, C, H, W) for channels_first.

    Source: Tompson et al., "Efficient Object Localization Using Convolutional Networks", 2014.
    """

    _ndim = 4

    @interfaces.legacy_spatialdropoutNd_support
    def __init__(self, rate, data_format=None, **kwargs):
        super().__init__(rate, data_format, **kwargs)


class SpatialDropout3D(_SpatialDropout):
    """Drops whole feature maps of volumes: a channel is 0 at every voxel or at none.

    Arguments:
        rate: float between 0 and 1, the share of channels to drop.
        data_format: 'channels_last' or 'channels_first'; None for the setting in `~/.keras/keras.json`.

    Input shape:
        (N, D, H, W, C), or (N, C, D, H, W) for channels_first.

    Source: Tompson et al., "Efficient Object Localization Using Convolutional Networks", 2014.
    """

    _ndim = 5

    @interfaces.legacy_spatialdropoutNd_support
    def __init__(self, rate, data_format=None, **kwargs):
        super().__init__(rate, data_format, **kwargs)


class Activation(Layer):
    """Applies an activation function.

    Arguments:
        activation: name or function (see `activations`).
    """

    def __init__(self, activation, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.activation = activations.get(activation)

    def call(self, inputs):
        return self.activation(inputs)

    def get_config(self):
        return {**super().get_config(), "activation": activations.serialize(self.activation)}

    def compute_output_shape(self, input_shape):
        return input_shape


class Reshape(Layer):
    """Gives the input another shape with as many entries per sample.

    Arguments:
        target_shape: tuple without the batch axis; one entry may be -1, which takes what is left.
    """

    def __init__(self, target_shape, **kwargs):
        super().__init__(**kwargs)
        if isinstance(target_shape, numbers.Integral):
            raise TypeError(
                f"Reshape: `target_shape` must be a tuple without the batch axis such as ({target_shape},), "
                f"got {target_shape!r}"
            )
        self.target_shape = tuple(target_shape)

    def _resolve(self, input_shape):
        # The target with its -1 worked out; `input_shape` is known and without the batch axis.
        target = self.target_shape
        unknown = [i for i, n in enumerate(target) if n < 0]
        if len(unknown) > 1:
            raise ValueError(f"Reshape {self.name!r}: can only specify one unknown dimension (-1), got {target}")
        have = int(np.prod(input_shape))
        known = int(np.prod([n for n in target if n >= 0]))
        if not unknown and known == have:
            return target
        if unknown and known and have % known == 0:
            return target[: unknown[0]] + (have // known,) + target[unknown[0] + 1 :]
        raise ValueError(
            f"Reshape {self.name!r}: total size of new array must be unchanged, but input of shape "
            f"{tuple(input_shape)} has {have} entries per sample, which do not fill {target}"
        )

    def compute_output_shape(self, input_shape):
        if None in input_shape[1:]:
            return (input_shape[0], *(None if n == -1 else n for n in self.target_shape))
        return (input_shape[0], *self._resolve(input_shape[1:]))

    def call(self, inputs):
        input_shape = K.int_shape(inputs)
        if input_shape is not None and None not in input_shape[1:]:
            target = self._resolve(input_shape[1:])
        else:
            target = self.target_shape
        batch = -1 if all(n > 0 for n in target) else K.shape(inputs)[0]
        return K.reshape(inputs, (batch, *target))

    def get_config(self):
        return {**super().get_config(), "target_shape": self.target_shape}


class Permute(Layer):
    """Reorders the axes of each sample.

    Arguments:
        dims: tuple, which input axis each output axis is; counted from 1, the batch axis stays.
            (2, 1) swaps the axes of (N, A, B).

    Raises:
        ValueError: when `dims` does not name every axis once.
    """

    def __init__(self, dims, **kwargs):
        super().__init__(**kwargs)
        self.dims = tuple(dims)
        if sorted(self.dims) != list(range(1, len(self.dims) + 1)):
            raise ValueError(
                f"Permute: `dims` must name each axis from 1 to {len(self.dims)} once, got {self.dims}; "
                "the batch axis (0) is left out"
            )
        self.input_spec = InputSpec(ndim=len(self.dims) + 1)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], *(input_shape[i] for i in self.dims))

    def call(self, inputs):
        return K.permute_dimensions(inputs, (0, *self.dims))

    def get_config(self):
        return {**super().get_config(), "dims": self.dims}


class Flatten(Layer):
    """Lays all entries of a sample out in one axis.

    Arguments:
        data_format: 'channels_last' or 'channels_first'; the entries come out in channels_last order
            either way, so that weights behind this layer fit both.
    """

    def __init__(self, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.input_spec = InputSpec(min_ndim=3)
        self.data_format = K.normalize_data_format(data_format)

    def compute_output_shape(self, input_shape):
        if not all(input_shape[1:]):
            raise ValueError(
                f'The shape of the input to "Flatten" is not fully defined: {tuple(input_shape[1:])}. Give the '
                "first layer of the model an `input_shape` without None."
            )
        return (input_shape[0], int(np.prod(input_shape[1:])))

    def call(self, inputs):
        if self.data_format == "channels_first":
            ndim = K.ndim(inputs)
            inputs = K.permute_dimensions(inputs, (0, *range(2, ndim), 1))
        return K.batch_flatten(inputs)

    def get_config(self):
        return {**super().get_config(), "data_format": self.data_format}


class RepeatVector(Layer):
    """Repeats a vector n times.

    Arguments:
        n: int.

    Input shape:
        (N, D).

    Output shape:
        (N, n, D).
    """

    def __init__(self, n, **kwargs):
        super().__init__(**kwargs)
        self.n = positive_int(self, "n", n)
        self.input_spec = InputSpec(ndim=2)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.n, input_shape[1])

    def call(self, inputs):
        return K.repeat(inputs, self.n)

    def get_config(self):
        return {**super().get_config(), "n": self.n}


class Dense(Layer):
    """A fully connected layer: activation(x . kernel + bias), over the last axis.

    Arguments:
        units: int, size of the output's last axis.
        activation: name or function; None for none.
        use_bias: bool.
        kernel_initializer: initializer of the kernel (input_dim, units).
        bias_initializer: initializer of the bias (units,).
        kernel_regularizer: penalty on the kernel.
        bias_regularizer: penalty on the bias.
        activity_regularizer: penalty on the output.
        kernel_constraint: projection of the kernel after each update.
        bias_constraint: projection of the bias after each update.

    Input shape:
        (N, ..., input_dim).

    Output shape:
        (N, ..., units).
    """

    @interfaces.legacy_dense_support
    def __init__(
        self,
        units,
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
        if "input_shape" not in kwargs and "input_dim" in kwargs:
            kwargs["input_shape"] = (kwargs.pop("input_dim"),)
        super().__init__(**kwargs)
        self.units = positive_int(self, "units", units)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.input_spec = InputSpec(min_ndim=2)
        self.supports_masking = True

    def build(self, input_shape):
        input_dim = input_shape[-1]
        if len(input_shape) < 2 or input_dim is None:
            raise ValueError(
                f"Dense {self.name!r}: the last axis of its input must have a known size, because the kernel "
                f"has that many rows; got input of shape {tuple(input_shape)}. Give the layer before it, or "
                "the Input, a complete shape."
            )
        self.kernel = self.add_weight(
            shape=(input_dim, self.units),
            initializer=self.kernel_initializer,
            name="kernel",
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                shape=(self.units,),
                initializer=self.bias_initializer,
                name="bias",
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )
        self.input_spec = InputSpec(min_ndim=2, axes={-1: input_dim})
        self.built = True

    def assert_input_compatibility(self, inputs):
        """Checks the input against the kernel.

        Arguments:
            inputs: tensor.

        Raises:
            ValueError: when its last axis has another size.
        """
        wanted = self.input_spec.axes.get(-1) if self.built else None
        shape = K.int_shape(inputs) if wanted and K.is_tensor(inputs) else None
        if shape is not None and len(shape) > 1 and shape[-1] not in (None, wanted):
            rest = shape[1:]
            flat = None not in rest and int(np.prod(rest)) == wanted
            advice = "flatten it first" if flat else "use a new layer for this size"
            raise ValueError(
                f"Dense {self.name!r}: expected last axis of size {wanted} (from its kernel), "
                f"got input of shape {tuple(shape)}; {advice}"
            )
        super().assert_input_compatibility(inputs)

    def call(self, inputs):
        output = K.dot(inputs, self.kernel)
        if self.use_bias:
            output = K.bias_add(output, self.bias, data_format="channels_last")
        return self.activation(output)

    def compute_output_shape(self, input_shape):
        if not input_shape or len(input_shape) < 2 or not input_shape[-1]:
            raise ValueError(f"Dense {self.name!r}: expected an input shape (N, ..., input_dim), got {input_shape}")
        return (*input_shape[:-1], self.units)

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
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


class ActivityRegularization(Layer):
    """Passes its input on and adds a penalty on it to the loss.

    Arguments:
        l1: float, weight of the sum of absolute values over the batch.
        l2: float, weight of the sum of squares over the batch.
    """

    def __init__(self, l1=0.0, l2=0.0, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.l1 = l1
        self.l2 = l2
        self.activity_regularizer = regularizers.L1L2(l1=l1, l2=l2)

    def get_config(self):
        return {**super().get_config(), "l1": self.l1, "l2": self.l2}

    def compute_output_shape(self, input_shape):
        return input_shape
