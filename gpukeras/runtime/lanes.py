"""Lanes: what several devices run side by side between the parts of a plan that they have in common.

On a machine with several GPUs each is a device.  `GPUKERAS_VIRTUAL_DEVICES=4` splits the one device there is (of
several GPUs the first) into four, seen as GPUs 0 to 3: programs for several GPUs then run, and can be tested, on one
CPU or one GPU.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import lru_cache

import numpy as np

from . import native
from .device import Device, gpus

Thunk = Callable[[], object]

VARIABLE = "GPUKERAS_VIRTUAL_DEVICES"
MOST_THREADS = 64

_GPU = re.compile(r"(?:.*/)?(?:device:)?gpu:(\d+)$", re.IGNORECASE)


def virtual_devices() -> int:
    """Number of devices that the one there is stands for; 0 where it stands for itself.

    Raises:
        ValueError: when the environment variable holds no number from 1.
    """
    text = os.environ.get(VARIABLE, "").strip()
    if not text:
        return 0
    if not text.isdigit() or not 0 < int(text) <= MOST_THREADS:
        raise ValueError(f"{VARIABLE} should be a number from 1 to {MOST_THREADS}, got {text!r}; unset it for none")
    return int(text)


@lru_cache(maxsize=1024)
def gpu_number(name: str | None) -> int | None:
    """Number of the GPU that a device scope names ('/gpu:1', '/device:GPU:1'); None for the CPU and no device."""
    found = _GPU.match(name) if isinstance(name, str) else None
    return int(found[1]) if found else None


def lane_of(name: str | None) -> int:
    """Lane of what was made in a device scope: 1 for GPU 0 and so on, 0 for the CPU, no device, or one not there."""
    number = gpu_number(name)
    return 0 if number is None or number >= (virtual_devices() or len(gpus())) else number + 1


def lanes(device: Device | None = None) -> Callable[[str | None], int] | None:
    """What tells the lane of a device scope, or None where there is but one device.

    Arguments:
        device: where the plan is to run; default: the default device.
    """
    return lane_of if virtual_devices() > 1 or have_memories(device) else None


def have_memories(device: Device | None = None) -> bool:
    """Whether the lanes of a plan are GPUs with memories of their own.

    Arguments:
        device: where the plan is to run; default: the default device.
    """
    return not virtual_devices() and len(gpus()) > 1 and device in (None, gpus()[0])


def home_of(lane: int) -> int:
    """Number of the GPU that has the memory of a lane: what the GPUs have in common is on the first one."""
    return max(lane - 1, 0)


class _Pool:
    """The threads of the lanes, made when first needed; a forked child makes its own."""

    threads: ThreadPoolExecutor | None = None


def _start_anew() -> None:
    _Pool.threads = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_anew)


def _submit(branch: Sequence[Thunk]) -> Future[None]:
    if _Pool.threads is None:
        _Pool.threads = ThreadPoolExecutor(MOST_THREADS, thread_name_prefix="gpukeras-lane")
    return _Pool.threads.submit(_run_there, branch)


def _run_there(branch: Sequence[Thunk]) -> None:
    native.adopt_threads()
    _run(branch)


def _run(branch: Sequence[Thunk]) -> None:
    with np.errstate(all="ignore"):
        for call in branch:
            call()


class Spread:
    """One call that queues lists of calls on several GPUs, where they run side by side.

    One thread queues them all: Python runs one thread at a time, so more would not queue faster, and what a CUDA graph
    holds is a single call.  The others' streams wait for all that the first GPU was given before, and its stream for
    all that they are given now; the host waits for nothing.

    Arguments:
        branches: the GPU's number, and the calls; what one writes no other reads or writes.
    """

    captures = False

    def __init__(self, branches: Mapping[int, Sequence[Thunk]]) -> None:
        self._first = list(branches.get(0, ()))
        self._others = [(gpus()[i], list(calls), gpus()[i].event()) for i, calls in branches.items() if i]
        self._before = gpus()[0].event()

    def __call__(self) -> None:
        """Queues them."""
        stream = gpus()[0].xp.cuda.get_current_stream()
        self._before.record(stream)
        for device, calls, done in self._others:
            with device.active() as own:
                own.wait_event(self._before)
                for call in calls:
                    call()
                done.record(own)
        for call in self._first:
            call()
        for _, _, done in self._others:
            stream.wait_event(done)


class Fork:
    """One call that runs several lists of calls side by side and waits for all of them.

    Arguments:
        branches: the lists; what one writes no other reads or writes.
        threads: whether each has a thread of its own; where calls only queue work, one thread queues them all.
    """

    def __init__(self, branches: Sequence[Sequence[Thunk]], threads: bool = True) -> None:
        self.branches = [list(branch) for branch in branches]
        self.threads = threads

    def __call__(self) -> None:
        """Runs them.

        Raises:
            Exception: the first that a branch raised, when all have ended.
        """
        if not self.threads:
            for branch in self.branches:
                _run(branch)
            return
        started = [_submit(branch) for branch in self.branches[1:]]
        try:
            _run(self.branches[0])
        finally:
            wait(started)
        for future in started:
            future.result()
