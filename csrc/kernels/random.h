// Elements of a tensor drawn from Philox, one block of 16 random bytes at a time: as many elements as fit
// into it, the same ones on every device.
#pragma once

#include "philox.h"

namespace gpukeras {

struct RandomBlock {
    uint32_t word[4];
};

GPUKERAS_HD RandomBlock random_block(uint64_t seed, uint64_t run, uint64_t block) {
    RandomBlock b = {{static_cast<uint32_t>(block), static_cast<uint32_t>(block >> 32),
                      static_cast<uint32_t>(run), static_cast<uint32_t>(run >> 32)}};
    const PhiloxKey key = {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)};
    philox4x32_10(b.word[0], b.word[1], b.word[2], b.word[3], key);
    return b;
}

// The i-th number of 8, 16 or 32 bits of a block; the first one is in the lowest bits.
GPUKERAS_HD uint32_t random_bits(const RandomBlock& b, int i, int bits) {
    const int first = i * bits;
    const uint32_t word = b.word[first >> 5] >> (first & 31);
    return bits == 32 ? word : word & ((1u << bits) - 1u);
}

// Element `index` of a stream of numbers of 8, 16 or 32 bits.
GPUKERAS_HD uint32_t random_element(uint64_t seed, uint64_t run, uint64_t index, int bits) {
    const uint64_t per_block = static_cast<uint64_t>(128 / bits);
    return random_bits(random_block(seed, run, index / per_block), static_cast<int>(index % per_block), bits);
}

// Uniform in an interval of this width and start; the ends as they may be reached.
GPUKERAS_HD float uniform_in(uint32_t bits, float width, float start, float low, float high) {
    const float scaled = uniform_from_bits(bits) * width + start;
    const float above = scaled < low ? low : scaled;
    return above > high ? high : above;
}

}  // namespace gpukeras
