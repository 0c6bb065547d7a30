"""Which steps fused loops can take in, and how each reads its operands."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..graph.op import Op
from ..graph.shape import normalize_axis, prod
from ..kernels import find
from ..kernels.native.opcodes import loop_opcodes
from ..kernels.table_rows import RowsAt
from ..ops.elementwise import Cast, Identity, StopGradient
from ..ops.pointwise import REGISTRY, Elementwise
from ..ops.random import DropoutMask, RandomBinomial, RandomNormal, RandomUniform, TruncatedNormal
from ..ops.reduction import ArgMax, ArgMin, Max, Mean, Min, Sum, SumTo, concrete_axes, reduced
from ..ops.shaping import Reshape
from ..ops.softmax import LogSoftmax, Moments, Softmax, SoftmaxGrad
from .value import Step, Value

TYPES = {
    "float32": "f32", "float64": "f64", "int32": "i32", "int64": "i64", "bool": "b8", "float16": "f16",
    "bfloat16": "bf16",
}  # fmt: skip
LONGEST_ROW = 1 << 14  # elements; a block holds whole rows and should stay in the second-level cache
SMALL = 1 << 14  # elements of an array whose whereabouts do not matter
SMALL_ON_GPU = 1 << 18  # a GPU reads so many in the time of a launch

_FOLDS: dict[type[Op], str] = {Sum: "sum", SumTo: "sum", Mean: "mean", Max: "max", Min: "min"}
_PLACES: dict[type[Op], str] = {ArgMax: "row_argmax", ArgMin: "row_argmin"}
_ROWS: dict[type[Op], str] = {Softmax: "softmax", LogSoftmax: "log_softmax", SoftmaxGrad: "softmax_grad"}
_COPIES: tuple[type[Op], ...] = (Identity, StopGradient, Reshape)
_DRAWS: tuple[type[Op], ...] = (DropoutMask, RandomUniform, RandomNormal, TruncatedNormal, RandomBinomial)


class Source(NamedTuple):
    """How a step reads one operand: see `kernels.fused.Read`; 'rows' is one element per row of `length`."""

    value: Value
    how: str
    shape: tuple[int, ...] = ()
    strides: tuple[int, ...] = ()

    @property
    def same_memory(self) -> bool:
        """Whether the operand starts where its root starts, so that a loop may know it under that name."""
        v = self.value
        return v.base is None or _address(v.proto) == _address(v.root.proto)


class Piece:
    """A step that fused loops can take in.

    Attributes:
        kind: 'map' (element by element), 'rows' (looks at rows, a result per element), 'row' (a result per row),
            'all' (one result) or 'columns' (one per column).
        count: elements it looks at.
        length: elements of a row, 1 where it knows no rows.
        out: the result.
        order: place among the pieces of its slot.
        group: for 'columns': results for every so many elements; 0: for all together.
        opcode: of the evaluator; for 'all' and 'columns' 'kind:type' of the reduction.
    """

    __slots__ = ("step", "out", "kind", "count", "length", "opcode", "numbers", "sources", "order", "group")

    def __init__(self, step: Step, kind: str, count: int, length: int, opcode: str) -> None:
        self.step = step
        self.out = step.outs[0]
        self.kind = kind
        self.count = count
        self.length = length
        self.opcode = opcode
        self.numbers: tuple[float, ...] = ()
        self.sources: list[Source] = []
        self.order = 0
        self.group = 0


def _address(array: np.ndarray) -> int:
    return int(array.__array_interface__["data"][0])


def source_of(v: Value, shape: tuple[int, ...]) -> Source:
    """How an operand is read by something of this shape."""
    if v.uniform is not None or v.size == 1:
        return Source(v, "full" if prod(shape) == 1 and v.uniform is None else "scalar")
    proto = v.proto
    if proto.shape == shape and proto.flags.c_contiguous:
        return Source(v, "full")
    dims, strides = _merged(np.broadcast_to(proto, shape))
    item = proto.itemsize
    if strides == [item]:
        return Source(v, "full")
    if strides == [item, 0]:
        return Source(v, "rows", tuple(dims), tuple(strides))
    return Source(v, "strided", tuple(dims), tuple(strides))


def _merged(x: np.ndarray) -> tuple[list[int], list[int]]:
    """Shape and strides without axes of length 1, neighbours made one where memory allows."""
    dims: list[int] = []
    strides: list[int] = []
    for n, stride in zip(x.shape, x.strides, strict=True):
        if n == 1:
            continue
        if dims and strides[-1] == n * stride:
            dims[-1] *= n
            strides[-1] = stride
        else:
            dims.append(n)
            strides.append(stride)
    return dims, strides


def piece_of(step: Step) -> Piece | None:
    """The step as a piece of a loop, or None where the evaluator has nothing for it."""
    if len(step.outs) != 1 or step.outs[0] is None or not step.outs[0].size or not all(v.size for v in step.ins):
        return None
    op = step.op
    kind = type(op)
    if isinstance(op, Elementwise) or kind is Cast or kind in _COPIES:
        return _map(step)
    if kind in _FOLDS:
        return _fold(step)
    if kind in _ROWS or kind in _PLACES:
        return _rows(step)
    if kind in _DRAWS:
        return _random(step)
    return _rows_at(step) if kind is RowsAt else None


def expanded(step: Step) -> list[Step]:
    """The steps to do instead of an operation that is made of a map and reductions."""
    op = step.op
    if not isinstance(op, Moments) or find("native", op, [step.ins[0].proto], [v.proto for v in step.outs]) is not None:
        return [step]
    x, (mean, variance) = step.ins[0], step.outs
    kept = reduced(x.shape, op.axes, True)
    centre = mean
    if mean.shape != kept:
        centre = Value(kept, mean.dtype, "view")  # type: ignore[arg-type]
        centre.look_at(mean, Reshape(kept))
    squares = Value(x.shape, x.dtype, "temp")
    average = Mean(op.axes, op.keepdims)
    steps = [
        Step(average, [x], [mean], step.where, [None]),
        Step(REGISTRY["squared_difference"](), [x, centre], [squares], step.where, [None, None]),
        Step(average, [squares], [variance], step.where, [None]),
    ]
    if any(piece_of(s) is None for s in steps):
        return [step]
    for s in steps:
        s.outs[0].step = s
    return steps


def _checked(piece: Piece) -> Piece | None:
    return piece if piece.opcode in loop_opcodes() else None


def _map(step: Step) -> Piece | None:
    op, out = step.op, step.outs[0]
    ins = step.ins[:1] if type(op) is Reshape else step.ins
    types = [TYPES.get(v.dtype, "") for v in ins]
    if isinstance(op, Elementwise):
        opcode = f"{op.row.name}:{types[-1]}"
    elif type(op) is Cast:
        # truth values are bytes too
        source = "b8" if ins[0].dtype == "uint8" else types[0]
        opcode = f"cast:{source}:{TYPES.get(op.dtype, '')}"
    else:
        opcode = f"copy:{types[0]}"
    piece = _checked(Piece(step, "map", out.size, 1, opcode))
    if piece is not None:
        if isinstance(op, Elementwise):
            piece.numbers = op.params
        shape = ins[0].shape if type(op) is Reshape else out.shape
        piece.sources = [source_of(v, shape) for v in ins]
    return piece


def _fold(step: Step) -> Piece | None:
    op, x, out = step.op, step.ins[0], step.outs[0]
    type_ = TYPES.get(x.dtype, "")
    if type_ in ("", "b8", "f16", "bf16") or x.dtype != out.dtype:
        return None
    if isinstance(op, SumTo):
        axes = op._axes(x.shape, out.shape)
    else:
        axes = concrete_axes(op.axes, len(x.shape))  # type: ignore[attr-defined]
    word = _FOLDS[type(op)]
    kept = [i for i in range(len(x.shape)) if i not in axes and x.shape[i] != 1]
    gone = [i for i in axes if x.shape[i] != 1]
    if not gone:
        return None
    length = prod([x.shape[i] for i in gone])
    if not kept:
        piece = Piece(step, "all", x.size, 1, f"{word}:{type_}")
    elif max(gone) < min(kept):
        piece = Piece(step, "columns", x.size, 1, f"{word}:{type_}")
    elif max(kept) < min(gone) and length <= LONGEST_ROW and f"row_{word}:{type_}" in loop_opcodes():
        piece = Piece(step, "row", x.size, length, f"row_{word}:{type_}")
    else:
        # kept axes, reduced ones, and perhaps kept ones again: a set of results for each place in the first
        before = [i for i in kept if i < min(gone)]
        if any(min(gone) < i < max(gone) for i in kept):
            return None
        piece = Piece(step, "columns", x.size, 1, f"{word}:{type_}")
        piece.group = x.size // prod([x.shape[i] for i in before])
    piece.sources = [source_of(x, x.shape)]
    return piece


def _rows(step: Step) -> Piece | None:
    op, x = step.op, step.ins[0]
    axis = normalize_axis(op.axis, len(x.shape))  # type: ignore[attr-defined]
    length = x.shape[axis]
    if prod(x.shape[axis + 1 :]) != 1 or not 2 <= length <= LONGEST_ROW:
        return None
    word = _ROWS.get(type(op)) or _PLACES[type(op)]
    kind = "rows" if type(op) in _ROWS else "row"
    piece = _checked(Piece(step, kind, x.size, length, f"{word}:{TYPES.get(x.dtype, '')}"))
    if piece is not None:
        piece.sources = [source_of(v, x.shape) for v in step.ins]
    return piece


def _random(step: Step) -> Piece | None:
    op, out = step.op, step.outs[0]
    piece = _checked(Piece(step, "map", out.size, 1, f"{op.name}:{TYPES.get(out.dtype, '')}"))
    if piece is None:
        return None
    if isinstance(op, DropoutMask):
        piece.numbers = (op.bits, round(op.keep_prob * 2**op.bits) - 1, op.kept)
    elif isinstance(op, RandomUniform):
        below = float(np.nextafter(np.float32(op.high), np.float32(op.low)))
        piece.numbers = (op.high - op.low, op.low, min(op.low, below), max(op.low, below))
    elif isinstance(op, RandomBinomial):
        piece.numbers = (op.p,)
    elif isinstance(op, (RandomNormal, TruncatedNormal)):
        piece.numbers = (op.mean, op.stddev)
    return piece


def _rows_at(step: Step) -> Piece | None:
    op, out = step.op, step.outs[0]
    assert isinstance(op, RowsAt)
    piece = _checked(Piece(step, "map", out.size, 1, f"rows_at:{TYPES.get(out.dtype, '')}"))
    if piece is not None:
        piece.numbers = (op.width,)
        piece.sources = [Source(v, "direct") for v in step.ins]
    return piece


def random_state(op: Any) -> tuple[int, Any]:
    """Seed and run counter of a random operation; (0, None) for others."""
    if type(op) in _DRAWS:
        return op.seed & 0xFFFFFFFFFFFFFFFF, op.counter.array(np)
    return 0, None
