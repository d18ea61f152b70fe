/* SPDX-License-Identifier: Apache-2.0
 *
 * rtp_latch.h: which source of datagrams a line listens to. Pure. A caller behind a NAT is known only by what comes from
 * him, so the line latches to the first that sends sound (the manner of RFC 7362), and to nobody else while that one sends.
 *
 *   state      a datagram from          when                                      next        it is
 *   OPEN       anyone                   it is RTP of a payload type with a codec  LATCHED     taken
 *              anyone                   else                                      OPEN        as it is: malformed, RTCP, stranger
 *   LATCHED    the one latched to       any time                                  LATCHED     taken
 *              another                  RTP of a payload type with a codec, and   LATCHED     taken; a move, counted
 *                                       that one was not heard for MOVE_NS
 *              another                  else                                      LATCHED     a stranger: not taken, counted
 *
 * So who only guesses the port cannot speak beside a caller who sends all the time. One whose silences of MOVE_NS and more send
 * nothing (comfort noise once, then no packet) can be displaced in them, and is a stranger for as long as the other
 * sends: such a line should be given its source by the signalling. And a caller whose address changes (Wi-Fi to mobile) is deaf
 * and mute for MOVE_NS. Who can read the packets on their way can of course send as the caller does: that is what SRTP
 * is for.
 */
#ifndef RTA_RTP_LATCH_H
#define RTA_RTP_LATCH_H

#include "base.h"

#define RTA_RTP_MOVE_NS INT64_C(1000000000)

typedef struct rta_source { /* where a datagram comes from */
    uint8_t address[16];    /* IPv6; IPv4 mapped into it */
    uint16_t port;
    uint16_t pad[3]; /* 0 */
} rta_source;

typedef struct rta_rtp_latch {
    bool latched;
    rta_source remote;
    int64_t heard_ns; /* when it last sent */
    uint64_t moves;
} rta_rtp_latch;

/* AUDIO PATH. Whether an RTP packet from there is taken. sounds: its payload type has a codec. */
static inline bool rta_rtp_latch_takes(rta_rtp_latch *latch, const rta_source *from, int64_t arrival_ns, bool sounds) {
    const bool same = latch->latched && !memcmp(&latch->remote, from, sizeof *from);
    if (!same) {
        const bool gone = latch->latched && arrival_ns > latch->heard_ns &&
                          (uint64_t)arrival_ns - (uint64_t)latch->heard_ns >= (uint64_t)RTA_RTP_MOVE_NS;
        if (!sounds || (latch->latched && !gone)) return false;
        if (latch->latched) __atomic_store_n(&latch->moves, latch->moves + 1, __ATOMIC_RELAXED);
        latch->latched = true;
        latch->remote = *from;
        latch->heard_ns = arrival_ns;
    }
    if (arrival_ns > latch->heard_ns) latch->heard_ns = arrival_ns;
    return true;
}

#endif
