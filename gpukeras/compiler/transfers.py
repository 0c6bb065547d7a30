"""What one GPU makes and another reads: copies between memories, weights handed out, gradients added up.

A program for GPUs with memories of their own is written as if there were one memory. `spread` puts steps between, so
that every other step finds its inputs in the memory of the GPU that runs it:

- `Transfer` copies an array (rows of the batch, results) to the GPU that reads it, on that GPU's stream;
- `Broadcast` copies weights to the other GPUs, where they have arrays of their own (`Variable.replica`);
- `Reduce` adds up gradients where NCCL does it; otherwise they are transferred, and the first GPU adds.

Variables, what is fed and what is returned are in the first GPU's memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..graph.op import Binding, Op, Partial, Spec, Thunk
from ..graph.tensor import Variable
from ..kernels import collectives
from ..ops.replicas import Total
from ..runtime.lanes import home_of
from .value import Step, Value


class Transfer(Op):
    """A copy of an array in another GPU's memory; both are contiguous."""

    name = "transfer"
    captures = False
    widens = False

    def infer(self, ins: Sequence[Spec], values: Sequence[Partial]) -> Spec:
        return ins[0]

    def bind(self, b: Binding) -> Sequence[Thunk]:
        return [collectives.copy_call(b.outs[0], b.ins[0])]


class Broadcast(Op):
    """Weights for the GPUs that read them.

    Arguments:
        places: for each output which input it is a copy of, and on which GPU.
    """

    name = "broadcast_weights"
    captures = False
    widens = False
    stateful = True  # the weights may have been set since

    def __init__(self, places: tuple[tuple[int, int], ...]) -> None:
        self.places = places

    def infer(self, ins: Sequence[Spec], values: Sequence[Partial]) -> Sequence[Spec]:
        return [ins[i] for i, _ in self.places]

    def bind(self, b: Binding) -> Sequence[Thunk]:
        copies: dict[int, dict[int, object]] = {i: {} for i in range(len(b.ins))}
        for (i, home), out in zip(self.places, b.outs, strict=True):
            copies[i][home] = out
        return [collectives.Broadcast(b.ins, list(copies.values()))]


class Reduce(Op):
    """Sums over GPUs, many at a time, on the first one.

    Arguments:
        homes: number of the GPU of each term; every `len(homes)` inputs are the terms of one output.
    """

    name = "reduce_gradients"
    captures = False
    widens = False

    def __init__(self, homes: tuple[int, ...]) -> None:
        self.homes = homes

    def infer(self, ins: Sequence[Spec], values: Sequence[Partial]) -> Sequence[Spec]:
        return list(ins[:: len(self.homes)])

    def bind(self, b: Binding) -> Sequence[Thunk]:
        n = len(self.homes)
        terms = [b.ins[i : i + n] for i in range(0, len(b.ins), n)]
        return [collectives.Reduce(self.homes, terms, b.outs)]


def first_brought(steps: Sequence[Step]) -> list[Step]:
    """The steps of a segment, what comes from other GPUs first: the others can be recorded in one CUDA graph."""
    return sorted(steps, key=lambda step: not isinstance(step.op, (Transfer, Broadcast, Reduce)))


class _Spread:
    """The steps so far, and where their results are."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.homes: dict[Value, int] = {}
        self.replicas: dict[Value, tuple[Variable, int]] = {}
        self._there: dict[tuple[int, Value], Value] = {}  # what stands for a value on another GPU
        self._weights: list[Value] = []
        self._places: list[tuple[int, int]] = []

    def add(self, step: Step) -> None:
        """A step, after what brings its inputs."""
        if not isinstance(step.op, Reduce):
            step.ins = [self.at(v, step.lane, step.where) for v in step.ins]
        self.steps.append(step)
        self.homes.update((v, home_of(step.lane)) for v in step.outs if v is not None)

    def at(self, v: Value, lane: int, where: str) -> Value:
        """What a step of a lane reads in place of a value."""
        home, root = home_of(lane), v.root
        if root.is_const or self.homes.get(root, 0) == home:
            return v
        found = self._there.get((home, v))
        if found is None:
            carried = root if root.kind == "var" else _carried(v)
            if v is not carried:
                found = _view_again(v, self.at(v.base, lane, where))  # type: ignore[arg-type]
            elif v.kind == "var":
                found = self._replica(v, home)
            else:
                found = self._transfer(v, lane, where)
            self._there[home, v] = found
        return found

    def _transfer(self, v: Value, lane: int, where: str) -> Value:
        out = Value(v.shape, v.dtype, "temp")
        step = Step(Transfer(), [v], [out], where, [None])
        step.lane = lane
        self.steps.append(step)
        self.homes[out] = home_of(lane)
        out.step = step
        return out

    def _replica(self, v: Value, home: int) -> Value:
        out = Value(v.shape, v.dtype, "temp")
        if v not in self._weights:
            self._weights.append(v)
        self._places.append((self._weights.index(v), home))
        self.replicas[out] = v.variable, home
        self.homes[out] = home
        return out

    def all_steps(self) -> list[Step]:
        """The steps, weights first."""
        if not self._places:
            return self.steps
        step = Step(Broadcast(tuple(self._places)), self._weights, list(self.replicas), "", [])
        for v in self.replicas:
            v.step = step
        return [step, *self.steps]


def _carried(v: Value) -> Value:
    """What is copied to have a value elsewhere: the smallest contiguous piece of memory that has it."""
    pieces = [v]
    while v.base is not None:
        v = v.base
        pieces.append(v)
    pieces = [piece for piece in reversed(pieces) if piece is v or piece.proto.flags.c_contiguous]
    return min(pieces, key=lambda piece: piece.nbytes)  # of equals the first, next to the root


def _view_again(v: Value, base: Value) -> Value:
    """The view that a value is, of another base."""
    out = Value(v.shape, v.dtype, "view")
    out.look_at(base, v.op)  # type: ignore[arg-type]
    return out


class Spreading(NamedTuple):
    """A program for GPUs with memories of their own.

    Attributes:
        steps: all steps, each after those whose results it reads.
        results: the values that were asked for, in the first GPU's memory.
        homes: the number of the GPU of each root value that a step makes.
        replicas: of which variables, and where, the results of `Broadcast` are copies.
    """

    steps: list[Step]
    results: list[Value]
    homes: dict[Value, int]
    replicas: dict[Value, tuple[Variable, int]]


def spread(steps: Sequence[Step], results: Sequence[Value]) -> Spreading:
    """The steps, with those between that bring every GPU what it reads.

    Arguments:
        steps: each after those whose results it reads; changed.
        results: what is returned, or becomes a variable's new value.
    """
    if not any(home_of(step.lane) for step in steps):
        for step in steps:
            step.lane = 0
        return Spreading(list(steps), list(results), {}, {})
    made = _Spread()
    for step in _reduced(steps):
        made.add(step)
    results = [made.at(v, 0, "") for v in results]
    return Spreading(made.all_steps(), results, made.homes, made.replicas)


def _reduced(steps: Sequence[Step]) -> list[Step]:
    """The steps, with sums over the same GPUs that can be made at the same time made by one step."""
    lanes: dict[Value, int] = {}
    depths: dict[Value, int] = {}  # sums that come before a value
    groups: dict[tuple[tuple[int, ...], int], list[Step]] = {}
    for step in steps:
        depth = max((depths.get(v.root, 0) for v in step.ins), default=0)
        if isinstance(step.op, Total) and step.lane == 0:
            homes = tuple(home_of(lanes.get(v.root, 0)) for v in step.ins)
            if all(lanes.get(v.root) for v in step.ins) and _can_reduce(step, homes):
                groups.setdefault((homes, depth), []).append(step)
            depth += 1
        for v in step.outs:
            if v is not None:
                lanes[v], depths[v] = step.lane, depth
    if not groups:
        return list(steps)
    joined = set()
    kept = []
    for (homes, _), members in groups.items():
        joined.update(members)
        ins, outs = [v for m in members for v in m.ins], [m.outs[0] for m in members]
        step = Step(Reduce(homes), ins, outs, members[0].where, [None] * len(ins))
        for v in outs:
            v.step = step
        kept.append(step)
    return _ordered([*(step for step in steps if step not in joined), *kept])


def _can_reduce(step: Step, homes: tuple[int, ...]) -> bool:
    return (
        homes[0] == 0
        and len(set(homes)) == len(homes) > 1
        and all(v.root.kind == "temp" and v.proto.flags.c_contiguous for v in step.ins)
        and collectives.can_add_up(step.ins[0].dtype)
        and collectives.communicator(homes) is not None
    )


def _ordered(steps: Sequence[Step]) -> list[Step]:
    """The steps, each after those whose results it reads, otherwise in their order."""
    makers = {v: step for step in steps for v in step.outs if v is not None}
    done: dict[Step, None] = {}
    for first in steps:
        stack = [first]
        while stack:
            step = stack[-1]
            before = [makers[v.root] for v in step.ins if v.root in makers and makers[v.root] not in done]
            if step in done or not before:
                done[stack.pop()] = None
            else:
                stack += before
    return list(done)
