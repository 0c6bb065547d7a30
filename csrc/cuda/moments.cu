// Mean and variance in one pass: of rows with one block each, or of columns (channels that lie side by side).
#include "../kernels/elementary.h"
#include "../kernels/moments.h"
#include "device.h"

namespace gpukeras::cuda {

struct MomentsJoin {
    __device__ __forceinline__ Moments operator()(Moments a, Moments b) const { return moments_join(a, b); }
};

__device__ __forceinline__ Moments moments_of_row(const float* x, int length) {
    Moments m = moments_none();
    for (int i = static_cast<int>(threadIdx.x); i < length; i += static_cast<int>(blockDim.x))
        m = moments_add(m, x[i]);
    return block_join(m, MomentsJoin());
}

extern "C" __global__ void row_moments(const float* x, float* mean, float* variance, int length) {
    const Moments m = moments_of_row(x + static_cast<int>(blockIdx.x) * length, length);
    if (threadIdx.x != 0) return;
    mean[blockIdx.x] = m.mean;
    variance[blockIdx.x] = moments_variance(m);
}

// The same as a part of something larger; row r's lies at part[r].
extern "C" __global__ void row_moments_parts(const float* x, float* part, int length) {
    const Moments m = moments_of_row(x + static_cast<int>(blockIdx.x) * length, length);
    if (threadIdx.x != 0) return;
    float* out = part + 3 * static_cast<int>(blockIdx.x);
    out[0] = m.count;
    out[1] = m.mean;
    out[2] = m.squares;
}

constexpr int kColumns = 32;                 // of a tile
constexpr int kLines = kThreads / kColumns;  // threads per column

// Block (x, y): columns [32 x, 32 x + 32) of the y-th stretch of rows; its part lies at part[y * columns +
// column].
extern "C" __global__ void column_moments_parts(const float* x, float* part, int rows, int columns) {
    __shared__ Moments shared[kLines][kColumns];
    const int lane = static_cast<int>(threadIdx.x) % kColumns,
              line = static_cast<int>(threadIdx.x) / kColumns;
    const int column = static_cast<int>(blockIdx.x) * kColumns + lane;
    const int stretch = (rows + static_cast<int>(gridDim.y) - 1) / static_cast<int>(gridDim.y);
    const int first = static_cast<int>(blockIdx.y) * stretch,
              end = first + stretch < rows ? first + stretch : rows;
    Moments m = moments_none();
    if (column < columns) {
        for (int r = first + line; r < end; r += kLines) m = moments_add(m, x[r * columns + column]);
    }
    shared[line][lane] = m;
    __syncthreads();
    if (line != 0 || column >= columns) return;
    for (int l = 1; l < kLines; ++l) m = moments_join(m, shared[l][lane]);
    float* out = part + 3 * (static_cast<int>(blockIdx.y) * columns + column);
    out[0] = m.count;
    out[1] = m.mean;
    out[2] = m.squares;
}

extern "C" __global__ void column_moments(const float* part, int parts, float* mean, float* variance,
                                          int columns) {
    const int column = thread_index();
    if (column >= columns) return;
    Moments m = moments_none();
    for (int i = 0; i < parts; ++i) {
        const float* p = part + 3 * (i * columns + column);
        m = moments_join(m, {p[0], p[1], p[2]});
    }
    mean[column] = m.mean;
    variance[column] = moments_variance(m);
}

}  // namespace gpukeras::cuda
