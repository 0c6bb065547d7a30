// Connectionist temporal classification: the cost of label sequences and its gradient, the samples shared out
// among the threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "task.h"

namespace gpukeras::cpu {

struct CtcArrays {
    const float* x = nullptr;                               // (N, T, C); the last class is the blank
    const int32_t* labels = nullptr;                        // (N, L)
    const int32_t* steps = nullptr;                         // (N)
    const int32_t* said = nullptr;                          // (N): numbers of labels
    float* loss = nullptr;                                  // (N), or null
    float* dx = nullptr;                                    // (N, T, C), or null
    float* work = nullptr;                                  // ctc_work() floats
    size_t samples = 0, length = 0, classes = 0, most = 0;  // N, T, C, L
};

// Floats of work memory.
size_t ctc_work(size_t samples, size_t length, size_t classes, size_t most);

// Running it throws std::invalid_argument, in words that begin with `where`, for labels that are no classes
// and for lengths that do not fit.
std::shared_ptr<Task> ctc(const CtcArrays& arrays, std::string where);

}  // namespace gpukeras::cpu
