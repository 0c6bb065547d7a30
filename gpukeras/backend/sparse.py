"""Sparse matrices: taken wherever Keras takes them, kept as dense tensors that remember where they came from."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from .. import ops
from ..graph.tensor import Tensor

__all__ = ["is_sparse", "to_dense"]


def is_scipy_sparse(value: Any) -> bool:
    """Returns whether `value` is a SciPy sparse matrix or array, without importing SciPy.

    Arguments:
        value: anything.

    Returns:
        A bool.
    """
    module = sys.modules.get("scipy.sparse")  # a caller that holds such a matrix has imported it
    return module is not None and bool(module.issparse(value))


def densify(value: Any) -> np.ndarray:
    """Returns a SciPy sparse matrix as an array.

    Arguments:
        value: SciPy sparse matrix.

    Returns:
        NumPy array.
    """
    array: np.ndarray = value.toarray()
    return array


def mark_sparse(x: Tensor) -> Tensor:
    """Makes `is_sparse` answer True for a tensor.

    Arguments:
        x: tensor.

    Returns:
        The same tensor.
    """
    x._is_sparse = True  # type: ignore[attr-defined]
    return x


def is_sparse(tensor: Any) -> bool:
    """Returns whether a tensor stands for a sparse matrix.

    Arguments:
        tensor: tensor.

    Returns:
        A bool.
    """
    return getattr(tensor, "_is_sparse", False)


def to_dense(tensor: Any) -> Any:
    """Returns a sparse tensor as a dense one.

    Arguments:
        tensor: tensor.

    Returns:
        Tensor; the same one when it is not sparse.
    """
    return ops.identity(tensor) if is_sparse(tensor) else tensor
