/* SPDX-License-Identifier: Apache-2.0
 *
 * barge.h: the user speaks while the agent speaks: from a suspicion to a flush, or to a false alarm. Pure: windows, the
 * gate's state and whether the agent speaks go in, wishes for the playout come out. Stepped after the gate.
 *
 *   Evidence is the speech since its onset: samples of windows at whose end the gate was RISING or SPEECH (a window below
 *   `off` is never one). Silence is samples of windows at SILENCE or FALLING; SPEECH sets it to 0, RISING leaves it as
 *   it is, so that clicks shorter than min_speech cannot keep the agent ducked or paused for ever.
 *
 *   state       condition                                          next        wishes
 *   QUIET       agent speaking and p > on                          SUSPECTED   DUCK
 *   SUSPECTED   evidence >= pause_after                            LIKELY      PAUSE
 *   SUSPECTED,  evidence >= confirm_after and gate SPEECH          CONFIRMED   FLUSH, then RESUME if LIKELY, UNDUCK
 *   LIKELY      silence >= false_after                             FALSE       UNDUCK; if LIKELY: RESUME (_REWIND)
 *               agent not speaking (it ended, the session          QUIET       UNDUCK; if LIKELY: RESUME
 *               flushed it or paused it by itself)
 *   CONFIRMED   agent not speaking, or another segment             QUIET       no event; QUIET is then looked at again
 *   FALSE       is passed through within the step: its event is followed by QUIET without another event.
 *
 *   Every other transition gives BARGE_IN(mic = onset, decided = end, a = state now, b = state before, segment). One
 *   step may pass several states; it then gives the last as its one event, with the wishes that lead there. So the user
 *   who already talks when the agent starts has all his evidence and interrupts at once. To confirm, the gate must be
 *   at SPEECH: who silences the agent has an open turn and gets an answer. In SUSPECTED and LIKELY the engine's duck is
 *   set, in LIKELY its pause, in every other state neither. The next segment of a reply does not change suspicion.
 *   FALSE spends the evidence; otherwise it begins anew when the gate leaves SILENCE in QUIET or CONFIRMED.
 */
#ifndef RTA_BARGE_H
#define RTA_BARGE_H

#include "base.h"
#include "gate.h"
#include "window.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rta_barge_config { /* durations in samples at 16 kHz */
    bool enabled;                 /* act on the playout at all; false: it stays QUIET */
    float duck_gain;              /* on suspicion, 1 = do not duck */
    uint32_t duck_ramp_ms;        /* 0..10000 */
    uint64_t pause_after, confirm_after, false_after;
    bool rewind_on_false;
} rta_barge_config;

typedef enum rta_barge_state {
    RTA_BARGE_QUIET = 0,
    RTA_BARGE_SUSPECTED = 1,
    RTA_BARGE_LIKELY = 2,
    RTA_BARGE_CONFIRMED = 3, /* until the segment it cut is gone */
    RTA_BARGE_FALSE = 4,     /* passed through in one step */
} rta_barge_state;

/* What the caller is to do to the playout now (bits, to be done in this order: a flush comes before the resume that
 * follows it). */
enum {
    RTA_DO_DUCK = 1,
    RTA_DO_PAUSE = 2,
    RTA_DO_FLUSH = 4,
    RTA_DO_UNDUCK = 8,
    RTA_DO_RESUME = 16,
    RTA_DO_RESUME_REWIND = 32
};

typedef struct rta_barge { /* plain data: copy it to checkpoint it */
    uint32_t state;        /* rta_barge_state, never FALSE */
    uint32_t pad;
    uint64_t onset, speech, silence; /* of the evidence: mic position, samples */
    uint64_t segment;                /* that suspicion or confirmation is about */
} rta_barge;

typedef struct rta_barge_change {
    bool told; /* there is an event to tell: before -> now */
    rta_barge_state before, now;
    uint32_t actions;
} rta_barge_change;

/* AUDIO PATH. `on` is the gate's threshold; gate: its state after this window; rose: it left SILENCE in it. */
rta_barge_change rta_barge_step(rta_barge *barge, const rta_barge_config *config, const rta_span *w, float on,
                                rta_gate_state gate, bool rose);

#ifdef __cplusplus
}
#endif
#endif
