/* SPDX-License-Identifier: Apache-2.0 */
#include "line_echo.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    REST = 4096, /* samples of the mic that come at once, at most: a tick of 100 ms and a stage's frame are less */
    REFERENCE = 8192, /* 16 kHz samples of reference that may wait at a stage: 0.5 s */
};

struct rta_line_echo {
    rta_echo_guard *guard; /* NULL: none */
    rta_line_reference reference;
    float rest[REST];
    float shares[RTA_LINE_SHARES]; /* of the window that ends at 512 * (i + 1), i modulo the length */
    /* the stage's */
    const rta_stage *stage; /* NULL: none */
    void *state;
    bool initialised;
    rta_resampler *to_mic_rate;
    float *down; /* a piece at 16 kHz */
    float waits[REFERENCE]; /* reference, at 16 kHz */
    uint64_t reference_written, reference_read;
    float held[RTA_STAGE_FRAME], frame_reference[RTA_STAGE_FRAME];
    uint32_t held_count;
    float *out;
    rta_line_echo_figures figures;
};

static void store(uint64_t *figure, uint64_t value) { __atomic_store_n(figure, value, __ATOMIC_RELAXED); }

static rta_status make_stage(rta_line_echo *e, const rta_stage *s, uint32_t rate, uint64_t lead, uint64_t mic_samples) {
    if (s->rate != RTA_MIC_RATE || !s->run || s->state_bytes > RTA_STAGE_STATE) return RTA_INVALID;
    if (s->frame_samples < 1 || s->frame_samples > RTA_STAGE_FRAME || s->delay_samples > RTA_MIC_RATE)
        return RTA_INVALID;
    if (lead >= REFERENCE) return RTA_INVALID;
    const rta_status status = rta_resampler_create(&e->to_mic_rate, rate, RTA_MIC_RATE);
    if (status) return status;
    e->down = rta_zeroed(rta_resampler_max_out(e->to_mic_rate, RTA_REFERENCE_PIECE) * sizeof(float));
    e->out = rta_zeroed((mic_samples + RTA_STAGE_FRAME) * sizeof(float));
    e->state = rta_zeroed(s->state_bytes);
    if (!e->down || !e->out || !e->state) return RTA_NOMEM;
    e->stage = s;
    e->reference_written = lead;
    const rta_status made = s->init ? s->init(s->model, e->state) : RTA_OK;
    e->initialised = made == RTA_OK;
    return made;
}

rta_status rta_line_echo_create(rta_line_echo **echo, rta_port_engine *port, bool guards, const rta_media_map *clocks,
                                const rta_stage *stage, uint64_t reference_lead, uint64_t mic_samples) {
    *echo = NULL;
    rta_line_echo *e = rta_zeroed(sizeof *e);
    if (!e) return RTA_NOMEM;
    const uint32_t rate = rta_port_engine_config(port)->playout.rate;
    rta_status status = rta_line_reference_init(&e->reference, port, guards || stage ? clocks : NULL);
    if (!status && guards) {
        status = rta_echo_guard_create(&e->guard, rate);
        if (status == RTA_INVALID) status = RTA_OK; /* a rate that the resampler does not know: no guard */
    }
    if (!status && stage) status = make_stage(e, stage, rate, reference_lead, mic_samples);
    if (status) {
        rta_line_echo_destroy(e);
        return status;
    }
    *echo = e;
    return RTA_OK;
}

void rta_line_echo_destroy(rta_line_echo *e) {
    if (!e) return;
    if (e->stage && e->initialised && e->stage->done) e->stage->done(e->stage->model, e->state);
    rta_echo_guard_destroy(e->guard);
    rta_line_reference_free(&e->reference);
    rta_resampler_destroy(e->to_mic_rate);
    free(e->down);
    free(e->out);
    free(e->state);
    free(e);
}

/* ---- Reference */

static void keep_for_stage(rta_line_echo *e, const float *samples, uint64_t count) {
    for (uint64_t i = 0; i < count; i++) {
        const bool audio = fabsf(samples[i]) <= (float)RTA_INPUT_LIMIT; /* false for NaN */
        e->waits[(e->reference_written + i) % REFERENCE] = audio ? samples[i] : 0.0f;
    }
    e->reference_written += count;
    if (e->reference_written > e->reference_read + REFERENCE) e->reference_read = e->reference_written - REFERENCE;
}

static void put_out(rta_line_echo *e, const float *samples, uint64_t count) {
    if (e->guard) rta_echo_guard_ref(e->guard, samples, count);
    if (!e->stage) return;
    uint64_t given;
    rta_resampler_process(e->to_mic_rate, samples, count, e->down, &given);
    keep_for_stage(e, e->down, given);
}

void rta_line_echo_fell_due(rta_line_echo *e, uint64_t from, uint64_t to) {
    rta_line_reference_fell_due(&e->reference, from, to);
}

void rta_line_echo_take_reference(rta_line_echo *e, uint64_t count, uint64_t waiting) {
    const float *samples;
    if (!e->guard && !e->stage) return;
    rta_line_reference_heard(&e->reference, count, waiting);
    for (uint64_t given; (given = rta_line_reference_next(&e->reference, &samples)) > 0;) put_out(e, samples, given);
}

/* ---- Stage */

static void run_stage(rta_line_echo *e, float *out) {
    const rta_stage *s = e->stage;
    const uint64_t waiting = e->reference_written > e->reference_read ? e->reference_written - e->reference_read : 0;
    const uint64_t there = waiting < s->frame_samples ? waiting : s->frame_samples;
    for (uint64_t i = 0; i < there; i++) e->frame_reference[i] = e->waits[(e->reference_read + i) % REFERENCE];
    memset(e->frame_reference + there, 0, (s->frame_samples - there) * sizeof(float));
    e->reference_read += s->frame_samples; /* the place of what comes too late has passed */
    if (there < s->frame_samples) store(&e->figures.stage_starved, e->figures.stage_starved + s->frame_samples - there);
    s->run(s->model, e->state, e->held, e->frame_reference, out);
    uint64_t bad = 0;
    for (uint32_t i = 0; i < s->frame_samples; i++) {
        const bool good = fabsf(out[i]) <= (float)RTA_INPUT_LIMIT; /* false for NaN */
        out[i] = good ? out[i] : 0.0f;
        bad += !good;
    }
    if (bad) store(&e->figures.stage_bad, e->figures.stage_bad + bad);
}

const float *rta_line_echo_stage(rta_line_echo *e, const float *samples, uint64_t count, uint64_t *given) {
    *given = count;
    if (!e->stage) return samples;
    *given = 0;
    for (uint64_t taken = 0, run; taken < count; taken += run) {
        const uint32_t frame = e->stage->frame_samples;
        run = count - taken < frame - e->held_count ? count - taken : frame - e->held_count;
        memcpy(e->held + e->held_count, samples + taken, run * sizeof(float));
        e->held_count += (uint32_t)run;
        if (e->held_count < frame) continue;
        e->held_count = 0;
        run_stage(e, e->out + *given);
        *given += frame;
    }
    return e->out;
}

/* ---- Guard */

static void tell(rta_line_echo *e) {
    rta_echo_figures f;
    rta_echo_guard_figures(e->guard, &f);
    store(&e->figures.found, f.found);
    store(&e->figures.moved, f.moved);
    store(&e->figures.starved, f.starved);
    store(&e->figures.realigned, e->reference.realigned);
    __atomic_store_n(&e->figures.delay_samples, (int64_t)f.delay_samples, __ATOMIC_RELAXED);
}

void rta_line_echo_heard(rta_line_echo *e, uint64_t position, const float *samples, uint64_t count) {
    if (!e->guard) return;
    for (uint64_t done = 0, run; done < count; done += run) {
        const uint64_t at = position + done, left = RTA_VAD_WINDOW - at % RTA_VAD_WINDOW;
        run = count - done < left ? count - done : left;
        rta_echo_guard_mic(e->guard, samples + done, run);
        if (run < left) continue;
        e->shares[at / RTA_VAD_WINDOW % RTA_LINE_SHARES] = rta_echo_guard_share(e->guard);
        tell(e);
    }
}

const float *rta_line_echo_rest(rta_line_echo *e, const float *samples, uint64_t count) {
    if (!e->guard || count > REST) return samples;
    rta_echo_guard_rest(e->guard, e->rest, count); /* always taken, so that it stays in step */
    return rta_echo_guard_found(e->guard) ? e->rest : samples;
}

float rta_line_echo_share_now(const rta_line_echo *e) { return e->guard ? rta_echo_guard_share_now(e->guard) : 0.0f; }

float rta_line_echo_share(const rta_line_echo *e, uint64_t position_end) {
    return e->guard && position_end ? e->shares[(position_end / RTA_VAD_WINDOW - 1) % RTA_LINE_SHARES] : 0.0f;
}

void rta_line_echo_figures_read(const rta_line_echo *e, rta_line_echo_figures *f) {
    *f = (rta_line_echo_figures){
        .found = __atomic_load_n(&e->figures.found, __ATOMIC_RELAXED),
        .moved = __atomic_load_n(&e->figures.moved, __ATOMIC_RELAXED),
        .starved = __atomic_load_n(&e->figures.starved, __ATOMIC_RELAXED),
        .realigned = __atomic_load_n(&e->figures.realigned, __ATOMIC_RELAXED),
        .stage_bad = __atomic_load_n(&e->figures.stage_bad, __ATOMIC_RELAXED),
        .stage_starved = __atomic_load_n(&e->figures.stage_starved, __ATOMIC_RELAXED),
        .delay_samples = __atomic_load_n(&e->figures.delay_samples, __ATOMIC_RELAXED),
    };
}
