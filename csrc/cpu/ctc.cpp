#include "ctc.h"

#include <cmath>
#include <stdexcept>
#include <vector>

#include "../kernels/ctc.h"
#include "parallel.h"

namespace gpukeras::cpu {
namespace {

class Ctc final : public Task {
  public:
    Ctc(const CtcArrays& arrays, std::string where)
        : a_(arrays), where_(std::move(where)), count_(arrays.samples), width_(2 * a_.most + 1) {}

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

    // One sample: rows of ways to each state, and from each state on; then the cost and the gradient.
    void sample(size_t n) {
        const size_t steps = static_cast<size_t>(a_.steps[n]), size = a_.length * width_;
        const int count = count_[n], states = 2 * count + 1;
        const float* x = a_.x + n * a_.length * a_.classes;
        float* norm = a_.work + n * (2 * size + a_.length);
        float *there = norm + a_.length, *on = there + size;
        for (size_t t = 0; t < steps; ++t) norm[t] = log_of_sum(x + t * a_.classes);
        for (size_t t = 0; t < steps; ++t) walk(n, x, norm, there, t, t, states, 1);
        const float* last = steps > 0 ? there + (steps - 1) * width_ : nullptr;
        const float total =
            steps == 0
                ? 0.0f
                : log_sum3(last[states - 1], states > 1 ? last[states - 2] : kCtcImpossible, kCtcImpossible);
        const float cost = ctc_cost(total, static_cast<int>(steps), count);
        if (a_.loss != nullptr) a_.loss[n] = cost;
        if (a_.dx == nullptr) return;
        for (size_t k = 0; k < steps; ++k) walk(n, x, norm, on, steps - 1 - k, k, states, -1);
        gradient(n, x, norm, there, on, states, cost);
    }

    float log_of_sum(const float* row) const {
        float top = row[0], total = 0.0f;
        for (size_t c = 1; c < a_.classes; ++c) top = row[c] > top || row[c] != row[c] ? row[c] : top;
        for (size_t c = 0; c < a_.classes; ++c) total += exp_float(row[c] - top);
        return top + log_float(total);
    }

    float log_probability(const float* x, const float* norm, size_t t, int which) const {
        const float p = x[t * a_.classes + static_cast<size_t>(which)] - norm[t];
        return p < kCtcFloor ? kCtcFloor : p;
    }

    // Row t of the ways, step k of the walk in a direction.
    void walk(size_t n, const float* x, const float* norm, float* ways, size_t t, size_t k, int states,
              int direction) const {
        const int32_t* labels = labels_of(n);
        const int blank = static_cast<int>(a_.classes) - 1;
        float* row = ways + t * width_;
        const float* before = direction > 0 ? row - width_ : row + width_;
        for (int s = 0; s < states; ++s) {
            const int from_end = direction > 0 ? s : states - 1 - s;
            float sum = from_end < 2 ? 0.0f : kCtcImpossible;
            if (k > 0) {
                const bool skips = from_end >= 2 && ctc_skips(labels, direction > 0 ? s : s + 2);
                sum = log_sum3(before[s], from_end >= 1 ? before[s - direction] : kCtcImpossible,
                               skips ? before[s - 2 * direction] : kCtcImpossible);
            }
            row[s] = sum + log_probability(x, norm, t, ctc_class(labels, s, blank));
        }
    }

    // Softmax less the probability that the alignment is at each class.
    void gradient(size_t n, const float* x, const float* norm, const float* there, const float* on,
                  int states, float cost) const {
        const int blank = static_cast<int>(a_.classes) - 1;
        const size_t steps = static_cast<size_t>(a_.steps[n]);
        float* dx = a_.dx + n * a_.length * a_.classes;
        for (size_t t = 0; t < a_.length; ++t, dx += a_.classes) {
            for (size_t c = 0; c < a_.classes; ++c) {
                dx[c] = t < steps ? exp_float(x[t * a_.classes + c] - norm[t]) : 0.0f;
            }
            if (t >= steps || std::isinf(cost)) continue;
            for (int s = 0; s < states; ++s) {
                const int which = ctc_class(labels_of(n), s, blank);
                const size_t at = t * width_ + static_cast<size_t>(s);
                dx[which] -= exp_float(there[at] + on[at] - log_probability(x, norm, t, which) + cost);
            }
        }
    }

    const CtcArrays a_;
    const std::string where_;
    std::vector<int> count_;  // labels of each sample
    const size_t width_;      // states of the longest
};

}  // namespace

size_t ctc_work(size_t samples, size_t length, size_t most) {
    return samples * length * (2 * (2 * most + 1) + 1);
}

std::shared_ptr<Task> ctc(const CtcArrays& arrays, std::string where) {
    return std::make_shared<Ctc>(arrays, std::move(where));
}

}  // namespace gpukeras::cpu
