/* SPDX-License-Identifier: Apache-2.0
 *
 * steady_math.h: logarithm and exponential in double by series, in a fixed order of operations: a C library's differ
 * from machine to machine in the last bit, and law 5 wants the same bits. For tables, decisions and features; what runs
 * in lanes has lanes_math.h.
 *
 * Against 80-bit long double: both within 2 ulp over 1e-300..1e300 and -700..700.
 */
#ifndef RTA_STEADY_MATH_H
#define RTA_STEADY_MATH_H

#include <stdint.h>
#include <string.h>

/* x > 0 and normal (else a finite number without meaning). x = m * 2^e with m in [1/sqrt 2, sqrt 2), and
 * log m = 2 artanh((m - 1) / (m + 1)), whose argument is at most 0.172. No branch. */
static inline double rta_log(double x) {
    int64_t bits;
    memcpy(&bits, &x, sizeof bits);
    const int64_t exponent = (bits - 0x3fe6a09e667f3bcd) >> 52;
    bits -= (int64_t)((uint64_t)exponent << 52);
    double m;
    memcpy(&m, &bits, sizeof m);
    const double s = (m - 1.0) / (m + 1.0), square = s * s;
    double sum = 1.0 / 19;
    sum = sum * square + 1.0 / 17;
    sum = sum * square + 1.0 / 15;
    sum = sum * square + 1.0 / 13;
    sum = sum * square + 1.0 / 11;
    sum = sum * square + 1.0 / 9;
    sum = sum * square + 1.0 / 7;
    sum = sum * square + 1.0 / 5;
    sum = sum * square + 1.0 / 3;
    sum = sum * square;
    const double e = (double)exponent;
    /* ln 2 in two parts; the first ends in zeros, so that e times it is exact. */
    return e * 0x1.62e42fee00000p-1 + (2.0 * s + (2.0 * s * sum + e * 0x1.a39ef35793c76p-33));
}

/* |x| <= 700. e^x = 2^n e^r, n = round(x / ln 2), |r| <= ln 2 / 2. */
static inline double rta_exp(double x) {
    const double scaled = x * 1.4426950408889634;
    const int64_t n = (int64_t)(scaled + (scaled < 0.0 ? -0.5 : 0.5));
    const double r = (x - (double)n * 0x1.62e42fee00000p-1) - (double)n * 0x1.a39ef35793c76p-33;
    double sum = 1.0;
    for (int k = 14; k >= 1; k--) sum = 1.0 + sum * r / k;
    const uint64_t bits = (uint64_t)(1023 + n) << 52;
    double power;
    memcpy(&power, &bits, sizeof power);
    return sum * power;
}

#endif
