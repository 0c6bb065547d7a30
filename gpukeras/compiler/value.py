"""The lowered form of a graph: values of known size and the steps that compute them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from ..graph.dtype import DType
from ..graph.op import Binding, Op, Spec, Thunk
from ..graph.shape import prod
from ..graph.tensor import Tensor, Variable
from ..kernels import Kernel, find

_prototypes: dict[tuple[tuple[int, ...], str], np.ndarray] = {}


def _prototype(shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """An array of this layout with no memory behind it, to ask NumPy which views are possible."""
    key = (shape, dtype)
    found = _prototypes.get(key)
    if found is None:
        if len(_prototypes) > 4096:
            _prototypes.clear()
        strides = [np.dtype(dtype).itemsize] * len(shape)
        for i in range(len(shape) - 1, 0, -1):
            strides[i - 1] = strides[i] * max(shape[i], 1)
        found = _prototypes[key] = as_strided(np.empty(1, dtype), shape, strides)
    return found


class Value:
    """One array of a plan.

    Attributes:
        size: number of elements.
        kind: 'const', 'feed', 'var', 'temp' (made by a step), 'view' (of `base`, through `op`) or 'void' (follows
            from rows that are not there).
        const: the array, for constants that are not uniform.
        uniform: the scalar all elements are known to equal, else None.
        root: the value whose memory this one looks at.
    """

    __slots__ = ("shape", "size", "dtype", "kind", "const", "uniform", "base", "root", "op", "tensor", "step", "_proto")

    def __init__(self, shape: tuple[int, ...], dtype: DType, kind: str) -> None:
        self.shape = shape
        self.size = prod(shape)
        self.dtype = dtype
        self.kind = kind
        self.const: np.ndarray | None = None
        self.uniform: Any = None
        self.base: Value | None = None
        self.root = self
        self.op: Op | None = None
        self.tensor: Tensor | None = None
        self.step: Step | None = None
        self._proto: np.ndarray | None = None

    @property
    def spec(self) -> Spec:
        """Shape and dtype."""
        return Spec(self.shape, self.dtype)

    @property
    def nbytes(self) -> int:
        """Bytes of a contiguous copy."""
        return self.size * self.dtype.itemsize

    @property
    def is_const(self) -> bool:
        """Whether the content is known before the plan runs."""
        return self.const is not None or self.uniform is not None

    def look_at(self, base: Value, op: Op) -> None:
        """Become what `op` sees of the memory of `base`."""
        self.base = base
        self.root = base.root
        self.op = op

    @property
    def variable(self) -> Variable:
        """The variable, for kind 'var'."""
        assert isinstance(self.tensor, Variable)
        return self.tensor

    @property
    def proto(self) -> np.ndarray:
        """An array of the same layout to try views on; its memory must not be touched."""
        if self._proto is None:
            if self.base is not None and self.op is not None:
                self._proto = self.op.view(self.base.proto, self.shape)
            elif self.uniform is not None:
                self._proto = np.broadcast_to(np.empty((), str(self.dtype)), self.shape)
            else:
                self._proto = _prototype(self.shape, str(self.dtype))
        return self._proto

    def array(self) -> np.ndarray:
        """The content of a constant as a NumPy array (read-only where uniform)."""
        if self.const is not None:
            return self.const
        return np.broadcast_to(np.asarray(self.uniform, self.dtype), self.shape)

    def __repr__(self) -> str:
        return f"<Value {self.kind} {self.shape} {self.dtype}>"


class Step:
    """One operation with its concrete inputs and outputs.

    Attributes:
        kernel: the engine's own way to run it, or None where `op.bind` does.
        lane: which of the devices runs it, from 1; 0 for what they have in common.
    """

    __slots__ = ("op", "ins", "outs", "where", "known", "prepared", "kernel", "lane")

    def __init__(self, op: Op, ins: list[Value], outs: list[Value], where: str, known: list[Any]) -> None:
        self.known = known
        self.op = op
        self.ins = ins
        self.outs = outs
        self.where = where
        self.prepared: Any = None
        self.kernel: Kernel | None = None
        self.lane = 0

    def choose(self, engine: str) -> None:
        """Settle how the step is run."""
        outs = [None if v is None else v.proto for v in self.outs]
        self.kernel = find(engine, self.op, [v.proto for v in self.ins], outs)
        if self.kernel is None:
            specs = [v.spec for v in self.ins]
            self.prepared = self.op.prepare_for(engine, specs, self.out_specs(), self.known)

    @property
    def captures(self) -> bool:
        """Whether its calls can be recorded in a CUDA graph."""
        if self.kernel is not None:
            return self.kernel.captures
        return self.op.captures and getattr(self.prepared, "captures", True)

    def scratch(self) -> Sequence[Spec]:
        """Specs of the work arrays."""
        if self.kernel is not None:
            return self.kernel.scratch
        return self.op.scratch([v.spec for v in self.ins], self.out_specs(), self.prepared)

    def bind(self, b: Binding) -> Sequence[Thunk]:
        """The calls that run it."""
        return self.op.bind(b) if self.kernel is None else self.kernel.bind(b)

    def out_specs(self) -> list[Spec]:
        """Specs of the outputs, None for those nobody reads."""
        return [None if v is None else v.spec for v in self.outs]

    def __repr__(self) -> str:
        return f"{self.where}: {self.op.name}({self.ins}) -> {self.outs}"
