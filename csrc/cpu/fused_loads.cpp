#include "fused_loads.h"

#include <algorithm>

namespace gpukeras::cpu::fused {
namespace {

constexpr size_t kMaxRank = 16;

// Calls body(array stretch, place in the block, elements) for runs along the innermost axis.
template <typename Body>
inline void walk_runs(const Walk& walk, size_t first, size_t count, Body body) {
    const size_t rank = walk.shape.size();
    int64_t index[kMaxRank];
    int64_t offset = 0;
    for (size_t d = rank; d-- > 0;) {
        const auto length = static_cast<size_t>(walk.shape[d]);
        index[d] = static_cast<int64_t>(first % length);
        first /= length;
        offset += index[d] * walk.strides[d];
    }
    const int64_t inner = walk.shape[rank - 1], inner_stride = walk.strides[rank - 1];
    size_t done = 0;
    while (true) {
        const size_t run = std::min(static_cast<size_t>(inner - index[rank - 1]), count - done);
        body(offset, done, run);
        done += run;
        if (done == count) return;
        offset -= index[rank - 1] * inner_stride;
        index[rank - 1] = 0;
        for (size_t d = rank - 1; d-- > 0;) {
            offset += walk.strides[d];
            if (++index[d] < walk.shape[d]) break;
            offset -= walk.shape[d] * walk.strides[d];
            index[d] = 0;
        }
    }
}

template <typename T>
void gather_as(T* block, const char* data, const Walk& walk, size_t first, size_t count) {
    const int64_t stride = walk.strides.back();
    if (stride == static_cast<int64_t>(sizeof(T))) {
        walk_runs(walk, first, count, [=](int64_t offset, size_t place, size_t run) {
            const T* from = reinterpret_cast<const T*>(data + offset);
            T* to = block + place;
            for (size_t i = 0; i < run; ++i) to[i] = from[i];
        });
    } else if (stride == 0) {
        walk_runs(walk, first, count, [=](int64_t offset, size_t place, size_t run) {
            const T value = *reinterpret_cast<const T*>(data + offset);
            T* to = block + place;
            for (size_t i = 0; i < run; ++i) to[i] = value;
        });
    } else {
        walk_runs(walk, first, count, [=](int64_t offset, size_t place, size_t run) {
            const char* from = data + offset;
            T* to = block + place;
            for (size_t i = 0; i < run; ++i, from += stride) to[i] = *reinterpret_cast<const T*>(from);
        });
    }
}

template <typename T>
void scatter_as(const T* block, char* data, const Walk& walk, size_t first, size_t count) {
    const int64_t stride = walk.strides.back();
    walk_runs(walk, first, count, [=](int64_t offset, size_t place, size_t run) {
        char* to = data + offset;
        const T* from = block + place;
        if (stride == static_cast<int64_t>(sizeof(T))) {
            std::memcpy(to, from, run * sizeof(T));
            return;
        }
        for (size_t i = 0; i < run; ++i, to += stride) *reinterpret_cast<T*>(to) = from[i];
    });
}

}  // namespace

Walk::Walk(const std::vector<int64_t>& shape_in, const std::vector<int64_t>& strides_in) {
    for (size_t d = 0; d < shape_in.size(); ++d) {
        if (shape_in[d] == 1) continue;
        if (!shape.empty() && strides.back() == shape_in[d] * strides_in[d]) {
            shape.back() *= shape_in[d];
            strides.back() = strides_in[d];
        } else {
            shape.push_back(shape_in[d]);
            strides.push_back(strides_in[d]);
        }
    }
    if (shape.empty()) {
        shape.push_back(1);
        strides.push_back(0);
    }
    size_t d = 0;
    while (d + 1 < shape.size() && strides[d] == 0) ++d;
    for (; d < shape.size(); ++d) period *= static_cast<size_t>(shape[d]);
}

void gather(void* block, const char* data, const Walk& walk, size_t item, size_t first, size_t count) {
    if (item == 4) return gather_as(static_cast<uint32_t*>(block), data, walk, first, count);
    if (item == 8) return gather_as(static_cast<uint64_t*>(block), data, walk, first, count);
    if (item == 2) return gather_as(static_cast<uint16_t*>(block), data, walk, first, count);
    gather_as(static_cast<uint8_t*>(block), data, walk, first, count);
}

void scatter(const void* block, char* data, const Walk& walk, size_t item, size_t first, size_t count) {
    if (item == 4) return scatter_as(static_cast<const uint32_t*>(block), data, walk, first, count);
    if (item == 8) return scatter_as(static_cast<const uint64_t*>(block), data, walk, first, count);
    if (item == 2) return scatter_as(static_cast<const uint16_t*>(block), data, walk, first, count);
    scatter_as(static_cast<const uint8_t*>(block), data, walk, first, count);
}

}  // namespace gpukeras::cpu::fused
