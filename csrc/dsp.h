/* SPDX-License-Identifier: Apache-2.0
 *
 * dsp.h: small arithmetic on mono samples: int16 <-> float32, gain, linear ramps (fades, mixing), level.
 *
 * float32 samples have full scale at +-1.0 and may exceed it; nothing but the way to int16 saturates. Every result
 * depends on a sample and its position in the stream alone, never on the cutting into chunks (law 6), and is the same
 * on every instruction set: no operation here is contracted or reordered (law 5).
 *
 * Threads: pure functions; a ramp or a meter belongs to one thread. All of it: AUDIO PATH (wait-free, no allocation).
 * Zero counts are fine everywhere. `out` may be `in` itself; otherwise they do not overlap.
 */
#ifndef RTA_DSP_H
#define RTA_DSP_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* x / 32768, exact: -1.0 .. 32767/32768. */
void rta_f32_from_i16(const int16_t *in, float *out, uint64_t count);
/* x * 32768 to the nearest integer, halves to even, saturated to -32768 .. 32767 (infinities too). NaN gives 0. The
 * inverse of rta_f32_from_i16. Assumes the default rounding mode. */
void rta_i16_from_f32(const float *in, int16_t *out, uint64_t count);

/* Index of the first NaN or infinity; count if there is none. */
uint64_t rta_first_nonfinite(const float *in, uint64_t count);

void rta_gain_f32(const float *in, float *out, uint64_t count, float gain);
/* As i16 -> f32, gain, f32 -> i16: rounded to even, saturated. */
void rta_gain_i16(const int16_t *in, int16_t *out, uint64_t count, float gain);

/* A gain that moves in a straight line: at position p of `length` it is from + (to - from) * p / length, and `to` from
 * position `length` on. A fade-out over n samples has gains 1, (n-1)/n, .. 1/n, then 0; a fade-in 0, 1/n, .. then 1. */
typedef struct rta_ramp {
    float from, to;
    uint64_t length, position; /* position in 0 .. length */
} rta_ramp;

void rta_ramp_init(rta_ramp *ramp, float gain);                          /* stands at gain */
void rta_ramp_to(rta_ramp *ramp, float gain, uint64_t length);           /* from where it is now; 0: at once */
float rta_ramp_gain(const rta_ramp *ramp);                               /* of the next sample */
void rta_ramp_apply(rta_ramp *ramp, const float *in, float *out, uint64_t count); /* out = in * ramp; moves it */
void rta_ramp_mix(rta_ramp *ramp, const float *in, float *io, uint64_t count);    /* io += in * ramp; moves it */

/* Level of all samples pushed since the last reset; they must be finite. */
typedef struct rta_meter {
    double lane[8]; /* sums of squares of the samples at positions = lane mod 8 */
    uint64_t count;
    float peak; /* largest |x| */
} rta_meter;

void rta_meter_reset(rta_meter *meter);
void rta_meter_push_f32(rta_meter *meter, const float *in, uint64_t count);
void rta_meter_push_i16(rta_meter *meter, const int16_t *in, uint64_t count);
double rta_meter_rms(const rta_meter *meter); /* 0 when nothing was pushed */

/* 20 log10(amplitude): 0 dBFS is amplitude 1.0, so a full-scale sine has an RMS of -3.01 dBFS. 0 gives -infinity. */
double rta_dbfs(double amplitude);

#ifdef __cplusplus
}
#endif
#endif
