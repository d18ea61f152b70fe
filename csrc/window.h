/* SPDX-License-Identifier: Apache-2.0
 *
 * window.h: all that one window of the mic brings to the machines of the detector. Whoever drives the detector fills it
 * in; the journal keeps it whole, so that a replay decides again without a playout and without a model (law 5).
 *
 * What is no number counts as the value named beside its field.
 */
#ifndef RTA_WINDOW_H
#define RTA_WINDOW_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rta_window {
    uint64_t position_end; /* mic samples at 16 kHz, just after the window */
    uint64_t segment;      /* id of the segment being spoken, 0: none */
    uint32_t speaking;     /* 1 while the agent speaks: rta_playout_speaking() */
    float probability;     /* of speech; NaN: 0 */
    float echo;            /* 0..1: how much of what is heard is what the agent put out (echo_guard.h); NaN: 0 */
    /* What the microphone brought in this window, before any canceller; see mic_health.h. */
    float mean_square; /* of its samples, full scale 1; what is no number counts as 0 */
    uint32_t clipped;  /* samples */
    uint32_t starved;  /* samples that are silence of our own; the whole window where nothing was measured */
    uint64_t decided;  /* mic position by which the probability was there, not before position_end; 0: that */
} rta_window;

/* A window as the machines see it: checked, with its length. */
typedef struct rta_span {
    uint64_t start, end, samples;
    uint64_t decided; /* what is told of this window is stamped with this */
    float p, echo;
    bool speaking;
    uint64_t segment;
} rta_span;

#ifdef __cplusplus
}
#endif
#endif
