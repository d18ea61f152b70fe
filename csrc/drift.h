/* SPDX-License-Identifier: Apache-2.0
 *
 * drift.h: how fast to read what lies between two clocks, so that it neither runs empty nor full. Pure: times and counts in,
 * ppm out, for resample_variable.h.
 *
 * Both clocks are tracked (clock_track.h): the source by what it pushed up to when, the sink by what it had pulled before
 * when. From their two lines come the drift (the ratio of both rates against the nominal one) and the level: how long ago the
 * sound that the sink needs now was taken in, as if both moved sample by sample. Neither blocks nor lateness are in it. What
 * is read is steered by
 *     ppm = drift + (level - target) / SETTLE        within +-most_ppm, and never faster than SLOPE
 * The drift is known from the tracks, not from the level, so the level's own loop is of first order, with a time constant
 * of 10 s: it cannot swing. SLOPE is what that loop needs to come in from most_ppm without overshoot.
 *
 *   state      each pull                                                    leaves to
 *   WAITING    silence; until the level is at the target                    SETTLING
 *   SETTLING   as above; level and rate may still be off                    LOCKED: level within 2 ms of its target for 2 s, and
 *                                                                           the drift is known to 20 ppm
 *   LOCKED     the same                                                     SETTLING: level more than 5 ms off
 *   any        nothing there (an underrun), or the level is RESTART         WAITING
 *              beyond its target: who calls says so
 *
 * LOCKED is reached, for drifts to +-500 ppm, within 20 s of the first sound with blocks of 20 ms that are late by 5 ms, within
 * 40 s with blocks of 60 ms that are late by 20 ms; measured figures in docs/clocks.md. Doubles in a fixed order, no libm (law 5). Threads: one at a time. AUDIO PATH.
 */
#ifndef RTA_DRIFT_H
#define RTA_DRIFT_H

#include "base.h"
#include "clock_track.h"

#ifdef __cplusplus
extern "C" {
#endif

#define RTA_DRIFT_SETTLE_S 10.0
#define RTA_DRIFT_SLOPE 100.0 /* ppm a second: a semitone is 59,463 ppm, what an ear tells apart at best 2000 */
#define RTA_DRIFT_RESTART_S 0.25

typedef enum rta_drift_state { RTA_DRIFT_WAITING, RTA_DRIFT_SETTLING, RTA_DRIFT_LOCKED } rta_drift_state;

typedef struct rta_drift {
    uint32_t state; /* rta_drift_state */
    uint32_t source_rate, sink_rate;
    double target_s, most_ppm;
    rta_clock_track source, sink;
    double level_s;          /* as of the last pull */
    uint64_t near_since;     /* sink's position */
    bool near;
    uint64_t locks, restarts; /* times LOCKED was reached; times WAITING was gone back to */
} rta_drift;

/* RTA_INVALID: target_s not in 0.001 .. 10, most_ppm not in 1 .. 5000, a rate of 0. */
rta_status rta_drift_init(rta_drift *d, uint32_t source_rate, uint32_t sink_rate, double target_s, double most_ppm);
/* The source had pushed up to `position` by now_ns. */
void rta_drift_pushed(rta_drift *d, uint64_t position, int64_t now_ns);
/* The sink, which had pulled `position` samples, wants more at now_ns, and would read on at `offset` (may be any number) samples
 * after `read` of the source, at `ppm`. Gives the level, and knows it from now on. */
double rta_drift_pulls(rta_drift *d, uint64_t position, int64_t now_ns, uint64_t read, double offset, double ppm);
/* What to read at, by the level of the last pull; the state moves. Not while WAITING. */
double rta_drift_wanted_ppm(rta_drift *d, uint64_t position);
/* Over how many sink samples to go there from `ppm`. */
uint64_t rta_drift_ramp(const rta_drift *d, double ppm, double wanted_ppm);
void rta_drift_started(rta_drift *d);   /* WAITING -> SETTLING */
void rta_drift_restart(rta_drift *d); /* -> WAITING */
/* Source against sink, in ppm: positive: the source is the faster. */
double rta_drift_ppm(const rta_drift *d);

#ifdef __cplusplus
}
#endif
#endif
