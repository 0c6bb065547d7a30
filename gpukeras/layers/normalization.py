"""Batch normalization."""

from .. import backend as K
from .. import constraints, initializers, regularizers
from ..engine.base_layer import InputSpec, Layer
from ..legacy import interfaces

__all__ = ["BatchNormalization"]


class BatchNormalization(Layer):
    """Brings each feature to mean 0 and variance 1, then scales and shifts it by weights.

    While training it uses mean and variance of the batch and lets moving averages follow them; those are used
    at test time. With `trainable = False` the moving averages stay as they are, but the training phase still
    normalises by the batch.

    Arguments:
        axis: int, the feature axis; 1 for channels_first images.
        momentum: float, how much of the moving averages is kept per batch.
        epsilon: float, added to the variance.
        center: bool, add beta.
        scale: bool, multiply by gamma; superfluous before a linear layer.
        beta_initializer: initializer of beta.
        gamma_initializer: initializer of gamma.
        moving_mean_initializer: initializer of the moving mean.
        moving_variance_initializer: initializer of the moving variance.
        beta_regularizer: penalty on beta.
        gamma_regularizer: penalty on gamma.
        beta_constraint: projection of beta after each update.
        gamma_constraint: projection of gamma after each update.

    Source: Ioffe and Szegedy, "Batch Normalization: Accelerating Deep Network Training by Reducing Internal
    Covariate Shift", 2015.
    """

    @interfaces.legacy_batchnorm_support
    def __init__(
        self,
        axis=-1,
        momentum=0.99,
        epsilon=1e-3,
        center=True,
        scale=True,
        beta_initializer="zeros",
        gamma_initializer="ones",
        moving_mean_initializer="zeros",
        moving_variance_initializer="ones",
        beta_regularizer=None,
        gamma_regularizer=None,
        beta_constraint=None,
        gamma_constraint=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.supports_masking = True
        # Files of tf.keras hold the axis as a list of one.
        self.axis = axis[0] if isinstance(axis, (list, tuple)) and len(axis) == 1 else axis
        self.momentum = momentum
        self.epsilon = epsilon
        self.center = center
        self.scale = scale
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)
        self.beta_constraint = constraints.get(beta_constraint)
        self.gamma_constraint = constraints.get(gamma_constraint)

    def build(self, input_shape):
        ndim = len(input_shape)
        if not -ndim <= self.axis < ndim:
            raise ValueError(
                f"BatchNormalization {self.name!r}: axis {self.axis} is not an axis of its input of shape "
                f"{tuple(input_shape)}"
            )
        size = input_shape[self.axis]
        if size is None:
            raise ValueError(
                f"Axis {self.axis} of input tensor should have a defined dimension but the layer "
                f"{self.name!r} received an input with shape {tuple(input_shape)}."
            )
        self.input_spec = InputSpec(ndim=ndim, axes={self.axis: size})
        self.gamma = self.beta = None
        if self.scale:
            self.gamma = self.add_weight(
                shape=(size,),
                name="gamma",
                initializer=self.gamma_initializer,
                regularizer=self.gamma_regularizer,
                constraint=self.gamma_constraint,
            )
        if self.center:
            self.beta = self.add_weight(
                shape=(size,),
                name="beta",
                initializer=self.beta_initializer,
                regularizer=self.beta_regularizer,
                constraint=self.beta_constraint,
            )
        self.moving_mean = self.add_weight(
            shape=(size,), name="moving_mean", initializer=self.moving_mean_initializer, trainable=False
        )
        self.moving_variance = self.add_weight(
            shape=(size,),
            name="moving_variance",
            initializer=self.moving_variance_initializer,
            trainable=False,
        )
        self.built = True

    def call(self, inputs, training=None):
        input_shape = K.int_shape(inputs)
        axis = self.axis % len(input_shape)
        others = [i for i in range(len(input_shape)) if i != axis]

        def normalize_inference():
            # A vector lines up with the last axis by itself, with any other only as (1, ..., C, ..., 1).
            shape = [input_shape[i] if i == axis else 1 for i in range(len(input_shape))]
            last = axis == len(input_shape) - 1

            def aligned(v):
                return v if v is None or last else K.reshape(v, shape)

            return K.batch_normalization(
                inputs,
                aligned(self.moving_mean),
                aligned(self.moving_variance),
                aligned(self.beta),
                aligned(self.gamma),
                axis=self.axis,
                epsilon=self.epsilon,
            )

        if training in (0, False):
            return normalize_inference()
        normed, mean, variance = K.normalize_batch_in_training(
            inputs, self.gamma, self.beta, others, epsilon=self.epsilon
        )
        self.add_update(
            [
                K.moving_average_update(self.moving_mean, mean, self.momentum),
                K.moving_average_update(self.moving_variance, self._unbiased(variance, inputs, others), self.momentum),
            ],
            inputs,
        )
        return K.in_train_phase(normed, normalize_inference, training=training)

    def _unbiased(self, variance, inputs, axes):
        # The variance of the population estimated from n samples; epsilon keeps n = 1 finite.
        sizes = K.shape(inputs)
        n = sizes[axes[0]]
        for axis in axes[1:]:
            n = n * sizes[axis]
        n = K.cast(n, K.dtype(variance))
        return variance * (n / (n - (1.0 + self.epsilon)))

    def get_config(self):
        return {
            **super().get_config(),
            "axis": self.axis,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "center": self.center,
            "scale": self.scale,
            "beta_initializer": initializers.serialize(self.beta_initializer),
            "gamma_initializer": initializers.serialize(self.gamma_initializer),
            "moving_mean_initializer": initializers.serialize(self.moving_mean_initializer),
            "moving_variance_initializer": initializers.serialize(self.moving_variance_initializer),
            "beta_regularizer": regularizers.serialize(self.beta_regularizer),
            "gamma_regularizer": regularizers.serialize(self.gamma_regularizer),
            "beta_constraint": constraints.serialize(self.beta_constraint),
            "gamma_constraint": constraints.serialize(self.gamma_constraint),
        }

    def compute_output_shape(self, input_shape):
        return input_shape
