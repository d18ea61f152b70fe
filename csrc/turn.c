/* SPDX-License-Identifier: Apache-2.0 */
#include "turn.h"

#include <string.h>

enum {
    MS = 16, /* samples */
    LONGEST = 3600 * 1000 * MS,
    LEAST_PAUSE = 200 * MS, /* shorter ones are within words */
    PAUSES_IN_MIND = 8,     /* the typical pause follows the caller: about the last so many count */
};

void rta_turn_defaults(rta_turn_config *config) {
    memset(config, 0, sizeof *config);
    config->asks = RTA_TURN_QUESTIONS;
    for (unsigned i = 0; i < RTA_TURN_QUESTIONS; i++) config->ask_after[i] = i * 96 * MS;
    config->late_after = 100 * MS;
    config->grace = 1500 * MS;
    for (unsigned i = 0; i < RTA_AGENT_STATES; i++) config->policy[i] = *rta_turn_policy_profile("default");
}

rta_status rta_turn_check(const rta_turn_config *c, const char **why) {
    const char *wrong = NULL;
    if (c->asks > RTA_TURN_QUESTIONS) wrong = "there are at most four questions in a silence";
    for (uint32_t i = 0; !wrong && i < c->asks; i++) {
        if (c->ask_after[i] > (uint64_t)LONGEST) wrong = "durations must be at most an hour";
        else if (i > 0 && c->ask_after[i] <= c->ask_after[i - 1])
            wrong = "each question must be asked after the one before";
    }
    if (!wrong && (c->late_after > (uint64_t)LONGEST || c->grace > (uint64_t)LONGEST))
        wrong = "durations must be at most an hour";
    for (unsigned i = 0; !wrong && i < RTA_AGENT_STATES; i++) rta_turn_policy_check(&c->policy[i], &wrong);
    if (why) *why = wrong;
    return wrong ? RTA_INVALID : RTA_OK;
}

static rta_event *emit(rta_turn_output *out, rta_event_kind kind, uint64_t mic, uint64_t decided) {
    rta_event *e = &out->events[out->count++];
    memset(e, 0, sizeof *e);
    e->kind = kind;
    e->mic = mic;
    e->decided = decided;
    return e;
}

static bool older(uint64_t since, uint64_t now, uint64_t most) { return now > since && now - since > most; }

/* The user wanted the floor. Whatever comes after it in the same turn, the turn asks for an answer. */
static bool claims(uint32_t outcome) { return outcome == RTA_BARGE_CONFIRMED || outcome == RTA_BARGE_KEPT; }

/* A probability for an event: -1 where there is none, since a NaN is not equal to itself. */
static float told(float probability) { return probability >= 0.0f ? probability : -1.0f; }

static rta_agent_state agent(const rta_turn *t) {
    return t->speaking ? RTA_AGENT_SPEAKS : t->hints.thinking ? RTA_AGENT_THINKS : RTA_AGENT_LISTENS;
}

static uint32_t why(const rta_turn *t) {
    return t->reasons.why | (t->missed ? RTA_TURN_WHY_UNANSWERED : 0) | (t->resumed ? RTA_TURN_WHY_RESUMED : 0);
}

/* ---- A silence */

static void begin_silence(rta_turn *t, uint64_t fell_at) {
    t->state = RTA_TURN_WAITING;
    t->fell_at = fell_at;
    t->asked = t->missed = t->facts.answered = 0;
    t->unheard = 0;
}

static uint64_t silence(const rta_turn *t, uint64_t now) { return now - t->fell_at - t->unheard; }

/* The caller went on at `at`, having paused since fell_at; so many samples of that were unheard. */
static void learn_pause(rta_turn *t, uint64_t at, uint64_t unheard) {
    const uint64_t pause = at > t->fell_at + unheard ? at - t->fell_at - unheard : 0;
    t->unheard_speech += t->unheard;
    if (pause < LEAST_PAUSE) return;
    if (t->outcome == RTA_BARGE_BACKCHANNEL || t->outcome == RTA_BARGE_FALSE)
        return; /* he listened, and now he speaks */
    rta_turn_facts *f = &t->facts;
    if (f->pauses < UINT32_MAX) f->pauses++;
    const uint64_t share = f->pauses < PAUSES_IN_MIND ? f->pauses : PAUSES_IN_MIND;
    if (pause >= f->pause) f->pause += (pause - f->pause) / share;
    else f->pause -= (f->pause - pause) / share;
}

static void ask(rta_turn *t, const rta_turn_config *c, const rta_span *w, rta_turn_output *out) {
    if (t->asked >= c->asks || silence(t, w->end) < c->ask_after[t->asked]) return;
    t->asked_at[t->asked] = w->decided;
    t->counts.asked++;
    rta_event *e = emit(out, RTA_EV_TURN_ASKED, t->fell_at, w->decided);
    e->a = t->counts.asked;
    e->b = t->started_at;
    e->c = t->asked++;
    e->value = w->p;
}

static void miss(rta_turn *t, uint32_t i, uint64_t at, bool late, rta_turn_output *out) {
    if (t->missed >> i & 1) return;
    t->missed |= 1u << i;
    t->counts.unanswered++;
    if (t->told) return;
    t->told = 1;
    rta_event *e = emit(out, RTA_EV_TURN_UNANSWERED, t->fell_at, at);
    e->a = t->counts.asked - t->asked + i + 1;
    e->c = late;
}

/* Facts have changed, or time has gone on: how long the silence must last, and whether it has. */
static void decide(rta_turn *t, const rta_turn_config *c, const rta_gate *gate, uint64_t at, bool answer,
                   uint64_t question, rta_turn_output *out) {
    rta_turn_facts *f = &t->facts;
    const rta_agent_state doing = agent(t);
    f->silence = silence(t, t->heard_to);
    f->speech = t->fell_at - t->started_at - t->unheard_speech;
    f->words = t->hints.words;
    f->hints = (doing == RTA_AGENT_THINKS ? RTA_TURN_AGENT_THINKING : 0) |
               (doing == RTA_AGENT_SPEAKS ? RTA_TURN_AGENT_SPEAKING : 0) |
               (t->hints.asked == RTA_ASKED_SHORT ? RTA_TURN_ASKED_SHORT : 0) |
               (t->hints.asked == RTA_ASKED_LONG ? RTA_TURN_ASKED_LONG : 0) |
               (t->hints.stt == RTA_STT_END ? RTA_TURN_STT_END : 0) |
               (t->hints.stt == RTA_STT_OPEN ? RTA_TURN_STT_OPEN : 0);
    t->delay = rta_turn_delay(&c->policy[doing], f, &t->reasons);
    if (answer) {
        rta_event *e = emit(out, RTA_EV_TURN_ANSWERED, t->fell_at, at);
        e->a = question;
        e->b = t->delay;
        e->c = why(t);
        e->value = told(t->reasons.probability);
    }
    if (gate->state != RTA_GATE_SILENCE || f->silence < t->delay) return;

    const bool pending =
        t->barge == RTA_BARGE_SUSPECTED || t->barge == RTA_BARGE_LIKELY || t->barge == RTA_BARGE_STOPPING;
    rta_event *e = emit(out, RTA_EV_TURN_ENDED, t->fell_at, at);
    e->a = f->silence;
    e->b = pending && !claims(t->outcome) ? t->barge : t->outcome;
    e->c = why(t);
    e->flags = t->asked | f->answered << 8 | (uint32_t)doing << 16;
    e->segment = t->delay;
    e->out = t->started_at;
    e->value = told(t->reasons.probability);
    t->state = RTA_TURN_GRACE;
    t->end_segment = t->segment;
}

/* ---- What comes in */

static bool in_grace(const rta_turn *t, const rta_turn_config *c, const rta_gate *gate) {
    return t->state == RTA_TURN_GRACE && gate->rise_at < t->ended_at + c->grace;
}

bool rta_turn_goes_on(const rta_turn *t, const rta_turn_config *c, const rta_gate *gate) {
    return t->state == RTA_TURN_WAITING || in_grace(t, c, gate);
}

/* The gate is at SPEECH from this window on, out of SILENCE. */
static void speech_started(rta_turn *t, const rta_turn_config *c, const rta_span *w, const rta_gate *gate,
                           rta_turn_output *out) {
    const bool resumes = in_grace(t, c, gate);
    t->hints.stt = RTA_STT_UNKNOWN;
    if (t->state == RTA_TURN_WAITING || resumes) learn_pause(t, gate->rise_at, t->unheard - gate->unheard);
    if (resumes) {
        t->resumed = 1;
        if (!claims(t->outcome)) t->outcome = RTA_BARGE_QUIET; /* a "mhm" before says nothing of this */
        t->counts.resumed++;
        rta_event *e = emit(out, RTA_EV_TURN_RESUMED, gate->rise_at, w->decided);
        e->a = t->started_at;
        e->b = t->fell_at;
        e->value = w->p;
    } else if (t->state != RTA_TURN_WAITING) {
        t->started_at = gate->rise_at;
        t->unheard_speech = gate->unheard;
        t->resumed = 0;
        t->outcome = RTA_BARGE_QUIET;
        t->hints.words = t->hints.backchannel = 0;
    }
    t->state = RTA_TURN_OPEN;
}

void rta_turn_step(rta_turn *t, const rta_turn_config *c, const rta_span *w, const rta_gate *gate, uint32_t happened,
                   const rta_barge_change *change, rta_barge_state barge, rta_turn_output *out) {
    out->count = 0;
    t->heard_to = w->end;
    t->speaking = w->speaking;
    t->segment = w->speaking ? w->segment : 0;
    t->barge = barge;
    if (happened & RTA_GATE_STARTED) speech_started(t, c, w, gate, out);
    const bool lets_go_on = change->now == RTA_BARGE_FALSE || change->now == RTA_BARGE_BACKCHANNEL;
    const bool takes = change->now == RTA_BARGE_CONFIRMED || (change->now == RTA_BARGE_KEPT && !claims(t->outcome));
    if (change->told && (takes || (lets_go_on && !claims(t->outcome)))) t->outcome = change->now;
    switch ((rta_turn_state)t->state) {
    case RTA_TURN_IDLE: break;
    case RTA_TURN_OPEN:
        if (w->unheard) t->unheard_speech += w->samples;
        if (!(happened & RTA_GATE_FELL)) break;
        begin_silence(t, gate->fall_at);
        /* fall through */
    case RTA_TURN_WAITING:
        if (w->unheard) {
            t->unheard += w->samples;
            break;
        }
        if (happened & RTA_GATE_WENT_ON) {
            learn_pause(t, w->start, t->unheard);
            t->state = RTA_TURN_OPEN;
            t->hints.stt = RTA_STT_UNKNOWN;
            break;
        }
        for (uint32_t i = 0; i < t->asked; i++)
            if (!(t->facts.answered >> i & 1) && older(t->asked_at[i], w->decided, c->late_after))
                miss(t, i, w->decided, false, out);
        if (gate->state != RTA_GATE_RISING) ask(t, c, w, out);
        decide(t, c, gate, w->decided, false, 0, out);
        if (t->state == RTA_TURN_GRACE) t->ended_at = w->end; /* not `decided`: a VAD that is late must not change it */
        break;
    case RTA_TURN_GRACE:
        if (w->unheard) {
            t->unheard += w->samples;
            t->ended_at += w->samples;
        }
        if (gate->state == RTA_GATE_SILENCE &&
            ((w->speaking && w->segment != t->end_segment) || w->end >= t->ended_at + c->grace))
            t->state = RTA_TURN_IDLE;
        break;
    }
    if (t->state == RTA_TURN_IDLE) t->outcome = RTA_BARGE_QUIET;
}

void rta_turn_answer(rta_turn *t, const rta_turn_config *c, const rta_gate *gate, uint64_t question,
                     const rta_turn_evidence *evidence, uint64_t at, rta_turn_output *out) {
    out->count = 0;
    const uint64_t before = t->counts.asked - t->asked; /* the number of the question before this silence's */
    if (t->state != RTA_TURN_WAITING || question <= before || question > t->counts.asked ||
        t->facts.answered >> (question - before - 1) & 1) {
        t->counts.stale++;
        return;
    }
    const uint32_t i = (uint32_t)(question - before - 1);
    if (older(t->asked_at[i], at, c->late_after)) {
        t->counts.late++;
        miss(t, i, at, true, out);
        return;
    }
    t->counts.answered++;
    t->facts.evidence[i] = *evidence;
    t->facts.answered |= 1u << i;
    decide(t, c, gate, at, true, question, out);
    if (t->state == RTA_TURN_GRACE) t->ended_at = at;
}

/* Something has changed between two windows. */
static void again(rta_turn *t, const rta_turn_config *c, const rta_gate *gate, uint64_t at, rta_turn_output *out) {
    if (t->state != RTA_TURN_WAITING) return;
    decide(t, c, gate, at, false, 0, out);
    if (t->state == RTA_TURN_GRACE) t->ended_at = at;
}

void rta_turn_hint(rta_turn *t, const rta_turn_config *c, const rta_gate *gate, const rta_hint *hint, uint64_t at,
                   rta_turn_output *out) {
    out->count = 0;
    const bool of_turn = hint->kind != RTA_HINT_ASKED && hint->kind != RTA_HINT_THINKING;
    if (of_turn && (t->state == RTA_TURN_IDLE || hint->turn != t->started_at)) {
        t->counts.stale++;
        return;
    }
    switch ((rta_hint_kind)hint->kind) {
    case RTA_HINT_WORDS: t->hints.words = hint->value; break;
    case RTA_HINT_STT: t->hints.stt = hint->value; break;
    case RTA_HINT_BACKCHANNEL: t->hints.backchannel = hint->value; break;
    case RTA_HINT_ASKED: t->hints.asked = hint->value; break;
    case RTA_HINT_THINKING: t->hints.thinking = hint->value; break;
    case RTA_HINT_MIN_WORDS:
    case RTA_HINT_WARM_UP: return; /* of barge-in */
    }
    again(t, c, gate, at, out);
}

void rta_turn_again(rta_turn *t, const rta_turn_config *c, const rta_gate *gate, uint64_t at, rta_turn_output *out) {
    out->count = 0;
    again(t, c, gate, at, out);
}
