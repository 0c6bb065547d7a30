// Gradient of an embedding: rows of dy added up in the rows of a table that their indices name. Either with
// atomic additions, whose order changes from run to run, or deterministically: (index, position) pairs are
// sorted and each table row adds its own up in order. The sort is bitonic (K. E. Batcher, 1968) over a power
// of two.
#include "device.h"

namespace gpukeras::cuda {

extern "C" __global__ void embedding_add_atomic(const int64_t* index, const float* dy, float* out, int count,
                                                int width, int rows) {
    for (int k = thread_index(); k < count * width; k += thread_count()) {
        const int64_t row = index[k / width];
        if (row >= 0 && row < rows) atomicAdd(out + row * width + k % width, dy[k]);
    }
}

// key = index * 2^32 + position; what is no row, and what fills up to the power of two, sorts to the end.
extern "C" __global__ void embedding_keys(const int64_t* index, uint64_t* key, int count, int padded,
                                          int rows) {
    for (int k = thread_index(); k < padded; k += thread_count()) {
        const bool valid = k < count && index[k] >= 0 && index[k] < rows;
        const uint64_t row = valid ? static_cast<uint64_t>(index[k]) : 0xffffffffull;
        key[k] = row << 32 | static_cast<uint64_t>(k);
    }
}

__device__ __forceinline__ void put_in_order(uint64_t* a, uint64_t* b, bool rising) {
    const uint64_t x = *a, y = *b;
    if ((x > y) == rising) {
        *a = y;
        *b = x;
    }
}

constexpr int kSorted = 2 * kThreads;  // keys a block sorts by itself

// All steps up to sequences of `longest` (at least 2, at most kSorted) where `merge` is 0; with a `merge` of
// m the last steps, over distances below kSorted, of the merge into sequences of m.
extern "C" __global__ void sort_blocks(uint64_t* key, int longest, int merge) {
    __shared__ uint64_t shared[kSorted];
    const int first = static_cast<int>(blockIdx.x) * longest, half = longest / 2;
    const int at = static_cast<int>(threadIdx.x);
    for (int i = at; i < longest; i += kThreads) shared[i] = key[first + i];
    __syncthreads();
    for (int size = merge != 0 ? longest : 2; size <= longest; size *= 2) {
        for (int distance = size / 2; distance > 0; distance /= 2) {
            if (at < half) {
                const int low = 2 * distance * (at / distance) + at % distance;
                const bool rising = ((first + low) & (merge != 0 ? merge : size)) == 0;
                put_in_order(shared + low, shared + low + distance, rising);
            }
            __syncthreads();
        }
    }
    for (int i = at; i < longest; i += kThreads) key[first + i] = shared[i];
}

// One step of the merge into sequences of `merge`, over a distance of kSorted or more.
extern "C" __global__ void sort_step(uint64_t* key, int distance, int merge, int padded) {
    const int k = thread_index();
    if (k >= padded / 2) return;
    const int low = 2 * distance * (k / distance) + k % distance;
    put_in_order(key + low, key + low + distance, (low & merge) == 0);
}

// Thread k: place k / width of the sorted keys, column k % width. The first place of each row adds its row
// up.
extern "C" __global__ void embedding_add_sorted(const uint64_t* key, const float* dy, float* out, int count,
                                                int width, int rows) {
    for (int k = thread_index(); k < count * width; k += thread_count()) {
        int place = k / width;
        const int column = k % width;
        const uint64_t row = key[place] >> 32;
        if (row >= static_cast<uint64_t>(rows) || (place > 0 && key[place - 1] >> 32 == row)) continue;
        float total = 0.0f;
        for (; place < count && key[place] >> 32 == row; ++place) {
            total += dy[static_cast<int64_t>(key[place] & 0xffffffffull) * width + column];
        }
        out[static_cast<int64_t>(row) * width + column] += total;
    }
}

}  // namespace gpukeras::cuda
