// Graphs of cuDNN's backend API: convolutions with bias and relu, pooling and batch normalisation.
//
// A graph is described and checked by the library itself without a device; a plan wants one. This is the
// interface that the header-only C++ frontend wraps, with the same engines behind it. It is called directly
// because it takes the library's own headers alone, and compiles in seconds wherever those are.
//
// Tensors are channels-first in cuDNN's terms (samples, channels, spatial axes), wherever their elements lie:
// strides say that.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "cudnn_descriptor.h"

namespace gpukeras::cuda {
namespace {

enum Kind : int64_t {
    kForward,
    kForwardBias,
    kForwardRelu,
    kForwardBiasRelu,
    kDataGradient,
    kKernelGradient,
    kMaxPool,
    kMeanPool,
    kMeanPoolGradient,
    kNorm,
    kNormGradient,
};

// What a graph is made from; gpukeras/kernels/cuda/convolution.py names the same fields.
struct Description {
    int64_t device;
    int64_t kind;
    int64_t type;  // 0 float32, 1 float16, 2 bfloat16, 3 float64
    int64_t tf32;  // float32 may be rounded to TF32 before it is multiplied
    int64_t deterministic;
    int64_t alignment;  // bytes that all addresses are multiples of
    int64_t most_workspace;
    int64_t axes;                // spatial ones, 2 or 3
    int64_t x[5], x_strides[5];  // samples, channels, spatial axes
    int64_t w[5], w_strides[5];  // channels out, channels in of a group, spatial axes; of a pool: its window
    int64_t y[5], y_strides[5];
    int64_t before[3], after[3], strides[3], dilation[3];
};

// Numbers of the tensors, which are also their places among the pointers of a run.
enum Place : int64_t { kX, kW, kY, kScale, kBias, kMean, kInverse, kDx, kDscale, kDbias, kEpsilon, kTensors };

// The operations of one description and the tensors between them.
class Operations {
  public:
    explicit Operations(const Description& d) : d_(d) {
        static const cudnnDataType_t types[] = {CUDNN_DATA_FLOAT, CUDNN_DATA_HALF, CUDNN_DATA_BFLOAT16,
                                                CUDNN_DATA_DOUBLE};
        if (d.type < 0 || d.type > 3 || d.axes < 2 || d.axes > 3)
            throw std::invalid_argument("cudnn: unknown type or rank");
        type_ = types[d.type];
        wide_ = d.type == 3 ? CUDNN_DATA_DOUBLE : CUDNN_DATA_FLOAT;
        switch (d.kind) {
            case kForward:
            case kForwardBias:
            case kForwardRelu:
            case kForwardBiasRelu:
                forward(d.kind == kForwardBias || d.kind == kForwardBiasRelu,
                        d.kind == kForwardRelu || d.kind == kForwardBiasRelu);
                break;
            case kDataGradient:
                data_gradient();
                break;
            case kKernelGradient:
                kernel_gradient();
                break;
            case kMaxPool:
            case kMeanPool:
                pool();
                break;
            case kMeanPoolGradient:
                pool_gradient();
                break;
            case kNorm:
                norm();
                break;
            case kNormGradient:
                norm_gradient();
                break;
            default:
                throw std::invalid_argument("cudnn: unknown kind of graph");
        }
    }

    // The graph of all operations; a handle is needed for a plan and not to check it.
    Owned graph(cudnnHandle_t handle) const {
        Owned made = std::make_unique<Descriptor>(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
        std::vector<cudnnBackendDescriptor_t> all;
        for (const Owned& operation : operations_) all.push_back(operation->get());
        check(CUDNN(cudnnBackendSetAttribute)(made->get(), CUDNN_ATTR_OPERATIONGRAPH_OPS,
                                              CUDNN_TYPE_BACKEND_DESCRIPTOR, static_cast<int64_t>(all.size()),
                                              all.data()),
              "operations");
        if (handle != nullptr) made->set(CUDNN_ATTR_OPERATIONGRAPH_HANDLE, handle);
        made->done("the graph");
        return made;
    }

  private:
    Descriptor& keep(std::vector<Owned>& where, cudnnBackendDescriptorType_t type) {
        where.push_back(std::make_unique<Descriptor>(type));
        return *where.back();
    }

    Descriptor& tensor(int64_t number, const int64_t* sizes, const int64_t* strides, cudnnDataType_t type,
                       bool between = false, bool by_value = false) {
        Descriptor& made = keep(parts_, CUDNN_BACKEND_TENSOR_DESCRIPTOR);
        made.set(CUDNN_ATTR_TENSOR_UNIQUE_ID, number).set(CUDNN_ATTR_TENSOR_DATA_TYPE, type);
        made.set(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, d_.alignment);
        made.set(CUDNN_ATTR_TENSOR_DIMENSIONS, sizes, 2 + d_.axes);
        made.set(CUDNN_ATTR_TENSOR_STRIDES, strides, 2 + d_.axes);
        if (between) made.set(CUDNN_ATTR_TENSOR_IS_VIRTUAL, true);
        if (by_value) made.set(CUDNN_ATTR_TENSOR_IS_BY_VALUE, true);
        return made.done("a tensor");
    }
    Descriptor& x(int64_t place = kX) { return tensor(place, d_.x, d_.x_strides, type_); }
    Descriptor& w() { return tensor(kW, d_.w, d_.w_strides, type_); }
    Descriptor& y(int64_t place = kY) { return tensor(place, d_.y, d_.y_strides, type_); }
    // A result of the convolution that only the next operation sees.
    Descriptor& between() { return tensor(kTensors + count_++, d_.y, d_.y_strides, wide_, true); }

    // One number per channel.
    Descriptor& channels(int64_t place, int64_t count, cudnnDataType_t type) {
        const int64_t sizes[5] = {1, count, 1, 1, 1}, strides[5] = {count, 1, count, count, count};
        return tensor(place, sizes, strides, type);
    }

    Descriptor& convolution() {
        Descriptor& made = keep(parts_, CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
        made.set(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, d_.axes);
        made.set(CUDNN_ATTR_CONVOLUTION_COMP_TYPE, wide_);
        made.set(CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_CROSS_CORRELATION);
        made.set(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, d_.before, d_.axes);
        made.set(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, d_.after, d_.axes);
        made.set(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, d_.strides, d_.axes);
        made.set(CUDNN_ATTR_CONVOLUTION_DILATIONS, d_.dilation, d_.axes);
        return made.done("the convolution's settings");
    }

    // Factors of result and old content, in the type of the sums.
    void factors(Descriptor& operation, cudnnBackendAttributeName_t alpha, cudnnBackendAttributeName_t beta) {
        if (wide_ == CUDNN_DATA_DOUBLE)
            operation.set(alpha, 1.0).set(beta, 0.0);
        else
            operation.set(alpha, 1.0F).set(beta, 0.0F);
    }

    void forward(bool bias, bool relu) {
        Descriptor& operation = keep(operations_, CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR);
        Descriptor* result = bias || relu ? &between() : &y();
        operation.set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC, convolution());
        operation.set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, x());
        operation.set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W, w());
        operation.set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y, *result);
        factors(operation, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,
                CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA);
        operation.done("the convolution");
        if (bias) {
            Descriptor& added = relu ? between() : y();
            pointwise(CUDNN_POINTWISE_ADD, *result, &channels(kBias, d_.y[1], type_), added);
            result = &added;
        }
        if (relu) pointwise(CUDNN_POINTWISE_RELU_FWD, *result, nullptr, y());
    }

    void pointwise(cudnnPointwiseMode_t mode, const Descriptor& from, const Descriptor* with,
                   const Descriptor& to) {
        Descriptor& settings = keep(parts_, CUDNN_BACKEND_POINTWISE_DESCRIPTOR);
        settings.set(CUDNN_ATTR_POINTWISE_MODE, mode).set(CUDNN_ATTR_POINTWISE_MATH_PREC, wide_);
        settings.done("the settings of a pointwise operation");
        Descriptor& operation = keep(operations_, CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR);
        operation.set(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, settings);
        operation.set(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, from);
        if (with != nullptr) operation.set(CUDNN_ATTR_OPERATION_POINTWISE_BDESC, *with);
        operation.set(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, to).done("a pointwise operation");
    }

    void data_gradient() {
        Descriptor& operation =
            keep(operations_, CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR);
        operation.set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC, convolution());
        operation.set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX, x());
        operation.set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W, w());
        operation.set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY, y());
        factors(operation, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,
                CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA);
        operation.done("the convolution's gradient");
    }

    void kernel_gradient() {
        Descriptor& operation =
            keep(operations_, CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR);
        operation.set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC, convolution());
        operation.set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X, x());
        operation.set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW, w());
        operation.set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY, y());
        factors(operation, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA,
                CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA);
        operation.done("the convolution's gradient");
    }

    // The window is w without its first two sizes.
    Descriptor& window() {
        const bool largest = d_.kind == kMaxPool;
        Descriptor& made = keep(parts_, CUDNN_BACKEND_RESAMPLE_DESCRIPTOR);
        made.set(CUDNN_ATTR_RESAMPLE_MODE,
                 largest ? CUDNN_RESAMPLE_MAXPOOL : CUDNN_RESAMPLE_AVGPOOL_EXCLUDE_PADDING);
        made.set(CUDNN_ATTR_RESAMPLE_COMP_TYPE, wide_).set(CUDNN_ATTR_RESAMPLE_SPATIAL_DIMS, d_.axes);
        made.set(CUDNN_ATTR_RESAMPLE_PADDING_MODE, largest ? CUDNN_NEG_INF_PAD : CUDNN_ZERO_PAD);
        made.set(CUDNN_ATTR_RESAMPLE_WINDOW_DIMS, d_.w + 2, d_.axes);
        made.set(CUDNN_ATTR_RESAMPLE_STRIDES, d_.strides, d_.axes);
        made.set(CUDNN_ATTR_RESAMPLE_PRE_PADDINGS, d_.before, d_.axes);
        made.set(CUDNN_ATTR_RESAMPLE_POST_PADDINGS, d_.after, d_.axes);
        return made.done("the pool's settings");
    }

    void pool() {
        Descriptor& operation = keep(operations_, CUDNN_BACKEND_OPERATION_RESAMPLE_FWD_DESCRIPTOR);
        operation.set(CUDNN_ATTR_OPERATION_RESAMPLE_FWD_DESC, window());
        operation.set(CUDNN_ATTR_OPERATION_RESAMPLE_FWD_XDESC, x());
        operation.set(CUDNN_ATTR_OPERATION_RESAMPLE_FWD_YDESC, y());
        operation.done("the pool");
    }

    void pool_gradient() {
        Descriptor& operation = keep(operations_, CUDNN_BACKEND_OPERATION_RESAMPLE_BWD_DESCRIPTOR);
        operation.set(CUDNN_ATTR_OPERATION_RESAMPLE_BWD_DESC, window());
        operation.set(CUDNN_ATTR_OPERATION_RESAMPLE_BWD_DXDESC, x(kDx));
        operation.set(CUDNN_ATTR_OPERATION_RESAMPLE_BWD_DYDESC, y());
        operation.done("the pool's gradient");
    }

    void norm() {
        const int64_t ones[5] = {1, 1, 1, 1, 1}, c = d_.x[1];
        Descriptor& operation = keep(operations_, CUDNN_BACKEND_OPERATION_NORM_FORWARD_DESCRIPTOR);
        operation.set(CUDNN_ATTR_OPERATION_NORM_FWD_MODE, CUDNN_BATCH_NORM);
        operation.set(CUDNN_ATTR_OPERATION_NORM_FWD_PHASE, CUDNN_NORM_FWD_TRAINING);
        operation.set(CUDNN_ATTR_OPERATION_NORM_FWD_XDESC, x());
        operation.set(CUDNN_ATTR_OPERATION_NORM_FWD_MEAN_DESC, channels(kMean, c, wide_));
        operation.set(CUDNN_ATTR_OPERATION_NORM_FWD_INV_VARIANCE_DESC, channels(kInverse, c, wide_));
        operation.set(CUDNN_ATTR_OPERATION_NORM_FWD_SCALE_DESC, channels(kScale, c, wide_));
        operation.set(CUDNN_ATTR_OPERATION_NORM_FWD_BIAS_DESC, channels(kBias, c, wide_));
        operation.set(CUDNN_ATTR_OPERATION_NORM_FWD_EPSILON_DESC,
                      tensor(kEpsilon, ones, ones, wide_, false, true));
        operation.set(CUDNN_ATTR_OPERATION_NORM_FWD_YDESC, y());
        operation.done("the normalisation");
    }

    void norm_gradient() {
        const int64_t c = d_.x[1];
        Descriptor& operation = keep(operations_, CUDNN_BACKEND_OPERATION_NORM_BACKWARD_DESCRIPTOR);
        operation.set(CUDNN_ATTR_OPERATION_NORM_BWD_MODE, CUDNN_BATCH_NORM);
        operation.set(CUDNN_ATTR_OPERATION_NORM_BWD_XDESC, x());
        operation.set(CUDNN_ATTR_OPERATION_NORM_BWD_MEAN_DESC, channels(kMean, c, wide_));
        operation.set(CUDNN_ATTR_OPERATION_NORM_BWD_INV_VARIANCE_DESC, channels(kInverse, c, wide_));
        operation.set(CUDNN_ATTR_OPERATION_NORM_BWD_SCALE_DESC, channels(kScale, c, wide_));
        operation.set(CUDNN_ATTR_OPERATION_NORM_BWD_DYDESC, y());
        operation.set(CUDNN_ATTR_OPERATION_NORM_BWD_DXDESC, x(kDx));
        operation.set(CUDNN_ATTR_OPERATION_NORM_BWD_DSCALE_DESC, channels(kDscale, c, wide_));
        operation.set(CUDNN_ATTR_OPERATION_NORM_BWD_DBIAS_DESC, channels(kDbias, c, wide_));
        operation.done("the normalisation's gradient");
    }

    const Description& d_;
    cudnnDataType_t type_, wide_;
    int64_t count_ = 0;
    std::vector<Owned> parts_, operations_;
};

// One per thread and device, since a handle has one stream.
cudnnHandle_t handle(int64_t device) {
    static thread_local std::map<int64_t, cudnnHandle_t> made;
    cudnnHandle_t& found = made[device];
    if (found == nullptr) check(CUDNN(cudnnCreate)(&found), "cudnnCreate");
    return found;
}

class Plan {
  public:
    // device: properties of a device that need not be there, to ask what it could run; null: the one there
    // is.
    Plan(const Description& d, int choice, Owned device = nullptr)
        : d_(d),
          operations_(d_),
          device_(std::move(device)),
          graph_(operations_.graph(device_ == nullptr ? handle(d.device) : nullptr)) {
        std::vector<Owned> all = candidates(CUDNN_HEUR_MODE_A);
        const bool any = choice < 0;
        if (any || static_cast<size_t>(choice) >= all.size()) {
            for (Owned& more : candidates(CUDNN_HEUR_MODE_FALLBACK)) all.push_back(std::move(more));
        }
        candidates_ = static_cast<int64_t>(all.size());
        std::string why = "cuDNN has no engine for this graph";
        const size_t first = any ? 0 : static_cast<size_t>(choice);
        for (size_t i = first; i < all.size() && (any || i == first); ++i) {
            try {
                build(std::move(all[i]));
                return;
            } catch (const std::exception& error) {
                why = error.what();
            }
        }
        throw std::runtime_error(why);
    }

    int64_t workspace() const { return workspace_; }
    int64_t count() const { return candidates_; }

    void run(void** pointers, void* workspace, cudaStream_t stream) const {
        std::vector<int64_t> numbers;
        std::vector<void*> places;
        for (int64_t i = 0; i < kTensors; ++i) {
            if (pointers[i] == nullptr) continue;
            numbers.push_back(i);
            places.push_back(pointers[i]);
        }
        const cudnnHandle_t mine = handle(d_.device);
        check(CUDNN(cudnnSetStream)(mine, stream), "cudnnSetStream");
        const int64_t count = static_cast<int64_t>(numbers.size());
        Descriptor pack(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
        pack.set(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, numbers.data(), count);
        pack.set(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, places.data(), count);
        pack.set(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, workspace).done("the pointers of a run");
        check(CUDNN(cudnnBackendExecute)(mine, plan_->get(), pack.get()), "cudnnBackendExecute");
    }

  private:
    // Engines by the library's estimate of their speed, without those whose numbers are not wanted.
    std::vector<Owned> candidates(cudnnBackendHeurMode_t mode) const {
        Descriptor heuristics(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
        heuristics.set(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, *graph_).set(CUDNN_ATTR_ENGINEHEUR_MODE, mode);
#if CUDNN_VERSION >= 90800
        if (device_ != nullptr) heuristics.set(CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, *device_);
#endif
        heuristics.done("the heuristics");
        std::vector<Owned> all;
        std::vector<cudnnBackendDescriptor_t> raw;
        for (int i = 0; i < 32; ++i) {
            all.push_back(std::make_unique<Descriptor>(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR));
            raw.push_back(all.back()->get());
        }
        all.resize(static_cast<size_t>(heuristics.read(CUDNN_ATTR_ENGINEHEUR_RESULTS, raw.data(), 32)));
        all.erase(std::remove_if(all.begin(), all.end(), [&](const Owned& c) { return !wanted(*c); }),
                  all.end());
        return all;
    }

    bool wanted(const Descriptor& configuration) const {
        Descriptor engine(CUDNN_BACKEND_ENGINE_DESCRIPTOR);
        cudnnBackendDescriptor_t raw = engine.get();
        configuration.read(CUDNN_ATTR_ENGINECFG_ENGINE, &raw, 1);
        for (cudnnBackendNumericalNote_t note : engine.read<cudnnBackendNumericalNote_t>(
                 CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, CUDNN_NUMERICAL_NOTE_TYPE_COUNT)) {
            if (note == CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC && d_.deterministic != 0) return false;
            if (note == CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION) return false;
            // On float32, these are TF32 and narrower.
            const bool rounded =
                note == CUDNN_NUMERICAL_NOTE_TENSOR_CORE || note == CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS;
            if (rounded && d_.type == 0 && d_.tf32 == 0) return false;
        }
        return true;
    }

    void build(Owned configuration) {
        Owned made = std::make_unique<Descriptor>(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
        if (device_ == nullptr) made->set(CUDNN_ATTR_EXECUTION_PLAN_HANDLE, handle(d_.device));
#if CUDNN_VERSION >= 90800
        if (device_ != nullptr) made->set(CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, *device_);
#endif
        made->set(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, *configuration).done("the plan");
        const int64_t bytes = made->read<int64_t>(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, 1).at(0);
        if (bytes > d_.most_workspace) throw std::runtime_error("cuDNN: the plan wants too much work memory");
        workspace_ = bytes;
        configuration_ = std::move(configuration);
        plan_ = std::move(made);
    }

    const Description d_;
    const Operations operations_;
    const Owned device_;
    const Owned graph_;
    Owned configuration_, plan_;
    int64_t workspace_ = 0, candidates_ = 0;
};

const Description& description(const int64_t* words) { return *reinterpret_cast<const Description*>(words); }

}  // namespace
}  // namespace gpukeras::cuda

extern "C" {

// Whether the library accepts a graph; needs no device.
const char* gpukeras_cudnn_graphs_validate(const int64_t* words) {
    using namespace gpukeras::cuda;
    return guarded([&] { Operations(description(words)).graph(nullptr); });
}

// Makes a plan for a device that need not be there, given by its properties as the library writes them
// (JSON); found: as below.
const char* gpukeras_cudnn_graphs_plan_for(const int64_t* words, const char* device, int64_t* found) {
    using namespace gpukeras::cuda;
#if CUDNN_VERSION >= 90800
    return guarded([&] {
        Owned properties = std::make_unique<Descriptor>(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR);
        const int64_t length = static_cast<int64_t>(std::strlen(device)) + 1;
        properties->set(CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, device, length).done("the device");
        const Plan made(description(words), -1, std::move(properties));
        found[0] = made.workspace();
        found[1] = made.count();
    });
#else
    (void)words, (void)device, (void)found;
    return "cuDNN: devices can be described from version 9.8 on";
#endif
}

// choice: which of the library's candidates, -1 for the first that can be had. found: bytes of work memory,
// and how many candidates there are.
const char* gpukeras_cudnn_graphs_create(const int64_t* words, int choice, void** out, int64_t* found) {
    using namespace gpukeras::cuda;
    return guarded([&] {
        auto made = std::make_unique<Plan>(description(words), choice);
        found[0] = made->workspace();
        found[1] = made->count();
        *out = made.release();
    });
}

// pointers: one per tensor in the order of the list above, null for those the graph has not; `epsilon` is a
// number of the host.
const char* gpukeras_cudnn_graphs_run(void* made, void** pointers, void* workspace, void* stream) {
    using namespace gpukeras::cuda;
    return guarded(
        [&] { static_cast<const Plan*>(made)->run(pointers, workspace, static_cast<cudaStream_t>(stream)); });
}

}  // extern "C"
