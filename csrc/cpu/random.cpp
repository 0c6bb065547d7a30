#include "random.h"

#include "isa.h"
#include "parallel.h"

namespace gpukeras::cpu {
namespace {

constexpr size_t kGrain = 1 << 14;  // elements; a multiple of four, so that pieces start on a block

const RandomKernels& kernels() {
    static const RandomKernels& chosen = GPUKERAS_CHOSEN_TABLE(random_kernels);
    return chosen;
}

}  // namespace

void philox_fill_uint32(uint32_t* out, size_t count, uint64_t seed, uint64_t stream, uint64_t first_block) {
    const RandomKernels& k = kernels();
    parallel_for(count, kGrain, [=, &k](size_t begin, size_t end) {
        k.bits(out + begin, end - begin, seed, stream, first_block + begin / 4);
    });
}

void philox_fill_uniform(float* out, size_t count, uint64_t seed, uint64_t stream, uint64_t first_block,
                         float low, float high) {
    const RandomKernels& k = kernels();
    parallel_for(count, kGrain, [=, &k](size_t begin, size_t end) {
        k.uniform(out + begin, end - begin, seed, stream, first_block + begin / 4, low, high - low);
    });
}

void philox_fill_normal(float* out, size_t count, uint64_t seed, uint64_t stream, uint64_t first_block,
                        float mean, float stddev) {
    const RandomKernels& k = kernels();
    parallel_for(count, kGrain, [=, &k](size_t begin, size_t end) {
        k.normal(out + begin, end - begin, seed, stream, first_block + begin / 4, mean, stddev);
    });
}

}  // namespace gpukeras::cpu
