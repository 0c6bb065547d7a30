"""Fused loops as one generated CUDA kernel, and one more for what their reductions leave to add up."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from ...graph.dtype import as_dtype
from ...graph.op import Binding, Spec, Thunk
from ..fused import Fused, Loop
from ..registry import Kernel, kernel
from .launch import THREADS, Kept, address, compiled
from .loops import _JOINS, Finish, LoopWriter, wide
from .source import TYPES, flattened, functions
from .words import Words

_DTYPES = {"f32": "float32", "f64": "float64", "i32": "int32", "i64": "int64"}
_FEW = 64  # values to a result, up to which one thread adds them up
_MOST_BLOCKS = 4096

_STRIDED = """template <typename T>
__device__ __forceinline__ T strided(const T* x, int64_t bytes) {
    return *reinterpret_cast<const T*>(reinterpret_cast<const char*>(x) + bytes);
}
"""

#: Run counters of random operations on the device, by those on the host, which they start from.
_counters: dict[tuple[str, int, int], tuple[Any, Any]] = {}


class Generated:
    """The source of a step's kernels, and how they are launched.

    Attributes:
        source: text with the kernels `fused` and `finish`, without includes.
        words: what their argument holds.
        work: types and sizes of the work arrays.
        blocks: blocks of `fused`.
        finish_blocks: blocks of `finish`; 0 where it is not needed.
        counters: run counters that `finish` counts on.
    """

    def __init__(self, loops: Sequence[Loop]) -> None:
        self.words = Words()
        self.work: list[tuple[str, int]] = []
        writers = [LoopWriter(loop, self.words, self.work) for loop in loops]
        texts = [w.text(f"loop{i}") for i, w in enumerate(writers)]
        self.blocks = sum(w.blocks for w in writers)
        counters = [w.loop.parts[k].counter for w in writers for k in w.counters]
        self.counters = list({id(c): c for c in counters}.values())
        main = self._main(writers)
        finish = self._finish([f for w in writers for f in w.finishes])
        index = "int" if all(loop.elements < 2**31 - (1 << 21) for loop in loops) else "int64_t"
        body = "\n\n".join([f"using Index = {index};", self.words.struct(), _STRIDED, *texts, main, finish])
        names = functions([s for w in writers for s in w.signatures])
        self.source = f"{flattened('fused.h')}\n{names}\nnamespace gpukeras::cuda {{\n\n{body}\n\n}}\n"

    def _main(self, writers: list[LoopWriter]) -> str:
        lines, first = ["const int block = static_cast<int>(blockIdx.x);"], 0
        for i, w in enumerate(writers):
            end = self.words.integer(first + w.blocks, "int")
            start, blocks = self.words.integer(first, "int"), self.words.integer(w.blocks, "int")
            lines.append(f"if (block < {end}) return loop{i}(args, block - {start}, {blocks});")
            first += w.blocks
        return _kernel("fused", lines)

    def _finish(self, finishes: list[Finish]) -> str:
        lines, first = ["const int block = static_cast<int>(blockIdx.x);"], 0
        for counter in self.counters:
            run = self.words.pointer("counter", id(counter), "uint64_t")
            lines.append(f"if (block == 0 && threadIdx.x == 0) *{run} += 1;")
        for f in finishes:
            fold, sets = f.fold, f.size // f.group
            results, whole = sets * fold.period, f.group // fold.period > _FEW
            blocks = min(results if whole else -(-results // THREADS), _MOST_BLOCKS)
            types = f"{_JOINS[fold.kind]}, {TYPES[wide(fold.type)]}, {TYPES[f.held]}, {TYPES[fold.type]}"
            args = [
                self.words.pointer("scratch", f.scratch, f"const {TYPES[f.held]}"),
                *(self.words.integer(n, "int64_t") for n in (f.group, fold.period, sets)),
                self.words.number(f.terms),
                self.words.pointer("out", fold.out, TYPES[fold.type]),
                f"block - {self.words.integer(first, 'int')}",
                self.words.integer(blocks, "int"),
                f"{self.words.integer(whole, 'int')} != 0",
            ]
            first += blocks
            lines.append(
                f"if (block < {self.words.integer(first, 'int')}) return finish_fold<{types}>({', '.join(args)});"
            )
        self.finish_blocks = first or (1 if self.counters else 0)
        return _kernel("finish", lines)


def _kernel(name: str, lines: list[str]) -> str:
    body = "\n".join(f"    {line}" for line in [*lines, "(void)args;", "(void)block;"])
    return f'extern "C" __global__ void {name}(Args args) {{\n{body}\n}}'


def device_counter(xp: Any, counter: Any) -> Any:
    """The run counter on the GPU in use that goes with one of the host's, the same for all plans."""
    key = (xp.__name__, int(xp.cuda.runtime.getDevice()), id(counter))
    if key not in _counters:
        _counters[key] = (counter, xp.asarray(counter))
    return _counters[key][1]


def _fitted(xp: Any, arrays: Sequence[Any], layouts: Sequence[Any]) -> tuple[list[Thunk], list[Any]]:
    """The arrays in the layouts the source was written for, and the copies that needs."""
    calls: list[Thunk] = []
    fitting: list[Any] = []
    for x, layout in zip(arrays, layouts, strict=True):
        same = all(n < 2 or s == t for n, s, t in zip(x.shape, x.strides, layout.strides, strict=True))
        fitting.append(x if same else xp.empty(x.shape, x.dtype))
        if not same:
            if not layout.flags.c_contiguous:
                raise ValueError(f"fused: an array came with strides {x.strides}, {layout.strides} were announced")
            calls.append(partial(xp.copyto, fitting[-1], x))
    return calls, fitting


@kernel("cuda", Fused)
def fused(op: Fused, ins: Sequence[np.ndarray], outs: Sequence[Any]) -> Kernel | None:
    """All loops in one launch."""
    made = Generated(op.loops)

    def bind(b: Binding) -> list[Thunk]:
        before, fitting = _fitted(b.xp, b.ins, ins)
        written = [x if x.flags.c_contiguous else b.xp.empty(x.shape, x.dtype) for x in b.outs]
        after = [partial(b.xp.copyto, x, w) for x, w in zip(b.outs, written, strict=True) if x is not w]
        counters = {id(c): device_counter(b.xp, c) for c in made.counters}
        arrays: dict[str, Any] = {"in": fitting, "out": written, "scratch": b.scratch, "counter": counters}
        addresses = {
            kind: {k: address(x) for k, x in (xs.items() if isinstance(xs, dict) else enumerate(xs))}
            for kind, xs in arrays.items()
        }
        args = (made.words.filled(addresses),)
        module = compiled(b.xp, made.source)
        calls = [partial(module.get_function("fused"), (made.blocks,), (THREADS,), args)]
        if made.finish_blocks:
            calls.append(partial(module.get_function("finish"), (made.finish_blocks,), (THREADS,), args))
        return [*before, Kept(calls, arrays), *after]

    scratch = [Spec((size,), as_dtype(_DTYPES[kind])) for kind, size in made.work]
    return Kernel(f"cuda:fused:{sum(len(loop.parts) + len(loop.folds) for loop in op.loops)}", bind, scratch)
