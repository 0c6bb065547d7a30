"""The glue to NCCL, compiled, against a library of NCCL's functions that works on the host's memory."""

import ctypes
import subprocess
from pathlib import Path

import numpy as np
import pytest

from gpukeras.kernels.cuda import glue
from gpukeras.kernels.cuda.glue_parts import include_folders

from .test_cuda_glue import COMPILER, compiled


@pytest.fixture(scope="module")
def nccl(tmp_path_factory):
    folder = tmp_path_factory.mktemp("nccl")
    path = compiled("nccl", folder)
    fake = folder / "libfakenccl.so"
    include = [option for f in include_folders() for option in ("-isystem", str(f))]
    source = Path(__file__).with_name("fake_nccl.cpp")
    command = [COMPILER, "-std=c++17", "-O1", "-fPIC", "-shared", "-Wall", "-Wextra", *include, source, "-o", fake]
    subprocess.run(command, check=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(glue, "libraries", lambda settings, cuda: [str(fake)])
        return glue.opened("nccl", str(path))


def pointers(arrays):
    return (ctypes.c_void_p * len(arrays))(*(a if isinstance(a, int) else a.ctypes.data for a in arrays))


def longs(numbers):
    return (ctypes.c_int64 * len(numbers))(*numbers)


DEVICES = (0, 3, 1)


@pytest.fixture
def communicators(nccl):
    made = (ctypes.c_void_p * 3)()
    nccl.create(3, (ctypes.c_int * 3)(*DEVICES), made)
    yield made
    nccl.destroy(3, made)


def streams(*devices):
    return pointers([100 + device for device in devices])


def test_sums_on_the_first_device(nccl, communicators):
    rng = np.random.default_rng(0)
    terms = [[rng.random(5).astype("float32") for _ in DEVICES], [rng.random((2, 3)) for _ in DEVICES]]
    sums = [np.zeros(5, "float32"), np.zeros((2, 3))]
    flat = pointers([x for xs in terms for x in xs])
    nccl.reduce(3, communicators, 2, flat, pointers(sums), longs([5, 6]), longs([0, 1]), streams(*DEVICES))
    for xs, total in zip(terms, sums, strict=True):
        np.testing.assert_allclose(total, sum(xs), rtol=1e-6)


def test_copies_of_the_first_device(nccl, communicators):
    arrays = [[np.full(4, i, "int16") for i in range(3)], [np.full((2, 2), i, "float64") for i in range(3)]]
    flat = pointers([x for xs in arrays for x in xs])
    nccl.broadcast(3, communicators, 2, flat, longs([8, 32]), streams(*DEVICES))
    assert all((x == 0).all() for xs in arrays for x in xs)


def test_a_process_joins_and_averages(nccl):
    number = ctypes.create_string_buffer(128)
    nccl.unique_id(number)
    assert number.raw == b"\x07" * 128
    made = (ctypes.c_void_p * 1)()
    nccl.join(1, 0, ctypes.create_string_buffer(number.raw, 128), made)
    x = np.arange(6, dtype="float64")
    for mean in (0, 1):
        nccl.all_reduce(made[0], x.ctypes.data, 6, 1, mean, 100)
    np.testing.assert_array_equal(x, np.arange(6))  # the sum of one, and its mean
    nccl.destroy(1, made)


def test_errors_are_told(nccl, communicators):
    x = np.zeros(3, "float32")
    with pytest.raises(glue.GlueError, match="ncclGroupEnd: invalid argument"):
        nccl.reduce(3, communicators, 1, pointers([x] * 3), pointers([x]), longs([3]), longs([2]), streams(*DEVICES))
    with pytest.raises(glue.GlueError, match="nccl: unknown type"):
        nccl.reduce(3, communicators, 1, pointers([x] * 3), pointers([x]), longs([3]), longs([9]), streams(*DEVICES))
    with pytest.raises(glue.GlueError, match="ncclCommInitAll: invalid argument"):
        nccl.create(1, (ctypes.c_int * 1)(-1), (ctypes.c_void_p * 1)())
    with pytest.raises(glue.GlueError, match="ncclCommInitRank: invalid argument"):
        nccl.join(2, 0, ctypes.create_string_buffer(128), (ctypes.c_void_p * 1)())
