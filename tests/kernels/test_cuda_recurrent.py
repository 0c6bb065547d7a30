"""Recurrent layers as a GPU's plan launches them, run on a CPU by the simulator, against NumPy's engine."""

import numpy as np
import pytest

from gpukeras import ops
from gpukeras.compiler.plan import Plan
from gpukeras.compiler.program import Program
from gpukeras.graph.gradient import gradients
from gpukeras.graph.tensor import as_tensor
from gpukeras.kernels.cuda import glue, recurrent
from gpukeras.ops.recurrent_parts import ACTIVATIONS
from gpukeras.runtime.device import Device
from gpukeras.runtime.memory import Memory
from tests.csrc import simulator
from tests.simulated.cupy import Cupy
from tests.simulated.libraries import libraries

from .engines import normal, placeholder
from .engines import run as run_numpy
from .test_recurrent import GATES, Layer

pytestmark = pytest.mark.skipif(simulator.COMPILER is None, reason="no C++ compiler is installed")

HOW = pytest.mark.parametrize("how", ["walk", "steps"])
DROPS = {"none": 0, "one": 1}


@pytest.fixture(autouse=True)
def chosen(request, monkeypatch):
    if "how" in request.fixturenames and request.getfixturevalue("how") == "steps":
        monkeypatch.setattr(recurrent, "WALK_UNITS", 0)


def run(outs, feeds, order=0):
    """Values, names of the recurrences' kernels, launches."""
    fake = Cupy()
    fake.order = order
    device = Device("/gpu:0", fake, "cuda")
    program = Program(outs, [], {t: a.shape for t, a in feeds.items()}, engine="cuda")
    names = [step.kernel.name for step in program.steps if step.kernel is not None]
    plan = Plan(program, device, Memory(device))
    for _ in range(2):
        values = plan.run(list(feeds.values()))
    recurrences = [n.removeprefix("cuda:recurrence:") for n in names if n.startswith("cuda:recurrence")]
    return values, recurrences, [launch.name for launch in fake.launches]


def check(layer, outs, how, tolerance=1e-5, order=0, wrt=None):
    """Outputs and the gradients of everything on both engines; returns the launches of two runs."""
    weighted = [ops.sum(y * layer.feed(normal(*y.shape))) for y in outs]
    found = gradients(sum(weighted[1:], weighted[0]), layer.weights() if wrt is None else wrt)
    tensors = [*outs, *found]
    want = run_numpy(tensors, layer.feeds, "numpy")
    got, names, launches = run(tensors, layer.feeds, order)
    assert names == [f"{how}:{layer.cell}:{direction}" for direction in ("forward", "backward")]
    for g, w in zip(got, want, strict=True):
        assert g.shape == w.shape and g.dtype == w.dtype
        np.testing.assert_allclose(g, w, tolerance, tolerance)
    return launches


@HOW
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("drops", ["none", "one", "per gate"])
@pytest.mark.parametrize("cell", GATES)
def test_outputs_and_gradients(cell, drops, masked, how):
    layer = Layer(cell, drops=DROPS.get(drops, GATES[cell]), masked=masked)
    check(layer, layer.outputs(), how, order=1 if masked else 0)


@HOW
@pytest.mark.parametrize("drops", ["none", "one", "per gate"])
@pytest.mark.parametrize("cell", GATES)
def test_products_by_cublaslt(cell, drops, how):
    parts = libraries()
    layer = Layer(cell, steps=3, drops=DROPS.get(drops, GATES[cell]))
    with glue.use(parts):
        check(layer, layer.outputs(), how)
        captures = [s.captures for s in Program(list(layer.outputs()), [], shapes(layer), engine="cuda").steps]
    groups = GATES[cell] if drops == "per gate" else 1 + (cell == "gru")
    steps = 2 * 3 * groups if how == "steps" else 0  # forwards and backwards
    # beside them: the gradient of the kernel, and the product of the inputs with its two gradients
    assert len(parts["cublaslt"].runs) == 2 * (steps + groups + 3) and all(captures)


def shapes(layer):
    return {t: a.shape for t, a in layer.feeds.items()}


@pytest.mark.parametrize("pair", list(zip(ACTIVATIONS, ACTIVATIONS[1:] + ACTIVATIONS[:1], strict=True)), ids="-".join)
def test_every_activation_on_either_side(pair):
    layer = Layer("lstm", steps=2, scale=0.3)  # exponentials of exponentials overflow soon
    check(layer, layer.outputs(*pair), "walk", 3e-5)


# One sample, step or unit; more units than threads take at once; samples that blocks do not divide; columns in fours.
@HOW
@pytest.mark.parametrize(
    "sizes", [(1, 1, 1, 1), (2, 3, 2, 77), (67, 2, 3, 9), (9, 3, 4, 1), (66, 2, 1, 36), (2, 2, 1, 128)]
)
@pytest.mark.parametrize("cell", GATES)
def test_odd_sizes(cell, sizes, how):
    samples, steps, channels, units = sizes
    layer = Layer(cell, samples, steps, channels, units, masked=steps > 1)
    check(layer, layer.outputs(), how, 3e-5)


@HOW
@pytest.mark.parametrize("cell", GATES)
def test_backwards_without_bias_and_only_the_last_output(cell, how):
    layer = Layer(cell, bias=False)
    check(layer, layer.outputs(go_backwards=True)[1:], how)


@HOW
@pytest.mark.parametrize("cell", GATES)
def test_zero_states_and_the_gradient_of_the_input_alone(cell, how):
    layer = Layer(cell)
    layer.states = [as_tensor(np.zeros((5, 6), np.float32)) for _ in layer.states]
    check(layer, layer.outputs()[:1], how, wrt=[layer.x])


@HOW
def test_the_gradient_of_the_kernel_alone(how):
    for cell in GATES:
        layer = Layer(cell)
        check(layer, layer.outputs()[:1], how, wrt=[layer.u])


@pytest.mark.parametrize("cell", GATES)
def test_prediction_keeps_nothing_for_a_gradient(cell):
    layer = Layer(cell)
    outs = [layer.outputs()[1]]
    got, names, launches = run(outs, layer.feeds)
    np.testing.assert_allclose(got[0], run_numpy(outs, layer.feeds, "numpy")[0], 1e-5, 1e-5)
    assert names == [f"walk:{cell}:forward"] and launches.count(f"walk_{cell}_forward") == 2


def test_launches_of_a_walk():
    layer = Layer("lstm", steps=30)
    launches = check(layer, layer.outputs(), "walk", 1e-4)
    ours = [n for n in launches if n.startswith(("walk", "step"))]
    assert ours == ["walk_lstm_forward", "walk_turn", "walk_lstm_backward"] * 2


def test_launches_of_steps(monkeypatch):
    monkeypatch.setattr(recurrent, "WALK_UNITS", 0)
    layer = Layer("gru", steps=2)
    launches = check(layer, layer.outputs(), "steps")
    ours = [n.removeprefix("step_gru_") for n in launches if n.startswith(("walk", "step"))]
    forward = ["begin", "reset", "forward", "reset", "forward"]
    assert ours == [*forward, "backward", "backward_reset", "backward", "backward_reset", "end"] * 2


@pytest.mark.parametrize(
    "cell, samples, units, walks, block",
    [
        ("lstm", 32, 128, True, 1), ("lstm", 64, 128, True, 1), ("lstm", 65, 128, True, 4), ("lstm", 256, 128, True, 4),
        ("lstm", 512, 128, False, 4), ("lstm", 512, 64, True, 4), ("lstm", 1, 129, False, 1), ("gru", 512, 96, True, 4),
        ("simple", 4096, 128, True, 4),
    ],
)  # fmt: skip
def test_the_choice(cell, samples, units, walks, block):
    sizes = recurrent.Sizes(cell, 10, samples, units, 0, ())
    assert (sizes.walks, sizes.block_samples) == (walks, block)


def test_float64_is_left_to_the_array_module():
    layer = Layer("lstm")
    tensors = {t: placeholder(a.shape, "float64") for t, a in layer.feeds.items()}
    x, kernel, u, bias, h, c = tensors.values()
    outs = list(ops.lstm_sequence(x, kernel, u, bias, h, c))
    feeds = {tensors[t]: a.astype(np.float64) for t, a in layer.feeds.items()}
    got, names, _ = run(outs, feeds)
    assert not names
    for g, w in zip(got, run_numpy(outs, feeds, "numpy"), strict=True):
        np.testing.assert_allclose(g, w, 1e-9, 1e-9)
