// Splitting a range over OpenMP's threads: the ones oneDNN uses, so that there is one pool and not two that
// fight for the processors.
#pragma once

#include <cstddef>

namespace gpukeras::cpu {

// Called once, when the extension is loaded: sets the number of threads to OMP_NUM_THREADS where it is set,
// else to the processors that affinity and the container's quota leave us, and keeps forked children to one
// thread.
void start_threads();

// To be called in any thread before it makes or runs kernels; after the first time it costs nothing.
void adopt_threads();

// Threads a job may use, the calling one included.
int max_threads();

// While it lives, the calling thread works alone: for work that is done before another thread would be awake.
class Alone {
  public:
    explicit Alone(bool alone = true);
    ~Alone();
    Alone(const Alone&) = delete;
    Alone& operator=(const Alone&) = delete;

  private:
    int before_ = 0;
};

namespace detail {

using Job = void (*)(void* context, size_t begin, size_t end);
void run_parallel(size_t count, size_t grain, Job job, void* context);

}  // namespace detail

// Calls body(begin, end) on pieces of [0, count), each `grain` long but the last, in no order. A range of few
// pieces stays on the calling thread: waking another costs more than it saves.
template <typename Body>
inline void parallel_for(size_t count, size_t grain, Body body) {
    const auto job = [](void* context, size_t begin, size_t end) {
        (*static_cast<Body*>(context))(begin, end);
    };
    detail::run_parallel(count, grain, job, &body);
}

}  // namespace gpukeras::cpu
