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

// S. Hochreiter, J. Schmidhuber, "Long Short-Term Memory", 1997; gates in Keras' order.
template <typename A, typename R>
struct LstmCell {
    // `z` holds the sums of both products and the bias, and is turned into the gates.
    GPUKERAS_HD_MEMBER LstmState forward(LstmGates& z, float c_before) {
        z = {R::value(z.i), R::value(z.f), A::value(z.g), R::value(z.o)};
        const float c = z.f * c_before + z.i * z.g;
        const float act_c = A::value(c);
        return {z.o * act_c, c, act_c};
    }

    // Gradients of `z`; `dc` comes as that of this step's c and leaves as that of the step before.
    GPUKERAS_HD_MEMBER LstmGates backward(const LstmGates& gates, float c_before, float act_c, float dh,
                                          float& dc) {
        dc += dh * gates.o * A::slope(act_c);
        const LstmGates dz = {dc * gates.g * R::slope(gates.i), dc * c_before * R::slope(gates.f),
                              dc * gates.i * A::slope(gates.g), dh * act_c * R::slope(gates.o)};
        dc *= gates.f;
        return dz;
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

// K. Cho and others, "Learning Phrase Representations using RNN Encoder-Decoder", 2014, with the reset gate
// applied after the product, as cuDNN has it.
template <typename A, typename R>
struct GruCell {
    // `x` holds the product of the input and its bias, and is turned into the gates; `u` that of the state.
    GPUKERAS_HD_MEMBER float forward(GruGates& x, const GruGates& u, float h_before) {
        const float z = R::value(x.z + u.z);
        const float r = R::value(x.r + u.r);
        x = {z, r, A::value(x.g + r * u.g)};
        return x.g + z * (h_before - x.g);
    }

    // `u_g` is the last gate's product of the state.
    GPUKERAS_HD_MEMBER GruGradient backward(const GruGates& gates, float u_g, float h_before, float dh) {
        const float dg = dh * (1.0f - gates.z) * A::slope(gates.g);
        const float dz = dh * (h_before - gates.g) * R::slope(gates.z);
        const float dr = dg * u_g * R::slope(gates.r);
        return {{dz, dr, dg}, {dz, dr, dg * gates.r}, dh * gates.z};
    }
};

}  // namespace gpukeras
