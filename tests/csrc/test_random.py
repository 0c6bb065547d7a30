"""Philox fills of the extension against the published vectors and an independent NumPy implementation."""

import os
import subprocess
import sys

import numpy as np
import pytest

from gpukeras.runtime import native

ext = native.load()
pytestmark = pytest.mark.skipif(ext is None, reason=f"native engine off: {native.status().reason}")

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

SEED, STREAM = 0x0123456789ABCDEF, 0xFEDCBA9876543210


def multiply(a, b):
    product = a.astype(np.uint64) * np.uint64(b)
    return (product >> np.uint64(32)).astype(np.uint32), product.astype(np.uint32)


def philox(counter, key):
    """Philox 4x32-10 on arrays of counters, written from the paper for this test alone."""
    c = [np.asarray(word, dtype=np.uint32) for word in counter]
    low, high = key
    for _ in range(10):
        high0, low0 = multiply(c[0], 0xD2511F53)
        high1, low1 = multiply(c[2], 0xCD9E8D57)
        c = [high1 ^ c[1] ^ np.uint32(low), low1, high0 ^ c[3] ^ np.uint32(high), low0]
        low, high = (low + 0x9E3779B9) & 0xFFFFFFFF, (high + 0xBB67AE85) & 0xFFFFFFFF
    return c


def expected_words(count, seed=SEED, stream=STREAM):
    block = np.arange((count + 3) // 4, dtype=np.uint64)
    counter = [block, block >> np.uint64(32)]
    counter += [np.full(block.shape, word) for word in (stream & 0xFFFFFFFF, stream >> 32)]
    return np.stack(philox(counter, (seed & 0xFFFFFFFF, seed >> 32)), axis=1)


@pytest.mark.parametrize("counter, key, answer", KNOWN_ANSWERS)
def test_the_oracle_gives_the_published_answers(counter, key, answer):
    words = philox([np.array([word]) for word in counter], key)
    assert tuple(int(word[0]) for word in words) == answer


def test_first_block_is_the_published_answer_for_zero():
    out = np.empty(4, np.uint32)
    ext.philox_fill_uint32(out, 0, 0)
    assert tuple(map(int, out)) == KNOWN_ANSWERS[0][2]


@pytest.mark.parametrize("count", [0, 1, 3, 4, 5, 63, 64, 65, 1000, 16384, 16385, 100_003])
def test_words_match_the_oracle(count):
    out = np.full(count, 7, np.uint32)
    ext.philox_fill_uint32(out, SEED, STREAM)
    np.testing.assert_array_equal(out, expected_words(count).ravel()[:count])


def test_filling_in_pieces_gives_the_same_numbers():
    whole = np.empty(4096, np.float32)
    ext.philox_fill_normal(whole, SEED, STREAM)
    pieces = np.empty(4096, np.float32)
    for first in range(0, 1024, 256):
        ext.philox_fill_normal(pieces[4 * first : 4 * first + 1024], SEED, STREAM, first_block=first)
    np.testing.assert_array_equal(pieces, whole)
    words = np.empty(9, np.uint32)
    ext.philox_fill_uint32(words, SEED, STREAM, 5)
    np.testing.assert_array_equal(words, expected_words(29).ravel()[20:29])
    uniform = np.empty(4, np.float32)
    ext.philox_fill_uniform(uniform, SEED, STREAM, first_block=2**32)
    block = [np.array([word]) for word in (0, 1, STREAM & 0xFFFFFFFF, STREAM >> 32)]
    beyond = np.concatenate(philox(block, (SEED & 0xFFFFFFFF, SEED >> 32)))
    np.testing.assert_array_equal(uniform, (beyond >> 8).astype(np.float32) * np.float32(2.0**-24))


def test_uniform_is_exact_and_in_range():
    out = np.empty((7, 11, 613), np.float32)
    ext.philox_fill_uniform(out, SEED, STREAM)
    words = expected_words(out.size).ravel()[: out.size].reshape(out.shape)
    np.testing.assert_array_equal(out, (words >> 8).astype(np.float32) * np.float32(2.0**-24))
    assert out.min() >= 0 and out.max() < 1
    ext.philox_fill_uniform(out, SEED, STREAM, low=-3.0, high=5.0)
    assert out.min() >= -3 and out.max() < 5


def test_normal_is_box_muller_in_float32():
    out = np.empty(200_001, np.float32)
    ext.philox_fill_normal(out, SEED, STREAM, mean=2.0, stddev=3.0)
    top = (expected_words(out.size) >> 8).astype(np.float64)
    radius = np.sqrt(-2 * np.log((top[:, ::2] + 1) * 2.0**-24))
    angle = 2 * np.pi * top[:, 1::2] * 2.0**-24
    pairs = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=2)
    # 6.0e-7 is one unit in the last place of the largest deviate (5.7), times the deviation of 3.
    np.testing.assert_allclose(out, 2 + 3 * pairs.ravel()[: out.size], rtol=3e-7, atol=1.8e-6)


def test_normal_has_the_moments_of_a_normal():
    out = np.empty(1_000_000, np.float32)
    ext.philox_fill_normal(out, 12345, 1)
    standardised = out.astype(np.float64)
    # Five standard errors of each moment for a million draws.
    assert abs(standardised.mean()) < 5e-3
    assert abs(standardised.std() - 1) < 3.6e-3
    assert abs((standardised**3).mean()) < 1.95e-2
    assert abs((standardised**4).mean() - 3) < 4.9e-2


def test_streams_and_seeds_differ():
    fills = []
    for seed, stream in [(1, 1), (1, 2), (2, 1)]:
        out = np.empty(64, np.uint32)
        ext.philox_fill_uint32(out, seed, stream)
        fills.append(out)
    assert not set(fills[0]) & set(fills[1])
    assert not set(fills[0]) & set(fills[2])


@pytest.mark.parametrize("bad", [np.empty(4, np.float64), np.empty((4, 4), np.float32)[:, ::2], [0.0]])
def test_wrong_dtype_or_layout_is_refused(bad):
    with pytest.raises(TypeError, match="incompatible function arguments"):
        ext.philox_fill_uniform(bad, 0, 0)


def test_read_only_output_is_refused():
    out = np.empty(4, np.float32)
    out.flags.writeable = False
    with pytest.raises(ValueError, match="philox_fill_normal: 'out' is read-only; pass a writeable array"):
        ext.philox_fill_normal(out, 0, 0)


CHILD = """
import hashlib, numpy as np
from gpukeras.runtime import native
out = np.empty(50_001, np.float32)
native.load().philox_fill_normal(out, 3, 4, 0.5, 2.0)
print(native.build_info()["isa"], native.build_info()["threads"], hashlib.sha256(out.tobytes()).hexdigest())
"""


def test_every_instruction_set_and_thread_count_gives_the_same_digits():
    isas, digests = set(), set()
    for isa, threads in [("base", 1), ("avx2", 1), ("avx512", 1), ("avx512", 2)]:
        environment = dict(os.environ, GPUKERAS_CPU_ISA=isa, OMP_NUM_THREADS=str(threads))
        done = subprocess.run(
            [sys.executable, "-c", CHILD], env=environment, capture_output=True, text=True, check=True
        )
        used, _, digest = done.stdout.split()
        isas.add(used)
        digests.add(digest)
    assert "base" in isas
    assert len(digests) == 1, f"results differ between {isas}"
