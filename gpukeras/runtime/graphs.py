"""CUDA graphs: the calls of a step recorded once and launched as one from then on."""

from __future__ import annotations

import itertools
import logging
import os
from collections.abc import Callable, Sequence
from typing import Any

from .lanes import Fork, Spread

Thunk = Callable[[], object]

VARIABLE = "GPUKERAS_CUDA_GRAPHS"
WARM_UPS = 1  # runs before recording: kernels are compiled and libraries loaded in them

_log = logging.getLogger("gpukeras")


class Eager:
    """A call that no graph can record.

    Arguments:
        call: the call.
        name: what it belongs to, for the log.
    """

    def __init__(self, call: Thunk, name: str) -> None:
        self.call = call
        self.name = name

    def __call__(self) -> None:
        """Makes it."""
        self.call()


def eager_names(call: Thunk) -> list[str]:
    """Names of what a call contains that no graph can record."""
    if isinstance(call, Fork):
        return [name for branch in call.branches for inner in branch for name in eager_names(inner)]
    return [call.name] if isinstance(call, Eager) else []


def _stays(call: Thunk) -> bool:
    """Whether a call is made at every run: calls on several GPUs are recorded on each of them, by themselves."""
    return isinstance(call, Spread) or bool(eager_names(call))


def enabled() -> bool:
    """Whether graphs are wanted: GPUKERAS_CUDA_GRAPHS is not 0."""
    return os.environ.get(VARIABLE, "").strip() != "0"


class Replay:
    """Calls that are made at the first run, recorded at the second and replayed at all others.

    Neighbouring calls become one graph; those that no graph can record run between the graphs.  What the calls allocate
    while they are recorded comes from a pool of its own, kept as long as the graphs, whose addresses it has.

    Arguments:
        xp: CuPy.
        calls: calls that queue work on CuPy's current stream; whoever makes them keeps their arrays.
        where: what they make up, for the log.
        before: called before every run.

    Attributes:
        graphs: the graphs recorded.
    """

    def __init__(self, xp: Any, calls: Sequence[Thunk], where: str, before: Thunk | None = None) -> None:
        self.xp = xp
        self.before = before
        self.calls = list(calls)
        self.where = where
        self.graphs: list[Any] = []
        self._parts: list[Thunk] | None = None
        self._left = WARM_UPS
        self._pool: Any = None
        self._stream: Any = None
        if not enabled() or not self.calls:
            self._parts = self.calls

    def __call__(self) -> None:
        """Makes the calls."""
        if self.before is not None:
            self.before()
        if self._parts is not None:
            for part in self._parts:
                part()
        elif self._left:
            self._left -= 1
            for call in self.calls:
                call()
        else:
            self._parts = self._recorded()

    def _recorded(self) -> list[Thunk]:
        """Runs everything once more and returns what to call from now on."""
        parts: list[Thunk] = []
        names: list[str] = []
        for stays, group in itertools.groupby(self.calls, _stays):
            calls = list(group)
            graph = None if stays else self._record(calls)
            if stays:
                names += [name for call in calls for name in eager_names(call)]
            if graph is None:
                for call in calls:
                    call()
                parts += calls
            else:
                graph.launch()
                self.graphs.append(graph)
                parts.append(graph.launch)
        if names:
            _log.info("%s: %d CUDA graphs; not recorded: %s", self.where, len(self.graphs), _few(names))
        return parts

    def _record(self, calls: Sequence[Thunk]) -> Any:
        """The graph of some calls; None where one of them cannot be recorded after all."""
        cuda = self.xp.cuda
        if self._stream is None:
            self._stream = cuda.Stream(non_blocking=True)
            self._pool = cuda.MemoryPool()
        failure: Exception | None = None
        graph = None
        with cuda.using_allocator(self._pool.malloc), self._stream:
            try:
                self._stream.begin_capture()
                for call in calls:
                    call()
            except Exception as error:  # CuPy and CUDA have many ways to say no
                failure = error
            finally:  # after Ctrl-C too: a stream that goes on capturing can do nothing else
                try:
                    graph = self._stream.end_capture()
                except Exception as error:
                    failure = failure or error
        if failure is not None:
            reason = " ".join(f"{type(failure).__name__}: {failure}".split())
            _log.warning("%s: runs without a CUDA graph: %s", self.where, reason)
            return None
        return graph


def _few(names: Sequence[str]) -> str:
    different = list(dict.fromkeys(names))
    return ", ".join(different[:4]) + (f" and {len(different) - 4} more" if len(different) > 4 else "")
