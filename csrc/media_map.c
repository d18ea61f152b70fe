/* SPDX-License-Identifier: Apache-2.0 */
#include "media_map.h"

#include <math.h>

#define SECOND_NS INT64_C(1000000000)

static const int64_t BEHIND_NS =
    4 * SECOND_NS; /* a clock needs up to three seconds to see that it was moved for good */
static const int64_t GIVE_UP_NS = 20 * SECOND_NS; /* what is retained of the mic is 32 s */
static const double IN_TIME_S = 0.03;           /* as clock_track.c's STEP */
static const double MOST_STRETCH = 0.004;       /* clocks are off by less; the rest is the lines being known better */

void rta_media_map_init(rta_media_map *m, uint32_t out_rate, uint32_t mic_rate, double mic_begin) {
    *m = (rta_media_map){.out_rate = out_rate, .mic_rate = mic_rate, .mic_begin = mic_begin};
    rta_clock_track_init(&m->out, out_rate);
}

static void begin(rta_media_map *m, int64_t ns) {
    if (m->in.state == RTA_CLOCK_EMPTY && m->out.state == RTA_CLOCK_EMPTY) m->begun_ns = ns;
}

void rta_media_map_put_out(rta_media_map *m, uint64_t position, int64_t ns) {
    begin(m, ns);
    rta_clock_track_mark(&m->out, position, ns);
}

void rta_media_map_heard(rta_media_map *m, uint64_t position, uint32_t rate, int64_t ns) {
    if (m->in_rate == 0) {
        m->in_rate = rate;
        rta_clock_track_init(&m->in, rate);
    }
    begin(m, ns);
    rta_clock_track_mark(&m->in, position, ns);
    const double late_s = rta_clock_track_beyond(&m->in, position, ns) / rate;
    if (position < m->good || m->in.state == RTA_CLOCK_DOUBT || fabs(late_s) > IN_TIME_S) return;
    if (m->in.steps != m->in_steps) return; /* the step is to be told first, from where it was good before */
    m->good = position;
    m->good_ns = rta_clock_track_when_ns(&m->in, (double)position);
}

/* ---- Positions, by both lines as they are known now. */

static double in_at(const rta_media_map *m, int64_t ns) {
    return (double)m->in.origin + rta_clock_track_beyond(&m->in, m->in.origin, ns);
}

static double out_at(const rta_media_map *m, int64_t ns) {
    return (double)m->out.origin + rta_clock_track_beyond(&m->out, m->out.origin, ns);
}

static double mic_of(const rta_media_map *m, double in) { return m->mic_begin + in * m->mic_rate / m->in_rate; }

static double mic_beside(const rta_media_map *m, uint64_t out) {
    return mic_of(m, in_at(m, rta_clock_track_when_ns(&m->out, (double)out)));
}

static unsigned put(rta_media_map *m, rta_anchor *anchors, unsigned count, uint64_t out, double mic) {
    const rta_anchor at = {.out = out, .mic = mic > m->last.mic ? mic : m->last.mic};
    if (count == RTA_MAP_ANCHORS || (at.out == m->last.out && at.mic <= m->last.mic)) return count;
    anchors[count] = m->last = at;
    return count + 1;
}

/* The next anchor on the lines: at most MOST_STRETCH off real time, or, where they lie further off, over a silence or
 * over what is passed. */
static unsigned go_on(rta_media_map *m, rta_anchor *anchors, unsigned count, uint64_t out) {
    if (out <= m->last.out) return count;
    const double due = (double)(out - m->last.out) * m->mic_rate / m->out_rate, mic = mic_beside(m, out);
    const double off = mic - m->last.mic - due, most = due * MOST_STRETCH, gap = IN_TIME_S * m->mic_rate;
    if (off > gap) {
        count = put(m, anchors, count, m->last.out, mic - due);
    } else if (off < -gap) {
        const double silence = -off * m->out_rate / m->mic_rate;
        const uint64_t until = m->last.out + (uint64_t)silence;
        count = put(m, anchors, count, until < out ? until : out, m->last.mic);
        if (until >= out) return count;
    } else if (fabs(off) > most) {
        return put(m, anchors, count, out, m->last.mic + due + (off > 0.0 ? most : -most));
    }
    return put(m, anchors, count, out, mic);
}

/* The input's clock was moved: what was lost was lost behind the last that was good. */
static unsigned step(rta_media_map *m, rta_anchor *anchors, unsigned count) {
    m->in_steps = m->in.steps;
    const double before = out_at(m, m->good_ns), mic = mic_of(m, (double)m->good);
    const int64_t now_ns = rta_clock_track_when_ns(&m->in, (double)m->good);
    const double after = out_at(m, now_ns);
    const uint64_t out = before > (double)m->last.out ? (uint64_t)before : m->last.out;
    if (m->last.mic < mic) count = put(m, anchors, count, out, mic);
    if (after > (double)m->last.out) count = put(m, anchors, count, (uint64_t)after, m->last.mic);
    m->good_ns = now_ns;
    return count;
}

static unsigned first(rta_media_map *m, rta_anchor *anchors, int64_t until_ns) {
    const int64_t in_ns = rta_clock_track_when_ns(&m->in, 0.0);
    const double out = out_at(m, in_ns);
    m->last = (rta_anchor){.out = UINT64_MAX};
    m->state = RTA_MAP_RUNNING;
    m->next_ns = until_ns;
    m->in_steps = m->in.steps;
    if (out >= (double)m->out.origin) return put(m, anchors, 0, (uint64_t)out, mic_beside(m, (uint64_t)out));
    return put(m, anchors, 0, m->out.origin, mic_beside(m, m->out.origin));
}

unsigned rta_media_map_anchors(rta_media_map *m, int64_t now_ns, rta_anchor anchors[RTA_MAP_ANCHORS]) {
    const int64_t until_ns = now_ns - BEHIND_NS;
    unsigned count = 0;
    if (m->in.state < RTA_CLOCK_TRACKING || m->out.state < RTA_CLOCK_TRACKING) return 0;
    if (m->state == RTA_MAP_EMPTY) {
        if (until_ns < m->begun_ns) return 0;
        count = first(m, anchors, until_ns);
    }
    if (until_ns < m->next_ns || m->in.state == RTA_CLOCK_DOUBT || m->out.state == RTA_CLOCK_DOUBT) return count;
    if (m->in.steps != m->in_steps) count = step(m, anchors, count);
    const bool missing = m->good_ns < until_ns;
    m->next_ns = until_ns + SECOND_NS;
    if (missing && now_ns - m->good_ns > GIVE_UP_NS) {
        m->state = RTA_MAP_GIVEN_UP;
        const double until = out_at(m, until_ns);
        if (m->last.mic < mic_of(m, (double)m->good)) {
            const double out = out_at(m, m->good_ns);
            count = go_on(m, anchors, count, out > 0.0 ? (uint64_t)out : 0);
        }
        return until > (double)m->last.out ? put(m, anchors, count, (uint64_t)until, m->last.mic) : count;
    }
    m->state = missing ? RTA_MAP_STALLED : RTA_MAP_RUNNING;
    const double out = out_at(m, missing ? m->good_ns : until_ns);
    return out > (double)m->last.out ? go_on(m, anchors, count, (uint64_t)out) : count;
}
