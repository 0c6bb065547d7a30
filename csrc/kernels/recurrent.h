// The point-wise part of one LSTM or GRU step for one unit of one sample: everything but the two matrix
// products. A is the activation, R the activation of the gates, both from activations.h, whose slopes follow
// from their values; so a backward pass needs the gates, the states and nothing that went into them.
#pragma once

#include "activations.h"
#include "hd.h"

namespace gpukeras {

struct LstmGates {
    float i, f, g, o;
};

struct LstmState {
    float h, c;
    float act_c;  // activation of c, kept for the backward pass
};

// The new cell state, from activated gates.
GPUKERAS_HD float lstm_state(const LstmGates& gates, float c_before) {
    return gates.f * c_before + gates.i * gates.g;
}

// Gradients of the activated gates, from that of the output and the whole one of the cell state.
GPUKERAS_HD LstmGates lstm_gate_gradients(const LstmGates& gates, float c_before, float act_c, float dh,
                                          float dc) {
    return {dc * gates.g, dc * c_before, dc * gates.i, dh * act_c};
}

// S. Hochreiter, J. Schmidhuber, "Long Short-Term Memory", 1997; gates in Keras' order.
template <typename A, typename R>
struct LstmCell {
    // `z` holds the sums of both products and the bias, and is turned into the gates.
    GPUKERAS_HD_MEMBER LstmState forward(LstmGates& z, float c_before) {
        z = {R::value(z.i), R::value(z.f), A::value(z.g), R::value(z.o)};
        const float c = lstm_state(z, c_before);
        const float act_c = A::value(c);
        return {z.o * act_c, c, act_c};
    }

    // Gradients of `z`; `dc` comes as that of this step's c and leaves as that of the step before.
    GPUKERAS_HD_MEMBER LstmGates backward(const LstmGates& gates, float c_before, float act_c, float dh,
                                          float& dc) {
        dc += dh * gates.o * A::slope(act_c);
        const LstmGates d = lstm_gate_gradients(gates, c_before, act_c, dh, dc);
        dc *= gates.f;
        return {d.i * R::slope(gates.i), d.f * R::slope(gates.f), d.g * A::slope(gates.g),
                d.o * R::slope(gates.o)};
    }
};

struct GruGates {
    float z, r, g;
};

struct GruGradient {
    GruGates x;    // of what came from the input
    GruGates h;    // of the products of the state
    float direct;  // what reaches the state before past all products
};

// The new state, from activated gates: h z + (1 - z) g.
GPUKERAS_HD float gru_state_of(const GruGates& gates, float h_before) {
    return gates.g + gates.z * (h_before - gates.g);
}

// K. Cho and others, "Learning Phrase Representations using RNN Encoder-Decoder", 2014, with the reset gate
// applied after the product, as cuDNN has it.
template <typename A, typename R>
struct GruCell {
    // `x` holds the product of the input and its bias, and is turned into the gates; `u` that of the state.
    GPUKERAS_HD_MEMBER float forward(GruGates& x, const GruGates& u, float h_before) {
        const float z = R::value(x.z + u.z);
        const float r = R::value(x.r + u.r);
        x = {z, r, A::value(x.g + r * u.g)};
        return gru_state_of(x, h_before);
    }

    // `u_g` is the last gate's product of the state.
    GPUKERAS_HD_MEMBER GruGradient backward(const GruGates& gates, float u_g, float h_before, float dh) {
        const float dg = dh * (1.0f - gates.z) * A::slope(gates.g);
        const float dz = dh * (h_before - gates.g) * R::slope(gates.z);
        const float dr = dg * u_g * R::slope(gates.r);
        return {{dz, dr, dg}, {dz, dr, dg * gates.r}, dh * gates.z};
    }
};

struct GruBefore {
    float z, r, reset;  // gates, and r h, which the last product takes
};

// The same with the reset gate applied before the last product, as Keras' GRU does by default: two steps with
// a matrix product between them.
template <typename A, typename R>
struct GruBeforeCell {
    GPUKERAS_HD_MEMBER GruBefore gates(float z, float r, float h_before) {
        const float reset = R::value(r);
        return {R::value(z), reset, reset * h_before};
    }

    // `g` is the sum of both products and the bias, and is turned into the candidate.
    GPUKERAS_HD_MEMBER float forward(float z, float& g, float h_before) {
        g = A::value(g);
        return gru_state_of({z, 0.0f, g}, h_before);
    }

    // Gradients of the update gate's and the candidate's sums; `direct` is what reaches the state before.
    GPUKERAS_HD_MEMBER GruGates backward(float z, float g, float h_before, float dh, float* direct) {
        *direct = dh * z;
        return {dh * (h_before - g) * R::slope(z), 0.0f, dh * (1.0f - z) * A::slope(g)};
    }

    // Gradient of the reset gate's sum, from that of r h; `direct` grows by what reaches the state before.
    GPUKERAS_HD_MEMBER float backward_reset(float r, float h_before, float d_reset, float* direct) {
        *direct += d_reset * r;
        return d_reset * h_before * R::slope(r);
    }
};

// y = A(x), the cell of a SimpleRNN.
template <typename A>
struct SimpleCell {
    GPUKERAS_HD_MEMBER float forward(float x) { return A::value(x); }
    GPUKERAS_HD_MEMBER float backward(float y, float dh) { return dh * A::slope(y); }
};

}  // namespace gpukeras
