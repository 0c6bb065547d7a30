"""Layers around other layers: `TimeDistributed` and `Bidirectional`."""

import copy

from .. import backend as K
from ..engine.base_layer import InputSpec, Layer
from ..engine.calls import takes_argument
from ..engine.node import is_keras_tensor
from ..utils.generic_utils import object_list_uid, to_list
from .rnn_base import standardize_args

__all__ = ["Bidirectional", "TimeDistributed", "Wrapper"]

_MERGE_MODES = ("sum", "mul", "ave", "concat", None)


class Wrapper(Layer):
    """Base of layers that hold another layer and hand its weights, losses and updates on as theirs.

    Arguments:
        layer: the layer to wrap.

    Raises:
        ValueError: when `layer` is no layer.
    """

    #: The wrapped layer does, where it wants to.
    casts_inputs = False

    def __init__(self, layer, **kwargs):
        if not isinstance(layer, Layer):
            raise ValueError(
                f"{type(self).__name__}: `layer` must be a layer or a model (an instance of `Layer`), got {layer!r}"
            )
        self.layer = layer
        # What the wrapped layer was called with, by the identity of what the wrapper was called with.
        self._input_map = {}
        super().__init__(**kwargs)
        self._policy = getattr(layer, "_policy", self._policy)

    def build(self, input_shape=None):
        self.built = True

    @property
    def activity_regularizer(self):
        """Penalty on the output, as the wrapped layer has it."""
        return getattr(self.layer, "activity_regularizer", None)

    @property
    def trainable(self):
        """Whether training changes the weights of the wrapped layer."""
        return self.layer.trainable

    @trainable.setter
    def trainable(self, value):
        self.layer.trainable = value

    @property
    def trainable_weights(self):
        """Weights of the wrapped layer that training changes."""
        return self.layer.trainable_weights

    @property
    def non_trainable_weights(self):
        """Weights of the wrapped layer that training leaves alone."""
        return self.layer.non_trainable_weights

    @property
    def updates(self):
        """Updates of the wrapped layer."""
        return self.layer.updates

    @property
    def losses(self):
        """Loss terms of the wrapped layer."""
        return self.layer.losses

    def get_updates_for(self, inputs=None):
        """Updates of the wrapped layer that hold for certain inputs of the wrapper.

        Arguments:
            inputs: a tensor or list of tensors; None for the updates that always hold.

        Returns:
            list of updates.
        """
        inner = inputs
        if inputs is not None:
            inner = self._input_map.get(object_list_uid(inputs), inputs)
        return self.layer.get_updates_for(inner) + super().get_updates_for(inputs)

    def get_losses_for(self, inputs=None):
        """Loss terms that hold for certain inputs; those of the wrapped layer's weights hold always.

        Arguments:
            inputs: a tensor or list of tensors; None for the terms that always hold.

        Returns:
            list of scalar tensors.
        """
        own = super().get_losses_for(inputs)
        return self.layer.get_losses_for(None) + own if inputs is None else own

    def get_weights(self):
        """Values of the weights of the wrapped layer.

        Returns:
            list of NumPy arrays.
        """
        return self.layer.get_weights()

    def set_weights(self, weights):
        """Sets the values of the weights of the wrapped layer.

        Arguments:
            weights: list of arrays, in the order of `get_weights()`.

        Raises:
            ValueError: when the number of arrays or a shape differs.
        """
        self.layer.set_weights(weights)

    def get_config(self):
        inner = {"class_name": type(self.layer).__name__, "config": self.layer.get_config()}
        return {**super().get_config(), "layer": inner}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """Makes a wrapper, and the layer in it, from what `get_config()` returned.

        Arguments:
            config: dict.
            custom_objects: dict of name -> class or function.

        Returns:
            A layer, without weights.
        """
        # The package imports this module.
        from . import deserialize

        config = dict(config)
        layer = deserialize(config.pop("layer"), custom_objects=custom_objects)
        return cls(layer, **config)


class TimeDistributed(Wrapper):
    """Applies a layer to every step of a sequence, with the same weights.

    Arguments:
        layer: a layer or a model that takes one input.

    Input shape:
        (N, T, ...); T may be unknown. Each step (N, ...) is an input of the layer.

    Output shape:
        (N, T, ...), with the layer's output shape after T.

    Raises:
        ValueError: for fewer than three axes, or for several inputs.
    """

    def __init__(self, layer, **kwargs):
        super().__init__(layer, **kwargs)
        self.supports_masking = True

    def build(self, input_shape):
        if isinstance(input_shape, list):
            raise ValueError(
                f"TimeDistributed {self.name!r} takes one input, got {len(input_shape)} of shapes {input_shape}; "
                "concatenate them first, or wrap a model that splits its input"
            )
        if len(input_shape) < 3:
            raise ValueError(
                f"TimeDistributed {self.name!r}: expected an input of at least 3 axes (samples, steps, ...), got shape "
                f"{tuple(input_shape)}"
            )
        self.input_spec = InputSpec(shape=tuple(input_shape))
        if not self.layer.built:
            self.layer.build(_step_shape(input_shape))
            self.layer.built = True
            # Weights given to the wrapped layer are set here, as nobody calls it.
            self.layer._set_initial_weights()
        super().build()

    def compute_output_shape(self, input_shape):
        """Shape of the output.

        Arguments:
            input_shape: tuple (N, T, ...).

        Returns:
            tuple (N, T, ...).
        """
        inner = self.layer.compute_output_shape(_step_shape(input_shape))
        if isinstance(inner, list):
            if len(inner) != 1:
                raise ValueError(
                    f"TimeDistributed {self.name!r}: the wrapped layer {self.layer.name!r} has {len(inner)} outputs; "
                    "it must have one"
                )
            inner = inner[0]
        return (inner[0], input_shape[1], *inner[1:])

    def call(self, inputs, training=None, mask=None):
        kwargs = {"training": training} if takes_argument(self.layer.call, "training") else {}
        if mask is not None and takes_argument(self.layer.call, "mask"):
            kwargs["mask"] = _merge_steps(mask)
        steps = K.shape(inputs)[1] if K.int_shape(inputs)[1] is None else K.int_shape(inputs)[1]
        if K.int_shape(inputs)[0] and "mask" not in kwargs and _wants_batch_size(self.layer):
            return self._loop(inputs, kwargs)
        merged = _merge_steps(inputs)
        self._input_map[object_list_uid(inputs)] = merged
        y = self.layer.call(merged, **kwargs)
        output_shape = self.compute_output_shape(K.int_shape(inputs))
        return _split_steps(y, steps, output_shape)

    def _loop(self, inputs, kwargs):
        """Step by step, for layers that were written for batches of one size."""

        def step(x, states):
            return self.layer.call(x, **kwargs), []

        return K.rnn(step, inputs, initial_states=[], input_length=K.int_shape(inputs)[1])[1]

    def compute_mask(self, inputs, mask=None):
        """Mask of the output: that of the wrapped layer step by step, or else which steps are not masked throughout.

        Arguments:
            inputs: tensor (N, T, ...).
            mask: tensor (N, T), or (N, T, ...) with more axes of the input, or None.

        Returns:
            Tensor (N, T, ...) or None.
        """
        merged = self._input_map.get(object_list_uid(inputs))
        if merged is None:
            merged = _merge_steps(inputs)
        inner = self.layer.compute_mask(merged, None if mask is None else _merge_steps(mask))
        if inner is None:
            for _ in range(0 if mask is None else K.ndim(mask) - 2):
                mask = K.any(mask, axis=-1)
            return mask
        shape = K.int_shape(inputs)
        steps = K.shape(inputs)[1] if shape[1] is None else shape[1]
        return _split_steps(inner, steps, (shape[0], shape[1], *K.int_shape(inner)[1:]))


def _step_shape(shape):
    return (shape[0], *shape[2:])


def _merge_steps(x):
    """(N, T, ...) as (N * T, ...)."""
    return K.reshape(x, (-1, *_sizes(x, 2)))


def _split_steps(x, steps, static_shape):
    """(N * T, ...) as (N, T, ...)."""
    y = K.reshape(x, (-1, steps, *_sizes(x, 1)))
    y.set_shape(static_shape)
    return y


def _sizes(x, start):
    """Sizes of the axes from `start` on, as numbers where they are known."""
    known = K.int_shape(x)
    return [K.shape(x)[i] if known[i] is None else known[i] for i in range(start, len(known))]


def _wants_batch_size(layer):
    """Whether a layer may rely on the number of samples: stateful ones do, and code of the user's own might."""
    if getattr(layer, "stateful", False) or getattr(layer, "noise_shape", None) is not None:
        return True
    if layer.updates:
        return False
    parts = getattr(layer, "layers", None)
    if parts is not None:
        return any(_wants_batch_size(part) for part in parts)
    ours = type(layer).__module__.startswith((__package__ + ".", __package__.rpartition(".")[0] + ".engine."))
    return not ours or type(layer).__name__ == "Lambda"


class Bidirectional(Wrapper):
    """Runs a recurrent layer over a sequence in both directions and merges what the two give.

    Arguments:
        layer: a recurrent layer; a second one is made from its config, with `go_backwards` turned over.
        merge_mode: 'sum', 'mul', 'ave', 'concat', or None for a list of the two outputs.
        weights: list of arrays, first the weights of the forward layer, then those of the backward one.

    Input shape:
        (N, T, C).

    Output shape:
        That of the layer, with twice the units for 'concat'; with `return_state` a list of it, the states of the
        forward layer and those of the backward one.

    Raises:
        ValueError: for a layer that is not recurrent or an unknown merge mode.

    Source: Schuster and Paliwal, "Bidirectional Recurrent Neural Networks", 1997.
    """

    def __init__(self, layer, merge_mode="concat", weights=None, **kwargs):
        if merge_mode not in _MERGE_MODES:
            raise ValueError(
                'Invalid merge mode. Merge mode should be one of {"sum", "mul", "ave", "concat", None}, got '
                f"{merge_mode!r}"
            )
        config = layer.get_config() if isinstance(layer, Layer) else {}
        if "go_backwards" not in config:
            raise ValueError(
                "Bidirectional: `layer` must be a recurrent layer, one with `go_backwards` in its config, got "
                f"{layer!r}"
            )
        self.forward_layer = copy.copy(layer)
        config["go_backwards"] = not config["go_backwards"]
        self.backward_layer = type(layer).from_config(config)
        self.forward_layer.name = "forward_" + self.forward_layer.name
        self.backward_layer.name = "backward_" + self.backward_layer.name
        self.merge_mode = merge_mode
        if weights:
            half = len(weights) // 2
            self.forward_layer._initial_weights = weights[:half]
            self.backward_layer._initial_weights = weights[half:]
        self.return_sequences = layer.return_sequences
        self.return_state = layer.return_state
        self._num_constants = None
        super().__init__(layer, **kwargs)
        # Set after `Layer` did; Keras 2.2.4 sets it only before, and so loses the states in `predict`.
        self.stateful = layer.stateful
        self.supports_masking = True
        self.input_spec = layer.input_spec

    @property
    def _both(self):
        return (self.forward_layer, self.backward_layer)

    # -- what is made of the two layers ---------------------------------------------------------

    @property
    def trainable(self):
        """Whether training changes the weights."""
        return self._trainable

    @trainable.setter
    def trainable(self, value):
        self._trainable = value
        for layer in self._both:
            layer.trainable = value

    @property
    def trainable_weights(self):
        """Weights of both layers that training changes."""
        return [w for layer in self._both for w in layer.trainable_weights]

    @property
    def non_trainable_weights(self):
        """Weights of both layers that training leaves alone."""
        return [w for layer in self._both for w in layer.non_trainable_weights]

    @property
    def updates(self):
        """Updates of both layers."""
        return [u for layer in self._both for u in layer.updates]

    @property
    def losses(self):
        """Loss terms of both layers."""
        return [loss for layer in self._both for loss in layer.losses]

    @property
    def constraints(self):
        """Constraints of both layers, by weight, for layers that still list them."""
        return {**getattr(self.forward_layer, "constraints", {}), **getattr(self.backward_layer, "constraints", {})}

    def get_updates_for(self, inputs=None):
        """Updates of both layers that hold for certain inputs.

        Arguments:
            inputs: a tensor or list of tensors; None for the updates that always hold.

        Returns:
            list of updates.
        """
        found = []
        for layer, inner in zip(self._both, self._inner_inputs(inputs)):
            found += layer.get_updates_for(inner)
        return found + super(Wrapper, self).get_updates_for(inputs)

    def get_losses_for(self, inputs=None):
        """Loss terms of both layers, and of this one, that hold for certain inputs.

        Arguments:
            inputs: a tensor or list of tensors; None for the terms that always hold.

        Returns:
            list of scalar tensors.
        """
        found = []
        for layer, inner in zip(self._both, self._inner_inputs(inputs)):
            found += layer.get_losses_for(inner)
        return found + super(Wrapper, self).get_losses_for(inputs)

    def _inner_inputs(self, inputs):
        if inputs is None:
            return None, None
        return self._input_map.get(object_list_uid(inputs), (inputs, inputs))

    def get_weights(self):
        """Values of the weights, first those of the forward layer.

        Returns:
            list of NumPy arrays.
        """
        return self.forward_layer.get_weights() + self.backward_layer.get_weights()

    def set_weights(self, weights):
        """Sets the values of the weights.

        Arguments:
            weights: list of arrays, in the order of `get_weights()`.

        Raises:
            ValueError: when the number of arrays or a shape differs.
        """
        half = len(weights) // 2
        self.forward_layer.set_weights(weights[:half])
        self.backward_layer.set_weights(weights[half:])

    def reset_states(self):
        """Sets the states of both layers to zeros."""
        for layer in self._both:
            layer.reset_states()

    # -- shapes and masks -----------------------------------------------------------------------

    def build(self, input_shape):
        for layer in self._both:
            with K.name_scope(layer.name):
                if not layer.built:
                    layer.build(input_shape)
                    layer.built = True
                    layer._set_initial_weights()
        self.built = True

    def compute_output_shape(self, input_shape):
        """Shape of the output.

        Arguments:
            input_shape: tuple (N, T, C), or a list of it and the shapes of states and constants.

        Returns:
            A shape tuple, or a list of them.
        """
        shape = self.forward_layer.compute_output_shape(input_shape)
        states = []
        if self.return_state:
            shape, states = shape[0], list(shape[1:]) * 2
        shape = tuple(shape)
        if self.merge_mode == "concat":
            shape = (*shape[:-1], shape[-1] * 2)
        shapes = [shape, shape] if self.merge_mode is None else [shape]
        return shapes + states if len(shapes) > 1 or states else shape

    def compute_mask(self, inputs, mask):
        """Mask of the output: that of the input when there is an output for every step.

        Arguments:
            inputs: a tensor, or a list of it, states and constants.
            mask: mask of the inputs or None; a list for several inputs.

        Returns:
            The mask or None; a list of them for several outputs.
        """
        if isinstance(mask, list):
            mask = mask[0]
        if not self.return_sequences:
            mask = None
        masks = [mask, mask] if self.merge_mode is None else [mask]
        if self.return_state:
            masks += [None] * (2 * len(self.forward_layer.states))
        return masks if len(masks) > 1 else masks[0]

    # -- calling --------------------------------------------------------------------------------

    def __call__(self, inputs, initial_state=None, constants=None, **kwargs):
        """Applies the layer; initial states and constants that are Keras tensors become inputs of the layer.

        Arguments:
            inputs: tensor (N, T, C), or a list of it, the initial states and the constants.
            initial_state: list of tensors, first the states of the forward layer, then those of the backward one.
            constants: tensor or list of tensors that the cell gets at every step.
            **kwargs: passed on to `call`.

        Returns:
            A tensor, or a list of them.

        Raises:
            ValueError: for an odd number of states, or a mix of Keras tensors and others.
        """
        inputs, initial_state, constants = standardize_args(inputs, initial_state, constants, self._num_constants)
        if initial_state is None and constants is None:
            return super().__call__(inputs, **kwargs)
        extra, specs = [], []
        if initial_state is not None:
            self._set_state_specs(initial_state)
            kwargs["initial_state"] = initial_state
            extra += initial_state
            specs += self.forward_layer.state_spec + self.backward_layer.state_spec
        if constants is not None:
            kwargs["constants"] = constants
            extra += constants
            constants_spec = [InputSpec(shape=K.int_shape(c)) for c in constants]
            specs += constants_spec
            self._num_constants = len(constants)
            for layer in self._both:
                layer.constants_spec = constants_spec
                layer._num_constants = len(constants)
        keras_made = [is_keras_tensor(x) for x in extra]
        if any(keras_made) and not all(keras_made):
            raise ValueError(
                f"Bidirectional {self.name!r}: the initial state and constants cannot be a mix of Keras tensors "
                "(returned by a layer or `Input`) and other tensors"
            )
        if not any(keras_made):
            return super().__call__(inputs, **kwargs)
        own = self.input_spec
        self.input_spec = [*to_list(own), *specs]
        try:
            return super().__call__([inputs, *extra], **kwargs)
        finally:
            self.input_spec = own

    def _set_state_specs(self, initial_state):
        if len(initial_state) % 2:
            raise ValueError(
                f"Bidirectional {self.name!r}: `initial_state` should be a list of an even number of states, first "
                f"those of the forward layer, then those of the backward one. Found: {initial_state}"
            )
        specs = [InputSpec(shape=K.int_shape(s)) for s in initial_state]
        half = len(specs) // 2
        self.forward_layer.state_spec = specs[:half]
        self.backward_layer.state_spec = specs[half:]

    def call(self, inputs, mask=None, training=None, initial_state=None, constants=None):
        kwargs = {}
        if takes_argument(self.layer.call, "training"):
            kwargs["training"] = training
        if takes_argument(self.layer.call, "mask"):
            kwargs["mask"] = mask
        forward_inputs, backward_inputs = self._split_inputs(inputs, initial_state, constants, kwargs)
        self._input_map[object_list_uid(inputs)] = (forward_inputs, backward_inputs)
        states = kwargs.pop("initial_state", [None, None])
        ys = []
        for layer, x, state in zip(self._both, (forward_inputs, backward_inputs), states):
            if state is not None:
                kwargs["initial_state"] = state
            ys.append(layer.call(x, **kwargs))
        return self._merge(*ys)

    def _split_inputs(self, inputs, initial_state, constants, kwargs):
        """What each layer is to be called with; states and constants that are no inputs go into `kwargs`."""
        if not isinstance(inputs, list):
            if constants is not None:
                kwargs["constants"] = constants
            if initial_state is not None:
                half = len(initial_state) // 2
                kwargs["initial_state"] = [initial_state[:half], initial_state[half:]]
            return inputs, inputs
        count = self._num_constants or 0
        states, fixed = inputs[1 : len(inputs) - count], inputs[len(inputs) - count :]
        half = len(states) // 2
        return [inputs[0], *states[:half], *fixed], [inputs[0], *states[half:], *fixed]

    def _merge(self, forward, backward):
        states = []
        if self.return_state:
            states = forward[1:] + backward[1:]
            forward, backward = forward[0], backward[0]
        uses_phase = any(getattr(y, "_uses_learning_phase", False) for y in (forward, backward))
        if self.return_sequences:
            backward = K.reverse(backward, 1)
        if self.merge_mode == "concat":
            merged = [K.concatenate([forward, backward])]
        elif self.merge_mode == "sum":
            merged = [forward + backward]
        elif self.merge_mode == "ave":
            merged = [(forward + backward) / 2]
        elif self.merge_mode == "mul":
            merged = [forward * backward]
        else:
            merged = [forward, backward]
        outputs = merged + states
        if uses_phase:
            for y in outputs:
                y._uses_learning_phase = True
        return outputs if len(outputs) > 1 else outputs[0]

    # -- config ---------------------------------------------------------------------------------

    def get_config(self):
        config = {**super().get_config(), "merge_mode": self.merge_mode}
        if self._num_constants is not None:
            config["num_constants"] = self._num_constants
        return config

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """Makes the layer from what `get_config()` returned.

        Arguments:
            config: dict.
            custom_objects: dict of name -> class or function.

        Returns:
            A layer, without weights.
        """
        config = dict(config)
        count = config.pop("num_constants", None)
        layer = super().from_config(config, custom_objects)
        layer._num_constants = count
        for inner in layer._both:
            inner._num_constants = count
        return layer
