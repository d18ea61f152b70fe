// sources: csrc/resample_variable.c csrc/resample.c csrc/resample_bank.c csrc/resample_kernel.c csrc/base.c
// flags: -lm
//
// The variable resampler: the same bits on every instruction set (law 5), and positions that never add up to an error.
#include "check.h"
#include "resample.h"
#include "resample_variable.h"

#include <math.h>
#include <string.h>

enum { MANY = 24000 };

static uint64_t through(uint32_t from, uint32_t to, const float *in, uint64_t count, float *out) {
    rta_variable *r;
    uint64_t given = 0;
    CHECK(rta_variable_create(&r, from, to) == RTA_OK);
    for (uint64_t done = 0, run; done < count; done += run) {
        run = count - done < 777 ? count - done : 777;
        CHECK(rta_variable_steer(r, done % 2 ? 900.0 : -433.3, done % 3 ? 500 : 0) == RTA_OK);
        CHECK(rta_variable_put(r, in + done, run) == RTA_OK);
        given += rta_variable_get(r, out + given, UINT64_MAX);
    }
    rta_variable_destroy(r);
    return given;
}

static void every_instruction_set(uint32_t from, uint32_t to) {
    static float in[MANY], first[7 * MANY], again[7 * MANY];
    uint64_t seed = from + to, count = 0;
    int sets = 0;
    for (int i = 0; i < MANY; i++) in[i] = (float)random_between(&seed, 0, 65535) / 65536.0f - 0.5f;
    for (int simd = RTA_SIMD_SCALAR; simd <= RTA_SIMD_NEON; simd++) {
        if (rta_resampler_set_simd((rta_simd)simd) != RTA_OK) continue;
        const uint64_t given = through(from, to, in, MANY, sets ? again : first);
        if (sets++) CHECK(given == count && memcmp(first, again, count * sizeof(float)) == 0);
        count = given;
    }
    CHECK(sets >= 1 && count > 0);
}

/* At 0 ppm output k stands at k * from / to, however many there were; and it is there as soon as its position is. */
static void nothing_adds_up(uint32_t from, uint32_t to) {
    static float silence[4096], out[65536];
    rta_variable *r;
    CHECK(rta_variable_create(&r, from, to) == RTA_OK);
    for (uint64_t put = 0, given = 0, run; put < (uint64_t)40 * from; put += run) {
        run = (uint64_t)40 * from - put < 4096 ? (uint64_t)40 * from - put : 4096;
        CHECK(rta_variable_put(r, silence, run) == RTA_OK);
        given += rta_variable_get(r, out, UINT64_MAX);
        CHECK(given >= ((put + run) * to + from - 1) / from && given <= ((put + run) * to + from - 1) / from + 1);
        CHECK(fabs((double)(put + run) - rta_variable_ahead(r) - (double)(given * from) / to) < 1e-7);
    }
    rta_variable_destroy(r);
}

static void bad_input(void) {
    static const float much[65536];
    rta_variable *r;
    CHECK(rta_variable_create(&r, 44000, 48000) == RTA_INVALID && r == NULL);
    CHECK(rta_variable_create(&r, 8000, 8000) == RTA_OK);
    CHECK(rta_variable_steer(r, NAN, 0) == RTA_INVALID && rta_variable_steer(r, 5001.0, 0) == RTA_INVALID);
    CHECK(rta_variable_steer(r, -5000.0, UINT64_MAX) == RTA_OK);
    CHECK(rta_variable_put(r, much, 65536) == RTA_FULL);
    CHECK(rta_variable_room(r) >= RTA_VARIABLE_ROOM);
    rta_variable_destroy(r);
}

int main(void) {
    static const uint32_t pairs[][2] = {{48000, 48000}, {16000, 48000}, {48000, 16000}, {44100, 24000},
                                        {8000, 16000},  {48000, 8000},  {11025, 48000}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        nothing_adds_up(pairs[i][0], pairs[i][1]);
        every_instruction_set(pairs[i][0], pairs[i][1]);
    }
    bad_input();
    return 0;
}
