"""One loop of a fused step as CUDA source.

A loop whose parts know no rows gives every thread elements of its own, a fixed distance apart. That distance is a
multiple of the periods of the reductions, so that a thread adds up for one result. A loop with rows gives a row to a
thread or to a block. What stands between two passes over a row is computed again in each: it costs less than to store.

Stores of an element come after all loads of it, by the same thread, so that a result may lie where an operand lies.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from ..fused import Fold, Loop, Part, Read
from .source import TYPES, Signature, signature
from .words import Words

THREADS = 256
SHORT_ROW = 64  # elements, up to which a row is left to one thread
MOST_THREADS = 1 << 20
MOST_PARTIALS = 1 << 16
_JOINS = {"sum": "Sum", "mean": "Sum", "max": "Max", "min": "Min"}


class Finish(NamedTuple):
    """A reduction's second stage: values in work memory to results.

    Attributes:
        fold: the reduction.
        scratch: index of the work array.
        held: type of its values, 'f32' and so on.
        size: number of values.
        group: values to a set of results.
        terms: what means are divided by, else 0.
    """

    fold: Fold
    scratch: int
    held: str
    size: int
    group: int
    terms: float


def wide(kind: str) -> str:
    """The type sums are kept in."""
    return "f64" if kind in ("f32", "f64") else "i64"


class LoopWriter:
    """Writes one loop.

    Arguments:
        loop: what to do.
        words: the kernel's argument.
        work: work arrays, as (type, size); grows.
    """

    def __init__(self, loop: Loop, words: Words, work: list[tuple[str, int]]) -> None:
        self.loop = loop
        self.words = words
        self.work = work
        self.signatures: list[Signature] = []
        self.counters: list[int] = []  # parts that draw random numbers
        self.finishes: list[Finish] = []
        self.by_rows = loop.length > 1 and (
            any(p.rows or p.per_row for p in loop.parts) or any(f.per_row for f in loop.folds)
        )
        self.rows = loop.elements // loop.length
        self.whole_block = loop.length > SHORT_ROW
        periods = [f.period for f in loop.folds if f.group == 0]
        self.active = 0 if self.by_rows else _active(loop.elements, math.lcm(*periods) if periods else 0)
        if self.by_rows:
            blocks = self.rows if self.whole_block else -(-self.rows // THREADS)
            self.blocks = min(blocks, MOST_THREADS // THREADS)
        else:
            self.blocks = -(-self.active // THREADS)

    # --- operands and instructions ---------------------------------------------------------------------------

    def _operand(self, read: Read, ctype: str, place: str) -> str:
        if read.inner:
            return f"v{read.source}"
        pointer = self.words.pointer("in", read.source, f"const {ctype}")
        if read.how == "scalar":
            return f"{pointer}[0]"
        if read.how == "full":
            return f"{pointer}[{place}]"
        terms, rest = [], place
        for n, stride in reversed(list(zip(read.shape[1:], read.strides[1:], strict=True))):
            if stride:
                terms.append(f"({rest} % {self.words.integer(n)}) * {self.words.integer(stride, 'int64_t')}")
            rest = f"({rest} / {self.words.integer(n)})"
        if read.strides[0]:
            terms.append(f"{rest} * {self.words.integer(read.strides[0], 'int64_t')}")
        return f"strided<{ctype}>({pointer}, {' + '.join(terms) or '0'})"

    def _expression(self, k: int, place: str) -> tuple[str, str]:
        """Type and expression of the value part k makes of its operands at a place."""
        part = self.loop.parts[k]
        name, *types = part.opcode.split(":")
        ctype = TYPES[types[-1]]
        if part.counter is not None:
            return ctype, self._random(k, part, name, ctype, place)
        if part.rows:
            return ctype, self._of_row(k, part, name, ctype, place)
        s = signature(part.opcode)
        if s is None:
            raise NotImplementedError(f"fused loops on CUDA have no instruction {part.opcode!r}")
        self.signatures.append(s)
        args = [self._operand(r, t, place) for r, t in zip(part.reads, s.operands, strict=True)]
        args += [self.words.number(n) for n in part.numbers[: s.numbers]]
        return s.result, f"expression::{s.name}({', '.join(args)})"

    def _random(self, k: int, part: Part, name: str, ctype: str, place: str) -> str:
        if k not in self.counters:
            self.counters.append(k)
        run = f"*{self.words.pointer('counter', id(part.counter), 'const uint64_t')}"
        bits, *numbers = part.numbers if name == "dropout_mask" else (32, *part.numbers)
        seed, width = self.words.word("int", part.seed), self.words.integer(int(bits), "int")
        word = f"random_element({seed}, {run}, {place}, {width})"
        if name == "dropout_mask":
            kept = f"static_cast<{ctype}>({self.words.number(numbers[1])})"
            return f"({word} <= {self.words.integer(int(numbers[0]), 'uint32_t')} ? {kept} : 0)"
        if name == "truncated_normal":
            mean, deviation = (self.words.number(n) for n in numbers)
            return f"static_cast<float>(truncated_normal_from_bits({word}) * {deviation} + {mean})"
        floats = ", ".join(f"static_cast<float>({self.words.number(n)})" for n in numbers)
        if name == "random_normal":
            return f"normal_element({seed}, {run}, {place}, {floats})"
        if name == "random_binomial":
            return f"(uniform_from_bits({word}) < {floats} ? 1.0f : 0.0f)"
        return f"uniform_in({word}, {floats})"

    def _of_row(self, k: int, part: Part, name: str, ctype: str, place: str) -> str:
        """An element of a result that also takes what the row's pass found."""
        x = [self._operand(r, ctype, place) for r in part.reads]
        if name == "softmax":
            return f"expression::exp({x[0]} - s{k}.top) / s{k}.total"
        if name == "log_softmax":
            return f"({x[0]} - s{k}.top) - expression::log(s{k}.total)"
        if name == "softmax_grad":
            return f"({x[0]} - static_cast<{ctype}>(s{k})) * {x[1]}"
        raise NotImplementedError(f"fused loops on CUDA have no instruction {part.opcode!r}")

    def _needed(self, reads: Iterable[Read]) -> list[int]:
        """Parts with one value per element that these operands are made of, in order."""
        found: set[int] = set()
        todo = [r.source for r in reads if r.inner]
        while todo:
            k = todo.pop()
            part = self.loop.parts[k]
            if k in found or (self.by_rows and part.per_row):
                continue
            found.add(k)
            todo += [r.source for r in part.reads if r.inner]
        return sorted(found)

    def _values(self, parts: Iterable[int], place: str) -> list[str]:
        lines = []
        for k in parts:
            ctype, expression = self._expression(k, place)
            lines.append(f"const {ctype} v{k} = {expression};")
        return lines

    def _store(self, parts: Iterable[int], place: str) -> list[str]:
        lines = []
        for k in parts:
            part = self.loop.parts[k]
            ctype = self._type(part)
            lines.append(f"{self.words.pointer('out', part.out, ctype)}[{place}] = v{k};")
        return lines

    @staticmethod
    def _type(part: Part) -> str:
        name, *types = part.opcode.split(":")
        if name in ("row_argmax", "row_argmin"):
            return "int64_t"
        s = None if part.rows else signature(part.opcode)
        return TYPES[types[-1]] if s is None else s.result

    # --- reductions ------------------------------------------------------------------------------------------

    def _work(self, kind: str, size: int) -> int:
        self.work.append((kind, size))
        return len(self.work) - 1

    def _fold_lines(self, place: str, folds: list[tuple[int, Fold]]) -> list[str]:
        """What one element or row adds to the reductions."""
        lines = []
        for f, fold in folds:
            x = self._operand(fold.read, TYPES[fold.type], place)
            if self._direct(fold):
                total = TYPES[wide(fold.type)]
                lines.append(f"f{f} = {_JOINS[fold.kind]}()(f{f}, static_cast<{total}>({x}));")
            else:
                finish = self._kept(f, fold)
                lines.append(f"{self.words.pointer('scratch', finish.scratch, TYPES[fold.type])}[{place}] = {x};")
        return lines

    def _direct(self, fold: Fold) -> bool:
        """Whether threads add up by themselves; else the values are stored, and added up afterwards."""
        return fold.group == 0 and (fold.period == 1 or not self.by_rows)

    def _kept(self, f: int, fold: Fold) -> Finish:
        size = self.rows if self.by_rows and fold.per_row else self.loop.elements
        group = fold.group or size
        return self._finish(fold, fold.type, size, group)

    def _finish(self, fold: Fold, held: str, size: int, group: int) -> Finish:
        found = next((f for f in self.finishes if f.fold is fold), None)
        if found is None:
            seen = fold.group or (self.rows if self.by_rows and fold.per_row else self.loop.elements)
            terms = seen / fold.period if fold.kind == "mean" else 0.0
            found = Finish(fold, self._work(held, size), held, size, group, terms)
            self.finishes.append(found)
        return found

    def _begin_folds(self) -> list[str]:
        lines = []
        for f, fold in enumerate(self.loop.folds):
            if self._direct(fold):
                total = TYPES[wide(fold.type)]
                lines.append(f"{total} f{f} = {_JOINS[fold.kind]}::first<{total}>();")
        return lines

    def _end_folds(self) -> list[str]:
        lines = []
        for f, fold in enumerate(self.loop.folds):
            if not self._direct(fold):
                continue
            size = self.blocks if fold.period == 1 else self.active
            finish = self._finish(fold, wide(fold.type), size, size)
            pointer = self.words.pointer("scratch", finish.scratch, TYPES[finish.held])
            if fold.period == 1:
                lines.append(f"f{f} = block_join(f{f}, {_JOINS[fold.kind]}());")
                lines.append(f"if (threadIdx.x == 0) {pointer}[block] = f{f};")
            else:
                lines.append(f"if (first < active) {pointer}[first] = f{f};")
        return lines

    # --- whole loops ------------------------------------------------------------------------------------------

    def text(self, name: str) -> str:
        """The loop as a device function."""
        body = self._rows_body() if self.by_rows else self._flat_body()
        head = f"__device__ __forceinline__ void {name}(const Args& args, int block, int blocks) {{"
        return "\n".join([head, *(f"    {line}" for line in body), "}"])

    def _flat_body(self) -> list[str]:
        loop, parts = self.loop, range(len(self.loop.parts))
        inner = self._values(parts, "i") + self._fold_lines("i", list(enumerate(loop.folds)))
        inner += self._store([k for k in parts if loop.parts[k].out >= 0], "i")
        return [
            f"const Index count = {self.words.integer(loop.elements)}, active = {self.words.integer(self.active)};",
            "const Index first = static_cast<Index>(block) * kThreads + static_cast<Index>(threadIdx.x);",
            *self._begin_folds(),
            "for (Index i = first; first < active && i < count; i += active) {",
            *(f"    {line}" for line in inner),
            "}",
            *self._end_folds(),
            "(void)blocks;",
        ]

    def _rows_body(self) -> list[str]:
        whole = self.whole_block
        at = "static_cast<Index>(threadIdx.x)"
        start, step = (
            ("block", "blocks") if whole else (f"static_cast<Index>(block) * kThreads + {at}", "blocks * kThreads")
        )
        lane, width = (at, "kThreads") if whole else ("0", "1")
        inner: list[str] = []
        for k, part in enumerate(self.loop.parts):
            if part.rows:
                inner += self._pass(k, part)
            elif part.per_row:
                inner += self._values([k], "row")
        return [
            f"const Index rows = {self.words.integer(self.rows)}, length = {self.words.integer(self.loop.length)};",
            f"const Index lane = {lane}, width = {width};",
            *self._begin_folds(),
            f"for (Index row = {start}; row < rows; row += {step}) {{",
            *(f"    {line}" for line in [*inner, *self._last_pass()]),
            "}",
            *self._end_folds(),
            "(void)lane, (void)width, (void)length;",
        ]

    def _pass(self, k: int, part: Part) -> list[str]:
        """What an instruction on rows has to know of the row."""
        name, kind = part.opcode.split(":")
        ctype, joined = TYPES[kind], "true" if self.whole_block else "false"
        x = [self._operand(r, ctype, "i") for r in part.reads]
        word = name.removeprefix("row_")
        finish = ""
        if word in _JOINS:
            total, join = TYPES[wide(kind)], f"{_JOINS[word]}()"
            first, value = f"{_JOINS[word]}::first<{total}>()", f"static_cast<{total}>({x[0]})"
            terms = f" / static_cast<{total}>(length)" if word == "mean" else ""
            finish = f"const {ctype} v{k} = static_cast<{ctype}>(s{k}{terms});"
        elif word in ("argmax", "argmin"):
            total, join = f"Extreme<{ctype}>", f"ExtremeJoin<{'Max' if word == 'argmax' else 'Min'}, {ctype}>()"
            first, value = f"{total}{{0, -1}}", f"{total}{{{x[0]}, static_cast<int>(e)}}"
            finish = f"const int64_t v{k} = s{k}.place;"
        elif word == "softmax_grad":
            total, join, first = "double", "Sum()", "0.0"
            value = f"static_cast<double>({x[0]} * {x[1]})"
        else:
            total, join = f"RowSum<{ctype}>", f"RowSumJoin<{ctype}>()"
            first, value = f"{total}{{Limits<{ctype}>::low(), 0}}", f"{total}{{{x[0]}, 1}}"
        return [
            f"{total} s{k} = {first};",
            "for (Index e = lane; e < length; e += width) {",
            "    const Index i = row * length + e;",
            *(f"    {line}" for line in self._values(self._needed(part.reads), "i")),
            f"    s{k} = {join}(s{k}, {value});",
            "    (void)i;",
            "}",
            f"s{k} = row_join<{joined}>(s{k}, {join});",
            *([finish] if finish else []),
        ]

    def _last_pass(self) -> list[str]:
        """Stores and reductions: element by element, then what there is one of per row."""
        parts, folds = self.loop.parts, list(enumerate(self.loop.folds))
        stored = [k for k, p in enumerate(parts) if p.out >= 0 and not p.per_row]
        folded = [(f, fold) for f, fold in folds if not fold.per_row]
        lines: list[str] = []
        if stored or folded:
            reads = [Read("full", k, True, 0) for k in stored] + [fold.read for _, fold in folded]
            body = self._values(self._needed(reads), "i") + self._fold_lines("i", folded) + self._store(stored, "i")
            lines += ["for (Index e = lane; e < length; e += width) {", "    const Index i = row * length + e;"]
            lines += [*(f"    {line}" for line in body), "}"]
        per_row = [k for k, p in enumerate(parts) if p.out >= 0 and p.per_row]
        body = self._fold_lines("row", [(f, fold) for f, fold in folds if fold.per_row]) + self._store(per_row, "row")
        if body:
            # no thread may still read what is overwritten here
            lines += ["__syncthreads();"] if self.whole_block else []
            lines += ["if (lane == 0) {", *(f"    {line}" for line in body), "}"]
        return lines


def _active(count: int, period: int) -> int:
    """Number of threads that work: a multiple of the period where there are reductions."""
    if period == 0:
        return min(count, MOST_THREADS)
    most = max(1, min(MOST_PARTIALS // period, -(-count // period)))
    return min(period * most, count)
