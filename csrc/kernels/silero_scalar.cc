/* SPDX-License-Identifier: Apache-2.0
 *
 * The Silero kernel for any machine; the reference of the others. */
#include "lanes_scalar.h"
#include "silero_run.h"

const rta_silero_runs rta_silero_scalar = {silero_run<Scalar, Silero16k>, silero_run<Scalar, Silero8k>};
