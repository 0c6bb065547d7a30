"""A lowered function: dead steps dropped, updates placed, every buffer given its place in one arena."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext

import numpy as np

from ..graph.dtype import as_dtype
from ..graph.op import Spec
from ..graph.shape import prod
from ..graph.tensor import Tensor, Variable
from ..kernels.fused import Fused
from ..kernels.native.opcodes import opcodes
from ..ops.elementwise import Identity
from ..runtime.device import gpus
from ..runtime.lanes import home_of
from ..runtime.memory import ArenaPlanner
from ..runtime.native import adopt_threads
from .axis_order import order_axes
from .blocked import Blocked, group_elementwise
from .epilogue import join_epilogues
from .fusion import fuse
from .fusion_pieces import SMALL, SMALL_ON_GPU
from .lowering import Lowering
from .partition import partition, read_outside
from .table_rows import keep_rows
from .transfers import first_brought, spread
from .value import Step, Value
from .widening import widen

FOREVER = 1 << 60


class Program:
    """Steps and memory layout for one set of shapes; holds no arrays.

    Arguments:
        outputs: tensors to compute.
        updates: (variable, new value) pairs; every value is computed from the old values.
        feeds: fed tensors and their concrete shapes.
        known: values of fed tensors that the program is specialised on.
        external: fed tensors and outputs live in arrays of the caller (the body of a scan).
        engine: whose kernels the steps use where it has any: 'numpy', 'native' or 'cuda'.
        lane_of: number of the device that runs what was made in a device scope; None: all runs on one.
        memories: the devices are GPUs with memories of their own (see `transfers`).
        reduces: tells whether they add up gradients themselves.

    Attributes:
        steps: operations in order.  segments: (phase, lane, number) of the steps that follow each other on a device.
        arena_bytes: size of all temporaries together.  arenas: the size on each GPU.
        homes: numbers of the GPUs that have the temporaries, where not the first.
        replicas: temporaries that are copies of variables on other GPUs.
        offsets: place of each temporary in the arena.  writes: temporaries computed in a variable's own storage.
        commits: (variable, value) still to be copied at the end.
        updated: whether variables get new values.
    """

    def __init__(
        self,
        outputs: Sequence[Tensor],
        updates: Sequence[tuple[Variable, Tensor]],
        feeds: Mapping[Tensor, Sequence[int]],
        known: Mapping[Tensor, np.ndarray] | None = None,
        external: bool = False,
        engine: str = "numpy",
        lane_of: Callable[[str | None], int] | None = None,
        memories: bool = False,
        reduces: Callable[[], bool] = lambda: False,
    ) -> None:
        lowering = Lowering(feeds, known, lane_of, reduces)
        self.memories = memories
        self.external = external
        self.engine = engine
        self.outputs = [self._there(lowering, v) for v in lowering.lower(outputs)]
        targets = dict(updates)  # the last update of a variable wins
        new = lowering.lower(list(targets.values()))
        self.commits = [
            (var, self._new_value(lowering, var, value))
            for var, value in zip(targets, new, strict=True)
            if value.kind != "void"
        ]
        self.updated = bool(self.commits)
        self.feeds = {t: lowering.values[t] for t in feeds}
        self.segments: list[tuple[int, int, int]] = []
        self.homes: dict[Value, int] = {}
        self.replicas: dict[Value, tuple[Variable, int]] = {}
        self.arenas: dict[int, int] = {}
        self.steps = self._live(lowering.steps)
        self.writes: dict[Value, Variable] = {}
        self._by_root: dict[Step, dict[Value, list[Value]]] = {}
        self._last_use = self._lifetimes()
        self._write_in_place()
        self.offsets: dict[Value, int] = {}
        self.scratch: list[list[tuple[int, Spec]]] = []
        self.arena_bytes = self._plan_memory()

    @property
    def captures(self) -> bool:
        """Whether all steps can be recorded in a CUDA graph."""
        return all(step.captures for step in self.steps)

    @staticmethod
    def _there(lowering: Lowering, value: Value) -> Value:
        """An output; one that follows from rows that are not there has no rows, or is not a number."""
        if value.kind != "void":
            return value
        return lowering.constant(np.nan if value.dtype.is_floating else 0, value.shape, value.dtype)

    @staticmethod
    def _new_value(lowering: Lowering, var: Variable, value: Value) -> Value:
        value = lowering.cast(value, var.dtype)
        if var.shape is not None and None not in var.shape and value.shape != tuple(var.shape):
            if prod(value.shape) != 1:
                raise ValueError(
                    f"update of variable {var.name!r} of shape {tuple(var.shape)} got a value of shape {value.shape}"
                )
            value = lowering.broadcast(value, var.shape)  # type: ignore[arg-type]
        if value.root.kind == "var":  # another variable's old content: copy it before that one changes
            (value,) = lowering.step(Identity(), [value], [value.spec], [None])
        return value

    def _live(self, steps: list[Step]) -> list[Step]:
        """The steps something needs."""
        needed = {v.root for v in self.outputs} | {v.root for _, v in self.commits}
        live = []
        for step in reversed(steps):
            if not needed.isdisjoint(step.outs):
                live.append(step)
                needed.update([v.root for v in step.ins])
        live.reverse()
        if self.memories:
            live = self._spread(live)
            needed.update(v.root for step in live for v in step.ins)
        kept = {v.root for v in self.outputs} | {v.root for _, v in self.commits}
        if self.engine == "native":
            adopt_threads()
        segments = partition(live)
        live = []
        for (phase, lane, steps), crossing in zip(segments, read_outside(segments), strict=True):
            steps = self._joined(steps, kept | crossing, kept - {v.root for v in self.outputs} - crossing)
            if self.memories:
                steps = first_brought(steps)
            self.segments.append((phase, lane, len(steps)))
            for step in steps:
                step.lane = lane
            live += steps
        if self.memories:
            made = ((v, self.home(step.lane)) for step in live for v in step.outs if v is not None)
            self.homes.update((v, home) for v, home in made if v not in self.replicas)
        needed.update(v.root for step in live for v in step.ins)  # what joining and widening put between
        for step in live:
            for i, v in enumerate(step.outs):
                if v not in needed and step.op.optional_outputs:
                    step.outs[i] = None  # type: ignore[call-overload]
            with gpus()[self.home(step.lane)].active() if self.memories else nullcontext():
                step.choose(self.engine)
        return live

    def _spread(self, live: list[Step]) -> list[Step]:
        """The steps, with copies between GPUs."""
        n = len(self.outputs)
        live, results, self.homes, self.replicas = spread(live, [*self.outputs, *(v for _, v in self.commits)])
        self.outputs = results[:n]
        self.commits = [(var, v) for (var, _), v in zip(self.commits, results[n:], strict=True)]
        return live

    def home(self, lane: int) -> int:
        """Which memory a lane has."""
        return home_of(lane) if self.memories else lane

    def _joined(self, steps: list[Step], kept: set[Value], updated: set[Value]) -> list[Step]:
        """The steps of a segment, fewer."""
        steps = widen(join_epilogues(steps, kept, self.engine), kept, self.engine)
        if self.engine == "native":
            steps = keep_rows(steps, kept)
        if self.engine == "cuda":
            steps = order_axes(steps, kept, self.engine)
        if self.engine == "cuda" or (self.engine == "native" and opcodes()):
            return fuse(steps, kept, updated, SMALL_ON_GPU if self.engine == "cuda" else SMALL)
        return group_elementwise(steps, kept)

    def _phase_ends(self) -> list[int]:
        """For each step the index of the last one that may run at the same time on another device."""
        ends: dict[int, int] = {}
        done = 0
        for phase, _, count in self.segments:
            done += count
            ends[phase] = done - 1
        return [ends[phase] for phase, _, count in self.segments for _ in range(count)]

    def _lifetimes(self) -> dict[Value, int]:
        """Index of the last step that reads each root, or that runs while another device may read it."""
        last: dict[Value, int] = {}
        ends = self._phase_ends()
        homes = {v: self.home(step.lane) for step in self.steps for v in step.outs if v is not None}
        for i, step in enumerate(self.steps):
            for v in step.ins:
                read = i if homes.get(v.root, 0) == self.home(step.lane) else ends[i]
                last[v.root] = max(last.get(v.root, 0), read)
        for v in self.outputs:
            last[v.root] = FOREVER
        for _, v in self.commits:
            last[v.root] = FOREVER
        return last

    def _same_memory(self, step: Step, root: Value) -> list[Value]:
        """The inputs of a step that look at the memory of a root value."""
        found = self._by_root.get(step)
        if found is None:
            found = self._by_root[step] = {}
            for v in step.ins:
                found.setdefault(v.root, []).append(v)
        return found.get(root, [])

    def _write_in_place(self) -> None:
        """Let a step write its variable's new value straight into the variable where no one reads the old one after."""
        index = {step: i for i, step in enumerate(self.steps)}
        last_read = {v.variable: i for v, i in self._last_use.items() if v.kind == "var"}
        roots = {v.variable: v for v in self._last_use if v.kind == "var"}
        remaining = []
        for var, value in self.commits:
            step = value.step
            if (
                value.kind == "temp"
                and step is not None
                and step.lane == 0  # others may read the variable meanwhile
                and value not in self.writes
                and last_read.get(var, -1) <= index[step]
                and (last_read.get(var, -1) < index[step] or self._over(step, value, roots[var]))
            ):
                self.writes[value] = var
            else:
                remaining.append((var, value))
        self.commits = remaining

    def _over(self, step: Step, value: Value, root: Value) -> bool:
        """Whether the step that reads a variable may write `value` over it."""
        return all(v.base is None and self._may_overwrite(step, value, v) for v in self._same_memory(step, root))

    def _plan_memory(self) -> int:
        planners = {home: ArenaPlanner() for home in sorted({0, *(self.home(step.lane) for step in self.steps)})}
        homes: dict[Value, int] = {}  # roots to the memory that holds them
        blocks: dict[Value, tuple[int, int]] = {}
        last_use = self._last_use
        external = {v.root for v in self.outputs} if self.external else set()
        if not self.external:
            for v in self.feeds.values():
                blocks[v] = planners[0].allocate(v.nbytes)
                self.offsets[v] = blocks[v][0]
                homes[v] = 0

        def release(v: Value) -> None:
            planners[homes[v]].release(*blocks.pop(v))

        dying: dict[int, list[Value]] = {}
        for v, i in last_use.items():
            dying.setdefault(i, []).append(v)
        for v in list(blocks):
            if v not in last_use:
                release(v)  # fed but unused: kept only so that it can be fed
        for i, step in enumerate(self.steps):
            home = self.home(step.lane)
            planner = planners[home]
            for out in step.outs:
                if out is None or out in self.writes or out in external or out in self.replicas:
                    continue
                homes[out] = home
                donor = self._donor(step, i, out, blocks, homes)
                blocks[out] = blocks.pop(donor) if donor is not None else planner.allocate(out.nbytes)
                self.offsets[out] = blocks[out][0]
            specs = step.scratch()
            taken = [planner.allocate(prod(s.shape) * as_dtype(s.dtype).itemsize) for s in specs]  # type: ignore[arg-type]
            self.scratch.append([(t[0], s) for t, s in zip(taken, specs, strict=True)])
            for block in taken:
                planner.release(*block)
            for v in dying.get(i, ()):
                if v in blocks:
                    release(v)
            for out in step.outs:
                if out is not None and out not in last_use and out in blocks:
                    release(out)
        return self._side_by_side(planners, homes)

    def _side_by_side(self, planners: dict[int, ArenaPlanner], homes: dict[Value, int]) -> int:
        """Puts the memories of the lanes one after the other; returns the size of all."""
        if self.memories:
            self.arenas = {home: planner.size for home, planner in planners.items()}
            return sum(self.arenas.values())
        starts, size = {}, 0
        for lane, planner in planners.items():
            starts[lane] = size
            size += planner.size
        if len(planners) > 1:
            self.offsets = {v: offset + starts[homes[v]] for v, offset in self.offsets.items()}
            self.scratch = [
                [(offset + starts[step.lane], spec) for offset, spec in places]
                for step, places in zip(self.steps, self.scratch, strict=True)
            ]
        return size

    def _donor(
        self, step: Step, i: int, out: Value, blocks: dict[Value, tuple[int, int]], homes: dict[Value, int]
    ) -> Value | None:
        """An input that dies here and whose buffer the output may take over."""
        for candidate in dict.fromkeys(step.ins):
            root = candidate.root
            if (
                root in blocks
                and homes[root] == self.home(step.lane)
                and self._last_use.get(root) == i
                and candidate.dtype == out.dtype == root.dtype
                and root.size == out.size
                and candidate.proto.flags.c_contiguous
                and self._may_overwrite(step, out, candidate)
            ):
                return root
        return None

    def _may_overwrite(self, step: Step, out: Value, source: Value) -> bool:
        """Whether `step` may write `out` over the memory of its input `source`."""
        if isinstance(step.op, Blocked):
            return step.op.overwrites(out, source)
        same = self._same_memory(step, source.root)
        if isinstance(step.op, Fused):
            if any(v is not source for v in same) or source.size != out.size:
                return False
            return step.op.overwrites(step.outs.index(out), step.ins.index(source))
        if step.outs[0] is not out or source.shape != out.shape or any(v is not source for v in same):
            return False
        return all(k in step.op.inplace for k, v in enumerate(step.ins) if v is source)
