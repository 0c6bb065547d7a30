// Whole recurrent layers by cuDNN's RNN calls: an LSTM with tanh and sigmoid, or a GRU whose reset gate comes
// after the product of the state, with two biases. Sequences are (T, N, .), all of the same length.
#include <cudnn.h>

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "library.h"

namespace gpukeras::cuda {
namespace {

#define CUDNN(NAME) GPUKERAS_FUNCTION(NAME)

void check(cudnnStatus_t status, const char* what) {
    if (status == CUDNN_STATUS_SUCCESS) return;
    throw std::runtime_error(std::string("cuDNN: ") + what + ": " + CUDNN(cudnnGetErrorString)(status));
}

// What a recurrence is; gpukeras/kernels/cuda/cudnn_rnn.py names the same fields.
struct Description {
    int64_t device;
    int64_t lstm;  // else a GRU
    int64_t steps, samples, channels, units;
    int64_t tf32;  // float32 may be rounded to TF32 before it is multiplied
};

constexpr int kMostGates = 4;

// What is found out when a recurrence is made: sizes in bytes, and where the weights lie, in elements: for
// each gate in cuDNN's order the kernels of the input and of the state, then their biases.
struct Found {
    int64_t weights, inference, training, reserve;
    int64_t kernels[2 * kMostGates], biases[2 * kMostGates];
};

// One per thread and device, since a handle has one stream.
cudnnHandle_t handle(int64_t device) {
    static thread_local std::map<int64_t, cudnnHandle_t> made;
    cudnnHandle_t& found = made[device];
    if (found == nullptr) check(CUDNN(cudnnCreate)(&found), "cudnnCreate");
    return found;
}

#define GPUKERAS_DESCRIPTOR(CLASS, NAME)                                                                   \
    struct CLASS {                                                                                         \
        cudnn##NAME##Descriptor_t value = nullptr;                                                         \
        CLASS() { check(CUDNN(cudnnCreate##NAME##Descriptor)(&value), "cudnnCreate" #NAME "Descriptor"); } \
        CLASS(const CLASS&) = delete;                                                                      \
        CLASS& operator=(const CLASS&) = delete;                                                           \
        ~CLASS() { CUDNN(cudnnDestroy##NAME##Descriptor)(value); }                                         \
    }
GPUKERAS_DESCRIPTOR(Rnn, RNN);
GPUKERAS_DESCRIPTOR(Sequence, RNNData);
GPUKERAS_DESCRIPTOR(Tensor, Tensor);
GPUKERAS_DESCRIPTOR(Dropout, Dropout);

class Recurrence {
  public:
    explicit Recurrence(const Description& d) : d_(d) {
        const cudnnHandle_t mine = handle(d.device);
        check(CUDNN(cudnnSetDropoutDescriptor)(dropout_.value, mine, 0.0f, nullptr, 0, 0),
              "cudnnSetDropoutDescriptor");
        check(CUDNN(cudnnSetRNNDescriptor_v8)(
                  rnn_.value, CUDNN_RNN_ALGO_STANDARD, d.lstm != 0 ? CUDNN_LSTM : CUDNN_GRU,
                  CUDNN_RNN_DOUBLE_BIAS, CUDNN_UNIDIRECTIONAL, CUDNN_LINEAR_INPUT, CUDNN_DATA_FLOAT,
                  CUDNN_DATA_FLOAT, d.tf32 != 0 ? CUDNN_DEFAULT_MATH : CUDNN_FMA_MATH, narrow(d.channels),
                  narrow(d.units), narrow(d.units), 1, dropout_.value, CUDNN_RNN_PADDED_IO_ENABLED),
              "cudnnSetRNNDescriptor_v8");
        sequence(x_, d.channels);
        sequence(y_, d.units);
        const int sizes[3] = {1, narrow(d.samples), narrow(d.units)};
        const int strides[3] = {sizes[1] * sizes[2], sizes[2], 1};
        check(CUDNN(cudnnSetTensorNdDescriptor)(state_.value, CUDNN_DATA_FLOAT, 3, sizes, strides),
              "cudnnSetTensorNdDescriptor");
        measure(mine);
    }

    const Found& found() const { return found_; }

    // Pointers in the order of the two enumerations below.
    void forward(bool training, void** p, cudaStream_t stream) const {
        enum { kX, kWeights, kH0, kC0, kY, kH, kC, kWork, kReserve };
        check(CUDNN(cudnnRNNForward)(on(stream), rnn_.value,
                                     training ? CUDNN_FWD_MODE_TRAINING : CUDNN_FWD_MODE_INFERENCE, nullptr,
                                     x_.value, p[kX], y_.value, p[kY], state_.value, p[kH0], p[kH],
                                     state_.value, p[kC0], p[kC], bytes(found_.weights), p[kWeights],
                                     bytes(training ? found_.training : found_.inference), p[kWork],
                                     training ? bytes(found_.reserve) : 0, training ? p[kReserve] : nullptr),
              "cudnnRNNForward");
    }

    // The reserve is written over. The gradients of the weights are added to what `dweights` holds; they are
    // left out where it is null.
    void backward(void** p, cudaStream_t stream) const {
        enum { kX, kWeights, kH0, kC0, kY, kDy, kDh, kDc, kDx, kDh0, kDc0, kDweights, kWork, kReserve };
        const cudnnHandle_t mine = on(stream);
        check(CUDNN(cudnnRNNBackwardData_v8)(
                  mine, rnn_.value, nullptr, y_.value, p[kY], p[kDy], x_.value, p[kDx], state_.value, p[kH0],
                  p[kDh], p[kDh0], state_.value, p[kC0], p[kDc], p[kDc0], bytes(found_.weights), p[kWeights],
                  bytes(found_.training), p[kWork], bytes(found_.reserve), p[kReserve]),
              "cudnnRNNBackwardData_v8");
        if (p[kDweights] == nullptr) return;
        check(CUDNN(cudnnRNNBackwardWeights_v8)(mine, rnn_.value, CUDNN_WGRAD_MODE_ADD, nullptr, x_.value,
                                                p[kX], state_.value, p[kH0], y_.value, p[kY],
                                                bytes(found_.weights), p[kDweights], bytes(found_.training),
                                                p[kWork], bytes(found_.reserve), p[kReserve]),
              "cudnnRNNBackwardWeights_v8");
    }

  private:
    static int narrow(int64_t n) { return static_cast<int>(n); }
    static size_t bytes(int64_t n) { return static_cast<size_t>(n); }

    cudnnHandle_t on(cudaStream_t stream) const {
        const cudnnHandle_t mine = handle(d_.device);
        check(CUDNN(cudnnSetStream)(mine, stream), "cudnnSetStream");
        return mine;
    }

    void sequence(const Sequence& s, int64_t size) const {
        const std::vector<int> lengths(static_cast<size_t>(d_.samples), narrow(d_.steps));
        float fill = 0.0f;
        check(CUDNN(cudnnSetRNNDataDescriptor)(s.value, CUDNN_DATA_FLOAT,
                                               CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_UNPACKED, narrow(d_.steps),
                                               narrow(d_.samples), narrow(size), lengths.data(), &fill),
              "cudnnSetRNNDataDescriptor");
    }

    void measure(cudnnHandle_t mine) {
        size_t weights = 0, work = 0, reserve = 0;
        check(CUDNN(cudnnGetRNNWeightSpaceSize)(mine, rnn_.value, &weights), "cudnnGetRNNWeightSpaceSize");
        check(CUDNN(cudnnGetRNNTempSpaceSizes)(mine, rnn_.value, CUDNN_FWD_MODE_INFERENCE, x_.value, &work,
                                               &reserve),
              "cudnnGetRNNTempSpaceSizes");
        found_.weights = static_cast<int64_t>(weights);
        found_.inference = static_cast<int64_t>(work);
        check(CUDNN(cudnnGetRNNTempSpaceSizes)(mine, rnn_.value, CUDNN_FWD_MODE_TRAINING, x_.value, &work,
                                               &reserve),
              "cudnnGetRNNTempSpaceSizes");
        found_.training = static_cast<int64_t>(work);
        found_.reserve = static_cast<int64_t>(reserve);
        // Only differences of addresses are wanted, so that any address will do to ask for them.
        char* const base = reinterpret_cast<char*>(uintptr_t{1} << 20);
        const Tensor matrix, vector;
        const int gates = d_.lstm != 0 ? 4 : 3;
        for (int i = 0; i < 2 * gates; ++i) {
            void *kernel = nullptr, *bias = nullptr;
            check(CUDNN(cudnnGetRNNWeightParams)(mine, rnn_.value, 0, weights, base, i, matrix.value, &kernel,
                                                 vector.value, &bias),
                  "cudnnGetRNNWeightParams");
            found_.kernels[i] = place(base, kernel);
            found_.biases[i] = place(base, bias);
        }
    }

    int64_t place(const char* base, const void* at) const {
        const int64_t offset = static_cast<const char*>(at) - base;
        if (at == nullptr || offset < 0 || offset >= found_.weights || offset % 4 != 0)
            throw std::runtime_error("cuDNN: a weight lies outside of the weights");
        return offset / 4;
    }

    const Description d_;
    Dropout dropout_;
    Rnn rnn_;
    Sequence x_, y_;
    Tensor state_;
    Found found_{};
};

}  // namespace
}  // namespace gpukeras::cuda

extern "C" {

// A recurrence ready to run on the current device, and what `Found` says of it.
const char* gpukeras_cudnn_rnn_create(const int64_t* words, void** out, int64_t* found) {
    using namespace gpukeras::cuda;
    return guarded([&] {
        auto made = std::make_unique<Recurrence>(*reinterpret_cast<const Description*>(words));
        *reinterpret_cast<Found*>(found) = made->found();
        *out = made.release();
    });
}

const char* gpukeras_cudnn_rnn_forward(void* made, int training, void** pointers, void* stream) {
    using namespace gpukeras::cuda;
    return guarded([&] {
        static_cast<Recurrence*>(made)->forward(training != 0, pointers, static_cast<cudaStream_t>(stream));
    });
}

const char* gpukeras_cudnn_rnn_backward(void* made, void** pointers, void* stream) {
    using namespace gpukeras::cuda;
    return guarded(
        [&] { static_cast<Recurrence*>(made)->backward(pointers, static_cast<cudaStream_t>(stream)); });
}

}  // extern "C"
