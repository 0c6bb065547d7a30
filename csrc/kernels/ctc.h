// Connectionist temporal classification: states of one sample's labels, and sums of logarithms. State 2 l + 1
// is label l, even states are blanks (A. Graves and others, "Connectionist temporal classification", 2006).
#pragma once

#include "math.h"

namespace gpukeras {

// Finite stand-ins for the logarithm of 0, the same as in gpukeras/ops/ctc.py: differences stay numbers, and
// however many steps are added up, no impossible path comes near a possible one.
constexpr float kCtcImpossible = -1e30f, kCtcFloor = -1e24f, kCtcPossible = -1e28f;

// Labels before the first one that is none: the blank ends a sequence, whatever its length says.
GPUKERAS_HD int ctc_count(const int32_t* labels, int most, int said, int blank) {
    int count = 0;
    while (count < most && count < said && labels[count] < blank) ++count;
    return count;
}

GPUKERAS_HD int ctc_class(const int32_t* labels, int state, int blank) {
    if (state % 2 == 0) return blank;
    const int label = labels[state / 2];
    return label < 0 ? 0 : label;
}

// Whether the state two before may be left for this one, without the blank between them.
GPUKERAS_HD bool ctc_skips(const int32_t* labels, int state) {
    return state % 2 == 1 && state >= 3 && labels[state / 2] != labels[state / 2 - 1];
}

// log(e^a + e^b + e^c).
GPUKERAS_HD float log_sum3(float a, float b, float c) {
    float top = a > b ? a : b;
    top = top > c ? top : c;
    return top + log_float(exp_float(a - top) + exp_float(b - top) + exp_float(c - top));
}

// The cost, from the logarithm of the probability of all alignments.
GPUKERAS_HD float ctc_cost(float total, int steps, int count) {
    const bool impossible = steps < count || (steps > 0 && total < kCtcPossible);
    return impossible ? bits_to_float(0x7f800000u) : (steps > 0 ? -total : 0.0f);
}

}  // namespace gpukeras
