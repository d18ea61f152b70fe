/* SPDX-License-Identifier: Apache-2.0
 *
 * The log-mel kernel for x86-64 with AVX2; why the pragma stands where it does: silero_avx2.cc. */
#if defined(__x86_64__)
#include <cstring>

#include "log_mel_layout.h"

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
#else
#pragma GCC target("avx2")
#endif

#include "log_mel_run.h"

void rta_log_mel_bands_avx2(const log_mel::Tables *tables, log_mel::Scratch *scratch) {
    mel_bands<4>(*tables, *scratch);
}

#if defined(__clang__)
#pragma clang attribute pop
#endif
#endif
