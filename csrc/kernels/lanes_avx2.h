/* SPDX-License-Identifier: Apache-2.0
 *
 * lanes_avx2.h: eight lanes of AVX2 with FMA, and four for what has no more to do; operations as in lanes_scalar.h, bit
 * for bit. Include it only in a source that is compiled for AVX2 and FMA. (Free functions, as GCC does not apply the
 * target pragma to friends defined in a class.)
 */
#ifndef RTA_LANES_AVX2_H
#define RTA_LANES_AVX2_H

#include <immintrin.h>

namespace {

struct Avx128 {
    static constexpr int lanes = 4;

    __m128 v;

    static Avx128 load(const float *p) { return {_mm_loadu_ps(p)}; }
    static Avx128 set(float x) { return {_mm_set1_ps(x)}; }
    void store(float *p) const { _mm_storeu_ps(p, v); }

    static void transpose_4x4(const float *in, long in_stride, float *out, long out_stride) {
        __m128 a = _mm_loadu_ps(in), b = _mm_loadu_ps(in + in_stride);
        __m128 c = _mm_loadu_ps(in + 2 * in_stride), d = _mm_loadu_ps(in + 3 * in_stride);
        _MM_TRANSPOSE4_PS(a, b, c, d);
        _mm_storeu_ps(out, a);
        _mm_storeu_ps(out + out_stride, b);
        _mm_storeu_ps(out + 2 * out_stride, c);
        _mm_storeu_ps(out + 3 * out_stride, d);
    }
};

inline Avx128 operator+(Avx128 a, Avx128 b) { return {_mm_add_ps(a.v, b.v)}; }
inline Avx128 operator-(Avx128 a, Avx128 b) { return {_mm_sub_ps(a.v, b.v)}; }
inline Avx128 operator*(Avx128 a, Avx128 b) { return {_mm_mul_ps(a.v, b.v)}; }
inline Avx128 fma(Avx128 a, Avx128 b, Avx128 c) { return {_mm_fmadd_ps(a.v, b.v, c.v)}; }
inline Avx128 fnma(Avx128 a, Avx128 b, Avx128 c) { return {_mm_fnmadd_ps(a.v, b.v, c.v)}; }
inline Avx128 sqrt(Avx128 a) { return {_mm_sqrt_ps(a.v)}; }

struct Avx2 {
    static constexpr int lanes = 8;
    using Narrow = Avx128; /* one stream's four frames */
    /* Sixteen registers: at least 8 accumulators, which two FMA units of latency 4 need to be busy; at most 12, which
     * leaves room for weights and a broadcast. */
    static constexpr int tile_panels(int rows) { return rows == 1 ? 4 : rows <= 3 ? 2 : 1; }
    static constexpr int max_rows = 6;

    __m256 v;

    static Avx2 load(const float *p) { return {_mm256_loadu_ps(p)}; }
    static Avx2 set(float x) { return {_mm256_set1_ps(x)}; }
    void store(float *p) const { _mm256_storeu_ps(p, v); }

    static void transpose_4x4(const float *in, long in_stride, float *out, long out_stride) {
        Avx128::transpose_4x4(in, in_stride, out, out_stride);
    }
};

inline Avx2 operator+(Avx2 a, Avx2 b) { return {_mm256_add_ps(a.v, b.v)}; }
inline Avx2 operator-(Avx2 a, Avx2 b) { return {_mm256_sub_ps(a.v, b.v)}; }
inline Avx2 operator*(Avx2 a, Avx2 b) { return {_mm256_mul_ps(a.v, b.v)}; }
inline Avx2 operator/(Avx2 a, Avx2 b) { return {_mm256_div_ps(a.v, b.v)}; }
inline Avx2 fma(Avx2 a, Avx2 b, Avx2 c) { return {_mm256_fmadd_ps(a.v, b.v, c.v)}; }
inline Avx2 fnma(Avx2 a, Avx2 b, Avx2 c) { return {_mm256_fnmadd_ps(a.v, b.v, c.v)}; }
inline Avx2 min(Avx2 a, Avx2 b) { return {_mm256_min_ps(a.v, b.v)}; }
inline Avx2 max(Avx2 a, Avx2 b) { return {_mm256_max_ps(a.v, b.v)}; }
inline Avx2 sqrt(Avx2 a) { return {_mm256_sqrt_ps(a.v)}; }
inline Avx2 abs(Avx2 a) { return {_mm256_andnot_ps(_mm256_set1_ps(-0.0f), a.v)}; }
inline Avx2 copysign(Avx2 magnitude, Avx2 sign) {
    const __m256 bit = _mm256_set1_ps(-0.0f);
    return {_mm256_or_ps(_mm256_andnot_ps(bit, magnitude.v), _mm256_and_ps(bit, sign.v))};
}
inline Avx2 within(Avx2 x, Avx2 limit) { return {_mm256_and_ps(x.v, _mm256_cmp_ps(abs(x).v, limit.v, _CMP_LE_OQ))}; }
inline Avx2 power_of_two(Avx2 t) {
    const __m256i shifted = _mm256_slli_epi32(_mm256_castps_si256(t.v), 23);
    return {_mm256_castsi256_ps(_mm256_add_epi32(shifted, _mm256_set1_epi32(0x3f800000)))};
}

} // namespace
#endif
