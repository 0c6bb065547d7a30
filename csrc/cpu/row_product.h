// One row times a matrix: predictions of a single sample, where the time goes to reading the weights once.
#pragma once

#include <cstddef>
#include <memory>

#include "task.h"

namespace gpukeras::cpu {

// y (n) = x (k) w (k, n) + bias, through relu where asked for. `bias` may be null; arrays are contiguous.
struct RowProduct {
    size_t k = 0, n = 0;
    const float *x = nullptr, *w = nullptr, *bias = nullptr;
    float* y = nullptr;
    bool relu = false;
};

std::shared_ptr<Task> row_product(const RowProduct& product);

}  // namespace gpukeras::cpu
