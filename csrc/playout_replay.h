/* SPDX-License-Identifier: Apache-2.0
 *
 * playout_replay.h: runs a playout again from its journal (law 5). Ops and control words are put where the consumer saw
 * them, as they stood, and the same consumer pulls again: output and events must come out bit for bit.
 *
 * One thread; off the audio path.
 */
#ifndef RTA_PLAYOUT_REPLAY_H
#define RTA_PLAYOUT_REPLAY_H

#include "base.h"
#include "event.h"
#include "playout.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rta_playout_replay rta_playout_replay;

rta_status rta_playout_replay_create(rta_playout_replay **replay, const rta_playout_config *config);
void rta_playout_replay_destroy(rta_playout_replay *replay);
/* The next op of the writer's journal; samples: those of a WRITE op. Give as many as `inputs.ops` of the next pull
 * says were taken, no more. RTA_FULL: more than the live consumer can have had. */
rta_status rta_playout_replay_op(rta_playout_replay *replay, const rta_op *op, const float *samples);
rta_status rta_playout_replay_background(rta_playout_replay *replay, const float *samples, uint64_t count);
/* Sets the control words as seen, then pulls (count > 0) or settles (count == 0). mic: mic position of the record. */
rta_status rta_playout_replay_pull(rta_playout_replay *replay, const rta_playout_inputs *inputs, float *out,
                                   uint64_t count, int64_t device_ns, int64_t bound_ns, uint64_t mic);
/* The same for a pull with a remote; out has `room`. */
rta_status rta_playout_replay_pull_ahead(rta_playout_replay *replay, const rta_playout_inputs *inputs,
                                         rta_remote remote, float *out, uint64_t room, uint64_t due, uint64_t lead,
                                         int64_t device_ns, int64_t bound_ns, uint64_t mic, uint64_t *count);
rta_status rta_playout_replay_report(rta_playout_replay *replay, const rta_remote_report *report);
bool rta_playout_replay_event(rta_playout_replay *replay, rta_event *event);

#ifdef __cplusplus
}
#endif
#endif
