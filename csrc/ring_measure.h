/* SPDX-License-Identifier: Apache-2.0
 *
 * ring_measure.h: what the ring costs between two threads, measured in C, for `rtaudio-bench core`. It is the one place
 * where the core reads the clock for itself. Not for the audio path.
 */
#ifndef RTA_RING_MEASURE_H
#define RTA_RING_MEASURE_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rta_ring_measurement {
    double ring_ns;       /* per frame, pushed by one thread and pulled by another: best batch */
    double ring_median_ns; /* the same, median batch */
    double memcpy_ns;     /* one copy of a frame within this thread's cache: best batch */
    uint64_t mismatches;  /* frames that did not arrive as they were sent; 0 */
} rta_ring_measurement;

/* Sends `frames` frames of frame_samples float32 (4-byte aligned) through a ring of capacity_frames frames (rounded up
 * to a power of two of samples), in batches. Runs two threads; takes roughly frames * 0.2 us. RTA_INVALID, RTA_NOMEM,
 * RTA_SYSTEM. */
rta_status rta_ring_measure(rta_ring_measurement *result, uint64_t frames, uint64_t frame_samples,
                            uint64_t capacity_frames);

#ifdef __cplusplus
}
#endif
#endif
