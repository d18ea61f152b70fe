/* SPDX-License-Identifier: Apache-2.0
 *
 * silero_layout.h: where weights and intermediate results of the Silero kernel lie. One layout for all instruction
 * sets. Weights stand in the order in which they are used, in panels of 16 outputs (panel_gemm.h), and without the
 * taps that only ever meet padding: tap 0 of conv 3, taps 0 and 2 of conv 4.
 */
#ifndef RTA_SILERO_LAYOUT_H
#define RTA_SILERO_LAYOUT_H

#include "rfft.h"
#include "silero.h"

namespace {

constexpr int FRAMES = 4, HIDDEN = RTA_SILERO_HIDDEN;
constexpr int GATES = 64; /* i, f, g, o of 16 channels */
constexpr int FFT_LANES = 16; /* stride of the spectrum's working rows: the widest vector */

/* What differs between the model's two branches: the length of everything before the second convolution. */
template <int FFT_POINTS> struct SileroShape {
    static constexpr int fft = FFT_POINTS, hop = fft / 2, bins = fft / 2 + 1, bins_stride = (bins + 3) / 4 * 4;
    static constexpr int window = 2 * fft, context = fft / 4, mirrored = fft / 4;
    static constexpr int padded = context + window + mirrored;
    static constexpr int state_floats = 2 * HIDDEN + context;
    static_assert(padded == fft + (FRAMES - 1) * hop, "four frames");
};
using Silero16k = SileroShape<256>;
using Silero8k = SileroShape<128>;

template <class S> struct alignas(64) SileroPacked {
    RfftTables<S::fft> tables;
    alignas(64) float conv1[3][8][S::bins][16]; /* [tap][panel][in][out] */
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
template <class S> struct alignas(64) SileroScratch {
    alignas(64) float conv1[FRAMES * RTA_SILERO_BATCH][128];
    float conv2[2 * RTA_SILERO_BATCH][64];
    float conv3[RTA_SILERO_BATCH][64];
    float input[RTA_SILERO_BATCH][2 * HIDDEN]; /* of the LSTM: conv 4's result, then h as it was */
    float gates[RTA_SILERO_BATCH][GATES];
    float logits[RTA_SILERO_BATCH];
    float spectrum[FRAMES * RTA_SILERO_BATCH][S::bins_stride];
    alignas(64) float padded[S::padded];
    alignas(64) float samples[S::fft][FFT_LANES], work[S::fft][FFT_LANES], magnitudes[S::bins_stride][FFT_LANES];
};

} // namespace

/* One pair for each instruction set; `model` is a SileroPacked, `scratch` a SileroScratch of that shape. */
typedef void rta_silero_run(const void *model, uint32_t batch, float *const *states, const float *const *windows,
                            float *probabilities, void *scratch);
typedef struct rta_silero_runs {
    rta_silero_run *at_16k, *at_8k;
} rta_silero_runs;
extern "C" {
extern const rta_silero_runs rta_silero_scalar, rta_silero_neon, rta_silero_avx2, rta_silero_avx512;
}

#endif
