/* SPDX-License-Identifier: Apache-2.0
 *
 * int16 in and out of the resampler, by way of small blocks on the stack. Blocks do not show in the output: neither the
 * resampler nor the conversion knows of chunks.
 */
#include "dsp.h"
#include "resample.h"

/* The pair that grows most is 8 to 48 kHz: six outputs for an input, and one. The longest tail is 192 samples. */
enum { BLOCK_IN = 256, BLOCK_OUT = 6 * BLOCK_IN + 1 };

rta_status rta_resampler_process_i16(rta_resampler *r, const int16_t *in, uint64_t in_count, int16_t *out,
                                     uint64_t *out_count) {
    float from[BLOCK_IN], to[BLOCK_OUT];
    uint64_t done = 0;
    *out_count = 0;
    do {
        const uint64_t block = in_count < BLOCK_IN ? in_count : BLOCK_IN;
        uint64_t given;
        rta_f32_from_i16(in, from, block);
        const rta_status status = rta_resampler_process(r, from, block, to, &given);
        if (status != RTA_OK) return status;
        rta_i16_from_f32(to, out + done, given);
        done += given;
        in += block;
        in_count -= block;
    } while (in_count > 0);
    *out_count = done;
    return RTA_OK;
}

rta_status rta_resampler_flush_i16(rta_resampler *r, int16_t *out, uint64_t *out_count) {
    float tail[BLOCK_OUT];
    const rta_status status = rta_resampler_flush(r, tail, out_count);
    if (status == RTA_OK) rta_i16_from_f32(tail, out, *out_count);
    return status;
}
