/* SPDX-License-Identifier: Apache-2.0
 *
 * Heads lie in the ring, payloads beside it at the same index. Figures are published under a sequence lock
 * (playout_shared.h), since two sums must hold in what a reader sees.
 */
#include "line_packets.h"

#include "playout_shared.h"
#include "ring.h"

#include <stdlib.h>
#include <string.h>

typedef struct head {
    int64_t arrival_ns;
    uint32_t timestamp, ssrc, bytes;
    uint16_t seq;
    uint8_t payload_type, pad;
} head;

struct rta_line_packets {
    rta_packets_config config;
    uint32_t slot_bytes;
    head *heads;
    uint8_t *payloads;
    /* The producer's. */
    _Alignas(RTA_CACHE_LINE) rta_ring_writer writer;
    rta_ring_producer producer;
    uint64_t dropped, refused;
    /* The step's. */
    _Alignas(RTA_CACHE_LINE) rta_ring_reader reader;
    rta_ring_consumer consumer;
    rta_jitter *jitter;
    int16_t *frame; /* what was last given: samples [at, count), of each channel */
    uint32_t kind, at, count;
    int64_t tick_ns;  /* the tick under way */
    int64_t now_ns;   /* of the buffer */
    int64_t last_ns;  /* arrival of the last packet */
    int64_t gap_ns;   /* between it and the one before */
    bool started, came;
    uint32_t left; /* packets that this tick may still take */
    rta_packets_figures counted;
    /* Published. */
    _Alignas(RTA_CACHE_LINE) uint32_t seq;
    rta_packets_figures published;
};

_Static_assert(sizeof(rta_packets_figures) % 8 == 0, "published in words");

rta_status rta_line_packets_create(rta_line_packets **out, const rta_packets_config *config) {
    *out = NULL;
    const uint64_t waiting = config->waiting;
    if (waiting < 1 || waiting > RTA_PACKETS_WAITING || (waiting & (waiting - 1))) return RTA_INVALID;
    rta_status status = rta_jitter_check(&config->jitter, NULL);
    if (status) return status;
    rta_line_packets *p = rta_zeroed(sizeof *p);
    if (!p) return RTA_NOMEM;
    p->config = *config;
    p->slot_bytes = rta_jitter_payload_most(&config->jitter);
    p->heads = rta_zeroed(waiting * sizeof *p->heads);
    p->payloads = rta_zeroed(waiting * p->slot_bytes);
    status = rta_jitter_create(&p->jitter, &config->jitter);
    if (!status) {
        const size_t samples = (size_t)rta_jitter_frame_most(p->jitter) * config->jitter.channels;
        p->frame = rta_zeroed(samples * sizeof *p->frame);
    }
    if (!status && (!p->heads || !p->payloads || !p->frame)) status = RTA_NOMEM;
    if (!status)
        status = rta_ring_writer_init(&p->writer, &p->producer, &p->consumer, p->heads, waiting, sizeof *p->heads,
                                      RTA_RING_DROP_NEWEST);
    if (!status)
        status = rta_ring_reader_init(&p->reader, &p->consumer, &p->producer, p->heads, waiting, sizeof *p->heads);
    if (status) {
        rta_line_packets_destroy(p);
        return status;
    }
    p->now_ns = p->last_ns = -RTA_JITTER_TIME_MOST;
    *out = p;
    return RTA_OK;
}

void rta_line_packets_destroy(rta_line_packets *p) {
    if (!p) return;
    rta_jitter_destroy(p->jitter);
    free(p->heads);
    free(p->payloads);
    free(p->frame);
    free(p);
}

static uint8_t *payload_of(const rta_line_packets *p, const head *h) {
    return p->payloads + (size_t)(h - p->heads) * p->slot_bytes;
}

/* ---- Producer */

static void count(uint64_t *counter) { __atomic_store_n(counter, *counter + 1, __ATOMIC_RELAXED); }

rta_status rta_line_packets_put(rta_line_packets *p, const rta_jitter_packet *packet) {
    rta_ring_span span;
    const uint8_t payload_type = packet->payload_type & 127;
    /* Nobody looks at the bytes of a packet without sound, but for the level of comfort noise. */
    const uint32_t codec = p->config.jitter.codecs[payload_type];
    const bool sounds = rta_codec_has_sound(codec);
    const uint32_t bytes = sounds ? packet->bytes : codec == RTA_CODEC_CN && packet->bytes > 0 ? 1 : 0;
    if (sounds && packet->bytes > p->slot_bytes) {
        count(&p->refused);
        return RTA_INVALID;
    }
    if (rta_ring_reserve(&p->writer, 1, &span) != RTA_OK) {
        count(&p->dropped);
        return RTA_FULL;
    }
    head *h = span.first;
    *h = (head){.arrival_ns = packet->arrival_ns,
                .timestamp = packet->timestamp,
                .ssrc = packet->ssrc,
                .bytes = bytes,
                .seq = packet->seq,
                .payload_type = payload_type};
    if (h->bytes) memcpy(payload_of(p, h), packet->payload, h->bytes);
    return rta_ring_commit(&p->writer, 1);
}

/* ---- The step */

void rta_line_packets_tick(rta_line_packets *p, int64_t tick_ns) {
    p->tick_ns = tick_ns;
    p->left = p->config.waiting;
}

static const head *front(rta_line_packets *p) {
    rta_ring_span span;
    return p->left && rta_ring_peek(&p->reader, 1, &span) == RTA_OK ? span.first : NULL;
}

/* When it arrived, as it counts. *waits: not in this tick yet; *bad: it had no time that could be. */
static int64_t arrival_of(const rta_line_packets *p, const head *h, bool *waits, bool *bad) {
    const int64_t ahead_ns = rta_jitter_bounded_ns(h->arrival_ns) - rta_jitter_bounded_ns(p->tick_ns);
    *bad = h->arrival_ns != RTA_ARRIVES_NOW && (ahead_ns > RTA_PACKET_AHEAD_NS || ahead_ns < -RTA_PACKET_BEHIND_NS);
    const int64_t at_ns = *bad || h->arrival_ns == RTA_ARRIVES_NOW ? p->tick_ns : h->arrival_ns;
    *waits = at_ns > p->tick_ns;
    return at_ns > p->last_ns ? at_ns : p->last_ns;
}

static void take(rta_line_packets *p, const head *h, int64_t arrival_ns, bool bad, rta_journal *journal,
                 uint64_t stamp) {
    const rta_jitter_packet packet = {.seq = h->seq,
                                      .payload_type = h->payload_type,
                                      .timestamp = h->timestamp,
                                      .ssrc = h->ssrc,
                                      .arrival_ns = arrival_ns,
                                      .payload = payload_of(p, h),
                                      .bytes = h->bytes};
    const rta_journal_packet told = {.arrival_ns = arrival_ns,
                                     .timestamp = h->timestamp,
                                     .ssrc = h->ssrc,
                                     .bytes = h->bytes,
                                     .seq = h->seq,
                                     .payload_type = h->payload_type};
    rta_jitter_taken taken;
    rta_journal_write(journal, RTA_J_PACKET, stamp, &told, sizeof told, packet.payload, h->bytes);
    rta_jitter_put(p->jitter, &packet, &taken);
    if (p->started) p->gap_ns = arrival_ns - p->last_ns;
    p->started = p->came = true;
    p->last_ns = arrival_ns;
    p->counted.stamps_bad += bad;
    p->left--;
    rta_ring_advance(&p->reader, 1);
}

/* Time goes on to the next thing that happens; false: nothing more does in this tick. */
static bool go_on(rta_line_packets *p, rta_journal *journal, uint64_t stamp) {
    const int64_t due_ns = rta_jitter_due_ns(p->jitter);
    const head *h = front(p);
    bool waits = true, bad = false;
    const int64_t arrival_ns = h ? arrival_of(p, h, &waits, &bad) : INT64_MAX;
    if (!waits && arrival_ns <= due_ns) {
        if (arrival_ns > p->now_ns) p->now_ns = arrival_ns;
        take(p, h, arrival_ns, bad, journal, stamp);
        return true;
    }
    if (due_ns > p->tick_ns || due_ns <= p->now_ns) return false;
    p->now_ns = due_ns;
    rta_journal_write(journal, RTA_J_PACKET_TIME, stamp, &due_ns, sizeof due_ns, NULL, 0);
    return true;
}

static void mix(const rta_line_packets *p, float *out, uint64_t samples) {
    const uint32_t channels = p->config.jitter.channels;
    const int16_t *in = p->frame + (size_t)p->at * channels;
    for (uint64_t i = 0; i < samples; i++)
        out[i] =
            channels == 1 ? (float)in[i] * (1.0f / 32768.0f) : (float)(in[2 * i] + in[2 * i + 1]) * (1.0f / 65536.0f);
}

static void give(rta_line_packets *p, float *out, uint64_t most, rta_line_piece *piece) {
    const uint64_t left = p->count - p->at, samples = left < most ? left : most;
    mix(p, out, samples);
    p->at += (uint32_t)samples;
    *piece = (rta_line_piece){.kind = p->kind, .count = samples, .at_ns = p->now_ns};
}

bool rta_line_packets_next(rta_line_packets *p, rta_journal *journal, uint64_t stamp, float *out, uint64_t most,
                           rta_line_piece *piece) {
    rta_jitter_frame frame;
    for (;;) {
        if (p->at < p->count) {
            if (most) give(p, out, most, piece);
            return most > 0;
        }
        if (rta_jitter_get(p->jitter, p->now_ns, &frame, p->frame) != RTA_OK) {
            if (!go_on(p, journal, stamp)) return false;
            continue;
        }
        p->came = p->came || frame.samples > 0;
        p->kind = frame.kind;
        p->at = 0;
        p->count = frame.samples;
        if (frame.kind == RTA_JITTER_LINK_LOST || frame.kind == RTA_JITTER_LINK_BACK) {
            const bool lost = frame.kind == RTA_JITTER_LINK_LOST;
            *piece = (rta_line_piece){.kind = frame.kind, .without_ns = lost ? p->now_ns - p->last_ns : p->gap_ns};
            return true;
        }
    }
}

bool rta_line_packets_came(rta_line_packets *p) {
    const bool came = p->came;
    p->came = false;
    return came;
}

/* ---- Figures */

void rta_line_packets_publish(rta_line_packets *p) {
    rta_jitter_read_figures(p->jitter, &p->counted.jitter);
    if (!memcmp(&p->counted, &p->published, sizeof p->counted)) return;
    rta_seq_begin(&p->seq);
    rta_words_store(&p->published, &p->counted, sizeof p->counted);
    rta_seq_end(&p->seq);
}

void rta_line_packets_figures_read(const rta_line_packets *p, rta_packets_figures *figures) {
    for (;;) {
        const uint32_t before = __atomic_load_n(&p->seq, __ATOMIC_ACQUIRE);
        if (before & 1) continue;
        rta_words_load(figures, &p->published, sizeof *figures);
        if (rta_seq_same(&p->seq, before)) break;
    }
    figures->dropped = __atomic_load_n(&p->dropped, __ATOMIC_RELAXED);
    figures->refused = __atomic_load_n(&p->refused, __ATOMIC_RELAXED);
}
