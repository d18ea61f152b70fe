/* SPDX-License-Identifier: Apache-2.0 */
#include "line_reference.h"

#include <math.h>
#include <string.h>

static const double AHEAD_S = 0.25, BEHIND_S = 0.06; /* as in echo_guard.h */
static const double LEAD_S = 0.02;  /* given before its mic: the guard looks at hops of 8 ms, and filters */
static const double LOST_S = 0.5;   /* the guard holds a second */
static const double STEP_S = 0.02;  /* tracks that are known wander by less; what is lost is a block or a packet */
static const double KNOWN_PPM = 20.0, MOST_PPM = 1000.0;
static const double SETTLE_S =
    20.0; /* 1 ms that a track moves by is then 50 ppm for as long: the guard's filter follows */
static const double SLOPE = 100.0;   /* ppm a second, as RTA_DRIFT_SLOPE */

rta_status rta_line_reference_init(rta_line_reference *r, rta_port_engine *port, const rta_media_map *clocks) {
    r->rate = rta_port_engine_config(port)->playout.rate;
    r->clocks = clocks;
    const rta_status status = rta_port_engine_tap_reader(port, &r->tap);
    r->lost_told = r->tap.lost;
    if (status || !clocks) return status;
    return rta_variable_create(&r->variable, r->rate, r->rate);
}

void rta_line_reference_free(rta_line_reference *r) {
    rta_variable_destroy(r->variable);
    r->variable = NULL;
}

void rta_line_reference_fell_due(rta_line_reference *r, uint64_t from, uint64_t to) {
    r->by_due = true;
    r->due = to;
    if (r->tap.position < from) r->tap.position = from;
}

/* ---- The tap */

static uint64_t available(const rta_line_reference *r) {
    const uint64_t there = rta_history_available(&r->tap);
    if (!r->by_due) return there;
    const uint64_t due = r->due > r->tap.position ? r->due - r->tap.position : 0;
    return due < there ? due : there;
}

/* Up to `most` samples into the piece; what was overwritten before it was taken is as long a silence. */
static uint64_t take(rta_line_reference *r, uint64_t most) {
    for (;;) {
        const uint64_t missing = r->tap.lost - r->lost_told;
        if (missing) {
            const uint64_t run = missing < most ? missing : most;
            memset(r->piece, 0, run * sizeof(float));
            r->lost_told += run;
            return run;
        }
        const uint64_t there = available(r), count = there < most ? there : most;
        if (!count) return 0;
        const rta_status status = rta_history_read(&r->tap, r->piece, count);
        if (status == RTA_OK) return count;
        if (status != RTA_LOST) return 0;
    }
}

/* ---- Two clocks */

static double read_at(const rta_line_reference *r) { return (double)r->taken - rta_variable_ahead(r->variable); }

/* Out sample that left when the mic's clock stood where the next sample of the reference belongs. */
static double due_at(const rta_line_reference *r) {
    const rta_clock_track *in = &r->clocks->in, *out = &r->clocks->out;
    const double mic = (double)r->given / r->rate * r->clocks->in_rate;
    const int64_t ns = rta_clock_track_when_ns(in, mic);
    return (double)out->origin + rta_clock_track_beyond(out, out->origin, ns);
}

static bool known(const rta_clock_track *track) {
    return track->state == RTA_CLOCK_TRACKING && rta_clock_track_sigma_ppm(track) <= KNOWN_PPM;
}

static uint64_t samples(const rta_line_reference *r, double seconds) { return (uint64_t)(seconds * r->rate); }

static void count_by(rta_line_reference *r, uint64_t count, uint64_t waiting) {
    const uint64_t mic = r->heard * r->rate / RTA_MIC_RATE, before = (r->heard - count) * r->rate / RTA_MIC_RATE;
    const uint64_t waits = waiting * r->rate / RTA_MIC_RATE;
    const uint64_t there = r->given + available(r);
    if (!r->steering && there > mic + waits + samples(r, AHEAD_S)) {
        r->pass = there - mic - waits;
        r->realigned++;
    } else if (there + samples(r, r->steering ? LOST_S : BEHIND_S) < before) {
        r->silence = before - there; /* what is heard next may find its own yet */
        r->realigned++;
    }
}

static void steer(rta_line_reference *r) {
    const double ppm = rta_variable_ppm(r->variable), off = due_at(r) - read_at(r) - r->begun_off;
    if (fabs(off) >= STEP_S * r->rate) {
        const bool there =
            (double)available(r) + BEHIND_S * r->rate >= off; /* else the output may stand still, or be late */
        if (off > 0.0 && !there) return;
        if (off > 0.0) r->pass = (uint64_t)off;
        else r->silence = (uint64_t)-off;
        r->realigned++;
        return;
    }
    const double drift = rta_clock_track_ppm(&r->clocks->out) - rta_clock_track_ppm(&r->clocks->in);
    double wanted = drift + off / r->rate / SETTLE_S * 1e6;
    wanted = wanted > MOST_PPM ? MOST_PPM : wanted < -MOST_PPM ? -MOST_PPM : wanted;
    rta_variable_steer(r->variable, wanted, samples(r, fabs(wanted - ppm) / SLOPE));
}

void rta_line_reference_heard(rta_line_reference *r, uint64_t count, uint64_t waiting) {
    if (!r->variable) return;
    r->heard += count;
    if (r->pass || r->silence) return;
    const bool tracked = r->clocks->in.state == RTA_CLOCK_TRACKING && r->clocks->out.state == RTA_CLOCK_TRACKING;
    if (!r->steering && known(&r->clocks->in) && known(&r->clocks->out)) {
        r->steering = true;
        r->begun_off = due_at(r) - read_at(r);
    }
    if (r->steering && tracked) steer(r);
    if (!r->steering || !(r->pass || r->silence)) count_by(r, count, waiting);
}

/* More of the tap into the resampler: as much as there is room and need for. False: there is no more. */
static bool feed(rta_line_reference *r) {
    while (r->pass) {
        const uint64_t gone = take(r, r->pass < RTA_REFERENCE_PIECE ? r->pass : RTA_REFERENCE_PIECE);
        if (!gone) return false;
        r->taken += gone;
        r->pass -= gone;
    }
    const uint64_t room = rta_variable_room(r->variable);
    const uint64_t count = take(r, room < RTA_REFERENCE_PIECE ? room : RTA_REFERENCE_PIECE);
    if (count) rta_variable_put(r->variable, r->piece, count);
    r->taken += count;
    return count > 0;
}

uint64_t rta_line_reference_next(rta_line_reference *r, const float **samples_given) {
    *samples_given = r->piece;
    if (!r->variable) return take(r, RTA_REFERENCE_PIECE);
    const uint64_t until = r->heard * r->rate / RTA_MIC_RATE + samples(r, LEAD_S);
    uint64_t most = until > r->given ? until - r->given : 0;
    if (most > RTA_REFERENCE_PIECE) most = RTA_REFERENCE_PIECE;
    if (!most) return 0;
    uint64_t count = r->silence < most ? r->silence : most;
    if (count) {
        memset(r->piece, 0, count * sizeof(float));
        r->silence -= count;
    }
    while (!count) {
        count = rta_variable_get(r->variable, r->piece, most);
        const uint64_t delay = rta_variable_delay(r->variable);
        if (count && r->dropped < delay) { /* the filter's own first outputs */
            const uint64_t first = delay - r->dropped < count ? delay - r->dropped : count;
            r->dropped += first;
            count -= first;
            memmove(r->piece, r->piece + first, count * sizeof(float));
            continue;
        }
        if (!count && !feed(r)) return 0;
    }
    r->given += count;
    return count;
}
