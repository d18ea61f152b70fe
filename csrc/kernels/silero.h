/* SPDX-License-Identifier: Apache-2.0
 *
 * silero.h: Silero VAD v6.2, at 16 and at 8 kHz, as a kernel of our own (Silero Team, https://github.com/snakers4/silero-vad, MIT;
 * the weights come from its ONNX file and are given by the caller). Exact float32: the probability differs from the
 * ONNX graph's by at most 1e-5 from equal state, and is the same, bit for bit, on every instruction set, for a stream
 * alone or in a batch, at any place in it (law 5).
 *
 *                                                                               16 kHz     (8 kHz)
 *   input      64 (32) of context + 512 (256) new samples, then 64 (32) mirrored      640       (320)
 *   spectrum   4 frames of 256 (128), hop half of it, periodic Hann, magnitude    129 x 4    (65 x 4)
 *   conv 1     3 taps, stride 1, ReLU                                   129 (65) -> 128 x 4
 *   conv 2     3 taps, stride 2, ReLU                                          128 ->  64 x 2
 *   conv 3     3 taps, stride 2, ReLU                                           64 ->  64 x 1
 *   conv 4     3 taps, stride 1, ReLU                                           64 -> 128 x 1
 *   LSTM       128, state (h, c)
 *   output     sigmoid(ReLU(h) . w + b)
 * The file has weights of its own for each rate; a window is 32 ms at both.
 *
 * Samples that are not finite, or beyond +-2^20, count as 0: nothing that comes in can spoil a stream's state for good.
 *
 * Threads: create and destroy from any; kernel->run from any number of threads at once, each with a scratch of its own.
 * It is fit for the audio path: no allocation, no lock, no system call.
 */
#ifndef RTA_SILERO_H
#define RTA_SILERO_H

#include "../vad.h"
#include "isa.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    RTA_SILERO_HIDDEN = 128,
    RTA_SILERO_BATCH = 32,
    RTA_SILERO_MOST_WINDOW = 512, /* at 16 kHz */
    RTA_SILERO_MOST_STATE = 320,  /* h[128], c[128], context */
};

/* As the ONNX file has them, row-major, float32. Read by rta_silero_create only; may go afterwards. */
typedef struct rta_silero_weights {
    const float *conv_weight[4]; /* (out, in, tap): (128, 129 or 65, 3), (64, 128, 3), (64, 64, 3), (128, 64, 3) */
    const float *conv_bias[4];   /* (out) */
    const float *lstm_input, *lstm_hidden;           /* (512, 128), gates in the order i, f, g, o */
    const float *lstm_input_bias, *lstm_hidden_bias; /* (512) */
    const float *output_weight;                      /* (128) */
    float output_bias;
} rta_silero_weights;

typedef struct rta_silero rta_silero;

/* rate: 16000 or 8000. RTA_INVALID: another one, or the instruction set is not available; RTA_NOMEM. */
rta_status rta_silero_create(rta_silero **model, const rta_silero_weights *weights, uint32_t rate, rta_isa isa);
void rta_silero_destroy(rta_silero *model);
/* Lives as long as the model. */
const rta_vad_kernel *rta_silero_kernel(const rta_silero *model);
rta_isa rta_silero_isa(const rta_silero *model);

#ifdef __cplusplus
}
#endif
#endif
