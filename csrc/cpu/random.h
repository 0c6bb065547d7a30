// Random fills over raw pointers: the best instruction set of this processor, all its threads. Element i
// depends on (seed, stream, 4 * first_block + i) alone, so neither changes the numbers, and a large tensor
// may be filled piece by piece.
#pragma once

#include <cstddef>
#include <cstdint>

namespace gpukeras::cpu {

// Raw 32-bit words of Philox 4x32-10.
void philox_fill_uint32(uint32_t* out, size_t count, uint64_t seed, uint64_t stream, uint64_t first_block);

// Uniform in [low, high), 24 random bits each.
void philox_fill_uniform(float* out, size_t count, uint64_t seed, uint64_t stream, uint64_t first_block,
                         float low, float high);

// Normal by Box-Muller: words (0, 1) of a block give elements 0 and 1, words (2, 3) elements 2 and 3.
void philox_fill_normal(float* out, size_t count, uint64_t seed, uint64_t stream, uint64_t first_block,
                        float mean, float stddev);

}  // namespace gpukeras::cpu
