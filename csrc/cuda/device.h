// What the kernels of this folder share. They are compiled three ways from the same text: by nvcc, at run
// time through NVRTC, and in tests for a CPU, where tests/csrc/simulator.h stands in for the device. Compile
// with -fmad=false, so that no fused multiply-add changes a digit against csrc/cpu.
//
// Kernels are `extern "C"`, take pointers and numbers, and allocate nothing, so that they may be captured in
// a graph. Counts are ints: whoever launches them leaves tensors of 2^31 elements and more to others.
#pragma once

#include "../kernels/hd.h"

namespace gpukeras::cuda {

constexpr int kThreads = 256;  // of every block

__device__ __forceinline__ int thread_index() {
    return static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
}
__device__ __forceinline__ int thread_count() { return static_cast<int>(gridDim.x * blockDim.x); }

// a b + c in one instruction: sums of products keep more digits, and run twice as fast. A CPU is not asked
// for the same digits.
__device__ __forceinline__ float multiply_add(float a, float b, float c) {
#if defined(__CUDA_ARCH__)
    return __fmaf_rn(a, b, c);
#else
    return a * b + c;
#endif
}

// The values of all threads of a block joined, in an order that does not change from run to run. Every thread
// must get here, and gets the result.
template <typename T, typename Join>
__device__ __forceinline__ T block_join(T value, Join join) {
    __shared__ T parts[kThreads];
    const int at = static_cast<int>(threadIdx.x);
    __syncthreads();  // the last call's result may still be read
    parts[at] = value;
    for (int width = static_cast<int>(blockDim.x) / 2; width > 0; width /= 2) {
        __syncthreads();
        if (at < width) parts[at] = join(parts[at], parts[at + width]);
    }
    __syncthreads();
    return parts[0];
}

struct Plus {
    __device__ __forceinline__ float operator()(float a, float b) const { return a + b; }
};

__device__ __forceinline__ float block_sum(float value) { return block_join(value, Plus()); }

}  // namespace gpukeras::cuda
