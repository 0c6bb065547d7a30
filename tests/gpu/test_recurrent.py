"""Recurrent layers on the device, by every way there is: a walk, steps, and cuDNN; recorded and replayed."""

import numpy as np
import pytest

from gpukeras import ops
from gpukeras.compiler.function import Function
from gpukeras.graph.gradient import gradients
from gpukeras.graph.tensor import Placeholder
from gpukeras.kernels.cuda import glue
from tests.simulated.cudnn_rnn import CudnnRnn
from tests.simulated.libraries import libraries

from .devices import CPU, is_simulated, selected

pytestmark = pytest.mark.gpu

RUNS = 4  # at once, recorded, replayed twice
GATES = {"simple": 1, "lstm": 4, "gru": 3, "gru_reset_after": 3}


@pytest.fixture(autouse=True)
def parts(gpu):
    """Stand-ins for the libraries where the device is one."""
    with glue.use(libraries(cudnn_rnn=CudnnRnn()) if is_simulated(gpu) else None):
        yield


def drawn(feeds, run):
    """New numbers: matrices that make nothing longer, so that rounding does not grow from step to step."""
    rng = np.random.default_rng(run)
    arrays = [(0.5 * rng.standard_normal(t.shape) / np.sqrt(t.shape[0])).astype("f4") for t in feeds]
    return [rng.random(t.shape) < 0.7 if t.dtype.is_bool else a for t, a in zip(feeds, arrays, strict=True)]


def check(gpu, outputs, feeds, kernels, tolerance=1e-4):
    function, reference = (Function(feeds, outputs, device=device) for device in (gpu, CPU))
    plan = function.plan([t.shape for t in feeds])
    names = {step.kernel.name for step in plan.program.steps if step.kernel is not None}
    assert kernels <= names
    for run in range(RUNS):
        arrays = drawn(feeds, run)
        for got, want in zip(function(arrays), reference(arrays), strict=True):
            np.testing.assert_allclose(got, want, rtol=0, atol=tolerance * max(np.abs(want).max(), 1e-3))


def sequence(cell, samples, steps, channels, units, masked):
    """A layer's outputs, and what is fed."""
    gates = GATES[cell]
    shapes = [(samples, steps, channels), (channels, gates * units), (units, gates * units)]
    shapes += [(2, gates * units) if cell == "gru_reset_after" else (gates * units,)]
    shapes += [(samples, units)] * (2 if cell == "lstm" else 1)
    feeds = [Placeholder(s, "float32") for s in shapes]
    mask = Placeholder((samples, steps), "bool") if masked else None
    if cell == "simple":
        outs = ops.simple_rnn_sequence(*feeds, mask=mask)
    elif cell == "lstm":
        outs = ops.lstm_sequence(*feeds, mask=mask)
    else:
        outs = ops.gru_sequence(*feeds, reset_after=cell == "gru_reset_after", mask=mask)
    return list(outs), feeds, [] if mask is None else [mask]


SIZES = [
    pytest.param("walk", 5, 7, 4, 16, id="one sample per block"), pytest.param("walk", 70, 3, 4, 13, id="four samples"),
    pytest.param("walk", 128, 20, 32, 128, id="most units"), pytest.param("steps", 33, 6, 20, 200, id="steps"),
]  # fmt: skip


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("how, samples, steps, channels, units", selected(SIZES, 8))
@pytest.mark.parametrize("cell", GATES)
def test_sequences_and_their_gradients(gpu, cell, how, samples, steps, channels, units, masked):
    outs, feeds, mask = sequence(cell, samples, steps, channels, units, masked)
    loss = ops.sum(ops.square(outs[0]))
    names = {f"cuda:recurrence:{how}:{cell}:{direction}" for direction in ("forward", "backward")}
    check(gpu, [*outs, *gradients(loss, feeds)], [*feeds, *mask], names)


@pytest.mark.parametrize("go_backwards", [False, True])
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_layers_of_cudnn(gpu, cell, go_backwards):
    gates = GATES[cell]
    shapes = [
        (9, 6, 5),
        (5, gates * 12),
        (12, gates * 12),
        (2 * gates * 12,),
        *[(9, 12)] * (2 if cell == "lstm" else 1),
    ]
    feeds = [Placeholder(s, "float32") for s in shapes]
    ys, states = ops.library_rnn(cell, *feeds[:4], feeds[4:], go_backwards)
    loss = ops.add(ops.sum(ops.square(ys)), ops.sum(states[-1]))
    names = {f"cudnn:rnn:{cell}:{direction}" for direction in ("forward", "backward")}
    check(gpu, [ys, *states, *gradients(loss, feeds)], feeds, names)


def test_ctc(gpu):
    logits = Placeholder((6, 40, 9), "float32")
    labels, steps, counts = (
        np.tile(np.arange(5), (6, 1)),
        np.array([40, 30, 20, 10, 40, 8]),
        np.array([5, 4, 3, 2, 1, 0]),
    )
    loss = ops.ctc_loss(logits, labels, steps, counts)
    check(gpu, [loss, *gradients(ops.sum(loss), [logits])], [logits], {"cuda:ctc"}, 1e-3)
