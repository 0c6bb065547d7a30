// Elementary functions in float32 from additions, multiplications and divisions only, so that they
// vectorise everywhere and give the same digits on every device (compile with contraction off).
#pragma once

#include "hd.h"

namespace gpukeras {

GPUKERAS_HD float bits_to_float(uint32_t bits) {
#if defined(__CUDA_ARCH__)
    return __uint_as_float(bits);
#else
    union {
        uint32_t u;
        float f;
    } pun;
    pun.u = bits;
    return pun.f;
#endif
}

GPUKERAS_HD uint32_t float_to_bits(float value) {
#if defined(__CUDA_ARCH__)
    return __float_as_uint(value);
#else
    union {
        float f;
        uint32_t u;
    } pun;
    pun.f = value;
    return pun.u;
#endif
}

GPUKERAS_HD float magnitude_float(float x) { return bits_to_float(float_to_bits(x) & 0x7fffffffu); }

// A number that is not negative with another one's sign.
GPUKERAS_HD float with_sign_float(float size, float sign) {
    return bits_to_float(float_to_bits(size) | (float_to_bits(sign) & 0x80000000u));
}

// The smaller of two numbers that are not negative, of which `limit` is not NaN; `limit` for NaN. Compilers
// make one instruction of it, and several of one that compares floats.
GPUKERAS_HD float at_most(float size, float limit) {
    const uint32_t a = float_to_bits(size), b = float_to_bits(limit);
    return bits_to_float(a < b ? a : b);
}

GPUKERAS_HD float at_least(float size, float limit) {
    const uint32_t a = float_to_bits(size), b = float_to_bits(limit);
    return bits_to_float(a > b ? a : b);
}

// x, or 0 where the condition does not hold. By bits: compilers follow several choices of one kind as
// branches, at the cost of more masks than that takes.
GPUKERAS_HD float kept_if(bool condition, float x) {
    return bits_to_float(float_to_bits(x) & (0u - static_cast<uint32_t>(condition)));
}

// Natural logarithm of a positive normal number.
// x = m * 2^e with m in [sqrt(1/2), sqrt(2)); log m = 2 atanh((m - 1) / (m + 1)) as a series.
GPUKERAS_HD float log_normal_range(float x) {
    const uint32_t sqrt_half = 0x3f3504f3u;
    const uint32_t shifted = float_to_bits(x) - sqrt_half;
    const int32_t exponent = static_cast<int32_t>(shifted) >> 23;
    const float m = bits_to_float((shifted & 0x007fffffu) + sqrt_half);
    const float s = (m - 1.0f) / (m + 1.0f);
    const float z = s * s;
    const float tail = z * (0.666666666f + z * (0.4f + z * (0.285714286f + z * 0.222222222f)));
    const float e = static_cast<float>(exponent);
    // ln 2 in two parts: the first has few enough digits for e * high to be exact.
    return e * 0.693145752f + (2.0f * s + (s * tail + e * 1.42860677e-6f));
}

// 2^n for n in [-126, 127].
GPUKERAS_HD float power_of_two(int32_t n) { return bits_to_float(static_cast<uint32_t>(n + 127) << 23); }

// Splits x = n ln 2 + rest with |rest| <= ln(2) / 2, and returns expm1(rest) as a Taylor polynomial. Like
// other polynomials here it is made of pairs of terms, which do not wait for each other.
GPUKERAS_HD float expm1_reduced(float x, int32_t* n) {
    // Adding and subtracting 1.5 * 2^23 rounds to the nearest integer.
    const float whole = (x * 1.44269504f + 12582912.0f) - 12582912.0f;
    *n = static_cast<int32_t>(whole);
    const float r = (x - whole * 0.693145752f) - whole * 1.42860677e-6f;
    const float z = r * r;
    const float tail = (4.16666667e-2f + r * 8.33333333e-3f) + z * (1.38888889e-3f + r * 1.98412698e-4f);
    return r + z * ((0.5f + r * 0.166666667f) + z * tail);
}

// e^x; 0 below the smallest denormal, infinity above the largest number, NaN for NaN.
GPUKERAS_HD float exp_float(float x) {
    // Beyond 104 on either side, and for NaN, whose conversion to an integer is not defined: 104.
    const float clamped = with_sign_float(at_most(magnitude_float(x), 104.0f), x);
    int32_t n;
    const float p = 1.0f + expm1_reduced(clamped, &n);
    const int32_t half = n >> 1;  // in two steps, since 2^128 and 2^-149 are no normal numbers
    const float y = p * power_of_two(half) * power_of_two(n - half);
    return x == x ? y : x;
}

// e^x - 1 for x <= 40, accurate near 0.
GPUKERAS_HD float expm1_to_forty(float x) {
    const float clamped = with_sign_float(at_most(magnitude_float(x), 40.0f), x);
    int32_t n;
    const float p = expm1_reduced(clamped, &n);
    const float scale = power_of_two(n);
    const float y = scale * p + (scale - 1.0f);
    return x == x ? y : x;
}

// log(1 + u) for u in [0, 1].
GPUKERAS_HD float log1p_unit(float u) {
    const float w = 1.0f + u;
    // The digits of u that 1 + u cannot hold.
    return log_normal_range(w) + (u - (w - 1.0f)) / w;
}

// Natural logarithm; -infinity for 0, NaN for negative numbers and NaN.
GPUKERAS_HD float log_float(float x) {
    const bool denormal = x < 1.17549435e-38f;
    const float y = log_normal_range(denormal ? x * 8388608.0f : x) - (denormal ? 15.9423851f : 0.0f);
    const float top = x > 3.40282347e38f ? x : y;
    const float bottom = x == 0.0f ? -bits_to_float(0x7f800000u) : top;
    return x >= 0.0f ? bottom : bits_to_float(0x7fc00000u);
}

// log(1 + x), accurate near 0.
GPUKERAS_HD float log1p_float(float x) {
    const float w = 1.0f + x;
    // The digits of x that 1 + x cannot hold; none are lost where x is large.
    const float lost = (x < 1.0f ? x - (w - 1.0f) : 1.0f - (w - x)) / w;
    const float y = log_normal_range(w) + lost;
    const float bottom = w == 0.0f ? -bits_to_float(0x7f800000u) : bits_to_float(0x7fc00000u);
    const float number = w > 0.0f ? y : bottom;
    return x == 0.0f || x > 3.40282347e38f ? x : number;
}

// e^x - 1, accurate near 0.
GPUKERAS_HD float expm1_float(float x) {
    const float limit = (float_to_bits(x) >> 31) != 0 ? 40.0f : 89.0f;
    const float clamped = with_sign_float(at_most(magnitude_float(x), limit), x);
    int32_t n;
    const float p = expm1_reduced(clamped, &n);
    const float half = power_of_two(n - 1);  // 2^128 is no number
    const float y = 2.0f * (half * p + (half - 0.5f));
    return x == 0.0f || x != x ? x : y;
}

// A polynomial up to 0.55. From there on tanh x = 2 u / (1 + u^2) with u = tanh(x / 2) = x p / (2 q), the
// polynomials p and q in x^2 fitted with little weight where errors of u do not matter to tanh x. From 9.02
// on it is 1 in float32.
GPUKERAS_HD float tanh_float(float x) {
    const float t = at_most(magnitude_float(x), 9.02f);
    const float z = t * t, zz = z * z;
    const float p = (1.0f + z * 2.97665764e-2f) + zz * 1.14105946e-4f;
    const float q = (1.0f + z * 0.11309986f) + zz * (1.2058039e-3f + z * 1.226098e-6f);
    const float far = at_most(((t * p) * q) / (q * q + (0.25f * z) * (p * p)), 1.0f);
    const float tail =
        (-0.333333176f + z * 0.133325861f) + zz * ((-0.0538523099f + z * 0.021071679f) - zz * 0.00627423944f);
    const float y = with_sign_float(t < 0.55f ? t + (t * z) * tail : far, x);
    return x == x ? y : x;
}

// Error function: W. J. Cody, "Rational Chebyshev approximations for the error function", 1969, with
// x P(x^2) / Q(x^2) up to 0.46875 and 1 - exp(-x^2) P(x) / Q(x) above.
GPUKERAS_HD float erf_float(float x) {
    const float size = x < 0.0f ? -x : x;
    const float z = size * size;
    const float near_p =
        3.20937758913846947e3f +
        z * (3.77485237685302021e2f +
             z * (1.13864154151050156e2f + z * (3.16112374387056560f + z * 1.85777706184603153e-1f)));
    const float near_q =
        2.84423683343917062e3f +
        z * (1.28261652607737228e3f + z * (2.44024637934444173e2f + z * (2.36012909523441209e1f + z)));
    const float near = x * (near_p / near_q);
    const float t = size < 6.0f ? size : 6.0f;  // beyond, 1 - erf is below half a unit in the last place
    const float far_p =
        1.23033935479799725e3f +
        t * (2.05107837782607147e3f +
             t * (1.71204761263407058e3f +
                  t * (8.81952221241769090e2f +
                       t * (2.98635138197400131e2f +
                            t * (6.61191906371416295e1f +
                                 t * (8.88314979438837594f +
                                      t * (5.64188496988670089e-1f + t * 2.15311535474403846e-8f)))))));
    const float far_q =
        1.23033935480374942e3f +
        t * (3.43936767414372164e3f +
             t * (4.36261909014324716e3f +
                  t * (3.29079923573345963e3f +
                       t * (1.62138957456669019e3f +
                            t * (5.37181101862009858e2f +
                                 t * (1.17693950891312499e2f + t * (1.57449261107098347e1f + t)))))));
    const float far = 1.0f - exp_float(-t * t) * (far_p / far_q);
    const float y = size <= 0.46875f ? near : (x < 0.0f ? -far : far);
    return x == x ? y : x;
}

// sin and cos of 2 pi turn, for turn in [0, 1].
GPUKERAS_HD void sincos_turn(float turn, float* sine, float* cosine) {
    const float quarters = turn * 4.0f;
    const int32_t quadrant = static_cast<int32_t>(quarters + 0.5f);
    // Exact: both terms are multiples of the same power of two.
    const float x = (quarters - static_cast<float>(quadrant)) * 1.57079632679f;
    const float z = x * x;
    const float s =
        x + x * z * (-0.166666667f + z * (8.33333333e-3f + z * (-1.98412698e-4f + z * 2.75573192e-6f)));
    const float c =
        1.0f + z * (-0.5f +
                    z * (4.16666667e-2f + z * (-1.38888889e-3f + z * (2.48015873e-5f - z * 2.75573192e-7f))));
    const bool swap = (quadrant & 1) != 0;
    const float a = swap ? c : s;
    const float b = swap ? s : c;
    *sine = (quadrant & 2) != 0 ? -a : a;
    *cosine = ((quadrant + 1) & 2) != 0 ? -b : b;
}

}  // namespace gpukeras
