/* SPDX-License-Identifier: Apache-2.0
 *
 * echo_filter.h: a linear model of the way from the loudspeaker to the mic, learnt while it is used. For the echo guard,
 * which wants to know how much of the mic it explains; it cleans no audio.
 *
 * 16 partitions of 64 taps at 8 kHz (128 ms), overlap-save in frames of 128. Each bin of each partition is a Kalman
 * filter: it knows how uncertain it is (`p`), so its step is large while it knows little or the reference stands far
 * above all else that is heard, and small under double talk; there is no detector of double talk to get wrong.
 * (G. Enzner, P. Vary: Frequency-domain adaptive Kalman filter for acoustic echo control in hands-free telephones,
 * Signal Processing 86, 2006; partitioned as F. Kuech et al., ICASSP 2014.)
 *
 * Threads: one stream, one thread. AUDIO PATH but for init.
 */
#ifndef RTA_ECHO_FILTER_H
#define RTA_ECHO_FILTER_H

#include "echo_fft.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { RTA_ECHO_HOP = 64, RTA_ECHO_PARTS = 16 };

typedef struct rta_echo_filter {
    rta_echo_spectrum w[RTA_ECHO_PARTS];
    float p[RTA_ECHO_PARTS][RTA_ECHO_STRIDE];     /* uncertainty: expected |error of w|^2 */
    float other[RTA_ECHO_STRIDE];                 /* power of what is no echo: the error, smoothed */
    float uncertain[RTA_ECHO_STRIDE];             /* of the last step: power of echo that may still be missed */
    float peak[RTA_ECHO_PARTS];                   /* largest |tap| of each partition, as last looked at */
    uint32_t peak_at[RTA_ECHO_PARTS];
    uint32_t turn; /* partition to be looked at next */
    bool begun;
} rta_echo_filter;

void rta_echo_filter_reset(rta_echo_filter *f);
/* The echo path begins `hops` later (negative: earlier) than thought: what was learnt moves along. */
void rta_echo_filter_shift(rta_echo_filter *f, int hops);
/* One hop. mic: 64 new samples; x[i]: spectrum of the reference i hops back, NULL: silent. error: the mic without the
 * echo that is explained. */
void rta_echo_filter_step(rta_echo_filter *f, const float *mic, const rta_echo_spectrum *const *x, float *error);

#ifdef __cplusplus
}
#endif
#endif
