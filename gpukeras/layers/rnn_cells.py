"""The cells of the built-in recurrent layers: one step of `SimpleRNN`, `GRU` and `LSTM`."""

from .. import backend as K
from .core import positive_int
from .rnn_cell_base import GatedCell, drop, forget_bias

__all__ = ["GRUCell", "LSTMCell", "SimpleRNNCell"]


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
        z = K.dot(drop(inputs, x_masks), self.kernel)
        if self.use_bias:
            z = K.bias_add(z, self.bias, data_format="channels_last")
        z = z + K.dot(drop(h, h_masks), self.recurrent_kernel)
        output = self._mark(self.activation(z), training)
        return output, [output]

    def _fused_settings(self):
        found = self._fused_activations("activation")
        return found and (K.fused_simple_rnn, found)


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
            z = f(x_z + K.dot(drop(h, h_masks, 0), self.recurrent_kernel_z))
            r = f(x_r + K.dot(drop(h, h_masks, 1), self.recurrent_kernel_r))
            candidate = self.activation(x_h + K.dot(r * drop(h, h_masks, 2), self.recurrent_kernel_h))
        output = self._mark(z * h + (1 - z) * candidate, training)
        return output, [output]

    def _fused_settings(self):
        found = self._fused_activations("activation", "recurrent_activation")
        return found and (K.fused_gru, {**found, "reset_after": bool(self.reset_after)})

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
            inputs, h = drop(inputs, x_masks), drop(h, h_masks)
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

    def _fused_settings(self):
        found = self._fused_activations("activation", "recurrent_activation")
        return found and (K.fused_lstm, found)

    def _products(self, x, masks, name):
        if masks is None:
            return self._gate_parts(K.dot(x, getattr(self, name)))
        return [K.dot(x * mask, getattr(self, f"{name}_{gate}")) for mask, gate in zip(masks, self.gates)]
