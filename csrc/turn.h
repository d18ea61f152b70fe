/* SPDX-License-Identifier: Apache-2.0
 *
 * turn.h: one stretch of user speech with a decided end. Pure; stepped after gate and barge-in, whose outcome it keeps.
 *
 *   turn      at the end of a step                                    next
 *   IDLE      speech started                                          OPEN
 *   OPEN      gate SILENCE, end - speech end >= endpoint_silence      IDLE   TURN_ENDED(mic = speech end,
 *                                                                            decided = end, a = the silence, b)
 *   While the gate is RISING the decision waits (at most min_speech): if it is speech, the turn goes on. b tells how
 *   barge-in went: it is CONFIRMED if this turn interrupted the agent, else FALSE if it tried to, else
 *   SUSPECTED or LIKELY if that is still open, else QUIET: so a session can tell an answer from an "uh-huh".
 */
#ifndef RTA_TURN_H
#define RTA_TURN_H

#include "barge.h"
#include "base.h"
#include "gate.h"
#include "window.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rta_turn_config { /* durations in samples at 16 kHz */
    uint64_t endpoint_silence;   /* turn ends after this much silence since the speech end */
} rta_turn_config;

typedef enum rta_turn_state { RTA_TURN_IDLE = 0, RTA_TURN_OPEN = 1 } rta_turn_state;

typedef struct rta_turn { /* plain data: copy it to checkpoint it */
    uint32_t state;       /* rta_turn_state */
    uint32_t outcome;     /* of the barge-in of the open turn: QUIET, FALSE or CONFIRMED */
    uint64_t started_at;
} rta_turn;

typedef struct rta_turn_end {
    bool ended;
    uint64_t silence;
    uint32_t outcome; /* rta_barge_state */
} rta_turn_end;

/* AUDIO PATH. happened: what rta_gate_step told of this window. */
rta_turn_end rta_turn_step(rta_turn *turn, const rta_turn_config *config, const rta_span *w, const rta_gate *gate,
                           uint32_t happened, const rta_barge_change *barge_change, rta_barge_state barge);

#ifdef __cplusplus
}
#endif
#endif
