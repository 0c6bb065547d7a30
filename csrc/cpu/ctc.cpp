#include "ctc.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <vector>

#include "../kernels/ctc.h"
#include "ctc_rows.h"
#include "parallel.h"

namespace gpukeras::cpu {
namespace {

constexpr size_t kBeside = 2;  // places on either side of the states of a row

size_t row_width(size_t most) { return 2 * most + 1 + 2 * kBeside; }

class Ctc final : public Task {
  public:
    Ctc(const CtcArrays& arrays, std::string where)
        : a_(arrays), where_(std::move(where)), count_(arrays.samples), width_(row_width(a_.most)) {}

    void run() override {
        check_labels();
        check_lengths();
        parallel_for(a_.samples, 1, [&](size_t begin, size_t end) {
            for (size_t n = begin; n < end; ++n) sample(n);
        });
    }

  private:
    // What is before the first blank counts; later labels are a mistake, as are negative ones.
    void check_labels() {
        const int blank = static_cast<int>(a_.classes) - 1;
        for (size_t n = 0; n < a_.samples; ++n) {
            const int32_t* labels = labels_of(n);
            const int most = static_cast<int>(a_.most);
            count_[n] = ctc_count(labels, most, a_.said[n], blank);
            for (int l = 0; l < most && l < a_.said[n]; ++l) {
                if (labels[l] >= 0 && (l < count_[n] || labels[l] >= blank)) continue;
                throw std::invalid_argument(
                    where_ + ": label " + std::to_string(labels[l]) + " at place " + std::to_string(l) +
                    " of sample " + std::to_string(n) + ": expected labels from 0 to " +
                    std::to_string(blank - 1) + " (class " + std::to_string(blank) +
                    " is the blank), and none after a blank; correct the label or its label_length");
            }
        }
    }

    void check_lengths() {
        for (size_t n = 0; n < a_.samples; ++n) {
            const int64_t steps = a_.steps[n];
            if (count_[n] <= steps && steps <= static_cast<int64_t>(a_.length) && steps >= 0) continue;
            throw std::invalid_argument(where_ + ": sample " + std::to_string(n) + " has " +
                                        std::to_string(count_[n]) + " labels and an input length of " +
                                        std::to_string(steps) +
                                        "; expected at least one step for each label, and at most the " +
                                        std::to_string(a_.length) + " steps there are");
        }
    }

    const int32_t* labels_of(size_t n) const { return a_.labels + n * a_.most; }

    // One sample: rows of ways to each state, and from each state on; then the cost and the gradient. Beside
    // the states of a row lie two that cannot be, on either side.
    void sample(size_t n) {
        const size_t steps = static_cast<size_t>(a_.steps[n]), size = a_.length * width_;
        const size_t states = 2 * static_cast<size_t>(count_[n]) + 1;
        const float* x = a_.x + n * a_.length * a_.classes;
        float* norm = a_.work + n * ctc_work(1, a_.length, a_.classes, a_.most);
        Rows r = {norm + a_.length, nullptr, nullptr, nullptr, nullptr};
        r.on = r.there + size;
        r.p = r.on + size;
        r.skip = r.p + width_;
        r.spare = r.skip + width_;
        for (size_t t = 0; t < steps; ++t) norm[t] = log_of_sum(x + t * a_.classes, r.spare);
        skips(n, states, 0, r.skip);
        for (size_t t = 0; t < steps; ++t) walk(n, x, norm, r, r.there, t, t, states, 1);
        float cost = ctc_cost(0.0f, static_cast<int>(steps), count_[n]);
        if (steps > 0) {
            const float* last = r.there + (steps - 1) * width_ + kBeside + states - 1;
            cost = ctc_cost(log_sum3(last[0], last[-1], kCtcImpossible), static_cast<int>(steps), count_[n]);
        }
        if (a_.loss != nullptr) a_.loss[n] = cost;
        if (a_.dx == nullptr) return;
        skips(n, states, 2, r.skip);
        for (size_t k = 0; k < steps; ++k) walk(n, x, norm, r, r.on, steps - 1 - k, k, states, -1);
        gradient(n, x, norm, r, states, cost);
    }

    struct Rows {
        float *there, *on;        // (T, width): ways
        float *p, *skip, *spare;  // of one row
    };

    float log_of_sum(const float* row, float* spare) const {
        float top = row[0], total = 0.0f;
        for (size_t c = 1; c < a_.classes; ++c) top = row[c] > top || row[c] != row[c] ? row[c] : top;
        kernels_.softmax(row, top, spare, a_.classes);
        for (size_t c = 0; c < a_.classes; ++c) total += spare[c];
        return top + log_float(total);
    }

    // 0 where state s + `later` may be reached from two states before, else a number that rules it out.
    void skips(size_t n, size_t states, int later, float* skip) const {
        for (size_t s = 0; s < states; ++s) {
            const int state = static_cast<int>(s) + later;
            const bool may = state < static_cast<int>(states) && ctc_skips(labels_of(n), state);
            skip[s] = may ? 0.0f : kCtcImpossible;
        }
    }

    void log_probabilities(size_t n, const float* x, const float* norm, size_t t, size_t states,
                           float* p) const {
        const int blank = static_cast<int>(a_.classes) - 1;
        for (size_t s = 0; s < states; ++s) {
            const int which = ctc_class(labels_of(n), static_cast<int>(s), blank);
            const float value = x[t * a_.classes + static_cast<size_t>(which)] - norm[t];
            p[s] = value < kCtcFloor ? kCtcFloor : value;
        }
    }

    // Row t of the ways, step k of the walk in a direction.
    void walk(size_t n, const float* x, const float* norm, const Rows& r, float* ways, size_t t, size_t k,
              size_t states, ptrdiff_t direction) const {
        float* row = ways + t * width_ + kBeside;
        log_probabilities(n, x, norm, t, states, r.p);
        if (k > 0) {
            kernels_.step(row - direction * static_cast<ptrdiff_t>(width_), -direction, r.skip, r.p, row,
                          states);
        } else {
            for (size_t s = 0; s < states; ++s) {
                const size_t from_end = direction > 0 ? s : states - 1 - s;
                row[s] = (from_end < 2 ? 0.0f : kCtcImpossible) + r.p[s];
            }
        }
        row[-2] = row[-1] = row[states] = row[states + 1] = kCtcImpossible;
    }

    // Softmax less the probability that the alignment is at each class.
    void gradient(size_t n, const float* x, const float* norm, const Rows& r, size_t states,
                  float cost) const {
        const int blank = static_cast<int>(a_.classes) - 1;
        const size_t steps = static_cast<size_t>(a_.steps[n]);
        float* dx = a_.dx + n * a_.length * a_.classes;
        for (size_t t = 0; t < a_.length; ++t, dx += a_.classes) {
            if (t >= steps) {
                for (size_t c = 0; c < a_.classes; ++c) dx[c] = 0.0f;
                continue;
            }
            kernels_.softmax(x + t * a_.classes, norm[t], dx, a_.classes);
            if (std::isinf(cost)) continue;
            const size_t at = t * width_ + kBeside;
            log_probabilities(n, x, norm, t, states, r.p);
            kernels_.posterior(r.there + at, r.on + at, r.p, cost, r.spare, states);
            for (size_t s = 0; s < states; ++s) {
                dx[ctc_class(labels_of(n), static_cast<int>(s), blank)] -= r.spare[s];
            }
        }
    }

    const CtcArrays a_;
    const std::string where_;
    const CtcKernels& kernels_ = GPUKERAS_CHOSEN_TABLE(ctc_kernels);
    std::vector<int> count_;  // labels of each sample
    const size_t width_;      // of a row
};

}  // namespace

size_t ctc_work(size_t samples, size_t length, size_t classes, size_t most) {
    const size_t width = row_width(most);
    return samples * (length * (2 * width + 1) + 2 * width + std::max(width, classes));
}

std::shared_ptr<Task> ctc(const CtcArrays& arrays, std::string where) {
    return std::make_shared<Ctc>(arrays, std::move(where));
}

}  // namespace gpukeras::cpu
