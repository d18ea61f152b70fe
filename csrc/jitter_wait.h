/* SPDX-License-Identifier: Apache-2.0
 *
 * jitter_wait.h: how long to wait for a packet that is missing, from how late missing ones came before (jitter.h has the
 * rule), and RFC 3550's interarrival jitter. Pure. AUDIO PATH.
 */
#ifndef RTA_JITTER_WAIT_H
#define RTA_JITTER_WAIT_H

#include "jitter.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rta_jitter_wait {
    int64_t least_ns, most_ns;
    int64_t late_ns[RTA_JITTER_GAPS]; /* 0: never came */
    uint32_t at, known;
} rta_jitter_wait;

/* A missing packet came `late_ns` after the first that had overtaken it; 0: it was given up. */
static inline void rta_jitter_wait_learn(rta_jitter_wait *wait, int64_t late_ns) {
    wait->late_ns[wait->at] = late_ns > 0 ? late_ns : 0;
    wait->at = (wait->at + 1) % RTA_JITTER_GAPS;
    if (wait->known < RTA_JITTER_GAPS) wait->known++;
}

static inline int64_t rta_jitter_wait_ns(const rta_jitter_wait *wait) {
    if (wait->known < RTA_JITTER_GAPS_KNOWN) return wait->most_ns;
    int64_t longest = 0;
    for (uint32_t i = 0; i < wait->known; i++)
        if (wait->late_ns[i] > longest) longest = wait->late_ns[i];
    if (longest >= wait->most_ns) return wait->most_ns;
    const int64_t target = longest + longest / 4 + 5000000;
    return target < wait->least_ns ? wait->least_ns : target > wait->most_ns ? wait->most_ns : target;
}

typedef struct rta_interarrival {
    bool known;
    uint32_t timestamp;
    int64_t arrival_ns, jitter_ns;
} rta_interarrival;

/* J += (|D| - J) / 16 over packets in the order in which they come; D is cut at 10 s, so that no clock's leap stays. */
static inline void rta_interarrival_take(rta_interarrival *state, uint32_t timestamp, int64_t arrival_ns,
                                         uint32_t rate) {
    if (state->known) {
        const int64_t media_ns = (int64_t)(int32_t)(timestamp - state->timestamp) * 1000000000 / rate;
        int64_t d = arrival_ns - state->arrival_ns - media_ns;
        d = d < 0 ? -d : d;
        d = d > INT64_C(10000000000) ? INT64_C(10000000000) : d;
        state->jitter_ns += (d - state->jitter_ns) / 16;
    }
    state->known = true;
    state->timestamp = timestamp;
    state->arrival_ns = arrival_ns;
}

#ifdef __cplusplus
}
#endif
#endif
