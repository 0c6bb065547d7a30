#include "onednn.h"

#include <unordered_map>

namespace gpukeras::cpu {
namespace {

// The arguments of a run, laid out once so that a run allocates nothing of ours.
class Execution final : public Task {
  public:
    Execution(const dnnl::primitive& primitive, std::vector<std::pair<int, dnnl::memory>> memories)
        : primitive_(primitive), memories_(std::move(memories)), stream_(engine()) {
        for (const auto& [argument, memory] : memories_) arguments_.push_back({argument, memory.get()});
    }

    void run() override {
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
};

}  // namespace

dnnl::engine& engine() {
    static dnnl::engine cpu(dnnl::engine::kind::cpu, 0);
    return cpu;
}

bool find_post_op(const std::string& name, PostOp& out) {
    using dnnl::algorithm;
    static const std::unordered_map<std::string, PostOp> known = {
        {"relu", {algorithm::eltwise_relu, 0, 0}},
        {"sigmoid", {algorithm::eltwise_logistic, 0, 0}},
        {"tanh", {algorithm::eltwise_tanh, 0, 0}},
        {"hard_sigmoid", {algorithm::eltwise_hardsigmoid, 0.2f, 0.5f}},
    };
    const auto found = known.find(name);
    if (found == known.end()) return false;
    out = found->second;
    return true;
}

dnnl::primitive_attr attributes(const std::vector<PostOp>& post_ops) {
    dnnl::primitive_attr attr;
    attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    dnnl::post_ops ops;
    for (const PostOp& op : post_ops) ops.append_eltwise(op.algorithm, op.alpha, op.beta);
    attr.set_post_ops(ops);
    return attr;
}

std::shared_ptr<Task> Primitive::bind(const std::vector<void*>& data, void* scratch) const {
    std::vector<std::pair<int, dnnl::memory>> memories;
    for (size_t i = 0; i < arguments_.size(); ++i) {
        memories.emplace_back(arguments_[i].first, dnnl::memory(arguments_[i].second, engine(), data[i]));
    }
    if (scratchpad_.get_size() > 0) {
        memories.emplace_back(DNNL_ARG_SCRATCHPAD, dnnl::memory(scratchpad_, engine(), scratch));
    }
    return std::make_shared<Execution>(primitive_, std::move(memories));
}

std::shared_ptr<Primitive> matmul(const Layout& a, const Layout& b, const Layout* bias, const Layout& out,
                                  const std::vector<PostOp>& post_ops) {
    const dnnl::primitive_attr attr = attributes(post_ops);
    const auto desc =
        bias == nullptr
            ? dnnl::matmul::primitive_desc(engine(), a.desc(), b.desc(), out.desc(), attr)
            : dnnl::matmul::primitive_desc(engine(), a.desc(), b.desc(), bias->desc(), out.desc(), attr);
    std::vector<std::pair<int, dnnl::memory::desc>> arguments = {{DNNL_ARG_SRC, a.desc()},
                                                                 {DNNL_ARG_WEIGHTS, b.desc()}};
    if (bias != nullptr) arguments.emplace_back(DNNL_ARG_BIAS, bias->desc());
    arguments.emplace_back(DNNL_ARG_DST, out.desc());
    return std::make_shared<Primitive>(desc, dnnl::matmul(desc), std::move(arguments));
}

}  // namespace gpukeras::cpu
