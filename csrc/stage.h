/* SPDX-License-Identifier: Apache-2.0
 *
 * stage.h: the seam for what works on the sound of a line before anybody hears it: an echo canceller, a noise
 * suppressor. It stands between the line's resampler and its mic ring and runs on the engine, so it is C that neither
 * allocates nor waits. (One that does runs on a feeder thread before the line: rtaudio.transports.feeder.) Python hands
 * the table over in a capsule named "rtaudio.stage" which holds a `const rta_stage *`.
 *
 * A stage takes whole frames and gives as many samples as it takes. Sample n of what it gives is its answer to sample
 * n - delay_samples of what it took (law 7); the line adds that to its declared delay. Samples of a frame that is not
 * whole yet are held back; ticks of 10 ms and frames that divide 160 hold back nothing.
 *
 * The reference is what was put out, at 16 kHz, each sample once and in order. On a paced line the frame of mic samples
 * [n, n + frame) comes with what was put out from n - lead on, `lead` constant: a tick and what the resampler holds
 * back, less the delay of the line's own resampler; so an echo comes `lead` sooner than it is late. On a device line
 * both come as the callbacks bring them, and their counts are kept together as echo_guard.h says. Silence stands in for
 * what is not there, before the beginning and where the device gave nothing.
 *
 * What a stage gives is journalled beside what came in, so a replay needs no stage (law 5).
 *
 * In mic and reference, what was no number or beyond +-RTA_INPUT_LIMIT (engine.h) was made silence. What it gives must
 * be finite; what is not becomes silence and is counted (`stage_bad`).
 */
#ifndef RTA_STAGE_H
#define RTA_STAGE_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { RTA_STAGE_FRAME = 512, RTA_STAGE_STATE = 1 << 24 };

typedef struct rta_stage {
    const void *model;      /* immutable; outlives every line that uses it (Python keeps the owner alive) */
    uint32_t rate;          /* 16000 */
    uint32_t frame_samples; /* 1..RTA_STAGE_FRAME */
    uint32_t delay_samples; /* declared; at most 16000 */
    uint32_t pad;
    size_t state_bytes; /* one line's; 64-byte aligned; at most RTA_STAGE_STATE */
    /* Not on the audio path: zeroed memory becomes a state. NULL: zeros are one. */
    rta_status (*init)(const void *model, void *state);
    /* AUDIO PATH. frame_samples each; out is neither of the others. */
    void (*run)(const void *model, void *state, const float *mic, const float *reference, float *out);
    /* Not on the audio path; before the memory of a state is freed. May be NULL. */
    void (*done)(const void *model, void *state);
} rta_stage;

#ifdef __cplusplus
}
#endif
#endif
