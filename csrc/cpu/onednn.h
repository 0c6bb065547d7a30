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

double elements(const Layout& layout);

dnnl::engine& engine();

// Scratch memory comes from the caller. `relu`: the result passes through it while it is still in registers;
// other activations are left to our own kernels, which round as NumPy does.
dnnl::primitive_attr attributes(bool relu = false);

// An array of a primitive: one that `Primitive::bind` is given, or a stretch of the scratch memory.
struct Operand {
    dnnl::memory::desc desc;
    bool is_scratch = false;
    size_t place = 0;  // index of the array, or offset into the scratch memory in bytes
};

// Compiled oneDNN primitives that run one after the other, not yet tied to arrays. Most are a single one;
// others bring an operand into the layout that oneDNN works fastest in.
class Primitive {
  public:
    // `alone`: runs on the calling thread only.
    explicit Primitive(bool alone) : alone_(alone) {}

    // The next array that `bind` takes.
    Operand array(const dnnl::memory::desc& desc);
    Operand scratch(const dnnl::memory::desc& desc);

    // Adds a stage. `arguments`: oneDNN's argument number and the operand of each.
    template <typename Desc>
    void add(const Desc& desc, const dnnl::primitive& primitive,
             std::vector<std::pair<int, Operand>> arguments) {
        add_stage(primitive, std::move(arguments), desc.scratchpad_desc(), desc.impl_info_str());
    }

    // `from` in the layout `wanted`, by a reorder where it is in another one.
    Operand reordered(const Operand& from, const dnnl::memory::desc& wanted);

    // Where a stage is to write what ends up in `to`: `to` itself, or scratch that `finish` copies from.
    Operand before(const Operand& to, const dnnl::memory::desc& wanted);
    void finish(const Operand& from, const Operand& to);

    size_t scratch_bytes() const { return shared_ + scratchpad_; }
    size_t arity() const { return arity_; }
    const std::string& name() const { return name_; }

    // `data`: one pointer per array; `scratch`: scratch_bytes() of memory, used during runs only.
    std::shared_ptr<Task> bind(const std::vector<void*>& data, void* scratch) const;

  private:
    struct Stage {
        dnnl::primitive primitive;
        std::vector<std::pair<int, Operand>> arguments;
        dnnl::memory::desc scratchpad;
    };

    void add_stage(const dnnl::primitive& primitive, std::vector<std::pair<int, Operand>> arguments,
                   const dnnl::memory::desc& scratchpad, const std::string& name);

    std::vector<Stage> stages_;
    size_t arity_ = 0;
    size_t shared_ = 0;      // bytes of the operands in scratch
    size_t scratchpad_ = 0;  // bytes of the largest stage's own scratchpad, behind them
    std::string name_;
    bool alone_;
};

// out = a b + bias, then relu where asked for. `bias` may be null. Matrices in the last two axes; earlier
// axes of size one repeat.
std::shared_ptr<Primitive> matmul(const Layout& a, const Layout& b, const Layout* bias, const Layout& out,
                                  bool relu);

// Sizes of a convolution or pooling, per spatial axis.
struct Windows {
    dnnl::memory::dims strides, dilation, before, after;  // dilation as oneDNN counts: 0 for neighbours
};

enum class Pass { forward, data, weights };

// The three contractions of x (N, C, spatial), w (F, C, spatial), or (G, F, C, spatial) with groups, and y
// (N, F, spatial): the arrays of `bind` are x, w, bias, y whichever of them is written. `bias` may be null,
// and `relu` is for the forward pass.
std::shared_ptr<Primitive> convolution(Pass pass, const Layout& x, const Layout& w, const Layout* bias,
                                       const Layout& y, const Windows& windows, bool relu);

}  // namespace gpukeras::cpu
