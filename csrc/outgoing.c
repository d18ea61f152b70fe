/* SPDX-License-Identifier: Apache-2.0
 *
 * A pull writes its events before its samples. So when the end of the tap is read first, every event of before that end is
 * there, and events and samples can be put in order by their out positions alone.
 */
#include "outgoing.h"

#include "playout_shared.h"

void rta_outgoing_init(rta_outgoing *o, const rta_history_reader *tap, const rta_history_reader *events,
                       const rta_playout_engine *state, bool played) {
    *o = (rta_outgoing){.tap = *tap, .events = *events, .state = state, .played = played, .end = tap->position};
}

/* Up to where time has come; what was told of before is there. */
static uint64_t due_now(const rta_playout_engine *state) {
    for (int tries = 0; tries < 1000; tries++) {
        const uint32_t before = RTA_LOAD_ACQ(state->seq);
        const uint64_t due = RTA_LOAD(state->due);
        if (!(before & 1) && rta_seq_same(&state->seq, before)) return due;
    }
    return 0; /* not now: the publisher has been put to sleep in between */
}

static void look(rta_outgoing *o) {
    const uint64_t due = o->played ? due_now(o->state) : UINT64_MAX;
    const uint64_t written = o->tap.position + rta_history_available(&o->tap);
    const uint64_t end = due < written ? due : written;
    if (end > o->end) o->end = end;
}

static bool matters(const rta_outgoing *o, const rta_event *e) {
    if (e->kind == RTA_EV_CLEAR) return e->out >= o->tap.position;
    return e->kind == RTA_EV_DUCKED && !o->played && e->out >= o->tap.position;
}

/* RTA_OK: there is a next order, in o->next; RTA_EMPTY: none yet; RTA_LOST: some may have gone. */
static rta_status next_order(rta_outgoing *o) {
    rta_status status = o->holds ? RTA_OK : rta_history_read(&o->events, &o->next, 1);
    while (status == RTA_OK && !o->holds) {
        o->holds = matters(o, &o->next);
        if (!o->holds) status = rta_history_read(&o->events, &o->next, 1);
    }
    return status;
}

static void hand_out(rta_outgoing *o, rta_outgoing_item *item) {
    const rta_event *e = &o->next;
    o->holds = false;
    item->out = e->out;
    if (e->kind == RTA_EV_CLEAR) {
        item->kind = RTA_OUTGOING_CLEAR;
        item->clear = e->a;
    } else {
        item->kind = RTA_OUTGOING_DUCK;
        item->gain = e->value;
        item->ramp = e->a;
    }
}

rta_status rta_outgoing_next(rta_outgoing *o, float *samples, uint64_t most, rta_outgoing_item *item) {
    *item = (rta_outgoing_item){.out = o->tap.position};
    if (o->tap.position >= o->end) look(o);
    for (;;) {
        const rta_status order = next_order(o);
        if (order == RTA_CORRUPT) return order;
        if (order == RTA_LOST) {
            item->kind = RTA_OUTGOING_LOST;
            return RTA_OK;
        }
        uint64_t until = o->end;
        if (order == RTA_OK && o->played) { /* a CLEAR: what it recalled is not played */
            if (o->tap.position >= o->next.b) {
                o->holds = false;
                if (o->tap.position < o->next.out) o->tap.position = o->next.out;
                item->out = o->tap.position;
                continue;
            }
            if (o->next.b < until) until = o->next.b;
        } else if (order == RTA_OK) {
            if (o->next.out <= o->tap.position) {
                hand_out(o, item);
                return RTA_OK;
            }
            if (o->next.out < until) until = o->next.out;
        }
        if (o->tap.position >= until) return RTA_EMPTY;
        const uint64_t lost = o->tap.lost, run = until - o->tap.position;
        item->count = run < most ? run : most;
        item->kind = RTA_OUTGOING_AUDIO;
        const rta_status status = rta_history_read(&o->tap, samples, item->count);
        if (status != RTA_LOST) return status == RTA_OK || status == RTA_CORRUPT ? status : RTA_EMPTY;
        item->kind = RTA_OUTGOING_LOST;
        item->count = o->tap.lost - lost;
        item->out = o->tap.position;
        return RTA_OK;
    }
}
