"""Which maker answers for an operation that finishes with bias and activation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...graph.op import Op
from ..epilogue import Epilogue
from ..registry import Kernel, Maker, kernel

_makers: dict[type[Op], Maker] = {}


def epilogue(*ops: type[Op]) -> Callable[[Maker], Maker]:
    """Decorator: registers the maker of `Epilogue` kernels over some operations."""

    def register(maker: Maker) -> Maker:
        for op in ops:
            _makers[op] = maker
        return maker

    return register


@kernel("cuda", Epilogue)
def _epilogue(op: Epilogue, ins: Sequence[np.ndarray], outs: Sequence[Any]) -> Kernel | None:
    maker = _makers.get(type(op.op))
    return None if maker is None else maker(op, ins, outs)
