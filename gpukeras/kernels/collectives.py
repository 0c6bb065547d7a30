"""Copies and sums between GPUs: by NCCL where it loads, else, in one process, from memory to memory."""

from __future__ import annotations

import ctypes
import logging
import os
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from ..graph.op import Thunk
from ..runtime.device import gpus
from ..runtime.lanes import Spread
from ..runtime.replicas import writes

#: The types NCCL adds up, by the numbers of csrc/cuda/glue/nccl.cpp.
TYPES = {"float32": 0, "float64": 1, "float16": 2, "bfloat16": 3}

# By library and first GPU, which are kept so that their numbers stay theirs.
_communicators: dict[tuple[int, int, tuple[int, ...]], tuple[Any, Any, Communicator | None]] = {}


def copy_call(out: Any, x: Any) -> Thunk:
    """The call that copies an array to another GPU, on the current stream; CuPy sees to the access between the two.

    Arguments:
        out: contiguous array.
        x: contiguous array of the same size and dtype on another GPU.
    """
    return partial(out.data.copy_from_device_async, x.data, x.nbytes)


class Communicator:
    """NCCL between some of the GPUs of this process.

    Arguments:
        library: the glue's functions.
        homes: their numbers.
    """

    def __init__(self, library: Any, homes: tuple[int, ...]) -> None:
        self._library = library
        self._devices = [gpus()[home] for home in homes]
        self._handles = (ctypes.c_void_p * len(homes))()
        numbers = (ctypes.c_int * len(homes))(*(d.number for d in self._devices))
        library.create(len(homes), numbers, self._handles)

    def _streams(self) -> Any:
        streams = []
        for device in self._devices:
            with device.active() as stream:
                streams.append(stream.ptr)
        return _pointers(streams)

    def broadcast(self, buffers: Any, sizes: Any) -> None:
        """Copies from the first GPU to the others.

        Arguments:
            buffers: addresses, for every array those on all GPUs.
            sizes: bytes of the arrays.
        """
        self._library.broadcast(len(self._handles), self._handles, len(sizes), buffers, sizes, self._streams())

    def reduce(self, buffers: Any, sums: Any, sizes: Any, types: Any) -> None:
        """Adds up on the first GPU.

        Arguments:
            buffers: addresses, for every sum its terms on all GPUs.
            sums: addresses on the first GPU.
            sizes: elements of the arrays.
            types: their types, as in `TYPES`.
        """
        self._library.reduce(
            len(self._handles), self._handles, len(sizes), buffers, sums, sizes, types, self._streams()
        )


def address(x: Any) -> int:
    """Where an array of CuPy's lies."""
    return int(x.data.ptr)


def _pointers(addresses: Sequence[int]) -> Any:
    return (ctypes.c_void_p * len(addresses))(*addresses)


def _longs(numbers: Sequence[int]) -> Any:
    return (ctypes.c_int64 * len(numbers))(*numbers)


def _library(function: str) -> Any:
    """The glue to NCCL, where it loads, has a function and is not refused by GPUKERAS_NCCL=0."""
    if os.environ.get("GPUKERAS_NCCL", "").strip() == "0":
        return None
    from .cuda import glue  # nothing of CUDA's is imported where there is but one GPU

    library = glue.library("nccl")
    return library if hasattr(library, function) else None


def communicator(homes: tuple[int, ...]) -> Communicator | None:
    """NCCL between some GPUs, made once; None where it does not load or does not work.

    Arguments:
        homes: their numbers.
    """
    library = _library("reduce")
    if library is None:
        return None
    key = id(library), id(gpus()[0]), homes
    if key not in _communicators:
        try:
            made: Communicator | None = Communicator(library, homes)
        except RuntimeError as error:
            logging.getLogger("gpukeras").warning("NCCL is not used between GPUs %s: %s", homes, error)
            made = None
        _communicators[key] = library, gpus()[0], made
    return _communicators[key][-1]


def has_nccl() -> bool:
    """Whether NCCL loads and may add up; `communicator` tells whether it works.

    With GPUKERAS_DETERMINISTIC=1 the first GPU adds, in the order of the GPUs: NCCL's order depends on how they are
    connected.
    """
    return os.environ.get("GPUKERAS_DETERMINISTIC") != "1" and _library("reduce") is not None


class Broadcast:
    """The call that renews copies of variables where something was written to variables since it was last made.

    Arguments:
        arrays: on the first GPU.
        copies: for each array its copies, by the number of the GPU.
    """

    captures = False

    def __init__(self, arrays: Sequence[Any], copies: Sequence[Mapping[int, Any]]) -> None:
        self._kept = arrays, copies
        self._seen = -1
        homes = tuple(sorted({home for places in copies for home in places}))
        nccl = communicator((0, *homes)) if all(len(places) == len(homes) for places in copies) else None
        if nccl is not None:
            buffers = [address(a) for x, places in zip(arrays, copies) for a in (x, *(places[h] for h in homes))]
            self._call: Thunk = partial(nccl.broadcast, _pointers(buffers), _longs([x.nbytes for x in arrays]))
        else:
            calls: dict[int, list[Thunk]] = {home: [] for home in homes}
            for x, places in zip(arrays, copies, strict=True):
                for home, out in places.items():
                    calls[home].append(copy_call(out, x))
            self._call = Spread(calls)

    def __call__(self) -> None:
        now = writes()
        if self._seen != now:
            self._seen = now
            self._call()


class Reduce:
    """The call that adds up arrays of several GPUs on the first one, by NCCL, all in one group.

    Arguments:
        homes: numbers of the GPUs, the first one first.
        terms: for each sum its terms, in the order of the GPUs.
        sums: on the first GPU.
    """

    captures = False

    def __init__(self, homes: tuple[int, ...], terms: Sequence[Sequence[Any]], sums: Sequence[Any]) -> None:
        nccl = communicator(homes)
        assert nccl is not None, "such steps are made where it works"
        self._kept = terms, sums
        self._call = partial(
            nccl.reduce,
            _pointers([address(x) for xs in terms for x in xs]),
            _pointers([address(x) for x in sums]),
            _longs([x.size for x in sums]),
            _longs([TYPES[x.dtype.name] for x in sums]),
        )

    def __call__(self) -> None:
        self._call()


# --- several processes with a GPU each


def gpu_of(x: Any) -> str:
    """Which GPU of this machine an array is on, '' for none or where NCCL does not load."""
    if not hasattr(x, "device") or not hasattr(x.device, "pci_bus_id"):
        return ""
    return str(x.device.pci_bus_id) if _library("join") is not None else ""


def can_add_up(dtype: Any) -> bool:
    """Whether NCCL adds up arrays of a dtype."""
    return dtype.name in TYPES


def new_group() -> bytes:
    """The number by which processes find each other.

    Raises:
        RuntimeError: where NCCL fails.
    """
    number = ctypes.create_string_buffer(128)
    _library("unique_id").unique_id(number)
    return number.raw


class ProcessGroup:
    """NCCL between processes; all make theirs at the same time.

    Arguments:
        size: number of processes.
        rank: number of this one; it takes part with the GPU in use.
        number: what `new_group` gave to one of them.

    Raises:
        RuntimeError: where NCCL fails.
    """

    def __init__(self, size: int, rank: int, number: bytes) -> None:
        self._library = _library("join")
        handle = (ctypes.c_void_p * 1)()
        self._library.join(size, rank, ctypes.create_string_buffer(number, 128), handle)
        self._handle = handle[0]

    def average(self, flat: Any) -> None:
        """Averages an array over the processes, in place, on the current stream.

        Arguments:
            flat: contiguous array of CuPy's.
        """
        stream = gpus()[0].xp.cuda.get_current_stream().ptr
        self._library.all_reduce(self._handle, address(flat), flat.size, TYPES[flat.dtype.name], 1, stream)
