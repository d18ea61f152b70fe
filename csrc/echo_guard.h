/* SPDX-License-Identifier: Apache-2.0
 *
 * echo_guard.h: how much of what the mic hears is what the agent put out. It changes no sample: it tells the barge-in
 * machine, window by window, how much of the speech it hears is the agent's own.
 *
 * The share (`rta_window.echo`) of a stretch of mic is, in speech bands (190..3940 Hz) and of the energy above the
 * mic's own noise floor, the part that what was put out explains: 1: nothing else is heard; 0: none of it is echo.
 * Under double talk it falls to about echo / (echo + speech). It is exactly 0 while the reference is silent (for 0.64 s:
 * the longest delay and the tail of a room), and until an echo has been found: a line without one stays at 0.
 *
 *   state      each hop of 64 samples at 8 kHz                                          leaves to
 *   SEEKING    the delay is looked for (echo_delay.h); share 0                          LOCKED: one lag stands clear of chance
 *   LOCKED     the echo path is learnt (echo_filter.h) from one hop before that lag     LOCKED: another lag was better for
 *              on; the share is measured                                                0.4 s: what was learnt moves along
 *                                                                                       SEEKING: no echo for 8 s of reference
 *
 * What is left of the mic after the modelled echo, less the noise floor, less what the model may miss, is somebody
 * else's. What it may miss is learnt too, in 15 bands: the ratio of rest to modelled echo that it mostly stays
 * under; so a loudspeaker that distorts, a long reverberation, or clocks that drift make the guard less sensitive, not
 * wrong.
 *
 * Delay: looked for in 0..500 ms and followed by itself; echoes outside are not found. mic and ref are counted from the
 * same moment; rta_echo_guard_ref is called first. A hop of the mic waits for its reference for at most 32 ms, then
 * counts as if nothing had been put out. The guard's own filters are 4 ms late on both sides.
 *
 * Samples beyond +-256 (full scale is 1) and what is no number count as silence. A line gives the reference of a tick
 * with the next one: where ticks are longer than the wait, echoes that come sooner than tick - 32 ms are partly missed.
 *
 * Pure: no clock; the same bits for the same calls on every machine (law 5: plain C in one order, no libm). How ref and
 * mic are cut into calls changes the result only where mic runs ahead of ref.
 * Threads: one line, one thread. AUDIO PATH but for create and destroy.
 */
#ifndef RTA_ECHO_GUARD_H
#define RTA_ECHO_GUARD_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { RTA_ECHO_REST_DELAY = 320 /* 20 ms: a hop, and the filters down to 8 kHz and back */ };

typedef struct rta_echo_guard rta_echo_guard;

typedef struct rta_echo_figures {
    bool found;            /* LOCKED */
    int32_t delay_samples; /* at 16 kHz, from put out to heard, as found; 0 while seeking */
    float share;           /* of the last window */
    float score;           /* 0..1: how clearly the delay stands out */
    uint64_t moved;        /* times the delay was found anew */
    uint64_t starved;      /* hops of the mic whose reference did not come in time */
    uint64_t realigned;    /* times rta_echo_guard_align moved */
} rta_echo_figures;

/* ref_rate: of what was put out; any rate the resampler takes to 8 kHz, else RTA_INVALID. RTA_NOMEM. */
rta_status rta_echo_guard_create(rta_echo_guard **guard, uint32_t ref_rate);
void rta_echo_guard_destroy(rta_echo_guard *guard);

/* What was put out next, at ref_rate. At most 4096 samples a call. */
void rta_echo_guard_ref(rta_echo_guard *guard, const float *samples, uint64_t count);
/* What was heard next, 16 kHz. At most 4096 samples a call. */
void rta_echo_guard_mic(rta_echo_guard *guard, const float *samples, uint64_t count);
/* The share of what was heard since the last call. */
float rta_echo_guard_share(rta_echo_guard *guard);
/* The share of the last 32 ms that were heard; changes nothing. */
float rta_echo_guard_share_now(const rta_echo_guard *guard);
/* What was heard, without the echo that is explained: the next `count` samples at 16 kHz, as many as were given to
 * rta_echo_guard_mic in all. They come RTA_ECHO_REST_DELAY late at most, and later by what the guard had to wait for
 * its reference (32 ms at most; silence stands in the gap), and hold nothing above 4 kHz. Where nothing is found it is the mic. For those who listen for somebody else (ear.h). */
void rta_echo_guard_rest(rta_echo_guard *guard, float *out, uint64_t count);
/* LOCKED? */
bool rta_echo_guard_found(const rta_echo_guard *guard);
/* For lines whose two directions have clocks of their own (sound cards): keeps the counts together. Reference that is
 * more than 60 ms behind the mic is filled up with silence (nothing was put out); more than 250 ms ahead of it, the oldest
 * is passed over. Call it after ref and before mic. */
void rta_echo_guard_align(rta_echo_guard *guard);
void rta_echo_guard_figures(const rta_echo_guard *guard, rta_echo_figures *figures);

#ifdef __cplusplus
}
#endif
#endif
