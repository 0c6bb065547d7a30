"""What mixed precision is made of: the scope layers compute in, and updates that wait for finite gradients."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import reduce
from typing import Any

from .. import ops
from ..graph import scope
from ..graph.dtype import LOW, as_dtype
from ..graph.tensor import Tensor
from .execution import _update_pair

__all__ = ["all_finite", "guarded_updates", "is_low_precision", "precision_scope", "select"]


def precision_scope(low: str | None) -> AbstractContextManager[None]:
    """Makes operations compute in 16 bits where that is safe.

    Products, convolutions and recurrent layers take their operands in 16 bits; exponentials, softmax, sums and means
    in float32; everything else in the type its operands have, weights in that of what they are applied to.

    Arguments:
        low: 'float16', 'bfloat16', or None for the types the operands have.

    Returns:
        A context manager.
    """
    return scope.precision(None if low is None else as_dtype(low))


def is_low_precision(x: Any) -> bool:
    """Returns whether a tensor is of a float type of 16 bits.

    Arguments:
        x: tensor.

    Returns:
        A bool.
    """
    return isinstance(x, Tensor) and x.dtype in LOW


def all_finite(tensors: Sequence[Tensor]) -> Tensor:
    """Returns whether no element of any tensor is an infinity or not a number.

    Arguments:
        tensors: list of float tensors, at least one.

    Returns:
        bool scalar tensor.
    """
    # Counts and not truth values: sums are reductions that fused loops know, and all of them end in one launch.
    bad = [ops.sum(ops.where(ops.isfinite(t), 0.0, 1.0)) for t in tensors]
    return ops.equal(reduce(ops.add, bad), 0.0)


def guarded_updates(updates: Sequence[Any], condition: Tensor) -> list[Any]:
    """Makes updates that happen only where a condition holds; else the variables keep their values.

    Arguments:
        updates: list of (variable, new value) pairs and update tensors.
        condition: bool scalar tensor.

    Returns:
        List of (variable, new value) pairs, and of what among `updates` was computed for its effect only.
    """
    made: list[Any] = []
    for item in updates:
        pair = _update_pair(item)
        if pair is not None:
            variable, value = pair
            item = variable, select(condition, ops.cast(value, variable.dtype), variable)
        made.append(item)
    return made


def select(condition: Any, x: Any, y: Any) -> Tensor:
    """Chooses between two tensors element by element, also where the condition is one for all: both are computed.

    Arguments:
        condition: bool tensor.
        x: tensor, taken where the condition holds.
        y: tensor, taken elsewhere.

    Returns:
        Tensor.
    """
    return ops.where(condition, x, y)
