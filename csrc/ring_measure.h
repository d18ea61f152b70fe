/* SPDX-License-Identifier: Apache-2.0
 *
 * ring_measure.h: what the ring costs, measured in C, for `rtaudio-bench core`. Not for the audio path.
 */
#ifndef RTA_RING_MEASURE_H
#define RTA_RING_MEASURE_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* All in ns per frame. "Best" and "median" are of 32 batches. */
typedef struct rta_ring_measurement {
    double ring_ns;        /* pushed by one thread and pulled by another, each on a processor of its own: best */
    double ring_median_ns; /* the same: median */
    double one_thread_ns;  /* push and pull in turn by one thread: what the ring itself costs: best */
    double handover_ns;    /* the same bytes passed between the two processors without a ring: the machine's floor */
    double memcpy_ns;      /* one copy of a frame inside one processor's cache: best */
    uint64_t mismatches;   /* frames that did not arrive as they were sent; 0 */
    uint64_t processors;   /* 2; 1: there was only one to run on, and ring_ns is not what it should be */
} rta_ring_measurement;

/* Sends `frames` frames of frame_samples float32 through a ring of capacity_frames frames (rounded up to a power of
 * two of samples). Runs two threads. RTA_INVALID: fewer than 32 frames, or beyond 2^20 samples a frame or 2^10 frames
 * of capacity. */
rta_status rta_ring_measure(rta_ring_measurement *result, uint64_t frames, uint64_t frame_samples,
                            uint64_t capacity_frames);

#ifdef __cplusplus
}
#endif
#endif
