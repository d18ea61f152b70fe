/* SPDX-License-Identifier: Apache-2.0
 *
 * Cost of a pull: writer and consumer take turns on one thread: a batch is written, then pulled frame by frame, and only the pulls are
 * timed. So what is measured is the consumer's own work on warm caches: ops, output stage, ledger, pull log and tap.
 * Each sample bears its number, and what was put out is compared with it outside the timed stretch.
 */
#include "port_measure.h"

#include "platform.h"
#include "port.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_BATCHES = 256 };

static float numbered(uint64_t k) { return (float)(k & 0xffff) / 65536.0f; }

static int ascending(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static rta_status run_batch(rta_port_engine *engine, rta_port_session *session, uint64_t segment, float *batch,
                            uint64_t samples, uint64_t frame, uint64_t *position, double *ns, uint64_t *mismatches) {
    for (uint64_t k = 0; k < samples; k++) batch[k] = numbered(*position + k);
    uint64_t accepted = 0;
    rta_status status = rta_playout_write(rta_port_writer(session), segment, batch, samples, &accepted);
    if (status != RTA_OK) return status;
    if (accepted != samples) return RTA_FULL;

    rta_playout_consumer *consumer = rta_port_consumer(engine);
    const int64_t start_ns = rta_clock_ns();
    for (uint64_t at = 0; at < samples; at += frame) {
        status = rta_playout_pull(consumer, batch + at, frame, start_ns, 0);
        if (status != RTA_OK) return status;
    }
    *ns = (double)(rta_clock_ns() - start_ns) * (double)frame / (double)samples;
    for (uint64_t k = 0; k < samples; k++) *mismatches += batch[k] != numbered(*position + k);
    *position += samples;

    rta_event event;
    while (rta_port_next_event(session, &event)) {}
    return RTA_OK;
}

static double measure_memcpy(float *batch, uint64_t frame, uint64_t samples) {
    double best = 1e18;
    for (int b = 0; b < 32; b++) {
        const int64_t start_ns = rta_clock_ns();
        for (uint64_t at = frame; at < samples; at += frame) {
            memcpy(batch + at, batch, frame * sizeof *batch);
            __asm__ volatile("" : : "r"(batch) : "memory"); /* every copy is really made */
        }
        const double ns = (double)(rta_clock_ns() - start_ns) * (double)frame / (double)(samples - frame);
        if (ns < best) best = ns;
    }
    return best;
}

static rta_status measure(rta_port_measurement *result, rta_port_engine *engine, rta_port_session *session,
                          uint64_t frame, uint64_t batch_samples, uint64_t batches) {
    double batch_ns[MOST_BATCHES];
    uint64_t segment, position = 0;
    float *batch = aligned_alloc(RTA_CACHE_LINE, (batch_samples * sizeof *batch + 63) / 64 * 64);
    if (!batch) return RTA_NOMEM;
    rta_status status = rta_playout_attach(rta_port_consumer(engine));
    if (status == RTA_OK) {
        status = rta_playout_open(rta_port_writer(session), RTA_POLICY_IMMEDIATE, &segment);
        for (uint64_t b = 0; status == RTA_OK && b < batches; b++) {
            status = run_batch(engine, session, segment, batch, batch_samples, frame, &position, &batch_ns[b],
                               &result->mismatches);
        }
        rta_playout_detach(rta_port_consumer(engine));
    }
    if (status == RTA_OK) {
        qsort(batch_ns, batches, sizeof batch_ns[0], ascending);
        result->pull_ns = batch_ns[0];
        result->pull_median_ns = batch_ns[batches / 2];
        result->memcpy_ns = measure_memcpy(batch, frame, batch_samples);
    }
    free(batch);
    return status;
}

rta_status rta_port_measure(rta_port_measurement *result, uint32_t rate, uint64_t frame_samples, uint64_t frames) {
    *result = (rta_port_measurement){0};
    if (rate < 8000 || frame_samples == 0 || frame_samples > rate / 2) return RTA_INVALID;
    const uint64_t batch_frames = rate / frame_samples, batches = frames / batch_frames;
    if (batches == 0 || batches > MOST_BATCHES) return RTA_INVALID;

    const rta_port_config config = {
        .playout = {.rate = rate, .queue_samples = 2ull * rate, .history_samples = 2ull * rate},
        .mic_samples = 1u << 19,
        .tap_samples = 1u << 19,
    };
    rta_port_engine *engine = NULL;
    rta_port_session *session = NULL;
    rta_status status = rta_port_engine_create(&engine, &config, false);
    if (status == RTA_OK) status = rta_port_session_private(&session, engine);
    if (status == RTA_OK) {
        status = measure(result, engine, session, frame_samples, batch_frames * frame_samples, batches);
    }
    if (session) rta_port_session_destroy(session);
    if (engine) rta_port_engine_destroy(engine);
    return status;
}

/* ---- Flush against pulls */

typedef struct race {
    rta_playout_consumer *consumer;
    float *out;
    uint64_t pulls, frame;
    rta_status status;
    _Alignas(RTA_CACHE_LINE) uint64_t began; /* samples before the pull under way, or the next; NOT_YET: none so far */
} race;

#define NOT_YET UINT64_MAX

static void pull_all(void *argument) {
    race *r = argument;
    for (uint64_t k = 0; k < r->pulls && r->status == RTA_OK; k++) {
        __atomic_store_n(&r->began, k * r->frame, __ATOMIC_SEQ_CST);
        r->status = rta_playout_pull(r->consumer, r->out + k * r->frame, r->frame, rta_clock_ns(), 0);
    }
    __atomic_store_n(&r->began, r->pulls * r->frame, __ATOMIC_SEQ_CST);
}

rta_status rta_playout_flush_race(rta_playout_consumer *consumer, rta_playout_controls *controls, float *out,
                                  uint64_t pulls, uint64_t frame_samples, int64_t delay_ns, uint64_t *returned_at) {
    race r = {.consumer = consumer, .out = out, .pulls = pulls, .frame = frame_samples, .began = NOT_YET};
    rta_thread *thread;
    rta_status status = rta_thread_start(&thread, pull_all, &r, "rta-measure", false);
    if (status != RTA_OK) return status;
    while (__atomic_load_n(&r.began, __ATOMIC_SEQ_CST) == NOT_YET) {}
    for (const int64_t until_ns = rta_clock_ns() + delay_ns; rta_clock_ns() < until_ns;) {}
    rta_playout_flush(controls);
    *returned_at = __atomic_load_n(&r.began, __ATOMIC_SEQ_CST);
    rta_thread_join(thread);
    return r.status;
}
