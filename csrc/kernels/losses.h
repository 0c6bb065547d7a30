// Cross-entropies of logits, and the running sum under a softmax.
#pragma once

#include "activations.h"
#include "elementary.h"

namespace gpukeras {

// -y log s(x) - (1 - y) log(1 - s(x)) for the sigmoid s, without an overflow at either end.
GPUKERAS_HD float sigmoid_cross_entropy(float x, float y) {
    return (x > 0.0f ? x : (x != x ? x : 0.0f)) - x * y + log1p_unit(exp_float(-abs_float(x)));
}

GPUKERAS_HD float sigmoid_cross_entropy_slope(float x, float y) { return Sigmoid::value(x) - y; }

// The sum of e^(x - top) over some elements, whose largest is `top`, in one pass (M. Milakov, N. Gimelshein,
// "Online normalizer calculation for softmax", 2018).
struct SoftmaxSum {
    float top, total;
};

GPUKERAS_HD SoftmaxSum softmax_none() { return {-bits_to_float(0x7f800000u), 0.0f}; }

GPUKERAS_HD SoftmaxSum softmax_join(SoftmaxSum a, SoftmaxSum b) {
    if (a.total == 0.0f) return b;
    if (b.total == 0.0f) return a;
    const float top = max_float(a.top, b.top);
    return {top, a.total * exp_float(a.top - top) + b.total * exp_float(b.top - top)};
}

GPUKERAS_HD SoftmaxSum softmax_add(SoftmaxSum a, float x) { return softmax_join(a, {x, 1.0f}); }

GPUKERAS_HD float softmax_value(SoftmaxSum s, float x) { return exp_float(x - s.top) / s.total; }

GPUKERAS_HD float log_softmax_value(SoftmaxSum s, float x) { return (x - s.top) - log_float(s.total); }

}  // namespace gpukeras
