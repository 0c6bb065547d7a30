"""Every CUDA source compiles for the architectures we name, and through NVRTC, without a device: compiled, not run."""

import ctypes
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from gpukeras.kernels.cuda import source as sources
from gpukeras.kernels.cuda.fused import Generated
from gpukeras.kernels.fused import Fold, Loop, Part, Read

SOURCES = sorted((Path(__file__).parents[2] / "csrc" / "cuda").glob("*.cu"))
ARCHITECTURES = ["80", "90", "100"]
FLAGS = ["-std=c++17", "-fmad=false", "-Werror=all-warnings", "-Xcompiler", "-Wall,-Wextra"]
nvcc = shutil.which("nvcc")
needs_nvcc = pytest.mark.skipif(nvcc is None, reason="nvcc is not installed")

#: Other choices a source is compiled with, beside its own.
CHOICES = {
    "recurrent_steps.cu": ("-DGPUKERAS_ACTIVATION=Relu", "-DGPUKERAS_GATE=Sigmoid"),
    "recurrent_walk.cu": ("-DGPUKERAS_ACTIVATION=Softplus", "-DGPUKERAS_GATE=Exponential", "-DGPUKERAS_SAMPLES=1"),
}


@cache
def targets():
    """The architectures this nvcc knows: CUDA 12.0 to 12.7 have no sm_100."""
    listed = subprocess.run([nvcc, "--list-gpu-code"], capture_output=True, text=True, check=True).stdout.split()
    known = [a for a in ARCHITECTURES if f"sm_{a}" in listed]
    assert "80" in known and "90" in known
    return known


def compile_with_nvcc(path, folder, architectures):
    flags = [*FLAGS, "--threads", "3"]
    for architecture in architectures:
        flags += ["-gencode", f"arch=compute_{architecture},code=sm_{architecture}"]
    command = [nvcc, *flags, "-c", str(path), "-o", str(folder / "out.o")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_there_are_sources():
    assert len(SOURCES) >= 10


@needs_nvcc
@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_compiles_without_warnings(source, tmp_path):
    compile_with_nvcc(source, tmp_path, targets())


# --- NVRTC --------------------------------------------------------------------------------------------------------


@cache
def nvrtc():
    """The library that compiles at run time, of a toolkit or of the wheel nvidia-cuda-nvrtc; None without one.

    GPUKERAS_CUDA_WHEELS names a folder of installed packages to look into beside this interpreter's own.
    """
    found = []
    for place in filter(None, [os.environ.get("GPUKERAS_CUDA_WHEELS"), *sys.path]):
        found += sorted(Path(place).glob("nvidia/*/lib/libnvrtc.so.*"))
    for name in [*map(str, found), "libnvrtc.so.13", "libnvrtc.so.12"]:
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    return None


def compile_with_nvrtc(text, architecture, *options):
    """Compiles; fails with the compiler's words."""
    library, program = nvrtc(), ctypes.c_void_p()
    made = library.nvrtcCreateProgram(ctypes.byref(program), text.encode(), b"kernels.cu", 0, None, None)
    assert made == 0
    flags = [*sources.OPTIONS, f"--gpu-architecture=compute_{architecture}", *options]
    values = (ctypes.c_char_p * len(flags))(*(f.encode() for f in flags))
    done = library.nvrtcCompileProgram(program, len(flags), values)
    size = ctypes.c_size_t()
    library.nvrtcGetProgramLogSize(program, ctypes.byref(size))
    log = ctypes.create_string_buffer(size.value)
    library.nvrtcGetProgramLog(program, log)
    library.nvrtcDestroyProgram(ctypes.byref(program))
    assert done == 0, log.value.decode()
    assert "warning" not in log.value.decode(), log.value.decode()


def needs_nvrtc():
    if nvrtc() is None:
        pytest.skip("libnvrtc is not installed (pip install nvidia-cuda-nvrtc)")


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_compiles_at_run_time(source):
    needs_nvrtc()
    text = sources.flattened(source.name)
    assert '#include "' not in text
    compile_with_nvrtc(text, "80")
    if source.name in CHOICES:
        compile_with_nvrtc(text, "90", *CHOICES[source.name])


# --- generated kernels --------------------------------------------------------------------------------------------


def every_instruction():
    """Loops that hold every elementwise instruction, those on rows, random numbers, and all reductions."""
    loops, ins = [], 0
    for out, opcode in enumerate(sources.elementwise_opcodes()):
        count = len(sources.signature(opcode).operands)
        reads = tuple(Read("full", ins + i, False, 4) for i in range(count))
        loops.append(Loop(1000, 1, (Part(opcode, (0.5, 1.5), reads, 4, False, False, out),), ()))
        ins += count
    return loops


def rows_and_folds():
    """Loops as softmax, dropout and sums make them; short rows are left to threads, long ones to blocks."""
    loops, counter = [], object()
    x, y = Read("full", 0, False, 4), Read("full", 1, False, 4)
    per_row = [
        Part(f"row_{w}:f32", (), (x,), 4, True, True, 30 + k) for k, w in enumerate(("sum", "mean", "max", "min"))
    ]
    places = [Part(f"row_{w}:f32", (), (x,), 8, True, True, k) for k, w in enumerate(("argmax", "argmin"))]
    whole = [Part(f"{w}:f32", (), (x, y)[: 1 + (w == "softmax_grad")], 4, True, False, 2 + k)
             for k, w in enumerate(("softmax", "log_softmax", "softmax_grad"))]  # fmt: skip
    drop = Part("dropout_mask:f32", (8, 127, 2.0), (), 4, False, False, 5, 7, counter)
    noise = Part("random_uniform:f32", (1.0, 0.0, 0.0, 1.0), (), 4, False, False, 6, 7, counter)
    spread = Part("subtract:f32", (), (x, Read("spread", 0, True, 4)), 4, False, False, 7)
    bias = Read("strided", 2, False, 4, (100, 10), (0, 4))
    parts = (*per_row, *places, *whole, drop, noise, spread, Part("add:f32", (), (x, bias), 4, False, False, 8))
    for length in (10, 500):
        folds = tuple(
            Fold(kind, "f32", read, rows, period, group, 9)
            for kind in ("sum", "mean", "max", "min")
            for read, rows, period, group in (
                (x, False, 1, 0),
                (x, False, length, 0),
                (Read("full", 0, True, 4), True, 1, 0),
            )
        )
        loops.append(Loop(1000, length, parts, folds))
    types = [Fold("sum", t, Read("full", k, False, 4), False, p, g, 10 + k)
             for k, t in enumerate(("f32", "f64", "i32", "i64")) for p, g in ((1, 0), (5, 0), (2, 10))]  # fmt: skip
    loops.append(Loop(1000, 1, (), tuple(types)))
    return loops


GENERATED = {"instructions": every_instruction, "rows": rows_and_folds}


@needs_nvcc
@pytest.mark.parametrize("what", GENERATED)
def test_generated_kernels_compile(what, tmp_path):
    path = tmp_path / "generated.cu"
    path.write_text(Generated(GENERATED[what]()).source)
    compile_with_nvcc(path, tmp_path, ["90" if what == "rows" else "80"])


@pytest.mark.parametrize("what", GENERATED)
def test_generated_kernels_compile_at_run_time(what):
    needs_nvrtc()
    compile_with_nvrtc(Generated(GENERATED[what]()).source, "90")
