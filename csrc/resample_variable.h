/* SPDX-License-Identifier: Apache-2.0
 *
 * resample_variable.h: streaming resampler whose ratio may be steered while it runs, for two clocks that are nominally in
 * a ratio and drift apart by parts per million. Mono float32.
 *
 * Every output has a position on the input's clock: that of output 0 is 0, and each next one lies
 *     from_rate / to_rate * (1 + ppm / 10^6)
 * further, in integers, so that nothing ever adds up: at 0 ppm output k stands at k * from / to for ever. Positive ppm
 * read faster: for an input whose clock is fast. A change of ppm is a straight ramp over as many outputs as are asked for;
 * the pitch then glides.
 *
 * Filter: the windowed sinc of resample.h (Kaiser; pass band to 0.8 of the lower Nyquist, stop band from there on), at
 * 512 phases a sample of the lower rate, and a straight line between two neighbouring phases, whose error is below -100 dB.
 * Equal rates are filtered, too. Tones at and above the lower Nyquist <= -90 dB at any ppm; they are shown beside the fixed filter's
 * figures by `rtaudio-bench clocks --filter`.
 *
 * Delay (law 7): output k is the input as it was `delay` outputs of the nominal rate before its position: constant and
 * exact on the input's clock. Output k can be had once the input up to its position is there, or less than one output sooner.
 * Chunks never change the output (law 6), instruction sets give the same bits (law 5): the sums are resample_kernel.h's.
 *
 * Rates: the pairs of resample.h, equal ones included. Another nominal rate is another resampler.
 *
 * Threads: one stream, one thread. AUDIO PATH but for create and destroy.
 */
#ifndef RTA_RESAMPLE_VARIABLE_H
#define RTA_RESAMPLE_VARIABLE_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    RTA_VARIABLE_PPM = 5000, /* how far the ratio may be steered; sound cards and gateways stay within 500 */
    RTA_VARIABLE_ROOM = 4096, /* input samples that may wait to be used */
};

typedef struct rta_variable rta_variable;

rta_status rta_variable_create(rta_variable **r, uint32_t from_rate, uint32_t to_rate); /* RTA_INVALID: not a pair */
void rta_variable_destroy(rta_variable *r);
void rta_variable_reset(rta_variable *r); /* as newly made, at 0 ppm */
uint32_t rta_variable_delay(const rta_variable *r); /* output samples at the nominal ratio */

/* From the next output on, the ratio runs straight to ppm, which the output after `over` more has (0: at once). A ramp
 * under way ends where it is. RTA_INVALID: beyond +-RTA_VARIABLE_PPM, or no number; nothing changes. */
rta_status rta_variable_steer(rta_variable *r, double ppm, uint64_t over);
double rta_variable_ppm(const rta_variable *r); /* of the step to the next output */

/* Takes all of in, or none: RTA_FULL if there is no room for it. Samples should be finite, as in resample.h. */
rta_status rta_variable_put(rta_variable *r, const float *in, uint64_t count);
uint64_t rta_variable_room(const rta_variable *r);
/* Gives the next outputs, at most `most`, as many as can be had; returns how many. */
uint64_t rta_variable_get(rta_variable *r, float *out, uint64_t most);
/* How many more samples must be put before `count` more outputs can be had, as it is steered now. */
uint64_t rta_variable_needs(const rta_variable *r, uint64_t count);
/* Input samples put and not yet passed by the position of the next output. */
double rta_variable_ahead(const rta_variable *r);

#ifdef __cplusplus
}
#endif
#endif
