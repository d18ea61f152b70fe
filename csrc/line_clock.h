/* SPDX-License-Identifier: Apache-2.0
 *
 * line_clock.h: what a line knows of the clocks of its two directions, for recordings: brings the marks together
 * (media_map.h), journals the anchors and keeps them for whoever asks. A part of line.c; a paced line has none, its two
 * directions have one clock.
 *
 * Marks of the output are the playout's pull log on a device line, and what falls due in a tick on a network line. Marks of the input come from whoever pushes and knows when what it
 * pushes was taken in (a device's callback, a transport), through a bounded ring (a full one drops the newest: another
 * comes soon); where nobody marks, the tick that found the samples does, which is late by a tick at most.
 *
 * Threads: mark: the input's producer. tick: the step's. Both AUDIO PATH. read: any.
 */
#ifndef RTA_LINE_CLOCK_H
#define RTA_LINE_CLOCK_H

#include "engine.h"
#include "history.h"
#include "media_map.h"
#include "ring.h"

enum { RTA_LINE_MARKS = 256, RTA_LINE_ANCHORS = 1024 /* kept: 17 minutes at least */ };

typedef struct rta_line_mark {
    uint64_t position;
    int64_t ns;
    uint32_t rate, pad;
} rta_line_mark;

typedef struct rta_line_clock {
    _Alignas(RTA_CACHE_LINE) rta_ring_writer mark_writer; /* the producer's */
    rta_ring_producer mark_producer;
    _Alignas(RTA_CACHE_LINE) rta_ring_consumer mark_consumer; /* the step's from here on */
    rta_ring_reader mark_reader;
    bool marked; /* somebody marks */
    bool due;    /* the output is the step's own, by what falls due */
    uint64_t begin; /* out samples before this line */
    uint64_t pulls_seen, found; /* of the pull log; input samples at the last tick */
    rta_media_map map;
    rta_history_writer anchor_writer;
    _Alignas(RTA_CACHE_LINE) rta_history_block anchor_block;
    rta_line_mark marks[RTA_LINE_MARKS];
    rta_anchor anchors[RTA_LINE_ANCHORS];
} rta_line_clock;

/* delay: of the input chain, mic samples. */
rta_status rta_line_clock_create(rta_line_clock **clock, rta_port_engine *port, uint32_t delay);
void rta_line_clock_mark(rta_line_clock *clock, uint64_t position, uint32_t rate, int64_t ns);
/* The step's own mark, of what it takes from somewhere else than the input ring. */
void rta_line_clock_heard(rta_line_clock *clock, uint64_t position, uint32_t rate, int64_t ns);
/* The same of the output, where the step puts it out: out sample `position` of this line falls due at ns. Then the pull log,
 * which counts what was put out ahead of its time and recalled, is not looked at. */
void rta_line_clock_due(rta_line_clock *clock, uint64_t position, int64_t ns);
/* `taken`: input samples that the line has had so far, at `rate`. */
void rta_line_clock_tick(rta_line_clock *clock, rta_port_engine *port, uint64_t taken, uint32_t rate, int64_t tick_ns);
uint64_t rta_line_clock_read(const rta_line_clock *clock, uint64_t *from, rta_anchor *anchors, uint64_t most);

#endif
