/* SPDX-License-Identifier: Apache-2.0
 *
 * A slot lies at its number modulo capacity. Invariant: every present slot has front <= seq <= highest, and
 * highest < front + capacity. A new sequence is numbered on from the old one, with NEAR numbers left free between, where
 * packets that were overtaken by its first still find a place.
 */
#include "jitter_window.h"

#include <stdlib.h>
#include <string.h>

static inline rta_jitter_slot *slot_of(const rta_jitter_window *w, uint64_t seq) {
    return &w->slots[seq & (w->capacity - 1)];
}

static inline rta_jitter_slot *held(const rta_jitter_window *w) { return &w->slots[w->capacity]; }

static inline bool seen(const rta_jitter_window *w, uint64_t seq) {
    return w->seen[seq % RTA_JITTER_BACK / 64] >> (seq % 64) & 1;
}

static inline void mark(rta_jitter_window *w, uint64_t seq) {
    w->seen[seq % RTA_JITTER_BACK / 64] |= UINT64_C(1) << (seq % 64);
}

/* Numbers [first, end), a word at a time: a sender may leap by FORWARD with each packet. */
static void unmark(rta_jitter_window *w, uint64_t first, uint64_t end) {
    for (uint64_t run; first < end; first += run) {
        const uint64_t at = first % 64;
        run = end - first < 64 - at ? end - first : 64 - at;
        w->seen[first % RTA_JITTER_BACK / 64] &= ~(~UINT64_C(0) >> (64 - run) << at);
    }
}

rta_status rta_jitter_window_init(rta_jitter_window *w, uint32_t capacity, uint32_t slot_bytes) {
    memset(w, 0, sizeof *w);
    if (capacity < 2 * RTA_JITTER_NEAR || capacity > RTA_JITTER_BACK / 2 || (capacity & (capacity - 1)) != 0 ||
        slot_bytes == 0)
        return RTA_INVALID;
    w->capacity = capacity;
    w->slot_bytes = slot_bytes;
    w->slots = rta_zeroed((capacity + 1) * sizeof *w->slots);
    w->payloads = rta_zeroed((size_t)(capacity + 1) * slot_bytes);
    if (w->slots == NULL || w->payloads == NULL) {
        rta_jitter_window_free(w);
        return RTA_NOMEM;
    }
    for (uint32_t i = 0; i <= capacity; i++) w->slots[i].payload = w->payloads + (size_t)i * slot_bytes;
    return RTA_OK;
}

void rta_jitter_window_free(rta_jitter_window *w) {
    free(w->slots);
    free(w->payloads);
    w->slots = NULL;
    w->payloads = NULL;
}

static void fill(rta_jitter_slot *slot, uint64_t seq, const rta_jitter_packet *p) {
    slot->present = true;
    slot->seq = seq;
    slot->packet_seq = p->seq;
    slot->payload_type = p->payload_type;
    slot->timestamp = p->timestamp;
    slot->arrival_ns = p->arrival_ns;
    slot->bytes = p->bytes;
    if (p->bytes) memcpy(slot->payload, p->payload, p->bytes);
}

static void supersede(rta_jitter_window *w, rta_jitter_slot *slot) {
    if (!slot->present) return;
    slot->present = false;
    w->count.queued--;
    w->count.superseded++;
}

/* Moves front up to `seq`; what it passes is superseded. A walk of at most `capacity` slots. */
static void advance_front(rta_jitter_window *w, uint64_t seq) {
    for (uint64_t n = 0; n < w->capacity && w->front + n < seq; n++) {
        rta_jitter_slot *slot = slot_of(w, w->front + n);
        if (slot->present && slot->seq < seq) supersede(w, slot);
    }
    if (w->front < seq) w->front = seq;
    w->moved = true;
}

static void store(rta_jitter_window *w, uint64_t seq, const rta_jitter_packet *p) {
    if (seq >= w->front + w->capacity) advance_front(w, seq - w->capacity + 1);
    fill(slot_of(w, seq), seq, p);
    mark(w, seq);
    w->count.queued++;
    w->count.received_unique++;
}

/* The first packet of a sequence, numbered on from what was. */
static void begin(rta_jitter_window *w, const rta_jitter_packet *p) {
    if (w->started) {
        if (w->front < w->begin) advance_front(w, w->begin); /* two restarts in one queue: the oldest gives way */
        w->begin = w->highest + RTA_JITTER_NEAR + 1;
        w->count.restarts++;
    } else {
        w->begin = 1u << 16;
        w->front = w->begin;
        w->started = true;
    }
    memset(w->seen, 0, sizeof w->seen);
    w->highest = w->begin;
    w->highest_seq = p->seq;
    w->ssrc = p->ssrc;
    w->count.expected++;
    store(w, w->begin, p);
}

static rta_jitter_taken place(rta_jitter_window *w, const rta_jitter_packet *p, int32_t distance) {
    const uint64_t seq = w->highest + (uint64_t)(int64_t)distance;
    if (distance > 0) {
        unmark(w, w->highest + 1, seq + 1);
        w->count.expected += (uint64_t)distance;
        w->count.missing += (uint64_t)distance - 1;
        w->highest = seq;
        w->highest_seq = p->seq;
        store(w, seq, p);
        return RTA_JITTER_TAKEN;
    }
    if (seq < w->begin) { /* overtaken by the first: the sequence began before it was known */
        w->count.expected += w->begin - seq;
        w->count.missing += w->begin - seq;
        if (!w->moved && w->front == w->begin && w->highest - seq < w->capacity) w->front = seq;
        w->begin = seq;
    } else if (seen(w, seq)) {
        w->count.duplicate++;
        return RTA_JITTER_DUPLICATE;
    }
    w->count.missing--;
    if (seq < w->front) {
        mark(w, seq);
        w->count.received_unique++;
        w->count.late_discarded++;
        return RTA_JITTER_LATE;
    }
    store(w, seq, p);
    return RTA_JITTER_TAKEN;
}

static void hold(rta_jitter_window *w, const rta_jitter_packet *p) {
    supersede(w, held(w));
    fill(held(w), 0, p);
    w->held_seq = p->seq;
    w->held_ssrc = p->ssrc;
    w->count.queued++;
}

static rta_jitter_taken restart(rta_jitter_window *w, const rta_jitter_packet *p) {
    rta_jitter_slot *h = held(w);
    const int32_t distance = (int16_t)(p->seq - w->held_seq);
    const rta_jitter_packet first = {.seq = w->held_seq,
                                     .payload_type = h->payload_type,
                                     .timestamp = h->timestamp,
                                     .ssrc = w->held_ssrc,
                                     .arrival_ns = h->arrival_ns,
                                     .payload = h->payload,
                                     .bytes = h->bytes};
    h->present = false;
    w->count.queued--;
    const bool swapped = distance < 0; /* the later one came first */
    begin(w, swapped ? p : &first);
    place(w, swapped ? &first : p, swapped ? -distance : distance);
    return RTA_JITTER_RESTARTED;
}

rta_jitter_taken rta_jitter_window_put(rta_jitter_window *w, const rta_jitter_packet *p, uint64_t *seq) {
    w->count.received++;
    *seq = 0;
    if (!w->started) {
        begin(w, p);
        *seq = w->begin;
        return RTA_JITTER_TAKEN;
    }
    const int32_t distance = (int16_t)(p->seq - w->highest_seq);
    const bool near =
        distance > 0 ? distance <= RTA_JITTER_FORWARD
                     : distance > -RTA_JITTER_BACK && w->highest - (uint64_t)-distance + RTA_JITTER_NEAR >= w->begin;
    if (p->ssrc == w->ssrc && near) {
        if (distance > 0) supersede(w, held(w));
        *seq = w->highest + (uint64_t)(int64_t)distance;
        return place(w, p, distance);
    }
    if (held(w)->present && w->held_ssrc == p->ssrc) {
        const int32_t apart = (int16_t)(p->seq - w->held_seq);
        if (apart == 0) {
            w->count.duplicate++;
            return RTA_JITTER_DUPLICATE;
        }
        if (apart >= -RTA_JITTER_NEAR && apart <= RTA_JITTER_NEAR) return restart(w, p);
    }
    hold(w, p);
    return RTA_JITTER_HELD;
}

int64_t rta_jitter_window_overtaken_ns(const rta_jitter_window *w, uint64_t seq) {
    if (seq == 0 || seq >= w->highest) return INT64_MAX;
    const uint64_t last = w->highest - seq < w->capacity ? w->highest : seq + w->capacity - 1;
    for (uint64_t s = seq + 1; s <= last; s++) /* a slot keeps its time after it was given */
        if (slot_of(w, s)->seq == s) return slot_of(w, s)->arrival_ns;
    return INT64_MAX;
}

rta_jitter_slot *rta_jitter_window_front(rta_jitter_window *w) {
    rta_jitter_slot *slot = slot_of(w, w->front);
    return slot->present && slot->seq == w->front ? slot : NULL;
}

rta_jitter_slot *rta_jitter_window_behind_gap(rta_jitter_window *w) {
    if (!w->started || rta_jitter_window_front(w) != NULL) return NULL;
    for (uint64_t seq = w->front + 1; seq <= w->highest; seq++) {
        rta_jitter_slot *slot = slot_of(w, seq);
        if (slot->present && slot->seq == seq) return slot;
    }
    return NULL;
}

bool rta_jitter_window_restarts_at(const rta_jitter_window *w, uint64_t seq) {
    return w->front < w->begin && seq >= w->begin;
}

bool rta_jitter_window_ordered(const rta_jitter_window *w) { return w->count.queued > held(w)->present; }

void rta_jitter_window_pop(rta_jitter_window *w, bool used) {
    rta_jitter_slot *slot = slot_of(w, w->front);
    slot->present = false;
    w->count.queued--;
    if (used) w->count.used++;
    else w->count.late_discarded++;
    w->front++;
    w->moved = true;
}

void rta_jitter_window_skip_to(rta_jitter_window *w, uint64_t seq) {
    w->front = seq;
    w->moved = true;
}
