// Elements of a tensor drawn from Philox, one block of 16 random bytes at a time: as many elements as fit
// into it, the same ones on every device.
#pragma once

#include "arithmetic.h"
#include "philox.h"

namespace gpukeras {

struct RandomBlock {
    uint32_t word[4];
};

GPUKERAS_HD RandomBlock random_block(uint64_t seed, uint64_t run, uint64_t block) {
    RandomBlock b = {{static_cast<uint32_t>(block), static_cast<uint32_t>(block >> 32),
                      static_cast<uint32_t>(run), static_cast<uint32_t>(run >> 32)}};
    const PhiloxKey key = {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)};
    philox4x32_10(b.word[0], b.word[1], b.word[2], b.word[3], key);
    return b;
}

// The i-th number of 8, 16 or 32 bits of a block; the first one is in the lowest bits.
GPUKERAS_HD uint32_t random_bits(const RandomBlock& b, int i, int bits) {
    const int first = i * bits;
    const uint32_t word = b.word[first >> 5] >> (first & 31);
    return bits == 32 ? word : word & ((1u << bits) - 1u);
}

// Element `index` of a stream of numbers of 8, 16 or 32 bits.
GPUKERAS_HD uint32_t random_element(uint64_t seed, uint64_t run, uint64_t index, int bits) {
    const uint64_t per_block = static_cast<uint64_t>(128 / bits);
    return random_bits(random_block(seed, run, index / per_block), static_cast<int>(index % per_block), bits);
}

// Uniform in an interval of this width and start; the ends as they may be reached.
GPUKERAS_HD float uniform_in(uint32_t bits, float width, float start, float low, float high) {
    const float scaled = uniform_from_bits(bits) * width + start;
    const float above = scaled < low ? low : scaled;
    return above > high ? high : above;
}

// A ratio of two polynomials of the seventh degree, highest coefficients first.
GPUKERAS_HD double ratio_of_polynomials(const double* top, const double* bottom, double r) {
    double p = top[0], q = bottom[0];
    for (int i = 1; i < 8; ++i) {
        p = p * r + top[i];
        q = q * r + bottom[i];
    }
    return p / q;
}

// P - 1/2 for the probability P, between those of -2 and 2, that 32 random bits stand for.
GPUKERAS_HD double truncated_probability(uint32_t bits) {
    const double share = 0.9544997361036415855994347;  // of all normal numbers
    return (bits * 2.3283064365386962890625e-10 + 1.16415321826934814453125e-10 - 0.5) * share;
}

// The inverse of the normal distribution function at 1/2 + q (algorithm AS 241: M. J. Wichura, "The
// percentage points of the normal distribution", 1988), for |q| up to 0.425.
GPUKERAS_HD double normal_quantile_middle(double q) {
    const double middle_top[8] = {2.5090809287301226727e3, 3.3430575583588128105e4, 6.7265770927008700853e4,
                                  4.5921953931549871457e4, 1.3731693765509461125e4, 1.9715909503065514427e3,
                                  1.3314166789178437745e2, 3.3871328727963666080e0};
    const double middle_bottom[8] = {
        5.2264952788528545610e3, 2.8729085735721942674e4, 3.9307895800092710610e4, 2.1213794301586595867e4,
        5.3941960214247511077e3, 6.8718700749205790830e2, 4.2313330701600911252e1, 1.0};
    return q * ratio_of_polynomials(middle_top, middle_bottom, 0.180625 - q * q);
}

// The same in the nearer tails.
GPUKERAS_HD double normal_quantile_tail(double q) {
    const double tail_top[8] = {7.74545014278341407640e-4, 2.27238449892691845833e-2,
                                2.41780725177450611770e-1, 1.27045825245236838258e0,
                                3.64784832476320460504e0,  5.76949722146069140550e0,
                                4.63033784615654529590e0,  1.42343711074968357734e0};
    const double tail_bottom[8] = {1.05075007164441684324e-9, 5.47593808499534494600e-4,
                                   1.51986665636164571966e-2, 1.48103976427480074590e-1,
                                   6.89767334985100004550e-1, 1.67638483018380384940e0,
                                   2.05319162663775882187e0,  1.0};
    const double size = q < 0.0 ? -q : q;
    const double t = expression::sqrt(-expression::log(0.5 - size)) - 1.6;
    return expression::copysign(ratio_of_polynomials(tail_top, tail_bottom, t), q);
}

GPUKERAS_HD bool quantile_in_middle(double q) { return 0.180625 - q * q >= 0.0; }

GPUKERAS_HD double within_two(double z) { return z < -2.0 ? -2.0 : (z > 2.0 ? 2.0 : z); }

// A normal number conditioned on lying within two standard deviations, from 32 random bits.
GPUKERAS_HD double truncated_normal_from_bits(uint32_t bits) {
    const double q = truncated_probability(bits);
    return within_two(quantile_in_middle(q) ? normal_quantile_middle(q) : normal_quantile_tail(q));
}

// Element `index` of a stream of normal numbers, two of which come from two words.
GPUKERAS_HD float normal_element(uint64_t seed, uint64_t run, uint64_t index, float mean, float deviation) {
    const RandomBlock b = random_block(seed, run, index / 4);
    const int pair = static_cast<int>(index % 4) / 2 * 2;
    float first, second;
    normal_pair_from_bits(b.word[pair], b.word[pair + 1], &first, &second);
    return (index % 2 == 0 ? first : second) * deviation + mean;
}

// Uniform among `span` numbers, at most 2^32 of them.
GPUKERAS_HD int64_t integer_from_bits(uint32_t bits, uint64_t span) {
    return static_cast<int64_t>(static_cast<uint64_t>(bits) * span >> 32);
}

}  // namespace gpukeras
