/* SPDX-License-Identifier: Apache-2.0
 *
 * A ring of 8-byte words that holds whole records only: a record, with the GAP before it if one is due, is reserved,
 * filled and committed as one, so the reader never sees half of one.
 *
 * The GAP carries the stamp of the first record that was lost. While it is due, `lost` (all that was ever lost) tells
 * of it, so that losses at the very end of a session do not go without a word.
 */
#include "journal.h"

#include <stdlib.h>
#include <string.h>

enum { WORD = 8, VERSION = 1 };

struct rta_journal {
    /* Producer's own. */
    rta_ring_writer writer;
    uint64_t gap_records, gap_bytes, gap_stamp; /* lost since the last record that fitted */
    /* Shared; each block alone on its cache lines. */
    _Alignas(RTA_CACHE_LINE) rta_ring_producer producer;
    _Alignas(RTA_CACHE_LINE) rta_ring_consumer consumer;
    _Alignas(RTA_CACHE_LINE) uint64_t lost; /* written by the producer */
    /* Journal thread's own. */
    _Alignas(RTA_CACHE_LINE) rta_ring_reader reader;
    unsigned char *data;
};

_Static_assert(sizeof(rta_journal_record) == 2 * WORD, "the header is two words");

rta_status rta_journal_create(rta_journal **journal, uint64_t ring_bytes) {
    *journal = NULL;
    if (ring_bytes < 64 || (ring_bytes & (ring_bytes - 1)) != 0 || ring_bytes > SIZE_MAX / 2) return RTA_INVALID;
    rta_journal *j = aligned_alloc(RTA_CACHE_LINE, sizeof *j);
    if (!j) return RTA_NOMEM;
    memset(j, 0, sizeof *j);
    j->data = aligned_alloc(RTA_CACHE_LINE, ring_bytes);
    if (!j->data) {
        free(j);
        return RTA_NOMEM;
    }
    /* Touched now, so that the audio path takes no page fault. */
    memset(j->data, 0, ring_bytes);
    const uint64_t words = ring_bytes / WORD;
    rta_ring_writer_init(&j->writer, &j->producer, &j->consumer, j->data, words, WORD, RTA_RING_REJECT);
    rta_ring_reader_init(&j->reader, &j->consumer, &j->producer, j->data, words, WORD);
    rta_ring_reader_may_touch(&j->reader, j->data); /* the drain pays, the audio path does not wait for cache lines */
    *journal = j;
    return RTA_OK;
}

void rta_journal_destroy(rta_journal *journal) {
    if (!journal) return;
    free(journal->data);
    free(journal);
}

/* A place in a span, filled from front to back. */
typedef struct cursor {
    rta_ring_span span;
    size_t offset;
} cursor;

static void put(cursor *c, const void *from, size_t bytes) {
    if (bytes == 0) return;
    const size_t first_bytes = c->span.first_count * WORD;
    size_t head = 0;
    if (c->offset < first_bytes) {
        head = first_bytes - c->offset < bytes ? first_bytes - c->offset : bytes;
        memcpy((unsigned char *)c->span.first + c->offset, from, head);
    }
    if (head < bytes)
        memcpy((unsigned char *)c->span.second + (c->offset + head - first_bytes), (const unsigned char *)from + head,
               bytes - head);
    c->offset += bytes;
}

static void put_header(cursor *c, rta_journal_kind kind, uint64_t stamp, size_t bytes) {
    const rta_journal_record header = {(uint32_t)bytes, (uint16_t)kind, VERSION, stamp};
    put(c, &header, sizeof header);
}

static void lose(rta_journal *j, uint64_t stamp, size_t bytes) {
    if (j->gap_records == 0) j->gap_stamp = stamp;
    j->gap_records++;
    j->gap_bytes += bytes;
    __atomic_store_n(&j->lost, __atomic_load_n(&j->lost, __ATOMIC_RELAXED) + 1, __ATOMIC_RELAXED);
}

static uint64_t words_of(uint64_t payload_bytes) {
    return sizeof(rta_journal_record) / WORD + (payload_bytes + WORD - 1) / WORD;
}

void rta_journal_write(rta_journal *j, rta_journal_kind kind, uint64_t stamp, const void *first, size_t first_bytes,
                       const void *second, size_t second_bytes) {
    if (!j) return;
    const size_t bytes = first_bytes + second_bytes;
    const uint64_t gap[2] = {j->gap_records, j->gap_bytes};
    const uint64_t gap_words = gap[0] ? words_of(sizeof gap) : 0;
    cursor c = {.offset = 0};
    /* The first test keeps sums below from overflowing. */
    if (first_bytes > UINT32_MAX || second_bytes > UINT32_MAX - first_bytes ||
        rta_ring_reserve(&j->writer, gap_words + words_of(bytes), &c.span) != RTA_OK) {
        lose(j, stamp, bytes);
        return;
    }
    if (gap_words) {
        put_header(&c, RTA_J_GAP, j->gap_stamp, sizeof gap);
        put(&c, gap, sizeof gap);
        j->gap_records = j->gap_bytes = 0;
    }
    static const unsigned char zeros[WORD] = {0};
    put_header(&c, kind, stamp, bytes);
    put(&c, first, first_bytes);
    put(&c, second, second_bytes);
    put(&c, zeros, words_of(bytes) * WORD - sizeof(rta_journal_record) - bytes);
    rta_ring_commit(&j->writer, gap_words + words_of(bytes));
}

/* Copies `bytes` from `offset` on; they may lie across the end of the ring. */
static void get(const rta_ring_span *span, size_t offset, void *to, size_t bytes) {
    const size_t first_bytes = span->first_count * WORD;
    size_t head = 0;
    if (offset < first_bytes) {
        head = first_bytes - offset < bytes ? first_bytes - offset : bytes;
        memcpy(to, (const unsigned char *)span->first + offset, head);
    }
    if (head < bytes)
        memcpy((unsigned char *)to + head, (const unsigned char *)span->second + (offset + head - first_bytes),
               bytes - head);
}

size_t rta_journal_drain(rta_journal *j, void *buffer, size_t buffer_bytes) {
    if (!j) return 0;
    rta_ring_span span;
    const uint64_t available = rta_ring_available(&j->reader) * WORD;
    if (available == 0 || rta_ring_peek(&j->reader, available / WORD, &span) != RTA_OK) return 0;
    size_t taken = 0;
    while (taken < available) {
        rta_journal_record header;
        get(&span, taken, &header, sizeof header);
        const uint64_t record_bytes = words_of(header.bytes) * WORD;
        if (record_bytes > available - taken || record_bytes > buffer_bytes - taken) break;
        taken += record_bytes;
    }
    if (taken == 0) return 0;
    get(&span, 0, buffer, taken);
    rta_ring_advance(&j->reader, taken / WORD);
    return taken;
}

uint64_t rta_journal_lost(const rta_journal *j) { return j ? __atomic_load_n(&j->lost, __ATOMIC_RELAXED) : 0; }
