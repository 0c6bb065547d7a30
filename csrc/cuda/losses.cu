// Cross-entropies of logits with their gradients: softmax with one block per row, sigmoid element by element.
#include "../kernels/losses.h"
#include "device.h"

namespace gpukeras::cuda {

struct SoftmaxJoin {
    __device__ __forceinline__ SoftmaxSum operator()(SoftmaxSum a, SoftmaxSum b) const {
        return softmax_join(a, b);
    }
};

__device__ __forceinline__ SoftmaxSum softmax_of_row(const float* row, int length) {
    SoftmaxSum s = softmax_none();
    for (int i = static_cast<int>(threadIdx.x); i < length; i += static_cast<int>(blockDim.x))
        s = softmax_add(s, row[i]);
    return block_join(s, SoftmaxJoin());
}

// loss = -sum(y log p), p the softmax of a row; p is written for the gradient.
extern "C" __global__ void softmax_cross_entropy(const float* x, const float* y, float* p, float* loss,
                                                 int length) {
    const int row = static_cast<int>(blockIdx.x) * length;
    const SoftmaxSum s = softmax_of_row(x + row, length);
    float total = 0.0f;
    for (int i = static_cast<int>(threadIdx.x); i < length; i += static_cast<int>(blockDim.x)) {
        const float target = y[row + i];
        p[row + i] = softmax_value(s, x[row + i]);
        if (target != 0.0f) total -= target * log_softmax_value(s, x[row + i]);
    }
    total = block_sum(total);
    if (threadIdx.x == 0) loss[blockIdx.x] = total;
}

// dx = (p sum(y) - y) dloss; the sum is 1 for the usual targets.
extern "C" __global__ void softmax_cross_entropy_gradient(const float* p, const float* y, const float* dloss,
                                                          float* dx, int length) {
    const int row = static_cast<int>(blockIdx.x) * length;
    float total = 0.0f;
    for (int i = static_cast<int>(threadIdx.x); i < length; i += static_cast<int>(blockDim.x))
        total += y[row + i];
    total = block_sum(total);
    for (int i = static_cast<int>(threadIdx.x); i < length; i += static_cast<int>(blockDim.x)) {
        dx[row + i] = (p[row + i] * total - y[row + i]) * dloss[blockIdx.x];
    }
}

// The same with the index of the right class in place of y.
extern "C" __global__ void sparse_softmax_cross_entropy(const float* x, const int32_t* label, float* p,
                                                        float* loss, int length) {
    const int row = static_cast<int>(blockIdx.x) * length;
    const SoftmaxSum s = softmax_of_row(x + row, length);
    for (int i = static_cast<int>(threadIdx.x); i < length; i += static_cast<int>(blockDim.x)) {
        p[row + i] = softmax_value(s, x[row + i]);
    }
    if (threadIdx.x != 0) return;
    const int right = label[blockIdx.x];
    // a label that names no class has no loss to speak of
    loss[blockIdx.x] =
        right >= 0 && right < length ? -log_softmax_value(s, x[row + right]) : bits_to_float(0x7fc00000u);
}

extern "C" __global__ void sparse_softmax_cross_entropy_gradient(const float* p, const int32_t* label,
                                                                 const float* dloss, float* dx, int rows,
                                                                 int length) {
    for (int k = thread_index(); k < rows * length; k += thread_count()) {
        const int row = k / length;
        dx[k] = (p[k] - (label[row] == k % length ? 1.0f : 0.0f)) * dloss[row];
    }
}

extern "C" __global__ void sigmoid_cross_entropy_forward(const float* x, const float* y, float* loss,
                                                         int count) {
    for (int i = thread_index(); i < count; i += thread_count()) loss[i] = sigmoid_cross_entropy(x[i], y[i]);
}

extern "C" __global__ void sigmoid_cross_entropy_gradient(const float* x, const float* y, const float* dloss,
                                                          float* dx, int count) {
    for (int i = thread_index(); i < count; i += thread_count()) {
        dx[i] = sigmoid_cross_entropy_slope(x[i], y[i]) * dloss[i];
    }
}

}  // namespace gpukeras::cuda
