/* SPDX-License-Identifier: Apache-2.0
 *
 * stretch.h: makes sound shorter or longer by one pitch period without changing its pitch: two neighbouring stretches that
 * are alike are cross-faded into one, or one is repeated into the next (overlap-add at the lag of greatest likeness,
 * in the manner of WSOLA: Verhelst and Roelands, 1993).
 *
 *   shorten   x[0 .. lag) fades into x[lag .. 2 lag); then x[2 lag ..)                     lag samples fewer
 *   lengthen  x[0 .. lag), then x[lag .. 2 lag) fading in over x[0 .. lag) fading out; ...  lag samples more
 *
 * The lag is 2.5 .. 15 ms, at most `most`, where the normalised correlation of the two is greatest. Done only if it is above
 * 0.9, or the sound is quiet (below -50 dBFS), where nobody hears it. Exact integer sums (law 5). int16, interleaved.
 *
 * Threads: pure functions, AUDIO PATH.
 */
#ifndef RTA_STRETCH_H
#define RTA_STRETCH_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rta_stretched {
    uint32_t lag; /* samples of each channel taken out or put in; 0: nothing was done */
    bool quiet;
} rta_stretched;

/* What must lie in `io`: 30 ms. */
static inline uint32_t rta_stretch_needs(uint32_t rate) { return rate * 30 / 1000; }

/* io holds `samples` of each channel; shortened in place. most: samples, at least 2.5 ms, or nothing is done. */
rta_stretched rta_stretch_shorten(int16_t *io, uint32_t samples, uint32_t channels, uint32_t rate, uint32_t most);
/* The same, longer: io has room for samples + 15 ms. */
rta_stretched rta_stretch_lengthen(int16_t *io, uint32_t samples, uint32_t channels, uint32_t rate, uint32_t most);

#ifdef __cplusplus
}
#endif
#endif
