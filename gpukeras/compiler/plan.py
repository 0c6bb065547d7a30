"""A program bound to arrays: a flat list of calls, run at every step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from ..graph.op import Binding, Spec, Thunk
from ..graph.tensor import Tensor
from ..kernels.native.calls import as_tasks
from ..runtime.device import Device, gpus
from ..runtime.feed import Rows
from ..runtime.graphs import Eager, Replay
from ..runtime.lanes import Fork, Spread
from ..runtime.memory import Arena, Memory
from ..runtime.native import all_tasks, join_tasks
from .gpu import GpuSide, out_of_memory, title
from .program import Program
from .value import Step, Value


class Binder:
    """Finds the array of each value of a program and ties kernels to them.

    Arguments:
        program: what to bind.
        device: where.
        arena: memory of the temporaries.
        feeds: arrays of fed tensors that the caller owns (the body of a scan); others are cut from the arena.
        outs: arrays the caller wants outputs written to, by the outputs' root values.
        others: where several GPUs have memories of their own, the binders of all, by number.
    """

    def __init__(
        self,
        program: Program,
        device: Device,
        arena: Arena,
        feeds: Mapping[Tensor, Any] | None = None,
        outs: Mapping[Value, Any] | None = None,
        others: Mapping[int, Binder] | None = None,
    ) -> None:
        self.others = others
        self.program = program
        self.device = device
        self.arena = arena
        self.arrays: dict[Value, Any] = {}
        self._copies: list[Thunk] = []
        for tensor, array in (feeds or {}).items():
            self.arrays[program.feeds[tensor]] = array
        self.arrays.update(outs or {})

    def array(self, v: Value) -> Any:
        """The array of a value."""
        found = self.arrays.get(v)
        if found is None:
            if self.others is not None and not v.root.is_const:
                place = self.others[self.program.homes.get(v.root, 0)]
                if place is not self:
                    with place.device.active():
                        return place.array(v)
            found = self.arrays[v] = self._find(v)
        return found

    def _find(self, v: Value) -> Any:
        program = self.program
        if v.base is not None and v.op is not None:
            base = self.array(v.base)
            try:
                return v.op.view(base, v.shape)
            except ValueError:  # the caller's array has strides that were not known when the program was made
                whole = self.device.empty(v.base.shape, v.base.dtype)
                self._copies.append(partial(self.device.xp.copyto, whole, base))
                return v.op.view(whole, v.shape)
        if v.kind == "var":
            return v.variable.data
        if v.kind == "const":
            if v.uniform is not None:
                return self.device.xp.broadcast_to(self._scalar(v), v.shape)
            return self.device.asarray(v.const) if self.device.is_gpu else v.const
        target = program.writes.get(v)
        if target is not None:
            return target.data
        if v in program.replicas:
            return program.replicas[v][0].replica(self.device)
        return self.arena.array(program.offsets[v], v.shape, v.dtype)

    def _scalar(self, v: Value) -> Any:
        return self.device.asarray(v.uniform, v.dtype)

    def _input(self, step: Step, v: Value) -> Any:
        """Array of an input; a repeated scalar stays a scalar where the kernel broadcasts anyway."""
        if v.uniform is not None and step.op.elementwise:
            out = step.outs[0]
            if any(w.shape == out.shape and w.uniform is None for w in step.ins):
                return self._scalar(v)
        return self.array(v)

    def calls_by_step(self) -> list[Sequence[Thunk]]:
        """The calls of each step."""
        calls: list[Sequence[Thunk]] = []
        for step, scratch in zip(self.program.steps, self.program.scratch, strict=True):
            if self.others is None:
                calls.append(self._calls(step, scratch))
                continue
            there = self.others[self.program.home(step.lane)]
            with there.device.active():
                calls.append(there._calls(step, scratch))
        return calls

    def _calls(self, step: Step, scratch: Sequence[tuple[int, Spec]]) -> Sequence[Thunk]:
        ins = [self._input(step, v) for v in step.ins]
        outs = [None if v is None else self.array(v) for v in step.outs]
        work = [self.arena.array(offset, spec.shape, spec.dtype) for offset, spec in scratch]  # type: ignore[arg-type]
        bound = step.bind(Binding(self.device.xp, ins, outs, work, step.prepared, step.where))
        if self.device.is_gpu and not step.captures:
            bound = [Eager(call, f"{step.op.name} of {step.where}") for call in bound]
        return as_tasks(bound) if self.program.engine == "native" else bound

    def thunks(self) -> list[Thunk]:
        """The calls of all steps in order, neighbours joined."""
        by_step = self.calls_by_step()
        if len(self.program.segments) < 2:
            return [*self._copies, *join_tasks([call for calls in by_step for call in calls])]
        phases: dict[int, dict[int, list[Thunk]]] = {}
        first = 0
        for phase, lane, count in self.program.segments:
            calls = [call for calls in by_step[first : first + count] for call in calls]
            phases.setdefault(phase, {})[lane] = join_tasks(calls)
            first += count
        return [*self._copies, *(call for lanes in phases.values() for call in self._side_by_side(lanes))]

    def _side_by_side(self, lanes: dict[int, list[Thunk]]) -> list[Thunk]:
        """The calls of a phase."""
        if self.others is not None and any(lanes):
            where, places = title(self.program), {self.program.home(lane): calls for lane, calls in lanes.items()}
            xp = self.device.xp
            return [Spread({i: [Replay(xp, calls, f"{where} on GPU {i}")] for i, calls in places.items()})]
        if len(lanes) == 1:
            return next(iter(lanes.values()))
        return [Fork(list(lanes.values()), threads=not self.device.is_gpu)]


class Plan:
    """A program that can be run.

    Arguments:
        program: steps and memory layout.
        device: where to run.
        memory: where the arena comes from; plans that never run at the same time share one.

    Attributes:
        program: steps and memory layout.
        calls: the kernels, in order; on the 'planonly' device there are none.
        feeds: the input buffers.
        outs: the arrays of the outputs.
        commits: (variable's array, new value) still to be copied when the outputs have been read.
        gpu: how it is fed, run and read on a GPU; None elsewhere.
    """

    def __init__(self, program: Program, device: Device, memory: Memory) -> None:
        self.program = program
        self.device = device
        self.calls: list[Thunk] = []
        self.feeds: list[Any] = []
        self.outs: list[Any] = []
        self.commits: list[tuple[Any, Any]] = []
        self.gpu: GpuSide | None = None
        if not device.executes:
            return
        try:
            self._bind(memory)
        except MemoryError as error:
            if not device.is_gpu:
                raise
            raise out_of_memory(program, device.xp, error) from error

    def _bind(self, memory: Memory) -> None:
        program = self.program
        binder = self._binder(memory)
        self.calls = binder.thunks()
        self.feeds = [binder.array(v) for v in program.feeds.values()]
        self.outs = [binder.array(v) for v in program.outputs]
        self.commits = [(var.data, binder.array(v)) for var, v in program.commits]
        if self.device.is_gpu:
            self.gpu = GpuSide(self, binder.arena)
        self._native = all_tasks(self.calls)

    def _binder(self, memory: Memory) -> Binder:
        program = self.program
        if len(program.arenas) < 2:
            return Binder(program, self.device, memory.arena(program.arena_bytes))
        binders: dict[int, Binder] = {}
        for home, nbytes in program.arenas.items():
            binders[home] = Binder(program, gpus()[home], memory.on(gpus()[home]).arena(nbytes), others=binders)
        return binders[0]

    def run(self, feeds: Sequence[Any]) -> list[Any]:
        """Feed, execute, update; returns host copies of the outputs (NumPy scalars for rank 0).

        Arguments:
            feeds: one array or `Rows` per fed tensor, in the program's order.
        """
        if not self.device.executes:
            return [None] * len(self.program.outputs)
        if self.gpu is not None:
            return self.gpu.run(feeds)
        for buffer, x in zip(self.feeds, feeds):
            if type(x) is Rows:
                x.copy_to(buffer)
            else:
                buffer[...] = x
        if self._native:  # nothing that could warn
            for call in self.calls:
                call()
        else:
            with np.errstate(all="ignore"):
                for call in self.calls:
                    call()
        results = self.outputs()
        for target, value in self.commits:
            self.device.xp.copyto(target, value)
        return results

    def outputs(self) -> list[Any]:
        """Host copies of the outputs of the last run (NumPy scalars for rank 0)."""
        if self.gpu is not None:
            return self.gpu.outputs()
        return [a.copy() if a.ndim else a[()] for a in self.outs]
