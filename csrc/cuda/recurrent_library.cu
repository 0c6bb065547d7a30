// Weights of a recurrent layer between Keras' layout, gates side by side, and the one block that a library
// wants, in which each gate has matrices of its own, transposed.
#include "device.h"

namespace gpukeras::cuda {

// Filled by gpukeras/kernels/cuda/cudnn_rnn.py. Places are in elements, by gate in Keras' order; arrays that
// are absent are null.
struct LibraryWeights {
    float* block;
    float* kernel;     // (C, G U), with these strides in elements
    float* recurrent;  // (U, G U), likewise
    float* bias;       // (2 G U)
    int64_t kernel_row, kernel_column, recurrent_row, recurrent_column;
    int64_t kernel_at[4], recurrent_at[4], bias_at[4], recurrent_bias_at[4];
    int channels, units, gates;
};

// Calls f(the plain element, its place in the block) for all elements.
template <typename F>
__device__ __forceinline__ void each_weight(const LibraryWeights& w, F f) {
    const int width = w.gates * w.units, first = w.channels * width, second = first + w.units * width;
    for (int k = thread_index(); k < second + 2 * width; k += thread_count()) {
        const int column = k % width, gate = column / w.units, unit = column % w.units;
        if (k < first) {
            const int row = k / width;
            if (w.kernel == nullptr) continue;
            f(w.kernel + row * w.kernel_row + column * w.kernel_column,
              w.kernel_at[gate] + unit * w.channels + row);
        } else if (k < second) {
            const int row = (k - first) / width;
            if (w.recurrent == nullptr) continue;
            f(w.recurrent + row * w.recurrent_row + column * w.recurrent_column,
              w.recurrent_at[gate] + unit * w.units + row);
        } else if (w.bias != nullptr) {
            const int64_t* places = k - second < width ? w.bias_at : w.recurrent_bias_at;
            f(w.bias + (k - second), places[gate] + unit);
        }
    }
}

extern "C" __global__ void library_pack(LibraryWeights w) {
    each_weight(w, [&](const float* plain, int64_t at) { w.block[at] = *plain; });
}

extern "C" __global__ void library_unpack(LibraryWeights w) {
    each_weight(w, [&](float* plain, int64_t at) { *plain = w.block[at]; });
}

}  // namespace gpukeras::cuda
