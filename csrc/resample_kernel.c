/* SPDX-License-Identifier: Apache-2.0
 *
 * The scalar kernel is the definition; the vector kernels (resample_loop.inc) keep its order.
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

#define AVX2 __attribute__((target("avx2,fma")))
#define AVX512 __attribute__((target("avx512f,avx512dq,avx2,fma")))
#define INLINE static inline __attribute__((always_inline))

typedef struct halves {
    __m256 low, high;
} halves;

AVX2 INLINE halves zero_avx2(void) { return (halves){_mm256_setzero_ps(), _mm256_setzero_ps()}; }

AVX2 INLINE halves madd_avx2(halves acc, const float *row, const float *in) {
    return (halves){_mm256_fmadd_ps(_mm256_load_ps(row), _mm256_loadu_ps(in), acc.low),
                    _mm256_fmadd_ps(_mm256_load_ps(row + 8), _mm256_loadu_ps(in + 8), acc.high)};
}

AVX2 INLINE __m128 fold_avx2(halves acc) {
    const __m256 a = _mm256_add_ps(acc.low, acc.high);
    return _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
}

#define NAME(x) x##_avx2
#define TARGET AVX2
#define ACC halves
#define ZERO zero_avx2
#define MADD madd_avx2
#define QUAD __m128
#define FOLD fold_avx2
#define PAIRS _mm_hadd_ps
#define STORE _mm_storeu_ps
#include "resample_loop.inc"

AVX512 INLINE __m512 madd_avx512(__m512 acc, const float *row, const float *in) {
    return _mm512_fmadd_ps(_mm512_load_ps(row), _mm512_loadu_ps(in), acc);
}

AVX512 INLINE __m128 fold_avx512(__m512 acc) {
    return fold_avx2((halves){_mm512_castps512_ps256(acc), _mm512_extractf32x8_ps(acc, 1)});
}

#define NAME(x) x##_avx512
#define TARGET AVX512
#define ACC __m512
#define ZERO _mm512_setzero_ps
#define MADD madd_avx512
#define QUAD __m128
#define FOLD fold_avx512
#define PAIRS _mm_hadd_ps
#define STORE _mm_storeu_ps
#include "resample_loop.inc"

#elif defined(__aarch64__)

static inline float32x4x4_t zero_neon(void) {
    const float32x4_t zero = vdupq_n_f32(0.0f);
    return (float32x4x4_t){{zero, zero, zero, zero}};
}

static inline float32x4x4_t madd_neon(float32x4x4_t acc, const float *row, const float *in) {
    for (int q = 0; q < 4; q++) acc.val[q] = vfmaq_f32(acc.val[q], vld1q_f32(row + 4 * q), vld1q_f32(in + 4 * q));
    return acc;
}

static inline float32x4_t fold_neon(float32x4x4_t acc) {
    return vaddq_f32(vaddq_f32(acc.val[0], acc.val[2]), vaddq_f32(acc.val[1], acc.val[3]));
}

#define NAME(x) x##_neon
#define TARGET
#define ACC float32x4x4_t
#define ZERO zero_neon
#define MADD madd_neon
#define QUAD float32x4_t
#define FOLD fold_neon
#define PAIRS vpaddq_f32
#define STORE vst1q_f32
#include "resample_loop.inc"

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
