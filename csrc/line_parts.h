/* SPDX-License-Identifier: Apache-2.0
 *
 * line_parts.h: what the files of a line share; private to them. line.c makes it and reads its figures, line_input.c is
 * the way from its input ring to the mic ring, line_network.c an input that comes as it likes, line_socket.c a socket that
 * the engine serves, line_datagrams.c what a socket has brought, line_hearing.c are looks, windows and what is decided on
 * them, line_told.c is what an outside VAD, a turn model and the session tell, line_output.c what is put out, and what a
 * remote says of it.
 */
#ifndef RTA_LINE_PARTS_H
#define RTA_LINE_PARTS_H

#include "line.h"

enum { NS_PER_S = 1000000000 };

/* Samples of a clock of `rate` that begin in the first `elapsed_ns`; exact for centuries. */
static inline uint64_t samples_at(uint64_t elapsed_ns, uint32_t rate) {
    return elapsed_ns / NS_PER_S * rate + elapsed_ns % NS_PER_S * rate / NS_PER_S;
}

/* Of the tick that is under way. */
static inline uint64_t due_in_tick(const rta_line *l, uint32_t rate) {
    const uint64_t begin = l->ticks * (uint64_t)l->tick_ns;
    return samples_at(begin + (uint64_t)l->tick_ns, rate) - samples_at(begin, rate);
}

/* Where samples of the input come from. */
typedef enum rta_line_origin {
    RTA_FROM_LINE = 0,
    RTA_OWN_SILENCE,   /* nothing came in time, or silence was announced */
    RTA_OWN_CONCEALED, /* in place of packets that never came */
} rta_line_origin;

/* AUDIO PATH, the step. The chain from `count` samples in line->chunk on. */
void rta_line_feed(rta_line *line, uint64_t count, rta_line_origin origin);
/* AUDIO PATH, the step. An input that comes as it likes; as rta_line_take(). */
bool rta_line_take_network(rta_line *line, bool first, int64_t tick_ns);
/* AUDIO PATH, the step. Takes `taken` samples off the input ring, fills up with silence to `count`, and feeds them. */
void rta_line_take_ring(rta_line *line, uint64_t count, uint64_t taken);
/* Fills in what is counted of datagrams. */
void rta_line_datagrams_read(const rta_line *line, rta_packets_figures *figures);
/* AUDIO PATH, the step. The next window's probability is known. */
void rta_line_decide(rta_line *line, float probability);
/* AUDIO PATH, the step. What the detector has to say goes to the session. */
void rta_line_tell(rta_line *line, const rta_detector_output *output);

#endif
