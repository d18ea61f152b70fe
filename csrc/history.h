/* SPDX-License-Identifier: Apache-2.0
 *
 * history.h: one writer, any number of readers, retained history. The mic ring and the reference tap are this.
 *
 * The writer never waits: it overwrites the oldest. What has been overwritten before a reader took it is *lost to that
 * reader* and counted there (policy: drop oldest). Readers hold their own position (a cursor); cursors that must
 * survive their process (session, successor) and the commit position are kept in shared memory by the session side.
 *
 * commit: "everything before this has been dealt with". The writer does not act on it (it trusts nobody); the
 * retained span is capacity - guard samples, always, and is chosen so that it holds at least what the port promises
 * to keep (20 s for a mic ring). `uncommitted_lost` tells what a slow session has lost.
 *
 * A view in place is given only for samples at or after the commit position and no nearer to being overwritten than
 * `guard` samples: they stay put while the writer writes up to `guard` more. rta_history_valid() tells afterwards.
 *
 * Torn reads: the writer announces `reserve` (how far it may be writing) before it touches data and publishes
 * `write` after. A copying reader checks `reserve` again after the copy (RTA_LOST if it was overtaken).
 */
#ifndef RTA_HISTORY_H
#define RTA_HISTORY_H

#include "base.h"
#include "ring.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rta_history_block { /* written by the writer */
    uint64_t write;   /* samples ever written */
    uint64_t reserve; /* write, or further while a write is under way */
    uint64_t closed;
    uint64_t pad[5];
} rta_history_block;

typedef struct rta_history_writer {
    rta_history_block *own;
    unsigned char *data;
    uint64_t capacity, mask, elem_bytes;
} rta_history_writer;

typedef struct rta_history_reader { /* private to one thread of the reading side */
    const rta_history_block *peer;
    const unsigned char *data;
    uint64_t capacity, mask, elem_bytes, guard;
    uint64_t position; /* next sample to read */
    uint64_t lost;     /* samples this reader lost to overwriting */
} rta_history_reader;

rta_status rta_history_writer_init(rta_history_writer *w, rta_history_block *own, void *data, uint64_t capacity,
                                   uint64_t elem_bytes);
/* position: where to start; it is moved up (and the difference counted as lost) if already overwritten. It may lie
 * ahead of what has been written. guard < capacity. */
rta_status rta_history_reader_init(rta_history_reader *r, const rta_history_block *peer, const void *data,
                                   uint64_t capacity, uint64_t elem_bytes, uint64_t guard, uint64_t position);

/* Writer thread only; wait-free; count <= capacity / 2 (else RTA_INVALID). RTA_CLOSED after close. */
rta_status rta_history_write(rta_history_writer *w, const void *elems, uint64_t count);
void rta_history_close(rta_history_writer *w);

/* Reader's thread. available: samples from position to write. oldest: the first position that can still be read, which
 * is capacity - guard before the furthest the writer has announced. */
uint64_t rta_history_available(const rta_history_reader *r);
uint64_t rta_history_oldest(const rta_history_reader *r);
/* Copies count samples from `position` and moves it. RTA_EMPTY: not yet all written. RTA_LOST: position was moved up to
 * the oldest sample, the loss counted; call again. RTA_CLOSED: fewer than count are left and no more will come.
 * RTA_CORRUPT: impossible counters. RTA_INVALID: count > capacity - guard. */
rta_status rta_history_read(rta_history_reader *r, void *elems, uint64_t count);
/* Copies [from, from + count) without moving the position (history: the turn model, a successor). */
rta_status rta_history_copy(const rta_history_reader *r, uint64_t from, void *elems, uint64_t count);
/* In place; RTA_LOST if before commit or within guard of being overwritten. */
rta_status rta_history_view(const rta_history_reader *r, uint64_t commit, uint64_t from, uint64_t count,
                            rta_ring_span *span);
/* Whether what was read in place from `from` on had not been touched by the writer up to this call. */
bool rta_history_valid(const rta_history_reader *r, uint64_t from);

#ifdef __cplusplus
}
#endif
#endif
