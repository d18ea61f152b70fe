/* SPDX-License-Identifier: Apache-2.0
 *
 * echo_fft.h: the real Fourier transform of 128 points that the echo guard is made of, and its inverse. Plain C, one
 * order of operations, a table instead of a libm: the same bits on every machine (law 5).
 *
 * A spectrum is split into real and imaginary parts of bins 0..64; unscaled forwards, 1/128 on the way back.
 * Threads: pure functions. AUDIO PATH.
 */
#ifndef RTA_ECHO_FFT_H
#define RTA_ECHO_FFT_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { RTA_ECHO_FRAME = 128, RTA_ECHO_BINS = 65, RTA_ECHO_STRIDE = 68 /* floats kept for 65 bins: whole vectors */ };

typedef struct rta_echo_spectrum {
    float re[RTA_ECHO_STRIDE], im[RTA_ECHO_STRIDE]; /* beyond bin 64: zero */
} rta_echo_spectrum;

void rta_echo_rfft(const float *x, rta_echo_spectrum *spectrum);
void rta_echo_irfft(const rta_echo_spectrum *spectrum, float *x);
float rta_echo_hann(unsigned n); /* 0.5 - 0.5 cos(2 pi n / 128) */

#ifdef __cplusplus
}
#endif
#endif
