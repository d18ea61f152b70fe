/* SPDX-License-Identifier: Apache-2.0
 *
 * conceal.h: something for samples that never came: the last pitch period, repeated, fading to comfort noise; and a cross-fade
 * back to the real signal. In the manner of ITU-T G.711 Appendix I, of our own make.
 *
 *   REAL     conceal   CONCEALED   the pitch is looked for once: the lag of 2.5 .. 15 ms at which the last 20 ms are most
 *                                  like what came before them. The last period is smoothed at its seam and repeated;
 *                                  full for 10 ms, then falling in a straight line to nothing at 60 ms. Comfort noise
 *                                  rises as it falls: noise at the level of the quietest 10 ms of the last seconds
 *   CONCEALED real     REAL        the first 5 ms (10 after more than 20 ms) are cross-faded with what concealment would
 *                                  have put out next
 *
 * Sums are exact integers, so that the bits are the same everywhere (law 5); how real samples are cut does not
 * matter (law 6). int16, interleaved, 1 or 2 channels; the pitch is that of their sum.
 *
 * Threads: one at a time. AUDIO PATH except create and destroy.
 */
#ifndef RTA_CONCEAL_H
#define RTA_CONCEAL_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rta_conceal rta_conceal;

/* rate 8000 .. 48000, channels 1 or 2. */
rta_status rta_conceal_create(rta_conceal **out, uint32_t rate, uint32_t channels);
void rta_conceal_destroy(rta_conceal *conceal);

/* The next `samples` (of each channel) of the real signal; their beginning is cross-faded if concealment came before. */
void rta_conceal_real(rta_conceal *conceal, int16_t *io, uint32_t samples);
/* Writes the next `samples` in place of real ones. Returns how many of them are comfort noise alone (W3C: silent). */
uint32_t rta_conceal_fill(rta_conceal *conceal, int16_t *out, uint32_t samples);
/* Writes comfort noise, as at an announced silence. */
/* The sender told how loud its silence is (noise.h): until the next real sample, instead of what was measured. */
void rta_conceal_told_level(rta_conceal *conceal, int32_t rms);
void rta_conceal_noise(rta_conceal *conceal, int16_t *out, uint32_t samples);

#ifdef __cplusplus
}
#endif
#endif
