"""Fused loops as programs of the C++ extension's evaluator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...graph.op import Binding, Thunk
from ...runtime import native
from ..fused import Fused, Loop, Part, Read
from ..registry import Kernel, kernel
from .calls import copy

_KINDS = {"full": 0, "scalar": 1, "strided": 2, "direct": 3}
_FOLDS = {"sum": 0, "mean": 0, "max": 1, "min": 2}
_TYPES = {"f32": 0, "f64": 1, "i32": 2, "i64": 3}
_ITEM = {"f32": 4, "f64": 8, "i32": 4, "i64": 8}


class _Assembly:
    """Slots, operands and instructions of one loop."""

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self.operands: list[tuple[Any, ...]] = []
        self.arrays: list[tuple[str, Any]] = []  # per operand: ('in' | 'out', index) or ('counter', array)
        self._known: dict[Any, int] = {}
        self._last: dict[int, int] = {}
        for i, part in enumerate(loop.parts):
            self._last.update((r.source, i) for r in part.reads if r.inner)
        for fold in loop.folds:
            if fold.read.inner:
                self._last[fold.read.source] = len(loop.parts)
        self._slots: dict[int, int] = {}  # part -> block (>= 0) or operand (~index)
        self._free: list[int] = []
        self.blocks = 0

    def _operand(self, key: Any, kind: str, output: bool, per_row: bool, item: int, array: Any, *layout: Any) -> int:
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = len(self.operands)
            self.operands.append((_KINDS[kind], output, per_row, item, *(layout or ((), ()))))
            self.arrays.append(array)
        return ~found

    def _source(self, read: Read, per_row: bool) -> int:
        if read.inner:
            return self._slots[read.source]
        key = (read, per_row and read.how == "full")
        return self._operand(
            key, read.how, False, per_row, read.item, ("in", read.source), list(read.shape), list(read.strides)
        )

    def _block(self) -> int:
        if self._free:
            return self._free.pop()
        self.blocks += 1
        return self.blocks - 1

    def _ending(self, part: Part, index: int) -> tuple[list[int], list[int]]:
        """Blocks no one reads after part `index`: those its result may take at once, and those free after it."""
        now: list[int] = []
        later: list[int] = []
        for source in {r.source for r in part.reads if r.inner and self._last[r.source] == index}:
            block, made = self._slots[source], self.loop.parts[source]
            if block >= 0:
                # element for element in place: only where both have the same width and number
                (now if (made.item, made.per_row) == (part.item, part.per_row) else later).append(block)
        return now, later

    def _spread(self, read: Read, made: list[tuple[Any, ...]]) -> int:
        """A block with each row's number at each of its elements."""
        kind = {2: "f16", 4: "f32", 8: "f64", 1: "b8"}[read.item]
        out = self._block()
        made.append((f"spread:{kind}", True, True, out, [self._slots[read.source]], [], 0))
        return out

    def build(self) -> tuple[Any, ...]:
        """The loop as the extension takes it."""
        made: list[tuple[Any, ...]] = []
        for i, part in enumerate(self.loop.parts):
            spreads: dict[int, int] = {}
            sources = []
            for r in part.reads:
                if r.how == "spread":
                    if r.source not in spreads:
                        spreads[r.source] = self._spread(r, made)
                    sources.append(spreads[r.source])
                else:
                    # what goes into an instruction on rows has one element per element of them
                    sources.append(self._source(r, part.per_row and not part.rows))
            if part.counter is not None:
                sources.append(self._operand(id(part.counter), "direct", False, False, 8, ("counter", part.counter)))
            now, later = self._ending(part, i)
            self._free += now
            if part.out >= 0:
                slot = self._operand(("out", part.out), "full", True, part.per_row, part.item, ("out", part.out))
            else:
                slot = self._block()
            self._slots[i] = slot
            self._free += [*later, *spreads.values()]
            if i not in self._last and slot >= 0:
                self._free.append(slot)
            made.append((part.opcode, part.rows, part.per_row, slot, sources, list(part.numbers), part.seed))
        folds = []
        for fold in self.loop.folds:
            slot = self._source(fold.read, fold.per_row)
            item = _ITEM[fold.type]
            out = ~self._operand(("out", fold.out), "direct", True, False, item, ("out", fold.out))
            mean = fold.kind == "mean"
            kind, type_ = _FOLDS[fold.kind], _TYPES[fold.type]
            folds.append((kind, type_, mean, slot, fold.per_row, fold.period, fold.group, out))
        return self._finish(made, folds)

    def _finish(self, made: list[tuple[Any, ...]], folds: list[tuple[Any, ...]]) -> tuple[Any, ...]:
        def place(slot: int) -> int:
            return slot if slot >= 0 else self.blocks + ~slot

        code = [
            (n, rows, per, place(out), [place(s) for s in ins], nums, seed)
            for n, rows, per, out, ins, nums, seed in made
        ]
        ends = [(*f[:3], place(f[3]), *f[4:]) for f in folds]
        wide = any(part.item == 8 for part in self.loop.parts)
        return (self.loop.elements, self.loop.length, self.blocks, wide, self.operands, code, ends)


def _fitted(arrays: Sequence[Any], layouts: Sequence[Any]) -> tuple[list[Thunk], list[Any]]:
    """The arrays in the layouts the program was made for, and the copies that need.

    Arrays that a caller owns, such as those of a loop's steps, may have strides of their own.
    """
    calls: list[Thunk] = []
    fitting: list[Any] = []
    for x, layout in zip(arrays, layouts, strict=True):
        same = all(n < 2 or s == t for n, s, t in zip(x.shape, x.strides, layout.strides, strict=True))
        fitting.append(x if same else np.empty(x.shape, x.dtype))
        if not same:
            if not layout.flags.c_contiguous:
                raise ValueError(f"fused: an array came with strides {x.strides}, {layout.strides} were announced")
            calls.append(copy(fitting[-1], x))
    return calls, fitting


@kernel("native", Fused)
def fused(op: Fused, ins: Sequence[np.ndarray], outs: Sequence[Any]) -> Kernel | None:
    """All loops as one program."""
    module = native.load()
    if module is None:
        return None
    assemblies = [_Assembly(loop) for loop in op.loops]
    program = module.FusedProgram([a.build() for a in assemblies])
    arrays = [array for a in assemblies for array in a.arrays]
    counters = [part.counter for loop in op.loops for part in loop.parts if part.counter is not None]

    def bind(b: Binding) -> list[Thunk]:
        before, fitting = _fitted(b.ins, ins)
        after: list[Thunk] = []
        written = list(b.outs)
        for i, x in enumerate(b.outs):
            if not x.flags.c_contiguous:
                written[i] = np.empty(x.shape, x.dtype)
                after.append(copy(x, written[i]))
        groups = {"in": fitting, "out": written}
        task = program.bind(counters, *[x if k == "counter" else groups[k][x] for k, x in arrays])
        return [*before, task, *after]

    return Kernel(f"fused:{sum(len(loop.parts) + len(loop.folds) for loop in op.loops)}", bind)
