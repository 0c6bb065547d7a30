"""Fed arrays on their way to a GPU, and results on their way back, through page-locked memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from .feed import Rows

ALIGNMENT = 64
MOST = 1 << 28  # bytes of page-locked memory per buffer; larger feeds are copied without
SMALL = 1 << 16  # bytes of outputs that are read together


class Place(NamedTuple):
    """Where an array lies in a block: byte offset, shape and NumPy dtype."""

    offset: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]


def pinned(xp: Any, nbytes: int) -> np.ndarray:
    """Page-locked bytes of the host, shape (nbytes,)."""
    return np.frombuffer(xp.cuda.alloc_pinned_memory(max(nbytes, 1)), np.uint8, nbytes)


def views(block: np.ndarray, places: Sequence[Place]) -> list[np.ndarray]:
    """The arrays at these places of a block of bytes."""
    return [np.ndarray(p.shape, p.dtype, block, p.offset) for p in places]


def packed(arrays: Sequence[Any]) -> tuple[list[Place], int]:
    """Places for arrays one after the other, and the bytes of all."""
    places, end = [], 0
    for a in arrays:
        places.append(Place(end, a.shape, np.dtype(a.dtype)))
        end += -(-a.nbytes // ALIGNMENT) * ALIGNMENT
    return places, end


class _Slot:
    """One of the buffers that take turns, on the host and on the device."""

    def __init__(self, xp: Any, nbytes: int, places: Sequence[Place]) -> None:
        self.host = pinned(xp, nbytes)
        self.arrays = views(self.host, places)
        self.landing = xp.empty((nbytes,), np.uint8)
        self.copied = xp.cuda.Event(disable_timing=True)  # the host may write again
        self.taken = xp.cuda.Event(disable_timing=True)  # the next copy may land
        self.taken.record(xp.cuda.get_current_stream())  # the memory may still be in use by what is queued
        self.used = False


class Staging:
    """Feeds a plan's input buffers while the step before still runs.

    Two buffers take turns: the host fills one, a side stream copies it to the device, and the plan's stream takes it
    over from there.  A buffer is filled again only when its last copy has been made.

    Arguments:
        xp: CuPy.
        region: bytes of the device in which the input buffers lie.
        places: of the input buffers, in the region.
    """

    def __init__(self, xp: Any, region: Any, places: Sequence[Place]) -> None:
        self.xp = xp
        self.region = region
        self.places = list(places)
        self.stream = xp.cuda.Stream(non_blocking=True)
        self._slots: list[_Slot] = []
        self._turn = 0

    def feed(self, feeds: Sequence[Any]) -> None:
        """Queues copies of arrays or `Rows`, one per place."""
        if not self._slots:
            self._slots = [_Slot(self.xp, self.region.nbytes, self.places) for _ in range(2)]
        slot = self._slots[self._turn]
        self._turn = 1 - self._turn
        if slot.used:
            slot.copied.synchronize()
        for out, x in zip(slot.arrays, feeds, strict=True):
            if type(x) is Rows:
                x.copy_to(out)
            else:
                np.copyto(out, x, casting="unsafe")
        self.stream.wait_event(slot.taken)
        current = self.xp.cuda.get_current_stream()
        slot.landing.set(slot.host, self.stream)
        slot.copied.record(self.stream)
        current.wait_event(slot.copied)
        self.xp.copyto(self.region, slot.landing)
        slot.taken.record(current)
        slot.used = True


class Readback:
    """Reads a plan's outputs: small ones together, with one wait for all.

    Arguments:
        xp: CuPy.
        arrays: of the device.
    """

    def __init__(self, xp: Any, arrays: Sequence[Any]) -> None:
        self.xp = xp
        self.arrays = list(arrays)
        places, nbytes = packed(self.arrays)
        together = len(self.arrays) > 1 and nbytes <= SMALL
        self._together = together and all(a.flags.c_contiguous and a.size for a in self.arrays)
        self._places, self._bytes = places, nbytes
        self._buffers: list[np.ndarray] = []

    def read(self) -> list[np.ndarray]:
        """Copies on the host, once what is queued has been done."""
        if not self._together:
            return [a.get() for a in self.arrays]
        if not self._buffers:
            self._buffers = views(pinned(self.xp, self._bytes), self._places)
        for array, out in zip(self.arrays, self._buffers, strict=True):
            array.get(out=out, blocking=False)
        self.xp.cuda.get_current_stream().synchronize()
        return [np.array(out) for out in self._buffers]
