"""Matrix products by cuBLASLt, with bias and relu in the same pass."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ...graph.dtype import as_dtype
from ...graph.op import Binding, Spec, Thunk
from ...ops.linalg import MatMul
from ..epilogue import Epilogue
from ..registry import Kernel, kernel
from . import glue
from .epilogues import epilogue
from .launch import address
from .prepared import TYPES, alignment, allows_tf32, layout, offset_alignment, prepare, queued

PART = "cublaslt"
#: Fields of a description after the number of the GPU, as csrc/cuda/glue/cublaslt.cpp has them.
FIELDS = (
    "m n k row_a row_b row_c batch next_a next_b next_c transposed_a transposed_b type tf32 epilogue row_aux alignment "
    "most_workspace"
).split()
#: Numbers of the epilogues there, by (bias, activation).
EPILOGUES = {(False, ""): 0, (True, ""): 1, (False, "relu"): 2, (True, "relu"): 3}
MOST_WORKSPACE = 32 << 20  # what NVIDIA recommends for the fastest kernels
_UINT8 = as_dtype("uint8")


class Matrices(NamedTuple):
    """How the matrices of an operand lie: whether in columns, elements between rows, and between matrices."""

    transposed: bool
    row: int
    next: int


def matrices(x: Any, batch: tuple[int, ...]) -> Matrices | None:
    """The layout of an array of matrices, or None for one that cuBLASLt has no words for.

    Arguments:
        x: array of two axes or more, with matrices as they are multiplied in the last two.
        batch: shape of the axes before, to which those of `x` broadcast.
    """
    item = x.dtype.itemsize
    strides = [s // item for s in x.strides]
    (m, n), (row, column) = x.shape[-2:], strides[-2:]
    if (n == 1 or column == 1) and (m == 1 or row >= n):
        transposed, step = False, row if m > 1 else n
    elif (m == 1 or row == 1) and (n == 1 or column >= m):
        transposed, step = True, column if n > 1 else m
    else:
        return None
    missing = len(batch) - (x.ndim - 2)
    sizes = [*[1] * missing, *x.shape[:-2]]
    steps = [0 if size == 1 else s for size, s in zip(sizes, [*[0] * missing, *strides[:-2]], strict=True)]
    axes = [(n, s) for n, s in zip(batch, steps, strict=True) if n > 1]
    if any(s < 0 for _, s in axes):
        return None
    for (_, outer), (count, inner) in zip(axes, axes[1:], strict=False):
        if outer != count * inner:
            return None
    return Matrices(transposed, max(step, 1), axes[-1][1] if axes else 0)


def readable(x: Any, batch: tuple[int, ...]) -> Any:
    """The layout itself where cuBLASLt can read it, else that of the copy to make of it."""
    if matrices(x, batch) is not None:
        return x
    copy = layout(x.shape, x.dtype)
    return copy if matrices(copy, batch) is not None else layout((*batch, *x.shape[-2:]), x.dtype)


def operands(op: MatMul, a: Any, b: Any, out: Any) -> tuple[Any, Any, Any]:
    """Views with the matrices as they are multiplied in the last two axes; one product of tall ones where that does."""
    if op.transpose_a:
        a = a.swapaxes(-1, -2)
    if op.transpose_b:
        b = b.swapaxes(-1, -2)
    if b.ndim == 2 and a.ndim > 2 and a.flags.c_contiguous:
        return a.reshape(-1, a.shape[-1]), b, out.reshape(-1, out.shape[-1])
    return a, b, out


def describe(a: Any, b: Any, out: Any, finish: tuple[bool, str], aligned: int, most: int) -> list[int] | None:
    """The words of a description, or None for layouts there are none for."""
    batch = out.shape[:-2]
    left, right = matrices(a, batch), matrices(b, batch)
    if left is None or right is None:
        return None
    (m, n), k, count = out.shape[-2:], a.shape[-1], out.size // (out.shape[-1] * out.shape[-2])
    words = {
        "m": m, "n": n, "k": k, "batch": count, "row_a": left.row, "row_b": right.row, "row_c": n,
        "next_a": left.next, "next_b": right.next, "next_c": m * n,
        "transposed_a": left.transposed, "transposed_b": right.transposed, "type": TYPES[str(out.dtype)],
        "tf32": allows_tf32() and str(out.dtype) == "float32", "epilogue": EPILOGUES[finish], "row_aux": 0,
        "alignment": aligned, "most_workspace": most,
    }  # fmt: skip
    return [int(words[name]) for name in FIELDS]


def _trial(sizes: Sequence[int], bias: int) -> Any:
    """Starts a product on arrays of these bytes, made once."""
    made: list[Any] = []

    def run(xp: Any, handle: int, work: Any) -> None:
        made.extend(() if made else [xp.zeros((max(n, 1),), "uint8") for n in (*sizes, bias)])
        a, b, c, d = map(address, made)
        library = glue.library(PART)
        assert library is not None
        stream = xp.cuda.get_current_stream().ptr
        library.run(handle, a, b, c, d if bias else None, None, address(work), stream)

    return run


def _span(x: Any) -> int:
    """Bytes from the first element of an array to the end of the last one."""
    return int(sum((n - 1) * abs(s) for n, s in zip(x.shape, x.strides, strict=True)) + x.dtype.itemsize)


class Plan(NamedTuple):
    """A product that can be had: what has to be copied first, and the specs of the work arrays, in this order."""

    staged: tuple[bool, bool]
    scratch: list[Spec]


def plan(a: Any, b: Any, out: Any, bias: Any = None, activation: str = "") -> Plan | None:
    """Asks for a product of matrices in the last two axes; None where cuBLASLt is absent or has none.

    Arguments:
        a: layout of (..., M, K).
        b: layout of (..., K, N).
        out: layout of (..., M, N), without gaps.
        bias: layout of a vector of N numbers, or None.
        activation: '' or 'relu'.
    """
    arrays = [x for x in (a, b, out, bias) if x is not None]
    if str(out.dtype) not in TYPES or any(x.dtype != out.dtype or not x.size for x in arrays):
        return None
    if (bias is not None and not bias.flags.c_contiguous) or glue.library(PART) is None:
        return None
    batch = out.shape[:-2]
    first, second = readable(a, batch), readable(b, batch)
    staged = (first is not a, second is not b)
    aligned = max(offset_alignment(first, second, out, bias), out.dtype.itemsize)
    words = describe(first, second, out, (bias is not None, activation), aligned, MOST_WORKSPACE)
    if words is None:
        return None
    sizes = [_span(first), _span(second), out.size * out.dtype.itemsize]
    made = prepare(PART, words, _trial(sizes, 0 if bias is None else bias.nbytes))
    if made is None:
        return None
    copies = [Spec(x.shape, as_dtype(str(x.dtype))) for x, s in zip((first, second), staged, strict=True) if s]
    return Plan(staged, [Spec((made.workspace,), _UINT8), *copies])


def bind(
    xp: Any, found: Plan, a: Any, b: Any, out: Any, scratch: Sequence[Any], bias: Any = None, activation: str = ""
) -> list[Thunk]:
    """The calls of a planned product.

    Arguments:
        xp: CuPy.
        found: the plan.
        a: array of the layout planned with.
        b: likewise.
        out: likewise.
        scratch: the work arrays.
        bias: array or None.
        activation: '' or 'relu'.
    """
    work, *copies = scratch
    calls: list[Thunk] = []
    used = []
    for x, is_staged in zip((a, b), found.staged, strict=True):
        if is_staged:
            copy = copies.pop(0)
            calls.append(partial(xp.copyto, copy, x))
            x = copy
        used.append(x)
    arrays = [*used, out, *([] if bias is None else [bias])]
    aligned = max(alignment(arrays), out.dtype.itemsize)
    # Where the caller's arrays lie elsewhere than in a plan of their own, less can be assumed.
    for most, at_most in ((MOST_WORKSPACE, aligned), (work.nbytes, aligned), (work.nbytes, out.dtype.itemsize)):
        words = describe(used[0], used[1], out, (bias is not None, activation), at_most, most)
        made = None if words is None else prepare(PART, words)
        if made is not None and made.workspace <= work.nbytes:
            break
    else:
        raise RuntimeError(f"cuBLASLt has no product for {a.shape} times {b.shape} at these addresses")
    library = glue.library(PART)
    assert library is not None
    pointers = [*map(address, used), address(out), None if bias is None else address(bias), None]
    arguments = [made.handle, *pointers, address(work) if work.nbytes else None]
    return [*calls, queued(xp, library.run, arguments, [*arrays, work])]


def _kernel(op: MatMul, ins: Sequence[Any], out: Any, bias: Any, activation: str) -> Kernel | None:
    a, b, c = operands(op, ins[0], ins[1], out)
    found = plan(a, b, c, bias, activation)
    if found is None:
        return None

    def tie(b_: Binding) -> Sequence[Thunk]:
        first, second, target = operands(op, b_.ins[0], b_.ins[1], b_.outs[0])
        given = None if bias is None else b_.ins[2]
        return bind(b_.xp, found, first, second, target, b_.scratch, given, activation)

    return Kernel("cublaslt:" + name(bias, activation), tie, found.scratch)


def name(bias: Any, activation: str) -> str:
    """What a product is called in reports."""
    return "matmul" + (":bias" if bias is not None else "") + (f":{activation}" if activation else "")


@kernel("cuda", MatMul)
def matmul(op: MatMul, ins: Sequence[np.ndarray], outs: Sequence[Any]) -> Kernel | None:
    """Matrix product."""
    return _kernel(op, ins, outs[0], None, "")


@epilogue(MatMul)
def matmul_epilogue(op: Epilogue, ins: Sequence[np.ndarray], outs: Sequence[Any]) -> Kernel | None:
    """Matrix product, bias and relu in one."""
    if op.activation not in ("", "relu"):
        return None
    inner: MatMul = op.op  # type: ignore[assignment]
    return _kernel(inner, ins, outs[0], ins[2] if op.bias else None, op.activation)
