"""Memory of a GPU that is not there: pools that hand out what was given back, a limit, and pinned memory."""

import contextlib
import ctypes
import weakref
from types import SimpleNamespace

import numpy as np

ROUND = 512
ALIGN = 256


class OutOfMemoryError(MemoryError):
    """CuPy's."""

    def __init__(self, size, total, limit=0):
        limited = f", limit set to: {limit:,} bytes" if limit else ""
        super().__init__(f"Out of memory allocating {size:,} bytes (allocated so far: {total:,} bytes{limited}).")


class Block:
    """Bytes in use; they go back to their pool when nothing looks at them any more."""

    def __init__(self, pool, key, host):
        self.pool, self.key, self.host, self.size = pool, key, host, host.nbytes

    def __del__(self):
        self.pool.take_back(self.key, self.host)


class MemoryPool:
    """A pool for all devices; blocks are kept apart by device, stream and size, as CuPy's arenas are.

    Arguments:
        cupy: the stand-in.
    """

    def __init__(self, cupy):
        self.cupy, self.free, self.limits = cupy, {}, {}
        self.totals, self.in_use = {}, {}
        cupy.pools.add(self)

    def malloc(self, size):
        device, stream = self.cupy.machine.current_device, self.cupy.machine.stream()
        size = max(1, -(-size // ROUND)) * ROUND
        key = device, stream.ptr, size
        if self.free.get(key):
            host = self.free[key].pop()
        else:
            host = self._new(device, size)
        self.in_use[device] = self.in_use.get(device, 0) + size
        # nobody may rely on what is in new memory: all ones are not a number
        stream.put(lambda: host.fill(0xFF))
        return SimpleNamespace(mem=Block(self, key, host), ptr=host.ctypes.data, device_id=device)

    def _fits(self, device, size):
        total, limit = self.totals.get(device, 0), self.limits.get(device, 0)
        everywhere = sum(p.totals.get(device, 0) for p in self.cupy.pools)
        return (not limit or total + size <= limit) and everywhere + size <= self.cupy.memory

    def _new(self, device, size):
        if not self._fits(device, size):
            self.free_all_blocks()
        if not self._fits(device, size):
            raise OutOfMemoryError(size, self.totals.get(device, 0), self.limits.get(device, 0))
        self.totals[device] = self.totals.get(device, 0) + size
        raw = np.empty(size + ALIGN, np.uint8)
        self.cupy.machine.own(raw, device)
        return raw[-raw.ctypes.data % ALIGN :][:size]

    def take_back(self, key, host):
        self.in_use[key[0]] -= key[2]
        self.free.setdefault(key, []).append(host)

    def free_all_blocks(self, stream=None):
        for (device, _, size), hosts in self.free.items():
            for host in hosts:
                host.fill(0xFF)  # a graph that still uses it gets no numbers
            self.totals[device] -= size * len(hosts)
        self.free.clear()

    def _device(self):
        return self.cupy.machine.current_device

    def set_limit(self, size=None, fraction=None):
        if fraction is not None:
            if size is not None or not 0 <= fraction <= 1:
                raise ValueError("either a size, or a fraction from 0 to 1")
            size = int(fraction * self.cupy.memory)
        self.limits[self._device()] = size or 0

    def get_limit(self):
        return self.limits.get(self._device(), 0)

    def used_bytes(self):
        return self.in_use.get(self._device(), 0)

    def total_bytes(self):
        return self.totals.get(self._device(), 0)

    def free_bytes(self):
        return self.total_bytes() - self.used_bytes()

    def n_free_blocks(self):
        return sum(map(len, self.free.values()))


class Pinned:
    """Page-locked memory of the host: copies from and to it happen when their stream gets there."""

    def __init__(self):
        self.blocks = weakref.WeakValueDictionary()

    def alloc(self, size):
        """A buffer to NumPy, which lives as long as arrays look at it."""
        # not an array: `np.frombuffer` of one keeps what that looks at, and not the array
        kind = type("PinnedMemoryPointer", (ctypes.c_uint8 * max(size, 1),), {"size": lambda self: size})
        block = kind()
        block.ptr = ctypes.addressof(block)
        ctypes.memset(block, 0xFF, size)
        self.blocks[block.ptr] = block
        return block

    def has(self, array):
        at = array.__array_interface__["data"][0]
        ends = [(start, start + ctypes.sizeof(block)) for start, block in list(self.blocks.items())]
        return any(start <= at and at + array.nbytes <= end for start, end in ends)


@contextlib.contextmanager
def using_allocator(thread, allocator):
    """`cupy.cuda.using_allocator`, for this thread."""
    thread.allocators.append(allocator)
    try:
        yield
    finally:
        thread.allocators.pop()
