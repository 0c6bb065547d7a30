"""Gives kernels their operands in the order of axes they want, and takes results as they come.

A kernel would otherwise copy by itself, a launch each time. As steps of the plan the copies join the loops that run
before them anyway, one serves all readers, and a result's readers read it as it lies.
"""

from __future__ import annotations

from ..kernels import find
from ..kernels.permuted import Permuted, inverse
from ..ops.elementwise import Identity
from ..ops.shaping import Transpose
from .value import Step, Value


def order_axes(steps: list[Step], needed: set[Value], engine: str) -> list[Step]:
    """The steps, with copies between them.

    Arguments:
        steps: the live steps, in order.
        needed: root values read after the last step.
        engine: whose kernels are asked.
    """
    copies: dict[tuple[Value, tuple[int, ...]], Value] = {}
    looked_at = {v.root for step in steps for v in step.ins if v.root is not v}
    ordered: list[Step] = []
    for step in steps:
        if len(step.outs) != 1 or step.outs[0] is None:
            ordered.append(step)
            continue
        out = step.outs[0]
        found = find(engine, step.op, [v.proto for v in step.ins], [out.proto])
        if found is None:
            ordered.append(step)
            continue
        for i, perm in found.orders.items():
            v = step.ins[i]
            if (v, perm) not in copies:
                ordered.append(_copy(step, v, perm))
                copies[v, perm] = ordered[-1].outs[0]
            step.ins[i] = _view(copies[v, perm], inverse(perm))
        if found.gives and out not in needed and out not in looked_at and out.kind == "temp":
            step = _turned(step, found.gives)
        ordered.append(step)
    return ordered


def _view(base: Value, perm: tuple[int, ...]) -> Value:
    made = Value(tuple(base.shape[i] for i in perm), base.dtype, "view")
    made.look_at(base, Transpose(perm))
    return made


def _copy(step: Step, v: Value, perm: tuple[int, ...]) -> Step:
    """The step that copies a value with its axes in another order, for a step that wants it so."""
    view = _view(v, perm)
    copy = Value(view.shape, v.dtype, "temp")
    copy.step = Step(Identity(), [view], [copy], step.where, [None])
    copy.step.lane = step.lane
    return copy.step


def _turned(step: Step, perm: tuple[int, ...]) -> Step:
    """The step that makes a result in another order; the value itself becomes a view of that."""
    out = step.outs[0]
    made = Value(tuple(out.shape[i] for i in perm), out.dtype, "temp")
    made.step = Step(Permuted(step.op, perm), step.ins, [made], step.where, step.known)
    made.step.lane = step.lane
    out.kind, out.step, out._proto = "view", None, None
    out.look_at(made, Transpose(inverse(perm)))
    return made.step
