/* SPDX-License-Identifier: Apache-2.0
 *
 * noise.h: comfort noise at a given level: uniform, plus two thirds of the sample before, so dull like a room. Exact
 * integers (law 5). Pure. AUDIO PATH.
 */
#ifndef RTA_NOISE_H
#define RTA_NOISE_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { RTA_NOISE_MOST = 400 }; /* -38 dB of full scale: nobody's silence is louder, whatever a packet says */

typedef struct rta_noise {
    uint64_t random;
    int32_t gain; /* root mean square of what comes out, nearly */
    int32_t last[2];
} rta_noise;

static inline void rta_noise_init(rta_noise *noise) { *noise = (rta_noise){.random = 0x9E3779B97F4A7C15u}; }

static inline int32_t rta_noise_next(rta_noise *noise, uint32_t channel) {
    noise->random ^= noise->random >> 12;
    noise->random ^= noise->random << 25;
    noise->random ^= noise->random >> 27;
    const int32_t white = (int32_t)(noise->random * 2685821657736338717u >> 48) - 32768;
    /* white has an rms of 18919; (1 - 4/9) ** 0.5 = 0.745 keeps the level: 0.745 / 18919 = 2.58 / 65536 */
    noise->last[channel] = noise->last[channel] * 2 / 3 + (int32_t)((int64_t)white * noise->gain * 258 / 100 / 256);
    return noise->last[channel] / 256;
}

/* RFC 3389: a level of 0 .. 127 in -dBov, where 0 is that of a square wave of full scale. Its root mean square. */
static inline int32_t rta_noise_level(uint8_t minus_dbov) {
    double rms = 32768.0;
    for (uint8_t n = minus_dbov & 127; n > 0; n--) rms *= 0.891250938133745528; /* 10 ** (-1 / 20) */
    return rms < RTA_NOISE_MOST ? (int32_t)(rms + 0.5) : RTA_NOISE_MOST;
}

#ifdef __cplusplus
}
#endif
#endif
