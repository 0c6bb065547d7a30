// One element's update by each of Keras' optimizers. `p` is the weight, `g` its gradient, s0 to s2 what the
// optimizer keeps beside it; Numbers are the same for all elements of a step and may change from step to
// step.
#pragma once

#include "elementary.h"

namespace gpukeras {

struct OptimizerNumbers {
    float rate;    // learning rate, decay and corrections for the step included
    float first;   // momentum, rho or beta_1
    float second;  // beta_2
    float epsilon;
    // Nadam alone: this step's and the next one's momentum, and 1 less the products of all so far
    float momentum, next_momentum, rest, next_rest;
    float second_rest;  // Nadam: 1 - beta_2^t
};

struct Sgd {
    GPUKERAS_HD_MEMBER void update(float& p, float g, float&, float&, float&, const OptimizerNumbers& n) {
        p -= n.rate * g;
    }
};

struct Momentum {
    GPUKERAS_HD_MEMBER void update(float& p, float g, float& s0, float&, float&, const OptimizerNumbers& n) {
        s0 = n.first * s0 - n.rate * g;
        p += s0;
    }
};

// Y. Nesterov, 1983, as I. Sutskever and others write it (2013).
struct Nesterov {
    GPUKERAS_HD_MEMBER void update(float& p, float g, float& s0, float&, float&, const OptimizerNumbers& n) {
        s0 = n.first * s0 - n.rate * g;
        p += n.first * s0 - n.rate * g;
    }
};

// G. Hinton, lecture 6e of "Neural Networks for Machine Learning", 2012.
struct RmsProp {
    GPUKERAS_HD_MEMBER void update(float& p, float g, float& s0, float&, float&, const OptimizerNumbers& n) {
        s0 = n.first * s0 + (1.0f - n.first) * (g * g);
        p -= n.rate * g / (sqrt_float(s0) + n.epsilon);
    }
};

// J. Duchi, E. Hazan, Y. Singer, 2011.
struct Adagrad {
    GPUKERAS_HD_MEMBER void update(float& p, float g, float& s0, float&, float&, const OptimizerNumbers& n) {
        s0 += g * g;
        p -= n.rate * g / (sqrt_float(s0) + n.epsilon);
    }
};

// M. D. Zeiler, "ADADELTA: An Adaptive Learning Rate Method", 2012; s1 keeps the updates' squares.
struct Adadelta {
    GPUKERAS_HD_MEMBER void update(float& p, float g, float& s0, float& s1, float&,
                                   const OptimizerNumbers& n) {
        s0 = n.first * s0 + (1.0f - n.first) * (g * g);
        const float step = g * sqrt_float(s1 + n.epsilon) / sqrt_float(s0 + n.epsilon);
        s1 = n.first * s1 + (1.0f - n.first) * (step * step);
        p -= n.rate * step;
    }
};

// D. P. Kingma, J. Ba, "Adam: A Method for Stochastic Optimization", 2014; the corrections are in the rate.
struct Adam {
    GPUKERAS_HD_MEMBER void update(float& p, float g, float& s0, float& s1, float&,
                                   const OptimizerNumbers& n) {
        s0 = n.first * s0 + (1.0f - n.first) * g;
        s1 = n.second * s1 + (1.0f - n.second) * (g * g);
        p -= n.rate * s0 / (sqrt_float(s1) + n.epsilon);
    }
};

// S. J. Reddi, S. Kale, S. Kumar, "On the Convergence of Adam and Beyond", 2018.
struct AmsGrad {
    GPUKERAS_HD_MEMBER void update(float& p, float g, float& s0, float& s1, float& s2,
                                   const OptimizerNumbers& n) {
        s0 = n.first * s0 + (1.0f - n.first) * g;
        s1 = n.second * s1 + (1.0f - n.second) * (g * g);
        s2 = max_float(s2, s1);
        p -= n.rate * s0 / (sqrt_float(s2) + n.epsilon);
    }
};

// Section 7 of the paper on Adam.
struct Adamax {
    GPUKERAS_HD_MEMBER void update(float& p, float g, float& s0, float& s1, float&,
                                   const OptimizerNumbers& n) {
        s0 = n.first * s0 + (1.0f - n.first) * g;
        s1 = max_float(n.second * s1, abs_float(g));
        p -= n.rate * s0 / (s1 + n.epsilon);
    }
};

// T. Dozat, "Incorporating Nesterov Momentum into Adam", 2016.
struct Nadam {
    GPUKERAS_HD_MEMBER void update(float& p, float g, float& s0, float& s1, float&,
                                   const OptimizerNumbers& n) {
        s0 = n.first * s0 + (1.0f - n.first) * g;
        s1 = n.second * s1 + (1.0f - n.second) * (g * g);
        const float now = (1.0f - n.momentum) * (g / n.rest);
        const float ahead = now + n.next_momentum * (s0 / n.next_rest);
        p -= n.rate * ahead / (sqrt_float(s1 / n.second_rest) + n.epsilon);
    }
};

}  // namespace gpukeras
