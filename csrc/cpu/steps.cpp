#include "steps.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <stdexcept>
#include <string>
#include <type_traits>

#include "parallel.h"

namespace gpukeras::cpu {
namespace {

constexpr size_t kPiece = 1 << 15;  // bytes a thread should have to copy at least

template <typename From, typename To>
void convert(const void* from, void* to, size_t count) {
    const From* x = static_cast<const From*>(from);
    To* y = static_cast<To*>(to);
    for (size_t i = 0; i < count; ++i) {
        if constexpr (std::is_same_v<To, bool>) {
            y[i] = x[i] != From(0);
        } else {
            y[i] = static_cast<To>(x[i]);
        }
    }
}

template <typename From>
Converter converter_from(Type to) {
    switch (to) {
        case Type::b8:
            return convert<From, bool>;
        case Type::u8:
            return convert<From, uint8_t>;
        case Type::i32:
            return convert<From, int32_t>;
        case Type::i64:
            return convert<From, int64_t>;
        case Type::f32:
            return convert<From, float>;
        case Type::f64:
            return convert<From, double>;
        default:
            return nullptr;
    }
}

class Copy final : public Task {
  public:
    Copy(const void* from, void* to, size_t bytes) : from_(from), to_(to), bytes_(bytes) {}

    void run() override {
        if (bytes_ > 0) std::memmove(to_, from_, bytes_);
    }

  private:
    const void* from_;
    void* to_;
    size_t bytes_;
};

void copy_row(const Source& source, size_t row, size_t place) {
    const char* from = source.rows + static_cast<ptrdiff_t>(row) * source.stride;
    char* to = source.buffer + place * source.to_bytes;
    if (source.convert == nullptr) {
        std::memcpy(to, from, source.to_bytes);
    } else {
        source.convert(from, to, source.length);
    }
}

}  // namespace

Converter find_converter(Type from, Type to) {
    switch (from) {
        case Type::b8:
            return converter_from<bool>(to);
        case Type::i8:
            return converter_from<int8_t>(to);
        case Type::u8:
            return converter_from<uint8_t>(to);
        case Type::i16:
            return converter_from<int16_t>(to);
        case Type::u16:
            return converter_from<uint16_t>(to);
        case Type::i32:
            return converter_from<int32_t>(to);
        case Type::u32:
            return converter_from<uint32_t>(to);
        case Type::i64:
            return converter_from<int64_t>(to);
        case Type::u64:
            return converter_from<uint64_t>(to);
        case Type::f32:
            return converter_from<float>(to);
        case Type::f64:
            return converter_from<double>(to);
        default:
            return nullptr;
    }
}

double number(const Scalar& scalar) {
    switch (scalar.type) {
        case Type::f32:
            return static_cast<double>(*static_cast<const float*>(scalar.value));
        case Type::f64:
            return *static_cast<const double*>(scalar.value);
        case Type::i32:
            return static_cast<double>(*static_cast<const int32_t*>(scalar.value));
        case Type::i64:
            return static_cast<double>(*static_cast<const int64_t*>(scalar.value));
        default:
            return *static_cast<const bool*>(scalar.value) ? 1.0 : 0.0;
    }
}

void take_batch(const Source& source, const int64_t* order, size_t first, size_t count) {
    if (source.to_bytes == 0) return;
    const bool together = order == nullptr && source.stride == static_cast<ptrdiff_t>(source.from_bytes);
    if (together && source.convert == nullptr && count * source.to_bytes <= kPiece) {
        std::memcpy(source.buffer, source.rows + first * source.from_bytes, count * source.to_bytes);
        return;
    }
    const size_t grain = std::max<size_t>(1, kPiece / source.to_bytes);
    parallel_for(count, grain, [&](size_t begin, size_t end) {
        for (size_t i = begin; i < end; ++i) {
            copy_row(source, order == nullptr ? first + i : static_cast<size_t>(order[first + i]), i);
        }
    });
}

std::shared_ptr<Task> copy_task(const void* from, void* to, size_t bytes) {
    return std::make_shared<Copy>(from, to, bytes);
}

void Steps::check(const int64_t* order, size_t begin) const {
    for (size_t i = begin; i < begin + batch_; ++i) {
        if (order[i] < 0 || static_cast<size_t>(order[i]) >= samples_) {
            throw std::out_of_range("there is no sample " + std::to_string(order[i]) + ", only " +
                                    std::to_string(samples_));
        }
    }
}

size_t Steps::run(const int64_t* order, size_t begin, size_t end, double* totals, double seconds) {
    using clock = std::chrono::steady_clock;
    const auto start = clock::now();
    size_t at = begin;
    while (at + batch_ <= end) {
        if (order != nullptr) check(order, at);
        for (const Source& source : sources_) take_batch(source, order, at, batch_);
        for (const auto& task : tasks_) task->run();
        if (totals != nullptr) {
            for (size_t i = 0; i < scalars_.size(); ++i) {
                totals[i] += number(scalars_[i]) * static_cast<double>(batch_);
            }
        }
        for (const Collected& out : collected_) {
            std::memcpy(out.whole + at * out.row_bytes, out.rows, batch_ * out.row_bytes);
        }
        for (const auto& commit : commits_) commit->run();
        at += batch_;
        if (std::chrono::duration<double>(clock::now() - start).count() >= seconds) break;
    }
    return at - begin;
}

}  // namespace gpukeras::cpu
