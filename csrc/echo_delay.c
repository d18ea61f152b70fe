/* SPDX-License-Identifier: Apache-2.0 */
#include "echo_delay.h"

#include <math.h>
#include <string.h>

/* Neighbouring bins of a frame share energy, so that 40 bins are worth about 20 independent ones. */
static const float SPREAD_OF_CHANCE = 0.22f; /* 1 / sqrt(20) */
static const float LEAST_WEIGHT = 8.0f, LEAST_SCORE = 0.004f;

void rta_echo_phases_of(rta_echo_phases *p, const rta_echo_spectrum *y, float silent_power) {
    float total = 0.0f;
    for (int i = 0; i < RTA_ECHO_DELAY_BINS; i++) {
        const float re = y->re[RTA_ECHO_DELAY_BIN + i], im = y->im[RTA_ECHO_DELAY_BIN + i];
        const float power = re * re + im * im;
        const float scale = 1.0f / sqrtf(power + 1e-20f);
        p->re[i] = re * scale;
        p->im[i] = im * scale;
        total += power;
    }
    p->loud = total > silent_power ? 1.0f : 0.0f;
    if (p->loud == 0.0f) memset(p, 0, sizeof *p);
}

void rta_echo_delay_reset(rta_echo_delay *d) { memset(d, 0, sizeof *d); }

void rta_echo_delay_step(rta_echo_delay *d, const rta_echo_phases *mic, const rta_echo_phases *ring, uint64_t newest,
                         uint64_t mask, uint64_t least, float forget) {
    if (mic->loud == 0.0f) return;
    for (uint64_t lag = least; lag < RTA_ECHO_LAGS && lag <= newest; lag++) {
        const rta_echo_phases *ref = &ring[(newest - lag) & mask];
        if (ref->loud == 0.0f) continue;
        float *re = d->re[lag], *im = d->im[lag];
        for (int i = 0; i < RTA_ECHO_DELAY_BINS; i++) {
            re[i] = forget * re[i] + (mic->re[i] * ref->re[i] + mic->im[i] * ref->im[i]);
            im[i] = forget * im[i] + (mic->im[i] * ref->re[i] - mic->re[i] * ref->im[i]);
        }
        d->weight[lag] = forget * d->weight[lag] + 1.0f;
        d->variance[lag] = forget * forget * d->variance[lag] + 1.0f;
    }
}

uint32_t rta_echo_delay_best(rta_echo_delay *d, float sigmas) {
    uint32_t best = RTA_ECHO_NO_LAG;
    float most = 0.0f;
    for (uint32_t lag = 0; lag < RTA_ECHO_LAGS; lag++) {
        d->score[lag] = d->chance[lag] = 0.0f;
        if (d->weight[lag] < LEAST_WEIGHT) continue;
        float lane[4] = {0.0f, 0.0f, 0.0f, 0.0f}; /* a fixed order of four sums */
        for (int i = 0; i < RTA_ECHO_DELAY_BINS; i += 4)
            for (int j = 0; j < 4; j++)
                lane[j] += d->re[lag][i + j] * d->re[lag][i + j] + d->im[lag][i + j] * d->im[lag][i + j];
        const float square = d->weight[lag] * d->weight[lag];
        d->score[lag] = ((lane[0] + lane[1]) + (lane[2] + lane[3])) / ((float)RTA_ECHO_DELAY_BINS * square);
        d->chance[lag] = d->variance[lag] / square;
        const bool clear = d->score[lag] > d->chance[lag] * (1.0f + sigmas * SPREAD_OF_CHANCE) + LEAST_SCORE;
        if (clear && d->score[lag] > most) {
            most = d->score[lag];
            best = lag;
        }
    }
    return best;
}
