/* SPDX-License-Identifier: Apache-2.0
 *
 * The Silero kernel for any machine; the reference of the others. */
#include "lanes_scalar.h"
#include "silero_run.h"

void rta_silero_run_scalar(const void *model, uint32_t batch, float *const *states, const float *const *windows,
                           float *probabilities, void *scratch) {
    if (batch > 0) silero_run<Scalar>(model, batch, states, windows, probabilities, scratch);
}
