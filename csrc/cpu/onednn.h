// oneDNN primitives as tasks: described and compiled once, then tied to arrays.
#pragma once

#include <memory>
#include <oneapi/dnnl/dnnl.hpp>
#include <string>
#include <utility>
#include <vector>

#include "task.h"

namespace gpukeras::cpu {

// Shape, and the distance between neighbours along each axis in elements.
struct Layout {
    dnnl::memory::dims shape;
    dnnl::memory::dims strides;
    dnnl::memory::data_type type = dnnl::memory::data_type::f32;

    dnnl::memory::desc desc() const { return {shape, type, strides}; }
};

// An elementwise function applied to a primitive's result while it is still in registers.
struct PostOp {
    dnnl::algorithm algorithm;
    float alpha = 0, beta = 0;
};

// The function a layer's activation is, by its name here (relu, sigmoid, tanh, ...); false where oneDNN has
// none.
bool find_post_op(const std::string& name, PostOp& out);

dnnl::engine& engine();

dnnl::primitive_attr attributes(const std::vector<PostOp>& post_ops);

// A compiled primitive, not yet tied to arrays.
class Primitive {
  public:
    // `arguments`: oneDNN's argument number of each array, in the order `bind` takes them.
    template <typename Desc>
    Primitive(const Desc& desc, const dnnl::primitive& primitive,
              std::vector<std::pair<int, dnnl::memory::desc>> arguments)
        : primitive_(primitive),
          arguments_(std::move(arguments)),
          scratchpad_(desc.scratchpad_desc()),
          name_(desc.impl_info_str()) {}

    size_t scratch_bytes() const { return scratchpad_.get_size(); }
    size_t arity() const { return arguments_.size(); }
    const std::string& name() const { return name_; }

    // `data`: one pointer per argument; `scratch`: scratch_bytes() of memory, used during runs only.
    std::shared_ptr<Task> bind(const std::vector<void*>& data, void* scratch) const;

  private:
    dnnl::primitive primitive_;
    std::vector<std::pair<int, dnnl::memory::desc>> arguments_;
    dnnl::memory::desc scratchpad_;
    std::string name_;
};

// out = a b + bias, then the post-ops. `bias` may be null. Matrices in the last two axes; earlier axes of
// size one repeat.
std::shared_ptr<Primitive> matmul(const Layout& a, const Layout& b, const Layout* bias, const Layout& out,
                                  const std::vector<PostOp>& post_ops);

}  // namespace gpukeras::cpu
