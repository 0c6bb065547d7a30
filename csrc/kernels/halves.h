// The two 16-bit float types: how they lie in memory, and conversion from and to float32: to the nearest and,
// between two, to the even one. Nothing is computed in them.
#pragma once

#include "hd.h"
#include "math.h"

namespace gpukeras {

struct Half {
    uint16_t bits;  // 1 sign, 5 exponent, 10 fraction
};

struct Bfloat {
    uint16_t bits;  // the upper half of a float32
};

GPUKERAS_HD float widened(Half x) {
#if defined(__CUDA_ARCH__)
    float y;
    asm("cvt.f32.f16 %0, %1;" : "=f"(y) : "h"(x.bits));
    return y;
#else
    const uint32_t magnitude = x.bits & 0x7fffu, sign = static_cast<uint32_t>(x.bits & 0x8000u) << 16;
    // The exponents' offsets differ by 112; the product is exact for numbers below the normal ones too.
    const uint32_t finite = float_to_bits(bits_to_float(magnitude << 13) * 0x1p112f);
    return bits_to_float(sign | (magnitude < 0x7c00u ? finite : magnitude << 13 | 0x7f800000u));
#endif
}

GPUKERAS_HD float widened(Bfloat x) { return bits_to_float(static_cast<uint32_t>(x.bits) << 16); }

GPUKERAS_HD Half to_half(float x) {
#if defined(__CUDA_ARCH__)
    Half y;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(y.bits) : "f"(x));
    return y;
#else
    const uint32_t bits = float_to_bits(x), magnitude = bits & 0x7fffffffu;
    // Adding 1/2 leaves the fraction of a small number in steps of 2^-24, rounded.
    const uint32_t small = float_to_bits(bits_to_float(magnitude) + 0.5f) - 0x3f000000u;
    const uint32_t normal = ((magnitude + 0xfffu + (magnitude >> 13 & 1u)) >> 13) - (112u << 10);
    const uint32_t large = magnitude > 0x7f800000u ? 0x7e00u : 0x7c00u;
    const uint32_t y = magnitude < 0x38800000u ? small : magnitude < 0x477ff000u ? normal : large;
    return {static_cast<uint16_t>((bits >> 16 & 0x8000u) | y)};
#endif
}

GPUKERAS_HD Bfloat to_bfloat(float x) {
    const uint32_t bits = float_to_bits(x);
    const uint32_t rounded = (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16;
    return {static_cast<uint16_t>(x != x ? bits >> 16 | 0x40u : rounded)};
}

}  // namespace gpukeras
