"""Cases of shaping, joining, cutting, repeating and creating."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gpukeras import ops
from tests.ops.harness import Case, ints, normal, squared

F16 = ("float16", "float32", "float64")


def _dims(t):
    """Dimensions of `t` as tensors: what programs build reshape targets of."""
    s = ops.shape(t)
    return [s[i] for i in range(len(t.shape))]


def _cut(x):
    return [x[:, :1], x[:, 1:3], x[:, 3:]]


SHAPING = [
    Case("shape", lambda x: ops.shape(x), [normal(2, 3)], lambda x: np.array([2, 3]), no_grad=True),
    Case("shape of a scalar", lambda x: ops.shape(x), [normal()], lambda x: np.zeros(0, int), no_grad=True),
    Case("size", lambda x: ops.size(x), [normal(2, 3)], lambda x: np.array(6), no_grad=True),
    Case("reshape", lambda x: ops.reshape(x, (3, 4)), [normal(2, 6)], lambda x: x.reshape(3, 4), dtypes=F16),
    Case("reshape to a scalar", lambda x: ops.reshape(x, ()), [normal(1, 1)], lambda x: x.reshape(())),
    Case("reshape -1", lambda x: ops.reshape(x, (-1, 2)), [normal(2, 3, 4)], lambda x: x.reshape(-1, 2)),
    Case(
        "reshape of a transpose",
        lambda x: ops.reshape(ops.transpose(x), (2, -1)),
        [normal(2, 3, 4)],
        lambda x: x.T.reshape(2, -1),
    ),
    Case(
        "reshape by tensors",
        lambda x: ops.reshape(x, (_dims(x)[0], 3 * 4)),
        [normal(2, 3, 4)],
        lambda x: x.reshape(2, 12),
        second=True,
    ),
    Case(
        "reshape to the shape of another",
        lambda x, y: ops.reshape(x, ops.shape(y)),
        [normal(2, 6), normal(3, 4)],
        lambda x, y: x.reshape(3, 4),
        wrt=[0],
    ),
    Case(
        "reshape with computed dimensions",
        lambda x: ops.reshape(x, ops.stack([_dims(x)[0] * _dims(x)[1], _dims(x)[2] // 2, -1])),
        [normal(2, 3, 4)],
        lambda x: x.reshape(6, 2, 2),
    ),
    Case("reshape of nothing", lambda x: ops.reshape(x, (-1, 3)), [normal(0, 6)], lambda x: x.reshape(0, 3)),
    Case("expand_dims", lambda x: ops.expand_dims(x, 1), [normal(2, 3)], lambda x: x[:, None]),
    Case("expand_dims last", lambda x: ops.expand_dims(x), [normal(2, 3)], lambda x: x[..., None]),
    Case("squeeze", lambda x: ops.squeeze(x, 1), [normal(2, 1, 3)], lambda x: x[:, 0]),
    Case("squeeze to a scalar", lambda x: ops.squeeze(x, 0), [normal(1)], lambda x: x[0]),
    Case("reverse nothing", lambda x: ops.reverse(x, ()), [normal()], lambda x: x),
    Case("squeeze two", lambda x: ops.squeeze(x, (0, -1)), [normal(1, 2, 1)], lambda x: x[0, :, 0]),
    Case("squeeze all", lambda x: ops.squeeze(x), [normal(1, 2, 1)], lambda x: x[0, :, 0], unknown=False),
    Case("transpose", lambda x: ops.transpose(x), [normal(2, 3, 4)], lambda x: x.T, dtypes=F16),
    Case("transpose perm", lambda x: ops.transpose(x, (2, 0, -2)), [normal(2, 3, 4)], lambda x: x.transpose(2, 0, 1)),
    Case(
        "broadcast_to",
        lambda x: ops.broadcast_to(x, (4, 2, 3)),
        [normal(2, 1)],
        lambda x: np.broadcast_to(x, (4, 2, 3)),
        second=True,
    ),
    Case(
        "broadcast_to by a tensor",
        lambda x, y: ops.broadcast_to(x, ops.shape(y)),
        [normal(3), normal(2, 3)],
        lambda x, y: np.broadcast_to(x, y.shape),
        wrt=[0],
    ),
    Case("broadcast_to -1", lambda x: ops.broadcast_to(x, (2, -1)), [normal(3)], lambda x: np.stack([x, x])),
    Case("reverse", lambda x: ops.reverse(x, (0, -1)), [normal(2, 3, 4)], lambda x: x[::-1, :, ::-1]),
    Case("reverse one", lambda x: ops.reverse(x, 1), [normal(2, 3)], lambda x: x[:, ::-1]),
]

JOINING = [
    Case(
        "concatenate",
        lambda x, y: ops.concatenate([x, y, x], 1),
        [normal(2, 3), normal(2, 1)],
        lambda x, y: np.concatenate([x, y, x], 1),
        dtypes=F16,
        second=True,
    ),
    Case("concatenate one", lambda x: ops.concatenate([x], 0), [normal(2, 3)], lambda x: x),
    Case(
        "concatenate ints with floats",
        lambda x, i: ops.concatenate([i, x], 0),
        [normal(3), ints(2, lo=0, hi=9)],
        lambda x, i: np.concatenate([i, x]),
    ),
    Case("stack", lambda x, y: ops.stack([x, y]), [normal(2, 3), normal(2, 3)], lambda x, y: np.stack([x, y])),
    Case("stack last", lambda x, y: ops.stack([x, y], -1), [normal(3), normal(3)], lambda x, y: np.stack([x, y], -1)),
    Case(
        "stack scalars", lambda x, y: ops.stack([x, y, 2.0]), [normal(), normal()], lambda x, y: np.array([x, y, 2.0])
    ),
    Case("split", lambda x: ops.split(x, (1, 2, 3), 1), [normal(2, 6)], _cut, second=True),
    Case("split equal", lambda x: ops.split(x, 3, 0), [normal(6, 2)], lambda x: np.split(x, 3), unknown=False),
    Case("split, one piece used", lambda x: ops.split(x, (1, 5), 1)[1], [normal(2, 6)], lambda x: x[:, 1:]),
    Case("unstack", lambda x: ops.unstack(x, 1), [normal(2, 3)], lambda x: list(x.T), unknown=False),
    Case("tile", lambda x: ops.tile(x, (2, 3)), [normal(2, 3)], lambda x: np.tile(x, (2, 3)), second=True),
    Case("tile more axes", lambda x: ops.tile(x, (2, 1, 2)), [normal(3)], lambda x: np.tile(x, (2, 1, 2))),
    Case("tile fewer axes", lambda x: ops.tile(x, (2,)), [normal(2, 3)], lambda x: np.tile(x, (2,))),
    Case(
        "tile by a tensor",
        lambda x, y: ops.tile(x, ops.stack([ops.shape(y)[0], 1])),
        [normal(2, 3), normal(4)],
        lambda x, y: np.tile(x, (4, 1)),
        wrt=[0],
    ),
    Case("repeat", lambda x: ops.repeat(x, 3, 1), [normal(2, 3)], lambda x: np.repeat(x, 3, 1), second=True),
    Case("repeat last", lambda x: ops.repeat(x, 2, -1), [normal(2, 3)], lambda x: np.repeat(x, 2, -1), dtypes=F16),
    Case(
        "pad",
        lambda x: ops.pad(x, ((1, 0), (0, 2))),
        [normal(2, 3)],
        lambda x: np.pad(x, ((1, 0), (0, 2))),
        second=True,
    ),
    Case(
        "pad with a value",
        lambda x: ops.pad(x, ((1, 1),), -2.5),
        [normal(3)],
        lambda x: np.pad(x, 1, constant_values=-2.5),
    ),
]

CREATION = [
    Case("fill", lambda x: x * ops.fill((2, 3), 1.5, x.dtype), [normal(2, 3)], lambda x: x * 1.5, wrt=[0]),
    Case(
        "fill by shape",
        lambda x: ops.fill(ops.shape(x), 7, "int64"),
        [normal(2, 3)],
        lambda x: np.full((2, 3), 7),
        no_grad=True,
    ),
    Case(
        "fill with a tensor",
        lambda x: ops.fill((2, 3), x),
        [normal()],
        lambda x: np.full((2, 3), x),
    ),
    Case("zeros_like", lambda x: ops.zeros_like(x), [normal(2, 3)], np.zeros_like, no_grad=True),
    Case("ones_like", lambda x: ops.ones_like(x, "int32"), [normal(2, 3)], np.ones_like, no_grad=True),
    Case("arange", lambda x: ops.arange(ops.shape(x)[0]), [normal(4)], lambda x: np.arange(4), no_grad=True),
    Case(
        "arange start, stop, step",
        lambda x: ops.arange(1, ops.size(x), 2, "float32"),
        [normal(2, 3)],
        lambda x: np.arange(1, 6, 2),
        dtypes=("float32",),
        no_grad=True,
    ),
    Case(
        "arange downwards",
        lambda x: ops.arange(ops.size(x), 0, -2),
        [normal(5)],
        lambda x: np.array([5, 3, 1]),
        no_grad=True,
    ),
    Case("eye", lambda x: x * ops.eye(2, 3, x.dtype), [normal(2, 3)], lambda x: x * np.eye(2, 3)),
    Case(
        "one_hot",
        lambda i: ops.one_hot(i, 4, "float64"),
        [ints(2, 3, lo=0, hi=4)],
        lambda i: np.eye(4)[i],
        dtypes=("float64",),
        no_grad=True,
    ),
    Case(
        "one_hot out of range",
        lambda i: ops.one_hot(i, 3, "int32"),
        [lambda rng, dtype: np.array([-1, 0, 3, 2])],
        lambda i: np.array([[0, 0, 0], [1, 0, 0], [0, 0, 0], [0, 0, 1]]),
        dtypes=("float32",),
        no_grad=True,
    ),
]

ALL = SHAPING + JOINING + CREATION
CASES = [replace(case, second=False) for case in ALL] + [squared(case) for case in ALL if case.second]
