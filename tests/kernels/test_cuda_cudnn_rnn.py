"""Recurrent layers through cuDNN's calls, which a stand-in answers, against NumPy's engine."""

import numpy as np
import pytest

from gpukeras import ops
from gpukeras.compiler.plan import Plan
from gpukeras.compiler.program import Program
from gpukeras.graph.gradient import gradients
from gpukeras.kernels.cuda import glue
from gpukeras.runtime.memory import Memory
from tests.csrc import simulator
from tests.simulated.cudnn_rnn import CudnnRnn
from tests.simulated.device import device as simulated
from tests.simulated.libraries import libraries

from .engines import normal, placeholder
from .engines import run as run_numpy

pytestmark = pytest.mark.skipif(simulator.COMPILER is None, reason="no C++ compiler is installed")

CELLS = pytest.mark.parametrize("cell", ["lstm", "gru"])
STATES = {"lstm": 2, "gru": 1}


class Layer:
    """Fed tensors of a layer."""

    def __init__(self, cell, samples=5, steps=4, channels=3, units=6):
        gates = {"lstm": 4, "gru": 3}[cell]
        shapes = [(samples, steps, channels), (channels, gates * units), (units, gates * units), (2 * gates * units,)]
        shapes += [(samples, units)] * STATES[cell]
        self.cell, self.feeds = cell, {placeholder(s): normal(*s) for s in shapes}
        self.ins = list(self.feeds)

    def outputs(self, go_backwards=False):
        ys, states = ops.library_rnn(self.cell, *self.ins[:4], self.ins[4:], go_backwards)
        return [ys, *states]

    def loss(self, outs):
        total = 0
        for y in outs:
            weight = placeholder(y.shape)
            self.feeds[weight] = normal(*y.shape)
            total = ops.add(total, ops.sum(y * weight))
        return total


def run(outs, feeds, parts):
    """Values, and the kernels of cuDNN in the plan."""
    device = simulated()
    with glue.use(parts):
        program = Program(outs, [], {t: a.shape for t, a in feeds.items()}, engine="cuda")
        plan = Plan(program, device, Memory(device))
        for _ in range(2):
            values = plan.run(list(feeds.values()))
    names = [step.kernel.name for step in program.steps if step.kernel is not None]
    return values, [n for n in names if n.startswith("cudnn:rnn")]


def check(layer, outs, tensors):
    part = CudnnRnn()
    want = run_numpy(tensors, layer.feeds, "numpy")
    got, names = run(tensors, layer.feeds, libraries(cudnn_rnn=part))
    for g, w in zip(got, want, strict=True):
        assert g.shape == w.shape and g.dtype == w.dtype
        np.testing.assert_allclose(g, w, 1e-5, 1e-5)
    return part.runs, names


@pytest.mark.parametrize("sizes", [(5, 4, 3, 6), (1, 1, 1, 1), (3, 2, 7, 5)])
@CELLS
def test_outputs_and_gradients(cell, sizes):
    layer = Layer(cell, *sizes)
    outs = layer.outputs()
    found = gradients(layer.loss(outs), layer.ins)
    runs, names = check(layer, outs, [*outs, *found])
    assert runs == ["training", "backward"] * 2
    assert names == [f"cudnn:rnn:{cell}:forward", f"cudnn:rnn:{cell}:backward"]


@CELLS
def test_last_output_backwards_and_the_gradient_of_the_input_alone(cell):
    layer = Layer(cell)
    outs = layer.outputs(go_backwards=True)[1:]
    runs, _ = check(layer, outs, gradients(layer.loss(outs), layer.ins[:1]))
    assert runs == ["training", "backward"] * 2


@CELLS
def test_two_losses_read_what_was_kept(cell):
    layer = Layer(cell)
    outs = layer.outputs()
    losses = [layer.loss(outs[:1]), layer.loss(outs[1:])]
    runs, _ = check(layer, outs, [g for loss in losses for g in gradients(loss, layer.ins[1:4])])
    assert runs == ["training", "backward", "backward"] * 2


@CELLS
def test_prediction_keeps_nothing(cell):
    layer = Layer(cell)
    runs, names = check(layer, layer.outputs(), layer.outputs()[:1])
    assert runs == ["inference"] * 2 and names == [f"cudnn:rnn:{cell}:forward"]


@CELLS
def test_without_the_library_and_in_float64_the_array_module_does_the_work(cell):
    layer = Layer(cell)
    outs = layer.outputs()
    tensors = [*outs, *gradients(layer.loss(outs), layer.ins)]
    got, names = run(tensors, layer.feeds, libraries())
    assert not names
    for g, w in zip(got, run_numpy(tensors, layer.feeds, "numpy"), strict=True):
        np.testing.assert_allclose(g, w, 1e-5, 1e-5)


@CELLS
def test_kernels_that_lie_in_columns(cell):
    layer = Layer(cell)
    for i in (1, 2):
        turned = placeholder(layer.ins[i].shape[::-1])
        layer.feeds[turned] = np.ascontiguousarray(layer.feeds.pop(layer.ins[i]).T)
        layer.ins[i] = ops.transpose(turned, (1, 0))
    outs = layer.outputs()
    fed = list(layer.feeds)
    runs, _ = check(layer, outs, [*outs, *gradients(layer.loss(outs), fed)])
    assert runs == ["training", "backward"] * 2
