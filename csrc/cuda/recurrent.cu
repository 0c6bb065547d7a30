// One LSTM or GRU step's point-wise part, one thread per unit of a sample, for the activations Keras defaults
// to.
#include "../kernels/recurrent.h"

namespace gpukeras::cuda {

// z (N, 4 * U) becomes the gates; c_before, h, c and act_c are (N, U).
extern "C" __global__ void lstm_step(float* z, const float* c_before, float* h, float* c, float* act_c,
                                     int samples, int units) {
    const int k = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
    if (k >= samples * units) return;
    float* row = z + (k / units) * 4 * units + k % units;
    LstmGates gates = {row[0], row[units], row[2 * units], row[3 * units]};
    const LstmState state = LstmCell<Tanh, HardSigmoid>::forward(gates, c_before[k]);
    row[0] = gates.i;
    row[units] = gates.f;
    row[2 * units] = gates.g;
    row[3 * units] = gates.o;
    h[k] = state.h;
    c[k] = state.c;
    act_c[k] = state.act_c;
}

// x (N, 3 * U) becomes the gates; u (N, 3 * U) is the product of the state; h_before and h are (N, U).
extern "C" __global__ void gru_step(float* x, const float* u, const float* h_before, float* h, int samples,
                                    int units) {
    const int k = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
    if (k >= samples * units) return;
    const int start = (k / units) * 3 * units + k % units;
    GruGates gates = {x[start], x[start + units], x[start + 2 * units]};
    h[k] = GruCell<Tanh, Sigmoid>::forward(gates, {u[start], u[start + units], u[start + 2 * units]},
                                           h_before[k]);
    x[start] = gates.z;
    x[start + units] = gates.r;
    x[start + 2 * units] = gates.g;
}

}  // namespace gpukeras::cuda
