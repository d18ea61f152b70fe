/* SPDX-License-Identifier: Apache-2.0
 *
 * playout_shared.h: private to the playout: layout of its two memory parts and the seqlock both sides publish with.
 *
 * Seqlock: the one writer makes `seq` odd, stores the fields (relaxed atomics: readers may look at any time), makes it
 * even. A reader copies the fields and takes the copy only if `seq` was the same even number before and after.
 */
#ifndef RTA_PLAYOUT_SHARED_H
#define RTA_PLAYOUT_SHARED_H

#include "playout.h"

#define RTA_LOAD(field) __atomic_load_n(&(field), __ATOMIC_RELAXED)
#define RTA_LOAD_ACQ(field) __atomic_load_n(&(field), __ATOMIC_ACQUIRE)
#define RTA_STORE(field, value) __atomic_store_n(&(field), (value), __ATOMIC_RELAXED)
#define RTA_STORE_REL(field, value) __atomic_store_n(&(field), (value), __ATOMIC_RELEASE)

static inline size_t rta_align64(size_t bytes) { return (bytes + 63) & ~(size_t)63; }

/* Capacity of the sample ring: the queue and the history behind the read position, rounded up. */
static inline uint64_t rta_playout_capacity(const rta_playout_config *config) {
    uint64_t need = config->queue_samples + config->history_samples, capacity = 64;
    while (capacity < need) capacity <<= 1;
    return capacity;
}

typedef struct rta_playout_layout { /* offsets from the session block */
    size_t ops, samples, background, bytes;
} rta_playout_layout;

static inline rta_playout_layout rta_playout_layout_of(const rta_playout_config *config) {
    rta_playout_layout at;
    at.ops = rta_align64(sizeof(rta_playout_session));
    at.samples = at.ops + rta_align64(sizeof(rta_op) * RTA_PLAYOUT_OPS);
    at.background = at.samples + rta_align64(sizeof(float) * rta_playout_capacity(config));
    at.bytes = at.background + rta_align64(sizeof(float) * config->background_samples);
    return at;
}

/* The thread sanitizer does not know fences; in its builds the accesses themselves are ordered. */
#if defined(__SANITIZE_THREAD__)
#define RTA_SEQ_FENCE(order) ((void)0)
#define RTA_SEQ_ORDER __ATOMIC_SEQ_CST
#else
#define RTA_SEQ_FENCE(order) __atomic_thread_fence(order)
#define RTA_SEQ_ORDER __ATOMIC_RELAXED
#endif

static inline void rta_seq_begin(uint32_t *seq) {
    __atomic_store_n(seq, RTA_LOAD(*seq) + 1, RTA_SEQ_ORDER);
    RTA_SEQ_FENCE(__ATOMIC_RELEASE);
}

/* After the copy: was it undisturbed? */
static inline bool rta_seq_same(const uint32_t *seq, uint32_t before) {
    RTA_SEQ_FENCE(__ATOMIC_ACQUIRE);
    return __atomic_load_n(seq, RTA_SEQ_ORDER) == before;
}

static inline void rta_seq_end(uint32_t *seq) { RTA_STORE_REL(*seq, RTA_LOAD(*seq) + 1); }

/* Copies whole 64-bit words between shared and private memory. */
static inline void rta_words_store(void *shared, const void *from, size_t bytes) {
    uint64_t *to = shared;
    const uint64_t *words = from;
    for (size_t i = 0; i < bytes / 8; i++) RTA_STORE(to[i], words[i]);
}

static inline void rta_words_load(void *to, const void *shared, size_t bytes) {
    uint64_t *words = to;
    const uint64_t *from = shared;
    for (size_t i = 0; i < bytes / 8; i++) words[i] = RTA_LOAD(from[i]);
}

static inline uint64_t rta_pack_gain(float gain, uint32_t ramp_samples) {
    uint32_t bits;
    __builtin_memcpy(&bits, &gain, 4);
    return (uint64_t)bits << 32 | ramp_samples;
}

static inline float rta_unpack_gain(uint64_t word) {
    uint32_t bits = (uint32_t)(word >> 32);
    float gain;
    __builtin_memcpy(&gain, &bits, 4);
    return gain;
}

#endif
