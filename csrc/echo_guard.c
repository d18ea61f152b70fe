/* SPDX-License-Identifier: Apache-2.0
 *
 * One hop: mic and reference spectra; the delay; the filter's error; band energies of mic, error and modelled echo (in
 * Hann windows, so that a loud low voice does not leak into quiet bands); what is left over.
 *
 * Constants were set on speech through measured and synthetic rooms, with and without a distorting loudspeaker, echo at
 * -20..0 dB of a user's voice: `rtaudio-bench echo`.
 */
#include "echo_guard.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "echo_delay.h"
#include "echo_filter.h"
#include "resample.h"

enum {
    RATE = 8000,
    CALL = 4096,              /* samples a call may bring */
    RING = 8192,              /* samples at 8 kHz of either side that may wait: 1 s */
    REST = 8192,              /* samples at 16 kHz of what is left that may wait */
    HISTORY = 128,            /* spectra of the reference kept: lags, filter, slack */
    QUIET_HOPS = 80,          /* 0.64 s */
    PATIENCE = 4,             /* hops a mic hop waits for its reference */
    BANDS = 15,
    BAND_BINS = 4,
    FIRST_BIN = 3,
    SEEK_EVERY = 4,           /* LOCKED: hops between looks at the delay */
    MOVE_AFTER = 12,          /* looks by which another lag must have been better */
    LOSE_AFTER = 250,         /* looks without any echo: 8 s */
    BEHIND = 60 * 8,          /* alignment, samples at 8 kHz */
    AHEAD = 250 * 8,
    RECENT = 4,               /* hops: 32 ms */
    MOST_AHEAD = 40,          /* hops of reference before its mic: HISTORY less the lags and the filter */
};
static const float LOUDEST = 256.0f;      /* +48 dB of full scale; beyond it there is no audio */
static const float SILENT = 1e-9f;        /* mean square of a frame that counts as silence: -90 dBFS */
static const float SEEK_KEEPS = 0.997f, HOLD_KEEPS = 0.96f; /* forgetting of the delay's averages, per look */
static const float SEEK_SIGMAS = 6.0f, HOLD_SIGMAS = 4.0f;
static const float BETTER = 1.5f;         /* by which another lag's score must be better */
static const float TAIL_KEEPS = 0.96f; /* decay of the modelled echo per hop: a room of 2.7 s */
static const float MISS_FIRST = 1.0f, MISS_LEAST = 0.004f, MISS_MOST = 2.0f;
static const float MISS_UP = 0.006f, MISS_DOWN = 0.002f, MISS_PLUNGE = 0.02f;
static const float MISS_MARGIN = 3.5f;
static const float NOISE_UP = 1.0020f, NOISE_DOWN = 0.3f, NOISE_FIRST = 1e-3f, NOISE_MARGIN = 4.0f;
static const float UNSURE = 1.0f;
static const float FIT_KEEPS = 0.998f; /* in each hop that is explained: 4 s */
static const float FIT_LEAST = 0.005f;

struct rta_echo_guard {
    rta_resampler *ref_down, *mic_down, *rest_up;
    float rest[REST]; /* what is left of the mic, 16 kHz */
    uint64_t rest_written, rest_read;
    float *scratch; /* of the resamplers */
    uint64_t scratch_samples;
    float ref[RING], mic[RING];
    uint64_t ref_written, ref_framed; /* samples at 8 kHz; those in spectra */
    uint64_t mic_written, mic_heard;
    rta_echo_spectrum spectra[HISTORY];
    rta_echo_phases phases[HISTORY];
    bool sounds[HISTORY];
    uint64_t last_sound; /* hop after the last that sounded */
    rta_echo_delay delay;
    rta_echo_filter filter;
    bool locked;
    uint32_t start, better_lag, better_for, nothing_for;
    float score;
    float fit; /* how much quieter the rest is than the mic, lately: (mic - rest) / (mic + rest), a mean over bands */
    float error[RTA_ECHO_FRAME]; /* of the last two hops */
    float hann[RTA_ECHO_FRAME];
    float tail[BANDS], miss[BANDS], noise[BANDS];
    uint32_t learnt[BANDS];
    bool noise_known;
    float energy, foreign; /* since the last share */
    float energies[RECENT], foreigns[RECENT]; /* of the last hops, the latest at heard % RECENT */
    float share;
    uint64_t moved, starved, realigned;
};

rta_status rta_echo_guard_create(rta_echo_guard **guard, uint32_t ref_rate) {
    *guard = NULL;
    rta_echo_guard *g = rta_zeroed(sizeof *g);
    if (!g) return RTA_NOMEM;
    rta_status status = rta_resampler_create(&g->ref_down, ref_rate, RATE);
    if (!status) status = rta_resampler_create(&g->mic_down, 16000, RATE);
    if (!status) status = rta_resampler_create(&g->rest_up, RATE, 16000);
    if (!status) {
        const uint64_t a = rta_resampler_max_out(g->ref_down, CALL), b = rta_resampler_max_out(g->mic_down, CALL);
        g->scratch_samples = a > b ? a : b;
        g->scratch = rta_zeroed(g->scratch_samples * sizeof(float));
        if (!g->scratch) status = RTA_NOMEM;
    }
    if (status) {
        rta_echo_guard_destroy(g);
        return status;
    }
    g->rest_written = 2 * RTA_ECHO_HOP; /* so that what is asked for is there, however the hops fall */
    rta_echo_delay_reset(&g->delay);
    rta_echo_filter_reset(&g->filter);
    for (unsigned n = 0; n < RTA_ECHO_FRAME; n++) g->hann[n] = rta_echo_hann(n);
    for (int b = 0; b < BANDS; b++) {
        g->miss[b] = MISS_FIRST;
        g->noise[b] = NOISE_FIRST;
    }
    *guard = g;
    return RTA_OK;
}

void rta_echo_guard_destroy(rta_echo_guard *g) {
    if (!g) return;
    rta_resampler_destroy(g->ref_down);
    rta_resampler_destroy(g->mic_down);
    rta_resampler_destroy(g->rest_up);
    free(g->scratch);
    free(g);
}

/* ---- The two sides */

/* What is no audio becomes silence: averages that once held an infinity would hold nothing else again. */
static void ring_write(float *ring, uint64_t *written, const float *samples, uint64_t count) {
    for (uint64_t i = 0; i < count; i++) {
        const bool audio = samples && fabsf(samples[i]) <= LOUDEST; /* false for NaN */
        ring[(*written + i) % RING] = audio ? samples[i] : 0.0f;
    }
    *written += count;
}

static void frame_of(const float *ring, uint64_t end, float *frame) {
    for (uint64_t i = 0; i < RTA_ECHO_FRAME; i++) /* before the beginning of time: silence */
        frame[i] = end + i >= RTA_ECHO_FRAME ? ring[(end + i - RTA_ECHO_FRAME) % RING] : 0.0f;
}

static float energy_of(const float *frame) {
    float lane[8] = {0};
    for (int i = 0; i < RTA_ECHO_FRAME; i += 8)
        for (int j = 0; j < 8; j++) lane[j] += frame[i + j] * frame[i + j];
    return ((lane[0] + lane[1]) + (lane[2] + lane[3])) + ((lane[4] + lane[5]) + (lane[6] + lane[7]));
}

/* Spectra of the reference as far as it is there; hop j holds the frame that ends at 64 (j + 1). */
static void frame_reference(rta_echo_guard *g) {
    while (g->ref_written - g->ref_framed >= RTA_ECHO_HOP) {
        float frame[RTA_ECHO_FRAME];
        g->ref_framed += RTA_ECHO_HOP;
        const uint64_t hop = g->ref_framed / RTA_ECHO_HOP - 1, slot = hop % HISTORY;
        frame_of(g->ref, g->ref_framed, frame);
        g->sounds[slot] = energy_of(frame) > SILENT * RTA_ECHO_FRAME;
        if (!g->sounds[slot]) {
            memset(&g->phases[slot], 0, sizeof g->phases[slot]);
            continue;
        }
        g->last_sound = hop + 1;
        rta_echo_rfft(frame, &g->spectra[slot]);
        rta_echo_phases_of(&g->phases[slot], &g->spectra[slot], SILENT * RTA_ECHO_FRAME * RTA_ECHO_FRAME);
    }
}

void rta_echo_guard_ref(rta_echo_guard *g, const float *samples, uint64_t count) {
    uint64_t out;
    if (count > CALL) return;
    rta_resampler_process(g->ref_down, samples, count, g->scratch, &out);
    ring_write(g->ref, &g->ref_written, g->scratch, out);
    frame_reference(g);
}

void rta_echo_guard_align(rta_echo_guard *g) {
    const uint64_t heard = g->mic_written;
    if (g->ref_written + BEHIND < heard) {
        while (g->ref_written < heard) {
            const uint64_t missing = heard - g->ref_written;
            ring_write(g->ref, &g->ref_written, NULL, missing < RTA_ECHO_HOP ? missing : RTA_ECHO_HOP);
            frame_reference(g);
        }
        g->realigned++;
    } else if (g->ref_written > heard + AHEAD) {
        /* As if the mic had been heard as silence meanwhile: its count jumps, and with it the delay stays what it is. */
        const uint64_t hops = (g->ref_written - heard) / RTA_ECHO_HOP;
        for (uint64_t i = 0; i < hops; i++) ring_write(g->mic, &g->mic_written, NULL, RTA_ECHO_HOP);
        g->mic_heard += hops * RTA_ECHO_HOP;
        g->realigned++;
    }
}

/* ---- One hop of the mic */

static void bands_of(const rta_echo_spectrum *y, float *bands) {
    for (int b = 0; b < BANDS; b++) {
        const float *re = y->re + FIRST_BIN + b * BAND_BINS, *im = y->im + FIRST_BIN + b * BAND_BINS;
        float sum = 0.0f;
        for (int k = 0; k < BAND_BINS; k++) sum += re[k] * re[k] + im[k] * im[k];
        bands[b] = sum;
    }
}

static void windowed(const rta_echo_guard *g, const float *frame, rta_echo_spectrum *y) {
    float shaped[RTA_ECHO_FRAME];
    for (int n = 0; n < RTA_ECHO_FRAME; n++) shaped[n] = frame[n] * g->hann[n];
    rta_echo_rfft(shaped, y);
}

static void follow_noise(rta_echo_guard *g, const float *mic) {
    for (int b = 0; b < BANDS; b++) {
        const float power = mic[b] + 1e-12f;
        if (!g->noise_known) g->noise[b] = power;
        else if (power < g->noise[b]) g->noise[b] += NOISE_DOWN * (power - g->noise[b]);
        else g->noise[b] *= NOISE_UP;
    }
    g->noise_known = true;
}

static void lock(rta_echo_guard *g, uint32_t lag) {
    const uint32_t start = lag > 0 ? lag - 1 : 0;
    if (g->locked) {
        rta_echo_filter_shift(&g->filter, (int)start - (int)g->start);
    } else {
        rta_echo_filter_reset(&g->filter);
        for (int b = 0; b < BANDS; b++) {
            g->miss[b] = MISS_FIRST;
            g->learnt[b] = 0;
            g->tail[b] = 0.0f;
        }
        g->fit = 0.0f;
    }
    g->locked = true;
    g->start = start;
    g->better_for = g->nothing_for = 0;
    g->moved++;
}

static void seek(rta_echo_guard *g, uint64_t hop, const rta_echo_spectrum *mic) {
    rta_echo_phases phases;
    if (g->locked && hop % SEEK_EVERY) return;
    rta_echo_phases_of(&phases, mic, SILENT * RTA_ECHO_FRAME * RTA_ECHO_FRAME);
    const uint64_t framed = g->ref_framed / RTA_ECHO_HOP; /* beyond it the ring holds what was put out a second ago */
    const uint64_t least = hop >= framed ? hop + 1 - framed : 0;
    rta_echo_delay_step(&g->delay, &phases, g->phases, hop, HISTORY - 1, least, g->locked ? HOLD_KEEPS : SEEK_KEEPS);
    const uint32_t best = rta_echo_delay_best(&g->delay, g->locked ? HOLD_SIGMAS : SEEK_SIGMAS);
    if (!g->locked) {
        if (best == RTA_ECHO_NO_LAG) return;
        g->score = g->delay.score[best];
        lock(g, best);
        return;
    }
    /* Where the filter expects the path to begin: one hop after its start, or its neighbours. */
    float here = 0.0f;
    for (uint32_t lag = g->start; lag < g->start + 4 && lag < RTA_ECHO_LAGS; lag++)
        here = g->delay.score[lag] > here ? g->delay.score[lag] : here;
    g->score = here;
    g->nothing_for = best == RTA_ECHO_NO_LAG ? g->nothing_for + 1 : 0;
    /* Phases that agree are hard to see in noise; that the model goes on taking something out of the mic is not. */
    if (g->nothing_for >= LOSE_AFTER && g->fit < FIT_LEAST) {
        g->locked = false;
        g->start = 0;
        rta_echo_delay_reset(&g->delay);
        return;
    }
    const bool elsewhere = best != RTA_ECHO_NO_LAG && (best < g->start || best > g->start + 3);
    if (!elsewhere || g->delay.score[best] < BETTER * here) {
        g->better_for = 0;
    } else {
        const uint32_t apart = best > g->better_lag ? best - g->better_lag : g->better_lag - best;
        g->better_for = apart <= 1 ? g->better_for + 1 : 1;
        g->better_lag = best;
        if (g->better_for >= MOVE_AFTER) lock(g, best);
    }
}

/* The ratio of rest to modelled echo that it mostly stays under. */
static void learn_miss(rta_echo_guard *g, int b, float rest, float echo) {
    float *miss = &g->miss[b];
    const float early = 0.4f / (1.0f + 0.1f * (float)g->learnt[b]); /* large steps at first */
    const float ratio = rest / echo;
    if (ratio > *miss) *miss *= 1.0f + (early > MISS_UP ? early : MISS_UP);
    else *miss *= 1.0f - (0.5f * early > MISS_DOWN ? 0.5f * early : MISS_DOWN);
    if (ratio < 0.1f * *miss) *miss *= 1.0f - MISS_PLUNGE;
    if (*miss < MISS_LEAST) *miss = MISS_LEAST;
    if (*miss > MISS_MOST) *miss = MISS_MOST;
    g->learnt[b]++;
}

/* A model of an echo that is not there makes the rest louder, never quieter: it has not seen the hop it is tried on. */
static void follow_fit(rta_echo_guard *g, const float *mic, const float *rest) {
    float sum = 0.0f;
    for (int b = 0; b < BANDS; b++) sum += (mic[b] - rest[b]) / (mic[b] + rest[b] + 1e-12f);
    g->fit += (1.0f - FIT_KEEPS) * (sum * (1.0f / (float)BANDS) - g->fit);
}

static void measure(rta_echo_guard *g, uint64_t hop, const float *frame, const rta_echo_spectrum *mic) {
    const rta_echo_spectrum *x[RTA_ECHO_PARTS];
    rta_echo_spectrum rest, echo;
    float mic_bands[BANDS], rest_bands[BANDS], echo_bands[BANDS];
    for (uint64_t i = 0; i < RTA_ECHO_PARTS; i++) {
        const uint64_t lag = g->start + i;
        const bool there =
            lag <= hop && (hop - lag + 1) * RTA_ECHO_HOP <= g->ref_framed && g->sounds[(hop - lag) % HISTORY];
        x[i] = there ? &g->spectra[(hop - lag) % HISTORY] : NULL;
    }
    memmove(g->error, g->error + RTA_ECHO_HOP, RTA_ECHO_HOP * sizeof(float));
    rta_echo_filter_step(&g->filter, frame + RTA_ECHO_HOP, x, g->error + RTA_ECHO_HOP);
    windowed(g, g->error, &rest);
    for (int k = 0; k < RTA_ECHO_STRIDE; k++) {
        echo.re[k] = mic->re[k] - rest.re[k];
        echo.im[k] = mic->im[k] - rest.im[k];
    }
    bands_of(mic, mic_bands);
    bands_of(&rest, rest_bands);
    bands_of(&echo, echo_bands);
    follow_noise(g, mic_bands);
    follow_fit(g, mic_bands, rest_bands);
    for (int b = 0; b < BANDS; b++) {
        const float floor = NOISE_MARGIN * g->noise[b];
        g->tail[b] = echo_bands[b] > TAIL_KEEPS * g->tail[b] ? echo_bands[b] : TAIL_KEEPS * g->tail[b];
        float unsure = 0.0f;
        for (int k = 0; k < BAND_BINS; k++) unsure += g->filter.uncertain[FIRST_BIN + b * BAND_BINS + k];
        unsure *= 0.375f * UNSURE; /* power of a Hann window */
        const float rest_over = rest_bands[b] > floor ? rest_bands[b] - floor : 0.0f;
        if (g->tail[b] > floor) learn_miss(g, b, rest_over, g->tail[b]);
        const float left = rest_over - MISS_MARGIN * g->miss[b] * g->tail[b] - unsure;
        const float over = mic_bands[b] > floor ? mic_bands[b] - floor : 0.0f;
        g->energy += over;
        if (left > 0.0f) g->foreign += left < over ? left : over;
    }
}

/* `hop`: RTA_ECHO_HOP samples at 8 kHz. */
static void leave(rta_echo_guard *g, const float *hop) {
    float up[4 * RTA_ECHO_HOP];
    uint64_t count = 0;
    rta_resampler_process(g->rest_up, hop, RTA_ECHO_HOP, up, &count);
    for (uint64_t i = 0; i < count; i++) g->rest[(g->rest_written + i) % REST] = up[i];
    g->rest_written += count;
}

void rta_echo_guard_rest(rta_echo_guard *g, float *out, uint64_t count) {
    for (uint64_t i = 0; i < count; i++) {
        const bool there = g->rest_read < g->rest_written && g->rest_written - g->rest_read <= REST;
        out[i] = there ? g->rest[g->rest_read % REST] : 0.0f;
        g->rest_read++;
    }
    /* What the guard waits for comes later by as much silence from now on; its patience is the bound. */
    if (g->rest_read > g->rest_written) g->rest_written = g->rest_read;
}

bool rta_echo_guard_found(const rta_echo_guard *g) { return g->locked; }

static void hear_hop(rta_echo_guard *g) {
    float frame[RTA_ECHO_FRAME];
    g->mic_heard += RTA_ECHO_HOP;
    const uint64_t hop = g->mic_heard / RTA_ECHO_HOP - 1;
    rta_echo_spectrum mic;
    const float energy = g->energy, foreign = g->foreign;
    frame_of(g->mic, g->mic_heard, frame);
    windowed(g, frame, &mic);
    const bool overrun = g->ref_framed / RTA_ECHO_HOP > hop + 1 + MOST_AHEAD; /* what belongs here was overwritten */
    if (overrun) g->starved++;
    if (overrun || hop >= g->last_sound + QUIET_HOPS ||
        g->last_sound == 0) { /* nothing that could be heard was put out */
        float bands[BANDS];
        bands_of(&mic, bands);
        follow_noise(g, bands);
        memset(g->error, 0, sizeof g->error);
        g->energies[hop % RECENT] = g->foreigns[hop % RECENT] = 0.0f;
        leave(g, frame + RTA_ECHO_HOP);
        return;
    }
    seek(g, hop, &mic);
    if (g->locked) measure(g, hop, frame, &mic);
    else {
        float bands[BANDS];
        bands_of(&mic, bands);
        follow_noise(g, bands);
    }
    g->energies[hop % RECENT] = g->energy - energy;
    g->foreigns[hop % RECENT] = g->foreign - foreign;
    leave(g, g->locked ? g->error + RTA_ECHO_HOP : frame + RTA_ECHO_HOP);
}

void rta_echo_guard_mic(rta_echo_guard *g, const float *samples, uint64_t count) {
    uint64_t out;
    if (count > CALL) return;
    rta_resampler_process(g->mic_down, samples, count, g->scratch, &out);
    ring_write(g->mic, &g->mic_written, g->scratch, out);
    for (;;) {
        const uint64_t waiting = g->mic_written - g->mic_heard;
        if (waiting < RTA_ECHO_HOP) return;
        const uint64_t lag = g->locked ? g->start : 0;
        const uint64_t needed =
            g->mic_heard + RTA_ECHO_HOP > lag * RTA_ECHO_HOP ? g->mic_heard + RTA_ECHO_HOP - lag * RTA_ECHO_HOP : 0;
        const bool there = g->ref_framed >= needed;
        if (!there && waiting < PATIENCE * RTA_ECHO_HOP) return;
        if (!there) g->starved++;
        hear_hop(g);
    }
}

float rta_echo_guard_share(rta_echo_guard *g) {
    const float share = g->energy > 0.0f ? 1.0f - g->foreign / g->energy : 0.0f;
    g->share = share < 0.0f ? 0.0f : share;
    g->energy = g->foreign = 0.0f;
    return g->share;
}

float rta_echo_guard_share_now(const rta_echo_guard *g) {
    float energy = 0.0f, foreign = 0.0f;
    for (int i = 0; i < RECENT; i++) {
        energy += g->energies[i];
        foreign += g->foreigns[i];
    }
    const float share = energy > 0.0f ? 1.0f - foreign / energy : 0.0f;
    return share < 0.0f ? 0.0f : share;
}

void rta_echo_guard_figures(const rta_echo_guard *g, rta_echo_figures *f) {
    *f = (rta_echo_figures){.found = g->locked,
                            .share = g->share,
                            .score = g->score,
                            .moved = g->moved,
                            .starved = g->starved,
                            .realigned = g->realigned};
    if (!g->locked) return;
    uint32_t part = 0;
    for (uint32_t i = 1; i < RTA_ECHO_PARTS; i++)
        if (g->filter.peak[i] > g->filter.peak[part]) part = i;
    const int32_t at_8k = (int32_t)((g->start + part) * RTA_ECHO_HOP + g->filter.peak_at[part]);
    const int32_t filters = (int32_t)rta_resampler_delay(g->mic_down) - (int32_t)rta_resampler_delay(g->ref_down);
    f->delay_samples = 2 * (at_8k - filters);
}
