/* SPDX-License-Identifier: Apache-2.0 */
#include "pitch.h"

#include <cmath>

#include "../steady_math.h"

namespace {

constexpr int HOP = 80, WINDOW = 256, SHORTEST = 16, LONGEST = 133; /* of 8 kHz */
constexpr int FRAMES = RTA_PITCH_MOST_FRAMES, BEST = 3, STATES = BEST + 1; /* the last state: unvoiced */
constexpr int EDGE = WINDOW + LONGEST, LENGTH = FRAMES * HOP + 2 * EDGE;

/* What a frame's window lacks of being periodic, 0..1, above which a dip is no candidate; what being unvoiced costs; what
 * an octave's leap costs; what it costs to begin or end voice. As in the papers, checked on synthetic glides. */
constexpr float NO_DIP = 0.5f, UNVOICED = 0.25f, OCTAVE = 0.5f, SWITCH = 0.07f;
/* A longer period is as good a dip as its half: each doubling must be better by so much. */
constexpr float PER_OCTAVE_DOWN = 0.02f;

struct Candidate {
    float f0, octaves, cost; /* f0 in Hz, as log2, and what it lacks of periodicity */
};

struct Scratch {
    float x[LENGTH];
    float difference[LONGEST + 2];
    Candidate candidate[FRAMES][BEST];
    int count[FRAMES];
    float cost[FRAMES][STATES];
    signed char from[FRAMES][STATES];
};

/* Half-band, 31 taps, Kaiser 6: flat to 3 kHz, -56 dB from 5 kHz. h[n] of odd distances from the middle; the middle is 1/2. */
constexpr float HALF_BAND[8] = {0.31442459f, -0.09499501f, 0.04658906f, -0.02425109f,
                                0.01198906f, -0.00520873f, 0.00176772f, -0.00031559f};

void halve(const float *in, size_t count, float *out, size_t half) {
    const auto at = [in, count](long n) {
        if (n < 0 || n >= static_cast<long>(count)) return 0.0f;
        return std::fabs(in[n]) <= 1048576.0f ? in[n] : 0.0f;
    };
    for (size_t i = 0; i < half; ++i) {
        const long n = 2 * static_cast<long>(i);
        float sum = 0.5f * at(n);
        for (int k = 0; k < 8; ++k) sum += HALF_BAND[k] * (at(n - 2 * k - 1) + at(n + 2 * k + 1));
        out[i] = sum;
    }
}

/* The normalised difference of the frame whose window begins at x. */
void yin(const float *x, float *d) {
    for (int t = 0; t <= LONGEST + 1; ++t) d[t] = 0.0f;
    for (int j = 0; j < WINDOW; ++j) {
        const float here = x[j];
        const float *ahead = x + j;
        for (int t = 1; t <= LONGEST + 1; ++t) {
            const float step = here - ahead[t];
            d[t] += step * step;
        }
    }
    float sum = 0.0f;
    d[0] = 1.0f;
    for (int t = 1; t <= LONGEST + 1; ++t) {
        sum += d[t];
        d[t] = sum > 1e-9f ? d[t] * static_cast<float>(t) / sum : 1.0f;
    }
}

int find_candidates(const float *d, Candidate *best) {
    int count = 0;
    for (int t = SHORTEST; t <= LONGEST; ++t) {
        if (!(d[t] < d[t - 1] && d[t] <= d[t + 1])) continue;
        /* the vertex of the parabola through three points */
        const float curve = d[t - 1] - 2.0f * d[t] + d[t + 1], slope = d[t + 1] - d[t - 1];
        const float shift = curve > 0.0f ? -0.5f * slope / curve : 0.0f;
        const float lack = d[t] + 0.25f * slope * shift;
        if (!(lack < NO_DIP)) continue;
        const float f0 = 8000.0f / (static_cast<float>(t) + shift);
        const float octaves = static_cast<float>(rta_log(static_cast<double>(f0)) * 1.4426950408889634);
        const Candidate made = {f0, octaves, (lack > 0.0f ? lack : 0.0f) + PER_OCTAVE_DOWN * (9.0f - octaves)};
        int place = count < BEST ? count++ : BEST;
        while (place > 0 && made.cost < best[place - 1].cost) {
            if (place < BEST) best[place] = best[place - 1];
            --place;
        }
        if (place < BEST) best[place] = made;
    }
    return count;
}

float leap(const Scratch &s, int frame, int from, int to) {
    const bool voiced_before = from < BEST, voiced = to < BEST;
    if (voiced_before != voiced) return SWITCH;
    if (!voiced) return 0.0f;
    return OCTAVE * std::fabs(s.candidate[frame][to].octaves - s.candidate[frame - 1][from].octaves);
}

void best_path(Scratch &s, int frames, float *f0, float *periodicity) {
    constexpr float NEVER = 1e9f;
    for (int i = 0; i < frames; ++i)
        for (int to = 0; to < STATES; ++to) {
            const bool there = to == BEST || to < s.count[i];
            const float own = !there ? NEVER : to == BEST ? UNVOICED : s.candidate[i][to].cost;
            s.cost[i][to] = own;
            s.from[i][to] = BEST;
            if (i == 0 || !there) continue;
            float least = NEVER;
            for (int from = 0; from < STATES; ++from) {
                if (from < BEST && from >= s.count[i - 1]) continue;
                const float cost = s.cost[i - 1][from] + leap(s, i, from, to);
                if (cost < least) {
                    least = cost;
                    s.from[i][to] = static_cast<signed char>(from);
                }
            }
            s.cost[i][to] = own + least;
        }
    int state = BEST;
    for (int to = 0; frames > 0 && to < STATES; ++to)
        if (s.cost[frames - 1][to] < s.cost[frames - 1][state]) state = to;
    for (int i = frames - 1; i >= 0; --i) {
        const bool voiced = state < BEST;
        f0[i] = voiced ? s.candidate[i][state].f0 : 0.0f;
        if (periodicity) {
            const float lack = s.count[i] ? s.candidate[i][0].cost : 1.0f;
            periodicity[i] = lack < 1.0f ? 1.0f - lack : 0.0f;
        }
        state = s.from[i][state];
    }
}

} // namespace

size_t rta_pitch_scratch_bytes(void) { return sizeof(Scratch); }

size_t rta_pitch_track(const float *samples, size_t count, float *f0, float *periodicity, void *scratch) {
    Scratch &s = *static_cast<Scratch *>(scratch);
    size_t frames = count / RTA_PITCH_HOP;
    if (frames > FRAMES) frames = FRAMES;
    for (int i = 0; i < LENGTH; ++i) s.x[i] = 0.0f;
    halve(samples, count, s.x + EDGE, frames * HOP);
    for (size_t i = 0; i < frames; ++i) {
        /* the window and its longest shift, together centred on the frame */
        yin(s.x + EDGE + i * HOP + HOP / 2 - (WINDOW + LONGEST) / 2, s.difference);
        s.count[i] = find_candidates(s.difference, s.candidate[i]);
    }
    best_path(s, static_cast<int>(frames), f0, periodicity);
    return frames;
}
