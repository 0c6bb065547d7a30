// Depthwise convolution of channels-last images; neighbouring threads have neighbouring channels.
#include "../kernels/depthwise.h"
#include "device.h"

namespace gpukeras::cuda {

extern "C" __global__ void depthwise_forward(const float* x, const float* w, float* y, Depthwise d) {
    const int count = d.samples * d.out_height * d.out_width * d.channels * d.multiplier;
    for (int k = thread_index(); k < count; k += thread_count()) y[k] = depthwise_output(d, x, w, k);
}

extern "C" __global__ void depthwise_backward_data(const float* dy, const float* w, float* dx, Depthwise d) {
    const int count = d.samples * d.height * d.width * d.channels;
    for (int k = thread_index(); k < count; k += thread_count())
        dx[k] = depthwise_input_gradient(d, dy, w, k);
}

constexpr int kChannels = 32;                  // of a block
constexpr int kPixels = kThreads / kChannels;  // of the result, at a time

// Block (x, y): channels [32 x, 32 x + 32) of tap y; the sum runs over all pixels in a fixed order.
extern "C" __global__ void depthwise_backward_kernel(const float* x, const float* dy, float* dw,
                                                     Depthwise d) {
    __shared__ float shared[kPixels][kChannels];
    const int lane = static_cast<int>(threadIdx.x) % kChannels,
              line = static_cast<int>(threadIdx.x) / kChannels;
    const int outs = d.channels * d.multiplier, channel = static_cast<int>(blockIdx.x) * kChannels + lane;
    const int i = static_cast<int>(blockIdx.y) / d.kernel_width,
              j = static_cast<int>(blockIdx.y) % d.kernel_width;
    const int pixels = d.samples * d.out_height * d.out_width;
    float total = 0.0f;
    if (channel < outs) {
        for (int p = line; p < pixels; p += kPixels)
            total += depthwise_kernel_gradient(d, x, dy, i, j, channel, p);
    }
    shared[line][lane] = total;
    __syncthreads();
    if (line != 0 || channel >= outs) return;
    for (int l = 1; l < kPixels; ++l) total += shared[l][lane];
    dw[static_cast<int>(blockIdx.y) * outs + channel] = total;
}

}  // namespace gpukeras::cuda
