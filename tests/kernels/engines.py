"""Runs graphs on one engine or the other."""

import numpy as np

from gpukeras.compiler.plan import Plan
from gpukeras.compiler.program import Program
from gpukeras.graph.tensor import Placeholder
from gpukeras.runtime.device import Device
from gpukeras.runtime.memory import Memory

rng = np.random.default_rng(20261122)
_start = rng.bit_generator.state


def reseed():
    """Starts `rng` anew: a test gets the same numbers whichever tests ran before it."""
    rng.bit_generator.state = _start


def placeholder(shape, dtype="float32"):
    """A fed tensor of a fixed shape."""
    return Placeholder(shape, dtype)


def normal(*shape):
    """Normal float32 numbers."""
    return rng.standard_normal(shape).astype(np.float32)


def kernels(outputs, feeds, engine="native"):
    """Names of the steps' kernels, '' where `Op.bind` runs."""
    program = Program(outputs, [], {t: np.shape(a) for t, a in feeds.items()}, engine=engine)
    return [step.kernel.name if step.kernel else "" for step in program.steps]


def run(outputs, feeds, engine, times=1):
    """Values of the outputs on an engine.

    Arguments:
        outputs: list of tensors.
        feeds: dict from fed tensors to arrays.
        engine: 'numpy' or 'native'.
        times: number of runs of the plan; the last one's values count.
    """
    device = Device("/cpu:0", np, engine)
    program = Program(outputs, [], {t: np.shape(a) for t, a in feeds.items()}, engine=engine)
    plan = Plan(program, device, Memory(device))
    for _ in range(times):
        values = plan.run(list(feeds.values()))
    return values


def assert_engines_agree(outputs, feeds, tolerance=2e-6):
    """Runs on both engines, the native one twice over, and compares.

    Arguments:
        outputs: list of tensors.
        feeds: dict from fed tensors to arrays.
        tolerance: largest difference, relative to the largest element; some units in the last place of float32 times
            the square root of the number of terms in a sum.
    """
    expected = run(outputs, feeds, "numpy")
    for value, wanted in zip(run(outputs, feeds, "native", times=2), expected, strict=True):
        assert value.shape == wanted.shape and value.dtype == wanted.dtype
        scale = np.abs(wanted).max() if wanted.size else 0
        np.testing.assert_allclose(value, wanted, rtol=0, atol=tolerance * scale)
