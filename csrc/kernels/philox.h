// Philox 4x32-10, a counter-based random number generator.
// J. K. Salmon, M. A. Moraes, R. O. Dror, D. E. Shaw: "Parallel Random Numbers: As Easy as 1, 2, 3", SC11.
//
// A block is the generator's answer to one 128-bit counter: four 32-bit words. Element i of a tensor is word
// i % 4 of block i / 4; the upper half of the counter tells one random operation's run from another's, and
// the key is the seed. No state is carried from element to element, so every device and every split into
// threads yields the same numbers.
#pragma once

#include "hd.h"
#include "math.h"

namespace gpukeras {

struct PhiloxKey {
    uint32_t low, high;
};

GPUKERAS_HD uint32_t mul_high(uint32_t a, uint32_t b) {
#if defined(__CUDA_ARCH__)
    return __umulhi(a, b);
#else
    return static_cast<uint32_t>((static_cast<uint64_t>(a) * b) >> 32);
#endif
}

// One of the ten rounds, in place.
GPUKERAS_HD void philox_round(uint32_t& c0, uint32_t& c1, uint32_t& c2, uint32_t& c3, PhiloxKey key) {
    const uint32_t multiplier0 = 0xd2511f53u, multiplier1 = 0xcd9e8d57u;
    const uint32_t high0 = mul_high(multiplier0, c0), low0 = multiplier0 * c0;
    const uint32_t high1 = mul_high(multiplier1, c2), low1 = multiplier1 * c2;
    c0 = high1 ^ c1 ^ key.low;
    c1 = low1;
    c2 = high0 ^ c3 ^ key.high;
    c3 = low0;
}

GPUKERAS_HD PhiloxKey philox_next_key(PhiloxKey key) {
    key.low += 0x9e3779b9u;   // the golden ratio
    key.high += 0xbb67ae85u;  // the square root of 3, less 1
    return key;
}

GPUKERAS_HD void philox4x32_10(uint32_t& c0, uint32_t& c1, uint32_t& c2, uint32_t& c3, PhiloxKey key) {
    for (int round = 0; round < 10; ++round) {
        philox_round(c0, c1, c2, c3, key);
        key = philox_next_key(key);
    }
}

// Uniform in [0, 1): the top 24 bits, so that every value is exact in float32 and 1 is never reached.
GPUKERAS_HD float uniform_from_bits(uint32_t bits) {
    return static_cast<float>(static_cast<int32_t>(bits >> 8)) * 5.96046448e-8f;
}

// Two independent standard normals from two words (G. E. P. Box, M. E. Muller, 1958).
GPUKERAS_HD void normal_pair_from_bits(uint32_t bits0, uint32_t bits1, float* first, float* second) {
    // In (0, 1], so that the logarithm is finite.
    const float radius_uniform = static_cast<float>(static_cast<int32_t>((bits0 >> 8) + 1u)) * 5.96046448e-8f;
    const float squared = -2.0f * log_normal_range(radius_uniform);
#if defined(__CUDA_ARCH__)
    const float radius = __fsqrt_rn(squared);
#else
    const float radius = __builtin_sqrtf(squared);
#endif
    float sine, cosine;
    sincos_turn(uniform_from_bits(bits1), &sine, &cosine);
    *first = radius * cosine;
    *second = radius * sine;
}

}  // namespace gpukeras
