// Whole sequences of a recurrent layer in one launch: a block takes a few samples through all steps, so that
// no block waits for another. The recurrent kernel is read again at every step, from the caches of the
// multiprocessor and of the chip: for layers of up to kMostUnits units that takes less time than the launches
// of recurrent_steps.cu. What it takes is the way from the chip's cache to the multiprocessor, so threads
// read four columns at once, and several share the rows of a column, to have enough on the way.
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
constexpr int kAhead = 8;                                                  // rows on their way to a thread
constexpr int kColumns = 4;                                                // of a thread, read at once
constexpr int kPlaces = kColumns * kThreads;  // sums that all threads together keep at once

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

// Neighbouring columns of a row.
template <int V>
struct alignas(sizeof(float) * V) Columns {
    float of[V];
};

// Adds left[k] times row k of some columns for k in [from, to), for all samples.
template <int V>
__device__ __forceinline__ void add_products(const Pack* left, const float* column, int from, int to,
                                             int stride, Pack* sum) {
    int k = from;
    for (; k + kAhead <= to; k += kAhead) {
        Columns<V> w[kAhead];
        for (int j = 0; j < kAhead; ++j) {
            w[j] = *reinterpret_cast<const Columns<V>*>(column + (k + j) * stride);
        }
        for (int j = 0; j < kAhead; ++j) {
            const Pack x = left[k + j];
            for (int v = 0; v < V; ++v) {
                for (int s = 0; s < kSamples; ++s) {
                    sum[v].of[s] = multiply_add(x.of[s], w[j].of[v], sum[v].of[s]);
                }
            }
        }
    }
    for (; k < to; ++k) {
        const Columns<V> w = *reinterpret_cast<const Columns<V>*>(column + k * stride);
        const Pack x = left[k];
        for (int v = 0; v < V; ++v) {
            for (int s = 0; s < kSamples; ++s) {
                sum[v].of[s] = multiply_add(x.of[s], w.of[v], sum[v].of[s]);
            }
        }
    }
}

// How the threads share products of vectors of U elements with the columns of some gates: `parts` of them
// have a part of the rows of each group of V columns.
struct Shares {
    int columns, groups, parts, rows;

    __device__ __forceinline__ Shares(int units, int gates, int v)
        : columns(gates * units),
          groups(columns / v),
          parts(groups < kThreads ? kThreads / groups : 1),
          rows((units + parts - 1) / parts) {}
};

template <int V, typename Left, typename Column>
__device__ __forceinline__ void multiply_columns(int units, int gates, int stride, Left left, Column column,
                                                 Pack* row) {
    const Shares shares(units, gates, V);
    for (int k = static_cast<int>(threadIdx.x); k < shares.groups * shares.parts; k += kThreads) {
        const int part = k / shares.groups, j = k % shares.groups * V;
        const int from = part * shares.rows, to = from + shares.rows;
        Pack sum[V] = {};
        add_products<V>(left(j / units), column(j), from, to < units ? to : units, stride, sum);
        for (int v = 0; v < V; ++v) row[part * shares.columns + j + v] = sum[v];
    }
}

// Whether threads may read four columns at once: then U is a multiple of 4, and so all four are of one gate.
__device__ __forceinline__ bool in_fours(int units, const float* matrix) {
    return units % kColumns == 0 && reinterpret_cast<uint64_t>(matrix) % (sizeof(float) * kColumns) == 0;
}

// Sums for columns of the gates [first, last): row[part][column], counted from those of the first.
template <typename Left, typename Column>
__device__ __forceinline__ void multiply_gates(int units, int gates, int stride, const float* matrix,
                                               Left left, Column column, Pack* row) {
    if (in_fours(units, matrix)) {
        multiply_columns<kColumns>(units, gates, stride, left, column, row);
    } else {
        multiply_columns<1>(units, gates, stride, left, column, row);
    }
}

// One sum: column `j` of `gates` gates for a sample of the block.
__device__ __forceinline__ float sum_at(const Pack* row, int units, int gates, const float* matrix, int j,
                                        int sample) {
    const Shares shares(units, gates, in_fours(units, matrix) ? kColumns : 1);
    float sum = 0.0f;
    for (int part = 0; part < shares.parts; ++part) sum += row[part * shares.columns + j].of[sample];
    return sum;
}

// Products of the state for gates [first, last).
template <typename Cell>
__device__ __forceinline__ void multiply(const Recurrence& r, int first, int last, const Pack* left,
                                         Pack* row) {
    const int skipped = first * r.units;
    multiply_gates(
        r.units, last - first, Cell::kGates * r.units, r.u,
        [&](int gate) { return left + Cell::slot(r, first + gate) * r.units; },
        [&](int j) { return r.u + skipped + j; }, row);
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
    __shared__ Pack left[(kGates + 1) * kMostUnits], row[kPlaces];
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
                    p[g] = sum_at(row, r.units, Cell::kFirst, r.u, g * r.units + item.at.unit, item.sample);
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
            constexpr int kDone = Cell::kReset ? Cell::kFirst : 0;  // gates that are in x already
            for (int g = kDone; g < kGates; ++g) {
                const int j = (g - kDone) * r.units + item.at.unit;
                p[g] = sum_at(row, r.units, kGates - kDone, r.u, j, item.sample);
            }
            Cell::forward(r, t, item.at, x[m], p, &state[m]);
            put_left<Cell>(r, item, state[m].h, left);
        }
        __syncthreads();
    }
}

// What the gates [first, last) send to each of the state's units.
__device__ __forceinline__ void multiply_back(const Recurrence& r, int first, int last, const Pack* dp,
                                              Pack* through) {
    const int one = r.units * r.units;
    multiply_gates(
        r.units, last - first, r.units, r.turned, [&](int gate) { return dp + (first + gate) * r.units; },
        [&](int j) { return r.turned + (first + j / r.units) * one + j % r.units; }, through);
}

template <typename Cell>
__device__ __forceinline__ void put_gradients(const Recurrence& r, const Item& item, const float* values,
                                              Pack* dp) {
    for (int g = 0; g < Cell::kGates; ++g) dp[g * r.units + item.at.unit].of[item.sample] = values[g];
}

template <typename Cell>
__device__ __forceinline__ void walk_backward(const Recurrence& r) {
    constexpr int kGates = Cell::kGates;
    __shared__ Pack dp[kGates * kMostUnits], through[kPlaces];
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
            multiply_back(r, Cell::kFirst, kGates, dp, through);
            __syncthreads();
            for (int m = 0; m < kItems; ++m) {
                const Item item = item_of(r, m);
                if (!item.valid) continue;
                const float sent = sum_at(through, r.units, 1, r.turned, item.at.unit, item.sample);
                Cell::backward_reset(r, t, item.at, kept[m], sent, &d[m], values[m]);
                put_gradients<Cell>(r, item, values[m], dp);
            }
            __syncthreads();
        }
        for (int m = 0; m < kItems; ++m) {
            const Item item = item_of(r, m);
            if (item.valid && t > 0) kept[m] = Cell::load(r, t - 1, item.at);
        }
        multiply_back(r, 0, Cell::kFirst, dp, through);
        __syncthreads();
        for (int m = 0; m < kItems; ++m) {
            const Item item = item_of(r, m);
            if (!item.valid) continue;
            float sum = 0.0f;
            for (int g = 0; g < Cell::kFirst; ++g) {
                const int j = g * r.units + item.at.unit;
                const float sent = sum_at(through, r.units, Cell::kFirst, r.turned, j, item.sample);
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
