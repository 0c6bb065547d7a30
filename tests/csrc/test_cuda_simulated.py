"""The kernels of csrc/cuda, run on a CPU by the simulator, against formulas in NumPy."""

import numpy as np
import pytest

from gpukeras.compiler.gpu_steps import SCALARS
from tests.csrc import simulator

pytestmark = pytest.mark.skipif(simulator.COMPILER is None, reason="no C++ compiler is installed")

I32 = np.int32
F32 = np.float32
ORDERS = pytest.mark.parametrize("order", [0, 1], ids=["forwards", "backwards"])


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(F32)


def blocks(count, block=64):
    return (-(-count // block),)


def close(got, want, rtol=2e-6, atol=2e-6):
    np.testing.assert_allclose(got, want, rtol, atol)


# --- moments -----------------------------------------------------------------------------------------------------


@ORDERS
@pytest.mark.parametrize("rows, columns, shares", [(300, 37, 3), (1, 5, 1), (9, 64, 2)])
def test_moments(rows, columns, shares, order):
    kernels = simulator.file("moments.cu")
    x = normal(rows, columns) + 100
    mean, variance = np.empty(rows, F32), np.empty(rows, F32)
    kernels.launch("row_moments", (rows,), 256, [x, mean, variance, I32(columns)], order)
    wide = x.astype("float64")
    close(mean, wide.mean(1), 1e-6)
    close(variance, wide.var(1), 1e-4, 1e-6)
    part, mean, variance = np.empty((shares, columns, 3), F32), np.empty(columns, F32), np.empty(columns, F32)
    kernels.launch("column_moments_parts", (-(-columns // 32), shares), 256, [x, part, I32(rows), I32(columns)], order)
    kernels.launch("column_moments", blocks(columns), 64, [part, I32(shares), mean, variance, I32(columns)], order)
    close(mean, wide.mean(0), 1e-6)
    close(variance, wide.var(0), 1e-4, 1e-6)


# --- rows --------------------------------------------------------------------------------------------------------


BATCHES = """
uint8_float32 int32_float32 int64_float32 float64_float32 uint8_float64 int32_float64 int64_float64 float32_float64
uint8_int32 int64_int32 copy1 copy2 copy4 copy8
""".split()


@pytest.mark.parametrize("name", BATCHES)
def test_batches_are_gathered_where_the_last_one_ended(name):
    copied = {"copy1": "uint8", "copy2": "float16", "copy4": "float32", "copy8": "float64"}
    source, target = (copied[name],) * 2 if name in copied else name.split("_")
    kernels, x = simulator.file("steps.cu"), np.random.default_rng(0).integers(0, 200, (10, 7)).astype(source)
    order, begin, out = np.array([4, 9, 0, 3, 3, -5, 10]), np.array([1]), np.empty((3, 7), target)
    scalars = np.zeros(1, SCALARS)[0]
    for rows, wanted in ((order, ([9, 0, 3], [3, 0, 9])), (None, ([1, 2, 3], [4, 5, 6]))):
        begin[:] = 1
        for want in wanted:
            args = [x, rows, begin, out, I32(3), I32(7), np.int64(10)]
            kernels.launch(f"batch_{name}", (1,), 64, args)
            np.testing.assert_array_equal(out, x[want].astype(target))
            kernels.launch("end_step", (1,), 64, [scalars, np.zeros(1), begin, I32(3)])
    assert begin[0] == 7


def test_a_step_ends_with_sums_in_double():
    values = [np.float32(0.1), np.float64(1 / 3), np.int32(-7), np.int64(2**40), np.bool_(True)]
    held = [np.array([v]) for v in values]
    scalars, totals, begin = np.zeros(1, SCALARS), np.ones(5), np.array([10])
    scalars["value"][0, :5] = [a.ctypes.data for a in held]
    scalars["type"][0, :5] = range(5)
    scalars["count"] = 5
    for _ in range(2):
        simulator.file("steps.cu").launch("end_step", (1,), 256, [scalars[0], totals, begin, I32(3)])
    want = np.ones(5)
    for _ in range(2):
        want += np.array([float(v) for v in values]) * 3
    assert totals.tolist() == want.tolist() and begin[0] == 16


def sort(kernels, key, order):
    """The launches that sort keys; their number is a power of two."""
    size, longest = key.size, min(key.size, 512)
    kernels.launch("sort_blocks", (size // longest,), 256, [key, I32(longest), I32(0)], order)
    merge = 2 * longest
    while merge <= size:
        distance = merge // 2
        while distance >= 512:
            kernels.launch("sort_step", blocks(size // 2), 64, [key, I32(distance), I32(merge), I32(size)], order)
            distance //= 2
        kernels.launch("sort_blocks", (size // 512,), 256, [key, I32(512), I32(merge)], order)
        merge *= 2


@ORDERS
@pytest.mark.parametrize("count, rows", [(1, 3), (40, 7), (500, 20), (1500, 3), (3000, 1000)])
def test_embedding_gradient(count, rows, order):
    kernels, width = simulator.file("embedding.cu"), 5
    rng = np.random.default_rng(count)
    index, dy = rng.integers(-1, rows + 1, count), normal(count, width)
    valid = (index >= 0) & (index < rows)
    want = np.zeros((rows, width), F32)
    np.add.at(want, index[valid], dy[valid])  # in order, as the deterministic kernel adds
    sizes = [I32(count), I32(width), I32(rows)]
    out = np.zeros_like(want)
    kernels.launch("embedding_add_atomic", (3,), 64, [index, dy, out, *sizes], order)
    close(out, want, 1e-5, 1e-5)
    padded = max(2, 1 << (count - 1).bit_length())
    key = np.empty(padded, np.uint64)
    kernels.launch("embedding_keys", (2,), 64, [index, key, I32(count), I32(padded), I32(rows)], order)
    before = key.copy()
    sort(kernels, key, order)
    np.testing.assert_array_equal(key, np.sort(before))
    out = np.zeros_like(want)
    kernels.launch("embedding_add_sorted", (3,), 64, [key, dy, out, *sizes], order)
    np.testing.assert_array_equal(out, want)


# --- random ------------------------------------------------------------------------------------------------------


def test_random_numbers_are_those_of_numpys_engine():
    from gpukeras.ops.philox import philox_block

    kernels, seed, run, count = simulator.file("random.cu"), 0x123456789ABCDEF0, np.array([3], np.uint64), 1001
    words = np.empty(count, np.uint32)
    state = [I32(count), np.uint64(seed), run]
    kernels.launch("random_words", blocks(count, 4 * 64), 64, [words, *state])
    want = [w for b in range(251) for w in philox_block((b, 0, 3, 0), (seed & 0xFFFFFFFF, seed >> 32))][:count]
    np.testing.assert_array_equal(words, want)
    out = np.empty(count, F32)
    kernels.launch("random_uniform", blocks(count, 256), 64, [out, *state, F32(3), F32(-1), F32(-1), F32(2)])
    np.testing.assert_array_equal(out, (words >> 8).astype(F32) * F32(2.0**-24) * F32(3) + F32(-1))
    kernels.launch("random_normal", blocks(count, 256), 64, [out, *state, F32(2), F32(3)])
    top = (words[:1000] >> 8).astype("float64") * 2.0**-24
    radius = 3 * np.sqrt(-2 * np.log(top[::2] + 2.0**-24))
    close(out[:1000:2], 2 + radius * np.cos(2 * np.pi * top[1::2]), 3e-7, 2e-6)
    kernels.launch("count_run", (1,), 1, [run])
    assert run[0] == 4


@pytest.mark.parametrize("bits", [8, 16, 32])
def test_dropout(bits):
    kernels, count, run, seed = simulator.file("random.cu"), 777, np.array([9], np.uint64), 55
    words = np.empty(count, np.uint32)
    kernels.launch("random_words", blocks(count, 256), 64, [words, I32(count), np.uint64(seed), run])
    numbers = words.view(f"uint{bits}")[:count]
    limit, x = int(0.75 * 2**bits) - 1, normal(count)
    for source in (x, None):
        y = np.empty(count, F32)
        args = [source, y, I32(count), np.uint64(seed), run, I32(bits), np.uint32(limit), F32(4 / 3)]
        kernels.launch("dropout", blocks(count, 64 * 128 // bits), 64, args)
        values = np.ones(count, F32) if source is None else x
        np.testing.assert_array_equal(y, np.where(numbers <= limit, values * F32(4 / 3), F32(0)))
