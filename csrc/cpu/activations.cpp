#include "activations.h"

#include <stdexcept>

#include "isa.h"
#include "parallel.h"

namespace gpukeras::cpu {
namespace {

constexpr size_t kGrain = 1 << 14;

const ActivationKernels& kernels() {
    static const ActivationKernels& chosen = GPUKERAS_CHOSEN_TABLE(activation_kernels);
    return chosen;
}

}  // namespace

size_t activation_index(const std::string& name) {
    std::string known;
    for (size_t i = 0; i < kActivations; ++i) {
        if (name == kActivationNames[i]) return i;
        known += (i == 0 ? "" : ", ") + std::string(kActivationNames[i]);
    }
    throw std::invalid_argument("activation: expected one of " + known + "; got '" + name + "'");
}

void activation_forward(size_t index, const float* x, float* y, size_t count) {
    const auto kernel = kernels().forward[index];
    parallel_for(count, kGrain, [=](size_t begin, size_t end) { kernel(x + begin, y + begin, end - begin); });
}

void activation_backward(size_t index, const float* y, const float* dy, float* dx, size_t count) {
    const auto kernel = kernels().backward[index];
    parallel_for(count, kGrain,
                 [=](size_t begin, size_t end) { kernel(y + begin, dy + begin, dx + begin, end - begin); });
}

}  // namespace gpukeras::cpu
