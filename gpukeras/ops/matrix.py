"""Inverses, determinants, factors and eigenvalues of matrices, over the last two axes.

The kernels allocate: neither NumPy's nor CuPy's linear algebra writes into arrays it is given.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ..graph.op import Binding, Op, Partial, Spec, Thunk
from ..graph.tensor import Tensor, apply
from .creation import eye, zeros_like
from .elementwise import cast, divide, multiply, negative, subtract, where
from .linalg import matmul
from .operands import as_floats
from .shaping import expand_dims, transpose

if TYPE_CHECKING:
    from ..graph.tensor import Node

__all__ = ["band_part", "cholesky", "determinant", "eigh", "inverse", "transposed"]


def transposed(x: Tensor) -> Tensor:
    """`x` with its last two axes exchanged."""
    if x.shape is None:
        raise ValueError("transposed: the number of axes must be known")
    order = list(range(len(x.shape)))
    order[-2:] = [order[-1], order[-2]]
    return transpose(x, order)


def _square(what: str, spec: Spec) -> tuple[int | None, ...]:
    dims = spec.shape
    if dims is None or len(dims) < 2 or (None not in dims[-2:] and dims[-1] != dims[-2]):
        raise ValueError(f"{what}: expected square matrices, got shape {dims}")
    return tuple(dims)


def _run(function: Any, x: Any, outs: Sequence[Any]) -> None:
    # NumPy's linear algebra knows no float16
    results = function(x.astype("float32") if x.dtype == np.float16 else x)
    for out, value in zip(outs, results if isinstance(results, tuple) else (results,), strict=True):
        out[...] = value


class _Matrices(Op):
    captures = False
    function = ""

    def bind(self, b: Binding) -> Sequence[Thunk]:
        return [partial(_run, getattr(b.xp.linalg, self.function), b.ins[0], b.outs)]

    def infer(self, ins: Sequence[Spec], values: Sequence[Partial]) -> Any:
        return Spec(_square(self.name, ins[0]), ins[0].dtype)


class Inverse(_Matrices):
    """Inverse of each matrix."""

    precision = "full"

    function = "inv"

    def grad(self, node: Node, dys: Sequence[Tensor | None]) -> Sequence[Tensor | None]:
        y = transposed(node.outputs[0])
        return [negative(matmul(y, matmul(dys[0], y)))]


class Determinant(_Matrices):
    """Determinant of each matrix."""

    function = "det"

    def infer(self, ins: Sequence[Spec], values: Sequence[Partial]) -> Spec:
        return Spec(_square(self.name, ins[0])[:-2], ins[0].dtype)

    def grad(self, node: Node, dys: Sequence[Tensor | None]) -> Sequence[Tensor | None]:
        scale = multiply(dys[0], node.outputs[0])
        return [multiply(expand_dims(expand_dims(scale, -1), -1), transposed(inverse(node.inputs[0])))]


class Cholesky(_Matrices):
    """Lower triangular factor L of each symmetric positive definite matrix L L^T."""

    function = "cholesky"

    def grad(self, node: Node, dys: Sequence[Tensor | None]) -> Sequence[Tensor | None]:
        """I. Murray, "Differentiation of the Cholesky decomposition", arXiv:1602.07527, equation 10."""
        factor = node.outputs[0]
        n = factor.shape[-1] if factor.shape else None
        if n is None:
            raise ValueError("cholesky: the gradient needs the size of the matrices")
        down = inverse(factor)
        inner = band_part(matmul(transposed(factor), dys[0]), -1, 0)
        half = subtract(inner, multiply(inner, eye(n, dtype=factor.dtype) * 0.5))
        full = matmul(transposed(down), matmul(half, down))
        return [multiply(full + transposed(full), 0.5)]


class Eigh(_Matrices):
    """Eigenvalues, ascending, and eigenvectors (columns) of symmetric matrices."""

    function = "eigh"

    def infer(self, ins: Sequence[Spec], values: Sequence[Partial]) -> Sequence[Spec]:
        dims = _square(self.name, ins[0])
        return [Spec(dims[:-1], ins[0].dtype), Spec(dims, ins[0].dtype)]

    def grad(self, node: Node, dys: Sequence[Tensor | None]) -> Sequence[Tensor | None]:
        w, v = node.outputs
        n = w.shape[-1] if w.shape else None
        if n is None:
            raise ValueError("eigh: the gradient needs the size of the matrices")
        same = eye(n, dtype="bool")
        dw = zeros_like(w) if dys[0] is None else dys[0]
        inner = where(same, expand_dims(dw, -1), 0)
        if dys[1] is not None:
            gaps = subtract(expand_dims(w, -2), expand_dims(w, -1))
            inner = inner + where(same, 0, divide(matmul(transposed(v), dys[1]), where(same, 1, gaps)))
        full = matmul(v, matmul(inner, transposed(v)))
        return [multiply(full + transposed(full), 0.5)]


def _apply(op: Op, x: Any) -> Any:
    return apply(op, *as_floats(x))


def inverse(x: Any) -> Tensor:
    """Inverse of each matrix (..., N, N)."""
    out: Tensor = _apply(Inverse(), x)
    return out


def determinant(x: Any) -> Tensor:
    """Determinant of each matrix (..., N, N), a tensor (...)."""
    out: Tensor = _apply(Determinant(), x)
    return out


def cholesky(x: Any) -> Tensor:
    """Lower triangular L with L L^T = x for symmetric positive definite matrices (..., N, N)."""
    out: Tensor = _apply(Cholesky(), x)
    return out


def eigh(x: Any) -> tuple[Tensor, Tensor]:
    """Eigenvalues (..., N), ascending, and eigenvectors (..., N, N), columns, of symmetric matrices."""
    values, vectors = _apply(Eigh(), x)
    return values, vectors


def band_part(x: Tensor, lower: int, upper: int) -> Tensor:
    """Matrices (..., M, N) with zeros outside a band; a negative width keeps the whole triangle.

    Arguments:
        x: tensor whose last two axes have known lengths.
        lower: diagonals to keep below the main one.
        upper: diagonals to keep above it.

    Returns:
        Tensor of the same shape.
    """
    if not x.shape or None in x.shape[-2:]:
        raise ValueError(f"band_part: the size of the matrices must be known, got shape {x.shape}")
    m, n = (int(k or 0) for k in x.shape[-2:])
    offset = np.arange(m)[:, None] - np.arange(n)
    keep = ((lower < 0) | (offset <= lower)) & ((upper < 0) | (-offset <= upper))
    return multiply(x, cast(keep, x.dtype))
