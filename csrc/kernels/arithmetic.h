// The functions that expressions of elementwise operations are written with, for float, double and integers.
// In float32 they are the bodies of math.h, which give the same digits everywhere; NaN wins over numbers.
#pragma once

#include "activations.h"
#include "elementary.h"

namespace gpukeras::expression {

#if defined(__CUDACC__) || defined(__CUDACC_RTC__)
#define GPUKERAS_LIBRARY(NAME, F32, F64)                 \
    GPUKERAS_HD float NAME(float x) { return ::F32(x); } \
    GPUKERAS_HD double NAME(double x) { return ::F64(x); }
#define GPUKERAS_LIBRARY2(NAME, F32, F64)                            \
    GPUKERAS_HD float NAME(float x, float y) { return ::F32(x, y); } \
    GPUKERAS_HD double NAME(double x, double y) { return ::F64(x, y); }
#else
#define GPUKERAS_LIBRARY(NAME, F32, F64)                           \
    GPUKERAS_HD float NAME(float x) { return __builtin_##F32(x); } \
    GPUKERAS_HD double NAME(double x) { return __builtin_##F64(x); }
#define GPUKERAS_LIBRARY2(NAME, F32, F64)                                      \
    GPUKERAS_HD float NAME(float x, float y) { return __builtin_##F32(x, y); } \
    GPUKERAS_HD double NAME(double x, double y) { return __builtin_##F64(x, y); }
#endif

GPUKERAS_LIBRARY(tan, tanf, tan)
GPUKERAS_LIBRARY(asin, asinf, asin)
GPUKERAS_LIBRARY(acos, acosf, acos)
GPUKERAS_LIBRARY(atan, atanf, atan)
GPUKERAS_LIBRARY(sinh, sinhf, sinh)
GPUKERAS_LIBRARY(cosh, coshf, cosh)
GPUKERAS_LIBRARY(rint, rintf, rint)
GPUKERAS_LIBRARY(floor, floorf, floor)
GPUKERAS_LIBRARY(ceil, ceilf, ceil)
GPUKERAS_LIBRARY(library_sin, sinf, sin)
GPUKERAS_LIBRARY(library_cos, cosf, cos)
GPUKERAS_LIBRARY(library_exp, expf, exp)
GPUKERAS_LIBRARY(library_expm1, expm1f, expm1)
GPUKERAS_LIBRARY(library_log, logf, log)
GPUKERAS_LIBRARY(library_log1p, log1pf, log1p)
GPUKERAS_LIBRARY(library_tanh, tanhf, tanh)
GPUKERAS_LIBRARY(library_erf, erff, erf)
GPUKERAS_LIBRARY(library_sqrt, sqrtf, sqrt)
GPUKERAS_LIBRARY2(pow, powf, pow)
GPUKERAS_LIBRARY2(atan2, atan2f, atan2)
GPUKERAS_LIBRARY2(fmod, fmodf, fmod)
GPUKERAS_LIBRARY2(copysign, copysignf, copysign)
#undef GPUKERAS_LIBRARY
#undef GPUKERAS_LIBRARY2

#define GPUKERAS_OURS(NAME, F32)                       \
    GPUKERAS_HD float NAME(float x) { return F32(x); } \
    GPUKERAS_HD double NAME(double x) { return library_##NAME(x); }
GPUKERAS_OURS(exp, exp_float)
GPUKERAS_OURS(expm1, expm1_float)
GPUKERAS_OURS(log, log_float)
GPUKERAS_OURS(log1p, log1p_float)
GPUKERAS_OURS(tanh, Tanh::value)
GPUKERAS_OURS(erf, erf_float)
GPUKERAS_OURS(sqrt, sqrt_float)
#undef GPUKERAS_OURS

// Beyond 1e8 the reduction of sine_float ends.
GPUKERAS_HD float sin(float x) { return abs_float(x) <= 1.0e8f ? sine_float(x, 0) : library_sin(x); }
GPUKERAS_HD float cos(float x) { return abs_float(x) <= 1.0e8f ? sine_float(x, 1) : library_cos(x); }
GPUKERAS_HD double sin(double x) { return library_sin(x); }
GPUKERAS_HD double cos(double x) { return library_cos(x); }

template <typename T>
GPUKERAS_HD T fabs(T x) {
    return x < 0 ? static_cast<T>(-x) : (x == 0 ? static_cast<T>(0) : x);
}

template <typename T>
GPUKERAS_HD bool isnan(T x) {
    return x != x;
}

template <typename T>
GPUKERAS_HD bool isfinite(T x) {
    return x - x == 0;
}

template <typename T>
GPUKERAS_HD bool isinf(T x) {
    return x == x && x - x != 0;
}

template <typename A, typename B>
GPUKERAS_HD auto fmax(A x, B y) -> decltype(x + y) {
    return x > y || x != x ? x : y;
}

template <typename A, typename B>
GPUKERAS_HD auto fmin(A x, B y) -> decltype(x + y) {
    return x < y || x != x ? x : y;
}

// Remainder with the sign of the divisor.
template <typename T>
GPUKERAS_HD T python_mod(T x, T y) {
    const T r = fmod(x, y);
    if (y == 0) return r;
    if (r == 0) return copysign(T(0), y);
    return (r < 0) != (y < 0) ? r + y : r;
}

template <typename T>
GPUKERAS_HD T python_floordiv(T x, T y) {
    if (y == 0) return x / y;
    const T r = fmod(x, y);
    T q = (x - r) / y;
    if (r != 0 && ((r < 0) != (y < 0))) q -= 1;
    if (q == 0) return copysign(T(0), x / y);
    const T whole = floor(q);
    return q - whole > T(0.5) ? whole + 1 : whole;
}

// Integers divided by 0 give 0, as in NumPy.
template <typename T>
GPUKERAS_HD T integer_mod(T x, T y) {
    if (y == 0 || y == -1) return 0;
    const T r = static_cast<T>(x % y);
    return r != 0 && ((r < 0) != (y < 0)) ? static_cast<T>(r + y) : r;
}

template <typename T>
GPUKERAS_HD T integer_floordiv(T x, T y) {
    if (y == 0) return 0;
    if (y == -1) return static_cast<T>(0 - static_cast<uint64_t>(x));
    const T q = static_cast<T>(x / y);
    return x % y != 0 && ((x < 0) != (y < 0)) ? static_cast<T>(q - 1) : q;
}

GPUKERAS_HD int32_t python_mod(int32_t x, int32_t y) { return integer_mod(x, y); }
GPUKERAS_HD int64_t python_mod(int64_t x, int64_t y) { return integer_mod(x, y); }
GPUKERAS_HD int32_t python_floordiv(int32_t x, int32_t y) { return integer_floordiv(x, y); }
GPUKERAS_HD int64_t python_floordiv(int64_t x, int64_t y) { return integer_floordiv(x, y); }

}  // namespace gpukeras::expression
