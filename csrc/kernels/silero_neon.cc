/* SPDX-License-Identifier: Apache-2.0
 *
 * The Silero kernel for AArch64, where NEON is part of every processor. */
#if defined(__aarch64__)
#include "lanes_neon.h"
#include "silero_run.h"

const rta_silero_runs rta_silero_neon = {silero_run<Neon, Silero16k>, silero_run<Neon, Silero8k>};
#endif
