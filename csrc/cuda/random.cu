// Philox fills on the device: the shared bodies of csrc/kernels, one thread per block of four elements.
// Launchers take raw pointers and a stream, allocate nothing and wait for nothing, so they may be captured.
// Compile with -fmad=false, so that no fused multiply-add changes a digit against csrc/cpu.
#include <cstddef>

#include "../kernels/philox.h"

namespace gpukeras::cuda {
namespace {

constexpr unsigned kThreads = 256;

enum class Kind { bits, uniform, normal };

template <Kind kind, typename T>
__global__ void fill(T* out, size_t count, uint64_t seed, uint64_t stream, float shift, float scale) {
    const size_t block = static_cast<size_t>(blockIdx.x) * kThreads + threadIdx.x;
    const size_t first = block * 4;
    if (first >= count) return;
    uint32_t words[4] = {static_cast<uint32_t>(block),
                         static_cast<uint32_t>(static_cast<uint64_t>(block) >> 32),
                         static_cast<uint32_t>(stream), static_cast<uint32_t>(stream >> 32)};
    const PhiloxKey key{static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)};
    philox4x32_10(words[0], words[1], words[2], words[3], key);
    T values[4];
    if constexpr (kind == Kind::bits) {
        for (int j = 0; j < 4; ++j) values[j] = words[j];
    } else if constexpr (kind == Kind::uniform) {
        for (int j = 0; j < 4; ++j) values[j] = uniform_from_bits(words[j]) * scale + shift;
    } else {
        normal_pair_from_bits(words[0], words[1], &values[0], &values[1]);
        normal_pair_from_bits(words[2], words[3], &values[2], &values[3]);
        for (int j = 0; j < 4; ++j) values[j] = values[j] * scale + shift;
    }
    for (int j = 0; j < 4 && first + j < count; ++j) out[first + j] = values[j];
}

template <Kind kind, typename T>
int launch(T* out, size_t count, uint64_t seed, uint64_t stream, float shift, float scale,
           cudaStream_t queue) {
    if (count == 0) return 0;
    const size_t blocks = (count + 4 * kThreads - 1) / (4 * kThreads);
    fill<kind><<<static_cast<unsigned>(blocks), kThreads, 0, queue>>>(out, count, seed, stream, shift, scale);
    return static_cast<int>(cudaGetLastError());
}

}  // namespace
}  // namespace gpukeras::cuda

// The C interface: each returns a cudaError_t as an int.
extern "C" {

int gpukeras_cuda_philox_fill_uint32(uint32_t* out, size_t count, uint64_t seed, uint64_t stream,
                                     cudaStream_t queue) {
    using namespace gpukeras::cuda;
    return launch<Kind::bits>(out, count, seed, stream, 0.0f, 1.0f, queue);
}

int gpukeras_cuda_philox_fill_uniform(float* out, size_t count, uint64_t seed, uint64_t stream, float low,
                                      float high, cudaStream_t queue) {
    using namespace gpukeras::cuda;
    return launch<Kind::uniform>(out, count, seed, stream, low, high - low, queue);
}

int gpukeras_cuda_philox_fill_normal(float* out, size_t count, uint64_t seed, uint64_t stream, float mean,
                                     float stddev, cudaStream_t queue) {
    using namespace gpukeras::cuda;
    return launch<Kind::normal>(out, count, seed, stream, mean, stddev, queue);
}

}  // extern "C"
