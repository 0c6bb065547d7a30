"""Layers that Keras 1 had and Keras 2 keeps for old programs: `Highway`, `MaxoutDense`, `Recurrent` and others."""

import warnings

from .. import activations, constraints, initializers, regularizers
from .. import backend as K
from ..engine.base_layer import Layer
from ..engine.input_spec import InputSpec
from .recurrent import ConvRecurrent2D, Recurrent

__all__ = [
    "AtrousConvolution1D",
    "AtrousConvolution2D",
    "ConvRecurrent2D",
    "Highway",
    "MaxoutDense",
    "Recurrent",
]


def _warn_old(name):
    warnings.warn("The layer %s is kept for Keras 1 programs only; build it from Keras 2 layers" % name, stacklevel=3)


class _OldDense(Layer):
    """What `Highway` and `MaxoutDense` share: the Keras 1 arguments of a dense layer."""

    def _take_arguments(self, kwargs, init, weights, regularizers_given, constraints_given, bias, input_dim):
        """Keeps the arguments and gives the base class its own.

        Arguments:
            kwargs: dict of the base class's keywords.
            init: initializer of the kernel.
            weights: list of arrays or None.
            regularizers_given: tuple: of the kernel, of the bias, of the output.
            constraints_given: tuple: of the kernel, of the bias.
            bias: bool.
            input_dim: int or None.
        """
        _warn_old(type(self).__name__)
        if input_dim:
            kwargs["input_shape"] = (input_dim,)
        Layer.__init__(self, **kwargs)
        self.init = initializers.get(init)
        self.W_regularizer, self.b_regularizer, self.activity_regularizer = map(regularizers.get, regularizers_given)
        self.W_constraint, self.b_constraint = map(constraints.get, constraints_given)
        self.bias = bias
        self.initial_weights = weights
        self.input_spec = InputSpec(ndim=2)
        self.input_dim = input_dim

    def _add(self, name, shape, initializer, is_bias=False):
        return self.add_weight(
            name=name,
            shape=shape,
            initializer=initializer,
            regularizer=self.b_regularizer if is_bias else self.W_regularizer,
            constraint=self.b_constraint if is_bias else self.W_constraint,
        )

    def _finish_build(self):
        if self.initial_weights is not None:
            self.set_weights(self.initial_weights)
            self.initial_weights = None
        self.built = True

    def get_config(self):
        """Returns the constructor's arguments.

        Returns:
            dict.
        """
        config = {
            "init": initializers.serialize(self.init),
            "W_regularizer": regularizers.serialize(self.W_regularizer),
            "b_regularizer": regularizers.serialize(self.b_regularizer),
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
            "W_constraint": constraints.serialize(self.W_constraint),
            "b_constraint": constraints.serialize(self.b_constraint),
            "bias": self.bias,
            "input_dim": self.input_dim,
        }
        return dict(super().get_config(), **config)


class MaxoutDense(_OldDense):
    """The largest of several dense layers, output by output.

    Arguments:
        output_dim: int, number of outputs (U).
        nb_feature: int, number of dense layers to choose from (F).
        init: initializer of the kernels, of shape (F, C, U).
        weights: list of arrays to start from.
        W_regularizer: regularizer of the kernels.
        b_regularizer: regularizer of the biases.
        activity_regularizer: regularizer of the output.
        W_constraint: constraint of the kernels.
        b_constraint: constraint of the biases.
        bias: bool, add a bias of shape (F, U).
        input_dim: int, size of the input, for a first layer.

    References:
        Goodfellow et al., Maxout Networks, 2013.
    """

    def __init__(
        self,
        output_dim,
        nb_feature=4,
        init="glorot_uniform",
        weights=None,
        W_regularizer=None,
        b_regularizer=None,
        activity_regularizer=None,
        W_constraint=None,
        b_constraint=None,
        bias=True,
        input_dim=None,
        **kwargs,
    ):
        self.output_dim = output_dim
        self.nb_feature = nb_feature
        self._take_arguments(
            kwargs,
            init,
            weights,
            (W_regularizer, b_regularizer, activity_regularizer),
            (W_constraint, b_constraint),
            bias,
            input_dim,
        )

    def build(self, input_shape):
        """Makes the kernels and biases.

        Arguments:
            input_shape: tuple (N, C).
        """
        size = input_shape[1]
        self.input_spec = InputSpec(dtype=K.floatx(), shape=(None, size))
        self.W = self._add("W", (self.nb_feature, size, self.output_dim), self.init)
        self.b = self._add("b", (self.nb_feature, self.output_dim), "zero", is_bias=True) if self.bias else None
        self._finish_build()

    def compute_output_shape(self, input_shape):
        """Returns (N, U) for (N, C).

        Arguments:
            input_shape: tuple (N, C).

        Returns:
            tuple.
        """
        return (input_shape[0], self.output_dim)

    def call(self, x):
        """Applies the layer.

        Arguments:
            x: tensor (N, C).

        Returns:
            Tensor (N, U).
        """
        output = K.dot(x, self.W)
        if self.bias:
            output += self.b
        return K.max(output, axis=1)

    def get_config(self):
        """Returns the constructor's arguments.

        Returns:
            dict.
        """
        return dict(super().get_config(), output_dim=self.output_dim, nb_feature=self.nb_feature)


class Highway(_OldDense):
    """A dense layer mixed with its input, in a proportion that it learns.

    Arguments:
        init: initializer of the two kernels, of shape (C, C).
        activation: activation of the dense part; None for the identity.
        weights: list of arrays to start from.
        W_regularizer: regularizer of the kernels.
        b_regularizer: regularizer of the biases.
        activity_regularizer: regularizer of the output.
        W_constraint: constraint of the kernels.
        b_constraint: constraint of the biases.
        bias: bool, add biases.
        input_dim: int, size of the input, for a first layer.

    References:
        Srivastava et al., Highway Networks, 2015.
    """

    def __init__(
        self,
        init="glorot_uniform",
        activation=None,
        weights=None,
        W_regularizer=None,
        b_regularizer=None,
        activity_regularizer=None,
        W_constraint=None,
        b_constraint=None,
        bias=True,
        input_dim=None,
        **kwargs,
    ):
        # Keras 1 called the bias of the gate by this name; it starts at one now, whatever is asked.
        if "transform_bias" in kwargs:
            kwargs.pop("transform_bias")
            warnings.warn("Highway: `transform_bias` is gone and is ignored; the gate's bias starts at 1", stacklevel=2)
        self.activation = activations.get(activation)
        self._take_arguments(
            kwargs,
            init,
            weights,
            (W_regularizer, b_regularizer, activity_regularizer),
            (W_constraint, b_constraint),
            bias,
            input_dim,
        )

    def build(self, input_shape):
        """Makes the kernels and biases.

        Arguments:
            input_shape: tuple (N, C).
        """
        size = input_shape[1]
        self.input_spec = InputSpec(dtype=K.floatx(), shape=(None, size))
        self.W = self._add("W", (size, size), self.init)
        self.W_carry = self._add("W_carry", (size, size), self.init)
        if self.bias:
            self.b = self._add("b", (size,), "zero", is_bias=True)
            self.b_carry = self.add_weight(name="b_carry", shape=(size,), initializer="one")
        else:
            self.b_carry = None
        self._finish_build()

    def call(self, x):
        """Applies the layer.

        Arguments:
            x: tensor (N, C).

        Returns:
            Tensor (N, C).
        """
        gate = K.dot(x, self.W_carry)
        transformed = K.dot(x, self.W)
        if self.bias:
            gate += self.b_carry
            transformed += self.b
        gate = activations.sigmoid(gate)
        return self.activation(transformed) * gate + (1.0 - gate) * x

    def get_config(self):
        """Returns the constructor's arguments.

        Returns:
            dict.
        """
        return dict(super().get_config(), activation=activations.serialize(self.activation))


def _atrous(name, new_name, args, kwargs):
    from .. import layers

    kwargs = dict(kwargs)
    if "atrous_rate" in kwargs:
        kwargs["dilation_rate"] = kwargs.pop("atrous_rate")
    warnings.warn(
        "%s is Keras 1; write %s with dilation_rate=%r" % (name, new_name, kwargs.get("dilation_rate", 1)), stacklevel=3
    )
    return getattr(layers, new_name)(*args, **kwargs)


def AtrousConvolution1D(*args, **kwargs):
    """Makes a dilated `Conv1D` from Keras 1 arguments.

    Arguments:
        *args: as for `Conv1D`.
        **kwargs: as for `Conv1D`, and `atrous_rate` for `dilation_rate`.

    Returns:
        A `Conv1D` layer.
    """
    return _atrous("AtrousConvolution1D", "Conv1D", args, kwargs)


def AtrousConvolution2D(*args, **kwargs):
    """Makes a dilated `Conv2D` from Keras 1 arguments.

    Arguments:
        *args: as for `Conv2D`.
        **kwargs: as for `Conv2D`, and `atrous_rate` for `dilation_rate`.

    Returns:
        A `Conv2D` layer.
    """
    return _atrous("AtrousConvolution2D", "Conv2D", args, kwargs)
