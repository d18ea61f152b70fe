/* SPDX-License-Identifier: Apache-2.0
 *
 * Design: a windowed sinc, h(n) = sinc * Kaiser (J. F. Kaiser, "Nonrecursive digital filter design using the I0-sinh
 * window function", ISCAS 1974). The stop band begins at the lower Nyquist and the pass band ends at 0.8 of it, so the
 * cutoff is at 0.9. The length comes first: the fewest blocks of 16 taps which give DESIGN_DB by Kaiser's formula,
 * within the delay that is allowed; all the attenuation that this length gives beyond it is then taken as beta.
 *
 * Sine and Bessel function are our own (resample_prototype.h): the same bits on every machine and C library (law 5).
 */
#include "resample_bank.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "resample_prototype.h"

static const uint32_t FROM_RATES[] = {8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000};
static const uint32_t TO_RATES[] = {8000, 16000, 24000, 48000};
enum { FROM_COUNT = sizeof FROM_RATES / sizeof *FROM_RATES, TO_COUNT = sizeof TO_RATES / sizeof *TO_RATES };

static const rta_resample_bank *banks[FROM_COUNT * TO_COUNT]; /* NULL until built; __atomic only */
_Static_assert(FROM_COUNT *TO_COUNT == RTA_RESAMPLE_PAIRS, "resample_bank.h");

/* Wanted by Kaiser's formula. The promise is 90; the formula is good to about 1 dB, and rounding of the coefficients
 * to float32 costs less than 0.5 dB at this depth. */
static const double DESIGN_DB = 94.0;

static int index_of(const uint32_t *rates, int count, uint32_t rate) {
    for (int i = 0; i < count; i++)
        if (rates[i] == rate) return i;
    return -1;
}

int rta_resample_pair(uint32_t from_rate, uint32_t to_rate) {
    const int from = index_of(FROM_RATES, FROM_COUNT, from_rate), to = index_of(TO_RATES, TO_COUNT, to_rate);
    return from < 0 || to < 0 ? -1 : from * TO_COUNT + to;
}

bool rta_resample_is_pair(uint32_t from_rate, uint32_t to_rate) { return rta_resample_pair(from_rate, to_rate) >= 0; }

static rta_resample_bank *build(uint32_t from_rate, uint32_t to_rate) {
    const uint32_t g = rta_gcd(from_rate, to_rate), up = to_rate / g, down = from_rate / g;
    const uint32_t lower = from_rate < to_rate ? from_rate : to_rate;
    const double transition_hz = 0.1 * lower; /* from 0.8 of the lower Nyquist to 1.0 */

    /* Attenuation in dB of a Kaiser window `seconds` long = 7.95 + 2.285 * 2 pi * transition * seconds. */
    const double db_per_second = 2.285 * 2.0 * RTA_PI * transition_hz;
    const uint32_t lanes = RTA_RESAMPLE_LANES;
    const uint32_t want = (uint32_t)ceil((DESIGN_DB - 7.95) / db_per_second * from_rate);
    const uint32_t taps = (want + lanes - 1) / lanes * lanes;

    /* Half the window, in grid points: it must hold in `taps` rows and in the delay that is allowed. */
    const uint32_t max_delay = lower < 16000 ? to_rate / 250 : to_rate / 500; /* 4 ms, 2 ms */
    const uint64_t by_taps = (uint64_t)taps * up / 2, by_delay = (uint64_t)max_delay * down;
    const uint64_t half = by_taps < by_delay ? by_taps : by_delay;
    const uint32_t delay = (uint32_t)((half + down - 1) / down);
    const double beta = 0.1102 * (7.95 + db_per_second * 2.0 * (double)half / ((double)from_rate * up) - 8.7);

    /* h[n], n = -half .. half around the centre; zero at both ends, so that a row needs no more than `taps`. */
    const uint32_t skip = (uint32_t)((uint64_t)delay * down - half);
    const size_t length = 2 * (size_t)half + 1;
    const size_t row_bytes = (size_t)up * taps * sizeof(float); /* a multiple of 64, as aligned_alloc asks */
    double *h = calloc(length, sizeof *h);
    rta_resample_bank *bank = malloc(sizeof *bank);
    float *rows = aligned_alloc(RTA_CACHE_LINE, row_bytes);
    if (h == NULL || bank == NULL || rows == NULL) {
        free(h);
        free(bank);
        free(rows);
        return NULL;
    }
    const uint64_t longer =
        up > down ? up : down; /* the cutoff, 0.9 of the lower Nyquist, is 0.9 / longer of the grid's */
    const double scale = 1.0 / rta_bessel_i0(beta);
    double sum = 0.0;
    for (uint64_t n = 0; n < half; n++) {
        const double place = (double)n / (double)half;
        const double window = rta_bessel_i0(beta * sqrt(1.0 - place * place)) * scale;
        const double sinc = n == 0 ? 0.9 / (double)longer : rta_sin_pi_ratio(9 * n, 10 * longer) / (RTA_PI * (double)n);
        h[half + n] = h[half - n] = sinc * window;
        sum += n == 0 ? sinc * window : 2.0 * sinc * window;
    }
    /* Gain 1 at 0 Hz: each row takes about 1/up of the sum. */
    const double gain = (double)up / sum;
    for (uint32_t r = 0; r < up; r++)
        for (uint32_t j = 0; j < taps; j++) { /* j = 0 is the newest input: grid index skip + 1 + r, h[1 + r] here */
            const size_t n = 1 + (size_t)r + (size_t)j * up;
            rows[(size_t)r * taps + (taps - 1 - j)] = n < length ? (float)(h[n] * gain) : 0.0f;
        }
    free(h);
    *bank = (rta_resample_bank){.up = up, .down = down, .taps = taps, .delay = delay, .skip = skip, .rows = rows};
    return bank;
}

rta_status rta_resample_bank_get(const rta_resample_bank **bank, uint32_t from_rate, uint32_t to_rate) {
    if (!rta_resample_is_pair(from_rate, to_rate) || from_rate == to_rate) return RTA_INVALID;
    const rta_resample_bank **slot = &banks[rta_resample_pair(from_rate, to_rate)];
    const rta_resample_bank *known = __atomic_load_n(slot, __ATOMIC_ACQUIRE);
    if (known == NULL) {
        rta_resample_bank *built = build(from_rate, to_rate);
        if (built == NULL) return RTA_NOMEM;
        /* Two threads may build the same bank; the first to publish wins, and the bits are the same. */
        if (__atomic_compare_exchange_n(slot, &known, built, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
            known = built;
        } else {
            free((void *)built->rows);
            free(built);
        }
    }
    *bank = known;
    return RTA_OK;
}
