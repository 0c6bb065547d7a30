// Graphs of cuDNN for convolutions and batch normalisation, of the header-only C++ frontend. Compiling this
// file takes most of a minute: the frontend is included here and nowhere else.
//
// A graph is described and validated with the library and without a device; `build` wants one. Tensors are
// channels-first in the frontend's terms (samples, channels, spatial axes), wherever their elements lie:
// strides say that.
#define NV_CUDNN_FRONTEND_USE_DYNAMIC_LOADING
#include <cudnn_frontend.h>

#include "library.h"

namespace cudnn_frontend {
void* cudnn_dlhandle = nullptr;
}

namespace gpukeras::cuda {
namespace {

namespace fe = cudnn_frontend;
using Tensor = std::shared_ptr<fe::graph::Tensor_attributes>;
using Sizes = std::vector<int64_t>;

const Library& library() {
    static const Library loaded({"libcudnn.so.9"});
    fe::cudnn_dlhandle = loaded.handle();
    return loaded;
}

#define CUDNN(NAME) GPUKERAS_FUNCTION(library(), NAME)

void check(fe::error_t error) {
    if (error.is_bad()) throw std::runtime_error("cuDNN: " + error.get_message());
}

// What a graph is made from: one C struct, so that ctypes can fill it.
struct Description {
    int kind;  // 0 convolution, 1 its input gradient, 2 its kernel gradient, 3 normalisation, 4 its gradient
    int type;  // 0 float32, 1 float16, 2 bfloat16
    int axes;  // spatial
    int channels_first;
    int64_t x[5];  // samples, channels, spatial axes
    int64_t w[5];  // channels out, channels in of a group, spatial axes
    int64_t y[5];
    int64_t before[3], after[3], strides[3], dilation[3];
};

Sizes packed(const Sizes& dims, bool channels_first) {
    // Order of the axes from the outermost in memory to the innermost.
    std::vector<size_t> order(dims.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = i;
    if (!channels_first) std::rotate(order.begin() + 1, order.begin() + 2, order.end());
    Sizes strides(dims.size());
    int64_t step = 1;
    for (size_t i = order.size(); i-- > 0;) {
        strides[order[i]] = step;
        step *= dims[order[i]];
    }
    return strides;
}

// Numbers of the tensors, which are also their places among the pointers of a run.
enum : int64_t { kX, kW, kY, kScale, kBias, kMean, kInverse, kDx, kDscale, kDbias, kEpsilon, kTensors };

class Maker {
  public:
    explicit Maker(const Description& d) : d_(d), graph_(std::make_shared<fe::graph::Graph>()) {
        const fe::DataType_t types[] = {fe::DataType_t::FLOAT, fe::DataType_t::HALF,
                                        fe::DataType_t::BFLOAT16};
        if (d.type < 0 || d.type > 2 || d.axes < 1 || d.axes > 3)
            throw std::invalid_argument("cudnn: unknown type or rank");
        type_ = types[d.type];
        graph_->set_io_data_type(type_)
            .set_intermediate_data_type(fe::DataType_t::FLOAT)
            .set_compute_data_type(fe::DataType_t::FLOAT);
    }

    std::shared_ptr<fe::graph::Graph> make() {
        switch (d_.kind) {
            case 0:
                result_ = graph_->conv_fprop(tensor(kX, d_.x), tensor(kW, d_.w),
                                             settings<fe::graph::Conv_fprop_attributes>());
                result_->set_output(true).set_uid(kY).set_data_type(type_);
                result_->set_stride(packed(dims(d_.y), d_.channels_first != 0));
                break;
            case 1:
                output(graph_->conv_dgrad(tensor(kY, d_.y), tensor(kW, d_.w),
                                          settings<fe::graph::Conv_dgrad_attributes>()),
                       kX, d_.x);
                break;
            case 2:
                output(graph_->conv_wgrad(tensor(kY, d_.y), tensor(kX, d_.x),
                                          settings<fe::graph::Conv_wgrad_attributes>()),
                       kW, d_.w);
                break;
            case 3:
                norm();
                break;
            case 4:
                norm_gradient();
                break;
            default:
                throw std::invalid_argument("cudnn: unknown kind of graph");
        }
        check(graph_->validate());
        // The frontend's own idea of the result must be ours.
        if (result_ != nullptr) {
            if (result_->get_dim() != dims(d_.y))
                throw std::invalid_argument("cudnn: the result has other sizes");
        }
        return graph_;
    }

  private:
    Sizes dims(const int64_t* sizes) const {
        Sizes found(sizes, sizes + 2 + d_.axes);
        // cuDNN wants two spatial axes at least.
        if (d_.axes == 1) found.insert(found.begin() + 2, 1);
        return found;
    }

    Tensor tensor(int64_t place, const int64_t* sizes) {
        const Sizes shape = dims(sizes);
        return graph_->tensor(fe::graph::Tensor_attributes().set_uid(place).set_dim(shape).set_stride(
            packed(shape, d_.channels_first != 0)));
    }

    // One number per channel, always in float32.
    Tensor channels(int64_t place) {
        Sizes shape(dims(d_.x).size(), 1);
        shape[1] = d_.x[1];
        return graph_->tensor(fe::graph::Tensor_attributes()
                                  .set_uid(place)
                                  .set_dim(shape)
                                  .set_stride(packed(shape, d_.channels_first != 0))
                                  .set_data_type(fe::DataType_t::FLOAT));
    }

    void output(const Tensor& t, int64_t place, const int64_t* sizes) {
        const Sizes shape = dims(sizes);
        t->set_output(true).set_uid(place).set_dim(shape).set_stride(packed(shape, d_.channels_first != 0));
        t->set_data_type(type_);
    }

    void channel_output(const Tensor& t, int64_t place) {
        t->set_output(true).set_uid(place).set_data_type(fe::DataType_t::FLOAT);
    }

    Sizes spatial(const int64_t* values, int64_t filler) const {
        Sizes found(values, values + d_.axes);
        if (d_.axes == 1) found.insert(found.begin(), filler);
        return found;
    }

    template <typename Attributes>
    Attributes settings() const {
        Attributes made;
        made.set_pre_padding(spatial(d_.before, 0)).set_post_padding(spatial(d_.after, 0));
        made.set_stride(spatial(d_.strides, 1)).set_dilation(spatial(d_.dilation, 1));
        return made;
    }

    void norm() {
        const Tensor x = tensor(kX, d_.x), scale = channels(kScale), bias = channels(kBias);
        Tensor epsilon = graph_->tensor(fe::graph::Tensor_attributes()
                                            .set_uid(kEpsilon)
                                            .set_dim(Sizes(dims(d_.x).size(), 1))
                                            .set_stride(Sizes(dims(d_.x).size(), 1))
                                            .set_is_pass_by_value(true)
                                            .set_data_type(fe::DataType_t::FLOAT));
        fe::graph::Batchnorm_attributes made;
        made.set_epsilon(epsilon);
        const auto found = graph_->batchnorm(x, scale, bias, made);
        output(found[0], kY, d_.x);
        channel_output(found[1], kMean);
        channel_output(found[2], kInverse);
    }

    void norm_gradient() {
        const Tensor dy = tensor(kY, d_.x), x = tensor(kX, d_.x), scale = channels(kScale);
        fe::graph::Batchnorm_backward_attributes made;
        made.set_saved_mean_and_inv_variance(channels(kMean), channels(kInverse));
        const auto found = graph_->batchnorm_backward(dy, x, scale, made);
        output(found[0], kDx, d_.x);
        channel_output(found[1], kDscale);
        channel_output(found[2], kDbias);
    }

    const Description d_;
    fe::DataType_t type_ = fe::DataType_t::FLOAT;
    std::shared_ptr<fe::graph::Graph> graph_;
    Tensor result_;
};

cudnnHandle_t handle(cudaStream_t stream) {
    static thread_local cudnnHandle_t made = [] {
        cudnnHandle_t h = nullptr;
        if (CUDNN(cudnnCreate)(&h) != CUDNN_STATUS_SUCCESS) throw std::runtime_error("cudnnCreate failed");
        return h;
    }();
    if (CUDNN(cudnnSetStream)(made, stream) != CUDNN_STATUS_SUCCESS)
        throw std::runtime_error("cudnnSetStream failed");
    return made;
}

}  // namespace
}  // namespace gpukeras::cuda

extern "C" {

// Whether the frontend accepts a graph; needs no device.
const char* gpukeras_cudnn_validate(const gpukeras::cuda::Description* description) {
    using namespace gpukeras::cuda;
    return guarded([&] {
        library();  // the frontend asks for its version
        Maker(*description).make();
    });
}

// A graph ready to run, by cuDNN's heuristics, and the bytes of work memory it wants.
const char* gpukeras_cudnn_build(const gpukeras::cuda::Description* description, void** out,
                                 int64_t* workspace) {
    using namespace gpukeras::cuda;
    return guarded([&] {
        library();
        auto graph = Maker(*description).make();
        check(graph->build(handle(nullptr), {fe::HeurMode_t::A, fe::HeurMode_t::FALLBACK}));
        check(graph->get_workspace_size(*workspace));
        *out = new std::shared_ptr<fe::graph::Graph>(graph);
    });
}

// pointers: one per tensor in the order of the list above, null for those the graph has not; `epsilon` is a
// number of the host.
const char* gpukeras_cudnn_run(void* made, void** pointers, void* workspace, cudaStream_t stream) {
    using namespace gpukeras::cuda;
    return guarded([&] {
        std::unordered_map<int64_t, void*> pack;
        for (int64_t i = 0; i < kTensors; ++i) {
            if (pointers[i] != nullptr) pack[i] = pointers[i];
        }
        check((*static_cast<std::shared_ptr<fe::graph::Graph>*>(made))
                  ->execute(handle(stream), pack, workspace));
    });
}

void gpukeras_cudnn_destroy(void* made) {
    delete static_cast<std::shared_ptr<cudnn_frontend::graph::Graph>*>(made);
}

}  // extern "C"
