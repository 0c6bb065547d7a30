// Splitting a range over threads. OpenMP where the build has it (it honours OMP_NUM_THREADS and the
// container's processor limit); one thread where it has not.
#pragma once

#include <algorithm>
#include <cstddef>

#if defined(_OPENMP)
#include <omp.h>
#endif

namespace gpukeras::cpu {

inline int max_threads() {
#if defined(_OPENMP)
    return omp_get_max_threads();
#else
    return 1;
#endif
}

// Calls body(begin, end) on pieces of [0, count), each a multiple of `grain` long but the last. Small ranges
// stay on the calling thread: waking another costs more than a few thousand elements take.
template <typename Body>
inline void parallel_for(size_t count, size_t grain, Body body) {
    const size_t pieces = (count + grain - 1) / grain;
    const int threads = static_cast<int>(std::min<size_t>(pieces, static_cast<size_t>(max_threads())));
    if (threads <= 1) {
        if (count > 0) body(size_t{0}, count);
        return;
    }
#if defined(_OPENMP)
    const size_t per_thread =
        (pieces + static_cast<size_t>(threads) - 1) / static_cast<size_t>(threads) * grain;
#pragma omp parallel for num_threads(threads) schedule(static, 1)
    for (int t = 0; t < threads; ++t) {
        const size_t begin = std::min(count, static_cast<size_t>(t) * per_thread);
        const size_t end = std::min(count, begin + per_thread);
        if (begin < end) body(begin, end);
    }
#endif
}

}  // namespace gpukeras::cpu
