"""Connectionist temporal classification on the C++ extension."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...graph.dtype import as_dtype
from ...graph.op import Binding, Spec, Thunk
from ...ops.ctc import CTCLoss
from ...runtime import native
from ..registry import Kernel, kernel


@kernel("native", CTCLoss)
def ctc(op: CTCLoss, ins: Sequence[np.ndarray], outs: Sequence[Any]) -> Kernel | None:
    """The cost and its gradient in one task; labels and lengths are checked in every run."""
    module = native.load()
    x, whole = ins[0], ins[1:]
    if module is None or not hasattr(module, "ctc") or x.dtype != np.float32 or not x.size:
        return None
    if not x.flags.c_contiguous or any(n.dtype != np.int32 or not n.flags.c_contiguous for n in whole):
        return None
    work = module.ctc_work(*x.shape, ins[1].shape[1])

    def bind(b: Binding) -> list[Thunk]:
        return [module.ctc(*b.ins, *b.outs, b.scratch[0], b.where)]

    return Kernel("ctc", bind, [Spec((work,), as_dtype("float32"))])
