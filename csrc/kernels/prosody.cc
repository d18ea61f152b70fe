/* SPDX-License-Identifier: Apache-2.0 */
#include "prosody.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "../steady_math.h"
#include "pitch.h"

namespace {

constexpr int HOP = 160, MOST = RTA_PITCH_MOST_FRAMES, LONGEST = MOST * HOP;
constexpr float UNKNOWN = std::numeric_limits<float>::quiet_NaN();
/* dB. Checked on glides and bursts in noise of -70 to -35 dBFS (tests/core/test_prosody.py). */
constexpr float ABOVE_NOISE = 8.0f, BELOW_SPEECH = 32.0f, CLEAR = 20.0f, DIP = 2.0f, FAINT = 25.0f;
constexpr int LEAD = 10;     /* frames before speech_start that may be speech: a detector is late */
constexpr int REACH = 30, END = 3, LEAST_VOICED = 6; /* voiced frames: of a movement, of an end, to say anything */

struct Scratch {
    float plain[MOST], high[MOST], smooth[MOST], sorted[MOST];
    float f0[MOST], semitones[MOST];
    int nucleus[MOST], dip[MOST];
};

float decibels(double power) { return static_cast<float>(10.0 / 2.302585092994045684 * rta_log(power + 1e-10)); }

float sane(float x) { return std::fabs(x) <= 1048576.0f ? x : 0.0f; }

void measure_levels(const float *x, int count, int frames, Scratch &s) {
    for (int i = 0; i < frames; ++i) {
        const int low = std::max(i * HOP - HOP / 2, 0), high = std::min(i * HOP + HOP + HOP / 2, count);
        double plain = 0.0, bright = 0.0;
        float before = low > 0 ? sane(x[low - 1]) : 0.0f;
        for (int n = low; n < high; ++n) {
            const float here = sane(x[n]), step = here - 0.9f * before;
            plain += static_cast<double>(here) * static_cast<double>(here);
            bright += static_cast<double>(step) * static_cast<double>(step);
            before = here;
        }
        s.plain[i] = decibels(plain / (high - low));
        s.high[i] = decibels(bright / (high - low));
    }
}

/* The value below which `share` of x lies. */
float quantile(const float *x, int count, float share, float *sorted) {
    std::copy(x, x + count, sorted);
    std::sort(sorted, sorted + count);
    const int at = static_cast<int>(share * static_cast<float>(count));
    return sorted[std::min(at, count - 1)];
}

void measure_melody(int first, int last, float loud, Scratch &s, rta_prosody &p) {
    int voiced = 0, late = 0;
    for (int i = first; i <= last; ++i) {
        if (s.high[i] < loud - BELOW_SPEECH) s.f0[i] = 0.0f;
        if (!(s.f0[i] > 0.0f)) continue;
        s.semitones[voiced++] = static_cast<float>(12.0 * 1.4426950408889634 * rta_log(static_cast<double>(s.f0[i])));
        late += i > last - 20;
    }
    p.end_voiced = static_cast<float>(late) / static_cast<float>(std::min(last - first + 1, 20));
    if (voiced < LEAST_VOICED) return;
    const float *end = s.semitones + voiced;
    const float at = quantile(end - END, END, 0.5f, s.sorted);
    const int reach = std::min(voiced, REACH);
    const float low = *std::min_element(end - reach, end), high = *std::max_element(end - reach, end);
    const float bottom = quantile(s.semitones, voiced, 0.1f, s.sorted);
    p.f0_move_st = at - low >= high - at ? at - low : at - high;
    p.f0_end_st = at - quantile(s.semitones, voiced, 0.5f, s.sorted);
    p.f0_floor_st = at - bottom;
    p.f0_range_st = quantile(s.semitones, voiced, 0.9f, s.sorted) - bottom;
}

void measure_syllables(int first, int last, float loud, Scratch &s, rta_prosody &p) {
    for (int i = first; i <= last; ++i) {
        float sum = 0.0f;
        int count = 0;
        for (int j = std::max(i - 2, first); j <= std::min(i + 2, last); ++j, ++count) sum += s.plain[j];
        s.smooth[i] = sum / static_cast<float>(count);
    }
    /* A maximum stands once the level has fallen by DIP; a dip once it has risen by as much. */
    int nuclei = 0, dips = 0, best = first, worst = first;
    bool rising = true;
    for (int i = first; i <= last; ++i) {
        if (rising) {
            if (s.smooth[i] > s.smooth[best]) best = i;
            if (s.smooth[i] < s.smooth[best] - DIP || i == last) {
                bool voice = false;
                for (int j = std::max(best - 3, first); j <= std::min(best + 3, last); ++j) voice |= s.f0[j] > 0.0f;
                if (voice && s.smooth[best] > loud - FAINT) s.nucleus[nuclei++] = best;
                rising = false;
                worst = i;
            }
        } else {
            if (s.smooth[i] < s.smooth[worst]) worst = i;
            if (s.smooth[i] > s.smooth[worst] + DIP) {
                s.dip[dips++] = worst;
                rising = true;
                best = i;
            }
        }
    }
    p.syllables = static_cast<float>(nuclei);
    p.syllable_rate = p.syllables / std::max(p.speech_s, 0.1f);
    if (nuclei == 0) return;
    const int peak = s.nucleus[nuclei - 1];
    int from = first;
    for (int i = 0; i < dips; ++i)
        if (s.dip[i] < peak) from = s.dip[i];
    p.last_syllable_s = static_cast<float>(last + 1 - from) * 0.01f;
    p.last_nucleus_s = static_cast<float>(last - peak) * 0.01f;
    float before = 0.0f;
    for (int i = 0; i + 1 < nuclei; ++i) before += s.smooth[s.nucleus[i]];
    if (nuclei > 1) p.decay_db = s.smooth[peak] - before / static_cast<float>(nuclei - 1);
}

} // namespace

static size_t pitch_scratch_at(void) { return (sizeof(Scratch) + 63) / 64 * 64; }

size_t rta_prosody_scratch_bytes(void) { return pitch_scratch_at() + rta_pitch_scratch_bytes(); }

void rta_prosody_measure(const float *samples, size_t count, size_t speech_start, rta_prosody *prosody, void *scratch) {
    Scratch &s = *static_cast<Scratch *>(scratch);
    rta_prosody &p = *prosody;
    p = {count,   UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN,
         UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN};
    const size_t skipped = count > LONGEST ? count - LONGEST : 0;
    const float *x = samples + skipped;
    const int length = static_cast<int>(count - skipped), frames = length / HOP;
    const size_t start = speech_start > skipped ? speech_start - skipped : 0;
    const int begin = static_cast<int>(std::min<size_t>(start, static_cast<size_t>(length))) / HOP - LEAD;
    const int since = std::max(begin, 0);
    if (frames - since < 1) return;
    measure_levels(x, length, frames, s);
    p.noise_dbfs = quantile(s.plain, frames, 0.1f, s.sorted);
    const float quiet = quantile(s.high, frames, 0.1f, s.sorted);
    const float loud = quantile(s.high + since, frames - since, 0.9f, s.sorted);
    p.speech_dbfs = quantile(s.plain + since, frames - since, 0.9f, s.sorted);
    /* Noise without lows and a voice without highs: the plain level tells more. */
    const bool plain = loud - quiet < CLEAR && p.speech_dbfs - p.noise_dbfs > loud - quiet;
    const float *level = plain ? s.plain : s.high;
    const float top = plain ? p.speech_dbfs : loud, bottom = plain ? p.noise_dbfs : quiet;
    const float least = std::max(bottom + ABOVE_NOISE, top - BELOW_SPEECH);
    int first = since, last = frames - 1;
    while (last > first && level[last] <= least) --last;
    while (first < last && level[first] <= least) ++first;
    if (first == last) return; /* nothing stands out */
    p.energy_end = std::min(count, skipped + static_cast<size_t>(last + 1) * HOP);
    p.speech_s = static_cast<float>(last - first + 1) * 0.01f;
    rta_pitch_track(x, static_cast<size_t>(length), s.f0, nullptr, reinterpret_cast<char *>(&s) + pitch_scratch_at());
    measure_melody(first, last, loud, s, p);
    measure_syllables(first, last, p.speech_dbfs, s, p);
}
