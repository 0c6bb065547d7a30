// Rows of connectionist temporal classification, compiled once per instruction set (see isa.h).
#include "../kernels/ctc.h"
#include "ctc_rows.h"

namespace gpukeras::cpu {
namespace {

void step(const float* before, ptrdiff_t next, const float* skip, const float* p, float* out, size_t count) {
    const float *one = before + next, *two = before + 2 * next;
#pragma GCC ivdep
    for (size_t s = 0; s < count; ++s) out[s] = p[s] + log_sum3(before[s], one[s], two[s] + skip[s]);
}

void softmax(const float* x, float norm, float* out, size_t count) {
#pragma GCC ivdep
    for (size_t i = 0; i < count; ++i) out[i] = exp_float(x[i] - norm);
}

void posterior(const float* there, const float* on, const float* p, float cost, float* out, size_t count) {
#pragma GCC ivdep
    for (size_t s = 0; s < count; ++s) out[s] = exp_float(there[s] + on[s] - p[s] + cost);
}

}  // namespace

const CtcKernels& GPUKERAS_JOIN(ctc_kernels_, GPUKERAS_ISA)() {
    static constexpr CtcKernels kernels = {step, softmax, posterior};
    return kernels;
}

}  // namespace gpukeras::cpu
