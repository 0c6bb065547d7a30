// Reading and writing arrays of any strides as if they were contiguous, stretch by stretch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

namespace gpukeras::cpu::fused {

// Shape and strides of an array whose axes are merged where they can be; the innermost stays apart.
struct Walk {
    std::vector<int64_t> shape, strides;  // strides in bytes
    size_t period = 1;                    // elements after which the same ones come again

    Walk(const std::vector<int64_t>& shape_in, const std::vector<int64_t>& strides_in);
};

// Elements [first, first + count) in C order, from the array to `block` or back. `item`: 1, 2, 4 or 8 bytes.
void gather(void* block, const char* data, const Walk& walk, size_t item, size_t first, size_t count);
void scatter(const void* block, char* data, const Walk& walk, size_t item, size_t first, size_t count);

}  // namespace gpukeras::cpu::fused
