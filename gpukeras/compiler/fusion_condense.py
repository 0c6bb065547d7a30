"""Pairs of instructions for which the evaluator has a single one: a pass over a block and a block fewer each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ..kernels.fused import Fold, Part, Read
from ..kernels.native.opcodes import loop_opcodes

#: (instruction, operand, instruction that makes it) -> (the one for both, order of the operands: those of the inner
#: instruction come first, then the other operand of the outer one).
_RULES: dict[tuple[str, int, str], tuple[str, tuple[int, ...]]] = {
    ("multiply", 0, "square"): ("multiply_square", (1, 0)),
    ("multiply", 1, "square"): ("multiply_square", (1, 0)),
    ("add", 0, "multiply_square"): ("multiply_square_add", (0, 1, 2)),
    ("add", 1, "multiply_square"): ("multiply_square_add", (0, 1, 2)),
    ("add", 0, "multiply"): ("multiply_add", (0, 1, 2)),
    ("add", 1, "multiply"): ("multiply_add", (0, 1, 2)),
    ("subtract", 0, "multiply"): ("multiply_subtract", (0, 1, 2)),
    ("subtract", 1, "multiply"): ("less_product", (0, 1, 2)),
    ("add", 0, "root"): ("root_add", (0, 1)),
    ("add", 1, "root"): ("root_add", (0, 1)),
    ("divide", 1, "root_add"): ("divide_by_root", (2, 0, 1)),
    ("divide", 1, "add"): ("divide_by_sum", (2, 0, 1)),
}


def condense(parts: Sequence[Part], folds: Sequence[Fold]) -> tuple[list[Part], list[Fold]]:
    """The same program with fewer instructions, rounded the same way.

    Arguments:
        parts: instructions of a loop.
        folds: its reductions.
    """
    uses = Counter(r.source for part in parts for r in part.reads if r.inner)
    uses.update(fold.read.source for fold in folds if fold.read.inner)
    made = list(parts)
    gone: set[int] = set()
    for i in range(len(made)):
        for operand in (1, 0):
            joined = _joined(made, i, operand, uses)
            if joined is not None:
                gone.add(made[i].reads[operand].source)
                made[i] = joined
                break
    if not gone:
        return made, list(folds)
    place = {old: new for new, old in enumerate(i for i in range(len(made)) if i not in gone)}

    def moved(read: Read) -> Read:
        return read._replace(source=place[read.source]) if read.inner and place[read.source] != read.source else read

    kept = [p._replace(reads=tuple(moved(r) for r in p.reads)) for i, p in enumerate(made) if i not in gone]
    return kept, [fold._replace(read=moved(fold.read)) for fold in folds]


def _joined(parts: list[Part], i: int, operand: int, uses: Counter[int]) -> Part | None:
    """Part `i` with the one that makes an operand, where nothing else needs that."""
    part = parts[i]
    if len(part.reads) != 2 or not part.reads[operand].inner or part.reads[operand].how != "full":
        return None
    source = part.reads[operand].source
    inner = parts[source]
    if uses[source] != 1 or inner.out >= 0 or inner.per_row != part.per_row:
        return None
    name, type_ = part.opcode.split(":")[0], part.opcode.split(":")[-1]
    rule = _RULES.get((name, operand, inner.opcode.split(":")[0]))
    if rule is None or f"{rule[0]}:{type_}" not in loop_opcodes():
        return None
    reads = [*inner.reads, part.reads[1 - operand]]
    return part._replace(opcode=f"{rule[0]}:{type_}", reads=tuple(reads[k] for k in rule[1]))
