// Descriptors of cuDNN's backend API: made, filled, checked by the library and given back.
#pragma once

#include <cudnn.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include "library.h"

namespace gpukeras::cuda {

#define CUDNN(NAME) GPUKERAS_FUNCTION(NAME)

inline void check(cudnnStatus_t status, const char* what) {
    if (status == CUDNN_STATUS_SUCCESS) return;
    char detail[256] = "";
    CUDNN(cudnnGetLastErrorString)(detail, sizeof detail);
    throw std::runtime_error(std::string("cuDNN: ") + what + ": " + CUDNN(cudnnGetErrorString)(status) + " " +
                             detail);
}

// Which type of attribute a C++ type is.
template <typename T>
struct Attribute;
#define GPUKERAS_ATTRIBUTE(TYPE, NAME)                             \
    template <>                                                    \
    struct Attribute<TYPE> {                                       \
        static constexpr cudnnBackendAttributeType_t value = NAME; \
    }
GPUKERAS_ATTRIBUTE(char, CUDNN_TYPE_CHAR);
GPUKERAS_ATTRIBUTE(bool, CUDNN_TYPE_BOOLEAN);
GPUKERAS_ATTRIBUTE(int64_t, CUDNN_TYPE_INT64);
GPUKERAS_ATTRIBUTE(float, CUDNN_TYPE_FLOAT);
GPUKERAS_ATTRIBUTE(double, CUDNN_TYPE_DOUBLE);
GPUKERAS_ATTRIBUTE(void*, CUDNN_TYPE_VOID_PTR);
GPUKERAS_ATTRIBUTE(cudnnHandle_t, CUDNN_TYPE_HANDLE);
GPUKERAS_ATTRIBUTE(cudnnDataType_t, CUDNN_TYPE_DATA_TYPE);
GPUKERAS_ATTRIBUTE(cudnnConvolutionMode_t, CUDNN_TYPE_CONVOLUTION_MODE);
GPUKERAS_ATTRIBUTE(cudnnPointwiseMode_t, CUDNN_TYPE_POINTWISE_MODE);
GPUKERAS_ATTRIBUTE(cudnnResampleMode_t, CUDNN_TYPE_RESAMPLE_MODE);
GPUKERAS_ATTRIBUTE(cudnnPaddingMode_t, CUDNN_TYPE_PADDING_MODE);
GPUKERAS_ATTRIBUTE(cudnnBackendNormMode_t, CUDNN_TYPE_NORM_MODE);
GPUKERAS_ATTRIBUTE(cudnnBackendNormFwdPhase_t, CUDNN_TYPE_NORM_FWD_PHASE);
GPUKERAS_ATTRIBUTE(cudnnBackendHeurMode_t, CUDNN_TYPE_HEUR_MODE);
GPUKERAS_ATTRIBUTE(cudnnBackendNumericalNote_t, CUDNN_TYPE_NUMERICAL_NOTE);

class Descriptor {
  public:
    explicit Descriptor(cudnnBackendDescriptorType_t type) {
        check(CUDNN(cudnnBackendCreateDescriptor)(type, &value_), "cudnnBackendCreateDescriptor");
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor() { CUDNN(cudnnBackendDestroyDescriptor)(value_); }

    cudnnBackendDescriptor_t get() const { return value_; }

    template <typename T>
    Descriptor& set(cudnnBackendAttributeName_t name, const T* values, int64_t count) {
        return raw(name, Attribute<T>::value, count, values);
    }
    template <typename T>
    Descriptor& set(cudnnBackendAttributeName_t name, T value) {
        return raw(name, Attribute<T>::value, 1, &value);
    }
    Descriptor& set(cudnnBackendAttributeName_t name, const Descriptor& other) {
        return raw(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &other.value_);
    }
    Descriptor& done(const char* what) {
        check(CUDNN(cudnnBackendFinalize)(value_), what);
        return *this;
    }

    template <typename T>
    std::vector<T> read(cudnnBackendAttributeName_t name, int64_t most) const {
        std::vector<T> found(static_cast<size_t>(most));
        int64_t count = 0;
        check(CUDNN(cudnnBackendGetAttribute)(value_, name, Attribute<T>::value, most, &count, found.data()),
              "cudnnBackendGetAttribute");
        found.resize(static_cast<size_t>(std::min(count, most)));
        return found;
    }
    // Fills descriptors of the right type; returns how many there are.
    int64_t read(cudnnBackendAttributeName_t name, cudnnBackendDescriptor_t* into, int64_t most) const {
        int64_t count = 0;
        check(
            CUDNN(cudnnBackendGetAttribute)(value_, name, CUDNN_TYPE_BACKEND_DESCRIPTOR, most, &count, into),
            "cudnnBackendGetAttribute");
        return std::min(count, most);
    }

  private:
    Descriptor& raw(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, int64_t count,
                    const void* values) {
        check(CUDNN(cudnnBackendSetAttribute)(value_, name, type, count, values), "cudnnBackendSetAttribute");
        return *this;
    }
    cudnnBackendDescriptor_t value_ = nullptr;
};

using Owned = std::unique_ptr<Descriptor>;

}  // namespace gpukeras::cuda
