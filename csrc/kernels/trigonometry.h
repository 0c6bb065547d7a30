// Trigonometric functions and their inverses in float32, from the same few instructions as math.h.
#pragma once

#include "elementary.h"
#include "math.h"

namespace gpukeras {

// How far sine_float and tan_float reach.
GPUKERAS_HD bool few_turns(float x) { return magnitude_float(x) <= 6000.0f; }

// x = rest + quadrant * pi / 2 with |rest| <= pi / 4, for few turns. Pi / 2 is in four parts, of which three
// have so few digits that their products are exact; the lowest bits of the result of adding 1.5 * 2^23 count
// turns.
GPUKERAS_HD float quarter_turns(float x, uint32_t* quadrant) {
    const float shifted = x * 0.636619772f + 12582912.0f;
    const float whole = shifted - 12582912.0f;
    *quadrant = float_to_bits(shifted);
    const float most = (x - whole * 1.5703125f) - whole * 4.83751297e-4f;
    return (most - whole * 7.54953362e-8f) - whole * 2.56334415e-12f;
}

// sin (quadrant 0) and cos (quadrant 1) for few turns.
GPUKERAS_HD float sine_float(float x, uint32_t quadrant) {
    uint32_t turns;
    const float r = quarter_turns(x, &turns);
    const uint32_t q = turns + quadrant;
    const float z = r * r, zz = z * z;
    const float s =
        r + (r * z) * ((-0.166666667f + z * 8.33333333e-3f) + zz * (-1.98412698e-4f + z * 2.75573192e-6f));
    const float c = (1.0f - z * 0.5f) +
                    zz * ((4.16666667e-2f - z * 1.38888889e-3f) + zz * (2.48015873e-5f - z * 2.75573192e-7f));
    const float y = (q & 1u) != 0 ? c : s;
    return bits_to_float(float_to_bits(y) ^ ((q & 2u) << 30));
}

// For few turns.
GPUKERAS_HD float tan_float(float x) {
    uint32_t q;
    const float r = quarter_turns(x, &q);
    const float z = r * r, zz = z * z;
    const float high = (0.0212818622f + z * 0.0108366718f) + zz * (8.84281953e-05f + z * 0.00437683067f);
    const float low = (0.333333498f + z * 0.133326628f) + zz * 0.0540599782f;
    const float t = r + (r * z) * (low + (z * zz) * high);
    return (q & 1u) != 0 ? -1.0f / t : t;
}

// atan(t) for |t| <= tan(pi / 8).
GPUKERAS_HD float atan_reduced(float t) {
    const float z = t * t, zz = z * z;
    const float p =
        (-0.333333155f + z * 0.199984895f) + zz * ((-0.142438487f + z * 0.105960016f) - zz * 0.0608345344f);
    return t + (t * z) * p;
}

// atan(t) for t in [0, 1]: more than tan(pi / 8) is turned by pi / 4 first.
GPUKERAS_HD float atan_octant(float t) {
    const bool turned = t > 0.414213562f;
    const float rest = (t - kept_if(turned, 1.0f)) / (1.0f + kept_if(turned, t));
    return atan_reduced(rest) + kept_if(turned, 0.785398163f);
}

// More than tan(pi / 8) is turned by pi / 4, more than tan(3 pi / 8) once more.
GPUKERAS_HD float atan_float(float x) {
    const float size = magnitude_float(x);
    const bool turned = size > 0.414213562f, twice = size > 2.41421356f;
    const float top = kept_if(!twice, size) - kept_if(turned, 1.0f);
    const float bottom = kept_if(turned, size) + kept_if(!twice, 1.0f);
    const float angle = kept_if(turned, 0.785398163f) + kept_if(twice, 0.785398163f);
    return with_sign_float(atan_reduced(top / bottom) + angle, x);
}

// Angle of the point (x, y).
GPUKERAS_HD float atan2_float(float y, float x) {
    const float height = magnitude_float(y), width = magnitude_float(x);
    const float large = at_least(at_least(height, width), 1.40129846e-45f);
    // NaN, which infinite ones give, becomes 1.
    const float angle = atan_octant(at_most(at_most(height, width) / large, 1.0f));
    const float up = height > width ? 1.57079633f - angle : angle;
    const float turned = (float_to_bits(x) >> 31) != 0 ? 3.14159265f - up : up;
    return x == x && y == y ? with_sign_float(turned, y) : x + y;
}

// asin(s) for s in [0, 1/2], given z = s * s.
GPUKERAS_HD float asin_reduced(float s, float z) {
    const float zz = z * z;
    const float p = (0.166666599f + z * 0.0750051092f) +
                    zz * ((0.0445157201f + z * 0.0318176136f) + zz * (0.0144025973f + z * 0.0375652145f));
    return s + (s * z) * p;
}

// Above 1/2: asin x = pi / 2 - 2 asin sqrt((1 - x) / 2).
GPUKERAS_HD float asin_float(float x) {
    const float size = magnitude_float(x);
    const bool far = size > 0.5f;
    const float z = far ? 0.5f * (1.0f - size) : size * size;
    const float p = asin_reduced(far ? sqrt_float(z) : size, z);
    const float y = far ? 1.57079637f - (2.0f * p + 4.37113883e-8f) : p;
    return x == x ? with_sign_float(y, x) : x;
}

GPUKERAS_HD float acos_float(float x) {
    const float size = magnitude_float(x);
    const bool far = size > 0.5f;
    const float z = far ? 0.5f * (1.0f - size) : size * size;
    const float p = asin_reduced(far ? sqrt_float(z) : size, z);
    const float behind = x < 0.0f ? 3.14159274f - (2.0f * p + 8.74227766e-8f) : 2.0f * p;
    const float near = 1.57079637f - (with_sign_float(p, x) + 4.37113883e-8f);
    return far ? behind : near;
}

}  // namespace gpukeras
