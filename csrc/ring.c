/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory order. Each counter has one writing side, which may read its own relaxed. The producer fills the data, then
 * stores `write` with release; the consumer loads `write` with acquire, copies, then stores `read` with release;
 * the producer loads `read` with acquire before it overwrites. So neither side ever touches an element that the other
 * may be touching.
 *
 * All differences are modular, so the counters may pass 2^64.
 */
#include "ring.h"

#include <string.h>

static uint64_t load_own(const uint64_t *counter) { return __atomic_load_n(counter, __ATOMIC_RELAXED); }
static uint64_t load_peer(const uint64_t *counter) { return __atomic_load_n(counter, __ATOMIC_ACQUIRE); }
static void publish(uint64_t *counter, uint64_t value) { __atomic_store_n(counter, value, __ATOMIC_RELEASE); }

/* Counters of one writing thread, read by others only to report them. */
static void count_up(uint64_t *counter, uint64_t by) {
    __atomic_store_n(counter, load_own(counter) + by, __ATOMIC_RELAXED);
}

static bool valid_shape(uint64_t capacity, uint64_t elem_bytes) {
    return capacity != 0 && (capacity & (capacity - 1)) == 0 && elem_bytes >= 1 && elem_bytes <= 256 &&
           capacity <= SIZE_MAX / elem_bytes;
}

/* The stretch [position, position + count) of the ring; count <= capacity. */
static void span_at(const unsigned char *data, uint64_t capacity, uint64_t elem_bytes, uint64_t position,
                    uint64_t count, rta_ring_span *span) {
    const uint64_t start = position & (capacity - 1);
    const uint64_t to_end = capacity - start;
    unsigned char *base = (unsigned char *)data;
    span->first = base + start * elem_bytes;
    span->first_count = count < to_end ? count : to_end;
    span->second = base;
    span->second_count = count - span->first_count;
}

/* ---- Producer */

rta_status rta_ring_writer_init(rta_ring_writer *w, rta_ring_producer *own, const rta_ring_consumer *peer, void *data,
                                uint64_t capacity, uint64_t elem_bytes, rta_ring_policy policy) {
    if (!valid_shape(capacity, elem_bytes)) return RTA_INVALID;
    const uint64_t read = load_peer(&peer->read);
    if (load_own(&own->write) - read > capacity) return RTA_CORRUPT;
    *w = (rta_ring_writer){.own = own,
                           .peer = peer,
                           .data = data,
                           .capacity = capacity,
                           .mask = capacity - 1,
                           .elem_bytes = elem_bytes,
                           .cached_read = read,
                           .policy = policy};
    return RTA_OK;
}

/* Takes in the consumer's counter. It only grows and never passes ours; anything else is not acted on. */
static rta_status refresh_read(rta_ring_writer *w, uint64_t write) {
    const uint64_t read = load_peer(&w->peer->read);
    if (read - w->cached_read > write - w->cached_read) return RTA_CORRUPT;
    w->cached_read = read;
    return RTA_OK;
}

/* RTA_OK: count elements may be written at `write`. Counts a refusal. */
static rta_status make_room(rta_ring_writer *w, uint64_t write, uint64_t count) {
    if (count > w->capacity) return RTA_INVALID;
    if (load_own(&w->own->closed)) return RTA_CLOSED;
    if (w->capacity - (write - w->cached_read) >= count) return RTA_OK;
    const rta_status status = refresh_read(w, write);
    if (status != RTA_OK) return status;
    if (w->capacity - (write - w->cached_read) >= count) return RTA_OK;
    count_up(w->policy == RTA_RING_REJECT ? &w->own->rejected : &w->own->dropped, count);
    return RTA_FULL;
}

rta_status rta_ring_push(rta_ring_writer *w, const void *elems, uint64_t count) {
    const uint64_t write = load_own(&w->own->write);
    const rta_status status = make_room(w, write, count);
    w->reserved = 0;
    if (status == RTA_FULL && w->policy == RTA_RING_DROP_NEWEST) return RTA_OK;
    if (status != RTA_OK || count == 0) return status;
    rta_ring_span span;
    span_at(w->data, w->capacity, w->elem_bytes, write, count, &span);
    memcpy(span.first, elems, span.first_count * w->elem_bytes);
    if (span.second_count)
        memcpy(span.second, (const unsigned char *)elems + span.first_count * w->elem_bytes,
               span.second_count * w->elem_bytes);
    publish(&w->own->write, write + count);
    return RTA_OK;
}

uint64_t rta_ring_room(rta_ring_writer *w) {
    const uint64_t write = load_own(&w->own->write);
    (void)refresh_read(w, write); /* an impossible counter leaves the last good one */
    return w->capacity - (write - w->cached_read);
}

rta_status rta_ring_reserve(rta_ring_writer *w, uint64_t count, rta_ring_span *span) {
    const uint64_t write = load_own(&w->own->write);
    const rta_status status = make_room(w, write, count);
    w->reserved = status == RTA_OK ? count : 0;
    if (status == RTA_OK) span_at(w->data, w->capacity, w->elem_bytes, write, count, span);
    return status;
}

rta_status rta_ring_commit(rta_ring_writer *w, uint64_t count) {
    if (count > w->reserved) return RTA_INVALID;
    if (load_own(&w->own->closed)) return RTA_CLOSED;
    w->reserved -= count;
    publish(&w->own->write, load_own(&w->own->write) + count);
    return RTA_OK;
}

void rta_ring_close(rta_ring_writer *w) { publish(&w->own->closed, 1); }

/* ---- Consumer */

rta_status rta_ring_reader_init(rta_ring_reader *r, rta_ring_consumer *own, const rta_ring_producer *peer,
                                const void *data, uint64_t capacity, uint64_t elem_bytes) {
    if (!valid_shape(capacity, elem_bytes)) return RTA_INVALID;
    const uint64_t write = load_peer(&peer->write);
    if (write - load_own(&own->read) > capacity) return RTA_CORRUPT;
    *r = (rta_ring_reader){.own = own,
                           .peer = peer,
                           .data = data,
                           .capacity = capacity,
                           .mask = capacity - 1,
                           .elem_bytes = elem_bytes,
                           .cached_write = write};
    return RTA_OK;
}

void rta_ring_reader_may_touch(rta_ring_reader *r, void *data) { r->touch = data; }

/* Only bytes of elements that are the consumer's are stored, so that a line shared with the frame the producer is now
 * writing takes no harm. A prefetch for writing does not have the effect; the store does. Handing a frame of 1920 bytes
 * from core to core and back (AMD Zen 4, shared L3): 225 ns without, 35 ns with. */
static void touch_lines(unsigned char *from, uint64_t bytes) {
    for (uint64_t i = 0; i < bytes; i += RTA_CACHE_LINE) {
        volatile unsigned char *byte = from + i;
        *byte = *byte;
    }
}

/* Gives count elements from `read` on back to the producer. */
static void give_back(rta_ring_reader *r, uint64_t read, uint64_t count) {
    if (r->touch) {
        rta_ring_span span;
        span_at(r->touch, r->capacity, r->elem_bytes, read, count, &span);
        touch_lines(span.first, span.first_count * r->elem_bytes);
        touch_lines(span.second, span.second_count * r->elem_bytes);
    }
    publish(&r->own->read, read + count);
}

/* Takes in the producer's counter. It only grows and is at most capacity ahead; anything else is not acted on. */
static rta_status refresh_write(rta_ring_reader *r, uint64_t read) {
    const uint64_t write = load_peer(&r->peer->write);
    if (write - r->cached_write > read + r->capacity - r->cached_write) return RTA_CORRUPT;
    r->cached_write = write;
    return RTA_OK;
}

/* RTA_OK: the count elements from `read` on are published. */
static rta_status have(rta_ring_reader *r, uint64_t read, uint64_t count) {
    if (count > r->capacity) return RTA_INVALID;
    if (r->cached_write - read >= count) return RTA_OK;
    /* Closed is read first: what was written before the close is then seen by the refresh. */
    const bool closed = load_peer(&r->peer->closed) != 0;
    const rta_status status = refresh_write(r, read);
    if (status != RTA_OK) return status;
    if (r->cached_write - read >= count) return RTA_OK;
    return closed ? RTA_CLOSED : RTA_EMPTY;
}

rta_status rta_ring_pull(rta_ring_reader *r, void *elems, uint64_t count) {
    const uint64_t read = load_own(&r->own->read);
    const rta_status status = have(r, read, count);
    if (status != RTA_OK || count == 0) return status;
    rta_ring_span span;
    span_at(r->data, r->capacity, r->elem_bytes, read, count, &span);
    memcpy(elems, span.first, span.first_count * r->elem_bytes);
    if (span.second_count)
        memcpy((unsigned char *)elems + span.first_count * r->elem_bytes, span.second,
               span.second_count * r->elem_bytes);
    give_back(r, read, count);
    return RTA_OK;
}

uint64_t rta_ring_available(rta_ring_reader *r) {
    const uint64_t read = load_own(&r->own->read);
    (void)refresh_write(r, read); /* an impossible counter leaves the last good one */
    return r->cached_write - read;
}

rta_status rta_ring_peek(rta_ring_reader *r, uint64_t count, rta_ring_span *span) {
    const uint64_t read = load_own(&r->own->read);
    const rta_status status = have(r, read, count);
    if (status == RTA_OK) span_at(r->data, r->capacity, r->elem_bytes, read, count, span);
    return status;
}

rta_status rta_ring_advance(rta_ring_reader *r, uint64_t count) {
    const uint64_t read = load_own(&r->own->read);
    const rta_status status = have(r, read, count);
    if (status == RTA_OK && count) give_back(r, read, count);
    return status;
}
