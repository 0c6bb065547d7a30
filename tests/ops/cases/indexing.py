"""Cases of indexing, gathering, scattering and sorting."""

from __future__ import annotations

import builtins
from dataclasses import replace

import numpy as np

from gpukeras import ops
from gpukeras.graph.gradient import gradients
from tests.ops.harness import Case, bools, exactly, floats, ints, normal, spread, squared

F16 = ("float16", "float32", "float64")


def _key(label, key, shape, **fields):
    """x[key] against NumPy's own."""
    return Case(f"getitem {label}", lambda x: x[key], [normal(*shape)], lambda x: x[key], **fields)


GETITEM = [
    _key("int", 1, (3, 2)),
    _key("negative int", (slice(None), -1), (3, 2)),
    _key("to a scalar", (1, 0), (3, 2)),
    _key("slice", (slice(1, 3),), (4, 2), dtypes=F16, second=True),
    _key("open slices", (slice(None, -1), slice(1, None)), (3, 4)),
    _key("step", slice(None, None, 2), (5, 2)),
    _key("negative step", (slice(None), slice(None, None, -2)), (2, 5)),
    _key("beyond the end", slice(2, 99), (4, 2)),
    _key("empty slice", slice(3, 1), (4, 2)),
    _key("ellipsis", (..., 0), (2, 3, 4)),
    _key("ellipsis in the middle", (1, ..., slice(0, 2)), (2, 3, 4)),
    _key("ellipsis for no axis", (..., 1, 1), (2, 3)),
    _key("newaxis", (slice(None), None, 1), (2, 3)),
    _key("newaxis beside ellipsis", (None, ..., None), (2, 3)),
    _key("list", (slice(None), [2, 0, 0]), (2, 3)),
    _key("array", np.array([[1, -1], [0, 0]]), (3, 2), second=True),
    _key("two arrays side by side", (slice(None), [0, 1], [2, 0]), (2, 3, 4)),
    _key("two arrays apart", ([0, 1], slice(None), [[2], [0]]), (2, 3, 4)),
    _key("mask array", np.array([True, False, True]), (3, 2)),
    Case(
        "getitem scalar tensor",
        lambda x, i: x[i],
        [normal(4, 3), exactly(2, "int32")],
        lambda x, i: x[i],
    ),
    Case(
        "getitem scalar tensor from the end",
        lambda x, i: x[:, i],
        [normal(4, 3), exactly(-1, "int64")],
        lambda x, i: x[:, i],
    ),
    Case(
        "getitem two scalar tensors",
        lambda x, i: x[i, :, i],
        [normal(3, 2, 3), exactly(1, "int32")],
        lambda x, i: x[i, :, i],
    ),
    Case(
        "getitem vector tensor",
        lambda x, i: x[:, i],
        [normal(2, 3), ints(4, lo=-3, hi=3)],
        lambda x, i: x[:, i],
        second=True,
    ),
    Case(
        "getitem two vector tensors",
        lambda x, i, j: x[i, j],
        [normal(3, 4, 2), ints(5, lo=0, hi=3), ints(5, lo=0, hi=4)],
        lambda x, i, j: x[i, j],
    ),
    Case(
        "getitem mask tensor",
        lambda x, m: x[m],
        [normal(6, 2), bools(6)],
        lambda x, m: x[m],
    ),
    Case("getitem of a shape", lambda x: ops.shape(x)[1:], [normal(2, 3, 4)], lambda x: np.array([3, 4]), no_grad=True),
    Case("getitem limit tensor", lambda x: x[: ops.shape(x)[0] - 1], [normal(4, 2)], lambda x: x[:-1], second=True),
    Case(
        "slice",
        lambda x: ops.slice(x, (1, 0, 2), (2, -1, 1)),
        [normal(3, 2, 4)],
        lambda x: x[1:3, :, 2:3],
    ),
    Case(
        "slice by tensors",
        lambda x: ops.slice(x, [ops.shape(x)[0] - 2, 0], ops.stack([1, ops.shape(x)[1]])),
        [normal(3, 2)],
        lambda x: x[1:2],
    ),
]

GATHER = [
    Case(
        "gather",
        lambda x, i: ops.gather(x, i),
        [normal(4, 3), ints(2, 3, lo=0, hi=4)],
        lambda x, i: x[i],
        dtypes=F16,
        second=True,
    ),
    Case("gather int64", lambda x, i: ops.gather(x, i), [normal(4), ints(6, lo=0, hi=4, dtype="int64")], np.take),
    Case(
        "gather axis 1",
        lambda x, i: ops.gather(x, i, 1),
        [normal(2, 4, 3), ints(2, 2, lo=0, hi=4, dtype="uint8")],
        lambda x, i: np.take(x, i, 1),
    ),
    Case(
        "gather last axis",
        lambda x, i: ops.gather(x, i, -1),
        [normal(2, 4), ints(3, lo=0, hi=4)],
        lambda x, i: np.take(x, i, -1),
    ),
    Case(
        "scatter_add rows longer than a chunk",
        lambda i: ops.scatter_add(i, np.ones((3, 40000)), (2, 40000)),
        [ints(3, lo=0, hi=2)],
        lambda i: _scatter(i, np.ones((3, 40000)), (2, 40000)),
        dtypes=("float32",),
        no_grad=True,
    ),
    Case(
        "gather nothing",
        lambda x, i: ops.gather(x, i),
        [normal(4, 3), ints(0, lo=0, hi=4)],
        lambda x, i: x[i],
    ),
    Case(
        "scatter_add",
        lambda i, u: ops.scatter_add(i, u, (5, 2)),
        [ints(3, 4, lo=0, hi=5), normal(3, 4, 2)],
        lambda i, u: _scatter(i, u, (5, 2)),
        dtypes=F16,
        second=True,
    ),
    Case(
        "scatter_add by indices with gaps",
        lambda i, u: ops.scatter_add(ops.transpose(i, (1, 0)), u, (5, 2)),
        [exactly([[0, 4, 4], [1, 0, 2]], "int32"), normal(3, 2, 2)],
        lambda i, u: np.stack([(u * (i.T == k)[..., None]).sum((0, 1)) for k in range(5)]),
        wrt=[1],
    ),
    Case(
        "scatter_add by a shape tensor",
        lambda i, u, x: ops.scatter_add(i, u, ops.shape(x)),
        [ints(6, lo=0, hi=3), normal(6), normal(3)],
        lambda i, u, x: _scatter(i, u, (3,)),
        wrt=[1],
    ),
    Case(
        "pick",
        lambda x, i: ops.pick(x, i),
        [normal(3, 4), ints(3, lo=0, hi=4)],
        lambda x, i: x[np.arange(3), i],
        second=True,
    ),
    Case(
        "pick of three axes",
        lambda x, i: ops.pick(x, i),
        [normal(2, 3, 4), ints(2, 3, lo=0, hi=4, dtype="int64")],
        lambda x, i: np.take_along_axis(x, i[..., None], -1)[..., 0],
    ),
    Case(
        "take_along_axis",
        lambda x, i: ops.take_along_axis(x, i, 0),
        [normal(3, 2), ints(5, 2, lo=0, hi=3)],
        lambda x, i: np.take_along_axis(x, i, 0),
        second=True,
    ),
    Case(
        "gather_nd",
        lambda x, i: ops.gather_nd(x, i),
        [normal(2, 3, 4), ints(5, 2, lo=0, hi=2)],
        lambda x, i: x[i[:, 0], i[:, 1]],
        unknown=False,
    ),
    Case(
        "gather_nd one element each",
        lambda x, i: ops.gather_nd(x, i),
        [normal(2, 3), ints(2, 5, 2, lo=0, hi=2)],
        lambda x, i: x[i[..., 0], i[..., 1]],
    ),
]


def _scatter(indices, updates, shape):
    out = np.zeros(shape)
    for at in np.ndindex(indices.shape):
        out[indices[at]] += updates[at]
    return out


def _in_top_k(predictions, targets, k):
    out = []
    for row, target in zip(predictions, targets):
        sure = np.isfinite(row).all() and 0 <= target < len(row)
        out.append(bool(sure and builtins.sum(p > row[target] for p in row) < k))
    return np.array(out)


SORTING = [
    Case("argsort", lambda x: ops.argsort(x), [spread(2, 5)], lambda x: np.argsort(x), no_grad=True),
    Case(
        "argsort descending, ties in order",
        lambda x: ops.argsort(x, descending=True),
        [floats([3.0, 1, 3, 2, 1])],
        lambda x: np.array([0, 2, 3, 1, 4]),
        no_grad=True,
    ),
    Case("sort", lambda x: ops.sort(x), [spread(2, 5)], np.sort),
    Case(
        "sort axis 0 descending",
        lambda x: ops.sort(x, 0, descending=True),
        [spread(4, 2)],
        lambda x: -np.sort(-x, 0),
    ),
    Case(
        "top_k",
        lambda x: list(ops.top_k(x, 2)),
        [spread(3, 5)],
        lambda x: [-np.sort(-x)[:, :2], np.argsort(-x)[:, :2]],
        second=True,
    ),
    Case(
        "top_k of ints", lambda i: ops.top_k(i, 3)[0], [ints(7, lo=0, hi=99)], lambda i: np.sort(i)[:3:-1], no_grad=True
    ),
    Case(
        "in_top_k",
        lambda x, i: ops.in_top_k(x, i, 2),
        [spread(6, 4), ints(6, lo=0, hi=4)],
        lambda x, i: _in_top_k(x, i, 2),
        no_grad=True,
    ),
    Case(
        "in_top_k ties, no number, out of range",
        lambda x, i: ops.in_top_k(x, i, 1),
        [floats([[1, 1, 0], [0, 1, 1], [np.nan, 1, 0], [1, 2, 3], [1, 2, 3]]), exactly([1, 1, 1, 3, -1], "int64")],
        lambda x, i: np.array([True, True, False, False, False]),
        no_grad=True,
    ),
    Case(
        "boolean_mask",
        lambda x, m: ops.boolean_mask(x, m),
        [normal(5, 2), bools(5)],
        lambda x, m: x[m],
        second=True,
    ),
    Case(
        "non_max_suppression",
        lambda b, s: ops.non_max_suppression(b, s, 3, 0.4),
        [
            floats([[0, 0, 2, 2], [0, 0, 2, 1.9], [1, 1, 0, 0], [5, 5, 6, 6], [0, 1.2, 2, 3.2], [9, 9, 9, 9]]),
            floats([0.5, 0.9, 0.3, 0.2, 0.95, 0.1]),
        ],
        lambda b, s: np.array([4, 1, 2]),
        no_grad=True,
    ),
    Case("nonzero", ops.nonzero, [bools(3, 4)], lambda m: np.argwhere(m), no_grad=True),
    Case("nonzero/vector", ops.nonzero, [ints(6, lo=0, hi=2)], lambda m: np.argwhere(m != 0), no_grad=True),
    Case(
        "unique",
        ops.unique,
        [exactly([4, 1, 4, 2, 1], "int32")],
        lambda x: (np.array([4, 1, 2]), np.array([0, 1, 0, 2, 1]), np.array([2, 2, 1])),
        no_grad=True,
    ),
    Case(
        "boolean_mask over two axes",
        lambda x, m: ops.boolean_mask(x, m),
        [normal(3, 4), bools(3, 4)],
        lambda x, m: x[m],
    ),
]


def _gradient(call, x, *others):
    """Gradient of the sum of `call` with respect to x, as a graph: reaches the operations gradients are made of."""
    return gradients(call(x, *others), [x])[0]


def _filled(shape, key, values):
    out = np.zeros(shape)
    np.add.at(out, key, values)
    return out


GRADIENTS = [
    Case(
        "slice_axis from a fed start",
        lambda x, i: ops.slice_axis(x, 1, i, 2),
        [normal(3, 5), exactly(1, "int32")],
        lambda x, i: x[:, 1:3],
        second=True,
    ),
    Case(
        "unslice",
        lambda x, i, w: _gradient(lambda x: ops.slice_axis(x, 1, i, 2) * w, x),
        [normal(3, 5), exactly(1, "int32"), normal(3, 2)],
        lambda x, i, w: np.pad(w, ((0, 0), (1, 2))),
        wrt=[2],
    ),
    Case(
        "unindex",
        lambda x, w: _gradient(lambda x: x[::2, 1] * w, x),
        [normal(5, 3), normal(3)],
        lambda x, w: _filled((5, 3), (np.array([0, 2, 4]), 1), w),
        wrt=[1],
    ),
    Case(
        "put_along",
        lambda x, i, w: _gradient(lambda x: ops.take_along_axis(x, i) * w, x),
        [normal(2, 3), exactly([[0, 0, 1, 2], [2, 2, 2, 0]], "int32"), normal(2, 4)],
        lambda x, i, w: _filled((2, 3), (np.array([[0], [1]]), i), w),
        wrt=[2],
    ),
    Case(
        "mask_scatter",
        lambda x, m, w: _gradient(lambda x: ops.boolean_mask(x, m) * w, x),
        [normal(4, 2), exactly([True, False, True, True], "bool"), normal(3, 2)],
        lambda x, m, w: _filled((4, 2), m, w),
        wrt=[2],
    ),
]

ALL = GETITEM + GATHER + SORTING + GRADIENTS
CASES = [replace(case, second=False) for case in ALL] + [squared(case) for case in ALL if case.second]
