/* SPDX-License-Identifier: Apache-2.0
 *
 * The vector kernels take four outputs at a time: one output alone is a chain of FMAs that waits for each other's
 * latency. Which outputs stand side by side changes nothing in the order of any one sum.
 */
#include "resample_kernel.h"

#include <math.h>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

enum { LANES = RTA_RESAMPLE_LANES };

static inline void step(const rta_resample_bank *bank, rta_resample_cursor *cursor, uint32_t whole, uint32_t part) {
    cursor->start += whole;
    cursor->row += part;
    if (cursor->row >= bank->up) {
        cursor->row -= bank->up;
        cursor->start += 1;
    }
}

static void kernel_scalar(const rta_resample_bank *bank, const float *x, rta_resample_cursor *cursor, float *out,
                          uint64_t count) {
    const uint32_t taps = bank->taps, whole = bank->down / bank->up, part = bank->down % bank->up;
    for (uint64_t k = 0; k < count; k++) {
        const float *row = bank->rows + (size_t)cursor->row * taps, *in = x + cursor->start;
        float lane[LANES] = {0};
        for (uint32_t j = 0; j < taps; j += LANES)
            for (uint32_t l = 0; l < LANES; l++) lane[l] = fmaf(row[j + l], in[j + l], lane[l]);
        for (uint32_t width = LANES / 2; width >= 4; width /= 2)
            for (uint32_t l = 0; l < width; l++) lane[l] += lane[l + width];
        out[k] = (lane[0] + lane[1]) + (lane[2] + lane[3]);
        step(bank, cursor, whole, part);
    }
}

#if defined(__x86_64__)

__attribute__((target("avx2,fma"))) static inline __m128 fold_avx2(__m256 low, __m256 high) {
    const __m256 a = _mm256_add_ps(low, high);
    return _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
}

__attribute__((target("avx2,fma"))) static void kernel_avx2(const rta_resample_bank *bank, const float *x,
                                                            rta_resample_cursor *cursor, float *out, uint64_t count) {
    const uint32_t taps = bank->taps, whole = bank->down / bank->up, part = bank->down % bank->up;
    rta_resample_cursor at = *cursor;
    uint64_t k = 0;
    for (; k + 4 <= count; k += 4) {
        const float *row[4], *in[4];
        for (int o = 0; o < 4; o++) {
            row[o] = bank->rows + (size_t)at.row * taps;
            in[o] = x + at.start;
            step(bank, &at, whole, part);
        }
        __m256 low[4], high[4];
        for (int o = 0; o < 4; o++) low[o] = high[o] = _mm256_setzero_ps();
        for (uint32_t j = 0; j < taps; j += LANES)
            for (int o = 0; o < 4; o++) {
                low[o] = _mm256_fmadd_ps(_mm256_load_ps(row[o] + j), _mm256_loadu_ps(in[o] + j), low[o]);
                high[o] = _mm256_fmadd_ps(_mm256_load_ps(row[o] + j + 8), _mm256_loadu_ps(in[o] + j + 8), high[o]);
            }
        const __m128 first = _mm_hadd_ps(fold_avx2(low[0], high[0]), fold_avx2(low[1], high[1]));
        const __m128 second = _mm_hadd_ps(fold_avx2(low[2], high[2]), fold_avx2(low[3], high[3]));
        _mm_storeu_ps(out + k, _mm_hadd_ps(first, second));
    }
    for (; k < count; k++) {
        const float *row = bank->rows + (size_t)at.row * taps, *in = x + at.start;
        __m256 low = _mm256_setzero_ps(), high = _mm256_setzero_ps();
        for (uint32_t j = 0; j < taps; j += LANES) {
            low = _mm256_fmadd_ps(_mm256_load_ps(row + j), _mm256_loadu_ps(in + j), low);
            high = _mm256_fmadd_ps(_mm256_load_ps(row + j + 8), _mm256_loadu_ps(in + j + 8), high);
        }
        const __m128 b = fold_avx2(low, high), pair = _mm_hadd_ps(b, b);
        out[k] = _mm_cvtss_f32(_mm_hadd_ps(pair, pair));
        step(bank, &at, whole, part);
    }
    *cursor = at;
}

__attribute__((target("avx512f,avx512dq,avx2,fma"))) static inline __m128 fold_avx512(__m512 lane) {
    return fold_avx2(_mm512_castps512_ps256(lane), _mm512_extractf32x8_ps(lane, 1));
}

__attribute__((target("avx512f,avx512dq,avx2,fma"))) static void
kernel_avx512(const rta_resample_bank *bank, const float *x, rta_resample_cursor *cursor, float *out, uint64_t count) {
    const uint32_t taps = bank->taps, whole = bank->down / bank->up, part = bank->down % bank->up;
    rta_resample_cursor at = *cursor;
    uint64_t k = 0;
    for (; k + 4 <= count; k += 4) {
        const float *row[4], *in[4];
        for (int o = 0; o < 4; o++) {
            row[o] = bank->rows + (size_t)at.row * taps;
            in[o] = x + at.start;
            step(bank, &at, whole, part);
        }
        __m512 lane[4];
        for (int o = 0; o < 4; o++) lane[o] = _mm512_setzero_ps();
        for (uint32_t j = 0; j < taps; j += LANES)
            for (int o = 0; o < 4; o++)
                lane[o] = _mm512_fmadd_ps(_mm512_load_ps(row[o] + j), _mm512_loadu_ps(in[o] + j), lane[o]);
        const __m128 first = _mm_hadd_ps(fold_avx512(lane[0]), fold_avx512(lane[1]));
        const __m128 second = _mm_hadd_ps(fold_avx512(lane[2]), fold_avx512(lane[3]));
        _mm_storeu_ps(out + k, _mm_hadd_ps(first, second));
    }
    for (; k < count; k++) {
        const float *row = bank->rows + (size_t)at.row * taps, *in = x + at.start;
        __m512 lane = _mm512_setzero_ps();
        for (uint32_t j = 0; j < taps; j += LANES)
            lane = _mm512_fmadd_ps(_mm512_load_ps(row + j), _mm512_loadu_ps(in + j), lane);
        const __m128 b = fold_avx512(lane), pair = _mm_hadd_ps(b, b);
        out[k] = _mm_cvtss_f32(_mm_hadd_ps(pair, pair));
        step(bank, &at, whole, part);
    }
    *cursor = at;
}

#elif defined(__aarch64__)

static void kernel_neon(const rta_resample_bank *bank, const float *x, rta_resample_cursor *cursor, float *out,
                        uint64_t count) {
    const uint32_t taps = bank->taps, whole = bank->down / bank->up, part = bank->down % bank->up;
    for (uint64_t k = 0; k < count; k++) { /* four registers of one output are chains enough for the latency here */
        const float *row = bank->rows + (size_t)cursor->row * taps, *in = x + cursor->start;
        float32x4_t lane[4];
        for (int q = 0; q < 4; q++) lane[q] = vdupq_n_f32(0.0f);
        for (uint32_t j = 0; j < taps; j += LANES)
            for (int q = 0; q < 4; q++)
                lane[q] = vfmaq_f32(lane[q], vld1q_f32(row + j + 4 * q), vld1q_f32(in + j + 4 * q));
        const float32x4_t b = vaddq_f32(vaddq_f32(lane[0], lane[2]), vaddq_f32(lane[1], lane[3]));
        const float32x4_t pair = vpaddq_f32(b, b);
        out[k] = vgetq_lane_f32(pair, 0) + vgetq_lane_f32(pair, 1);
        step(bank, cursor, whole, part);
    }
}

#endif

rta_resample_kernel *rta_resample_kernel_for(rta_simd simd) {
    switch (simd) {
    case RTA_SIMD_SCALAR: return kernel_scalar;
#if defined(__x86_64__)
    case RTA_SIMD_AVX2: return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? kernel_avx2 : NULL;
    case RTA_SIMD_AVX512:
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") ? kernel_avx512 : NULL;
#elif defined(__aarch64__)
    case RTA_SIMD_NEON: return kernel_neon;
#endif
    default: return NULL;
    }
}
