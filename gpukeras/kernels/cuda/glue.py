"""The glue to NVIDIA's libraries: C++ of csrc/cuda/glue, compiled where the GPU is, loaded by ctypes.

Every source file is a part of its own, so that one whose headers are missing takes no other along. A part is compiled
when it is first asked for, into the cache folder, or ahead by `python -m gpukeras build-cuda`.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any

from ...runtime.device import cupy_or_reason
from .glue_build import BuildError, build
from .glue_parts import PARTS, Part, libraries, packages

_fake: Mapping[str, Any] | None = None


class GlueError(RuntimeError):
    """A library refused, or failed at, what it was asked for."""


def library(part: str) -> Any | None:
    """The functions of a part.

    Arguments:
        part: name of a file of csrc/cuda/glue, without its ending.

    Returns:
        An object with the functions `gpukeras_<part>_<name>` as attributes `<name>`, which raise `GlueError`; or None,
        and `reason(part)` says why.
    """
    if _fake is not None:
        return _fake.get(part)
    found = _load(part)
    return None if isinstance(found, str) else found


def reason(part: str) -> str:
    """Why a part is absent, and what would help; '' where it is there.

    Arguments:
        part: as for `library`.
    """
    if _fake is not None:
        return "" if part in _fake else "left out by a test"
    found = _load(part)
    return found if isinstance(found, str) else ""


@contextlib.contextmanager
def use(fake: Mapping[str, Any] | None) -> Iterator[None]:
    """Puts other objects in the places of the parts, for tests of machines without a GPU.

    Arguments:
        fake: by name of the part, an object like those of `library`; parts that are missing are absent. None: the
            libraries themselves.
    """
    global _fake
    before, _fake = _fake, fake
    try:
        yield
    finally:
        _fake = before


def is_replaced() -> bool:
    """Whether a test stands in for the libraries."""
    return _fake is not None


@functools.cache
def _load(part: str) -> Any:
    """The part's functions, or the reason why there are none."""
    xp, why = cupy_or_reason()
    if xp is None:
        return why
    try:
        return opened(part, str(build(part)), int(xp.cuda.runtime.runtimeGetVersion()) // 1000)
    except (BuildError, GlueError, OSError) as error:
        return str(error)


def opened(part: str, path: str, cuda: int = 13) -> SimpleNamespace:
    """Loads a compiled part and the NVIDIA library it calls.

    Arguments:
        part: its name.
        path: of the compiled file.
        cuda: CUDA's first number, which chooses among several libraries.

    Raises:
        GlueError: when no library is found.
    """
    settings: Part = PARTS[part]
    binary = ctypes.CDLL(path)
    errors = []
    open_ = _function(binary, "gpukeras_open", (ctypes.c_char_p,))
    for name in libraries(settings, cuda):
        try:
            open_(name.encode())
            break
        except GlueError as error:
            errors.append(str(error))
    else:
        raise GlueError(f"{errors[-1]}; pip install {packages(settings, cuda)}")
    prefix = f"gpukeras_{part}_"
    found = {name: _function(binary, prefix + name, types) for name, types in settings.functions.items()}
    return SimpleNamespace(**found)


def _function(binary: Any, name: str, types: tuple[Any, ...]) -> Any:
    """A function that returns null or an error's text."""
    found = getattr(binary, name)
    found.argtypes = types
    found.restype = ctypes.c_char_p
    found.errcheck = _raise
    return found


def _raise(message: bytes | None, function: Any, args: Any) -> None:
    if message is not None:
        raise GlueError(message.decode(errors="replace"))
