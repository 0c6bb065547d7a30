"""Data sets that live on a GPU, where they fit."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

VARIABLE = "GPUKERAS_GPU_DATA"
SHARE = 0.4  # of the free memory


def share() -> float:
    """Share of the free memory that the data of a training may take: GPUKERAS_GPU_DATA, from 0 (none) to 1.

    Raises:
        ValueError: when the environment variable holds no such number.
    """
    text = os.environ.get(VARIABLE, "").strip()
    if not text:
        return SHARE
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise ValueError(f"{VARIABLE} should be a number from 0 to 1, the share of free GPU memory, got {text!r}")
    return value


def free_bytes(xp: Any) -> int:
    """Bytes that can still be allocated on the current device: those the driver has, and those the pool holds free."""
    pool = xp.get_default_memory_pool()
    free = int(xp.cuda.runtime.memGetInfo()[0]) + int(pool.free_bytes())
    limit = int(pool.get_limit())
    return min(free, limit - int(pool.used_bytes())) if limit else free


def upload(device: Any, arrays: Sequence[np.ndarray]) -> list[Any] | None:
    """The arrays on the device, each one once; None where they do not fit.

    Arguments:
        device: `Device`.
        arrays: NumPy arrays.
    """
    different = {id(x): x for x in arrays}
    if sum(x.nbytes for x in different.values()) > share() * free_bytes(device.xp):
        return None
    try:
        there = {key: device.asarray(x) for key, x in different.items()}
    except MemoryError:  # the free memory lies in pieces
        return None
    return [there[id(x)] for x in arrays]
