"""The one harness every operation is tested with: a case is data, the checks are here.

A case names a call of an operation, how to draw its inputs and an independent oracle (plain NumPy, SciPy or
loops, given float64 inputs; never the operation itself).  `tests/ops/cases/<family>.py` lists the cases,
`tests/ops/test_cases.py` runs every check on each of them, `tests/ops/test_registry.py` fails an operation
that no case reaches.
"""

from __future__ import annotations

import contextlib
import os
import tracemalloc
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from gpukeras import ops
from gpukeras.graph.gradient import ancestors, gradients
from gpukeras.graph.op import Binding, Op, Spec
from gpukeras.graph.tensor import Constant, Placeholder, Tensor

Draw = Callable[[np.random.RandomState, str], np.ndarray]  # (random state, float dtype) -> array

#: (rtol, atol) by output dtype: a few units in the last place times the length of the sums in the cases.
TOLERANCE = {"float16": (1e-2, 2e-3), "float32": (2e-5, 2e-6), "float64": (1e-11, 1e-12)}


# --- inputs -----------------------------------------------------------------------------------------------


def normal(*shape: int, scale: float = 1.0, shift: float = 0.0) -> Draw:
    """Normal floats of the dtype under test."""
    return lambda rng, dtype: np.asarray(rng.randn(*shape) * scale + shift, dtype)


def uniform(*shape: int, lo: float, hi: float) -> Draw:
    """Uniform floats of the dtype under test: for functions with a limited domain."""
    return lambda rng, dtype: np.asarray(rng.uniform(lo, hi, shape), dtype)


def spread(*shape: int, gap: float = 0.25, avoid: float = 0.1) -> Draw:
    """Floats `gap` apart in random order, none within `avoid` of 0: no ties, kinks far from every point."""

    def draw(rng: np.random.RandomState, dtype: str) -> np.ndarray:
        n = int(np.prod(shape, dtype=int))
        values = (np.arange(n) - n // 2) * gap + avoid
        return np.asarray(rng.permutation(values).reshape(shape), dtype)

    return draw


def ints(*shape: int, lo: int, hi: int, dtype: str = "int32") -> Draw:
    """Integers in [lo, hi)."""
    return lambda rng, _: np.asarray(rng.randint(lo, hi, shape), dtype)


def bools(*shape: int) -> Draw:
    """Random truth values."""
    return lambda rng, _: np.asarray(rng.rand(*shape) < 0.5)


def floats(values: Any) -> Draw:
    """These numbers, in the float dtype under test."""
    return lambda rng, dtype: np.asarray(values, dtype)


def exactly(values: Any, dtype: str) -> Draw:
    """These numbers in this dtype, whatever is under test."""
    return lambda rng, _: np.asarray(values, dtype)


# --- cases ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """One call of an operation.

    Attributes:
        label: unique in its family; starts with the operation's name.
        call: builds the output tensor(s) from input tensors.
        inputs: how to draw each input.
        oracle: expected output(s) from the inputs (floats widened to float64); None when `check` is given.
        check: for random operations: raises on wrong outputs, check(outputs, inputs).
        dtypes: float dtypes under test.
        tol: (rtol, atol) by output dtype where the default does not fit; `why` must say the reason.
        wrt: inputs to differentiate; default: every float one; (): none, for a case about special values.
        no_grad: the gradient is None for every input, by nature.
        second: check the gradient of the gradient too.
        unknown: False: the call cannot be built without static shapes.
        step: finite-difference step.
    """

    label: str
    call: Callable[..., Any]
    inputs: Sequence[Draw]
    oracle: Callable[..., Any] | None
    check: Callable[[list[np.ndarray], list[np.ndarray]], None] | None = None
    dtypes: Sequence[str] = ("float32", "float64")
    tol: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    why: str = ""
    wrt: Sequence[int] | None = None
    no_grad: bool = False
    second: bool = False
    unknown: bool = True
    step: float = 1e-6

    def __str__(self) -> str:
        return self.label

    def draw(self, dtype: str) -> list[np.ndarray]:
        """The inputs; the same ones every time."""
        rng = np.random.RandomState(sum(map(ord, self.label)))
        return [d(rng, dtype) for d in self.inputs]

    def build(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """Outputs as a list."""
        out = self.call(*tensors)
        return list(out) if isinstance(out, (list, tuple)) else [out]

    def expected(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The oracle's outputs."""
        assert self.oracle is not None
        with np.errstate(all="ignore"):
            out = self.oracle(*[a.astype("float64") if a.dtype.kind == "f" else a for a in arrays])
        return [np.asarray(v) for v in (out if isinstance(out, (list, tuple)) else [out])]

    def differentiable(self, arrays: Sequence[np.ndarray]) -> list[int]:
        """Indices of the inputs to differentiate."""
        return [i for i, a in enumerate(arrays) if a.dtype.kind == "f"] if self.wrt is None else list(self.wrt)


def squared(case: Case) -> Case:
    """The float outputs of a linear operation squared, so that there is a second gradient to check."""

    def square(out: Any) -> Any:
        parts = list(out) if isinstance(out, (list, tuple)) else [out]
        return [ops.square(t) if t.dtype.is_floating else t for t in parts]

    def oracle(*arrays: np.ndarray) -> Any:
        return [v**2 if v.dtype.kind == "f" else v for v in case.expected(arrays)]

    return replace(
        case,
        label=case.label + ", squared",
        call=lambda *tensors: square(case.call(*tensors)),
        oracle=oracle,
        dtypes=("float64",),
        second=True,
    )


def placeholders(arrays: Sequence[np.ndarray], unknown: bool = False) -> list[Placeholder]:
    """One placeholder per array; with `unknown`, of known rank only."""
    return [Placeholder([None] * a.ndim if unknown else a.shape, a.dtype) for a in arrays]


def compare(case: Case, got: Sequence[np.ndarray], arrays: Sequence[np.ndarray]) -> None:
    """Assert that outputs equal the oracle's, NaN and infinities included."""
    if case.oracle is None:
        assert case.check is not None, f"{case}: neither oracle nor check"
        case.check(list(got), list(arrays))
        return
    want = case.expected(arrays)
    assert len(got) == len(want), f"{case}: {len(got)} outputs, the oracle has {len(want)}"
    assert bool(case.why) == bool(case.tol), f"{case}: a tolerance of its own needs its reason, and only then"
    for g, w in zip(got, want):
        assert g.shape == w.shape, f"{case}: shape {g.shape}, the oracle has {w.shape}"
        if g.dtype.kind == "f":
            rtol, atol = case.tol.get(g.dtype.name, TOLERANCE[g.dtype.name])
            np.testing.assert_allclose(g.astype("float64"), w.astype("float64"), rtol, atol, err_msg=str(case))
        else:
            np.testing.assert_array_equal(g, w, err_msg=str(case))


# --- running without the compiler: node by node, hostile to kernels that break the protocol -----------------


def direct(outputs: Sequence[Tensor], feeds: Mapping[Tensor, np.ndarray], strided: bool = False) -> list[np.ndarray]:
    """Evaluate a graph by its kernels alone, checking the kernel contract on the way.

    Output and work buffers start as garbage, every kernel runs twice, inputs must stay untouched, results in
    place must equal results out of place, static shapes must agree with concrete ones.  With `strided` every
    kernel sees non-contiguous inputs.
    """
    values: dict[Tensor, np.ndarray] = dict(feeds)
    with np.errstate(all="ignore"):
        for t in outputs:
            for node in ancestors([t]):
                if node.outputs[0] not in values:
                    ins = [_value(t, values) for t in node.inputs]
                    if strided:
                        ins = [_strided(a) for a in ins]
                    values.update(zip(node.outputs, _run_node(node.op, node.outputs, ins), strict=True))
        return [_value(t, values) for t in outputs]


def _value(t: Tensor, values: Mapping[Tensor, np.ndarray]) -> np.ndarray:
    if t in values:
        return values[t]
    assert isinstance(t, Constant), f"{t!r} is not fed"
    return t.value


def _strided(a: np.ndarray) -> np.ndarray:
    """The same values with every stride doubled."""
    wide = np.empty(tuple(2 * n for n in a.shape), a.dtype)
    view = wide[(..., *[slice(None, None, 2)] * a.ndim)]  # the ellipsis keeps a scalar an array
    view[...] = a
    return view


def _garbage(spec: Spec) -> np.ndarray:
    assert spec.shape is not None
    a = np.empty(spec.shape, str(spec.dtype))
    if a.dtype.kind == "f":
        a.fill(np.nan)
    else:
        a.fill(True if a.dtype.kind == "b" else 77)
    return a


def known_values(op: Op, ins: Sequence[np.ndarray]) -> list[Any]:
    """Values of the inputs the shape rule needs, None for the others."""
    return [ins[i].tolist() if i in op.shape_inputs else None for i in range(len(ins))]


def concrete_specs(op: Op, ins: Sequence[np.ndarray]) -> tuple[list[Spec], list[Spec]]:
    """Input and output specs for these arrays, as a plan gets them."""
    from gpukeras.graph.dtype import as_dtype

    specs = [Spec(a.shape, as_dtype(a.dtype)) for a in ins]
    out = op.infer(specs, known_values(op, ins))
    return specs, [out] if isinstance(out, Spec) else list(out)


def _run_node(op: Op, tensors: Sequence[Tensor], ins: list[np.ndarray]) -> list[np.ndarray]:
    if op.dynamic:
        return [np.asarray(a) for a in op.compute(np, ins)]
    specs, outs = concrete_specs(op, ins)
    for t, s in zip(tensors, outs, strict=True):
        assert s.dtype == t.dtype, f"{op.name}: {t.dtype} while building, {s.dtype} with concrete shapes"
        assert_agree(op.name, t.shape, s.shape)
    before = [a.copy() for a in ins]
    result = _bind_and_run(op, specs, outs, ins, [_garbage(s) for s in outs])
    for a, b in zip(ins, before):
        np.testing.assert_array_equal(a, b, err_msg=f"{op.name} wrote to an input")
    if op.is_view:
        try:
            view = op.view(ins[0], outs[0].shape)
        except ValueError:
            pass
        else:
            np.testing.assert_array_equal(view, result[0], err_msg=f"{op.name}: view and copy differ")
            assert not view.size or np.shares_memory(view, ins[0]), f"{op.name}: the view is a copy"
    if not op.stateful:
        for i in op.inplace:
            if i < len(specs) and specs[i] == outs[0]:
                taken = list(ins)
                taken[i] = ins[i].copy(order="C")
                buffers = [taken[i]] + [_garbage(s) for s in outs[1:]]
                again = _bind_and_run(op, specs, outs, taken, buffers, runs=1)
                for a, b in zip(again, result):
                    np.testing.assert_array_equal(a, b, err_msg=f"{op.name} is not safe in place of input {i}")
    return result


def _bind_and_run(
    op: Op, specs: list[Spec], outs: list[Spec], ins: list[np.ndarray], buffers: list[np.ndarray], runs: int = 2
) -> list[np.ndarray]:
    prepared = op.prepare_known(specs, outs, known_values(op, ins))
    scratch = [_garbage(s) for s in op.scratch(specs, outs, prepared)]
    thunks = op.bind(Binding(np, ins, buffers, scratch, prepared, op.name))
    for _ in range(runs):
        for thunk in thunks:
            thunk()
    return buffers


def assert_agree(name: str, static: Any, concrete: Any) -> None:
    """Assert that a static shape (None: unknown) does not contradict a concrete one."""
    if static is not None:
        ok = len(static) == len(concrete) and all(m in (None, n) for m, n in zip(static, concrete))
        assert ok, f"{name}: static shape {tuple(static)}, concrete shape {tuple(concrete)}"


# --- checks -------------------------------------------------------------------------------------------------


def check_kernels(case: Case, dtype: str, unknown: bool, strided: bool) -> None:
    """Kernels alone give the oracle's result; static shapes are complete where the inputs' are."""
    arrays = case.draw(dtype)
    feeds = placeholders(arrays, unknown)
    outs = case.build(feeds)
    got = direct(outs, dict(zip(feeds, arrays)), strided)
    for t, g in zip(outs, got):
        assert g.dtype.name == t.dtype, f"{case}: {g.dtype} came out, {t.dtype} was announced"
        if not unknown and not any(n.op.dynamic for n in ancestors([t])):
            assert t.shape is not None and None not in t.shape, f"{case}: {t!r} lost its static shape"
    compare(case, got, arrays)


def compiled(inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Callable[[Sequence[np.ndarray]], list[np.ndarray]]:
    """The graph as a compiled function that gives arrays."""
    from gpukeras.compiler.function import Function

    function = Function(list(inputs), list(outputs))
    return lambda arrays: [np.asarray(v) for v in function(list(arrays))]


def check_compiled(case: Case, dtype: str, unknown: bool) -> None:
    """The compiled function gives the oracle's result, twice, with inputs that live in reusable buffers."""
    arrays = case.draw(dtype)
    feeds = placeholders(arrays, unknown)
    one = Placeholder((), dtype)
    staged = [ops.multiply(t, one) if t.dtype == dtype else t for t in feeds]
    outs = case.build(staged)
    f = compiled([*feeds, one], outs)
    for _ in range(2):
        got = f([*arrays, np.ones((), dtype)])
        for t, g in zip(outs, got):
            assert g.dtype.name == t.dtype
        compare(case, got, arrays)


Evaluate = Callable[[Sequence[np.ndarray]], list[np.ndarray]]


def _evaluator(inputs: Sequence[Tensor], outputs: Sequence[Tensor], by_kernels: bool) -> Evaluate:
    if by_kernels:
        return lambda arrays: direct(outputs, dict(zip(inputs, arrays)))
    return compiled(inputs, outputs)


def check_gradient(case: Case, unknown: bool, by_kernels: bool = False) -> None:
    """Gradients equal float64 central differences (and those of the gradients, for `second`)."""
    arrays = case.draw("float64")
    feeds = placeholders(arrays, unknown)
    outs = case.build(feeds)
    wrt = [feeds[i] for i in case.differentiable(arrays)]
    if case.no_grad:
        assert not outs[0].dtype.is_floating or gradients(_weigh(outs, 1), wrt) == [None] * len(wrt)
        return
    if case.wrt is not None and not wrt:
        return
    assert wrt, f"{case}: nothing to differentiate; say no_grad=True if that is so"
    loss = _weigh(outs, 1)
    first = gradients(loss, wrt)
    assert all(g is not None for g in first), f"{case}: a gradient is None"
    _against_differences(case, feeds, wrt, loss, first, arrays, by_kernels)
    if case.second:
        loss = _weigh([g for g in first if g is not None], 2)
        second = gradients(loss, wrt)
        _against_differences(case, feeds, wrt, loss, second, arrays, by_kernels)


def _weigh(outs: Sequence[Tensor], seed: int) -> Tensor:
    """A scalar: the outputs' elements weighted with fixed random numbers that do not depend on shapes."""
    total: Tensor | None = None
    for k, t in enumerate(t for t in outs if t.dtype.is_floating):
        # sin of a running number: a different weight for every element, whatever the static shape
        position = ops.cumsum(ops.ones_like(ops.reshape(t, (-1,))), 0)
        weights = ops.sin(ops.add(ops.multiply(position, 1.7), seed + 0.3 * k))
        part = ops.sum(ops.multiply(ops.reshape(t, (-1,)), ops.stop_gradient(weights)))
        total = part if total is None else ops.add(total, part)
    assert total is not None
    return total


def _against_differences(
    case: Case,
    feeds: Sequence[Tensor],
    wrt: Sequence[Tensor],
    loss: Tensor,
    grads: Sequence[Tensor | None],
    arrays: Sequence[np.ndarray],
    by_kernels: bool,
) -> None:
    f = compiled(feeds, [loss])
    present = [(t, g) for t, g in zip(wrt, grads) if g is not None]
    analytic = _evaluator(feeds, [g for _, g in present], by_kernels)(arrays) if present else []
    for (t, _), got in zip(present, analytic):
        i = list(feeds).index(t)
        want = _differences(lambda a, i=i: f([*arrays[:i], a, *arrays[i + 1 :]])[0], arrays[i], case.step)
        assert got.shape == want.shape, f"{case}: gradient {got.shape} of input {i} {want.shape}"
        np.testing.assert_allclose(got, want, 2e-5, 2e-6, err_msg=f"{case}: gradient of input {i}")
    for t, g in zip(wrt, grads):
        if g is None:  # only a second derivative may vanish by structure
            i = list(feeds).index(t)
            want = _differences(lambda a, i=i: f([*arrays[:i], a, *arrays[i + 1 :]])[0], arrays[i], case.step)
            np.testing.assert_allclose(want, 0, atol=2e-6, err_msg=f"{case}: gradient of input {i} is None, not 0")


def _differences(f: Callable[[np.ndarray], np.ndarray], x: np.ndarray, step: float) -> np.ndarray:
    """Central differences of a scalar function."""
    out = np.empty(x.shape)
    for index in np.ndindex(*x.shape):
        hi, lo = x.copy(), x.copy()
        hi[index] += step
        lo[index] -= step
        out[index] = (float(f(hi)) - float(f(lo))) / (hi[index] - lo[index])
    return out


def check_steady(case: Case) -> None:
    """Memory does not grow from step to step."""
    arrays = case.draw(case.dtypes[0])
    feeds = placeholders(arrays)
    f = compiled(feeds, case.build(feeds))
    grown = []
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        f(arrays)
        tracemalloc.start()
        try:
            # a leak shows in every window; free lists that fill up and the interpreter's own caches do not
            for _ in range(6):
                before = tracemalloc.get_traced_memory()[0]
                for _ in range(50):
                    f(arrays)
                grown.append(tracemalloc.get_traced_memory()[0] - before)
        finally:
            tracemalloc.stop()
    assert min(grown) < 50 * 8, f"{case}: bytes more after each 50 steps: {grown}"


def thunks_allocate(tensor: Tensor, feeds: Mapping[Tensor, np.ndarray]) -> int:
    """Peak bytes allocated by one run of the kernel of `tensor`'s node, its inputs computed before."""
    node = tensor.node
    assert node is not None
    ins = [np.ascontiguousarray(a) for a in direct(node.inputs, feeds)]
    op = node.op
    specs, outs = concrete_specs(op, ins)
    prepared = op.prepare_known(specs, outs, known_values(op, ins))
    scratch = [_garbage(s) for s in op.scratch(specs, outs, prepared)]
    thunks = op.bind(Binding(np, ins, [_garbage(s) for s in outs], scratch, prepared))
    with np.errstate(all="ignore"):
        for thunk in thunks:
            thunk()
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            tracemalloc.reset_peak()
            for thunk in thunks:
                thunk()
            return tracemalloc.get_traced_memory()[1] - before
        finally:
            tracemalloc.stop()


def op_types(tensors: Sequence[Tensor]) -> Iterator[type[Op]]:
    """Types of all operations behind `tensors`."""
    return (type(node.op) for node in ancestors(list(tensors)))
