// Element-wise activations and their gradients over raw pointers, on all threads.
#pragma once

#include <cstddef>
#include <string>

namespace gpukeras::cpu {

// Position of an activation in the tables; throws std::invalid_argument naming those there are.
size_t activation_index(const std::string& name);

// y = f(x); the two may be the same array.
void activation_forward(size_t index, const float* x, float* y, size_t count);

// dx = dy * f'(x), with f' taken from the value y; dx may be y or dy.
void activation_backward(size_t index, const float* y, const float* dy, float* dx, size_t count);

}  // namespace gpukeras::cpu
