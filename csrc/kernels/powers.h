// Powers and hyperbolic functions in float32, from the same few instructions as math.h.
#pragma once

#include "math.h"

namespace gpukeras {

// e^x / 2 for x that is not negative, up to 89.5, where e^x itself may not be a number any more.
GPUKERAS_HD float half_exp(float x) {
    int32_t n;
    const float p = 1.0f + expm1_reduced(at_most(x, 89.5f), &n);
    return 2.0f * (power_of_two(n - 2) * p);
}

GPUKERAS_HD float sinh_float(float x) {
    const float size = magnitude_float(x), z = x * x;
    const float p = (0.166666665f + z * 8.3333506e-3f) + (z * z) * (1.98360663e-4f + z * 2.81743951e-6f);
    const float near = size + (size * z) * p;
    const float h = half_exp(size);
    const float y = size < 1.0f ? near : h - 0.25f / h;
    return x == x ? with_sign_float(y, x) : x;
}

GPUKERAS_HD float cosh_float(float x) {
    const float h = half_exp(magnitude_float(x));
    return x == x ? h + 0.25f / h : x;
}

// The upper 12 of a number's 24 bits: products of two of these are exact.
GPUKERAS_HD float upper_half(float x) { return bits_to_float(float_to_bits(x) & 0xfffff000u); }

// Binary logarithm of x 2^shift, for a positive normal number x, as the sum of an upper half and a small
// rest. log2 m = 2 / ln 2 atanh s with s = (m - 1) / (m + 1), as in log_normal_range.
GPUKERAS_HD void log2_parts(float x, float shift, float* high, float* low) {
    const uint32_t sqrt_half = 0x3f3504f3u;
    const uint32_t shifted = float_to_bits(x) - sqrt_half;
    const float m = bits_to_float((shifted & 0x007fffffu) + sqrt_half);
    const float e = static_cast<float>(static_cast<int32_t>(shifted) >> 23) + shift;
    const float inverse = 1.0f / (m + 1.0f), top = m - 1.0f;
    const float s = top * inverse, s_high = upper_half(s);
    const float bottom_high = upper_half(m + 1.0f), bottom_low = m - (bottom_high - 1.0f);
    const float s_low = ((top - s_high * bottom_high) - s_high * bottom_low) * inverse;
    const float z = s * s;
    const float tail =
        (s * z) * ((0.961796679f + z * 0.577082854f) + (z * z) * (0.411706234f + z * 0.340220574f));
    const float first = s_high * 2.88476562f;
    const float rest = s_low * 2.88476562f + (s * 6.24457724e-4f + tail);
    *high = upper_half((first + rest) + e);
    *low = rest - ((*high - e) - first);
}

// 2^(y (high + low)) for finite y.
GPUKERAS_HD float exp2_product(float high, float low, float y) {
    const float y_high = upper_half(y);
    const float product = y_high * high;
    const float limited = with_sign_float(at_most(magnitude_float(product), 160.0f), product);
    const float rest = limited == product ? (y - y_high) * high + y * low : 0.0f;
    const float whole = ((limited + rest) + 12582912.0f) - 12582912.0f;
    const float f = (limited - whole) + rest, ff = f * f;
    const float above = (0.0555033241f + f * 9.61843761e-3f) + ff * (1.33989002e-3f + f * 1.53533411e-4f);
    const float p = 1.0f + (f * (0.693147203f + f * 0.240226479f) + (ff * f) * above);
    const int32_t n = static_cast<int32_t>(whole), half = n >> 1;
    return p * power_of_two(half) * power_of_two(n - half);
}

// Whether exp2_product(log2_parts(x, 0), y) is the power.
GPUKERAS_HD bool plain_power(float x, float y) {
    return (float_to_bits(x) - 0x00800000u < 0x7f000000u) & (magnitude_float(y) < 3.0e38f);
}

// As C's: 1 for y = 0 and for x = 1 whatever the other is, NaN for negative x and y that is not whole.
GPUKERAS_HD float pow_float(float x, float y) {
    const uint32_t infinity = 0x7f800000u;
    const float size = magnitude_float(x), height = magnitude_float(y);
    const bool denormal = size < 1.17549435e-38f;
    float high, low;
    log2_parts(denormal ? size * 8388608.0f : size, denormal ? -23.0f : 0.0f, &high, &low);
    const float inside = exp2_product(high, low, with_sign_float(at_most(height, 3.0e38f), y));
    const bool grows = (size < 1.0f) == (y < 0.0f);
    const bool end = size == 0.0f || float_to_bits(size) == infinity || float_to_bits(height) == infinity;
    const float positive = end ? bits_to_float(grows ? infinity : 0u) : inside;
    // From 2^24 on all numbers are even.
    const float limited = at_most(height, 16777216.0f);
    const int32_t whole = static_cast<int32_t>(limited);
    const bool is_whole = static_cast<float>(whole) == limited;
    const uint32_t sign = float_to_bits(x) & (is_whole ? static_cast<uint32_t>(whole) << 31 : 0u);
    const float number = bits_to_float(float_to_bits(size == 1.0f ? 1.0f : positive) | sign);
    const float real = x < 0.0f && !is_whole && !end ? bits_to_float(0x7fc00000u) : number;
    const float y_or_nan = x == x && y == y ? real : x + y;
    return y == 0.0f || x == 1.0f ? 1.0f : y_or_nan;
}

}  // namespace gpukeras
