"""Gathers elementwise steps, and the reductions that end them, into fused loops for engines that have an evaluator.

A loop passes over its arrays once, whatever number of steps it holds; loops over small arrays that do not depend on
each other are run by one call.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..kernels.fused import Fused, Loop
from .fusion_loops import Cluster, assemble
from .fusion_pieces import SMALL, Piece, expanded, piece_of
from .value import Step, Value

MOST_PIECES = 96  # of a loop: its operands and blocks have to fit the evaluator's table


def fuse(steps: list[Step], needed: set[Value], updated: set[Value], small: int = SMALL) -> list[Step]:
    """The steps, with those the evaluator takes in gathered into loops.

    Arguments:
        steps: the live steps, in order.
        needed: root values read after the last step.
        updated: those of them that only variables want.
        small: elements of an array that is no trouble to keep for a while, so that one call may do more.
    """
    order = _Schedule(_expanded(steps, needed), needed, updated, small)
    fused: list[Step] = []
    for slot, step in enumerate([None, *order.anchors]):
        if step is not None:
            fused.append(step)
        fused += _Gathering(order, slot).steps()
    return fused


def _expanded(steps: list[Step], needed: set[Value]) -> list[Step]:
    """The steps, some as several, without those of these that make what nobody reads."""
    wanted = set(needed)
    kept: list[Step] = []
    for step in reversed(steps):
        for part in reversed(expanded(step)):
            if part is step or not wanted.isdisjoint(part.outs):
                kept.append(part)
                wanted.update([v.root for v in part.ins])
    kept.reverse()
    return kept


class _Schedule:
    """Where between the steps that stay as they are ("anchors") each piece is computed.

    Slot 0 lies before the first anchor, slot j after anchor j. A piece is computed as soon as its operands are there,
    unless it may wait for its first reader at no cost in memory.
    """

    def __init__(self, steps: list[Step], needed: set[Value], updated: set[Value], small: int) -> None:
        self.needed = needed
        self.small = small
        self.anchors: list[Step] = []
        self.pieces: dict[Step, Piece] = {}
        self.slot: dict[Step, int] = {}
        self.readers: dict[Value, list[Step]] = {}
        self.makers: dict[Value, Step] = {}
        for step in steps:
            for v in step.outs:
                if v is not None:
                    self.makers[v] = step
            for root in {v.root: None for v in step.ins}:
                self.readers.setdefault(root, []).append(step)
        for step in steps:
            self._place(step)
        self.waiting = self._waiting(steps, updated)
        for step in reversed(steps):
            if step in self.pieces:
                self._sink(step)
        self.members: dict[int, list[Piece]] = {}
        for step in steps:
            if step in self.pieces:
                members = self.members.setdefault(self.slot[step], [])
                self.pieces[step].order = len(members)
                members.append(self.pieces[step])

    def _place(self, step: Step) -> None:
        piece = piece_of(step)
        if piece is None:
            self.anchors.append(step)
            self.slot[step] = len(self.anchors)
            return
        self.pieces[step] = piece
        slot = 0
        for v in step.ins:
            maker = self.makers.get(v.root)
            if maker is not None and self.slot[maker] > slot:
                slot = self.slot[maker]
        self.slot[step] = slot

    def _latest(self, step: Step) -> int:
        """Last slot in which whatever reads this step's result still gets it in time."""
        readers = self.readers.get(step.outs[0], [])
        return min((self.slot[r] if r in self.pieces else self.slot[r] - 1 for r in readers), default=-1)

    def _last_read(self, root: Value, but: Step) -> float:
        """When the last reader of a value runs, one step aside."""
        if root in self.needed or root.kind != "temp":
            return float("inf")
        times = [self.slot[r] + (0.0 if r in self.pieces else -0.5) for r in self.readers[root] if r is not but]
        return max(times, default=-1.0)

    def _waiting(self, steps: list[Step], updated: set[Value]) -> set[Step]:
        """Pieces on small arrays that nothing but updates of variables needs: all are made together at the end."""
        waiting: set[Step] = set()
        for step in reversed(steps):
            out = step.outs[0]
            if step in self.pieces and out.size <= self.small and (out in updated or out not in self.needed):
                if waiting.issuperset(self.readers.get(out, ())):
                    waiting.add(step)
        return waiting

    def _sink(self, step: Step) -> None:
        here, out = self.slot[step], step.outs[0]
        latest = self._latest(step)
        if latest < 0 and step in self.waiting:
            latest = len(self.anchors)
        if latest <= here or (out in self.needed and step not in self.waiting):
            return
        roots = {v.root for v in step.ins}
        small = out.size <= self.small and all(r.size <= self.small for r in roots)
        makers = [m for m in map(self.makers.get, roots) if m in self.pieces and m not in self.waiting]
        made_here = any(self.slot[m] == here for m in makers)
        longer = sum(r.nbytes for r in roots if self._last_read(r, step) < latest)
        if (not made_here or here == 0) if small else longer <= out.nbytes:
            self.slot[step] = latest


class _Gathering:
    """The pieces of one slot as clusters, in phases: what is in one phase does not depend on each other."""

    def __init__(self, order: _Schedule, slot: int) -> None:
        self.order = order
        self.home: dict[Value, Cluster] = {}  # of what is made in this slot
        self.clusters: list[Cluster] = []
        for piece in order.members.get(slot, ()):
            self._add(piece)
        for cluster in sorted(self.clusters, key=lambda c: -c.phase):
            self._delay(cluster)

    def _add(self, piece: Piece) -> None:
        makers = {self.home[s.value.root]: None for s in piece.sources if s.value.root in self.home}
        joined = self._joined(piece, list(makers))
        if joined is not None:
            makers = {m: None for m in makers if m in self.clusters} | {joined: None}
        chosen = self._chosen(piece, list(makers))
        if chosen is None:
            chosen = Cluster(max((m.phase + 1 for m in makers), default=0))
            self.clusters.append(chosen)
            chosen.accepts(piece)
        chosen.add(piece)
        chosen.after.update(m for m in makers if m is not chosen)
        self.home[piece.out] = chosen

    def _chosen(self, piece: Piece, makers: list[Cluster]) -> Cluster | None:
        """A cluster that takes the piece in: one it shares data with, else any that is small as it is itself."""
        small: Cluster | None = None
        for cluster in self.clusters:
            shares = cluster.shares(piece)
            if not shares and (small is not None or max(piece.count, cluster.count) > self.order.small):
                continue
            if len(cluster.pieces) >= MOST_PIECES or not cluster.accepts(piece):
                continue
            if any(m is not cluster and m.phase >= cluster.phase for m in makers):
                continue
            if shares:
                return cluster
            small = cluster
        if small is not None:
            small.accepts(piece)
        return small

    def _joined(self, piece: Piece, makers: list[Cluster]) -> Cluster | None:
        """The clusters that made the piece's operands as one, where they can be and it can read them there."""
        if len(makers) < 2:
            return None
        last = max(makers, key=lambda c: c.phase)
        parts = [c for c in makers if c is last or self._movable(c, last)]
        if len(parts) < 2:
            return None
        return self._unite(parts, last.phase, piece)

    def _unite(self, parts: list[Cluster], phase: int, reader: Piece | None) -> Cluster | None:
        """Clusters as one that could take `reader` in too, or None where that cannot be."""
        pieces = sorted((p for c in parts for p in c.pieces), key=lambda p: p.order)
        if len(pieces) >= MOST_PIECES:
            return None
        joined = Cluster(phase)
        for p in pieces:
            if not joined.accepts(p):
                return None
            joined.add(p)
        if reader is not None and not joined.accepts(reader):
            return None
        self.home.update((p.out, joined) for p in pieces)
        joined.after = {c for part in parts for c in part.after} - set(parts)
        self.clusters = [c for c in self.clusters if c not in parts] + [joined]
        for c in self.clusters:
            if c.after & set(parts):
                c.after = (c.after - set(parts)) | {joined}
        return joined

    def _movable(self, cluster: Cluster, last: Cluster) -> bool:
        """Whether a cluster may be done in the phase of another one, and as part of it."""
        return all(c is last or cluster not in c.after or c.phase > last.phase for c in self.clusters)

    def _delay(self, cluster: Cluster) -> None:
        """Makes a cluster part of the only one that reads its results, where that can be."""
        readers = [c for c in self.clusters if cluster in c.after]
        if len(readers) == 1:
            self._unite([cluster, readers[0]], readers[0].phase, None)

    def steps(self) -> list[Step]:
        """A step per phase for small clusters, one for each large one."""
        made = []
        for phase in sorted({c.phase for c in self.clusters}):
            here = [c for c in self.clusters if c.phase == phase]
            small = [c for c in here if c.count <= self.order.small]
            large = [[c] for c in here if c.count > self.order.small]
            made += [self._step(part) for part in [small, *large] if part]
        return made

    def _step(self, clusters: Sequence[Cluster]) -> Step:
        ins: dict[Value, int] = {}
        outs: dict[Value, int] = {}
        for cluster in clusters:
            inside = {piece.step for piece in cluster.pieces}
            for piece in cluster.pieces:
                if piece.out in self.order.needed or not inside.issuperset(self.order.readers.get(piece.out, ())):
                    outs[piece.out] = len(outs)
        loops: list[Loop] = [assemble(cluster, ins, outs) for cluster in clusters]
        where = clusters[0].pieces[-1].step.where
        step = Step(Fused(loops), list(ins), list(outs), where, [None] * len(ins))
        for v in outs:
            v.step = step
        return step
