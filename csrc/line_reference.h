/* SPDX-License-Identifier: Apache-2.0
 *
 * line_reference.h: what was put out, as the echo guard and a canceller need it: read from the reference tap, and on a line
 * whose two directions have clocks of their own brought to the microphone's. A part of line_echo.c.
 *
 * A paced line has one clock: what is in the tap is the reference, sample by sample.
 *
 * Own clocks: sample k of the reference belongs beside the mic sample that was heard k / rate seconds after the first, on
 * the mic's count. Both clocks are tracked (media_map.h, the tracks of line_clock.h), so it is known which out sample that should be:
 *     due(k) = out sample that left when the mic's clock stood at k          off(k) = due(k) - read(k) - off(first k)
 *
 *   state      each call                                                            leaves to
 *   COUNTING   the tap is read at its own rate. Further ahead of the mic, and of    STEERING: both clocks are known to
 *              what waits at the line's input, than AHEAD: passed over to where     KNOWN_PPM; from here off() is 0
 *              the mic is. Further behind than BEHIND: filled up with silence
 *   STEERING   the tap is read at the drift of the clocks, plus what takes off()
 *              back to 0 in SETTLE. |off()| >= STEP: samples of the mic or of the
 *              output were lost; as many are passed over, if they are there, or
 *              silence put in between, at once. Further behind the mic than LOST, the
 *              output stands still: filled up
 *
 * What was passed over or filled up is counted (`realigned`). It is given only up to where the mic is, so what comes late, a
 * thread that stood still or a network that stalled and then brings all of it at once, moves nothing: the rest waits in
 * the tap. It comes 2 ms (4 below 16 kHz: the filter) later than it could be had, and lies where it would without: delay 0.
 *
 * Threads: the step's. AUDIO PATH but for create and destroy. Doubles in a fixed order, no libm but fabs (law 5).
 */
#ifndef RTA_LINE_REFERENCE_H
#define RTA_LINE_REFERENCE_H

#include "media_map.h"
#include "port.h"
#include "resample_variable.h"

enum { RTA_REFERENCE_PIECE = 2048 /* samples that come at once, at most */ };

typedef struct rta_line_reference {
    rta_history_reader tap;
    uint64_t lost_told; /* of the tap's samples */
    bool by_due;        /* only what has fallen due, before `due` */
    uint64_t due;
    uint32_t rate;
    float piece[RTA_REFERENCE_PIECE];
    /* own clocks: */
    rta_variable *variable;     /* NULL: a paced line */
    const rta_media_map *clocks;
    bool steering;
    double begun_off;           /* due(k) - read(k) where STEERING began, out samples */
    uint64_t heard;             /* of the mic, 16 kHz */
    uint64_t taken, given;      /* out samples read off the tap, passed over ones too; reference given */
    uint64_t dropped;           /* of the filter's first outputs: its delay */
    uint64_t pass, silence;     /* still to be passed over; to be given as silence */
    uint64_t realigned;
} rta_line_reference;

/* clocks: of a line with own clocks, else NULL; outlives it. Statuses of rta_variable_create. */
rta_status rta_line_reference_init(rta_line_reference *reference, rta_port_engine *port, const rta_media_map *clocks);
void rta_line_reference_free(rta_line_reference *reference);
/* Of a line that puts out ahead of its time, after each pull: the time of [from, to) has come. */
void rta_line_reference_fell_due(rta_line_reference *reference, uint64_t from, uint64_t to);
/* `count` more mic samples at 16 kHz are about to be heard; as many at the input, in mic samples, wait behind them. */
void rta_line_reference_heard(rta_line_reference *reference, uint64_t count, uint64_t waiting);
/* The next samples of the reference, in place until the next call: their count, 0: no more for now. */
uint64_t rta_line_reference_next(rta_line_reference *reference, const float **samples);

#endif
