/* SPDX-License-Identifier: Apache-2.0
 *
 * `past` holds the last PAST_MS of what was put out, oldest first. Looking for the pitch works on the sum of the channels,
 * thinned to about 8 kHz by averaging, with 64-bit integers; the best of the thinned lags is then refined at the full rate.
 * Repetition reads from `period`: the last period whose end is cross-faded into what came before its beginning, so that
 * it runs round without a step.
 */
#include "conceal.h"

#include "noise.h"

#include <stdlib.h>
#include <string.h>

enum { PAST_MS = 48, MATCH_MS = 20, FULL_MS = 10, GONE_MS = 60, LEVELS = 100 };

struct rta_conceal {
    uint32_t rate, channels;
    uint32_t past_length, lag_least, lag_most, match; /* samples */
    int16_t *past, *period;
    uint32_t lag;      /* of the period */
    uint64_t run;      /* samples concealed so far; 0: real */
    uint32_t fade_run; /* samples of the cross-fade done, of fade_length; fade_length 0: none */
    uint32_t fade_length;
    /* comfort noise: level of the quietest of the last LEVELS blocks of 10 ms, in mean squares */
    uint64_t block_sum, levels[LEVELS];
    uint32_t block_count, level_at, levels_known;
    int32_t told; /* level by a comfort noise packet; < 0: none */
    rta_noise noise;
};

rta_status rta_conceal_create(rta_conceal **out, uint32_t rate, uint32_t channels) {
    if (rate < 8000 || rate > 48000 || channels < 1 || channels > 2) return RTA_INVALID;
    rta_conceal *c = rta_zeroed(sizeof *c);
    if (c == NULL) return RTA_NOMEM;
    c->rate = rate;
    c->channels = channels;
    c->past_length = rate * PAST_MS / 1000;
    c->lag_least = rate / 400;
    c->lag_most = rate * 15 / 1000;
    c->match = rate * MATCH_MS / 1000;
    c->told = -1;
    rta_noise_init(&c->noise);
    c->past = rta_zeroed((size_t)c->past_length * channels * sizeof *c->past);
    c->period = rta_zeroed((size_t)c->lag_most * channels * sizeof *c->period);
    if (c->past == NULL || c->period == NULL) {
        rta_conceal_destroy(c);
        return RTA_NOMEM;
    }
    *out = c;
    return RTA_OK;
}

void rta_conceal_destroy(rta_conceal *c) {
    if (c == NULL) return;
    free(c->past);
    free(c->period);
    free(c);
}

/* ---- comfort noise */

static uint32_t root(uint64_t x) { /* the largest r with r * r <= x */
    uint64_t r = 0, bit = UINT64_C(1) << 30;
    for (; bit; bit >>= 1)
        if ((r + bit) * (r + bit) <= x) r += bit;
    return (uint32_t)r;
}

static void measure(rta_conceal *c, const int16_t *in, uint32_t samples) {
    const uint32_t block = c->rate / 100;
    for (uint32_t i = 0; i < samples; i++) {
        c->block_sum += (uint64_t)((int32_t)in[i * c->channels] * in[i * c->channels]);
        if (++c->block_count == block) {
            c->levels[c->level_at] = c->block_sum / block;
            c->level_at = (c->level_at + 1) % LEVELS;
            if (c->levels_known < LEVELS) c->levels_known++;
            c->block_sum = c->block_count = 0;
        }
    }
}

static void set_noise(rta_conceal *c) {
    uint64_t least = c->levels_known ? UINT64_MAX : 0;
    for (uint32_t i = 0; i < c->levels_known; i++)
        if (c->levels[i] < least) least = c->levels[i];
    const uint32_t level = root(least);
    c->noise.gain = (int32_t)(level < RTA_NOISE_MOST ? level : RTA_NOISE_MOST);
    if (c->told >= 0) c->noise.gain = c->told;
}

/* ---- pitch */

static int32_t mono(const rta_conceal *c, uint32_t i) {
    return c->channels == 1 ? c->past[i] : (c->past[2 * i] + c->past[2 * i + 1]) / 2;
}

/* How like the last `match` samples are to those `lag` before, every `step`-th: correlation² / energy, signed. */
static double likeness(const int32_t *x, uint32_t length, uint32_t match, uint32_t lag) {
    int64_t both = 0, energy = 1;
    for (uint32_t i = length - match; i < length; i++) {
        both += (int64_t)x[i] * x[i - lag];
        energy += (int64_t)x[i - lag] * x[i - lag];
    }
    return both <= 0 ? 0.0 : (double)both * (double)both / (double)energy;
}

static uint32_t find_lag(const rta_conceal *c) {
    enum { THIN_MOST = PAST_MS * 16, FINE = 48 * PAST_MS };
    int32_t thin[THIN_MOST];
    const uint32_t step = c->rate / 8000, length = c->past_length / step;
    const uint32_t offset = c->past_length - length * step;
    for (uint32_t i = 0; i < length; i++) {
        int32_t sum = 0;
        for (uint32_t k = 0; k < step; k++) sum += mono(c, offset + i * step + k);
        thin[i] = sum / (int32_t)step;
    }
    const uint32_t match = c->match / step, least = c->lag_least / step, most = c->lag_most / step;
    uint32_t best = most;
    double most_like = 0.0;
    for (uint32_t lag = least; lag <= most && lag + match <= length; lag++) {
        const double like = likeness(thin, length, match, lag);
        if (like > most_like) {
            most_like = like;
            best = lag;
        }
    }
    if (step == 1 || most_like == 0.0) return best * step < c->lag_most ? best * step : c->lag_most;
    int32_t fine[FINE];
    for (uint32_t i = 0; i < c->past_length; i++) fine[i] = mono(c, i);
    uint32_t refined = best * step;
    most_like = 0.0;
    const uint32_t from = best * step > c->lag_least + step ? best * step - step : c->lag_least;
    for (uint32_t lag = from; lag <= best * step + step && lag <= c->lag_most; lag++) {
        const double like = likeness(fine, c->past_length, c->match / 2, lag);
        if (like > most_like) {
            most_like = like;
            refined = lag;
        }
    }
    return refined;
}

static void begin(rta_conceal *c) {
    const uint32_t channels = c->channels;
    c->lag = find_lag(c);
    const int16_t *last = c->past + (size_t)(c->past_length - c->lag) * channels;
    memcpy(c->period, last, (size_t)c->lag * channels * sizeof *last);
    /* The end of the period runs into its own beginning: fade it into what came before that beginning. */
    const uint32_t seam = c->lag / 4;
    for (uint32_t i = 0; i < seam; i++)
        for (uint32_t k = 0; k < channels; k++) {
            const size_t at = (size_t)(c->lag - seam + i) * channels + k;
            const int32_t before = last[(ptrdiff_t)((ptrdiff_t)i - seam) * (ptrdiff_t)channels + k];
            c->period[at] = (int16_t)((c->period[at] * (int32_t)(seam - i) + before * (int32_t)i) / (int32_t)seam);
        }
    set_noise(c);
}

/* The next sample of channel k that concealment puts out, `run` samples after the last real one. */
static int32_t synthetic(rta_conceal *c, uint64_t run, uint32_t k) {
    const uint64_t full = (uint64_t)c->rate * FULL_MS / 1000, gone = (uint64_t)c->rate * GONE_MS / 1000;
    const int32_t hiss = rta_noise_next(&c->noise, k);
    if (run >= gone) return hiss;
    const int32_t tone = c->period[(run % c->lag) * c->channels + k];
    if (run < full) return tone;
    const int64_t left = (int64_t)(gone - run), span = (int64_t)(gone - full);
    return (int32_t)((tone * left + hiss * (span - left)) / span);
}

static inline int16_t clip(int32_t x) { return (int16_t)(x > 32767 ? 32767 : x < -32768 ? -32768 : x); }

static void remember(rta_conceal *c, const int16_t *x, uint32_t samples) {
    const size_t length = (size_t)c->past_length * c->channels, count = (size_t)samples * c->channels;
    if (count >= length) {
        memcpy(c->past, x + count - length, length * sizeof *x);
        return;
    }
    memmove(c->past, c->past + count, (length - count) * sizeof *x);
    memcpy(c->past + length - count, x, count * sizeof *x);
}

void rta_conceal_real(rta_conceal *c, int16_t *io, uint32_t samples) {
    if (c->run > 0 && c->fade_length == 0 && samples > 0) {
        c->fade_length = c->rate / (c->run > c->rate / 50 ? 100 : 200);
        c->fade_run = 0;
    }
    if (samples > 0) c->told = -1;
    measure(c, io, samples);
    for (uint32_t i = 0; i < samples && c->fade_length != 0; i++) {
        for (uint32_t k = 0; k < c->channels; k++) {
            const int32_t old = synthetic(c, c->run, k), real = io[i * c->channels + k];
            const int32_t n = (int32_t)c->fade_length, r = (int32_t)c->fade_run;
            io[i * c->channels + k] = clip((old * (n - r) + real * r) / n);
        }
        c->run++;
        if (++c->fade_run == c->fade_length) c->fade_length = 0, c->run = 0;
    }
    remember(c, io, samples);
}

uint32_t rta_conceal_fill(rta_conceal *c, int16_t *out, uint32_t samples) {
    if (samples == 0) return 0;
    if (c->run == 0 || c->fade_length != 0) begin(c), c->run = 0, c->fade_length = 0;
    const uint64_t gone = (uint64_t)c->rate * GONE_MS / 1000;
    uint32_t silent = 0;
    for (uint32_t i = 0; i < samples; i++, c->run++) {
        silent += c->run >= gone;
        for (uint32_t k = 0; k < c->channels; k++) out[i * c->channels + k] = clip(synthetic(c, c->run, k));
    }
    return silent;
}

void rta_conceal_told_level(rta_conceal *c, int32_t rms) { c->told = rms; }

void rta_conceal_noise(rta_conceal *c, int16_t *out, uint32_t samples) {
    set_noise(c);
    for (uint32_t i = 0; i < samples; i++)
        for (uint32_t k = 0; k < c->channels; k++) out[i * c->channels + k] = clip(rta_noise_next(&c->noise, k));
    remember(c, out, samples);
    c->run = 0, c->fade_length = 0;
}
