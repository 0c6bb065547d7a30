"""Clusters of pieces that pass over the same elements, and the loops they become."""

from __future__ import annotations

from ..kernels.fused import Fold, Loop, Part, Read
from .fusion_condense import condense
from .fusion_pieces import LONGEST_ROW, Piece, Source, random_state
from .value import Value


class Cluster:
    """Pieces of one loop.

    Attributes:
        phase: clusters of one phase do not depend on each other, and on earlier phases only.
        count: elements.
        length: of a row; 1 while no piece knows rows.
        after: clusters whose results it reads.
    """

    def __init__(self, phase: int) -> None:
        self.phase = phase
        self.count = 0
        self.length = 1
        self.pieces: list[Piece] = []
        self.after: set[Cluster] = set()
        self.made: dict[Value, Piece] = {}
        self._read: set[Value] = set()
        self._next = (0, 1)

    def shares(self, piece: Piece) -> bool:
        """Whether the piece reads an array that the cluster reads or makes."""
        for s in piece.sources:
            if s.how != "scalar" and (s.value.root in self.made or s.value.root in self._read):
                return True
        return False

    def accepts(self, piece: Piece) -> bool:
        """Whether the loop can take the piece in; `add` is to follow."""
        count, length = piece.count, piece.length
        for s in piece.sources:
            if s.value.root in self.made:
                if not self._reads(piece, s):
                    return False
                if s.how == "rows":
                    count, length = s.shape[0] * s.shape[1], s.shape[1]
        fit = _fitted((self.count, self.length), count, length) if self.pieces else (count, length)
        if fit is None:
            return False
        self._next = fit
        return True

    def _reads(self, piece: Piece, s: Source) -> bool:
        """Whether the piece can read what another piece made while the loop runs."""
        maker = self.made[s.value.root]
        if maker.kind in ("all", "columns") or not s.same_memory:
            return False
        if s.how == "full":
            return maker.out.size == s.value.size
        return s.how == "rows" and maker.out.size == s.shape[0] and piece.kind == "map" and s.shape[1] <= LONGEST_ROW

    def add(self, piece: Piece) -> None:
        """Take in a piece that was accepted."""
        self.count, self.length = self._next
        self.pieces.append(piece)
        self.made[piece.out] = piece
        self._read.update([s.value.root for s in piece.sources if s.how != "scalar"])


def _fitted(have: tuple[int, int], count: int, length: int) -> tuple[int, int] | None:
    """Rows and elements of a loop of this shape that is to take in a piece of that one; None where it cannot."""
    c, n = have
    if length == 1 or n == length:
        if count == c:
            return have
        return have if n > 1 and length == 1 and count * n == c and count > 1 else None
    if n > 1:
        return None
    rows = count // length
    return (count, length) if c == count or (c == rows and rows > 1) else None


def assemble(cluster: Cluster, ins: dict[Value, int], outs: dict[Value, int]) -> Loop:
    """The loop of a cluster.

    Arguments:
        cluster: its pieces, in order.
        ins: index of each operand among the step's inputs; grows.
        outs: index of each result among the step's outputs.
    """
    places: dict[Value, int] = {}
    parts: list[Part] = []
    folds: list[Fold] = []
    for piece in cluster.pieces:
        per_row = piece.kind != "row" and piece.count != cluster.count
        reads = tuple(_read(cluster, piece, s, places, ins) for s in piece.sources)
        if piece.kind in ("all", "columns"):
            kind, type_ = piece.opcode.split(":")
            period = piece.out.size if piece.group == 0 else piece.out.size * piece.group // piece.count
            folds.append(Fold(kind, type_, reads[0], per_row, period, piece.group, outs[piece.out]))
            continue
        seed, counter = random_state(piece.step.op)
        places[piece.out] = len(parts)
        rows = piece.kind != "map"
        item = piece.out.dtype.itemsize
        row_result = per_row or piece.kind == "row"
        part = Part(piece.opcode, piece.numbers, reads, item, rows, row_result, outs.get(piece.out, -1), seed, counter)
        parts.append(part)
    parts, folds = condense(parts, folds)
    return Loop(cluster.count, cluster.length, tuple(parts), tuple(folds))


def _read(cluster: Cluster, piece: Piece, s: Source, places: dict[Value, int], ins: dict[Value, int]) -> Read:
    item = s.value.dtype.itemsize
    if s.value.root in places:
        return Read("spread" if s.how == "rows" else "full", places[s.value.root], True, item)
    index = ins.setdefault(s.value, len(ins))
    if s.how == "full" and cluster.count == 1:
        return Read("scalar", index, False, item)
    if s.how == "rows":
        return Read("strided", index, False, item, s.shape, s.strides)
    return Read(s.how, index, False, item, s.shape, s.strides)
