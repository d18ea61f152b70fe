/* SPDX-License-Identifier: Apache-2.0 */
#include "stretch.h"

#include <string.h>

enum { QUIET = 104 }; /* -50 dBFS */

static inline int32_t mono(const int16_t *x, uint32_t channels, uint32_t i) {
    return channels == 1 ? x[i] : (x[2 * i] + x[2 * i + 1]) / 2;
}

/* The lag, or 0 where no two neighbours are alike enough. Thinned to about 8 kHz first, then refined. */
static rta_stretched find(const int16_t *x, uint32_t samples, uint32_t channels, uint32_t rate, uint32_t most) {
    enum { MOST_THIN = 30 * 16 };
    const uint32_t needs = rta_stretch_needs(rate), least = rate / 400, longest = rate * 15 / 1000;
    rta_stretched done = {0, false};
    most = most < longest ? most : longest;
    if (samples < needs || most < least) return done;
    const uint32_t step = rate / 8000;
    int32_t thin[MOST_THIN];
    const uint32_t length = needs / step;
    uint64_t energy = 0;
    for (uint32_t i = 0; i < length; i++) {
        int32_t sum = 0;
        for (uint32_t k = 0; k < step; k++) sum += mono(x, channels, i * step + k);
        thin[i] = sum / (int32_t)step;
        energy += (uint64_t)((int64_t)thin[i] * thin[i]);
    }
    done.quiet = energy < (uint64_t)QUIET * QUIET * length;
    if (done.quiet) {
        done.lag = most;
        return done;
    }
    double best = 0.0;
    uint32_t lag = 0;
    for (uint32_t l = (least + step - 1) / step; l <= most / step && 2 * l <= length; l++) {
        int64_t both = 0, first = 1, second = 1;
        for (uint32_t i = 0; i < l; i++) {
            both += (int64_t)thin[i] * thin[i + l];
            first += (int64_t)thin[i] * thin[i];
            second += (int64_t)thin[i + l] * thin[i + l];
        }
        const double like = both <= 0 ? 0.0 : (double)both * (double)both / ((double)first * (double)second);
        if (like > best) {
            best = like;
            lag = l * step;
        }
    }
    if (best > 0.81 && lag <= most) done.lag = lag; /* 0.9 squared */
    return done;
}

/* Fades a into b over `lag` samples of each channel, into out (which may be a or b). */
static void cross(const int16_t *a, const int16_t *b, int16_t *out, uint32_t lag, uint32_t channels) {
    for (uint32_t i = 0; i < lag; i++)
        for (uint32_t k = 0; k < channels; k++) {
            const size_t at = (size_t)i * channels + k;
            out[at] = (int16_t)(((int64_t)a[at] * (lag - i) + (int64_t)b[at] * i) / lag);
        }
}

rta_stretched rta_stretch_shorten(int16_t *io, uint32_t samples, uint32_t channels, uint32_t rate, uint32_t most) {
    const rta_stretched done = find(io, samples, channels, rate, most);
    const size_t lag = (size_t)done.lag * channels, all = (size_t)samples * channels;
    if (lag == 0) return done;
    cross(io, io + lag, io, done.lag, channels);
    memmove(io + lag, io + 2 * lag, (all - 2 * lag) * sizeof *io);
    return done;
}

rta_stretched rta_stretch_lengthen(int16_t *io, uint32_t samples, uint32_t channels, uint32_t rate, uint32_t most) {
    const rta_stretched done = find(io, samples, channels, rate, most);
    const size_t lag = (size_t)done.lag * channels, all = (size_t)samples * channels;
    if (lag == 0) return done;
    /* Before: A B rest. After: A, then B fading into A, then B rest. */
    memmove(io + 2 * lag, io + lag, (all - lag) * sizeof *io);
    cross(io + 2 * lag, io, io + lag, done.lag, channels);
    return done;
}
