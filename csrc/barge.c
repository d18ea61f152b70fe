/* SPDX-License-Identifier: Apache-2.0 */
#include "barge.h"

static void count_evidence(rta_barge *b, const rta_span *w, rta_gate_state gate) {
    switch (gate) {
    case RTA_GATE_SPEECH: b->silence = 0; /* fall through */
    case RTA_GATE_RISING:
        if (b->speech == 0) b->onset = w->start;
        b->speech += w->samples;
        break;
    case RTA_GATE_SILENCE:
    case RTA_GATE_FALLING: b->silence += w->samples; break;
    }
}

/* Where the machine goes from `state` on this window; `state` itself when it stays. */
static rta_barge_state next_state(const rta_barge *b, const rta_barge_config *c, const rta_span *w, float on,
                                  rta_gate_state gate, rta_barge_state state) {
    const bool suspected = state == RTA_BARGE_SUSPECTED || state == RTA_BARGE_LIKELY;
    if (state == RTA_BARGE_QUIET) return w->speaking && w->p > on ? RTA_BARGE_SUSPECTED : state;
    if (state == RTA_BARGE_CONFIRMED) return w->speaking && w->segment == b->segment ? state : RTA_BARGE_QUIET;
    if (suspected && !w->speaking) return RTA_BARGE_QUIET;
    if (suspected && b->silence >= c->false_after && b->silence > 0) return RTA_BARGE_FALSE;
    if (suspected && gate == RTA_GATE_SPEECH && b->speech >= c->confirm_after) return RTA_BARGE_CONFIRMED;
    if (state == RTA_BARGE_SUSPECTED && b->speech >= c->pause_after) return RTA_BARGE_LIKELY;
    return state;
}

/* What is set on the playout in each state; the wishes of a step are the difference between its two ends. */
static bool ducked(const rta_barge_config *c, rta_barge_state state) {
    return c->duck_gain < 1.0f && (state == RTA_BARGE_SUSPECTED || state == RTA_BARGE_LIKELY);
}
static bool paused(rta_barge_state state) { return state == RTA_BARGE_LIKELY; }

static uint32_t wishes(const rta_barge_config *c, rta_barge_state before, rta_barge_state now) {
    uint32_t actions = 0;
    if (now == RTA_BARGE_CONFIRMED) actions |= RTA_DO_FLUSH;
    if (!ducked(c, before) && ducked(c, now)) actions |= RTA_DO_DUCK;
    if (ducked(c, before) && !ducked(c, now)) actions |= RTA_DO_UNDUCK;
    if (!paused(before) && paused(now)) actions |= RTA_DO_PAUSE;
    if (paused(before) && !paused(now))
        actions |= now == RTA_BARGE_FALSE && c->rewind_on_false ? RTA_DO_RESUME_REWIND : RTA_DO_RESUME;
    return actions;
}

rta_barge_change rta_barge_step(rta_barge *b, const rta_barge_config *c, const rta_span *w, float on,
                                rta_gate_state gate, bool rose) {
    if (!c->enabled) return (rta_barge_change){.before = RTA_BARGE_QUIET, .now = RTA_BARGE_QUIET};
    if (rose && (b->state == RTA_BARGE_QUIET || b->state == RTA_BARGE_CONFIRMED)) b->speech = 0;
    count_evidence(b, w, gate);
    if (b->state == RTA_BARGE_CONFIRMED) b->state = next_state(b, c, w, on, gate, RTA_BARGE_CONFIRMED);
    const rta_barge_state before = (rta_barge_state)b->state;
    rta_barge_state now = before;
    /* The states only go up until one is final for this window, so this ends. */
    for (rta_barge_state next; (next = next_state(b, c, w, on, gate, now)) != now;) {
        if (now == RTA_BARGE_QUIET) b->silence = 0;
        now = next;
        if (now == RTA_BARGE_QUIET || now == RTA_BARGE_FALSE || now == RTA_BARGE_CONFIRMED) break;
    }
    if (w->speaking && now != RTA_BARGE_QUIET) b->segment = w->segment;
    const rta_barge_change change = {
        .told = now != before, .before = before, .now = now, .actions = now == before ? 0 : wishes(c, before, now)};
    b->state = now;
    if (now == RTA_BARGE_FALSE) {
        b->speech = 0;
        b->state = RTA_BARGE_QUIET;
    }
    return change;
}
