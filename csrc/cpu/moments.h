// Mean and variance of the channels of an array (outer, channels, inner), over the other two axes.
#pragma once

#include <cstddef>
#include <memory>

#include "task.h"

namespace gpukeras::cpu {

struct MomentSizes {
    size_t outer = 0, channels = 0, inner = 0;
};

// Bytes of work memory.
size_t moments_scratch(const MomentSizes& sizes);

// The variance is divided by the number of elements. Results do not depend on the number of threads.
std::shared_ptr<Task> moments(const MomentSizes& sizes, const float* x, float* mean, float* variance,
                              void* scratch);

}  // namespace gpukeras::cpu
