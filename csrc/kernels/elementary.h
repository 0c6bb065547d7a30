// Functions that the host's and the device's compilers call by different names, rounded alike on both.
#pragma once

#include "hd.h"

namespace gpukeras {

GPUKERAS_HD float sqrt_float(float x) {
#if defined(__CUDA_ARCH__)
    return __fsqrt_rn(x);
#else
    return __builtin_sqrtf(x);
#endif
}

GPUKERAS_HD float abs_float(float x) { return x < 0.0f ? -x : x; }

// NaN wins, as in NumPy.
GPUKERAS_HD float max_float(float x, float y) { return x > y || x != x ? x : y; }

}  // namespace gpukeras
