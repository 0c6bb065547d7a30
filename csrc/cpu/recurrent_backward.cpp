#include "recurrent.h"
#include "recurrent_walk.h"

namespace gpukeras::cpu {
namespace recurrent {
namespace {

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
}  // namespace recurrent

std::shared_ptr<Recurrence> recurrence_backward(const RecurrenceSizes& sizes) {
    return std::make_shared<recurrent::Backward>(sizes);
}

}  // namespace gpukeras::cpu
