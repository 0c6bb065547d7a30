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

// One entry per activation, in the order of kActivationNames.
constexpr const char* kActivationNames[] = {"linear", "relu", "sigmoid",  "hard_sigmoid", "tanh",
                                            "elu",    "selu", "softplus", "softsign",     "exponential"};
constexpr size_t kActivations = sizeof(kActivationNames) / sizeof(kActivationNames[0]);

struct ActivationKernels {
    void (*forward[kActivations])(const float* x, float* y, size_t count);
    // dx = dy * derivative, the latter from the activation's value y.
    void (*backward[kActivations])(const float* y, const float* dy, float* dx, size_t count);
};

const ActivationKernels& activation_kernels_base();
const ActivationKernels& activation_kernels_avx2();
const ActivationKernels& activation_kernels_avx512();

// Mean and sum of squared deviations, in double.
struct MomentKernels {
    // `rows` rows of `channels` numbers side by side, per channel.
    void (*by_channel)(const float* x, size_t rows, size_t channels, double* mean, double* squares);
    // One run of numbers.
    void (*by_run)(const float* x, size_t count, double* mean, double* squares);
};

const MomentKernels& moment_kernels_base();
const MomentKernels& moment_kernels_avx2();
const MomentKernels& moment_kernels_avx512();

struct Pooling;
struct PoolingArrays;

// Windows or, where x is written, samples [begin, end).
struct PoolingKernels {
    void (*max)(const Pooling&, const PoolingArrays&, size_t begin, size_t end);
    void (*max_gradient)(const Pooling&, const PoolingArrays&, size_t begin, size_t end);
    void (*max_pick)(const Pooling&, const PoolingArrays&, size_t begin, size_t end);
    void (*sum)(const Pooling&, const PoolingArrays&, size_t begin, size_t end);
    void (*spread)(const Pooling&, const PoolingArrays&, size_t begin, size_t end);
};

const PoolingKernels& pooling_kernels_base();
const PoolingKernels& pooling_kernels_avx2();
const PoolingKernels& pooling_kernels_avx512();

struct RowProduct;

struct RowProductKernels {
    void (*columns)(const RowProduct&, size_t begin, size_t end);
};

const RowProductKernels& row_product_kernels_base();
const RowProductKernels& row_product_kernels_avx2();
const RowProductKernels& row_product_kernels_avx512();

enum class Isa { base, avx2, avx512 };

// The best set that this processor has, this build contains, and GPUKERAS_CPU_ISA (base, avx2, avx512)
// allows.
Isa chosen_isa();
const char* isa_name(Isa isa);

// The one of three tables that belongs to the chosen set.
template <typename Table>
const Table& chosen_table(const Table& base, const Table& avx2, const Table& avx512) {
    const Isa isa = chosen_isa();
    return isa == Isa::avx512 ? avx512 : isa == Isa::avx2 ? avx2 : base;
}

#if defined(GPUKERAS_X86_DISPATCH)
#define GPUKERAS_CHOSEN_TABLE(name) \
    ::gpukeras::cpu::chosen_table(name##_base(), name##_avx2(), name##_avx512())
#else
#define GPUKERAS_CHOSEN_TABLE(name) name##_base()
#endif

#define GPUKERAS_JOIN_EXPANDED(a, b) a##b
#define GPUKERAS_JOIN(a, b) GPUKERAS_JOIN_EXPANDED(a, b)

}  // namespace gpukeras::cpu
