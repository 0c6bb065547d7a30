// Whole sequences of a recurrent layer in one launch: a block takes a few samples through all steps, so that
// no block waits for another. The recurrent kernel is read again at every step, from the caches of the
// multiprocessor and of the chip: for layers of up to kMostUnits units that takes less time than the launches
// of recurrent_steps.cu.
//
// -DGPUKERAS_SAMPLES=4 chooses the number of samples of a block.
#include "recurrent.h"

#if !defined(GPUKERAS_SAMPLES)
#define GPUKERAS_SAMPLES 4
#endif

namespace gpukeras::cuda {

constexpr int kMostUnits = 128;
constexpr int kSamples = GPUKERAS_SAMPLES;
constexpr int kItems = (kSamples * kMostUnits + kThreads - 1) / kThreads;  // units of samples per thread
constexpr int kAhead = 8;                                                  // loads in flight

// The same element of all samples of a block.
struct alignas(sizeof(float) * kSamples) Pack {
    float of[kSamples];
};

struct Item {
    Place at;
    int sample;  // of the block
    bool valid;
};

__device__ __forceinline__ Item item_of(const Recurrence& r, int m) {
    const int k = static_cast<int>(threadIdx.x) + m * kThreads;
    const int sample = k / r.units, n = static_cast<int>(blockIdx.x) * kSamples + sample;
    return {{n, k % r.units}, sample, sample < kSamples && n < r.samples};
}

// The sum over k < count of left[k] times column[k * stride], for all samples.
__device__ __forceinline__ Pack product(const Pack* left, const float* column, int count, int stride) {
    Pack sum = {};
    int k = 0;
    for (; k + kAhead <= count; k += kAhead) {
        float w[kAhead];
        for (int j = 0; j < kAhead; ++j) w[j] = column[(k + j) * stride];
        for (int j = 0; j < kAhead; ++j) {
            const Pack x = left[k + j];
            for (int s = 0; s < kSamples; ++s) sum.of[s] = multiply_add(x.of[s], w[j], sum.of[s]);
        }
    }
    for (; k < count; ++k) {
        const Pack x = left[k];
        for (int s = 0; s < kSamples; ++s) sum.of[s] = multiply_add(x.of[s], column[k * stride], sum.of[s]);
    }
    return sum;
}

// Products of the state for gates [first, last): row[j] for every column j of the recurrent kernel.
template <typename Cell>
__device__ __forceinline__ void multiply(const Recurrence& r, int first, int last, const Pack* left,
                                         Pack* row) {
    const int width = Cell::kGates * r.units;
    for (int j = first * r.units + static_cast<int>(threadIdx.x); j < last * r.units; j += kThreads) {
        row[j] = product(left + Cell::slot(r, j / r.units) * r.units, r.u + j, r.units, width);
    }
}

// The state in the slots of the next products, but not where the reset gate has to come first.
template <typename Cell>
__device__ __forceinline__ void put_left(const Recurrence& r, const Item& item, float h, Pack* left) {
    const int count = Cell::slots(r) - (Cell::kReset ? 1 : 0);
    const float seen = Cell::seen(r, item.at, h);
    for (int s = 0; s < count; ++s) {
        left[s * r.units + item.at.unit].of[item.sample] = Cell::in_slot(r, s, item.at, seen);
    }
}

template <typename Cell>
__device__ __forceinline__ void walk_forward(const Recurrence& r) {
    constexpr int kGates = Cell::kGates;
    __shared__ Pack left[(kGates + 1) * kMostUnits], row[kGates * kMostUnits];
    State state[kItems];
    float x[kItems][kGates], p[kGates];
    for (int m = 0; m < kItems; ++m) {
        const Item item = item_of(r, m);
        if (!item.valid) continue;
        state[m] = first_state(r, item.at);
        put_left<Cell>(r, item, state[m].h, left);
    }
    __syncthreads();
    for (int t = 0; t < r.steps; ++t) {
        for (int m = 0; m < kItems; ++m) {
            const Item item = item_of(r, m);
            if (item.valid) Cell::inputs(r, t, item.at, x[m]);  // on their way while the products are made
        }
        multiply<Cell>(r, 0, Cell::kFirst, left, row);
        __syncthreads();
        if constexpr (Cell::kReset) {
            Pack* last = left + Cell::slot(r, kGates - 1) * r.units;
            for (int m = 0; m < kItems; ++m) {
                const Item item = item_of(r, m);
                if (!item.valid) continue;
                for (int g = 0; g < Cell::kFirst; ++g) {
                    p[g] = row[g * r.units + item.at.unit].of[item.sample];
                }
                last[item.at.unit].of[item.sample] = Cell::reset(r, item.at, x[m], p, state[m]);
            }
            __syncthreads();
            multiply<Cell>(r, Cell::kFirst, kGates, left, row);
            __syncthreads();
        }
        for (int m = 0; m < kItems; ++m) {
            const Item item = item_of(r, m);
            if (!item.valid) continue;
            for (int g = 0; g < kGates; ++g) p[g] = row[g * r.units + item.at.unit].of[item.sample];
            Cell::forward(r, t, item.at, x[m], p, &state[m]);
            put_left<Cell>(r, item, state[m].h, left);
        }
        __syncthreads();
    }
}

// Row g U + k: what gate g sends to the state's unit k.
template <typename Cell>
__device__ __forceinline__ void multiply_back(const Recurrence& r, int first, int last, const Pack* dp,
                                              Pack* through) {
    for (int j = first * r.units + static_cast<int>(threadIdx.x); j < last * r.units; j += kThreads) {
        const int gate = j / r.units;
        const float* column = r.turned + gate * r.units * r.units + j % r.units;
        through[j] = product(dp + gate * r.units, column, r.units, r.units);
    }
}

template <typename Cell>
__device__ __forceinline__ void put_gradients(const Recurrence& r, const Item& item, const float* values,
                                              Pack* dp) {
    for (int g = 0; g < Cell::kGates; ++g) dp[g * r.units + item.at.unit].of[item.sample] = values[g];
}

template <typename Cell>
__device__ __forceinline__ void walk_backward(const Recurrence& r) {
    constexpr int kGates = Cell::kGates;
    __shared__ Pack dp[kGates * kMostUnits], through[kGates * kMostUnits];
    State d[kItems];
    typename Cell::Kept kept[kItems];
    float values[kItems][kGates];
    for (int m = 0; m < kItems; ++m) {
        const Item item = item_of(r, m);
        if (!item.valid) continue;
        d[m] = last_gradient(r, item.at);
        kept[m] = Cell::load(r, r.steps - 1, item.at);
    }
    for (int t = r.steps - 1; t >= 0; --t) {
        for (int m = 0; m < kItems; ++m) {
            const Item item = item_of(r, m);
            if (!item.valid) continue;
            Cell::backward(r, t, item.at, kept[m], &d[m], values[m]);
            put_gradients<Cell>(r, item, values[m], dp);
        }
        __syncthreads();
        if constexpr (Cell::kReset) {
            multiply_back<Cell>(r, Cell::kFirst, kGates, dp, through);
            __syncthreads();
            for (int m = 0; m < kItems; ++m) {
                const Item item = item_of(r, m);
                if (!item.valid) continue;
                const float sent = through[Cell::kFirst * r.units + item.at.unit].of[item.sample];
                Cell::backward_reset(r, t, item.at, kept[m], sent, &d[m], values[m]);
                put_gradients<Cell>(r, item, values[m], dp);
            }
            __syncthreads();
        }
        for (int m = 0; m < kItems; ++m) {
            const Item item = item_of(r, m);
            if (item.valid && t > 0) kept[m] = Cell::load(r, t - 1, item.at);
        }
        multiply_back<Cell>(r, 0, Cell::kFirst, dp, through);
        __syncthreads();
        for (int m = 0; m < kItems; ++m) {
            const Item item = item_of(r, m);
            if (!item.valid) continue;
            float sum = 0.0f;
            for (int g = 0; g < Cell::kFirst; ++g) {
                const float sent = through[g * r.units + item.at.unit].of[item.sample];
                sum += Cell::in_slot(r, Cell::slot(r, g), item.at, sent);
            }
            d[m].h = Cell::joined(r, t, item.at, d[m].h, sum);
        }
    }
    for (int m = 0; m < kItems; ++m) {
        const Item item = item_of(r, m);
        if (!item.valid) continue;
        const int k = item.at.sample * r.units + item.at.unit;
        if (r.dh0 != nullptr) r.dh0[k] = d[m].h;
        if (r.dc0 != nullptr) r.dc0[k] = d[m].c;
    }
}

// The recurrent kernel with its axes exchanged, so that neighbouring threads of the backward pass read
// neighbouring elements.
extern "C" __global__ void walk_turn(Recurrence r, int width) {
    for (int k = thread_index(); k < r.units * width; k += thread_count()) {
        r.turned[k] = r.u[k % r.units * width + k / r.units];
    }
}

#define GPUKERAS_WALK(NAME, CELL)                                                             \
    extern "C" __global__ void walk_##NAME##_forward(Recurrence r) { walk_forward<CELL>(r); } \
    extern "C" __global__ void walk_##NAME##_backward(Recurrence r) { walk_backward<CELL>(r); }
GPUKERAS_WALK(simple, Simple)
GPUKERAS_WALK(lstm, Lstm)
GPUKERAS_WALK(gru, GruBeforeProduct)
GPUKERAS_WALK(gru_reset_after, GruAfter)

}  // namespace gpukeras::cuda
