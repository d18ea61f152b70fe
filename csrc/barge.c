/* SPDX-License-Identifier: Apache-2.0
 *
 * The shape of what was said, from two numbers of each 8 ms: power, and the power of the difference from sample to
 * sample, whose ratio follows where in the spectrum the sound lies (its colour). A hum or one vowel keeps its colour
 * and its level falls away; a sentence goes from consonant to vowel to consonant. So: how much the colour moved
 * since the onset, weighed by how loud it was, and whether this window still stands near the loudest. Besides: a
 * backchannel is softer than what the same user says when he takes the floor.
 */
#include "barge.h"

#include <string.h>

enum { HOP = RTA_PEEK_SAMPLES };
/* Chosen on scenes; docs/barge-in.md. */
static const float STILL_LOUD = 0.5f;   /* of the loudest: -3 dB */
static const float AUDIBLE = 4.0f;      /* times what is there when nobody speaks: 6 dB */
static const float USUAL_SHARE = 0.9f;  /* of the usual power, at which level changes nothing */
static const float USUAL_STEP = 0.2f;   /* of the usual power, with each claim */
static const float STRANGER = -0.5f;    /* of level_counts, until it is known; as of one at 0.4 of the usual power */
static const float LEVEL_MOST = 2.0f;   /* times the usual power; what is louder counts as that */
static const float CLEAR = 10.0f;       /* what stands 10 dB out of noise and echo is somebody */
static const float ECHO_MISSED = 0.01f; /* of the echo's power: what the guard may miss without telling */
static const float STRAY_SHARE = 0.5f;  /* of what stood out for nothing; what is softer does not stand out again */
static const float STRAY_KEEPS = 0.998f; /* in each window: -0.3 dB in 1 s */
static const float MIC_SAYS = 0.5f;     /* the mic's own probability, with which loudness alone suspects */
static const float QUIET_RISES = 1.01f; /* at most, in each window: 1.3 dB in 1 s */
static const float QUIET_LEAST = 1e-7f; /* -70 dB: digital silence is no measure */
static const float QUIET_FIRST = 1e-5f; /* at most, at first: the user may speak already */
static const float QUIET_FALLS = 0.3f;  /* of the difference, in each window */
static const float LOUDEST_KEEPS = 0.95f; /* in each window: -0.2 dB, so that one bang is forgotten */

/* ---- What is heard */

static void remember(rta_barge *b, float p, uint64_t end) {
    b->was_clear = b->clear > CLEAR;
    memmove(b->past + 1, b->past, (RTA_BARGE_PAST - 1) * sizeof *b->past);
    b->past[0] = p;
    b->past_end = end;
}

/* Of looks that follow each other; where some were left out, the last that there was. */
static bool early_onset(const rta_barge *b, const rta_barge_config *c, float p, uint64_t end) {
    if (p > c->onset_sure || (p > c->onset_loud && b->stands > c->onset_above)) return true;
    if (b->was_clear && b->clear > CLEAR && b->mic_p > MIC_SAYS) return true;
    const bool gap = end - b->past_end > HOP;
    const float before = gap ? b->past[0] : b->past[RTA_BARGE_PAST - 1];
    return p > c->onset_from && p - before > c->onset_rise;
}

static void begin(rta_barge *b, uint64_t onset) {
    b->onset = onset;
    b->unheard = 0;
}

static void forget(rta_barge *b) {
    b->speech = b->voiced = b->sound = b->worded = 0;
    b->loudest = b->colour = b->colour2 = b->colours = b->power = 0.0f;
    b->took_floor = false;
}

static void hear_shape(rta_barge *b, const rta_barge_config *c, const rta_window *w) {
    float loudest = 0.0f;
    for (int i = 0; i < RTA_WINDOW_HOPS; i++) loudest = w->power[i] > loudest ? w->power[i] : loudest;
    b->loudest = loudest > b->loudest * LOUDEST_KEEPS ? loudest : b->loudest * LOUDEST_KEEPS;
    const float floor = b->loudest * c->loud_share;
    b->latest = loudest;
    if (loudest >= floor && b->stands >= AUDIBLE) b->voiced += (uint64_t)RTA_WINDOW_HOPS * HOP;
    for (int i = 0; i < RTA_WINDOW_HOPS; i++) {
        if (!(w->power[i] > floor)) continue;
        /* edge / power is 2 - 2 cos(w) of what carries the power, 0..4: 0.2 at 1.1 kHz, where vowels have theirs */
        const float colour = w->edge[i] / (w->edge[i] + 0.2f * w->power[i]);
        b->colours += 1.0f;
        b->colour += colour;
        b->colour2 += colour * colour;
        b->power += w->power[i];
    }
}

/* Variance of the colour since the onset, against that of a sentence: 0..1. */
static float variety(const rta_barge *b, const rta_barge_config *c) {
    if (!(b->colours > 1.0f) || !(c->variety_full > 0.0f)) return 1.0f;
    const float mean = b->colour / b->colours, spread = b->colour2 / b->colours - mean * mean;
    return spread < c->variety_full ? (spread > 0.0f ? spread / c->variety_full : 0.0f) : 1.0f;
}

/* Samples of speech that its level stands for: what is as soft as a backchannel needs more, and so does what may be. */
static float level_worth(const rta_barge *b, const rta_barge_config *c) {
    if (!(b->colours > 0.0f)) return 0.0f;
    if (!(b->usual > 0.0f)) return STRANGER * (float)c->level_counts;
    const float ratio = b->power / b->colours / b->usual;
    return (float)c->level_counts * ((ratio < LEVEL_MOST ? ratio : LEVEL_MOST) - USUAL_SHARE);
}

static void learn_level(rta_barge *b) {
    if (!(b->colours > 0.0f)) return;
    const float power = b->power / b->colours;
    b->usual = b->usual > 0.0f ? b->usual + USUAL_STEP * (power - b->usual) : power;
}

/* Follows the quietest: down soon, up slowly. */
static void follow_quiet(float *quiet, float power) {
    const float most = *quiet * QUIET_RISES;
    if (power < *quiet) *quiet += QUIET_FALLS * (power - *quiet);
    else *quiet = power < most ? power : most;
}

void rta_barge_foreign(rta_barge *b, float mean_square, float echo, bool window) {
    const bool measured = mean_square > 0.0f;
    const float whole = (measured ? mean_square : 0.0f) + QUIET_LEAST;
    const float part = (measured ? mean_square * (1.0f - (echo >= 0.0f ? echo : 0.0f)) : 0.0f) + QUIET_LEAST;
    if (!(b->quiet > 0.0f)) b->quiet = part < QUIET_FIRST ? part : QUIET_FIRST;
    if (!(b->noise > 0.0f)) b->noise = whole < QUIET_FIRST ? whole : QUIET_FIRST;
    const float missed = ECHO_MISSED * b->echo_level, hidden = b->noise > missed ? b->noise : missed;
    b->stands = measured ? part / b->quiet : AUDIBLE; /* not measured: neither soft nor loud */
    b->clear = measured && part >= STRAY_SHARE * b->stray ? part / hidden : 0.0f;
    if (b->state == RTA_BARGE_QUIET || part > b->stood) b->stood = part;
    if (!window) return;
    b->stray *= STRAY_KEEPS;
    follow_quiet(&b->quiet, part);
    follow_quiet(&b->noise, whole);
}

static bool suspected(rta_barge_state state) { return state == RTA_BARGE_SUSPECTED || state == RTA_BARGE_LIKELY; }

static void count(rta_barge *b, const rta_barge_config *c, const rta_span *w, const rta_window *window,
                  rta_gate_state gate) {
    const bool sounds = c->early_onset && w->p > c->onset_loud && b->clear > CLEAR;
    b->sound += sounds ? w->samples : 0;
    switch (gate) {
    case RTA_GATE_SPEECH: b->silence = 0; /* fall through */
    case RTA_GATE_RISING:
        if (b->speech == 0) begin(b, w->start);
        hear_shape(b, c, window);
        b->speech += w->samples;
        break;
    case RTA_GATE_SILENCE:
    case RTA_GATE_FALLING:
        /* Neither speech nor silence yet; but not for ever. */
        if (sounds && suspected((rta_barge_state)b->state) && b->sound < c->confirm_by) hear_shape(b, c, window);
        else b->silence += w->samples;
        break;
    }
}

/* ---- What it comes to */

/* The agent has only just been heard here for the first time. */
static bool warms_up(const rta_barge *b, const rta_barge_config *c, uint64_t end) {
    return c->warm_up > 0 && (b->spoke_at == 0 || end < b->spoke_at + c->warm_up);
}

static bool takes_floor(const rta_barge *b, const rta_barge_config *c, uint64_t end) {
    if (b->listens) return b->speech >= c->confirm_by * 3;
    if (c->min_words > 0) return b->words >= c->min_words || b->speech >= b->worded + c->confirm_by * 3;
    const float by = (float)c->confirm_by, early = (float)(c->confirm_by - c->confirm_after) * variety(b, c);
    const bool loud = b->latest >= b->loudest * STILL_LOUD;
    if (loud && b->voiced >= c->confirm_after && (float)b->voiced + early + level_worth(b, c) >= by) return true;
    return 2 * (end - b->onset - b->unheard) >= 3 * c->confirm_by && 4 * b->speech >= 3 * c->confirm_by;
}

/* Words come late: they count also when the user has just fallen silent. */
static bool words_say(const rta_barge *b, const rta_barge_config *c) {
    return c->min_words > 0 && b->words >= c->min_words && !b->listens;
}

static rta_barge_state given_up(const rta_barge *b, const rta_barge_config *c) {
    if (b->took_floor) return RTA_BARGE_KEPT;
    return b->speech >= c->backchannel_least && b->speech > 0 ? RTA_BARGE_BACKCHANNEL : RTA_BARGE_FALSE;
}

/* Where the machine goes from `state` on this window; `state` itself when it stays. */
static rta_barge_state next_state(rta_barge *b, const rta_barge_config *c, const rta_span *w, const rta_window *window,
                                  bool onset, rta_gate_state gate, rta_barge_state state) {
    const bool off = window->policy == RTA_POLICY_OFF || !c->enabled || warms_up(b, c, w->end);
    if (state == RTA_BARGE_QUIET) return w->speaking && !off && onset ? RTA_BARGE_SUSPECTED : state;
    if (state == RTA_BARGE_CONFIRMED) return w->speaking && w->segment == b->segment ? state : RTA_BARGE_QUIET;
    if (!w->speaking || off) return RTA_BARGE_QUIET;
    if (state == RTA_BARGE_STOPPING && (window->policy == RTA_POLICY_PAUSE || window->policy == RTA_POLICY_DUCK_ONLY)) {
        b->took_floor = true; /* of the next segment, which is not to be cut */
        return RTA_BARGE_LIKELY;
    }
    if (state == RTA_BARGE_STOPPING) return window->sentences != b->sentences ? RTA_BARGE_CONFIRMED : state;
    const uint64_t patience = b->speech ? c->false_after : c->doubt_after;
    if (b->silence >= patience && b->silence > 0) return given_up(b, c);
    const bool heard = gate == RTA_GATE_SPEECH || (gate == RTA_GATE_FALLING && words_say(b, c));
    if (!w->unheard && heard && takes_floor(b, c, w->end)) {
        if (window->policy == RTA_POLICY_IMMEDIATE) return RTA_BARGE_CONFIRMED;
        if (window->policy == RTA_POLICY_AFTER_SENTENCE) return RTA_BARGE_STOPPING;
        b->took_floor = true;
    }
    if (state == RTA_BARGE_SUSPECTED && (b->speech >= c->pause_after || b->sound >= 2 * c->pause_after))
        return RTA_BARGE_LIKELY;
    return state;
}

/* ---- What is done about it */

static uint32_t wishes(rta_barge *b, const rta_barge_config *c, uint32_t policy, bool confirmed, rta_barge_state now) {
    const bool ducks = c->duck_gain < 1.0f && suspected(now) && policy != RTA_POLICY_AFTER_SENTENCE;
    const bool pauses = now == RTA_BARGE_LIKELY && (policy == RTA_POLICY_IMMEDIATE || policy == RTA_POLICY_PAUSE);
    uint32_t actions = confirmed ? RTA_DO_FLUSH : 0;
    const bool again = now != RTA_BARGE_CONFIRMED && now != RTA_BARGE_QUIET && now != RTA_BARGE_LIKELY;
    if (!b->ducks && ducks) actions |= RTA_DO_DUCK;
    if (b->ducks && !ducks) actions |= RTA_DO_UNDUCK;
    if (!b->pauses && pauses) actions |= RTA_DO_PAUSE;
    if (b->pauses && !pauses) actions |= again && c->rewind_on_false ? RTA_DO_RESUME_REWIND : RTA_DO_RESUME;
    b->ducks = ducks;
    b->pauses = pauses;
    return actions;
}

static bool passed_through(rta_barge_state state) {
    return state == RTA_BARGE_FALSE || state == RTA_BARGE_BACKCHANNEL || state == RTA_BARGE_KEPT;
}

rta_barge_change rta_barge_step(rta_barge *b, const rta_barge_config *c, const rta_span *w, const rta_window *window,
                                float on, rta_gate_state gate, bool rose) {
    if (w->speaking && b->spoke_at == 0) b->spoke_at = w->end;
    if (!c->enabled && b->state == RTA_BARGE_QUIET)
        return (rta_barge_change){.before = RTA_BARGE_QUIET, .now = RTA_BARGE_QUIET};
    const bool onset = !w->unheard && (w->p > on || (c->early_onset && early_onset(b, c, w->p, w->end)));
    if (!w->unheard) remember(b, w->p, w->end);
    if (rose && (b->state == RTA_BARGE_QUIET || b->state == RTA_BARGE_CONFIRMED)) forget(b);
    if (b->state == RTA_BARGE_QUIET && onset && gate == RTA_GATE_SILENCE) {
        forget(b); /* what was said before was another thing */
        begin(b, w->end - HOP);
    }
    if (w->unheard) b->unheard += w->samples;
    else count(b, c, w, window, gate);
    if (b->words > b->counted) b->worded = b->speech;
    b->counted = b->words;
    if (b->state == RTA_BARGE_CONFIRMED) b->state = next_state(b, c, w, window, onset, gate, RTA_BARGE_CONFIRMED);
    const rta_barge_state before = (rta_barge_state)b->state;
    rta_barge_state now = before;
    /* The states only go up until one is final for this window, so this ends. */
    for (rta_barge_state next; (next = next_state(b, c, w, window, onset, gate, now)) != now;) {
        if (now == RTA_BARGE_QUIET) b->silence = 0;
        now = next;
        if (now == RTA_BARGE_STOPPING) b->sentences = window->sentences;
        if (now == RTA_BARGE_QUIET || now == RTA_BARGE_CONFIRMED || now == RTA_BARGE_STOPPING || passed_through(now))
            break;
    }
    if (w->speaking && now != RTA_BARGE_QUIET) b->segment = w->segment;
    const bool confirmed = now == RTA_BARGE_CONFIRMED && before != now;
    const rta_barge_change change = {
        .told = now != before, .before = before, .now = now, .actions = wishes(b, c, window->policy, confirmed, now)};
    if (confirmed) learn_level(b);
    b->state = now;
    if (passed_through(now)) {
        if (now == RTA_BARGE_FALSE && b->stood > b->stray) b->stray = b->stood;
        forget(b);
        b->state = RTA_BARGE_QUIET;
    }
    return change;
}

rta_barge_change rta_barge_peek(rta_barge *b, const rta_barge_config *c, const rta_peek *peek, rta_gate_state gate) {
    const rta_barge_state before = (rta_barge_state)b->state;
    rta_barge_change change = {.before = before, .now = before};
    const float p = peek->probability;
    const bool onset = early_onset(b, c, p, peek->position_end);
    remember(b, p, peek->position_end);
    if (!rta_barge_wants_peeks(b, c) || !peek->speaking || peek->policy == RTA_POLICY_OFF || !onset) return change;
    if (warms_up(b, c, peek->position_end)) return change;
    if (gate == RTA_GATE_SILENCE) {
        forget(b);
        begin(b, peek->position_end - HOP);
    }
    b->silence = 0;
    b->segment = peek->segment;
    b->state = RTA_BARGE_SUSPECTED;
    change.told = true;
    change.now = RTA_BARGE_SUSPECTED;
    change.actions = wishes(b, c, peek->policy, false, RTA_BARGE_SUSPECTED);
    return change;
}
