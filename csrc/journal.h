/* SPDX-License-Identifier: Apache-2.0
 *
 * journal.h: the core's half of the journal: what the core took in, in the order in which it took effect, so that it
 * can be run again bit for bit (law 5). One ring per writing thread (engine thread; playout consumer; playout writer),
 * drained by a journal thread outside the core. The audio path only copies into the ring; a full ring drops
 * the record whole and counts it, and the next record that fits is preceded by a GAP with the count, which bears the
 * stamp of the first record lost.
 *
 * Record: 16-byte header {u32 bytes of payload, u16 kind, u16 version, u64 stamp}, then the payload, padded to 8.
 * Little endian. `stamp`: mic position for engine records, out position for consumer records, op number for writer's.
 */
#ifndef RTA_JOURNAL_H
#define RTA_JOURNAL_H

#include "base.h"
#include "ring.h"
#include "window.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum rta_journal_kind {
    RTA_J_GAP = 1,       /* u64 records lost, u64 bytes lost */
    RTA_J_INPUT = 2,     /* engine: float32 samples at the input rate, as they entered the chain */
    RTA_J_WINDOW = 3, /* engine: rta_journal_window; the stamp is the window's end */
    RTA_J_PULL = 4, /* consumer: u64 count, i64 device_ns, i64 bound_ns, u64 mic position, rta_playout_inputs */
    RTA_J_SETTLE = 5, /* consumer: u64 mic position, rta_playout_inputs */
    RTA_J_OP = 6, /* writer: rta_op; for WRITE the float32 samples follow */
    RTA_J_BACKGROUND = 7, /* writer: float32 samples */
    /* engine, between the windows where they took effect; the stamp is the mic position by which they did */
    RTA_J_TURN_EVIDENCE = 8, /* u64 question, rta_turn_evidence */
    RTA_J_TURN_HINT = 9,     /* rta_hint */
    RTA_J_TURN_SETTINGS = 10, /* rta_turn_settings */
    RTA_J_STAGED = 17, /* engine: float32 samples at 16 kHz as a stage gave them to the mic ring; the stamp is where */
    RTA_J_CLEANED = 18, /* engine: float32 samples at 16 kHz that went to the mic ring in place of the INPUT before */
    RTA_J_PACKET = 19, /* engine: rta_journal_packet, payload; as it went into the jitter buffer; stamp: mic position */
    RTA_J_PACKET_TIME = 20, /* engine: i64: the buffer's time, at which it had something to give without a packet */
    RTA_J_ANCHOR = 26, /* engine: rta_anchor (media_map.h): which mic sample belongs beside which out sample */
    RTA_J_PEEK = 16, /* engine: rta_journal_peek; the stamp is its position */
    /* consumer: u64 due, i64 device_ns, i64 bound_ns, u64 mic position, u64 rta_remote, u64 lead, u64 room,
     * rta_playout_inputs */
    RTA_J_PULL_AHEAD = 24,
    RTA_J_REMOTE_REPORT = 25, /* consumer: rta_remote_report that was taken */
} rta_journal_kind;

typedef struct rta_journal_record {
    uint32_t bytes;
    uint16_t kind, version;
    uint64_t stamp;
} rta_journal_record;

/* Payload of a WINDOW: what the detector was told, and what it wished. */
typedef struct rta_journal_window {
    rta_window window;
    uint32_t actions;
    uint32_t pad;
    uint64_t mic; /* position by which it took effect */
} rta_journal_window;

/* Payload of a PEEK: what the detector was told early, and what it wished. */
typedef struct rta_journal_peek {
    rta_peek peek;
    uint32_t actions;
    uint32_t pad;
    uint64_t mic; /* position by which it took effect */
} rta_journal_peek;

typedef struct rta_journal_packet {
    int64_t arrival_ns; /* as it counted */
    uint32_t timestamp, ssrc, bytes;
    uint16_t seq;
    uint8_t payload_type, pad;
} rta_journal_packet;

typedef struct rta_journal rta_journal; /* one producer thread, one consumer thread */
rta_status rta_journal_create(rta_journal **journal, uint64_t ring_bytes); /* power of two */
void rta_journal_destroy(rta_journal *journal);

/* AUDIO PATH, producer thread. The payload is given in up to two parts. A null journal does nothing. */
void rta_journal_write(rta_journal *journal, rta_journal_kind kind, uint64_t stamp, const void *first,
                       size_t first_bytes, const void *second, size_t second_bytes);
/* Journal thread. Copies whole records, as many as fit; returns bytes copied, 0 if there are none (or if the first one
 * is longer than the buffer: one of ring_bytes always does). */
size_t rta_journal_drain(rta_journal *journal, void *buffer, size_t buffer_bytes);
/* Any thread: records ever lost, those included whose GAP is still to come. */
uint64_t rta_journal_lost(const rta_journal *journal);

#ifdef __cplusplus
}
#endif
#endif
