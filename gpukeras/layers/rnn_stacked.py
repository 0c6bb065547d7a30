"""`StackedRNNCells`, several cells as one, and what `RNN` and it know about cells."""

import warnings

from .. import backend as K
from ..engine.base_layer import Layer
from ..engine.calls import takes_argument

__all__ = ["StackedRNNCells"]


class StackedRNNCells(Layer):
    """Several cells as one: the output of each is the input of the next.

    Arguments:
        cells: list of cells, first the one that gets the input.
        reverse_state_order: bool, keep the states of the last cell first, as Keras did before 2.2.

    Raises:
        ValueError: when a cell lacks `call` or `state_size`.
    """

    def __init__(self, cells, **kwargs):
        cells = list(cells)
        for cell in cells:
            if not hasattr(cell, "call"):
                raise ValueError(f"All cells must have a `call` method. received cells: {cells}")
            if not hasattr(cell, "state_size"):
                raise ValueError(f"All cells must have a `state_size` attribute. received cells: {cells}")
        if not cells:
            raise ValueError("StackedRNNCells needs at least one cell, got an empty list")
        self.cells = cells
        self.reverse_state_order = kwargs.pop("reverse_state_order", False)
        if self.reverse_state_order:
            warnings.warn(
                "`reverse_state_order=True` in `StackedRNNCells` is meant for models of before Keras 2.2, which kept "
                "the states of the last cell first; leave it out in new ones",
                stacklevel=2,
            )
        super().__init__(**kwargs)

    def _in_state_order(self, items):
        return items[::-1] if self.reverse_state_order else items

    @property
    def state_size(self):
        """Sizes of the states of all cells, those of the first cell first."""
        return tuple(size for cell in self._in_state_order(self.cells) for size in size_list(cell.state_size))

    @property
    def output_size(self):
        """Size of the last cell's output."""
        return output_size(self.cells[-1])

    def _nested(self, states):
        """The states of each cell, first those of the first cell."""
        states, nested = list(states), []
        for cell in self._in_state_order(self.cells):
            count = len(size_list(cell.state_size))
            nested.append(states[:count])
            states = states[count:]
        return self._in_state_order(nested)

    def call(self, inputs, states, constants=None, **kwargs):
        after = []
        for cell, own in zip(self.cells, self._nested(states)):
            arguments = {key: value for key, value in kwargs.items() if takes_argument(cell.call, key)}
            if takes_argument(cell.call, "constants"):
                arguments["constants"] = constants
            inputs, new = cell.call(inputs, own, **arguments)
            after.append(list(new))
        return inputs, [state for states in self._in_state_order(after) for state in states]

    def run_sequence(self, inputs, states, mask, training, go_backwards):
        """Runs the cells over a whole sequence one after the other, if each knows how to do that faster than `K.rnn`.

        Arguments:
            inputs: tensor (N, T, C).
            states: list of tensors (N, size), the initial states.
            mask: mask or None.
            training: int, bool or None for the learning phase.
            go_backwards: bool, go through the steps backwards.

        Returns:
            (last output, all outputs, last states), or None.
        """
        # Under a mask a step that is passed over gives out the first cell's state, so the cells do not stand alone.
        if mask is not None or type(self).call is not StackedRNNCells.call:
            return None
        last, after = None, []
        nested = self._nested(states)
        for i, (cell, own) in enumerate(zip(self.cells, nested)):
            run = getattr(cell, "run_sequence", None)
            found = run and run(inputs, own, None, training, go_backwards and i == 0)
            if not found:
                return None
            last, inputs, new = found
            after.append(new)
        return last, inputs, [state for states in self._in_state_order(after) for state in states]

    def build(self, input_shape):
        constants_shape = None
        if isinstance(input_shape, list):
            constants_shape = input_shape[1:]
            input_shape = input_shape[0]
        for cell in self.cells:
            if isinstance(cell, Layer):
                if constants_shape is not None and takes_argument(cell.call, "constants"):
                    cell.build([input_shape, *constants_shape])
                else:
                    cell.build(input_shape)
            input_shape = (input_shape[0], output_size(cell))
        self.built = True

    def get_config(self):
        config = super().get_config()
        config["cells"] = [{"class_name": type(cell).__name__, "config": cell.get_config()} for cell in self.cells]
        if self.reverse_state_order:
            config["reverse_state_order"] = True
        return config

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        cells = [deserialize_cell(cell, custom_objects) for cell in config.pop("cells")]
        return cls(cells, **config)

    @property
    def _layers(self):
        return [cell for cell in self.cells if isinstance(cell, Layer)]

    @property
    def trainable_weights(self):
        """Weights of the cells that training changes; none while `trainable` is False."""
        return [w for cell in self._layers for w in cell.trainable_weights] if self.trainable else []

    @property
    def non_trainable_weights(self):
        """Weights of the cells that training leaves alone; all of them while `trainable` is False."""
        frozen = [w for cell in self._layers for w in cell.non_trainable_weights]
        if self.trainable:
            return frozen
        return [w for cell in self._layers for w in cell.trainable_weights] + frozen

    def get_weights(self):
        """Values of the weights, cell by cell.

        Returns:
            list of NumPy arrays.
        """
        return K.batch_get_value([w for cell in self._layers for w in cell.weights])

    def set_weights(self, weights):
        """Sets the values of the weights.

        Arguments:
            weights: list of arrays, in the order of `get_weights()`.

        Raises:
            ValueError: when the number of arrays or a shape differs.
        """
        self._set_values([w for cell in self._layers for w in cell.weights], weights)

    @property
    def losses(self):
        """Loss terms of all cells."""
        return [loss for cell in self._layers for loss in cell.losses] + super().losses

    def get_losses_for(self, inputs=None):
        """Loss terms of the cells that hold for certain inputs.

        Arguments:
            inputs: a tensor or list of tensors; None for the terms that always hold.

        Returns:
            list of scalar tensors.
        """
        found = [loss for cell in self._layers for loss in cell.get_losses_for(inputs)]
        return found + super().get_losses_for(inputs)


def size_list(state_size):
    """The sizes of a cell's states as a list.

    Arguments:
        state_size: int, or sequence of int.

    Returns:
        list of int.
    """
    return list(state_size) if hasattr(state_size, "__len__") else [state_size]


def output_size(cell):
    """The size of a cell's output: that of its first state, unless it says otherwise.

    Arguments:
        cell: the cell.

    Returns:
        int.
    """
    size = getattr(cell, "output_size", None)
    return size_list(cell.state_size)[0] if size is None else size


def forget_masks(cell):
    """Makes a cell draw its dropout masks anew, for a call on other inputs.

    Arguments:
        cell: the cell; the cells of a stack are seen to one by one.
    """
    for part in getattr(cell, "cells", ()):
        forget_masks(part)
    for name in ("_dropout_mask", "_recurrent_dropout_mask"):
        if hasattr(cell, name):
            setattr(cell, name, None)


def deserialize_cell(config, custom_objects=None):
    """Makes a cell from its config.

    Arguments:
        config: dict with `class_name` and `config`.
        custom_objects: dict of name -> class, for cells of one's own.

    Returns:
        The cell.
    """
    from . import deserialize

    return deserialize(config, custom_objects=custom_objects)
