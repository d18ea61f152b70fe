/* SPDX-License-Identifier: Apache-2.0 */
#include "mic_health.h"

#include <math.h>
#include <string.h>

enum { LONGEST = 16000 * 3600 };

/* ---- meter */

void rta_mic_meter_init(rta_mic_meter *meter, uint32_t window_samples) {
    memset(meter, 0, sizeof *meter);
    meter->window_samples = window_samples;
}

static inline void one(rta_mic_meter *m, uint32_t place, float x) {
    m->sums[place % RTA_MIC_LANES] += x * x;
    m->clipped += fabsf(x) >= RTA_MIC_CLIP;
}

/* Whole rows of lanes: copies in registers are what makes it fast. */
static void rows(rta_mic_meter *m, const float *x, uint32_t count) {
    float sums[RTA_MIC_LANES];
    uint32_t clipped[RTA_MIC_LANES] = {0};
    memcpy(sums, m->sums, sizeof sums);
    for (uint32_t i = 0; i < count; i++, x += RTA_MIC_LANES) {
        for (uint32_t lane = 0; lane < RTA_MIC_LANES; lane++) sums[lane] += x[lane] * x[lane];
        for (uint32_t lane = 0; lane < RTA_MIC_LANES; lane++) clipped[lane] += fabsf(x[lane]) >= RTA_MIC_CLIP;
    }
    memcpy(m->sums, sums, sizeof sums);
    for (uint32_t lane = 0; lane < RTA_MIC_LANES; lane++) m->clipped += clipped[lane];
}

uint64_t rta_mic_meter_take(rta_mic_meter *m, const float *samples, uint64_t count, bool starved,
                            rta_mic_window *window, bool *done) {
    const uint32_t left = m->window_samples - m->count;
    const uint32_t take = count < left ? (uint32_t)count : left;
    /* The lane depends on the place in the window alone (law 6). */
    uint32_t i = 0;
    while (i < take && (m->count + i) % RTA_MIC_LANES) one(m, m->count + i, samples[i]), i++;
    const uint32_t whole = (take - i) / RTA_MIC_LANES;
    rows(m, samples + i, whole);
    for (i += whole * RTA_MIC_LANES; i < take; i++) one(m, m->count + i, samples[i]);
    m->count += take;
    m->starved += starved ? take : 0;
    *done = m->count == m->window_samples;
    if (*done) {
        float sum = 0.0f;
        for (uint32_t lane = 0; lane < RTA_MIC_LANES; lane++) sum += m->sums[lane];
        *window = (rta_mic_window){
            .mean_square = sum / (float)m->window_samples, .clipped = m->clipped, .starved = m->starved};
        rta_mic_meter_init(m, m->window_samples);
    }
    return take;
}

/* ---- machine */

void rta_mic_health_defaults(rta_mic_health_config *config) {
    *config = (rta_mic_health_config){
        .enabled = true,
        .silent = 3.1622777e-8f,      /* -75 dBFS */
        .quiet = 3.1622777e-5f,       /* -45 dBFS */
        .quiet_back = 6.3095734e-5f,  /* -42 */
        .loud_back = 0.031622777f,    /* -15 */
        .loud = 0.063095734f,          /* -12: speech has some 18 dB between its level and its peaks */
        .silent_first = 16000 * 5,
        .silent_after = 16000 * 30,
        .judged = 16000 * 2,
        /* Read speech whose peaks are 0, 3, 6, 10 dB beyond full scale: 0.00, 0.03, 0.58, 3.1 % of 2 s are clipped (median
         * over 20 recordings of one reader); without any clipping 0.01 % reach RTA_MIC_CLIP (90th percentile). */
        .clip_share = 0.001f,
    };
}

rta_status rta_mic_health_check(const rta_mic_health_config *c, const char **why) {
    const char *wrong = NULL;
    /* Comparisons are written so that a NaN fails them. */
    if (!(c->silent > 0.0f && c->silent < c->quiet && c->quiet <= c->quiet_back))
        wrong = "levels must satisfy silent < quiet, hysteresis_db >= 0";
    else if (!(c->quiet_back < c->loud_back && c->loud_back <= c->loud && c->loud <= 1.0e6f))
        wrong = "levels must satisfy quiet + hysteresis < loud - hysteresis";
    else if (!(c->clip_share >= 0.0f && c->clip_share < 1.0f)) wrong = "clip_share must be 0..1";
    else if (c->silent_first > LONGEST || c->silent_after > LONGEST || c->judged > LONGEST)
        wrong = "durations must be at most an hour";
    else if (c->judged < 16000 / 10) wrong = "a judgement takes at least 0.1 s";
    if (why) *why = wrong;
    return wrong ? RTA_INVALID : RTA_OK;
}

rta_status rta_mic_health_init(rta_mic_health *h, const rta_mic_health_config *config) {
    const rta_status status = rta_mic_health_check(config, NULL);
    if (status) return status;
    memset(h, 0, sizeof *h);
    h->config = *config;
    return RTA_OK;
}

static rta_event *emit(rta_event *events, uint32_t *count, rta_event_kind kind, uint64_t position) {
    rta_event *e = &events[(*count)++];
    memset(e, 0, sizeof *e);
    e->kind = kind;
    e->mic = e->decided = position;
    return e;
}

/* Where the level goes by a judgement of speech. */
static rta_mic_level judge(const rta_mic_health *h, float mean_square) {
    const rta_mic_health_config *c = &h->config;
    if (mean_square < c->quiet) return RTA_MIC_QUIET;
    if (mean_square > c->loud) return RTA_MIC_LOUD;
    const bool stays = (h->level == RTA_MIC_QUIET && mean_square < c->quiet_back) ||
                       (h->level == RTA_MIC_LOUD && mean_square > c->loud_back);
    return stays ? (rta_mic_level)h->level : RTA_MIC_GOOD;
}

static rta_mic_level next_level(rta_mic_health *h, const rta_mic_window *w, uint32_t samples, bool speech,
                                float *judged_by) {
    const rta_mic_health_config *c = &h->config;
    *judged_by = w->mean_square;
    if (w->mean_square < c->silent) {
        h->quiet_samples += samples;
        const uint64_t limit = h->heard ? c->silent_after : c->silent_first;
        return h->quiet_samples >= limit ? RTA_MIC_SILENT : (rta_mic_level)h->level;
    }
    h->heard = true;
    h->quiet_samples = 0;
    const rta_mic_level level = h->level == RTA_MIC_SILENT ? RTA_MIC_GOOD : (rta_mic_level)h->level;
    if (!speech) return level;
    h->speech_samples += samples;
    h->speech_sum += w->mean_square;
    h->speech_windows++;
    if (h->speech_samples < c->judged) return level;
    const float mean_square = h->speech_sum / (float)h->speech_windows;
    h->speech_samples = 0;
    h->speech_sum = 0.0f;
    h->speech_windows = 0;
    if (h->level == RTA_MIC_SILENT) return level; /* told first, judged the next time */
    *judged_by = mean_square;
    return judge(h, mean_square);
}

static void step_level(rta_mic_health *h, const rta_mic_window *w, uint32_t samples, uint64_t position, bool speech,
                       rta_event *events, uint32_t *count) {
    float judged_by;
    const rta_mic_level next = next_level(h, w, samples, speech, &judged_by);
    if (next == (rta_mic_level)h->level) return;
    rta_event *e = emit(events, count, RTA_EV_MIC_LEVEL, position);
    e->a = next;
    e->b = h->level;
    e->value = judged_by;
    h->level = next;
}

static void step_clipping(rta_mic_health *h, const rta_mic_window *w, uint32_t samples, uint64_t position,
                          rta_event *events, uint32_t *count) {
    h->clip_samples += samples;
    h->clipped += w->clipped;
    if (h->clip_samples < h->config.judged) return;
    const uint64_t clipped = h->clipped, judged = h->clip_samples;
    h->clip_samples = h->clipped = 0;
    const bool next = h->clipping ? clipped > 0 : (float)clipped > h->config.clip_share * (float)judged;
    if (next == h->clipping) return;
    rta_event *e = emit(events, count, RTA_EV_MIC_CLIPPING, position);
    e->a = next;
    e->b = clipped;
    e->c = (uint32_t)judged;
    h->clipping = next;
}

uint32_t rta_mic_health_step(rta_mic_health *h, const rta_mic_window *w, uint32_t samples, uint64_t position_end,
                             bool speech, bool agent, rta_event events[RTA_MIC_HEALTH_EVENTS]) {
    uint32_t count = 0;
    if (!h->config.enabled || w->starved) return 0;
    step_level(h, w, samples, position_end, speech && !agent, events, &count);
    step_clipping(h, w, samples, position_end, events, &count);
    return count;
}
