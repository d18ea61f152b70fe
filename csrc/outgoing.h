/* SPDX-License-Identifier: Apache-2.0
 *
 * outgoing.h: what a playout puts out, for who sends it: the reference tap and, in their exact places among its samples,
 * what a remote that holds audio has to be told.
 *
 *   AUDIO   `count` samples from out position `out` on
 *   CLEAR   throw away what you hold of before `out`, fading within 5 ms, and report the position you had come to with
 *           `clear`, the number of this clear; what comes next follows at once
 *   DUCK    bring what you play to `gain` (linear) over `ramp` samples; from `out` on it is in the samples already
 *   LOST    `count` samples, or unknown orders, were overwritten before they were read; goes on at `out`
 *
 * As sent: everything, in the order in which it left, ahead of its time where a line has a lead. As played: samples only
 * once their time has come, and none that were recalled before: what is heard beside the mic at the same time.
 *
 * Threads: each is one thread's. Off the audio path.
 */
#ifndef RTA_OUTGOING_H
#define RTA_OUTGOING_H

#include "event.h"
#include "history.h"
#include "playout.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum rta_outgoing_kind {
    RTA_OUTGOING_AUDIO = 1,
    RTA_OUTGOING_CLEAR = 2,
    RTA_OUTGOING_DUCK = 3,
    RTA_OUTGOING_LOST = 4,
} rta_outgoing_kind;

typedef struct rta_outgoing_item {
    rta_outgoing_kind kind;
    float gain;
    uint64_t out, count, clear, ramp;
} rta_outgoing_item;

typedef struct rta_outgoing {
    rta_history_reader tap, events; /* the second of the playout's events */
    const rta_playout_engine *state;
    bool played, holds; /* holds: `next` is still to be handed out */
    rta_event next;
    uint64_t end; /* of the samples that may be handed out, all events of before it being there */
} rta_outgoing;

/* Both readers stand where it begins; events of before the tap's position are passed over. */
void rta_outgoing_init(rta_outgoing *o, const rta_history_reader *tap, const rta_history_reader *events,
                       const rta_playout_engine *state, bool played);
/* The next item; samples of an AUDIO go to samples[most], most > 0. RTA_EMPTY: nothing yet. RTA_CORRUPT: impossible
 * counters. */
rta_status rta_outgoing_next(rta_outgoing *o, float *samples, uint64_t most, rta_outgoing_item *item);

#ifdef __cplusplus
}
#endif
#endif
