// Elementary functions and random numbers of fused programs, compiled once per instruction set.
#include <cstring>

#include "../kernels/arithmetic.h"
#include "../kernels/random.h"
#include "fused_maps.h"
#include "isa.h"

namespace gpukeras::cpu::fused {
namespace {

GPUKERAS_HD float magnitude_of(float x) { return __builtin_fabsf(x); }
GPUKERAS_HD double magnitude_of(double x) { return __builtin_fabs(x); }
// expm1 of numbers that are not positive.
GPUKERAS_HD float low_expm1(float x) { return expm1_to_forty(x); }
GPUKERAS_HD double low_expm1(double x) { return expression::expm1(x > 0 ? 0.0 : x); }

GPUKERAS_FUSED1(Exp, return expression::exp(x);)
GPUKERAS_FUSED1(Expm1, return expression::expm1(x);)
GPUKERAS_FUSED1(Log, return expression::log(x);)
GPUKERAS_FUSED1(Log1p, return expression::log1p(x);)
GPUKERAS_FUSED1(Sqrt, return expression::sqrt(x);)
GPUKERAS_FUSED1(Rsqrt, return T(1) / expression::sqrt(x);)
GPUKERAS_FUSED1(Root, return expression::sqrt(x < 0 ? T(0) : x);)
GPUKERAS_FUSED1(Asin, return expression::asin(x);)
GPUKERAS_FUSED1(Acos, return expression::acos(x);)
GPUKERAS_FUSED1(Atan, return expression::atan(x);)
GPUKERAS_FUSED1(Sinh, return expression::sinh(x);)
GPUKERAS_FUSED1(Cosh, return expression::cosh(x);)
GPUKERAS_FUSED1(TanhOf, return expression::tanh(x);)
GPUKERAS_FUSED1(Erf, return expression::erf(x);)
GPUKERAS_FUSED1(Round, return expression::rint(x);)
GPUKERAS_FUSED1(Floor, return expression::floor(x);)
GPUKERAS_FUSED1(Ceil, return expression::ceil(x);)
GPUKERAS_FUSED1(SigmoidOf, return T(1) / (T(1) + expression::exp(-x));)
GPUKERAS_FUSED1(EluOf, const T y = a * low_expm1(x); return x > 0 ? x : y;)
GPUKERAS_FUSED1(SoftplusOf, return (x > 0 ? x : (x != x ? x : T(0))) +
                                   expression::log1p(expression::exp(-magnitude_of(x)));)
GPUKERAS_FUSED2(Atan2, return expression::atan2(x, y);)

// Several operations in one pass; each result is rounded as if it were made by itself.
GPUKERAS_FUSED3(MultiplyAdd, return x * y + z;)
GPUKERAS_FUSED3(MultiplySubtract, return x * y - z;)
GPUKERAS_FUSED3(LessProduct, return z - x * y;)
GPUKERAS_FUSED3(MultiplySquareAdd, return x * (y * y) + z;)
GPUKERAS_FUSED3(DivideBySum, return x / (y + z);)
GPUKERAS_FUSED3(DivideByRoot, return x / (expression::sqrt(y < 0 ? T(0) : y) + z);)
GPUKERAS_FUSED2(MultiplySquare, return x * (y * y);)
GPUKERAS_FUSED2(RootAdd, return expression::sqrt(x < 0 ? T(0) : x) + y;)

void softplus_float(const Call& c) {
    float* y = static_cast<float*>(c.out);
    const float* x = static_cast<const float*>(c.in[0]);
    const size_t n = c.count;
#pragma GCC ivdep
    for (size_t i = 0; i < n; ++i) y[i] = Softplus::value(x[i]);
}

#define GPUKERAS_TURNED(NAME, FUNCTION, NEAR)                   \
    struct NAME {                                               \
        GPUKERAS_HD_MEMBER float near(float x) { return NEAR; } \
        template <typename T>                                   \
        GPUKERAS_HD_MEMBER T value(T x, T, T) {                 \
            return expression::FUNCTION(x);                     \
        }                                                       \
    };
GPUKERAS_TURNED(Sin, sin, sine_float(x, 0))
GPUKERAS_TURNED(Cos, cos, sine_float(x, 1))
GPUKERAS_TURNED(Tan, tan, tan_float(x))

// The body that vectorises where no element is too large for it; one by one otherwise, with the same digits.
template <typename F>
void turned(const Call& c) {
    float* y = static_cast<float*>(c.out);
    const float* x = static_cast<const float*>(c.in[0]);
    const size_t n = c.count;
    unsigned far = 0;
    for (size_t i = 0; i < n; ++i) far |= !few_turns(x[i]);
    if (far != 0) return map1<F, float>(c);
#pragma GCC ivdep
    for (size_t i = 0; i < n; ++i) y[i] = F::near(x[i]);
}

// Two loops, neither of which keeps the processor waiting for itself, where no number is special.
void pow_floats(const Call& c) {
    constexpr size_t kPart = 256;
    alignas(64) float high[kPart], low[kPart];
    for (size_t done = 0; done < c.count; done += kPart) {
        const size_t n = c.count - done < kPart ? c.count - done : kPart;
        float* z = static_cast<float*>(c.out) + done;
        const float* x = static_cast<const float*>(c.in[0]) + done;
        const float* y = static_cast<const float*>(c.in[1]) + done;
        unsigned special = 0;
        for (size_t i = 0; i < n; ++i) special |= !plain_power(x[i], y[i]);
        if (special != 0) {
#pragma GCC ivdep
            for (size_t i = 0; i < n; ++i) z[i] = pow_float(x[i], y[i]);
            continue;
        }
        for (size_t i = 0; i < n; ++i) log2_parts(x[i], 0.0f, &high[i], &low[i]);
#pragma GCC ivdep
        for (size_t i = 0; i < n; ++i) z[i] = exp2_product(high[i], low[i], y[i]);
    }
}
GPUKERAS_FUSED2(Pow, return expression::pow(x, y);)

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

// Calls make(words, out, n) for stretches of words that start on an even element; what it makes of the first
// `skipped` is left out.
template <typename Make>
inline void draw(const Call& c, Make make) {
    float* y = static_cast<float*>(c.out);
    const uint64_t run = *static_cast<const uint64_t*>(c.in[0]);
    constexpr size_t kRoom = kStretch / 4;
    Stretch stretch;
    alignas(64) float made[kRoom];
    for (size_t done = 0; done < c.count;) {
        const size_t skipped = (c.index + done) % 2, rest = c.count - done + skipped;
        const size_t n = rest < kRoom ? rest + rest % 2 : kRoom;
        const uint8_t* words = stretch.fill(c.seed, run, (c.index + done - skipped) * 4, n * 4);
        make(reinterpret_cast<const uint32_t*>(words), made, n);
        const size_t kept = (rest < n ? rest : n) - skipped;
        std::memcpy(y + done, made + skipped, kept * sizeof(float));
        done += kept;
    }
}

// Numbers a: width and start of the interval, its ends as they may be reached.
void random_uniform(const Call& c) {
    const float width = static_cast<float>(c.a[0]), start = static_cast<float>(c.a[1]);
    const float low = static_cast<float>(c.a[2]), high = static_cast<float>(c.a[3]);
    draw(c, [=](const uint32_t* words, float* y, size_t n) {
        for (size_t i = 0; i < n; ++i) y[i] = uniform_in(words[i], width, start, low, high);
    });
}

// Numbers a: probability of a 1.
void random_binomial(const Call& c) {
    const float probability = static_cast<float>(c.a[0]);
    draw(c, [=](const uint32_t* words, float* y, size_t n) {
        for (size_t i = 0; i < n; ++i) y[i] = uniform_from_bits(words[i]) < probability ? 1.0f : 0.0f;
    });
}

// Numbers a: mean, standard deviation.
void random_normal(const Call& c) {
    const float mean = static_cast<float>(c.a[0]), deviation = static_cast<float>(c.a[1]);
    draw(c, [=](const uint32_t* words, float* y, size_t n) {
        alignas(64) float pairs[2][kStretch / 8];
        for (size_t i = 0; i < n / 2; ++i)
            normal_pair_from_bits(words[2 * i], words[2 * i + 1], &pairs[0][i], &pairs[1][i]);
        for (size_t i = 0; i < n / 2; ++i) {
            y[2 * i] = pairs[0][i] * deviation + mean;
            y[2 * i + 1] = pairs[1][i] * deviation + mean;
        }
    });
}

void truncated_normal(const Call& c) {
    const double mean = c.a[0], deviation = c.a[1];
    draw(c, [=](const uint32_t* words, float* y, size_t n) {
        for (size_t i = 0; i < n; ++i) {
            const double z = within_two(normal_quantile_middle(truncated_probability(words[i])));
            y[i] = static_cast<float>(z * deviation + mean);
        }
        // One in nine lies beyond what the first loop is right for.
        for (size_t i = 0; i < n; ++i) {
            if (quantile_in_middle(truncated_probability(words[i]))) continue;
            y[i] = static_cast<float>(truncated_normal_from_bits(words[i]) * deviation + mean);
        }
    });
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
    {"pow:f32", pow_floats},
    {"pow:f64", map2<Pow, double>},
    FLOATS("atan2", map2, Atan2),
    {"sin:f32", turned<Sin>},
    {"cos:f32", turned<Cos>},
    {"tan:f32", turned<Tan>},
    {"sin:f64", map1<Sin, double>},
    {"cos:f64", map1<Cos, double>},
    {"tan:f64", map1<Tan, double>},
    {"dropout_mask:f32", dropout_mask<float>},
    {"dropout_mask:f64", dropout_mask<double>},
    {"random_uniform:f32", random_uniform},
    {"random_binomial:f32", random_binomial},
    {"random_normal:f32", random_normal},
    {"truncated_normal:f32", truncated_normal},
    {nullptr, nullptr},
};

}  // namespace

const Opcode* GPUKERAS_JOIN(function_opcodes_, GPUKERAS_ISA)() { return opcodes; }

}  // namespace gpukeras::cpu::fused
