"""NVIDIA's libraries in NumPy, behind the functions of the glue, on pointers into the host's memory.

With `tests/simulated/cupy.py`, whose arrays lie there, whole models train through the makers of kernels. The work is
queued on the stream that a call names, and recorded where that one is capturing.
"""

import ctypes
import itertools

import numpy as np
from numpy.lib.stride_tricks import as_strided

from gpukeras.kernels.cuda import products
from gpukeras.kernels.cuda.glue import GlueError
from gpukeras.kernels.cuda.graphs import KINDS, PLACES

from .streams import check_addresses, enqueue

try:
    from ml_dtypes import bfloat16
except ImportError:  # NumPy alone has no such type
    bfloat16 = None

DTYPES = [np.float32, np.float16, bfloat16, np.float64]  # by number
WORKSPACE = 640  # bytes that every product and graph claims to want, and overwrites


def array(pointer, dtype, shape, strides):
    """An array at an address; strides in elements."""
    assert pointer, "a null pointer where an array is wanted"
    size = np.dtype(dtype).itemsize
    span = sum((n - 1) * s for n, s in zip(shape, strides, strict=True)) + 1
    flat = np.frombuffer((ctypes.c_char * (span * size)).from_address(int(pointer)), dtype)
    return as_strided(flat, shape, [s * size for s in strides])


def spoil(pointer):
    """Overwrites the work memory, so that nobody else counts on it."""
    if pointer:
        ctypes.memset(int(pointer), 0xFF, WORKSPACE)


class _Part:
    """What is made, by handle.

    Attributes:
        made: descriptions, as dicts.
        runs: of each run, the description, in order of the calls.
        candidates: how many of each there are.
    """

    def __init__(self, candidates=3):
        self.made, self.runs, self.candidates = [], [], candidates

    def _keep(self, description, choice, out, found):
        if description["alignment"] < np.dtype(DTYPES[description["type"]]).itemsize:
            raise GlueError("elements are not aligned")
        if choice >= self.candidates:
            raise GlueError("no such candidate")
        description["choice"] = choice
        self.made.append(description)
        out[0], found[0], found[1] = len(self.made), min(WORKSPACE, description["most_workspace"]), self.candidates

    def _take(self, handle, *pointers):
        description = self.made[handle - 1]
        self.runs.append(description)
        check_addresses(pointers)
        for p in pointers:
            assert p is None or p % description["alignment"] == 0, "less aligned than was promised"
        return description


class Cublaslt(_Part):
    """The part 'cublaslt'."""

    def create(self, words, choice, out, found):
        """Refuses what the library documents that it refuses."""
        d = dict(zip(["device", *products.FIELDS], words, strict=True), words=list(words))
        rows_a, rows_b = (d["k"], d["n"])[:: -1 if d["transposed_b"] else 1], (d["m"], d["k"])
        least_b, least_a = (rows_a[1], rows_b[0 if d["transposed_a"] else 1])
        if d["row_a"] < least_a or d["row_b"] < least_b or min(d["m"], d["n"], d["k"], d["batch"]) < 1:
            raise GlueError("cuBLASLt status 7")
        self._keep(d, choice, out, found)

    def run(self, handle, a, b, c, bias, aux, work, stream):
        """c = a b, with what the epilogue adds."""
        d = self._take(handle, a, b, c, bias)
        dtype = DTYPES[d["type"]]
        m, n, k, count = d["m"], d["n"], d["k"], d["batch"]
        assert (bias is not None) == (d["epilogue"] in (1, 3)) and aux is None

        def operand(pointer, rows, columns, row, following, transposed):
            steps = (following, 1, row) if transposed else (following, row, 1)
            return array(pointer, dtype, (count, rows, columns), steps)

        def compute():
            spoil(work)
            left = operand(a, m, k, d["row_a"], d["next_a"], d["transposed_a"])
            right = operand(b, k, n, d["row_b"], d["next_b"], d["transposed_b"])
            result = np.matmul(left.astype(np.float64), right.astype(np.float64))
            if bias is not None:
                result += array(bias, dtype, (n,), (1,))
            if d["epilogue"] in (2, 3):
                result = np.maximum(result, 0)
            operand(c, m, n, d["row_c"], d["next_c"], False)[...] = result

        enqueue(stream, compute)


def graph(words):
    """A description's words by name."""
    names = "device kind type tf32 deterministic alignment most_workspace axes".split()
    d = dict(zip(names, words[:8], strict=True), words=list(words))
    d["kind"], axes, rest = KINDS[d["kind"]], d["axes"], list(words[8:])
    for name in ("x", "w", "y"):
        for part in ("", "_strides"):
            d[name + part], rest = rest[: 2 + axes], rest[5:]
    for name in ("before", "after", "strides", "dilation"):
        d[name], rest = rest[:axes], rest[3:]
    assert not rest
    return d


class CudnnGraphs(_Part):
    """The part 'cudnn_graphs'."""

    def validate(self, words):
        """What the library checks: the sizes of y."""
        d = graph(words)
        for i in range(d["axes"]):
            window = (d["w"][2 + i] - 1) * d["dilation"][i] + 1
            length = (d["x"][2 + i] + d["before"][i] + d["after"][i] - window) // d["strides"][i] + 1
            if length != d["y"][2 + i]:
                raise GlueError("CUDNN_STATUS_BAD_PARAM")
        if d["x"][1] % d["w"][1] or d["w"][0] != d["y"][1] or d["x"][0] != d["y"][0]:
            raise GlueError("CUDNN_STATUS_BAD_PARAM")

    def create(self, words, choice, out, found):
        """Like the library, it has no engine for relu without a bias."""
        self.validate(words)
        d = graph(words)
        packed = [sorted(d[name + "_strides"])[0] == 1 for name in "xwy"]
        if d["kind"] == "forward_relu" or KINDS.index(d["kind"]) > KINDS.index("kernel_gradient") or not all(packed):
            raise GlueError("cuDNN has no engine for this graph")
        self._keep(d, choice, out, found)

    def run(self, handle, pointers, work, stream):
        """One of the three contractions, tap by tap."""
        places = {name: pointers[i] for i, name in enumerate(PLACES) if pointers[i]}
        d = self._take(handle, *places.values())
        kind = d["kind"]
        assert set(places) == {"x", "w", "y"} | ({"bias"} if "bias" in kind else set())
        dtype = DTYPES[d["type"]]

        def compute():
            spoil(work)
            arrays = [array(places[n], dtype, d[n], d[n + "_strides"]) for n in ("x", "w", "y")]
            x, w, y = (np.moveaxis(t, 1, -1) for t in arrays)
            padded = np.zeros([x.shape[0], *map(sum, zip(x.shape[1:-1], d["before"], d["after"])), x.shape[-1]])
            inner = (slice(None), *(slice(p, p + n) for p, n in zip(d["before"], x.shape[1:-1])))
            if kind != "data_gradient":
                padded[inner] = x
            total = np.zeros(w.shape if kind == "kernel_gradient" else y.shape)
            for group, tap in itertools.product(range(x.shape[-1] // w.shape[-1]), np.ndindex(*w.shape[1:-1])):
                cut = tuple(
                    slice(t * e, t * e + (n - 1) * s + 1, s)
                    for t, e, s, n in zip(tap, d["dilation"], d["strides"], y.shape[1:-1])
                )
                few, many = w.shape[-1], w.shape[0] * w.shape[-1] // x.shape[-1]
                ins = (slice(None), *cut, slice(group * few, (group + 1) * few))
                outs = (..., slice(group * many, (group + 1) * many))
                matrix = (slice(group * many, (group + 1) * many), *tap)
                if kind == "data_gradient":
                    padded[ins] += y[outs].astype(float) @ w[matrix].astype(float)
                elif kind == "kernel_gradient":
                    total[matrix] = np.tensordot(y[outs].astype(float), padded[ins], [range(y.ndim - 1)] * 2)
                else:
                    total[outs] += padded[ins] @ w[matrix].astype(float).T
            if kind == "data_gradient":
                x[...] = padded[inner]
            elif kind == "kernel_gradient":
                w[...] = total
            else:
                total = total + array(places["bias"], dtype, (w.shape[0],), (1,)) if "bias" in kind else total
                y[...] = np.maximum(total, 0) if "relu" in kind else total

        enqueue(stream, compute)


def libraries(**others):
    """Fresh parts for `glue.use`, by name."""
    return {"cublaslt": Cublaslt(), "cudnn_graphs": CudnnGraphs(), **others}
