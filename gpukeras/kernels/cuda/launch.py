"""Kernels of CUDA source, compiled at run time by CuPy (NVRTC), which keeps the binaries on disk."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from ...graph.op import Thunk
from .source import OPTIONS, flattened

THREADS = 256  # of a block: kThreads of csrc/cuda/device.h
MOST_BLOCKS = 4096


@functools.cache
def compiled(xp: Any, source: str, options: tuple[str, ...] = ()) -> Any:
    """The module of a source, once per process; nothing is compiled before a kernel of it is first launched.

    Arguments:
        xp: CuPy.
        source: text without includes.
        options: more options of the compiler.
    """
    return xp.RawModule(code=source, options=(*OPTIONS, *options))


def launch(
    xp: Any, file: str, name: str, blocks: int | tuple[int, ...], args: Sequence[Any], options: tuple[str, ...] = ()
) -> Thunk:
    """The call that launches a kernel of csrc/cuda on CuPy's current stream.

    Arguments:
        xp: CuPy.
        file: of csrc/cuda.
        name: of the kernel.
        blocks: of the grid.
        args: arrays, NumPy scalars and structures as arrays of one element; None is a null pointer, Python's ints
            are C's ints and floats are C's floats.
        options: options of the compiler.
    """
    kernel = compiled(xp, flattened(file), options).get_function(name)
    grid = (blocks,) if isinstance(blocks, int) else blocks
    return partial(kernel, grid, (THREADS,), tuple(map(_argument, args)))


def _argument(value: Any) -> Any:
    if value is None:
        return np.uint64(0)
    if isinstance(value, np.generic):  # a float64 is one of Python's floats too
        return value
    if isinstance(value, bool):
        raise TypeError("a kernel's argument is a bool; pass an int")
    if isinstance(value, int):
        return np.int32(value)
    return np.float32(value) if isinstance(value, float) else value


def blocks_for(count: int) -> int:
    """Blocks for so many elements, each thread taking several of many."""
    return max(1, min(-(-count // THREADS), MOST_BLOCKS))


def address(x: Any) -> int:
    """Where an array of CuPy's lies."""
    return int(x.data.ptr)


class Kept:
    """Calls, and the arrays whose addresses they were given.

    Arguments:
        calls: launches.
        arrays: what they read and write.
    """

    def __init__(self, calls: Sequence[Thunk], arrays: Any) -> None:
        self.calls = tuple(calls)
        self.arrays = arrays

    def __call__(self) -> None:
        for call in self.calls:
            call()
