// Pooling, compiled once per instruction set (see isa.h).
#include "isa.h"
#include "pooling.h"

namespace gpukeras::cpu {
namespace {

constexpr size_t kChunk = 256;  // channels handled at a time by the gradients, whose flags live on the stack

// The taps of a window that are inside x along one axis.
struct Span {
    size_t first, last;  // positions in x, one behind the end
};

Span inside(const Pooling& p, int axis, size_t window) {
    const size_t start = window * p.strides[axis];
    const size_t stop = start + p.size[axis];
    const size_t first = start > p.before[axis] ? start - p.before[axis] : 0;
    const size_t end = stop > p.before[axis] ? stop - p.before[axis] : 0;
    return {first, end < p.in[axis] ? end : p.in[axis]};
}

// Calls body(offset into x, of y, number of taps, the three spans) for rows [begin, end) of windows: a row is
// one sample and one position along the first two axes.
template <typename Body>
inline void windows(const Pooling& p, size_t begin, size_t end, Body body) {
    for (size_t row = begin; row < end; ++row) {
        const size_t h = row % p.out[1], d = row / p.out[1] % p.out[0], n = row / p.out[1] / p.out[0];
        const Span a = inside(p, 0, d), b = inside(p, 1, h);
        for (size_t w = 0; w < p.out[2]; ++w) {
            const Span c = inside(p, 2, w);
            const ptrdiff_t y = n * p.y[0] + d * p.y[1] + h * p.y[2] + w * p.y[3];
            body(static_cast<ptrdiff_t>(n) * p.x[0], y, a, b, c);
        }
    }
}

// Calls body(offset into x) for each tap of a window, in order.
template <typename Body>
inline void taps(const Pooling& p, ptrdiff_t base, Span a, Span b, Span c, Body body) {
    for (size_t i = a.first; i < a.last; ++i) {
        for (size_t j = b.first; j < b.last; ++j) {
            const ptrdiff_t row = base + i * p.x[1] + j * p.x[2];
            for (size_t k = c.first; k < c.last; ++k) body(row + static_cast<ptrdiff_t>(k) * p.x[3]);
        }
    }
}

size_t count(Span a, Span b, Span c) { return (a.last - a.first) * (b.last - b.first) * (c.last - c.first); }

void max(const Pooling& p, const PoolingArrays& arrays, size_t begin, size_t end) {
    const size_t channels = p.channels;
    windows(p, begin, end, [&](ptrdiff_t base, ptrdiff_t at, Span a, Span b, Span c) {
        float* out = arrays.out + at;
        for (size_t i = 0; i < channels; ++i) out[i] = -__builtin_inff();
        taps(p, base, a, b, c, [&](ptrdiff_t tap) {
            const float* x = arrays.x + tap;
#pragma GCC ivdep
            for (size_t i = 0; i < channels; ++i)
                out[i] = x[i] > out[i] || x[i] != x[i] ? x[i] : out[i];  // NaN stays NaN
        });
    });
}

// Calls body(tap, first channel, flags of the channels whose first maximum this tap is, number of channels).
template <typename Body>
inline void first_maxima(const Pooling& p, const PoolingArrays& arrays, ptrdiff_t base, ptrdiff_t at, Span a,
                         Span b, Span c, Body body) {
    float open[kChunk], here[kChunk];
    for (size_t from = 0; from < p.channels; from += kChunk) {
        const size_t n = p.channels - from < kChunk ? p.channels - from : kChunk;
        const float* y = arrays.y + at + from;
        for (size_t i = 0; i < n; ++i) open[i] = 1;
        taps(p, base, a, b, c, [&](ptrdiff_t tap) {
            const float* x = arrays.x + tap + from;
            for (size_t i = 0; i < n; ++i) {
                here[i] = x[i] == y[i] ? open[i] : 0;
                open[i] -= here[i];
            }
            body(tap, from, here, n);
        });
    }
}

void clear(const Pooling& p, float* out, size_t begin, size_t end) {
    for (size_t n = begin; n < end; ++n) {
        for (size_t i = 0; i < p.in[0]; ++i) {
            for (size_t j = 0; j < p.in[1]; ++j) {
                for (size_t k = 0; k < p.in[2]; ++k) {
                    float* x = out + n * p.x[0] + i * p.x[1] + j * p.x[2] + k * p.x[3];
                    for (size_t c = 0; c < p.channels; ++c) x[c] = 0;
                }
            }
        }
    }
}

void max_gradient(const Pooling& p, const PoolingArrays& arrays, size_t begin, size_t end) {
    const size_t rows = p.out[0] * p.out[1];
    clear(p, arrays.out, begin, end);
    windows(p, begin * rows, end * rows, [&](ptrdiff_t base, ptrdiff_t at, Span a, Span b, Span c) {
        first_maxima(p, arrays, base, at, a, b, c,
                     [&](ptrdiff_t tap, size_t from, const float* here, size_t n) {
                         const float* dy = arrays.moved + at + from;
                         float* dx = arrays.out + tap + from;
#pragma GCC ivdep
                         for (size_t i = 0; i < n; ++i) dx[i] += here[i] != 0 ? dy[i] : 0;
                     });
    });
}

void max_pick(const Pooling& p, const PoolingArrays& arrays, size_t begin, size_t end) {
    windows(p, begin, end, [&](ptrdiff_t base, ptrdiff_t at, Span a, Span b, Span c) {
        for (size_t i = 0; i < p.channels; ++i) arrays.out[at + i] = 0;
        first_maxima(p, arrays, base, at, a, b, c,
                     [&](ptrdiff_t tap, size_t from, const float* here, size_t n) {
                         const float* moved = arrays.moved + tap + from;
                         float* out = arrays.out + at + from;
#pragma GCC ivdep
                         for (size_t i = 0; i < n; ++i) out[i] += here[i] != 0 ? moved[i] : 0;
                     });
    });
}

void sum(const Pooling& p, const PoolingArrays& arrays, size_t begin, size_t end) {
    const size_t channels = p.channels;
    windows(p, begin, end, [&](ptrdiff_t base, ptrdiff_t at, Span a, Span b, Span c) {
        float* out = arrays.out + at;
        for (size_t i = 0; i < channels; ++i) out[i] = 0;
        taps(p, base, a, b, c, [&](ptrdiff_t tap) {
            const float* x = arrays.x + tap;
#pragma GCC ivdep
            for (size_t i = 0; i < channels; ++i) out[i] += x[i];
        });
        if (!p.mean) return;
        const float taken = static_cast<float>(count(a, b, c));
        for (size_t i = 0; i < channels; ++i) out[i] /= taken;
    });
}

void spread(const Pooling& p, const PoolingArrays& arrays, size_t begin, size_t end) {
    const size_t channels = p.channels, rows = p.out[0] * p.out[1];
    clear(p, arrays.out, begin, end);
    windows(p, begin * rows, end * rows, [&](ptrdiff_t base, ptrdiff_t at, Span a, Span b, Span c) {
        const float* dy = arrays.moved + at;
        const float taken = p.mean ? static_cast<float>(count(a, b, c)) : 1.0f;
        taps(p, base, a, b, c, [&](ptrdiff_t tap) {
            float* dx = arrays.out + tap;
#pragma GCC ivdep
            for (size_t i = 0; i < channels; ++i) dx[i] += dy[i] / taken;
        });
    });
}

}  // namespace

const PoolingKernels& GPUKERAS_JOIN(pooling_kernels_, GPUKERAS_ISA)() {
    static constexpr PoolingKernels kernels = {max, max_gradient, max_pick, sum, spread};
    return kernels;
}

}  // namespace gpukeras::cpu
