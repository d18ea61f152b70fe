/* SPDX-License-Identifier: Apache-2.0
 *
 * detector.h: from speech probabilities to decisions. Pure: probabilities and facts in, events and wishes out; no
 * clock, no memory but its own struct, replayable bit for bit (law 5).
 *
 * Three machines, stepped once per window (512 samples of the 16 kHz mic clock). A step is: gate, then barge, then the
 * end of the turn; its events come in that order. `start` and `end` are the window's; a threshold is reached at the end
 * of the first window by which that much has passed. A probability that is not a number counts as 0.
 *
 *   gate      window        next       what happens
 *   SILENCE   p > on        RISING     rise_at = start; if min_speech is already reached: SPEECH at once
 *   RISING    p < off       SILENCE    nothing was said
 *             min_speech    SPEECH     SPEECH_STARTED(mic = rise_at, decided = end); opens the turn if none is open
 *   SPEECH    p < off       FALLING    fall_at = start; if min_silence is already reached: SILENCE at once
 *   FALLING   p > on        SPEECH     it was a gap
 *             min_silence   SILENCE    SPEECH_ENDED(mic = fall_at, decided = end)
 *   Between off and on nothing changes but time goes on: RISING goes on rising, FALLING goes on falling.
 *
 *   turn      at the end of a step                                    next
 *   IDLE      speech started                                          OPEN
 *   OPEN      gate SILENCE, end - speech end >= endpoint_silence      IDLE   TURN_ENDED(mic = speech end,
 *                                                                            decided = end, a = the silence, b)
 *   While the gate is RISING the decision waits (at most min_speech): if it is speech, the turn goes on. b tells how
 *   barge-in went: it is CONFIRMED if this turn interrupted the agent, else FALSE if it tried to, else
 *   SUSPECTED or LIKELY if that is still open, else QUIET: so a session can tell an answer from an "uh-huh".
 *
 *   barge: evidence is the speech since its onset: samples of windows at whose end the gate was RISING or SPEECH (a
 *   window below `off` is never one). Silence is samples of windows at SILENCE or FALLING; SPEECH sets it to 0, RISING
 *   leaves it as it is, so that clicks shorter than min_speech cannot keep the agent ducked or paused for ever.
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
#ifndef RTA_DETECTOR_H
#define RTA_DETECTOR_H

#include "base.h"
#include "event.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rta_detector_config { /* durations in samples at 16 kHz, at most RTA_DETECTOR_LONGEST */
    float on, off;                   /* 0.5, 0.35; 0 < off <= on < 1 */
    uint32_t window_samples;         /* 512 */
    uint64_t min_speech, min_silence;
    uint64_t endpoint_silence; /* turn ends after this much silence since the speech end */
    bool barge_in;             /* act on the playout at all; false: barge stays QUIET */
    float duck_gain;           /* on suspicion, 1 = do not duck */
    uint32_t duck_ramp_ms;     /* 0..10000 */
    uint64_t pause_after, confirm_after, false_after;
    bool rewind_on_false;
} rta_detector_config;

enum { RTA_DETECTOR_LONGEST = 16000 * 3600 };

typedef enum rta_gate_state { RTA_GATE_SILENCE = 0, RTA_GATE_RISING, RTA_GATE_SPEECH, RTA_GATE_FALLING } rta_gate_state;
typedef enum rta_turn_state { RTA_TURN_IDLE = 0, RTA_TURN_OPEN = 1 } rta_turn_state;

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

typedef struct rta_detector { /* plain data: copy it to checkpoint it */
    rta_detector_config config;
    uint32_t gate, turn, barge;
    uint32_t outcome;  /* of the barge-in of the open turn: QUIET, FALSE or CONFIRMED */
    uint64_t position; /* mic samples seen */
    uint64_t rise_at, fall_at, turn_started_at, speech_end_at;
    uint64_t barge_onset, barge_speech, barge_silence;
    uint64_t segment; /* that suspicion or confirmation is about */
} rta_detector;

enum { RTA_DETECTOR_EVENTS = 3 }; /* at most so many in one step: one of each machine */

typedef struct rta_detector_output {
    uint32_t actions;
    uint32_t event_count;
    rta_event events[RTA_DETECTOR_EVENTS];
} rta_detector_output;

void rta_detector_defaults(rta_detector_config *config);
rta_status rta_detector_check(const rta_detector_config *config, const char **why);
rta_status rta_detector_init(rta_detector *d, const rta_detector_config *config);
/* AUDIO PATH. position_end: mic position just after the window; it must grow (a window that does not end after the last
 * one is ignored: no event, no wish). speaking/segment: from rta_playout_speaking. */
void rta_detector_step(rta_detector *d, float probability, uint64_t position_end, bool speaking, uint64_t segment,
                       rta_detector_output *output);

#ifdef __cplusplus
}
#endif
#endif
