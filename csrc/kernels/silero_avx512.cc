/* SPDX-License-Identifier: Apache-2.0
 *
 * The Silero kernel for x86-64 with AVX-512F (and AVX2, FMA). As in silero_avx2.cc, no header of the system comes after
 * the pragma. */
#if defined(__x86_64__)
#if defined(__GNUC__) && !defined(__clang__)
/* "Undefined" in GCC 12's own header, which it then warns of (bug 105593). */
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>

#include "silero.h"

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx2,fma"))), apply_to = function)
#else
#pragma GCC target("avx512f,avx2,fma")
#endif

#include "lanes_avx512.h"
#include "silero_run.h"

const rta_silero_runs rta_silero_avx512 = {silero_run<Avx512, Silero16k>, silero_run<Avx512, Silero8k>};

#if defined(__clang__)
#pragma clang attribute pop
#endif
#endif
