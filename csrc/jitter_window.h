/* SPDX-License-Identifier: Apache-2.0
 *
 * jitter_window.h: packets in the order of their sequence numbers. Takes them as they come (late, twice, out of order,
 * after a jump, from another source), holds a bounded number, and gives the one in front. No sound and no time here but
 * what lies in the slots.
 *
 * Sequence numbers are made 64 bit: by their distance from the highest so far.
 *
 *   distance d of a packet of the source that is heard      what becomes of it
 *   0 < d <= FORWARD (RFC 3550's MAX_DROPOUT)               taken; numbers passed over are missing until they come
 *   -BACK < d <= 0, seen before                             duplicate
 *   -BACK < d <= 0, behind the front                        late: discarded, though no longer missing
 *   -BACK < d <= 0, else                                    taken: it fills a gap (as far as NEAR before the first)
 *   any other d, or another source (SSRC)                   held: one such packet at a time
 *
 *   A held packet waits for its like: a second one of the same source within NEAR of it begins a new sequence, and both
 *   are taken (a restart: behind what is still queued of the old sequence). One that goes on the old sequence instead
 *   supersedes it: a stray. So neither a restart nor a stray costs a packet that belongs.
 *
 * Beyond `capacity` numbers from front to highest, the front moves up and what it passes is superseded: bounded memory
 * (law 8). Two sums hold exactly, after every call (law 1); each counter is kept where the thing happens:
 *
 *   received = used + late_discarded + duplicate + superseded + queued        (queued: a held one included)
 *   expected = received_unique + missing
 *
 * expected counts the numbers from the first to the highest of each sequence. Packets that are refused (payload too
 * long, or no whole number of samples) are counted beside, and are not in received.
 *
 * Threads: one at a time. AUDIO PATH except create and destroy.
 */
#ifndef RTA_JITTER_WINDOW_H
#define RTA_JITTER_WINDOW_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { RTA_JITTER_FORWARD = 3000, RTA_JITTER_BACK = 4096, RTA_JITTER_NEAR = 16 };

/* Times beyond this count as it, so that differences and products of times stay within 64 bits. */
#define RTA_JITTER_TIME_MOST (INT64_C(1) << 61)
static inline int64_t rta_jitter_bounded_ns(int64_t time_ns) {
    const int64_t most = RTA_JITTER_TIME_MOST;
    return time_ns > most ? most : time_ns < -most ? -most : time_ns;
}

typedef struct rta_jitter_slot {
    bool present;
    uint8_t payload_type;
    uint64_t seq; /* 64 bit */
    uint16_t packet_seq;
    uint32_t timestamp;
    uint32_t bytes;
    int64_t arrival_ns;
    uint8_t *payload;
} rta_jitter_slot;

typedef struct rta_jitter_packet { /* as it comes in */
    uint16_t seq;
    uint8_t payload_type; /* 0 .. 127 */
    uint32_t timestamp, ssrc;
    int64_t arrival_ns;
    const uint8_t *payload;
    uint32_t bytes;
} rta_jitter_packet;

typedef struct rta_jitter_packets { /* counters, in packets */
    uint64_t received, used, late_discarded, duplicate, superseded, queued;
    uint64_t expected, received_unique, missing;
    uint64_t refused;  /* not in received */
    uint64_t restarts; /* new sequences after the first */
} rta_jitter_packets;

typedef struct rta_jitter_window {
    uint32_t capacity, slot_bytes;
    rta_jitter_slot *slots; /* capacity + 1: the last is the held packet's */
    uint8_t *payloads;
    uint64_t seen[RTA_JITTER_BACK / 64]; /* bits of (highest - BACK, highest] */
    bool started, moved;                 /* moved: something was taken from the front */
    uint16_t highest_seq, held_seq;      /* as they came */
    uint32_t ssrc, held_ssrc;
    uint64_t front, highest, begin; /* begin: where the sequence of `highest` began; front <= begin: a restart ahead */
    rta_jitter_packets count;
} rta_jitter_window;

typedef enum rta_jitter_taken {
    RTA_JITTER_TAKEN = 0,
    RTA_JITTER_LATE,
    RTA_JITTER_DUPLICATE,
    RTA_JITTER_HELD,
    RTA_JITTER_RESTARTED, /* taken, with the one that was held */
} rta_jitter_taken;

/* capacity: a power of two, 2 NEAR .. BACK / 2. */
rta_status rta_jitter_window_init(rta_jitter_window *window, uint32_t capacity, uint32_t slot_bytes);
void rta_jitter_window_free(rta_jitter_window *window);

/* packet->bytes <= slot_bytes. *seq: its 64-bit number; of one that is held, 0. */
rta_jitter_taken rta_jitter_window_put(rta_jitter_window *window, const rta_jitter_packet *packet, uint64_t *seq);
/* When the first packet that is known to have overtaken this number came; INT64_MAX: none has. */
int64_t rta_jitter_window_overtaken_ns(const rta_jitter_window *window, uint64_t seq);

/* The packet in front, or NULL if its number has not come. */
rta_jitter_slot *rta_jitter_window_front(rta_jitter_window *window);
/* The first packet behind a gap in front, or NULL if there is none (or no gap). */
rta_jitter_slot *rta_jitter_window_behind_gap(rta_jitter_window *window);
/* Whether that gap is where one sequence ends and the next begins: nothing is missing in it. */
bool rta_jitter_window_restarts_at(const rta_jitter_window *window, uint64_t seq);
/* Whether packets are in order, in front or behind a gap: all that are queued but a held one. */
bool rta_jitter_window_ordered(const rta_jitter_window *window);
/* Takes the packet in front out: used, or discarded as late. */
void rta_jitter_window_pop(rta_jitter_window *window, bool used);
/* Gives up on the numbers of the gap in front: front moves to `seq`, that of the packet behind it. */
void rta_jitter_window_skip_to(rta_jitter_window *window, uint64_t seq);

#ifdef __cplusplus
}
#endif
#endif
