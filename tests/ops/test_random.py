"""Random numbers: known answers of Philox, distributions, reproducibility."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from gpukeras import ops
from gpukeras.compiler.function import Function
from gpukeras.graph.op import Spec
from gpukeras.graph.tensor import Placeholder
from gpukeras.ops import philox

# From the test vectors that Random123 publishes for philox4x32-10: counter, key, result.
KNOWN_ANSWERS = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    (
        (0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF),
        (0xFFFFFFFF, 0xFFFFFFFF),
        (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD),
    ),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


def make_words(seed, draw, blocks, native=True):
    """A generator of words over arrays of its own."""
    scratch = [np.empty(s.shape, s.dtype) for s in philox.scratch_specs(blocks)]
    words = philox.Words(np, seed, np.array([draw], np.uint64), scratch)
    if not native:
        words.native = None
    return words


def sample(tensor, runs=1):
    f = Function([], [tensor])
    out = [f([])[0] for _ in range(runs)]
    return out[0] if runs == 1 else out


@pytest.mark.parametrize("counter, key, answer", KNOWN_ANSWERS)
@pytest.mark.parametrize("native", [False, True])
def test_known_answers(counter, key, answer, native):
    assert tuple(philox.philox_block(counter, key)) == answer
    words = make_words(key[0] | key[1] << 32, counter[2] | counter[3] << 32, 1, native)
    assert tuple(words.chunk(counter[0] | counter[1] << 32, 1).tolist()) == answer


@pytest.mark.parametrize("native", [False, True])
@pytest.mark.parametrize("first", [0, 5, philox.LANES, 2**32 - 8, 2**33 + 3])
def test_every_block_has_its_own_counter(native, first):
    seed, draw = 0x0123456789ABCDEF, 0xFEDCBA9876543210
    got = make_words(seed, draw, 8, native).chunk(first, 8).reshape(8, 4)
    for k, block in enumerate(got.tolist()):
        lane = first + k
        counter = (lane & philox.LOW, lane >> 32, draw & philox.LOW, draw >> 32)
        assert block == philox.philox_block(counter, (seed & philox.LOW, seed >> 32))


@pytest.mark.skipif(philox.native_fill() is None, reason="native engine off")
@pytest.mark.parametrize("size", [1, 1001, 70000])
def test_native_and_numpy_words_give_the_same_numbers(size, monkeypatch):
    fast = sample(ops.random_uniform((size,), seed=9))
    monkeypatch.setattr(philox, "native_fill", lambda: None)
    np.testing.assert_array_equal(sample(ops.random_uniform((size,), seed=9)), fast)


def test_chunks_continue_each_other():
    """A large tensor begins with the numbers of a small one: the split into chunks does not show."""
    small = sample(ops.random_uniform((1000,), seed=4))
    large = sample(ops.random_uniform((100_000,), seed=4))
    np.testing.assert_array_equal(large[:1000], small)
    assert len(np.unique(large)) > 99_000


def test_uniform_is_the_upper_bits_of_the_words():
    words = [w for lane in range(2) for w in philox.philox_block((lane, 0, 0, 0), (7, 0))]
    want = [np.float32((w >> 8) * 2.0**-24) for w in words]
    np.testing.assert_array_equal(sample(ops.random_uniform((8,), seed=7)), want)
    pairs = [(words[2 * i] | words[2 * i + 1] << 32) >> 11 for i in range(4)]
    got = sample(ops.random_uniform((4,), dtype="float64", seed=7))
    np.testing.assert_array_equal(got, [p * 2.0**-53 for p in pairs])


def test_each_run_draws_anew_and_a_seed_repeats_the_runs():
    first, second = sample(ops.random_normal((50,), seed=3), runs=2)
    assert not np.any(first == second)
    again = sample(ops.random_normal((50,), seed=3), runs=2)
    np.testing.assert_array_equal(again, [first, second])
    assert not np.any(sample(ops.random_normal((50,), seed=4)) == first)


def test_a_tensor_draws_on_through_several_functions():
    t = ops.random_uniform((5,), seed=3)
    a, b = sample(t), sample(t)
    assert not np.any(a == b)


def test_numpy_seed_makes_runs_repeat():
    def run():
        np.random.seed(11)
        return sample(ops.random_uniform((9,))), sample(ops.random_uniform((9,)))

    (a, b), (c, d) = run(), run()
    np.testing.assert_array_equal(a, c)
    np.testing.assert_array_equal(b, d)
    assert not np.any(a == b)


def test_a_negative_or_huge_seed_is_taken():
    assert sample(ops.random_uniform((3,), seed=-1)).shape == (3,)
    assert sample(ops.random_uniform((3,), seed=2**70 + 1)).shape == (3,)


def test_shape_by_tensor_follows_the_batch():
    x = Placeholder((None, 3), "float32")
    t = ops.random_normal((ops.shape(x)[0], 2))
    assert t.shape == (None, 2)
    f = Function([x], [t])
    assert f([np.zeros((4, 3), "float32")])[0].shape == (4, 2)
    assert f([np.zeros((7, 3), "float32")])[0].shape == (7, 2)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize(
    "make, distribution",
    [
        (lambda d: ops.random_uniform((50_001,), -2.0, 3.0, d, seed=1), stats.uniform(-2, 5)),
        (lambda d: ops.random_normal((50_001,), 1.0, 2.0, d, seed=1), stats.norm(1, 2)),
        (lambda d: ops.truncated_normal((50_001,), 1.0, 2.0, d, seed=1), stats.truncnorm(-2, 2, 1, 2)),
    ],
)
def test_distributions(make, distribution, dtype):
    x = sample(make(dtype)).astype("float64")
    if dtype == "float16":  # rounded numbers: compare the distribution at points between them
        for q in (0.05, 0.3, 0.5, 0.8, 0.99):
            assert abs(np.mean(x <= distribution.ppf(q)) - q) < 0.01
    else:
        assert stats.kstest(x, distribution.cdf).pvalue > 1e-3


def test_normal_neighbours_are_independent():
    x = sample(ops.random_normal((100_000,), seed=5)).astype("float64")
    for lag in (1, 2, 3, 4):
        assert abs(np.corrcoef(x[:-lag], x[lag:])[0, 1]) < 0.015
        assert abs(np.corrcoef(x[:-lag] ** 2, x[lag:] ** 2)[0, 1]) < 0.015


def test_truncated_normal_stays_within_two_deviations():
    for dtype in ("float32", "float64"):
        x = sample(ops.truncated_normal((200_000,), 0.0, 1.0, dtype, seed=2))
        assert np.abs(x).max() <= 2.0
        assert np.abs(x).max() > 1.999


def test_inverse_normal_against_scipy():
    """Every quantile of the range that is used, the join of the two formulas included."""
    op = ops.truncated_normal((1,), dtype="float64", seed=0).node.op
    p = np.linspace(0, 1, 4001)[:-1]
    size = len(p)
    words = (p * 2.0**53).astype(np.uint64) << np.uint64(11)
    out, work = np.empty(size), [np.empty(size) for _ in range(op.work_arrays())]
    for thunk in op.convert(np, words.view(np.uint32), out, work):
        thunk()
    low = stats.norm.cdf(-2)
    want = stats.norm.ppf(low + p * (1 - 2 * low))
    np.testing.assert_allclose(out, want, rtol=1e-13, atol=1e-13)


def test_uniform_never_reaches_the_upper_end():
    """1 + u rounds up to 2 for the largest u of 24 bits."""
    op = ops.random_uniform((1,), 1.0, 2.0, seed=0).node.op
    words = np.full(4, 0xFFFFFFFF, np.uint32)
    out, work = np.empty(4, "float32"), [np.empty(4, "float32")]
    for thunk in op.convert(np, words, out, work):
        thunk()
    assert (out < 2).all()


def test_integers_are_uniform():
    x = sample(ops.random_uniform((60_000,), -2, 4, "int64", seed=1))
    counts = np.bincount(x + 2, minlength=6)
    assert x.min() == -2 and x.max() == 3
    assert stats.chisquare(counts).pvalue > 1e-3


@pytest.mark.parametrize("keep", [0.5, 0.8, 0.1, 1 - 1e-5, 1e-5, 1.0, 255 / 256])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_dropout_mask(keep, dtype):
    x = sample(ops.dropout_mask((300_001,), keep, dtype, seed=8))
    kept = x.dtype.type(min(1 / keep, float(np.finfo(dtype).max)))
    assert set(np.unique(x)) <= {x.dtype.type(0), kept}
    spread = 5 * np.sqrt(keep * (1 - keep) / x.size) + 1e-9
    assert abs(np.mean(x != 0) - keep) < spread


def test_binomial():
    x = sample(ops.random_binomial((100_000,), 0.3, "int32", seed=8))
    assert x.dtype == np.int32 and set(np.unique(x)) == {0, 1}
    assert abs(x.mean() - 0.3) < 0.01


def test_limits_may_be_tensors():
    low = Placeholder((3,), "float32")
    x = Function([low], [ops.random_uniform((1000, 3), low, low + 1.0)])([np.array([0.0, 5, 10], "float32")])[0]
    assert np.all((x >= [0, 5, 10]) & (x <= [1, 6, 11]))


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: ops.random_uniform((2,), 0, None, "int32"), ValueError, "minval < maxval, got 0 and None"),
        (lambda: ops.random_uniform((2,), 5, 5, "int32"), ValueError, "minval < maxval, got 5 and 5"),
        (lambda: ops.random_normal((2,), dtype="int32"), TypeError, "expected a float dtype, got int32"),
        (lambda: ops.truncated_normal((2,), dtype="bool"), TypeError, "expected a float dtype, got bool"),
        (lambda: ops.dropout_mask((2,), 0.0), ValueError, r"keep_prob must be in \(0, 1\], got 0.0"),
        (lambda: ops.dropout_mask((2,), 1.5), ValueError, "got 1.5"),
    ],
)
def test_bad_arguments(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_a_run_allocates_nothing_but_casting_buffers():
    import tracemalloc

    from gpukeras.graph.op import Binding

    for t in (ops.dropout_mask((100_000,), 0.8, seed=1), ops.random_normal((50_000,), seed=1)):
        op = t.node.op
        outs = [Spec(tuple(t.shape), t.dtype)]
        scratch = [np.empty(s.shape, s.dtype) for s in op.scratch([], outs, None)]
        thunks = op.bind(Binding(np, [], [np.empty(t.shape, t.dtype)], scratch))
        for thunk in thunks:
            thunk()
        tracemalloc.start()
        try:
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            for thunk in thunks:
                thunk()
            assert tracemalloc.get_traced_memory()[1] - before < 100_000  # NumPy converts 8192 elements at a time
        finally:
            tracemalloc.stop()


@pytest.mark.parametrize("make", [ops.random_normal, ops.truncated_normal])
def test_chunks_of_a_large_array_are_one_call_of_the_plan(make):
    """Initial values are drawn once, so binding them must not cost more than drawing them."""
    plan = Function([], [make((300, 1000), 0.0, 1.0, "float32", seed=1)]).plan([])
    assert len(plan.calls) == 1
