// Philox fills, compiled once per instruction set (see isa.h). The inner loops run over lanes of independent
// blocks held as structure of arrays, which is the shape compilers vectorise.
#include <cstring>

#include "../kernels/philox.h"
#include "isa.h"

#if defined(__AVX512F__)
#include <immintrin.h>
#if defined(__GNUC__) && !defined(__clang__)
// GCC 12 takes its own headers' undefined operands for mistakes.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#endif

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

#if defined(__AVX512F__)

// Eight blocks in 64-bit lanes, whose lower halves are the words: the multiplication reads no more than
// those, so what the upper halves hold does not matter until the end.
inline void eight_blocks(uint32_t* out, uint64_t seed, uint64_t stream, uint64_t first_block) {
    const __m512i low = _mm512_set1_epi64(0xffffffff);
    __m512i c0 = _mm512_add_epi64(_mm512_set1_epi64(static_cast<int64_t>(first_block)),
                                  _mm512_set_epi64(7, 6, 5, 4, 3, 2, 1, 0));
    __m512i c1 = _mm512_srli_epi64(c0, 32);
    __m512i c2 = _mm512_set1_epi64(static_cast<int64_t>(stream & 0xffffffffu));
    __m512i c3 = _mm512_set1_epi64(static_cast<int64_t>(stream >> 32));
    const __m512i m0 = _mm512_set1_epi64(0xd2511f53), m1 = _mm512_set1_epi64(0xcd9e8d57);
    PhiloxKey key{static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)};
    for (int round = 0; round < 10; ++round) {
        const __m512i p0 = _mm512_mul_epu32(c0, m0), p1 = _mm512_mul_epu32(c2, m1);
        c0 = _mm512_xor_si512(_mm512_xor_si512(_mm512_srli_epi64(p1, 32), c1), _mm512_set1_epi64(key.low));
        c2 = _mm512_xor_si512(_mm512_xor_si512(_mm512_srli_epi64(p0, 32), c3), _mm512_set1_epi64(key.high));
        c1 = p1;
        c3 = p0;
        key = philox_next_key(key);
    }
    const __m512i first = _mm512_or_si512(_mm512_and_si512(c0, low), _mm512_slli_epi64(c1, 32));
    const __m512i second = _mm512_or_si512(_mm512_and_si512(c2, low), _mm512_slli_epi64(c3, 32));
    const __m512i lower = _mm512_set_epi64(11, 3, 10, 2, 9, 1, 8, 0);
    const __m512i upper = _mm512_set_epi64(15, 7, 14, 6, 13, 5, 12, 4);
    _mm512_storeu_si512(out, _mm512_permutex2var_epi64(first, lower, second));
    _mm512_storeu_si512(out + 16, _mm512_permutex2var_epi64(first, upper, second));
}

void fill_bits(uint32_t* out, size_t count, uint64_t seed, uint64_t stream, uint64_t first_block) {
    for (; count >= 32; count -= 32, out += 32, first_block += 8)
        eight_blocks(out, seed, stream, first_block);
    if (count > 0) {
        uint32_t tail[32];
        eight_blocks(tail, seed, stream, first_block);
        std::memcpy(out, tail, count * sizeof(uint32_t));
    }
}

#else

void fill_bits(uint32_t* out, size_t count, uint64_t seed, uint64_t stream, uint64_t first_block) {
    fill(out, count, seed, stream, first_block, [](const Words& words, uint32_t* dst) {
        for (int l = 0; l < kLanes; ++l) {
            for (int j = 0; j < 4; ++j) dst[4 * l + j] = words.w[j][l];
        }
    });
}

#endif

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
