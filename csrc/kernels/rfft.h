/* SPDX-License-Identifier: Apache-2.0
 *
 * rfft.h: magnitudes of the DFT of N = 256 or 128 real samples, many transforms side by side: every lane is one
 * transform, so lanes never meet and the vector width cannot show in the result.
 *
 * The real transform is a complex one of N/2 points, z[m] = x[2m] + i x[2m+1], done as 8 x L, L = N/16 (Cooley and Tukey
 * 1965): m = L a + b, k = c + 8 d: L 8-point transforms over a, twiddles W(N/2)^(b c), eight L-point ones over b; then
 * the two spectra that z holds are taken apart: X[k] = E[k] + W(N)^k O[k], X[N/2-k] = conj(E[k] - W(N)^k O[k]).
 * The halves in E and O are in the window.
 */
#ifndef RTA_RFFT_H
#define RTA_RFFT_H

namespace {

template <int N> struct RfftTables {
    static constexpr int LONG = N / 16;
    float window[N];                        /* half of periodic Hann */
    float cos_half[LONG][8], sin_half[LONG][8]; /* W(N/2)^(b c) = cos - i sin, at [b][c] */
    float cos_whole[N / 4 + 1], sin_whole[N / 4 + 1]; /* W(N)^k */
};

constexpr float SQRT_HALF = 0x1.6a09e6p-1f, COS_PI_8 = 0x1.d906bcp-1f, SIN_PI_8 = 0x1.87de2ap-2f;

template <class V> struct Complex {
    V re, im;
};

template <class V> inline Complex<V> operator+(Complex<V> a, Complex<V> b) { return {a.re + b.re, a.im + b.im}; }
template <class V> inline Complex<V> operator-(Complex<V> a, Complex<V> b) { return {a.re - b.re, a.im - b.im}; }

/* a * (c - i s) */
template <class V> inline Complex<V> turn(Complex<V> a, V c, V s) {
    return {fma(a.im, s, a.re * c), fnma(a.re, s, a.im * c)};
}
/* a * -i */
template <class V> inline Complex<V> turn_quarter(Complex<V> a) { return {a.im, V::set(0.0f) - a.re}; }
/* a * W8 and a * W8^3 */
template <class V> inline Complex<V> turn_eighth(Complex<V> a) {
    const V h = V::set(SQRT_HALF);
    return {(a.re + a.im) * h, (a.im - a.re) * h};
}
template <class V> inline Complex<V> turn_three_eighths(Complex<V> a) {
    const V h = V::set(SQRT_HALF);
    return {(a.im - a.re) * h, (a.re + a.im) * V::set(-SQRT_HALF)};
}

/* Decimation in frequency, results in natural order: element k of a transform of n points goes to y[k * step]. */
template <class V>
inline void dft4(Complex<V> x0, Complex<V> x1, Complex<V> x2, Complex<V> x3, Complex<V> *y, int step) {
    const Complex<V> even = x0 + x2, odd = x1 + x3, difference = x0 - x2, quarter = turn_quarter(x1 - x3);
    y[0] = even + odd;
    y[step] = difference + quarter;
    y[2 * step] = even - odd;
    y[3 * step] = difference - quarter;
}

template <class V> inline void dft8(const Complex<V> *x, Complex<V> *y, int step) {
    dft4(x[0] + x[4], x[1] + x[5], x[2] + x[6], x[3] + x[7], y, 2 * step);
    dft4(x[0] - x[4], turn_eighth(x[1] - x[5]), turn_quarter(x[2] - x[6]), turn_three_eighths(x[3] - x[7]), y + step,
         2 * step);
}

template <class V> inline void dft16(const Complex<V> *x, Complex<V> *y) {
    const V c = V::set(COS_PI_8), s = V::set(SIN_PI_8), minus_c = V::set(-COS_PI_8), minus_s = V::set(-SIN_PI_8);
    Complex<V> sum[8], difference[8];
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) sum[i] = x[i] + x[i + 8];
    difference[0] = x[0] - x[8];
    difference[1] = turn(x[1] - x[9], c, s);
    difference[2] = turn_eighth(x[2] - x[10]);
    difference[3] = turn(x[3] - x[11], s, c);
    difference[4] = turn_quarter(x[4] - x[12]);
    difference[5] = turn(x[5] - x[13], minus_s, c);
    difference[6] = turn_three_eighths(x[6] - x[14]);
    difference[7] = turn(x[7] - x[15], minus_c, s);
    dft8(sum, y, 2);
    dft8(difference, y + 1, 2);
}

template <class V> inline V magnitude(V re, V im) { return sqrt(fma(re, re, im * im)); }

template <class V> inline void dft(const Complex<V> (&x)[16], Complex<V> (&y)[16]) { dft16(x, y); }
template <class V> inline void dft(const Complex<V> (&x)[8], Complex<V> (&y)[8]) { dft8(x, y, 1); }

/* x: [N][STRIDE] samples, lane l of transform l; y: [N/2+1][STRIDE] magnitudes; work: [N][STRIDE]. Of each row
 * V::lanes floats are used. */
template <class V, int STRIDE, int N>
void rfft_magnitudes(const RfftTables<N> &tables, const float *x, float *work, float *y) {
    constexpr int L = RfftTables<N>::LONG;
    const auto store = [work](int row, Complex<V> value) {
        value.re.store(work + 2 * row * STRIDE);
        value.im.store(work + (2 * row + 1) * STRIDE);
    };
    const auto load = [work](int row) {
        return Complex<V>{V::load(work + 2 * row * STRIDE), V::load(work + (2 * row + 1) * STRIDE)};
    };
#pragma GCC unroll 1
    for (int b = 0; b < L; ++b) {
        Complex<V> in[8], out[8];
#pragma GCC unroll 8
        for (int a = 0; a < 8; ++a) {
            const int n = 2 * (L * a + b);
            in[a] = {V::load(x + n * STRIDE) * V::set(tables.window[n]),
                     V::load(x + (n + 1) * STRIDE) * V::set(tables.window[n + 1])};
        }
        dft8(in, out, 1);
        store(b, out[0]);
#pragma GCC unroll 8
        for (int c = 1; c < 8; ++c)
            store(L * c + b, turn(out[c], V::set(tables.cos_half[b][c]), V::set(tables.sin_half[b][c])));
    }
#pragma GCC unroll 1
    for (int c = 0; c < 8; ++c) {
        Complex<V> in[L], out[L];
#pragma GCC unroll 16
        for (int b = 0; b < L; ++b) in[b] = load(L * c + b);
        dft(in, out);
#pragma GCC unroll 16
        for (int d = 0; d < L; ++d) store(L * c + d, out[d]); /* Z[c + 8 d] in row L c + d */
    }
    const auto at = [](int k) { return L * (k & 7) + (k >> 3); };
    const Complex<V> first = load(at(0));
    const V zero = V::set(0.0f), sum = first.re + first.im, difference = first.re - first.im;
    magnitude(sum + sum, zero).store(y);
    magnitude(difference + difference, zero).store(y + N / 2 * STRIDE);
#pragma GCC unroll 1
    for (int k = 1; k <= N / 4; ++k) {
        const Complex<V> p = load(at(k)), q = load(at(N / 2 - k));
        const V even_re = p.re + q.re, even_im = p.im - q.im;
        const Complex<V> odd =
            turn(Complex<V>{p.im + q.im, q.re - p.re}, V::set(tables.cos_whole[k]), V::set(tables.sin_whole[k]));
        magnitude(even_re + odd.re, even_im + odd.im).store(y + k * STRIDE);
        magnitude(even_re - odd.re, even_im - odd.im).store(y + (N / 2 - k) * STRIDE);
    }
}

} // namespace
#endif
