/* SPDX-License-Identifier: Apache-2.0
 *
 * gate.h: where speech begins and ends in a stream of probabilities: hysteresis and least durations. Pure; stepped once
 * per window, first of the detector's machines. A threshold is reached at the end of the first window by which that much
 * has passed.
 *
 *   gate      window        next       what happens
 *   SILENCE   p > on        RISING     rise_at = start; if min_speech is already reached: SPEECH at once
 *   RISING    p < off       SILENCE    nothing was said
 *             min_speech    SPEECH     STARTED: speech began at rise_at
 *   SPEECH    p < off       FALLING    fall_at = start; if min_silence is already reached: SILENCE at once
 *   FALLING   p > on        SPEECH     it was a gap
 *             min_silence   SILENCE    ENDED: speech ended at fall_at
 *   Between off and on nothing changes but time goes on: RISING goes on rising, FALLING goes on falling.
 *   any       unheard       the same   nothing; it is not part of min_speech or min_silence
 */
#ifndef RTA_GATE_H
#define RTA_GATE_H

#include "base.h"
#include "window.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rta_gate_config { /* durations in samples at 16 kHz */
    float on, off;               /* 0.5, 0.35; 0 < off <= on < 1 */
    uint64_t min_speech, min_silence;
} rta_gate_config;

typedef enum rta_gate_state { RTA_GATE_SILENCE = 0, RTA_GATE_RISING, RTA_GATE_SPEECH, RTA_GATE_FALLING } rta_gate_state;

typedef struct rta_gate { /* plain data: copy it to checkpoint it */
    uint32_t state;       /* rta_gate_state */
    uint32_t pad;
    uint64_t unheard; /* samples, since it last rose or fell */
    uint64_t rise_at; /* start of the window by which it last rose */
    uint64_t fall_at; /* start of the window by which it last fell; after ENDED: where speech ended */
} rta_gate;

/* What happened in a step, in bits. */
enum { RTA_GATE_ROSE = 1, RTA_GATE_STARTED = 2, RTA_GATE_FELL = 4, RTA_GATE_ENDED = 8, RTA_GATE_WENT_ON = 16 };

/* AUDIO PATH. The bits of what happened: ROSE: SILENCE was left. FELL: SPEECH was left. WENT_ON: FALLING went back. */
uint32_t rta_gate_step(rta_gate *gate, const rta_gate_config *config, const rta_span *w);

#ifdef __cplusplus
}
#endif
#endif
