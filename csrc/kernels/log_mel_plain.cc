/* SPDX-License-Identifier: Apache-2.0
 *
 * The log-mel kernel for any machine: two lanes, which SSE2 and NEON have, and which elsewhere become single numbers. */
#include "log_mel_run.h"

void rta_log_mel_bands_plain(const log_mel::Tables *tables, log_mel::Scratch *scratch) {
    mel_bands<2>(*tables, *scratch);
}
