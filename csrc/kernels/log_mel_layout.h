/* SPDX-License-Identifier: Apache-2.0
 *
 * log_mel_layout.h: tables and scratch that the parts of the log-mel kernel share. Private to log_mel*.cc. */
#ifndef RTA_LOG_MEL_LAYOUT_H
#define RTA_LOG_MEL_LAYOUT_H

#include "log_mel.h"

namespace log_mel {

constexpr int FFT = 400, HALF = FFT / 2, HOP = 160, BINS = HALF + 1;
constexpr int BANDS = RTA_LOG_MEL_BANDS, FRAMES = RTA_LOG_MEL_FRAMES, SAMPLES = RTA_LOG_MEL_SAMPLES;
constexpr int GROUP = 8; /* frames that are transformed side by side */
constexpr int PADDED = SAMPLES + FFT;
constexpr int WIDEST = 16; /* bins of a triangle; make_triangles holds to it */

struct Tables {
    double window[FFT];                  /* half of periodic Hann */
    double cos200[25][8], sin200[25][8]; /* W200^(b c) = cos - i sin, at [b][c] */
    double cos25[5][5], sin25[5][5];     /* W25^(b c) */
    double cos400[101], sin400[101];     /* W400^k */
    double cos5[2], sin5[2];             /* of 72 and 144 degrees */
    double half_root;                    /* sqrt(1/2) */
    int first[BANDS], count[BANDS];      /* bins of each triangle */
    double weight[BANDS][WIDEST];
};

struct Scratch {
    alignas(64) float padded[PADDED];
    alignas(64) double x[FFT][GROUP];
    alignas(64) double work[FFT][GROUP];
    alignas(64) double power[BINS][GROUP];
    alignas(64) double bands[BANDS][FRAMES];
};

} // namespace log_mel

/* Mel energies of scratch->padded into scratch->bands, one for each instruction set. */
extern "C" {
typedef void (*rta_log_mel_bands)(const log_mel::Tables *tables, log_mel::Scratch *scratch);
void rta_log_mel_bands_plain(const log_mel::Tables *tables, log_mel::Scratch *scratch);
void rta_log_mel_bands_avx2(const log_mel::Tables *tables, log_mel::Scratch *scratch);
}
#endif
