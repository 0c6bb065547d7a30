// Steps of a plan over data that lives on the device. Where the next batch begins is a number on the device,
// so that one recorded step can be replayed for batch after batch.
#include "device.h"

namespace gpukeras::cuda {

// Rows [*begin, *begin + count) of x, or the rows that `order` names there.
template <typename From, typename To>
__device__ __forceinline__ void batch(const From* x, const int64_t* order, const int64_t* begin, To* y,
                                      int count, int length, int64_t have) {
    const int64_t first = *begin;
    for (int k = thread_index(); k < count * length; k += thread_count()) {
        const int64_t at = first + k / length;
        const int64_t row = order == nullptr ? at : order[at];
        // an index from nowhere reads a row that is there
        const int64_t safe = row < 0 ? 0 : (row < have ? row : have - 1);
        y[k] = static_cast<To>(x[safe * length + k % length]);
    }
}

#define GPUKERAS_BATCH(NAME, FROM, TO)                                                                 \
    extern "C" __global__ void batch_##NAME(const FROM* x, const int64_t* order, const int64_t* begin, \
                                            TO* y, int count, int length, int64_t have) {              \
        batch(x, order, begin, y, count, length, have);                                                \
    }
// numbers as they are, by their size in bytes
GPUKERAS_BATCH(copy1, uint8_t, uint8_t)
GPUKERAS_BATCH(copy2, uint16_t, uint16_t)
GPUKERAS_BATCH(copy4, uint32_t, uint32_t)
GPUKERAS_BATCH(copy8, uint64_t, uint64_t)
GPUKERAS_BATCH(uint8_float32, uint8_t, float)
GPUKERAS_BATCH(int32_float32, int32_t, float)
GPUKERAS_BATCH(int64_float32, int64_t, float)
GPUKERAS_BATCH(float64_float32, double, float)
GPUKERAS_BATCH(uint8_float64, uint8_t, double)
GPUKERAS_BATCH(int32_float64, int32_t, double)
GPUKERAS_BATCH(int64_float64, int64_t, double)
GPUKERAS_BATCH(float32_float64, float, double)
GPUKERAS_BATCH(uint8_int32, uint8_t, int32_t)
GPUKERAS_BATCH(int64_int32, int64_t, int32_t)

constexpr int kScalars = 16;

// Single numbers that come out of every step.
struct Scalars {
    const void* value[kScalars];
    int type[kScalars];  // 0: float, 1: double, 2: int32, 3: int64, 4: bool
    int count;
};

__device__ __forceinline__ double number(const void* value, int type) {
    switch (type) {
        case 0:
            return static_cast<double>(*static_cast<const float*>(value));
        case 1:
            return *static_cast<const double*>(value);
        case 2:
            return static_cast<double>(*static_cast<const int32_t*>(value));
        case 3:
            return static_cast<double>(*static_cast<const int64_t*>(value));
        default:
            return static_cast<double>(*static_cast<const uint8_t*>(value));
    }
}

// Ends a step: every number times the size of the batch is added to its total, and the next batch begins
// after this one. A single block.
extern "C" __global__ void end_step(Scalars scalars, double* totals, int64_t* begin, int size) {
    const int i = static_cast<int>(threadIdx.x);
    if (i < scalars.count) totals[i] += number(scalars.value[i], scalars.type[i]) * size;
    if (i == 0) *begin += size;
}

}  // namespace gpukeras::cuda
