"""Tensors that processes add up among themselves while a plan runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from ..graph.op import Binding, Op, Partial, Spec, Thunk
from ..graph.shape import prod
from ..graph.tensor import Tensor, apply

__all__ = ["exchange"]

Exchanged = Callable[[np.ndarray], None]


class Exchange(Op):
    """Tensors of one dtype, passed through a function all together: one message for all instead of one for each.

    Arguments:
        function: changes a flat array in place.
    """

    captures = False
    widens = False
    stateful = True  # other processes answer differently every time
    no_grad = "it is other processes that give the result"

    def __init__(self, function: Exchanged) -> None:
        self.function = function

    def infer(self, ins: Sequence[Spec], values: Sequence[Partial]) -> Sequence[Spec]:
        return list(ins)

    def scratch(self, ins: Sequence[Spec], outs: Sequence[Spec | None], prepared: Any) -> Sequence[Spec]:
        sizes = [prod(s.shape) for s in ins]  # type: ignore[arg-type]
        return [Spec((sum(sizes),), ins[0].dtype)]

    def bind(self, b: Binding) -> Sequence[Thunk]:
        flat, start = b.scratch[0], 0
        packing: list[Thunk] = []
        unpacking: list[Thunk] = []
        for x, out in zip(b.ins, b.outs, strict=True):
            place = flat[start : start + x.size].reshape(x.shape)
            packing.append(partial(b.xp.copyto, place, x))
            unpacking.append(partial(b.xp.copyto, out, place))
            start += x.size
        if isinstance(flat, np.ndarray):
            return [*packing, partial(self.function, flat), *unpacking]
        return [*packing, partial(self._on_a_gpu, flat), *unpacking]

    def _on_a_gpu(self, flat: Any) -> None:
        on_gpu = getattr(self.function, "on_gpu", None)
        if on_gpu is not None and on_gpu(flat):
            return
        host = flat.get()
        self.function(host)
        flat.set(host)


def exchange(xs: Sequence[Tensor], function: Exchanged) -> list[Tensor]:
    """Tensors passed through `function`, all of a dtype together in one flat array.

    Arguments:
        xs: list of tensors.
        function: changes a flat NumPy array in place, every time the tensors are computed.

    Returns:
        List of tensors of the same shapes.
    """
    results: dict[Tensor, Tensor] = {}
    for dtype in dict.fromkeys(x.dtype for x in xs):
        together = list(dict.fromkeys(x for x in xs if x.dtype == dtype))
        results.update(zip(together, apply(Exchange(function), *together), strict=True))
    return [results[x] for x in xs]
