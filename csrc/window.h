/* SPDX-License-Identifier: Apache-2.0
 *
 * window.h: all that one window of the mic brings to the machines of the detector. Whoever drives the detector fills it
 * in; the journal keeps it whole, so that a replay decides again without a playout and without a model (law 5).
 *
 * What is no number counts as the value named beside its field.
 *
 * A window, or a look, more than half of which was concealed is unheard: nobody knows what was said in it. Each machine says
 * in its table what becomes of it; in short, it is neither speech nor silence, and no time passes in it. In any other
 * the concealed part counts as what it sounds like.
 */
#ifndef RTA_WINDOW_H
#define RTA_WINDOW_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { RTA_WINDOW_HOPS = 4, RTA_PEEK_SAMPLES = 128 };

/* How the segment being spoken may be interrupted; barge.h says what each means. */
typedef enum rta_barge_policy {
    RTA_POLICY_IMMEDIATE = 0,
    RTA_POLICY_PAUSE = 1,
    RTA_POLICY_DUCK_ONLY = 2,
    RTA_POLICY_AFTER_SENTENCE = 3,
    RTA_POLICY_OFF = 4,
} rta_barge_policy;

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
    uint32_t policy;       /* rta_barge_policy of the segment */
    float near; /* while the agent speaks: of speech in what is left without its echo; NaN: nobody listened there */
    uint64_t sentences; /* sentence ends of the agent's that were played so far: rta_playout_policy() */
    /* Of each 8 ms of what was heard there (else of the mic): mean square, and that of the difference from sample to sample. */
    float power[RTA_WINDOW_HOPS], edge[RTA_WINDOW_HOPS];
    uint32_t concealed; /* samples in place of packets that never came (jitter.h) */
    float cleaned; /* as near, in what a canceller before the line made of it; NaN: there is none, or nobody listened */
} rta_window;

/* A look at the window under way, 8, 16 or 24 ms into it: the same model on the last 512 samples, from the state of the
 * last whole window; nothing of it is kept. Only while the agent speaks. */
typedef struct rta_peek {
    uint64_t position_end;
    uint64_t segment;
    uint32_t speaking;
    uint32_t policy;
    float probability; /* of speech in what is left without the agent's echo */
    float echo; /* as in a window, of the last 32 ms */
    float mean_square; /* of the mic's last 8 ms */
    uint32_t concealed; /* as in a window, of the last 32 ms */
} rta_peek;

/* A window as the machines see it: checked, with its length. */
typedef struct rta_span {
    uint64_t start, end, samples;
    uint64_t decided; /* what is told of this window is stamped with this */
    float p, echo;
    bool speaking;
    bool unheard;
    uint64_t segment;
} rta_span;

static inline bool rta_unheard(uint32_t concealed, uint64_t samples) { return 2 * (uint64_t)concealed > samples; }

#ifdef __cplusplus
}
#endif
#endif
