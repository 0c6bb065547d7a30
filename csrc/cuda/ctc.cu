// The cost of connectionist temporal classification and its gradient, in three launches: sums of the rows; a
// block for each sample and direction, which walks through the steps; a block for each row of the gradient.
#include "../kernels/ctc.h"
#include "../kernels/losses.h"
#include "device.h"

namespace gpukeras::cuda {

// Filled by gpukeras/kernels/cuda/ctc.py. T steps, C classes of which the last is the blank, L labels; S = 2
// L
// + 1 states.
struct Ctc {
    const float* x;                        // (N, T, C)
    const int32_t *labels, *steps, *said;  // (N, L), (N), (N): numbers of steps and of labels
    float* norm;                           // (N, T): logarithms of the sums of e^x
    float* ways;                           // (2, N, T, S): logarithms of the ways to a state, and from it on
    int32_t* count;                        // (N): labels that are some
    float *loss, *cost;                    // (N): for the caller or null, and for the gradient
    float* dx;                             // (N, T, C), or null
    int samples, length, classes, most;    // N, T, C, L
};

struct CtcSumJoin {
    __device__ __forceinline__ SoftmaxSum operator()(SoftmaxSum a, SoftmaxSum b) const {
        return softmax_join(a, b);
    }
};

extern "C" __global__ void ctc_rows(Ctc c) {
    const float* row = c.x + static_cast<int64_t>(blockIdx.x) * c.classes;
    SoftmaxSum s = softmax_none();
    for (int i = static_cast<int>(threadIdx.x); i < c.classes; i += kThreads) s = softmax_add(s, row[i]);
    s = block_join(s, CtcSumJoin());
    if (threadIdx.x == 0) c.norm[blockIdx.x] = s.top + log_float(s.total);
}

__device__ __forceinline__ int steps_of(const Ctc& c, int sample) {
    const int steps = c.steps[sample];
    return steps < 0 ? 0 : (steps < c.length ? steps : c.length);
}

__device__ __forceinline__ float log_probability(const Ctc& c, int row, int which) {
    const float p = c.x[static_cast<int64_t>(row) * c.classes + which] - c.norm[row];
    return p < kCtcFloor ? kCtcFloor : p;
}

__device__ __forceinline__ float way(const float* row, int state, int states) {
    return state >= 0 && state < states ? row[state] : kCtcImpossible;
}

extern "C" __global__ void ctc_walk(Ctc c) {
    const int sample = static_cast<int>(blockIdx.x), blank = c.classes - 1, width = 2 * c.most + 1;
    const bool back = blockIdx.y == 1;
    const int32_t* labels = c.labels + static_cast<int64_t>(sample) * c.most;
    const int count = ctc_count(labels, c.most, c.said[sample], blank), steps = steps_of(c, sample);
    const int states = 2 * count + 1, direction = back ? -1 : 1;
    float* ways = c.ways + (static_cast<int64_t>(back ? c.samples : 0) + sample) * c.length *
                               static_cast<int64_t>(width);
    for (int k = 0; k < steps; ++k) {
        const int t = back ? steps - 1 - k : k;
        float* row = ways + static_cast<int64_t>(t) * width;
        const float* before = row - static_cast<int64_t>(direction) * width;
        for (int s = static_cast<int>(threadIdx.x); s < states; s += kThreads) {
            const int from_end = back ? states - 1 - s : s;
            float sum = from_end < 2 ? 0.0f : kCtcImpossible;
            if (k > 0) {
                const bool skips = ctc_skips(labels, back ? s + 2 : s) && from_end >= 2;
                sum = log_sum3(before[s], way(before, s - direction, states),
                               skips ? way(before, s - 2 * direction, states) : kCtcImpossible);
            }
            row[s] = sum + log_probability(c, sample * c.length + t, ctc_class(labels, s, blank));
        }
        __syncthreads();
    }
    if (back || threadIdx.x != 0) return;
    const float* last = ways + static_cast<int64_t>(steps - 1) * width;
    const float total =
        steps == 0 ? 0.0f : log_sum3(last[states - 1], way(last, states - 2, states), kCtcImpossible);
    const float cost = ctc_cost(total, steps, count);
    c.cost[sample] = cost;
    c.count[sample] = count;
    if (c.loss != nullptr) c.loss[sample] = cost;
}

// Softmax less the probability that the alignment is at each class; softmax alone where there is none.
extern "C" __global__ void ctc_gradient(Ctc c) {
    const int row = static_cast<int>(blockIdx.x), sample = row / c.length, t = row % c.length;
    const int blank = c.classes - 1, width = 2 * c.most + 1, states = 2 * c.count[sample] + 1;
    const int32_t* labels = c.labels + static_cast<int64_t>(sample) * c.most;
    const bool inside = t < steps_of(c, sample);
    const float cost = c.cost[sample];
    const bool possible = cost < 3.0e38f;
    float* there = c.ways + static_cast<int64_t>(row) * width;
    const float* on = there + static_cast<int64_t>(c.samples) * c.length * width;
    if (inside && possible) {
        for (int s = static_cast<int>(threadIdx.x); s < states; s += kThreads) {
            const float p = log_probability(c, row, ctc_class(labels, s, blank));
            there[s] = exp_float(there[s] + on[s] - p + cost);
        }
    }
    __syncthreads();
    for (int k = static_cast<int>(threadIdx.x); k < c.classes; k += kThreads) {
        const int64_t at = static_cast<int64_t>(row) * c.classes + k;
        float sum = 0.0f;
        if (inside && possible) {
            for (int s = k == blank ? 0 : 1; s < states; s += 2) {
                if (ctc_class(labels, s, blank) == k) sum += there[s];
            }
        }
        c.dx[at] = inside ? exp_float(c.x[at] - c.norm[row]) - sum : 0.0f;
    }
}

}  // namespace gpukeras::cuda
