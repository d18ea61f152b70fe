/* SPDX-License-Identifier: Apache-2.0
 *
 * clock_bridge.h: sound from one clock to another that drifts against it: a bounded ring, a controller (drift.h) and a
 * resampler it steers (resample_variable.h). Pushes in blocks of the source's, pulls in blocks of the sink's, each as
 * late as its thread is; between them the delay stays `target` (and the resampler's own), nothing is dropped and nothing
 * repeated for as long as both keep running.
 *
 *   state (drift.h)   a pull of n                                              goes to
 *   WAITING           silence until the level reaches its target, which may    SETTLING once sound begins; where more has
 *                     be within this pull; then sound, fading in over 5 ms     come by then, the oldest is skipped (counted)
 *                     after an interruption
 *   SETTLING, LOCKED  n samples of sound                                       WAITING if there is not enough (an underrun) or
 *                                                                              0.25 s too much (an overrun): what there is, and what
 *                                                                              the resampler holds, fades out over 5 ms at
 *                                                                              most, then silence
 *
 * The target has to cover a block of each side, the lateness of pushes, and the resampler's delay. It is not learned: who
 * knows both sides sets it.
 *
 * Accounting (law 1), exact at any time between calls, each counter kept by whoever does the thing:
 *     taken = used + skipped + queued, in source samples;  pulled = played + waited + starved, in sink samples
 * dropped: pushed and not taken, the ring being full (drop newest; law 8).
 *
 * What a pull gives depends on what was pushed and pulled, when, in what blocks, and on nothing else (law 5). With two threads,
 * what a pull sees of a push under way is up to the moment, so the journal has to hold what was given, not what went in.
 *
 * Threads: one pushes, one pulls, without a lock between them. AUDIO PATH but for create and destroy. Figures: any thread,
 * each a value of its own.
 */
#ifndef RTA_CLOCK_BRIDGE_H
#define RTA_CLOCK_BRIDGE_H

#include "base.h"
#include "drift.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rta_clock_bridge rta_clock_bridge;

typedef struct rta_clock_bridge_config {
    uint32_t source_rate, sink_rate; /* a pair of resample.h, or equal */
    double target_s;                 /* 0.001 .. 10 */
    double most_ppm;                 /* 1 .. 5000 */
    uint64_t capacity;               /* source samples: a power of two, at least twice the target */
} rta_clock_bridge_config;

typedef struct rta_clock_bridge_figures {
    uint32_t state; /* rta_drift_state */
    uint32_t delay_samples; /* of the resampler, sink samples */
    double level_s, drift_ppm, ppm, source_ppm, sink_ppm;
    double read_position; /* source samples: where the next sink sample is read, less the resampler's delay */
    uint64_t taken, dropped, used, skipped, queued; /* source samples */
    uint64_t pulled, played, waited, starved;       /* sink samples */
    uint64_t underruns, overruns, locks, clock_steps, times_back, marks_dropped;
} rta_clock_bridge_figures;

rta_status rta_clock_bridge_create(rta_clock_bridge **bridge, const rta_clock_bridge_config *config);
void rta_clock_bridge_destroy(rta_clock_bridge *bridge);

/* The source's thread. The last of the samples was taken in at now_ns, or before. RTA_FULL: *taken is less than count, the
 * rest is dropped and counted. What is no number, or beyond +-256, is made silence by the pull. */
rta_status rta_clock_bridge_push(rta_clock_bridge *bridge, const float *samples, uint64_t count, int64_t now_ns,
                                 uint64_t *taken);
/* The sink's thread. The first of the samples is wanted at now_ns, or was before. Always gives count. */
void rta_clock_bridge_pull(rta_clock_bridge *bridge, float *out, uint64_t count, int64_t now_ns);
void rta_clock_bridge_figures_read(const rta_clock_bridge *bridge, rta_clock_bridge_figures *figures);

#ifdef __cplusplus
}
#endif
#endif
