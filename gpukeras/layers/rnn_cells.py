"""The cells of the built-in recurrent layers: one step of `SimpleRNN`, `GRU` and `LSTM`."""

import numpy as np

from .. import activations, constraints, initializers, regularizers
from .. import backend as K
from ..engine.base_layer import Layer
from .core import positive_int

__all__ = ["GRUCell", "LSTMCell", "SimpleRNNCell", "generate_dropout_mask"]


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

    def _mark(self, output, training):
        if self.dropout + self.recurrent_dropout > 0 and training is None:
            output._uses_learning_phase = True
        return output

    def get_config(self):
        return {**super().get_config(), **{name: write_option(name, getattr(self, name)) for name in self._options}}


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


def _drop(x, masks, i=0):
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


class SimpleRNNCell(GatedCell):
    """One step of `SimpleRNN`: h' = activation(x W + h U + b).

    Arguments:
        units: int, size of the output and of the state.
        activation: activation of the output.
        use_bias: bool.
        kernel_initializer: initializer of W (C, U).
        recurrent_initializer: initializer of U (U, U).
        bias_initializer: initializer of b (U,).
        kernel_regularizer, recurrent_regularizer, bias_regularizer: penalties on the weights.
        kernel_constraint, recurrent_constraint, bias_constraint: projections of the weights after each update.
        dropout: float, share of the inputs to drop in training, the same ones at every step.
        recurrent_dropout: float, share of the state to drop in training.

    Source: Gal and Ghahramani, "A Theoretically Grounded Application of Dropout in Recurrent Neural Networks",
    2015.
    """

    _options = (
        "units",
        "activation",
        "use_bias",
        "kernel_initializer",
        "recurrent_initializer",
        "bias_initializer",
        "kernel_regularizer",
        "recurrent_regularizer",
        "bias_regularizer",
        "kernel_constraint",
        "recurrent_constraint",
        "bias_constraint",
        "dropout",
        "recurrent_dropout",
    )

    def __init__(
        self,
        units,
        activation="tanh",
        use_bias=True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        kernel_regularizer=None,
        recurrent_regularizer=None,
        bias_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        **kwargs,
    ):
        given = locals()
        super().__init__(positive_int(self, "units", units), {n: given[n] for n in self._options}, **kwargs)
        self.state_size = self.output_size = self.units

    def build(self, input_shape):
        self._make_weights(input_shape[-1])
        self.built = True

    def call(self, inputs, states, training=None):
        h = states[0]
        x_masks, h_masks = self.make_masks(inputs, h, training)
        z = K.dot(_drop(inputs, x_masks), self.kernel)
        if self.use_bias:
            z = K.bias_add(z, self.bias, data_format="channels_last")
        z = z + K.dot(_drop(h, h_masks), self.recurrent_kernel)
        output = self._mark(self.activation(z), training)
        return output, [output]


class GRUCell(GatedCell):
    """One step of `GRU`.

    z = f(x Wz + h Uz + bz), r = f(x Wr + h Ur + br), h' = z h + (1 - z) g, with
    g = activation(x Wh + (r h) Uh + bh), or with `reset_after` g = activation(x Wh + bh + r (h Uh + ch)).

    Arguments:
        units: int, size of the output and of the state.
        activation: activation of g.
        recurrent_activation: activation f of the gates.
        use_bias: bool.
        kernel_initializer: initializer of W (C, 3 * U).
        recurrent_initializer: initializer of U (U, 3 * U).
        bias_initializer: initializer of b (3 * U,), with `reset_after` of b and c (2, 3 * U).
        kernel_regularizer, recurrent_regularizer, bias_regularizer: penalties on the weights.
        kernel_constraint, recurrent_constraint, bias_constraint: projections of the weights after each update.
        dropout: float, share of the inputs to drop in training, the same ones at every step.
        recurrent_dropout: float, share of the state to drop in training.
        implementation: 1: each gate has dropout masks of its own; 2: one mask for all gates.
        reset_after: bool, apply the reset gate after the matrix product, as cuDNN does.

    Source: Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder for Statistical Machine
    Translation", 2014.
    """

    gates = ("z", "r", "h")
    _options = (
        "units",
        "activation",
        "recurrent_activation",
        *SimpleRNNCell._options[2:],
        "implementation",
        "reset_after",
    )

    def __init__(
        self,
        units,
        activation="tanh",
        recurrent_activation="hard_sigmoid",
        use_bias=True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        kernel_regularizer=None,
        recurrent_regularizer=None,
        bias_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        implementation=1,
        reset_after=False,
        **kwargs,
    ):
        given = locals()
        super().__init__(positive_int(self, "units", units), {n: given[n] for n in self._options}, **kwargs)
        self.state_size = self.output_size = self.units

    def build(self, input_shape):
        self._make_weights(input_shape[-1], bias_shape=(2, 3 * self.units) if self.reset_after else None)
        self._split_gates("kernel", self.kernel)
        self._split_gates("recurrent_kernel", self.recurrent_kernel)
        self.input_bias, self.recurrent_bias = self.bias, None
        if self.use_bias and self.reset_after:
            self.input_bias, self.recurrent_bias = self.bias[0], self.bias[1]
        self._split_gates("input_bias", self.input_bias)
        if self.reset_after:
            self._split_gates("recurrent_bias", self.recurrent_bias)
        self.built = True

    def call(self, inputs, states, training=None):
        h = states[0]
        x_masks, h_masks = self.make_masks(inputs, h, training)
        if self.implementation != 1 and h_masks is not None:
            # One mask for all gates, which the old state that is kept bears as well.
            h, h_masks = h * h_masks[0], None
        x_z, x_r, x_h = self._input_parts(inputs, x_masks)
        f = self.recurrent_activation
        if self.reset_after:
            h_z, h_r, h_h = self._products(h, h_masks, self.recurrent_kernel, "recurrent_kernel", self.recurrent_bias)
            z, r = f(x_z + h_z), f(x_r + h_r)
            candidate = self.activation(x_h + r * h_h)
        else:
            z = f(x_z + K.dot(_drop(h, h_masks, 0), self.recurrent_kernel_z))
            r = f(x_r + K.dot(_drop(h, h_masks, 1), self.recurrent_kernel_r))
            candidate = self.activation(x_h + K.dot(r * _drop(h, h_masks, 2), self.recurrent_kernel_h))
        output = self._mark(z * h + (1 - z) * candidate, training)
        return output, [output]

    def _input_parts(self, inputs, masks):
        if self.implementation != 1 and masks is not None:
            inputs, masks = inputs * masks[0], None
        return self._products(inputs, masks, self.kernel, "kernel", self.input_bias)

    def _products(self, x, masks, kernel, name, bias):
        """x times the kernel of each gate: one product where all gates see the same x."""
        if masks is None:
            parts = K.dot(x, kernel)
            return self._gate_parts(parts if bias is None else K.bias_add(parts, bias, data_format="channels_last"))
        parts = [K.dot(x * mask, getattr(self, f"{name}_{gate}")) for mask, gate in zip(masks, self.gates)]
        if bias is None:
            return parts
        return [part + bias[i * self.units : (i + 1) * self.units] for i, part in enumerate(parts)]


class LSTMCell(GatedCell):
    """One step of `LSTM`.

    i, f, o = gate(x W + h U + b) for each of them, c' = f c + i activation(x Wc + h Uc + bc),
    h' = o activation(c').

    Arguments:
        units: int, size of the output and of both states.
        activation: activation of the cell's input and output.
        recurrent_activation: activation of the gates.
        use_bias: bool.
        kernel_initializer: initializer of W (C, 4 * U), gates i, f, c, o.
        recurrent_initializer: initializer of U (U, 4 * U).
        bias_initializer: initializer of b (4 * U,).
        unit_forget_bias: bool, start the bias of the forget gate at ones.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: penalties on the weights.
        kernel_constraint, recurrent_constraint, bias_constraint: projections of the weights after each update.
        dropout: float, share of the inputs to drop in training, the same ones at every step.
        recurrent_dropout: float, share of the state to drop in training.
        implementation: 1: each gate has dropout masks of its own; 2: one mask for all gates.

    Source: Hochreiter and Schmidhuber, "Long Short-Term Memory", 1997; Jozefowicz et al., "An Empirical Exploration
    of Recurrent Network Architectures", 2015, for the forget bias.
    """

    gates = ("i", "f", "c", "o")
    _options = (
        "units",
        "activation",
        "recurrent_activation",
        *SimpleRNNCell._options[2:6],
        "unit_forget_bias",
        *SimpleRNNCell._options[6:],
        "implementation",
    )

    def __init__(
        self,
        units,
        activation="tanh",
        recurrent_activation="hard_sigmoid",
        use_bias=True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        unit_forget_bias=True,
        kernel_regularizer=None,
        recurrent_regularizer=None,
        bias_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        implementation=1,
        **kwargs,
    ):
        given = locals()
        super().__init__(positive_int(self, "units", units), {n: given[n] for n in self._options}, **kwargs)
        self.state_size = (self.units, self.units)
        self.output_size = self.units

    def build(self, input_shape):
        first = forget_bias(self.bias_initializer, self.units) if self.unit_forget_bias else None
        self._make_weights(input_shape[-1], bias_initializer=first)
        self._split_gates("kernel", self.kernel)
        self._split_gates("recurrent_kernel", self.recurrent_kernel)
        self._split_gates("bias", self.bias)
        self.built = True

    def call(self, inputs, states, training=None):
        h, c = states[0], states[1]
        x_masks, h_masks = self.make_masks(inputs, h, training)
        if self.implementation != 1:
            inputs, h = _drop(inputs, x_masks), _drop(h, h_masks)
            x_masks = h_masks = None
        if x_masks is None and h_masks is None:
            z = K.dot(inputs, self.kernel) + K.dot(h, self.recurrent_kernel)
            parts = self._gate_parts(K.bias_add(z, self.bias, data_format="channels_last") if self.use_bias else z)
        else:
            pairs = zip(self._products(inputs, x_masks, "kernel"), self._products(h, h_masks, "recurrent_kernel"))
            parts = [a + b for a, b in pairs]
            if self.use_bias:
                parts = [part + getattr(self, f"bias_{gate}") for part, gate in zip(parts, self.gates)]
        i, f, o = (self.recurrent_activation(parts[k]) for k in (0, 1, 3))
        c = f * c + i * self.activation(parts[2])
        output = self._mark(o * self.activation(c), training)
        return output, [output, c]

    def _products(self, x, masks, name):
        if masks is None:
            return self._gate_parts(K.dot(x, getattr(self, name)))
        return [K.dot(x * mask, getattr(self, f"{name}_{gate}")) for mask, gate in zip(masks, self.gates)]


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
