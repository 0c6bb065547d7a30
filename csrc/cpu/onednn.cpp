#include "onednn.h"

#include <algorithm>

#include "parallel.h"

namespace gpukeras::cpu {
namespace {

constexpr size_t kAlignment = 64;
constexpr double kFewOperations = 4e6;  // some twenty microseconds on one thread: another would come late

// The arguments of a run, laid out once so that a run allocates nothing of ours.
class Execution final : public Task {
  public:
    Execution(const dnnl::primitive& primitive, std::vector<std::pair<int, dnnl::memory>> memories,
              bool alone)
        : primitive_(primitive), memories_(std::move(memories)), stream_(engine()), alone_(alone) {
        for (const auto& [argument, memory] : memories_) arguments_.push_back({argument, memory.get()});
    }

    void run() override {
        const Alone guard(alone_);
        dnnl::error::wrap_c_api(
            dnnl_primitive_execute(primitive_.get(), stream_.get(), static_cast<int>(arguments_.size()),
                                   arguments_.data()),
            "oneDNN could not run a primitive");
    }

  private:
    dnnl::primitive primitive_;
    std::vector<std::pair<int, dnnl::memory>> memories_;
    dnnl::stream stream_;
    std::vector<dnnl_exec_arg_t> arguments_;
    bool alone_;
};

}  // namespace

dnnl::engine& engine() {
    static dnnl::engine cpu(dnnl::engine::kind::cpu, 0);
    return cpu;
}

dnnl::primitive_attr attributes(bool relu) {
    dnnl::primitive_attr attr;
    attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    if (relu) {
        dnnl::post_ops ops;
        ops.append_eltwise(dnnl::algorithm::eltwise_relu, 0, 0);
        attr.set_post_ops(ops);
    }
    return attr;
}

double elements(const Layout& layout) {
    double product = 1;
    for (const auto n : layout.shape) product *= static_cast<double>(n);
    return product;
}

Operand Primitive::array(const dnnl::memory::desc& desc) { return {desc, false, arity_++}; }

Operand Primitive::scratch(const dnnl::memory::desc& desc) {
    const size_t place = shared_;
    shared_ += (desc.get_size() + kAlignment - 1) / kAlignment * kAlignment;
    return {desc, true, place};
}

void Primitive::add_stage(const dnnl::primitive& primitive, std::vector<std::pair<int, Operand>> arguments,
                          const dnnl::memory::desc& scratchpad, const std::string& name) {
    scratchpad_ = std::max(scratchpad_, scratchpad.get_size());
    stages_.push_back({primitive, std::move(arguments), scratchpad});
    if (!name_.empty()) name_ += "+";
    name_ += name;
}

Operand Primitive::reordered(const Operand& from, const dnnl::memory::desc& wanted) {
    if (from.desc == wanted) return from;
    const Operand to = scratch(wanted);
    finish(from, to);
    return to;
}

Operand Primitive::before(const Operand& to, const dnnl::memory::desc& wanted) {
    return to.desc == wanted ? to : scratch(wanted);
}

void Primitive::finish(const Operand& from, const Operand& to) {
    if (from.desc == to.desc && from.is_scratch == to.is_scratch && from.place == to.place) return;
    const auto desc = dnnl::reorder::primitive_desc(engine(), from.desc, engine(), to.desc, attributes());
    add(desc, dnnl::reorder(desc), {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}});
}

std::shared_ptr<Task> Primitive::bind(const std::vector<void*>& data, void* scratch) const {
    char* room = static_cast<char*>(scratch);
    std::vector<std::shared_ptr<Task>> tasks;
    for (const Stage& stage : stages_) {
        std::vector<std::pair<int, dnnl::memory>> memories;
        for (const auto& [argument, operand] : stage.arguments) {
            void* where = operand.is_scratch ? room + operand.place : data[operand.place];
            memories.emplace_back(argument, dnnl::memory(operand.desc, engine(), where));
        }
        if (stage.scratchpad.get_size() > 0) {
            memories.emplace_back(DNNL_ARG_SCRATCHPAD,
                                  dnnl::memory(stage.scratchpad, engine(), room + shared_));
        }
        tasks.push_back(std::make_shared<Execution>(stage.primitive, std::move(memories), alone_));
    }
    if (tasks.size() == 1) return tasks.front();
    return std::make_shared<Sequence>(std::move(tasks));
}

std::shared_ptr<Primitive> matmul(const Layout& a, const Layout& b, const Layout* bias, const Layout& out,
                                  bool relu) {
    const bool alone = 2.0 * elements(out) * static_cast<double>(a.shape.back()) < kFewOperations;
    const Alone guard(alone);
    const auto attr = attributes(relu);
    const dnnl::memory::desc bias_desc = bias == nullptr ? dnnl::memory::desc() : bias->desc();
    const auto desc = dnnl::matmul::primitive_desc(engine(), a.desc(), b.desc(), bias_desc, out.desc(), attr);
    auto made = std::make_shared<Primitive>(alone);
    std::vector<std::pair<int, Operand>> arguments = {{DNNL_ARG_SRC, made->array(a.desc())},
                                                      {DNNL_ARG_WEIGHTS, made->array(b.desc())}};
    if (bias != nullptr) arguments.emplace_back(DNNL_ARG_BIAS, made->array(bias_desc));
    arguments.emplace_back(DNNL_ARG_DST, made->array(out.desc()));
    made->add(desc, dnnl::matmul(desc), std::move(arguments));
    return made;
}

namespace {

// The same sizes, with the layout left to oneDNN.
dnnl::memory::desc any(const Layout& layout) {
    return {layout.shape, layout.type, dnnl::memory::format_tag::any};
}

// Channels last, without gaps: what oneDNN's convolutions take as it is.
dnnl::memory::desc channels_last(const Layout& layout) {
    using tag = dnnl::memory::format_tag;
    static const tag tags[] = {tag::nwc, tag::nhwc, tag::ndhwc};
    return {layout.shape, layout.type, tags[layout.shape.size() - 3]};
}

}  // namespace

std::shared_ptr<Primitive> convolution(Pass pass, const Layout& x, const Layout& w, const Layout* bias,
                                       const Layout& y, const Windows& windows, bool relu) {
    using dnnl::algorithm;
    const bool alone = 2.0 * elements(y) * elements(w) / static_cast<double>(y.shape[1]) < kFewOperations;
    const Alone guard(alone);
    const auto attr = attributes(relu);
    const auto xd = channels_last(x), yd = channels_last(y), wd = any(w);
    const dnnl::memory::desc bias_desc = bias == nullptr ? dnnl::memory::desc() : bias->desc();
    const auto kind =
        pass == Pass::forward ? dnnl::prop_kind::forward_inference : dnnl::prop_kind::forward_training;
    const auto& [strides, dilation, before, after] = windows;
    const dnnl::convolution_forward::primitive_desc forward(engine(), kind, algorithm::convolution_direct, xd,
                                                            wd, bias_desc, yd, strides, dilation, before,
                                                            after, attr);
    auto made = std::make_shared<Primitive>(alone);
    const Operand ax = made->array(x.desc()), aw = made->array(w.desc());
    const Operand ab = bias == nullptr ? Operand{} : made->array(bias_desc);
    const Operand ay = made->array(y.desc());
    if (pass == Pass::forward) {
        std::vector<std::pair<int, Operand>> arguments = {
            {DNNL_ARG_SRC, made->reordered(ax, forward.src_desc())},
            {DNNL_ARG_WEIGHTS, made->reordered(aw, forward.weights_desc())}};
        if (bias != nullptr) arguments.emplace_back(DNNL_ARG_BIAS, ab);
        const Operand result = made->before(ay, forward.dst_desc());
        arguments.emplace_back(DNNL_ARG_DST, result);
        made->add(forward, dnnl::convolution_forward(forward), std::move(arguments));
        made->finish(result, ay);
    } else if (pass == Pass::data) {
        const dnnl::convolution_backward_data::primitive_desc desc(engine(), algorithm::convolution_direct,
                                                                   xd, wd, yd, strides, dilation, before,
                                                                   after, forward, attr);
        const Operand result = made->before(ax, desc.diff_src_desc());
        std::vector<std::pair<int, Operand>> arguments = {
            {DNNL_ARG_DIFF_DST, made->reordered(ay, desc.diff_dst_desc())},
            {DNNL_ARG_WEIGHTS, made->reordered(aw, desc.weights_desc())},
            {DNNL_ARG_DIFF_SRC, result}};
        made->add(desc, dnnl::convolution_backward_data(desc), std::move(arguments));
        made->finish(result, ax);
    } else {
        const dnnl::convolution_backward_weights::primitive_desc desc(engine(), algorithm::convolution_direct,
                                                                      xd, wd, yd, strides, dilation, before,
                                                                      after, forward, attr);
        const Operand result = made->before(aw, desc.diff_weights_desc());
        std::vector<std::pair<int, Operand>> arguments = {
            {DNNL_ARG_SRC, made->reordered(ax, desc.src_desc())},
            {DNNL_ARG_DIFF_DST, made->reordered(ay, desc.diff_dst_desc())},
            {DNNL_ARG_DIFF_WEIGHTS, result}};
        made->add(desc, dnnl::convolution_backward_weights(desc), std::move(arguments));
        made->finish(result, aw);
    }
    return made;
}

}  // namespace gpukeras::cpu
