"""Loads the native CPU engine, the C++ extension `gpukeras._native`, and says why it is off where it is.

Two environment variables steer it, read once, at the first call:

- `GPUKERAS_ENGINE=numpy` leaves the extension alone; everything then runs on plain NumPy.
- `GPUKERAS_CPU_ISA=base|avx2|avx512` holds the extension to an older instruction set.
"""

from __future__ import annotations

import ctypes
import functools
import importlib
import importlib.metadata
import itertools
import os
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

ONEDNN = "libdnnl.so.3"
# Some tens of microseconds: enough to meet the next kernel of a step. Ten times as much gains nothing on a quiet
# machine (0.37 and 0.38 ms a step of stacked_lstm) and costs up to thirty times the step where other programs are at
# work.
SPIN_COUNT = "2000"


class NativeStatus(NamedTuple):
    """The extension module, or None and the reason why it is not in use."""

    module: ModuleType | None
    reason: str


def _preload_onednn() -> None:
    """Load oneDNN's library, of the wheel onednn-cpu-gomp, before the extension asks for it by name.

    The wheel puts it into the environment's `lib`, where the dynamic loader does not look by itself.
    """
    # Idle workers of OpenMP spin for milliseconds by default, and then keep NumPy's threads from the processors.
    # The library reads this once, while it is loaded.
    chosen = {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"} & os.environ.keys()
    if not chosen:
        os.environ["GOMP_SPINCOUNT"] = SPIN_COUNT
    try:
        ctypes.CDLL(_onednn_path())
    except OSError:
        pass  # the extension may be built without it; if it was not, its own error says what is missing
    finally:
        if not chosen:
            del os.environ["GOMP_SPINCOUNT"]


def _onednn_path() -> str:
    usual = os.path.join(sys.prefix, "lib", ONEDNN)
    if os.path.exists(usual):
        return usual
    try:
        for file in importlib.metadata.files("onednn-cpu-gomp") or ():
            if file.name == ONEDNN:
                return str(file.locate())
    except importlib.metadata.PackageNotFoundError:
        pass
    return ONEDNN


@functools.cache
def status() -> NativeStatus:
    """Loads the extension at the first call and remembers the outcome.

    Returns:
        A `NativeStatus`; its `reason` is empty where the module is loaded.
    """
    engine = os.environ.get("GPUKERAS_ENGINE", "").strip().lower()
    if engine == "numpy":
        return NativeStatus(None, "GPUKERAS_ENGINE=numpy turns it off")
    _preload_onednn()
    try:
        return NativeStatus(importlib.import_module("gpukeras._native"), "")
    except ModuleNotFoundError as error:
        if error.name != "gpukeras._native":
            raise
        return NativeStatus(
            None, "the extension is not built; install a C++17 compiler and reinstall with 'pip install .'"
        )
    except ImportError as error:
        remedy = "pip install onednn-cpu-gomp" if ONEDNN in str(error) else "pip install ."
        return NativeStatus(None, f"the extension does not load ({error}); try '{remedy}'")


def load() -> ModuleType | None:
    """Returns the extension module, or None where the NumPy engine must do.

    Returns:
        `gpukeras._native`, or None; `status().reason` then says why.
    """
    return status().module


def build_info() -> dict[str, object]:
    """Describes the loaded extension.

    Returns:
        A dict with `compiler`, `isa` (the instruction set in use) and `threads`; empty when off.
    """
    module = load()
    return dict(module.build_info()) if module is not None else {}


def adopt_threads() -> None:
    """Gives the calling thread the extension's number of threads, which kernels are made for."""
    module = load()
    if module is not None and hasattr(module, "adopt_threads"):
        module.adopt_threads()


def join_tasks(calls: list[Callable[[], object]]) -> list[Callable[[], object]]:
    """Neighbouring tasks of the extension made into one call each, which holds no lock of Python's.

    Arguments:
        calls: the calls of a plan, in order.

    Returns:
        The calls to make instead.
    """
    module = load()
    if module is None:
        return calls
    joined: list[Callable[[], object]] = []
    for is_task, run in itertools.groupby(calls, lambda call: isinstance(call, module.Task)):
        tasks = list(run)
        joined += [module.sequence(tasks, *tasks)] if is_task and len(tasks) > 1 else tasks
    return joined


def all_tasks(calls: list[Callable[[], object]]) -> bool:
    """Whether all calls of a plan are tasks of the extension.

    Arguments:
        calls: the calls.

    Returns:
        A bool.
    """
    module = load()
    return module is not None and all(isinstance(call, module.Task) for call in calls)


def copy_call(xp: Any, target: Any, source: Any) -> Callable[[], object]:
    """A call that copies an array into another one of its shape, a task where the extension can do it.

    Arguments:
        xp: array module of both.
        target: array.
        source: array.

    Returns:
        The call.
    """
    module = load()
    if (
        xp is np
        and hasattr(module, "copy")
        and source.dtype == target.dtype
        and source.shape == target.shape
        and source.flags.c_contiguous
        and target.flags.c_contiguous
    ):
        copy: Callable[[], object] = module.copy(source, target)  # type: ignore[union-attr]
        return copy
    return functools.partial(xp.copyto, target, source)
