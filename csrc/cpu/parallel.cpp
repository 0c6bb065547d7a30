#include "parallel.h"

#include <omp.h>
#include <pthread.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>

#if defined(__linux__)
#include <sched.h>
#endif

namespace gpukeras::cpu {
namespace {

constexpr size_t kPiecesPerThread = 2;

int processors() {
#if defined(__linux__)
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof(set), &set) == 0) return std::max(1, CPU_COUNT(&set));
#endif
    return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

// The container's processor quota, rounded up; a large number where there is none.
int quota() {
    constexpr int none = 1 << 20;
    std::string limit;
    double period = 0;
    std::ifstream second("/sys/fs/cgroup/cpu.max");
    if (second >> limit >> period) {
        if (limit == "max" || period <= 0) return none;
        return std::max(1, static_cast<int>((std::atof(limit.c_str()) + period - 1) / period));
    }
    double microseconds = -1;
    std::ifstream first("/sys/fs/cgroup/cpu/cpu.cfs_quota_us"),
        length("/sys/fs/cgroup/cpu/cpu.cfs_period_us");
    if (first >> microseconds && length >> period && microseconds > 0 && period > 0) {
        return std::max(1, static_cast<int>((microseconds + period - 1) / period));
    }
    return none;
}

int count_threads() {
    if (const char* wanted = std::getenv("OMP_NUM_THREADS")) {
        const int number = std::atoi(wanted);
        if (number > 0) return number;
    }
    return std::min(processors(), quota());
}

int threads = 1;  // for every thread of Python's; OpenMP keeps a number for each of them

// A forked child has none of its parent's threads, and OpenMP would wait for them: it goes on with one.
void stay_alone() {
    threads = 1;
    omp_set_num_threads(1);
    omp_set_max_active_levels(0);
}

}  // namespace

void start_threads() {
    threads = count_threads();
    omp_set_num_threads(threads);
    pthread_atfork(nullptr, nullptr, stay_alone);
}

void adopt_threads() {
    thread_local bool done = false;
    if (done) return;
    done = true;
    omp_set_num_threads(threads);
}

int max_threads() { return omp_get_max_threads(); }

Alone::Alone(bool alone) {
    if (!alone) return;
    before_ = omp_get_max_threads();
    omp_set_num_threads(1);
}

Alone::~Alone() {
    if (before_ > 0) omp_set_num_threads(before_);
}

void detail::run_parallel(size_t count, size_t grain, Job job, void* context) {
    if (count == 0) return;
    const size_t pieces = (count + grain - 1) / grain;
    const int threads =
        omp_in_parallel() ? 1 : static_cast<int>(std::min<size_t>(max_threads(), pieces / kPiecesPerThread));
    if (threads <= 1) {
        job(context, 0, count);
        return;
    }
#pragma omp parallel for schedule(static) num_threads(threads)
    for (size_t piece = 0; piece < pieces; ++piece) {
        job(context, piece * grain, std::min(count, (piece + 1) * grain));
    }
}

}  // namespace gpukeras::cpu
