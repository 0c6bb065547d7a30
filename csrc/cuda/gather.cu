// Rows of a table, and places along rows.
#include "device.h"

namespace gpukeras::cuda {

extern "C" __global__ void gather(const float* x, const int64_t* rows, float* y, int count, int length,
                                  int have) {
    for (int k = thread_index(); k < count * length; k += thread_count()) {
        const int64_t row = rows[k / length];
        // an index from nowhere reads a row that is there
        const int64_t safe = row < 0 ? 0 : (row < have ? row : have - 1);
        y[k] = x[safe * length + k % length];
    }
}

__device__ __forceinline__ int64_t in_row(int64_t place, int length) {
    return place < 0 ? 0 : (place < length ? place : length - 1);
}

// `many` elements of every row of x, at the places that `index` names.
extern "C" __global__ void take_along(const float* x, const int64_t* index, float* y, int count, int many,
                                      int length) {
    for (int k = thread_index(); k < count; k += thread_count()) {
        y[k] = x[static_cast<int64_t>(k / many) * length + in_row(index[k], length)];
    }
}

// The other way: rows of zeros with the elements of x added at those places, in order.
extern "C" __global__ void put_along(const float* x, const int64_t* index, float* y, int count, int many,
                                     int length) {
    for (int k = thread_index(); k < count; k += thread_count()) {
        const int64_t row = static_cast<int64_t>(k / length) * many;
        float total = 0.0f;
        for (int j = 0; j < many; ++j) {
            if (in_row(index[row + j], length) == k % length) total += x[row + j];
        }
        y[k] = total;
    }
}

}  // namespace gpukeras::cuda
