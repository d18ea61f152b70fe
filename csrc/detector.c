/* SPDX-License-Identifier: Apache-2.0 */
#include "detector.h"

#include <string.h>

/* Tuned on scenes (rtaudio-bench scenes); see docs/barge-in.md for how much each matters. */
static const float ECHO_STEP = 0.8f;    /* of the share of echo lately, in each window */
static const float ECHO_MOSTLY = 0.5f;  /* share from which a window shows how loud the echo is */
static const float ECHO_KEEPS = 0.997f; /* of that level, in each window: -4 dB in 10 s */
static const float ECHO_ABOVE = 2.0f;   /* 3 dB */
static const float CLEANED_BEGINS = 0.8f, CLEANED_ON = 0.5f; /* what a canceller left begins speech only when sure */

void rta_detector_defaults(rta_detector_config *config) {
    *config = (rta_detector_config){
        .window_samples = 512,
        .gate =
            {
                .on = 0.5f,
                .off = 0.35f,
                .min_speech = 1024,  /* 64 ms: two windows */
                .min_silence = 1600, /* 100 ms */
            },
        .barge =
            {
                .enabled = true,
                .duck_gain = 0.25118864f, /* -12 dB */
                .duck_ramp_ms = 20,
                .pause_after = 1024,       /* 64 ms: two windows */
                .false_after = 6400,       /* 0.4 s */
                .confirm_after = 4096,     /* 256 ms */
                .confirm_by = 7168,        /* 448 ms */
                .level_counts = 2048,      /* 128 ms */
                .doubt_after = 2560,       /* 160 ms */
                .backchannel_least = 1536, /* 96 ms */
                .rewind_on_false = true,
                .early_onset = true,
                .onset_rise = 0.3f, /* the rule of docs/vad.md, more eager: a duck costs little */
                .onset_from = 0.4f,
                .onset_sure = 0.95f,
                .onset_loud = 0.06f,
                .onset_above = 19.952623f, /* 13 dB */
                .echo_most = 0.75f,
                .echo_clear = 0.3f,
                .loud_share = 0.19952623f, /* -7 dB */
                .variety_full = 0.004f,
                .min_words = 0,
            },
    };
    rta_mic_health_defaults(&config->mic);
    rta_turn_defaults(&config->turn);
}

static bool share(float value) { return value >= 0.0f && value <= 1.0f; }

rta_status rta_detector_check(const rta_detector_config *c, const char **why) {
    const uint64_t durations[] = {c->gate.min_speech,     c->gate.min_silence,        c->barge.pause_after,
                                  c->barge.confirm_after, c->barge.false_after,       c->barge.confirm_by,
                                  c->barge.doubt_after,   c->barge.backchannel_least, c->barge.level_counts,
                                  c->barge.warm_up};
    const char *wrong = NULL;
    /* Comparisons are written so that a NaN fails them. */
    if (!(c->gate.off > 0.0f && c->gate.off <= c->gate.on && c->gate.on < 1.0f))
        wrong = "thresholds must satisfy 0 < off <= on < 1";
    else if (c->window_samples < 1 || c->window_samples > 16000) wrong = "window must be 1..16000 samples";
    else if (!(c->barge.duck_gain >= 0.0f && c->barge.duck_gain <= 1.0f)) wrong = "duck gain must be 0..1";
    else if (c->barge.duck_ramp_ms > 10000) wrong = "duck ramp must be at most 10 s";
    else if (c->barge.confirm_by < c->barge.confirm_after) wrong = "confirm_by must be at least confirm_after";
    else if (!share(c->barge.onset_rise) || !share(c->barge.onset_from) || !share(c->barge.onset_sure))
        wrong = "onset_rise, onset_from and onset_sure must be 0..1";
    else if (!share(c->barge.onset_loud) || !(c->barge.onset_above >= 1.0f && c->barge.onset_above <= 1e6f))
        wrong = "onset_loud must be 0..1 and onset_above a ratio of 1..1e6";
    else if (!share(c->barge.echo_clear)) wrong = "echo_clear must be 0..1";
    else if (!share(c->barge.echo_most) || !share(c->barge.loud_share)) wrong = "echo_most and loud_share must be 0..1";
    else if (!(c->barge.variety_full >= 0.0f && c->barge.variety_full <= 1.0f)) wrong = "variety_full must be 0..1";
    for (size_t i = 0; !wrong && i < sizeof durations / sizeof *durations; i++)
        if (durations[i] > RTA_DETECTOR_LONGEST) wrong = "durations must be at most an hour";
    if (!wrong) rta_turn_check(&c->turn, &wrong);
    const char *mic = NULL;
    if (!wrong && rta_mic_health_check(&c->mic, &mic)) wrong = mic;
    if (why) *why = wrong;
    return wrong ? RTA_INVALID : RTA_OK;
}

rta_status rta_turn_settings_check(const rta_turn_settings *s, const char **why) {
    const unsigned char *flags[] = {(const unsigned char *)&s->barge.enabled,
                                    (const unsigned char *)&s->barge.rewind_on_false,
                                    (const unsigned char *)&s->barge.early_onset};
    const char *wrong = NULL;
    rta_detector_config config;
    if (s->has == 0 || s->has > (RTA_SETTINGS_TURN | RTA_SETTINGS_BARGE))
        wrong = "there are settings of turn and barge";
    for (size_t i = 0; !wrong && i < sizeof flags / sizeof *flags; i++)
        if (*flags[i] > 1) wrong = "a flag must be 0 or 1";
    if (!wrong) {
        rta_detector_defaults(&config);
        if (s->has & RTA_SETTINGS_TURN) config.turn = s->turn;
        if (s->has & RTA_SETTINGS_BARGE) config.barge = s->barge;
        rta_detector_check(&config, &wrong);
    }
    if (why) *why = wrong;
    return wrong ? RTA_INVALID : RTA_OK;
}

rta_status rta_detector_init(rta_detector *d, const rta_detector_config *config) {
    rta_status status = rta_detector_check(config, NULL);
    if (status) return status;
    memset(d, 0, sizeof *d);
    d->config = *config;
    return rta_mic_health_init(&d->mic, &config->mic);
}

static rta_event *emit(rta_detector_output *out, rta_event_kind kind, uint64_t mic, const rta_span *w) {
    rta_event *e = &out->events[out->event_count++];
    memset(e, 0, sizeof *e);
    e->kind = kind;
    e->mic = mic;
    e->decided = w->decided;
    e->value = w->p;
    return e;
}

static void tell_barge(const rta_barge *barge, const rta_barge_change *change, const rta_span *w,
                       rta_detector_output *out) {
    out->actions = change->actions;
    if (!change->told) return;
    rta_event *e = emit(out, RTA_EV_BARGE_IN, barge->onset, w);
    e->segment = barge->segment;
    e->a = change->now;
    e->b = change->before;
}

static void tell_turn(const rta_turn_output *turn, rta_detector_output *out) {
    memcpy(&out->events[out->event_count], turn->events, turn->count * sizeof *turn->events);
    out->event_count += turn->count;
}

/* What the machines take for the probability that the user speaks. NaN: 0. */
static float heard(rta_barge *b, const rta_barge_config *c, const rta_window *w) {
    const float p = w->probability >= 0.0f ? w->probability : 0.0f;
    const bool goes_on = b->past[0] >= CLEANED_ON;
    const float cleaned = w->cleaned > (goes_on ? 0.0f : CLEANED_BEGINS) ? w->cleaned : 0.0f; /* NaN: 0 */
    const float echo = w->echo >= 0.0f ? w->echo : 0.0f;
    b->mic_p = p;
    rta_barge_foreign(b, w->mean_square, echo, true);
    b->echo_lately += ECHO_STEP * (echo - b->echo_lately);
    if (!w->speaking) return p;
    if (echo > ECHO_MOSTLY && w->mean_square > b->echo_level) b->echo_level = w->mean_square;
    else b->echo_level *= ECHO_KEEPS;
    if (echo > c->echo_most) return cleaned;
    if (!(w->near >= 0.0f)) return p;
    /* What is left after the echo was taken out may be spoilt. The mic's own p counts as well where there is hardly any echo, and
     * what is heard is louder than the echo was: the guard misses some of an echo that is as weak as the noise. Where
     * there is echo, what a canceller makes of it counts instead: it takes more of the echo out, and some of the user. */
    const bool clear = b->echo_lately < c->echo_clear && w->mean_square >= ECHO_ABOVE * b->echo_level;
    const float near = clear && p > w->near ? p : w->near;
    return b->echo_lately >= c->echo_clear && cleaned > near ? cleaned : near;
}

/* The same between two windows: as soon as hardly anything is echo, and it is louder than the echo was, what the mic's VAD took for
 * the agent a window ago is somebody else. */
static float heard_early(const rta_barge *b, const rta_barge_config *c, const rta_peek *peek) {
    const bool sure = b->echo_level > 0.0f && peek->mean_square >= ECHO_ABOVE * b->echo_level;
    const float near = peek->probability >= 0.0f ? peek->probability : 0.0f;
    if (peek->echo > c->echo_most) return 0.0f;
    return sure && peek->echo < c->echo_clear && b->mic_p > near ? b->mic_p : near;
}

void rta_detector_peek(rta_detector *d, const rta_peek *peek, rta_detector_output *output) {
    output->actions = 0;
    output->event_count = 0;
    if (peek->position_end <= d->position || rta_unheard(peek->concealed, d->config.window_samples)) return;
    const rta_span w = {
        .start = d->position, .end = peek->position_end, .decided = peek->position_end, .p = peek->probability};
    rta_peek heard = *peek;
    rta_barge_foreign(&d->barge, peek->mean_square, peek->echo, false);
    heard.probability = heard_early(&d->barge, &d->config.barge, peek);
    const rta_barge_change change = rta_barge_peek(&d->barge, &d->config.barge, &heard, (rta_gate_state)d->gate.state);
    tell_barge(&d->barge, &change, &w, output);
}

void rta_detector_step(rta_detector *d, const rta_window *window, rta_detector_output *output) {
    output->actions = 0;
    output->event_count = 0;
    if (window->position_end <= d->position) return;
    const rta_detector_config *c = &d->config;
    const uint64_t whole = c->window_samples, gone = window->position_end - d->position;
    const uint64_t samples = gone < whole ? gone : whole;
    const bool unheard = rta_unheard(window->concealed, samples);
    const rta_span w = {
        .start = window->position_end - samples,
        .end = window->position_end,
        .samples = samples,
        .decided = window->decided > window->position_end ? window->decided : window->position_end,
        .p = unheard ? 0.0f : heard(&d->barge, &c->barge, window),
        .echo = window->echo >= 0.0f ? window->echo : 0.0f, /* NaN: 0 */
        .speaking = window->speaking != 0,
        .unheard = unheard,
        .segment = window->segment,
    };
    d->position = window->position_end;

    const uint32_t happened = rta_gate_step(&d->gate, &c->gate, &w);
    const rta_gate_state gate = (rta_gate_state)d->gate.state;
    if (happened & RTA_GATE_STARTED) emit(output, RTA_EV_SPEECH_STARTED, d->gate.rise_at, &w);
    if (happened & RTA_GATE_ENDED) emit(output, RTA_EV_SPEECH_ENDED, d->gate.fall_at, &w);

    /* The turn that begins in this window has no words yet; the machine of turns, stepped last, still has the last one's. */
    const bool anew = (happened & RTA_GATE_STARTED) && !rta_turn_goes_on(&d->turn, &c->turn, &d->gate);
    d->barge.words = anew ? 0 : d->turn.hints.words;
    d->barge.listens = anew ? 0 : d->turn.hints.backchannel;
    const rta_barge_change change =
        rta_barge_step(&d->barge, &c->barge, &w, window, c->gate.on, gate, (happened & RTA_GATE_ROSE) != 0);
    tell_barge(&d->barge, &change, &w, output);

    rta_turn_output turn;
    rta_turn_step(&d->turn, &c->turn, &w, &d->gate, happened, &change, (rta_barge_state)d->barge.state, &turn);
    tell_turn(&turn, output);

    const rta_mic_window heard = {
        .mean_square = window->mean_square >= 0.0f ? window->mean_square : 0.0f,
        .clipped = window->clipped,
        .starved = window->starved + window->concealed,
    };
    const uint32_t before = output->event_count;
    output->event_count += rta_mic_health_step(&d->mic, &heard, (uint32_t)w.samples, w.end, gate == RTA_GATE_SPEECH,
                                               w.speaking, output->events + before);
    for (uint32_t i = before; i < output->event_count; i++) output->events[i].decided = w.decided;
}

void rta_detector_evidence(rta_detector *d, uint64_t question, const rta_turn_evidence *evidence, uint64_t at,
                           rta_detector_output *output) {
    rta_turn_output turn;
    output->actions = output->event_count = 0;
    rta_turn_answer(&d->turn, &d->config.turn, &d->gate, question, evidence, at > d->position ? at : d->position,
                    &turn);
    tell_turn(&turn, output);
}

void rta_detector_hint(rta_detector *d, const rta_hint *hint, uint64_t at, rta_detector_output *output) {
    rta_turn_output turn;
    output->actions = output->event_count = 0;
    if (hint->kind == RTA_HINT_MIN_WORDS) {
        d->config.barge.min_words = hint->value;
        return;
    }
    if (hint->kind == RTA_HINT_WARM_UP) {
        d->config.barge.warm_up = (uint64_t)hint->value * 16;
        return;
    }
    rta_turn_hint(&d->turn, &d->config.turn, &d->gate, hint, at > d->position ? at : d->position, &turn);
    tell_turn(&turn, output);
}

void rta_detector_settings(rta_detector *d, const rta_turn_settings *settings, uint64_t at,
                           rta_detector_output *output) {
    rta_turn_output turn;
    output->actions = output->event_count = 0;
    if (settings->has & RTA_SETTINGS_BARGE) d->config.barge = settings->barge;
    if (!(settings->has & RTA_SETTINGS_TURN)) return;
    d->config.turn = settings->turn;
    rta_turn_again(&d->turn, &d->config.turn, &d->gate, at > d->position ? at : d->position, &turn);
    tell_turn(&turn, output);
}
