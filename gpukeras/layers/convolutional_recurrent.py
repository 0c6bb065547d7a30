"""Recurrent layers whose steps are convolutions: `ConvRNN2D`, `ConvLSTM2D` and its cell."""

from .. import backend as K
from ..engine.base_layer import InputSpec
from ..legacy import interfaces
from ..legacy.layers import ConvRecurrent2D, Recurrent
from ..utils import conv_utils
from .core import positive_int
from .rnn_base import RNN
from .rnn_cell_base import GatedCell, forget_bias
from .rnn_layers import CellRNN, of_cell
from .rnn_stacked import size_list

__all__ = ["ConvLSTM2D", "ConvLSTM2DCell", "ConvRNN2D", "ConvRecurrent2D", "Recurrent"]


class ConvRNN2D(RNN):
    """Runs a convolutional cell over the steps of a sequence of images.

    The cell has, besides what `RNN` asks for, `filters`, `kernel_size`, `strides`, `padding`, `data_format`,
    `dilation_rate` and, for images of unknown size, `kernel_shape` and `input_conv(x, w, padding=...)`.

    Arguments:
        cell: the cell.
        return_sequences: bool, return the output of every step instead of the last one.
        return_state: bool, return the last states too.
        go_backwards: bool, go through the steps backwards; the outputs come in that order.
        stateful: bool, start each batch from the last states of the one before; needs fixed sizes.
        unroll: bool, must be False.

    Input shape:
        (N, T, H, W, C), with 'channels_first' (N, T, C, H, W).

    Output shape:
        (N, H', W', F) or (N, F, H', W'), with `return_sequences` with T after N; with `return_state` a list of that
        and the states.

    Raises:
        TypeError: for `unroll` and for lists of cells.
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
        if unroll:
            raise TypeError("Unrolling isn't possible with convolutional RNNs; leave out `unroll`")
        if isinstance(cell, (list, tuple)):
            raise TypeError("It is not possible at the moment to stack convolutional cells; stack layers instead")
        super().__init__(cell, return_sequences, return_state, go_backwards, stateful, unroll, **kwargs)
        self.input_spec = [InputSpec(ndim=5)]

    def _frame_shape(self, sides, channels):
        """Height, width and channels of an output or state, in the order of the data format."""
        cell = self.cell
        sides = tuple(
            conv_utils.conv_output_length(*along)
            for along in zip(sides, cell.kernel_size, (cell.padding,) * 2, cell.strides, cell.dilation_rate)
        )
        return (channels, *sides) if cell.data_format == "channels_first" else (*sides, channels)

    def _sides(self, input_shape):
        return input_shape[3:5] if self.cell.data_format == "channels_first" else input_shape[2:4]

    def compute_output_shape(self, input_shape):
        if isinstance(input_shape, list):
            input_shape = input_shape[0]
        sides = self._sides(input_shape)
        steps = (input_shape[1],) if self.return_sequences else ()
        output = (input_shape[0], *steps, *self._frame_shape(sides, self.cell.filters))
        if not self.return_state:
            return output
        sizes = size_list(self.cell.state_size)
        return [output] + [(input_shape[0], *self._frame_shape(sides, size)) for size in sizes]

    def _check_state_spec(self, sizes):
        first = self.cell.data_format == "channels_first"
        if self.state_spec is None:
            shapes = [(None, size, None, None) if first else (None, None, None, size) for size in sizes]
            self.state_spec = [InputSpec(shape=shape) for shape in shapes]
        elif (
            any(spec.ndim != 4 for spec in self.state_spec)
            or [spec.shape[1 if first else 3] for spec in self.state_spec] != sizes
        ):
            raise ValueError(
                f"Layer {self.name}: the given `initial_state` is not compatible with `cell.state_size`: that is "
                f"{self.cell.state_size}, images with that many channels, and {self.state_spec} came"
            )

    def get_initial_state(self, inputs):
        """States of zeros.

        Arguments:
            inputs: tensor (N, T, H, W, C) or (N, T, C, H, W).

        Returns:
            list of tensors (N, H', W', F) or (N, F, H', W'), one per state.
        """
        shape = K.int_shape(inputs)
        sizes = size_list(self.cell.state_size)
        if None not in self._sides(shape):
            frames = [self._frame_shape(self._sides(shape), size) for size in sizes]
            return [K.zeros((K.shape(inputs)[0], *frame), dtype=K.dtype(inputs)) for frame in frames]
        # A convolution of zeros has the right size, whatever that will be.
        blank = K.sum(K.zeros_like(inputs), axis=1)
        window = tuple(self.cell.kernel_shape)[:-1]
        return [self.cell.input_conv(blank, K.zeros((*window, size)), padding=self.cell.padding) for size in sizes]

    def _state_shapes(self):
        shape = self.input_spec[0].shape
        if not shape or None in (shape[0], *shape[2:]):
            raise ValueError(
                f"Layer {self.name}: a stateful layer needs to know its batch size and the size of the images, got "
                f"input shape {shape}; give the first layer of a Sequential a `batch_input_shape`, or Input a "
                "`batch_shape`"
            )
        sizes = size_list(self.cell.state_size)
        return [(shape[0], *self._frame_shape(self._sides(shape), size)) for size in sizes]


class ConvLSTM2DCell(GatedCell):
    """One step of `ConvLSTM2D`: an LSTM cell with convolutions for its matrix products.

    Arguments:
        filters: int, number of channels of the output and of both states.
        kernel_size: int or two ints, height and width of the window.
        strides: int or two ints, of the convolution of the input.
        padding: 'valid' or 'same', of the convolution of the input.
        data_format: 'channels_last', 'channels_first' or None for the configured one.
        dilation_rate: int or two ints, of the convolution of the input.
        activation: activation of the cell's input and output.
        recurrent_activation: activation of the gates.
        use_bias: bool.
        kernel_initializer: initializer of W (KH, KW, C, 4 * F), gates i, f, c, o.
        recurrent_initializer: initializer of U (KH, KW, F, 4 * F).
        bias_initializer: initializer of b (4 * F,).
        unit_forget_bias: bool, start the bias of the forget gate at ones.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: penalties on the weights.
        kernel_constraint, recurrent_constraint, bias_constraint: projections of the weights after each update.
        dropout: float, share of the inputs to drop in training, the same ones at every step.
        recurrent_dropout: float, share of the state to drop in training.

    Source: Shi et al., "Convolutional LSTM Network: A Machine Learning Approach for Precipitation Nowcasting", 2015.
    """

    gates = ("i", "f", "c", "o")
    _options = (
        "filters",
        "kernel_size",
        "strides",
        "padding",
        "data_format",
        "dilation_rate",
        "activation",
        "recurrent_activation",
        "use_bias",
        "kernel_initializer",
        "recurrent_initializer",
        "bias_initializer",
        "unit_forget_bias",
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
        filters,
        kernel_size,
        strides=(1, 1),
        padding="valid",
        data_format=None,
        dilation_rate=(1, 1),
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
        **kwargs,
    ):
        given = locals()
        super().__init__(positive_int(self, "filters", filters), {n: given[n] for n in self._options}, **kwargs)
        self.kernel_size = conv_utils.normalize_tuple(kernel_size, 2, "kernel_size")
        self.strides = conv_utils.normalize_tuple(strides, 2, "strides")
        self.padding = conv_utils.normalize_padding(padding)
        self.data_format = K.normalize_data_format(data_format)
        self.dilation_rate = conv_utils.normalize_tuple(dilation_rate, 2, "dilation_rate")
        self._check_geometry()
        self.state_size = (self.filters, self.filters)

    def _check_geometry(self):
        if self.padding == "causal":
            raise ValueError("ConvLSTM2D: padding 'causal' is for sequences (Conv1D) only; use 'valid' or 'same'")
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                "ConvLSTM2D: strides > 1 not supported in conjunction with dilation_rate > 1, got "
                f"strides={self.strides} and dilation_rate={self.dilation_rate}"
            )

    def build(self, input_shape):
        channels = input_shape[1 if self.data_format == "channels_first" else -1]
        if channels is None:
            raise ValueError(
                f"ConvLSTM2DCell {self.name!r}: The channel dimension of the inputs should be defined. Found `None` in "
                f"{tuple(input_shape)}."
            )
        self.kernel_shape = (*self.kernel_size, channels, 4 * self.filters)
        first = forget_bias(self.bias_initializer, self.filters) if self.unit_forget_bias else None
        self._make_weights(channels, self.kernel_size, bias_initializer=first)
        self._split_gates("kernel", self.kernel)
        self._split_gates("recurrent_kernel", self.recurrent_kernel)
        self._split_gates("bias", self.bias)
        self.built = True

    def call(self, inputs, states, training=None):
        h, c = states[0], states[1]
        x_masks, h_masks = self.make_masks(inputs, h, training)
        axis = 1 if self.data_format == "channels_first" else 3
        if x_masks is None:
            x_parts = self._gate_parts(self.input_conv(inputs, self.kernel, self.bias, padding=self.padding), axis)
        else:
            x_parts = [
                self.input_conv(
                    inputs * mask, getattr(self, f"kernel_{gate}"), getattr(self, f"bias_{gate}"), padding=self.padding
                )
                for mask, gate in zip(x_masks, self.gates)
            ]
        if h_masks is None:
            h_parts = self._gate_parts(self.recurrent_conv(h, self.recurrent_kernel), axis)
        else:
            h_parts = [
                self.recurrent_conv(h * mask, getattr(self, f"recurrent_kernel_{gate}"))
                for mask, gate in zip(h_masks, self.gates)
            ]
        parts = [x + r for x, r in zip(x_parts, h_parts)]
        i, f, o = (self.recurrent_activation(parts[k]) for k in (0, 1, 3))
        c = f * c + i * self.activation(parts[2])
        output = self._mark(o * self.activation(c), training)
        return output, [output, c]

    def input_conv(self, x, w, b=None, padding="valid"):
        """Convolves an input.

        Arguments:
            x: tensor (N, H, W, C) or (N, C, H, W).
            w: kernel (KH, KW, C, M).
            b: bias (M,) or None.
            padding: 'valid' or 'same'.

        Returns:
            Tensor (N, H', W', M) or (N, M, H', W').
        """
        y = K.conv2d(
            x,
            w,
            strides=self.strides,
            padding=padding,
            data_format=self.data_format,
            dilation_rate=self.dilation_rate,
        )
        return y if b is None else K.bias_add(y, b, data_format=self.data_format)

    def recurrent_conv(self, x, w):
        """Convolves a state, whose size stays.

        Arguments:
            x: tensor (N, H', W', F) or (N, F, H', W').
            w: kernel (KH, KW, F, M).

        Returns:
            Tensor (N, H', W', M) or (N, M, H', W').
        """
        return K.conv2d(x, w, strides=(1, 1), padding="same", data_format=self.data_format)


class ConvLSTM2D(CellRNN, ConvRNN2D):
    """Convolutional LSTM over a sequence of images.

    Arguments:
        filters: int, number of channels of the output.
        kernel_size: int or two ints, height and width of the window.
        strides: int or two ints, of the convolution of the input.
        padding: 'valid' or 'same', of the convolution of the input.
        data_format: 'channels_last', 'channels_first' or None for the configured one.
        dilation_rate: int or two ints, of the convolution of the input.
        activation: activation of the cell's input and output.
        recurrent_activation: activation of the gates.
        use_bias: bool.
        kernel_initializer: initializer of W (KH, KW, C, 4 * F), gates i, f, c, o.
        recurrent_initializer: initializer of U (KH, KW, F, 4 * F).
        bias_initializer: initializer of b (4 * F,).
        unit_forget_bias: bool, start the bias of the forget gate at ones.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: penalties on the weights.
        activity_regularizer: penalty on the output.
        kernel_constraint, recurrent_constraint, bias_constraint: projections of the weights after each update.
        return_sequences, go_backwards, stateful: see `ConvRNN2D`, as for `return_state`.
        dropout: float, share of the inputs to drop in training, the same ones at every step.
        recurrent_dropout: float, share of the state to drop in training.

    Input shape:
        (N, T, H, W, C), with 'channels_first' (N, T, C, H, W).

    Output shape:
        (N, H', W', F) or (N, F, H', W'), with `return_sequences` with T after N; with `return_state` a list of that
        and the states h and c.

    Source: Shi et al., "Convolutional LSTM Network: A Machine Learning Approach for Precipitation Nowcasting", 2015.
    """

    @interfaces.legacy_convlstm2d_support
    def __init__(
        self,
        filters,
        kernel_size,
        strides=(1, 1),
        padding="valid",
        data_format=None,
        dilation_rate=(1, 1),
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
        activity_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        return_sequences=False,
        go_backwards=False,
        stateful=False,
        dropout=0.0,
        recurrent_dropout=0.0,
        **kwargs,
    ):
        given = locals()
        cell = ConvLSTM2DCell(**{name: given[name] for name in ConvLSTM2DCell._options})
        settings = dict(return_sequences=return_sequences, go_backwards=go_backwards, stateful=stateful)
        super().__init__(cell, activity_regularizer, settings, **kwargs)


for _name in ConvLSTM2DCell._options:
    setattr(ConvLSTM2D, _name, of_cell(_name))
