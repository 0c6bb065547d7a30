"""Sums of rows for a large table, of which few rows get any: made small, and spread where they are read.

Compilers put the two in place of one `ScatterAdd`, whose result is as large as the table.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from ..graph.op import Binding, Op, Thunk


class RowSums(Op):
    """Sums of the updates (input 1) with equal indices (input 0), and where to find a row's sum.

    Output 0 has as many rows as there are indices, of which the first ones are used; output 1 has the row of output 0
    for each row of the table, -1 for those without updates.

    Arguments:
        wrap: whether negative indices count from the end.
    """

    def __init__(self, wrap: bool) -> None:
        self.wrap = wrap

    def bind(self, b: Binding) -> Sequence[Thunk]:
        raise NotImplementedError("sums of rows are made on the native engine only")


class RowsAt(Op):
    """The table: the sums of `RowSums`' output 0 where its output 1 says, zeros elsewhere. Runs inside of fused loops.

    Arguments:
        width: elements of a row.
    """

    def __init__(self, width: int) -> None:
        self.width = width

    def key(self) -> Hashable:
        return (type(self), self.width)

    def bind(self, b: Binding) -> Sequence[Thunk]:
        raise NotImplementedError("rows are spread inside of fused loops only")
