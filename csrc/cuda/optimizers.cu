// One launch updates all weights of a model: blocks find their tensor in a table. What changes from step to
// step is read from device memory, so that a graph that is replayed sees it.
#include "../kernels/optimizers.h"
#include "device.h"

namespace gpukeras::cuda {

struct Updated {
    float* p;
    const float* g;
    float *s0, *s1, *s2;
    int64_t size;
};

constexpr int kChunk = 4 * kThreads;  // elements of a block

// The tensor of this block: the last one that starts at it or before; first[i] is the first block of tensor
// i.
__device__ __forceinline__ int tensor_of(const int* first, int tensors) {
    int low = 0, high = tensors;
    while (high - low > 1) {
        const int middle = (low + high) / 2;
        if (first[middle] <= static_cast<int>(blockIdx.x)) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

template <typename Rule>
__device__ __forceinline__ void update(const Updated* table, const int* first, int tensors,
                                       const OptimizerNumbers& numbers) {
    const int k = tensor_of(first, tensors);
    const Updated t = table[k];
    const int64_t start = static_cast<int64_t>(static_cast<int>(blockIdx.x) - first[k]) * kChunk;
    for (int j = static_cast<int>(threadIdx.x); j < kChunk; j += kThreads) {
        const int64_t i = start + j;
        if (i >= t.size) return;
        float p = t.p[i], s0 = 0.0f, s1 = 0.0f, s2 = 0.0f;
        if (t.s0 != nullptr) s0 = t.s0[i];
        if (t.s1 != nullptr) s1 = t.s1[i];
        if (t.s2 != nullptr) s2 = t.s2[i];
        Rule::update(p, t.g[i], s0, s1, s2, numbers);
        t.p[i] = p;
        if (t.s0 != nullptr) t.s0[i] = s0;
        if (t.s1 != nullptr) t.s1[i] = s1;
        if (t.s2 != nullptr) t.s2[i] = s2;
    }
}

#define GPUKERAS_OPTIMIZER(NAME, RULE)                                                               \
    extern "C" __global__ void optimizer_##NAME(const Updated* table, const int* first, int tensors, \
                                                const OptimizerNumbers* numbers) {                   \
        update<RULE>(table, first, tensors, *numbers);                                               \
    }
GPUKERAS_OPTIMIZER(sgd, Sgd)
GPUKERAS_OPTIMIZER(momentum, Momentum)
GPUKERAS_OPTIMIZER(nesterov, Nesterov)
GPUKERAS_OPTIMIZER(rmsprop, RmsProp)
GPUKERAS_OPTIMIZER(adagrad, Adagrad)
GPUKERAS_OPTIMIZER(adadelta, Adadelta)
GPUKERAS_OPTIMIZER(adam, Adam)
GPUKERAS_OPTIMIZER(amsgrad, AmsGrad)
GPUKERAS_OPTIMIZER(adamax, Adamax)
GPUKERAS_OPTIMIZER(nadam, Nadam)

}  // namespace gpukeras::cuda
