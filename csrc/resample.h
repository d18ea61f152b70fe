/* SPDX-License-Identifier: Apache-2.0
 *
 * resample.h: streaming rational resampler: polyphase FIR, Kaiser window, linear phase, mono float32.
 *
 * Rates: from 8, 11.025, 12, 16, 22.05, 24, 32, 44.1, 48 kHz to 8, 16, 24, 48 kHz (equal rates pass through bit for
 * bit with delay 0). Delay: constant, a whole number of output samples, at most 2 ms (4 ms where a side is below
 * 16 kHz). Tones at and above the lower Nyquist <= -90 dB; flat within 0.1 dB up to 0.8 of it.
 * Output sample k is computed as soon as the input it needs is there: at most the delay and one sample is held back.
 * Chunking never changes the output, and every instruction set gives the same bits (law 6, law 5): each output is a sum
 * in one fixed order, 16 interleaved partial sums with explicit FMA, then a fixed tree.
 *
 * Threads: one stream, one thread. process/flush/reset: AUDIO PATH (wait-free, no allocation).
 */
#ifndef RTA_RESAMPLE_H
#define RTA_RESAMPLE_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rta_resampler rta_resampler;

rta_status rta_resampler_create(rta_resampler **r, uint32_t from_rate, uint32_t to_rate); /* RTA_INVALID: not a pair */
void rta_resampler_destroy(rta_resampler *r);
uint32_t rta_resampler_delay(const rta_resampler *r); /* output samples */
/* An upper bound of what process gives for in_count samples; flush gives at most max_out(0) + delay + 1. */
uint64_t rta_resampler_max_out(const rta_resampler *r, uint64_t in_count);
/* Samples should be finite: the C core does not look (rta_first_nonfinite of dsp.h does); one that is not spoils the
 * outputs whose window it is in, at most twice the delay, and no more.
 * Consumes all of in; writes *out_count samples to out, which has room for max_out(in_count). */
rta_status rta_resampler_process(rta_resampler *r, const float *in, uint64_t in_count, float *out, uint64_t *out_count);
/* Exactly how many samples process would give for in_count now. */
uint64_t rta_resampler_out_count(const rta_resampler *r, uint64_t in_count);
/* The tail: as if `delay` output samples' worth of zeros followed, so that the total is delay + ceil(n * to / from).
 * After flush only reset is allowed. */
rta_status rta_resampler_flush(rta_resampler *r, float *out, uint64_t *out_count);
void rta_resampler_reset(rta_resampler *r);

/* The same for int16 (resample_pcm.c): converted as dsp.h says, so rounded and saturated once, at the output. Equal
 * rates pass through bit for bit. A stream stays with one sample type. */
rta_status rta_resampler_process_i16(rta_resampler *r, const int16_t *in, uint64_t in_count, int16_t *out,
                                     uint64_t *out_count);
rta_status rta_resampler_flush_i16(rta_resampler *r, int16_t *out, uint64_t *out_count);

typedef enum rta_simd { RTA_SIMD_SCALAR = 0, RTA_SIMD_AVX2 = 1, RTA_SIMD_AVX512 = 2, RTA_SIMD_NEON = 3 } rta_simd;
rta_simd rta_resampler_simd(void); /* what new resamplers use: the best the CPU has */
rta_status rta_resampler_set_simd(rta_simd); /* for tests; RTA_INVALID: the CPU has it not */

#ifdef __cplusplus
}
#endif
#endif
