// Instruction sets by run-time dispatch. A file named *_isa.cpp is compiled once per set, each time with
// GPUKERAS_ISA naming it; the table of function pointers it exports is the only symbol that leaves the file.
#pragma once

#include <cstddef>
#include <cstdint>

namespace gpukeras::cpu {

// Filling from one block of the counter sequence on; `count` need not be a multiple of four.
struct RandomKernels {
    void (*bits)(uint32_t* out, size_t count, uint64_t seed, uint64_t stream, uint64_t first_block);
    void (*uniform)(float* out, size_t count, uint64_t seed, uint64_t stream, uint64_t first_block, float low,
                    float range);
    void (*normal)(float* out, size_t count, uint64_t seed, uint64_t stream, uint64_t first_block, float mean,
                   float stddev);
};

const RandomKernels& random_kernels_base();
const RandomKernels& random_kernels_avx2();
const RandomKernels& random_kernels_avx512();

enum class Isa { base, avx2, avx512 };

// The best set that this processor has, this build contains, and GPUKERAS_CPU_ISA (base, avx2, avx512)
// allows.
Isa chosen_isa();
const char* isa_name(Isa isa);

}  // namespace gpukeras::cpu
