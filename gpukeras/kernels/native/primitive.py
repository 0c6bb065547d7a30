"""oneDNN primitives as kernels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...graph.dtype import as_dtype
from ...graph.op import Binding, Op, Spec, Thunk
from ...runtime import native
from ..epilogue import Epilogue
from ..registry import Kernel, Maker, kernel

_UINT8 = as_dtype("uint8")


_epilogues: dict[type[Op], Maker] = {}


def epilogue(*ops: type[Op]) -> Callable[[Maker], Maker]:
    """Decorator: registers the maker of `Epilogue` kernels over some operations."""

    def register(maker: Maker) -> Maker:
        for op in ops:
            _epilogues[op] = maker
        return maker

    return register


@kernel("native", Epilogue)
def _epilogue(op: Epilogue, ins: Sequence[np.ndarray], outs: Sequence[Any]) -> Kernel | None:
    maker = _epilogues.get(type(op.op))
    return None if maker is None else maker(op, ins, outs)


def extension() -> Any:
    """The C++ extension where it was built with oneDNN, else None."""
    module = native.load()
    return module if module is not None and hasattr(module, "Primitive") else None


def is_float32(*arrays: np.ndarray | None) -> bool:
    """Whether all arrays hold float32 and at least one element each."""
    return all(a is None or (a.dtype == np.float32 and a.size > 0) for a in arrays)


def primitive_kernel(
    make: Callable[[], Any], arrays: Callable[[Binding], Sequence[Any]] = lambda b: [*b.ins, *b.outs]
) -> Kernel | None:
    """A kernel of one primitive.

    Arguments:
        make: makes the primitive; oneDNN's refusal means that there is no kernel.
        arrays: from the binding, the arrays the primitive takes, in its order.

    Returns:
        The kernel, or None where oneDNN has no such primitive.
    """
    module = extension()
    if module is None:
        return None
    try:
        primitive = make()
    except module.OneDnnError:
        return None
    scratch = [Spec((primitive.scratch_bytes,), _UINT8)]

    def bind(b: Binding) -> list[Thunk]:
        return [primitive.bind(b.scratch[0], *arrays(b))]

    return Kernel(f"onednn:{primitive.name}", bind, scratch)
