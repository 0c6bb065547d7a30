// Columns of a row times a matrix, compiled once per instruction set (see isa.h).
#include "isa.h"
#include "row_product.h"

namespace gpukeras::cpu {
namespace {

#if defined(__AVX512F__)
constexpr size_t kLanes = 16, kMost = 16;
#elif defined(__AVX2__)
constexpr size_t kLanes = 8, kMost = 12;
#else
constexpr size_t kLanes = 4, kMost = 12;
#endif
constexpr size_t kRows = 128;  // terms summed up before they go into the total, so that rounding stays small

typedef float Vector __attribute__((vector_size(kLanes * sizeof(float)), aligned(sizeof(float)), may_alias));

float finished(const RowProduct& p, size_t column, float sum) {
    if (p.bias != nullptr) sum += p.bias[column];
    return p.relu && sum <= 0.0f ? 0.0f : sum;
}

// `Count` vectors of columns from `first` on.
template <size_t Count>
void vectors(const RowProduct& p, size_t first) {
    Vector total[Count] = {};
    for (size_t from = 0; from < p.k; from += kRows) {
        const size_t to = from + kRows < p.k ? from + kRows : p.k;
        Vector sum[Count] = {};
        const float* row = p.w + from * p.n + first;
        for (size_t k = from; k < to; ++k, row += p.n) {
            const float x = p.x[k];
#pragma GCC unroll 16
            for (size_t j = 0; j < Count; ++j)
                sum[j] += *reinterpret_cast<const Vector*>(row + j * kLanes) * x;
        }
        for (size_t j = 0; j < Count; ++j) total[j] += sum[j];
    }
    for (size_t j = 0; j < Count; ++j) {
        for (size_t i = 0; i < kLanes; ++i) {
            const size_t column = first + j * kLanes + i;
            p.y[column] = finished(p, column, total[j][i]);
        }
    }
}

// Fewer columns than a vector has lanes: what is read beyond them belongs to the next row and is not used.
void rest(const RowProduct& p, size_t first, size_t count) {
    const size_t size = p.k * p.n;
    const size_t beyond = first + kLanes;  // place after the vector read in row 0
    const size_t safe = beyond > size ? 0 : (size - beyond) / p.n + 1;
    Vector total = {};
    for (size_t from = 0; from < safe; from += kRows) {
        const size_t to = from + kRows < safe ? from + kRows : safe;
        Vector even = {}, odd = {};
        size_t k = from;
        for (; k + 1 < to; k += 2) {
            even += *reinterpret_cast<const Vector*>(p.w + k * p.n + first) * p.x[k];
            odd += *reinterpret_cast<const Vector*>(p.w + (k + 1) * p.n + first) * p.x[k + 1];
        }
        if (k < to) even += *reinterpret_cast<const Vector*>(p.w + k * p.n + first) * p.x[k];
        total += even + odd;
    }
    for (size_t i = 0; i < count; ++i) {
        float sum = total[i];
        for (size_t k = safe; k < p.k; ++k) sum += p.w[k * p.n + first + i] * p.x[k];
        p.y[first + i] = finished(p, first + i, sum);
    }
}

void columns(const RowProduct& p, size_t begin, size_t end) {
    size_t at = begin;
    for (; at + kMost * kLanes <= end; at += kMost * kLanes) vectors<kMost>(p, at);
    for (; at + 8 * kLanes <= end; at += 8 * kLanes) vectors<8>(p, at);
    for (; at + 4 * kLanes <= end; at += 4 * kLanes) vectors<4>(p, at);
    for (; at + kLanes <= end; at += kLanes) vectors<1>(p, at);
    if (at < end) rest(p, at, end - at);
}

const RowProductKernels kTable = {columns};

}  // namespace

const RowProductKernels& GPUKERAS_JOIN(row_product_kernels_, GPUKERAS_ISA)() { return kTable; }

}  // namespace gpukeras::cpu
