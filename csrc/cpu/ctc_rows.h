// The inner loops of connectionist temporal classification, once per instruction set (see isa.h).
#pragma once

#include "isa.h"

namespace gpukeras::cpu {

struct CtcKernels {
    // out[s] = p[s] + the logarithm of e^before[s] + e^before[s + next] + e^(before[s + 2 next] + skip[s])
    void (*step)(const float* before, ptrdiff_t next, const float* skip, const float* p, float* out,
                 size_t count);
    void (*softmax)(const float* x, float norm, float* out, size_t count);  // e^(x - norm)
    // e^(there + on - p + cost)
    void (*posterior)(const float* there, const float* on, const float* p, float cost, float* out,
                      size_t count);
};

const CtcKernels& ctc_kernels_base();
const CtcKernels& ctc_kernels_avx2();
const CtcKernels& ctc_kernels_avx512();

}  // namespace gpukeras::cpu
