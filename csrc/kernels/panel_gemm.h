/* SPDX-License-Identifier: Apache-2.0
 *
 * panel_gemm.h: C += A * W for small A: rows are streams (and frames of theirs), W lies in panels of 16 outputs.
 *
 * Each output is one chain of fused multiply-adds over k = 0, 1, ... K-1, begun at 0 and then added to what C holds: a
 * chain begun there would round each step to the size of the sum so far, at three times the error of the probability
 * (docs/decisions/vad-kernel.md). That chain is the same for every tile shape, vector width and number of rows: hence
 * the same bits for a row alone or in a batch, on every instruction set (law 5). Lanes are outputs; an input is broadcast
 * to all of them.
 *
 *   A  [rows][K]         row stride LDA floats
 *   W  [panel][K][16]    read once per tile of at most max_rows rows, a panel at a time so that it stays in L1
 *   C  [rows][panels*16] row stride LDC floats
 */
#ifndef RTA_PANEL_GEMM_H
#define RTA_PANEL_GEMM_H

namespace {

constexpr int PANEL = 16;

/* ROWS x PANELS panels in registers. The arrays have fixed sizes and every loop over them is unrolled: an accumulator
 * that is indexed at run time would live on the stack, at twice the time. */
template <class V, int K, int LDA, int LDC, int ROWS, int PANELS>
inline void gemm_tile(const float *a, const float *w, float *c) {
    constexpr int vectors = PANEL / V::lanes, columns = PANELS * vectors;
    V sum[ROWS][columns];
#pragma GCC unroll 16
    for (int r = 0; r < ROWS; ++r)
#pragma GCC unroll 16
        for (int j = 0; j < columns; ++j) sum[r][j] = V::set(0.0f);
#pragma GCC unroll 1
    for (int k = 0; k < K; ++k) {
        V weight[columns];
#pragma GCC unroll 16
        for (int j = 0; j < columns; ++j)
            weight[j] = V::load(w + (j / vectors) * (K * PANEL) + k * PANEL + (j % vectors) * V::lanes);
#pragma GCC unroll 16
        for (int r = 0; r < ROWS; ++r) {
            const V input = V::set(a[r * LDA + k]);
#pragma GCC unroll 16
            for (int j = 0; j < columns; ++j) sum[r][j] = fma(input, weight[j], sum[r][j]);
        }
    }
#pragma GCC unroll 16
    for (int r = 0; r < ROWS; ++r)
#pragma GCC unroll 16
        for (int j = 0; j < columns; ++j) {
            float *const total = c + r * LDC + j * V::lanes;
            (V::load(total) + sum[r][j]).store(total);
        }
}

template <class V, int K, int LDA, int LDC, int ROWS>
void gemm_rows(const float *a, const float *w, float *c, int panels) {
    constexpr int together = V::tile_panels(ROWS);
    for (int p = 0; p < panels; p += together)
        gemm_tile<V, K, LDA, LDC, ROWS, together>(a, w + p * K * PANEL, c + p * PANEL);
}

/* The same for a number of rows known at run time, 1 .. max_rows. */
template <class V, int K, int LDA, int LDC, int ROWS = V::max_rows>
inline void gemm_some(int rows, const float *a, const float *w, float *c, int panels) {
    if constexpr (ROWS > 1)
        if (rows < ROWS) return gemm_some<V, K, LDA, LDC, ROWS - 1>(rows, a, w, c, panels);
    gemm_rows<V, K, LDA, LDC, ROWS>(a, w, c, panels);
}

/* `panels` is a multiple of 4. Many rows are cut into tiles of nearly equal height, and a few panels at a time serve all
 * of them before the next are read. */
template <class V, int K, int LDA, int LDC> void gemm(int rows, const float *a, const float *w, float *c, int panels) {
    const int tiles = (rows + V::max_rows - 1) / V::max_rows;
    const int height = rows / tiles, higher = rows % tiles; /* the first `higher` tiles have a row more */
    const int together = tiles == 1 ? panels : V::tile_panels(height);
    for (int p = 0; p < panels; p += together)
        for (int t = 0, row = 0; t < tiles; ++t) {
            const int count = height + (t < higher ? 1 : 0);
            gemm_some<V, K, LDA, LDC>(count, a + row * LDA, w + p * K * PANEL, c + row * LDC + p * PANEL, together);
            row += count;
        }
}

} // namespace
#endif
