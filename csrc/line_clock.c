/* SPDX-License-Identifier: Apache-2.0 */
#include "line_clock.h"

#include <stdlib.h>

rta_status rta_line_clock_create(rta_line_clock **clock, rta_port_engine *port, uint32_t delay) {
    *clock = NULL;
    rta_line_clock *c = rta_zeroed(sizeof *c);
    if (!c) return RTA_NOMEM;
    rta_status s = rta_ring_writer_init(&c->mark_writer, &c->mark_producer, &c->mark_consumer, c->marks, RTA_LINE_MARKS,
                                        sizeof *c->marks, RTA_RING_DROP_NEWEST);
    if (!s)
        s = rta_ring_reader_init(&c->mark_reader, &c->mark_consumer, &c->mark_producer, c->marks, RTA_LINE_MARKS,
                                 sizeof *c->marks);
    if (!s)
        s = rta_history_writer_init(&c->anchor_writer, &c->anchor_block, c->anchors, RTA_LINE_ANCHORS,
                                    sizeof *c->anchors);
    if (s) {
        free(c);
        return s;
    }
    const double begin = (double)rta_port_mic_written(port) + delay;
    rta_media_map_init(&c->map, rta_port_engine_config(port)->playout.rate, RTA_MIC_RATE, begin);
    c->begin = __atomic_load_n(&rta_port_playout_state(port)->pulled, __ATOMIC_RELAXED);
    c->pulls_seen = rta_playout_pulls_logged(rta_port_playout_state(port));
    *clock = c;
    return RTA_OK;
}

void rta_line_clock_mark(rta_line_clock *c, uint64_t position, uint32_t rate, int64_t ns) {
    const rta_line_mark mark = {.position = position, .rate = rate, .ns = ns};
    rta_ring_push(&c->mark_writer, &mark, 1);
}

void rta_line_clock_heard(rta_line_clock *c, uint64_t position, uint32_t rate, int64_t ns) {
    c->marked = true;
    rta_media_map_heard(&c->map, position, rate, ns);
}

void rta_line_clock_due(rta_line_clock *c, uint64_t position, int64_t ns) {
    c->due = true;
    rta_media_map_put_out(&c->map, c->begin + position, ns);
}

static void take_marks(rta_line_clock *c, uint64_t taken, uint32_t rate, int64_t tick_ns) {
    rta_line_mark mark;
    for (unsigned left = RTA_LINE_MARKS; left && rta_ring_pull(&c->mark_reader, &mark, 1) == RTA_OK; left--) {
        c->marked = true;
        rta_media_map_heard(&c->map, mark.position, mark.rate, mark.ns);
    }
    if (!c->marked && taken != c->found) rta_media_map_heard(&c->map, taken, rate, tick_ns);
    c->found = taken;
}

static void take_pulls(rta_line_clock *c, const rta_playout_engine *playout) {
    const uint64_t logged = rta_playout_pulls_logged(playout);
    if (logged - c->pulls_seen > RTA_PLAYOUT_PULLS) c->pulls_seen = logged - RTA_PLAYOUT_PULLS;
    for (rta_playout_pull_log log; c->pulls_seen < logged; c->pulls_seen++) {
        const rta_status status = rta_playout_pull_logged(playout, c->pulls_seen, &log);
        if (status == RTA_BUSY) return; /* with the next tick */
        if (status == RTA_OK) rta_media_map_put_out(&c->map, log.out, log.device_ns);
    }
}

void rta_line_clock_tick(rta_line_clock *c, rta_port_engine *port, uint64_t taken, uint32_t rate, int64_t tick_ns) {
    rta_anchor anchors[RTA_MAP_ANCHORS];
    take_marks(c, taken, rate, tick_ns);
    if (!c->due) take_pulls(c, rta_port_playout_state(port));
    const unsigned count = rta_media_map_anchors(&c->map, tick_ns, anchors);
    for (unsigned i = 0; i < count; i++)
        rta_journal_write(rta_port_journal_of_engine(port), RTA_J_ANCHOR, rta_port_mic_written(port), &anchors[i],
                          sizeof anchors[i], NULL, 0);
    if (count) rta_history_write(&c->anchor_writer, anchors, count);
}

uint64_t rta_line_clock_read(const rta_line_clock *c, uint64_t *from, rta_anchor *anchors, uint64_t most) {
    rta_history_reader r;
    if (rta_history_reader_init(&r, &c->anchor_block, c->anchors, RTA_LINE_ANCHORS, sizeof *c->anchors, RTA_MAP_ANCHORS,
                                *from))
        return 0;
    for (int tries = 0; tries < 8; tries++) {
        const uint64_t there = rta_history_available(&r), count = there < most ? there : most;
        *from = r.position;
        if (count == 0) return 0;
        if (rta_history_read(&r, anchors, count) == RTA_OK) return count; /* else overtaken: from the oldest on */
    }
    return 0;
}
