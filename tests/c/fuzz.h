/* fuzz.h: what the fuzzing programs share: how long to go on, and how to damage bytes. No coverage feedback: seeds are
 * made by the program from the grammar of what it tries, and damaged here. */
#ifndef RTA_TEST_FUZZ_H
#define RTA_TEST_FUZZ_H

#include "check.h"

#include <string.h>
#include <time.h>

typedef struct fuzz_clock {
    double until_s;
} fuzz_clock;

static inline double fuzz_now_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* Arguments: seconds (default 0: one round), seed. */
static inline fuzz_clock fuzz_start(int argc, char **argv) {
    return (fuzz_clock){.until_s = argc > 1 ? fuzz_now_s() + atof(argv[1]) : -1.0};
}

/* True once at least. */
static inline int fuzz_goes_on(fuzz_clock *clock) {
    if (clock->until_s == -1.0) {
        clock->until_s = 0.0;
        return 1;
    }
    return fuzz_now_s() < clock->until_s;
}

static inline uint64_t fuzz_seed(int argc, char **argv) {
    const uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    return seed * 0x9E3779B97F4A7C15u | 1;
}

static inline void fuzz_fill(uint64_t *random, uint8_t *data, size_t bytes) {
    for (size_t i = 0; i < bytes; i++) data[i] = (uint8_t)(next_random(random) >> 40);
}

/* One to four damages of `bytes` bytes in a block of `room`; gives the new length. */
static inline size_t fuzz_damage(uint64_t *random, uint8_t *data, size_t bytes, size_t room) {
    static const uint8_t edges[] = {0, 1, 2, 3, 4, 15, 16, 63, 64, 127, 128, 191, 192, 254, 255};
    for (uint64_t n = random_between(random, 1, 4); n > 0; n--) {
        const size_t at = bytes ? (size_t)random_between(random, 0, bytes - 1) : 0;
        const uint64_t kind = random_between(random, 0, 5);
        if (bytes == 0) return 0;
        if (kind == 0) data[at] ^= (uint8_t)(1u << random_between(random, 0, 7));
        else if (kind == 1) data[at] = edges[random_between(random, 0, sizeof edges - 1)];
        else if (kind == 2) bytes = at; /* cut */
        else if (kind == 3) data[at < 16 ? at : at % 16] = (uint8_t)next_random(random); /* in the header */
        else if (kind == 4 && bytes + 1 < room) { /* doubled */ memmove(data + at + 1, data + at, bytes - at);
            bytes++;
        } else { /* left out */
            memmove(data + at, data + at + 1, bytes - at - 1);
            bytes--;
        }
    }
    return bytes;
}

#endif
