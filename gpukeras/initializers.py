"""Initializers: the values that weights start from."""

import numpy as np

from . import backend as K
from .utils.generic_utils import deserialize_keras_object, serialize_keras_object

# A normal distribution cut at two standard deviations has this much of the deviation left.
_TRUNCATED_STDDEV = 0.87962566103423978


class Initializer:
    """Base of all initializers: called with a shape, returns the initial value."""

    def __call__(self, shape, dtype=None):
        raise NotImplementedError(
            f"{self.__class__.__name__}: write __call__(self, shape, dtype=None), returning the initial value"
        )

    def get_config(self):
        """Arguments to build an equal initializer from.

        Returns:
            dict.
        """
        return {}

    @classmethod
    def from_config(cls, config):
        """Builds an initializer from what `get_config` returned.

        Arguments:
            config: dict.

        Returns:
            A new initializer.
        """
        # Files of tf.keras name a dtype here; the weight's own dtype decides.
        return cls(**{k: v for k, v in config.items() if k != "dtype"})


class Zeros(Initializer):
    """All zeros."""

    def __call__(self, shape, dtype=None):
        return K.constant(0, shape=shape, dtype=dtype)


class Ones(Initializer):
    """All ones."""

    def __call__(self, shape, dtype=None):
        return K.constant(1, shape=shape, dtype=dtype)


class Constant(Initializer):
    """One value everywhere.

    Arguments:
        value: float, or an array of the weight's shape.
    """

    def __init__(self, value=0):
        self.value = value

    def __call__(self, shape, dtype=None):
        return K.constant(self.value, shape=shape, dtype=dtype)

    def get_config(self):
        """Arguments to build an equal initializer from.

        Returns:
            dict.
        """
        return {"value": self.value}


class RandomNormal(Initializer):
    """Normally distributed values.

    Arguments:
        mean: float.
        stddev: float, standard deviation.
        seed: int, or None for other values each time.
    """

    def __init__(self, mean=0.0, stddev=0.05, seed=None):
        self.mean = mean
        self.stddev = stddev
        self.seed = seed

    def __call__(self, shape, dtype=None):
        return K.random_normal(shape, self.mean, self.stddev, dtype=dtype, seed=self.seed)

    def get_config(self):
        """Arguments to build an equal initializer from.

        Returns:
            dict.
        """
        return {"mean": self.mean, "stddev": self.stddev, "seed": self.seed}


class RandomUniform(Initializer):
    """Uniformly distributed values.

    Arguments:
        minval: float, lower end (included).
        maxval: float, upper end (excluded).
        seed: int, or None for other values each time.
    """

    def __init__(self, minval=-0.05, maxval=0.05, seed=None):
        self.minval = minval
        self.maxval = maxval
        self.seed = seed

    def __call__(self, shape, dtype=None):
        return K.random_uniform(shape, self.minval, self.maxval, dtype=dtype, seed=self.seed)

    def get_config(self):
        """Arguments to build an equal initializer from.

        Returns:
            dict.
        """
        return {"minval": self.minval, "maxval": self.maxval, "seed": self.seed}


class TruncatedNormal(Initializer):
    """Normally distributed values of which those beyond two standard deviations are drawn again.

    Arguments:
        mean: float.
        stddev: float, standard deviation before the cut.
        seed: int, or None for other values each time.
    """

    def __init__(self, mean=0.0, stddev=0.05, seed=None):
        self.mean = mean
        self.stddev = stddev
        self.seed = seed

    def __call__(self, shape, dtype=None):
        return K.truncated_normal(shape, self.mean, self.stddev, dtype=dtype, seed=self.seed)

    def get_config(self):
        """Arguments to build an equal initializer from.

        Returns:
            dict.
        """
        return {"mean": self.mean, "stddev": self.stddev, "seed": self.seed}


_MODES = ("fan_in", "fan_out", "fan_avg")
_DISTRIBUTIONS = ("normal", "uniform")


class VarianceScaling(Initializer):
    """Random values whose variance is `scale / n`, n being the number of connections of a unit.

    Arguments:
        scale: float, positive.
        mode: what n counts: 'fan_in' (inputs), 'fan_out' (outputs) or 'fan_avg' (their mean).
        distribution: 'normal' (truncated at two standard deviations) or 'uniform'.
        seed: int, or None for other values each time.

    Raises:
        ValueError: for a scale that is not positive, or an unknown mode or distribution.
    """

    def __init__(self, scale=1.0, mode="fan_in", distribution="normal", seed=None):
        if scale <= 0.0:
            raise ValueError(f"VarianceScaling: `scale` must be a positive float, got {scale!r}")
        mode, distribution = mode.lower(), distribution.lower()
        if mode not in _MODES:
            raise ValueError(f"VarianceScaling: invalid `mode` argument: expected one of {_MODES}, got {mode!r}")
        if distribution not in _DISTRIBUTIONS:
            raise ValueError(
                f"VarianceScaling: invalid `distribution` argument: expected one of {_DISTRIBUTIONS}, "
                f"got {distribution!r}"
            )
        self.scale = scale
        self.mode = mode
        self.distribution = distribution
        self.seed = seed

    def __call__(self, shape, dtype=None):
        fan_in, fan_out = _compute_fans(shape)
        n = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2.0}[self.mode]
        variance = self.scale / max(1.0, n)
        if self.distribution == "uniform":
            limit = np.sqrt(3.0 * variance)
            return K.random_uniform(shape, -limit, limit, dtype=dtype, seed=self.seed)
        stddev = np.sqrt(variance) / _TRUNCATED_STDDEV
        return K.truncated_normal(shape, 0.0, stddev, dtype=dtype, seed=self.seed)

    def get_config(self):
        """Arguments to build an equal initializer from.

        Returns:
            dict.
        """
        return {
            "scale": self.scale,
            "mode": self.mode,
            "distribution": self.distribution,
            "seed": self.seed,
        }

    @classmethod
    def from_config(cls, config):
        """Builds an initializer from what `get_config` returned, here or in tf.keras.

        Arguments:
            config: dict.

        Returns:
            A new initializer.
        """
        config = dict(config)
        if config.get("distribution") == "truncated_normal":
            config["distribution"] = "normal"
        return super().from_config(config)


class Orthogonal(Initializer):
    """A random matrix with orthonormal rows or columns, times `gain`.

    Weights with more than two axes are seen as a matrix of all axes but the last by the last.

    Arguments:
        gain: float.
        seed: int, or None for other values each time.

    Source: Saxe et al., "Exact solutions to the nonlinear dynamics of learning in deep linear neural
    networks", 2013.
    """

    def __init__(self, gain=1.0, seed=None):
        self.gain = gain
        self.seed = seed

    def __call__(self, shape, dtype=None):
        shape = tuple(int(n) for n in shape)
        if len(shape) < 2:
            raise ValueError(f"Orthogonal initializer: expected a shape with at least two axes, got {shape}")
        matrix = (int(np.prod(shape[:-1])), shape[-1])
        rng = np.random if self.seed is None else np.random.RandomState(self.seed)
        u, _, v = np.linalg.svd(rng.normal(0.0, 1.0, matrix), full_matrices=False)
        q = u if u.shape == matrix else v
        return self.gain * q.reshape(shape)

    def get_config(self):
        """Arguments to build an equal initializer from.

        Returns:
            dict.
        """
        return {"gain": self.gain, "seed": self.seed}


class Identity(Initializer):
    """The identity matrix times `gain`; side by side, repeated, when one side is a multiple of the other.

    Arguments:
        gain: float.
    """

    def __init__(self, gain=1.0):
        self.gain = gain

    def __call__(self, shape, dtype=None):
        shape = tuple(int(n) for n in shape)
        if len(shape) != 2:
            raise ValueError(f"Identity matrix initializer can only be used for 2D matrices, got shape {shape}")
        short, long = sorted(shape)
        if short == 0 or long % short:
            raise ValueError(
                f"Identity matrix initializer: the long side must be a multiple of the short side, got shape {shape}"
            )
        return self.gain * np.tile(np.identity(short), (shape[0] // short, shape[1] // short))

    def get_config(self):
        """Arguments to build an equal initializer from.

        Returns:
            dict.
        """
        return {"gain": self.gain}


def lecun_uniform(seed=None):
    """Uniform within sqrt(3 / fan_in).

    Arguments:
        seed: int or None.

    Returns:
        `VarianceScaling`.

    Source: LeCun et al., "Efficient BackProp", 1998.
    """
    return VarianceScaling(scale=1.0, mode="fan_in", distribution="uniform", seed=seed)


def lecun_normal(seed=None):
    """Truncated normal with standard deviation sqrt(1 / fan_in).

    Arguments:
        seed: int or None.

    Returns:
        `VarianceScaling`.

    Source: LeCun et al., "Efficient BackProp", 1998.
    """
    return VarianceScaling(scale=1.0, mode="fan_in", distribution="normal", seed=seed)


def glorot_uniform(seed=None):
    """Uniform within sqrt(6 / (fan_in + fan_out)), also called Xavier uniform.

    Arguments:
        seed: int or None.

    Returns:
        `VarianceScaling`.

    Source: Glorot and Bengio, "Understanding the difficulty of training deep feedforward networks", 2010.
    """
    return VarianceScaling(scale=1.0, mode="fan_avg", distribution="uniform", seed=seed)


def glorot_normal(seed=None):
    """Truncated normal with standard deviation sqrt(2 / (fan_in + fan_out)), also called Xavier normal.

    Arguments:
        seed: int or None.

    Returns:
        `VarianceScaling`.

    Source: Glorot and Bengio, "Understanding the difficulty of training deep feedforward networks", 2010.
    """
    return VarianceScaling(scale=1.0, mode="fan_avg", distribution="normal", seed=seed)


def he_uniform(seed=None):
    """Uniform within sqrt(6 / fan_in).

    Arguments:
        seed: int or None.

    Returns:
        `VarianceScaling`.

    Source: He et al., "Delving Deep into Rectifiers", 2015.
    """
    return VarianceScaling(scale=2.0, mode="fan_in", distribution="uniform", seed=seed)


def he_normal(seed=None):
    """Truncated normal with standard deviation sqrt(2 / fan_in).

    Arguments:
        seed: int or None.

    Returns:
        `VarianceScaling`.

    Source: He et al., "Delving Deep into Rectifiers", 2015.
    """
    return VarianceScaling(scale=2.0, mode="fan_in", distribution="normal", seed=seed)


zero = zeros = Zeros
one = ones = Ones
constant = Constant
uniform = random_uniform = RandomUniform
normal = random_normal = RandomNormal
truncated_normal = TruncatedNormal
identity = Identity
orthogonal = Orthogonal

# Files of tf.keras name these functions as classes.
_FOREIGN = {
    "GlorotNormal": glorot_normal,
    "GlorotUniform": glorot_uniform,
    "HeNormal": he_normal,
    "HeUniform": he_uniform,
    "LecunNormal": lecun_normal,
    "LecunUniform": lecun_uniform,
}


def _compute_fans(shape, data_format="channels_last"):
    """Numbers of input and output connections of a unit whose kernel has this shape.

    Arguments:
        shape: tuple of int: (inputs, outputs) for a dense kernel; with spatial axes in front for a
            channels_last convolution; (outputs, inputs, spatial...) for 'channels_first'.
        data_format: 'channels_last' or 'channels_first'.

    Returns:
        Tuple (fan_in, fan_out).

    Raises:
        ValueError: for another data format.
    """
    if len(shape) == 2:
        return shape[0], shape[1]
    if len(shape) in (3, 4, 5):
        if data_format == "channels_first":
            field = np.prod(shape[2:])
            return shape[1] * field, shape[0] * field
        if data_format == "channels_last":
            field = np.prod(shape[:-2])
            return shape[-2] * field, shape[-1] * field
        raise ValueError(f"Invalid data_format: {data_format!r}; expected 'channels_last' or 'channels_first'")
    # No layer of the catalogue has such a kernel: count all entries and take the geometric mean.
    fan = np.sqrt(np.prod(shape))
    return fan, fan


def serialize(initializer):
    """What a config stores for an initializer.

    Arguments:
        initializer: an `Initializer`, a function, or None.

    Returns:
        dict, str or None.
    """
    return serialize_keras_object(initializer)


def deserialize(config, custom_objects=None):
    """Builds an initializer from its config.

    Arguments:
        config: dict with `class_name` and `config`, or the name of a class or function.
        custom_objects: dict of name -> class.

    Returns:
        The initializer.

    Raises:
        ValueError: for an unknown name.
    """
    return deserialize_keras_object(
        config,
        module_objects={**_FOREIGN, **globals()},
        custom_objects=custom_objects,
        printable_module_name="initializer",
    )


def get(identifier):
    """Finds an initializer by name or config, and passes callables through.

    Arguments:
        identifier: str, config dict or callable.

    Returns:
        A callable of (shape, dtype=None).

    Raises:
        ValueError: for an unknown name or another type.
    """
    if isinstance(identifier, dict):
        return deserialize(identifier)
    if isinstance(identifier, str):
        return deserialize({"class_name": identifier, "config": {}})
    if callable(identifier):
        return identifier
    raise ValueError(
        f"Could not interpret initializer identifier: {identifier!r}; "
        "expected a name such as 'glorot_uniform', an Initializer, or a function of a shape"
    )
