// The point-wise part of one step of a recurrent layer, one thread per unit of a sample. The activations are
// chosen when this file is compiled: -DGPUKERAS_ACTIVATION=Relu -DGPUKERAS_GATE=Sigmoid, names of
// activations.h.
//
// Rows of gates lie side by side as in Keras' kernels. `x` is the input's product and bias, with `x_row`
// elements from one sample to the next; `u` the state's product. Absent arrays are null.
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

// One unit of one sample.
struct Unit {
    int sample, unit, k;
    bool valid;
};

__device__ __forceinline__ Unit unit_of(int samples, int units) {
    const int k = thread_index();
    return {k / units, k % units, k, k < samples * units};
}

__device__ __forceinline__ float plus_bias(const float* bias, int i) {
    return bias == nullptr ? 0.0f : bias[i];
}

extern "C" __global__ void lstm_forward(const float* x, int x_row, const float* u, const float* bias,
                                        const float* c_before, float* gates, float* h, float* c, float* act_c,
                                        int samples, int units) {
    const Unit at = unit_of(samples, units);
    if (!at.valid) return;
    const float* xs = x + at.sample * x_row;
    const int row = at.sample * 4 * units;
    float z[4];
    for (int j = 0; j < 4; ++j) {
        const int i = j * units + at.unit;
        z[j] = xs[i] + u[row + i] + plus_bias(bias, i);
    }
    LstmGates g = {z[0], z[1], z[2], z[3]};
    const LstmState s = LstmCell<A, R>::forward(g, c_before[at.k]);
    float* out = gates + row + at.unit;
    out[0] = g.i;
    out[units] = g.f;
    out[2 * units] = g.g;
    out[3 * units] = g.o;
    h[at.k] = s.h;
    c[at.k] = s.c;
    act_c[at.k] = s.act_c;
}

// `dc` comes as the gradient of this step's c and leaves as that of the step before.
extern "C" __global__ void lstm_backward(const float* gates, const float* c_before, const float* act_c,
                                         const float* dh, float* dc, float* dz, int samples, int units) {
    const Unit at = unit_of(samples, units);
    if (!at.valid) return;
    const int first = at.sample * 4 * units + at.unit;
    const float* in = gates + first;
    const LstmGates g = {in[0], in[units], in[2 * units], in[3 * units]};
    float carried = dc[at.k];
    const LstmGates d = LstmCell<A, R>::backward(g, c_before[at.k], act_c[at.k], dh[at.k], carried);
    dc[at.k] = carried;
    dz[first] = d.i;
    dz[first + units] = d.f;
    dz[first + 2 * units] = d.g;
    dz[first + 3 * units] = d.o;
}

// A GRU whose reset gate comes after the state's product `u`, which has a bias of its own.
extern "C" __global__ void gru_after_forward(const float* x, int x_row, const float* u, const float* bias,
                                             const float* u_bias, const float* h_before, float* gates,
                                             float* u_g, float* h, int samples, int units) {
    const Unit at = unit_of(samples, units);
    if (!at.valid) return;
    const float* xs = x + at.sample * x_row;
    const int row = at.sample * 3 * units;
    float from_x[3], from_h[3];
    for (int j = 0; j < 3; ++j) {
        const int i = j * units + at.unit;
        from_x[j] = xs[i] + plus_bias(bias, i);
        from_h[j] = u[row + i] + plus_bias(u_bias, i);
    }
    GruGates g = {from_x[0], from_x[1], from_x[2]};
    h[at.k] = GruCell<A, R>::forward(g, {from_h[0], from_h[1], from_h[2]}, h_before[at.k]);
    float* out = gates + row + at.unit;
    out[0] = g.z;
    out[units] = g.r;
    out[2 * units] = g.g;
    u_g[at.k] = from_h[2];
}

// dz: of what came from the input; du: of the state's product; dh_before: what goes past all products.
extern "C" __global__ void gru_after_backward(const float* gates, const float* u_g, const float* h_before,
                                              const float* dh, float* dz, float* du, float* dh_before,
                                              int samples, int units) {
    const Unit at = unit_of(samples, units);
    if (!at.valid) return;
    const int first = at.sample * 3 * units + at.unit;
    const GruGates g = {gates[first], gates[first + units], gates[first + 2 * units]};
    const GruGradient d = GruCell<A, R>::backward(g, u_g[at.k], h_before[at.k], dh[at.k]);
    dz[first] = d.x.z;
    dz[first + units] = d.x.r;
    dz[first + 2 * units] = d.x.g;
    du[first] = d.h.z;
    du[first + units] = d.h.r;
    du[first + 2 * units] = d.h.g;
    dh_before[at.k] = d.direct;
}

// A GRU whose reset gate comes before the product: the gates from `u` (samples, 2 units), and r h for that
// product.
extern "C" __global__ void gru_gates_forward(const float* x, int x_row, const float* u, const float* bias,
                                             const float* h_before, float* gates, float* reset, int samples,
                                             int units) {
    const Unit at = unit_of(samples, units);
    if (!at.valid) return;
    const float* xs = x + at.sample * x_row;
    const float* us = u + at.sample * 2 * units;
    const int z = at.unit, r = units + at.unit;
    const GruBefore g = GruBeforeCell<A, R>::gates(xs[z] + us[z] + plus_bias(bias, z),
                                                   xs[r] + us[r] + plus_bias(bias, r), h_before[at.k]);
    gates[at.sample * 3 * units + z] = g.z;
    gates[at.sample * 3 * units + r] = g.r;
    reset[at.k] = g.reset;
}

// ... and the state from the product `u` (samples, units) of r h.
extern "C" __global__ void gru_state_forward(const float* x, int x_row, const float* u, const float* bias,
                                             const float* h_before, float* gates, float* h, int samples,
                                             int units) {
    const Unit at = unit_of(samples, units);
    if (!at.valid) return;
    const int i = 2 * units + at.unit;
    float* row = gates + at.sample * 3 * units;
    float g = x[at.sample * x_row + i] + u[at.k] + plus_bias(bias, i);
    h[at.k] = GruBeforeCell<A, R>::forward(row[at.unit], g, h_before[at.k]);
    row[i] = g;
}

// Backwards in the other order: dz of the update gate and the candidate; dh_before as far as it is known.
extern "C" __global__ void gru_state_backward(const float* gates, const float* h_before, const float* dh,
                                              float* dz, float* dh_before, int samples, int units) {
    const Unit at = unit_of(samples, units);
    if (!at.valid) return;
    const int first = at.sample * 3 * units + at.unit;
    float direct;
    const GruGates d = GruBeforeCell<A, R>::backward(gates[first], gates[first + 2 * units], h_before[at.k],
                                                     dh[at.k], &direct);
    dz[first] = d.z;
    dz[first + 2 * units] = d.g;
    dh_before[at.k] = direct;
}

// ... and dz of the reset gate from the gradient of r h.
extern "C" __global__ void gru_gates_backward(const float* gates, const float* h_before, const float* d_reset,
                                              float* dz, float* dh_before, int samples, int units) {
    const Unit at = unit_of(samples, units);
    if (!at.valid) return;
    const int i = at.sample * 3 * units + units + at.unit;
    float direct = dh_before[at.k];
    dz[i] = GruBeforeCell<A, R>::backward_reset(gates[i], h_before[at.k], d_reset[at.k], &direct);
    dh_before[at.k] = direct;
}

extern "C" __global__ void simple_forward(const float* x, int x_row, const float* u, const float* bias,
                                          float* h, int samples, int units) {
    const Unit at = unit_of(samples, units);
    if (!at.valid) return;
    h[at.k] = SimpleCell<A>::forward(x[at.sample * x_row + at.unit] + u[at.k] + plus_bias(bias, at.unit));
}

extern "C" __global__ void simple_backward(const float* h, const float* dh, float* dz, int samples,
                                           int units) {
    const Unit at = unit_of(samples, units);
    if (at.valid) dz[at.k] = SimpleCell<A>::backward(h[at.k], dh[at.k]);
}

// A masked sample keeps its state: `out` is `after` where the mask holds, else `before`.
extern "C" __global__ void keep_state(const uint8_t* mask, int mask_row, const float* before,
                                      const float* after, float* out, int samples, int units) {
    const Unit at = unit_of(samples, units);
    if (at.valid) out[at.k] = mask[at.sample * mask_row] != 0 ? after[at.k] : before[at.k];
}

}  // namespace gpukeras::cuda
