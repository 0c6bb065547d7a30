// Runs CUDA kernels on a CPU, one thread after the other, so that tests can compare their results: a thread is a
// coroutine that hands over at __syncthreads(). Put in front of a kernel's source, compiled by a C++17 compiler.
// What it shows is the arithmetic, the indexing, and that all threads of a block meet at the same barriers; in which
// order threads run is the caller's choice, so that a result that depends on it shows up.
#pragma once

#include <ucontext.h>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __restrict__
#define __shared__ static
#define __launch_bounds__(...)

namespace simulator {

constexpr std::size_t kStack = 1 << 18;

struct Index {
    unsigned x, y, z;
};

struct Thread {
    ucontext_t context;
    std::unique_ptr<char[]> stack;
    bool done;
};

inline Index thread, block, block_size, grid_size;
inline ucontext_t scheduler;
inline Thread* current;
inline void (*body)();

inline void enter() {
    body();
    current->done = true;
    swapcontext(&current->context, &scheduler);
}

inline void barrier() { swapcontext(&current->context, &scheduler); }

inline void run_block(std::vector<Thread>& threads, int order) {
    const unsigned count = block_size.x;
    for (unsigned i = 0; i < count; ++i) {
        Thread& t = threads[i];
        if (!t.stack) t.stack.reset(new char[kStack]);  // left as it is: zeroes would cost more than the kernel
        t.done = false;
        getcontext(&t.context);
        t.context.uc_stack.ss_sp = t.stack.get();
        t.context.uc_stack.ss_size = kStack;
        t.context.uc_link = nullptr;
        makecontext(&t.context, enter, 0);
    }
    for (unsigned done = 0; done < count;) {
        if (done > 0) {
            std::fprintf(stderr, "simulator: %u threads of %u left before a barrier\n", done, count);
            std::abort();
        }
        for (unsigned i = 0; i < count; ++i) {
            const unsigned k = order == 0 ? i : count - 1 - i;
            thread = {k, 0, 0};
            current = &threads[k];
            swapcontext(&scheduler, &current->context);
            done += current->done ? 1 : 0;
        }
    }
}

template <typename Body>
void launch(const unsigned* dims, int order, Body) {
    grid_size = {dims[0], dims[1], dims[2]};
    block_size = {dims[3], 1, 1};
    static std::vector<Thread> threads;
    if (threads.size() < dims[3]) threads.resize(dims[3]);
    for (unsigned z = 0; z < dims[2]; ++z) {
        for (unsigned y = 0; y < dims[1]; ++y) {
            for (unsigned x = 0; x < dims[0]; ++x) {
                block = {x, y, z};
                run_block(threads, order);
            }
        }
    }
}

inline void** arguments;

template <typename... A, std::size_t... I>
void call(void (*kernel)(A...), std::index_sequence<I...>) {
    kernel(*static_cast<A*>(arguments[I])...);
}

// As cuLaunchKernel: a pointer to each argument.
template <auto kernel, typename... A>
void run(void (*)(A...), const unsigned* dims, void** args, int order) {
    arguments = args;
    body = [] { call(kernel, std::index_sequence_for<A...>()); };
    launch(dims, order, 0);
}

}  // namespace simulator

#define threadIdx simulator::thread
#define blockIdx simulator::block
#define blockDim simulator::block_size
#define gridDim simulator::grid_size

inline void __syncthreads() { simulator::barrier(); }

template <typename T>
T atomicAdd(T* at, T value) {
    const T before = *at;
    *at += value;
    return before;
}

namespace gpukeras::cuda {}
#define GPUKERAS_SIMULATED(NAME)                                                                  \
    extern "C" void simulated_##NAME(const unsigned* dims, void** args, int order) {              \
        using namespace gpukeras::cuda;                                                           \
        simulator::run<NAME>(NAME, dims, args, order);                                            \
    }
