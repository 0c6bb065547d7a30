// What the two directions of a recurrence share: small products with a packed kernel, and the threads' walks.
#pragma once

#include <omp.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "isa.h"
#include "onednn.h"
#include "parallel.h"
#include "recurrent.h"
#include "recurrent_step.h"

namespace gpukeras::cpu::recurrent {

using dnnl::memory;

inline constexpr size_t kFewestSamples = 4;  // per thread; fewer leave the matrix units idle
inline constexpr size_t kAlignment = 64;

inline const RecurrentKernels& recurrent_kernels() {
    static const RecurrentKernels& chosen = GPUKERAS_CHOSEN_TABLE(recurrent_kernels);
    return chosen;
}

inline memory::desc matrix(size_t rows, size_t columns, size_t row_stride, size_t column_stride = 1) {
    const auto dim = [](size_t n) { return static_cast<memory::dim>(n); };
    return {{dim(rows), dim(columns)}, memory::data_type::f32, {dim(row_stride), dim(column_stride)}};
}

// Hands out places in one block of memory.
class Layouter {
  public:
    size_t take(size_t bytes) {
        const size_t place = size_;
        size_ += (bytes + kAlignment - 1) / kAlignment * kAlignment;
        return place;
    }
    size_t floats(size_t count) { return take(count * sizeof(float)); }
    size_t size() const { return size_; }

  private:
    size_t size_ = 0;
};

// C (M, N) = A (M, K) B for one thread, with B packed beforehand.
struct SmallProduct {
    dnnl::matmul primitive;
    memory::desc a, b, c, scratchpad;

    SmallProduct(const memory::desc& a, const memory::desc& b, const memory::desc& c) : a(a), c(c) {
        const Alone guard;
        const dnnl::matmul::primitive_desc desc(engine(), a, b, c, attributes());
        primitive = dnnl::matmul(desc);
        this->b = desc.weights_desc();
        scratchpad = desc.scratchpad_desc();
    }
};

// A SmallProduct with memory, whose A and C move from step to step.
class Multiplier {
  public:
    Multiplier(const SmallProduct& product, float* packed, void* scratchpad)
        : primitive_(product.primitive),
          stream_(engine()),
          a_(product.a, engine(), nullptr),
          b_(product.b, engine(), packed),
          c_(product.c, engine(), nullptr),
          scratchpad_(product.scratchpad, engine(), scratchpad),
          arguments_{{DNNL_ARG_SRC, a_.get()},
                     {DNNL_ARG_WEIGHTS, b_.get()},
                     {DNNL_ARG_DST, c_.get()},
                     {DNNL_ARG_SCRATCHPAD, scratchpad_.get()}} {}

    void run(const float* a, float* c) {
        a_.set_data_handle(const_cast<float*>(a));
        c_.set_data_handle(c);
        dnnl_primitive_execute(primitive_.get(), stream_.get(), 4, arguments_);
    }

  private:
    dnnl::matmul primitive_;
    dnnl::stream stream_;
    memory a_, b_, c_, scratchpad_;
    dnnl_exec_arg_t arguments_[4];
};

// Some of the gates, whose products have the same left operand.
struct Group {
    size_t first, count;  // columns of the recurrent kernel
    int drop;             // dropout mask of the state, or -1
    bool after_reset;     // the left operand is r h
};

inline std::vector<Group> groups_of(const RecurrenceSizes& s, size_t gates) {
    const size_t u = s.units;
    std::vector<Group> found;
    const bool reset_first = s.cell == Cell::gru;
    if (s.drops > 1) {
        for (size_t g = 0; g < gates; ++g) {
            found.push_back({g * u, u, static_cast<int>(g), reset_first && g == gates - 1});
        }
        return found;
    }
    // A GRU's one mask falls on the state itself.
    const bool gru = s.cell == Cell::gru || s.cell == Cell::gru_reset_after;
    const int drop = s.drops == 1 && !gru ? 0 : -1;
    if (reset_first) return {{0, 2 * u, drop, false}, {2 * u, u, drop, true}};
    return {{0, gates * u, drop, false}};
}

inline size_t gates_of(Cell cell) { return cell == Cell::simple ? 1 : cell == Cell::lstm ? 4 : 3; }

// What both directions share: sizes, the shares of the threads, the packed kernel.
class Base : public Recurrence {
  public:
    Base(const RecurrenceSizes& sizes, bool transposed)
        : s(sizes), gates(gates_of(s.cell)), width(gates * s.units), groups(groups_of(s, gates)) {
        const size_t most = std::max<size_t>(1, s.samples / kFewestSamples);
        const size_t threads = std::min<size_t>(most, max_threads());
        share = (s.samples + threads - 1) / threads;
        slices = (s.samples + share - 1) / share;
        whole_drop = s.drops == 1 && (s.cell == Cell::gru || s.cell == Cell::gru_reset_after);
        const auto& table = GPUKERAS_CHOSEN_TABLE(activation_kernels);
        functions = {table.forward[s.activation], table.forward[s.gate_activation],
                     table.backward[s.activation], table.backward[s.gate_activation]};
        for (const Group& group : groups) {
            const memory::desc user =
                transposed ? matrix(group.count, s.units, 1, width) : matrix(s.units, group.count, width);
            user_kernels.push_back(user);
            Products made;
            const memory::desc any({user.get_dims()}, memory::data_type::f32, memory::format_tag::any);
            made.main.emplace(product(group, share, any, transposed));
            const size_t last = s.samples - (slices - 1) * share;
            if (last != share) made.last.emplace(product(group, last, made.main->b, transposed));
            made.packed = layout.take(made.main->b.get_size());
            made.reorder =
                dnnl::reorder::primitive_desc(engine(), user, engine(), made.main->b, attributes());
            made.reorder_scratch = layout.take(made.reorder.scratchpad_desc().get_size());
            for (size_t i = 0; i < slices; ++i) {
                made.scratchpads.push_back(layout.take(made.of(i, slices).scratchpad.get_size()));
            }
            products.push_back(std::move(made));
        }
    }

    size_t scratch_bytes() const override { return layout.size(); }

    struct Products {
        std::optional<SmallProduct> main, last;  // for a full share of the samples, and for the rest
        size_t packed = 0, reorder_scratch = 0;
        std::vector<size_t> scratchpads;
        dnnl::reorder::primitive_desc reorder;

        const SmallProduct& of(size_t slice, size_t slices) const {
            return last && slice == slices - 1 ? *last : *main;
        }
    };

    RecurrenceSizes s;
    size_t gates, width;
    std::vector<Group> groups;
    size_t share = 0, slices = 0;
    bool whole_drop = false;
    StepFunctions functions{};
    std::vector<memory::desc> user_kernels;
    std::vector<Products> products;
    Layouter layout;

  private:
    SmallProduct product(const Group& group, size_t rows, const memory::desc& b, bool transposed) const {
        return transposed ? SmallProduct(matrix(rows, group.count, width), b, matrix(rows, s.units, s.units))
                          : SmallProduct(matrix(rows, s.units, s.units), b, matrix(rows, group.count, width));
    }
};

// A bound recurrence: packs the kernel, then lets each thread walk.
class Walk : public Task {
  public:
    Walk(const Base& base, const RecurrenceArrays& arrays, void* scratch)
        : b(base), a(arrays), k(recurrent_kernels()), room(static_cast<char*>(scratch)) {
        for (size_t g = 0; g < b.groups.size(); ++g) {
            const Base::Products& p = b.products[g];
            float* packed = at(p.packed);
            packers_.push_back(dnnl::reorder(p.reorder));
            pack_arguments_.push_back({{DNNL_ARG_FROM, memory(b.user_kernels[g], engine(),
                                                              const_cast<float*>(a.u + (b.groups[g].first)))},
                                       {DNNL_ARG_TO, memory(p.main->b, engine(), packed)},
                                       {DNNL_ARG_SCRATCHPAD, memory(p.reorder.scratchpad_desc(), engine(),
                                                                    room + p.reorder_scratch)}});
            std::vector<Multiplier> row;
            for (size_t i = 0; i < b.slices; ++i) {
                row.emplace_back(p.of(i, b.slices), packed, room + p.scratchpads[i]);
            }
            multipliers.push_back(std::move(row));
        }
    }

    void run() override {
        for (size_t g = 0; g < packers_.size(); ++g) packers_[g].execute(stream_, pack_arguments_[g]);
        const int threads = static_cast<int>(b.slices);
        if (threads == 1 || omp_in_parallel()) {
            for (size_t i = 0; i < b.slices; ++i) walk(i);
        } else {
#pragma omp parallel for schedule(static) num_threads(threads)
            for (size_t i = 0; i < b.slices; ++i) walk(i);
        }
        finish();
    }

  protected:
    virtual void walk(size_t slice) = 0;
    virtual void finish() {}

    float* at(size_t place) const { return reinterpret_cast<float*>(room + place); }

    size_t begin(size_t slice) const { return slice * b.share; }
    size_t end(size_t slice) const { return std::min(b.s.samples, (slice + 1) * b.share); }

    bool rests(size_t t, size_t n) const {
        return a.mask != nullptr && a.mask[static_cast<ptrdiff_t>(t) * a.mask_strides[0] +
                                           static_cast<ptrdiff_t>(n) * a.mask_strides[1]] == 0;
    }

    void copy_state(const StateView& from, float* to, size_t first, size_t last) const {
        const size_t u = b.s.units;
        for (size_t n = first; n < last; ++n) {
            for (size_t i = 0; i < u; ++i) {
                to[n * u + i] = from.data == nullptr ? 0.0f
                                                     : from.data[static_cast<ptrdiff_t>(n) * from.strides[0] +
                                                                 static_cast<ptrdiff_t>(i) * from.strides[1]];
            }
        }
    }

    const float* drop(int which, size_t n) const {
        return a.drops + (static_cast<size_t>(which) * b.s.samples + n) * b.s.units;
    }

    const Base& b;
    RecurrenceArrays a;
    const RecurrentKernels& k;
    char* room;
    std::vector<std::vector<Multiplier>> multipliers;

  private:
    dnnl::stream stream_{engine()};
    std::vector<dnnl::reorder> packers_;
    std::vector<std::unordered_map<int, memory>> pack_arguments_;
};

}  // namespace gpukeras::cpu::recurrent
