#include "gather.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <vector>

#include "parallel.h"

namespace gpukeras::cpu {
namespace {

constexpr size_t kGrainBytes = 1 << 16;

class Resolved {
  public:
    explicit Resolved(Picks picks) : picks_(std::move(picks)), slices_(picks_.count) {}

    // The slice each index means, now.
    const std::vector<size_t>& read() {
        if (picks_.wide) {
            resolve(static_cast<const int64_t*>(picks_.indices));
        } else {
            resolve(static_cast<const int32_t*>(picks_.indices));
        }
        return slices_;
    }

  private:
    template <typename T>
    void resolve(const T* indices) {
        const auto size = static_cast<int64_t>(picks_.size);
        for (size_t i = 0; i < picks_.count; ++i) {
            const int64_t given = indices[i];
            const int64_t index = given < 0 && picks_.wrap ? given + size : given;
            if (index < 0 || index >= size) {
                throw std::invalid_argument(picks_.before + std::to_string(given) + picks_.after);
            }
            slices_[i] = static_cast<size_t>(index);
        }
        if (picks_.per_row == 0) return;
        for (size_t i = 0; i < picks_.count; ++i) slices_[i] += i / picks_.per_row * picks_.size;
    }

    Picks picks_;
    std::vector<size_t> slices_;
};

template <typename T>
void copy_units(const std::vector<size_t>& slices, const char* x, char* out, size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) {
        reinterpret_cast<T*>(out)[i] = reinterpret_cast<const T*>(x)[slices[i]];
    }
}

class Gather final : public Task {
  public:
    Gather(Picks picks, const char* x, char* out, size_t bytes)
        : picks_(std::move(picks)), x_(x), out_(out), bytes_(bytes) {}

    void run() override {
        const std::vector<size_t>& slices = picks_.read();
        const size_t grain = std::max<size_t>(1, kGrainBytes / bytes_);
        parallel_for(slices.size(), grain, [&](size_t begin, size_t end) {
            if (bytes_ == 4) return copy_units<uint32_t>(slices, x_, out_, begin, end);
            if (bytes_ == 8) return copy_units<uint64_t>(slices, x_, out_, begin, end);
            for (size_t i = begin; i < end; ++i) {
                std::memcpy(out_ + i * bytes_, x_ + slices[i] * bytes_, bytes_);
            }
        });
    }

  private:
    Resolved picks_;
    const char* x_;
    char* out_;
    size_t bytes_;
};

// Integers are added as unsigned ones, which wrap around.
template <typename T>
class ScatterAdd final : public Task {
  public:
    ScatterAdd(Picks picks, const void* updates, void* out, size_t rows, size_t width)
        : picks_(std::move(picks)),
          updates_(static_cast<const T*>(updates)),
          out_(static_cast<T*>(out)),
          rows_(rows),
          width_(width) {}

    void run() override {
        const std::vector<size_t>& slices = picks_.read();
        const size_t work = std::max(slices.size(), rows_) * width_ * sizeof(T);
        const size_t pieces = work < 4 * kGrainBytes ? 1 : 2 * static_cast<size_t>(max_threads());
        const size_t grain = (rows_ + pieces - 1) / pieces;
        // Each piece owns some rows of the result and goes through all updates: their order is that of the
        // indices.
        parallel_for(rows_, std::max<size_t>(1, grain), [&](size_t begin, size_t end) {
            std::fill(out_ + begin * width_, out_ + end * width_, T(0));
            for (size_t i = 0; i < slices.size(); ++i) {
                if (slices[i] < begin || slices[i] >= end) continue;
                T* to = out_ + slices[i] * width_;
                const T* from = updates_ + i * width_;
                for (size_t j = 0; j < width_; ++j) to[j] += from[j];
            }
        });
    }

  private:
    Resolved picks_;
    const T* updates_;
    T* out_;
    size_t rows_, width_;
};

template <typename T>
class RowSums final : public Task {
  public:
    RowSums(Picks picks, const void* updates, void* sums, int32_t* places, size_t width)
        : rows_(picks.size),
          picks_(std::move(picks)),
          updates_(static_cast<const T*>(updates)),
          sums_(static_cast<T*>(sums)),
          places_(places),
          width_(width) {}

    void run() override {
        const std::vector<size_t>& slices = picks_.read();
        std::fill(places_, places_ + rows_, -1);
        int32_t used = 0;
        for (size_t slice : slices) {
            if (places_[slice] < 0) places_[slice] = used++;
        }
        const auto sums = static_cast<size_t>(used);
        const size_t work = slices.size() * width_ * sizeof(T);
        const size_t pieces = work < 4 * kGrainBytes ? 1 : static_cast<size_t>(max_threads());
        // Each piece owns some sums and goes through all updates: their order is that of the indices.
        parallel_for(sums, (sums + pieces - 1) / pieces, [&](size_t begin, size_t end) {
            std::fill(sums_ + begin * width_, sums_ + end * width_, T(0));
            for (size_t i = 0; i < slices.size(); ++i) {
                const auto sum = static_cast<size_t>(places_[slices[i]]);
                if (sum < begin || sum >= end) continue;
                T* to = sums_ + sum * width_;
                const T* from = updates_ + i * width_;
                for (size_t j = 0; j < width_; ++j) to[j] += from[j];
            }
        });
    }

  private:
    size_t rows_;
    Resolved picks_;
    const T* updates_;
    T* sums_;
    int32_t* places_;
    size_t width_;
};

}  // namespace

std::shared_ptr<Task> row_sums(Picks picks, const void* updates, void* sums, int32_t* places, Number type,
                               size_t width) {
    if (type == Number::f32)
        return std::make_shared<RowSums<float>>(std::move(picks), updates, sums, places, width);
    if (type == Number::f64)
        return std::make_shared<RowSums<double>>(std::move(picks), updates, sums, places, width);
    throw std::invalid_argument("row_sums: float32 or float64");
}

std::shared_ptr<Task> gather(Picks picks, const char* x, char* out, size_t bytes) {
    return std::make_shared<Gather>(std::move(picks), x, out, bytes);
}

std::shared_ptr<Task> scatter_add(Picks picks, const void* updates, void* out, Number type, size_t rows,
                                  size_t width) {
    switch (type) {
        case Number::f32:
            return std::make_shared<ScatterAdd<float>>(std::move(picks), updates, out, rows, width);
        case Number::f64:
            return std::make_shared<ScatterAdd<double>>(std::move(picks), updates, out, rows, width);
        case Number::i32:
            return std::make_shared<ScatterAdd<uint32_t>>(std::move(picks), updates, out, rows, width);
        default:
            return std::make_shared<ScatterAdd<uint64_t>>(std::move(picks), updates, out, rows, width);
    }
}

}  // namespace gpukeras::cpu
