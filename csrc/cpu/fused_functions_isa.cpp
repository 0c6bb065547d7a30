// Elementary functions and random numbers of fused programs, compiled once per instruction set.
#include <cstring>

#include "../kernels/activations.h"
#include "fused_maps.h"
#include "isa.h"

namespace gpukeras::cpu::fused {
namespace {

// In float32 our own bodies, which vectorise; in float64 the C library's.
#define BOTH(NAME, F32, F64)                           \
    GPUKERAS_HD float NAME(float x) { return F32(x); } \
    GPUKERAS_HD double NAME(double x) { return F64(x); }
BOTH(exp_of, exp_float, __builtin_exp)
BOTH(expm1_of, expm1_float, __builtin_expm1)
BOTH(log_of, log_float, __builtin_log)
BOTH(log1p_of, log1p_float, __builtin_log1p)
BOTH(sqrt_of, __builtin_sqrtf, __builtin_sqrt)
BOTH(tan_of, __builtin_tanf, __builtin_tan)
BOTH(asin_of, __builtin_asinf, __builtin_asin)
BOTH(acos_of, __builtin_acosf, __builtin_acos)
BOTH(atan_of, __builtin_atanf, __builtin_atan)
BOTH(sinh_of, __builtin_sinhf, __builtin_sinh)
BOTH(cosh_of, __builtin_coshf, __builtin_cosh)
BOTH(tanh_of, Tanh::value, __builtin_tanh)
BOTH(erf_of, erf_float, __builtin_erf)
BOTH(rint_of, __builtin_rintf, __builtin_rint)
BOTH(floor_of, __builtin_floorf, __builtin_floor)
BOTH(ceil_of, __builtin_ceilf, __builtin_ceil)
BOTH(magnitude_of, __builtin_fabsf, __builtin_fabs)
GPUKERAS_HD float pow_of(float x, float y) { return __builtin_powf(x, y); }
GPUKERAS_HD double pow_of(double x, double y) { return __builtin_pow(x, y); }
GPUKERAS_HD float atan2_of(float x, float y) { return __builtin_atan2f(x, y); }
GPUKERAS_HD double atan2_of(double x, double y) { return __builtin_atan2(x, y); }

GPUKERAS_FUSED1(Exp, return exp_of(x);)
GPUKERAS_FUSED1(Expm1, return expm1_of(x);)
GPUKERAS_FUSED1(Log, return log_of(x);)
GPUKERAS_FUSED1(Log1p, return log1p_of(x);)
GPUKERAS_FUSED1(Sqrt, return sqrt_of(x);)
GPUKERAS_FUSED1(Rsqrt, return T(1) / sqrt_of(x);)
GPUKERAS_FUSED1(Root, return sqrt_of(x < 0 ? T(0) : x);)
GPUKERAS_FUSED1(Tan, return tan_of(x);)
GPUKERAS_FUSED1(Asin, return asin_of(x);)
GPUKERAS_FUSED1(Acos, return acos_of(x);)
GPUKERAS_FUSED1(Atan, return atan_of(x);)
GPUKERAS_FUSED1(Sinh, return sinh_of(x);)
GPUKERAS_FUSED1(Cosh, return cosh_of(x);)
GPUKERAS_FUSED1(TanhOf, return tanh_of(x);)
GPUKERAS_FUSED1(Erf, return erf_of(x);)
GPUKERAS_FUSED1(Round, return rint_of(x);)
GPUKERAS_FUSED1(Floor, return floor_of(x);)
GPUKERAS_FUSED1(Ceil, return ceil_of(x);)
GPUKERAS_FUSED1(SigmoidOf, return T(1) / (T(1) + exp_of(-x));)
GPUKERAS_FUSED1(EluOf, const T y = a * expm1_of(x > 0 ? T(0) : x); return x > 0 ? x : y;)
GPUKERAS_FUSED1(SoftplusOf, return (x > 0 ? x : (x != x ? x : T(0))) + log1p_of(exp_of(-magnitude_of(x)));)
GPUKERAS_FUSED2(Pow, return pow_of(x, y);)
GPUKERAS_FUSED2(Atan2, return atan2_of(x, y);)

// Several operations in one pass; each result is rounded as if it were made by itself.
GPUKERAS_FUSED3(MultiplyAdd, return x * y + z;)
GPUKERAS_FUSED3(MultiplySubtract, return x * y - z;)
GPUKERAS_FUSED3(LessProduct, return z - x * y;)
GPUKERAS_FUSED3(MultiplySquareAdd, return x * (y * y) + z;)
GPUKERAS_FUSED3(DivideBySum, return x / (y + z);)
GPUKERAS_FUSED3(DivideByRoot, return x / (sqrt_of(y < 0 ? T(0) : y) + z);)
GPUKERAS_FUSED2(MultiplySquare, return x * (y * y);)
GPUKERAS_FUSED2(RootAdd, return sqrt_of(x < 0 ? T(0) : x) + y;)

void softplus_float(const Call& c) {
    float* y = static_cast<float*>(c.out);
    const float* x = static_cast<const float*>(c.in[0]);
    const size_t n = c.count;
#pragma GCC ivdep
    for (size_t i = 0; i < n; ++i) y[i] = Softplus::value(x[i]);
}

float exact_sine(float x, int quadrant) { return quadrant == 0 ? __builtin_sinf(x) : __builtin_cosf(x); }

// The vectorised body, and the C library where its reduction does not reach.
template <int quadrant>
void sine(const Call& c) {
    float* y = static_cast<float*>(c.out);
    const float* x = static_cast<const float*>(c.in[0]);
    const size_t n = c.count;
    int far = 0;
    for (size_t i = 0; i < n; ++i) far |= !(__builtin_fabsf(x[i]) <= 1.0e8f);
    if (far != 0) {
        for (size_t i = 0; i < n; ++i) y[i] = exact_sine(x[i], quadrant);
        return;
    }
#pragma GCC ivdep
    for (size_t i = 0; i < n; ++i) y[i] = sine_float(x[i], quadrant);
}

template <int quadrant>
void sine_double(const Call& c) {
    double* y = static_cast<double*>(c.out);
    const double* x = static_cast<const double*>(c.in[0]);
    for (size_t i = 0; i < c.count; ++i) y[i] = quadrant == 0 ? __builtin_sin(x[i]) : __builtin_cos(x[i]);
}

// Numbers a: bits per element, largest word that keeps an element, value of a kept element. in[0]: the run.
template <typename T, typename Word>
void drop(const Call& c, const Word* words) {
    T* y = static_cast<T*>(c.out);
    const Word limit = static_cast<Word>(c.a[1]);
    const T kept = static_cast<T>(c.a[2]);
    const size_t n = c.count;
#pragma GCC ivdep
    for (size_t i = 0; i < n; ++i) y[i] = words[i] <= limit ? kept : T(0);
}

// Words of a stretch of elements that need not start on a block of the generator, at most kStretch bytes.
constexpr size_t kStretch = 2048;

struct Stretch {
    alignas(64) uint8_t bytes[kStretch + 32];

    // `first` and `count` in bytes of the stream.
    const uint8_t* fill(uint64_t seed, uint64_t run, uint64_t first, size_t count) {
        const size_t skipped = first % 16;
        const size_t words = (skipped + count + 3) / 4;
        GPUKERAS_JOIN(::gpukeras::cpu::random_kernels_, GPUKERAS_ISA)
        ().bits(reinterpret_cast<uint32_t*>(bytes), words, seed, run, first / 16);
        return bytes + skipped;
    }
};

template <typename T>
void dropout_mask(const Call& c) {
    const size_t width = static_cast<size_t>(c.a[0]) / 8;
    const uint64_t run = *static_cast<const uint64_t*>(c.in[0]);
    Stretch stretch;
    Call part = c;
    for (size_t done = 0; done < c.count;) {
        const size_t room = kStretch / width;
        part.count = c.count - done < room ? c.count - done : room;
        part.out = static_cast<T*>(c.out) + done;
        const uint8_t* words = stretch.fill(c.seed, run, (c.index + done) * width, part.count * width);
        if (width == 1) {
            drop<T>(part, words);
        } else if (width == 2) {
            drop<T>(part, reinterpret_cast<const uint16_t*>(words));
        } else {
            drop<T>(part, reinterpret_cast<const uint32_t*>(words));
        }
        done += part.count;
    }
}

// Numbers a: width and start of the interval, its ends as they may be reached.
void random_uniform(const Call& c) {
    float* y = static_cast<float*>(c.out);
    const uint64_t run = *static_cast<const uint64_t*>(c.in[0]);
    const float width = static_cast<float>(c.a[0]), start = static_cast<float>(c.a[1]);
    const float low = static_cast<float>(c.a[2]), high = static_cast<float>(c.a[3]);
    Stretch stretch;
    for (size_t done = 0; done < c.count;) {
        const size_t room = kStretch / 4, rest = c.count - done, n = rest < room ? rest : room;
        const uint32_t* words =
            reinterpret_cast<const uint32_t*>(stretch.fill(c.seed, run, (c.index + done) * 4, n * 4));
        float* out = y + done;
        for (size_t i = 0; i < n; ++i) {
            const float u = static_cast<float>(static_cast<int32_t>(words[i] >> 8)) * 5.96046448e-8f;
            const float scaled = u * width + start;
            const float above = scaled < low ? low : scaled;
            out[i] = above > high ? high : above;
        }
        done += n;
    }
}

#define FLOATS(NAME, MAP, F) \
    {NAME ":f32", MAP<F, float>}, { NAME ":f64", MAP<F, double> }

const Opcode opcodes[] = {
    FLOATS("exp", map1, Exp),
    FLOATS("expm1", map1, Expm1),
    FLOATS("log", map1, Log),
    FLOATS("log1p", map1, Log1p),
    FLOATS("sqrt", map1, Sqrt),
    FLOATS("rsqrt", map1, Rsqrt),
    FLOATS("root", map1, Root),
    FLOATS("tan", map1, Tan),
    FLOATS("asin", map1, Asin),
    FLOATS("acos", map1, Acos),
    FLOATS("atan", map1, Atan),
    FLOATS("sinh", map1, Sinh),
    FLOATS("cosh", map1, Cosh),
    FLOATS("tanh", map1, TanhOf),
    FLOATS("erf", map1, Erf),
    FLOATS("round", map1, Round),
    FLOATS("floor", map1, Floor),
    FLOATS("ceil", map1, Ceil),
    FLOATS("sigmoid", map1, SigmoidOf),
    FLOATS("elu", map1, EluOf),
    {"softplus:f32", softplus_float},
    {"softplus:f64", map1<SoftplusOf, double>},
    FLOATS("multiply_add", map3, MultiplyAdd),
    FLOATS("multiply_subtract", map3, MultiplySubtract),
    FLOATS("less_product", map3, LessProduct),
    FLOATS("multiply_square_add", map3, MultiplySquareAdd),
    FLOATS("divide_by_sum", map3, DivideBySum),
    FLOATS("divide_by_root", map3, DivideByRoot),
    FLOATS("multiply_square", map2, MultiplySquare),
    FLOATS("root_add", map2, RootAdd),
    FLOATS("pow", map2, Pow),
    FLOATS("atan2", map2, Atan2),
    {"sin:f32", sine<0>},
    {"cos:f32", sine<1>},
    {"sin:f64", sine_double<0>},
    {"cos:f64", sine_double<1>},
    {"dropout_mask:f32", dropout_mask<float>},
    {"dropout_mask:f64", dropout_mask<double>},
    {"random_uniform:f32", random_uniform},
    {nullptr, nullptr},
};

}  // namespace

const Opcode* GPUKERAS_JOIN(function_opcodes_, GPUKERAS_ISA)() { return opcodes; }

}  // namespace gpukeras::cpu::fused
