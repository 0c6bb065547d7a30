"""Depthwise convolution and pooling of csrc/cuda, run on a CPU by the simulator."""

import itertools

import numpy as np
import pytest

from tests.csrc import simulator

pytestmark = pytest.mark.skipif(simulator.COMPILER is None, reason="no C++ compiler is installed")

I32 = np.int32
F32 = np.float32


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(F32)


def blocks(count):
    return (-(-count // 64),)


def close(got, want, rtol=2e-6, atol=2e-6):
    np.testing.assert_allclose(got, want, rtol, atol)


# --- depthwise convolution --------------------------------------------------------------------------------------

DEPTHWISE = np.dtype([(name, "i4") for name in (
    "samples height width channels multiplier out_height out_width kernel_height kernel_width stride_height "
    "stride_width dilation_height dilation_width top left").split()])  # fmt: skip


def depthwise(x, w, g):
    """The convolution in NumPy, tap by tap."""
    high = [(g["out_height"] - 1) * g["stride_height"] + (g["kernel_height"] - 1) * g["dilation_height"] + 1,
            (g["out_width"] - 1) * g["stride_width"] + (g["kernel_width"] - 1) * g["dilation_width"] + 1]  # fmt: skip
    padded = np.zeros((x.shape[0], high[0] + 9, high[1] + 9, x.shape[3]))
    padded[:, g["top"] : g["top"] + x.shape[1], g["left"] : g["left"] + x.shape[2]] = x
    padded = np.repeat(padded, g["multiplier"], axis=3)
    out = 0
    for i, j in itertools.product(range(g["kernel_height"]), range(g["kernel_width"])):
        top, left = i * g["dilation_height"], j * g["dilation_width"]
        rows = slice(top, top + g["stride_height"] * g["out_height"], g["stride_height"])
        columns = slice(left, left + g["stride_width"] * g["out_width"], g["stride_width"])
        out = out + padded[:, rows, columns] * w[i, j]
    return out


@pytest.mark.parametrize("multiplier, stride, dilation, pad", [(1, 1, 1, 1), (2, 2, 1, 0), (3, 1, 2, 2), (1, 3, 1, 1)])
def test_depthwise(multiplier, stride, dilation, pad):
    n, height, width, channels, (kh, kw) = 2, 9, 8, 5, (3, 2)
    out = [(s + 2 * pad - (k - 1) * dilation - 1) // stride + 1 for s, k in ((height, kh), (width, kw))]
    values = (n, height, width, channels, multiplier, *out, kh, kw, stride, stride, dilation, dilation, pad, pad)
    geometry = np.array(values, DEPTHWISE)[()]
    g = dict(zip(DEPTHWISE.names, values, strict=True))
    x, w = normal(n, height, width, channels), normal(kh, kw, channels * multiplier, seed=1)
    y, dy = np.empty((n, *out, channels * multiplier), F32), normal(n, *out, channels * multiplier, seed=2)
    kernels = simulator.file("depthwise.cu")
    kernels.launch("depthwise_forward", (3,), 64, [x, w, y, geometry])
    close(y, depthwise(x, w, g), 1e-5, 1e-5)
    dx, dw = np.empty_like(x), np.empty_like(w)
    kernels.launch("depthwise_backward_data", (2,), 64, [dy, w, dx, geometry])
    grid = (-(-channels * multiplier // 32), kh * kw)
    for order in (0, 1):
        kernels.launch("depthwise_backward_kernel", grid, 256, [x, dy, dw, geometry], order)
        # The map is linear in x and in w: <dy, conv(e, w)> for each unit e is its gradient.
        for got, arrays, k in ((dx, (x, w), 0), (dw, (x, w), 1)):
            want = np.empty(got.shape)
            for place in np.ndindex(*got.shape):
                unit = np.zeros(got.shape)
                unit[place] = 1
                want[place] = (depthwise(*(unit if i == k else a for i, a in enumerate(arrays)), g) * dy).sum()
            close(got, want, 1e-5, 1e-5)
            if order:
                break


# --- pooling ------------------------------------------------------------------------------------------------------

POOLING = np.dtype(
    [("channels", "i4"), *((name, "i4", 3) for name in ("in", "out", "size", "strides", "before")), ("mean", "i4")]
)


def windows(x, p):
    """(place in y, slices of x) of each window."""
    for place in np.ndindex(*(int(v) for v in p["out"])):
        starts = [a * s - b for a, s, b in zip(place, p["strides"], p["before"], strict=True)]
        yield place, tuple(slice(max(a, 0), a + n) for a, n in zip(starts, p["size"], strict=True))


CASES = [
    ((1, 7, 8), (1, 2, 2), (1, 2, 2), (0, 0, 0)), ((1, 7, 8), (1, 3, 3), (1, 2, 2), (0, 1, 1)),
    ((4, 5, 6), (2, 3, 2), (1, 2, 3), (1, 0, 1)), ((1, 1, 9), (1, 1, 2), (1, 1, 3), (0, 0, 0)),
]  # fmt: skip


@pytest.mark.parametrize("spatial, size, strides, before", CASES)
@pytest.mark.parametrize("mean", [0, 1])
def test_pooling(spatial, size, strides, before, mean):
    n, channels = 2, 3
    out = [(s + 2 * b - k) // t + 1 for s, b, k, t in zip(spatial, before, size, strides, strict=True)]
    p = np.array((channels, spatial, out, size, strides, before, mean), POOLING)[()]
    # few different numbers, so that windows have several maxima
    x = np.random.default_rng(1).integers(0, 4, (n, *spatial, channels)).astype(F32)
    dy, moved = normal(n, *out, channels, seed=2), normal(*x.shape, seed=3)
    y, dx, picked, sums, spread = (
        np.empty_like(dy),
        np.empty_like(x),
        np.empty_like(dy),
        np.empty_like(dy),
        np.empty_like(x),
    )
    kernels = simulator.file("pooling.cu")
    kernels.launch("pooling_max", (2,), 64, [x, y, I32(y.size), p])
    kernels.launch("pooling_max_gradient", (2,), 64, [x, y, dy, dx, I32(x.size), p])
    kernels.launch("pooling_max_pick", (2,), 64, [x, y, moved, picked, I32(y.size), p])
    kernels.launch("pooling_sum", (2,), 64, [x, sums, I32(y.size), p])
    kernels.launch("pooling_spread", (2,), 64, [dy, spread, I32(x.size), p])
    want_dx, want_spread = np.zeros(x.shape), np.zeros(x.shape)
    for place, cut in windows(x, p):
        for s, c in np.ndindex(n, channels):
            at, view = (s, *place, c), (s, *cut, c)
            first = np.unravel_index(np.argmax(x[view]), x[view].shape)
            assert y[at] == x[view].max()
            assert picked[at] == moved[view][first]
            want_dx[view][first] += dy[at]
            share = x[view].size if mean else 1
            close(sums[at], x[view].sum() / share)
            want_spread[view] += dy[at] / share
    close(dx, want_dx)
    close(spread, want_spread)


def test_nan_is_a_maximum():
    p = np.array((1, (1, 1, 4), (1, 1, 2), (1, 1, 2), (1, 1, 2), (0, 0, 0), 0), POOLING)[()]
    x, y = np.array([1, np.nan, -np.inf, -np.inf], F32), np.empty(2, F32)
    simulator.file("pooling.cu").launch("pooling_max", (1,), 64, [x, y, I32(2), p])
    np.testing.assert_array_equal(y, [np.nan, -np.inf])
