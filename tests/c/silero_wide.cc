/* silero_wide.cc: the Silero kernel with sixteen lanes made of plain floats, in tiles as AVX-512's are: so that the order
 * of sums, panels and tiles of that width is tried on every machine. For silero_rules.c. */
#include "kernels/lanes_scalar.h"
#include "kernels/silero_run.h"

namespace {

struct Wide {
    static constexpr int lanes = 16;
    using Narrow = Scalar;
    static constexpr int tile_panels(int) { return 4; } /* as in lanes_avx512.h */
    static constexpr int max_rows = 6;

    Scalar v[lanes];

    static Wide load(const float *p) {
        return each([p](int i) { return Scalar{p[i]}; });
    }
    static Wide set(float x) {
        return each([x](int) { return Scalar{x}; });
    }
    void store(float *p) const {
        for (int i = 0; i < lanes; ++i) p[i] = v[i].v;
    }
    static void transpose_4x4(const float *in, long in_stride, float *out, long out_stride) {
        Scalar::transpose_4x4(in, in_stride, out, out_stride);
    }
    template <class F> static Wide each(F lane) {
        Wide made;
        for (int i = 0; i < lanes; ++i) made.v[i] = lane(i);
        return made;
    }
};

Wide operator+(const Wide &a, const Wide &b) {
    return Wide::each([&](int i) { return a.v[i] + b.v[i]; });
}
Wide operator-(const Wide &a, const Wide &b) {
    return Wide::each([&](int i) { return a.v[i] - b.v[i]; });
}
Wide operator*(const Wide &a, const Wide &b) {
    return Wide::each([&](int i) { return a.v[i] * b.v[i]; });
}
Wide operator/(const Wide &a, const Wide &b) {
    return Wide::each([&](int i) { return a.v[i] / b.v[i]; });
}
Wide fma(const Wide &a, const Wide &b, const Wide &c) {
    return Wide::each([&](int i) { return fma(a.v[i], b.v[i], c.v[i]); });
}
Wide fnma(const Wide &a, const Wide &b, const Wide &c) {
    return Wide::each([&](int i) { return fnma(a.v[i], b.v[i], c.v[i]); });
}
Wide min(const Wide &a, const Wide &b) {
    return Wide::each([&](int i) { return min(a.v[i], b.v[i]); });
}
Wide max(const Wide &a, const Wide &b) {
    return Wide::each([&](int i) { return max(a.v[i], b.v[i]); });
}
Wide sqrt(const Wide &a) {
    return Wide::each([&](int i) { return sqrt(a.v[i]); });
}
Wide abs(const Wide &a) {
    return Wide::each([&](int i) { return abs(a.v[i]); });
}
Wide copysign(const Wide &a, const Wide &b) {
    return Wide::each([&](int i) { return copysign(a.v[i], b.v[i]); });
}
Wide within(const Wide &a, const Wide &b) {
    return Wide::each([&](int i) { return within(a.v[i], b.v[i]); });
}
Wide power_of_two(const Wide &a) {
    return Wide::each([&](int i) { return power_of_two(a.v[i]); });
}

} // namespace

extern "C" const rta_silero_runs rta_silero_wide;
const rta_silero_runs rta_silero_wide = {silero_run<Wide, Silero16k>, silero_run<Wide, Silero8k>};
