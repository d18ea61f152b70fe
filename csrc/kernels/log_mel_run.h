/* SPDX-License-Identifier: Apache-2.0
 *
 * log_mel_run.h: mel energies of 800 frames, LANES of them side by side: every lane is one frame, so lanes never meet and
 * the vector width cannot show in the result. In double, and by +, - and * alone, each rounded once: log_mel.h says why.
 * The compiler's own vectors (GCC's vector_size) become whatever the file is compiled for.
 *
 * The real transform of 400 points is a complex one of 200, z[m] = x[2m] + i x[2m+1], done as 8 x 25 (Cooley and Tukey
 * 1965): m = 25 a + b, k = c + 8 d: twenty-five 8-point transforms over a, twiddles W200^(b c), eight 25-point ones over
 * b (each 5 x 5); then the two spectra that z holds are taken apart: X[k] = E[k] + W400^k O[k], X[200-k] = conj(E[k] -
 * W400^k O[k]). The halves in E and O are in the window.
 */
#ifndef RTA_LOG_MEL_RUN_H
#define RTA_LOG_MEL_RUN_H

#include <cstring>

#include "log_mel_layout.h"

namespace {

template <int LANES> struct Transform {
    typedef double V __attribute__((vector_size(8 * LANES)));
    struct Complex {
        V re, im;
    };

    const log_mel::Tables &t;
    log_mel::Scratch &s;
    int lane; /* the first of its group */

    static V load(const double *p) {
        V v;
        std::memcpy(&v, p, sizeof v);
        return v;
    }
    static void store(double *p, V v) { std::memcpy(p, &v, sizeof v); }

    static Complex add(Complex a, Complex b) { return {a.re + b.re, a.im + b.im}; }
    static Complex sub(Complex a, Complex b) { return {a.re - b.re, a.im - b.im}; }
    /* a * (c - i s), a * -i, a * W8, a * W8^3 */
    static Complex turn(Complex a, double c, double s) { return {a.re * c + a.im * s, a.im * c - a.re * s}; }
    static Complex quarter(Complex a) { return {a.im, -a.re}; }
    Complex eighth(Complex a) const { return {(a.re + a.im) * t.half_root, (a.im - a.re) * t.half_root}; }
    Complex three_eighths(Complex a) const { return {(a.im - a.re) * t.half_root, (a.re + a.im) * -t.half_root}; }

    /* Decimation in frequency, results in natural order: element k goes to y[k * step]. */
    static void dft4(Complex x0, Complex x1, Complex x2, Complex x3, Complex *y, int step) {
        const Complex even = add(x0, x2), odd = add(x1, x3), difference = sub(x0, x2), turned = quarter(sub(x1, x3));
        y[0] = add(even, odd);
        y[step] = add(difference, turned);
        y[2 * step] = sub(even, odd);
        y[3 * step] = sub(difference, turned);
    }

    void dft8(const Complex *x, Complex *y) const {
        dft4(add(x[0], x[4]), add(x[1], x[5]), add(x[2], x[6]), add(x[3], x[7]), y, 2);
        dft4(sub(x[0], x[4]), eighth(sub(x[1], x[5])), quarter(sub(x[2], x[6])), three_eighths(sub(x[3], x[7])), y + 1,
             2);
    }

    void dft5(Complex x0, Complex x1, Complex x2, Complex x3, Complex x4, Complex *y, int step) const {
        const double c1 = t.cos5[0], c2 = t.cos5[1], s1 = t.sin5[0], s2 = t.sin5[1];
        const Complex p = add(x1, x4), q = add(x2, x3), m = sub(x1, x4), n = sub(x2, x3);
        const Complex a = {x0.re + (p.re * c1 + q.re * c2), x0.im + (p.im * c1 + q.im * c2)};
        const Complex b = {x0.re + (p.re * c2 + q.re * c1), x0.im + (p.im * c2 + q.im * c1)};
        const Complex u = quarter({m.re * s1 + n.re * s2, m.im * s1 + n.im * s2});
        const Complex v = quarter({m.re * s2 - n.re * s1, m.im * s2 - n.im * s1});
        y[0] = add(x0, add(p, q));
        y[step] = add(a, u);
        y[2 * step] = add(b, v);
        y[3 * step] = sub(b, v);
        y[4 * step] = sub(a, u);
    }

    /* 25 points as 5 x 5: n = 5 a + b, k = c + 5 d. */
    void dft25(const Complex *x, Complex *y) const {
        Complex row[5][5]; /* [b][c] */
#pragma GCC unroll 1
        for (int b = 0; b < 5; ++b) {
            dft5(x[b], x[5 + b], x[10 + b], x[15 + b], x[20 + b], row[b], 1);
            for (int c = 1; c < 5 && b > 0; ++c) row[b][c] = turn(row[b][c], t.cos25[b][c], t.sin25[b][c]);
        }
#pragma GCC unroll 1
        for (int c = 0; c < 5; ++c) dft5(row[0][c], row[1][c], row[2][c], row[3][c], row[4][c], y + c, 5);
    }

    void keep(int row, Complex value) const {
        store(&s.work[2 * row][lane], value.re);
        store(&s.work[2 * row + 1][lane], value.im);
    }
    Complex kept(int row) const { return {load(&s.work[2 * row][lane]), load(&s.work[2 * row + 1][lane])}; }
    /* Z[k] lies where the 25-point transforms left it. */
    Complex spectrum(int k) const { return kept(25 * (k & 7) + (k >> 3)); }

    /* Columns of s.x to columns of s.power. */
    void powers() const {
#pragma GCC unroll 1
        for (int b = 0; b < 25; ++b) {
            Complex in[8], out[8];
#pragma GCC unroll 8
            for (int a = 0; a < 8; ++a) {
                const int n = 2 * (25 * a + b);
                in[a] = {load(&s.x[n][lane]) * t.window[n], load(&s.x[n + 1][lane]) * t.window[n + 1]};
            }
            dft8(in, out);
            keep(b, out[0]);
#pragma GCC unroll 8
            for (int c = 1; c < 8; ++c) keep(25 * c + b, turn(out[c], t.cos200[b][c], t.sin200[b][c]));
        }
#pragma GCC unroll 1
        for (int c = 0; c < 8; ++c) {
            Complex in[25], out[25];
            for (int b = 0; b < 25; ++b) in[b] = kept(25 * c + b);
            dft25(in, out);
            for (int d = 0; d < 25; ++d) keep(25 * c + d, out[d]);
        }
        const Complex first = spectrum(0);
        const V sum = first.re + first.im, difference = first.re - first.im;
        store(&s.power[0][lane], (sum + sum) * (sum + sum));
        store(&s.power[200][lane], (difference + difference) * (difference + difference));
#pragma GCC unroll 1
        for (int k = 1; k <= 100; ++k) {
            const Complex p = spectrum(k), q = spectrum(200 - k);
            const V even_re = p.re + q.re, even_im = p.im - q.im;
            const Complex odd = turn({p.im + q.im, q.re - p.re}, t.cos400[k], t.sin400[k]);
            const V re = even_re + odd.re, im = even_im + odd.im, re2 = even_re - odd.re, im2 = even_im - odd.im;
            store(&s.power[k][lane], re * re + im * im);
            store(&s.power[200 - k][lane], re2 * re2 + im2 * im2);
        }
    }

    void bands(int frame) const {
        for (int band = 0; band < log_mel::BANDS; ++band) {
            V sum = {};
            for (int i = 0; i < t.count[band]; ++i) sum += load(&s.power[t.first[band] + i][lane]) * t.weight[band][i];
            store(&s.bands[band][frame + lane], sum);
        }
    }
};

template <int LANES> void mel_bands(const log_mel::Tables &tables, log_mel::Scratch &scratch) {
    constexpr int GROUP = log_mel::GROUP;
    static_assert(GROUP % LANES == 0 && log_mel::FRAMES % GROUP == 0, "whole groups");
    for (int frame = 0; frame < log_mel::FRAMES; frame += GROUP) {
        for (int n = 0; n < log_mel::FFT; ++n)
            for (int i = 0; i < GROUP; ++i)
                scratch.x[n][i] = static_cast<double>(scratch.padded[(frame + i) * log_mel::HOP + n]);
        for (int lane = 0; lane < GROUP; lane += LANES) {
            const Transform<LANES> transform{tables, scratch, lane};
            transform.powers();
            transform.bands(frame);
        }
    }
}

} // namespace
#endif
