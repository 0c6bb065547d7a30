"""Recurrent layers on CUDA: a sequence in one launch, or a product and a launch per step.

One launch (csrc/cuda/recurrent_walk.cu) for up to `WALK_UNITS` units, as long as its blocks do not together read more
than `WALK_BYTES` of the recurrent kernel in a step, or each keeps it in its multiprocessor's cache. Otherwise
(csrc/cuda/recurrent_steps.cu) a product of matrices and a launch for every step, all queued at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ...graph.dtype import as_dtype
from ...graph.op import Binding, Spec, Thunk
from ...graph.shape import prod
from ...ops.recurrent_gru import GRUSteps, GRUStepsGrad
from ...ops.recurrent_lstm import LSTMSteps, LSTMStepsGrad
from ...ops.recurrent_simple import SimpleRNNSteps, SimpleRNNStepsGrad
from ..fused import Fold, Fused, Loop, Read
from ..native.recurrent import GRADIENTS, cell_of
from ..registry import Kernel, kernel
from . import products
from .fused import fused
from .images import MOST
from .launch import THREADS, Kept, address, blocks_for, launch

WALK_UNITS = 128  # kMostUnits of recurrent_walk.cu
WALK_BYTES = 16 << 20  # about 3 us of a large GPU's second-level cache
CACHED = 128 << 10  # bytes of a recurrent kernel that a multiprocessor keeps in its first-level cache
FEW_SAMPLES = 64  # up to which every sample gets a block of its own

#: Fields of the structure `Recurrence` of csrc/cuda/recurrent.h.
_POINTERS = (
    "u z bias rbias drops mask h0 c0 gates ys cs tcs hus h c dys dh dc dz dproduct dh0 dc0 lefts row left state cell "
    "turned"
).split()
_STRIDED = ("mask", "dys", "h0", "c0", "dh", "dc")
_SIZES = ("steps", "samples", "units", "drop_masks")
RECURRENCE = np.dtype(
    [(name, "u8") for name in _POINTERS]
    + [(f"{name}_{axis}", "i8") for name in _STRIDED for axis in ("row", "column")]
    + [(name, "i4") for name in _SIZES]
)
_GATES = {"simple": 1, "lstm": 4, "gru": 3, "gru_reset_after": 3}


class Group(NamedTuple):
    """Gates whose products have the same left side.

    Attributes:
        first: gate.
        number: of gates.
        slot: number of the left side.
    """

    first: int
    number: int
    slot: int


class Sizes(NamedTuple):
    """What a recurrence is.

    Attributes:
        cell: 'simple', 'lstm', 'gru' or 'gru_reset_after'.
        steps, samples, units: T, N, U.
        drops: number of dropout masks of the state.
        options: of the compiler, which choose the activations.
    """

    cell: str
    steps: int
    samples: int
    units: int
    drops: int
    options: tuple[str, ...]

    @property
    def gates(self) -> int:
        """Number of gates."""
        return _GATES[self.cell]

    @property
    def width(self) -> int:
        """Columns of the recurrent kernel."""
        return self.gates * self.units

    @property
    def groups(self) -> list[Group]:
        """The products of a step, in order."""
        if self.drops > 1:
            return [Group(g, 1, g) for g in range(self.gates)]
        if self.cell == "gru":
            return [Group(0, 2, 0), Group(2, 1, 1)]
        return [Group(0, self.gates, 0)]

    @property
    def block_samples(self) -> int:
        """Samples that a block walks through all steps with."""
        return 1 if self.samples <= FEW_SAMPLES else 4

    @property
    def walks(self) -> bool:
        """Whether one launch does all steps."""
        size = 4 * self.units * self.width
        blocks = -(-self.samples // self.block_samples)
        return self.units <= WALK_UNITS and (size <= CACHED or size * blocks <= WALK_BYTES)


def _fits(name: str, x: np.ndarray | None) -> bool:
    if x is None or name == "link":
        return True
    if x.dtype != (np.bool_ if name == "mask" else np.float32) or not 0 < x.size <= MOST:
        return False
    if name == "dys":  # rows of units without gaps
        return x.strides[2] == x.itemsize or x.shape[2] == 1
    return name in _STRIDED or x.flags.c_contiguous


def _constant(name: str) -> str:
    """An activation's name in csrc/kernels/activations.h."""
    return "".join(part.capitalize() for part in name.split("_"))


def _sizes(op: Any, ins: Mapping[str, Any]) -> Sizes:
    steps, samples, _ = (ins["z"] if "z" in ins else ins["ys"]).shape
    options = [f"-DGPUKERAS_ACTIVATION={_constant(op.activation)}"]
    if op.recurrent_activation != "linear" or not isinstance(op, (SimpleRNNSteps, SimpleRNNStepsGrad)):
        options.append(f"-DGPUKERAS_GATE={_constant(op.recurrent_activation)}")
    drops = len(ins["drops"]) if "drops" in ins else 0
    return Sizes(cell_of(op), steps, samples, ins["u"].shape[0], drops, tuple(options))


def _layout(*shape: int) -> np.ndarray:
    """An array without memory."""
    strides = [4 * prod(shape[i + 1 :]) for i in range(len(shape))]
    return np.lib.stride_tricks.as_strided(np.zeros(1, np.float32), shape, strides)


class _Products:
    """The products of matrices of a recurrence: by cuBLASLt where it has all of them, else by CuPy.

    Arguments:
        sizes: what it is.
        u: layout of the recurrent kernel.

    Attributes:
        scratch: specs of the work arrays.
    """

    def __init__(self, sizes: Sizes, u: Any) -> None:
        self.sizes = sizes
        self.u = u
        self.plans: dict[tuple[str, int], products.Plan | None] = {}
        self.places: dict[tuple[str, int], slice] = {}
        self.scratch: list[Spec] = []

    @property
    def captured(self) -> bool:
        """Whether a graph can record them."""
        return None not in self.plans.values()

    def columns(self, x: Any, group: Group) -> Any:
        """The columns of a group of gates."""
        units = self.sizes.units
        return x[..., group.first * units : (group.first + group.number) * units]

    def plan(self, *directions: str) -> None:
        """Asks for those of 'forward', 'backward' and 'kernel'."""
        s = self.sizes
        state, dp = _layout(s.samples, s.units), _layout(s.steps * s.samples, s.width)
        lefts = _layout(s.steps * s.samples, s.units)
        for direction in directions:
            for group in s.groups:
                u, out = self.columns(self.u, group), _layout(s.units, group.number * s.units)
                if direction == "forward":
                    operands = (state, u, _layout(s.samples, group.number * s.units))
                elif direction == "backward":
                    operands = (self.columns(dp[: s.samples], group), u.T, state)
                else:
                    operands = (lefts.T, self.columns(dp, group), out)
                found = self.plans[direction, group.slot] = products.plan(*operands)
                first = len(self.scratch)
                self.scratch += [] if found is None else found.scratch
                self.places[direction, group.slot] = slice(first, len(self.scratch))

    def calls(self, xp: Any, key: tuple[str, int], work: Sequence[Any], a: Any, b: Any, out: Any) -> list[Thunk]:
        """The calls of one product; `work` are all work arrays."""
        found = self.plans[key]
        if found is None or not self.captured:
            return [partial(xp.matmul, a, b, out=out)]
        return products.bind(xp, found, a, b, out, work[self.places[key]])


class _Arrays:
    """The arrays of a recurrence by name, and its launches.

    Arguments:
        xp: array module.
        sizes: what it is.
        arrays: by name.
        planned: products of matrices.
        work: their work arrays.
    """

    def __init__(self, xp: Any, sizes: Sizes, arrays: dict[str, Any], planned: _Products, work: Sequence[Any]) -> None:
        self.xp = xp
        self.sizes = sizes
        self.arrays = arrays
        self.planned = planned
        self.work = work
        values: list[int] = [0 if arrays.get(k) is None else address(arrays[k]) for k in _POINTERS]
        for name in _STRIDED:
            x = arrays.get(name)
            values += (0, 0) if x is None else (s // x.itemsize for s in x.strides[:2])
        values += (sizes.steps, sizes.samples, sizes.units, sizes.drops)
        self.structure = np.array([tuple(values)], RECURRENCE)
        self.calls: list[Thunk] = []

    def walk(self, direction: str) -> None:
        """All steps in one launch."""
        s = self.sizes
        options = (*s.options, f"-DGPUKERAS_SAMPLES={s.block_samples}")
        if direction == "backward":
            turn = [self.structure, s.width]
            self.calls.append(
                launch(self.xp, "recurrent_walk.cu", "walk_turn", blocks_for(s.units * s.width), turn, options)
            )
        name, blocks = f"walk_{s.cell}_{direction}", -(-s.samples // s.block_samples)
        self.calls.append(launch(self.xp, "recurrent_walk.cu", name, blocks, [self.structure], options))

    def step(self, what: str, *t: int) -> None:
        """A launch for one step."""
        s = self.sizes
        blocks = -(-s.samples * s.units // THREADS)
        args = [self.structure, *t]
        self.calls.append(launch(self.xp, "recurrent_steps.cu", f"step_{s.cell}_{what}", blocks, args, s.options))

    def product(self, direction: str, group: Group, a: Any, b: Any, out: Any) -> None:
        """A product of matrices."""
        self.calls += self.planned.calls(self.xp, (direction, group.slot), self.work, a, b, out)

    def forward_product(self, group: Group) -> None:
        """The products of a group of gates with the state."""
        s = self.sizes
        one = s.samples * s.units
        rows = self.arrays["row"].reshape(-1)[group.first * one : (group.first + group.number) * one]
        left, u = self.arrays["left"][group.slot], self.planned.columns(self.arrays["u"], group)
        self.product("forward", group, left, u, rows.reshape(s.samples, -1))

    def backward_product(self, group: Group, t: int) -> None:
        """What a group of gates sends to the state before step t."""
        dp, u = (self.planned.columns(x, group) for x in (self.arrays["dproduct"][t], self.arrays["u"]))
        self.product("backward", group, dp, u.T, self.arrays["row"][group.slot])

    def kernel_gradient(self, du: Any) -> None:
        """The gradient of the recurrent kernel: a product over all steps for each left side."""
        s = self.sizes
        rows = self.arrays["dproduct"].reshape(-1, s.width)
        for group in s.groups:
            left, out = self.arrays["lefts"][group.slot].reshape(-1, s.units), self.planned.columns(du, group)
            if group.number < s.gates:  # products are written without gaps
                whole = self.arrays["part"].reshape(-1)[: out.size].reshape(out.shape)
                self.product("kernel", group, left.T, self.planned.columns(rows, group), whole)
                self.calls.append(partial(self.xp.copyto, out, whole))
            else:
                self.product("kernel", group, left.T, rows, out)


def _kernel(planned: _Products, scratch: Mapping[str, tuple[int, ...]], direction: str, bind: Any) -> Kernel:
    specs = [Spec(shape, as_dtype("float32")) for shape in scratch.values()]
    how, cell = "walk" if planned.sizes.walks else "steps", planned.sizes.cell
    name = f"cuda:recurrence:{how}:{cell}:{direction}"
    return Kernel(name, bind, [*specs, *planned.scratch], captures=planned.captured)


@kernel("cuda", LSTMSteps, GRUSteps, SimpleRNNSteps)
def forward(op: Any, ins: Sequence[np.ndarray], outs: Sequence[Any]) -> Kernel | None:
    """All steps of a layer."""
    named, results = dict(zip(op.parts, ins, strict=True)), dict(zip(op.results, outs, strict=True))
    if not all(_fits(k, x) for k, x in (*named.items(), *results.items())):
        return None
    sizes = _sizes(op, named)
    state = (sizes.samples, sizes.units)
    slots = 1 + max(group.slot for group in sizes.groups)
    scratch: dict[str, tuple[int, ...]] = {}
    if not sizes.walks:
        scratch = {"row": (sizes.samples, sizes.width), "left": (slots, *state), "state": state}
        if sizes.cell == "lstm":
            scratch["cell"] = state
    planned = _Products(sizes, named["u"])
    planned.plan(*([] if sizes.walks else ["forward"]))

    def bind(b: Binding) -> list[Thunk]:
        arrays = dict(zip(op.parts, b.ins, strict=True)) | dict(zip(op.results, b.outs, strict=True))
        arrays |= dict(zip(scratch, b.scratch, strict=False))
        a = _Arrays(b.xp, sizes, arrays, planned, b.scratch[len(scratch) :])
        if sizes.walks:
            a.walk("forward")
        else:
            _steps(a)
        return [Kept(a.calls, a.arrays)]

    return _kernel(planned, scratch, "forward", bind)


def _steps(a: _Arrays) -> None:
    """The products and launches of all steps."""
    gru, groups = a.sizes.cell == "gru", a.sizes.groups
    a.step("begin")
    for t in range(a.sizes.steps):
        for group in groups[:-1] if gru else groups:
            a.forward_product(group)
        if gru:
            a.step("reset", t)
            a.forward_product(groups[-1])
        a.step("forward", t)


@kernel("cuda", LSTMStepsGrad, GRUStepsGrad, SimpleRNNStepsGrad)
def backward(op: Any, ins: Sequence[np.ndarray], outs: Sequence[Any]) -> Kernel | None:
    """Its gradient, from the last step to the first."""
    named = dict(zip(op.parts, ins, strict=True))
    results = dict(zip([k for k in op.results if k == "z" or k in named], outs, strict=True))
    if not all(_fits(k, x) for k, x in (*named.items(), *results.items())):
        return None
    sizes = _sizes(op, named)
    state, wide = (sizes.samples, sizes.units), (sizes.steps, sizes.samples, sizes.width)
    slots = 1 + max(group.slot for group in sizes.groups)
    scratch: dict[str, tuple[int, ...]] = {"turned": (sizes.width, sizes.units)}
    if not sizes.walks:
        scratch = {"row": (slots, *state), "state": state}
        if sizes.cell == "lstm":
            scratch["cell"] = state
    if results.get("z") is None:
        scratch["dz"] = wide
    if sizes.cell == "gru_reset_after":
        scratch["dproduct"] = wide
    if results.get("u") is not None:
        scratch["lefts"] = (slots, sizes.steps, *state)
        if len(sizes.groups) > 1:
            scratch["part"] = (sizes.units, max(g.number for g in sizes.groups) * sizes.units)
    planned = _Products(sizes, named["u"])
    planned.plan(*([] if sizes.walks else ["backward"]), *(["kernel"] if "lefts" in scratch else []))
    bias = _bias_gradient(wide) if results.get("rbias") is not None else None

    def bind(b: Binding) -> list[Thunk]:
        arrays = dict(zip(op.parts, b.ins, strict=True))
        arrays |= {GRADIENTS[k]: x for k, x in zip(results, b.outs, strict=True) if x is not None}
        arrays |= dict(zip(scratch, b.scratch, strict=False))
        arrays.setdefault("dproduct", arrays["dz"])
        work = b.scratch[len(scratch) :]
        a = _Arrays(b.xp, sizes, arrays, planned, work)
        if sizes.walks:
            a.walk("backward")
        else:
            _steps_back(a)
        if "lefts" in scratch:
            a.kernel_gradient(arrays["du"])
        if bias is not None:
            work = work[len(planned.scratch) :]
            a.calls += bias.bind(Binding(b.xp, [arrays["dproduct"]], [arrays["drbias"]], work))
        return [Kept(a.calls, a.arrays)]

    made = _kernel(planned, scratch, "backward", bind)
    return made if bias is None else Kernel(made.name, bind, [*made.scratch, *bias.scratch], captures=made.captures)


def _steps_back(a: _Arrays) -> None:
    """The launches and products of all steps, from the last to the first."""
    gru = a.sizes.cell == "gru"
    groups = a.sizes.groups
    for t in reversed(range(a.sizes.steps)):
        a.step("backward", t)
        if gru:
            a.backward_product(groups[-1], t)
            a.step("backward_reset", t)
        for group in groups[:-1] if gru else groups:
            a.backward_product(group, t)
    a.step("end")


def _bias_gradient(shape: tuple[int, ...]) -> Kernel:
    """The sum over steps and samples, as a fused loop makes it."""
    fold = Fold("sum", "f32", Read("full", 0, False, 4), False, shape[-1], 0, 0)
    made = fused(Fused([Loop(prod(shape), 1, (), (fold,))]), [_layout(*shape)], [_layout(shape[-1])])
    assert made is not None
    return made
