// Activations and their gradients from the shared bodies, each a kernel of its own.
#include "../kernels/activations.h"
#include "device.h"

namespace gpukeras::cuda {

#define GPUKERAS_ACTIVATION_KERNELS(NAME, F)                                                            \
    extern "C" __global__ void NAME##_forward(const float* x, float* y, int count) {                    \
        for (int i = thread_index(); i < count; i += thread_count()) y[i] = F::value(x[i]);             \
    }                                                                                                   \
    extern "C" __global__ void NAME##_backward(const float* y, const float* dy, float* dx, int count) { \
        for (int i = thread_index(); i < count; i += thread_count()) dx[i] = dy[i] * F::slope(y[i]);    \
    }
GPUKERAS_ACTIVATION_KERNELS(linear, Linear)
GPUKERAS_ACTIVATION_KERNELS(relu, Relu)
GPUKERAS_ACTIVATION_KERNELS(sigmoid, Sigmoid)
GPUKERAS_ACTIVATION_KERNELS(hard_sigmoid, HardSigmoid)
GPUKERAS_ACTIVATION_KERNELS(tanh, Tanh)
GPUKERAS_ACTIVATION_KERNELS(elu, Elu)
GPUKERAS_ACTIVATION_KERNELS(selu, Selu)
GPUKERAS_ACTIVATION_KERNELS(softplus, Softplus)
GPUKERAS_ACTIVATION_KERNELS(softsign, Softsign)
GPUKERAS_ACTIVATION_KERNELS(exponential, Exponential)

}  // namespace gpukeras::cuda
