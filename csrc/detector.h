/* SPDX-License-Identifier: Apache-2.0
 *
 * detector.h: from speech probabilities to decisions. Pure: probabilities and facts in, events and wishes out; no
 * clock, no memory but its own struct, replayable bit for bit (law 5).
 *
 * Three machines, stepped once per window (512 samples of the 16 kHz mic clock):
 *
 *   gate     SILENCE ──p > on──► RISING ──min_speech reached──► SPEECH ──p < off──► FALLING ──min_silence──► SILENCE
 *            RISING falls back to SILENCE when p < off; FALLING returns to SPEECH when p > on. SPEECH_STARTED says where
 *            speech began (first window of RISING), SPEECH_ENDED where it ended (start of FALLING), each with the
 *            sample at which it was decided.
 *   turn     IDLE ──speech started──► OPEN ──silence >= endpoint_silence since speech end──► TURN_ENDED, IDLE.
 *            The turn's end is the speech end; step 2 makes the silence a function of evidence.
 *   barge    QUIET ──agent speaking and p > on──► SUSPECTED (duck) ──pause_after of speech──► LIKELY (pause)
 *            ──confirm_after──► CONFIRMED (flush) ──► QUIET. SUSPECTED or LIKELY with silence for false_after: FALSE
 *            (unduck, resume, with rewind to the word if so configured) ──► QUIET. When the agent stops speaking or the
 *            session flushed by itself: QUIET, and what was ducked or paused is undone.
 *            Times count speech since its onset, in samples; a window below `off` does not count.
 */
#ifndef RTA_DETECTOR_H
#define RTA_DETECTOR_H

#include "base.h"
#include "event.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rta_detector_config { /* durations in samples at 16 kHz */
    float on, off;               /* 0.5, 0.35; 0 < off <= on < 1 */
    uint32_t window_samples;     /* 512 */
    uint64_t min_speech, min_silence;
    uint64_t endpoint_silence;   /* turn ends after this much silence since the speech end */
    bool barge_in;               /* act on the playout at all */
    float duck_gain;             /* on suspicion, 1 = do not duck */
    uint32_t duck_ramp_ms;
    uint64_t pause_after, confirm_after, false_after;
    bool rewind_on_false;
} rta_detector_config;

typedef enum rta_barge_state {
    RTA_BARGE_QUIET = 0,
    RTA_BARGE_SUSPECTED = 1,
    RTA_BARGE_LIKELY = 2,
    RTA_BARGE_CONFIRMED = 3, /* passed through in one step */
    RTA_BARGE_FALSE = 4,     /* passed through in one step */
} rta_barge_state;

/* What the caller is to do to the playout now (bits), and the events to publish. */
enum { RTA_DO_DUCK = 1, RTA_DO_PAUSE = 2, RTA_DO_FLUSH = 4, RTA_DO_UNDUCK = 8, RTA_DO_RESUME = 16,
       RTA_DO_RESUME_REWIND = 32 };

typedef struct rta_detector { /* plain data: copy it to checkpoint it */
    rta_detector_config config;
    uint32_t gate, turn, barge, pad;
    uint64_t position;       /* mic samples seen */
    uint64_t rise_at, fall_at, turn_started_at, speech_end_at;
    uint64_t barge_onset, barge_speech, barge_silence;
    uint64_t segment;
} rta_detector;

typedef struct rta_detector_output {
    uint32_t actions;
    uint32_t event_count;
    rta_event events[6];
} rta_detector_output;

void rta_detector_defaults(rta_detector_config *config);
rta_status rta_detector_check(const rta_detector_config *config, const char **why);
rta_status rta_detector_init(rta_detector *d, const rta_detector_config *config);
/* AUDIO PATH. position_end: mic position just after the window. speaking/segment: from rta_playout_speaking. */
void rta_detector_step(rta_detector *d, float probability, uint64_t position_end, bool speaking, uint64_t segment,
                       rta_detector_output *output);

#ifdef __cplusplus
}
#endif
#endif
