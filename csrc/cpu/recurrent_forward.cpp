#include "recurrent.h"
#include "recurrent_walk.h"

namespace gpukeras::cpu {
namespace recurrent {
namespace {

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

}  // namespace
}  // namespace recurrent

std::shared_ptr<Recurrence> recurrence_forward(const RecurrenceSizes& sizes) {
    return std::make_shared<recurrent::Forward>(sizes);
}

}  // namespace gpukeras::cpu
