/* SPDX-License-Identifier: Apache-2.0 */
#include "echo_filter.h"

#include <math.h>
#include <string.h>

static const float FIRST_P = 0.3f,
                   P_FALLS = 0.8f; /* uncertainty at first: an echo path of up to about 0 dB, sooner rather than late */
static const float KEEPS = 0.998f; /* how sure it is that the path is what it was a hop ago */
static const float OTHER_KEEPS = 0.85f; /* smoothing of what is no echo */
static const float OVERLAP = 2.0f; /* frame over hop */
static const float LEAST = 1e-7f;

void rta_echo_filter_reset(rta_echo_filter *f) {
    memset(f, 0, sizeof *f);
    float p = FIRST_P;
    for (int i = 0; i < RTA_ECHO_PARTS; i++) {
        for (int k = 0; k < RTA_ECHO_STRIDE; k++) f->p[i][k] = p;
        if (i > 0) p *= P_FALLS;
    }
}

void rta_echo_filter_shift(rta_echo_filter *f, int hops) {
    rta_echo_filter old = *f; /* 20 kB of stack */
    rta_echo_filter_reset(f);
    for (int i = 0; i < RTA_ECHO_PARTS; i++) {
        const int from = i + hops;
        if (from < 0 || from >= RTA_ECHO_PARTS) continue;
        f->w[i] = old.w[from];
        memcpy(f->p[i], old.p[from], sizeof f->p[i]);
        f->peak[i] = old.peak[from];
        f->peak_at[i] = old.peak_at[from];
    }
    memcpy(f->other, old.other, sizeof f->other);
    f->begun = old.begun;
}

/* Lets one partition in turn keep its 64 taps only: what lies beyond them is what a frame folds back. */
static void constrain(rta_echo_filter *f) {
    const uint32_t i = f->turn;
    float taps[RTA_ECHO_FRAME];
    f->turn = (i + 1) % RTA_ECHO_PARTS;
    rta_echo_irfft(&f->w[i], taps);
    f->peak[i] = 0.0f;
    for (uint32_t n = 0; n < RTA_ECHO_HOP; n++) {
        const float size = fabsf(taps[n]);
        if (size > f->peak[i]) {
            f->peak[i] = size;
            f->peak_at[i] = n;
        }
    }
    memset(taps + RTA_ECHO_HOP, 0, RTA_ECHO_HOP * sizeof(float));
    rta_echo_rfft(taps, &f->w[i]);
}

void rta_echo_filter_step(rta_echo_filter *f, const float *mic, const rta_echo_spectrum *const *x, float *error) {
    rta_echo_spectrum e;
    float frame[RTA_ECHO_FRAME];
    memset(&e, 0, sizeof e);
    memset(f->uncertain, 0, sizeof f->uncertain);
    for (int i = 0; i < RTA_ECHO_PARTS; i++) {
        if (!x[i]) continue;
        const rta_echo_spectrum *w = &f->w[i];
        for (int k = 0; k < RTA_ECHO_STRIDE; k++) {
            const float xr = x[i]->re[k], xi = x[i]->im[k];
            e.re[k] += w->re[k] * xr - w->im[k] * xi;
            e.im[k] += w->re[k] * xi + w->im[k] * xr;
            f->uncertain[k] += (xr * xr + xi * xi) * f->p[i][k];
        }
    }
    rta_echo_irfft(&e, frame);
    for (int n = 0; n < RTA_ECHO_HOP; n++) error[n] = mic[n] - frame[RTA_ECHO_HOP + n];
    memset(frame, 0, RTA_ECHO_HOP * sizeof(float));
    memcpy(frame + RTA_ECHO_HOP, error, RTA_ECHO_HOP * sizeof(float));
    rta_echo_rfft(frame, &e);

    float gain[RTA_ECHO_STRIDE]; /* of p, to give the Kalman gain */
    for (int k = 0; k < RTA_ECHO_STRIDE; k++) {
        const float power = e.re[k] * e.re[k] + e.im[k] * e.im[k];
        f->other[k] = f->begun ? OTHER_KEEPS * f->other[k] + (1.0f - OTHER_KEEPS) * power : power;
        gain[k] = 1.0f / (f->uncertain[k] + OVERLAP * f->other[k] + LEAST);
    }
    f->begun = true;
    for (int i = 0; i < RTA_ECHO_PARTS; i++) {
        if (!x[i]) continue;
        rta_echo_spectrum *w = &f->w[i];
        float *p = f->p[i];
        for (int k = 0; k < RTA_ECHO_STRIDE; k++) {
            const float xr = x[i]->re[k], xi = x[i]->im[k];
            const float step = gain[k] * p[k];
            w->re[k] += step * (xr * e.re[k] + xi * e.im[k]);
            w->im[k] += step * (xr * e.im[k] - xi * e.re[k]);
            const float learnt = step * (xr * xr + xi * xi) * (1.0f / OVERLAP);
            const float size = w->re[k] * w->re[k] + w->im[k] * w->im[k];
            p[k] = KEEPS * (1.0f - learnt) * p[k] + (1.0f - KEEPS) * size;
        }
    }
    constrain(f);
}
