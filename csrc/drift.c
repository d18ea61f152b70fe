/* SPDX-License-Identifier: Apache-2.0 */
#include "drift.h"

#include <math.h>

static const double LOCKED_S = 0.002, UNLOCKED_S = 0.005, LOCKED_PPM = 20.0, NEAR_S = 2.0;
static const double SMOOTH_S = 1.0; /* what is known changes once a second; so does the slope, without corners */

rta_status rta_drift_init(rta_drift *d, uint32_t source_rate, uint32_t sink_rate, double target_s, double most_ppm) {
    if (!(target_s >= 0.001 && target_s <= 10.0) || !(most_ppm >= 1.0 && most_ppm <= 5000.0)) return RTA_INVALID;
    if (source_rate == 0 || sink_rate == 0) return RTA_INVALID;
    *d = (rta_drift){.source_rate = source_rate, .sink_rate = sink_rate, .target_s = target_s, .most_ppm = most_ppm};
    rta_clock_track_init(&d->source, source_rate);
    rta_clock_track_init(&d->sink, sink_rate);
    return RTA_OK;
}

void rta_drift_pushed(rta_drift *d, uint64_t position, int64_t now_ns) {
    rta_clock_track_mark(&d->source, position, now_ns);
}

double rta_drift_pulls(rta_drift *d, uint64_t position, int64_t now_ns, uint64_t read, double offset, double ppm) {
    rta_clock_track_mark(&d->sink, position, now_ns);
    if (d->source.state == RTA_CLOCK_EMPTY) return d->level_s = 0.0;
    /* A pull that is late asks for what was due a while ago: the sink has moved on since, and the reading with it. */
    const double late = rta_clock_track_beyond(&d->sink, position, now_ns);
    const double step = (double)d->source_rate / d->sink_rate * (1.0 + ppm * 1e-6);
    const double there = rta_clock_track_beyond(&d->source, read, now_ns) - offset;
    return d->level_s = (there - late * step) / d->source_rate;
}

double rta_drift_ppm(const rta_drift *d) {
    const double source = d->source.period_s * d->source_rate, sink = d->sink.period_s * d->sink_rate;
    return (sink / source - 1.0) * 1e6;
}

static void look(rta_drift *d, uint64_t position) {
    const double off_s = fabs(d->level_s - d->target_s);
    const bool near = off_s < LOCKED_S;
    if (near && !d->near) d->near_since = position;
    d->near = near;
    if (d->state == RTA_DRIFT_LOCKED && off_s > UNLOCKED_S) d->state = RTA_DRIFT_SETTLING;
    if (d->state != RTA_DRIFT_SETTLING || !near) return;
    const double a = rta_clock_track_sigma_ppm(&d->source), b = rta_clock_track_sigma_ppm(&d->sink);
    if (a * a + b * b > LOCKED_PPM * LOCKED_PPM || (double)(position - d->near_since) < NEAR_S * d->sink_rate) return;
    d->state = RTA_DRIFT_LOCKED;
    d->locks++;
}

double rta_drift_wanted_ppm(rta_drift *d, uint64_t position) {
    look(d, position);
    const double wanted = rta_drift_ppm(d) + (d->level_s - d->target_s) / RTA_DRIFT_SETTLE_S * 1e6;
    return wanted < -d->most_ppm ? -d->most_ppm : wanted > d->most_ppm ? d->most_ppm : wanted;
}

uint64_t rta_drift_ramp(const rta_drift *d, double ppm, double wanted_ppm) {
    const double steep_s = fabs(wanted_ppm - ppm) / RTA_DRIFT_SLOPE;
    return (uint64_t)((steep_s > SMOOTH_S ? steep_s : SMOOTH_S) * d->sink_rate) + 1;
}

void rta_drift_started(rta_drift *d) {
    d->state = RTA_DRIFT_SETTLING;
    d->near = false;
}

void rta_drift_restart(rta_drift *d) {
    d->state = RTA_DRIFT_WAITING;
    d->restarts++;
}
