"""What NVIDIA's libraries prepare once for a shape: products and graphs, made outside of any capture and kept."""

from __future__ import annotations

import ctypes
import functools
import os
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

from ...graph.op import Thunk
from ...runtime import device as devices
from . import autotune, glue
from .launch import address

#: Numbers of the element types in the glue's descriptions.
TYPES = {"float32": 0, "float16": 1, "bfloat16": 2, "float64": 3}
#: Addresses that are multiples of this are as good as any.
ALIGNED = 16


class Prepared(NamedTuple):
    """A product or graph, ready to run.

    Attributes:
        handle: address of the C++ object; it is never given back, since a graph of CUDA's may still refer to it.
        workspace: bytes of work memory.
    """

    handle: int
    workspace: int


#: Starts the object with this handle and work memory on the current stream; for measurements.
Trial = Callable[[Any, int, Any], None]


def allows_tf32() -> bool:
    """Whether float32 numbers may be rounded to TF32 (10 bits of mantissa) before they are multiplied.

    They may by default, as with TensorFlow: products then run on tensor cores, several times as fast, and sums are
    still taken in float32. GPUKERAS_TF32=0 turns it off.
    """
    return os.environ.get("GPUKERAS_TF32", "1") != "0"


def deterministic() -> bool:
    """Whether equal runs must give equal bits: GPUKERAS_DETERMINISTIC=1."""
    return os.environ.get("GPUKERAS_DETERMINISTIC") == "1"


def current_device() -> int:
    """Number of the GPU in use."""
    xp, _ = devices.cupy_or_reason()
    return 0 if xp is None else int(xp.cuda.Device().id)


def layout(shape: Sequence[int], dtype: Any) -> np.ndarray:
    """An array without gaps that has no memory behind it."""
    strides = [np.dtype(dtype).itemsize] * len(shape)
    for i in range(len(shape) - 1, 0, -1):
        strides[i - 1] = strides[i] * max(shape[i], 1)
    return as_strided(np.empty(1, dtype), shape, strides)


def offset_alignment(*arrays: np.ndarray | None) -> int:
    """Bytes that the addresses of arrays are multiples of, as far as their layouts tell; at most `ALIGNED`."""
    found = ALIGNED
    for x in arrays:
        if x is not None:
            root = x
            while isinstance(root.base, np.ndarray):
                root = root.base
            offset = x.__array_interface__["data"][0] - root.__array_interface__["data"][0]
            found = min(found, _power(offset))
    return found


def alignment(arrays: Sequence[Any]) -> int:
    """The same of arrays on the device."""
    return min([ALIGNED, *(_power(address(x)) for x in arrays)])


def _power(offset: int) -> int:
    """The largest power of two that divides a number, at most `ALIGNED`."""
    return min(offset & -offset, ALIGNED) if offset else ALIGNED


def prepare(part: str, words: Sequence[int], trial: Trial | None = None) -> Prepared | None:
    """Makes a product or graph for the GPU in use.

    Arguments:
        part: of the glue.
        words: the description without its first word, the number of the GPU.
        trial: starts it once, on arrays of its own; only where GPUKERAS_AUTOTUNE=1 asks to measure.

    Returns:
        It, or None where the library is absent or has nothing for this description.
    """
    library = glue.library(part)
    if library is None:
        return None
    return _prepared(library, part, (current_device(), *map(int, words)), trial)


class _ByDescription:
    """A trial that does not count when descriptions are compared."""

    def __init__(self, trial: Trial | None) -> None:
        self.trial = trial

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ByDescription)

    def __hash__(self) -> int:
        return 0


def _prepared(library: Any, part: str, words: tuple[int, ...], trial: Trial | None) -> Prepared | None:
    return _made(_Same(library), part, words, _ByDescription(trial))


class _Same:
    """A library, compared by identity."""

    def __init__(self, library: Any) -> None:
        self.library = library

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.library is self.library

    def __hash__(self) -> int:
        return id(self.library)


@functools.cache
def _made(same: _Same, part: str, words: tuple[int, ...], by: _ByDescription) -> Prepared | None:
    trial, by.trial = by.trial, None  # what is kept must not keep its arrays
    try:
        first, count = _create(same.library, words, -1)
        if trial is None or count < 2 or not autotune.is_on():
            return first
        choice = autotune.choose(part, words[1:], count, lambda i: _create(same.library, words, i)[0], trial)
        return first if choice < 0 else _create(same.library, words, choice)[0]
    except glue.GlueError:
        return None


def _create(library: Any, words: tuple[int, ...], choice: int) -> tuple[Prepared, int]:
    """A candidate and the number of all."""
    out, found = (ctypes.c_void_p * 1)(), (ctypes.c_int64 * 2)()
    library.create((ctypes.c_int64 * len(words))(*words), choice, out, found)
    return Prepared(int(out[0] or 0), int(found[0])), int(found[1])


def queued(xp: Any, run: Callable[..., None], arguments: Sequence[Any], arrays: Sequence[Any]) -> Thunk:
    """The call that starts a library's work on CuPy's current stream.

    Arguments:
        xp: CuPy.
        run: function of the glue; the stream is its last argument.
        arguments: the others.
        arrays: what they point to, kept alive.
    """
    stream = xp.cuda.get_current_stream

    def call(kept: Sequence[Any] = tuple(arrays)) -> None:
        run(*arguments, stream().ptr)

    return call
