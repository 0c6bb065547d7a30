// The point-wise part of recurrent steps, compiled once per instruction set (see isa.h).
#include "../kernels/recurrent.h"
#include "isa.h"
#include "recurrent_step.h"

namespace gpukeras::cpu {
namespace {

void add(const float* x, float* out, size_t count) {
#pragma GCC ivdep
    for (size_t i = 0; i < count; ++i) out[i] += x[i];
}

void multiply(const float* x, const float* y, float* out, size_t count) {
#pragma GCC ivdep
    for (size_t i = 0; i < count; ++i) out[i] = x[i] * y[i];
}

// out = z + product, and the biases where there are any.
inline void sums(const StepRows& r, const float* product, float* out, size_t from, size_t to) {
    const float *z = r.z, *bias = r.bias;
    if (bias == nullptr) {
#pragma GCC ivdep
        for (size_t i = from; i < to; ++i) out[i] = z[i] + product[i];
    } else {
#pragma GCC ivdep
        for (size_t i = from; i < to; ++i) out[i] = z[i] + product[i] + bias[i];
    }
}

void simple(const StepRows& r, const StepFunctions& f) {
    sums(r, r.product, r.y, 0, r.units);
    f.activate(r.y, r.y, r.units);
}

void simple_back(const StepRows& r, const StepFunctions& f) { f.slope(r.y, r.dh, r.dz, r.units); }

void lstm(const StepRows& r, const StepFunctions& f) {
    const size_t u = r.units;
    float* gates = r.gates;
    sums(r, r.product, gates, 0, 4 * u);
    f.gate_activate(gates, gates, 2 * u);
    f.activate(gates + 2 * u, gates + 2 * u, u);
    f.gate_activate(gates + 3 * u, gates + 3 * u, u);
#pragma GCC ivdep
    for (size_t i = 0; i < u; ++i) {
        r.new_c[i] = lstm_state({gates[i], gates[u + i], gates[2 * u + i], gates[3 * u + i]}, r.c[i]);
    }
    f.activate(r.new_c, r.tc, u);
    multiply(gates + 3 * u, r.tc, r.y, u);
}

void lstm_back(const StepRows& r, const StepFunctions& f) {
    const size_t u = r.units;
    const float* gates = r.gates;
    multiply(gates + 3 * u, r.dh, r.work, u);
    f.slope(r.tc, r.work, r.work, u);
#pragma GCC ivdep
    for (size_t i = 0; i < u; ++i) {
        const float dc = r.dc[i] + r.work[i];
        const LstmGates at = {gates[i], gates[u + i], gates[2 * u + i], gates[3 * u + i]};
        const LstmGates dz = lstm_gate_gradients(at, r.c[i], r.tc[i], r.dh[i], dc);
        r.dz[i] = dz.i;
        r.dz[u + i] = dz.f;
        r.dz[2 * u + i] = dz.g;
        r.dz[3 * u + i] = dz.o;
        r.dc[i] = dc * at.f;
    }
    f.gate_slope(gates, r.dz, r.dz, 2 * u);
    f.slope(gates + 2 * u, r.dz + 2 * u, r.dz + 2 * u, u);
    f.gate_slope(gates + 3 * u, r.dz + 3 * u, r.dz + 3 * u, u);
}

void gru_gates(const StepRows& r, const StepFunctions& f) {
    const size_t u = r.units;
    sums(r, r.product, r.gates, 0, 2 * u);
    f.gate_activate(r.gates, r.gates, 2 * u);
    multiply(r.gates + u, r.h, r.work, u);
}

inline void gru_output(const StepRows& r) {
    const size_t u = r.units;
#pragma GCC ivdep
    for (size_t i = 0; i < u; ++i) r.y[i] = gru_state_of({r.gates[i], 0, r.gates[2 * u + i]}, r.h[i]);
}

void gru_state(const StepRows& r, const StepFunctions& f) {
    const size_t u = r.units;
    float* candidate = r.gates + 2 * u;
    sums(r, r.hu - 2 * u, r.gates, 2 * u, 3 * u);
    f.activate(candidate, candidate, u);
    gru_output(r);
}

void gru_after(const StepRows& r, const StepFunctions& f) {
    const size_t u = r.units;
    if (r.rbias != nullptr) add(r.rbias, const_cast<float*>(r.product), 3 * u);
    sums(r, r.product, r.gates, 0, 2 * u);
    f.gate_activate(r.gates, r.gates, 2 * u);
    const float *hu = r.product + 2 * u, *bias = r.bias;
    float* candidate = r.gates + 2 * u;
#pragma GCC ivdep
    for (size_t i = 0; i < u; ++i) {
        candidate[i] = r.z[2 * u + i] + (bias == nullptr ? 0 : bias[2 * u + i]) + r.gates[u + i] * hu[i];
    }
    if (r.hu != nullptr) {
        for (size_t i = 0; i < u; ++i) r.hu[i] = hu[i];
    }
    f.activate(candidate, candidate, u);
    gru_output(r);
}

// dz of the candidate and of the update gate; dh becomes the part of it that goes past all products.
void gru_state_back(const StepRows& r, const StepFunctions& f) {
    const size_t u = r.units;
#pragma GCC ivdep
    for (size_t i = 0; i < u; ++i) {
        const float z = r.gates[i], g = r.gates[2 * u + i], dh = r.dh[i];
        r.dz[i] = dh * (r.h[i] - g);
        r.dz[2 * u + i] = dh * (1.0f - z);
        r.dh[i] = dh * z;
    }
    f.gate_slope(r.gates, r.dz, r.dz, u);
    f.slope(r.gates + 2 * u, r.dz + 2 * u, r.dz + 2 * u, u);
}

void gru_gates_back(const StepRows& r, const StepFunctions& f) {
    const size_t u = r.units;
    const float* reset = r.gates + u;
#pragma GCC ivdep
    for (size_t i = 0; i < u; ++i) {
        r.dz[u + i] = r.work[i] * r.h[i];
        r.dh[i] += r.work[i] * reset[i];
    }
    f.gate_slope(reset, r.dz + u, r.dz + u, u);
}

void gru_after_back(const StepRows& r, const StepFunctions& f) {
    const size_t u = r.units;
    const float* reset = r.gates + u;
    gru_state_back(r, f);
    multiply(r.dz + 2 * u, r.hu, r.dz + u, u);
    f.gate_slope(reset, r.dz + u, r.dz + u, u);
    for (size_t i = 0; i < 2 * u; ++i) r.dproduct[i] = r.dz[i];
    multiply(r.dz + 2 * u, reset, r.dproduct + 2 * u, u);
}

}  // namespace

const RecurrentKernels& GPUKERAS_JOIN(recurrent_kernels_, GPUKERAS_ISA)() {
    static constexpr RecurrentKernels kernels = {add,       multiply,       simple,         lstm,
                                                 gru_gates, gru_state,      gru_after,      simple_back,
                                                 lstm_back, gru_after_back, gru_state_back, gru_gates_back};
    return kernels;
}

}  // namespace gpukeras::cpu
