#include "moments.h"

#include <algorithm>

#include "isa.h"
#include "parallel.h"

namespace gpukeras::cpu {
namespace {

constexpr size_t kMostPieces = 64;
constexpr size_t kFewestElements = 1 << 13;  // of a piece

const MomentKernels& kernels() {
    static const MomentKernels& chosen = GPUKERAS_CHOSEN_TABLE(moment_kernels);
    return chosen;
}

// How an array is cut into pieces: by its sizes alone, so that sums are the same whatever the number of
// threads.
size_t pieces_of(const MomentSizes& s) {
    const size_t rows = s.outer;
    const size_t elements = s.outer * s.channels * s.inner;
    return std::max<size_t>(1, std::min({kMostPieces, rows, elements / kFewestElements}));
}

// Adds what is known of `more` elements to what is known of `seen`.
void join(double seen, double more, double other_mean, double other_squares, double& mean, double& squares) {
    const double delta = other_mean - mean, all = seen + more;
    mean += delta * more / all;
    squares += other_squares + delta * delta * seen * more / all;
}

class MomentsTask final : public Task {
  public:
    MomentsTask(const MomentSizes& sizes, const float* x, float* mean, float* variance, void* scratch)
        : s_(sizes), x_(x), mean_(mean), variance_(variance), partial_(static_cast<double*>(scratch)) {}

    void run() override {
        const size_t pieces = pieces_of(s_);
        parallel_for(pieces, 1, [&](size_t begin, size_t end) {
            for (size_t i = begin; i < end; ++i) piece(i, pieces);
        });
        const double inner = static_cast<double>(s_.inner);
        for (size_t c = 0; c < s_.channels; ++c) {
            double mean = partial(0)[c], squares = partial(0)[s_.channels + c];
            double seen = static_cast<double>(rows(0, pieces));
            for (size_t i = 1; i < pieces; ++i) {
                const double more = static_cast<double>(rows(i, pieces));
                join(seen * inner, more * inner, partial(i)[c], partial(i)[s_.channels + c], mean, squares);
                seen += more;
            }
            mean_[c] = static_cast<float>(mean);
            variance_[c] = static_cast<float>(squares / (seen * inner));
        }
    }

  private:
    size_t start(size_t piece, size_t pieces) const { return s_.outer * piece / pieces; }
    size_t rows(size_t piece, size_t pieces) const { return start(piece + 1, pieces) - start(piece, pieces); }
    double* partial(size_t piece) const { return partial_ + piece * 2 * s_.channels; }

    void piece(size_t i, size_t pieces) const {
        double *mean = partial(i), *squares = mean + s_.channels;
        const size_t first = start(i, pieces), count = rows(i, pieces);
        if (s_.inner == 1) {
            kernels().by_channel(x_ + first * s_.channels, count, s_.channels, mean, squares);
            return;
        }
        for (size_t c = 0; c < s_.channels; ++c) {
            mean[c] = squares[c] = 0;
            for (size_t r = 0; r < count; ++r) {
                double m, q;
                kernels().by_run(x_ + ((first + r) * s_.channels + c) * s_.inner, s_.inner, &m, &q);
                join(static_cast<double>(r * s_.inner), static_cast<double>(s_.inner), m, q, mean[c],
                     squares[c]);
            }
        }
    }

    MomentSizes s_;
    const float* x_;
    float *mean_, *variance_;
    double* partial_;
};

}  // namespace

size_t moments_scratch(const MomentSizes& sizes) {
    return pieces_of(sizes) * 2 * sizes.channels * sizeof(double);
}

std::shared_ptr<Task> moments(const MomentSizes& sizes, const float* x, float* mean, float* variance,
                              void* scratch) {
    return std::make_shared<MomentsTask>(sizes, x, mean, variance, scratch);
}

}  // namespace gpukeras::cpu
