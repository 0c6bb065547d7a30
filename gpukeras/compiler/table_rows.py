"""The gradient of an embedding without an array as large as its table.

A batch names a few rows of the table, but optimizers move all of them, as Keras' formulas say. So the gradient is kept
as sums of rows and places of rows, and the loop of the update reads a row where there is one and zeros elsewhere.
"""

from __future__ import annotations

from ..graph.dtype import as_dtype
from ..graph.shape import prod
from ..kernels import find
from ..kernels.native.opcodes import opcodes
from ..kernels.table_rows import RowsAt, RowSums
from ..ops.gather import ScatterAdd
from .value import Step, Value

SMALLEST = 1 << 16  # elements of a table; smaller ones stay in the second-level cache
NARROWEST = 8  # elements of a row
TYPES = {"float32": "f32", "float64": "f64"}


def keep_rows(steps: list[Step], kept: set[Value]) -> list[Step]:
    """The steps, those that add rows to large tables of zeros as two each.

    Arguments:
        steps: the live steps, in order.
        kept: root values read after the last step: these are made whole.
    """
    made: list[Step] = []
    for step in steps:
        made += (_two(step) if isinstance(step.op, ScatterAdd) and step.outs[0] not in kept else None) or [step]
    return made


def _two(step: Step) -> list[Step] | None:
    indices, updates = step.ins[:2]
    out, op = step.outs[0], step.op
    assert isinstance(op, ScatterAdd)
    rows, width, count = out.shape[0], prod(out.shape[1:]), prod(indices.shape)
    if out.size < SMALLEST or width < NARROWEST or not 0 < 2 * count <= rows:
        return None
    if f"rows_at:{TYPES.get(out.dtype)}" not in opcodes():
        return None
    sums = Value((count, width), out.dtype, "temp")
    places = Value((rows,), as_dtype("int32"), "temp")
    first = Step(RowSums(op.wrap), [indices, updates], [sums, places], step.where, [None, None])
    if find("native", first.op, [v.proto for v in first.ins], [v.proto for v in first.outs]) is None:
        return None
    second = Step(RowsAt(width), [sums, places], [out], step.where, [None, None])
    for made in (first, second):
        made.lane = step.lane
        for v in made.outs:
            v.step = made
    return [first, second]
