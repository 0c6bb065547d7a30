// One unit of one sample at one step of a recurrent layer, forward and backward: what recurrent_walk.cu and
// recurrent_steps.cu share. The activations are chosen when they are compiled: -DGPUKERAS_ACTIVATION=Relu
// -DGPUKERAS_GATE=Sigmoid, names of activations.h.
//
// Sequences are (T, N, .) and contiguous unless strides are given; gates lie side by side as in Keras'
// kernels. Arrays that are absent are null.
#pragma once

#include "../kernels/recurrent.h"
#include "device.h"

#if !defined(GPUKERAS_ACTIVATION)
#define GPUKERAS_ACTIVATION Tanh
#endif
#if !defined(GPUKERAS_GATE)
#define GPUKERAS_GATE HardSigmoid
#endif

namespace gpukeras::cuda {

using A = GPUKERAS_ACTIVATION;
using R = GPUKERAS_GATE;

// What a launch is given; gpukeras/kernels/cuda/recurrent.py fills it field by field. Strides are in
// elements.
struct Recurrence {
    const float* u;          // (U, G U)
    const float* z;          // (T, N, G U), products of the inputs
    const float* bias;       // (G U)
    const float* rbias;      // (G U), added to the products of the state
    const float* drops;      // (drop_masks, N, U), factors of the state
    const uint8_t* mask;     // (T, N), 0 where a step is passed over
    const float *h0, *c0;    // (N, U), before the first step
    float *gates, *ys, *cs;  // (T, N, .): what the forward pass keeps
    float *tcs, *hus;
    float *h, *c;                   // (N, U), after the last step
    const float *dys, *dh, *dc;     // gradients that flow in
    float *dz, *dproduct;           // (T, N, G U): gradients of the two products; often the same array
    float *dh0, *dc0, *lefts;       // lefts: (slots, T, N, U), what the recurrent kernel was multiplied with
    float *row, *left;              // one step's products, and what they are made from
    float *state, *cell, *turned;   // (N, U); (G U, U), the recurrent kernel with its axes exchanged
    int64_t mask_row, mask_column;  // from step to step, from sample to sample
    int64_t dys_row, dys_column;
    int64_t h0_row, h0_column, c0_row, c0_column;
    int64_t dh_row, dh_column, dc_row, dc_column;
    int steps, samples, units, drop_masks;
};

struct Place {
    int sample, unit;
};

// The states a unit carries from step to step, or their gradients.
struct State {
    float h, c;
};

__device__ __forceinline__ bool rests(const Recurrence& r, int t, Place at) {
    return r.mask != nullptr && r.mask[t * r.mask_row + at.sample * r.mask_column] == 0;
}

__device__ __forceinline__ int state_index(const Recurrence& r, int t, Place at) {
    return (t * r.samples + at.sample) * r.units + at.unit;
}

__device__ __forceinline__ float strided(const float* x, int64_t row, int64_t column, Place at) {
    return x == nullptr ? 0.0f : x[at.sample * row + at.unit * column];
}

__device__ __forceinline__ float dropped(const Recurrence& r, int which, Place at, float value) {
    return value * r.drops[(which * r.samples + at.sample) * r.units + at.unit];
}

__device__ __forceinline__ State first_state(const Recurrence& r, Place at) {
    return {strided(r.h0, r.h0_row, r.h0_column, at), strided(r.c0, r.c0_row, r.c0_column, at)};
}

__device__ __forceinline__ State last_gradient(const Recurrence& r, Place at) {
    return {strided(r.dh, r.dh_row, r.dh_column, at), strided(r.dc, r.dc_row, r.dc_column, at)};
}

__device__ __forceinline__ float arriving(const Recurrence& r, int t, Place at) {
    if (r.dys == nullptr) return 0.0f;
    return r.dys[t * r.dys_row + at.sample * r.dys_column + at.unit];
}

// What the cells share. A product of the state has a left side, its slot: one for all gates, or one for each
// where they have dropout masks of their own; a GRU's last gate may want one that the reset gate multiplied.
template <int gates, bool reset_first, bool mask_on_state>
struct Cell {
    static constexpr int kGates = gates;
    static constexpr bool kReset = reset_first;

    static __device__ __forceinline__ int slots(const Recurrence& r) {
        return r.drop_masks > 1 ? gates : (reset_first ? 2 : 1);
    }
    static __device__ __forceinline__ int slot(const Recurrence& r, int gate) {
        return r.drop_masks > 1 ? gate : (reset_first && gate == gates - 1 ? 1 : 0);
    }
    // Number of gates whose products are made before the reset gate is known.
    static constexpr int kFirst = reset_first ? gates - 1 : gates;

    // The state as the cell sees it: a GRU's only mask falls on the state itself.
    static __device__ __forceinline__ float seen(const Recurrence& r, Place at, float h) {
        return mask_on_state && r.drop_masks == 1 ? dropped(r, 0, at, h) : h;
    }
    static __device__ __forceinline__ bool masked_in_slots(const Recurrence& r) {
        return r.drop_masks > 1 || (r.drop_masks == 1 && !mask_on_state);
    }
    static __device__ __forceinline__ float in_slot(const Recurrence& r, int slot, Place at, float value) {
        return masked_in_slots(r) ? dropped(r, slot, at, value) : value;
    }

    // The sums of the inputs of a step.
    static __device__ __forceinline__ void inputs(const Recurrence& r, int t, Place at, float* x) {
        const float* z = r.z + (t * r.samples + at.sample) * gates * r.units + at.unit;
        for (int g = 0; g < gates; ++g) {
            x[g] = z[g * r.units] + (r.bias == nullptr ? 0.0f : r.bias[g * r.units + at.unit]);
        }
    }

    static __device__ __forceinline__ float* gates_at(const Recurrence& r, float* array, int t, Place at) {
        return array + (t * r.samples + at.sample) * gates * r.units + at.unit;
    }

    // The gradients of both products of a step, `dx` and `dp`.
    static __device__ __forceinline__ void put(const Recurrence& r, int t, Place at, const float* dx,
                                               const float* dp, int first, int last) {
        float *x = gates_at(r, r.dz, t, at), *p = gates_at(r, r.dproduct, t, at);
        for (int g = first; g < last; ++g) {
            x[g * r.units] = dx[g];
            if (p != x) p[g * r.units] = dp[g];
        }
    }

    // Ends a step: masked samples keep their state.
    static __device__ __forceinline__ void keep(const Recurrence& r, int t, Place at, State now, State* s) {
        if (!rests(r, t, at)) *s = now;
        const int k = state_index(r, t, at);
        if (r.ys != nullptr) r.ys[k] = s->h;
        if (r.cs != nullptr) r.cs[k] = s->c;
        if (t + 1 < r.steps) return;
        const int last = at.sample * r.units + at.unit;
        if (r.h != nullptr) r.h[last] = s->h;
        if (r.c != nullptr) r.c[last] = s->c;
    }

    // For the gradient of the recurrent kernel: what stood left of it.
    static __device__ __forceinline__ void put_lefts(const Recurrence& r, int t, Place at, float h,
                                                     float reset) {
        if (r.lefts == nullptr) return;
        const int all = r.steps * r.samples * r.units;
        const int count = slots(r);
        for (int s = 0; s < count; ++s) {
            const float value = reset_first && s == count - 1 ? reset * h : h;
            r.lefts[s * all + state_index(r, t, at)] = in_slot(r, s, at, value);
        }
    }

    // State before step t, as the gradient sees it.
    static __device__ __forceinline__ float before(const Recurrence& r, int t, Place at) {
        return t > 0 ? r.ys[state_index(r, t - 1, at)] : strided(r.h0, r.h0_row, r.h0_column, at);
    }

    // What reaches the state before step t: `direct`, and what comes `through` the products.
    static __device__ __forceinline__ float joined(const Recurrence& r, int t, Place at, float direct,
                                                   float through) {
        const float sum = direct + through;
        return mask_on_state && r.drop_masks == 1 && !rests(r, t, at) ? dropped(r, 0, at, sum) : sum;
    }
};

struct Simple : Cell<1, false, false> {
    struct Kept {
        float y, before, dy;
    };
    static __device__ __forceinline__ void forward(const Recurrence& r, int t, Place at, float* x,
                                                   const float* p, State* s) {
        keep(r, t, at, {SimpleCell<A>::forward(x[0] + p[0]), 0.0f}, s);
    }
    static __device__ __forceinline__ Kept load(const Recurrence& r, int t, Place at) {
        return {r.ys[state_index(r, t, at)], before(r, t, at), arriving(r, t, at)};
    }
    // d comes as the gradient of the states after the step; d->h leaves as what goes past the products, d->c
    // as that of the cell state before.
    static __device__ __forceinline__ void backward(const Recurrence& r, int t, Place at, const Kept& k,
                                                    State* d, float* dp) {
        const float dh = d->h + k.dy;
        const bool rest = rests(r, t, at);
        dp[0] = rest ? 0.0f : SimpleCell<A>::backward(k.y, dh);
        d->h = rest ? dh : 0.0f;
        put(r, t, at, dp, dp, 0, 1);
        put_lefts(r, t, at, k.before, 0.0f);
    }
};

struct Lstm : Cell<4, false, false> {
    struct Kept {
        LstmGates gates;
        float c_before, act_c, before, dy;
    };
    static __device__ __forceinline__ void forward(const Recurrence& r, int t, Place at, float* x,
                                                   const float* p, State* s) {
        LstmGates g = {x[0] + p[0], x[1] + p[1], x[2] + p[2], x[3] + p[3]};
        const LstmState now = LstmCell<A, R>::forward(g, s->c);
        if (r.gates != nullptr) {
            float* out = gates_at(r, r.gates, t, at);
            out[0] = g.i;
            out[r.units] = g.f;
            out[2 * r.units] = g.g;
            out[3 * r.units] = g.o;
        }
        if (r.tcs != nullptr) r.tcs[state_index(r, t, at)] = now.act_c;
        keep(r, t, at, {now.h, now.c}, s);
    }
    static __device__ __forceinline__ Kept load(const Recurrence& r, int t, Place at) {
        const float* g = gates_at(r, r.gates, t, at);
        const float c = t > 0 ? r.cs[state_index(r, t - 1, at)] : strided(r.c0, r.c0_row, r.c0_column, at);
        return {{g[0], g[r.units], g[2 * r.units], g[3 * r.units]},
                c,
                r.tcs[state_index(r, t, at)],
                before(r, t, at),
                arriving(r, t, at)};
    }
    static __device__ __forceinline__ void backward(const Recurrence& r, int t, Place at, const Kept& k,
                                                    State* d, float* dp) {
        const float dh = d->h + k.dy;
        const bool rest = rests(r, t, at);
        float dc = d->c;
        const LstmGates g = LstmCell<A, R>::backward(k.gates, k.c_before, k.act_c, dh, dc);
        dp[0] = rest ? 0.0f : g.i;
        dp[1] = rest ? 0.0f : g.f;
        dp[2] = rest ? 0.0f : g.g;
        dp[3] = rest ? 0.0f : g.o;
        *d = {rest ? dh : 0.0f, rest ? d->c : dc};
        put(r, t, at, dp, dp, 0, 4);
        put_lefts(r, t, at, k.before, 0.0f);
    }
};

// A GRU whose reset gate comes after the product of the state, which may have a bias of its own.
struct GruAfter : Cell<3, false, true> {
    struct Kept {
        GruGates gates;
        float hu, before, dy;
    };
    static __device__ __forceinline__ void forward(const Recurrence& r, int t, Place at, float* x,
                                                   const float* p, State* s) {
        float own[3];
        for (int g = 0; g < 3; ++g) {
            own[g] = p[g] + (r.rbias == nullptr ? 0.0f : r.rbias[g * r.units + at.unit]);
        }
        GruGates g = {x[0], x[1], x[2]};
        const float h = GruCell<A, R>::forward(g, {own[0], own[1], own[2]}, seen(r, at, s->h));
        if (r.gates != nullptr) {
            float* out = gates_at(r, r.gates, t, at);
            out[0] = g.z;
            out[r.units] = g.r;
            out[2 * r.units] = g.g;
        }
        if (r.hus != nullptr) r.hus[state_index(r, t, at)] = own[2];
        keep(r, t, at, {h, 0.0f}, s);
    }
    static __device__ __forceinline__ Kept load(const Recurrence& r, int t, Place at) {
        const float* g = gates_at(r, r.gates, t, at);
        return {{g[0], g[r.units], g[2 * r.units]},
                r.hus[state_index(r, t, at)],
                before(r, t, at),
                arriving(r, t, at)};
    }
    static __device__ __forceinline__ void backward(const Recurrence& r, int t, Place at, const Kept& k,
                                                    State* d, float* dp) {
        const float dh = d->h + k.dy, h = seen(r, at, k.before);
        const bool rest = rests(r, t, at);
        const GruGradient g = GruCell<A, R>::backward(k.gates, k.hu, h, dh);
        const float dx[3] = {rest ? 0.0f : g.x.z, rest ? 0.0f : g.x.r, rest ? 0.0f : g.x.g};
        dp[0] = rest ? 0.0f : g.h.z;
        dp[1] = rest ? 0.0f : g.h.r;
        dp[2] = rest ? 0.0f : g.h.g;
        d->h = rest ? dh : g.direct;
        put(r, t, at, dx, dp, 0, 3);
        put_lefts(r, t, at, h, 0.0f);
    }
};

// A GRU whose reset gate comes before the last product: `gates` works between the products.
struct GruBeforeProduct : Cell<3, true, true> {
    struct Kept {
        GruGates gates;
        float before, dy;
    };
    // x becomes the two gates; the result stands left of the last product.
    static __device__ __forceinline__ float reset(const Recurrence& r, Place at, float* x, const float* p,
                                                  const State& s) {
        const GruBefore g = GruBeforeCell<A, R>::gates(x[0] + p[0], x[1] + p[1], seen(r, at, s.h));
        x[0] = g.z;
        x[1] = g.r;
        return in_slot(r, 2, at, g.reset);
    }
    static __device__ __forceinline__ void forward(const Recurrence& r, int t, Place at, float* x,
                                                   const float* p, State* s) {
        float g = x[2] + p[2];
        const float h = GruBeforeCell<A, R>::forward(x[0], g, seen(r, at, s->h));
        if (r.gates != nullptr) {
            float* out = gates_at(r, r.gates, t, at);
            out[0] = x[0];
            out[r.units] = x[1];
            out[2 * r.units] = g;
        }
        keep(r, t, at, {h, 0.0f}, s);
    }
    static __device__ __forceinline__ Kept load(const Recurrence& r, int t, Place at) {
        const float* g = gates_at(r, r.gates, t, at);
        return {{g[0], g[r.units], g[2 * r.units]}, before(r, t, at), arriving(r, t, at)};
    }
    static __device__ __forceinline__ void backward(const Recurrence& r, int t, Place at, const Kept& k,
                                                    State* d, float* dp) {
        const float dh = d->h + k.dy, h = seen(r, at, k.before);
        const bool rest = rests(r, t, at);
        float direct;
        const GruGates g = GruBeforeCell<A, R>::backward(k.gates.z, k.gates.g, h, dh, &direct);
        dp[0] = rest ? 0.0f : g.z;
        dp[1] = 0.0f;
        dp[2] = rest ? 0.0f : g.g;
        d->h = rest ? dh : direct;
        put(r, t, at, dp, dp, 0, 3);
        put_lefts(r, t, at, h, k.gates.r);
    }
    // The reset gate's part, from what comes `through` the last product.
    static __device__ __forceinline__ void backward_reset(const Recurrence& r, int t, Place at, const Kept& k,
                                                          float through, State* d, float* dp) {
        if (rests(r, t, at)) return;
        const float h = seen(r, at, k.before);
        dp[1] = GruBeforeCell<A, R>::backward_reset(k.gates.r, h, in_slot(r, 2, at, through), &d->h);
        put(r, t, at, dp, dp, 1, 2);
    }
};

}  // namespace gpukeras::cuda
