/* SPDX-License-Identifier: Apache-2.0
 *
 * jitter_play.h: the `play` mode, for human ears: 10 ms of sound at every get(), as evenly as the line allows. Packets are
 * held back by a target that follows the line (jitter_target.h), and sound is made longer or shorter by pitch periods to
 * keep to it (stretch.h). Sans-IO; packets are ordered as in listen mode (jitter_window.h), codecs and refusals are the same.
 *
 * The delay D is that of the next sample: now - (its media time + the least transit). T is the target.
 *
 *   before the first     D of the first packet >= T               begin with it; until then comfort noise
 *   samples enough       D > T + SLACK + T/12                      shorten by at most D - T
 *                        D < T - SLACK                             lengthen by at most T - D
 *   too few samples, and in front there is
 *   the next packet      its timestamp goes on                     it is decoded
 *                        it lies ahead (the sender was silent)     comfort noise until D >= T for it: silence is what the
 *                                                                  delay is adapted in first
 *                        it lies behind what was put out           late: discarded; in part: what is left of it is used
 *   a gap                the packet behind carries it (Opus FEC)   that, at once
 *                        else                                      concealed; media time goes on, unless D < T - WAIT
 *   nothing              silence was announced                     comfort noise; media time goes on
 *                        else                                      concealed; media time stands still: D grows
 *   D > T + LIVE on going on after that                            what is too old is discarded (a stall of seconds)
 *   no packet for link_lost_ns                                     as before the first
 *
 * The twelfth of T keeps the delay from falling back to where it was too short a moment ago: on a line with a target of
 * 110 ms it takes half a per cent from what is concealed, for 5 ms of delay.
 *
 * So after a spike the delay falls at the pace of stretching, after a stall at once.
 *
 * The sum of samples: total + buffered = emitted + concealed + silence + inserted - removed, exactly.
 *
 * Threads: one at a time. AUDIO PATH except create and destroy.
 */
#ifndef RTA_JITTER_PLAY_H
#define RTA_JITTER_PLAY_H

#include "jitter.h"
#include "jitter_target.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rta_play_config {
    rta_jitter_config jitter; /* waits and conceal_most are not used */
    uint32_t rule;            /* rta_target_rule */
    float late;               /* share of packets that may come too late: the knob; 0 < late < 0.5 */
    int64_t least_ns, most_ns, start_ns; /* of the target */
} rta_play_config;

typedef struct rta_play rta_play;

void rta_play_defaults(rta_play_config *config);
rta_status rta_play_check(const rta_play_config *config, const char **why);
rta_status rta_play_create(rta_play **out, const rta_play_config *config);
void rta_play_destroy(rta_play *play);

rta_jitter_refused rta_play_put(rta_play *play, const rta_jitter_packet *packet, rta_jitter_taken *taken);
/* Always 10 ms: rate / 100 samples of each channel. CONCEALED, SILENCE: if any of it is; else AUDIO, with the timestamp of
 * its first sample. Call it every 10 ms; `now_ns` is when its first sample is played. */
void rta_play_get(rta_play *play, int64_t now_ns, rta_jitter_frame *frame, int16_t *out);

void rta_play_read_figures(const rta_play *play, rta_jitter_figures *figures);

#ifdef __cplusplus
}
#endif
#endif
