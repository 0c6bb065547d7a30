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
