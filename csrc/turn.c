/* SPDX-License-Identifier: Apache-2.0 */
#include "turn.h"

rta_turn_end rta_turn_step(rta_turn *t, const rta_turn_config *c, const rta_span *w, const rta_gate *gate,
                           uint32_t happened, const rta_barge_change *change, rta_barge_state barge) {
    if ((happened & RTA_GATE_STARTED) && t->state == RTA_TURN_IDLE) {
        t->state = RTA_TURN_OPEN;
        t->started_at = gate->rise_at;
        t->outcome = RTA_BARGE_QUIET;
    }
    if (change->told &&
        (change->now == RTA_BARGE_CONFIRMED || (change->now == RTA_BARGE_FALSE && t->outcome != RTA_BARGE_CONFIRMED)))
        t->outcome = change->now;
    if (t->state != RTA_TURN_OPEN || gate->state != RTA_GATE_SILENCE) return (rta_turn_end){.ended = false};
    const uint64_t silence = w->end - gate->fall_at;
    if (silence < c->endpoint_silence) return (rta_turn_end){.ended = false};
    const bool pending = barge == RTA_BARGE_SUSPECTED || barge == RTA_BARGE_LIKELY;
    const rta_turn_end end = {
        .ended = true,
        .silence = silence,
        .outcome = t->outcome == RTA_BARGE_QUIET && pending ? (uint32_t)barge : t->outcome,
    };
    t->state = RTA_TURN_IDLE;
    t->outcome = RTA_BARGE_QUIET;
    return end;
}
