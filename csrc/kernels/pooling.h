// Pooling over up to three spatial axes of channels-last tensors: one element of a result at a time, so that
// no two threads ever write the same one.
#pragma once

#include "hd.h"
#include "math.h"

namespace gpukeras {

struct Pooling {
    int channels;
    int in[3], out[3], size[3], strides[3], before[3];
    int mean;  // divide by the number of elements that are not padding
};

struct Place {
    int n, at[3], channel;
};

GPUKERAS_HD Place place_of(int k, const int* dims, int channels) {
    Place p;
    p.channel = k % channels;
    k /= channels;
    for (int a = 2; a >= 0; --a) {
        p.at[a] = k % dims[a];
        k /= dims[a];
    }
    p.n = k;
    return p;
}

GPUKERAS_HD int pooled_index(const Place& p, int i, int j, int k, const int* dims, int channels) {
    return (((p.n * dims[0] + i) * dims[1] + j) * dims[2] + k) * channels + p.channel;
}

struct Span {
    int first, last;  // positions, one behind the end
};

// The elements of x that window `window` sees along an axis.
GPUKERAS_HD Span window_span(const Pooling& p, int axis, int window) {
    const int start = window * p.strides[axis] - p.before[axis], stop = start + p.size[axis];
    return {start > 0 ? start : 0, stop < p.in[axis] ? stop : p.in[axis]};
}

// The windows that see element `at` of x along an axis.
GPUKERAS_HD Span windows_over(const Pooling& p, int axis, int at) {
    const int stride = p.strides[axis], low = at + p.before[axis] - p.size[axis] + 1;
    const int first = low > 0 ? (low + stride - 1) / stride : 0, last = (at + p.before[axis]) / stride + 1;
    return {first, last < p.out[axis] ? last : p.out[axis]};
}

GPUKERAS_HD float pool_max(const Pooling& p, const float* x, int k) {
    const Place at = place_of(k, p.out, p.channels);
    const Span a = window_span(p, 0, at.at[0]), b = window_span(p, 1, at.at[1]),
               c = window_span(p, 2, at.at[2]);
    float best = -bits_to_float(0x7f800000u);
    for (int i = a.first; i < a.last; ++i) {
        for (int j = b.first; j < b.last; ++j) {
            for (int l = c.first; l < c.last; ++l) {
                const float value = x[pooled_index(at, i, j, l, p.in, p.channels)];
                best = value > best || value != value ? value : best;
            }
        }
    }
    return best;
}

// Index into x of the first maximum of window k, whose value is known; -1 where there is none (NaN).
GPUKERAS_HD int pool_first(const Pooling& p, const float* x, float value, int k) {
    const Place at = place_of(k, p.out, p.channels);
    const Span a = window_span(p, 0, at.at[0]), b = window_span(p, 1, at.at[1]),
               c = window_span(p, 2, at.at[2]);
    for (int i = a.first; i < a.last; ++i) {
        for (int j = b.first; j < b.last; ++j) {
            for (int l = c.first; l < c.last; ++l) {
                const int from = pooled_index(at, i, j, l, p.in, p.channels);
                if (x[from] == value) return from;
            }
        }
    }
    return -1;
}

GPUKERAS_HD float pool_count(Span a, Span b, Span c) {
    return static_cast<float>((a.last - a.first) * (b.last - b.first) * (c.last - c.first));
}

GPUKERAS_HD float pool_sum(const Pooling& p, const float* x, int k) {
    const Place at = place_of(k, p.out, p.channels);
    const Span a = window_span(p, 0, at.at[0]), b = window_span(p, 1, at.at[1]),
               c = window_span(p, 2, at.at[2]);
    float total = 0.0f;
    for (int i = a.first; i < a.last; ++i) {
        for (int j = b.first; j < b.last; ++j) {
            for (int l = c.first; l < c.last; ++l) total += x[pooled_index(at, i, j, l, p.in, p.channels)];
        }
    }
    return p.mean != 0 ? total / pool_count(a, b, c) : total;
}

// Calls body(window's index into y, share) for each window that sees element k of x; share is 1, or for means
// one part of the window's elements.
template <typename Body>
GPUKERAS_HD void over_windows(const Pooling& p, int k, Body body) {
    const Place at = place_of(k, p.in, p.channels);
    const Span a = windows_over(p, 0, at.at[0]), b = windows_over(p, 1, at.at[1]),
               c = windows_over(p, 2, at.at[2]);
    for (int i = a.first; i < a.last; ++i) {
        const Span rows = window_span(p, 0, i);
        for (int j = b.first; j < b.last; ++j) {
            const Span columns = window_span(p, 1, j);
            for (int l = c.first; l < c.last; ++l) {
                const float count = p.mean != 0 ? pool_count(rows, columns, window_span(p, 2, l)) : 1.0f;
                body(pooled_index(at, i, j, l, p.out, p.channels), count);
            }
        }
    }
}

struct PoolSpread {
    const float* dy;
    float* total;
    GPUKERAS_HD_CALL void operator()(int y, float count) const { *total += dy[y] / count; }
};

// Gradient of element k of x under sums and means.
GPUKERAS_HD float pool_spread(const Pooling& p, const float* dy, int k) {
    float total = 0.0f;
    over_windows(p, k, PoolSpread{dy, &total});
    return total;
}

struct PoolMaxGradient {
    const Pooling* p;
    const float *x, *y, *dy;
    int k;
    float* total;
    GPUKERAS_HD_CALL void operator()(int window, float) const {
        if (x[k] == y[window] && pool_first(*p, x, y[window], window) == k) *total += dy[window];
    }
};

// Gradient of element k of x under maxima: what comes to the windows whose first maximum it is.
GPUKERAS_HD float pool_max_gradient(const Pooling& p, const float* x, const float* y, const float* dy,
                                    int k) {
    float total = 0.0f;
    over_windows(p, k, PoolMaxGradient{&p, x, y, dy, k, &total});
    return total;
}

}  // namespace gpukeras
