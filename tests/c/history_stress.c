// sources: csrc/history.c csrc/platform.c
//
// A history between a writer that never waits and two readers, in threads and across two processes. Element k holds k:
// what a reader gets is what belongs at that position, whole, and what it did not get is counted as lost. Readers without
// a guard live at the very edge of what is being overwritten.
#include "check.h"
#include "history.h"
#include "platform.h"

enum { CAPACITY = 4096, GUARD = 1024, LONGEST = 400, ELEMENTS = 3000000 };

typedef struct ring {
    rta_history_block block;
    uint32_t data[CAPACITY];
} ring;

static void write_all(void *arg) {
    ring *h = arg;
    rta_history_writer w;
    uint64_t random = 1, next = 0;
    uint32_t frame[LONGEST];
    CHECK(rta_history_writer_init(&w, &h->block, h->data, CAPACITY, 4) == RTA_OK);
    while (next < ELEMENTS) {
        const uint64_t count = random_between(&random, 1, LONGEST);
        for (uint64_t i = 0; i < count; i++) frame[i] = (uint32_t)(next + i);
        CHECK(rta_history_write(&w, frame, count) == RTA_OK);
        next += count;
        if (count % 4 == 0) sched_yield();
    }
    rta_history_close(&w);
    CHECK(rta_history_write(&w, frame, 1) == RTA_CLOSED);
}

/* Views are read while the writer may already be at them; the answer counts only if valid() says so afterwards. */
static bool view_is_right(const rta_history_reader *r, const rta_ring_span *span, uint64_t from) {
    bool right = true;
    const uint32_t *parts[2] = {span->first, span->second};
    const uint64_t counts[2] = {span->first_count, span->second_count};
    uint64_t at = from;
    for (int k = 0; k < 2; k++)
        for (uint64_t i = 0; i < counts[k]; i++)
            right &= __atomic_load_n(&parts[k][i], __ATOMIC_RELAXED) == (uint32_t)at++;
    return right || !rta_history_valid(r, from);
}

static void read_all(const ring *h, uint64_t guard) {
    rta_history_reader r;
    uint64_t random = 3, got = 0, at = 0;
    uint32_t frame[LONGEST];
    CHECK(rta_history_reader_init(&r, &h->block, h->data, CAPACITY, 4, guard, 0) == RTA_OK);
    uint64_t skipped = r.lost; /* it may start late */
    for (;;) {
        at = r.position;
        uint64_t count = random_between(&random, 1, LONGEST);
        const uint64_t lost = r.lost;
        rta_ring_span span;
        if (count % 2 && rta_history_view(&r, 0, at, count, &span) == RTA_OK) CHECK(view_is_right(&r, &span, at));
        rta_status status = rta_history_read(&r, frame, count);
        if (status == RTA_CLOSED && rta_history_available(&r)) {
            count = rta_history_available(&r);
            status = rta_history_read(&r, frame, count);
        }
        if (status == RTA_CLOSED) break;
        CHECK(status == RTA_OK || status == RTA_EMPTY || status == RTA_LOST);
        if (status == RTA_OK) {
            for (uint64_t i = 0; i < count; i++) CHECK(frame[i] == (uint32_t)(at + i));
            got += count;
        } else if (status == RTA_LOST) {
            CHECK(r.lost > lost && r.position == at + (r.lost - lost));
            skipped += r.lost - lost;
        } else {
            sched_yield();
        }
        if (count % 64 == 0) sched_yield();
    }
    CHECK(r.position == __atomic_load_n(&h->block.write, __ATOMIC_ACQUIRE));
    CHECK(got + skipped == r.position && skipped == r.lost);
}

static void read_guarded(void *ring) { read_all(ring, GUARD); }
static void read_at_the_edge(void *ring) { read_all(ring, 0); }

static void two_processes(void (*read)(void *)) {
    rta_region own;
    CHECK(rta_region_create(&own, sizeof(ring), "history") == RTA_OK);
    const pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        rta_region other;
        CHECK(rta_region_attach(&other, own.fd, sizeof(ring)) == RTA_OK);
        rta_region_close(&own);
        read(other.base);
        _exit(0);
    }
    write_all(own.base);
    expect_child(child);
    rta_region_close(&own);
}

static void three_threads(void) {
    rta_region own;
    CHECK(rta_region_private(&own, sizeof(ring)) == RTA_OK);
    rta_thread *writer, *readers[2];
    CHECK(rta_thread_start(&readers[0], read_guarded, own.base, "reader", false) == RTA_OK);
    CHECK(rta_thread_start(&readers[1], read_at_the_edge, own.base, "reader", false) == RTA_OK);
    CHECK(rta_thread_start(&writer, write_all, own.base, "writer", false) == RTA_OK);
    rta_thread_join(writer);
    rta_thread_join(readers[0]);
    rta_thread_join(readers[1]);
    rta_region_close(&own);
}

int main(void) {
    two_processes(read_guarded);
    two_processes(read_at_the_edge);
    three_threads();
    return 0;
}
