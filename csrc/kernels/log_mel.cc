/* SPDX-License-Identifier: Apache-2.0
 *
 * Makes the tables of the log-mel kernel, and does what has no lanes: normalising, and the logarithm. */
#include "log_mel.h"

#include <cmath>
#include <new>

#include "../steady_math.h"
#include "log_mel_layout.h"

using namespace log_mel;

struct rta_log_mel {
    rta_log_mel_bands bands;
    Tables tables;
};

namespace {

/* sin(2 pi k / 400), by its series in double on an eighth of a turn (as in silero.cc, and for the same reason). */
double sine_400(int k) {
    k = ((k % FFT) + FFT) % FFT;
    if (k >= 200) return -sine_400(k - 200);
    if (k > 100) k = 200 - k;
    const bool complement = k > 50; /* then the cosine of the rest of the quarter */
    const double x = 3.14159265358979323846 / 200 * (complement ? 100 - k : k), square = x * x;
    double term = complement ? 1.0 : x, sum = 0.0;
    for (int n = complement ? 1 : 2; n < 22; n += 2) {
        sum += term;
        term *= -square / (n * (n + 1));
    }
    return sum;
}

double cosine_400(int k) { return sine_400(k + 100); }

/* Slaney's scale (Auditory Toolbox, 1998): linear to 1 kHz, then 27 steps for each factor of 6.4. */
double mel_of(double hertz) {
    return hertz < 1000.0 ? 3.0 * hertz / 200.0 : 15.0 + rta_log(hertz / 1000.0) * (27.0 / rta_log(6.4));
}
double hertz_of(double mel) {
    return mel < 15.0 ? 200.0 * mel / 3.0 : 1000.0 * rta_exp((rta_log(6.4) / 27.0) * (mel - 15.0));
}

void make_triangles(Tables &t) {
    double edge[BANDS + 2];
    const double top = mel_of(8000.0);
    for (int i = 0; i < BANDS + 2; ++i) edge[i] = hertz_of(top * i / (BANDS + 1));
    for (int band = 0; band < BANDS; ++band) {
        const double low = edge[band], middle = edge[band + 1], high = edge[band + 2];
        t.first[band] = t.count[band] = 0;
        for (int bin = 0; bin < BINS; ++bin) {
            const double hertz = 40.0 * bin;
            const double up = (hertz - low) / (middle - low), down = (high - hertz) / (high - middle);
            const double height = up < down ? up : down;
            if (height <= 0.0) continue;
            if (t.count[band] == 0) t.first[band] = bin;
            if (t.count[band] < WIDEST) t.weight[band][t.count[band]++] = height * (2.0 / (high - low));
        }
    }
}

void make_tables(Tables &t) {
    for (int n = 0; n < FFT; ++n) t.window[n] = 0.25 - 0.25 * cosine_400(n);
    for (int b = 0; b < 25; ++b)
        for (int c = 0; c < 8; ++c) {
            t.cos200[b][c] = cosine_400(2 * b * c);
            t.sin200[b][c] = sine_400(2 * b * c);
        }
    for (int b = 0; b < 5; ++b)
        for (int c = 0; c < 5; ++c) {
            t.cos25[b][c] = cosine_400(16 * b * c);
            t.sin25[b][c] = sine_400(16 * b * c);
        }
    for (int k = 0; k <= 100; ++k) {
        t.cos400[k] = cosine_400(k);
        t.sin400[k] = sine_400(k);
    }
    for (int k = 0; k < 2; ++k) {
        t.cos5[k] = cosine_400(80 * (k + 1));
        t.sin5[k] = sine_400(80 * (k + 1));
    }
    t.half_root = sine_400(50);
    make_triangles(t);
}

rta_log_mel_bands bands_of(rta_isa isa) {
#if defined(__x86_64__)
    if (isa >= RTA_ISA_AVX2) return rta_log_mel_bands_avx2;
#endif
    (void)isa;
    return rta_log_mel_bands_plain;
}

/* The sum as NumPy makes it (pairwise, eight at a time within blocks of 128): the reference normalises in float32, and
 * the model's answer hangs on the last bit of that. */
float pairwise_sum(const float *x, size_t n) {
    if (n <= 128) {
        float r[8];
        for (int j = 0; j < 8; ++j) r[j] = x[j];
        for (size_t i = 8; i < n; i += 8)
            for (int j = 0; j < 8; ++j) r[j] += x[i + j];
        return ((r[0] + r[1]) + (r[2] + r[3])) + ((r[4] + r[5]) + (r[6] + r[7]));
    }
    size_t half = n / 2;
    half -= half % 8;
    return pairwise_sum(x, half) + pairwise_sum(x + half, n - half);
}

/* The last 8 s of `samples`, normalised, into the middle of `padded`, and mirrored at both ends. */
void normalise(const float *samples, size_t count, float *padded, float *work) {
    const size_t taken = count < SAMPLES ? count : SAMPLES, zeros = SAMPLES - taken;
    const float *from = samples + (count - taken);
    float *x = padded + HALF;
    for (size_t i = 0; i < zeros; ++i) x[i] = 0.0f;
    for (size_t i = 0; i < taken; ++i) x[zeros + i] = std::fabs(from[i]) <= 1048576.0f ? from[i] : 0.0f;
    const float mean = pairwise_sum(x, SAMPLES) / static_cast<float>(SAMPLES);
    for (int i = 0; i < SAMPLES; ++i) {
        x[i] -= mean;
        work[i] = x[i] * x[i];
    }
    const float variance = pairwise_sum(work, SAMPLES) / static_cast<float>(SAMPLES);
    const float deviation = std::sqrt(variance + 1e-7f);
    for (int i = 0; i < SAMPLES; ++i) x[i] /= deviation;
    for (int i = 1; i <= HALF; ++i) {
        x[-i] = x[i];
        x[SAMPLES - 1 + i] = x[SAMPLES - 1 - i];
    }
}

} // namespace

rta_status rta_log_mel_create(rta_log_mel **mel, rta_isa isa) {
    const rta_log_mel_bands bands = bands_of(isa);
    if (bands == nullptr || !rta_isa_available(isa)) return RTA_INVALID;
    rta_log_mel *made = new (std::nothrow) rta_log_mel;
    if (made == nullptr) return RTA_NOMEM;
    make_tables(made->tables);
    made->bands = bands;
    *mel = made;
    return RTA_OK;
}

void rta_log_mel_destroy(rta_log_mel *mel) { delete mel; }

size_t rta_log_mel_scratch_bytes(void) { return sizeof(Scratch); }

void rta_log_mel_run(const rta_log_mel *mel, const float *samples, size_t count, float *features, void *scratch) {
    Scratch &s = *static_cast<Scratch *>(scratch);
    constexpr int N = BANDS * FRAMES;
    constexpr double LN_10 = 2.302585092994045684;
    static_assert(sizeof s.bands >= SAMPLES * sizeof(float), "room for the squares");
    normalise(samples, count, s.padded, reinterpret_cast<float *>(&s.bands[0][0]));
    mel->bands(&mel->tables, &s);
    double *log = &s.bands[0][0], most = -10.0;
    for (int i = 0; i < N; ++i) {
        log[i] = rta_log(log[i] < 1e-10 ? 1e-10 : log[i]) / LN_10;
        most = log[i] > most ? log[i] : most;
    }
    const double least = most - 8.0;
    for (int i = 0; i < N; ++i) features[i] = static_cast<float>(((log[i] > least ? log[i] : least) + 4.0) / 4.0);
}
