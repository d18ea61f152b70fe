/* SPDX-License-Identifier: Apache-2.0
 *
 * port_measure.h: what a pull costs the consumer, and what still comes out after a flush, measured in C because
 * Python's lock would keep flush and pull apart. For `rtaudio-bench core`; not for the audio path.
 */
#ifndef RTA_PORT_MEASURE_H
#define RTA_PORT_MEASURE_H

#include "base.h"
#include "playout.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rta_port_measurement {
    double pull_ns;        /* one pull of a frame from a full queue, with the reference tap: best batch */
    double pull_median_ns; /* the same, median batch */
    double memcpy_ns;      /* one copy of such a frame within this thread's cache: best batch */
    uint64_t mismatches;   /* samples that were not put out as they were written; 0 */
} rta_port_measurement;

/* On a port of its own: pulls `frames` frames of frame_samples at `rate`, in batches of a second of audio. RTA_INVALID, RTA_NOMEM. */
rta_status rta_port_measure(rta_port_measurement *result, uint32_t rate, uint64_t frame_samples, uint64_t frames);

/* A thread of its own pulls `pulls` frames back to back into out[pulls * frame_samples], while the calling thread
 * flushes delay_ns after the first pull began. *returned_at: where in `out` the pull that was under way when flush()
 * returned had begun, or the next one. The consumer's role is the caller's. RTA_NOMEM, RTA_SYSTEM, or a pull's status. */
rta_status rta_playout_flush_race(rta_playout_consumer *consumer, rta_playout_controls *controls, float *out,
                                  uint64_t pulls, uint64_t frame_samples, int64_t delay_ns, uint64_t *returned_at);

#ifdef __cplusplus
}
#endif
#endif
