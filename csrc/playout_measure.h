/* SPDX-License-Identifier: Apache-2.0
 *
 * playout_measure.h: what a pull costs the consumer, measured in C around a port of its own, for `rtaudio-bench core`.
 * Not for the audio path.
 */
#ifndef RTA_PLAYOUT_MEASURE_H
#define RTA_PLAYOUT_MEASURE_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rta_playout_measurement {
    double pull_ns;        /* one pull of a frame from a full queue, with the reference tap: best batch */
    double pull_median_ns; /* the same, median batch */
    double memcpy_ns;      /* one copy of such a frame within this thread's cache: best batch */
    uint64_t mismatches;   /* samples that were not put out as they were written; 0 */
} rta_playout_measurement;

/* Pulls `frames` frames of frame_samples at `rate`, in batches of a second of audio. RTA_INVALID, RTA_NOMEM. */
rta_status rta_playout_measure(rta_playout_measurement *result, uint32_t rate, uint64_t frame_samples, uint64_t frames);

#ifdef __cplusplus
}
#endif
#endif
