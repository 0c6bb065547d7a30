"""Cases of what several devices or processes share: rows of a batch, sums, exchanges."""

from __future__ import annotations

import numpy as np

from gpukeras.graph.tensor import apply
from gpukeras.ops.exchange import exchange
from gpukeras.ops.replicas import PartOf, ReplicaPlace, replica_rows, total
from tests.ops.harness import Case, normal


def _placed(x, shape, start):
    out = np.zeros(shape)
    out[start : start + len(x)] = x
    return out


def _doubled(flat):
    flat *= 2


CASES = [
    Case("replica_rows/first", lambda x: replica_rows(x, 0, 3), [normal(7, 2)], lambda x: x[:2], second=True),
    Case("replica_rows/last takes the rest", lambda x: replica_rows(x, 2, 3), [normal(7, 2)], lambda x: x[4:]),
    Case(
        "replica_place",
        lambda x, like: apply(ReplicaPlace(2, 3), x, like),
        [normal(3, 2), normal(7, 2)],
        lambda x, like: _placed(x, like.shape, 4),
        wrt=[0],
        second=True,
    ),
    Case(
        "part_of",
        lambda dy, a, b: apply(PartOf(1, 1), dy, a, b),
        [normal(2, 5), normal(2, 3), normal(2, 2)],
        lambda dy, a, b: dy[:, 3:],
        wrt=[0],
        second=True,
    ),
    Case(
        "total",
        lambda x, y, z: total([x, y, z]),
        [normal(2, 3), normal(2, 3), normal(2, 3)],
        lambda x, y, z: x + y + z,
        second=True,
    ),
    Case(
        "exchange",
        lambda x, y: exchange([x, y], _doubled),
        [normal(2, 3), normal(4)],
        lambda x, y: [2 * x, 2 * y],
        no_grad=True,
    ),
]
