/* SPDX-License-Identifier: Apache-2.0
 *
 * lanes_neon.h: four lanes of NEON on AArch64, where it rounds as IEEE 754 has it and flushes nothing; operations as in
 * lanes_scalar.h, bit for bit. Its own minimum and maximum propagate NaN and order zeros by sign, so they are made of
 * comparisons here.
 */
#ifndef RTA_LANES_NEON_H
#define RTA_LANES_NEON_H

#include <arm_neon.h>

namespace {

struct Neon {
    static constexpr int lanes = 4;
    using Narrow = Neon;
    /* Thirty-two registers: at least 8 accumulators, which two FMA units of latency 4 need to be busy; at most 24. */
    static constexpr int tile_panels(int rows) { return rows <= 3 ? 2 : 1; }
    static constexpr int max_rows = 6;

    float32x4_t v;

    static Neon load(const float *p) { return {vld1q_f32(p)}; }
    static Neon set(float x) { return {vdupq_n_f32(x)}; }
    void store(float *p) const { vst1q_f32(p, v); }

    static void transpose_4x4(const float *in, long in_stride, float *out, long out_stride) {
        const float32x4x2_t ab = vzipq_f32(vld1q_f32(in), vld1q_f32(in + 2 * in_stride));
        const float32x4x2_t cd = vzipq_f32(vld1q_f32(in + in_stride), vld1q_f32(in + 3 * in_stride));
        const float32x4x2_t low = vzipq_f32(ab.val[0], cd.val[0]), high = vzipq_f32(ab.val[1], cd.val[1]);
        vst1q_f32(out, low.val[0]);
        vst1q_f32(out + out_stride, low.val[1]);
        vst1q_f32(out + 2 * out_stride, high.val[0]);
        vst1q_f32(out + 3 * out_stride, high.val[1]);
    }
};

inline Neon operator+(Neon a, Neon b) { return {vaddq_f32(a.v, b.v)}; }
inline Neon operator-(Neon a, Neon b) { return {vsubq_f32(a.v, b.v)}; }
inline Neon operator*(Neon a, Neon b) { return {vmulq_f32(a.v, b.v)}; }
inline Neon operator/(Neon a, Neon b) { return {vdivq_f32(a.v, b.v)}; }
inline Neon fma(Neon a, Neon b, Neon c) { return {vfmaq_f32(c.v, a.v, b.v)}; }
inline Neon fnma(Neon a, Neon b, Neon c) { return {vfmsq_f32(c.v, a.v, b.v)}; }
inline Neon min(Neon a, Neon b) { return {vbslq_f32(vcltq_f32(a.v, b.v), a.v, b.v)}; }
inline Neon max(Neon a, Neon b) { return {vbslq_f32(vcgtq_f32(a.v, b.v), a.v, b.v)}; }
inline Neon sqrt(Neon a) { return {vsqrtq_f32(a.v)}; }
inline Neon abs(Neon a) { return {vabsq_f32(a.v)}; }
inline Neon copysign(Neon magnitude, Neon sign) { return {vbslq_f32(vdupq_n_u32(0x80000000u), sign.v, magnitude.v)}; }
inline Neon within(Neon x, Neon limit) {
    return {vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(x.v), vcleq_f32(vabsq_f32(x.v), limit.v)))};
}
inline Neon power_of_two(Neon t) {
    const uint32x4_t shifted = vshlq_n_u32(vreinterpretq_u32_f32(t.v), 23);
    return {vreinterpretq_f32_u32(vaddq_u32(shifted, vdupq_n_u32(0x3f800000)))};
}

} // namespace
#endif
