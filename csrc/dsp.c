/* SPDX-License-Identifier: Apache-2.0
 *
 * Plain loops, written so that compilers turn them into vector code at the baseline instruction set.
 */
#include "dsp.h"

#include <math.h>
#include <string.h>

enum { BLOCK = 256 };

void rta_f32_from_i16(const int16_t *in, float *out, uint64_t count) {
    for (uint64_t i = 0; i < count; i++) out[i] = (float)in[i] * (1.0f / 32768.0f);
}

/* Adding 1.5 * 2^23 leaves no bits for a fraction: the addition itself rounds to an integer, halves to even, which
 * then stands in the low bits of the result. Unlike lrintf this compiles to vector code. */
static inline int16_t to_i16(float x) {
    float scaled = x * 32768.0f;
    scaled = scaled == scaled ? scaled : 0.0f;
    scaled = scaled < 32767.0f ? scaled : 32767.0f;
    scaled = scaled > -32768.0f ? scaled : -32768.0f;
    const float shifted = scaled + 12582912.0f;
    int32_t bits;
    memcpy(&bits, &shifted, sizeof bits);
    return (int16_t)(bits - 0x4B400000);
}

void rta_i16_from_f32(const float *in, int16_t *out, uint64_t count) {
    for (uint64_t i = 0; i < count; i++) out[i] = to_i16(in[i]);
}

static inline uint32_t is_nonfinite(const float *x) {
    uint32_t bits;
    memcpy(&bits, x, sizeof bits);
    return (bits & 0x7F800000u) == 0x7F800000u;
}

uint64_t rta_first_nonfinite(const float *in, uint64_t count) {
    for (uint64_t begin = 0; begin < count; begin += BLOCK) {
        const uint64_t length = count - begin < BLOCK ? count - begin : BLOCK;
        uint32_t any = 0;
        for (uint64_t i = 0; i < length; i++) any |= is_nonfinite(in + begin + i);
        if (any == 0) continue;
        for (uint64_t i = begin;; i++)
            if (is_nonfinite(in + i)) return i;
    }
    return count;
}

void rta_gain_f32(const float *in, float *out, uint64_t count, float gain) {
    for (uint64_t i = 0; i < count; i++) out[i] = in[i] * gain;
}

void rta_gain_i16(const int16_t *in, int16_t *out, uint64_t count, float gain) {
    for (uint64_t i = 0; i < count; i++) out[i] = to_i16((float)in[i] * (1.0f / 32768.0f) * gain);
}

void rta_ramp_init(rta_ramp *ramp, float gain) { *ramp = (rta_ramp){.from = gain, .to = gain}; }

static inline float gain_at(const rta_ramp *ramp, uint64_t position) {
    const double part = (double)(int64_t)position / (double)(int64_t)ramp->length;
    return (float)(ramp->from + ((double)ramp->to - ramp->from) * part);
}

float rta_ramp_gain(const rta_ramp *ramp) {
    return ramp->position >= ramp->length ? ramp->to : gain_at(ramp, ramp->position);
}

void rta_ramp_to(rta_ramp *ramp, float gain, uint64_t length) {
    ramp->from = rta_ramp_gain(ramp);
    ramp->to = gain;
    ramp->length = length;
    ramp->position = 0;
}

/* How many of `count` samples still move. */
static inline uint64_t moving(const rta_ramp *ramp, uint64_t count) {
    const uint64_t left = ramp->length - ramp->position;
    return count < left ? count : left;
}

void rta_ramp_apply(rta_ramp *ramp, const float *in, float *out, uint64_t count) {
    const uint64_t moves = moving(ramp, count);
    for (uint64_t i = 0; i < moves; i++) out[i] = in[i] * gain_at(ramp, ramp->position + i);
    ramp->position += moves;
    rta_gain_f32(in + moves, out + moves, count - moves, ramp->to);
}

void rta_ramp_mix(rta_ramp *ramp, const float *in, float *io, uint64_t count) {
    const uint64_t moves = moving(ramp, count);
    for (uint64_t i = 0; i < moves; i++) io[i] += in[i] * gain_at(ramp, ramp->position + i);
    ramp->position += moves;
    for (uint64_t i = moves; i < count; i++) io[i] += in[i] * ramp->to;
}

void rta_meter_reset(rta_meter *meter) { memset(meter, 0, sizeof *meter); }

static inline void meter_one(rta_meter *meter, float x) {
    const float size = fabsf(x);
    meter->lane[meter->count++ % 8] += (double)x * x;
    meter->peak = meter->peak > size ? meter->peak : size;
}

void rta_meter_push_f32(rta_meter *meter, const float *in, uint64_t count) {
    uint64_t i = 0;
    for (; i < count && meter->count % 8 != 0; i++) meter_one(meter, in[i]); /* up to lane 0 */
    float peak[8] = {0};
    for (; i + 8 <= count; i += 8) {
        for (int l = 0; l < 8; l++) {
            const float size = fabsf(in[i + l]);
            meter->lane[l] += (double)in[i + l] * in[i + l];
            peak[l] = peak[l] > size ? peak[l] : size;
        }
        meter->count += 8;
    }
    for (int l = 0; l < 8; l++) meter->peak = meter->peak > peak[l] ? meter->peak : peak[l];
    for (; i < count; i++) meter_one(meter, in[i]);
}

void rta_meter_push_i16(rta_meter *meter, const int16_t *in, uint64_t count) {
    float block[BLOCK];
    while (count > 0) {
        const uint64_t length = count < BLOCK ? count : BLOCK;
        rta_f32_from_i16(in, block, length);
        rta_meter_push_f32(meter, block, length);
        in += length;
        count -= length;
    }
}

double rta_meter_rms(const rta_meter *meter) {
    if (meter->count == 0) return 0.0;
    const double *lane = meter->lane;
    const double sum = ((lane[0] + lane[4]) + (lane[2] + lane[6])) + ((lane[1] + lane[5]) + (lane[3] + lane[7]));
    return sqrt(sum / (double)meter->count);
}

double rta_dbfs(double amplitude) { return amplitude > 0.0 ? 20.0 * log10(amplitude) : -INFINITY; }
