"""Activation functions with settings or weights of their own."""

from .. import activations, constraints, initializers, regularizers
from .. import backend as K
from ..engine.base_layer import InputSpec, Layer
from ..legacy import interfaces

__all__ = ["ELU", "LeakyReLU", "PReLU", "ReLU", "Softmax", "ThresholdedReLU"]


class LeakyReLU(Layer):
    """x above 0, alpha * x below.

    Arguments:
        alpha: float, slope below 0.

    Source: Maas et al., "Rectifier Nonlinearities Improve Neural Network Acoustic Models", 2013.
    """

    def __init__(self, alpha=0.3, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.alpha = K.cast_to_floatx(alpha)

    def call(self, inputs):
        return K.relu(inputs, alpha=float(self.alpha))

    def get_config(self):
        return {**super().get_config(), "alpha": float(self.alpha)}

    def compute_output_shape(self, input_shape):
        return input_shape


class PReLU(Layer):
    """x above 0, alpha * x below, where alpha is a weight shaped like a sample.

    Arguments:
        alpha_initializer: initializer of alpha.
        alpha_regularizer: penalty on alpha.
        alpha_constraint: projection of alpha after each update.
        shared_axes: int or list of int, axes along which alpha is one value; [1, 2] for one alpha per channel of
            channels_last images.

    Source: He et al., "Delving Deep into Rectifiers", 2015.
    """

    @interfaces.legacy_prelu_support
    def __init__(
        self,
        alpha_initializer="zeros",
        alpha_regularizer=None,
        alpha_constraint=None,
        shared_axes=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.alpha_initializer = initializers.get(alpha_initializer)
        self.alpha_regularizer = regularizers.get(alpha_regularizer)
        self.alpha_constraint = constraints.get(alpha_constraint)
        if shared_axes is None:
            self.shared_axes = None
        else:
            self.shared_axes = list(shared_axes) if isinstance(shared_axes, (list, tuple)) else [shared_axes]

    def build(self, input_shape):
        shared = self.shared_axes or []
        if any(not 1 <= axis < len(input_shape) for axis in shared):
            raise ValueError(
                f"PReLU {self.name!r}: `shared_axes` must be between 1 and {len(input_shape) - 1} for an input "
                f"of shape {tuple(input_shape)}, got {shared}"
            )
        shape = tuple(1 if i in shared else n for i, n in enumerate(input_shape))[1:]
        if None in shape:
            raise ValueError(
                f"PReLU {self.name!r}: axes that are not in `shared_axes` must have a known size, got input of "
                f"shape {tuple(input_shape)} with shared_axes={self.shared_axes}"
            )
        self.alpha = self.add_weight(
            shape=shape,
            name="alpha",
            initializer=self.alpha_initializer,
            regularizer=self.alpha_regularizer,
            constraint=self.alpha_constraint,
        )
        axes = {i: n for i, n in enumerate(input_shape) if i > 0 and i not in shared} if shared else {}
        self.input_spec = InputSpec(ndim=len(input_shape), axes=axes)
        self.built = True

    def call(self, inputs, mask=None):
        return K.relu(inputs) - self.alpha * K.relu(-inputs)

    def get_config(self):
        return {
            **super().get_config(),
            "alpha_initializer": initializers.serialize(self.alpha_initializer),
            "alpha_regularizer": regularizers.serialize(self.alpha_regularizer),
            "alpha_constraint": constraints.serialize(self.alpha_constraint),
            "shared_axes": self.shared_axes,
        }

    def compute_output_shape(self, input_shape):
        return input_shape


class ELU(Layer):
    """x above 0, alpha * (exp(x) - 1) below.

    Arguments:
        alpha: float, minus the limit for very negative x.

    Source: Clevert et al., "Fast and Accurate Deep Network Learning by Exponential Linear Units", 2015.
    """

    def __init__(self, alpha=1.0, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.alpha = K.cast_to_floatx(alpha)

    def call(self, inputs):
        return K.elu(inputs, float(self.alpha))

    def get_config(self):
        return {**super().get_config(), "alpha": float(self.alpha)}

    def compute_output_shape(self, input_shape):
        return input_shape


class ThresholdedReLU(Layer):
    """x above theta, 0 elsewhere.

    Arguments:
        theta: float, at least 0.

    Source: Konda et al., "Zero-bias autoencoders and the benefits of co-adapting features", 2014.
    """

    def __init__(self, theta=1.0, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.theta = K.cast_to_floatx(theta)

    def call(self, inputs, mask=None):
        return inputs * K.cast(K.greater(inputs, float(self.theta)), K.floatx())

    def get_config(self):
        return {**super().get_config(), "theta": float(self.theta)}

    def compute_output_shape(self, input_shape):
        return input_shape


class Softmax(Layer):
    """Exponentials rescaled to a sum of 1 along an axis.

    Arguments:
        axis: int.
    """

    def __init__(self, axis=-1, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.axis = axis

    def call(self, inputs):
        return activations.softmax(inputs, axis=self.axis)

    def get_config(self):
        return {**super().get_config(), "axis": self.axis}

    def compute_output_shape(self, input_shape):
        return input_shape


class ReLU(Layer):
    """x at or above the threshold (at most `max_value`), negative_slope * (x - threshold) below it.

    Arguments:
        max_value: float of at least 0, or None.
        negative_slope: float of at least 0.
        threshold: float.
    """

    def __init__(self, max_value=None, negative_slope=0.0, threshold=0.0, **kwargs):
        super().__init__(**kwargs)
        for name, value in (("max_value", max_value), ("negative_slope", negative_slope)):
            if value is not None and value < 0.0:
                raise ValueError(f"{name} of ReLU layer cannot be negative value: {value!r}")
        self.supports_masking = True
        self.max_value = None if max_value is None else K.cast_to_floatx(max_value)
        self.negative_slope = K.cast_to_floatx(negative_slope)
        self.threshold = K.cast_to_floatx(threshold)

    def call(self, inputs):
        return K.relu(
            inputs,
            alpha=float(self.negative_slope),
            max_value=None if self.max_value is None else float(self.max_value),
            threshold=float(self.threshold),
        )

    def get_config(self):
        return {
            **super().get_config(),
            "max_value": None if self.max_value is None else float(self.max_value),
            "negative_slope": float(self.negative_slope),
            "threshold": float(self.threshold),
        }

    def compute_output_shape(self, input_shape):
        return input_shape
