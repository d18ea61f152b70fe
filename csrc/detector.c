/* SPDX-License-Identifier: Apache-2.0 */
#include "detector.h"

#include <string.h>

/* A window as all three machines see it. */
typedef struct window {
    float p;
    uint64_t start, end, samples;
    bool speaking;
    uint64_t segment;
} window;

void rta_detector_defaults(rta_detector_config *config) {
    *config = (rta_detector_config){
        .on = 0.5f,
        .off = 0.35f,
        .window_samples = 512,
        .min_speech = 1024,        /* 64 ms: two windows */
        .min_silence = 1600,       /* 100 ms */
        .endpoint_silence = 9600,  /* 0.6 s */
        .barge_in = true,
        .duck_gain = 0.25118864f,  /* -12 dB */
        .duck_ramp_ms = 20,
        .pause_after = 1536,       /* 96 ms: three windows */
        .confirm_after = 3584,     /* 224 ms: seven windows */
        .false_after = 6400,       /* 0.4 s */
        .rewind_on_false = true,
    };
}

rta_status rta_detector_check(const rta_detector_config *c, const char **why) {
    const uint64_t durations[] = {c->min_speech,  c->min_silence,   c->endpoint_silence,
                                  c->pause_after, c->confirm_after, c->false_after};
    const char *wrong = NULL;
    /* Comparisons are written so that a NaN fails them. */
    if (!(c->off > 0.0f && c->off <= c->on && c->on < 1.0f)) wrong = "thresholds must satisfy 0 < off <= on < 1";
    else if (c->window_samples < 1 || c->window_samples > 16000) wrong = "window must be 1..16000 samples";
    else if (!(c->duck_gain >= 0.0f && c->duck_gain <= 1.0f)) wrong = "duck gain must be 0..1";
    else if (c->duck_ramp_ms > 10000) wrong = "duck ramp must be at most 10 s";
    for (size_t i = 0; !wrong && i < sizeof durations / sizeof *durations; i++)
        if (durations[i] > RTA_DETECTOR_LONGEST) wrong = "durations must be at most an hour";
    if (why) *why = wrong;
    return wrong ? RTA_INVALID : RTA_OK;
}

rta_status rta_detector_init(rta_detector *d, const rta_detector_config *config) {
    rta_status status = rta_detector_check(config, NULL);
    if (status) return status;
    memset(d, 0, sizeof *d);
    d->config = *config;
    return RTA_OK;
}

static rta_event *emit(rta_detector_output *out, rta_event_kind kind, uint64_t mic, const window *w) {
    rta_event *e = &out->events[out->event_count++];
    memset(e, 0, sizeof *e);
    e->kind = kind;
    e->mic = mic;
    e->decided = w->end;
    e->value = w->p;
    return e;
}

/* ---- gate */

static void speech_started(rta_detector *d, const window *w, rta_detector_output *out) {
    d->gate = RTA_GATE_SPEECH;
    emit(out, RTA_EV_SPEECH_STARTED, d->rise_at, w);
    if (d->turn == RTA_TURN_IDLE) {
        d->turn = RTA_TURN_OPEN;
        d->turn_started_at = d->rise_at;
        d->outcome = RTA_BARGE_QUIET;
    }
}

static void speech_ended(rta_detector *d, const window *w, rta_detector_output *out) {
    d->gate = RTA_GATE_SILENCE;
    d->speech_end_at = d->fall_at;
    emit(out, RTA_EV_SPEECH_ENDED, d->fall_at, w);
}

static void step_gate(rta_detector *d, const window *w, rta_detector_output *out) {
    const rta_detector_config *c = &d->config;
    const bool above = w->p > c->on, below = w->p < c->off;
    switch ((rta_gate_state)d->gate) {
    case RTA_GATE_SILENCE:
        if (!above) break;
        d->gate = RTA_GATE_RISING;
        d->rise_at = w->start;
        if (d->barge == RTA_BARGE_QUIET || d->barge == RTA_BARGE_CONFIRMED) d->barge_speech = 0;
        if (w->end - d->rise_at >= c->min_speech) speech_started(d, w, out);
        break;
    case RTA_GATE_RISING:
        if (below) d->gate = RTA_GATE_SILENCE;
        else if (w->end - d->rise_at >= c->min_speech) speech_started(d, w, out);
        break;
    case RTA_GATE_SPEECH:
        if (!below) break;
        d->gate = RTA_GATE_FALLING;
        d->fall_at = w->start;
        if (w->end - d->fall_at >= c->min_silence) speech_ended(d, w, out);
        break;
    case RTA_GATE_FALLING:
        if (above) d->gate = RTA_GATE_SPEECH;
        else if (w->end - d->fall_at >= c->min_silence) speech_ended(d, w, out);
        break;
    }
}

/* ---- barge */

static void count_evidence(rta_detector *d, const window *w) {
    switch ((rta_gate_state)d->gate) {
    case RTA_GATE_SPEECH: d->barge_silence = 0; /* fall through */
    case RTA_GATE_RISING:
        if (d->barge_speech == 0) d->barge_onset = w->start;
        d->barge_speech += w->samples;
        break;
    case RTA_GATE_SILENCE:
    case RTA_GATE_FALLING: d->barge_silence += w->samples; break;
    }
}

/* Where the machine goes from `state` on this window; `state` itself when it stays. */
static rta_barge_state next_barge(const rta_detector *d, const window *w, rta_barge_state state) {
    const rta_detector_config *c = &d->config;
    const bool suspected = state == RTA_BARGE_SUSPECTED || state == RTA_BARGE_LIKELY;
    if (state == RTA_BARGE_QUIET) return w->speaking && w->p > c->on ? RTA_BARGE_SUSPECTED : state;
    if (state == RTA_BARGE_CONFIRMED) return w->speaking && w->segment == d->segment ? state : RTA_BARGE_QUIET;
    if (suspected && !w->speaking) return RTA_BARGE_QUIET;
    if (suspected && d->barge_silence >= c->false_after && d->barge_silence > 0) return RTA_BARGE_FALSE;
    if (suspected && d->gate == RTA_GATE_SPEECH && d->barge_speech >= c->confirm_after) return RTA_BARGE_CONFIRMED;
    if (state == RTA_BARGE_SUSPECTED && d->barge_speech >= c->pause_after) return RTA_BARGE_LIKELY;
    return state;
}

/* What is set on the playout in each state; the wishes of a step are the difference between its two ends. */
static bool ducked(const rta_detector *d, rta_barge_state state) {
    return d->config.duck_gain < 1.0f && (state == RTA_BARGE_SUSPECTED || state == RTA_BARGE_LIKELY);
}
static bool paused(rta_barge_state state) { return state == RTA_BARGE_LIKELY; }

static uint32_t wishes(const rta_detector *d, rta_barge_state before, rta_barge_state now) {
    uint32_t actions = 0;
    if (now == RTA_BARGE_CONFIRMED) actions |= RTA_DO_FLUSH;
    if (!ducked(d, before) && ducked(d, now)) actions |= RTA_DO_DUCK;
    if (ducked(d, before) && !ducked(d, now)) actions |= RTA_DO_UNDUCK;
    if (!paused(before) && paused(now)) actions |= RTA_DO_PAUSE;
    if (paused(before) && !paused(now))
        actions |= now == RTA_BARGE_FALSE && d->config.rewind_on_false ? RTA_DO_RESUME_REWIND : RTA_DO_RESUME;
    return actions;
}

static void step_barge(rta_detector *d, const window *w, rta_detector_output *out) {
    count_evidence(d, w);
    if (d->barge == RTA_BARGE_CONFIRMED) d->barge = next_barge(d, w, RTA_BARGE_CONFIRMED);
    const rta_barge_state before = (rta_barge_state)d->barge;
    rta_barge_state now = before;
    /* The states only go up until one is final for this window, so this ends. */
    for (rta_barge_state next; (next = next_barge(d, w, now)) != now;) {
        if (now == RTA_BARGE_QUIET) d->barge_silence = 0;
        now = next;
        if (now == RTA_BARGE_QUIET || now == RTA_BARGE_FALSE || now == RTA_BARGE_CONFIRMED) break;
    }
    if (w->speaking && now != RTA_BARGE_QUIET) d->segment = w->segment;
    if (now == before) return;

    out->actions = wishes(d, before, now);
    rta_event *e = emit(out, RTA_EV_BARGE_IN, d->barge_onset, w);
    e->segment = d->segment;
    e->a = now;
    e->b = before;
    if (now == RTA_BARGE_CONFIRMED || (now == RTA_BARGE_FALSE && d->outcome != RTA_BARGE_CONFIRMED)) d->outcome = now;
    d->barge = now;
    if (now == RTA_BARGE_FALSE) {
        d->barge_speech = 0;
        d->barge = RTA_BARGE_QUIET;
    }
}

/* ---- turn */

static void step_turn(rta_detector *d, const window *w, rta_detector_output *out) {
    if (d->turn != RTA_TURN_OPEN || d->gate != RTA_GATE_SILENCE) return;
    const uint64_t silence = w->end - d->speech_end_at;
    if (silence < d->config.endpoint_silence) return;
    rta_event *e = emit(out, RTA_EV_TURN_ENDED, d->speech_end_at, w);
    const bool pending = d->barge == RTA_BARGE_SUSPECTED || d->barge == RTA_BARGE_LIKELY;
    e->a = silence;
    e->b = d->outcome == RTA_BARGE_QUIET && pending ? d->barge : d->outcome;
    d->turn = RTA_TURN_IDLE;
    d->outcome = RTA_BARGE_QUIET;
}

void rta_detector_step(rta_detector *d, float probability, uint64_t position_end, bool speaking, uint64_t segment,
                       rta_detector_output *output) {
    output->actions = 0;
    output->event_count = 0;
    if (position_end <= d->position) return;
    const uint64_t whole = d->config.window_samples, gone = position_end - d->position;
    const window w = {
        .p = probability >= 0.0f ? probability : 0.0f, /* NaN: 0 */
        .start = position_end - (gone < whole ? gone : whole),
        .end = position_end,
        .samples = gone < whole ? gone : whole,
        .speaking = speaking,
        .segment = segment,
    };
    d->position = position_end;
    step_gate(d, &w, output);
    if (d->config.barge_in) step_barge(d, &w, output);
    step_turn(d, &w, output);
}
