"""Many elementwise operations, and what is summed of their results, in one step, as the compiler makes it."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from ..graph.op import Binding, Op, Thunk


class Read(NamedTuple):
    """What a part of a loop reads.

    Attributes:
        how: 'full': as many elements as the loop has (or rows, for a part that has one element per row);
            'scalar': one; 'strided': the elements of an array repeated or out of order; 'spread': one per row, for
            each element; 'direct': a number that the instruction itself looks up.
        source: index of an input of the step, or of an earlier part of the loop.
        inner: whether it is a part.
        item: bytes per element.
        shape: for 'strided'.
        strides: for 'strided', in bytes.
    """

    how: str
    source: int
    inner: bool
    item: int
    shape: tuple[int, ...] = ()
    strides: tuple[int, ...] = ()


class Part(NamedTuple):
    """One instruction.

    Attributes:
        opcode: operation and type, for example 'add:f32'.
        numbers: what the operation's attributes come to.
        reads: its operands.
        item: bytes per element of the result.
        rows: whether it looks at whole rows.
        per_row: whether the result has one element per row.
        out: index of the step's output the result is, -1 where nothing else reads it.
        seed: of random numbers.
        counter: how often they were drawn: a uint64 array of one element, or None.
    """

    opcode: str
    numbers: tuple[float, ...]
    reads: tuple[Read, ...]
    item: int
    rows: bool
    per_row: bool
    out: int
    seed: int = 0
    counter: Any = None


class Fold(NamedTuple):
    """A reduction that ends a loop.

    Attributes:
        kind: 'sum', 'mean', 'max' or 'min'.
        type: 'f32', 'f64', 'i32' or 'i64'.
        read: what is reduced.
        per_row: whether that has one element per row.
        period: number of results; element i goes into result i % period.
        group: results for every so many elements, one set after the other; 0: one set for all.
        out: index of the step's output.
    """

    kind: str
    type: str
    read: Read
    per_row: bool
    period: int
    group: int
    out: int


class Loop(NamedTuple):
    """Parts over the same `elements`, which are rows of `length`."""

    elements: int
    length: int
    parts: tuple[Part, ...]
    folds: tuple[Fold, ...]


class Fused(Op):
    """Loops that are independent of each other, run as one.

    Arguments:
        loops: what to do.
    """

    def __init__(self, loops: Sequence[Loop]) -> None:
        self.loops = tuple(loops)

    def key(self) -> Hashable:
        return (type(self), id(self))

    @cached_property
    def _made(self) -> dict[int, tuple[int, int]]:
        """Loop and place in it of the part that makes each output."""
        return {p.out: (k, i) for k, loop in enumerate(self.loops) for i, p in enumerate(loop.parts) if p.out >= 0}

    @cached_property
    def _reads(self) -> dict[int, list[tuple[int, int, str]]]:
        """Per input, where and how it is read: loop, place in it, `Read.how`."""
        found: dict[int, list[tuple[int, int, str]]] = {}
        for k, loop in enumerate(self.loops):
            reads = [(i, r) for i, part in enumerate(loop.parts) for r in part.reads]
            reads += [(len(loop.parts), fold.read) for fold in loop.folds]
            for i, r in reads:
                if not r.inner:
                    found.setdefault(r.source, []).append((k, i, r.how))
        return found

    def overwrites(self, out: int, source: int) -> bool:
        """Whether output `out` may lie where input `source` of the same size and type lies."""
        if out not in self._made:
            return False
        home, made = self._made[out]
        for k, i, how in self._reads.get(source, ()):
            if k != home or not ((how == "full" and i <= made) or (how == "scalar" and self.loops[k].elements == 1)):
                return False
        return True

    def bind(self, b: Binding) -> Sequence[Thunk]:
        raise NotImplementedError("fused loops run on the native engine only")
