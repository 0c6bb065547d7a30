"""What the cells of the built-in recurrent layers share: arguments, weights, dropout masks, fused functions."""

import numpy as np

from .. import activations, constraints, initializers, regularizers
from .. import backend as K
from ..engine.base_layer import Layer

__all__ = ["GatedCell", "drop", "forget_bias", "generate_dropout_mask", "side_by_side", "write_option"]


class GatedCell(Layer):
    """What the cells share: arguments, weights of several gates side by side, dropout masks.

    Arguments:
        size: int, number of units or filters.
        options: dict of the constructor's arguments, which become attributes.
        **kwargs: arguments of `Layer`.
    """

    #: Names of the gates, in the order of their columns in the weights.
    gates = ("",)
    #: Names of the constructor's arguments.
    _options = ()

    def __init__(self, size, options, **kwargs):
        super().__init__(**kwargs)
        for name, value in options.items():
            setattr(self, name, _read_option(name, value))
        self._size = size
        self._dropout_mask = None
        self._recurrent_dropout_mask = None

    def _make_weights(self, input_channels, window=(), bias_shape=None, bias_initializer=None):
        """Makes kernels of shape (*window, channels, gates * size) and the bias."""
        width = self._size * len(self.gates)
        if input_channels is None:
            raise ValueError(
                f"{type(self).__name__} {self.name!r}: the number of channels of the input must be known, got None; "
                "give the size of that axis in the input shape of the model"
            )
        self.kernel = self.add_weight(
            shape=(*window, input_channels, width),
            name="kernel",
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        self.recurrent_kernel = self.add_weight(
            shape=(*window, self._size, width),
            name="recurrent_kernel",
            initializer=self.recurrent_initializer if window else side_by_side(self.recurrent_initializer),
            regularizer=self.recurrent_regularizer,
            constraint=self.recurrent_constraint,
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                shape=bias_shape or (width,),
                name="bias",
                initializer=bias_initializer or self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )

    def _split_gates(self, prefix, weight):
        """Sets `<prefix>_<gate>` to the part of each gate: so many entries of the last axis."""
        parts = [None] * len(self.gates) if weight is None else self._gate_parts(weight)
        for gate, part in zip(self.gates, parts):
            setattr(self, f"{prefix}_{gate}", part)

    def _gate_parts(self, x, axis=-1):
        """The part of each gate of a tensor that has them side by side."""
        before = () if axis == -1 else (slice(None),) * axis
        after = (Ellipsis,) if axis == -1 else ()
        cuts = [slice(i * self._size, (i + 1) * self._size) for i in range(len(self.gates))]
        return [x[after + before + (cut,)] for cut in cuts]

    def make_masks(self, inputs, state, training):
        """Makes the dropout masks of a sequence, unless they are there.

        Arguments:
            inputs: tensor (N, C), of one step.
            state: tensor (N, U).
            training: int, bool or None for the learning phase.

        Returns:
            (masks of the inputs, masks of the state): lists with one per gate; None where nothing is dropped.
        """
        count = len(self.gates)
        if 0 < self.dropout < 1 and self._dropout_mask is None:
            self._dropout_mask = generate_dropout_mask(K.ones_like(inputs), self.dropout, training, count)
        if 0 < self.recurrent_dropout < 1 and self._recurrent_dropout_mask is None:
            self._recurrent_dropout_mask = generate_dropout_mask(
                K.ones_like(state), self.recurrent_dropout, training, count
            )
        x_masks = self._dropout_mask if 0 < self.dropout < 1 else None
        h_masks = self._recurrent_dropout_mask if 0 < self.recurrent_dropout < 1 else None
        return _as_list(x_masks), _as_list(h_masks)

    def run_sequence(self, inputs, states, mask, training, go_backwards):
        """Runs the cell over a whole sequence in one operation, where there is one that does the same.

        Arguments:
            inputs: tensor (N, T, C).
            states: list of tensors (N, U), the initial states.
            mask: mask (N, T) or None.
            training: int, bool or None for the learning phase.
            go_backwards: bool, go through the steps backwards.

        Returns:
            (last output, all outputs, last states), or None where there is no such operation: for activations of
            one's own and for cells that are changed.
        """
        settings = self._fused_settings() if self._is_original() and K.ndim(inputs) == 3 else None
        if settings is None or (mask is not None and K.ndim(mask) != 2):
            return None
        run, settings = settings
        x_masks, h_masks = self.make_masks(inputs[:, 0], states[0], training)
        if getattr(self, "implementation", 1) != 1:
            x_masks, h_masks = x_masks and x_masks[:1], h_masks and h_masks[:1]
        last, outputs, finals = run(
            inputs,
            states,
            self.kernel,
            self.recurrent_kernel,
            self.bias if self.use_bias else None,
            mask=mask,
            input_masks=x_masks,
            recurrent_masks=h_masks,
            go_backwards=go_backwards,
            **settings,
        )
        for t in (outputs, *finals):
            self._mark(t, training)
        return last, outputs, finals

    def _fused_settings(self):
        """The function of the backend that runs this cell and its settings; None when there is none."""
        return None

    def _fused_activations(self, *names):
        """The activations of these names as the fused functions know them; None when they do not know one."""
        found = {name: known for name in names for known, function in _FUSED if getattr(self, name) is function}
        return found if len(found) == len(names) else None

    def _is_original(self):
        """Whether one step is what the built-in cell makes of it."""
        base = next((c for c in type(self).__mro__ if "_fused_settings" in vars(c)), GatedCell)
        return all(
            getattr(type(self), name) is getattr(base, name) and name not in vars(self)
            for name in ("call", "make_masks", "_products")
            if hasattr(base, name)
        )

    def _mark(self, output, training):
        if self.dropout + self.recurrent_dropout > 0 and training is None:
            output._uses_learning_phase = True
        return output

    def get_config(self):
        return {**super().get_config(), **{name: write_option(name, getattr(self, name)) for name in self._options}}


#: Names under which the fused functions of the backend know activations.
_FUSED = [(name, getattr(activations, name)) for name in K.FUSED_ACTIVATIONS if hasattr(activations, name)]


def _read_option(name, value):
    if name.endswith("_initializer"):
        return initializers.get(value)
    if name.endswith("_regularizer"):
        return regularizers.get(value)
    if name.endswith("_constraint"):
        return constraints.get(value)
    if name.endswith("activation"):
        return activations.get(value)
    return min(1.0, max(0.0, value)) if name.endswith("dropout") else value


def write_option(name, value):
    """An argument of a cell as a config holds it.

    Arguments:
        name: str, name of the argument.
        value: the attribute.

    Returns:
        What the constructor takes.
    """
    if name.endswith("_initializer"):
        return initializers.serialize(value)
    if name.endswith("_regularizer"):
        return regularizers.serialize(value)
    if name.endswith("_constraint"):
        return constraints.serialize(value)
    return activations.serialize(value) if name.endswith("activation") else value


def _as_list(masks):
    return masks if masks is None or isinstance(masks, list) else [masks]


def drop(x, masks, i=0):
    """Multiplies by a dropout mask.

    Arguments:
        x: tensor.
        masks: list of tensors, or None where nothing is dropped.
        i: int, which one to take.

    Returns:
        Tensor of the same shape.
    """
    return x if masks is None else x * masks[i]


def generate_dropout_mask(ones, rate, training=None, count=1):
    """Makes dropout masks that are ones outside training.

    Arguments:
        ones: tensor of ones of the shape wanted.
        rate: float, share to drop.
        training: int, bool or None for the learning phase.
        count: int, number of masks.

    Returns:
        A tensor, or for a `count` above 1 a list of them.
    """
    masks = [K.in_train_phase(lambda: K.dropout(ones, rate), ones, training=training) for _ in range(count)]
    return masks if count > 1 else masks[0]


def side_by_side(initializer):
    """An initializer for several square matrices in one array: identities are repeated, others stay as they are.

    Arguments:
        initializer: the initializer.

    Returns:
        An initializer.
    """
    if not isinstance(initializer, initializers.Identity):
        return initializer

    def identities(shape, dtype=None):
        return np.concatenate([initializer((shape[0], shape[0]))] * (shape[1] // shape[0]), axis=1)

    return identities


def forget_bias(initializer, units):
    """An initializer of an LSTM's bias that starts the forget gate at ones.

    Arguments:
        initializer: the initializer of the other gates.
        units: int.

    Returns:
        A function of the shape (4 * units,).
    """

    def bias(shape):
        ones = initializers.Ones()((units,))
        return K.concatenate([initializer((units,)), ones, initializer((2 * units,))])

    return bias
