// The point-wise part of one step for one sample, as rows of units. The functions are compiled once per
// instruction set (see isa.h).
#pragma once

#include <cstddef>

namespace gpukeras::cpu {

using Activate = void (*)(const float* x, float* y, size_t count);
using Slope = void (*)(const float* y, const float* dy, float* dx, size_t count);

struct StepFunctions {
    Activate activate, gate_activate;
    Slope slope, gate_slope;
};

// One sample at one step. Rows have `units` elements, those named after gates a multiple; absent ones are
// null.
struct StepRows {
    size_t units;
    const float *z, *bias, *product, *rbias;
    const float *h, *c;  // states before; for a GRU as its products see them
    float *gates, *y, *new_c, *tc, *hu;
    // Backward: dh and dc come as gradients of the states after the step.
    float *dh, *dc, *dz, *dproduct, *work;
};

struct RecurrentKernels {
    void (*add)(const float* x, float* out, size_t count);
    void (*multiply)(const float* x, const float* y, float* out, size_t count);
    void (*simple)(const StepRows&, const StepFunctions&);
    void (*lstm)(const StepRows&, const StepFunctions&);
    void (*gru_gates)(const StepRows&, const StepFunctions&);  // z and r, and r h into `hu`
    void (*gru_state)(const StepRows&,
                      const StepFunctions&);  // the candidate from the product in `hu`, and y
    void (*gru_after)(const StepRows&,
                      const StepFunctions&);  // all of a GRU whose reset comes after the product
    void (*simple_back)(const StepRows&, const StepFunctions&);
    void (*lstm_back)(const StepRows&, const StepFunctions&);
    void (*gru_after_back)(const StepRows&, const StepFunctions&);
    void (*gru_state_back)(const StepRows&,
                           const StepFunctions&);  // dz of the candidate and of z; dh goes on
    void (*gru_gates_back)(const StepRows&,
                           const StepFunctions&);  // dz of r, from the gradient of r h in `work`
};

const RecurrentKernels& recurrent_kernels_base();
const RecurrentKernels& recurrent_kernels_avx2();
const RecurrentKernels& recurrent_kernels_avx512();

}  // namespace gpukeras::cpu
