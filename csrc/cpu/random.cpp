#include "random.h"

#include "isa.h"
#include "parallel.h"

namespace gpukeras::cpu {
namespace {

constexpr size_t kGrain = 1 << 14;  // elements; a multiple of four, so that pieces start on a block

const RandomKernels& kernels() {
#if defined(GPUKERAS_X86_DISPATCH)
    static const RandomKernels& chosen = chosen_isa() == Isa::avx512 ? random_kernels_avx512()
                                         : chosen_isa() == Isa::avx2 ? random_kernels_avx2()
                                                                     : random_kernels_base();
    return chosen;
#else
    return random_kernels_base();
#endif
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
