"""Kernels of convolutions in cuDNN's order of axes: copied once for all readers, and results read as they lie."""

import numpy as np
import pytest

from gpukeras import ops
from gpukeras.compiler.plan import Plan
from gpukeras.compiler.program import Program
from gpukeras.graph.gradient import gradients
from gpukeras.graph.tensor import Placeholder, Variable
from gpukeras.kernels.cuda import glue
from gpukeras.kernels.permuted import Permuted, inverse
from gpukeras.runtime.device import Device
from gpukeras.runtime.memory import Memory
from tests.simulated.libraries import libraries

SHAPES = (2, 6, 5, 3), (3, 3, 3, 4)


def program(outs, feeds, updates=()):
    with glue.use(libraries()):
        return Program(outs, list(updates), {t: tuple(t.shape) for t in feeds}, engine="cuda")


def kernels(found):
    return [step.kernel.name if step.kernel else step.op.name for step in found.steps]


def test_one_copy_serves_the_convolution_and_its_gradient():
    x, w = (Placeholder(s, "float32") for s in SHAPES)
    y = ops.conv(x, w)
    found = program([y, *gradients(ops.sum(ops.square(y)), [x])], [x, w])
    names = kernels(found)
    assert [n for n in names if n.startswith("cudnn")] == ["cudnn:forward", "cudnn:data_gradient"]
    assert sum(v.shape == (4, 3, 3, 3) for s in found.steps for v in s.outs) == 1
    copied = [s.ins[1] for s in found.steps if s.kernel and s.kernel.name.startswith("cudnn")]
    assert len({v.root for v in copied}) == 1 and copied[0].root.shape == (4, 3, 3, 3)
    assert all(len(s.kernel.scratch) == 1 for s in found.steps if s.kernel and s.kernel.name.startswith("cudnn"))


def test_a_gradient_that_an_update_reads_is_not_copied():
    x = Placeholder(SHAPES[0], "float32")
    w = Variable(np.ones(SHAPES[1], "float32"))
    (dw,) = gradients(ops.sum(ops.square(ops.conv(x, w))), [w])
    found = program([], [x], [(w, ops.subtract(w, ops.multiply(dw, 0.1)))])
    (step,) = [s for s in found.steps if isinstance(s.op, Permuted)]
    assert step.outs[0].shape == (4, 3, 3, 3) and len(step.kernel.scratch) == 1
    assert not found.commits  # the variable is still written in place


@pytest.mark.parametrize("how", ["output", "reshaped"])
def test_a_gradient_that_is_looked_at_as_it_is_stays_so(how):
    x, w = (Placeholder(s, "float32") for s in SHAPES)
    (dw,) = gradients(ops.sum(ops.square(ops.conv(x, w))), [w])
    out = dw if how == "output" else ops.exp(ops.reshape(dw, (-1,)))
    found = program([out], [x, w])
    assert not any(isinstance(s.op, Permuted) for s in found.steps)
    assert "cudnn:kernel_gradient" in kernels(found)


def test_without_the_library_nothing_is_ordered():
    x, w = (Placeholder(s, "float32") for s in SHAPES)
    with glue.use({}):
        found = Program([ops.conv(x, w)], [], {t: tuple(t.shape) for t in (x, w)}, engine="cuda")
    assert [s.op.name for s in found.steps] == ["conv"]


def test_a_permuted_operation_runs_on_any_array_module():
    x, y = Placeholder((2, 6, 5, 3), "float32"), Placeholder((2, 4, 3, 4), "float32")
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(t.shape).astype("float32") for t in (x, y)]
    found = Program([ops.conv_weight(x, y, (3, 3))], [], {t: tuple(t.shape) for t in (x, y)})
    device = Device("/cpu:0", np)
    (want,) = Plan(found, device, Memory(device)).run(arrays)
    (step,) = found.steps
    perm, (value,) = (3, 0, 1, 2), step.outs
    step.op = Permuted(step.op, perm)
    value.shape, value._proto = tuple(value.shape[i] for i in perm), None
    step.choose("numpy")
    (got,) = Plan(found, device, Memory(device)).run(arrays)
    assert got.shape == (4, 3, 3, 3)
    np.testing.assert_allclose(got.transpose(inverse(perm)), want, 1e-6, 1e-6)
