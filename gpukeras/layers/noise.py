"""Layers that add noise while training."""

import numbers

import numpy as np

from .. import backend as K
from ..engine.base_layer import Layer
from ..legacy import interfaces
from .core import check_rate

__all__ = ["AlphaDropout", "GaussianDropout", "GaussianNoise"]

# selu's limit for very negative inputs, -scale * alpha: what AlphaDropout puts in place of a dropped input.
_DROPPED = -1.7580993408473766


class GaussianNoise(Layer):
    """Adds normally distributed noise of mean 0 while training.

    Arguments:
        stddev: float, standard deviation of the noise.
    """

    @interfaces.legacy_gaussiannoise_support
    def __init__(self, stddev, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(stddev, numbers.Real) or stddev < 0:
            raise ValueError(f"GaussianNoise: `stddev` must be a number of at least 0, got {stddev!r}")
        self.supports_masking = True
        self.stddev = stddev

    def call(self, inputs, training=None):
        def noised():
            return inputs + K.random_normal(shape=K.shape(inputs), mean=0.0, stddev=self.stddev)

        return K.in_train_phase(noised, inputs, training=training)

    def get_config(self):
        return {**super().get_config(), "stddev": self.stddev}

    def compute_output_shape(self, input_shape):
        return input_shape


class GaussianDropout(Layer):
    """Multiplies by normally distributed noise of mean 1 while training.

    Arguments:
        rate: float between 0 and 1; the noise varies as much as in `Dropout(rate)`, with standard
            deviation sqrt(rate / (1 - rate)).

    Source: Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from Overfitting", 2014.
    """

    @interfaces.legacy_gaussiandropout_support
    def __init__(self, rate, **kwargs):
        super().__init__(**kwargs)
        check_rate(self, rate)
        self.supports_masking = True
        self.rate = rate

    def call(self, inputs, training=None):
        if not 0 < self.rate < 1:
            return inputs

        def noised():
            stddev = np.sqrt(self.rate / (1.0 - self.rate))
            return inputs * K.random_normal(shape=K.shape(inputs), mean=1.0, stddev=stddev)

        return K.in_train_phase(noised, inputs, training=training)

    def get_config(self):
        return {**super().get_config(), "rate": self.rate}

    def compute_output_shape(self, input_shape):
        return input_shape


class AlphaDropout(Layer):
    """Dropout for `selu` networks: keeps mean and variance of its input while training.

    Arguments:
        rate: float between 0 and 1, the share to drop.
        noise_shape: tuple, the shape of the random mask, which is broadcast to the input.
        seed: int, or None.

    Source: Klambauer et al., "Self-Normalizing Neural Networks", 2017.
    """

    def __init__(self, rate, noise_shape=None, seed=None, **kwargs):
        super().__init__(**kwargs)
        check_rate(self, rate)
        self.rate = rate
        self.noise_shape = noise_shape
        self.seed = seed
        self.supports_masking = True

    def _get_noise_shape(self, inputs):
        return self.noise_shape if self.noise_shape else K.shape(inputs)

    def call(self, inputs, training=None):
        if not 0.0 < self.rate < 1.0:
            return inputs
        noise_shape = self._get_noise_shape(inputs)

        def dropped_inputs():
            kept = K.greater_equal(K.random_uniform(noise_shape, seed=self.seed), self.rate)
            kept = K.cast(kept, K.floatx())
            # The affine map a * x + b that brings mean and variance back.
            a = ((1 - self.rate) * (1 + self.rate * _DROPPED**2)) ** -0.5
            b = -a * _DROPPED * self.rate
            return a * (inputs * kept + _DROPPED * (1 - kept)) + b

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
