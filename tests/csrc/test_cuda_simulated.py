"""The kernels of csrc/cuda, run on a CPU by the simulator, against formulas in NumPy."""

import numpy as np
import pytest

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


@pytest.mark.parametrize(
    "source, target", [("uint8", "float32"), ("float64", "float32"), ("int64", "int32"), ("int32", "float32")]
)
def test_gather_converts(source, target):
    x = np.random.default_rng(0).integers(0, 200, (10, 7)).astype(source)
    rows, out = np.array([9, 0, 3, 3, -5, 10]), np.empty((6, 7), target)
    simulator.file("gather.cu").launch(f"gather_{source}_{target}", (1,), 64, [x, rows, out, I32(6), I32(7), I32(10)])
    np.testing.assert_array_equal(out, x[np.clip(rows, 0, 9)].astype(target))


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
