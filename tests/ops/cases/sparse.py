"""Cases of sparse matrices: entries, columns and row starts against the dense matrix they stand for."""

from __future__ import annotations

from typing import Any

import numpy as np

from gpukeras import ops
from tests.ops.harness import Case, exactly, normal

# Three rows of five columns; the second row is empty, the last has the same place twice and a padding zero.
COLUMNS = exactly([4, 1, 0, 0, 3], "int32")
STARTS = exactly([0, 2, 2, 5], "int32")


def _dense(entries: np.ndarray, columns: np.ndarray, starts: np.ndarray) -> Any:
    out = np.zeros((len(starts) - 1, 5))
    for row, (first, last) in enumerate(zip(starts[:-1], starts[1:])):
        for k in range(first, last):
            out[row, columns[k]] += entries[k]
    return out


CASES = [
    Case(
        "csr_matmul",
        lambda e, c, s, w: ops.csr_matmul(e, c, s, w, 5),
        [normal(5), COLUMNS, STARTS, normal(5, 2)],
        lambda e, c, s, w: _dense(e, c, s) @ w,
        wrt=(3,),
    ),
    Case(
        "csr_matmul/transposed",
        lambda e, c, s, w: ops.csr_matmul(e, c, s, w, 5, transpose=True),
        [normal(5), COLUMNS, STARTS, normal(3, 2)],
        lambda e, c, s, w: _dense(e, c, s).T @ w,
        wrt=(3,),
    ),
    Case(
        "csr_matmul/no entries",
        lambda e, c, s, w: ops.csr_matmul(e, c, s, w, 5),
        [normal(0), exactly([], "int32"), exactly([0, 0, 0], "int32"), normal(5, 2)],
        lambda e, c, s, w: np.zeros((2, 2)),
        wrt=(3,),
    ),
    Case(
        "csr_to_dense",
        lambda e, c, s: ops.csr_to_dense(e, c, s, 5),
        [normal(5), COLUMNS, STARTS],
        _dense,
        no_grad=True,
    ),
]
