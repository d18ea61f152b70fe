/* SPDX-License-Identifier: Apache-2.0
 *
 * The filter lies in the bank that the fixed resampler's kernels read: row p holds it shifted by p / phases of an input
 * sample, p = 0 .. phases. Two neighbouring rows over one window are two outputs of a kernel that is told of a bank with
 * more rows than there are; what lies between them is a straight line. With h of half width taps / 2 input samples,
 *     y = sum over j of x[first + j] * h(part + taps / 2 - 1 - j)
 * for an output whose place, its position less the delay, is first + taps / 2 - 1 + part.
 *
 * Positions are counted in units of 2^-40 / up of an input sample, up = to / gcd: then the nominal step, down << 40, and
 * the delay are whole numbers.
 */
#include "resample_variable.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "resample_bank.h"
#include "resample_kernel.h"
#include "resample_prototype.h"

enum { PHASES = 512 /* of a sample of the lower rate */, FRACTION = 40 };
static const double DESIGN_DB = 97.0; /* as in resample_bank.c, and what a ratio off by RTA_VARIABLE_PPM costs */

struct rta_variable {
    const rta_resample_bank *bank;
    rta_resample_kernel *kernel;
    uint32_t phases, delay;
    uint64_t unit;              /* of an input sample: up << FRACTION */
    uint64_t step;              /* nominal */
    int64_t deviation, target;  /* of the step */
    uint64_t ramp;              /* outputs until it is on target */
    uint64_t start, part;       /* where the next output's window begins in the buffer; < unit */
    uint64_t first_part;        /* that of output 0, whose window is the first of the buffer */
    uint64_t fill, history;     /* samples in the buffer; zeros it begins with */
    double taps_after;          /* from the place of an output to the end of what its position needs: see ahead */
    float *buffer;              /* history + taps + RTA_VARIABLE_ROOM */
    uint64_t capacity;
};

static const rta_resample_bank *banks[RTA_RESAMPLE_PAIRS]; /* NULL until built; __atomic only */

static rta_resample_bank *build(uint32_t from_rate, uint32_t to_rate) {
    const uint32_t lower = from_rate < to_rate ? from_rate : to_rate, lanes = RTA_RESAMPLE_LANES;
    const uint32_t phases = (uint32_t)(((uint64_t)PHASES * lower + from_rate - 1) / from_rate);
    const double db_per_second = 2.285 * 2.0 * RTA_PI * (0.1 * lower); /* Kaiser; resample_bank.c */
    const uint32_t want = (uint32_t)ceil((DESIGN_DB - 7.95) / db_per_second * from_rate);
    const uint32_t taps = (want + lanes - 1) / lanes * lanes;
    const double beta = 0.1102 * (7.95 + db_per_second * taps / from_rate - 8.7), scale = 1.0 / rta_bessel_i0(beta);
    const uint64_t half = (uint64_t)taps / 2 * phases;

    double *h = calloc(half + 1, sizeof *h); /* one side; h[half] = 0 */
    rta_resample_bank *bank = malloc(sizeof *bank);
    float *rows = aligned_alloc(RTA_CACHE_LINE, (size_t)(phases + 1) * taps * sizeof(float));
    if (!h || !bank || !rows) {
        free(h);
        free(bank);
        free(rows);
        return NULL;
    }
    double sum = 0.0;
    for (uint64_t n = 0; n < half; n++) {
        const double place = (double)n / (double)half, window = rta_bessel_i0(beta * sqrt(1.0 - place * place)) * scale;
        /* cutoff: 0.9 of the lower Nyquist */
        const double sinc =
            n == 0 ? 0.9 * lower / from_rate
                   : rta_sin_pi_ratio(9 * n * lower, (uint64_t)10 * phases * from_rate) / (RTA_PI * (double)n / phases);
        h[n] = sinc * window;
        sum += n == 0 ? h[n] : 2.0 * h[n];
    }
    const double gain = phases / sum; /* 1 at 0 Hz: each row takes about 1 / phases of the sum */
    for (uint64_t p = 0; p <= phases; p++)
        for (uint64_t j = 0; j < taps; j++) {
            const int64_t n = (int64_t)p + ((int64_t)taps / 2 - 1 - (int64_t)j) * (int64_t)phases;
            const uint64_t m = (uint64_t)(n < 0 ? -n : n);
            rows[p * taps + j] = m < half ? (float)(h[m] * gain) : 0.0f;
        }
    free(h);
    *bank = (rta_resample_bank){.up = phases + 2, .down = 1, .taps = taps, .rows = rows};
    return bank;
}

static const rta_resample_bank *bank_of(uint32_t from_rate, uint32_t to_rate) {
    const rta_resample_bank **slot = &banks[rta_resample_pair(from_rate, to_rate)];
    const rta_resample_bank *known = __atomic_load_n(slot, __ATOMIC_ACQUIRE);
    if (known) return known;
    rta_resample_bank *built = build(from_rate, to_rate);
    if (!built) return NULL;
    /* Two threads may build the same bank; the first to publish wins, and the bits are the same. */
    if (__atomic_compare_exchange_n(slot, &known, built, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) return built;
    free((void *)built->rows);
    free(built);
    return known;
}

void rta_variable_reset(rta_variable *r) {
    r->deviation = r->target = 0;
    r->ramp = 0;
    r->start = 0;
    r->part = r->first_part;
    r->fill = r->history;
    memset(r->buffer, 0, r->history * sizeof(float));
}

rta_status rta_variable_create(rta_variable **out, uint32_t from_rate, uint32_t to_rate) {
    *out = NULL;
    if (!rta_resample_is_pair(from_rate, to_rate)) return RTA_INVALID;
    const rta_resample_bank *bank = bank_of(from_rate, to_rate);
    rta_variable *r = bank ? calloc(1, sizeof *r) : NULL;
    if (!r) return RTA_NOMEM;
    const uint32_t g = rta_gcd(from_rate, to_rate);
    const uint64_t up = to_rate / g, down = from_rate / g, after = bank->taps / 2;
    /* The place of output 0 is the delay before input 0; the delay covers half the window. */
    const uint64_t delay = (after * up + down - 1) / down, whole = (delay * down + up - 1) / up;
    r->bank = bank;
    r->kernel = rta_resample_kernel_for(rta_resampler_simd());
    r->phases = bank->up - 2;
    r->delay = (uint32_t)delay;
    r->unit = up << FRACTION;
    r->step = down << FRACTION;
    r->history = whole + after - 1;
    r->first_part = (whole * up - delay * down) << FRACTION;
    r->taps_after = (double)after - 1.0 + (double)(delay * down) / (double)up;
    r->capacity = r->history + bank->taps + RTA_VARIABLE_ROOM;
    r->buffer = rta_zeroed(r->capacity * sizeof(float));
    if (!r->buffer) {
        free(r);
        return RTA_NOMEM;
    }
    rta_variable_reset(r);
    *out = r;
    return RTA_OK;
}

void rta_variable_destroy(rta_variable *r) {
    if (!r) return;
    free(r->buffer);
    free(r);
}

uint32_t rta_variable_delay(const rta_variable *r) { return r->delay; }

/* ---- Ratio */

rta_status rta_variable_steer(rta_variable *r, double ppm, uint64_t over) {
    if (!(ppm >= -RTA_VARIABLE_PPM && ppm <= RTA_VARIABLE_PPM)) return RTA_INVALID; /* NaN, too */
    const double wanted = (double)r->step * (ppm * 1e-6);
    r->target = (int64_t)(wanted + (wanted < 0.0 ? -0.5 : 0.5));
    r->ramp = over;
    if (over == 0) r->deviation = r->target;
    return RTA_OK;
}

double rta_variable_ppm(const rta_variable *r) { return (double)r->deviation / (double)r->step * 1e6; }

/* To the next output. The same for what is and for what would be. */
static inline void advance(const rta_variable *r, uint64_t *start, uint64_t *part, int64_t *deviation, uint64_t *ramp) {
    *part += (uint64_t)((int64_t)r->step + *deviation);
    *start += *part / r->unit;
    *part %= r->unit;
    if (*ramp == 0) return;
    *deviation += (r->target - *deviation) / (int64_t)*ramp;
    if (--*ramp == 0) *deviation = r->target;
}

/* ---- Samples */

uint64_t rta_variable_room(const rta_variable *r) {
    return r->capacity - (r->start < r->fill ? r->fill - r->start : 0);
}

rta_status rta_variable_put(rta_variable *r, const float *in, uint64_t count) {
    if (count > rta_variable_room(r)) return RTA_FULL;
    if (r->fill + count > r->capacity) {
        /* A window may begin beyond what is there, where the rate falls a lot. */
        const uint64_t gone = r->start < r->fill ? r->start : r->fill;
        memmove(r->buffer, r->buffer + gone, (r->fill - gone) * sizeof(float));
        r->fill -= gone;
        r->start -= gone;
    }
    memcpy(r->buffer + r->fill, in, count * sizeof(float));
    r->fill += count;
    return RTA_OK;
}

uint64_t rta_variable_get(rta_variable *r, float *out, uint64_t most) {
    const uint64_t taps = r->bank->taps, up = r->unit >> FRACTION;
    uint64_t k = 0;
    for (; k < most && r->start + taps <= r->fill; k++) {
        float both[2];
        const uint64_t phase = r->part * r->phases; /* < 2^60 */
        const uint64_t row = (phase >> FRACTION) / up;
        const double between = (double)(phase - row * r->unit) / (double)r->unit;
        rta_resample_cursor at = {.start = r->start, .row = (uint32_t)row};
        r->kernel(r->bank, r->buffer, &at, both, 2);
        out[k] = both[0] + (float)between * (both[1] - both[0]);
        advance(r, &r->start, &r->part, &r->deviation, &r->ramp);
    }
    return k;
}

uint64_t rta_variable_needs(const rta_variable *r, uint64_t count) {
    uint64_t start = r->start, part = r->part, ramp = r->ramp;
    int64_t deviation = r->deviation;
    if (count == 0) return 0;
    while (--count) advance(r, &start, &part, &deviation, &ramp);
    const uint64_t end = start + r->bank->taps;
    return end > r->fill ? end - r->fill : 0;
}

double rta_variable_ahead(const rta_variable *r) {
    /* position = (start - history) + taps / 2 - 1 + part + delay; what was put ends at fill - history */
    return (double)r->fill - (double)r->start - (double)r->part / (double)r->unit - r->taps_after;
}
