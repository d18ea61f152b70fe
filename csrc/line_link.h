/* SPDX-License-Identifier: Apache-2.0
 *
 * line_link.h: whether anything comes over the link of a network line. Pure; stepped once per tick.
 *
 * A network line hears what has come and nothing else: its media time, the mic clock, stands still while nothing comes, and
 * what comes in a burst is heard faster than real time, RTA_LINE_BURST_MS in a tick at most. So a link that stalls is
 * neither silence nor the end of a turn, and what was said in it is heard (law 10). What is told of it:
 *
 *   link     this tick brought                          next     told
 *   FRESH    nothing                                    FRESH            no one is there yet
 *            something                                  UP
 *   UP       nothing, for less than lost_ns             UP
 *            nothing, for lost_ns or more               DOWN     LINK_LOST
 *            something                                  UP
 *   DOWN     nothing                                    DOWN
 *            something                                  UP       LINK_BACK, with the time without
 *
 * Where packets come, the jitter buffer tells the same, and knows of announced silence (jitter.h): then lost_ns here is
 * RTA_LINK_NEVER.
 *
 * silent_ns is the time in which nothing came, in silences of RTA_LINK_SILENCE_NS and more: no packets come as late
 * as that on a line that works.
 */
#ifndef RTA_LINE_LINK_H
#define RTA_LINE_LINK_H

#include "base.h"

#define RTA_LINK_SILENCE_NS INT64_C(200000000)
#define RTA_LINK_NEVER INT64_MAX
#define RTA_LINK_LONGEST_NS (86400 * INT64_C(1000000000)) /* of lost_ns */

typedef enum rta_link_state { RTA_LINK_FRESH = 0, RTA_LINK_UP, RTA_LINK_DOWN } rta_link_state;
typedef enum rta_link_change { RTA_LINK_SAME = 0, RTA_LINK_LOST, RTA_LINK_BACK } rta_link_change;

typedef struct rta_line_link {
    uint32_t state;     /* rta_link_state */
    int64_t without_ns; /* since something came */
    /* For those who read figures. */
    uint64_t losses, silent_ns;
} rta_line_link;

/* AUDIO PATH. A tick of tick_ns has passed, in which something came or not. *without_ms: how long nothing had come. */
static inline rta_link_change rta_line_link_tick(rta_line_link *link, int64_t lost_ns, int64_t tick_ns, bool came,
                                                 uint64_t *without_ms) {
    const uint32_t before = link->state;
    if (before == RTA_LINK_FRESH && !came) return RTA_LINK_SAME;
    if (came) {
        *without_ms = (uint64_t)link->without_ns / 1000000;
        link->without_ns = 0;
        link->state = RTA_LINK_UP;
        return before == RTA_LINK_DOWN ? RTA_LINK_BACK : RTA_LINK_SAME;
    }
    link->without_ns += tick_ns;
    *without_ms = (uint64_t)link->without_ns / 1000000;
    const int64_t silent = link->without_ns - tick_ns < RTA_LINK_SILENCE_NS ? link->without_ns : tick_ns;
    if (link->without_ns >= RTA_LINK_SILENCE_NS)
        __atomic_store_n(&link->silent_ns, link->silent_ns + (uint64_t)silent, __ATOMIC_RELAXED);
    if (before == RTA_LINK_DOWN || link->without_ns < lost_ns) return RTA_LINK_SAME;
    link->state = RTA_LINK_DOWN;
    __atomic_store_n(&link->losses, link->losses + 1, __ATOMIC_RELAXED);
    return RTA_LINK_LOST;
}

#endif
