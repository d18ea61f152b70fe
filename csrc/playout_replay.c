/* SPDX-License-Identifier: Apache-2.0 */
#include "playout_replay.h"

#include <stdlib.h>
#include <string.h>

#include "playout_shared.h"

enum { EVENTS = 1024 };

struct rta_playout_replay {
    rta_playout_config config;
    rta_playout_layout layout;
    rta_playout_session *session;
    rta_playout_engine *engine;
    rta_playout_consumer *consumer;
    rta_ring_writer ops, samples;
    rta_history_block event_block;
    rta_event events[EVENTS];
    rta_history_writer event_writer;
    rta_history_reader event_reader;
    uint64_t mic;
};

rta_status rta_playout_replay_create(rta_playout_replay **out, const rta_playout_config *config) {
    if (rta_playout_config_check(config, NULL) != RTA_OK) return RTA_INVALID;
    rta_playout_replay *r = calloc(1, sizeof *r);
    if (!r) return RTA_NOMEM;
    r->config = *config;
    r->layout = rta_playout_layout_of(config);
    r->session = aligned_alloc(64, r->layout.bytes);
    r->engine = aligned_alloc(64, rta_playout_engine_bytes(config));
    if (!r->session || !r->engine) {
        rta_playout_replay_destroy(r);
        return RTA_NOMEM;
    }
    memset(r->session, 0, r->layout.bytes);
    memset(r->engine, 0, rta_playout_engine_bytes(config));
    unsigned char *base = (unsigned char *)r->session;
    rta_ring_writer_init(&r->ops, &r->session->ops, &r->engine->ops, base + r->layout.ops, RTA_PLAYOUT_OPS,
                         sizeof(rta_op), RTA_RING_REJECT);
    rta_ring_writer_init(&r->samples, &r->session->samples, &r->engine->samples, base + r->layout.samples,
                         rta_playout_capacity(config), sizeof(float), RTA_RING_REJECT);
    rta_history_writer_init(&r->event_writer, &r->event_block, r->events, EVENTS, sizeof(rta_event));
    rta_history_reader_init(&r->event_reader, &r->event_block, r->events, EVENTS, sizeof(rta_event), 1, 0);
    rta_status status =
        rta_playout_consumer_create(&r->consumer, config, r->engine, r->session, NULL, &r->event_writer);
    if (status != RTA_OK) {
        rta_playout_replay_destroy(r);
        return status;
    }
    rta_playout_consumer_journal(r->consumer, NULL, &r->mic);
    *out = r;
    return RTA_OK;
}

void rta_playout_replay_destroy(rta_playout_replay *r) {
    if (!r) return;
    rta_playout_consumer_destroy(r->consumer);
    free(r->session);
    free(r->engine);
    free(r);
}

rta_status rta_playout_replay_op(rta_playout_replay *r, const rta_op *op, const float *samples) {
    if (op->kind == RTA_OP_OPEN) { /* the engine's flushes it was opened after must be there when it is checked */
        if (op->b > RTA_LOAD(r->engine->controls.flush)) RTA_STORE(r->engine->controls.flush, op->b);
    }
    if (op->kind == RTA_OP_WRITE) {
        rta_status status = rta_ring_push(&r->samples, samples, op->a);
        if (status != RTA_OK) return status;
    }
    return rta_ring_push(&r->ops, op, 1);
}

rta_status rta_playout_replay_background(rta_playout_replay *r, const float *samples, uint64_t count) {
    if (count > r->config.background_samples) return RTA_INVALID;
    memcpy((unsigned char *)r->session + r->layout.background, samples, count * sizeof(float));
    return RTA_OK;
}

static void set_controls(rta_playout_controls *to, const rta_playout_controls *from) {
    RTA_STORE(to->flush, from->flush);
    RTA_STORE(to->pause, from->pause);
    RTA_STORE(to->duck, from->duck);
    RTA_STORE(to->volume, from->volume);
    RTA_STORE(to->background, from->background);
}

static void set(rta_playout_replay *r, const rta_playout_inputs *inputs, uint64_t mic) {
    set_controls(&r->session->controls, &inputs->session);
    set_controls(&r->engine->controls, &inputs->engine);
    r->mic = mic;
}

rta_status rta_playout_replay_pull(rta_playout_replay *r, const rta_playout_inputs *inputs, float *out, uint64_t count,
                                   int64_t device_ns, int64_t bound_ns, uint64_t mic) {
    set(r, inputs, mic);
    return count ? rta_playout_pull(r->consumer, out, count, device_ns, bound_ns) : rta_playout_settle(r->consumer);
}

rta_status rta_playout_replay_pull_ahead(rta_playout_replay *r, const rta_playout_inputs *inputs, rta_remote remote,
                                         float *out, uint64_t room, uint64_t due, uint64_t lead, int64_t device_ns,
                                         int64_t bound_ns, uint64_t mic, uint64_t *count) {
    set(r, inputs, mic);
    return rta_playout_pull_ahead(r->consumer, remote, out, room, due, lead, device_ns, bound_ns, count);
}

rta_status rta_playout_replay_report(rta_playout_replay *r, const rta_remote_report *report) {
    return rta_playout_remote_report(r->consumer, report);
}

bool rta_playout_replay_event(rta_playout_replay *r, rta_event *event) {
    return rta_history_read(&r->event_reader, event, 1) == RTA_OK;
}
