/* SPDX-License-Identifier: Apache-2.0
 *
 * silero_layout.h: where weights and intermediate results of the Silero kernel lie. One layout for all instruction
 * sets. Weights stand in the order in which they are used, in panels of 16 outputs (panel_gemm.h), and without the
 * taps that only ever meet padding: tap 0 of conv 3, taps 0 and 2 of conv 4.
 */
#ifndef RTA_SILERO_LAYOUT_H
#define RTA_SILERO_LAYOUT_H

#include "rfft256.h"
#include "silero.h"

namespace {

constexpr int BINS = 129, BINS_STRIDE = 132, FRAMES = 4, HIDDEN = RTA_SILERO_HIDDEN;
constexpr int PADDED = RTA_SILERO_CONTEXT + RTA_SILERO_WINDOW + 64;
constexpr int GATES = 64; /* i, f, g, o of 16 channels */
constexpr int FFT_LANES = 16; /* stride of the spectrum's working rows: the widest vector */

struct alignas(64) SileroPacked {
    Rfft256Tables tables;
    alignas(64) float conv1[3][8][BINS][16]; /* [tap][panel][in][out] */
    float conv2[3][4][128][16];
    float conv3[2][4][64][16];
    float conv4[8][64][16];
    float lstm[8][4][2 * HIDDEN][16]; /* [group of 16 channels][gate][x, h][channel] */
    float output[HIDDEN];
    float bias1[128], bias2[64], bias3[64], bias4[128];
    float lstm_bias[8][GATES];
    float output_bias;
};

/* Activations: [time * batch + stream][channel]: a tap of a convolution is then one product over consecutive rows. */
struct alignas(64) SileroScratch {
    alignas(64) float conv1[FRAMES * RTA_SILERO_BATCH][128];
    float conv2[2 * RTA_SILERO_BATCH][64];
    float conv3[RTA_SILERO_BATCH][64];
    float input[RTA_SILERO_BATCH][2 * HIDDEN]; /* of the LSTM: conv 4's result, then h as it was */
    float gates[RTA_SILERO_BATCH][GATES];
    float logits[RTA_SILERO_BATCH];
    float spectrum[FRAMES * RTA_SILERO_BATCH][BINS_STRIDE];
    alignas(64) float padded[PADDED];
    alignas(64) float samples[256][FFT_LANES], work[256][FFT_LANES], magnitudes[BINS_STRIDE][FFT_LANES];
};

} // namespace

/* One for each instruction set; `model` is a SileroPacked, `scratch` a SileroScratch. */
typedef void (*rta_silero_run)(const void *model, uint32_t batch, float *const *states, const float *const *windows,
                               float *probabilities, void *scratch);
extern "C" void rta_silero_run_scalar(const void *model, uint32_t batch, float *const *states,
                                      const float *const *windows, float *probabilities, void *scratch);
extern "C" void rta_silero_run_avx2(const void *model, uint32_t batch, float *const *states,
                                    const float *const *windows, float *probabilities, void *scratch);

#endif
