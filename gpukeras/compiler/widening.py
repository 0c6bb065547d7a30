"""Steps on 16-bit floats: the values are stored in 16 bits, and computed with in float32.

Every step that no kernel of the engine takes as it is becomes conversions, the same operation in float32, and
conversions back. So an operation rounds once, at its end, whatever it does inside, and alike on all engines; and what
is done element by element fuses with the conversions, which then happen in registers.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from ..graph.dtype import LOW, as_dtype
from ..graph.op import Op
from ..kernels import find
from ..ops.elementwise import Cast
from .value import Step, Value

FLOAT32 = as_dtype("float32")


def wide_op(op: Op) -> Op | None:
    """The operation to do in float32 instead of one on 16-bit floats; None where it is to be done as it is."""
    if op.is_view or not op.widens:
        return None
    if getattr(op, "dtype", None) in LOW:
        op = copy.copy(op)
        op.dtype = FLOAT32  # type: ignore[attr-defined]
    return op


def _wide_cast(op: Cast, source: Value) -> Cast | None:
    """A conversion from or to 16 bits by way of float32, which the fused loops know; None where that is one end."""
    if {source.dtype, op.dtype} & {FLOAT32, as_dtype("float64")}:
        return None
    return Cast(FLOAT32) if op.dtype in LOW else op


def _is_low(v: Any) -> bool:
    return v is not None and v.dtype in LOW


def widen(steps: list[Step], kept: set[Value], engine: str) -> list[Step]:
    """The steps, those on 16-bit floats done in float32.

    Arguments:
        steps: the live steps, in order.
        kept: root values read after the last step.
        engine: whose kernels are asked whether they take 16-bit floats.
    """
    if not any(_is_low(v) for step in steps for v in (*step.ins, *step.outs)):
        return steps
    read = kept.union(v.root for step in steps for v in step.ins)
    made: list[Step] = []
    wide: dict[Value, Value] = {}
    for step in steps:
        op = _wanted(step, engine) if any(map(_is_low, (*step.ins, *step.outs))) else None
        if op is None:
            made.append(step)
            continue
        ins = [_wide(v, step, wide, made) if _is_low(v) else v for v in step.ins]
        outs = [Value(v.shape, FLOAT32, "temp") if _is_low(v) else v for v in step.outs]
        made.append(_step(op, ins, outs, step))
        for new, old in zip(outs, step.outs, strict=True):
            if new is not old and old in read:
                made.append(_step(Cast(old.dtype), [new], [old], step))
    return made


def _wanted(step: Step, engine: str) -> Op | None:
    """What to do in float32 in place of a step; None: nothing."""
    if isinstance(step.op, Cast):
        return _wide_cast(step.op, step.ins[0])
    outs = [None if v is None else v.proto for v in step.outs]
    return None if find(engine, step.op, [v.proto for v in step.ins], outs) is not None else wide_op(step.op)


def _step(op: Op, ins: list[Value], outs: list[Value], like: Step) -> Step:
    known = like.known if len(ins) == len(like.known) else [None] * len(ins)
    step = Step(op, ins, outs, like.where, known)
    step.lane = like.lane
    for v in outs:
        if v is not None:
            v.step = step
    return step


def _wide(v: Value, step: Step, wide: dict[Value, Value], made: list[Step]) -> Value:
    """A value in float32: a constant, or made by a step of its own."""
    found = wide.get(v)
    if found is None:
        found = wide[v] = Value(v.shape, FLOAT32, "const" if v.is_const else "temp")
        if v.uniform is not None:
            found.uniform = np.float32(v.uniform)
        elif v.const is not None:
            found.const = v.const.astype(np.float32)
        else:
            cast = Step(Cast(FLOAT32), [v], [found], step.where, [None])
            cast.lane = step.lane
            found.step = cast
            made.append(cast)
    return found
