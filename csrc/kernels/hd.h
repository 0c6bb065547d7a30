// Marks a scalar body that is compiled for the host and, under nvcc or NVRTC, for the device as well.
// Everything in csrc/kernels is written against this header alone, so that the arithmetic CI proves on a
// CPU is the arithmetic that runs on a GPU.
#pragma once

#if defined(__CUDACC__) || defined(__CUDACC_RTC__)
#define GPUKERAS_HD __host__ __device__ __forceinline__
#define GPUKERAS_HD_MEMBER static __host__ __device__ __forceinline__
#define GPUKERAS_HD_CALL __host__ __device__ __forceinline__
#elif defined(_MSC_VER)
#define GPUKERAS_HD static __forceinline
#define GPUKERAS_HD_MEMBER static __forceinline
#define GPUKERAS_HD_CALL __forceinline
#else
// Static on purpose: csrc/cpu compiles these bodies several times, once per instruction set, and the
// linker must never hand the AVX-512 copy to the caller that was compiled for plain x86-64.
#define GPUKERAS_HD static inline __attribute__((always_inline, unused))
#define GPUKERAS_HD_MEMBER static inline __attribute__((always_inline))
#define GPUKERAS_HD_CALL inline __attribute__((always_inline))
#endif

#if !defined(__CUDACC_RTC__)
#include <cstdint>
#else
typedef unsigned char uint8_t;
typedef unsigned short uint16_t;
typedef unsigned int uint32_t;
typedef int int32_t;
typedef long long int64_t;
typedef unsigned long long uint64_t;
#endif
