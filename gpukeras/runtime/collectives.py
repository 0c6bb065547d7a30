"""Sums over the arrays of several devices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any


def reduce_calls(xp: Any, arrays: Sequence[Any], out: Any) -> list[Callable[[], object]]:
    """Calls that write the sum of `arrays`, in their order, to `out`.

    Arguments:
        xp: array module.
        arrays: arrays of one shape and dtype.
        out: array; must not overlap any but the first.
    """
    if len(arrays) == 1:
        return [partial(xp.copyto, out, arrays[0])]
    calls: list[Callable[[], object]] = [partial(xp.add, arrays[0], arrays[1], out=out)]
    return calls + [partial(xp.add, out, x, out=out) for x in arrays[2:]]
