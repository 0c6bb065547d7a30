"""Cases of inverses, determinants, factors and eigenvalues."""

from __future__ import annotations

from typing import Any

import numpy as np

from gpukeras import ops
from tests.ops.harness import Case, exactly, normal

ROUNDING = {"float32": (2e-4, 2e-5), "float64": (1e-9, 1e-10)}
WHY = "errors grow with the condition of the matrices"


def _definite(*shape: int) -> Any:
    """Symmetric positive definite matrices, well conditioned."""

    def draw(rng: np.random.RandomState, dtype: str) -> np.ndarray:
        a = rng.randn(*shape) * 0.3
        return np.asarray(a @ np.swapaxes(a, -1, -2) + np.diag(1.0 + np.arange(shape[-1])), dtype)

    return draw


def _symmetric(x: Any) -> Any:
    """The mean of matrices and their transposes: keeps finite differences inside the symmetric ones."""
    return ops.multiply(x + ops.transposed(x), 0.5)


def _adjugate(x: np.ndarray) -> np.ndarray:
    """Inverse by cofactors."""
    n = x.shape[-1]
    out = np.empty_like(x)
    for index in np.ndindex(*x.shape[:-2]):
        for i, j in np.ndindex(n, n):
            minor = np.delete(np.delete(x[index], i, 0), j, 1)
            out[(*index, j, i)] = (-1) ** (i + j) * _laplace(minor)
    return out / np.reshape([_laplace(m) for m in x.reshape(-1, n, n)], (*x.shape[:-2], 1, 1))


def _laplace(m: np.ndarray) -> float:
    """Determinant by expansion along the first row."""
    if not len(m):
        return 1.0
    return sum((-1) ** j * m[0, j] * _laplace(np.delete(m[1:], j, 1)) for j in range(len(m)))


def _factor(x: np.ndarray) -> np.ndarray:
    """Cholesky's algorithm, element by element."""
    out = np.zeros_like(x)
    for index in np.ndindex(*x.shape[:-2]):
        a, low = x[index], out[index]
        for i in range(len(a)):
            for j in range(i + 1):
                rest = a[i, j] - sum(low[i, k] * low[j, k] for k in range(j))
                low[i, j] = np.sqrt(rest) if i == j else rest / low[j, j]
    return out


def _roots(x: np.ndarray) -> np.ndarray:
    """Eigenvalues as roots of the characteristic polynomial."""
    return np.sort(np.roots(np.poly(x)).real)


def _band(lower: int, upper: int) -> Any:
    def oracle(x: np.ndarray) -> np.ndarray:
        out = np.zeros_like(x)
        for *lead, i, j in np.ndindex(*x.shape):
            if (lower < 0 or i - j <= lower) and (upper < 0 or j - i <= upper):
                out[(*lead, i, j)] = x[(*lead, i, j)]
        return out

    return oracle


CASES = [
    Case("inverse", ops.inverse, [_definite(3, 3)], _adjugate, second=True, tol=ROUNDING, why=WHY),
    Case("inverse/batch", ops.inverse, [_definite(2, 3, 3)], _adjugate, tol=ROUNDING, why=WHY),
    Case("determinant", ops.determinant, [_definite(3, 3)], _laplace, second=True, tol=ROUNDING, why=WHY),
    Case(
        "determinant/batch",
        ops.determinant,
        [normal(2, 3, 3)],
        lambda x: np.array([_laplace(m) for m in x]),
        tol=ROUNDING,
        why=WHY,
    ),
    Case(
        "cholesky",
        lambda x: ops.cholesky(_symmetric(x)),
        [_definite(2, 3, 3)],
        _factor,
        unknown=False,
        tol=ROUNDING,
        why=WHY,
    ),
    Case(
        "eigh/values",
        lambda x: ops.eigh(_symmetric(x))[0],
        [_definite(3, 3)],
        _roots,
        unknown=False,
        tol=ROUNDING,
        why=WHY,
    ),
    Case(
        "eigh/vectors square",  # the sign of a vector is free
        lambda x: ops.square(ops.eigh(_symmetric(x))[1]),
        [exactly([[2.0, 1.0], [1.0, 2.0]], "float64")],
        lambda x: np.full((2, 2), 0.5),
        unknown=False,
        dtypes=("float64",),
    ),
    *[
        Case(
            f"band_part/{lower} {upper}",
            lambda x, lo=lower, up=upper: ops.band_part(x, lo, up),
            [normal(2, 3, 4)],
            _band(lower, upper),
            unknown=False,
        )
        for lower, upper in [(-1, 0), (0, -1), (1, 1), (0, 0)]
    ],
]
