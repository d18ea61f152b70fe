/* SPDX-License-Identifier: Apache-2.0
 *
 * event.h: what the core tells a session: 64-byte records in two history rings of a port (playout events from the
 * consumer of the playout, hearing events from the engine). The writer never waits; a session that falls more than
 * RTA_PORT_EVENTS behind loses the oldest, and its reader counts them. A successor can read what is retained.
 *
 * `out` positions count samples put out at the port's rate (reference-tap positions: speech, silence, everything);
 * `mic` positions count samples of the mic ring at 16 kHz.
 */
#ifndef RTA_EVENT_H
#define RTA_EVENT_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum rta_event_kind {
    /* from the playout's consumer; segment = id */
    RTA_EV_SEGMENT_STARTED = 1, /* out: first sample */
    RTA_EV_SEGMENT_DONE = 2,    /* every sample of an ended segment was played. a = played, b = replayed */
    RTA_EV_CUT = 3, /* a = samples played, b = samples dropped, decided = high-water mark of the segment */
    RTA_EV_FLUSHED = 4, /* one per flush taken: a = flush epoch, b = samples dropped in all, out */
    RTA_EV_MARK = 5, /* a = mark id, b = sample within the segment */
    RTA_EV_PAUSED = 6, /* fade finished, position stands. a = sample within the segment; flags: who */
    RTA_EV_RESUMED = 7, /* a = sample within the segment, b = samples replayed */
    RTA_EV_UNDERRUN = 8, /* the queue ran dry inside an open segment; a = sample within the segment */
    RTA_EV_DUCKED = 9, /* a duck or gain target changed; value = product of the targets, a = samples of the ramp */
    /* a remote is to throw away what it holds of before `out`: a = number of the clear, from 1; b = out position up to
     * which the time of what it was sent had come */
    RTA_EV_CLEAR = 11,
    RTA_EV_SESSION_FAULT = 10, /* the session side wrote an impossible op; a = its number. Nothing was acted on */
    /* from the engine; mic = sample the event is about, decided = sample at which it was decided */
    RTA_EV_SPEECH_STARTED = 32,
    RTA_EV_SPEECH_ENDED = 33,
    /* a = silence in samples on which it was decided, b = rta_barge_state its barge-in came to; out = mic position at
     * which the turn began, segment = the delay in samples that applied, value = probability that it was complete, by
     * the evidence (-1: none), c = reasons (RTA_TURN_WHY_...), flags = questions asked in this silence, | answered (bits)
     * << 8, | rta_agent_state << 16 */
    RTA_EV_TURN_ENDED = 34,
    RTA_EV_BARGE_IN = 35, /* a = rta_barge_state now, b = rta_barge_state before, segment being spoken */
    RTA_EV_INPUT_STARVED = 36, /* a = samples of silence (input rate) inserted since the last such event */
    /* speech within the grace time goes on with the turn that had ended: mic = where that speech began, a = where the
     * turn began, b = where its speech had ended */
    RTA_EV_TURN_RESUMED = 37,
    /* evidence is wanted on whether the turn is complete: mic = where speech fell, a = the question's number (grows by 1
     * on a line), b = where the turn began, c = index of the question within this silence, value = probability of speech */
    RTA_EV_TURN_ASKED = 38,
    /* evidence was taken: a = the question's number, b = the delay in samples that applies now, c = reasons, value =
     * probability that the turn is complete (-1: none) */
    RTA_EV_TURN_ANSWERED = 39,
    /* once on a line: a = the first question that found no answer in time, c = 1: it came, late. Silence decides */
    RTA_EV_TURN_UNANSWERED = 40,
    /* a network line brought nothing for link_lost_ns; it brings something again: a = ms without. mic: where the media
     * clock stands */
    RTA_EV_LINK_LOST = 41,
    RTA_EV_LINK_BACK = 42,
    RTA_EV_MIC_LEVEL = 48, /* a = rta_mic_level now, b = before, value = mean square it was judged by */
    RTA_EV_MIC_CLIPPING = 49, /* a = 1 it clips, 0 no longer; b = samples clipped, of c judged */
} rta_event_kind;

enum { RTA_BY_SESSION = 1, RTA_BY_ENGINE = 2 }; /* flags of PAUSED / RESUMED / FLUSHED */

typedef struct rta_event {
    uint32_t kind; /* rta_event_kind */
    uint32_t flags;
    uint64_t segment; /* segment id or 0 */
    uint64_t out; /* position put out, port rate */
    uint64_t mic; /* position in the mic ring, 16 kHz */
    uint64_t decided; /* position at which it was decided (mic clock); playout: see the kind */
    uint64_t a, b;
    uint32_t c;
    float value; /* probability, gain */
} rta_event; /* 64 bytes */

#ifdef __cplusplus
}
#endif
#endif
