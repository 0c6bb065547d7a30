// Arithmetic, comparisons, choices and conversions of fused programs, compiled once per instruction set.
#include <cstring>
#include <type_traits>

#include "../kernels/arithmetic.h"
#include "../kernels/halves.h"
#include "fused_maps.h"
#include "isa.h"

namespace gpukeras::cpu::fused {
namespace {

// Integers wrap around as NumPy's do, which for signed ones C++ leaves undefined.
template <typename T, bool = std::is_integral<T>::value>
struct Wrap {
    using type = T;
};
template <typename T>
struct Wrap<T, true> {
    using type = typename std::make_unsigned<T>::type;
};
template <typename T>
using Wrapped = typename Wrap<T>::type;
#define WRAP(OP) return static_cast<T>(static_cast<Wrapped<T>>(x) OP static_cast<Wrapped<T>>(y));

GPUKERAS_HD float magnitude_of(float x) { return __builtin_fabsf(x); }
GPUKERAS_HD double magnitude_of(double x) { return __builtin_fabs(x); }
GPUKERAS_HD int32_t magnitude_of(int32_t x) {
    return x < 0 ? static_cast<int32_t>(0u - static_cast<uint32_t>(x)) : x;
}
GPUKERAS_HD int64_t magnitude_of(int64_t x) {
    return x < 0 ? static_cast<int64_t>(0u - static_cast<uint64_t>(x)) : x;
}

GPUKERAS_FUSED2(Add, WRAP(+))
GPUKERAS_FUSED2(Subtract, WRAP(-))
GPUKERAS_FUSED2(Multiply, WRAP(*))
GPUKERAS_FUSED2(Divide, return x / y;)
GPUKERAS_FUSED2(FloorDiv, return expression::python_floordiv(x, y);)
GPUKERAS_FUSED2(Mod, return expression::python_mod(x, y);)
GPUKERAS_FUSED2(SquaredDifference, const T d = x - y; return d * d;)
GPUKERAS_FUSED2(Maximum, return x != x ? x : (x > y || y != y ? (y != y ? y : x) : y);)
GPUKERAS_FUSED2(Minimum, return x != x ? x : (x < y || y != y ? (y != y ? y : x) : y);)

GPUKERAS_FUSED1(Copy, return x;)
GPUKERAS_FUSED1(Negative, return static_cast<T>(-static_cast<Wrapped<T>>(x));)
GPUKERAS_FUSED1(Abs, return magnitude_of(x);)
GPUKERAS_FUSED1(Square, const T y = x; WRAP(*))
GPUKERAS_FUSED1(Sign, return x > 0 ? T(1) : (x < 0 ? T(-1) : (x == 0 ? T(0) : x));)
GPUKERAS_FUSED1(Reciprocal, return T(1) / x;)
GPUKERAS_FUSED1(AtLeast, return x != x ? x : (x > a ? x : a);)
GPUKERAS_FUSED1(AtMost, return x != x ? x : (x < a ? x : a);)
GPUKERAS_FUSED1(Clip, const T y = x > b ? b : x; return y < a ? a : y;)
GPUKERAS_FUSED1(Relu, return x < 0 ? T(0) : x;)
GPUKERAS_FUSED1(LeakyRelu, return x > 0 ? x : a * x;)
GPUKERAS_FUSED1(HardSigmoid, const T y = T(0.2) * x + T(0.5); return y < 0 ? T(0) : (y > 1 ? T(1) : y);)
GPUKERAS_FUSED1(Softsign, return x / (T(1) + magnitude_of(x));)

// A product, so that an infinite gradient gives NaN where it is masked, as in TensorFlow.
GPUKERAS_FUSED2(ReluGrad, return x * (y > 0 ? T(1) : T(0));)
GPUKERAS_FUSED2(LeakyReluGrad, return y > 0 ? x : a * x;)
GPUKERAS_FUSED2(SigmoidGrad, return x * ((T(1) - y) * y);)
GPUKERAS_FUSED2(TanhGrad, return x * (T(1) - y * y);)
GPUKERAS_FUSED2(EluGrad, return x * (T(1) + (y < 0 ? y : (y != y ? y : T(0))));)
GPUKERAS_FUSED2(HardSigmoidGrad, return magnitude_of(y) <= T(2.5) ? x * T(0.2) : T(0);)

#define TEST1(NAME, EXPR)                    \
    struct NAME {                            \
        template <typename T>                \
        GPUKERAS_HD_MEMBER bool value(T x) { \
            return EXPR;                     \
        }                                    \
    };
#define TEST2(NAME, EXPR)                         \
    struct NAME {                                 \
        template <typename T>                     \
        GPUKERAS_HD_MEMBER bool value(T x, T y) { \
            return EXPR;                          \
        }                                         \
    };
TEST2(Equal, x == y)
TEST2(NotEqual, x != y)
TEST2(Less, x < y)
TEST2(LessEqual, x <= y)
TEST2(Greater, x > y)
TEST2(GreaterEqual, x >= y)
TEST2(And, (x != 0) & (y != 0))
TEST2(Or, (x != 0) | (y != 0))
TEST1(Not, x == 0)
TEST1(IsNan, x != x)
TEST1(IsFinite, x - x == 0)
TEST1(IsInf, !(x - x == 0) & (x == x))

GPUKERAS_FUSED2(NearFloorDiv, return expression::floordiv_of(x, y, expression::short_remainder(x, y));)
GPUKERAS_FUSED2(NearMod, return expression::mod_of(expression::short_remainder(x, y), y);)

// One division where that gives the remainder for a whole block.
template <typename Near, typename Any>
void divided(const Call& c) {
    const float* x = static_cast<const float*>(c.in[0]);
    const float* y = static_cast<const float*>(c.in[1]);
    const size_t n = c.count;
    unsigned far = 0;
    for (size_t i = 0; i < n; ++i) far |= !expression::few_multiples(x[i], y[i]);
    if (far != 0) {
        map2<Any, float>(c);
    } else {
        map2<Near, float>(c);
    }
}

template <typename T>
void masked(const Call& c) {
    T* z = static_cast<T*>(c.out);
    const uint8_t* m = static_cast<const uint8_t*>(c.in[0]);
    const T* x = static_cast<const T*>(c.in[1]);
    const size_t n = c.count;
#pragma GCC ivdep
    for (size_t i = 0; i < n; ++i) {
        const T value = x[i];
        z[i] = m[i] != 0 ? value : T(0);
    }
}

template <typename T>
void where(const Call& c) {
    T* z = static_cast<T*>(c.out);
    const uint8_t* m = static_cast<const uint8_t*>(c.in[0]);
    const T* x = static_cast<const T*>(c.in[1]);
    const T* y = static_cast<const T*>(c.in[2]);
    const size_t n = c.count;
#pragma GCC ivdep
    for (size_t i = 0; i < n; ++i) {
        const T first = x[i], second = y[i];
        z[i] = m[i] != 0 ? first : second;
    }
}

template <typename From, typename To>
void cast(const Call& c) {
    To* y = static_cast<To*>(c.out);
    const From* x = static_cast<const From*>(c.in[0]);
    const size_t n = c.count;
#pragma GCC ivdep
    for (size_t i = 0; i < n; ++i) y[i] = static_cast<To>(x[i]);
}

template <typename From>
void cast_to_bool(const Call& c) {
    uint8_t* y = static_cast<uint8_t*>(c.out);
    const From* x = static_cast<const From*>(c.in[0]);
    const size_t n = c.count;
#pragma GCC ivdep
    for (size_t i = 0; i < n; ++i) y[i] = x[i] != 0 ? 1 : 0;
}

template <typename From>
void cast_from_16_bits(const Call& c) {
    float* y = static_cast<float*>(c.out);
    const From* x = static_cast<const From*>(c.in[0]);
    const size_t n = c.count;
#pragma GCC ivdep
    for (size_t i = 0; i < n; ++i) y[i] = widened(x[i]);
}

void cast_to_half(const Call& c) {
    Half* y = static_cast<Half*>(c.out);
    const float* x = static_cast<const float*>(c.in[0]);
    const size_t n = c.count;
#pragma GCC ivdep
    for (size_t i = 0; i < n; ++i) y[i] = to_half(x[i]);
}

void cast_to_bfloat(const Call& c) {
    Bfloat* y = static_cast<Bfloat*>(c.out);
    const float* x = static_cast<const float*>(c.in[0]);
    const size_t n = c.count;
#pragma GCC ivdep
    for (size_t i = 0; i < n; ++i) y[i] = to_bfloat(x[i]);
}

// Rows of a table, of a[0] elements: those of in[0] that in[1] names, zeros where it names none.
template <typename T>
void rows_at(const Call& c) {
    T* out = static_cast<T*>(c.out);
    const T* sums = static_cast<const T*>(c.in[0]);
    const int32_t* places = static_cast<const int32_t*>(c.in[1]);
    const size_t width = static_cast<size_t>(c.a[0]);
    for (size_t done = 0; done < c.count;) {
        const size_t place = c.index + done, column = place % width, rest = c.count - done;
        const size_t n = width - column < rest ? width - column : rest;
        const int32_t sum = places[place / width];
        if (sum < 0) {
            std::memset(out + done, 0, n * sizeof(T));
        } else {
            std::memcpy(out + done, sums + static_cast<size_t>(sum) * width + column, n * sizeof(T));
        }
        done += n;
    }
}

#define FLOATS(NAME, MAP, F) \
    {NAME ":f32", MAP<F, float>}, { NAME ":f64", MAP<F, double> }
#define INTS(NAME, MAP, F) \
    {NAME ":i32", MAP<F, int32_t>}, { NAME ":i64", MAP<F, int64_t> }
#define NUMBERS(NAME, MAP, F) FLOATS(NAME, MAP, F), INTS(NAME, MAP, F)
#define ALL(NAME, MAP, F) \
    NUMBERS(NAME, MAP, F), { NAME ":b8", MAP<F, uint8_t> }
#define CASTS(FROM, T)                                                                      \
    {"cast:" FROM ":f32", cast<T, float>}, {"cast:" FROM ":f64", cast<T, double>},          \
        {"cast:" FROM ":i32", cast<T, int32_t>}, {"cast:" FROM ":i64", cast<T, int64_t>}, { \
        "cast:" FROM ":b8", cast_to_bool<T>                                                 \
    }
#define CHOICES(TYPE, T) \
    {"masked:" TYPE, masked<T>}, { "where:" TYPE, where<T> }

const Opcode opcodes[] = {
    NUMBERS("add", map2, Add),
    NUMBERS("subtract", map2, Subtract),
    NUMBERS("multiply", map2, Multiply),
    FLOATS("divide", map2, Divide),
    {"floordiv:f32", divided<NearFloorDiv, FloorDiv>},
    {"floordiv:f64", map2<FloorDiv, double>},
    INTS("floordiv", map2, FloorDiv),
    {"mod:f32", divided<NearMod, Mod>},
    {"mod:f64", map2<Mod, double>},
    INTS("mod", map2, Mod),
    FLOATS("squared_difference", map2, SquaredDifference),
    ALL("maximum", map2, Maximum),
    ALL("minimum", map2, Minimum),
    ALL("copy", map1, Copy),
    NUMBERS("negative", map1, Negative),
    NUMBERS("abs", map1, Abs),
    NUMBERS("square", map1, Square),
    NUMBERS("sign", map1, Sign),
    FLOATS("reciprocal", map1, Reciprocal),
    FLOATS("at_least", map1, AtLeast),
    FLOATS("at_most", map1, AtMost),
    FLOATS("clip", map1, Clip),
    NUMBERS("relu", map1, Relu),
    FLOATS("leaky_relu", map1, LeakyRelu),
    FLOATS("hard_sigmoid", map1, HardSigmoid),
    FLOATS("softsign", map1, Softsign),
    FLOATS("relu_grad", map2, ReluGrad),
    FLOATS("leaky_relu_grad", map2, LeakyReluGrad),
    FLOATS("sigmoid_grad", map2, SigmoidGrad),
    FLOATS("tanh_grad", map2, TanhGrad),
    FLOATS("elu_grad", map2, EluGrad),
    FLOATS("hard_sigmoid_grad", map2, HardSigmoidGrad),
    ALL("equal", test2, Equal),
    ALL("not_equal", test2, NotEqual),
    ALL("less", test2, Less),
    ALL("less_equal", test2, LessEqual),
    ALL("greater", test2, Greater),
    ALL("greater_equal", test2, GreaterEqual),
    {"logical_and:b8", test2<And, uint8_t>},
    {"logical_or:b8", test2<Or, uint8_t>},
    {"logical_xor:b8", test2<NotEqual, uint8_t>},
    {"logical_not:b8", test1<Not, uint8_t>},
    FLOATS("isnan", test1, IsNan),
    FLOATS("isinf", test1, IsInf),
    FLOATS("isfinite", test1, IsFinite),
    {"rows_at:f32", rows_at<float>},
    {"rows_at:f64", rows_at<double>},
    CHOICES("f32", float),
    CHOICES("f64", double),
    CHOICES("i32", int32_t),
    CHOICES("i64", int64_t),
    CHOICES("b8", uint8_t),
    CASTS("f32", float),
    CASTS("f64", double),
    CASTS("i32", int32_t),
    CASTS("i64", int64_t),
    CASTS("b8", uint8_t),
    {"copy:f16", map1<Copy, uint16_t>},
    {"copy:bf16", map1<Copy, uint16_t>},
    {"cast:f16:f32", cast_from_16_bits<Half>},
    {"cast:bf16:f32", cast_from_16_bits<Bfloat>},
    {"cast:f32:f16", cast_to_half},
    {"cast:f32:bf16", cast_to_bfloat},
    {nullptr, nullptr},
};

}  // namespace

const Opcode* GPUKERAS_JOIN(arithmetic_opcodes_, GPUKERAS_ISA)() { return opcodes; }

}  // namespace gpukeras::cpu::fused
