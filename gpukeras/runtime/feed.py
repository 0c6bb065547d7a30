"""Lazy inputs of a compiled function: which rows of which array to read."""

from __future__ import annotations

from typing import Any

import numpy as np


class Rows:
    """Some rows of an array, gathered straight into a plan's input buffer.

    Arguments:
        array: NumPy array of shape (N, ...).
        rows: slice without a step, or integer array of shape (B,), indices into the first axis.
    """

    __slots__ = ("array", "rows", "shape")

    def __init__(self, array: np.ndarray, rows: slice | np.ndarray) -> None:
        self.array = array
        self.rows = rows
        n = len(range(*rows.indices(len(array)))) if isinstance(rows, slice) else len(rows)
        self.shape = (n,) + array.shape[1:]

    @property
    def dtype(self) -> np.dtype[Any]:
        """NumPy dtype of the array."""
        return self.array.dtype

    def read(self) -> np.ndarray:
        """Return the rows as an array of their own (a view where `rows` is a slice)."""
        return self.array[self.rows]

    def copy_to(self, out: np.ndarray) -> None:
        """Write the rows into `out`, shape (B, ...), converting to its dtype."""
        if isinstance(self.rows, slice):
            np.copyto(out, self.array[self.rows], casting="unsafe")
        elif self.array.dtype == out.dtype and self.array.flags.c_contiguous:
            # mode='clip' writes without a temporary; the caller made the indices, so none is out of range
            np.take(self.array, self.rows, axis=0, out=out, mode="clip")
        else:
            np.copyto(out, self.array[self.rows], casting="unsafe")
