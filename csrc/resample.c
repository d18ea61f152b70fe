/* SPDX-License-Identifier: Apache-2.0
 *
 * The stream: a buffer that holds the inputs still needed, followed by the block just taken in.
 *
 *     buffer: | at most `history` old samples | up to BLOCK new ones |
 *               ^ cursor.start: the window of the next output
 *
 * Output k may be computed once input floor(k * down / up) is there. `due` = k * down - n * up, for the next output k
 * and n inputs taken: negative means that it may. So after n inputs, ceil(n * up / down) outputs have been given, at
 * any chunking (law 6).
 */
#include "resample.h"

#include <stdlib.h>
#include <string.h>

#include "resample_bank.h"
#include "resample_kernel.h"

enum { BLOCK = 1024 }; /* input samples taken at a time: with the history it stays in the first-level cache */

struct rta_resampler {
    const rta_resample_bank *bank; /* NULL: equal rates */
    rta_resample_kernel *kernel;
    rta_resample_cursor cursor; /* between calls, start = 0 */
    int64_t due;                /* grid points until the next output may be computed; < 0: it may */
    uint64_t fill;              /* samples in the buffer, <= history + BLOCK */
    uint64_t history;           /* zeros the stream starts with; never more are kept between calls */
    bool flushed;
    float *buffer; /* history + BLOCK */
};

static int simd_in_use = -1; /* rta_simd; -1 until first asked; __atomic only */

rta_simd rta_resampler_simd(void) {
    const int set = __atomic_load_n(&simd_in_use, __ATOMIC_RELAXED);
    if (set >= 0) return (rta_simd)set;
    static const rta_simd best_first[] = {RTA_SIMD_AVX512, RTA_SIMD_AVX2, RTA_SIMD_NEON};
    for (size_t i = 0; i < sizeof best_first / sizeof *best_first; i++)
        if (rta_resample_kernel_for(best_first[i]) != NULL) return best_first[i];
    return RTA_SIMD_SCALAR;
}

rta_status rta_resampler_set_simd(rta_simd simd) {
    if (rta_resample_kernel_for(simd) == NULL) return RTA_INVALID;
    __atomic_store_n(&simd_in_use, (int)simd, __ATOMIC_RELAXED);
    return RTA_OK;
}

void rta_resampler_reset(rta_resampler *r) {
    r->flushed = false;
    if (r->bank == NULL) return;
    const rta_resample_bank *bank = r->bank;
    /* Output 0 ends its window at input floor(-(skip + 1) / up), which lies before the first. */
    const uint32_t before = (bank->skip + bank->up) / bank->up; /* ceil((skip + 1) / up) */
    r->cursor = (rta_resample_cursor){.start = 0, .row = before * bank->up - (bank->skip + 1)};
    r->due = 0;
    r->fill = r->history;
    memset(r->buffer, 0, r->history * sizeof(float));
}

rta_status rta_resampler_create(rta_resampler **out, uint32_t from_rate, uint32_t to_rate) {
    if (!rta_resample_is_pair(from_rate, to_rate)) return RTA_INVALID;
    rta_resampler *r = calloc(1, sizeof *r);
    if (r == NULL) return RTA_NOMEM;
    if (from_rate != to_rate) {
        const rta_status status = rta_resample_bank_get(&r->bank, from_rate, to_rate);
        if (status != RTA_OK) {
            free(r);
            return status;
        }
        r->kernel = rta_resample_kernel_for(rta_resampler_simd());
        r->history = r->bank->taps - 1 + (r->bank->skip + r->bank->up) / r->bank->up;
        r->buffer = rta_zeroed((r->history + BLOCK) * sizeof(float));
        if (r->buffer == NULL) {
            free(r);
            return RTA_NOMEM;
        }
    }
    rta_resampler_reset(r);
    *out = r;
    return RTA_OK;
}

void rta_resampler_destroy(rta_resampler *r) {
    if (r == NULL) return;
    free(r->buffer);
    free(r);
}

uint32_t rta_resampler_delay(const rta_resampler *r) { return r->bank == NULL ? 0 : r->bank->delay; }

uint64_t rta_resampler_max_out(const rta_resampler *r, uint64_t in_count) {
    if (r->bank == NULL) return in_count;
    const uint64_t up = r->bank->up, down = r->bank->down;
    return in_count / down * up + (in_count % down * up + down - 1) / down + 1;
}

uint64_t rta_resampler_out_count(const rta_resampler *r, uint64_t in_count) {
    if (r->bank == NULL) return in_count;
    const int64_t due = r->due - (int64_t)(in_count * r->bank->up), down = r->bank->down;
    return due < 0 ? (uint64_t)((-due + down - 1) / down) : 0;
}

/* Takes one block in (NULL: zeros) and gives at most `limit` outputs. */
static uint64_t take_block(rta_resampler *r, const float *in, uint64_t in_count, float *out, uint64_t limit) {
    float *to = r->buffer + r->fill;
    if (in != NULL) memcpy(to, in, in_count * sizeof(float));
    else memset(to, 0, in_count * sizeof(float));
    r->fill += in_count;
    uint64_t count = rta_resampler_out_count(r, in_count);
    if (count > limit) count = limit;
    r->due += (int64_t)(count * r->bank->down) - (int64_t)(in_count * r->bank->up);
    if (count == 0) return 0;
    r->kernel(r->bank, r->buffer, &r->cursor, out, count);
    r->fill -= r->cursor.start;
    memmove(r->buffer, r->buffer + r->cursor.start, r->fill * sizeof(float));
    r->cursor.start = 0;
    return count;
}

rta_status rta_resampler_process(rta_resampler *r, const float *in, uint64_t in_count, float *out,
                                 uint64_t *out_count) {
    *out_count = 0;
    if (r->flushed) return RTA_CLOSED;
    if (in_count == 0) return RTA_OK;
    if (r->bank == NULL) {
        memcpy(out, in, in_count * sizeof(float));
        *out_count = in_count;
        return RTA_OK;
    }
    uint64_t done = 0;
    while (in_count > 0) {
        const uint64_t block = in_count < BLOCK ? in_count : BLOCK;
        done += take_block(r, in, block, out + done, UINT64_MAX);
        in += block;
        in_count -= block;
    }
    *out_count = done;
    return RTA_OK;
}

rta_status rta_resampler_flush(rta_resampler *r, float *out, uint64_t *out_count) {
    *out_count = 0;
    if (r->flushed) return RTA_CLOSED;
    r->flushed = true;
    if (r->bank == NULL) return RTA_OK;
    const uint64_t delay = r->bank->delay;
    uint64_t done = 0;
    while (done < delay) done += take_block(r, NULL, BLOCK, out + done, delay - done);
    *out_count = done;
    return RTA_OK;
}
