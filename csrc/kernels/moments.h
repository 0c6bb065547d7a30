// Mean and variance in one pass: B. P. Welford, 1962; joined as T. F. Chan, G. H. Golub, R. J. LeVeque do
// (1979).
#pragma once

#include "hd.h"

namespace gpukeras {

struct Moments {
    float count, mean, squares;  // squares: sum of the squared distances from the mean
};

GPUKERAS_HD Moments moments_none() { return {0.0f, 0.0f, 0.0f}; }

GPUKERAS_HD Moments moments_join(Moments a, Moments b) {
    const float count = a.count + b.count;
    if (b.count == 0.0f) return a;
    const float apart = b.mean - a.mean, part = b.count / count;
    return {count, a.mean + apart * part, a.squares + b.squares + apart * apart * (a.count * part)};
}

GPUKERAS_HD Moments moments_add(Moments a, float x) {
    const float count = a.count + 1.0f, apart = x - a.mean, mean = a.mean + apart / count;
    return {count, mean, a.squares + apart * (x - mean)};
}

GPUKERAS_HD float moments_variance(Moments a) { return a.squares / a.count; }

}  // namespace gpukeras
