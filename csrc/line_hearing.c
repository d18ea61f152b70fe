/* SPDX-License-Identifier: Apache-2.0 */
#include "line_parts.h"

#include <math.h>

bool rta_line_look(rta_line *l, float **state, const float **window) {
    if (!l->hears) return false;
    const bool peeks = rta_barge_wants_peeks(&l->detector.barge, &l->detector.config.barge) &&
                       rta_playout_speaking(rta_port_playout_state(l->port), NULL);
    const uint64_t end = l->heard_to + RTA_VAD_WINDOW;
    l->looking = &l->ear;
    if (rta_ear_look(l->looking, end, peeks, state, window)) return true;
    l->looking = &l->cleaned_ear;
    if (l->cleaned && rta_ear_look(l->looking, end, false, state, window)) return true;
    l->looking = NULL;
    if (l->pending_count - l->pending_heard < RTA_VAD_WINDOW) return false;
    *state = l->state;
    *window = l->pending + l->pending_heard;
    return true;
}

/* ---- Decisions */

/* In the order of the bits: the flush stands before the pause is lifted, so that no stale sample slips out between. */
static void carry_out(const rta_line *l, uint32_t actions) {
    if (l->config.observe) return;
    const rta_barge_config *d = &l->detector.config.barge;
    rta_playout_controls *controls = rta_port_engine_controls(l->port);
    const uint32_t ramp = (uint32_t)((uint64_t)d->duck_ramp_ms * l->rate / 1000);
    if (actions & RTA_DO_DUCK) rta_playout_duck(controls, d->duck_gain, ramp);
    if (actions & RTA_DO_PAUSE) rta_playout_pause(controls);
    if (actions & RTA_DO_FLUSH) rta_playout_flush(controls);
    if (actions & RTA_DO_UNDUCK) rta_playout_duck(controls, 1.0f, ramp);
    if (actions & RTA_DO_RESUME) rta_playout_resume(controls, false);
    if (actions & RTA_DO_RESUME_REWIND) rta_playout_resume(controls, true);
}

void rta_line_let_go(const rta_line *l) {
    const rta_barge *b = &l->detector.barge;
    carry_out(l, (b->ducks ? RTA_DO_UNDUCK : 0) | (b->pauses ? RTA_DO_RESUME : 0));
}

void rta_line_tell(rta_line *l, const rta_detector_output *output) {
    for (uint32_t i = 0; i < output->event_count; i++) rta_port_event(l->port, &output->events[i]);
    const rta_turn_counts *now = &l->detector.turn.counts;
    __atomic_store_n(&l->turn_counts.asked, now->asked, __ATOMIC_RELAXED);
    __atomic_store_n(&l->turn_counts.answered, now->answered, __ATOMIC_RELAXED);
    __atomic_store_n(&l->turn_counts.late, now->late, __ATOMIC_RELAXED);
    __atomic_store_n(&l->turn_counts.stale, now->stale, __ATOMIC_RELAXED);
    __atomic_store_n(&l->turn_counts.unanswered, now->unanswered, __ATOMIC_RELAXED);
    __atomic_store_n(&l->turn_counts.resumed, now->resumed, __ATOMIC_RELAXED);
}

/* What was measured of the window that ends at `position_end`; all of it starved where that is not known any more. */
static rta_mic_window measured_at(const rta_line *l, uint64_t position_end) {
    const uint64_t index = position_end / RTA_VAD_WINDOW - 1;
    const bool known = index < l->measured_count && l->measured_count - index <= l->measured_size;
    return known ? l->measured[index % l->measured_size] : (rta_mic_window){.starved = RTA_VAD_WINDOW};
}

/* Of the RTA_VAD_WINDOW samples up to `position_end`, a multiple of RTA_PEEK_SAMPLES: those that were concealed. */
static uint32_t concealed_at(const rta_line *l, uint64_t position_end) {
    const uint64_t size = l->measured_size * RTA_WINDOW_HOPS, end = position_end / RTA_PEEK_SAMPLES;
    uint32_t samples = 0;
    if ((l->measured_count + 2) * RTA_WINDOW_HOPS > end + size) return 0; /* not known any more */
    for (uint64_t hop = end < RTA_WINDOW_HOPS ? 0 : end - RTA_WINDOW_HOPS; hop < end; hop++)
        samples += l->concealed[hop % size];
    return samples;
}

void rta_line_decide(rta_line *l, float probability) {
    const rta_playout_engine *playout = rta_port_playout_state(l->port);
    rta_journal_window told = {.mic = rta_port_mic_written(l->port)};
    rta_detector_output output;
    l->heard_last = probability;
    l->heard_to += RTA_VAD_WINDOW;
    const rta_mic_window heard = measured_at(l, l->heard_to);
    told.window = (rta_window){.position_end = l->heard_to,
                               .probability = probability,
                               .mean_square = heard.mean_square,
                               .clipped = heard.clipped,
                               .starved = heard.starved,
                               .concealed = concealed_at(l, l->heard_to)};
    told.window.echo = rta_line_echo_share(l->echo, l->heard_to);
    if (l->answers) told.window.decided = told.mic;
    told.window.speaking = rta_playout_speaking(playout, &told.window.segment);
    told.window.policy = rta_playout_policy(playout, &told.window.sentences);
    told.window.near = told.window.cleaned = NAN;
    if (l->hears) rta_ear_tell(&l->ear, l->heard_to, &told.window);
    if (l->hears && l->cleaned) told.window.cleaned = rta_ear_near(&l->cleaned_ear);
    rta_detector_step(&l->detector, &told.window, &output);
    told.actions = output.actions;
    rta_journal_write(rta_port_journal_of_engine(l->port), RTA_J_WINDOW, l->heard_to, &told, sizeof told, NULL, 0);
    if (output.actions) carry_out(l, output.actions);
    rta_port_probability_write(l->port, probability);
    rta_line_tell(l, &output);
    rta_count(&l->windows, 1);
    if (l->hears) rta_ear_listen(&l->ear, told.window.speaking, l->state, l->heard_to);
    if (l->hears && l->cleaned) rta_ear_listen(&l->cleaned_ear, told.window.speaking, l->state, l->heard_to);
}

static float mean_square(const float *samples, uint64_t count) {
    float sum = 0.0f;
    for (uint64_t i = 0; i < count; i++) sum += samples[i] * samples[i];
    return sum / (float)count;
}

static void peek(rta_line *l, uint64_t position, float probability) {
    const rta_playout_engine *playout = rta_port_playout_state(l->port);
    rta_journal_peek told = {.peek = {.position_end = position, .probability = probability},
                             .mic = rta_port_mic_written(l->port)};
    rta_detector_output output;
    uint64_t sentences;
    told.peek.speaking = rta_playout_speaking(playout, &told.peek.segment);
    told.peek.policy = rta_playout_policy(playout, &sentences);
    told.peek.echo = rta_line_echo_share_now(l->echo);
    told.peek.concealed = concealed_at(l, position);
    /* Of the window under way, so it is still pending. */
    const float *last = l->pending + l->pending_heard + (position - l->heard_to - RTA_PEEK_SAMPLES);
    told.peek.mean_square = mean_square(last, RTA_PEEK_SAMPLES);
    rta_detector_peek(&l->detector, &told.peek, &output);
    told.actions = output.actions;
    rta_journal_write(rta_port_journal_of_engine(l->port), RTA_J_PEEK, position, &told, sizeof told, NULL, 0);
    if (output.actions) carry_out(l, output.actions);
    for (uint32_t i = 0; i < output.event_count; i++) rta_port_event(l->port, &output.events[i]);
    rta_count(&l->peeks, 1);
}

void rta_line_looked(rta_line *l, float probability) {
    uint64_t position;
    if (!l->looking) {
        l->pending_heard += RTA_VAD_WINDOW;
        rta_line_decide(l, probability);
    } else if (rta_ear_looked(l->looking, l->heard_to + RTA_VAD_WINDOW, probability, &position)) {
        peek(l, position, probability);
    }
}
