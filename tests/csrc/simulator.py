"""Compiles CUDA kernels for the CPU and runs them there: see simulator.h."""

import ctypes
import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
CUDA = ROOT / "csrc" / "cuda"
COMPILER = shutil.which("g++")
FLAGS = ["-std=c++17", "-O1", "-Wall", "-Wextra", "-Werror", "-Wno-unused-function", "-ffp-contract=off", "-fPIC"]
if sys.platform == "linux":
    FLAGS.append("-fno-gnu-unique")  # shared memory is static here: two builds of a source must not have the same
KERNEL = re.compile(r'extern\s+"C"\s+SIMULATED_KERNEL\s+void\s+(\w+)\s*\(')


def _run(command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[:4000]
    return done.stdout


class Module:
    """The kernels of one source.

    Arguments:
        source: text of the source.
        options: options of the compiler, such as '-DGPUKERAS_GATE=Sigmoid'.
        folder: where its includes are looked for.
    """

    def __init__(self, source, options=(), folder=CUDA):
        include = [f"-I{folder}", f"-I{Path(__file__).parent}", *options]
        with tempfile.TemporaryDirectory() as place:
            plain = Path(place) / "kernels.h"
            plain.write_text(source)
            marks = ["-std=c++17", "-E", "-P", "-x", "c++", "-D__global__=SIMULATED_KERNEL"]
            self.names = KERNEL.findall(_run([COMPILER, *marks, *include, str(plain)]))
            main, target = plain.with_name("main.cpp"), plain.with_name("kernels.so")
            entries = "\n".join(f"GPUKERAS_SIMULATED({name})" for name in self.names)
            main.write_text(f'#include "simulator.h"\n#include "kernels.h"\n{entries}\n')
            _run([COMPILER, *FLAGS, *include, "-shared", str(main), "-o", str(target)])
            self._library = ctypes.CDLL(str(target))

    def launch(self, name, grid, block, args, order=0):
        """Runs a kernel.

        Arguments:
            name: of the kernel.
            grid: up to three numbers of blocks.
            block: threads of a block.
            args: arrays (passed by address), NumPy scalars and structures (by value), None (a null pointer).
            order: 1 to run the threads of a block from the last to the first.
        """
        assert name in self.names, f"{name} is not among {self.names}"
        dims = (ctypes.c_uint * 4)(*grid, *(1,) * (3 - len(grid)), block)
        values = [_value(a) for a in args]
        pointers = (ctypes.c_void_p * len(values))(*(v.ctypes.data for v in values))
        getattr(self._library, f"simulated_{name}")(dims, pointers, ctypes.c_int(order))


def _value(a):
    """What an argument's pointer points at."""
    if a is None:
        return np.zeros(1, np.uint64)
    if isinstance(a, np.ndarray):
        return np.array([a.ctypes.data], np.uint64)
    assert isinstance(a, np.generic), f"arguments are arrays or NumPy scalars, whose width is known; got {a!r}"
    return np.array([a])


@cache
def _cached(digest, source, options):
    return Module(source, options)


def module(source, options=()):
    """The kernels of a source, compiled once per process."""
    return _cached(hashlib.sha256(source.encode()).hexdigest(), source, tuple(options))


def file(name, options=()):
    """The kernels of a file of csrc/cuda."""
    return module((CUDA / name).read_text(), options)
