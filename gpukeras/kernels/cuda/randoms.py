"""Random tensors in a launch each, where they are not drawn inside of a fused loop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...graph.op import Binding, Thunk
from ...ops.random import DropoutMask, RandomBinomial, RandomIntegers, RandomNormal, RandomUniform, TruncatedNormal
from ..registry import Kernel, kernel
from .fused import device_counter
from .images import MOST
from .launch import THREADS, launch


def _settings(op: Any, dtype: str) -> tuple[str, Sequence[Any], int] | None:
    """The kernel of csrc/cuda/random.cu, its last arguments, elements of a thread; None where there is none."""
    if isinstance(op, RandomIntegers):
        if dtype not in ("int32", "int64") or op.bits != 32:
            return None
        return f"random_integers_{dtype}", (np.int64(op.low), np.uint64(op.high - op.low)), 4
    if dtype != "float32":
        return None
    if isinstance(op, RandomUniform):
        below = float(np.nextafter(np.float32(op.high), np.float32(op.low)))
        ends = (min(op.low, below), max(op.low, below))
        return "random_uniform", [float(n) for n in (op.high - op.low, op.low, *ends)], 4
    if isinstance(op, DropoutMask):
        numbers = (op.bits, np.uint32(round(op.keep_prob * 2**op.bits) - 1), op.kept)
        return "dropout", numbers, 128 // op.bits
    if isinstance(op, RandomBinomial):
        return "random_binomial", (float(op.p),), 4
    wide = np.float64 if isinstance(op, TruncatedNormal) else np.float32
    return op.name, (wide(op.mean), wide(op.stddev)), 4


@kernel("cuda", RandomNormal, RandomUniform, TruncatedNormal, RandomIntegers, RandomBinomial, DropoutMask)
def random(op: Any, ins: Sequence[np.ndarray], outs: Sequence[Any]) -> Kernel | None:
    """Numbers that are those of every other device; the run counter counts on behind them."""
    count = outs[0].size
    settings = _settings(op, str(outs[0].dtype)) if 0 < count <= MOST else None
    if settings is None:
        return None
    name, numbers, elements = settings

    def bind(b: Binding) -> list[Thunk]:
        out, run = b.outs[0], device_counter(b.xp, op.counter.array(np))
        seed = np.uint64(op.seed & 0xFFFFFFFFFFFFFFFF)
        blocks = (count - 1) // (elements * THREADS) + 1
        source = [None, out] if name == "dropout" else [out]
        args = [*source, count, seed, run, *numbers]
        return [launch(b.xp, "random.cu", name, blocks, args), launch(b.xp, "random.cu", "count_run", 1, [run])]

    return Kernel(f"cuda:{name}", bind)
