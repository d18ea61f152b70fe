/* SPDX-License-Identifier: Apache-2.0
 *
 * echo_delay.h: how long after it was put out a sound comes back, to one hop of 64 samples at 8 kHz, from spectra alone.
 *
 * For every lag of 0..63 hops the phase of mic and reference is compared in 40 bins (312..2750 Hz): the products of both
 * spectra, each divided by its magnitude, are averaged with a forgetting factor. Where the mic holds an echo of that lag
 * the phases agree over time and the average stays long; else it shrinks like 1/frames. The score of a lag is the mean of
 * the squared lengths, so 1 is a perfect echo; what chance gives is known, and only what stands clear of it is believed.
 * Dividing by the magnitudes makes the score independent of levels (the PHAT weighting of Knapp and Carter, 1976).
 *
 * Threads: one stream, one thread. AUDIO PATH but for init.
 */
#ifndef RTA_ECHO_DELAY_H
#define RTA_ECHO_DELAY_H

#include "echo_fft.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    RTA_ECHO_LAGS = 64,     /* hops: 0..504 ms */
    RTA_ECHO_DELAY_BIN = 5, /* first bin looked at */
    RTA_ECHO_DELAY_BINS = 40,
    RTA_ECHO_NO_LAG = 0xffff,
};

typedef struct rta_echo_delay {
    float re[RTA_ECHO_LAGS][RTA_ECHO_DELAY_BINS], im[RTA_ECHO_LAGS][RTA_ECHO_DELAY_BINS];
    float weight[RTA_ECHO_LAGS];  /* sum of the forgetting factors: what a perfect echo would reach */
    float variance[RTA_ECHO_LAGS]; /* sum of their squares: what chance reaches, squared */
    float score[RTA_ECHO_LAGS], chance[RTA_ECHO_LAGS];
} rta_echo_delay;

/* Phases of the bins looked at: a spectrum over its magnitudes; zero where it is silent. */
typedef struct rta_echo_phases {
    float re[RTA_ECHO_DELAY_BINS], im[RTA_ECHO_DELAY_BINS];
    float loud; /* 1: counts, 0: silent */
} rta_echo_phases;

void rta_echo_phases_of(rta_echo_phases *phases, const rta_echo_spectrum *spectrum, float silent_power);
void rta_echo_delay_reset(rta_echo_delay *d);
/* One frame of the mic and what was put out `lag` hops before it, at ring[(newest - lag) & mask], from lag `least` on:
 * what is not there yet says nothing. */
void rta_echo_delay_step(rta_echo_delay *d, const rta_echo_phases *mic, const rta_echo_phases *ring, uint64_t newest,
                         uint64_t mask, uint64_t least, float forget);
/* The lag of the highest score if it stands clear of chance by `sigmas` of it, else RTA_ECHO_NO_LAG. */
uint32_t rta_echo_delay_best(rta_echo_delay *d, float sigmas);

#ifdef __cplusplus
}
#endif
#endif
