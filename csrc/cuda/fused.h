// What generated kernels of fused loops are written with; gpukeras/kernels/cuda/fused.py writes the rest.
#pragma once

#include "../kernels/arithmetic.h"
#include "../kernels/halves.h"
#include "../kernels/losses.h"
#include "../kernels/random.h"
#include "device.h"

namespace gpukeras::cuda {

__device__ __forceinline__ double double_from_bits(uint64_t bits) {
#if defined(__CUDA_ARCH__)
    return __longlong_as_double(static_cast<long long>(bits));
#else
    union {
        uint64_t u;
        double f;
    } pun;
    pun.u = bits;
    return pun.f;
#endif
}

// Reductions. NaN wins in maxima and minima; integers add up in 64 bits.
template <typename T>
struct Limits;
template <>
struct Limits<float> {
    static __device__ __forceinline__ float high() { return bits_to_float(0x7f800000u); }
    static __device__ __forceinline__ float low() { return -high(); }
};
template <>
struct Limits<double> {
    static __device__ __forceinline__ double high() { return double_from_bits(0x7ff0000000000000ull); }
    static __device__ __forceinline__ double low() { return -high(); }
};
template <>
struct Limits<int32_t> {
    static __device__ __forceinline__ int32_t high() { return 0x7fffffff; }
    static __device__ __forceinline__ int32_t low() { return -high() - 1; }
};
template <>
struct Limits<int64_t> {
    static __device__ __forceinline__ int64_t high() { return 0x7fffffffffffffffll; }
    static __device__ __forceinline__ int64_t low() { return -high() - 1; }
};

struct Sum {
    template <typename T>
    static __device__ __forceinline__ T first() {
        return 0;
    }
    template <typename T>
    __device__ __forceinline__ T operator()(T a, T x) const {
        return a + x;
    }
};

struct Max {
    template <typename T>
    static __device__ __forceinline__ T first() {
        return Limits<T>::low();
    }
    template <typename T>
    __device__ __forceinline__ T operator()(T a, T x) const {
        return x > a || x != x ? x : a;
    }
};

struct Min {
    template <typename T>
    static __device__ __forceinline__ T first() {
        return Limits<T>::high();
    }
    template <typename T>
    __device__ __forceinline__ T operator()(T a, T x) const {
        return x < a || x != x ? x : a;
    }
};

// Place of the first extreme of a row, of the first NaN where there is one.
template <typename T>
struct Extreme {
    T value;
    int place;  // negative: none yet
};

template <typename Order, typename T>
struct ExtremeJoin {
    __device__ __forceinline__ Extreme<T> operator()(Extreme<T> a, Extreme<T> b) const {
        if (a.place < 0 || b.place < 0) return a.place < 0 ? b : a;
        const bool a_nan = a.value != a.value, b_nan = b.value != b.value;
        const bool equal = a_nan ? b_nan : a.value == b.value;
        if (equal) return a.place < b.place ? a : b;
        if (a_nan || b_nan) return a_nan ? a : b;
        return Order()(a.value, b.value) == a.value ? a : b;
    }
};

// The sum of e^(x - top) of a row in float or double.
template <typename T>
struct RowSum {
    T top, total;
};

template <typename T>
struct RowSumJoin {
    __device__ __forceinline__ RowSum<T> operator()(RowSum<T> a, RowSum<T> b) const {
        if (a.total == 0) return b;
        if (b.total == 0) return a;
        const T top = Max()(a.top, b.top);
        return {top, a.total * expression::exp(a.top - top) + b.total * expression::exp(b.top - top)};
    }
};

// Threads that share a row: one, or all of a block.
template <bool whole_block, typename T, typename Join>
__device__ __forceinline__ T row_join(T value, Join join) {
    if constexpr (whole_block) {
        return block_join(value, join);
    } else {
        return value;
    }
}

// Result r of a fold: values j, j + period, ... of its set, `group` values to a set. Blocks [0, blocks).
template <typename Kind, typename A, typename From, typename T>
__device__ __forceinline__ void finish_fold(const From* values, int64_t group, int64_t period, int64_t sets,
                                            double terms, T* out, int block, int blocks, bool whole_blocks) {
    const int64_t results = sets * period;
    const int at = static_cast<int>(threadIdx.x);
    const int64_t first = whole_blocks ? block : static_cast<int64_t>(block) * kThreads + at;
    const int64_t stride = whole_blocks ? blocks : static_cast<int64_t>(blocks) * kThreads;
    for (int64_t r = first; r < results; r += stride) {
        const From* x = values + r / period * group + r % period;
        A total = Kind::template first<A>();
        const int64_t start = whole_blocks ? at * period : 0,
                      step = whole_blocks ? kThreads * period : period;
        for (int64_t i = start; i < group; i += step) total = Kind()(total, static_cast<A>(x[i]));
        if (whole_blocks) total = block_join(total, Kind());
        if (!whole_blocks || at == 0)
            out[r] = terms > 0 ? static_cast<T>(static_cast<double>(total) / terms) : static_cast<T>(total);
    }
}

}  // namespace gpukeras::cuda
