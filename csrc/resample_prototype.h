/* SPDX-License-Identifier: Apache-2.0
 *
 * resample_prototype.h: what the filters of the resamplers are computed with. Private to them. In double and in one
 * order: the same bits on every machine and C library (law 5). The argument of the sine is a rational multiple of pi and
 * is reduced in integers.
 */
#ifndef RTA_RESAMPLE_PROTOTYPE_H
#define RTA_RESAMPLE_PROTOTYPE_H

#include <stdint.h>

static const double RTA_PI = 3.14159265358979323846;

static inline uint32_t rta_gcd(uint32_t a, uint32_t b) {
    while (b != 0) {
        const uint32_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* Taylor series on [0, pi/2]: 14 terms reach double precision. */
static inline double rta_sin_quarter(double x) {
    double term = x, sum = x;
    for (int k = 1; k < 14; k++) {
        term *= -(x * x) / (double)((2 * k) * (2 * k + 1));
        sum += term;
    }
    return sum;
}

/* sin(pi * num / den), num >= 0, reduced exactly. */
static inline double rta_sin_pi_ratio(uint64_t num, uint64_t den) {
    num %= 2 * den;
    double sign = 1.0;
    if (num >= den) {
        num -= den;
        sign = -1.0;
    }
    if (2 * num > den) num = den - num;
    return sign * rta_sin_quarter(RTA_PI * (double)num / (double)den);
}

/* Modified Bessel function of the first kind, order 0, by its power series. */
static inline double rta_bessel_i0(double x) {
    const double quarter = 0.25 * x * x;
    double term = 1.0, sum = 1.0;
    for (int k = 1; term > 1e-18 * sum; k++) {
        term *= quarter / ((double)k * (double)k);
        sum += term;
    }
    return sum;
}

#endif
