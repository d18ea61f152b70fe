/* SPDX-License-Identifier: Apache-2.0
 *
 * mic_health.h: is there anything wrong with the microphone? Silent, too quiet, too loud, clipping. Pure: a window's
 * level and facts in, events out; no clock, no memory but its own struct, replayable bit for bit (law 5).
 *
 * Two parts. The meter turns mic samples into one level for each window of the mic clock; how the samples are cut into
 * chunks does not matter (law 6). The machine is stepped once per window, after the detector, whose facts it takes.
 *
 *   level     window                                                                        next
 *   any       quiet windows in a row >= silent_first (nothing was ever heard on this line)  SILENT
 *             or >= silent_after (something was)
 *   SILENT    a window that is not quiet                                                    GOOD
 *   else      at the end of each `judged` of speech, by its mean square:
 *             < quiet                                                                       QUIET
 *             > loud                                                                        LOUD
 *             else, at QUIET if >= quiet_back, at LOUD if <= loud_back, at GOOD             GOOD
 *             else (in the band of hysteresis)                                              as it was
 *
 *   clipping  at the end of each `judged` of windows                                        next
 *   CLEAR     clipped samples > clip_share of them                                          CLIPPING
 *   CLIPPING  none clipped                                                                  CLEAR
 *
 *   Quiet is a window whose mean square is below `silent`: less than a room's noise; a microphone that is muted or
 *   unplugged. Speech is a window at whose end the gate is at SPEECH while the agent does not speak: what the agent's
 *   echo makes of the gate is not judged. A starved window, in which any sample is silence of our own because the line
 *   brought none, counts for nothing: what did not come says nothing about the microphone. GOOD is also where it begins.
 *
 * Every transition gives one event: MIC_LEVEL(mic = decided = window's end, a = state now, b = before, value = the mean
 * square it was judged by, of SILENT and of GOOD after it that of the window) or MIC_CLIPPING(a = 1 begins, 0 has
 * ended, b = samples clipped of c judged). Levels are mean squares (full scale 1), so that no logarithm is needed here:
 * 10 log10 of one is dBFS (a sine of full scale has -3).
 *
 * The meter looks at what came over the line, at 16 kHz, before any canceller. A sample is clipped from RTA_MIC_CLIP
 * on: mu-law's largest is 0.9803. A microphone that is driven too far and turned down afterwards goes unnoticed.
 */
#ifndef RTA_MIC_HEALTH_H
#define RTA_MIC_HEALTH_H

#include "base.h"
#include "event.h"

#ifdef __cplusplus
extern "C" {
#endif

#define RTA_MIC_CLIP 0.98f
enum { RTA_MIC_LANES = 8 }; /* partial sums, so that compilers may use lanes and the bits stay the same */

typedef struct rta_mic_window { /* one window, measured */
    float mean_square;
    uint32_t clipped; /* samples */
    uint32_t starved; /* samples that are silence of our own */
} rta_mic_window;

typedef struct rta_mic_meter {
    float sums[RTA_MIC_LANES];
    uint32_t window_samples, count, clipped, starved;
} rta_mic_meter;

typedef struct rta_mic_health_config { /* durations in samples at 16 kHz; levels are mean squares */
    bool enabled;
    float silent, quiet, quiet_back, loud_back, loud; /* 0 < silent < quiet <= quiet_back < loud_back <= loud */
    uint64_t silent_first, silent_after, judged;
    float clip_share; /* 0..1 */
} rta_mic_health_config;

typedef enum rta_mic_level { RTA_MIC_GOOD = 0, RTA_MIC_SILENT, RTA_MIC_QUIET, RTA_MIC_LOUD } rta_mic_level;

typedef struct rta_mic_health { /* plain data: copy it to checkpoint it */
    rta_mic_health_config config;
    uint32_t level;          /* rta_mic_level */
    bool clipping, heard;    /* heard: some window was not quiet */
    uint64_t quiet_samples;  /* in a row */
    uint64_t speech_samples; /* of the judgement under way */
    float speech_sum;        /* of mean squares, one per window */
    uint32_t speech_windows;
    uint64_t clip_samples; /* looked at in the judgement under way */
    uint64_t clipped;
} rta_mic_health;

enum { RTA_MIC_HEALTH_EVENTS = 2 }; /* at most so many in one step */

/* AUDIO PATH. The next samples of the mic clock; `starved`: they are silence of our own. Gives how many it took: up to
 * the end of the window. When that is reached, *done is set and *window is the window; the next one begins. */
uint64_t rta_mic_meter_take(rta_mic_meter *meter, const float *samples, uint64_t count, bool starved,
                            rta_mic_window *window, bool *done);
void rta_mic_meter_init(rta_mic_meter *meter, uint32_t window_samples);

void rta_mic_health_defaults(rta_mic_health_config *config);
rta_status rta_mic_health_check(const rta_mic_health_config *config, const char **why);
rta_status rta_mic_health_init(rta_mic_health *health, const rta_mic_health_config *config);
/* AUDIO PATH. `samples`: the window's length; it ends at `position_end`. `speech`: the gate is at SPEECH; `agent`: the
 * agent speaks. Returns how many of `events` were filled. */
uint32_t rta_mic_health_step(rta_mic_health *health, const rta_mic_window *window, uint32_t samples,
                             uint64_t position_end, bool speech, bool agent, rta_event events[RTA_MIC_HEALTH_EVENTS]);

#ifdef __cplusplus
}
#endif
#endif
