/* SPDX-License-Identifier: Apache-2.0
 *
 * line_parts.h: what the files of a line share; private to them. line.c makes it and reads its figures, line_input.c is
 * the way from its input ring to the mic ring, line_hearing.c are looks, windows and what is decided on them, line_told.c
 * is what an outside VAD, a turn model and the session tell, line_output.c what is put out.
 */
#ifndef RTA_LINE_PARTS_H
#define RTA_LINE_PARTS_H

#include "line.h"

enum { NS_PER_S = 1000000000 };

/* Samples of a clock of `rate` that begin in the first `elapsed_ns`; exact for centuries. */
static inline uint64_t samples_at(uint64_t elapsed_ns, uint32_t rate) {
    return elapsed_ns / NS_PER_S * rate + elapsed_ns % NS_PER_S * rate / NS_PER_S;
}

/* Of the tick that is under way. */
static inline uint64_t due_in_tick(const rta_line *l, uint32_t rate) {
    const uint64_t begin = l->ticks * (uint64_t)l->tick_ns;
    return samples_at(begin + (uint64_t)l->tick_ns, rate) - samples_at(begin, rate);
}

/* AUDIO PATH, the step. The next window's probability is known. */
void rta_line_decide(rta_line *line, float probability);
/* AUDIO PATH, the step. What the detector has to say goes to the session. */
void rta_line_tell(rta_line *line, const rta_detector_output *output);

#endif
