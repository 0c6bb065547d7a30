"""Loops that run as long as a condition holds: counted ones become scans, others run operation by operation."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, NamedTuple

from .. import ops
from ..graph import scope
from ..graph.gradient import ancestors
from ..graph.op import Op, Partial, Spec
from ..graph.tensor import Constant, Node, Placeholder, Tensor, apply, as_tensor
from ..runtime.device import device_of
from .interpreter import Interpreter
from .scan import Body, free_tensors, scan


class While(Op):
    """Repeats a body as long as a condition holds.

    Inputs: initial states, then tensors of the outer graph that a step reads.  Outputs: final states.
    """

    dynamic = True

    def __init__(self, condition: Tensor, body: Body, back_prop: bool, limit: int | None) -> None:
        self.condition = condition
        self.body = body
        self.back_prop = back_prop
        self.limit = limit

    def key(self) -> Hashable:
        return (type(self), id(self))

    def infer(self, ins: Sequence[Spec], values: Sequence[Partial]) -> Sequence[Spec]:
        pairs = zip(ins, self.body.new_states, strict=False)
        return [Spec(_common(s.shape, t.shape), s.dtype) for s, t in pairs]

    def grad(self, node: Node, dys: Sequence[Tensor | None]) -> Sequence[Tensor | None]:
        if not self.back_prop:
            return [None] * len(node.inputs)
        raise NotImplementedError(
            f"{node.name}: the gradient of a loop whose number of steps is not known beforehand; give it "
            "maximum_iterations, a counter `i < n` with `i + 1`, or use K.rnn or K.foldl"
        )

    def compute(self, xp: Any, ins: list[Any]) -> Sequence[Any]:
        body, device = self.body, device_of(xp)
        m = len(body.states)
        states, consts = list(ins[:m]), ins[m:]
        count = 0
        while self.limit is None or count < self.limit:
            run = Interpreter(device, {})
            run.arrays.update(zip(body.inputs, [*states, *consts], strict=True))
            if not bool(run.run([self.condition])[0].item()):
                break
            results = run.run(body.new_states)
            states = [a.astype(s.dtype, copy=False) for a, s in zip(results, states, strict=True)]
            count += 1
        return states


def _common(a: Any, b: Any) -> Any:
    """What two shapes agree on."""
    if a is None or b is None or len(a) != len(b):
        return None
    return tuple(m if m == n else None for m, n in zip(a, b, strict=True))


class Counter(NamedTuple):
    """A state that counts: its place among the states, how much it grows per step, and the limit it stays below."""

    place: int
    step: int
    limit: Tensor


def find_counter(condition: Tensor, states: Sequence[Tensor], after: Sequence[Tensor]) -> Counter | None:
    """The counter of a loop that goes on while `state < limit`, with a limit that no step changes."""
    node = condition.node
    if node is None or node.op.name not in ("less", "less_equal", "greater", "greater_equal"):
        return None
    count, limit = node.inputs if node.op.name.startswith("less") else node.inputs[::-1]
    count = uncast(count)
    place = next((i for i, s in enumerate(states) if s is count), None)
    if place is None or not count.dtype.is_integer or _depends(limit, states):
        return None
    new = after[place].node
    if new is None or new.op.name != "add":
        return None
    steps = [t for t in new.inputs if uncast(t) is not count]
    if len(steps) != 1 or not isinstance(steps[0], Constant) or steps[0].value.size != 1:
        return None
    step = int(steps[0].value.item())
    limit = limit if limit.dtype == count.dtype else ops.cast(limit, count.dtype)
    return Counter(place, step, limit + 1 if "equal" in node.op.name else limit) if step > 0 else None


def uncast(t: Tensor) -> Tensor:
    """What `t` is a conversion or copy of."""
    while t.node is not None and t.node.op.name in ("cast", "identity"):
        t = t.node.inputs[0]
    return t


def _depends(tensor: Tensor, states: Sequence[Tensor]) -> bool:
    if any(tensor is s for s in states):
        return True
    return any(t is s for node in ancestors([tensor]) for t in node.inputs for s in states)


#: States -> new states, and (index, value) pairs of what a step puts aside.
StepFunction = Callable[[list[Tensor]], tuple[list[Any], list[tuple[Tensor, Tensor]]]]


class Traced(NamedTuple):
    """A loop as it was written down once: stand-ins for the states, condition, new states, extra results per step."""

    states: list[Tensor]
    condition: Tensor
    after: list[Tensor]
    extras: list[tuple[Tensor, Tensor]]
    since: int


def trace(
    condition: Callable[[list[Tensor]], Any], body: StepFunction, initial: Sequence[Tensor], shapes: Sequence[Any]
) -> Traced:
    """Write a loop down.

    Arguments:
        condition: function of the states.
        body: function of the states, returns new states and (index, value) pairs of what a step puts aside.
        initial: first states.
        shapes: static shapes the states have at every step.
    """
    states: list[Tensor] = [Placeholder(shape, t.dtype, "state") for t, shape in zip(initial, shapes, strict=True)]
    since = scope.next_node_id()
    goes_on = as_tensor(condition(list(states)))
    after, extras = body(list(states))
    if len(after) != len(states):
        raise ValueError(f"while_loop: the body was given {len(states)} tensors and returned {len(after)}")
    new = [as_tensor(a, s.dtype) for a, s in zip(after, states, strict=True)]
    new = [a if a.dtype == s.dtype else ops.cast(a, s.dtype) for a, s in zip(new, states, strict=True)]
    return Traced(states, goes_on, new, extras, since)


def counted(
    body: StepFunction, counter: Counter, initial: Sequence[Tensor], limit: int | None
) -> tuple[list[Tensor], list[Tensor]]:
    """A counted loop as a scan: final states, and what the steps put aside, stacked."""
    place, step, stop = counter
    start = initial[place]
    if limit is not None:
        stop = ops.minimum(stop, start + limit * step)
    count = ops.floordiv(ops.maximum(stop - start, 0) + (step - 1), step)
    rest = [i for i in range(len(initial)) if i != place]

    def one(slices: list[Tensor], before: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        states = list(before)
        states.insert(place, slices[0])
        after, extras = body(states)
        return [value for _, value in extras], [as_tensor(after[i], initial[i].dtype) for i in rest]

    ys, finals = scan(one, [ops.arange(start, stop, step)], [initial[i] for i in rest])
    states = list(finals)
    states.insert(place, start + ops.cast(count, start.dtype) * step)
    return states, ys


def limited(
    condition: Callable[[list[Tensor]], Any], body: StepFunction, initial: Sequence[Tensor], limit: int
) -> list[Tensor]:
    """A loop of at most `limit` steps as a scan whose steps change nothing once the condition fails."""

    def one(slices: list[Tensor], before: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        states = before[1:]
        alive = ops.logical_and(before[0], ops.reshape(as_tensor(condition(list(states))), ()))
        new = [as_tensor(a, s.dtype) for a, s in zip(body(list(states))[0], states, strict=True)]
        return [], [alive, *(ops.where(alive, a, s) for a, s in zip(new, states, strict=True))]

    _, finals = scan(one, [ops.arange(limit)], [as_tensor(True), *initial])
    return finals[1:]


def open_ended(loop: Traced, initial: Sequence[Tensor], back_prop: bool, limit: int | None) -> list[Tensor]:
    """A loop that runs operation by operation until its condition fails."""
    body = Body([], loop.states, [], loop.after, [])
    body.consts = free_tensors(Body([], loop.states, [], [*loop.after, loop.condition], []), loop.since)
    outs = apply(While(loop.condition, body, back_prop, limit), *initial, *body.consts)
    return list(outs)
