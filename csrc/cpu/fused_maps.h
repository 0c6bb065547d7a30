// Loops of the instructions of fused programs, to be included by *_isa.cpp files only.
#pragma once

#include "../kernels/hd.h"
#include "fused.h"

namespace gpukeras::cpu::fused {
namespace {

// A result may take the place of an operand, element by element, which the compiler cannot know.
template <typename F, typename T>
void map1(const Call& c) {
    T* y = static_cast<T*>(c.out);
    const T* x = static_cast<const T*>(c.in[0]);
    const T a = static_cast<T>(c.a[0]), b = static_cast<T>(c.a[1]);
    const size_t n = c.count;
#pragma GCC ivdep
    for (size_t i = 0; i < n; ++i) y[i] = F::value(x[i], a, b);
}

template <typename F, typename T>
void map2(const Call& c) {
    T* z = static_cast<T*>(c.out);
    const T* x = static_cast<const T*>(c.in[0]);
    const T* y = static_cast<const T*>(c.in[1]);
    const T a = static_cast<T>(c.a[0]);
    const size_t n = c.count;
#pragma GCC ivdep
    for (size_t i = 0; i < n; ++i) z[i] = F::value(x[i], y[i], a);
}

template <typename F, typename T>
void map3(const Call& c) {
    T* out = static_cast<T*>(c.out);
    const T* x = static_cast<const T*>(c.in[0]);
    const T* y = static_cast<const T*>(c.in[1]);
    const T* z = static_cast<const T*>(c.in[2]);
    const size_t n = c.count;
#pragma GCC ivdep
    for (size_t i = 0; i < n; ++i) out[i] = F::value(x[i], y[i], z[i]);
}

// Truth values are bytes of 0 or 1.
template <typename F, typename T>
void test1(const Call& c) {
    uint8_t* y = static_cast<uint8_t*>(c.out);
    const T* x = static_cast<const T*>(c.in[0]);
    const size_t n = c.count;
#pragma GCC ivdep
    for (size_t i = 0; i < n; ++i) y[i] = F::value(x[i]) ? 1 : 0;
}

template <typename F, typename T>
void test2(const Call& c) {
    uint8_t* z = static_cast<uint8_t*>(c.out);
    const T* x = static_cast<const T*>(c.in[0]);
    const T* y = static_cast<const T*>(c.in[1]);
    const size_t n = c.count;
#pragma GCC ivdep
    for (size_t i = 0; i < n; ++i) z[i] = F::value(x[i], y[i]) ? 1 : 0;
}

}  // namespace
}  // namespace gpukeras::cpu::fused

#define GPUKERAS_FUSED1(NAME, ...)                  \
    struct NAME {                                   \
        template <typename T>                       \
        GPUKERAS_HD_MEMBER T value(T x, T a, T b) { \
            (void)a, (void)b;                       \
            __VA_ARGS__                             \
        }                                           \
    };
#define GPUKERAS_FUSED2(NAME, ...)                  \
    struct NAME {                                   \
        template <typename T>                       \
        GPUKERAS_HD_MEMBER T value(T x, T y, T a) { \
            (void)a;                                \
            __VA_ARGS__                             \
        }                                           \
    };
#define GPUKERAS_FUSED3(NAME, ...)                  \
    struct NAME {                                   \
        template <typename T>                       \
        GPUKERAS_HD_MEMBER T value(T x, T y, T z) { \
            __VA_ARGS__                             \
        }                                           \
    };
