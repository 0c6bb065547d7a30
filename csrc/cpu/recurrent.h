// Recurrent layers over whole sequences, forward and backward: all steps in one task.
//
// The samples are shared out among the threads, and each thread walks through all steps of its own: nothing
// is waited for between steps. The recurrent kernel is packed once per run for the small products of every
// step.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "task.h"

namespace gpukeras::cpu {

enum class Cell { simple, lstm, gru, gru_reset_after };

// What a recurrence is, before it has arrays.
struct RecurrenceSizes {
    Cell cell = Cell::simple;
    size_t activation = 0, gate_activation = 0;  // of kActivationNames
    size_t steps = 0, samples = 0, units = 0;
    size_t drops = 0;  // dropout masks of the state: none, one for all gates, or one per gate
    bool kernel_gradient = false;
};

// A matrix (N, U) of any strides, in elements.
struct StateView {
    const float* data = nullptr;
    ptrdiff_t strides[2] = {0, 0};
};

// Sequences are (T, N, .) and contiguous unless strides are given; null where there is none. What the forward
// pass writes, the backward pass reads.
struct RecurrenceArrays {
    const float* u = nullptr;      // (U, G U)
    const float* z = nullptr;      // (T, N, G U): products of the inputs
    const float* bias = nullptr;   // (G U)
    const float* rbias = nullptr;  // (G U), added to the product of the state
    StateView h0, c0;
    const uint8_t* mask = nullptr;  // (T, N)
    ptrdiff_t mask_strides[2] = {0, 0};
    const float* drops = nullptr;  // (drops, N, U)
    float* gates = nullptr;        // (T, N, G U); null: not kept
    float* ys = nullptr;           // (T, N, U) and the like
    float* cs = nullptr;
    float* tcs = nullptr;
    float* hus = nullptr;
    float *h = nullptr, *c = nullptr;  // last states (N, U)
    // Gradients: those that flow in, and those that are wanted.
    const float* dys = nullptr;
    ptrdiff_t dys_strides[2] = {0, 0};
    StateView dh, dc;
    float* dz = nullptr;
    float* du = nullptr;
    float *dh0 = nullptr, *dc0 = nullptr;
    float* drbias = nullptr;
};

// A recurrence with its matrix products compiled.
class Recurrence {
  public:
    virtual ~Recurrence() = default;
    virtual size_t scratch_bytes() const = 0;
    virtual std::shared_ptr<Task> bind(const RecurrenceArrays& arrays, void* scratch) const = 0;
};

std::shared_ptr<Recurrence> recurrence_forward(const RecurrenceSizes& sizes);
std::shared_ptr<Recurrence> recurrence_backward(const RecurrenceSizes& sizes);

}  // namespace gpukeras::cpu
