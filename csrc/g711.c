/* SPDX-License-Identifier: Apache-2.0
 *
 * Both laws are eight segments of sixteen equal steps, each segment twice as wide as the one before (A-law: the first
 * two alike). The segment is the place of the magnitude's highest bit, so no table is needed and the arithmetic stays
 * the recommendation's own. One's complement of a negative sample gives its magnitude less one unit in the last of 16
 * bits, which puts an exact decision value below the decision (see g711.h).
 */
#include "g711.h"

static inline uint32_t magnitude(int16_t x) { return (uint32_t)(x < 0 ? ~x : x); }

static inline uint32_t highest_bit(uint32_t x) { return 31u - (uint32_t)__builtin_clz(x); }

/* 14 bits; the bias of 33 makes every segment begin at a power of two: 33 .. 63, 64 .. 127, .. 4096 .. 8191. */
void rta_ulaw_encode(const int16_t *in, uint8_t *out, uint64_t count) {
    for (uint64_t i = 0; i < count; i++) {
        uint32_t biased = (magnitude(in[i]) >> 2) + 33;
        biased = biased < 8191 ? biased : 8191;
        const uint32_t segment = highest_bit(biased) - 5, step = (biased >> (segment + 1)) & 15;
        out[i] = (uint8_t)((in[i] < 0 ? 0x7F : 0xFF) - (segment << 4 | step));
    }
}

void rta_ulaw_decode(const uint8_t *in, int16_t *out, uint64_t count) {
    for (uint64_t i = 0; i < count; i++) {
        const uint32_t code = ~(uint32_t)in[i], segment = code >> 4 & 7, step = code & 15;
        const int32_t value = ((int32_t)(2 * step + 33) << segment) - 33;
        out[i] = (int16_t)(4 * ((code & 0x80) != 0 ? -value : value));
    }
}

/* 13 bits with the sign, of which the last is no part of any decision: 12 bits of magnitude in half steps of two. */
void rta_alaw_encode(const int16_t *in, uint8_t *out, uint64_t count) {
    for (uint64_t i = 0; i < count; i++) {
        const uint32_t size = magnitude(in[i]) >> 4;
        const uint32_t segment = size < 32 ? size >> 4 : highest_bit(size) - 3;
        const uint32_t step = size >> (segment > 1 ? segment - 1 : 0) & 15;
        out[i] = (uint8_t)(((in[i] < 0 ? 0x00 : 0x80) | segment << 4 | step) ^ 0x55);
    }
}

void rta_alaw_decode(const uint8_t *in, int16_t *out, uint64_t count) {
    for (uint64_t i = 0; i < count; i++) {
        const uint32_t code = in[i] ^ 0x55u, segment = code >> 4 & 7, step = code & 15;
        const int32_t value = segment == 0 ? (int32_t)(2 * step + 1) : (int32_t)(2 * step + 33) << (segment - 1);
        out[i] = (int16_t)(8 * ((code & 0x80) != 0 ? value : -value));
    }
}
