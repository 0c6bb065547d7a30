"""The glue to NVIDIA's libraries compiles without warnings, and cuDNN graphs validate: without a device, not run.

Wants headers of the wheels nvidia-cudnn-frontend, nvidia-cudnn-cu13, nvidia-cublas, nvidia-cuda-runtime,
nvidia-cuda-crt, nvidia-cuda-cccl and nvidia-nccl-cu13 (or those for CUDA 12), from this environment or from the
folder of installed packages that GPUKERAS_CUDA_WHEELS names.
"""

import ctypes
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

GLUE = Path(__file__).parents[2] / "csrc" / "cuda" / "glue"
COMPILER = shutil.which("g++")
HEADERS = {
    "cublaslt": ["cublasLt.h", "cuda_runtime_api.h", "crt/host_defines.h", "nv/target"],
    "nccl": ["nccl.h", "cuda_runtime.h", "crt/host_config.h", "nv/target"],
    "cudnn_graphs": ["cudnn_frontend.h", "cudnn.h", "cuda_runtime.h", "crt/host_config.h", "nv/target"],
}


@cache
def folders():
    """Where headers may lie."""
    places = [Path(p) for p in (os.environ.get("GPUKERAS_CUDA_WHEELS"), *sys.path) if p]
    found = [
        f
        for p in places
        for f in [p / "include", *sorted(p.glob("nvidia/*/include")), *sorted(p.glob("nvidia/*/include/cccl"))]
    ]
    nvcc = shutil.which("nvcc")
    if nvcc:
        found.append(Path(nvcc).resolve().parents[1] / "include")
    return [f for f in found if f.is_dir()]


def compiled(name, folder):
    """The shared library made of a source; skips where headers are missing."""
    missing = [h for h in HEADERS[name] if not any((f / h).is_file() for f in folders())]
    if COMPILER is None or missing:
        pytest.skip(f"not installed: {', '.join(missing) or 'g++'}")
    target = folder / f"{name}.so"
    include = [option for f in folders() for option in ("-isystem", str(f))]
    flags = ["-std=c++17", "-O0", "-fPIC", "-shared", "-Wall", "-Wextra", "-Werror"]
    command = [COMPILER, *flags, *include, str(GLUE / f"{name}.cpp"), "-o", str(target), "-ldl"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[:4000]
    return target


@pytest.mark.parametrize("name", ["cublaslt", "nccl"])
def test_compiles_and_loads_without_the_library(name, tmp_path):
    library = ctypes.CDLL(str(compiled(name, tmp_path)))
    assert hasattr(library, f"gpukeras_{name}_create")


def test_every_source_is_named():
    assert {p.stem for p in GLUE.glob("*.cpp")} == set(HEADERS)


# --- cuDNN ----------------------------------------------------------------------------------------------------------


class Description(ctypes.Structure):
    """The structure of cudnn_graphs.cpp."""

    _fields_ = [
        *((name, ctypes.c_int) for name in ("kind", "type", "axes", "channels_first")),
        *((name, ctypes.c_int64 * 5) for name in "xwy"),
        *((name, ctypes.c_int64 * 3) for name in ("before", "after", "strides", "dilation")),
    ]


@pytest.fixture(scope="module")
def cudnn(tmp_path_factory):
    found = [p for f in folders() for p in sorted(f.parent.glob("lib/libcudnn.so.9"))]
    if not found:
        pytest.skip("libcudnn.so.9 is not installed (pip install nvidia-cudnn-cu13)")
    ctypes.CDLL(str(found[0]))  # the glue then finds it by its name
    library = ctypes.CDLL(str(compiled("cudnn_graphs", tmp_path_factory.mktemp("cudnn"))))
    library.gpukeras_cudnn_validate.restype = ctypes.c_char_p
    return library


def description(kind, spatial, kernel, stride=1, dilation=1, pad=(0, 0), type_=0, channels_first=0, groups=1):
    """A convolution of 8 samples, 16 channels to 32."""
    axes = len(spatial)
    out = [(n + sum(pad) - (k - 1) * dilation - 1) // stride + 1 for n, k in zip(spatial, kernel, strict=True)]
    d = Description(kind=kind, type=type_, axes=axes, channels_first=channels_first)
    d.x[: 2 + axes], d.w[: 2 + axes], d.y[: 2 + axes] = [8, 16, *spatial], [32, 16 // groups, *kernel], [8, 32, *out]
    for name, value in (("before", pad[0]), ("after", pad[1]), ("strides", stride), ("dilation", dilation)):
        getattr(d, name)[:axes] = [value] * axes
    return d


CASES = [
    ((32, 32), (3, 3), {"pad": (1, 1)}), ((33, 17), (3, 3), {"stride": 2, "pad": (0, 1)}),
    ((40,), (5,), {"dilation": 2}),
    ((8, 9, 10), (3, 3, 3), {"channels_first": 1}), ((32, 32), (1, 1), {"type_": 1}), ((14, 14), (3, 3), {"groups": 4}),
]  # fmt: skip


@pytest.mark.parametrize("kind", range(5), ids=["forward", "input", "kernel", "norm", "norm gradient"])
@pytest.mark.parametrize("spatial, kernel, options", CASES)
def test_graph_validates(cudnn, kind, spatial, kernel, options):
    made = description(kind, spatial, kernel, **options)
    assert cudnn.gpukeras_cudnn_validate(ctypes.byref(made)) is None


def test_a_wrong_graph_does_not(cudnn):
    unknown = description(9, (8, 8), (3, 3))
    assert b"unknown kind" in cudnn.gpukeras_cudnn_validate(ctypes.byref(unknown))
    flat = description(0, (8, 8), (3, 3))
    flat.axes = 0
    assert b"unknown type or rank" in cudnn.gpukeras_cudnn_validate(ctypes.byref(flat))
    for axis in (1, 2):
        wrong = description(0, (8, 8), (3, 3))
        wrong.y[axis] += 1
        assert b"the result has other sizes" in cudnn.gpukeras_cudnn_validate(ctypes.byref(wrong))
