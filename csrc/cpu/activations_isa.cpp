// Activations, compiled once per instruction set (see isa.h).
#include "../kernels/activations.h"
#include "isa.h"

namespace gpukeras::cpu {
namespace {

// Element i is read before it is written, so working in place is safe, which the compiler cannot know.
template <typename F>
void forward(const float* x, float* y, size_t count) {
#pragma GCC ivdep
    for (size_t i = 0; i < count; ++i) y[i] = F::value(x[i]);
}

template <typename F>
void backward(const float* y, const float* dy, float* dx, size_t count) {
#pragma GCC ivdep
    for (size_t i = 0; i < count; ++i) dx[i] = dy[i] * F::slope(y[i]);
}

// In the order of kActivationNames.
template <typename... F>
constexpr ActivationKernels table_of() {
    static_assert(sizeof...(F) == kActivations, "one entry per name");
    return {{forward<F>...}, {backward<F>...}};
}

}  // namespace

const ActivationKernels& GPUKERAS_JOIN(activation_kernels_, GPUKERAS_ISA)() {
    static constexpr ActivationKernels kernels =
        table_of<Linear, Relu, Sigmoid, HardSigmoid, Tanh, Elu, Selu, Softplus, Softsign, Exponential>();
    return kernels;
}

}  // namespace gpukeras::cpu
