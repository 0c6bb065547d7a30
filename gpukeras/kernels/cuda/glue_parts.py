"""What the parts of the glue are made of: headers, NVIDIA's libraries, and the C functions each one exports."""

from __future__ import annotations

import ctypes
import os
import shutil
import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

_INT, _LONG, _POINTER = ctypes.c_int, ctypes.c_int64, ctypes.c_void_p
_POINTERS = ctypes.POINTER(ctypes.c_void_p)
_LONGS = ctypes.POINTER(ctypes.c_int64)


class Part(NamedTuple):
    """A file of csrc/cuda/glue.

    Attributes:
        headers: what it needs beside CUDA's own headers; where one is missing, the part is absent.
        package: what to install with pip, where CUDA's first number is known.
        library: names of the library to load, with {cuda} where the name has CUDA's number.
        functions: types of the arguments of `gpukeras_<part>_<name>`, by name. Every function returns null or the text
            of an error.
    """

    headers: tuple[str, ...]
    package: str
    library: str
    functions: Mapping[str, tuple[Any, ...]]


def packages(part: Part, cuda: int) -> str:
    """What to install with pip for a part: its library with headers, and CUDA's own headers.

    Arguments:
        part: its settings.
        cuda: CUDA's first number, 12 or 13.
    """
    suffix = "" if cuda >= 13 else f"-cu{cuda}"  # the names went without the number from 13 on
    compiler = "crt" if cuda >= 13 else "nvcc"
    own = [f"nvidia-cuda-{name}{suffix}" for name in ("runtime", compiler, "cccl")]
    return " ".join([part.package.format(cuda=cuda, suffix=suffix), *own])


def cuda_number() -> int:
    """CUDA's first number, by the installed CuPy."""
    found = (d.metadata["Name"] or "" for d in metadata.distributions())
    return 12 if "cupy-cuda12x" in found else 13


#: Headers of CUDA that the libraries' headers include.
CUDA_HEADERS = ("cuda_runtime_api.h", "crt/host_defines.h", "nv/target")

PARTS: dict[str, Part] = {
    "cublaslt": Part(
        ("cublasLt.h",),
        "nvidia-cublas{suffix}",
        "libcublasLt.so.{cuda}",
        {
            # description, which candidate (-1: the first), where the product goes, bytes of work memory and number of
            # candidates
            "create": (_LONGS, _INT, _POINTERS, _LONGS),
            # product, a, b, c, bias, aux, work memory, stream
            "run": (_POINTER,) * 8,
        },
    ),
    "cudnn_graphs": Part(
        ("cudnn.h", "cudnn_graph.h"),
        "nvidia-cudnn-cu{cuda}",
        "libcudnn.so.9",
        {
            "validate": (_LONGS,),
            # description, a device's properties, bytes of work memory and number of candidates
            "plan_for": (_LONGS, ctypes.c_char_p, _LONGS),
            "create": (_LONGS, _INT, _POINTERS, _LONGS),
            # graph, one pointer per tensor, work memory, stream
            "run": (_POINTER, _POINTERS, _POINTER, _POINTER),
        },
    ),
    "cudnn_rnn": Part(
        ("cudnn.h",),
        "nvidia-cudnn-cu{cuda}",
        "libcudnn.so.9",
        {
            # description, the object, sizes and places of the weights
            "create": (_LONGS, _POINTERS, _LONGS),
            # object, whether a gradient follows, pointers, stream
            "forward": (_POINTER, _INT, _POINTERS, _POINTER),
            "backward": (_POINTER, _POINTERS, _POINTER),
        },
    ),
    "nccl": Part(
        ("nccl.h",),
        "nvidia-nccl-cu{cuda}",
        "libnccl.so.2",
        {
            "create": (_INT, ctypes.POINTER(ctypes.c_int), _POINTERS),
            "unique_id": (_POINTER,),
            # size, rank, id, communicator
            "join": (_INT, _INT, _POINTER, _POINTERS),
            # devices, communicators, arrays, buffers, bytes, streams
            "broadcast": (_INT, _POINTERS, _INT, _POINTERS, _LONGS, _POINTERS),
            # devices, communicators, arrays, buffers, sums, elements, types, streams
            "reduce": (_INT, _POINTERS, _INT, _POINTERS, _POINTERS, _LONGS, _LONGS, _POINTERS),
            # communicator, buffer, elements, type, mean, stream
            "all_reduce": (_POINTER, _POINTER, _LONG, _INT, _INT, _POINTER),
            "destroy": (_INT, _POINTERS),
        },
    ),
}


def wheel_folders() -> list[Path]:
    """Folders of NVIDIA's installed wheels, which hold `include` and `lib`."""
    places = [Path(p) for p in (os.environ.get("GPUKERAS_CUDA_WHEELS"), *sys.path) if p]
    return [folder for p in dict.fromkeys(places) for folder in (p, *sorted(p.glob("nvidia/*"))) if folder.is_dir()]


def _toolkits() -> list[Path]:
    named = [os.environ[name] for name in ("CUDA_HOME", "CUDA_PATH") if os.environ.get(name)]
    nvcc = shutil.which("nvcc")
    places = [*map(Path, named), *([Path(nvcc).resolve().parents[1]] if nvcc else []), Path("/usr/local/cuda")]
    return [p for p in dict.fromkeys(places) if p.is_dir()]


def include_folders() -> list[Path]:
    """Where headers may lie: in the wheels, then in the CUDA toolkit."""
    roots = [*wheel_folders(), *_toolkits()]
    found = [f for root in roots for f in (root / "include", root / "include" / "cccl") if f.is_dir()]
    return list(dict.fromkeys(found))


def missing_headers(part: Part) -> list[str]:
    """The headers that are in none of those folders."""
    folders = [*include_folders(), Path("/usr/include")]
    return [h for h in (*part.headers, *CUDA_HEADERS) if not any((f / h).is_file() for f in folders)]


def libraries(part: Part, cuda: int) -> list[str]:
    """Where a part's library may be, the best place first: wheels, the toolkit, then wherever the loader looks.

    Arguments:
        part: its settings.
        cuda: CUDA's first number.
    """
    numbers = [cuda, *(n for n in (13, 12) if n != cuda)]
    names = list(dict.fromkeys(part.library.format(cuda=n) for n in numbers))
    folders = [f / "lib" for f in wheel_folders()] + [f / "lib64" for f in _toolkits()]
    found = []
    for name in names:
        found += [str(f / name) for f in folders if (f / name).is_file()]
        found.append(name)
    return found
