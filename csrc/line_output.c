/* SPDX-License-Identifier: Apache-2.0 */
#include "line_parts.h"

#include <stdlib.h>

enum { MOST = 65536 /* samples of one pull */ };

static bool remote(const rta_line *l) { return l->config.remote != RTA_REMOTE_NONE; }

rta_status rta_line_output_init(rta_line *l) {
    rta_line_output *o = &l->output;
    uint64_t room = samples_at((uint64_t)l->tick_ns, l->rate) + 1;
    if (remote(l)) room += samples_at(RTA_LINE_LEAD_NS, l->rate);
    o->room = room < MOST ? room : MOST;
    o->samples = rta_zeroed(o->room * sizeof(float));
    if (!o->samples) return RTA_NOMEM;
    o->lead_samples = samples_at((uint64_t)l->config.lead_ns, l->rate);
    const rta_status status = rta_ring_writer_init(&o->report_writer, &o->report_producer, &o->report_consumer, o->data,
                                                   RTA_LINE_REPORTS, sizeof(rta_remote_report), RTA_RING_DROP_NEWEST);
    if (status) return status;
    return rta_ring_reader_init(&o->report_reader, &o->report_consumer, &o->report_producer, o->data, RTA_LINE_REPORTS,
                                sizeof(rta_remote_report));
}

void rta_line_output_free(rta_line *l) { free(l->output.samples); }

/* ---- Control side, producer */

rta_status rta_line_set_lead(rta_line *l, int64_t lead_ns) {
    if (!remote(l) || lead_ns < 0 || lead_ns > RTA_LINE_LEAD_NS) return RTA_INVALID;
    __atomic_store_n(&l->output.lead_samples, samples_at((uint64_t)lead_ns, l->rate), __ATOMIC_RELAXED);
    return RTA_OK;
}

rta_status rta_line_report(rta_line *l, const rta_remote_report *report) {
    rta_line_output *o = &l->output;
    if (l->config.remote < RTA_REMOTE_CLEARS) return RTA_INVALID;
    if (rta_ring_room(&o->report_writer) > 0) return rta_ring_push(&o->report_writer, report, 1);
    rta_count(&o->reports_dropped, 1);
    return RTA_FULL;
}

/* ---- The step */

static void take_reports(rta_line *l) {
    rta_line_output *o = &l->output;
    rta_remote_report report;
    for (int left = RTA_LINE_REPORTS; left && rta_ring_pull(&o->report_reader, &report, 1) == RTA_OK; left--) {
        const rta_status status = rta_playout_remote_report(rta_port_consumer(l->port), &report);
        rta_count(status ? &o->reports_refused : &o->reports, 1);
    }
}

/* What was pulled leaves over the line's socket. */
static void pulled(rta_line *l, uint64_t count) {
    rta_count(&l->output.pulled, count);
    if (!l->socket) return;
    const rta_playout_engine *state = rta_port_playout_state(l->port);
    const uint64_t flushes = __atomic_load_n(&state->flush_taken_session, __ATOMIC_RELAXED) +
                             __atomic_load_n(&state->flush_taken_engine, __ATOMIC_RELAXED);
    rta_line_socket_send(l->socket, l->output.samples, count, flushes);
}

static void pull_ahead(rta_line *l, uint64_t due, int64_t device_ns) {
    rta_line_output *o = &l->output;
    const uint64_t lead = __atomic_load_n(&o->lead_samples, __ATOMIC_RELAXED);
    uint64_t count = 0;
    take_reports(l);
    if (rta_playout_pull_ahead(rta_port_consumer(l->port), l->config.remote, o->samples, o->room, due, lead, device_ns,
                               l->config.device_bound_ns, &count))
        return;
    pulled(l, count);
    /* What was between is recalled: its time will not come. */
    const uint64_t end = __atomic_load_n(&rta_port_playout_state(l->port)->due, __ATOMIC_RELAXED);
    rta_line_echo_fell_due(l->echo, end - due, end);
}

void rta_line_put_out(rta_line *l, int64_t tick_ns) {
    if (l->config.kind != RTA_LINE_DEVICE) {
        const uint64_t due = due_in_tick(l, l->rate);
        const int64_t device_ns = tick_ns + l->config.device_latency_ns, bound_ns = l->config.device_bound_ns;
        if (l->clock) rta_line_clock_due(l->clock, samples_at(l->ticks * (uint64_t)l->tick_ns, l->rate), device_ns);
        if (remote(l)) pull_ahead(l, due, device_ns);
        else if (!rta_playout_pull(rta_port_consumer(l->port), l->output.samples, due, device_ns, bound_ns))
            pulled(l, due);
    }
    if (l->clock) rta_line_clock_tick(l->clock, l->port, l->input_taken, l->config.input_rate, tick_ns);
    l->ticks++;
}
