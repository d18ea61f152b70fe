/* SPDX-License-Identifier: Apache-2.0
 *
 * Two threads, each kept on a processor of its own: left alone, the scheduler may run both on one in turn, and then no
 * cache line ever moves. Both spin while they wait, since a sleep would be measured instead of the ring; after a long
 * wait they yield, so that a loaded machine gets on (such batches come out slow, hence best and median).
 *
 * Between two looks a waiting side pauses for a few microseconds, still a thousandth of what a live stream waits: one
 * that looks without pause keeps taking the counter's cache line from the other, and measures that (280 ns a frame for
 * 145, on two AMD Zen 4 cores that share no cache).
 *
 * What bounds it: a frame of 480 float32 is 30 cache lines, and each must become the producer's own again before it is
 * overwritten. That is why the ring's consumer touches what it has taken (rta_ring_reader_may_touch). Prefetching (for
 * reading or writing, up to four frames ahead, on either side) and 64-byte or rep movsb copies made no difference.
 */
#include "ring_measure.h"

#include "platform.h"
#include "ring.h"

#include <stdlib.h>
#include <string.h>

enum { BATCHES = 32, PAUSES = 128, SPINS_BEFORE_YIELD = 100, HANDOVER_FRAMES = 64 };

#define NOBODY UINT64_MAX

typedef struct bench {
    _Alignas(RTA_CACHE_LINE) rta_ring_producer producer;
    _Alignas(RTA_CACHE_LINE) rta_ring_consumer consumer;
    _Alignas(RTA_CACHE_LINE) uint64_t turn; /* handover: even, the producer's; odd, the consumer's; NOBODY before */
    _Alignas(RTA_CACHE_LINE) uint64_t batch, frame_samples, capacity;
    float *data, *sent, *received;
    rta_ring_writer writer;
    _Alignas(RTA_CACHE_LINE) rta_ring_reader reader;
    _Alignas(RTA_CACHE_LINE) double write_ns; /* the producer's */
    _Alignas(RTA_CACHE_LINE) double read_ns, batch_ns[BATCHES]; /* the consumer's */
    uint64_t mismatches, pinned[2];
} bench;

static void spin(unsigned *spins) {
    if (++*spins < SPINS_BEFORE_YIELD) {
        for (int i = 0; i < PAUSES; i++) {
#if defined(__x86_64__) || defined(__i386__)
            __builtin_ia32_pause();
#elif defined(__aarch64__)
            __asm__ volatile("yield");
#endif
        }
        return;
    }
    *spins = 0;
    rta_thread_yield();
}

/* Every copy is really made. */
static void used(const void *memory) { __asm__ volatile("" : : "r"(memory) : "memory"); }

/* Each frame bears its number in its first and last sample. */
static void push(bench *b, uint64_t number) {
    b->sent[0] = b->sent[b->frame_samples - 1] = (float)(number & 0xffff);
    for (unsigned spins = 0; rta_ring_push(&b->writer, b->sent, b->frame_samples) != RTA_OK;) spin(&spins);
}

static void pull(bench *b, uint64_t number) {
    for (unsigned spins = 0; rta_ring_pull(&b->reader, b->received, b->frame_samples) != RTA_OK;) spin(&spins);
    const float expected = (float)(number & 0xffff);
    b->mismatches += b->received[0] != expected || b->received[b->frame_samples - 1] != expected;
}

/* Waits for its turn, then times the copying of HANDOVER_FRAMES frames to or from `memory`. */
static void hand_over(bench *b, float *memory, uint64_t side, double *best_ns) {
    *best_ns = 1e18;
    for (uint64_t k = 0; k < BATCHES; k++) {
        for (unsigned spins = 0; __atomic_load_n(&b->turn, __ATOMIC_ACQUIRE) != 2 * k + side;) spin(&spins);
        const int64_t start_ns = rta_clock_ns();
        for (uint64_t f = 0; f < HANDOVER_FRAMES; f++) {
            float *at = memory + f * b->frame_samples;
            if (side == 0) {
                memcpy(at, b->sent, b->frame_samples * sizeof *at);
            } else {
                memcpy(b->received, at, b->frame_samples * sizeof *at);
                for (uint64_t i = 0; i < b->frame_samples; i += RTA_CACHE_LINE / sizeof *at)
                    *(volatile float *)&at[i] = 0; /* as the ring's consumer does */
            }
            used(b->received);
        }
        __atomic_thread_fence(__ATOMIC_SEQ_CST); /* until the stores have left this processor */
        const double ns = (double)(rta_clock_ns() - start_ns) / HANDOVER_FRAMES;
        if (ns < *best_ns) *best_ns = ns;
        __atomic_store_n(&b->turn, 2 * k + side + 1, __ATOMIC_RELEASE);
    }
}

static void produce(void *arg) {
    bench *b = arg;
    b->pinned[0] = rta_thread_pin(0);
    for (uint64_t k = 0; k < b->batch * BATCHES; k++) push(b, k);
    rta_ring_close(&b->writer);
    hand_over(b, b->data, 0, &b->write_ns);
}

static void consume(void *arg) {
    bench *b = arg;
    b->pinned[1] = rta_thread_pin(1);
    uint64_t k = 0;
    for (int batch = 0; batch < BATCHES; batch++) {
        const int64_t start_ns = rta_clock_ns();
        for (const uint64_t end = k + b->batch; k < end; k++) pull(b, k);
        b->batch_ns[batch] = (double)(rta_clock_ns() - start_ns) / (double)b->batch;
    }
    /* Only now is the memory free for the second experiment. */
    __atomic_store_n(&b->turn, 0, __ATOMIC_RELEASE);
    hand_over(b, b->data, 1, &b->read_ns);
}

/* Best of BATCHES; runs before the threads, with the ring to itself. */
static double one_thread(bench *b, bool through_ring) {
    enum { FRAMES = 500 };
    double best = 1e18;
    for (int batch = 0; batch < BATCHES; batch++) {
        const int64_t start_ns = rta_clock_ns();
        for (uint64_t k = 0; k < FRAMES; k++) {
            if (through_ring) {
                push(b, k);
                pull(b, k);
            } else {
                memcpy(b->received, b->sent, b->frame_samples * sizeof *b->sent);
                used(b->received);
            }
        }
        const double ns = (double)(rta_clock_ns() - start_ns) / FRAMES;
        if (ns < best) best = ns;
    }
    return best;
}

static int ascending(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static rta_status run(bench *b, rta_ring_measurement *result) {
    rta_status status = rta_ring_writer_init(&b->writer, &b->producer, &b->consumer, b->data, b->capacity,
                                             sizeof *b->data, RTA_RING_REJECT);
    if (status == RTA_OK)
        status = rta_ring_reader_init(&b->reader, &b->consumer, &b->producer, b->data, b->capacity, sizeof *b->data);
    if (status != RTA_OK) return status;
    rta_ring_reader_may_touch(&b->reader, b->data);
    result->memcpy_ns = one_thread(b, false);
    result->one_thread_ns = one_thread(b, true);
    rta_thread *consumer, *producer;
    status = rta_thread_start(&consumer, consume, b, "rta-measure-out", false);
    if (status != RTA_OK) return status;
    status = rta_thread_start(&producer, produce, b, "rta-measure-in", false);
    if (status != RTA_OK) produce(b); /* the consumer must come to its end; the error is reported */
    rta_thread_join(producer);
    rta_thread_join(consumer);
    qsort(b->batch_ns, BATCHES, sizeof b->batch_ns[0], ascending);
    result->ring_ns = b->batch_ns[0];
    result->ring_median_ns = b->batch_ns[BATCHES / 2];
    result->handover_ns = b->write_ns > b->read_ns ? b->write_ns : b->read_ns;
    result->mismatches = b->mismatches;
    result->processors = b->pinned[0] && b->pinned[1] ? 2 : 1;
    return status;
}

static float *samples(uint64_t count) {
    const size_t bytes = (count * sizeof(float) + RTA_CACHE_LINE - 1) / RTA_CACHE_LINE * RTA_CACHE_LINE;
    float *made = aligned_alloc(RTA_CACHE_LINE, bytes);
    if (made) memset(made, 0, bytes);
    return made;
}

rta_status rta_ring_measure(rta_ring_measurement *result, uint64_t frames, uint64_t frame_samples,
                            uint64_t capacity_frames) {
    *result = (rta_ring_measurement){0};
    if (frames < BATCHES || frame_samples == 0 || frame_samples > (1u << 20) || capacity_frames == 0 ||
        capacity_frames > (1u << 10))
        return RTA_INVALID;
    bench *b = aligned_alloc(RTA_CACHE_LINE, sizeof *b);
    if (!b) return RTA_NOMEM;
    memset(b, 0, sizeof *b);
    b->turn = NOBODY;
    b->batch = frames / BATCHES;
    b->frame_samples = frame_samples;
    for (b->capacity = 16; b->capacity < frame_samples * capacity_frames;) b->capacity *= 2;
    const uint64_t handed = frame_samples * HANDOVER_FRAMES;
    b->data = samples(b->capacity > handed ? b->capacity : handed);
    b->sent = samples(frame_samples);
    b->received = samples(frame_samples);
    const rta_status status = b->data && b->sent && b->received ? run(b, result) : RTA_NOMEM;
    free(b->received);
    free(b->sent);
    free(b->data);
    free(b);
    return status;
}
