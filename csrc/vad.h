/* SPDX-License-Identifier: Apache-2.0
 *
 * vad.h: the seam between the streaming core and a voice-activity kernel. The engine knows only this table, so that
 * kernels (csrc/kernels/, C++) and core (C) stay separate libraries; Python hands the table over in a capsule named
 * "rtaudio.vad_kernel" which holds a `const rta_vad_kernel *`.
 *
 * A stream's state is `state_floats` floats, zero at the start: for Silero h[128], c[128] and the last samples of
 * context, 64 at 16 kHz. A window is window_samples new samples at `rate`.
 */
#ifndef RTA_VAD_H
#define RTA_VAD_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rta_vad_kernel {
    const void *model; /* immutable weights; outlives every engine that uses it (Python keeps the owner alive) */
    uint32_t rate, window_samples, state_floats, max_batch;
    size_t scratch_bytes; /* for max_batch streams; 64-byte aligned */
    /* AUDIO PATH. One window of each of `batch` streams. states[i]: state of stream i, updated; windows[i]:
     * window_samples floats; probabilities[i] out. A row's result never depends on its batch (law 5). */
    void (*run)(const void *model, uint32_t batch, float *const *states, const float *const *windows,
                float *probabilities, void *scratch);
    /* The last so many floats of a state are the last samples before the window to come; 0: no peeks (ear.h). */
    uint32_t context_samples;
} rta_vad_kernel;

#ifdef __cplusplus
}
#endif
#endif
