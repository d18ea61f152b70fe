/* SPDX-License-Identifier: Apache-2.0
 *
 * resample_bank.h: the polyphase filter of a pair of rates. Private to the resampler.
 *
 * With g = gcd(from, to), up = to/g and down = from/g, the filter lives on a grid of from * up = to * down points a
 * second. Output k of a linear-phase low-pass h with its centre at delay * down is
 *     y[k] = sum over i of x[i] * h[k * down - i * up].
 * h is zero up to and including grid index `skip`, so the newest input sample that counts for output k is
 * floor((k * down - skip - 1) / up), and the row of coefficients is that of the remainder of this division.
 *
 * A bank is built once for each pair, published atomically, shared by all resamplers of the pair and never freed:
 * the set of pairs is small and closed (all together under 3 MB).
 *
 * Threads: rta_resample_bank_get from any; it allocates and computes (not the audio path).
 */
#ifndef RTA_RESAMPLE_BANK_H
#define RTA_RESAMPLE_BANK_H

#include "base.h"

#define RTA_RESAMPLE_LANES 16 /* partial sums of one output; `taps` is a multiple of it */
enum { RTA_RESAMPLE_PAIRS = 36 };

typedef struct rta_resample_bank {
    uint32_t up, down;
    uint32_t taps;         /* of one row */
    uint32_t delay;        /* output samples */
    uint32_t skip;         /* 0 .. down - 1 */
    const float *rows;     /* [up][taps], oldest input first, aligned to a cache line */
} rta_resample_bank;

/* RTA_INVALID: not a pair of resample.h, or equal rates (which need no filter). RTA_NOMEM. */
rta_status rta_resample_bank_get(const rta_resample_bank **bank, uint32_t from_rate, uint32_t to_rate);

/* Whether the pair is one of resample.h, equal rates included. */
bool rta_resample_is_pair(uint32_t from_rate, uint32_t to_rate);
/* Its number, 0 .. RTA_RESAMPLE_PAIRS - 1; -1: none. */
int rta_resample_pair(uint32_t from_rate, uint32_t to_rate);

#endif
