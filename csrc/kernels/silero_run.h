/* SPDX-License-Identifier: Apache-2.0
 *
 * silero_run.h: one window of a batch of streams, for any vector type. The source of every instruction set; the sums
 * are those of panel_gemm.h, and what is done lane by lane does not see its neighbours.
 */
#ifndef RTA_SILERO_RUN_H
#define RTA_SILERO_RUN_H

#include "lanes_math.h"
#include "panel_gemm.h"
#include "silero_layout.h"

namespace {

/* The context, the window and the mirrored end: behind its last sample come those before it, backwards. The new
 * context goes to the state. */
template <class V, class S> void pad_window(float *context, const float *window, float *padded) {
    constexpr int end = S::context + S::window;
    const V limit = V::set(0x1p20f);
    for (int i = 0; i < S::context; i += V::lanes) within(V::load(context + i), limit).store(padded + i);
    for (int i = 0; i < S::window; i += V::lanes) within(V::load(window + i), limit).store(padded + S::context + i);
    for (int i = 0; i < S::mirrored; ++i) padded[end + i] = padded[end - 2 - i];
    for (int i = 0; i < S::context; i += V::lanes) V::load(padded + end - S::context + i).store(context + i);
}

/* Spectra of the `count` streams from `first` on: as many as fit T with their four frames. */
template <class V, class T, class S>
void spectra_together(const SileroPacked<S> &model, int first, int count, int batch, float *const *states,
                      const float *const *windows, SileroScratch<S> &s) {
    constexpr int used = T::lanes > FRAMES ? T::lanes : FRAMES, together = used / FRAMES;
    for (int i = 0; i < together; ++i) {
        if (i < count) pad_window<V, S>(states[first + i] + 2 * HIDDEN, windows[first + i], s.padded);
        for (int n = 0; n < S::fft; n += 4) /* lanes without a stream repeat the last one; nobody reads them */
            T::transpose_4x4(s.padded + n, S::hop, &s.samples[n][FRAMES * i], FFT_LANES);
    }
    for (int lane = 0; lane < used; lane += T::lanes)
        rfft_magnitudes<T, FFT_LANES>(model.tables, s.samples[0] + lane, s.work[0] + lane, s.magnitudes[0] + lane);
    for (int i = 0; i < count; ++i)
        for (int k = 0; k < S::bins_stride; k += 4)
            T::transpose_4x4(&s.magnitudes[k][FRAMES * i], FFT_LANES, &s.spectrum[first + i][k],
                             batch * S::bins_stride);
}

template <class V, class S>
void spectra(const SileroPacked<S> &model, int batch, float *const *states, const float *const *windows,
             SileroScratch<S> &s) {
    constexpr int together = V::lanes > FRAMES ? V::lanes / FRAMES : 1;
    for (int first = 0; first < batch; first += together) {
        const int left = batch - first, count = left < together ? left : together;
        if (count == 1) spectra_together<V, typename V::Narrow>(model, first, 1, batch, states, windows, s);
        else spectra_together<V, V>(model, first, count, batch, states, windows, s);
    }
}

template <class V> void fill_rows(float *rows, int count, int width, const float *bias) {
    for (int r = 0; r < count; ++r)
        for (int j = 0; j < width; j += V::lanes) V::load(bias + j).store(rows + r * width + j);
}

template <class V> void rectify(float *values, int count) {
    const V zero = V::set(0.0f);
    for (int i = 0; i < count; i += V::lanes) max(V::load(values + i), zero).store(values + i);
}

template <class V, class S> void convolutions(const SileroPacked<S> &model, int batch, SileroScratch<S> &s) {
    const int b = batch;
    /* Conv 1: output frame t takes tap 0 of frame t-1, tap 1 of t, tap 2 of t+1; what lies outside is zero. */
    fill_rows<V>(s.conv1[0], FRAMES * b, 128, model.bias1);
    gemm<V, S::bins, S::bins_stride, 128>(3 * b, s.spectrum[0], model.conv1[0][0][0], s.conv1[b], 8);
    gemm<V, S::bins, S::bins_stride, 128>(4 * b, s.spectrum[0], model.conv1[1][0][0], s.conv1[0], 8);
    gemm<V, S::bins, S::bins_stride, 128>(3 * b, s.spectrum[b], model.conv1[2][0][0], s.conv1[0], 8);
    rectify<V>(s.conv1[0], FRAMES * b * 128);

    /* Conv 2: output 0 takes frames (none, 0, 1), output 1 takes (1, 2, 3). For one stream the two outputs are rows two
     * frames apart, which halves the reading of weights. */
    fill_rows<V>(s.conv2[0], 2 * b, 64, model.bias2);
    gemm<V, 128, 128, 64>(b, s.conv1[b], model.conv2[0][0][0], s.conv2[b], 4);
    for (int tap = 1; tap < 3; ++tap) {
        const float *weights = model.conv2[tap][0][0];
        if (b == 1) {
            gemm<V, 128, 2 * 128, 64>(2, s.conv1[tap - 1], weights, s.conv2[0], 4);
        } else {
            gemm<V, 128, 128, 64>(b, s.conv1[(tap - 1) * b], weights, s.conv2[0], 4);
            gemm<V, 128, 128, 64>(b, s.conv1[(tap + 1) * b], weights, s.conv2[b], 4);
        }
    }
    rectify<V>(s.conv2[0], 2 * b * 64);

    /* Conv 3: one output, frames (none, 0, 1). Conv 4: frames (none, 0, none). */
    fill_rows<V>(s.conv3[0], b, 64, model.bias3);
    gemm<V, 64, 64, 64>(b, s.conv2[0], model.conv3[0][0][0], s.conv3[0], 4);
    gemm<V, 64, 64, 64>(b, s.conv2[b], model.conv3[1][0][0], s.conv3[0], 4);
    rectify<V>(s.conv3[0], b * 64);
    for (int r = 0; r < b; ++r)
        for (int j = 0; j < HIDDEN; j += V::lanes) V::load(model.bias4 + j).store(s.input[r] + j);
    gemm<V, 64, 64, 2 * HIDDEN>(b, s.conv3[0], model.conv4[0][0], s.input[0], 8);
    for (int r = 0; r < b; ++r) rectify<V>(s.input[r], HIDDEN);
}

/* Sixteen channels at a time; their gates never leave L1. The states are overwritten as it goes: s.input holds the h
 * that the gates read. */
template <class V, class S>
void lstm(const SileroPacked<S> &model, int batch, float *const *states, SileroScratch<S> &s) {
    for (int r = 0; r < batch; ++r)
        for (int j = 0; j < HIDDEN; j += V::lanes) V::load(states[r] + j).store(s.input[r] + HIDDEN + j);
    for (int group = 0; group < HIDDEN / 16; ++group) {
        fill_rows<V>(s.gates[0], batch, GATES, model.lstm_bias[group]);
        gemm<V, 2 * HIDDEN, 2 * HIDDEN, GATES>(batch, s.input[0], model.lstm[group][0][0], s.gates[0], 4);
        for (int r = 0; r < batch; ++r) {
            float *h = states[r] + group * 16, *c = h + HIDDEN;
            for (int j = 0; j < 16; j += V::lanes) {
                const float *gate = s.gates[r] + j;
                const V in = sigmoid(V::load(gate)), forget = sigmoid(V::load(gate + 16));
                const V candidate = tanh(V::load(gate + 32)), out = sigmoid(V::load(gate + 48));
                const V cell = fma(forget, V::load(c + j), in * candidate);
                cell.store(c + j);
                (out * tanh(cell)).store(h + j);
            }
        }
    }
}

/* Sixteen partial sums, lane j over channels j, j + 16, ..., folded in halves: an order that vectors of 1, 4, 8 and 16
 * lanes can all keep. */
template <class V, class S>
void outputs(const SileroPacked<S> &model, int batch, float *const *states, float *probabilities, SileroScratch<S> &s) {
    const V zero = V::set(0.0f);
    for (int r = 0; r < batch; ++r) {
        alignas(64) float lane[16];
        for (int j = 0; j < 16; j += V::lanes) {
            V sum = zero;
            for (int k = j; k < HIDDEN; k += 16)
                sum = fma(max(V::load(states[r] + k), zero), V::load(model.output + k), sum);
            sum.store(lane + j);
        }
        for (int half = 8; half > 0; half /= 2)
            for (int j = 0; j < half; ++j) lane[j] += lane[j + half];
        s.logits[r] = lane[0] + model.output_bias;
    }
    for (int r = batch; r % V::lanes != 0; ++r) s.logits[r] = 0.0f;
    for (int r = 0; r < batch; r += V::lanes) sigmoid(V::load(s.logits + r)).store(s.logits + r);
    for (int r = 0; r < batch; ++r) probabilities[r] = s.logits[r];
}

template <class V, class S>
void silero_run(const void *model, uint32_t batch, float *const *states, const float *const *windows,
                float *probabilities, void *scratch) {
    if (batch == 0) return;
    const SileroPacked<S> &packed = *static_cast<const SileroPacked<S> *>(model);
    SileroScratch<S> &s = *static_cast<SileroScratch<S> *>(scratch);
    const int count = static_cast<int>(batch);
    spectra<V>(packed, count, states, windows, s);
    convolutions<V>(packed, count, s);
    lstm<V>(packed, count, states, s);
    outputs<V>(packed, count, states, probabilities, s);
}

} // namespace
#endif
