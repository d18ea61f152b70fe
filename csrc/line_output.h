/* SPDX-License-Identifier: Apache-2.0
 *
 * line_output.h: what a line puts out in a tick, and what a remote that holds audio says about it. A part of line.c.
 *
 *   lead     the control side sets it, the next tick takes it: what is pulled ahead is the playout's business
 *            (playout.h), and its record in the journal says with which lead
 *   reports  one producer, a bounded ring (RTA_LINE_REPORTS, drop-newest, counted); each tick takes all that have come,
 *            in order, before it pulls; what cannot be is refused and counted
 *
 * Threads: set and report as in engine.h; put_out is the step's.
 */
#ifndef RTA_LINE_OUTPUT_H
#define RTA_LINE_OUTPUT_H

#include "playout.h"
#include "ring.h"

enum { RTA_LINE_REPORTS = 64 };

typedef struct rta_line_output {
    float *samples; /* of one tick, lead included */
    uint64_t room;
    uint64_t lead_samples; /* wanted; set atomically */
    /* The producer's. */
    _Alignas(RTA_CACHE_LINE) rta_ring_writer report_writer;
    rta_ring_producer report_producer;
    uint64_t reports_dropped;
    /* The step's. */
    _Alignas(RTA_CACHE_LINE) rta_ring_reader report_reader;
    rta_ring_consumer report_consumer;
    uint64_t reports, reports_refused, pulled;
    rta_remote_report data[RTA_LINE_REPORTS];
} rta_line_output;

struct rta_line;
/* RTA_NOMEM. */
rta_status rta_line_output_init(struct rta_line *line);
void rta_line_output_free(struct rta_line *line);

#endif
