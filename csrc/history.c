/* SPDX-License-Identifier: Apache-2.0
 *
 * A sequence lock whose sequence is the media position. The writer announces `reserve`, then copies, then publishes
 * `write`; the reader copies, then looks at `reserve`: what lies at or after reserve - capacity was not touched.
 *
 * The copies themselves race by design, and the result of a copy that lost the race is thrown away. The C memory model
 * allows that for atomic accesses only. In normal builds they are memcpy, which moves the same bytes faster; built for
 * the thread sanitizer, they go word by word through relaxed atomics, so that every report it still makes is real.
 *
 * Positions start at 0 and do not wrap (2^64 samples last longer than the hardware).
 */
#include "history.h"

#include <string.h>

#if defined(__SANITIZE_THREAD__)
#define RTA_HISTORY_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define RTA_HISTORY_TSAN 1
#endif
#endif

#ifdef RTA_HISTORY_TSAN
static void racing_store(unsigned char *to, const unsigned char *from, size_t bytes) {
    for (size_t i = 0; i < bytes; i++) __atomic_store_n(&to[i], from[i], __ATOMIC_RELAXED);
}
static void racing_load(unsigned char *to, const unsigned char *from, size_t bytes) {
    for (size_t i = 0; i < bytes; i++) to[i] = __atomic_load_n(&from[i], __ATOMIC_RELAXED);
}
/* The sanitizer does not know fences; these do the same between accesses it orders itself. */
static void announce(uint64_t *reserve, uint64_t value) { (void)__atomic_exchange_n(reserve, value, __ATOMIC_SEQ_CST); }
static uint64_t recheck(const uint64_t *reserve) { return __atomic_load_n(reserve, __ATOMIC_SEQ_CST); }
#else
static void racing_store(unsigned char *to, const unsigned char *from, size_t bytes) { memcpy(to, from, bytes); }
static void racing_load(unsigned char *to, const unsigned char *from, size_t bytes) { memcpy(to, from, bytes); }
/* Ordered before the data that follows. */
static void announce(uint64_t *reserve, uint64_t value) {
    __atomic_store_n(reserve, value, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE);
}
/* Ordered after the data that came before. */
static uint64_t recheck(const uint64_t *reserve) {
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    return __atomic_load_n(reserve, __ATOMIC_RELAXED);
}
#endif

static uint64_t minimum(uint64_t a, uint64_t b) { return a < b ? a : b; }
static uint64_t minus_or_zero(uint64_t a, uint64_t b) { return a > b ? a - b : 0; }

static bool valid_shape(uint64_t capacity, uint64_t elem_bytes) {
    return capacity >= 2 && (capacity & (capacity - 1)) == 0 && elem_bytes >= 1 && elem_bytes <= 256 &&
           capacity <= SIZE_MAX / elem_bytes;
}

/* ---- Writer */

rta_status rta_history_writer_init(rta_history_writer *w, rta_history_block *own, void *data, uint64_t capacity,
                                   uint64_t elem_bytes) {
    if (!valid_shape(capacity, elem_bytes)) return RTA_INVALID;
    *w = (rta_history_writer){
        .own = own, .data = data, .capacity = capacity, .mask = capacity - 1, .elem_bytes = elem_bytes};
    return RTA_OK;
}

rta_status rta_history_write(rta_history_writer *w, const void *elems, uint64_t count) {
    if (count > w->capacity / 2) return RTA_INVALID;
    if (__atomic_load_n(&w->own->closed, __ATOMIC_RELAXED)) return RTA_CLOSED;
    if (count == 0) return RTA_OK;
    const uint64_t write = __atomic_load_n(&w->own->write, __ATOMIC_RELAXED);
    const uint64_t start = write & w->mask;
    const uint64_t first = minimum(count, w->capacity - start);
    const unsigned char *from = elems;
    announce(&w->own->reserve, write + count);
    racing_store(w->data + start * w->elem_bytes, from, first * w->elem_bytes);
    if (first < count) racing_store(w->data, from + first * w->elem_bytes, (count - first) * w->elem_bytes);
    __atomic_store_n(&w->own->write, write + count, __ATOMIC_RELEASE);
    return RTA_OK;
}

void rta_history_close(rta_history_writer *w) { __atomic_store_n(&w->own->closed, 1, __ATOMIC_RELEASE); }

/* ---- Reader */

static uint64_t load_write(const rta_history_reader *r) { return __atomic_load_n(&r->peer->write, __ATOMIC_ACQUIRE); }
static uint64_t load_reserve(const rta_history_reader *r) {
    return __atomic_load_n(&r->peer->reserve, __ATOMIC_ACQUIRE);
}

/* The first position outside the guard. */
static uint64_t retained_from(const rta_history_reader *r, uint64_t reserve) {
    return minus_or_zero(reserve, r->capacity - r->guard);
}

/* Both counters come from another process. While `reserve` stands still, `write` is at most half a ring behind it;
 * while it moves nothing can be said, and nothing needs to be: every position is masked before it is used. */
static bool possible(const rta_history_reader *r) {
    const uint64_t before = load_reserve(r);
    const uint64_t write = load_write(r);
    if (load_reserve(r) != before) return true;
    return before - write <= r->capacity / 2;
}

static rta_status reader_state(const rta_history_reader *r, uint64_t from, uint64_t count) {
    if (count > r->capacity - r->guard) return RTA_INVALID;
    if (!possible(r)) return RTA_CORRUPT;
    if (from < retained_from(r, load_reserve(r))) return RTA_LOST;
    /* Closed is read first: what was written before the close is then seen in `write`. */
    const bool closed = __atomic_load_n(&r->peer->closed, __ATOMIC_ACQUIRE) != 0;
    if (minus_or_zero(load_write(r), from) >= count) return RTA_OK;
    return closed ? RTA_CLOSED : RTA_EMPTY;
}

rta_status rta_history_reader_init(rta_history_reader *r, const rta_history_block *peer, const void *data,
                                   uint64_t capacity, uint64_t elem_bytes, uint64_t guard, uint64_t position) {
    if (!valid_shape(capacity, elem_bytes) || guard >= capacity) return RTA_INVALID;
    *r = (rta_history_reader){.peer = peer,
                              .data = data,
                              .capacity = capacity,
                              .mask = capacity - 1,
                              .elem_bytes = elem_bytes,
                              .guard = guard,
                              .position = position};
    const uint64_t oldest = rta_history_oldest(r);
    r->lost = minus_or_zero(oldest, position);
    r->position = position + r->lost;
    return possible(r) ? RTA_OK : RTA_CORRUPT;
}

uint64_t rta_history_available(const rta_history_reader *r) { return minus_or_zero(load_write(r), r->position); }

uint64_t rta_history_oldest(const rta_history_reader *r) { return retained_from(r, load_reserve(r)); }

bool rta_history_valid(const rta_history_reader *r, uint64_t from) {
    return from >= minus_or_zero(recheck(&r->peer->reserve), r->capacity);
}

rta_status rta_history_copy(const rta_history_reader *r, uint64_t from, void *elems, uint64_t count) {
    const rta_status status = reader_state(r, from, count);
    if (status != RTA_OK || count == 0) return status;
    const uint64_t start = from & r->mask;
    const uint64_t first = minimum(count, r->capacity - start);
    unsigned char *to = elems;
    racing_load(to, r->data + start * r->elem_bytes, first * r->elem_bytes);
    if (first < count) racing_load(to + first * r->elem_bytes, r->data, (count - first) * r->elem_bytes);
    return rta_history_valid(r, from) ? RTA_OK : RTA_LOST;
}

rta_status rta_history_read(rta_history_reader *r, void *elems, uint64_t count) {
    const rta_status status = rta_history_copy(r, r->position, elems, count);
    if (status == RTA_OK) r->position += count;
    if (status == RTA_LOST) {
        const uint64_t lost = minus_or_zero(rta_history_oldest(r), r->position);
        r->lost += lost;
        r->position += lost;
    }
    return status;
}

rta_status rta_history_view(const rta_history_reader *r, uint64_t commit, uint64_t from, uint64_t count,
                            rta_ring_span *span) {
    if (from < commit) return RTA_LOST;
    const rta_status status = reader_state(r, from, count);
    if (status != RTA_OK) return status;
    const uint64_t start = from & r->mask;
    unsigned char *base = (unsigned char *)r->data;
    span->first = base + start * r->elem_bytes;
    span->first_count = minimum(count, r->capacity - start);
    span->second = base;
    span->second_count = count - span->first_count;
    return RTA_OK;
}
