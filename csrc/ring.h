/* SPDX-License-Identifier: Apache-2.0
 *
 * ring.h: single producer, single consumer, lock-free ring of equal-sized elements (samples or records).
 *
 * Memory: a producer block, a consumer block and the data, each placed by the owner anywhere (one process's memory,
 * or two regions of which each side may write only its own). No pointers inside. Capacity is a power of two.
 * Counters are free running 64 bit: element i lives at data[i & (capacity - 1)], 0 <= write - read <= capacity.
 * They are the accounting: `write` is all that was ever accepted, `read` all that was ever taken.
 *
 * Overflow: RTA_RING_REJECT: a frame that does not fit is refused whole (RTA_FULL) and counted in `rejected`: for
 *           writers that can wait. RTA_RING_DROP_NEWEST: it is dropped whole, RTA_OK is returned, and its elements
 *           are counted in `dropped`: for writers that cannot.
 * Either way a frame goes in whole or not at all.
 *
 * A handle belongs to one side. It caches the peer's index, so that the common call touches one shared cache line.
 * The peer's counter is checked: an impossible value gives RTA_CORRUPT and nothing is moved.
 */
#ifndef RTA_RING_H
#define RTA_RING_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum rta_ring_policy { RTA_RING_REJECT = 0, RTA_RING_DROP_NEWEST = 1 } rta_ring_policy;

/* Plain uint64_t so that C++ and Cython can see the layout; accessed with the __atomic builtins only. */
typedef struct rta_ring_producer { /* written by the producer */
    uint64_t write;
    uint64_t rejected; /* elements refused (REJECT) */
    uint64_t dropped;  /* elements dropped (DROP_NEWEST) */
    uint64_t closed;   /* 1: no more will come */
    uint64_t pad[4];
} rta_ring_producer;

typedef struct rta_ring_consumer { /* written by the consumer */
    uint64_t read;
    uint64_t pad[7];
} rta_ring_consumer;

typedef struct rta_ring_writer {
    rta_ring_producer *own;
    const rta_ring_consumer *peer;
    unsigned char *data;
    uint64_t capacity, mask, elem_bytes;
    uint64_t cached_read; /* write - capacity <= cached_read <= the consumer's read <= write */
    uint64_t reserved;    /* elements given out by reserve and not yet committed */
    rta_ring_policy policy;
} rta_ring_writer;

typedef struct rta_ring_reader {
    rta_ring_consumer *own;
    const rta_ring_producer *peer;
    const unsigned char *data;
    uint64_t capacity, mask, elem_bytes;
    uint64_t cached_write; /* read <= cached_write <= the producer's write <= read + capacity */
    unsigned char *touch;  /* data, if this side may write there, else NULL */
} rta_ring_reader;

/* One or two contiguous stretches of the ring: where a frame lies in place. second_count may be 0. */
typedef struct rta_ring_span {
    void *first, *second;
    uint64_t first_count, second_count;
} rta_ring_span;

/* Wiring; not on the audio path. capacity must be a power of two, elem_bytes 1..256. The counters are taken as they
 * stand in the blocks (zeroed memory, or those of a predecessor); RTA_CORRUPT if they cannot belong together. */
rta_status rta_ring_writer_init(rta_ring_writer *w, rta_ring_producer *own, const rta_ring_consumer *peer, void *data,
                                uint64_t capacity, uint64_t elem_bytes, rta_ring_policy policy);
rta_status rta_ring_reader_init(rta_ring_reader *r, rta_ring_consumer *own, const rta_ring_producer *peer,
                                const void *data, uint64_t capacity, uint64_t elem_bytes);

/* For a ring inside one process: tells the reader that it may write the data region. It then stores one byte of each
 * cache line it has taken back to where it was. Nothing changes but the owner of the line, and the producer gets it
 * back several times faster from an owner than from one who shares it (ring.c has figures). */
void rta_ring_reader_may_touch(rta_ring_reader *r, void *data);

/* Producer thread only. Wait-free. RTA_CLOSED after close; RTA_INVALID: count beyond capacity (it could never fit). */
rta_status rta_ring_push(rta_ring_writer *w, const void *elems, uint64_t count);
uint64_t rta_ring_room(rta_ring_writer *w); /* refreshes the cached peer index */
/* In place: reserve gives where `count` elements go; commit publishes the first `count` of what was reserved (the rest
 * stays reserved), RTA_INVALID if that is more. A push or another reserve takes back what was not committed. When it
 * does not fit: RTA_FULL under either policy, counted as the policy says. */
rta_status rta_ring_reserve(rta_ring_writer *w, uint64_t count, rta_ring_span *span);
rta_status rta_ring_commit(rta_ring_writer *w, uint64_t count);
void rta_ring_close(rta_ring_writer *w);

/* Consumer thread only. Wait-free. All or nothing: RTA_EMPTY if fewer than count are there, RTA_CLOSED if moreover no
 * more will come (available() then gives what is left), RTA_INVALID if count is beyond capacity. */
rta_status rta_ring_pull(rta_ring_reader *r, void *elems, uint64_t count);
uint64_t rta_ring_available(rta_ring_reader *r); /* refreshes the cached peer index */
/* In place: peek shows the next count elements, which stay put until advance gives them back to the producer. */
rta_status rta_ring_peek(rta_ring_reader *r, uint64_t count, rta_ring_span *span);
rta_status rta_ring_advance(rta_ring_reader *r, uint64_t count);

#ifdef __cplusplus
}
#endif
#endif
