/* SPDX-License-Identifier: Apache-2.0
 *
 * lanes_avx512.h: sixteen lanes of AVX-512 (F alone); operations as in lanes_scalar.h, bit for bit. Include it only in
 * a source that is compiled for AVX-512F, AVX2 and FMA. One register is one row of a weight panel.
 */
#ifndef RTA_LANES_AVX512_H
#define RTA_LANES_AVX512_H

#include "lanes_avx2.h"

namespace {

struct Avx512 {
    static constexpr int lanes = 16;
    using Narrow = Avx128; /* one stream's four frames */
    /* Thirty-two registers: at most 6 x 4 accumulators, four of weights, the rest for broadcasts. */
    static constexpr int tile_panels(int) { return 4; }
    static constexpr int max_rows = 6;

    __m512 v;

    static Avx512 load(const float *p) { return {_mm512_loadu_ps(p)}; }
    static Avx512 set(float x) { return {_mm512_set1_ps(x)}; }
    void store(float *p) const { _mm512_storeu_ps(p, v); }

    static void transpose_4x4(const float *in, long in_stride, float *out, long out_stride) {
        Avx128::transpose_4x4(in, in_stride, out, out_stride);
    }
};

/* The floating-point AND, OR and ANDNOT of this width belong to another extension; those of integers are the same. */
inline __m512i bits_of(Avx512 a) { return _mm512_castps_si512(a.v); }
inline Avx512 of_bits(__m512i bits) { return {_mm512_castsi512_ps(bits)}; }

inline Avx512 operator+(Avx512 a, Avx512 b) { return {_mm512_add_ps(a.v, b.v)}; }
inline Avx512 operator-(Avx512 a, Avx512 b) { return {_mm512_sub_ps(a.v, b.v)}; }
inline Avx512 operator*(Avx512 a, Avx512 b) { return {_mm512_mul_ps(a.v, b.v)}; }
inline Avx512 operator/(Avx512 a, Avx512 b) { return {_mm512_div_ps(a.v, b.v)}; }
inline Avx512 fma(Avx512 a, Avx512 b, Avx512 c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
inline Avx512 fnma(Avx512 a, Avx512 b, Avx512 c) { return {_mm512_fnmadd_ps(a.v, b.v, c.v)}; }
inline Avx512 min(Avx512 a, Avx512 b) { return {_mm512_min_ps(a.v, b.v)}; }
inline Avx512 max(Avx512 a, Avx512 b) { return {_mm512_max_ps(a.v, b.v)}; }
inline Avx512 sqrt(Avx512 a) { return {_mm512_sqrt_ps(a.v)}; }
inline Avx512 abs(Avx512 a) { return of_bits(_mm512_and_epi32(_mm512_set1_epi32(0x7fffffff), bits_of(a))); }
inline Avx512 copysign(Avx512 magnitude, Avx512 sign) {
    const __m512i rest = _mm512_set1_epi32(0x7fffffff);
    return of_bits(
        _mm512_or_epi32(_mm512_and_epi32(rest, bits_of(magnitude)), _mm512_andnot_epi32(rest, bits_of(sign))));
}
inline Avx512 within(Avx512 x, Avx512 limit) {
    return {_mm512_maskz_mov_ps(_mm512_cmp_ps_mask(abs(x).v, limit.v, _CMP_LE_OQ), x.v)};
}
inline Avx512 power_of_two(Avx512 t) {
    return of_bits(_mm512_add_epi32(_mm512_slli_epi32(bits_of(t), 23), _mm512_set1_epi32(0x3f800000)));
}

} // namespace
#endif
