// sources: csrc/history.c
//
// The history's rules, one thread: what is retained, where a late reader starts, what a view may show, the end, and a
// writer that shows impossible counters (law 11).
#include "check.h"
#include "history.h"

#include <string.h>

enum { CAPACITY = 16, GUARD = 4 };

static rta_history_block block;
static uint32_t data[CAPACITY], next;
static rta_history_writer w;
static rta_history_reader r;

static void fresh(void) {
    memset(&block, 0, sizeof block);
    next = 0;
    CHECK(rta_history_writer_init(&w, &block, data, CAPACITY, 4) == RTA_OK);
    CHECK(rta_history_reader_init(&r, &block, data, CAPACITY, 4, GUARD, 0) == RTA_OK);
}

static void write_numbers(uint32_t count) {
    for (uint32_t i = 0; i < count; i++, next++) CHECK(rta_history_write(&w, &next, 1) == RTA_OK);
}

static void retained_is_capacity_less_guard(void) {
    uint32_t out[CAPACITY];
    fresh();
    write_numbers(12);
    CHECK(rta_history_oldest(&r) == 0 && rta_history_available(&r) == 12);
    write_numbers(8);
    CHECK(rta_history_oldest(&r) == 8);
    CHECK(rta_history_read(&r, out, 3) == RTA_LOST && r.position == 8 && r.lost == 8);
    CHECK(rta_history_read(&r, out, 3) == RTA_OK && out[0] == 8 && out[2] == 10 && r.position == 11);
    CHECK(rta_history_copy(&r, 9, out, 11) == RTA_OK && out[0] == 9 && out[10] == 19 && r.position == 11);
    CHECK(rta_history_copy(&r, 7, out, 2) == RTA_LOST && rta_history_copy(&r, 18, out, 3) == RTA_EMPTY);
    CHECK(rta_history_copy(&r, 8, out, 13) == RTA_INVALID);
    rta_history_reader late;
    CHECK(rta_history_reader_init(&late, &block, data, CAPACITY, 4, GUARD, 5) == RTA_OK);
    CHECK(late.position == 8 && late.lost == 3);
    CHECK(rta_history_reader_init(&late, &block, data, CAPACITY, 4, GUARD, 25) == RTA_OK);
    CHECK(late.position == 25 && late.lost == 0 && rta_history_available(&late) == 0);
    CHECK(rta_history_read(&late, out, 1) == RTA_EMPTY);
}

static void views_keep_behind_commit_and_guard(void) {
    rta_ring_span span;
    fresh();
    write_numbers(20);
    CHECK(rta_history_view(&r, 10, 9, 2, &span) == RTA_LOST);
    CHECK(rta_history_view(&r, 10, 10, 10, &span) == RTA_OK && span.first_count == 6 && span.second_count == 4);
    CHECK(*(uint32_t *)span.first == 10 && *(uint32_t *)span.second == 16);
    CHECK(rta_history_view(&r, 0, 7, 2, &span) == RTA_LOST && rta_history_view(&r, 0, 19, 2, &span) == RTA_EMPTY);
    CHECK(rta_history_view(&r, 0, 8, 2, &span) == RTA_OK);
    write_numbers(GUARD); /* what the guard is for: still there */
    CHECK(rta_history_valid(&r, 8) && *(uint32_t *)span.first == 8);
    write_numbers(1);
    CHECK(!rta_history_valid(&r, 8) && rta_history_valid(&r, 9));
}

static void an_announced_write_already_counts(void) {
    fresh();
    write_numbers(16);
    block.reserve = 20; /* the writer is in the middle of four more */
    uint32_t out[8];
    CHECK(rta_history_oldest(&r) == 8 && !rta_history_valid(&r, 3) && rta_history_valid(&r, 4));
    CHECK(rta_history_copy(&r, 7, out, 1) == RTA_LOST && rta_history_copy(&r, 15, out, 2) == RTA_EMPTY);
}

static void the_end_and_bad_arguments(void) {
    uint32_t out[CAPACITY];
    fresh();
    CHECK(rta_history_write(&w, data, CAPACITY / 2 + 1) == RTA_INVALID);
    write_numbers(3);
    rta_history_close(&w);
    CHECK(rta_history_write(&w, data, 1) == RTA_CLOSED);
    CHECK(rta_history_read(&r, out, 4) == RTA_CLOSED && rta_history_read(&r, out, 3) == RTA_OK);
    CHECK(rta_history_read(&r, out, 1) == RTA_CLOSED);
    CHECK(rta_history_writer_init(&w, &block, data, 12, 4) == RTA_INVALID);
    CHECK(rta_history_reader_init(&r, &block, data, CAPACITY, 4, CAPACITY, 0) == RTA_INVALID);
}

static void impossible_counters(void) {
    uint32_t out[4];
    rta_ring_span span;
    fresh();
    write_numbers(6);
    block.write = 7; /* beyond what was announced */
    CHECK(rta_history_read(&r, out, 2) == RTA_CORRUPT && rta_history_view(&r, 0, 0, 2, &span) == RTA_CORRUPT);
    CHECK(r.position == 0 && r.lost == 0);
    block.write = 6, block.reserve = 15; /* announced more than one write may take */
    CHECK(rta_history_copy(&r, 3, out, 2) == RTA_CORRUPT);
}

int main(void) {
    retained_is_capacity_less_guard();
    views_keep_behind_commit_and_guard();
    an_announced_write_already_counts();
    the_end_and_bad_arguments();
    impossible_counters();
    return 0;
}
