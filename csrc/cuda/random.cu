// Random tensors and dropout, one thread per 16 random bytes. `run` points to how often the operation ran, so
// that a graph that is replayed reads the present number; `count_run` counts on after all threads have read
// it.
#include "../kernels/random.h"
#include "device.h"

namespace gpukeras::cuda {

extern "C" __global__ void count_run(uint64_t* run) {
    if (thread_index() == 0) *run += 1;
}

extern "C" __global__ void random_words(uint32_t* out, int count, uint64_t seed, const uint64_t* run) {
    const int block = thread_index();
    const RandomBlock b = random_block(seed, *run, static_cast<uint64_t>(block));
    for (int j = 0; j < 4 && 4 * block + j < count; ++j) out[4 * block + j] = b.word[j];
}

extern "C" __global__ void random_uniform(float* out, int count, uint64_t seed, const uint64_t* run,
                                          float width, float start, float low, float high) {
    const int block = thread_index();
    const RandomBlock b = random_block(seed, *run, static_cast<uint64_t>(block));
    for (int j = 0; j < 4 && 4 * block + j < count; ++j) {
        out[4 * block + j] = uniform_in(b.word[j], width, start, low, high);
    }
}

extern "C" __global__ void random_normal(float* out, int count, uint64_t seed, const uint64_t* run,
                                         float mean, float deviation) {
    const int block = thread_index();
    const RandomBlock b = random_block(seed, *run, static_cast<uint64_t>(block));
    float z[4];
    normal_pair_from_bits(b.word[0], b.word[1], &z[0], &z[1]);
    normal_pair_from_bits(b.word[2], b.word[3], &z[2], &z[3]);
    for (int j = 0; j < 4 && 4 * block + j < count; ++j) out[4 * block + j] = z[j] * deviation + mean;
}

extern "C" __global__ void truncated_normal(float* out, int count, uint64_t seed, const uint64_t* run,
                                            double mean, double deviation) {
    const int block = thread_index();
    const RandomBlock b = random_block(seed, *run, static_cast<uint64_t>(block));
    for (int j = 0; j < 4 && 4 * block + j < count; ++j) {
        out[4 * block + j] = static_cast<float>(truncated_normal_from_bits(b.word[j]) * deviation + mean);
    }
}

template <typename T>
__device__ __forceinline__ void integers(T* out, int count, uint64_t seed, const uint64_t* run, int64_t low,
                                         uint64_t span) {
    const int block = thread_index();
    const RandomBlock b = random_block(seed, *run, static_cast<uint64_t>(block));
    for (int j = 0; j < 4 && 4 * block + j < count; ++j) {
        out[4 * block + j] = static_cast<T>(integer_from_bits(b.word[j], span) + low);
    }
}

extern "C" __global__ void random_integers_int32(int32_t* out, int count, uint64_t seed, const uint64_t* run,
                                                 int64_t low, uint64_t span) {
    integers(out, count, seed, run, low, span);
}

extern "C" __global__ void random_integers_int64(int64_t* out, int count, uint64_t seed, const uint64_t* run,
                                                 int64_t low, uint64_t span) {
    integers(out, count, seed, run, low, span);
}

// 1 with a probability, else 0.
extern "C" __global__ void random_binomial(float* out, int count, uint64_t seed, const uint64_t* run,
                                           float probability) {
    const int block = thread_index();
    const RandomBlock b = random_block(seed, *run, static_cast<uint64_t>(block));
    for (int j = 0; j < 4 && 4 * block + j < count; ++j) {
        out[4 * block + j] = uniform_from_bits(b.word[j]) < probability ? 1.0f : 0.0f;
    }
}

// y = x where a number of `bits` bits is at most `limit`, times `scale`; 0 elsewhere. With x null, y is the
// mask.
extern "C" __global__ void dropout(const float* x, float* y, int count, uint64_t seed, const uint64_t* run,
                                   int bits, uint32_t limit, float scale) {
    const int block = thread_index(), per_block = 128 / bits;
    if (block > (count - 1) / per_block) return;
    const RandomBlock b = random_block(seed, *run, static_cast<uint64_t>(block));
    for (int j = 0; j < per_block && block * per_block + j < count; ++j) {
        const int i = block * per_block + j;
        const float kept = x == nullptr ? scale : x[i] * scale;
        y[i] = random_bits(b, j, bits) <= limit ? kept : 0.0f;
    }
}

}  // namespace gpukeras::cuda
