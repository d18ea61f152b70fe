// sources: csrc/ring.c
//
// The ring's rules, one thread: shapes, all or nothing, policies and their counters (law 8), reserve and commit, the end,
// counters that pass 2^64, and a peer that writes impossible counters (law 11).
#include "check.h"
#include "ring.h"

#include <string.h>

typedef struct pair {
    rta_ring_producer producer;
    rta_ring_consumer consumer;
    uint32_t data[16];
    rta_ring_writer w;
    rta_ring_reader r;
} pair;

static void wire(pair *p, uint64_t start, rta_ring_policy policy) {
    memset(p, 0, sizeof *p);
    p->producer.write = p->consumer.read = start;
    CHECK(rta_ring_writer_init(&p->w, &p->producer, &p->consumer, p->data, 16, 4, policy) == RTA_OK);
    CHECK(rta_ring_reader_init(&p->r, &p->consumer, &p->producer, p->data, 16, 4) == RTA_OK);
}

static const uint32_t numbers[32] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
                                     16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31};

static void shapes(void) {
    pair p = {0};
    CHECK(rta_ring_writer_init(&p.w, &p.producer, &p.consumer, p.data, 0, 4, RTA_RING_REJECT) == RTA_INVALID);
    CHECK(rta_ring_writer_init(&p.w, &p.producer, &p.consumer, p.data, 12, 4, RTA_RING_REJECT) == RTA_INVALID);
    CHECK(rta_ring_writer_init(&p.w, &p.producer, &p.consumer, p.data, 16, 0, RTA_RING_REJECT) == RTA_INVALID);
    CHECK(rta_ring_reader_init(&p.r, &p.consumer, &p.producer, p.data, 16, 257) == RTA_INVALID);
    CHECK(rta_ring_reader_init(&p.r, &p.consumer, &p.producer, p.data, 1ull << 63, 4) == RTA_INVALID);
    CHECK(sizeof(rta_ring_producer) == RTA_CACHE_LINE && sizeof(rta_ring_consumer) == RTA_CACHE_LINE);
}

/* Everything twice: from 0, and so that the counters pass 2^64 on the way. */
static void all_or_nothing(uint64_t start) {
    pair p;
    uint32_t out[16];
    wire(&p, start, RTA_RING_REJECT);
    CHECK(rta_ring_push(&p.w, numbers, 10) == RTA_OK);
    CHECK(rta_ring_push(&p.w, numbers, 7) == RTA_FULL);
    CHECK(rta_ring_push(&p.w, numbers, 17) == RTA_INVALID);
    CHECK(p.producer.write == start + 10 && p.producer.rejected == 7 && p.producer.dropped == 0);
    CHECK(rta_ring_pull(&p.r, out, 11) == RTA_EMPTY);
    CHECK(rta_ring_pull(&p.r, out, 17) == RTA_INVALID);
    CHECK(p.consumer.read == start && rta_ring_available(&p.r) == 10);
    CHECK(rta_ring_pull(&p.r, out, 8) == RTA_OK && memcmp(out, numbers, 32) == 0);
    CHECK(rta_ring_push(&p.w, numbers + 10, 14) == RTA_OK && rta_ring_room(&p.w) == 0);
    CHECK(rta_ring_pull(&p.r, out, 16) == RTA_OK && memcmp(out, numbers + 8, 64) == 0);
    CHECK(p.producer.write == start + 24 && p.consumer.read == start + 24);
}

static void policies(void) {
    pair p;
    wire(&p, 0, RTA_RING_DROP_NEWEST);
    CHECK(rta_ring_push(&p.w, numbers, 12) == RTA_OK);
    CHECK(rta_ring_push(&p.w, numbers, 5) == RTA_OK);
    CHECK(p.producer.write == 12 && p.producer.dropped == 5 && p.producer.rejected == 0);
    rta_ring_span span;
    CHECK(rta_ring_reserve(&p.w, 6, &span) == RTA_FULL);
    CHECK(p.producer.dropped == 11);
}

static void in_place(uint64_t start) {
    pair p;
    rta_ring_span span;
    wire(&p, start, RTA_RING_REJECT);
    CHECK(rta_ring_push(&p.w, numbers, 12) == RTA_OK && rta_ring_advance(&p.r, 12) == RTA_OK);
    CHECK(rta_ring_reserve(&p.w, 10, &span) == RTA_OK && span.first_count + span.second_count == 10);
    memcpy(span.first, numbers, span.first_count * 4);
    memcpy(span.second, numbers + span.first_count, span.second_count * 4);
    CHECK(rta_ring_available(&p.r) == 0);
    CHECK(rta_ring_commit(&p.w, 11) == RTA_INVALID);
    CHECK(rta_ring_commit(&p.w, 4) == RTA_OK && rta_ring_available(&p.r) == 4);
    CHECK(rta_ring_commit(&p.w, 6) == RTA_OK && rta_ring_commit(&p.w, 1) == RTA_INVALID);
    CHECK(rta_ring_peek(&p.r, 10, &span) == RTA_OK && span.first_count + span.second_count == 10);
    CHECK(memcmp(span.first, numbers, span.first_count * 4) == 0);
    CHECK(memcmp(span.second, numbers + span.first_count, span.second_count * 4) == 0);
    CHECK(rta_ring_advance(&p.r, 11) == RTA_EMPTY && rta_ring_advance(&p.r, 10) == RTA_OK);
    /* What was reserved and not committed is taken back by the next push. */
    CHECK(rta_ring_reserve(&p.w, 3, &span) == RTA_OK && rta_ring_push(&p.w, numbers, 1) == RTA_OK);
    CHECK(rta_ring_commit(&p.w, 1) == RTA_INVALID && rta_ring_available(&p.r) == 1);
}

static void the_end(void) {
    pair p;
    uint32_t out[16];
    wire(&p, 0, RTA_RING_REJECT);
    CHECK(rta_ring_push(&p.w, numbers, 3) == RTA_OK);
    rta_ring_close(&p.w);
    CHECK(rta_ring_push(&p.w, numbers, 1) == RTA_CLOSED && p.producer.rejected == 0);
    CHECK(rta_ring_pull(&p.r, out, 4) == RTA_CLOSED && rta_ring_available(&p.r) == 3);
    CHECK(rta_ring_pull(&p.r, out, 3) == RTA_OK && rta_ring_pull(&p.r, out, 1) == RTA_CLOSED);
}

/* Neither side moves anything, nor touches memory, on a counter that cannot be. */
static void impossible_counters(uint64_t start) {
    const uint64_t wrong_reads[] = {start + 17, start - 1, start + (1ull << 63), start + (1ull << 32)};
    for (size_t k = 0; k < 4; k++) {
        pair p;
        wire(&p, start, RTA_RING_REJECT);
        CHECK(rta_ring_push(&p.w, numbers, 16) == RTA_OK);
        p.consumer.read = wrong_reads[k];
        CHECK(rta_ring_push(&p.w, numbers, 1) == RTA_CORRUPT);
        CHECK(rta_ring_room(&p.w) == 0 && p.producer.write == start + 16);
        rta_ring_writer late;
        CHECK(rta_ring_writer_init(&late, &p.producer, &p.consumer, p.data, 16, 4, RTA_RING_REJECT) == RTA_CORRUPT);
    }
    const uint64_t wrong_writes[] = {start + 22, start + 4, start - 1, start + (1ull << 63)};
    for (size_t k = 0; k < 4; k++) {
        pair p;
        uint32_t out[16];
        wire(&p, start, RTA_RING_REJECT);
        CHECK(rta_ring_push(&p.w, numbers, 8) == RTA_OK && rta_ring_pull(&p.r, out, 5) == RTA_OK);
        CHECK(rta_ring_available(&p.r) == 3);
        p.producer.write = wrong_writes[k];
        CHECK(rta_ring_pull(&p.r, out, 4) == RTA_CORRUPT);
        CHECK(rta_ring_available(&p.r) == 3 && p.consumer.read == start + 5);
    }
}

int main(void) {
    shapes();
    const uint64_t starts[] = {0, UINT64_MAX - 5, UINT64_MAX - 12, 1ull << 40};
    for (size_t k = 0; k < sizeof starts / sizeof starts[0]; k++) {
        all_or_nothing(starts[k]);
        in_place(starts[k]);
        impossible_counters(starts[k]);
    }
    policies();
    the_end();
    return 0;
}
