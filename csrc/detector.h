/* SPDX-License-Identifier: Apache-2.0
 *
 * detector.h: from speech probabilities to decisions. Pure: windows go in, events and wishes come out; no clock, no
 * memory but its own struct, replayable bit for bit (law 5).
 *
 * Machines, each with its table in its own header, stepped once per window (512 samples of the 16 kHz mic clock)
 * in this order, in which their events come, too:
 *   gate (gate.h)    SPEECH_STARTED(mic = where it began), SPEECH_ENDED(mic = where it ended); decided = the window's end
 *   barge (barge.h)  BARGE_IN
 *   turn (turn.h)    TURN_RESUMED, TURN_ASKED, TURN_UNANSWERED, TURN_ENDED; between windows, when evidence or a hint comes:
 *                    TURN_ANSWERED, TURN_UNANSWERED, TURN_ENDED; decided = the position it is given
 * and beside them, since it needs to know what is speech,
 *   mic health (mic_health.h)    MIC_LEVEL, MIC_CLIPPING
 * A threshold is reached at the end of the first window by which that much has passed.
 */
#ifndef RTA_DETECTOR_H
#define RTA_DETECTOR_H

#include "barge.h"
#include "base.h"
#include "event.h"
#include "gate.h"
#include "hint.h"
#include "mic_health.h"
#include "turn.h"
#include "window.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { RTA_DETECTOR_LONGEST = 16000 * 3600 }; /* of any duration in a config */

typedef struct rta_detector_config {
    uint32_t window_samples; /* 512 */
    rta_gate_config gate;
    rta_barge_config barge;
    rta_turn_config turn;
    rta_mic_health_config mic;
} rta_detector_config;

typedef struct rta_detector { /* plain data: copy it to checkpoint it */
    rta_detector_config config;
    uint64_t position; /* mic samples seen */
    rta_gate gate;
    rta_barge barge;
    rta_turn turn;
    rta_mic_health mic;
} rta_detector;

/* Settings that change while a line runs: another agent has the call. */
enum { RTA_SETTINGS_TURN = 1, RTA_SETTINGS_BARGE = 2 };
typedef struct rta_turn_settings {
    uint32_t has; /* bits of what is there: RTA_SETTINGS_...; what is not stays as it is */
    uint32_t pad;
    rta_turn_config turn;
    rta_barge_config barge;
} rta_turn_settings;

enum { RTA_DETECTOR_EVENTS = 2 + RTA_TURN_EVENTS + RTA_MIC_HEALTH_EVENTS }; /* at most so many in one step */

typedef struct rta_detector_output {
    uint32_t actions; /* RTA_DO_... */
    uint32_t event_count;
    rta_event events[RTA_DETECTOR_EVENTS];
} rta_detector_output;

void rta_detector_defaults(rta_detector_config *config);
rta_status rta_detector_check(const rta_detector_config *config, const char **why);
rta_status rta_detector_init(rta_detector *d, const rta_detector_config *config);
/* AUDIO PATH. Positions must grow: a window that does not end after the last one is ignored (no event, no wish). */
void rta_detector_step(rta_detector *d, const rta_window *window, rta_detector_output *output);
/* AUDIO PATH. What a model says to a question (RTA_EV_TURN_ASKED) and what the session knows; between two steps, in any
 * order. at: mic position by which it takes effect; one before the last window's end counts as that. */
void rta_detector_evidence(rta_detector *d, uint64_t question, const rta_turn_evidence *evidence, uint64_t at,
                           rta_detector_output *output);
/* RTA_HINT_MIN_WORDS and RTA_HINT_WARM_UP change d->config. */
void rta_detector_hint(rta_detector *d, const rta_hint *hint, uint64_t at, rta_detector_output *output);
/* RTA_INVALID and in *why (may be NULL) what is wrong. Takes any bytes. */
rta_status rta_turn_settings_check(const rta_turn_settings *settings, const char **why);
/* Settings that were checked, in place of those of d->config; `at` as above. Nothing else changes: an open turn, a silence, its questions and
 * answers, a grace time and a suspicion go on, and are judged by the new ones from here. In a silence the end is decided
 * anew at once; barge-in follows with the next window, which also lifts a duck or a pause where it is enabled no more. */
void rta_detector_settings(rta_detector *d, const rta_turn_settings *settings, uint64_t at,
                           rta_detector_output *output);
/* AUDIO PATH. An early look between two windows (barge.h); it changes no gate and no turn. Ignored where it does not lie
 * beyond the last window. */
void rta_detector_peek(rta_detector *d, const rta_peek *peek, rta_detector_output *output);

#ifdef __cplusplus
}
#endif
#endif
