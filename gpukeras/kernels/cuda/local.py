"""Windows as rows of matrices on CUDA, for locally connected layers; the products are batches of matrix products."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...graph.op import Binding, Thunk
from ...ops.local import Patches, PatchesSum
from ..registry import Kernel, kernel
from .images import fits, structure
from .launch import blocks_for, launch

#: The structure `Windows` of csrc/cuda/local.cu.
WINDOWS = np.dtype(
    [(name, "i4") for name in ("samples", "channels", "channels_first")]
    + [(name, "i4", 3) for name in ("in", "out", "size", "strides")]
)


@kernel("cuda", Patches, PatchesSum)
def patches(op: Any, ins: Sequence[np.ndarray], outs: Sequence[Any]) -> Kernel | None:
    """One thread per element of the result."""
    x, rows = (ins[0], outs[0]) if isinstance(op, Patches) else (outs[0], ins[0])
    axes = x.ndim - 2
    if axes > 3 or not fits(x) or not fits(rows):
        return None
    spatial, channels = (x.shape[2:], x.shape[1]) if op.channels_first else (x.shape[1:-1], x.shape[-1])
    sizes = [(*(1,) * (3 - axes), *n) for n in (spatial, rows.shape[:axes], op.size, op.strides)]
    windows = structure(WINDOWS, x.shape[0], channels, int(op.channels_first), *sizes)

    def bind(b: Binding) -> list[Thunk]:
        out = b.outs[0]
        return [launch(b.xp, "local.cu", op.name, blocks_for(out.size), [b.ins[0], out, out.size, windows])]

    return Kernel(f"cuda:{op.name}", bind)
