/* SPDX-License-Identifier: Apache-2.0 */
#include "line_parts.h"

/* In the ring of hints, in place of one: the settings in place `value` take effect here. So they keep their order. */
enum { SETTINGS = 0 };

/* ---- Producers */

rta_status rta_line_probability(rta_line *l, uint64_t position_end, float probability) {
    if (!l->answers || position_end % RTA_VAD_WINDOW || position_end <= l->answered) return RTA_INVALID;
    if (position_end > rta_port_mic_written(l->port)) return RTA_INVALID;
    if (!(probability >= 0.0f && probability <= 1.0f)) return RTA_INVALID; /* NaN, too */
    const rta_line_answer answer = {.position_end = position_end, .probability = probability};
    const bool fits = rta_ring_room(&l->answer_writer) > 0;
    const rta_status status = fits ? rta_ring_push(&l->answer_writer, &answer, 1) : RTA_FULL;
    if (!fits) rta_count(&l->answers_dropped, 1);
    rta_count(&l->answered, position_end - l->answered);
    return status;
}

uint64_t rta_line_answered(const rta_line *l) {
    return l->answers ? __atomic_load_n(&l->answered, __ATOMIC_RELAXED) : 0;
}

rta_status rta_line_turn_evidence(rta_line *l, uint64_t question, const rta_turn_evidence *evidence) {
    const rta_line_evidence told = {.question = question, .evidence = *evidence};
    if (rta_ring_room(&l->evidence_writer) > 0) return rta_ring_push(&l->evidence_writer, &told, 1);
    rta_count(&l->evidence_dropped, 1);
    return RTA_FULL;
}

rta_status rta_line_turn_hint(rta_line *l, const rta_hint *hint) {
    if (!rta_hint_good(hint)) return RTA_INVALID;
    if (rta_ring_room(&l->hint_writer) > 0) return rta_ring_push(&l->hint_writer, hint, 1);
    rta_count(&l->hints_dropped, 1);
    return RTA_FULL;
}

rta_status rta_line_turn_settings(rta_line *l, const rta_turn_settings *settings, const char **why) {
    if (rta_turn_settings_check(settings, why)) return RTA_INVALID;
    const uint64_t waiting = l->settings_given - __atomic_load_n(&l->settings_taken, __ATOMIC_ACQUIRE);
    if (waiting >= RTA_LINE_SETTINGS || rta_ring_room(&l->hint_writer) == 0) {
        rta_count(&l->settings_dropped, 1);
        return RTA_FULL;
    }
    const rta_hint here = {.kind = SETTINGS, .value = (uint32_t)(l->settings_given++ % RTA_LINE_SETTINGS)};
    l->settings[here.value] = *settings;
    return rta_ring_push(&l->hint_writer, &here, 1);
}

/* ---- The step */

void rta_line_take_answers(rta_line *l) {
    rta_ring_span next;
    if (!l->answers) return;
    for (unsigned left = RTA_LINE_HEARD_PER_TICK; left && rta_ring_peek(&l->answer_reader, 1, &next) == RTA_OK;
         left--) {
        const rta_line_answer answer = *(const rta_line_answer *)next.first;
        const bool skipped = answer.position_end > l->heard_to + RTA_VAD_WINDOW;
        rta_line_decide(l, skipped ? l->heard_last : answer.probability);
        if (skipped) rta_count(&l->windows_skipped, 1);
        else rta_ring_advance(&l->answer_reader, 1);
    }
}

static void change_settings(rta_line *l, const rta_turn_settings *settings, rta_journal *journal, uint64_t mic,
                            rta_detector_output *output) {
    rta_journal_write(journal, RTA_J_TURN_SETTINGS, mic, settings, sizeof *settings, NULL, 0);
    rta_detector_settings(&l->detector, settings, mic, output);
    __atomic_store_n(&l->settings_taken, l->settings_taken + 1, __ATOMIC_RELEASE);
}

void rta_line_take_told(rta_line *l) {
    rta_journal *journal = rta_port_journal_of_engine(l->port);
    const uint64_t mic = rta_port_mic_written(l->port);
    rta_detector_output output;
    rta_line_evidence answer;
    rta_hint hint;
    for (unsigned left = RTA_LINE_TOLD_PER_TICK; left && rta_ring_pull(&l->evidence_reader, &answer, 1) == RTA_OK;
         left--) {
        rta_journal_write(journal, RTA_J_TURN_EVIDENCE, mic, &answer, sizeof answer, NULL, 0);
        rta_detector_evidence(&l->detector, answer.question, &answer.evidence, mic, &output);
        rta_line_tell(l, &output);
    }
    for (unsigned left = RTA_LINE_TOLD_PER_TICK; left && rta_ring_pull(&l->hint_reader, &hint, 1) == RTA_OK; left--) {
        if (hint.kind == SETTINGS) {
            change_settings(l, &l->settings[hint.value], journal, mic, &output);
        } else {
            rta_journal_write(journal, RTA_J_TURN_HINT, mic, &hint, sizeof hint, NULL, 0);
            rta_detector_hint(&l->detector, &hint, mic, &output);
        }
        rta_line_tell(l, &output);
    }
}
