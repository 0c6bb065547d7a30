"""The glue to cuBLASLt, compiled, against a library of its functions that works on the host's memory."""

import ctypes
import subprocess
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from gpukeras import ops
from gpukeras.graph.tensor import Placeholder
from gpukeras.kernels.cuda import glue, products
from gpukeras.kernels.cuda.glue_parts import include_folders
from tests.kernels.test_cuda_libraries import MATMULS, check, normal
from tests.simulated.streams import enqueue

from .test_cuda_glue import COMPILER, compiled


@pytest.fixture(scope="module")
def cublaslt(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cublaslt")
    path = compiled("cublaslt", folder)
    fake = folder / "libfakecublasLt.so"
    include = [option for f in include_folders() for option in ("-isystem", str(f))]
    source = Path(__file__).with_name("fake_cublaslt.cpp")
    command = [COMPILER, "-std=c++17", "-O1", "-fPIC", "-shared", "-Wall", "-Wextra", *include, source, "-o", fake]
    subprocess.run(command, check=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(glue, "libraries", lambda settings, cuda: [str(fake)])
        return glue.opened("cublaslt", str(path))


@pytest.fixture
def parts(cublaslt):
    """The part on simulated streams: it computes when they do."""
    return {
        "cublaslt": SimpleNamespace(create=cublaslt.create, run=lambda *a: enqueue(a[-1], lambda: cublaslt.run(*a)))
    }


@pytest.mark.parametrize("a, b, ta, tb", MATMULS, ids=str)
@pytest.mark.parametrize("dtype, tolerance", [("float32", 2e-6), ("float64", 1e-14)])
def test_products(parts, a, b, ta, tb, dtype, tolerance):
    x, w = Placeholder(a, dtype), Placeholder(b, dtype)
    feeds = {x: normal(*a, dtype=dtype), w: normal(*b, seed=1, dtype=dtype)}
    check([ops.matmul(x, w, ta, tb)], feeds, ["cublaslt:matmul"], tolerance, parts)


def test_cut_and_transposed_inputs(parts):
    x, w = Placeholder((7, 8), "float32"), Placeholder((4, 9), "float32")
    y = ops.matmul(ops.transpose(x, (1, 0))[:, :7], ops.transpose(w, (1, 0))[1:8])
    check([y], {x: normal(7, 8), w: normal(4, 9, seed=1)}, ["cublaslt:matmul"], parts=parts)


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("bias", [False, True])
def test_bias_and_relu(parts, bias, relu):
    x, w, b = Placeholder((6, 5), "float32"), Placeholder((5, 4), "float32"), Placeholder((4,), "float32")
    y = ops.matmul(x, w)
    y = ops.add(y, b) if bias else y
    y = ops.relu(y) if relu else y
    feeds = {x: normal(6, 5), w: normal(5, 4, seed=1), b: normal(4, seed=2)}
    check([y], feeds, ["cublaslt:matmul" + ":bias" * bias + ":relu" * relu], parts=parts)


def test_what_the_library_refuses_stays_in_two_parts(parts):
    x, w, b = Placeholder((6, 5), "float64"), Placeholder((5, 4), "float64"), Placeholder((4,), "float64")
    feeds = {t: normal(*t.shape, dtype="float64") for t in (x, w, b)}
    check([ops.add(ops.matmul(x, w), b)], feeds, ["cublaslt:matmul"], 1e-14, parts)


def test_errors_are_told(cublaslt):
    words = dict.fromkeys(["device", *products.FIELDS], 0) | {"m": 2, "n": 3, "k": 4, "batch": 1, "alignment": 16}
    words |= {"row_a": 4, "row_b": 3, "row_c": 3, "most_workspace": 100}
    out, found = (ctypes.c_void_p * 1)(), (ctypes.c_int64 * 2)()

    def create(choice=-1, **others):
        given = list((words | others).values())
        cublaslt.create((ctypes.c_int64 * len(given))(*given), choice, out, found)

    create()
    assert list(found) == [100, 2]
    create(choice=1)
    with pytest.raises(glue.GlueError, match="no such algorithm"):
        create(choice=2)
    with pytest.raises(glue.GlueError, match="cublasLtMatmulAlgoGetHeuristic: cuBLASLt status 15"):
        create(row_b=2)
    with pytest.raises(glue.GlueError, match="unknown type or epilogue"):
        create(type=4)
    a, b, c = np.ones((2, 4), "f4"), np.ones((4, 3), "f4"), np.zeros((2, 3), "f4")
    create()
    with pytest.raises(glue.GlueError, match="cublasLtMatmul: cuBLASLt status 7"):
        cublaslt.run(out[0], a.ctypes.data, b.ctypes.data, c.ctypes.data, None, None, None, None)
    work = np.zeros(100, "u1")
    cublaslt.run(out[0], a.ctypes.data, b.ctypes.data, c.ctypes.data, None, None, work.ctypes.data, None)
    np.testing.assert_array_equal(c, 4)
