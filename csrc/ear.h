/* SPDX-License-Identifier: Apache-2.0
 *
 * ear.h: how a line listens for the user while its agent speaks: a second stream of the VAD on what is left of the mic
 * without the agent's echo, and early looks into the window under way. A part of a line (line_parts.h).
 *
 *   mic clock     |........ window k (512) ........|........ window k+1 .......
 *   looks               ^+128    ^+256    ^+384   ^ near window k, then mic window k
 *
 * The stream runs while the agent speaks; it begins as a copy of the mic's own stream at the end of a window, and is
 * forgotten when the agent stops. A peek runs the model on the last 512 samples from the stream's state as it was after
 * the last whole window, in a copy, with the last samples before as its context: nothing of it is kept, so whether there
 * are peeks changes no later window (law 6). Looks lie on multiples of 128 of the mic clock, whatever the chunks.
 *
 * Threads: the step's. AUDIO PATH but for create and destroy.
 */
#ifndef RTA_EAR_H
#define RTA_EAR_H

#include "base.h"
#include "port.h"
#include "vad.h"
#include "window.h"

enum { RTA_EAR_BEHIND = 2 * RTA_VAD_WINDOW /* kept: a window and the context before it */ };

typedef struct rta_ear {
    const rta_vad_kernel *vad;
    float *state, *copy; /* of the stream; a peek's */
    float *samples;      /* [0, count): the last ends at `end` of the mic clock */
    uint64_t room, count, end;
    uint64_t looked_to; /* multiple of 128 */
    bool on;            /* the stream runs */
    bool has_near;      /* its window that ends at looked_to is known */
    float near;
} rta_ear;

/* `position`: of the mic clock, where the first sample to come lies; most: samples that come at once. RTA_NOMEM. */
rta_status rta_ear_init(rta_ear *ear, const rta_vad_kernel *vad, uint64_t position, uint64_t most);
void rta_ear_free(rta_ear *ear);
/* What is left without the echo, next. */
void rta_ear_feed(rta_ear *ear, const float *samples, uint64_t count);
/* The agent speaks or does not, as seen after the window that ends at `position`; mic_state: of the mic's stream there. */
void rta_ear_listen(rta_ear *ear, bool speaking, const float *mic_state, uint64_t position);
/* Is there a look to be taken at up to `window_end`, the end of the mic's window under way? peeks: they are wanted. Gives
 * the state and samples to run the model on. */
bool rta_ear_look(rta_ear *ear, uint64_t window_end, bool peeks, float **state, const float **window);
/* What that look gave: true if it was a peek, at *position; else it is kept as the near window. */
bool rta_ear_looked(rta_ear *ear, uint64_t window_end, float probability, uint64_t *position);
/* What its window that ends where the next one is decided gave; NaN: nobody listened. */
float rta_ear_near(const rta_ear *ear);
/* Fills in near, power and edge of the window that ends at `position`. */
void rta_ear_tell(const rta_ear *ear, uint64_t position, rta_window *window);

#endif
