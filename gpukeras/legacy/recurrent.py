"""`Recurrent`, the base class of recurrent layers before Keras 2.1, for layers of one's own that derive from it."""

import numpy as np

from .. import backend as K
from ..engine.base_layer import Layer
from ..engine.input_spec import InputSpec
from ..utils import conv_utils
from ..utils.generic_utils import has_arg, to_list


class Recurrent(Layer):
    """Base class of recurrent layers, as it was before `RNN` and its cells.

    A subclass sets `units` and `states`, and defines `step`.

    Arguments:
        return_sequences: bool, return the output of every step instead of the last one.
        return_state: bool, return the last states as well.
        go_backwards: bool, go through the steps backwards.
        stateful: bool, start each batch from the last states of the one before.
        unroll: bool, unroll the loop.
        implementation: int, kept in the config.
    """

    def __init__(
        self,
        return_sequences=False,
        return_state=False,
        go_backwards=False,
        stateful=False,
        unroll=False,
        implementation=0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.return_sequences = return_sequences
        self.return_state = return_state
        self.go_backwards = go_backwards
        self.stateful = stateful
        self.unroll = unroll
        self.implementation = implementation
        self.supports_masking = True
        self.input_spec = [InputSpec(ndim=3)]
        self.state_spec = None
        self.dropout = 0
        self.recurrent_dropout = 0

    def compute_output_shape(self, input_shape):
        """Shape of the output, or list of shapes when states are returned.

        Arguments:
            input_shape: tuple (N, T, C), or a list that starts with it.

        Returns:
            tuple or list of tuples.
        """
        shape = input_shape[0] if isinstance(input_shape, list) else input_shape
        output = (shape[0], shape[1], self.units) if self.return_sequences else (shape[0], self.units)
        if not self.return_state:
            return output
        return [output] + [(shape[0], self.units) for _ in self.states]

    def compute_mask(self, inputs, mask):
        """Mask of the output, or list of masks when states are returned.

        Arguments:
            inputs: tensor or list of them.
            mask: mask or list of them.

        Returns:
            Mask, None, or a list of them.
        """
        mask = mask[0] if isinstance(mask, list) else mask
        output = mask if self.return_sequences else None
        return [output] + [None for _ in self.states] if self.return_state else output

    def step(self, inputs, states):
        """Computes one step; to be defined by the subclass.

        Arguments:
            inputs: tensor (N, C).
            states: list of tensors: the states, then what `get_constants` gave.

        Returns:
            Pair: output, list of new states.

        Raises:
            NotImplementedError: here.
        """
        raise NotImplementedError("%s derives from Recurrent and must define step()" % type(self).__name__)

    def get_constants(self, inputs, training=None):
        """Tensors that every step is given behind the states, such as dropout masks.

        Arguments:
            inputs: tensor (N, T, C).
            training: int, bool or None.

        Returns:
            List of tensors.
        """
        return []

    def get_initial_state(self, inputs):
        """States of zeros.

        Arguments:
            inputs: tensor (N, T, C).

        Returns:
            List of tensors (N, U).
        """
        zeros = K.expand_dims(K.sum(K.zeros_like(inputs), axis=(1, 2)))
        state = K.tile(zeros, [1, self.units])
        return [state for _ in self.states]

    def preprocess_input(self, inputs, training=None):
        """What can be computed for all steps at once, before the loop.

        Arguments:
            inputs: tensor (N, T, C).
            training: int, bool or None.

        Returns:
            Tensor with the same first two axes.
        """
        return inputs

    def __call__(self, inputs, initial_state=None, **kwargs):
        """Applies the layer; initial states that are Keras tensors become inputs of the layer.

        Arguments:
            inputs: tensor (N, T, C), or a list of it and the initial states.
            initial_state: tensor or list of tensors.
            **kwargs: further arguments of `call`.

        Returns:
            Tensor or list of tensors.

        Raises:
            ValueError: when some initial states are Keras tensors and some are not.
        """
        if isinstance(inputs, list | tuple):
            initial_state = list(inputs[1:]) if initial_state is None and len(inputs) > 1 else initial_state
            inputs = inputs[0]
        if initial_state is None:
            return super().__call__(inputs, **kwargs)
        states = to_list(initial_state, allow_tuple=True)
        is_keras = [hasattr(s, "_keras_history") for s in states]
        if any(is_keras) != all(is_keras):
            raise ValueError(
                "%s '%s': initial states must all be Keras tensors (outputs of layers) or none of them"
                % (type(self).__name__, self.name)
            )
        if not all(is_keras):
            return super().__call__(inputs, initial_state=states, **kwargs)
        plain_spec = self.input_spec
        specs = self.state_spec or [InputSpec(shape=(None, self.units)) for _ in states]
        self.input_spec = to_list(plain_spec) + to_list(specs)
        try:
            return super().__call__([inputs] + states, **kwargs)
        finally:
            self.input_spec = plain_spec

    def _starting_states(self, inputs, initial_state):
        if isinstance(inputs, list):
            inputs, states = inputs[0], inputs[1:]
        elif initial_state is not None:
            states = to_list(initial_state, allow_tuple=True)
        else:
            states = self.states if self.stateful else self.get_initial_state(inputs)
        if len(states) != len(self.states):
            raise ValueError(
                "%s '%s' has %d states, got %d initial states"
                % (type(self).__name__, self.name, len(self.states), len(states))
            )
        return inputs, states

    def call(self, inputs, mask=None, training=None, initial_state=None):
        """Runs the steps.

        Arguments:
            inputs: tensor (N, T, C), or a list of it and the initial states.
            mask: mask (N, T) or a list that starts with it.
            training: int, bool or None.
            initial_state: tensor or list of tensors.

        Returns:
            Tensor, or list of it and the last states.

        Raises:
            ValueError: for a wrong number of states, or unrolling without a fixed number of steps.
        """
        inputs, states = self._starting_states(inputs, initial_state)
        mask = mask[0] if isinstance(mask, list) else mask
        steps = K.int_shape(inputs)[1]
        if self.unroll and steps in (None, 1):
            raise ValueError(
                "%s '%s': unroll=True needs a fixed number of steps above 1, got %s; give the input's shape in full"
                % (type(self).__name__, self.name, steps)
            )
        training_argument = {"training": training} if has_arg(self.get_constants, "training") else {}
        last, outputs, states = K.rnn(
            self.step,
            self.preprocess_input(inputs, training=None),
            states,
            go_backwards=self.go_backwards,
            mask=mask,
            constants=self.get_constants(inputs, **training_argument),
            unroll=self.unroll,
        )
        if self.stateful:
            updates = list(zip(self.states, states, strict=True))
            self.add_update(updates, inputs)
        output = outputs if self.return_sequences else last
        if getattr(self, "dropout", 0) + getattr(self, "recurrent_dropout", 0) > 0:
            last._uses_learning_phase = outputs._uses_learning_phase = True
        return [output] + list(states) if self.return_state else output

    def reset_states(self, states=None):
        """Sets the states of a stateful layer.

        Arguments:
            states: list of arrays (N, U); zeros by default.

        Raises:
            AttributeError: when the layer is not stateful.
            ValueError: for an unknown batch size, or states of another number or shape.
        """
        if not self.stateful:
            raise AttributeError("Layer '%s' must be stateful (stateful=True) to reset its states" % self.name)
        spec = to_list(self.input_spec)[0]
        batch = spec.shape[0] if spec.shape else None
        if not batch:
            raise ValueError(
                "Layer '%s' is stateful and needs a fixed batch size: give batch_input_shape to the first layer, or "
                "batch_shape to Input" % self.name
            )
        if states is None:
            states = [np.zeros((batch, self.units))] * len(self.states)
        states = to_list(states, allow_tuple=True)
        if len(states) != len(self.states):
            raise ValueError("Layer '%s' has %d states, got %d" % (self.name, len(self.states), len(states)))
        for i, value in enumerate(states):
            if np.shape(value) != (batch, self.units):
                raise ValueError(
                    "Layer '%s': state %d has shape %s, expected %s"
                    % (self.name, i, np.shape(value), (batch, self.units))
                )
            if self.states[i] is None:
                self.states[i] = K.variable(value)
            else:
                K.set_value(self.states[i], value)

    def get_config(self):
        """Returns the constructor's arguments.

        Returns:
            dict.
        """
        config = {
            "return_sequences": self.return_sequences,
            "return_state": self.return_state,
            "go_backwards": self.go_backwards,
            "stateful": self.stateful,
            "unroll": self.unroll,
            "implementation": self.implementation,
        }
        return dict(super().get_config(), **config)


class ConvRecurrent2D(Recurrent):
    """Base class of convolutional recurrent layers, as it was before `ConvRNN2D` and its cells.

    Arguments:
        filters: int, number of output channels.
        kernel_size: int or two ints.
        strides: int or two ints.
        padding: 'valid' or 'same'.
        data_format: 'channels_last' or 'channels_first'; the configured one by default.
        dilation_rate: int or two ints.
        return_sequences: bool, return the output of every step instead of the last one.
        go_backwards: bool, go through the steps backwards.
        stateful: bool, start each batch from the last states of the one before.
    """

    def __init__(
        self,
        filters,
        kernel_size,
        strides=(1, 1),
        padding="valid",
        data_format=None,
        dilation_rate=(1, 1),
        return_sequences=False,
        go_backwards=False,
        stateful=False,
        **kwargs,
    ):
        super().__init__(return_sequences=return_sequences, go_backwards=go_backwards, stateful=stateful, **kwargs)
        self.filters = filters
        self.kernel_size = conv_utils.normalize_tuple(kernel_size, 2, "kernel_size")
        self.strides = conv_utils.normalize_tuple(strides, 2, "strides")
        self.padding = conv_utils.normalize_padding(padding)
        self.data_format = K.normalize_data_format(data_format)
        self.dilation_rate = conv_utils.normalize_tuple(dilation_rate, 2, "dilation_rate")
        self.input_spec = [InputSpec(ndim=5)]

    def compute_output_shape(self, input_shape):
        """Shape of the output, or list of shapes when states are returned.

        Arguments:
            input_shape: tuple (N, T, H, W, C) or (N, T, C, H, W), or a list that starts with it.

        Returns:
            tuple or list of tuples.
        """
        shape = input_shape[0] if isinstance(input_shape, list) else input_shape
        first = self.data_format == "channels_first"
        sides = shape[3:5] if first else shape[2:4]
        sides = tuple(
            conv_utils.conv_output_length(s, k, self.padding, stride, d)
            for s, k, stride, d in zip(sides, self.kernel_size, self.strides, self.dilation_rate, strict=True)
        )
        frame = (self.filters,) + sides if first else sides + (self.filters,)
        output = (shape[0], shape[1]) + frame if self.return_sequences else (shape[0],) + frame
        if not self.return_state:
            return output
        return [output] + [(shape[0],) + frame for _ in range(2)]

    def get_config(self):
        """Returns the constructor's arguments.

        Returns:
            dict.
        """
        config = {
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "data_format": self.data_format,
            "dilation_rate": self.dilation_rate,
        }
        return dict(super().get_config(), **config)
