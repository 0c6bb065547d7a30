#include "pooling.h"

#include <algorithm>

#include "isa.h"
#include "parallel.h"

namespace gpukeras::cpu {
namespace {

constexpr size_t kGrain = 1 << 13;  // elements of work per piece

class PoolingTask final : public Task {
  public:
    PoolingTask(PoolingKind kind, const Pooling& pooling, const PoolingArrays& arrays)
        : pooling_(pooling), arrays_(arrays) {
        static const PoolingKernels& kernels = GPUKERAS_CHOSEN_TABLE(pooling_kernels);
        const size_t taps = pooling.size[0] * pooling.size[1] * pooling.size[2];
        const size_t row = std::max<size_t>(1, pooling.out[2] * pooling.channels * taps);
        switch (kind) {
            case PoolingKind::max:
                kernel_ = kernels.max;
                break;
            case PoolingKind::max_gradient:
                kernel_ = kernels.max_gradient;
                break;
            case PoolingKind::max_pick:
                kernel_ = kernels.max_pick;
                break;
            case PoolingKind::sum:
                kernel_ = kernels.sum;
                break;
            case PoolingKind::spread:
                kernel_ = kernels.spread;
                break;
        }
        const size_t rows = pooling.out[0] * pooling.out[1];
        // Windows may overlap, so what is added into x is shared out by whole samples.
        const bool by_sample = kind == PoolingKind::max_gradient || kind == PoolingKind::spread;
        pieces_ = pooling.samples * (by_sample ? 1 : rows);
        grain_ = std::max<size_t>(1, kGrain / (by_sample ? row * rows : row));
    }

    void run() override {
        parallel_for(pieces_, grain_,
                     [this](size_t begin, size_t end) { kernel_(pooling_, arrays_, begin, end); });
    }

  private:
    Pooling pooling_;
    PoolingArrays arrays_;
    void (*kernel_)(const Pooling&, const PoolingArrays&, size_t, size_t) = nullptr;
    size_t pieces_ = 0, grain_ = 1;
};

}  // namespace

std::shared_ptr<Task> pooling(PoolingKind kind, const Pooling& pooling, const PoolingArrays& arrays) {
    return std::make_shared<PoolingTask>(kind, pooling, arrays);
}

}  // namespace gpukeras::cpu
