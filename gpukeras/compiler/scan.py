"""Loops over time: a body graph, its plan bound once per step, and its reverse-mode gradient.

It stands here and not in `ops`, because its kernel is a plan.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from functools import partial
from typing import Any

import numpy as np

from .. import ops
from ..graph import algebra, scope
from ..graph.dtype import as_dtype
from ..graph.gradient import ancestors, gradients
from ..graph.op import Binding, Op, Partial, Spec, Thunk
from ..graph.tensor import Constant, Node, Placeholder, Tensor, apply
from ..ops.shaping import Shape, Size
from ..runtime.device import device_of
from ..runtime.memory import Arena
from ..runtime.native import copy_call
from .lowering import DynamicShape
from .plan import Binder
from .program import Program
from .value import Value


class Body:
    """What one step computes.

    Attributes:
        seqs: stand-ins for the slices of the sequences.  states: for the states before the step.
        consts: tensors of the outer graph the step reads, the same at every step.
        new_states, ys: what the step returns.
        draws: random tensors made inside and all that loops inside made with theirs, kept for the gradient.
    """

    def __init__(
        self,
        seqs: Sequence[Tensor],
        states: Sequence[Tensor],
        consts: Sequence[Tensor],
        new_states: Sequence[Tensor],
        ys: Sequence[Tensor],
        draws: Sequence[Tensor] = (),
    ) -> None:
        self.seqs = list(seqs)
        self.states = list(states)
        self.consts = list(consts)
        self.new_states = list(new_states)
        self.ys = list(ys)
        self.draws = list(draws)

    @property
    def inputs(self) -> list[Tensor]:
        """Everything that is fed to a step."""
        return self.seqs + self.states + self.consts

    @property
    def outputs(self) -> list[Tensor]:
        """Everything a step returns."""
        return self.new_states + self.ys + self.draws


class Scan(Op):
    """Runs a body over the first axis of sequences.

    Inputs: sequences (T, ...), initial states, constants.  Outputs: final states; ys (T, ...); random draws
    (T, ...); the states before each step (T, ...).  Outputs nobody reads are not kept.
    """

    widens = False
    optional_outputs = True

    def __init__(self, body: Body, reverse: bool = False) -> None:
        self.body = body
        self.reverse = reverse
        self.stateful = bool(body.draws)
        first = len(body.seqs) + len(body.states)  # the learning phase is to be known inside as it is outside
        sizes = _sizes(body)
        self.shape_inputs = tuple(
            first + i for i, t in enumerate(body.consts) if t in sizes or (isinstance(t, Placeholder) and t.by_value)
        )

    def key(self) -> Hashable:
        return (type(self), id(self))

    def infer(self, ins: Sequence[Spec], values: Sequence[Partial]) -> Sequence[Spec]:
        body = self.body
        n, m = len(body.seqs), len(body.states)
        steps = ins[0].shape[0] if ins[0].shape else None
        for spec in ins[1:n]:
            assert spec.shape is not None
            if steps is None:
                steps = spec.shape[0]
            elif spec.shape[0] is not None and spec.shape[0] != steps:
                raise ValueError(f"scan: sequences have {steps} and {spec.shape[0]} steps; they must agree")
        outs = self._step_specs(ins, values)
        for k, (before, after) in enumerate(zip(ins[n : n + m], outs[:m], strict=True)):
            _check_state(k, before.shape, after.shape)
        stacked = [Spec((steps, *s.shape), s.dtype) for s in outs[m:]]  # type: ignore[misc]
        befores = [Spec((steps, *s.shape), s.dtype) for s in ins[n : n + m]]  # type: ignore[misc]
        return [*outs[:m], *stacked, *befores]

    def _step_specs(self, ins: Sequence[Spec], values: Sequence[Partial]) -> list[Spec]:
        """Specs of a step's outputs, concrete when the inputs' are."""
        if (
            self.dynamic
            or any(s.shape is None or None in s.shape for s in ins)
            or not all(_complete(values[i]) for i in self.shape_inputs)
        ):
            return [t.spec() for t in self.body.outputs]
        program = self._program(ins, values)
        return [v.spec for v in program.outputs]

    def _program(self, ins: Sequence[Spec], values: Sequence[Partial], engine: str = "numpy") -> Program:
        body = self.body
        n = len(body.seqs)
        known = {body.inputs[i]: np.asarray(values[i]) for i in self.shape_inputs}
        feeds = {
            t: s.shape[1:] if i < n else s.shape  # type: ignore[index]
            for i, (t, s) in enumerate(zip(body.inputs, ins, strict=True))
            if t not in known
        }
        return Program(body.outputs, [], feeds, known, external=True, engine=engine)  # type: ignore[arg-type]

    def prepare_known(self, ins: Sequence[Spec], outs: Sequence[Spec | None], values: Sequence[Partial]) -> Program:
        return self._program(ins, values)

    def prepare_for(
        self, engine: str, ins: Sequence[Spec], outs: Sequence[Spec | None], values: Sequence[Partial]
    ) -> Program:
        return self._program(ins, values, engine)

    def scratch(self, ins: Sequence[Spec], outs: Sequence[Spec | None], prepared: Program) -> Sequence[Spec]:
        body = self.body
        u8, n = as_dtype("uint8"), len(body.seqs)
        specs = [Spec((Arena.reserve(prepared.arena_bytes),), u8)]
        for k, state in enumerate(ins[n : n + len(body.states)]):
            if outs[self._before(k)] is None:  # two buffers in turn where the history is not kept
                specs += [state, state]
        return specs

    def _before(self, k: int) -> int:
        """Index of the output holding state k before each step."""
        return len(self.body.outputs) + k

    def bind(self, b: Binding) -> Sequence[Thunk]:
        body, program = self.body, b.prepared
        n, m = len(body.seqs), len(body.states)
        seqs, init, consts = b.ins[:n], b.ins[n : n + m], b.ins[n + m :]
        steps = seqs[0].shape[0]
        order = range(steps - 1, -1, -1) if self.reverse else range(steps)
        arena = Arena(b.xp, b.scratch[0])
        states = self._state_slots(b, order)
        calls: list[Thunk] = [copy_call(b.xp, s[0], x) for s, x in zip(states, init, strict=True)]
        if program.engine != "numpy":  # its kernels are made for arrays without gaps
            seqs, consts = ([_whole(b.xp, x, calls) for x in arrays] for arrays in (seqs, consts))
        spare: dict[Value, Any] = {}
        for i, t in enumerate(order):  # the ellipsis makes views of single numbers too
            arrays = [*(x[t, ...] for x in seqs), *(s[i] for s in states), *consts]
            feeds = {k: a for k, a in zip(body.inputs, arrays, strict=True) if k in program.feeds}
            targets: list[Any] = [s[i + 1] for s in states]
            targets += [None if y is None else y[t, ...] for y in b.outs[m : len(body.outputs)]]
            calls += _bind_step(b.xp, program, arena, feeds, targets, spare)
        if not steps:
            calls += [partial(b.xp.copyto, out, x) for out, x in zip(b.outs, init, strict=False) if out is not None]
        return calls

    def _state_slots(self, b: Binding, order: range) -> list[list[Any]]:
        """For each state, the array holding it before step 0, 1, ... and after the last one."""
        slots = []
        spare = iter(b.scratch[1:])
        for k in range(len(self.body.states)):
            history, final = b.outs[self._before(k)], b.outs[k]
            if history is not None:
                row = [history[t, ...] for t in order]
                row.append(final if final is not None else b.xp.empty_like(b.ins[len(self.body.seqs) + k]))
            else:
                pair = [next(spare), next(spare)]
                row = [pair[i % 2] for i in range(len(order) + 1)]
                if final is not None:
                    row[-1] = final
            slots.append(row if len(order) else [b.ins[len(self.body.seqs) + k]])
        if not len(order):
            return [[b.xp.empty_like(s[0])] for s in slots]
        return slots

    def _step_gradients(self, dys: Sequence[Tensor | None]) -> tuple[list[Tensor | None], dict[Tensor, Tensor | None]]:
        """Stand-ins for the gradients of a step's outputs (None where none comes), and those of its inputs."""
        body = self.body
        wrt = [t for t in body.inputs if t.dtype.is_floating]
        flows = {k for k in range(len(body.outputs)) if dys[k] is not None}
        flows |= {k for k in range(len(body.states)) if dys[self._before(k)] is not None}
        pending = list(flows)
        while pending:  # a state that something with a gradient is made from has one too, from the step after
            read = _read([body.outputs[pending.pop()]], body.inputs)
            new = {k for k, state in enumerate(body.states) if state in read} - flows
            flows |= new
            pending += new
        cots: list[Tensor | None] = [
            Placeholder(t.shape, t.dtype, "dy") if k in flows else None for k, t in enumerate(body.outputs)
        ]
        live = [(t, c) for t, c in zip(body.outputs, cots, strict=True) if c is not None and t.dtype.is_floating]
        # a gradient passes through an inner loop, although what that made is kept and not made again
        leaves = [*body.inputs, *(t for t in body.draws if not _is_loop(t.node))]
        found = gradients([t for t, _ in live], wrt, [c for _, c in live], leaves=leaves)
        return cots, dict(zip(wrt, found, strict=True))

    def grad(self, node: Node, dys: Sequence[Tensor | None]) -> Sequence[Tensor | None]:
        """A scan the other way round over the body's own gradient."""
        body = self.body
        n, m, count = len(body.seqs), len(body.states), len(body.outputs)
        cots, found = self._step_gradients(dys)
        # tensors of a step and what they are slices of: inputs, states before it, random numbers, gradients
        slices: list[tuple[Tensor, Tensor]] = [
            *zip(body.seqs, node.inputs[:n], strict=True),
            *zip(body.states, node.outputs[count:], strict=True),
            *zip(body.draws, node.outputs[m + len(body.ys) : count], strict=True),
        ]
        slices += [(c, dy) for c, dy in zip(cots[m:], dys[m:], strict=False) if c is not None and dy is not None]
        carried, new_carry = [(k, c) for k, c in enumerate(cots[:m]) if c is not None], []
        for k, carry in carried:
            state, history = body.states[k], dys[self._before(k)]
            g = found.get(state)
            if history is not None:  # the states before the steps were read too, by another gradient
                seen = Placeholder(state.shape, state.dtype, "dh")
                slices.append((seen, history))
                g = seen if g is None else ops.add(g, seen)
            new_carry.append(g if g is not None else ops.zeros_like(carry))
        summed = [(i, g) for i, c in enumerate(body.consts) if (g := found.get(c)) is not None]
        totals = [Placeholder(g.shape, g.dtype, "acc") for _, g in summed]
        new_totals = [ops.add(acc, g) for acc, (_, g) in zip(totals, summed, strict=True)]
        dxs = [(k, g) for k, x in enumerate(body.seqs) if (g := found.get(x)) is not None]
        befores = [*(c for _, c in carried), *totals]
        back = Body([t for t, _ in slices], befores, body.consts, [*new_carry, *new_totals], [g for _, g in dxs])
        extra = free_tensors(back, node.id)
        back.consts = back.consts + extra
        read = _read(back.outputs, back.inputs)
        slices = [pair for pair in slices if pair[0] in read] or slices[:1]
        back.seqs = [t for t, _ in slices]
        outer = node.inputs[n + m :]
        results = _applied(
            Scan(back, not self.reverse),
            *(sequence for _, sequence in slices),
            *(dy if (dy := dys[k]) is not None else ops.zeros_like(node.outputs[k]) for k, _ in carried),
            *(ops.zeros_like(outer[i]) for i, _ in summed),
            *outer,
            *extra,
        )
        grads: list[Tensor | None] = [None] * len(node.inputs)
        places = [n + k for k, _ in carried] + [n + m + i for i, _ in summed] + [k for k, _ in dxs]
        for place, g in zip(places, results, strict=False):
            grads[place] = g
        return grads


def _applied(op: Scan, *inputs: Tensor) -> Any:
    """The outputs of a loop; one whose steps have sizes that depend on data is marked, to run op by op."""
    try:
        return apply(op, *inputs)
    except DynamicShape:
        op.dynamic = True
        return apply(op, *inputs)


def _read(outputs: Sequence[Tensor], inputs: Sequence[Tensor]) -> set[Tensor]:
    """Tensors that are read on the way from `inputs` to `outputs`, and the outputs."""
    read = set(outputs)
    for node in ancestors(outputs, leaves=[t for t in inputs if t.node is not None]):
        read.update(node.inputs)
    return read


def _sizes(body: Body) -> set[Tensor]:
    """Constants of a step on whose values sizes inside it depend."""
    inner = ancestors(body.outputs, leaves=[t for t in body.inputs if t.node is not None])
    pending = [node.inputs[i] for node in inner for i in node.op.shape_inputs if i < len(node.inputs)]
    seen: set[Tensor] = set()
    outer = set(body.consts)
    while pending:
        t = pending.pop()
        if t in seen or t.dtype.is_floating:
            continue
        seen.add(t)
        if t not in outer and t.node is not None and not isinstance(t.node.op, (Shape, Size)):
            pending += t.node.inputs
    return seen & outer


def _complete(value: Partial) -> bool:
    """Whether all of a small integer tensor is known."""
    return value is not None and not (isinstance(value, list) and None in value)


def _is_loop(node: Node | None) -> bool:
    return node is not None and isinstance(node.op, Scan)


def _check_state(k: int, before: Any, after: Any) -> None:
    if before is None or after is None:
        return
    if len(before) != len(after) or any(m is not None and q is not None and m != q for m, q in zip(before, after)):
        raise ValueError(
            f"scan: state {k} has shape {tuple(before)} before the step and {tuple(after)} after it; a step must keep "
            "the shapes of the states"
        )


def _whole(xp: Any, x: Any, calls: list[Thunk]) -> Any:
    """The array, or a contiguous copy of it that is made at every run, before the first step."""
    if x.flags.c_contiguous:
        return x
    copy = xp.empty(x.shape, x.dtype)
    calls.append(copy_call(xp, copy, x))
    return copy


def _bind_step(
    xp: Any, program: Program, arena: Any, feeds: dict[Tensor, Any], targets: list[Any], spare: dict[Value, Any]
) -> list[Thunk]:
    """Calls of one step; outputs that are temporaries are computed where they are wanted, others copied.

    `spare` holds the arrays of outputs that are not wanted themselves; all steps write to the same ones.
    """
    direct: dict[Value, Any] = {}
    copies: list[tuple[Any, Value]] = []
    for value, target in zip(program.outputs, targets, strict=True):
        if value.kind == "temp" and value not in direct and target is not None:
            direct[value] = target
        elif target is not None:
            copies.append((target, value))
    unwanted = {v.root for v, t in zip(program.outputs, targets, strict=True) if t is None} - set(direct)
    device = device_of(xp)
    for value in {v.root for _, v in copies} | unwanted:  # outputs have no place in the arena
        if value.kind == "temp" and value not in direct:
            if value not in spare:
                spare[value] = device.empty(value.shape, value.dtype)
            direct[value] = spare[value]
    binder = Binder(program, device, arena, feeds, direct)
    results = [copy_call(device.xp, target, binder.array(v)) for target, v in copies]
    return [*binder.thunks(), *results]


def free_tensors(body: Body, since: int) -> list[Tensor]:
    """Tensors of the outer graph that a body reads: the last ones before anything depends on the step.

    Random tensors of nodes made after `since` belong to the body: they are drawn anew at every step.
    """
    inside = set(body.inputs) | set(body.draws)
    bound = set(body.inputs)
    nodes = ancestors(body.outputs, leaves=[t for t in body.inputs if t.node is not None])
    for node in nodes:
        if (node.op.stateful and node.id > since) or any(t in inside for t in node.inputs):
            inside.update(node.outputs)
    free: dict[Tensor, None] = {}
    for node in nodes:
        if any(t in inside for t in node.outputs):
            free.update((t, None) for t in node.inputs if t not in inside)
    free.update((t, None) for t in body.outputs if t not in inside)
    return [t for t in free if t not in bound and not isinstance(t, Constant)]


def scan(
    fn: Callable[[list[Tensor], list[Tensor]], tuple[Sequence[Tensor], Sequence[Tensor]]],
    seqs: Sequence[Tensor],
    states: Sequence[Tensor] = (),
    reverse: bool = False,
) -> tuple[list[Tensor], list[Tensor]]:
    """Apply `fn` to each step of sequences in turn, carrying states along.

    Arguments:
        fn: (slices, states) -> (ys, new states); tensors of the outer graph it uses are captured.
        seqs: at least one tensor of shape (T, ...); T may be unknown while the graph is built.
        states: initial states; each new state must have the shape and dtype of the old.
        reverse: walk from the last step to the first; ys stay in the order of the sequences.

    Returns:
        (ys stacked along a new first axis, final states).
    """
    if not seqs:
        raise ValueError("scan needs at least one sequence to know the number of steps")
    slices = [Placeholder(None if x.shape is None else x.shape[1:], x.dtype, "slice") for x in seqs]
    befores = [Placeholder(s.shape, s.dtype, "state") for s in states]
    since = scope.next_node_id()
    ys, after = fn(list(slices), list(befores))
    after = [ops.cast(a, s.dtype) for a, s in zip(after, states, strict=True)]
    body = Body(slices, befores, [], list(after), list(ys))
    body.consts = free_tensors(body, since)
    inner = ancestors(body.outputs, leaves=body.consts)
    body.draws = [t for node in inner if node.op.stateful for t in node.outputs]
    outs = _applied(Scan(body, reverse), *seqs, *states, *body.consts)
    m = len(befores)
    return list(outs[m : m + len(body.ys)]), list(outs[:m])


algebra.register(scan=scan)  # fused recurrences write themselves out as loops for second derivatives
