// The point-wise part of one step of a recurrent layer, one thread per unit of a sample; the products of the
// state are made between the launches by a library. For layers that recurrent_walk.cu is not for.
//
// The products of gates with the same left side lie together in `row`: (gates, N, U) with a matrix (N, gates
// U) for each such group.
#include "recurrent.h"

namespace gpukeras::cuda {

__device__ __forceinline__ bool place_of(const Recurrence& r, Place* at) {
    const int k = thread_index();
    *at = {k / r.units, k % r.units};
    return k < r.samples * r.units;
}

// Where the product of a gate lies.
template <typename Cell>
__device__ __forceinline__ float& product_of(const Recurrence& r, int gate, Place at) {
    const int one = r.samples * r.units;
    if (r.drop_masks > 1) return r.row[gate * one + at.sample * r.units + at.unit];
    if (gate >= Cell::kFirst) return r.row[Cell::kFirst * one + at.sample * r.units + at.unit];
    return r.row[(at.sample * Cell::kFirst + gate) * r.units + at.unit];
}

template <typename Cell>
__device__ __forceinline__ void put_state(const Recurrence& r, Place at, State s) {
    const int one = r.samples * r.units, k = at.sample * r.units + at.unit;
    r.state[k] = s.h;
    if (r.cell != nullptr) r.cell[k] = s.c;
    const int count = Cell::slots(r) - (Cell::kReset ? 1 : 0);
    const float seen = Cell::seen(r, at, s.h);
    for (int slot = 0; slot < count; ++slot) r.left[slot * one + k] = Cell::in_slot(r, slot, at, seen);
}

__device__ __forceinline__ State state_at(const Recurrence& r, Place at) {
    const int k = at.sample * r.units + at.unit;
    return {r.state[k], r.cell == nullptr ? 0.0f : r.cell[k]};
}

template <typename Cell>
__device__ __forceinline__ void begin(const Recurrence& r) {
    Place at;
    if (place_of(r, &at)) put_state<Cell>(r, at, first_state(r, at));
}

// The gates that stand before the last product; they stay where their products were.
template <typename Cell>
__device__ __forceinline__ void reset(const Recurrence& r, int t) {
    Place at;
    if (!place_of(r, &at)) return;
    float x[Cell::kGates], p[Cell::kGates];
    Cell::inputs(r, t, at, x);
    for (int g = 0; g < Cell::kFirst; ++g) p[g] = product_of<Cell>(r, g, at);
    const int slot = Cell::slot(r, Cell::kGates - 1);
    r.left[(slot * r.samples + at.sample) * r.units + at.unit] = Cell::reset(r, at, x, p, state_at(r, at));
    for (int g = 0; g < Cell::kFirst; ++g) product_of<Cell>(r, g, at) = x[g];
}

template <typename Cell>
__device__ __forceinline__ void forward(const Recurrence& r, int t) {
    Place at;
    if (!place_of(r, &at)) return;
    float x[Cell::kGates], p[Cell::kGates];
    Cell::inputs(r, t, at, x);
    for (int g = 0; g < Cell::kGates; ++g) p[g] = product_of<Cell>(r, g, at);
    if constexpr (Cell::kReset) {
        for (int g = 0; g < Cell::kFirst; ++g) x[g] = p[g];
    }
    State s = state_at(r, at);
    Cell::forward(r, t, at, x, p, &s);
    put_state<Cell>(r, at, s);
}

// The gradient of the state before step t, from `state` and what came through the products: a matrix (N, U)
// for each left side, one after the other in `row`.
template <typename Cell>
__device__ __forceinline__ float state_gradient(const Recurrence& r, int t, Place at) {
    const int one = r.samples * r.units, k = at.sample * r.units + at.unit;
    const int count = Cell::slots(r) - (Cell::kReset ? 1 : 0);
    float sum = 0.0f;
    for (int slot = 0; slot < count; ++slot) sum += Cell::in_slot(r, slot, at, r.row[slot * one + k]);
    return Cell::joined(r, t, at, r.state[k], sum);
}

template <typename Cell>
__device__ __forceinline__ void backward(const Recurrence& r, int t) {
    Place at;
    if (!place_of(r, &at)) return;
    const int k = at.sample * r.units + at.unit;
    State d = last_gradient(r, at);
    if (t + 1 < r.steps) d = {state_gradient<Cell>(r, t + 1, at), r.cell == nullptr ? 0.0f : r.cell[k]};
    float dp[Cell::kGates];
    Cell::backward(r, t, at, Cell::load(r, t, at), &d, dp);
    r.state[k] = d.h;
    if (r.cell != nullptr) r.cell[k] = d.c;
}

template <typename Cell>
__device__ __forceinline__ void backward_reset(const Recurrence& r, int t) {
    Place at;
    if (!place_of(r, &at)) return;
    const int one = r.samples * r.units, k = at.sample * r.units + at.unit;
    const float through = r.row[Cell::slot(r, Cell::kGates - 1) * one + k];
    State d = {r.state[k], 0.0f};
    float dp[Cell::kGates];
    Cell::backward_reset(r, t, at, Cell::load(r, t, at), through, &d, dp);
    r.state[k] = d.h;
}

template <typename Cell>
__device__ __forceinline__ void end(const Recurrence& r) {
    Place at;
    if (!place_of(r, &at)) return;
    const int k = at.sample * r.units + at.unit;
    if (r.dh0 != nullptr) r.dh0[k] = state_gradient<Cell>(r, 0, at);
    if (r.dc0 != nullptr) r.dc0[k] = r.cell[k];
}

#define GPUKERAS_STEPS(NAME, CELL)                                                                   \
    extern "C" __global__ void step_##NAME##_begin(Recurrence r) { begin<CELL>(r); }                 \
    extern "C" __global__ void step_##NAME##_forward(Recurrence r, int t) { forward<CELL>(r, t); }   \
    extern "C" __global__ void step_##NAME##_backward(Recurrence r, int t) { backward<CELL>(r, t); } \
    extern "C" __global__ void step_##NAME##_end(Recurrence r) { end<CELL>(r); }
GPUKERAS_STEPS(simple, Simple)
GPUKERAS_STEPS(lstm, Lstm)
GPUKERAS_STEPS(gru, GruBeforeProduct)
GPUKERAS_STEPS(gru_reset_after, GruAfter)

extern "C" __global__ void step_gru_reset(Recurrence r, int t) { reset<GruBeforeProduct>(r, t); }
extern "C" __global__ void step_gru_backward_reset(Recurrence r, int t) {
    backward_reset<GruBeforeProduct>(r, t);
}

}  // namespace gpukeras::cuda
