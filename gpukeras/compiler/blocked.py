"""Runs of elementwise steps over large arrays, done block by block so that what passes between them stays in cache.

An optimizer's update of a large weight is some ten passes over memory; in blocks it is one.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

from ..graph.dtype import as_dtype
from ..graph.op import Binding, Op, Spec, Thunk
from ..graph.shape import prod
from ..runtime.memory import Arena, ArenaPlanner
from .value import Step, Value

MIN_SIZE = 1 << 20  # elements; what fits the last-level cache gains nothing
BLOCK = 1 << 15  # elements per block: a handful of float32 blocks fit a 1 MB second-level cache
MAX_BLOCKS = 256  # bounds the number of calls for very large arrays


class Blocked(Op):
    """Several elementwise steps in one.

    Arguments:
        steps: the steps, in order.
        ins: values they read from outside, in the order of the step's inputs.
        outs: values they make that are read outside.
    """

    optional_outputs = False

    def __init__(self, steps: Sequence[Step], ins: Sequence[Value], outs: Sequence[Value]) -> None:
        self.steps = list(steps)
        self.ins = list(ins)
        self.outs = list(outs)

    def key(self) -> Hashable:
        return (type(self), id(self))

    def overwrites(self, out: Value, source: Value) -> bool:
        """Whether `out` may be written over the full-size input `source` while the blocks run."""
        made = next(i for i, step in enumerate(self.steps) if step.outs[0] is out)
        for i, step in enumerate(self.steps):
            for k, v in enumerate(step.ins):
                if v.root is not source.root:
                    continue
                if v is not source or i > made or (i == made and k not in step.op.inplace):
                    return False
        return source.shape == out.shape

    def _layout(self) -> tuple[bool, int, int]:
        """(flatten, rows in all, rows per block): arrays are cut along their first axis, or as if one-dimensional."""
        shape = self.outs[0].shape
        flat = all(_is_scalar(v) or (v.shape == shape and v.proto.flags.c_contiguous) for v in self.ins)
        rows = prod(shape) if flat else shape[0]
        per_row = prod(shape) // rows
        block = max(BLOCK // per_row, -(-rows // MAX_BLOCKS), 1)
        return flat, rows, block

    def prepare(self, ins: Sequence[Spec], outs: Sequence[Spec]) -> Any:
        """Layout, and the place of each temporary in a block-sized arena."""
        flat, rows, block = self._layout()
        planner = ArenaPlanner()
        inner = {step.outs[0] for step in self.steps} - set(self.outs)
        last = {v: i for i, step in enumerate(self.steps) for v in step.ins if v in inner}
        places: dict[Value, tuple[int, int]] = {}
        work: list[list[tuple[int, Spec]]] = []
        for i, step in enumerate(self.steps):
            out = step.outs[0]
            specs = [self._cut(v.spec, flat, rows, block) for v in step.ins]
            cut = self._cut(out.spec, flat, rows, block)
            scratch = step.op.scratch(specs, [cut], None)
            taken = [planner.allocate(prod(s.shape) * s.dtype.itemsize) for s in scratch]  # type: ignore[arg-type]
            work.append([(t[0], s) for t, s in zip(taken, scratch, strict=True)])
            if out in inner:
                places[out] = planner.allocate(prod(cut.shape) * out.dtype.itemsize)  # type: ignore[arg-type]
            for t in taken:
                planner.release(*t)
            for v in {v for v in step.ins if last.get(v) == i}:
                planner.release(*places[v])
        return flat, rows, block, {v: p[0] for v, p in places.items()}, work, planner.size

    @staticmethod
    def _cut(spec: Spec, flat: bool, rows: int, block: int) -> Spec:
        """Spec of one block of an array."""
        shape: tuple[int, ...] = spec.shape  # type: ignore[assignment]
        if prod(shape) == 1:
            return spec
        if flat:
            return Spec((block,), spec.dtype)
        return Spec((block, *shape[1:]), spec.dtype) if shape[0] == rows and rows > 1 else spec

    def scratch(self, ins: Sequence[Spec], outs: Sequence[Spec], prepared: Any) -> Sequence[Spec]:
        return [Spec((Arena.reserve(prepared[-1]),), as_dtype("uint8"))]

    def bind(self, b: Binding) -> Sequence[Thunk]:
        flat, rows, block, places, work, _ = b.prepared
        arena = Arena(b.xp, b.scratch[0])
        ndim = len(self.outs[0].shape)
        arrays = dict(zip([*self.ins, *self.outs], [*b.ins, *b.outs], strict=True))
        scalars = {v: b.xp.asarray(v.uniform, v.dtype) for v in self.ins if v.uniform is not None}
        calls: list[Thunk] = []
        for start in range(0, rows, block):
            stop = min(start + block, rows)

            def part(v: Value, start: int = start, stop: int = stop) -> Any:
                array = arrays.get(v)
                if array is None:
                    array = arena.array(places[v], self._cut(v.spec, flat, rows, block).shape, v.dtype)  # type: ignore[arg-type]
                    return array[: stop - start] if stop - start < block else array
                if v.uniform is not None:
                    return scalars[v]
                if array.size == 1:
                    return array.reshape(()) if flat else array
                if flat:
                    return array.reshape(-1)[start:stop]
                return array[start:stop] if array.ndim == ndim and array.shape[0] == rows else array

            for step, scratch in zip(self.steps, work, strict=True):
                temps = [self._short(arena, o, s, stop - start, block) for o, s in scratch]
                ins = [part(v) for v in step.ins]
                out = part(step.outs[0])
                calls += step.op.bind(Binding(b.xp, ins, [out], temps, None, step.where))
        return calls

    @staticmethod
    def _short(arena: Arena, offset: int, spec: Spec, rows: int, block: int) -> Any:
        array = arena.array(offset, spec.shape, spec.dtype)  # type: ignore[arg-type]
        return array[:rows] if rows < block and spec.shape and spec.shape[0] == block else array


def _is_scalar(v: Value) -> bool:
    return v.size == 1 or v.uniform is not None


def _fits(step: Step) -> bool:
    """Whether a step can be part of a group."""
    if not step.op.elementwise or len(step.outs) != 1 or step.op.stateful or type(step.op).prepare is not Op.prepare:
        return False
    out = step.outs[0]
    if out is None or out.size < MIN_SIZE or not out.shape:
        return False
    if out.shape[0] == 1:
        return all(_is_scalar(v) or v.shape == out.shape for v in step.ins)
    return True


def group_elementwise(steps: list[Step], needed: set[Value]) -> list[Step]:
    """Join neighbouring elementwise steps on arrays of one shape.

    Arguments:
        steps: the live steps, in order.
        needed: root values read after the last step (outputs, updates).
    """
    groups: list[list[Step]] = []
    made: set[Value] = set()
    made_shape: tuple[int, ...] = ()
    for step in steps:
        # a view of what the group makes would be read before it is whole
        if (
            made
            and _fits(step)
            and made_shape == step.outs[0].shape
            and not any(v.base is not None and v.root in made for v in step.ins)
        ):
            groups[-1].append(step)
        else:
            groups.append([step])
            made.clear()
        if _fits(step):
            made.add(step.outs[0])
            made_shape = step.outs[0].shape
    readers: dict[Value, set[int]] = {}
    for g, group in enumerate(groups):
        for step in group:
            for v in step.ins:
                readers.setdefault(v.root, set()).add(g)
    return [_join(group, g, readers, needed) if len(group) > 1 else group[0] for g, group in enumerate(groups)]


def _join(group: list[Step], g: int, readers: dict[Value, set[int]], needed: set[Value]) -> Step:
    made = {step.outs[0]: None for step in group}
    ins = list(dict.fromkeys(v for step in group for v in step.ins if v not in made))
    outs = [v for v in made if v in needed or readers.get(v, set()) - {g}]
    joined = Step(Blocked(group, ins, outs), ins, outs, group[-1].where, [None] * len(ins))
    for v in outs:
        v.step = joined
    return joined
