"""What a plan has beside its calls on a GPU: copies from and to the host, graphs, and words for when memory ends."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ..runtime.device import gpus
from ..runtime.feed import Rows
from ..runtime.graphs import Replay
from ..runtime.replicas import written
from ..runtime.staging import MOST, Place, Readback, Staging

if TYPE_CHECKING:
    from .plan import Plan
    from .program import Program
    from .value import Value

_SHOWN = 5  # buffers named in an error


class GpuOutOfMemory(MemoryError):
    """A plan, or what it allocates while it runs, does not fit the GPU."""


class GpuSide:
    """Feeds, runs and reads a plan on a GPU.

    Arguments:
        plan: its calls, feeds, outputs and commits; the commits become calls here.
        arena: the plan's.

    Attributes:
        replay: makes the plan's calls, from graphs where it can.
    """

    def __init__(self, plan: Plan, arena: Any) -> None:
        self.plan = plan
        self.xp = plan.device.xp
        self._commit()
        self.replay = Replay(self.xp, plan.calls, title(plan.program), written if plan.program.updated else None)
        self._readback = Readback(self.xp, plan.outs)
        self._staging: Staging | None = None
        program = plan.program
        fed = [(program.offsets[v], v) for v in program.feeds.values()]
        if fed:
            start, end = min(o for o, _ in fed), max(o + v.nbytes for o, v in fed)
            if 0 < end - start <= MOST:
                places = [Place(o - start, v.shape, np.dtype(v.dtype)) for o, v in fed]
                self._staging = Staging(self.xp, arena.array(start, (end - start,), np.uint8), places)

    def _commit(self) -> None:
        """Makes the commits calls, and keeps outputs that are variables' old values from them."""
        plan, copyto = self.plan, self.xp.copyto
        if not plan.commits:
            return
        for i, v in enumerate(plan.program.outputs):
            if v.root.kind == "var":
                kept = plan.device.empty(v.shape, v.dtype)
                plan.calls.append(partial(copyto, kept, plan.outs[i]))
                plan.outs[i] = kept
        plan.calls += [partial(copyto, target, value) for target, value in plan.commits]
        plan.commits = []

    def feed(self, feeds: Sequence[Any]) -> None:
        """Queues copies of arrays or `Rows` into the input buffers; the host's arrays may change at once."""
        if self._staging is not None:
            self._staging.feed(feeds)
            return
        for buffer, x in zip(self.plan.feeds, feeds, strict=True):
            self.plan.device.copy_in(buffer, x.read() if type(x) is Rows else x)

    def run(self, feeds: Sequence[Any]) -> list[Any]:
        """Feeds, makes the calls and reads the outputs."""
        try:
            self.feed(feeds)
            self.replay()
            return self.outputs()
        except MemoryError as error:
            raise out_of_memory(self.plan.program, self.xp, error) from error

    def outputs(self) -> list[Any]:
        """Host copies of the outputs of the last run (NumPy scalars for rank 0)."""
        return [a if a.ndim else a[()] for a in self._readback.read()]


def title(program: Program) -> str:
    """What a program is for, in words."""
    shapes = ", ".join(str(v.shape) for v in program.feeds.values())
    return f"the plan for inputs of shape {shapes}" if shapes else "the plan without inputs"


def out_of_memory(program: Program, xp: Any, error: MemoryError) -> MemoryError:
    """The error to raise where memory does not suffice for a program.

    Arguments:
        program: what was to run.
        xp: CuPy.
        error: CuPy's own.

    Returns:
        An error that names the largest buffers, and what can be done.
    """
    if isinstance(error, GpuOutOfMemory):
        return error
    several = len(program.arenas) > 1
    gpu = getattr(error, "gpu", None) or gpus()[0] if several else None
    with contextlib.nullcontext() if gpu is None else gpu.active():
        free, total = xp.cuda.runtime.memGetInfo()
        most = xp.get_default_memory_pool().get_limit()
    needed = program.arena_bytes if gpu is None else program.arenas.get(gpu.number, 0)
    limit = f"; the session limits itself to {_bytes(most)}" if most else ""
    lines = [
        f"out of GPU memory{'' if gpu is None else f' on GPU {gpu.number}'}: {title(program)} needs {_bytes(needed)} "
        f"for what its steps pass on, beside the weights; {_bytes(free)} of {_bytes(total)} are free{limit}.",
        "Its largest buffers:",
    ]
    lines += [
        f"  {_bytes(v.nbytes)}: {v.shape} {v.dtype}, {_maker(v)}" for v in _largest(program, gpu.number if gpu else 0)
    ]
    size = _batch_size(program)
    smaller = f"a batch smaller than {size}" if size > 1 else "smaller inputs"
    lines.append(
        f"What may help: {smaller}; mixed precision, which halves most buffers; no other program on this GPU; where a "
        "session's options limit the memory, allow_growth=True or a larger per_process_gpu_memory_fraction."
    )
    return GpuOutOfMemory("\n".join([*lines, f"(CuPy: {error})"]))


def _largest(program: Program, home: int) -> list[Value]:
    """The largest buffers on a GPU, each place of the arena once."""
    found: dict[int, Value] = {}
    there = [v for v in program.offsets if program.homes.get(v, 0) == home]
    for v in sorted(there, key=lambda v: -v.nbytes):
        found.setdefault(program.offsets[v], v)
        if len(found) == _SHOWN:
            break
    return list(found.values())


def _maker(v: Value) -> str:
    if v.step is not None:
        return f"made by {v.step.where} ({v.step.op.name})"
    return f"the input {v.tensor.name}" if v.tensor is not None else "an input"


def _batch_size(program: Program) -> int:
    """The first dimension that most inputs have."""
    counts = Counter(v.shape[0] for v in program.feeds.values() if v.shape)
    return counts.most_common(1)[0][0] if counts else 1


def _bytes(n: int) -> str:
    size, unit = float(n), "B"
    for larger in ("KiB", "MiB", "GiB"):
        if size < 1024:
            break
        size, unit = size / 1024, larger
    return f"{size:.1f} {unit}" if unit != "B" else f"{n} B"
