"""Connectionist temporal classification on CUDA."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...graph.dtype import as_dtype
from ...graph.op import Binding, Spec, Thunk
from ...ops.ctc import CTCLoss
from ..registry import Kernel, kernel
from .images import MOST, fits
from .launch import Kept, address, launch

#: The structure `Ctc` of csrc/cuda/ctc.cu.
_POINTERS = ("x", "labels", "steps", "said", "norm", "ways", "count", "loss", "cost", "dx")
CTC = np.dtype(
    [(name, "u8") for name in _POINTERS] + [(name, "i4") for name in ("samples", "length", "classes", "most")]
)


@kernel("cuda", CTCLoss)
def ctc(op: CTCLoss, ins: Sequence[np.ndarray], outs: Sequence[Any]) -> Kernel | None:
    """The cost and its gradient with respect to the logits; labels and lengths from nowhere are clipped."""
    x, whole = ins[0], ins[1:]
    if not fits(x) or any(n.dtype != np.int32 or not n.flags.c_contiguous for n in whole):
        return None
    (samples, length, classes), most = x.shape, ins[1].shape[1]
    ways = (2, samples, length, 2 * most + 1)
    if samples > MOST // 2 // max(length * ways[-1], 1):
        return None
    float32 = as_dtype("float32")
    work = {
        "norm": Spec((samples, length), float32), "ways": Spec(ways, float32), "cost": Spec((samples,), float32),
        "count": Spec((samples,), as_dtype("int32")),
    }  # fmt: skip

    def bind(b: Binding) -> list[Thunk]:
        arrays = dict(zip(("x", "labels", "steps", "said"), b.ins, strict=True))
        arrays |= dict(zip(("loss", "dx"), b.outs, strict=True)) | dict(zip(work, b.scratch, strict=True))
        values = [0 if arrays[k] is None or not arrays[k].size else address(arrays[k]) for k in _POINTERS]
        args = [np.array([(*values, samples, length, classes, most)], CTC)]
        wanted = arrays["dx"] is not None
        calls = [
            launch(b.xp, "ctc.cu", "ctc_rows", samples * length, args),
            launch(b.xp, "ctc.cu", "ctc_walk", (samples, 1 + wanted), args),
        ]
        if wanted:
            calls.append(launch(b.xp, "ctc.cu", "ctc_gradient", samples * length, args))
        return [Kept(calls, arrays)]

    return Kernel("cuda:ctc", bind, list(work.values()))
