"""Mean and variance of batch normalisation on the C++ extension."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...graph.dtype import as_dtype
from ...graph.op import Binding, Spec, Thunk
from ...ops.reduction import concrete_axes
from ...ops.softmax import Moments
from ...runtime import native
from ..registry import Kernel, kernel


@kernel("native", Moments)
def moments(op: Moments, ins: Sequence[np.ndarray], outs: Sequence[Any]) -> Kernel | None:
    """Over all axes but some neighbouring ones, in one pass over memory."""
    module, x = native.load(), ins[0]
    if module is None or x.dtype != np.float32 or not x.size or not x.flags.c_contiguous:
        return None
    kept = sorted(set(range(x.ndim)) - set(concrete_axes(op.axes, x.ndim)))
    if not kept or kept != list(range(kept[0], kept[-1] + 1)):
        return None
    first, last = kept[0], kept[-1] + 1
    sizes = math.prod(x.shape[:first]), math.prod(x.shape[first:last]), math.prod(x.shape[last:])

    def bind(b: Binding) -> list[Thunk]:
        return [module.moments(*sizes, b.ins[0], *b.outs, b.scratch[0])]

    return Kernel("moments", bind, [Spec((module.moments_scratch(*sizes),), as_dtype("uint8"))])
