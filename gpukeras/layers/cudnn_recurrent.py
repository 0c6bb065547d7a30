"""`CuDNNGRU` and `CuDNNLSTM`: the recurrent layers as cuDNN defines them, on every device."""

from collections import namedtuple

from .. import backend as K
from .. import constraints, initializers, regularizers
from ..engine.base_layer import InputSpec, Layer
from .core import positive_int
from .rnn_base import RNN

__all__ = ["CuDNNGRU", "CuDNNLSTM"]

Cell = namedtuple("cell", "state_size")


class _CuDNNRNN(RNN):
    """What the two layers share: weights of their own instead of a cell, no masks, no dropout.

    Kernels hold each gate's matrix transposed, as cuDNN reads them, in an array of the plain layer's shape.

    Arguments:
        units: int, size of the output and of each state.
        settings: dict of `return_sequences`, `return_state`, `stateful` and `go_backwards`.
        options: dict of initializers, regularizers and constraints.
        **kwargs: arguments of `Layer`.
    """

    #: Names of the gates, in the order of their columns in the weights.
    gates = ()
    #: What `K.cudnn_rnn` calls the layer.
    _kind = ""
    #: Names of the arguments that a config lists after `units`.
    _options = ()

    unroll = False

    def __init__(self, units, settings, options, **kwargs):
        go_backwards = kwargs.pop("go_backwards", False)
        super(RNN, self).__init__(**kwargs)
        self.units = positive_int(self, "units", units)
        self.return_sequences = settings["return_sequences"]
        self.return_state = settings["return_state"]
        self.go_backwards = go_backwards
        self.stateful = settings["stateful"]
        for name in self._options:
            setattr(self, name, _read(name, options[name]))
        self.supports_masking = False
        self.input_spec = [InputSpec(ndim=3)]
        sizes = [self.units] * self._state_count
        self.state_spec = [InputSpec(shape=(None, size)) for size in sizes]
        self.constants_spec = None
        self._states = None
        self._num_constants = None

    @property
    def cell(self):
        """Stands for the cell of other recurrent layers; has a `state_size`."""
        return Cell(state_size=(self.units,) * self._state_count if self._state_count > 1 else self.units)

    _state_count = 1

    def build(self, input_shape):
        shape = input_shape[0] if isinstance(input_shape, list) else input_shape
        if shape[-1] is None:
            raise ValueError(
                f"{type(self).__name__} {self.name!r}: the last axis of the input must be known, got shape {shape}"
            )
        width = self.units * len(self.gates)
        self.kernel = self._weight("kernel", (shape[-1], width))
        self.recurrent_kernel = self._weight("recurrent_kernel", (self.units, width))
        self.bias = self._weight("bias", (2 * width,), self._bias_values())
        for i, gate in enumerate(self.gates):
            columns = slice(i * self.units, (i + 1) * self.units)
            setattr(self, f"kernel_{gate}", self.kernel[:, columns])
            setattr(self, f"recurrent_kernel_{gate}", self.recurrent_kernel[:, columns])
            setattr(self, f"bias_{gate}_i", self.bias[columns])
            setattr(self, f"bias_{gate}", self.bias[width + columns.start : width + columns.stop])
        super().build(input_shape)

    def _weight(self, name, shape, initializer=None):
        kind = {"recurrent_kernel": "recurrent"}.get(name, name)
        return self.add_weight(
            shape=shape,
            name=name,
            initializer=initializer or getattr(self, f"{kind}_initializer"),
            regularizer=getattr(self, f"{kind}_regularizer"),
            constraint=getattr(self, f"{kind}_constraint"),
        )

    def _bias_values(self):
        """Initializer of the bias."""
        return self.bias_initializer

    def _plain_kernels(self):
        """The kernels as plain layers have them, (C, G * U) and (U, G * U)."""
        count, units = len(self.gates), self.units
        channels = K.int_shape(self.kernel)[0]
        stored = K.permute_dimensions(K.reshape(self.kernel, (channels, count, units)), (1, 0, 2))
        kernel = K.permute_dimensions(K.reshape(stored, (count, units, channels)), (2, 0, 1))
        recurrent = K.permute_dimensions(K.reshape(self.recurrent_kernel, (units, count, units)), (2, 1, 0))
        return K.reshape(kernel, (channels, count * units)), K.reshape(recurrent, (units, count * units))

    def _run(self, inputs, mask, training, initial_state, constants):
        kernel, recurrent_kernel = self._plain_kernels()
        return K.cudnn_rnn(self._kind, inputs, initial_state, kernel, recurrent_kernel, self.bias, self.go_backwards)

    def _canonical_to_params(self, weights, biases):
        """All weights in one vector, in the order given."""
        return K.concatenate([K.reshape(x, (-1,)) for x in [*weights, *biases]])

    def call(self, inputs, mask=None, training=None, initial_state=None):
        masks = mask if isinstance(mask, list) else [mask]
        if masks[0] is not None:
            raise ValueError(
                f"Layer {self.name}: Masking is not supported for CuDNN RNNs. Use {type(self).__name__[5:]}, which "
                "computes the same, or remove the mask before it."
            )
        return super().call(inputs, training=training, initial_state=initial_state)

    def _demand_constants(self):
        raise TypeError(
            f"Layer {self.name}: {type(self).__name__} takes no `constants`; use `RNN` over a cell that does"
        )

    @property
    def trainable_weights(self):
        """Weights that training changes; none while `trainable` is False."""
        return Layer.trainable_weights.fget(self)

    @trainable_weights.setter
    def trainable_weights(self, weights):
        self._trainable_weights = weights

    @property
    def non_trainable_weights(self):
        """Weights that training leaves alone; all of them while `trainable` is False."""
        return Layer.non_trainable_weights.fget(self)

    @non_trainable_weights.setter
    def non_trainable_weights(self, weights):
        self._non_trainable_weights = weights

    @property
    def losses(self):
        """Loss terms of the layer."""
        return Layer.losses.fget(self)

    def get_losses_for(self, inputs=None):
        """Loss terms of the layer that hold for certain inputs.

        Arguments:
            inputs: a tensor or list of tensors; None for the terms that always hold.

        Returns:
            list of scalar tensors.
        """
        return Layer.get_losses_for(self, inputs)

    def get_config(self):
        config = {
            **super(RNN, self).get_config(),
            "return_sequences": self.return_sequences,
            "return_state": self.return_state,
            "go_backwards": self.go_backwards,
            "stateful": self.stateful,
            "units": self.units,
        }
        return {**config, **{name: _write(name, getattr(self, name)) for name in self._options}}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


_KINDS = {"initializer": initializers, "regularizer": regularizers, "constraint": constraints}


def _read(name, value):
    kind = _KINDS.get(name.rpartition("_")[2])
    return value if kind is None else kind.get(value)


def _write(name, value):
    kind = _KINDS.get(name.rpartition("_")[2])
    return value if kind is None else kind.serialize(value)


_TAIL = (
    "kernel_regularizer",
    "recurrent_regularizer",
    "bias_regularizer",
    "activity_regularizer",
    "kernel_constraint",
    "recurrent_constraint",
    "bias_constraint",
)


class CuDNNGRU(_CuDNNRNN):
    """GRU as cuDNN defines it; computes what `GRU(reset_after=True, recurrent_activation='sigmoid')` does.

    It runs on every device. A model with it loads the weights of such a `GRU`, and the other way round.

    Arguments:
        units: int, size of the output.
        kernel_initializer: initializer of the input kernel (C, 3 * U), gates z, r, h.
        recurrent_initializer: initializer of the recurrent kernel (U, 3 * U).
        bias_initializer: initializer of the bias (6 * U,), first for the input's product, then for the state's.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: penalties on the weights.
        activity_regularizer: penalty on the output.
        kernel_constraint, recurrent_constraint, bias_constraint: projections of the weights after each update.
        return_sequences: bool, return the output of every step instead of the last one.
        return_state: bool, return the last state too.
        stateful: bool, start each batch from the last state of the one before; needs a fixed batch size.

    Input shape:
        (N, T, C).

    Output shape:
        (N, U), with `return_sequences` (N, T, U); with `return_state` a list of that and the state (N, U).

    Raises:
        ValueError: when called with a mask.

    Source: cuDNN, mode CUDNN_GRU; Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder for
    Statistical Machine Translation", 2014.
    """

    gates = ("z", "r", "h")
    _kind = "gru"
    _options = ("kernel_initializer", "recurrent_initializer", "bias_initializer", *_TAIL)

    def __init__(
        self,
        units,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        kernel_regularizer=None,
        recurrent_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        return_sequences=False,
        return_state=False,
        stateful=False,
        **kwargs,
    ):
        given = locals()
        super().__init__(units, given, given, **kwargs)


class CuDNNLSTM(_CuDNNRNN):
    """LSTM as cuDNN defines it; computes what `LSTM(recurrent_activation='sigmoid')` does.

    It runs on every device. A model with it loads the weights of such an `LSTM`, and the other way round.

    Arguments:
        units: int, size of the output.
        kernel_initializer: initializer of the input kernel (C, 4 * U), gates i, f, c, o.
        recurrent_initializer: initializer of the recurrent kernel (U, 4 * U).
        bias_initializer: initializer of the bias (8 * U,), first for the input's product, then for the state's.
        unit_forget_bias: bool, start one of the biases of the forget gate at ones.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: penalties on the weights.
        activity_regularizer: penalty on the output.
        kernel_constraint, recurrent_constraint, bias_constraint: projections of the weights after each update.
        return_sequences: bool, return the output of every step instead of the last one.
        return_state: bool, return the last states too.
        stateful: bool, start each batch from the last states of the one before; needs a fixed batch size.

    Input shape:
        (N, T, C).

    Output shape:
        (N, U), with `return_sequences` (N, T, U); with `return_state` a list of that and two states (N, U).

    Raises:
        ValueError: when called with a mask.

    Source: cuDNN, mode CUDNN_LSTM; Hochreiter and Schmidhuber, "Long Short-Term Memory", 1997.
    """

    gates = ("i", "f", "c", "o")
    _kind = "lstm"
    _options = ("kernel_initializer", "recurrent_initializer", "bias_initializer", "unit_forget_bias", *_TAIL)
    _state_count = 2

    def __init__(
        self,
        units,
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
        return_state=False,
        stateful=False,
        **kwargs,
    ):
        given = locals()
        super().__init__(units, given, given, **kwargs)

    def _bias_values(self):
        if not self.unit_forget_bias:
            return self.bias_initializer
        initializer, units = self.bias_initializer, self.units

        def bias(shape):
            # The two biases are added: one of them starts at ones.
            return K.concatenate([initializer((5 * units,)), K.ones((units,)), initializer((2 * units,))])

        return bias
