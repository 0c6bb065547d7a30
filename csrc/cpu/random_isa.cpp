// Philox fills, compiled once per instruction set (see isa.h). The inner loops run over lanes of independent
// blocks held as structure of arrays, which is the shape compilers vectorise.
#include <cstring>

#include "../kernels/philox.h"
#include "isa.h"

namespace gpukeras::cpu {
namespace {

constexpr int kLanes = 16;
constexpr int kWords = 4 * kLanes;

struct Words {
    alignas(64) uint32_t w[4][kLanes];
};

// kLanes consecutive blocks; w[j][l] is word j of block first_block + l. Kept out of line: inlined, the copy
// loops around it stop the compiler from vectorising it.
__attribute__((noinline)) void generate(Words& words, uint64_t seed, uint64_t stream, uint64_t first_block) {
    for (int l = 0; l < kLanes; ++l) {
        const uint64_t block = first_block + static_cast<uint64_t>(l);
        words.w[0][l] = static_cast<uint32_t>(block);
        words.w[1][l] = static_cast<uint32_t>(block >> 32);
        words.w[2][l] = static_cast<uint32_t>(stream);
        words.w[3][l] = static_cast<uint32_t>(stream >> 32);
    }
    PhiloxKey key{static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)};
    for (int round = 0; round < 10; ++round) {
#pragma GCC ivdep
        for (int l = 0; l < kLanes; ++l) {
            philox_round(words.w[0][l], words.w[1][l], words.w[2][l], words.w[3][l], key);
        }
        key = philox_next_key(key);
    }
}

// Runs `convert(words, out)` over whole groups of kWords outputs and over a scratch group for the tail.
template <typename T, typename Convert>
inline void fill(T* out, size_t count, uint64_t seed, uint64_t stream, uint64_t block, Convert convert) {
    Words words;
    for (; count >= kWords; count -= kWords, out += kWords, block += kLanes) {
        generate(words, seed, stream, block);
        convert(words, out);
    }
    if (count > 0) {
        alignas(64) T tail[kWords];
        generate(words, seed, stream, block);
        convert(words, tail);
        std::memcpy(out, tail, count * sizeof(T));
    }
}

void fill_bits(uint32_t* out, size_t count, uint64_t seed, uint64_t stream, uint64_t first_block) {
    fill(out, count, seed, stream, first_block, [](const Words& words, uint32_t* dst) {
        for (int l = 0; l < kLanes; ++l) {
            for (int j = 0; j < 4; ++j) dst[4 * l + j] = words.w[j][l];
        }
    });
}

void fill_uniform(float* out, size_t count, uint64_t seed, uint64_t stream, uint64_t first_block, float low,
                  float range) {
    fill(out, count, seed, stream, first_block, [low, range](const Words& words, float* dst) {
        for (int l = 0; l < kLanes; ++l) {
            for (int j = 0; j < 4; ++j) dst[4 * l + j] = uniform_from_bits(words.w[j][l]) * range + low;
        }
    });
}

void fill_normal(float* out, size_t count, uint64_t seed, uint64_t stream, uint64_t first_block, float mean,
                 float stddev) {
    fill(out, count, seed, stream, first_block, [mean, stddev](const Words& words, float* dst) {
        alignas(64) float normal[4][kLanes];
        for (int l = 0; l < kLanes; ++l) {
            normal_pair_from_bits(words.w[0][l], words.w[1][l], &normal[0][l], &normal[1][l]);
        }
        for (int l = 0; l < kLanes; ++l) {
            normal_pair_from_bits(words.w[2][l], words.w[3][l], &normal[2][l], &normal[3][l]);
        }
        for (int l = 0; l < kLanes; ++l) {
            for (int j = 0; j < 4; ++j) dst[4 * l + j] = normal[j][l] * stddev + mean;
        }
    });
}

}  // namespace

const RandomKernels& GPUKERAS_JOIN(random_kernels_, GPUKERAS_ISA)() {
    static const RandomKernels kernels{fill_bits, fill_uniform, fill_normal};
    return kernels;
}

}  // namespace gpukeras::cpu
