/* SPDX-License-Identifier: Apache-2.0 */
#include "jitter_target.h"

#include <string.h>

#define MS INT64_C(1000000)
#define STEP (2 * MS)
#define BLOCK (4000 * MS)
#define OUTAGE (500 * MS)
#define MEMORY (20000 * MS)
#define LONGEST (200 * MS) /* of the media time between two packets */

void rta_jitter_target_init(rta_jitter_target *t, rta_target_rule rule, float late, int64_t least_ns, int64_t most_ns,
                            int64_t start_ns) {
    memset(t, 0, sizeof *t);
    t->rule = rule;
    t->late = late;
    t->least_ns = least_ns;
    t->most_ns = most_ns;
    t->target_ns = start_ns < least_ns ? least_ns : start_ns > most_ns ? most_ns : start_ns;
}

void rta_jitter_target_rebase(rta_jitter_target *t) { t->known = false; }

int64_t rta_jitter_target_base_ns(const rta_jitter_target *t) {
    return t->block_least_ns < t->before_least_ns ? t->block_least_ns : t->before_least_ns;
}

/* What is next to nothing becomes nothing: denormal numbers are slow. */
static void forget(float *histogram, uint32_t buckets, float factor) {
    for (uint32_t i = 0; i < buckets; i++) {
        const float left = histogram[i] * factor;
        histogram[i] = left < 1e-9f ? 0.0f : left;
    }
}

/* Gives the bucket. */
static uint32_t add(float *histogram, uint32_t buckets, int64_t delay_ns, int64_t step_ns, float weight) {
    int64_t at = delay_ns / step_ns;
    at = at < 0 ? 0 : at >= (int64_t)buckets ? (int64_t)buckets - 1 : at;
    histogram[at] += weight;
    return (uint32_t)at;
}

/* The first bucket above which at most `rest` of all that is in there lies. The weights add up to 1. */
static uint32_t quantile(const float *histogram, uint32_t buckets, float rest) {
    float above = 0.0f;
    uint32_t at = buckets;
    while (at > 1 && above + histogram[at - 1] <= rest) above += histogram[--at];
    return at - 1;
}

static int64_t ours(rta_jitter_target *t, int64_t delay_ns, int64_t media_ns) {
    t->outage = delay_ns > OUTAGE || (t->outage && delay_ns > t->target_ns);
    if (t->outage) return t->target_ns;
    int64_t step_ns = media_ns - t->last_media_ns;
    step_ns = step_ns < 0 ? 0 : step_ns > LONGEST ? LONGEST : step_ns;
    t->last_media_ns = media_ns;
    t->packets += t->packets < UINT32_MAX;
    /* At first each packet counts alike. */
    const float alike = 1.0f / (float)t->packets, aged = (float)step_ns / (float)MEMORY;
    const float weight = alike > aged ? alike : aged;
    forget(t->histogram, t->used, 1.0f - weight);
    const uint32_t at = add(t->histogram, RTA_TARGET_BUCKETS, delay_ns, STEP, weight);
    if (at >= t->used) t->used = at + 1;
    while (t->used > 1 && t->histogram[t->used - 1] == 0.0f) t->used--;
    if (t->packets < 25) return t->target_ns; /* too few to know better than where it began */
    return (int64_t)(quantile(t->histogram, t->used, t->late) + 1) * STEP;
}

static int64_t neteq(rta_jitter_target *t, int64_t arrival_ns, int64_t delay_ns, bool overtaken) {
    int64_t target = t->target_ns;
    if (delay_ns > t->half_most_ns) t->half_most_ns = delay_ns;
    if (arrival_ns - t->half_began_ns >= 500 * MS) {
        t->halves++;
        const float start = 1.0f - 2.0f / (float)(t->halves + 1), factor = start < 0.983f ? start : 0.983f;
        forget(t->underrun, RTA_NETEQ_BUCKETS, factor);
        add(t->underrun, RTA_NETEQ_BUCKETS, t->half_most_ns, 20 * MS, 1.0f - factor);
        t->half_began_ns = arrival_ns;
        t->half_most_ns = 0;
        target = (int64_t)(quantile(t->underrun, RTA_NETEQ_BUCKETS, 0.05f) + 1) * 20 * MS;
    }
    t->overtaken++;
    const float begin = 1.0f - 1.0f / (float)t->overtaken, factor = begin < 0.9993f ? begin : 0.9993f;
    forget(t->reorder, RTA_NETEQ_BUCKETS, factor);
    add(t->reorder, RTA_NETEQ_BUCKETS, overtaken ? delay_ns : 0, 20 * MS, 1.0f - factor);
    float loss = 1.0f, cheapest = 1e9f;
    uint32_t best = 0;
    for (uint32_t i = 0; i < RTA_NETEQ_BUCKETS; i++) {
        loss -= t->reorder[i];
        const float cost = (float)(i * 20) + 20.0f * 100.0f * (loss > 0.0f ? loss : 0.0f);
        if (cost < cheapest) {
            cheapest = cost;
            best = i;
        }
    }
    const int64_t reordered = best > 0 ? (int64_t)(best + 1) * 20 * MS : 0;
    return t->halves > 0 && reordered > target ? reordered : target;
}

void rta_jitter_target_take(rta_jitter_target *t, int64_t arrival_ns, int64_t media_ns, bool overtaken) {
    const int64_t transit = arrival_ns - media_ns;
    if (!t->known) {
        t->known = true;
        t->block_began_ns = t->half_began_ns = arrival_ns;
        t->block_least_ns = t->before_least_ns = transit;
        t->half_most_ns = 0;
    } else if (arrival_ns - t->block_began_ns >= BLOCK) {
        t->before_least_ns = t->block_least_ns;
        t->block_least_ns = transit;
        t->block_began_ns = arrival_ns;
    }
    if (transit < t->block_least_ns) t->block_least_ns = transit;
    const int64_t delay = transit - rta_jitter_target_base_ns(t);
    const int64_t wanted =
        t->rule == RTA_TARGET_NETEQ ? neteq(t, arrival_ns, delay, overtaken) : ours(t, delay, media_ns);
    t->target_ns = wanted < t->least_ns ? t->least_ns : wanted > t->most_ns ? t->most_ns : wanted;
}
