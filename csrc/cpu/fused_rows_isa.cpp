// Instructions of fused programs that look at whole rows, and the folds of reductions, compiled once per
// instruction set.
#include <cstring>
#include <limits>
#include <type_traits>

#include "../kernels/math.h"
#include "fused_maps.h"
#include "isa.h"

namespace gpukeras::cpu::fused {
namespace {

constexpr size_t kLanes = 32;  // sums are carried in so many parts, which vectorise and lose few digits

// Integers are summed as unsigned ones: they wrap around.
template <typename T>
using Carrier = std::conditional_t<std::is_same<T, int32_t>::value, uint32_t,
                                   std::conditional_t<std::is_same<T, int64_t>::value, uint64_t, T>>;

struct Sum {
    template <typename T>
    GPUKERAS_HD_MEMBER T first() {
        return T(0);
    }
    template <typename T>
    GPUKERAS_HD_MEMBER T join(T a, T x) {
        return static_cast<T>(static_cast<Carrier<T>>(a) + static_cast<Carrier<T>>(x));
    }
};

// NaN wins.
struct Max {
    template <typename T>
    GPUKERAS_HD_MEMBER T first() {
        if constexpr (std::is_integral<T>::value)
            return std::numeric_limits<T>::min();
        else
            return -static_cast<T>(__builtin_inf());
    }
    template <typename T>
    GPUKERAS_HD_MEMBER T join(T a, T x) {
        return x > a || x != x ? x : a;
    }
};

struct Min {
    template <typename T>
    GPUKERAS_HD_MEMBER T first() {
        if constexpr (std::is_integral<T>::value)
            return std::numeric_limits<T>::max();
        else
            return static_cast<T>(__builtin_inf());
    }
    template <typename T>
    GPUKERAS_HD_MEMBER T join(T a, T x) {
        return x < a || x != x ? x : a;
    }
};

template <typename F, typename T>
inline T fold(const T* x, size_t n) {
    if (n < kLanes) {
        T total = F::template first<T>();
        for (size_t i = 0; i < n; ++i) total = F::template join<T>(total, x[i]);
        return total;
    }
    T part[kLanes];
    for (size_t j = 0; j < kLanes; ++j) part[j] = x[j];
    size_t i = kLanes;
    for (; i + kLanes <= n; i += kLanes) {
        for (size_t j = 0; j < kLanes; ++j) part[j] = F::template join<T>(part[j], x[i + j]);
    }
    for (size_t j = 0; i < n; ++i, ++j) part[j] = F::template join<T>(part[j], x[i]);
    for (size_t width = kLanes / 2; width > 0; width /= 2) {
        for (size_t j = 0; j < width; ++j) part[j] = F::template join<T>(part[j], part[j + width]);
    }
    return part[0];
}

// A long row's sum is made of sums of stretches, so that rounding errors grow with the logarithm of its
// length.
template <typename F, typename T>
inline T fold_row(const T* x, size_t n) {
    constexpr size_t stretch = 2048;
    if (!std::is_same<F, Sum>::value || !std::is_floating_point<T>::value || n <= stretch)
        return fold<F, T>(x, n);
    double total = 0;
    for (size_t i = 0; i < n; i += stretch) total += fold<F, T>(x + i, n - i < stretch ? n - i : stretch);
    return static_cast<T>(total);
}

template <typename F, typename T>
void row_fold(const Call& c) {
    T* y = static_cast<T*>(c.out);
    const T* x = static_cast<const T*>(c.in[0]);
    for (size_t r = 0; r < c.count; ++r) y[r] = fold_row<F, T>(x + r * c.length, c.length);
}

template <typename T>
void row_mean(const Call& c) {
    T* y = static_cast<T*>(c.out);
    const T* x = static_cast<const T*>(c.in[0]);
    const T n = static_cast<T>(c.length);
    for (size_t r = 0; r < c.count; ++r) y[r] = fold_row<Sum, T>(x + r * c.length, c.length) / n;
}

// Place of the first extreme, of the first NaN where there is one.
template <typename F, typename T>
void row_place(const Call& c) {
    int64_t* y = static_cast<int64_t*>(c.out);
    const T* x = static_cast<const T*>(c.in[0]);
    for (size_t r = 0; r < c.count; ++r) {
        const T* row = x + r * c.length;
        const T best = fold<F, T>(row, c.length);
        const bool nan = best != best;
        size_t i = 0;
        // Whole stretches without it are passed over at vector speed.
        for (int found = 0; i + kLanes <= c.length; i += kLanes) {
            for (size_t j = 0; j < kLanes; ++j) found |= nan ? row[i + j] != row[i + j] : row[i + j] == best;
            if (found != 0) break;
        }
        while (nan ? row[i] == row[i] : row[i] != best) ++i;
        y[r] = static_cast<int64_t>(i);
    }
}

template <typename T>
void spread(const Call& c) {
    T* y = static_cast<T*>(c.out);
    const T* x = static_cast<const T*>(c.in[0]);
    for (size_t r = 0; r < c.count; ++r) {
        const T value = x[r];
        for (size_t i = 0; i < c.length; ++i) y[r * c.length + i] = value;
    }
}

GPUKERAS_HD float exp_of(float x) { return exp_float(x); }
GPUKERAS_HD double exp_of(double x) { return __builtin_exp(x); }
GPUKERAS_HD float log_of(float x) { return log_float(x); }
GPUKERAS_HD double log_of(double x) { return __builtin_log(x); }

template <typename T>
inline void less_maximum(T* y, const T* x, size_t n) {
    const T top = fold<Max, T>(x, n);
#pragma GCC ivdep
    for (size_t i = 0; i < n; ++i) y[i] = x[i] - top;
}

template <typename T>
inline void exponentials(T* y, const T* x, size_t n) {
#pragma GCC ivdep
    for (size_t i = 0; i < n; ++i) y[i] = exp_of(x[i]);
}

template <typename T>
void softmax(const Call& c) {
    T* y = static_cast<T*>(c.out);
    const T* x = static_cast<const T*>(c.in[0]);
    const size_t n = c.length;
    for (size_t r = 0; r < c.count; ++r) less_maximum(y + r * n, x + r * n, n);
    exponentials(y, y, c.count * n);
    for (size_t r = 0; r < c.count; ++r) {
        T* row = y + r * n;
        const T total = fold_row<Sum, T>(row, n);
        for (size_t i = 0; i < n; ++i) row[i] /= total;
    }
}

// The second block is work space: exponentials on their way.
template <typename T>
void log_softmax(const Call& c) {
    T* y = static_cast<T*>(c.out);
    const T* x = static_cast<const T*>(c.in[0]);
    const size_t n = c.length;
    for (size_t r = 0; r < c.count; ++r) {
        T* row = y + r * n;
        less_maximum(row, x + r * n, n);
        double total = 0;
        for (size_t i = 0; i < n;) {
            T part[256];
            const size_t count = n - i < 256 ? n - i : 256;
            exponentials(part, row + i, count);
            total += fold<Sum, T>(part, count);
            i += count;
        }
        const T shift = log_of(static_cast<T>(total));
        for (size_t i = 0; i < n; ++i) row[i] -= shift;
    }
}

template <typename T>
inline T dot(const T* a, const T* b, size_t n) {
    double total = 0;
    for (size_t i = 0; i < n;) {
        T part[256];
        const size_t count = n - i < 256 ? n - i : 256;
        for (size_t j = 0; j < count; ++j) part[j] = a[i + j] * b[i + j];
        total += fold<Sum, T>(part, count);
        i += count;
    }
    return static_cast<T>(total);
}

// (dy - sum(dy y)) y; the result must not take the place of an operand.
template <typename T>
void softmax_grad(const Call& c) {
    T* z = static_cast<T*>(c.out);
    const T* dy = static_cast<const T*>(c.in[0]);
    const T* y = static_cast<const T*>(c.in[1]);
    const size_t n = c.length;
    for (size_t r = 0; r < c.count; ++r) {
        const T total = dot(dy + r * n, y + r * n, n);
#pragma GCC ivdep
        for (size_t i = r * n; i < (r + 1) * n; ++i) z[i] = (dy[i] - total) * y[i];
    }
}

#define FLOATS(NAME, ...) \
    {NAME ":f32", __VA_ARGS__<float>}, { NAME ":f64", __VA_ARGS__<double> }
#define FOLDS(NAME, F)                                                     \
    {NAME ":f32", row_fold<F, float>}, {NAME ":f64", row_fold<F, double>}, \
        {NAME ":i32", row_fold<F, int32_t>}, {                             \
        NAME ":i64", row_fold<F, int64_t>                                  \
    }
#define PLACES(NAME, F)                                                      \
    {NAME ":f32", row_place<F, float>}, {NAME ":f64", row_place<F, double>}, \
        {NAME ":i32", row_place<F, int32_t>}, {                              \
        NAME ":i64", row_place<F, int64_t>                                   \
    }

const Opcode opcodes[] = {
    FOLDS("row_sum", Sum),
    FOLDS("row_max", Max),
    FOLDS("row_min", Min),
    FLOATS("row_mean", row_mean),
    PLACES("row_argmax", Max),
    PLACES("row_argmin", Min),
    {"spread:b8", spread<uint8_t>},
    {"spread:f16", spread<uint16_t>},
    {"spread:i32", spread<uint32_t>},
    {"spread:f32", spread<uint32_t>},
    {"spread:i64", spread<uint64_t>},
    {"spread:f64", spread<uint64_t>},
    FLOATS("softmax", softmax),
    FLOATS("log_softmax", log_softmax),
    FLOATS("softmax_grad", softmax_grad),
    {nullptr, nullptr},
};

// --- folds into accumulators
// --------------------------------------------------------------------------------

template <typename T>
using Accumulator = std::conditional_t<std::is_floating_point<T>::value, double, int64_t>;

// Sums of int64 wrap around; those of int32 cannot reach the end of int64.
template <typename F, typename A>
inline A join_accumulators(A a, A x) {
    if constexpr (std::is_same<F, Sum>::value && std::is_integral<A>::value) {
        return static_cast<A>(static_cast<uint64_t>(a) + static_cast<uint64_t>(x));
    } else {
        return F::template join<A>(a, x);
    }
}

template <typename F, typename T>
void fold_all(const void* x, size_t count, void* acc) {
    using A = Accumulator<T>;
    A* total = static_cast<A*>(acc);
    *total = join_accumulators<F, A>(*total, static_cast<A>(fold<F, T>(static_cast<const T*>(x), count)));
}

// `rows` rows of x, which starts at column `offset`, into the accumulators: joined in T first, four at a
// time.
template <typename F, typename T, typename A>
inline void fold_rows(const T* x, size_t rows, size_t period, size_t width, A* total) {
    size_t r = 0;
    for (; r + 4 <= rows; r += 4, x += 4 * period) {
#pragma GCC ivdep
        for (size_t j = 0; j < width; ++j) {
            const T first = F::template join<T>(x[j], x[j + period]);
            const T second = F::template join<T>(x[j + 2 * period], x[j + 3 * period]);
            total[j] = join_accumulators<F, A>(total[j], static_cast<A>(F::template join<T>(first, second)));
        }
    }
    for (; r < rows; ++r, x += period) {
#pragma GCC ivdep
        for (size_t j = 0; j < width; ++j) total[j] = join_accumulators<F, A>(total[j], static_cast<A>(x[j]));
    }
}

template <typename F, typename T>
void fold_columns(const void* data, size_t count, size_t offset, size_t period, void* acc) {
    using A = Accumulator<T>;
    A* total = static_cast<A*>(acc);
    const T* x = static_cast<const T*>(data);
    constexpr size_t kWide = 256;
    if (std::is_same<T, float>::value && period <= kWide / 4 && count >= 2 * kWide) {
        // Several rows side by side, so that short rows vectorise too.
        T part[kWide];
        const size_t rows = kWide / period, width = rows * period;
        std::memcpy(part, x, width * sizeof(T));
        size_t i = width;
        for (; i + width <= count; i += width) {
            for (size_t j = 0; j < width; ++j) part[j] = F::template join<T>(part[j], x[i + j]);
        }
        fold_rows<F, T, A>(part, rows, period, period - offset, total + offset);
        fold_rows<F, T, A>(part + (period - offset), rows, period, offset, total);
        x += i;
        count -= i;
    }
    if (offset > 0) {
        const size_t run = period - offset < count ? period - offset : count;
        fold_rows<F, T, A>(x, 1, period, run, total + offset);
        x += run;
        count -= run;
        if (offset + run < period) return;
    }
    const size_t rows = count / period;
    fold_rows<F, T, A>(x, rows, period, period, total);
    fold_rows<F, T, A>(x + rows * period, 1, period, count - rows * period, total);
}

#define FOLD(F, T) {fold_all<F, T>, fold_columns<F, T>}
#define FOLD_TYPES(F) {FOLD(F, float), FOLD(F, double), FOLD(F, int32_t), FOLD(F, int64_t)}

}  // namespace

const Opcode* GPUKERAS_JOIN(row_opcodes_, GPUKERAS_ISA)() { return opcodes; }

const Tables& GPUKERAS_JOIN(tables_, GPUKERAS_ISA)() {
    // Made at the first call: nothing of this file may run before the processor was asked what it can do.
    static const Tables tables = {
        {GPUKERAS_JOIN(arithmetic_opcodes_, GPUKERAS_ISA)(), GPUKERAS_JOIN(function_opcodes_, GPUKERAS_ISA)(),
         opcodes, nullptr},
        {FOLD_TYPES(Sum), FOLD_TYPES(Max), FOLD_TYPES(Min)},
    };
    return tables;
}

}  // namespace gpukeras::cpu::fused
