// Rows of a data set gathered into a batch, converted on the way.
#include "device.h"

namespace gpukeras::cuda {

template <typename From, typename To>
__device__ __forceinline__ void gather(const From* x, const int64_t* rows, To* y, int count, int length,
                                       int have) {
    for (int k = thread_index(); k < count * length; k += thread_count()) {
        const int64_t row = rows[k / length];
        // an index from nowhere reads a row that is there
        const int64_t safe = row < 0 ? 0 : (row < have ? row : have - 1);
        y[k] = static_cast<To>(x[safe * length + k % length]);
    }
}

#define GPUKERAS_GATHER(NAME, FROM, TO)                                                            \
    extern "C" __global__ void gather_##NAME(const FROM* x, const int64_t* rows, TO* y, int count, \
                                             int length, int have) {                               \
        gather(x, rows, y, count, length, have);                                                   \
    }
GPUKERAS_GATHER(uint8_float32, uint8_t, float)
GPUKERAS_GATHER(int32_float32, int32_t, float)
GPUKERAS_GATHER(int64_float32, int64_t, float)
GPUKERAS_GATHER(float32_float32, float, float)
GPUKERAS_GATHER(float64_float32, double, float)
GPUKERAS_GATHER(float64_float64, double, double)
GPUKERAS_GATHER(int32_int32, int32_t, int32_t)
GPUKERAS_GATHER(int64_int32, int64_t, int32_t)
GPUKERAS_GATHER(int64_int64, int64_t, int64_t)
GPUKERAS_GATHER(uint8_uint8, uint8_t, uint8_t)

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
