#include "row_product.h"

#include "isa.h"
#include "parallel.h"

namespace gpukeras::cpu {
namespace {

constexpr size_t kGrain = 128;      // columns of a piece
constexpr size_t kAlone = 1 << 17;  // numbers in a matrix that is read sooner than another thread is awake

class RowProductTask final : public Task {
  public:
    explicit RowProductTask(const RowProduct& product)
        : product_(product), kernel_(GPUKERAS_CHOSEN_TABLE(row_product_kernels).columns) {}

    void run() override {
        const size_t grain = product_.k * product_.n < kAlone ? product_.n : kGrain;
        parallel_for(product_.n, grain, [this](size_t begin, size_t end) { kernel_(product_, begin, end); });
    }

  private:
    RowProduct product_;
    void (*kernel_)(const RowProduct&, size_t, size_t);
};

}  // namespace

std::shared_ptr<Task> row_product(const RowProduct& product) {
    return std::make_shared<RowProductTask>(product);
}

}  // namespace gpukeras::cpu
