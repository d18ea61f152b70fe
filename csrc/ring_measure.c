/* SPDX-License-Identifier: Apache-2.0
 *
 * The consumer takes the time: from its first frame of a batch to its last. Both sides spin while they wait, since a
 * sleep would be measured instead of the ring; after a long wait they yield, so that on a loaded or single-core machine
 * the other side gets its turn (such batches come out slow, which is why the best and the median are reported).
 *
 * Every frame bears its number in its first and last sample, and the consumer checks both.
 */
#include "ring_measure.h"

#include "platform.h"
#include "ring.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

enum { BATCHES = 32, SPINS_BEFORE_YIELD = 2000 };

typedef struct shared {
    _Alignas(RTA_CACHE_LINE) rta_ring_producer producer;
    _Alignas(RTA_CACHE_LINE) rta_ring_consumer consumer;
    _Alignas(RTA_CACHE_LINE) uint64_t frames, frame_samples, capacity;
    float *data;
} shared;

static void spin(unsigned *spins) {
    if (++*spins < SPINS_BEFORE_YIELD) {
#if defined(__x86_64__) || defined(__i386__)
        __builtin_ia32_pause();
#elif defined(__aarch64__)
        __asm__ volatile("yield");
#endif
        return;
    }
    *spins = 0;
    sched_yield();
}

static void produce(void *arg) {
    shared *s = arg;
    rta_ring_writer writer;
    float *frame = calloc(s->frame_samples, sizeof *frame);
    if (frame && rta_ring_writer_init(&writer, &s->producer, &s->consumer, s->data, s->capacity, sizeof *frame,
                                      RTA_RING_REJECT) == RTA_OK) {
        for (uint64_t k = 0; k < s->frames; k++) {
            frame[0] = frame[s->frame_samples - 1] = (float)(k & 0xffff);
            for (unsigned spins = 0; rta_ring_push(&writer, frame, s->frame_samples) != RTA_OK;) spin(&spins);
        }
    }
    __atomic_store_n(&s->producer.closed, 1, __ATOMIC_RELEASE);
    free(frame);
}

static int ascending(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Returns false if the producer gave up. */
static bool consume(shared *s, float *frame, rta_ring_measurement *result) {
    rta_ring_reader reader;
    double batch_ns[BATCHES];
    const uint64_t batch = s->frames / BATCHES, samples = s->frame_samples;
    if (rta_ring_reader_init(&reader, &s->consumer, &s->producer, s->data, s->capacity, sizeof *frame) != RTA_OK)
        return false;
    uint64_t k = 0;
    for (int b = 0; b < BATCHES; b++) {
        const int64_t start_ns = rta_clock_ns();
        for (uint64_t end = k + batch; k < end; k++) {
            rta_status status;
            for (unsigned spins = 0; (status = rta_ring_pull(&reader, frame, samples)) == RTA_EMPTY;) spin(&spins);
            if (status != RTA_OK) return false;
            const float expected = (float)(k & 0xffff);
            result->mismatches += frame[0] != expected || frame[samples - 1] != expected;
        }
        batch_ns[b] = (double)(rta_clock_ns() - start_ns) / (double)batch;
    }
    qsort(batch_ns, BATCHES, sizeof batch_ns[0], ascending);
    result->ring_ns = batch_ns[0];
    result->ring_median_ns = batch_ns[BATCHES / 2];
    return true;
}

static double measure_memcpy(float *to, uint64_t samples) {
    double best = 1e18;
    float *from = calloc(samples, sizeof *from);
    if (!from) return 0;
    for (int b = 0; b < BATCHES; b++) {
        enum { COPIES = 1000 };
        const int64_t start_ns = rta_clock_ns();
        for (int i = 0; i < COPIES; i++) {
            memcpy(to, from, samples * sizeof *to);
            __asm__ volatile("" : : "r"(to), "r"(from) : "memory"); /* every copy is really made */
        }
        const double ns = (double)(rta_clock_ns() - start_ns) / COPIES;
        if (ns < best) best = ns;
    }
    free(from);
    return best;
}

rta_status rta_ring_measure(rta_ring_measurement *result, uint64_t frames, uint64_t frame_samples,
                            uint64_t capacity_frames) {
    *result = (rta_ring_measurement){0};
    if (frames < BATCHES || frame_samples == 0 || frame_samples > (1u << 20) || capacity_frames == 0 ||
        capacity_frames > (1u << 10))
        return RTA_INVALID;
    shared *s = aligned_alloc(RTA_CACHE_LINE, sizeof *s);
    if (!s) return RTA_NOMEM;
    memset(s, 0, sizeof *s);
    s->frames = frames / BATCHES * BATCHES;
    s->frame_samples = frame_samples;
    for (s->capacity = 16; s->capacity < frame_samples * capacity_frames;) s->capacity *= 2;
    s->data = aligned_alloc(RTA_CACHE_LINE, s->capacity * sizeof *s->data);
    float *frame = aligned_alloc(RTA_CACHE_LINE, (frame_samples * sizeof *frame + 63) / 64 * 64);
    rta_status status = s->data && frame ? RTA_OK : RTA_NOMEM;
    if (status == RTA_OK) {
        memset(s->data, 0, s->capacity * sizeof *s->data);
        result->memcpy_ns = measure_memcpy(frame, frame_samples);
        rta_thread *thread;
        status = rta_thread_start(&thread, produce, s, "rta-measure", false);
        if (status == RTA_OK) {
            if (!consume(s, frame, result)) status = RTA_NOMEM;
            rta_thread_join(thread);
        }
    }
    free(frame);
    free(s->data);
    free(s);
    return status;
}
