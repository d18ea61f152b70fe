/* SPDX-License-Identifier: Apache-2.0
 *
 * Even samples are the real and odd ones the imaginary part of 64 complex points; those are transformed by three
 * radix-4 steps in Stockham's order, and the spectrum of the 128 real points is unfolded from theirs.
 */
#include "echo_fft.h"

enum { HALF = RTA_ECHO_FRAME / 2 };

/* cos(2 pi k / 128), rounded to float. */
static const float COSINE[128] = {
    0x1.0p+0f,
    0x1.ff621ep-1f,
    0x1.fd88dap-1f,
    0x1.fa7558p-1f,
    0x1.f6297cp-1f,
    0x1.f0a7fp-1f,
    0x1.e9f416p-1f,
    0x1.e2121p-1f,
    0x1.d906bcp-1f,
    0x1.ced7bp-1f,
    0x1.c38b3p-1f,
    0x1.b72834p-1f,
    0x1.a9b662p-1f,
    0x1.9b3e04p-1f,
    0x1.8bc806p-1f,
    0x1.7b5df2p-1f,
    0x1.6a09e6p-1f,
    0x1.57d694p-1f,
    0x1.44cf32p-1f,
    0x1.30ff8p-1f,
    0x1.1c73b4p-1f,
    0x1.07387ap-1f,
    0x1.e2b5d4p-2f,
    0x1.b5d1p-2f,
    0x1.87de2ap-2f,
    0x1.58f9a8p-2f,
    0x1.294062p-2f,
    0x1.f19f98p-3f,
    0x1.8f8b84p-3f,
    0x1.2c8106p-3f,
    0x1.917a6cp-4f,
    0x1.91f66p-5f,
    0.0f,
    -0x1.91f66p-5f,
    -0x1.917a6cp-4f,
    -0x1.2c8106p-3f,
    -0x1.8f8b84p-3f,
    -0x1.f19f98p-3f,
    -0x1.294062p-2f,
    -0x1.58f9a8p-2f,
    -0x1.87de2ap-2f,
    -0x1.b5d1p-2f,
    -0x1.e2b5d4p-2f,
    -0x1.07387ap-1f,
    -0x1.1c73b4p-1f,
    -0x1.30ff8p-1f,
    -0x1.44cf32p-1f,
    -0x1.57d694p-1f,
    -0x1.6a09e6p-1f,
    -0x1.7b5df2p-1f,
    -0x1.8bc806p-1f,
    -0x1.9b3e04p-1f,
    -0x1.a9b662p-1f,
    -0x1.b72834p-1f,
    -0x1.c38b3p-1f,
    -0x1.ced7bp-1f,
    -0x1.d906bcp-1f,
    -0x1.e2121p-1f,
    -0x1.e9f416p-1f,
    -0x1.f0a7fp-1f,
    -0x1.f6297cp-1f,
    -0x1.fa7558p-1f,
    -0x1.fd88dap-1f,
    -0x1.ff621ep-1f,
    -0x1.0p+0f,
    -0x1.ff621ep-1f,
    -0x1.fd88dap-1f,
    -0x1.fa7558p-1f,
    -0x1.f6297cp-1f,
    -0x1.f0a7fp-1f,
    -0x1.e9f416p-1f,
    -0x1.e2121p-1f,
    -0x1.d906bcp-1f,
    -0x1.ced7bp-1f,
    -0x1.c38b3p-1f,
    -0x1.b72834p-1f,
    -0x1.a9b662p-1f,
    -0x1.9b3e04p-1f,
    -0x1.8bc806p-1f,
    -0x1.7b5df2p-1f,
    -0x1.6a09e6p-1f,
    -0x1.57d694p-1f,
    -0x1.44cf32p-1f,
    -0x1.30ff8p-1f,
    -0x1.1c73b4p-1f,
    -0x1.07387ap-1f,
    -0x1.e2b5d4p-2f,
    -0x1.b5d1p-2f,
    -0x1.87de2ap-2f,
    -0x1.58f9a8p-2f,
    -0x1.294062p-2f,
    -0x1.f19f98p-3f,
    -0x1.8f8b84p-3f,
    -0x1.2c8106p-3f,
    -0x1.917a6cp-4f,
    -0x1.91f66p-5f,
    0.0f,
    0x1.91f66p-5f,
    0x1.917a6cp-4f,
    0x1.2c8106p-3f,
    0x1.8f8b84p-3f,
    0x1.f19f98p-3f,
    0x1.294062p-2f,
    0x1.58f9a8p-2f,
    0x1.87de2ap-2f,
    0x1.b5d1p-2f,
    0x1.e2b5d4p-2f,
    0x1.07387ap-1f,
    0x1.1c73b4p-1f,
    0x1.30ff8p-1f,
    0x1.44cf32p-1f,
    0x1.57d694p-1f,
    0x1.6a09e6p-1f,
    0x1.7b5df2p-1f,
    0x1.8bc806p-1f,
    0x1.9b3e04p-1f,
    0x1.a9b662p-1f,
    0x1.b72834p-1f,
    0x1.c38b3p-1f,
    0x1.ced7bp-1f,
    0x1.d906bcp-1f,
    0x1.e2121p-1f,
    0x1.e9f416p-1f,
    0x1.f0a7fp-1f,
    0x1.f6297cp-1f,
    0x1.fa7558p-1f,
    0x1.fd88dap-1f,
    0x1.ff621ep-1f,
};

static inline float cosine(unsigned k) { return COSINE[k]; }    /* of 2 pi k / 128, k < 128 */
static inline float sine(unsigned k) { return COSINE[(k + 96) & 127]; } /* the same */

float rta_echo_hann(unsigned n) { return 0.5f - 0.5f * cosine(n); }

/* One radix-4 step: `n` points in `s` interleaved transforms, from a to b. */
static inline void step4(unsigned n, unsigned s, const float *ar, const float *ai, float *br, float *bi) {
    const unsigned m = n / 4;
    for (unsigned p = 0; p < m; p++) {
        const unsigned w = p * s * 2; /* 2 pi p / n on the grid of 128 */
        const float c1 = cosine(w), s1 = sine(w), c2 = cosine(2 * w), s2 = sine(2 * w), c3 = cosine(3 * w),
                    s3 = sine(3 * w);
        const float *r0 = ar + s * p, *r1 = r0 + s * m, *r2 = r1 + s * m, *r3 = r2 + s * m;
        const float *i0 = ai + s * p, *i1 = i0 + s * m, *i2 = i1 + s * m, *i3 = i2 + s * m;
        float *xr = br + 4 * s * p, *xi = bi + 4 * s * p;
        for (unsigned q = 0; q < s; q++) {
            const float sr = r0[q] + r2[q], si = i0[q] + i2[q], dr = r0[q] - r2[q], di = i0[q] - i2[q];
            const float tr = r1[q] + r3[q], ti = i1[q] + i3[q], ur = r1[q] - r3[q], ui = i1[q] - i3[q];
            const float ar1 = dr + ui, ai1 = di - ur, ar2 = sr - tr, ai2 = si - ti, ar3 = dr - ui, ai3 = di + ur;
            xr[q] = sr + tr;
            xi[q] = si + ti;
            xr[q + s] = ar1 * c1 + ai1 * s1;
            xi[q + s] = ai1 * c1 - ar1 * s1;
            xr[q + 2 * s] = ar2 * c2 + ai2 * s2;
            xi[q + 2 * s] = ai2 * c2 - ar2 * s2;
            xr[q + 3 * s] = ar3 * c3 + ai3 * s3;
            xi[q + 3 * s] = ai3 * c3 - ar3 * s3;
        }
    }
}

static void fft64(float *re, float *im) {
    float br[HALF], bi[HALF];
    step4(64, 1, re, im, br, bi);
    step4(16, 4, br, bi, re, im);
    step4(4, 16, re, im, br, bi);
    for (unsigned i = 0; i < HALF; i++) {
        re[i] = br[i];
        im[i] = bi[i];
    }
}

void rta_echo_rfft(const float *x, rta_echo_spectrum *y) {
    float re[HALF], im[HALF];
    for (unsigned i = 0; i < HALF; i++) {
        re[i] = x[2 * i];
        im[i] = x[2 * i + 1];
    }
    fft64(re, im);
    y->re[0] = re[0] + im[0];
    y->re[HALF] = re[0] - im[0];
    y->im[0] = y->im[HALF] = 0.0f;
    for (unsigned k = 1; k < HALF; k++) {
        const unsigned j = HALF - k;
        const float er = 0.5f * (re[k] + re[j]), ei = 0.5f * (im[k] - im[j]); /* of the even samples */
        const float odd_re = 0.5f * (im[k] + im[j]), odd_im = 0.5f * (re[j] - re[k]); /* of the odd ones */
        const float c = cosine(k), s = sine(k);
        y->re[k] = er + (odd_re * c + odd_im * s);
        y->im[k] = ei + (odd_im * c - odd_re * s);
    }
    for (unsigned k = RTA_ECHO_BINS; k < RTA_ECHO_STRIDE; k++) y->re[k] = y->im[k] = 0.0f;
}

/* The same backwards: the inverse of 64 complex points is the transform of the conjugate, conjugated. */
void rta_echo_irfft(const rta_echo_spectrum *y, float *x) {
    float re[HALF], im[HALF];
    for (unsigned k = 0; k < HALF; k++) {
        const unsigned j = HALF - k;
        const float er = 0.5f * (y->re[k] + y->re[j]), ei = 0.5f * (y->im[k] - y->im[j]);
        const float dr = 0.5f * (y->re[k] - y->re[j]), di = 0.5f * (y->im[k] + y->im[j]);
        const float c = cosine(k), s = sine(k);
        const float odd_re = dr * c - di * s, odd_im = di * c + dr * s;
        re[k] = er - odd_im;
        im[k] = -(ei + odd_re);
    }
    fft64(re, im);
    for (unsigned i = 0; i < HALF; i++) {
        x[2 * i] = re[i] * (1.0f / HALF);
        x[2 * i + 1] = -im[i] * (1.0f / HALF);
    }
}
