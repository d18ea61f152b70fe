/* SPDX-License-Identifier: Apache-2.0
 *
 * jitter_target.h: how long a player should hold packets back, from how they arrive. Pure.
 *
 * Each packet's transit (arrival less media time) less the least transit of the last BASE is its relative delay. Two rules
 * make a target of it:
 *
 *   OURS    the least delay at which at most `late` of the packets come too late, of a histogram in steps of 2 ms that
 *           forgets with a time constant of 20 s of media. A spike of a few packets weighs what it is, and is gone with it.
 *           `late` is the knob between delay and loss.
 *           What comes later than OUTAGE, and all that follows until the delay is back below the target, is an outage: no
 *           delay that anybody would bear helps against it, and nothing is learned of it.
 *   NETEQ   for comparison: WebRTC's rule as of 2023: the greatest relative delay of each 500 ms goes into a histogram of
 *           20 ms buckets that forgets by 0.983; its 0.95 quantile; where packets are overtaken, the delay that is cheapest
 *           at 20 ms for 1 % of loss, if that is more.
 *
 * Both are cut to least_ns .. most_ns. Floating point in a fixed order, no functions of libm (law 5).
 * Threads: one at a time. AUDIO PATH.
 */
#ifndef RTA_JITTER_TARGET_H
#define RTA_JITTER_TARGET_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { RTA_TARGET_BUCKETS = 512, RTA_NETEQ_BUCKETS = 100 };

typedef enum rta_target_rule { RTA_TARGET_OURS = 0, RTA_TARGET_NETEQ } rta_target_rule;

typedef struct rta_jitter_target {
    uint32_t rule; /* rta_target_rule */
    float late;
    int64_t least_ns, most_ns;
    int64_t target_ns;
    /* least transit: of the block under way and of the one before */
    bool known;
    int64_t block_began_ns, block_least_ns, before_least_ns;
    uint32_t packets;
    bool outage;
    int64_t last_media_ns;
    uint32_t used; /* buckets from here on are empty */
    float histogram[RTA_TARGET_BUCKETS];
    /* NETEQ */
    int64_t half_began_ns, half_most_ns;
    uint32_t halves, overtaken;
    float underrun[RTA_NETEQ_BUCKETS], reorder[RTA_NETEQ_BUCKETS];
} rta_jitter_target;

void rta_jitter_target_init(rta_jitter_target *target, rta_target_rule rule, float late, int64_t least_ns,
                            int64_t most_ns, int64_t start_ns);
/* A packet came. `overtaken`: one with a higher number had come before it. */
void rta_jitter_target_take(rta_jitter_target *target, int64_t arrival_ns, int64_t media_ns, bool overtaken);
/* Media time begins anew: the least transit is unknown, what was learned stays. */
void rta_jitter_target_rebase(rta_jitter_target *target);
/* The least transit. */
int64_t rta_jitter_target_base_ns(const rta_jitter_target *target);

#ifdef __cplusplus
}
#endif
#endif
