#include "recurrent.h"

#include <omp.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "isa.h"
#include "onednn.h"
#include "parallel.h"
#include "recurrent_step.h"

namespace gpukeras::cpu {
namespace {

using dnnl::memory;

constexpr size_t kFewestSamples = 4;  // per thread; fewer leave the matrix units idle
constexpr size_t kAlignment = 64;

const RecurrentKernels& kernels() {
    static const RecurrentKernels& chosen = GPUKERAS_CHOSEN_TABLE(recurrent_kernels);
    return chosen;
}

memory::desc matrix(size_t rows, size_t columns, size_t row_stride, size_t column_stride = 1) {
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

std::vector<Group> groups_of(const RecurrenceSizes& s, size_t gates) {
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

size_t gates_of(Cell cell) { return cell == Cell::simple ? 1 : cell == Cell::lstm ? 4 : 3; }

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
        : b(base), a(arrays), k(kernels()), room(static_cast<char*>(scratch)) {
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

// --- forward
// --------------------------------------------------------------------------------------------------

class Forward final : public Base, public std::enable_shared_from_this<Forward> {
  public:
    explicit Forward(const RecurrenceSizes& sizes) : Base(sizes, false) {
        const size_t one = s.samples * s.units, wide = s.samples * width;
        h0 = layout.floats(one);
        c0 = layout.floats(one);
        states = layout.floats(2 * one);
        cells = layout.floats(2 * one);
        row = layout.floats(wide);
        gate = layout.floats(wide);
        tc = layout.floats(one);
        left = layout.floats(one);
        seen = layout.floats(one);
        reset = layout.floats(one);
        product_of_reset = layout.floats(one);
    }

    std::shared_ptr<Task> bind(const RecurrenceArrays& arrays, void* scratch) const override;

    size_t h0, c0, states, cells, row, gate, tc, left, seen, reset, product_of_reset;
};

class ForwardWalk final : public Walk {
  public:
    ForwardWalk(std::shared_ptr<const Forward> forward, const RecurrenceArrays& arrays, void* scratch)
        : Walk(*forward, arrays, scratch), f(std::move(forward)) {}

  protected:
    void walk(size_t slice) override {
        const size_t first = begin(slice), last = end(slice), u = f->s.units, one = f->s.samples * u;
        const bool is_lstm = f->s.cell == Cell::lstm;
        float *h = at(f->h0), *c = at(f->c0);
        copy_state(a.h0, h, first, last);
        if (is_lstm) copy_state(a.c0, c, first, last);
        for (size_t t = 0; t < f->s.steps; ++t) {
            float* y = a.ys != nullptr ? a.ys + t * one : at(f->states) + t % 2 * one;
            float* new_c = a.cs != nullptr ? a.cs + t * one : at(f->cells) + t % 2 * one;
            step(slice, t, h, c, y, new_c);
            for (size_t n = first; n < last; ++n) {
                if (!rests(t, n)) continue;
                std::memcpy(y + n * u, h + n * u, u * sizeof(float));
                if (is_lstm) std::memcpy(new_c + n * u, c + n * u, u * sizeof(float));
            }
            h = y;
            c = new_c;
        }
        const size_t bytes = (last - first) * u * sizeof(float);
        if (a.h != nullptr) std::memcpy(a.h + first * u, h + first * u, bytes);
        if (a.c != nullptr) std::memcpy(a.c + first * u, c + first * u, bytes);
    }

  private:
    // The products of one stage: those of the state, or those of r h.
    void multiply(size_t slice, bool after_reset, const float* h, float* out) {
        const size_t first = begin(slice), last = end(slice), u = f->s.units;
        for (size_t g = 0; g < f->groups.size(); ++g) {
            const Group& group = f->groups[g];
            if (group.after_reset != after_reset) continue;
            const float* operand = h;
            if (group.drop >= 0) {
                float* masked = at(f->left);
                for (size_t n = first; n < last; ++n) {
                    k.multiply(h + n * u, drop(group.drop, n), masked + n * u, u);
                }
                operand = masked;
            }
            multipliers[g][slice].run(operand + first * u, out + first * f->width + group.first);
        }
    }

    void step(size_t slice, size_t t, const float* h, const float* c, float* y, float* new_c) {
        const size_t first = begin(slice), last = end(slice), u = f->s.units, width = f->width;
        const size_t samples = f->s.samples;
        const float* state = h;
        if (f->whole_drop) {
            float* seen = at(f->seen);
            for (size_t n = first; n < last; ++n) k.multiply(h + n * u, drop(0, n), seen + n * u, u);
            state = seen;
        }
        float* product = at(f->row);
        multiply(slice, false, state, product);
        float* gate = a.gates != nullptr ? a.gates + t * samples * width : at(f->gate);
        float* tc = a.tcs != nullptr ? a.tcs + t * samples * u : at(f->tc);
        const auto rows = [&](size_t n) {
            StepRows r{};
            r.units = u;
            r.z = a.z + (t * samples + n) * width;
            r.bias = a.bias;
            r.product = product + n * width;
            r.rbias = a.rbias;
            r.h = state + n * u;
            r.c = c + n * u;
            r.gates = gate + n * width;
            r.y = y + n * u;
            r.new_c = new_c + n * u;
            r.tc = tc + n * u;
            r.hu = a.hus == nullptr ? nullptr : a.hus + (t * samples + n) * u;
            return r;
        };
        switch (f->s.cell) {
            case Cell::simple:
                for (size_t n = first; n < last; ++n) k.simple(rows(n), f->functions);
                break;
            case Cell::lstm:
                for (size_t n = first; n < last; ++n) k.lstm(rows(n), f->functions);
                break;
            case Cell::gru_reset_after:
                for (size_t n = first; n < last; ++n) k.gru_after(rows(n), f->functions);
                break;
            case Cell::gru: {
                float* reset = at(f->reset);
                for (size_t n = first; n < last; ++n) {
                    StepRows r = rows(n);
                    r.work = reset + n * u;
                    k.gru_gates(r, f->functions);
                }
                multiply(slice, true, reset, product);
                for (size_t n = first; n < last; ++n) {
                    StepRows r = rows(n);
                    if (r.hu != nullptr) std::memcpy(r.hu, r.product + 2 * u, u * sizeof(float));
                    r.hu = const_cast<float*>(r.product) + 2 * u;
                    k.gru_state(r, f->functions);
                }
                break;
            }
        }
    }

    std::shared_ptr<const Forward> f;
};

std::shared_ptr<Task> Forward::bind(const RecurrenceArrays& arrays, void* scratch) const {
    return std::make_shared<ForwardWalk>(shared_from_this(), arrays, scratch);
}

// --- backward
// -------------------------------------------------------------------------------------------------

class Backward final : public Base, public std::enable_shared_from_this<Backward> {
  public:
    explicit Backward(const RecurrenceSizes& sizes) : Base(sizes, true) {
        const size_t one = s.samples * s.units, all = s.steps * one;
        h0 = layout.floats(one);
        c0 = layout.floats(one);
        dh = layout.floats(one);
        dc = layout.floats(one);
        work = layout.floats(one);
        seen = layout.floats(one);
        dz = layout.floats(s.steps * s.samples * width);
        if (s.cell == Cell::gru_reset_after) dproduct = layout.floats(s.steps * s.samples * width);
        for (const Group& group : groups) {
            // What stands left of the kernel differs from the states themselves: kept for the kernel's
            // gradient.
            const bool other = s.drops > 0 || group.after_reset;
            lefts.push_back(other && s.kernel_gradient ? layout.floats(all) : kNone);
        }
        if (s.kernel_gradient) describe_kernel_gradient();
    }

    std::shared_ptr<Task> bind(const RecurrenceArrays& arrays, void* scratch) const override;

    static constexpr size_t kNone = ~size_t{0};

    // du [+]= left transposed times right, over some steps.
    struct KernelProduct {
        dnnl::matmul primitive;
        memory::desc left, right, out, scratchpad;
        size_t group;
        size_t step, steps;  // first step, number of steps
        size_t scratch;
    };

    size_t h0, c0, dh, dc, work, seen, dz, dproduct = 0;
    std::vector<size_t> lefts;
    std::vector<KernelProduct> kernel_products;

  private:
    void describe_kernel_gradient() {
        for (size_t g = 0; g < groups.size(); ++g) {
            if (lefts[g] != kNone) {
                add_kernel_product(g, 0, s.steps, false);
                continue;
            }
            add_kernel_product(g, 0, 1, false);
            if (s.steps > 1) add_kernel_product(g, 1, s.steps - 1, true);
        }
    }

    void add_kernel_product(size_t g, size_t step, size_t steps, bool onto) {
        const size_t rows = steps * s.samples, columns = groups[g].count;
        const memory::desc left = matrix(s.units, rows, 1, s.units);
        const memory::desc right = matrix(rows, columns, width), out = matrix(s.units, columns, width);
        dnnl::primitive_attr attr = attributes();
        if (onto) {
            dnnl::post_ops ops;
            ops.append_sum();
            attr.set_post_ops(ops);
        }
        const dnnl::matmul::primitive_desc desc(engine(), left, right, out, attr);
        kernel_products.push_back({dnnl::matmul(desc), left, right, out, desc.scratchpad_desc(), g, step,
                                   steps, layout.take(desc.scratchpad_desc().get_size())});
    }
};

class BackwardWalk final : public Walk {
  public:
    BackwardWalk(std::shared_ptr<const Backward> backward, const RecurrenceArrays& arrays, void* scratch)
        : Walk(*backward, arrays, scratch), f(std::move(backward)) {
        const size_t u = f->s.units, samples = f->s.samples, width = f->width;
        dz_ = a.dz != nullptr ? a.dz : at(f->dz);
        dproduct_ = f->s.cell == Cell::gru_reset_after ? at(f->dproduct) : dz_;
        for (const Backward::KernelProduct& p : f->kernel_products) {
            const size_t kept = f->lefts[p.group], first = f->groups[p.group].first;
            const float* left = kept != Backward::kNone ? at(kept)
                                : p.step == 0           ? at(f->h0)
                                                        : a.ys + (p.step - 1) * samples * u;
            float* right = dproduct_ + p.step * samples * width + first;
            kernel_arguments_.push_back(
                {{DNNL_ARG_SRC, memory(p.left, engine(), const_cast<float*>(left))},
                 {DNNL_ARG_WEIGHTS, memory(p.right, engine(), right)},
                 {DNNL_ARG_DST, memory(p.out, engine(), a.du + first)},
                 {DNNL_ARG_SCRATCHPAD, memory(p.scratchpad, engine(), room + p.scratch)}});
        }
    }

  protected:
    void walk(size_t slice) override {
        const size_t first = begin(slice), last = end(slice), u = f->s.units, one = f->s.samples * u;
        const bool is_lstm = f->s.cell == Cell::lstm;
        float *dh = at(f->dh), *dc = at(f->dc);
        copy_state(a.h0, at(f->h0), first, last);
        copy_state(a.dh, dh, first, last);
        if (is_lstm) {
            copy_state(a.c0, at(f->c0), first, last);
            copy_state(a.dc, dc, first, last);
        }
        for (size_t t = f->s.steps; t-- > 0;) {
            if (a.dys != nullptr) {
                for (size_t n = first; n < last; ++n) {
                    const float* dy = a.dys + static_cast<ptrdiff_t>(t) * a.dys_strides[0] +
                                      static_cast<ptrdiff_t>(n) * a.dys_strides[1];
                    k.add(dy, dh + n * u, u);
                }
            }
            step(slice, t, t > 0 ? a.ys + (t - 1) * one : at(f->h0),
                 !is_lstm ? nullptr
                 : t > 0  ? a.cs + (t - 1) * one
                          : at(f->c0));
        }
        const size_t bytes = (last - first) * u * sizeof(float);
        if (a.dh0 != nullptr) std::memcpy(a.dh0 + first * u, dh + first * u, bytes);
        if (a.dc0 != nullptr) std::memcpy(a.dc0 + first * u, dc + first * u, bytes);
    }

    void finish() override {
        for (size_t i = 0; i < kernel_arguments_.size(); ++i) {
            f->kernel_products[i].primitive.execute(stream_, kernel_arguments_[i]);
        }
        if (a.du != nullptr && f->s.steps == 0) {
            std::memset(a.du, 0, f->s.units * f->width * sizeof(float));
        }
        if (a.drbias != nullptr) {
            std::memset(a.drbias, 0, f->width * sizeof(float));
            for (size_t i = 0; i < f->s.steps * f->s.samples; ++i) {
                k.add(dproduct_ + i * f->width, a.drbias, f->width);
            }
        }
    }

  private:
    void step(size_t slice, size_t t, const float* h, const float* c) {
        const size_t first = begin(slice), last = end(slice), u = f->s.units, width = f->width;
        const float* state = h;
        if (f->whole_drop) {
            float* seen = at(f->seen);
            for (size_t n = first; n < last; ++n) k.multiply(h + n * u, drop(0, n), seen + n * u, u);
            state = seen;
        }
        for (size_t n = first; n < last; ++n) {
            const StepRows r = rows(t, n, state, c);
            if (rests(t, n)) {
                std::memset(r.dz, 0, width * sizeof(float));
                if (r.dproduct != r.dz) std::memset(r.dproduct, 0, width * sizeof(float));
                continue;
            }
            switch (f->s.cell) {
                case Cell::simple:
                    k.simple_back(r, f->functions);
                    break;
                case Cell::lstm:
                    k.lstm_back(r, f->functions);
                    break;
                case Cell::gru:
                    k.gru_state_back(r, f->functions);
                    break;
                case Cell::gru_reset_after:
                    k.gru_after_back(r, f->functions);
                    break;
            }
        }
        if (f->s.cell == Cell::gru) through_reset(slice, t, state);
        keep_lefts(slice, t, state);
        through_products(slice, t);
        if (f->whole_drop) {
            float* dh = at(f->dh);
            for (size_t n = first; n < last; ++n) {
                if (!rests(t, n)) k.multiply(dh + n * u, drop(0, n), dh + n * u, u);
            }
        }
    }

    StepRows rows(size_t t, size_t n, const float* state, const float* c) const {
        const size_t u = f->s.units, at_step = t * f->s.samples + n;
        StepRows r{};
        r.units = u;
        r.h = state + n * u;
        r.c = c == nullptr ? nullptr : c + n * u;
        r.gates = a.gates == nullptr ? nullptr : a.gates + at_step * f->width;
        r.y = a.ys + at_step * u;
        r.tc = a.tcs == nullptr ? nullptr : a.tcs + at_step * u;
        r.hu = a.hus == nullptr ? nullptr : a.hus + at_step * u;
        r.dh = at(f->dh) + n * u;
        r.dc = at(f->dc) + n * u;
        r.dz = dz_ + at_step * f->width;
        r.dproduct = dproduct_ + at_step * f->width;
        r.work = at(f->work) + n * u;
        return r;
    }

    // A GRU's gradient of r, from that of the product of r h.
    void through_reset(size_t slice, size_t t, const float* state) {
        const size_t first = begin(slice), last = end(slice), u = f->s.units;
        float* work = at(f->work);
        const size_t g = f->groups.size() - 1;
        multipliers[g][slice].run(dz_ + (t * f->s.samples + first) * f->width + f->groups[g].first,
                                  work + first * u);
        for (size_t n = first; n < last; ++n) {
            if (rests(t, n)) continue;
            if (f->groups[g].drop >= 0) {
                k.multiply(work + n * u, drop(f->groups[g].drop, n), work + n * u, u);
            }
            k.gru_gates_back(rows(t, n, state, nullptr), f->functions);
        }
    }

    // What stood left of the kernel at this step.
    void keep_lefts(size_t slice, size_t t, const float* state) {
        const size_t first = begin(slice), last = end(slice), u = f->s.units;
        for (size_t g = 0; g < f->groups.size(); ++g) {
            if (f->lefts[g] == Backward::kNone) continue;
            const Group& group = f->groups[g];
            for (size_t n = first; n < last; ++n) {
                const size_t at_step = t * f->s.samples + n;
                float* left = at(f->lefts[g]) + at_step * u;
                const float* reset = group.after_reset ? a.gates + at_step * f->width + u : nullptr;
                if (reset != nullptr) {
                    k.multiply(state + n * u, reset, left, u);
                } else {
                    std::memcpy(left, state + n * u, u * sizeof(float));
                }
                if (group.drop >= 0) k.multiply(left, drop(group.drop, n), left, u);
            }
        }
    }

    // Adds what flows through the products of the state to dh.
    void through_products(size_t slice, size_t t) {
        const size_t first = begin(slice), last = end(slice), u = f->s.units;
        float *dh = at(f->dh), *work = at(f->work);
        const bool fresh =
            f->s.cell == Cell::simple || f->s.cell == Cell::lstm;  // nothing goes past the products
        const float* right = dproduct_ + (t * f->s.samples + first) * f->width;
        if (fresh && a.mask == nullptr && f->groups.size() == 1 && f->groups[0].drop < 0) {
            multipliers[0][slice].run(right, dh + first * u);
            return;
        }
        if (fresh) {
            for (size_t n = first; n < last; ++n) {
                if (!rests(t, n)) std::memset(dh + n * u, 0, u * sizeof(float));
            }
        }
        for (size_t g = 0; g < f->groups.size(); ++g) {
            const Group& group = f->groups[g];
            if (group.after_reset) continue;
            multipliers[g][slice].run(right + group.first, work + first * u);
            for (size_t n = first; n < last; ++n) {
                if (rests(t, n)) continue;
                if (group.drop >= 0) k.multiply(work + n * u, drop(group.drop, n), work + n * u, u);
                k.add(work + n * u, dh + n * u, u);
            }
        }
    }

    std::shared_ptr<const Backward> f;
    float *dz_ = nullptr, *dproduct_ = nullptr;
    dnnl::stream stream_{engine()};
    std::vector<std::unordered_map<int, memory>> kernel_arguments_;
};

std::shared_ptr<Task> Backward::bind(const RecurrenceArrays& arrays, void* scratch) const {
    return std::make_shared<BackwardWalk>(shared_from_this(), arrays, scratch);
}

}  // namespace

std::shared_ptr<Recurrence> recurrence_forward(const RecurrenceSizes& sizes) {
    return std::make_shared<Forward>(sizes);
}

std::shared_ptr<Recurrence> recurrence_backward(const RecurrenceSizes& sizes) {
    return std::make_shared<Backward>(sizes);
}

}  // namespace gpukeras::cpu
