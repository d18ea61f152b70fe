/* SPDX-License-Identifier: Apache-2.0 */
#include "ear.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { HOP = RTA_PEEK_SAMPLES };

static float *zeroed(uint64_t floats) {
    const size_t bytes = (floats * sizeof(float) + RTA_CACHE_LINE) / RTA_CACHE_LINE * RTA_CACHE_LINE;
    float *memory = aligned_alloc(RTA_CACHE_LINE, bytes);
    if (memory) memset(memory, 0, bytes);
    return memory;
}

rta_status rta_ear_init(rta_ear *e, const rta_vad_kernel *vad, uint64_t position, uint64_t most) {
    *e = (rta_ear){.vad = vad, .room = RTA_EAR_BEHIND + 2 * RTA_VAD_WINDOW + most, .end = position};
    e->samples = zeroed(e->room);
    e->state = zeroed(vad->state_floats);
    e->copy = zeroed(vad->state_floats);
    /* Before the first sample there was silence. */
    e->count = RTA_EAR_BEHIND;
    e->looked_to = (position + HOP - 1) / HOP * HOP;
    return e->samples && e->state && e->copy ? RTA_OK : RTA_NOMEM;
}

void rta_ear_free(rta_ear *e) {
    free(e->samples);
    free(e->state);
    free(e->copy);
    e->samples = e->state = e->copy = NULL;
}

void rta_ear_feed(rta_ear *e, const float *samples, uint64_t count) {
    /* What lies further back than a window and its context before the last look is needed no more. */
    const uint64_t unseen = e->end > e->looked_to ? e->end - e->looked_to : 0;
    uint64_t keep = unseen + RTA_EAR_BEHIND;
    if (keep + count > e->room) keep = count < e->room ? e->room - count : 0; /* looks fell behind: cannot be */
    if (keep < e->count) {
        memmove(e->samples, e->samples + (e->count - keep), keep * sizeof(float));
        e->count = keep;
    }
    if (count > e->room - e->count) count = e->room - e->count;
    memcpy(e->samples + e->count, samples, count * sizeof(float));
    e->count += count;
    e->end += count;
}

/* The samples before mic position `position`. */
static const float *before(const rta_ear *e, uint64_t position, uint64_t count) {
    const uint64_t back = e->end - position + count;
    return back <= e->count ? e->samples + (e->count - back) : NULL;
}

void rta_ear_listen(rta_ear *e, bool speaking, const float *mic_state, uint64_t position) {
    if (speaking && !e->on) memcpy(e->state, mic_state, e->vad->state_floats * sizeof(float));
    e->on = speaking;
    e->has_near = false;
    if (e->looked_to < position) e->looked_to = position;
}

bool rta_ear_look(rta_ear *e, uint64_t window_end, bool peeks, float **state, const float **window) {
    const uint32_t context = e->vad->context_samples;
    while (e->on && !e->has_near && e->looked_to + HOP <= e->end && e->looked_to < window_end) {
        const uint64_t next = e->looked_to + HOP;
        const float *samples = before(e, next, RTA_VAD_WINDOW + context);
        if (!samples) return false;
        *window = samples + context;
        *state = e->state;
        if (next == window_end) return true;
        if (peeks && context > 0) {
            const size_t kept = e->vad->state_floats - context;
            memcpy(e->copy, e->state, kept * sizeof(float));
            memcpy(e->copy + kept, samples, context * sizeof(float));
            *state = e->copy;
            return true;
        }
        e->looked_to = next;
    }
    return false;
}

bool rta_ear_looked(rta_ear *e, uint64_t window_end, float probability, uint64_t *position) {
    e->looked_to += HOP;
    *position = e->looked_to;
    if (e->looked_to < window_end) return true;
    e->near = probability;
    e->has_near = true;
    return false;
}

float rta_ear_near(const rta_ear *e) { return e->has_near ? e->near : NAN; }

void rta_ear_tell(const rta_ear *e, uint64_t position, rta_window *window) {
    window->near = rta_ear_near(e);
    const float *samples = before(e, position, RTA_VAD_WINDOW + 1);
    for (int hop = 0; hop < RTA_WINDOW_HOPS; hop++) {
        float power = 0.0f, edge = 0.0f;
        for (int i = 0; samples && i < HOP; i++) {
            const float *at = samples + 1 + hop * HOP + i;
            const float step = at[0] - at[-1];
            power += at[0] * at[0];
            edge += step * step;
        }
        window->power[hop] = power / (float)HOP;
        window->edge[hop] = edge / (float)HOP;
    }
}
