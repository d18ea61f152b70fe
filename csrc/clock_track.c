/* SPDX-License-Identifier: Apache-2.0
 *
 * With T seconds between two corrections, x the error of the point and f that of the rate (of time, without unit):
 *     x <- x + T f,   P <- A P A' + Q,   K = P (1 0)' / (P00 + R),   both less K times the least lateness
 */
#include "clock_track.h"

#include <math.h>

static const double SECOND = 1.0;
static const double STEP = 0.03;          /* s: well above what the least late of a second is late by */
static const double MOST_RATE = 0.002;    /* beyond what any clock is off */
static const double PRIOR_RATE = 500e-6;  /* of the rate, before anything is known: cards and gateways */
static const double LEAST_SIGMA = 100e-6; /* s: how well a mark's time is known at all */
static const double WANDER = 1e-6;        /* of the rate in a second; 50 ppm in ten minutes is 0.08 */

void rta_clock_track_init(rta_clock_track *t, uint32_t rate) {
    *t = (rta_clock_track){.rate = rate, .period_s = 1.0 / rate, .rate_variance = PRIOR_RATE * PRIOR_RATE};
}

static double seconds_of(const rta_clock_track *t, int64_t now_ns) { return (double)(now_ns - t->origin_ns) * 1e-9; }

/* How much later than the line a mark came. */
static double lateness(const rta_clock_track *t, uint64_t position, double now_s) {
    return now_s - (t->at_s + ((double)(position - t->origin) - t->at_samples) * t->period_s);
}

static void open_second(rta_clock_track *t, double now_s) {
    t->second_end_s = now_s + SECOND;
    t->count = 0;
    t->sum_s = 0.0;
}

static void move_to(rta_clock_track *t, uint64_t position) {
    const double samples = (double)(position - t->origin);
    t->at_s += (samples - t->at_samples) * t->period_s;
    t->at_samples = samples;
}

/* One correction: T seconds of the clock after the last. */
static void correct(rta_clock_track *t, double after_s, double least_s, double sigma_s) {
    const double before = t->rate_variance * after_s;
    t->variance += 2.0 * after_s * t->covariance + after_s * before;
    t->covariance += before;
    t->rate_variance += WANDER * WANDER * after_s;
    const double total = t->variance + sigma_s * sigma_s;
    const double gain = t->variance / total, rate_gain = t->covariance / total;
    t->at_s += gain * least_s;
    double rate = t->period_s * t->rate - 1.0 + rate_gain * least_s;
    rate = rate < -MOST_RATE ? -MOST_RATE : rate > MOST_RATE ? MOST_RATE : rate;
    t->period_s = (1.0 + rate) / t->rate;
    t->rate_variance -= rate_gain * t->covariance;
    t->covariance -= gain * t->covariance;
    t->variance -= gain * t->variance;
}

static void close_second(rta_clock_track *t) {
    const double least = t->least_s, spread = t->sum_s / (double)t->count - least;
    const double after_s = ((double)(t->least_position - t->origin) - t->at_samples) * t->period_s;
    t->seconds++;
    if (fabs(least) > STEP) {
        const bool again = t->state == RTA_CLOCK_DOUBT && (least > 0.0) == (t->doubt_s > 0.0);
        if (again) {
            t->at_s += fabs(least) < fabs(t->doubt_s) ? least : t->doubt_s;
            t->steps++;
        }
        t->doubt_s = least;
        t->state = again ? RTA_CLOCK_TRACKING : RTA_CLOCK_DOUBT;
        return;
    }
    /* The least of n that lie evenly in 0 .. w is w / n off; the mean of them tells w / 2. */
    const double sigma = LEAST_SIGMA + 2.0 * spread / (double)t->count;
    move_to(t, t->least_position);
    correct(t, after_s > 0.0 ? after_s : 0.0, least, sigma);
    t->state = RTA_CLOCK_TRACKING;
}

void rta_clock_track_mark(rta_clock_track *t, uint64_t position, int64_t now_ns) {
    if (t->state == RTA_CLOCK_EMPTY) {
        t->origin = t->last_position = position;
        t->origin_ns = t->last_ns = now_ns;
        t->state = RTA_CLOCK_FIRST;
        t->variance = 1e-4; /* 10 ms */
        open_second(t, 0.0);
    }
    if (now_ns < t->last_ns) t->backwards++;
    now_ns = t->last_ns = now_ns > t->last_ns ? now_ns : t->last_ns;
    position = t->last_position = position > t->last_position ? position : t->last_position;
    const double now_s = seconds_of(t, now_ns);
    if (now_s >= t->second_end_s) {
        if (t->count) close_second(t);
        open_second(t, now_s);
    }
    double late_s = lateness(t, position, now_s);
    if (t->state == RTA_CLOCK_FIRST && late_s < 0.0) { /* the line follows what comes earlier, and with it what was */
        t->at_s += late_s;
        t->sum_s -= late_s * (double)t->count;
        t->least_s -= late_s;
        late_s = 0.0;
    }
    if (t->count == 0 || late_s <= t->least_s) {
        t->least_s = late_s;
        t->least_position = position;
    }
    t->sum_s += late_s;
    t->count++;
    t->marks++;
}

double rta_clock_track_beyond(const rta_clock_track *t, uint64_t position, int64_t now_ns) {
    if (t->state == RTA_CLOCK_EMPTY) return 0.0;
    const double stands = t->at_samples + (seconds_of(t, now_ns) - t->at_s) / t->period_s;
    return stands - (double)(int64_t)(position - t->origin);
}

int64_t rta_clock_track_when_ns(const rta_clock_track *t, double position) {
    if (t->state == RTA_CLOCK_EMPTY) return 0;
    const double after_s = t->at_s + (position - (double)t->origin - t->at_samples) * t->period_s;
    const double bounded = after_s < -4e9 ? -4e9 : after_s > 4e9 ? 4e9 : after_s;
    return t->origin_ns + (int64_t)(bounded * 1e9);
}

double rta_clock_track_ppm(const rta_clock_track *t) { return (1.0 / (t->period_s * t->rate) - 1.0) * 1e6; }

double rta_clock_track_sigma_s(const rta_clock_track *t) { return sqrt(t->variance); }

double rta_clock_track_sigma_ppm(const rta_clock_track *t) { return sqrt(t->rate_variance) * 1e6; }
