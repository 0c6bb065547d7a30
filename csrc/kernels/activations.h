// Keras' element-wise activations: value, and derivative from the value, so that a backward pass (and a
// recurrent one above all) need keep nothing but its outputs. NaN in, NaN out.
#pragma once

#include "hd.h"
#include "math.h"

namespace gpukeras {

struct Linear {
    GPUKERAS_HD_MEMBER float value(float x) { return x; }
    GPUKERAS_HD_MEMBER float slope(float) { return 1.0f; }
};

struct Relu {
    GPUKERAS_HD_MEMBER float value(float x) { return x < 0.0f ? 0.0f : x; }
    GPUKERAS_HD_MEMBER float slope(float y) { return y > 0.0f ? 1.0f : 0.0f; }
};

struct Sigmoid {
    GPUKERAS_HD_MEMBER float value(float x) { return 1.0f / (1.0f + exp_float(-x)); }
    GPUKERAS_HD_MEMBER float slope(float y) { return y * (1.0f - y); }
};

// 0.2 x + 0.5 cut to [0, 1]: the gate activation that Keras' recurrent layers default to.
struct HardSigmoid {
    GPUKERAS_HD_MEMBER float value(float x) {
        const float line = 0.2f * x + 0.5f;
        return line < 0.0f ? 0.0f : (line > 1.0f ? 1.0f : line);
    }
    GPUKERAS_HD_MEMBER float slope(float y) { return y > 0.0f && y < 1.0f ? 0.2f : 0.0f; }
};

struct Tanh {
    GPUKERAS_HD_MEMBER float value(float x) { return tanh_float(x); }
    GPUKERAS_HD_MEMBER float slope(float y) { return 1.0f - y * y; }
};

// With alpha = 1 (D.-A. Clevert, T. Unterthiner, S. Hochreiter, 2015).
struct Elu {
    GPUKERAS_HD_MEMBER float value(float x) { return x > 0.0f ? x : expm1_to_forty(x); }
    GPUKERAS_HD_MEMBER float slope(float y) { return y > 0.0f ? 1.0f : y + 1.0f; }
};

// Scaled ELU (G. Klambauer and others, "Self-Normalizing Neural Networks", 2017).
struct Selu {
    GPUKERAS_HD_MEMBER float value(float x) {
        return x > 0.0f ? 1.05070099f * x : 1.75809934f * expm1_to_forty(x);
    }
    GPUKERAS_HD_MEMBER float slope(float y) { return y > 0.0f ? 1.05070099f : y + 1.75809934f; }
};

// log(1 + e^x).
struct Softplus {
    GPUKERAS_HD_MEMBER float value(float x) {
        const float magnitude = x < 0.0f ? -x : x;
        return (x > 0.0f ? x : 0.0f) + log1p_unit(exp_float(-magnitude));
    }
    GPUKERAS_HD_MEMBER float slope(float y) { return -expm1_to_forty(-y); }
};

struct Softsign {
    GPUKERAS_HD_MEMBER float value(float x) { return x / (1.0f + (x < 0.0f ? -x : x)); }
    GPUKERAS_HD_MEMBER float slope(float y) {
        const float rest = 1.0f - (y < 0.0f ? -y : y);
        return rest * rest;
    }
};

struct Exponential {
    GPUKERAS_HD_MEMBER float value(float x) { return exp_float(x); }
    GPUKERAS_HD_MEMBER float slope(float y) { return y; }
};

}  // namespace gpukeras
