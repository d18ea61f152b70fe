/* SPDX-License-Identifier: Apache-2.0
 *
 * resample_kernel.h: the inner loop of the resampler, once for each instruction set. Private to the resampler.
 *
 * One output is a sum of taps products in one order, the same for every instruction set (law 5):
 *     lane[l] = fma(row[j], x[j], lane[l])   for j = l, l + 16, l + 32, ...   from lane[l] = 0, l = 0 .. 15
 *     a[l] = lane[l] + lane[l + 8], l = 0 .. 7;   b[l] = a[l] + a[l + 4], l = 0 .. 3;   (b[0] + b[1]) + (b[2] + b[3])
 *
 * Threads: pure functions of their arguments; wait-free.
 */
#ifndef RTA_RESAMPLE_KERNEL_H
#define RTA_RESAMPLE_KERNEL_H

#include "resample.h"
#include "resample_bank.h"

/* Where the next output reads: its window starts at x[start], and its coefficients are row `row` of the bank. */
typedef struct rta_resample_cursor {
    uint64_t start;
    uint32_t row;
} rta_resample_cursor;

/* Computes count outputs and moves the cursor; the caller has seen to it that all their windows lie in x. */
typedef void rta_resample_kernel(const rta_resample_bank *bank, const float *x, rta_resample_cursor *cursor, float *out,
                                 uint64_t count);

rta_resample_kernel *rta_resample_kernel_for(rta_simd simd); /* NULL: the CPU has it not */

#endif
