"""Step after step on a GPU: the batches are gathered there, and nothing is read back until somebody looks."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..graph import tensor as graph_tensor
from ..runtime.feed import Rows
from ..runtime.graphs import Replay
from ..runtime.resident import upload
from .gpu import out_of_memory, title
from .plan import Plan

if TYPE_CHECKING:
    from .function import Function

_AHEAD = 8  # steps that are queued before the host waits
_ORDER = 64  # batches whose rows are told to the device at once
_CHUNK = 1 << 24  # bytes of outputs that are read together
_MOST = 2**31 - (1 << 21)  # numbers in a batch that the kernels count

#: `Scalars` of csrc/cuda/steps.cu.
_SCALARS = 16
_TYPES = {"float32": 0, "float64": 1, "int32": 2, "int64": 3, "bool": 4}
SCALARS = np.dtype([("value", "u8", _SCALARS), ("type", "i4", _SCALARS), ("count", "i4")], align=True)

_CONVERTED = {
    "float32": ("uint8", "int32", "int64", "float64"),
    "float64": ("uint8", "int32", "int64", "float32"),
    "int32": ("uint8", "int64"),
}


def kernel_name(source: np.dtype[Any], target: np.dtype[Any]) -> str | None:
    """The kernel of csrc/cuda/steps.cu that gathers numbers of one type as another; None where there is none."""
    if source == target:
        return f"batch_copy{source.itemsize}" if source.itemsize in (1, 2, 4, 8) else None
    name = "uint8" if source.kind == "b" else source.name
    return f"batch_{name}_{target.name}" if name in _CONVERTED.get(target.name, ()) else None


class _Data:
    """The rows that steps are made of, on the device where they fit, and the steps' state there.

    Attributes:
        there: the arrays on the device; None where they are fed batch by batch.
        cursor: the sample the next step begins with.
        at: what `cursor` holds, when the work in the queue is done.
        totals: sums of the outputs.
        order: the row that each sample is, as far as it has been told.
    """

    def __init__(self, function: Function, arrays: Sequence[np.ndarray]) -> None:
        self.device = function.device
        self.arrays = list(arrays)
        xp = self.device.xp
        fed = [t for t, fixed in zip(function.inputs, function.by_value, strict=True) if not fixed]
        fits = all(
            x.size and kernel_name(x.dtype, np.dtype(t.dtype)) is not None for x, t in zip(arrays, fed, strict=True)
        )
        self.there = upload(self.device, arrays) if fits else None
        self.samples = min(len(x) for x in arrays)
        self.order: Any = xp.empty((self.samples,), np.int64) if self.there is not None else None
        self.cursor = xp.zeros((1,), np.int64)
        self.totals = xp.zeros((_SCALARS,), np.float64)
        self.at = 0
        self._told = 0, 0

    def start(self) -> None:
        """Forgets what it was told of the order: it may have changed."""
        self._told = 0, 0

    def move(self, order: np.ndarray | None, begin: int, size: int, end: int) -> None:
        """Sees to it that the device knows where the next step begins, and its rows."""
        if not 0 <= begin <= begin + size <= self.samples:
            raise ValueError(f"samples {begin} to {begin + size} are out of range: there are {self.samples}")
        if self.there is None:
            return
        if self.at != begin:
            self.cursor.fill(begin)
        if order is not None and not (self._told[0] <= begin and begin + size <= self._told[1]):
            stop = min(begin + _ORDER * size, end)
            self.order[begin:stop].set(self._checked(order[begin:stop]))
            self._told = begin, stop

    def _checked(self, rows: np.ndarray) -> np.ndarray:
        low, high = int(rows.min()), int(rows.max())
        if low < 0 or high >= self.samples:
            raise IndexError(f"there is no sample {high if low >= 0 else low}: there are {self.samples}")
        return np.ascontiguousarray(rows, dtype=np.int64)

    def rows(self, order: np.ndarray | None, begin: int, size: int) -> list[Rows]:
        """The batch, for a plan to be fed with."""
        ids = slice(begin, begin + size) if order is None else self._checked(order[begin : begin + size])
        return [Rows(x, ids) for x in self.arrays]


class _Loop:
    """A plan's calls between gathering a batch and adding up what comes out, as one thing to replay.

    Arguments:
        data: where batches come from.
        plan: a plan for batches of `size`.
        size: number of samples.
        ordered: whether batches are rows that an order names.

    Attributes:
        adds: all outputs are single numbers, and are added up.
    """

    def __init__(self, data: _Data, plan: Plan, size: int, ordered: bool) -> None:
        from ..kernels.cuda.launch import blocks_for, launch  # imported where there is a GPU

        self.data, self.plan, self.size = data, plan, size
        xp, outs = data.device.xp, plan.outs
        self.adds = 0 < len(outs) <= _SCALARS and all(a.ndim == 0 and a.dtype.name in _TYPES for a in outs)
        calls: list[Callable[[], object]] = []
        if data.there is not None:
            order = data.order if ordered else None
            for x, feed in zip(data.there, plan.feeds, strict=True):
                name, length = kernel_name(x.dtype, feed.dtype), feed.size // size
                args = [x, order, data.cursor, feed, size, length, np.int64(len(x))]
                calls.append(launch(xp, "steps.cu", str(name), blocks_for(feed.size), args))
        calls += plan.calls
        end = [_scalars(outs if self.adds else []), data.totals, data.cursor, size]
        calls.append(launch(xp, "steps.cu", "end_step", 1, end))
        assert plan.gpu is not None
        self.replay = Replay(xp, calls, title(plan.program), plan.gpu.replay.before)

    def step(self, order: np.ndarray | None, begin: int, end: int) -> None:
        """Queues a step."""
        data = self.data
        data.move(order, begin, self.size, end)
        if data.there is None:
            assert self.plan.gpu is not None
            self.plan.gpu.feed(data.rows(order, begin, self.size))
        data.at = -1  # unknown, should Ctrl-C come now
        self.replay()
        data.at = begin + self.size


def _scalars(outs: Sequence[Any]) -> np.ndarray:
    """Where single numbers lie, as the kernel takes it."""
    found = np.zeros(1, SCALARS)
    found["value"][0, : len(outs)] = [int(a.data.ptr) for a in outs]
    found["type"][0, : len(outs)] = [_TYPES[a.dtype.name] for a in outs]
    found["count"] = len(outs)
    return found


class GpuSteps:
    """`Steps` on a GPU, of a function whose inputs are rows of arrays.

    Arguments:
        function: compiled function.
        arrays: one per input that is fed, N rows each.
        known: values of the inputs that are fed by value, None for others.
    """

    def __init__(self, function: Function, arrays: Sequence[np.ndarray], known: Sequence[bool | None]) -> None:
        self._function = function
        self._arrays, self._known = list(arrays), list(known)
        self._samples = min(len(x) for x in arrays)
        self._data: _Data | None = None
        self._loops: dict[tuple[int, bool], _Loop | None] = {}
        self._wholes: list[np.ndarray] | None = None
        self._epoch = graph_tensor.storage_epoch()
        self._last: _Loop | None = None

    def one(self, order: np.ndarray | None, begin: int, size: int) -> list[Any] | None:
        """See `Steps.one`."""
        with self._function.lock:
            loop = self._loop(size, order is not None)
            if loop is None:
                return None
            loop.data.start()
            self._run(loop, order, begin, begin + size, 0.0)
            return loop.plan.outputs()

    def add_up(
        self, order: np.ndarray | None, begin: int, end: int, size: int, totals: np.ndarray, seconds: float
    ) -> int:
        """See `Steps.add_up`."""
        with self._function.lock:
            loop = self._loop(size, order is not None)
            if loop is None or not loop.adds or len(totals) != len(loop.plan.outs):
                return 0
            sums = loop.data.totals[: len(totals)]
            sums.set(np.array(totals, np.float64))
            loop.data.start()
            done = self._run(loop, order, begin, end, seconds)
            totals[:] = sums.get()
            return done

    def values(self, size: int) -> list[Any]:
        """See `Steps.values`."""
        assert self._last is not None and self._last.size == size
        return self._last.plan.outputs()

    def collect(self, begin: int, end: int, size: int, seconds: float) -> int:
        """See `Steps.collect`."""
        with self._function.lock:
            loop = self._loop(size, False)
            if loop is None or not self._room(loop):
                return 0
            loop.data.start()
            row_bytes = max(1, sum(a.nbytes for a in loop.plan.outs) // size)
            count = max(1, min(_CHUNK // (row_bytes * size), (end - begin) // size))
            xp = loop.data.device.xp
            chunks = [xp.empty((count * size, *a.shape[1:]), a.dtype) for a in loop.plan.outs]
            done, deadline = 0, time.monotonic() + seconds
            while begin + done + size <= end:
                some = min(count, (end - begin - done) // size)

                def keep(i: int) -> None:
                    for chunk, out in zip(chunks, loop.plan.outs, strict=True):
                        xp.copyto(chunk[i * size : (i + 1) * size], out)

                start = begin + done
                rows = self._run(loop, None, start, start + some * size, deadline - time.monotonic(), keep)
                for whole, chunk in zip(self._wholes or [], chunks, strict=True):
                    whole[start : start + rows] = chunk[:rows].get()
                done += rows
                if time.monotonic() >= deadline:
                    break
            return done

    def results(self) -> list[np.ndarray] | None:
        """See `Steps.results`."""
        return self._wholes

    def _run(
        self,
        loop: _Loop,
        order: np.ndarray | None,
        begin: int,
        end: int,
        seconds: float,
        after: Callable[[int], None] | None = None,
    ) -> int:
        """Queues steps until `end` or until the time is over, at least one; returns the number of samples.

        `after` is called with the number of each step.
        """
        self._last = loop
        xp, size = loop.data.device.xp, loop.size
        queued: deque[Any] = deque()
        deadline, at, number = time.monotonic() + seconds, begin, 0
        try:
            while at + size <= end:
                loop.step(order, at, end)
                if after is not None:
                    after(number)
                at, number = at + size, number + 1
                if time.monotonic() >= deadline:
                    break
                queued.append(xp.cuda.Event(disable_timing=True))
                queued[-1].record()
                if len(queued) > _AHEAD:
                    queued.popleft().synchronize()
        except MemoryError as error:
            raise out_of_memory(loop.plan.program, xp, error) from error
        return at - begin

    def _loop(self, size: int, ordered: bool) -> _Loop | None:
        if self._epoch != graph_tensor.storage_epoch():
            self._loops.clear()
            self._epoch = graph_tensor.storage_epoch()
        key = size, ordered
        if key not in self._loops:
            self._loops[key] = self._make(size, ordered)
        return self._loops[key]

    def _make(self, size: int, ordered: bool) -> _Loop | None:
        arrays = iter(self._arrays)
        key = tuple((size, *next(arrays).shape[1:]) if known is None else known for known in self._known)
        plan = self._function.plan(key)
        if plan is None or any(feed.size > _MOST for feed in plan.feeds):
            return None
        if self._data is None:
            self._data = _Data(self._function, self._arrays)
        return _Loop(self._data, plan, size, ordered)

    def _room(self, loop: _Loop) -> bool:
        """Whether every output has one row per sample; makes the arrays that take them in."""
        outs = loop.plan.outs
        if not outs or any(a.ndim == 0 or len(a) != loop.size for a in outs):
            return False
        if self._wholes is None:
            self._wholes = [np.empty((self._samples, *a.shape[1:]), a.dtype) for a in outs]
        return all(a.shape[1:] == w.shape[1:] for a, w in zip(outs, self._wholes, strict=True))
