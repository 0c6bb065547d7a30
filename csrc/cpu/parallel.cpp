#include "parallel.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <string>
#include <thread>

#if defined(__linux__)
#include <sched.h>
#endif
#include <unistd.h>

namespace gpukeras::cpu {
namespace {

constexpr size_t kFewestPieces = 4;

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

// Workers that wait for one job at a time. Never destroyed: at exit they are asleep, and joining threads from
// a library that is being unloaded is a deadlock.
class Pool {
  public:
    explicit Pool(int workers) : owner_(getpid()) {
        for (int i = 0; i < workers; ++i) std::thread(&Pool::work, this).detach();
    }

    pid_t owner() const { return owner_; }

    // False where another thread's job is running; the caller then does its own work.
    bool run(size_t count, size_t grain, detail::Job job, void* context) {
        std::unique_lock<std::mutex> turn(turn_, std::try_to_lock);
        if (!turn.owns_lock()) return false;
        {
            std::lock_guard<std::mutex> lock(mutex_);
            job_ = job;
            context_ = context;
            count_ = count;
            grain_ = grain;
            next_.store(0);
            ++generation_;
            open_ = true;
        }
        wake_.notify_all();
        take_pieces();
        // The context lives on the caller's stack: it must outlast those who joined. Who wakes up only now,
        // with every piece taken, is not waited for.
        std::unique_lock<std::mutex> lock(mutex_);
        open_ = false;
        done_.wait(lock, [this] { return active_ == 0; });
        return true;
    }

  private:
    void take_pieces() {
        for (;;) {
            const size_t begin = next_.fetch_add(grain_);
            if (begin >= count_) return;
            job_(context_, begin, std::min(count_, begin + grain_));
        }
    }

    void work() {
        size_t seen = 0;
        std::unique_lock<std::mutex> lock(mutex_);
        for (;;) {
            wake_.wait(lock, [&] { return open_ && generation_ != seen; });
            seen = generation_;
            ++active_;
            lock.unlock();
            take_pieces();
            lock.lock();
            if (--active_ == 0) done_.notify_one();
        }
    }

    const pid_t owner_;
    std::mutex turn_, mutex_;
    std::condition_variable wake_, done_;
    detail::Job job_ = nullptr;
    void* context_ = nullptr;
    size_t count_ = 0, grain_ = 1;
    std::atomic<size_t> next_{0};
    size_t generation_ = 0;
    int active_ = 0;
    bool open_ = false;
};

// The process's pool. A forked child has none of its parent's threads, so it makes a pool of its own; the
// parent's copy is left where it is, since its locks may be held by threads that are no more.
Pool& pool() {
    static std::atomic<Pool*> current{nullptr};
    Pool* found = current.load(std::memory_order_acquire);
    if (found == nullptr || found->owner() != getpid()) {
        Pool* made = new Pool(max_threads() - 1);
        // Two threads may get here at once; the loser's idle pool is the price of having no lock to inherit.
        if (current.compare_exchange_strong(found, made)) found = made;
    }
    return *found;
}

}  // namespace

int max_threads() {
    static const int threads = count_threads();
    return threads;
}

void detail::run_parallel(size_t count, size_t grain, Job job, void* context) {
    if (count == 0) return;
    const bool alone = max_threads() == 1 || count < kFewestPieces * grain;
    if (alone || !pool().run(count, grain, job, context)) job(context, 0, count);
}

}  // namespace gpukeras::cpu
