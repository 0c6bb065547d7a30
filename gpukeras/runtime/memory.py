"""Static placement of buffers in one arena."""

from __future__ import annotations

import contextlib
from bisect import bisect_left, insort
from typing import Any

import numpy as np

from .device import ALIGNMENT, Device


class ArenaPlanner:
    """Assigns byte offsets to buffers whose lifetimes are known in advance.

    Best fit over a free list kept sorted by offset; neighbours are merged when freed.
    """

    def __init__(self) -> None:
        self.size = 0
        self._free: list[tuple[int, int]] = []

    def allocate(self, nbytes: int) -> tuple[int, int]:
        """Reserve `nbytes`; return (offset, reserved bytes)."""
        need = max(nbytes + ALIGNMENT - 1, ALIGNMENT) // ALIGNMENT * ALIGNMENT
        best = -1
        for i, (_, size) in enumerate(self._free):
            if size >= need and (best < 0 or size < self._free[best][1]):
                best = i
        if best >= 0:
            offset, size = self._free.pop(best)
            if size > need:
                insort(self._free, (offset + need, size - need))
            return offset, need
        if self._free and sum(self._free[-1]) == self.size:  # grow the last hole to fit
            offset, _ = self._free.pop()
        else:
            offset = self.size
        self.size = offset + need
        return offset, need

    def release(self, offset: int, size: int) -> None:
        """Give a reserved block back."""
        free = self._free
        i = bisect_left(free, (offset, size))
        if i < len(free) and offset + size == free[i][0]:
            size += free.pop(i)[1]
        if i and sum(free[i - 1]) == offset:
            offset, before = free.pop(i - 1)
            size += before
        insort(free, (offset, size))


class Arena:
    """One block of device memory from which a plan's buffers are cut.

    Arguments:
        xp: array module.
        raw: uint8 array to cut from; `Arena.reserve(nbytes)` bytes of it hold an arena of `nbytes`.
    """

    def __init__(self, xp: Any, raw: Any) -> None:
        address = raw.ctypes.data if xp is np else raw.data.ptr
        self._bytes = raw[-address % ALIGNMENT :]

    @staticmethod
    def reserve(nbytes: int) -> int:
        """Bytes to allocate so that `nbytes` remain after alignment."""
        return nbytes + ALIGNMENT

    def array(self, offset: int, shape: tuple[int, ...], dtype: Any) -> Any:
        """Array of `shape` whose bytes start at `offset`."""
        dtype = np.dtype(dtype)
        nbytes = dtype.itemsize
        for n in shape:
            nbytes *= n
        return self._bytes[offset : offset + nbytes].view(dtype).reshape(shape)


class Memory:
    """The block that the plans of one function share.

    A plan that needs more gets a larger block, at least twice the last, so that all blocks together (older plans
    hold on to theirs) stay within four times the largest need.

    Arguments:
        device: where to allocate.
    """

    def __init__(self, device: Device) -> None:
        self._device = device
        self._raw: Any = None
        self._others: dict[str, Memory] = {}

    def on(self, device: Device) -> Memory:
        """The memory on another GPU that goes with this one."""
        return self if device is self._device else self._others.setdefault(device.name, Memory(device))

    def arena(self, nbytes: int) -> Arena:
        """An arena of at least `nbytes`; its content is not kept from one run to the next."""
        need = Arena.reserve(nbytes)
        have = 0 if self._raw is None else self._raw.size
        if need > have:
            with self._device.active() if self._device.aside else contextlib.nullcontext():
                self._raw = self._device.empty((max(need, have * 2),), "uint8")
        return Arena(self._device.xp, self._raw)
