/* SPDX-License-Identifier: Apache-2.0
 *
 * Makes a Silero model: weights into panels, tables, and the kernel of the wanted instruction set. */
#include "silero.h"

#include <new>

#include "silero_layout.h"

struct rta_silero {
    rta_isa isa;
    rta_vad_kernel kernel;
    union {
        SileroPacked<Silero16k> at_16k;
        SileroPacked<Silero8k> at_8k;
    };
};

namespace {

/* One tap of a convolution, (out, in, tap) -> [panel][in][16]. */
void pack_tap(float *panels, const float *weight, int outputs, int inputs, int tap) {
    for (int out = 0; out < outputs; ++out)
        for (int in = 0; in < inputs; ++in)
            panels[((out / 16) * inputs + in) * 16 + out % 16] = weight[(out * inputs + in) * 3 + tap];
}

template <class S> void pack_lstm(SileroPacked<S> &packed, const rta_silero_weights &weights) {
    for (int gate = 0; gate < 4; ++gate)
        for (int channel = 0; channel < HIDDEN; ++channel) {
            const int row = gate * HIDDEN + channel, group = channel / 16, lane = channel % 16;
            for (int in = 0; in < HIDDEN; ++in) {
                packed.lstm[group][gate][in][lane] = weights.lstm_input[row * HIDDEN + in];
                packed.lstm[group][gate][HIDDEN + in][lane] = weights.lstm_hidden[row * HIDDEN + in];
            }
            packed.lstm_bias[group][gate * 16 + lane] = weights.lstm_input_bias[row] + weights.lstm_hidden_bias[row];
        }
}

/* sin(2 pi k / 256), by its series in double on an eighth of a turn: a C library's may differ in the last bit from
 * another's, and once in a while that would show after rounding to float. */
double sine_256(int k) {
    k &= 255;
    if (k >= 128) return -sine_256(k - 128);
    if (k > 64) k = 128 - k;
    const bool complement = k > 32; /* then the cosine of the rest of the quarter */
    const double x = 3.14159265358979323846 / 128 * (complement ? 64 - k : k), square = x * x;
    double term = complement ? 1.0 : x, sum = 0.0;
    for (int n = complement ? 1 : 2; n < 22; n += 2) {
        sum += term;
        term *= -square / (n * (n + 1));
    }
    return sum;
}

double cosine_256(int k) { return sine_256(k + 64); }

template <int N> void make_tables(RfftTables<N> &tables) {
    constexpr int step = 256 / N;
    for (int n = 0; n < N; ++n) tables.window[n] = static_cast<float>(0.25 - 0.25 * cosine_256(step * n));
    for (int b = 0; b < tables.LONG; ++b)
        for (int c = 0; c < 8; ++c) {
            tables.cos_half[b][c] = static_cast<float>(cosine_256(2 * step * b * c));
            tables.sin_half[b][c] = static_cast<float>(sine_256(2 * step * b * c));
        }
    for (int k = 0; k <= N / 4; ++k) {
        tables.cos_whole[k] = static_cast<float>(cosine_256(step * k));
        tables.sin_whole[k] = static_cast<float>(sine_256(step * k));
    }
}

template <int N> void copy(float (&to)[N], const float *from) {
    for (int i = 0; i < N; ++i) to[i] = from[i];
}

const rta_silero_runs *runs_of(rta_isa isa) {
#if defined(__x86_64__)
    if (isa == RTA_ISA_AVX2) return &rta_silero_avx2;
    if (isa == RTA_ISA_AVX512) return &rta_silero_avx512;
#elif defined(__aarch64__)
    if (isa == RTA_ISA_NEON) return &rta_silero_neon;
#endif
    return isa == RTA_ISA_SCALAR ? &rta_silero_scalar : nullptr;
}

template <class S>
void fill(SileroPacked<S> &packed, rta_vad_kernel &kernel, const rta_silero_weights &weights, rta_silero_run *run) {
    make_tables(packed.tables);
    for (int tap = 0; tap < 3; ++tap) {
        pack_tap(packed.conv1[tap][0][0], weights.conv_weight[0], 128, S::bins, tap);
        pack_tap(packed.conv2[tap][0][0], weights.conv_weight[1], 64, 128, tap);
    }
    for (int tap = 1; tap < 3; ++tap) pack_tap(packed.conv3[tap - 1][0][0], weights.conv_weight[2], 64, 64, tap);
    pack_tap(packed.conv4[0][0], weights.conv_weight[3], 128, 64, 1);
    pack_lstm(packed, weights);
    copy(packed.bias1, weights.conv_bias[0]);
    copy(packed.bias2, weights.conv_bias[1]);
    copy(packed.bias3, weights.conv_bias[2]);
    copy(packed.bias4, weights.conv_bias[3]);
    copy(packed.output, weights.output_weight);
    packed.output_bias = weights.output_bias;
    kernel.model = &packed;
    kernel.window_samples = S::window;
    kernel.state_floats = S::state_floats;
    kernel.max_batch = RTA_SILERO_BATCH;
    kernel.scratch_bytes = sizeof(SileroScratch<S>);
    kernel.run = run;
    kernel.context_samples = S::context;
}

} // namespace

rta_status rta_silero_create(rta_silero **model, const rta_silero_weights *weights, uint32_t rate, rta_isa isa) {
    const rta_silero_runs *const runs = runs_of(isa);
    if (runs == nullptr || !rta_isa_available(isa) || (rate != 16000 && rate != 8000)) return RTA_INVALID;
    rta_silero *made = new (std::nothrow) rta_silero;
    if (made == nullptr) return RTA_NOMEM;
    if (rate == 16000) fill(made->at_16k, made->kernel, *weights, runs->at_16k);
    else fill(made->at_8k, made->kernel, *weights, runs->at_8k);
    made->kernel.rate = rate;
    made->isa = isa;
    *model = made;
    return RTA_OK;
}

void rta_silero_destroy(rta_silero *model) { delete model; }

const rta_vad_kernel *rta_silero_kernel(const rta_silero *model) { return &model->kernel; }

rta_isa rta_silero_isa(const rta_silero *model) { return model->isa; }
