"""Joins a matrix product or convolution with the bias and the activation that follow it.

The engine's kernel then adds and activates while the result is still in registers: two passes over memory fewer.
"""

from __future__ import annotations

from ..graph.op import Op
from ..kernels import find
from ..kernels.epilogue import Epilogue
from ..ops.conv import Conv
from ..ops.linalg import MatMul
from ..ops.pointwise import Elementwise
from .value import Step, Value

BASES: tuple[type[Op], ...] = (MatMul, Conv)


def join_epilogues(steps: list[Step], needed: set[Value], engine: str) -> list[Step]:
    """The steps, with what an engine can do in one step joined.

    Arguments:
        steps: the live steps, in order.
        needed: root values read after the last step.
        engine: whose kernels decide what can be joined.
    """
    readers: dict[Value, list[Step]] = {}
    for step in steps:
        for root in {v.root for v in step.ins}:
            readers.setdefault(root, []).append(step)
    gone: set[Step] = set()
    place: dict[Step, Step] = {}
    for step in steps:
        if type(step.op) not in BASES:
            continue
        chain = _chain(step, readers, needed)
        while chain:
            joined = _join(step, chain)
            protos = [v.proto for v in joined.ins], [joined.outs[0].proto]
            if find(engine, joined.op, *protos) is not None:
                gone.update((step, *chain[:-1]))
                place[chain[-1]] = joined
                joined.outs[0].step = joined
                break
            chain.pop()
    return [place.get(step, step) for step in steps if step not in gone]


def _only_reader(v: Value, readers: dict[Value, list[Step]], needed: set[Value]) -> Step | None:
    found = readers.get(v, [])
    return found[0] if len(found) == 1 and v not in needed else None


def _chain(step: Step, readers: dict[Value, list[Step]], needed: set[Value]) -> list[Step]:
    """The steps that follow and may be joined: a bias, an activation, or one after the other."""
    out = step.outs[0]
    chain: list[Step] = []
    after = _only_reader(out, readers, needed)
    if after is not None and after.op.name == "add" and _bias(after, out) is not None:
        chain.append(after)
        out = after.outs[0]
        after = _only_reader(out, readers, needed)
    if after is not None and len(after.ins) == 1 and isinstance(after.op, Elementwise) and not after.op.params:
        chain.append(after)
    return chain


def _bias(add: Step, out: Value) -> Value | None:
    """The other operand of an addition, where it is a vector along the last axis."""
    others = [v for v in add.ins if v is not out]
    if len(others) != 1 or len(add.ins) != 2 or add.outs[0].shape != out.shape or others[0].uniform is not None:
        return None
    bias = others[0]
    return bias if bias.shape == out.shape[-1:] and bias.dtype == out.dtype else None


def _join(step: Step, chain: list[Step]) -> Step:
    ins, known, activation = list(step.ins), list(step.known), ""
    for part in chain:
        if part.op.name == "add":
            bias = _bias(part, step.outs[0])
            assert bias is not None
            ins.append(bias)
            known.append(None)
        else:
            activation = part.op.name
    op = Epilogue(step.op, len(step.ins), len(ins) > len(step.ins), activation)
    return Step(op, ins, list(chain[-1].outs), chain[-1].where, known)
