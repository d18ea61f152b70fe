/* SPDX-License-Identifier: Apache-2.0
 *
 * line_packets.h: packets into a line. One thread puts them into a bounded ring of slots; the step takes them out, through a
 * listening jitter buffer (jitter.h), as samples at the codec's rate. A part of a line (line_parts.h).
 *
 *   put ──► ring of `waiting` slots ──► jitter buffer ──► pieces: AUDIO, CONCEALED, SILENCE · LINK_LOST, LINK_BACK
 *   (producer)                          (step)
 *
 * What comes out is a function of the packets, in the order in which they were put, and of their arrival times alone: not
 * of when steps happen (law 6). For that the buffer's time runs from event to event, in their order: the arrival of the
 * next packet, or before it whatever the buffer is due to give without one (rta_jitter_due_ns). The step's time only says how
 * far. A packet takes part from the first tick on that is not before its arrival:
 *
 *   arrival_ns                                       counts as
 *   RTA_ARRIVES_NOW                                  the time of the tick that takes it
 *   at most AHEAD after the tick's time              itself: the packet waits in the ring, and those behind it
 *   at most BEHIND before it                         itself, or the arrival before it if that was later
 *   anything else                                    as RTA_ARRIVES_NOW, counted: it is no time of the engine's clock
 *
 * Bounds (law 8): the ring is full: dropped (drop-newest), counted. A payload that fits no slot: refused, counted. In one
 * tick as many packets are taken as the ring holds, at most. The buffer has its own (jitter_window.h).
 *
 * Journal: each packet as it went into the buffer, with the arrival that counted (RTA_J_PACKET); and where the buffer
 * gave something without one, up to what time it had come (RTA_J_PACKET_TIME). The same buffer, given the same, gives
 * the same samples again (law 5).
 *
 * Threads: put by one thread; figures_read by any; the rest is the step's. AUDIO PATH except create and destroy.
 */
#ifndef RTA_LINE_PACKETS_H
#define RTA_LINE_PACKETS_H

#include "engine.h"
#include "jitter.h"
#include "journal.h"

#define RTA_PACKET_AHEAD_NS INT64_C(1000000000)
#define RTA_PACKET_BEHIND_NS INT64_C(10000000000)

typedef struct rta_line_packets rta_line_packets;

/* RTA_INVALID, RTA_NOMEM. */
rta_status rta_line_packets_create(rta_line_packets **out, const rta_packets_config *config);
void rta_line_packets_destroy(rta_line_packets *packets);

/* Producer. RTA_FULL: dropped; RTA_INVALID: the payload fits no slot. */
rta_status rta_line_packets_put(rta_line_packets *packets, const rta_jitter_packet *packet);

typedef struct rta_line_piece {
    uint32_t kind;     /* rta_jitter_kind */
    uint64_t count;    /* samples: 0 for LINK_LOST and LINK_BACK */
    int64_t at_ns;     /* the buffer's time: of a packet that came in order, its arrival */
    int64_t without_ns; /* LINK_LOST, LINK_BACK: how long no packet had come */
} rta_line_piece;

/* A tick begins. */
void rta_line_packets_tick(rta_line_packets *packets, int64_t tick_ns);
/* The next piece of this tick, at most `most` samples, mono. False: there is no more. `journal` may be NULL; stamp: mic
 * position. */
bool rta_line_packets_next(rta_line_packets *packets, rta_journal *journal, uint64_t stamp, float *out, uint64_t most,
                           rta_line_piece *piece);
/* Whether anything came, or was given, since the last call. */
bool rta_line_packets_came(rta_line_packets *packets);
/* What was counted since the last call is there for figures_read. */
void rta_line_packets_publish(rta_line_packets *packets);

/* One consistent state: both sums of jitter_window.h hold in it. */
void rta_line_packets_figures_read(const rta_line_packets *packets, rta_packets_figures *figures);

#endif
