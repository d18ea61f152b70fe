/* SPDX-License-Identifier: Apache-2.0
 *
 * log_mel.h: the log-mel spectrogram that Whisper and the models built on it take (Radford et al. 2022; the reference is
 * transformers' WhisperFeatureExtractor with chunk_length = 8 and do_normalize). The same bits on every instruction set
 * (law 5).
 *
 * Smart Turn's ONNX file computes in int8, where a value next to a rounding step falls on either side of it: a change of
 * 1e-5 in the features moved its probability by up to 0.01. So this kernel follows the reference to the last bit or two:
 * it normalises in float32, sums as NumPy does, and goes on in double. It uses no FMA, which machines without the
 * instruction would emulate.
 *
 *   input       the last 8 s at 16 kHz: 128,000 samples, zeros on the left where there are fewer
 *   normalise   (x - mean) / sqrt(variance + 1e-7), of all 128,000
 *   spectrum    801 frames of 400, hop 160, mirrored by 200 at both ends, periodic Hann, power; the last is dropped
 *   mel         80 triangles of Slaney's scale, 0..8000 Hz, each of area 2 / width
 *   log         log10 of at least 1e-10, not below the greatest - 8, then (x + 4) / 4
 *
 * Samples that are not finite, or beyond +-2^20, count as 0.
 *
 * Threads: create and destroy from any; run from any number of threads at once, each with a scratch of its own. No
 * allocation and no lock, but milliseconds long: it belongs on a model thread, not on the audio path.
 */
#ifndef RTA_LOG_MEL_H
#define RTA_LOG_MEL_H

#include <stddef.h>

#include "../base.h"
#include "isa.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    RTA_LOG_MEL_RATE = 16000,
    RTA_LOG_MEL_SAMPLES = 8 * RTA_LOG_MEL_RATE,
    RTA_LOG_MEL_BANDS = 80,
    RTA_LOG_MEL_FRAMES = 800,
};

typedef struct rta_log_mel rta_log_mel;

/* RTA_INVALID: the instruction set is not available; RTA_NOMEM. */
rta_status rta_log_mel_create(rta_log_mel **mel, rta_isa isa);
void rta_log_mel_destroy(rta_log_mel *mel);
size_t rta_log_mel_scratch_bytes(void); /* 64-byte aligned */
/* samples: count of them, of which the last 128,000 are used; features: [80][800], band by band. */
void rta_log_mel_run(const rta_log_mel *mel, const float *samples, size_t count, float *features, void *scratch);

#ifdef __cplusplus
}
#endif
#endif
