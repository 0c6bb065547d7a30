"""What the arguments of an operation become: tensors of one dtype, and the way back for their gradients."""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np

from ..graph import scope
from ..graph.dtype import DType, as_dtype, floatx, promote
from ..graph.tensor import Tensor, apply, as_tensor, is_weight

BOOL = as_dtype("bool")


def to_dtype(x: Tensor, dtype: DType) -> Tensor:
    """`x` in `dtype`; `x` itself when it has it already."""
    if x.dtype == dtype:
        return x
    from .elementwise import Cast

    out: Tensor = apply(Cast(dtype), x)
    return out


def as_operands(*values: Any) -> list[Tensor]:
    """Arguments as tensors of their common dtype.

    Tensors decide it among themselves; a number or an array beside a tensor takes the tensor's dtype, except
    that a float beside integers makes both floatx, and an integer beside booleans makes both int32.
    """
    if all(isinstance(v, Tensor) for v in values):
        dtype = values[0].dtype
        if all(v.dtype == dtype for v in values):
            return list(values)
    values = tuple(as_tensor(v) if _holds_tensor(v) else v for v in values)
    known = [v.dtype for v in values if isinstance(v, Tensor)]
    if not known:
        values = tuple(as_tensor(v) for v in values)
        known = [v.dtype for v in values]
    dtype = reduce(promote, known)
    low = scope.low_precision()
    if low in known and dtype == "float32":
        # In a scope of low precision weights follow what they are applied to.
        tensors = [v for v in values if isinstance(v, Tensor)]
        dtype = reduce(promote, [v.dtype for v in tensors if v.dtype == low or not is_weight(v)])
    for v in values:
        if not isinstance(v, Tensor):
            kind = np.asarray(v).dtype.kind
            if kind == "f" and not dtype.is_floating:
                dtype = floatx()
            elif kind in "iu" and dtype.is_bool:
                dtype = as_dtype("int32")
    return [to_dtype(v, dtype) if isinstance(v, Tensor) else as_tensor(v, dtype) for v in values]


def _holds_tensor(v: Any) -> bool:
    return isinstance(v, (list, tuple)) and any(isinstance(e, Tensor) for e in v)


def as_numbers(*values: Any) -> list[Tensor]:
    """Like `as_operands`, booleans becoming int32."""
    tensors = as_operands(*values)
    return [to_dtype(t, as_dtype("int32")) for t in tensors] if tensors[0].dtype.is_bool else tensors


def as_floats(*values: Any) -> list[Tensor]:
    """Like `as_operands`, integers and booleans becoming floatx."""
    tensors = as_operands(*values)
    return tensors if tensors[0].dtype.is_floating else [to_dtype(t, floatx()) for t in tensors]


def as_bools(*values: Any) -> list[Tensor]:
    """Arguments as truth values: nonzero is true."""
    return [to_dtype(as_tensor(v), BOOL) for v in values]


def unbroadcast(dy: Tensor, x: Tensor, out: Tensor, inputs: tuple[Tensor, ...]) -> Tensor:
    """Gradient of `x` from that of the elementwise result `out`: summed over the axes `x` was repeated along.

    Where the static shapes exclude that `x` was repeated, this is `dy` itself.
    """
    if not _may_repeat(x, out, inputs):
        return dy
    from .reduction import sum_to
    from .shaping import shape_like

    return sum_to(dy, shape_like(x))


def _may_repeat(x: Tensor, out: Tensor, inputs: tuple[Tensor, ...]) -> bool:
    if x is out:
        return False
    if x.shape is None or out.shape is None:
        return len(inputs) > 1
    if len(x.shape) != len(out.shape):
        return True
    for axis, (m, n) in enumerate(zip(x.shape, out.shape, strict=True)):
        if m is not None:
            if m != n:
                return True
        elif n is not None:
            return True
        else:  # both unknown: only another operand with an unknown length here can have stretched this one
            back = axis - len(out.shape)
            for other in inputs:
                if other is x:
                    continue
                if other.shape is None or (len(other.shape) >= -back and other.shape[back] != 1):
                    return True
    return False
