"""Chooses among a library's candidates by measuring them, where GPUKERAS_AUTOTUNE=1 asks for it.

Choices are kept on disk, by GPU, library versions and description, so that a machine measures a shape once. Without it
the library's own estimate decides, which costs nothing.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import tempfile
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ...runtime import device as devices
from .glue_build import cache_folder

MOST = 8  # candidates; those further down the library's list are hardly ever faster
ROUNDS = 5


def is_on() -> bool:
    """Whether candidates are to be measured."""
    return os.environ.get("GPUKERAS_AUTOTUNE") == "1"


def file() -> Path:
    """Where choices are kept."""
    return cache_folder() / "autotune.json"


def choose(
    part: str, words: Sequence[int], count: int, create: Callable[[int], Any], trial: Callable[[Any, int, Any], None]
) -> int:
    """The number of the fastest candidate, measured now or before; -1 where none could be measured.

    Arguments:
        part: of the glue.
        words: the description, without the number of the GPU.
        count: number of candidates.
        create: makes the candidate with a number; an error leaves it out.
        trial: starts one: array module, handle, work memory.
    """
    xp, _ = devices.cupy_or_reason()
    if xp is None or xp.cuda.get_current_stream().is_capturing():
        return -1
    key = _key(xp, part, words)
    table, damage = _read()
    if damage:
        warnings.warn(f"{file()} is not used: {damage}; it will be written anew", RuntimeWarning, stacklevel=2)
    known = table.get(key)
    if isinstance(known, int) and -1 <= known < count:
        return known
    times = {}
    for i in range(min(count, MOST)):
        try:
            times[i] = _time(xp, create(i), trial)
        except RuntimeError:  # this one cannot be had, or wants more memory than there is
            continue
    best = min(times, key=lambda i: times[i]) if times else -1
    _write(key, best)
    return best


def _key(xp: Any, part: str, words: Sequence[int]) -> str:
    properties = xp.cuda.runtime.getDeviceProperties(xp.cuda.Device().id)
    name = properties["name"]
    versions = [part, name.decode() if isinstance(name, bytes) else name, xp.__version__, *_versions()]
    return hashlib.sha256(json.dumps([versions, list(words)]).encode()).hexdigest()[:32]


@functools.cache
def _versions() -> tuple[str, ...]:
    """Versions of the installed wheels of cuBLAS and cuDNN."""
    from importlib import metadata

    wanted = ("nvidia-cublas", "nvidia-cudnn")
    found = {d.metadata["Name"] + d.version for d in metadata.distributions() if d.metadata["Name"]}
    return tuple(sorted(f for f in found if f.startswith(wanted)))


def _time(xp: Any, prepared: Any, trial: Callable[[Any, int, Any], None]) -> float:
    """Milliseconds of the fastest of several runs, after one that does not count."""
    work = xp.empty((max(prepared.workspace, 1),), "uint8")
    trial(xp, prepared.handle, work)
    times = []
    for _ in range(ROUNDS):
        start, stop = xp.cuda.Event(), xp.cuda.Event()
        start.record()
        trial(xp, prepared.handle, work)
        stop.record()
        stop.synchronize()
        times.append(float(xp.cuda.get_elapsed_time(start, stop)))
    return min(times)


def _read() -> tuple[dict[str, Any], str]:
    """The choices kept so far, and what is wrong with the file."""
    try:
        found = json.loads(file().read_text())
    except FileNotFoundError:
        return {}, ""
    except (OSError, ValueError) as error:
        return {}, str(error)
    return (found, "") if isinstance(found, dict) else ({}, "it holds no table")


def _write(key: str, choice: int) -> None:
    """Adds a choice; of processes that write at once, one may lose its own, which it then measures again."""
    table, _ = _read()
    table[key] = choice
    target = file()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, made = tempfile.mkstemp(".json", ".autotune-", target.parent)
        with os.fdopen(handle, "w") as stream:
            json.dump(table, stream)
        os.replace(made, target)
    except OSError as error:
        warnings.warn(f"choices are not kept: {error}", RuntimeWarning, stacklevel=2)
