/* SPDX-License-Identifier: Apache-2.0
 *
 * clock_track.h: where another clock stands, from marks "by now that many samples have passed". Pure.
 *
 * Marks come in blocks and late: a thread wakes when it wakes, a packet takes the way it takes. Lateness only ever adds. So
 * of each second only the mark that came least late counts, and a straight line (a point of it, and a rate) goes through
 * those: a Kalman filter of two states, which knows how far the least of so many can be off from how the others of that second
 * scatter, and how fast a rate may wander (temperature). In the first second the line follows whatever comes earlier.
 *
 *   state      each second in which marks came                                        leaves to
 *   EMPTY      nothing is known                                                       FIRST with the first mark
 *   FIRST      the line goes through the earliest mark, at the nominal rate           TRACKING after a second
 *   TRACKING   least lateness within STEP: the line moves towards it, and its rate    DOUBT beyond STEP
 *   DOUBT      beyond STEP again, to the same side: the line is moved there, its      TRACKING either way
 *              rate stands: samples were lost, or a clock was set (a step, counted);
 *              else that second was an outlier, and nothing is learned of it
 *
 * The line is as late as the least late marks: what every mark is late by (a card's buffer) is not seen here.
 * Times that fall count as the last one (counted). Doubles in a fixed order, no libm (law 5).
 *
 * After F. Adriaensen, "Using a DLL to filter time" (2005) in what it is for; the least instead of the mean is how
 * network clocks are followed (NTP's clock filter, RFC 5905).
 *
 * Threads: one at a time. AUDIO PATH.
 */
#ifndef RTA_CLOCK_TRACK_H
#define RTA_CLOCK_TRACK_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum rta_clock_state { RTA_CLOCK_EMPTY, RTA_CLOCK_FIRST, RTA_CLOCK_TRACKING, RTA_CLOCK_DOUBT } rta_clock_state;

typedef struct rta_clock_track {
    uint32_t state; /* rta_clock_state */
    uint32_t rate;  /* nominal, samples a second */
    /* the line: at `at_s` after origin_ns the clock stood at origin + at_samples, and a sample takes period_s */
    uint64_t origin;
    int64_t origin_ns, last_ns;
    double at_samples, at_s, period_s;
    double variance, covariance, rate_variance; /* of the point (s^2), of both, of period_s * rate (1) */
    /* the second under way */
    double second_end_s, least_s, sum_s;
    uint64_t count, least_position, last_position; /* of the mark that came least late; of the last */
    double doubt_s; /* least lateness of the second before, where in DOUBT */
    uint64_t marks, steps, backwards, seconds;
} rta_clock_track;

void rta_clock_track_init(rta_clock_track *track, uint32_t rate);
/* By now_ns the clock had come to `position` (which never falls; less than before counts as what it was). */
void rta_clock_track_mark(rta_clock_track *track, uint64_t position, int64_t now_ns);
/* How far beyond `position` the clock stands at now_ns, in its samples; 0 while EMPTY. */
double rta_clock_track_beyond(const rta_clock_track *track, uint64_t position, int64_t now_ns);
/* When it stood, or will stand, at `position`; 0 while EMPTY. */
int64_t rta_clock_track_when_ns(const rta_clock_track *track, double position);
/* How much faster than nominal it runs, in ppm of now_ns' clock. */
double rta_clock_track_ppm(const rta_clock_track *track);
/* Standard deviations of the line's point and rate, as the filter has them. */
double rta_clock_track_sigma_s(const rta_clock_track *track);
double rta_clock_track_sigma_ppm(const rta_clock_track *track);

#ifdef __cplusplus
}
#endif
#endif
