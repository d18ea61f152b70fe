/* SPDX-License-Identifier: Apache-2.0
 *
 * The Silero kernel for x86-64 with AVX2 and FMA. The headers of the system come before the pragma: nothing of theirs
 * may be compiled for AVX2 here, or the linker might give it to callers on machines without. What comes after it is
 * local to this file. */
#if defined(__x86_64__)
#include <immintrin.h>

#include "silero.h"

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC target("avx2,fma")
#endif

#include "lanes_avx2.h"
#include "silero_run.h"

const rta_silero_runs rta_silero_avx2 = {silero_run<Avx2, Silero16k>, silero_run<Avx2, Silero8k>};

#if defined(__clang__)
#pragma clang attribute pop
#endif
#endif
