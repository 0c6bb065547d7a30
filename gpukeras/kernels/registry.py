"""Which kernels an engine has."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..graph.op import Binding, Op, Spec, Thunk


@dataclass(frozen=True)
class Kernel:
    """A way to run one operation on arrays of fixed layouts.

    Attributes:
        name: what runs, for reports and tests, for example 'onednn:matmul'.
        bind: ties it to arrays, as `Op.bind` does.
        scratch: specs of the work arrays it needs, in place of `Op.scratch`.
        captures: whether its calls can be recorded in a CUDA graph, as `Op.captures` says of `Op.bind`.
        orders: inputs that it would copy into another order of axes, by place; a plan that gives them as views of
            arrays in that order saves it the copy.
        gives: the order of axes in which it makes its only output, where it would have to copy that.
    """

    name: str
    bind: Callable[[Binding], Sequence[Thunk]]
    scratch: Sequence[Spec] = ()
    captures: bool = True
    orders: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    gives: tuple[int, ...] = ()


#: (operation, input layouts, output layouts) -> kernel. Layouts are arrays without memory: shape, dtype, strides.
Maker = Callable[[Any, Sequence[np.ndarray], Sequence[Any]], Kernel | None]

_makers: dict[tuple[str, type[Op]], Maker] = {}

#: The module whose import registers an engine's kernels.
_ENGINES = {"native": "gpukeras.kernels.native", "cuda": "gpukeras.kernels.cuda"}


def kernel(engine: str, *ops: type[Op]) -> Callable[[Maker], Maker]:
    """Decorator: registers a maker of an engine's kernels for some operations.

    Arguments:
        engine: 'native' or 'cuda'.
        ops: operation classes; a subclass is another operation.

    Returns:
        The decorator, which gives the maker back.
    """

    def register(maker: Maker) -> Maker:
        for op in ops:
            _makers[engine, op] = maker
        return maker

    return register


@functools.cache
def _load(engine: str) -> bool:
    module = _ENGINES.get(engine)
    if module is None:
        return False
    importlib.import_module(module)
    return True


def find(engine: str, op: Op, ins: Sequence[np.ndarray], outs: Sequence[Any]) -> Kernel | None:
    """The engine's kernel for an operation on these layouts.

    Arguments:
        engine: 'numpy', 'native' or 'cuda'.
        op: the operation.
        ins: layouts of the inputs.
        outs: layouts of the outputs, None for those nobody reads.

    Returns:
        A `Kernel`, or None where `Op.bind` is the way.
    """
    if not _load(engine):
        return None
    maker = _makers.get((engine, type(op)))
    return None if maker is None else maker(op, ins, outs)
