/* SPDX-License-Identifier: Apache-2.0
 *
 * lanes_scalar.h: the reference of every vector type: one lane, each operation rounded once as IEEE 754 has it.
 *
 * A vector type of the kernels has `lanes`, the operations below lane by lane, and nothing that mixes lanes except
 * transpose_4x4, which only moves. So what a kernel computes for one lane cannot depend on how many there are. Its
 * Narrow is the type for a spectrum of one stream alone.
 *   fma(a, b, c) = a*b + c and fnma(a, b, c) = c - a*b with one rounding; min and max give b where either is NaN.
 */
#ifndef RTA_LANES_SCALAR_H
#define RTA_LANES_SCALAR_H

#include <cmath>
#include <cstdint>
#include <cstring>

namespace {

/* One rounding without an instruction for it: the product of two floats is exact in double; the sum is rounded to odd
 * (its lowest bit remembers that something was lost), after which rounding to float is right, as 53 >= 24 + 2 (Boldo
 * and Melquiond, "Emulation of FMA and correctly rounded sums", 2008). No branch, so that a compiler can vectorise. */
inline float fused_multiply_add(float a, float b, float c) {
#if defined(__FMA__) || defined(__aarch64__)
    return __builtin_fmaf(a, b, c);
#else
    const double product = static_cast<double>(a) * static_cast<double>(b), addend = static_cast<double>(c);
    const double sum = product + addend, rounded = sum - product;
    const double lost = (product - (sum - rounded)) + (addend - rounded); /* exact; NaN where the sum is not finite */
    uint64_t bits;
    std::memcpy(&bits, &sum, sizeof bits);
    const bool away = (lost > 0.0) == (sum > 0.0);
    const bool inexact = (lost > 0.0) | (lost < 0.0);
    const uint64_t step = away ? uint64_t{1} : ~uint64_t{0};
    bits += inexact && (bits & 1) == 0 ? step : uint64_t{0};
    double odd;
    std::memcpy(&odd, &bits, sizeof odd);
    return static_cast<float>(odd);
#endif
}

struct Scalar {
    static constexpr int lanes = 1;
    using Narrow = Scalar;
    /* Panels of 16 outputs that a tile of `rows` rows computes at once. */
    static constexpr int tile_panels(int) { return 1; }
    static constexpr int max_rows = 4;

    float v;

    static Scalar load(const float *p) { return {*p}; }
    static Scalar set(float x) { return {x}; }
    void store(float *p) const { *p = v; }

    /* out[j][i] = in[i][j] for 4x4 blocks, strides in floats. */
    static void transpose_4x4(const float *in, long in_stride, float *out, long out_stride) {
        for (int i = 0; i < 4; ++i)
            for (int j = 0; j < 4; ++j) out[j * out_stride + i] = in[i * in_stride + j];
    }
};

inline Scalar operator+(Scalar a, Scalar b) { return {a.v + b.v}; }
inline Scalar operator-(Scalar a, Scalar b) { return {a.v - b.v}; }
inline Scalar operator*(Scalar a, Scalar b) { return {a.v * b.v}; }
inline Scalar operator/(Scalar a, Scalar b) { return {a.v / b.v}; }
inline Scalar fma(Scalar a, Scalar b, Scalar c) { return {fused_multiply_add(a.v, b.v, c.v)}; }
inline Scalar fnma(Scalar a, Scalar b, Scalar c) { return {fused_multiply_add(-a.v, b.v, c.v)}; }
inline Scalar min(Scalar a, Scalar b) { return {a.v < b.v ? a.v : b.v}; }
inline Scalar max(Scalar a, Scalar b) { return {a.v > b.v ? a.v : b.v}; }
inline Scalar sqrt(Scalar a) { return {__builtin_sqrtf(a.v)}; }
inline Scalar abs(Scalar a) { return {__builtin_fabsf(a.v)}; }
inline Scalar copysign(Scalar magnitude, Scalar sign) { return {__builtin_copysignf(magnitude.v, sign.v)}; }
/* x where |x| <= limit, else 0: NaN and infinity become 0. */
inline Scalar within(Scalar x, Scalar limit) { return {__builtin_fabsf(x.v) <= limit.v ? x.v : 0.0f}; }
/* 2^n from t = 1.5 * 2^23 + n, whose low bits are n. */
inline Scalar power_of_two(Scalar t) {
    uint32_t bits;
    std::memcpy(&bits, &t.v, sizeof bits);
    bits = (bits << 23) + 0x3f800000u;
    float power;
    std::memcpy(&power, &bits, sizeof power);
    return {power};
}

} // namespace
#endif
