"""16-bit floats on the engines: conversions to the last bit, and operations that round once, at their end."""

import numpy as np
import pytest

from gpukeras import ops
from gpukeras.compiler.function import Function
from gpukeras.graph.dtype import as_dtype, promote
from gpukeras.graph.tensor import Placeholder
from gpukeras.runtime import native
from gpukeras.runtime.device import Device

ENGINES = ["numpy", "native"] if native.load() is not None else ["numpy"]
try:
    import ml_dtypes  # noqa: F401

    LOW = ["float16", "bfloat16"]
except ImportError:
    LOW = ["float16"]
needs_bfloat16 = pytest.mark.skipif(len(LOW) == 1, reason="ml_dtypes is not installed")


def run(engine, call, *arrays, dtypes=None):
    """The results of `call` for arrays, which are fed in these dtypes."""
    feeds = [Placeholder(a.shape, d) for a, d in zip(arrays, dtypes or [a.dtype for a in arrays], strict=True)]
    outs = call(*feeds)
    outs = list(outs) if isinstance(outs, (list, tuple)) else [outs]
    results = Function(feeds, outs, device=Device("/cpu:0", np, engine))(list(arrays))
    for t, r in zip(outs, results, strict=True):
        assert np.asarray(r).dtype.name == t.dtype
    return [np.asarray(r) for r in results]


def awkward():
    """Floats around every boundary: halfway between neighbours, smallest and largest numbers, special values."""
    rng = np.random.default_rng(3)
    values = rng.standard_normal(20_000) * np.exp2(rng.uniform(-45, 20, 20_000))
    halves = np.arange(0x7C00, dtype=np.uint16).view(np.float16).astype(np.float32)
    middle = (halves[1:] + halves[:-1]) / 2
    near = [middle, np.nextafter(middle, np.float32(np.inf)), np.nextafter(middle, np.float32(0))]
    special = [0.0, -0.0, np.inf, -np.inf, np.nan, 65504, 65519.996, 65520, 2.0**-25, 1e-45, 3.4e38]
    return np.concatenate([values, *near, special]).astype(np.float32)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("low", LOW)
def test_conversions_to_the_bit(engine, low):
    x = awkward()
    (got,) = run(engine, lambda t: ops.cast(t, low), x)
    with np.errstate(all="ignore"):
        want = x.astype(low)
    nan = np.isnan(x)
    np.testing.assert_array_equal(got[~nan].view(np.uint16), want[~nan].view(np.uint16))
    assert np.isnan(got[nan].astype(np.float32)).all()
    every = np.arange(1 << 16, dtype=np.uint16).view(low)
    (wide,) = run(engine, lambda t: ops.cast(t, "float32"), every)
    np.testing.assert_array_equal(wide, every.astype(np.float32))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("low", LOW)
def test_an_operation_rounds_once(engine, low):
    rng = np.random.default_rng(5)
    x = rng.standard_normal((7, 300)).astype(low)
    w = rng.standard_normal((300, 4)).astype(low)
    wide, kernel = x.astype(np.float32), w.astype(np.float32)

    def call(t, k):
        return ops.matmul(t, k), ops.sum(t, 1), ops.softmax(t, -1), ops.mean(ops.square(t), 0), ops.tanh(t)

    got = run(engine, call, x, w)
    e = np.exp(wide - wide.max(-1, keepdims=True))
    square = np.square(wide).astype(low).astype(np.float32)
    want = [wide @ kernel, wide.sum(1), e / e.sum(-1, keepdims=True), square.mean(0), np.tanh(wide)]
    step = 2.0**-10 if low == "float16" else 2.0**-7
    for g, w_ in zip(got, want, strict=True):
        # Half a step of the last bit, or the neighbour where float32's own rounding decides a tie.
        np.testing.assert_allclose(g.astype(np.float64), w_.astype(low).astype(np.float64), rtol=step, atol=1e-5)


@pytest.mark.parametrize("engine", ENGINES)
def test_sums_do_not_stop_growing(engine):
    ones = np.ones(5000, np.float16)
    assert run(engine, ops.sum, ones)[0] == 5000  # in float16 itself, 2048 + 1 is 2048
    assert run(engine, ops.mean, np.full(5000, 60.0, np.float16))[0] == 60


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("low", LOW)
def test_values_that_only_move_keep_their_bits(engine, low):
    x = np.random.default_rng(7).standard_normal((4, 6)).astype(low)

    def call(t):
        return (
            ops.concatenate([t, t], 1),
            ops.transpose(t),
            t[1:3, ::2],
            ops.gather(t, [2, 0]),
            ops.pad(t, [(1, 0), (0, 1)]),
        )

    got = run(engine, call, x)
    want = [np.concatenate([x, x], 1), x.T, x[1:3, ::2], x[[2, 0]], np.pad(x, [(1, 0), (0, 1)])]
    for g, w in zip(got, want, strict=True):
        np.testing.assert_array_equal(g.view(np.uint16), np.ascontiguousarray(w).view(np.uint16))


@needs_bfloat16
@pytest.mark.parametrize("engine", ENGINES)
def test_random_numbers_and_integers(engine):
    x = np.arange(10, dtype="int32")

    def call(t):
        return ops.cast(t, "bfloat16"), ops.cast(ops.cast(t, "bfloat16"), "int32"), ops.cast(t, "bfloat16") > 3

    low, back, flags = run(engine, call, x)
    assert low.dtype.name == "bfloat16"
    np.testing.assert_array_equal(back, x)
    np.testing.assert_array_equal(flags, x > 3)
    mask, numbers = run(
        engine,
        lambda t: (
            ops.dropout_mask((1000,), 0.5, "bfloat16", seed=1),
            ops.random_normal((1000,), dtype="bfloat16", seed=2),
        ),
        x,
    )
    assert set(mask.astype(np.float32)) == {0.0, 2.0}
    assert abs(numbers.astype(np.float32).std() - 1) < 0.1


@needs_bfloat16
def test_types_meet():
    names = ["float16", "bfloat16", "float32", "float64", "int32"]
    half, brain, single, double, whole = map(as_dtype, names)
    assert promote(half, brain) == promote(brain, half) == single
    assert promote(brain, single) == single and promote(double, brain) == double and promote(brain, whole) == brain
    assert brain.is_floating and not brain.is_integer and brain.itemsize == 2 and brain.as_numpy_dtype(1.5) == 1.5


def test_without_the_package_the_error_says_what_to_install(monkeypatch):
    import sys

    from gpukeras.graph import dtype

    monkeypatch.setitem(sys.modules, "ml_dtypes", None)
    monkeypatch.setattr(dtype, "_INTERNED", {n: d for n, d in dtype._INTERNED.items() if n != "bfloat16"})
    with pytest.raises(ImportError, match=r"pip install 'gpukeras\[bfloat16\]'"):
        as_dtype("bfloat16")
