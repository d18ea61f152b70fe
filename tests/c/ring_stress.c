// sources: csrc/ring.c csrc/platform.c
//
// A ring between two threads and between two processes: numbered elements through all calls, in frames of random length,
// counters passing 2^64 on the way; the consumer sees every number once and in order (reject), or a strictly rising
// sequence of whole frames with every missing element counted (drop_newest).
#include "check.h"
#include "platform.h"
#include "ring.h"

#include <string.h>

enum { CAPACITY = 1024, LONGEST = 300, ELEMENTS = 3000000 };
static const uint64_t START = UINT64_MAX - 100000;

/* Each side in memory of its own, as in a port. */
typedef struct sides {
    struct producer_side {
        rta_ring_producer counters;
        uint32_t data[CAPACITY];
    } *producer;
    rta_ring_consumer *consumer;
    rta_ring_policy policy;
    bool touch; /* the consumer may write the data region: same process */
    uint64_t offered, taken; /* each written by one side, read when both are done */
} sides;

static void produce(void *arg) {
    sides *s = arg;
    rta_ring_writer w;
    uint64_t random = 1;
    uint32_t frame[LONGEST], next = 0;
    CHECK(rta_ring_writer_init(&w, &s->producer->counters, s->consumer, s->producer->data, CAPACITY, 4, s->policy) ==
          RTA_OK);
    while (s->offered < ELEMENTS) {
        const uint64_t count = random_between(&random, 1, LONGEST);
        for (uint64_t i = 0; i < count; i++) frame[i] = next + (uint32_t)i;
        rta_status status;
        if (next_random(&random) >> 63) {
            status = rta_ring_push(&w, frame, count);
        } else {
            rta_ring_span span;
            status = rta_ring_reserve(&w, count, &span);
            if (status == RTA_OK) {
                memcpy(span.first, frame, span.first_count * 4);
                memcpy(span.second, frame + span.first_count, span.second_count * 4);
                status = rta_ring_commit(&w, count);
            }
        }
        CHECK(status == RTA_OK || status == RTA_FULL);
        if (status == RTA_OK || s->policy == RTA_RING_DROP_NEWEST) {
            next += (uint32_t)count;
            s->offered += count;
        }
        if (status == RTA_FULL || (s->policy == RTA_RING_DROP_NEWEST && count % 8 == 0)) sched_yield();
    }
    rta_ring_close(&w);
}

static void verify(const sides *s, const uint32_t *elems, uint64_t count, uint32_t *next) {
    for (uint64_t i = 0; i < count; i++) {
        CHECK(s->policy == RTA_RING_REJECT ? elems[i] == *next : elems[i] - *next < (1u << 31));
        *next = elems[i] + 1;
    }
}

static void consume(void *arg) {
    sides *s = arg;
    rta_ring_reader r;
    uint64_t random = 2;
    uint32_t frame[LONGEST], next = 0;
    CHECK(rta_ring_reader_init(&r, s->consumer, &s->producer->counters, s->producer->data, CAPACITY, 4) == RTA_OK);
    if (s->touch) rta_ring_reader_may_touch(&r, s->producer->data);
    for (;;) {
        uint64_t count = random_between(&random, 1, LONGEST);
        rta_status status;
        if (next_random(&random) >> 63) {
            status = rta_ring_pull(&r, frame, count);
            if (status == RTA_OK) verify(s, frame, count, &next);
        } else {
            rta_ring_span span;
            status = rta_ring_peek(&r, count, &span);
            if (status == RTA_OK) {
                verify(s, span.first, span.first_count, &next);
                verify(s, span.second, span.second_count, &next);
                CHECK(rta_ring_advance(&r, count) == RTA_OK);
            }
        }
        if (status == RTA_CLOSED) {
            count = rta_ring_available(&r);
            CHECK(count < LONGEST);
            if (count && rta_ring_pull(&r, frame, count) == RTA_OK) verify(s, frame, count, &next);
            s->taken += count;
            return;
        }
        CHECK(status == RTA_OK || status == RTA_EMPTY);
        if (status == RTA_OK) s->taken += count;
        else sched_yield();
    }
}

static void account(const sides *s) {
    const rta_ring_producer *p = &s->producer->counters;
    CHECK(p->write - START == s->taken && s->consumer->read == p->write);
    CHECK(s->taken + p->dropped == s->offered);
    CHECK(s->policy == RTA_RING_REJECT ? p->dropped == 0 : p->rejected == 0);
}

static void two_threads(rta_ring_policy policy, bool touch) {
    rta_region a, b;
    CHECK(rta_region_private(&a, sizeof(struct producer_side)) == RTA_OK);
    CHECK(rta_region_private(&b, sizeof(rta_ring_consumer)) == RTA_OK);
    sides s = {.producer = a.base, .consumer = b.base, .policy = policy, .touch = touch};
    s.producer->counters.write = s.consumer->read = START;
    rta_thread *producer, *consumer;
    CHECK(rta_thread_start(&producer, produce, &s, "producer", false) == RTA_OK);
    CHECK(rta_thread_start(&consumer, consume, &s, "consumer", false) == RTA_OK);
    rta_thread_join(producer);
    rta_thread_join(consumer);
    account(&s);
    rta_region_close(&a);
    rta_region_close(&b);
}

/* Each process writes its own region and maps the other's read-only: a stray write would kill it. */
static void two_processes(rta_ring_policy policy) {
    rta_region a, b;
    CHECK(rta_region_create(&a, sizeof(struct producer_side), "producer") == RTA_OK);
    CHECK(rta_region_create(&b, sizeof(rta_ring_consumer), "consumer") == RTA_OK);
    ((struct producer_side *)a.base)->counters.write = ((rta_ring_consumer *)b.base)->read = START;
    const pid_t child = fork();
    CHECK(child >= 0);
    rta_region other;
    if (child == 0) {
        CHECK(rta_region_attach(&other, a.fd, sizeof(struct producer_side)) == RTA_OK);
        rta_region_close(&a);
        sides s = {.producer = other.base, .consumer = b.base, .policy = policy};
        consume(&s);
        CHECK(policy == RTA_RING_DROP_NEWEST || s.taken == s.producer->counters.write - START);
        _exit(0);
    }
    CHECK(rta_region_attach(&other, b.fd, sizeof(rta_ring_consumer)) == RTA_OK);
    rta_region_close(&b);
    sides s = {.producer = a.base, .consumer = other.base, .policy = policy};
    produce(&s);
    expect_child(child);
    s.taken = s.consumer->read - START;
    account(&s);
    rta_region_close(&a);
    rta_region_close(&other);
}

int main(void) {
    /* Forks first: while this process has one thread. */
    two_processes(RTA_RING_REJECT);
    two_processes(RTA_RING_DROP_NEWEST);
    for (int touch = 0; touch < 2; touch++) {
        two_threads(RTA_RING_REJECT, touch);
        two_threads(RTA_RING_DROP_NEWEST, touch);
    }
    return 0;
}
