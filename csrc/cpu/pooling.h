// Pooling over windows of up to three spatial axes, and its gradients.
#pragma once

#include <cstddef>
#include <memory>

#include "task.h"

namespace gpukeras::cpu {

// Sizes of a pooling, with missing spatial axes as ones in front. Distances are in elements.
struct Pooling {
    size_t samples = 0, channels = 0;
    size_t in[3], out[3];  // lengths of x and of y
    size_t size[3], strides[3], before[3];
    ptrdiff_t x[5], y[5];  // strides of sample, three spatial axes, channel
    bool mean = false;     // sums are divided by the number of elements that are not padding
};

enum class PoolingKind { max, max_gradient, max_pick, sum, spread };

// max: y from x.  max_gradient: dx from x, y, dy, to the first maximum of each window.  max_pick: from x, y
// and a tensor like x, that tensor's elements at those places.  sum: y from x.  spread: the transpose of sum,
// dx from dy. What is moved has the layout of y in max_gradient and spread, and that of x in max_pick.
struct PoolingArrays {
    const float* x = nullptr;
    const float* y = nullptr;
    const float* moved = nullptr;
    float* out = nullptr;
};

std::shared_ptr<Task> pooling(PoolingKind kind, const Pooling& pooling, const PoolingArrays& arrays);

}  // namespace gpukeras::cpu
