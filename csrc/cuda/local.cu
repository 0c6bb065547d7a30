// Windows of a tensor as rows of matrices, and the sums of such rows: what locally connected layers multiply
// with their kernels. One thread per element of the result; axes that are missing have size 1.
#include "device.h"

namespace gpukeras::cuda {

// Filled by gpukeras/kernels/cuda/local.py. x is (N, *in, C), or (N, C, *in); rows are (*out, N, *size, C),
// or
// (*out, N, C, *size).
struct Windows {
    int samples, channels, channels_first;
    int in[3], out[3], size[3], strides[3];
};

// Place of an element in x, and in the rows.
__device__ __forceinline__ int in_tensor(const Windows& w, int n, const int* at, int c) {
    const int spatial = (at[0] * w.in[1] + at[1]) * w.in[2] + at[2], count = w.in[0] * w.in[1] * w.in[2];
    return w.channels_first != 0 ? (n * w.channels + c) * count + spatial
                                 : (n * count + spatial) * w.channels + c;
}

__device__ __forceinline__ int in_rows(const Windows& w, int n, const int* position, const int* tap, int c) {
    const int row = ((position[0] * w.out[1] + position[1]) * w.out[2] + position[2]) * w.samples + n;
    const int taps = w.size[0] * w.size[1] * w.size[2];
    const int k = (tap[0] * w.size[1] + tap[1]) * w.size[2] + tap[2];
    return row * taps * w.channels + (w.channels_first != 0 ? c * taps + k : k * w.channels + c);
}

// The number of the last of `count` entries, which is taken off `k`.
__device__ __forceinline__ int last_of(int& k, int count) {
    const int found = k % count;
    k /= count;
    return found;
}

__device__ __forceinline__ void last_three(int& k, const int* sizes, int* found) {
    for (int i = 2; i >= 0; --i) found[i] = last_of(k, sizes[i]);
}

extern "C" __global__ void patches(const float* x, float* rows, int count, Windows w) {
    for (int e = thread_index(); e < count; e += thread_count()) {
        int k = e, c = 0, tap[3], position[3], at[3];
        if (w.channels_first == 0) c = last_of(k, w.channels);
        last_three(k, w.size, tap);
        if (w.channels_first != 0) c = last_of(k, w.channels);
        const int n = last_of(k, w.samples);
        last_three(k, w.out, position);
        for (int i = 0; i < 3; ++i) at[i] = position[i] * w.strides[i] + tap[i];
        rows[e] = x[in_tensor(w, n, at, c)];
    }
}

extern "C" __global__ void patches_sum(const float* rows, float* x, int count, Windows w) {
    for (int e = thread_index(); e < count; e += thread_count()) {
        int k = e, c = 0, tap[3], position[3], at[3];
        if (w.channels_first == 0) c = last_of(k, w.channels);
        last_three(k, w.in, at);
        if (w.channels_first != 0) c = last_of(k, w.channels);
        const int n = k, taps = w.size[0] * w.size[1] * w.size[2];
        float total = 0.0f;
        for (int j = 0; j < taps; ++j) {
            int rest = j;
            last_three(rest, w.size, tap);
            bool hit = true;
            for (int i = 0; i < 3; ++i) {
                const int from = at[i] - tap[i];
                position[i] = from / w.strides[i];
                hit = hit && from >= 0 && from % w.strides[i] == 0 && position[i] < w.out[i];
            }
            if (hit) total += rows[in_rows(w, n, position, tap, c)];
        }
        x[e] = total;
    }
}

}  // namespace gpukeras::cuda
