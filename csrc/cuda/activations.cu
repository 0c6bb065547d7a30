// Activations and their gradients on the device, from the shared bodies. The launchers' `index` is the place
// of the activation in kActivationNames of csrc/cpu/isa.h.
#include <cstddef>

#include "../kernels/activations.h"

namespace gpukeras::cuda {
namespace {

constexpr unsigned kThreads = 256;
constexpr unsigned kMostBlocks = 65535;

template <typename F>
__global__ void forward(const float* x, float* y, size_t count) {
    const size_t stride = static_cast<size_t>(gridDim.x) * kThreads;
    for (size_t i = static_cast<size_t>(blockIdx.x) * kThreads + threadIdx.x; i < count; i += stride) {
        y[i] = F::value(x[i]);
    }
}

template <typename F>
__global__ void backward(const float* y, const float* dy, float* dx, size_t count) {
    const size_t stride = static_cast<size_t>(gridDim.x) * kThreads;
    for (size_t i = static_cast<size_t>(blockIdx.x) * kThreads + threadIdx.x; i < count; i += stride) {
        dx[i] = dy[i] * F::slope(y[i]);
    }
}

using Forward = void (*)(const float*, float*, size_t);
using Backward = void (*)(const float*, const float*, float*, size_t);

template <typename... F>
struct Table {
    static constexpr size_t size = sizeof...(F);
    static Forward forward_of(size_t index) {
        const Forward kernels[] = {forward<F>...};
        return kernels[index];
    }
    static Backward backward_of(size_t index) {
        const Backward kernels[] = {backward<F>...};
        return kernels[index];
    }
};

using Activations =
    Table<Linear, Relu, Sigmoid, HardSigmoid, Tanh, Elu, Selu, Softplus, Softsign, Exponential>;

unsigned blocks_for(size_t count) {
    const size_t blocks = (count + kThreads - 1) / kThreads;
    return static_cast<unsigned>(blocks < kMostBlocks ? blocks : kMostBlocks);
}

}  // namespace
}  // namespace gpukeras::cuda

// The C interface: each returns a cudaError_t as an int.
extern "C" {

int gpukeras_cuda_activation_forward(size_t index, const float* x, float* y, size_t count,
                                     cudaStream_t queue) {
    using namespace gpukeras::cuda;
    if (index >= Activations::size) return static_cast<int>(cudaErrorInvalidValue);
    if (count == 0) return 0;
    Activations::forward_of(index)<<<blocks_for(count), kThreads, 0, queue>>>(x, y, count);
    return static_cast<int>(cudaGetLastError());
}

int gpukeras_cuda_activation_backward(size_t index, const float* y, const float* dy, float* dx, size_t count,
                                      cudaStream_t queue) {
    using namespace gpukeras::cuda;
    if (index >= Activations::size) return static_cast<int>(cudaErrorInvalidValue);
    if (count == 0) return 0;
    Activations::backward_of(index)<<<blocks_for(count), kThreads, 0, queue>>>(y, dy, dx, count);
    return static_cast<int>(cudaGetLastError());
}

}  // extern "C"
