// sources: csrc/journal.c csrc/ring.c csrc/platform.c
//
// Records of random length from one thread, drained by another through buffers of random size. Every record comes whole
// and in order, or is counted in the GAP before its successor; at the end nothing is missing from the account (law 8).
#include "check.h"
#include "journal.h"
#include "platform.h"

#include <string.h>

enum { RING_BYTES = 1 << 14, LONGEST = 3000, RECORDS = 200000 };

typedef struct run {
    rta_journal *journal;
    uint64_t bytes_offered, stop;
} run;

/* What record `seq` holds: its length and every byte follow from its number. */
static size_t length_of(uint64_t seq) {
    uint64_t random = seq + 1;
    next_random(&random);
    return random_between(&random, 0, seq % 16 ? 200 : LONGEST);
}
static unsigned char byte_of(uint64_t seq, size_t i) { return (unsigned char)(seq * 31 + i * 7); }

static void write_records(void *arg) {
    run *run = arg;
    unsigned char payload[LONGEST];
    for (uint64_t seq = 0; seq < RECORDS; seq++) {
        const size_t bytes = length_of(seq), cut = bytes ? seq % bytes : 0;
        for (size_t i = 0; i < bytes; i++) payload[i] = byte_of(seq, i);
        rta_journal_write(run->journal, RTA_J_OP, seq, payload, cut, payload + cut, bytes - cut);
        run->bytes_offered += bytes;
        if (seq % 7 == 0) sched_yield();
    }
    __atomic_store_n(&run->stop, 1, __ATOMIC_RELEASE);
}

static void two_threads(void) {
    run run = {0};
    CHECK(rta_journal_create(&run.journal, RING_BYTES) == RTA_OK);
    rta_thread *writer;
    CHECK(rta_thread_start(&writer, write_records, &run, "writer", false) == RTA_OK);
    static unsigned char buffer[RING_BYTES];
    uint64_t next = 0, lost = 0, bytes_got = 0, bytes_lost = 0, random = 5;
    while (rta_journal_lost(run.journal) == 0)
        sched_yield(); /* the ring overflows at least once, however fast we are */
    for (;;) {
        const bool last = __atomic_load_n(&run.stop, __ATOMIC_ACQUIRE) != 0;
        const size_t room = random_between(&random, LONGEST + 100, RING_BYTES);
        const size_t got = rta_journal_drain(run.journal, buffer, room);
        CHECK(got <= room && got % 8 == 0);
        for (size_t at = 0; at < got;) {
            rta_journal_record header;
            memcpy(&header, buffer + at, sizeof header);
            const unsigned char *payload = buffer + at + sizeof header;
            CHECK(header.version == 1 && at + sizeof header + header.bytes <= got);
            if (header.kind == RTA_J_GAP) {
                uint64_t gap[2];
                memcpy(gap, payload, sizeof gap);
                CHECK(header.stamp == next && gap[0] > 0);
                uint64_t gap_bytes = 0;
                for (uint64_t k = 0; k < gap[0]; k++) gap_bytes += length_of(next + k);
                CHECK(gap[1] == gap_bytes && lost + gap[0] <= rta_journal_lost(run.journal));
                next += gap[0];
                lost += gap[0];
                bytes_lost += gap_bytes;
            } else {
                CHECK(header.kind == RTA_J_OP && header.stamp == next && header.bytes == length_of(next));
                for (size_t i = 0; i < header.bytes; i++) CHECK(payload[i] == byte_of(next, i));
                const size_t padding = (8 - header.bytes % 8) % 8;
                for (size_t i = 0; i < padding; i++) CHECK(payload[header.bytes + i] == 0);
                bytes_got += header.bytes;
                next++;
            }
            at += sizeof header + (header.bytes + 7) / 8 * 8;
        }
        if (last && got == 0) break;
        if (random % 3 == 0) sched_yield();
    }
    rta_thread_join(writer);
    const uint64_t pending = rta_journal_lost(run.journal) - lost; /* lost at the very end: no record came after */
    for (uint64_t k = 0; k < pending; k++) bytes_lost += length_of(next + k);
    CHECK(next + pending == RECORDS && bytes_got + bytes_lost == run.bytes_offered);
    CHECK(lost > 0);
    rta_journal_destroy(run.journal);
}

static void rules(void) {
    rta_journal *journal;
    CHECK(rta_journal_create(&journal, 100) == RTA_INVALID && journal == NULL);
    CHECK(rta_journal_create(&journal, 32) == RTA_INVALID);
    rta_journal_write(NULL, RTA_J_OP, 0, "x", 1, NULL, 0);
    CHECK(rta_journal_drain(NULL, NULL, 0) == 0 && rta_journal_lost(NULL) == 0);
    rta_journal_destroy(NULL);

    unsigned char buffer[256], big[512] = {0};
    uint64_t gap[2];
    rta_journal_record header;
    CHECK(rta_journal_create(&journal, 256) == RTA_OK);
    CHECK(rta_journal_drain(journal, buffer, sizeof buffer) == 0);
    rta_journal_write(journal, RTA_J_OP, 7, big, sizeof big, NULL, 0); /* can never fit: dropped whole, counted */
    rta_journal_write(journal, RTA_J_OP, 8, big, 400, NULL, 0);
    CHECK(rta_journal_lost(journal) == 2 && rta_journal_drain(journal, buffer, sizeof buffer) == 0);
    rta_journal_write(journal, RTA_J_PULL, 9, "abc", 3, "de", 2);
    CHECK(rta_journal_drain(journal, buffer, 16) == 0); /* too small for a record: nothing is torn */
    CHECK(rta_journal_drain(journal, buffer, sizeof buffer) == 32 + 24);
    memcpy(&header, buffer, sizeof header);
    memcpy(gap, buffer + 16, sizeof gap);
    CHECK(header.kind == RTA_J_GAP && header.stamp == 7 && gap[0] == 2 && gap[1] == 912);
    memcpy(&header, buffer + 32, sizeof header);
    CHECK(header.kind == RTA_J_PULL && header.stamp == 9 && header.bytes == 5);
    CHECK(memcmp(buffer + 48, "abcde\0\0\0", 8) == 0);
    rta_journal_destroy(journal);
}

int main(void) {
    rules();
    two_threads();
    return 0;
}
