"""Cases of the random operations: what holds for every draw; distributions are tested in test_random.py."""

from __future__ import annotations

import numpy as np

from gpukeras import ops
from tests.ops.harness import Case, normal

F16 = ("float16", "float32", "float64")


def _inside(low, high, shape=(3, 5)):
    """All elements in [low, high), not all equal."""

    def check(outs, ins):
        (x,) = outs
        assert x.shape == shape and np.all((x >= low) & (x < high)) and np.ptp(x) > 0

    return check


def _two_values(low, high):
    def check(outs, ins):
        assert set(np.unique(outs[0]).tolist()) == {low, high}

    return check


def _case(label, call, check, **fields):
    """`call(shape, dtype)` with the shape of the input as a tensor."""
    fields = {"dtypes": F16, "no_grad": True, **fields}
    return Case(label, lambda x: call(ops.shape(x), x.dtype), [normal(3, 5)], None, check, **fields)


CASES = [
    _case("random_uniform", lambda s, d: ops.random_uniform(s, dtype=d), _inside(0, 1)),
    _case("random_uniform limits", lambda s, d: ops.random_uniform(s, -3.0, -1.0, d), _inside(-3, -1)),
    _case("random_uniform static", lambda s, d: ops.random_uniform((4, 1), dtype=d), _inside(0, 1, (4, 1))),
    _case(
        "random_uniform ints", lambda s, d: ops.random_uniform(s, -5, 5, "int32"), _inside(-5, 5), dtypes=("float32",)
    ),
    _case(
        "random_uniform long ints",
        lambda s, d: ops.random_uniform(s, 2**33, 2**34, "int64"),
        _inside(2**33, 2**34),
        dtypes=("float32",),
    ),
    _case("random_normal", lambda s, d: ops.random_normal(s, 5.0, 0.5, d), _inside(0, 10)),
    _case("truncated_normal", lambda s, d: ops.truncated_normal(s, 1.0, 0.5, d), _inside(0, 2.001)),
    _case("random_binomial", lambda s, d: ops.random_binomial((400,), 0.5, d), _two_values(0, 1)),
    _case("dropout_mask", lambda s, d: ops.dropout_mask((400,), 0.5, d), _two_values(0, 2)),
    Case(
        "random_normal with a tensor mean",
        lambda x: ops.random_normal((2000, 3), x, 0.0),
        [normal(3)],
        lambda x: np.broadcast_to(x, (2000, 3)),
        dtypes=("float32",),
        wrt=[],
        no_grad=True,
    ),
]
