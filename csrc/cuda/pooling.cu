// Pooling of channels-last tensors and its gradients, one thread per element of the result, without atomics.
#include "../kernels/pooling.h"
#include "device.h"

namespace gpukeras::cuda {

extern "C" __global__ void pooling_max(const float* x, float* y, int count, Pooling p) {
    for (int k = thread_index(); k < count; k += thread_count()) y[k] = pool_max(p, x, k);
}

extern "C" __global__ void pooling_max_gradient(const float* x, const float* y, const float* dy, float* dx,
                                                int count, Pooling p) {
    for (int k = thread_index(); k < count; k += thread_count()) dx[k] = pool_max_gradient(p, x, y, dy, k);
}

// Of each window the element of `moved` that stands where x has its first maximum.
extern "C" __global__ void pooling_max_pick(const float* x, const float* y, const float* moved, float* out,
                                            int count, Pooling p) {
    for (int k = thread_index(); k < count; k += thread_count()) {
        const int from = pool_first(p, x, y[k], k);
        out[k] = from < 0 ? 0.0f : moved[from];
    }
}

extern "C" __global__ void pooling_sum(const float* x, float* y, int count, Pooling p) {
    for (int k = thread_index(); k < count; k += thread_count()) y[k] = pool_sum(p, x, k);
}

extern "C" __global__ void pooling_spread(const float* dy, float* dx, int count, Pooling p) {
    for (int k = thread_index(); k < count; k += thread_count()) dx[k] = pool_spread(p, dy, k);
}

}  // namespace gpukeras::cuda
