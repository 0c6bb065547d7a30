"""`RNN`: a layer that runs a cell over the steps of a sequence."""

import numpy as np

from .. import backend as K
from ..engine.base_layer import InputSpec, Layer
from ..engine.calls import takes_argument
from ..engine.node import is_keras_tensor
from ..utils.generic_utils import to_list
from .rnn_stacked import StackedRNNCells, deserialize_cell, forget_masks, size_list

__all__ = ["RNN", "standardize_args"]


class RNN(Layer):
    """Runs a cell over the steps of a sequence.

    A cell has a method `call(inputs, states)` that returns the output and the list of new states of one step, and
    an attribute `state_size`, an int or a tuple with one int per state. It may have `output_size` (default: the
    size of its first state), and its `call` may take `constants` and `training`. Cells that are layers have their
    weights made by `build`, which gets the input shape of one step (in a list with the shapes of the constants,
    when there are any).

    Arguments:
        cell: the cell, or a list of cells that are stacked.
        return_sequences: bool, return the output of every step instead of the last one.
        return_state: bool, return the last states too.
        go_backwards: bool, go through the steps backwards; the outputs come in that order.
        stateful: bool, start each batch from the last states of the one before; needs a fixed batch size.
        unroll: bool, make the steps part of the graph one by one; for short sequences of a known length.

    Input shape:
        (N, T, ...).

    Output shape:
        (N, U), with `return_sequences` (N, T, U); with `return_state` a list of that and the states.

    Raises:
        ValueError: when the cell lacks `call` or `state_size`.
    """

    def __init__(
        self,
        cell,
        return_sequences=False,
        return_state=False,
        go_backwards=False,
        stateful=False,
        unroll=False,
        **kwargs,
    ):
        if isinstance(cell, (list, tuple)):
            cell = StackedRNNCells(cell)
        if not hasattr(cell, "call"):
            raise ValueError(f"`cell` should have a `call` method. The RNN was passed: {cell!r}")
        if not hasattr(cell, "state_size"):
            raise ValueError(
                "An RNN cell needs an attribute `state_size`, an int or one int for each of its states; "
                f"there is none on {cell!r}"
            )
        super().__init__(**kwargs)
        self.cell = cell
        self.return_sequences = return_sequences
        self.return_state = return_state
        self.go_backwards = go_backwards
        self.stateful = stateful
        self.unroll = unroll
        self.supports_masking = True
        self.input_spec = [InputSpec(ndim=3)]
        self.state_spec = None
        self.constants_spec = None
        self._states = None
        self._num_constants = None

    # -- shapes and states ----------------------------------------------------------------------

    @property
    def states(self):
        """The variables that a stateful layer keeps its states in; a list of None before they are made."""
        if self._states is None:
            return [None] * len(size_list(self.cell.state_size))
        return self._states

    @states.setter
    def states(self, states):
        self._states = states

    def compute_output_shape(self, input_shape):
        if isinstance(input_shape, list):
            input_shape = input_shape[0]
        sizes = size_list(self.cell.state_size)
        units = getattr(self.cell, "output_size", None)
        units = sizes[0] if units is None else units
        output = (input_shape[0], input_shape[1], units) if self.return_sequences else (input_shape[0], units)
        if self.return_state:
            return [output] + [(input_shape[0], size) for size in sizes]
        return output

    def compute_mask(self, inputs, mask):
        if isinstance(mask, list):
            mask = mask[0]
        output = mask if self.return_sequences else None
        if self.return_state:
            return [output] + [None] * len(self.states)
        return output

    def build(self, input_shape):
        constants_shape = []
        if isinstance(input_shape, list):
            if self._num_constants:
                constants_shape = list(input_shape[-self._num_constants :])
            input_shape = input_shape[0]
        self.input_spec[0] = InputSpec(shape=(input_shape[0] if self.stateful else None, None, *input_shape[2:]))
        if isinstance(self.cell, Layer):
            step_shape = (input_shape[0], *input_shape[2:])
            self.cell.build([step_shape, *constants_shape] if self._num_constants else step_shape)
        self._check_state_spec(size_list(self.cell.state_size))
        if self.stateful:
            self.reset_states()
        self.built = True

    def _check_state_spec(self, sizes):
        """Makes the specs of the states, or compares those of given initial states with the cell's sizes."""
        if self.state_spec is None:
            self.state_spec = [InputSpec(shape=(None, size)) for size in sizes]
        elif [spec.shape[-1] for spec in self.state_spec] != sizes:
            raise ValueError(
                f"Layer {self.name}: the given `initial_state` is not compatible with `cell.state_size`: that is "
                f"{self.cell.state_size}, and {self.state_spec} came"
            )

    def get_initial_state(self, inputs):
        """States of zeros.

        Arguments:
            inputs: tensor (N, T, ...).

        Returns:
            list of tensors (N, size), one per state.
        """
        samples = K.shape(inputs)[0]
        return [K.zeros((samples, size), dtype=K.dtype(inputs)) for size in size_list(self.cell.state_size)]

    # -- calling --------------------------------------------------------------------------------

    def __call__(self, inputs, initial_state=None, constants=None, **kwargs):
        """Applies the layer; initial states and constants that are Keras tensors become inputs of the layer.

        Arguments:
            inputs: tensor (N, T, ...), or a list of it, the initial states and the constants.
            initial_state: tensor, array or list of them, one per state.
            constants: tensor or list of tensors that the cell gets at every step.
            **kwargs: passed on to `call`.

        Returns:
            A tensor, or a list of the output and the states.

        Raises:
            ValueError: for a wrong number or size of states, constants the cell does not take, or a mix of Keras
                tensors and others.
        """
        inputs, initial_state, constants = standardize_args(inputs, initial_state, constants, self._num_constants)
        if initial_state is None and constants is None:
            return super().__call__(inputs, **kwargs)
        specs, extra = [], []
        if initial_state is not None:
            kwargs["initial_state"] = initial_state
            extra += initial_state
            self.state_spec = [InputSpec(shape=_shape(s)) for s in initial_state]
            self._check_state_spec(size_list(self.cell.state_size))
            specs += self.state_spec
        if constants is not None:
            self._demand_constants()
            kwargs["constants"] = constants
            extra += constants
            self.constants_spec = [InputSpec(shape=_shape(c)) for c in constants]
            self._num_constants = len(constants)
            specs += self.constants_spec
        keras_made = [is_keras_tensor(x) for x in extra]
        if any(keras_made) and not all(keras_made):
            raise ValueError(
                f"Layer {self.name}: initial states and constants should be all Keras tensors (results of layers or of "
                "`Input`) or none; a mix of Keras tensors and others came"
            )
        if not any(keras_made):
            return super().__call__(inputs, **kwargs)
        own = self.input_spec
        self.input_spec = [*own, *specs]
        try:
            return super().__call__([inputs, *extra], **kwargs)
        finally:
            # `build` may have filled in the first entry meanwhile.
            self.input_spec = self.input_spec[: len(own)]

    def _demand_constants(self):
        if not takes_argument(self.cell.call, "constants"):
            raise ValueError(
                f"Layer {self.name}: the RNN cell {type(self.cell).__name__} does not support constants; its `call` "
                "must take an argument `constants`"
            )

    def call(self, inputs, mask=None, training=None, initial_state=None, constants=None):
        inputs, given, initial_state, constants = self._split_inputs(inputs, initial_state, constants)
        if isinstance(mask, list):
            mask = mask[0]
        steps = K.int_shape(inputs)[1]
        if self.unroll and steps in (None, 1):
            raise ValueError(
                f"Layer {self.name}: cannot unroll a RNN if the time dimension is undefined or equal to 1 (it is "
                f"{steps}). Give `input_shape`, `batch_input_shape` or the `shape` of the Input with the number of "
                "steps, or `input_length` to an Embedding before it; or leave out `unroll`."
            )
        forget_masks(self.cell)
        last, outputs, states = self._run(inputs, mask, training, initial_state, constants)
        if self.stateful:
            self.add_update(list(zip(self.states, states)), given)
        output = outputs if self.return_sequences else last
        return [output, *states] if self.return_state else output

    def _run(self, inputs, mask, training, initial_state, constants):
        """Outputs and last states; subclasses that know their cell may have a faster way."""
        takes_phase = takes_argument(self.cell.call, "training") or isinstance(self.cell, StackedRNNCells)
        kwargs = {"training": training} if takes_phase else {}
        count = len(constants or ())
        if count:
            self._demand_constants()
        elif not self.unroll and hasattr(self.cell, "run_sequence"):
            found = self.cell.run_sequence(inputs, initial_state, mask, training, self.go_backwards)
            if found is not None:
                return found

        def step(x, states):
            if count:
                return self.cell.call(x, states[:-count], constants=states[-count:], **kwargs)
            return self.cell.call(x, states, **kwargs)

        return K.rnn(
            step,
            inputs,
            initial_state,
            constants=constants,
            go_backwards=self.go_backwards,
            mask=mask,
            unroll=self.unroll,
            input_length=K.int_shape(inputs)[1],
        )

    def _split_inputs(self, inputs, initial_state, constants):
        """The sequence, all that was given as input, the initial states and the constants."""
        given = inputs
        if isinstance(inputs, list):
            count = self._num_constants or 0
            initial_state = inputs[1 : len(inputs) - count] or None
            constants = inputs[len(inputs) - count :] or None
            inputs = inputs[0]
        if initial_state is None:
            initial_state = self.states if self.stateful else self.get_initial_state(inputs)
        initial_state = to_list(initial_state, allow_tuple=True)
        if len(initial_state) != len(self.states):
            raise ValueError(
                f"Layer {self.name} has {len(self.states)} states but was passed {len(initial_state)} initial states."
            )
        as_tensors = [K.constant(s, dtype=K.dtype(inputs)) if _is_array(s) else s for s in initial_state]
        return inputs, given, as_tensors, constants

    # -- states that last -----------------------------------------------------------------------

    def reset_states(self, states=None):
        """Sets the states of a stateful layer.

        Arguments:
            states: array or list of arrays, one per state; zeros by default.

        Raises:
            AttributeError: when the layer is not stateful.
            ValueError: when the batch size is not known, or the number or a shape of the states is wrong.
        """
        if not self.stateful:
            raise AttributeError(f"Layer {self.name} must be stateful: make it with `stateful=True`.")
        shapes = self._state_shapes()
        if states is not None:
            states = to_list(states, allow_tuple=True)
            if len(states) != len(shapes):
                raise ValueError(
                    f"Layer {self.name} expects {len(shapes)} states, but it received {len(states)} state values. "
                    f"Input received: {states}"
                )
            for i, (value, shape) in enumerate(zip(states, shapes)):
                if np.shape(value) != shape:
                    raise ValueError(
                        f"State {i} is incompatible with layer {self.name}: expected shape={shape}, found "
                        f"shape={np.shape(value)}"
                    )
        if self.states[0] is None:
            self.states = [K.zeros(shape) for shape in shapes]
            if states is None:
                return
        values = [np.zeros(shape) for shape in shapes] if states is None else states
        K.batch_set_value(list(zip(self.states, values)))

    def _state_shapes(self):
        """Shapes of the states of a stateful layer, which are all known."""
        spec = to_list(self.input_spec)[0]
        batch_size = spec.shape[0] if spec.shape else None
        if not batch_size:
            raise ValueError(
                f"Layer {self.name}: a stateful layer needs to know its batch size; give the first layer of a "
                "Sequential a `batch_input_shape`, or Input a `batch_shape`"
            )
        return [(batch_size, size) for size in size_list(self.cell.state_size)]

    # -- config, weights, losses ----------------------------------------------------------------

    def get_config(self):
        return {
            **self._run_config(),
            "cell": {"class_name": type(self.cell).__name__, "config": self.cell.get_config()},
        }

    def _run_config(self):
        """The config without the cell."""
        config = {
            **super().get_config(),
            "return_sequences": self.return_sequences,
            "return_state": self.return_state,
            "go_backwards": self.go_backwards,
            "stateful": self.stateful,
            "unroll": self.unroll,
        }
        if self._num_constants is not None:
            config["num_constants"] = self._num_constants
        return config

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        cell = deserialize_cell(config.pop("cell"), custom_objects)
        count = config.pop("num_constants", None)
        layer = cls(cell, **config)
        layer._num_constants = count
        return layer

    @property
    def trainable_weights(self):
        """Weights of the cell that training changes; none while `trainable` is False."""
        if not self.trainable or not isinstance(self.cell, Layer):
            return []
        return self.cell.trainable_weights

    @property
    def non_trainable_weights(self):
        """Weights of the cell that training leaves alone; all of them while `trainable` is False."""
        if not isinstance(self.cell, Layer):
            return []
        return self.cell.non_trainable_weights if self.trainable else self.cell.weights

    @property
    def losses(self):
        """Loss terms of the cell and of the layer."""
        own = super().losses
        return self.cell.losses + own if isinstance(self.cell, Layer) else own

    def get_losses_for(self, inputs=None):
        """Loss terms of the cell and of the layer that hold for certain inputs.

        Arguments:
            inputs: a tensor or list of tensors; None for the terms that always hold.

        Returns:
            list of scalar tensors.
        """
        own = super().get_losses_for(inputs)
        return self.cell.get_losses_for(inputs) + own if isinstance(self.cell, Layer) else own


def standardize_args(inputs, initial_state, constants, num_constants):
    """Brings the two ways to give states and constants, by keyword and in the list of inputs, into one form.

    Arguments:
        inputs: tensor, or list of the sequence, the initial states and the constants.
        initial_state: tensor, list of tensors or None.
        constants: tensor, list of tensors or None.
        num_constants: int, how many of the inputs are constants, or None.

    Returns:
        (the sequence, list of initial states or None, list of constants or None)

    Raises:
        ValueError: when states or constants are given in both ways.
    """
    if isinstance(inputs, (list, tuple)):
        if len(inputs) > 1 and (initial_state is not None or constants is not None):
            raise ValueError(
                "A recurrent layer was called with a list of inputs and with `initial_state` or `constants` as well; "
                "give them in one way"
            )
        rest = list(inputs[1:])
        if rest and num_constants:
            rest, constants = rest[:-num_constants], rest[-num_constants:]
        initial_state = rest or initial_state
        inputs = inputs[0]
    return inputs, _list_or_none(initial_state), _list_or_none(constants)


def _list_or_none(x):
    return x if x is None else list(to_list(x, allow_tuple=True))


def _is_array(x):
    return isinstance(x, (np.ndarray, np.generic, list, tuple, int, float))


def _shape(x):
    return np.shape(x) if _is_array(x) else K.int_shape(x)
