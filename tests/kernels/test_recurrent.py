"""The fused recurrences of the native engine against the NumPy kernels."""

import numpy as np
import pytest

from gpukeras import ops
from gpukeras.graph.gradient import gradients
from gpukeras.graph.tensor import as_tensor
from gpukeras.kernels.native.primitive import extension
from gpukeras.ops.recurrent_parts import ACTIVATIONS

from .engines import assert_engines_agree, kernels, normal, placeholder, rng

pytestmark = pytest.mark.skipif(extension() is None, reason="the extension is built without oneDNN")

GATES = {"simple": 1, "lstm": 4, "gru": 3, "gru_reset_after": 3}


class Layer:
    """Placeholders and arrays of a recurrent layer.

    Arguments:
        cell: a key of GATES.
        drops: number of dropout masks of the state.
        masked: whether some steps are passed over.
        scale: of the inputs and their kernel.
    """

    def __init__(self, cell, samples=5, steps=4, channels=3, units=6, drops=0, masked=False, bias=True, scale=1):
        gates = GATES[cell]
        self.cell, self.feeds = cell, {}
        self.x = self.feed(normal(samples, steps, channels) * np.float32(scale))
        self.kernel = self.feed(normal(channels, gates * units) * np.float32(scale))
        self.u = self.feed(normal(units, gates * units) / np.sqrt(units).astype(np.float32))
        shape = (2, gates * units) if cell == "gru_reset_after" else (gates * units,)
        self.bias = self.feed(normal(*shape) * np.float32(scale)) if bias else None
        self.states = [self.feed(normal(samples, units) * np.float32(scale)) for _ in range(2 if cell == "lstm" else 1)]
        self.options = {}
        if drops:
            kept = (rng.random((drops, samples, units)) < 0.7).astype(np.float32) / np.float32(0.7)
            self.options["recurrent_masks"] = self.feed(kept)
        if masked:
            self.options["mask"] = self.feed(rng.random((samples, steps)) < 0.6, "bool")

    def feed(self, array, dtype="float32"):
        tensor = placeholder(array.shape, dtype)
        self.feeds[tensor] = array
        return tensor

    def outputs(self, activation="tanh", gate_activation="hard_sigmoid", **options):
        inputs = (self.x, self.kernel, self.u, self.bias, *self.states)
        options = self.options | options
        if self.cell == "simple":
            return ops.simple_rnn_sequence(*inputs, activation, **options)
        if self.cell == "lstm":
            return ops.lstm_sequence(*inputs, activation, gate_activation, **options)
        return ops.gru_sequence(*inputs, activation, gate_activation, self.cell == "gru_reset_after", **options)

    def weights(self):
        return [t for t in (self.x, self.kernel, self.u, self.bias, *self.states) if t is not None]


def check(layer, outs, tolerance=1e-5):
    """Outputs and the gradients of everything, on both engines."""
    weighted = [ops.sum(y * layer.feed(normal(*y.shape))) for y in outs]
    found = gradients(sum(weighted[1:], weighted[0]), layer.weights())
    assert_engines_agree([*outs, *found], layer.feeds, tolerance)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("drops", ["none", "one", "per gate"])
@pytest.mark.parametrize("cell", GATES)
def test_outputs_and_gradients(cell, drops, masked):
    layer = Layer(cell, drops={"none": 0, "one": 1, "per gate": GATES[cell]}[drops], masked=masked)
    check(layer, layer.outputs())
    names = kernels(list(layer.outputs()), layer.feeds)
    assert any(name.startswith(f"recurrence:{cell}") for name in names)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("cell", ["lstm", "gru", "gru_reset_after"])
def test_every_activation_on_either_side(cell, activation):
    for pair in ((activation, "sigmoid"), ("tanh", activation)):
        layer = Layer(cell, steps=2, scale=0.3)  # exponentials of exponentials overflow soon
        check(layer, layer.outputs(*pair), 3e-5)


# Sizes that the threads' shares and the vector width do not divide; one sample, one step, one unit.
@pytest.mark.parametrize("sizes", [(1, 1, 1, 1), (1, 7, 2, 33), (13, 1, 5, 17), (9, 3, 4, 1), (33, 5, 8, 64)])
@pytest.mark.parametrize("cell", GATES)
def test_odd_sizes(cell, sizes):
    samples, steps, channels, units = sizes
    layer = Layer(cell, samples, steps, channels, units, masked=steps > 1)
    check(layer, layer.outputs(), 3e-5)


@pytest.mark.parametrize("cell", GATES)
def test_backwards_without_bias_and_only_the_last_output(cell):
    layer = Layer(cell, bias=False)
    outs = layer.outputs(go_backwards=True)
    check(layer, outs[1:])


@pytest.mark.parametrize("cell", GATES)
def test_zero_states_and_outputs_only(cell):
    layer = Layer(cell)
    layer.states = [as_tensor(np.zeros((5, 6), np.float32)) for _ in layer.states]
    outs = layer.outputs()
    y = ops.sum(ops.square(outs[0]))
    assert_engines_agree([outs[0], *gradients(y, [layer.x, layer.kernel, layer.u])], layer.feeds, 1e-5)
    assert_engines_agree([outs[1]], layer.feeds, 1e-5)


def test_float64_falls_back():
    layer = Layer("lstm")
    tensors = {t: placeholder(a.shape, "float64" if a.dtype == np.float32 else a.dtype) for t, a in layer.feeds.items()}
    x, kernel, u, bias, h, c = tensors.values()
    outs = list(ops.lstm_sequence(x, kernel, u, bias, h, c))
    feeds = {tensors[t]: a.astype(np.float64) for t, a in layer.feeds.items()}
    assert not any(name.startswith("recurrence") for name in kernels(outs, feeds))
    assert_engines_agree(outs, feeds)
