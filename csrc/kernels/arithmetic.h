// The functions that expressions of elementwise operations are written with, for float, double and integers.
// In float32 they are the bodies of math.h, which give the same digits everywhere; NaN wins over numbers.
#pragma once

#include "activations.h"
#include "elementary.h"
#include "powers.h"
#include "trigonometry.h"

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

GPUKERAS_LIBRARY(library_tan, tanf, tan)
GPUKERAS_LIBRARY(library_asin, asinf, asin)
GPUKERAS_LIBRARY(library_acos, acosf, acos)
GPUKERAS_LIBRARY(library_atan, atanf, atan)
GPUKERAS_LIBRARY(library_sinh, sinhf, sinh)
GPUKERAS_LIBRARY(library_cosh, coshf, cosh)
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
GPUKERAS_LIBRARY2(library_pow, powf, pow)
GPUKERAS_LIBRARY2(library_atan2, atan2f, atan2)
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
GPUKERAS_OURS(tanh, tanh_float)
GPUKERAS_OURS(erf, erf_float)
GPUKERAS_OURS(sqrt, sqrt_float)
GPUKERAS_OURS(asin, asin_float)
GPUKERAS_OURS(acos, acos_float)
GPUKERAS_OURS(atan, atan_float)
GPUKERAS_OURS(sinh, sinh_float)
GPUKERAS_OURS(cosh, cosh_float)
#undef GPUKERAS_OURS

GPUKERAS_HD float pow(float x, float y) { return pow_float(x, y); }
GPUKERAS_HD double pow(double x, double y) { return library_pow(x, y); }
GPUKERAS_HD float atan2(float y, float x) { return atan2_float(y, x); }
GPUKERAS_HD double atan2(double y, double x) { return library_atan2(y, x); }

GPUKERAS_HD float sin(float x) { return few_turns(x) ? sine_float(x, 0) : library_sin(x); }
GPUKERAS_HD float cos(float x) { return few_turns(x) ? sine_float(x, 1) : library_cos(x); }
GPUKERAS_HD float tan(float x) { return few_turns(x) ? tan_float(x) : library_tan(x); }
GPUKERAS_HD double sin(double x) { return library_sin(x); }
GPUKERAS_HD double cos(double x) { return library_cos(x); }
GPUKERAS_HD double tan(double x) { return library_tan(x); }

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

// Whether the remainder of two floats comes from one division: not where the quotient has more than 28 bits.
GPUKERAS_HD bool few_multiples(float x, float y) {
    const float size = magnitude_float(y);
    return (magnitude_float(x) < 268435456.0f * size) & (size <= 3.0e38f);
}

// fmod(x, y) for few multiples: exact, since a double holds the product.
GPUKERAS_HD float short_remainder(float x, float y) {
    const double wide_x = x, wide_y = y;
    const double quotient = static_cast<double>(static_cast<int32_t>(wide_x / wide_y));
    const double rest = wide_x - quotient * wide_y;
    // Rounding may have reached the next whole number.
    const double back = (wide_x < 0) != (wide_y < 0) ? -wide_y : wide_y;
    const double right = rest != 0 && ((rest < 0) != (wide_x < 0)) ? rest + back : rest;
    return static_cast<float>(right);
}

GPUKERAS_HD float remainder_of(float x, float y) {
    return few_multiples(x, y) ? short_remainder(x, y) : fmod(x, y);
}
GPUKERAS_HD double remainder_of(double x, double y) { return fmod(x, y); }

// From r = fmod(x, y): the remainder with the sign of the divisor, and the quotient that belongs to it.
template <typename T>
GPUKERAS_HD T mod_of(T r, T y) {
    const T turned = (r < 0) != (y < 0) ? r + y : r;
    const T known = r == 0 ? copysign(T(0), y) : turned;
    return y == 0 ? r : known;
}

template <typename T>
GPUKERAS_HD T floordiv_of(T x, T y, T r) {
    const T less = r != 0 && ((r < 0) != (y < 0)) ? T(1) : T(0);
    const T q = (x - r) / y - less;
    const T below = floor(q);
    const T whole = q - below > T(0.5) ? below + 1 : below;
    const T known = q == 0 ? copysign(T(0), x / y) : whole;
    return y == 0 ? x / y : known;
}

template <typename T>
GPUKERAS_HD T python_mod(T x, T y) {
    return mod_of(remainder_of(x, y), y);
}

template <typename T>
GPUKERAS_HD T python_floordiv(T x, T y) {
    return floordiv_of(x, y, remainder_of(x, y));
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
