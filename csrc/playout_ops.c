/* SPDX-License-Identifier: Apache-2.0
 *
 * What the playout's writer sends, taken in order. Every op is checked against the consumer's own table; one that cannot be
 * is counted, told, and skipped.
 */
#include <string.h>

#include "playout_parts.h"

static void fault(rta_playout_consumer *c) {
    c->faults++;
    rta_consumer_emit(c, RTA_EV_SESSION_FAULT, 0, 0, c->ops_taken, 0, 0, 0, 0);
}

/* Live, or cut and not yet ended by its writer: may still take ops. */
static segment *known(rta_playout_consumer *c, uint64_t id) {
    if (id == 0 || id >= c->next) return NULL;
    segment *s = segment_of(c, id);
    return s->account.id == id ? s : NULL;
}

/* The one segment that may take samples: the first that has not ended. */
static bool earlier_all_ended(rta_playout_consumer *c, uint64_t id) {
    uint64_t first = id > SEGMENTS ? id - SEGMENTS + 1 : 1;
    for (uint64_t i = first; i < id; i++) {
        segment *s = segment_of(c, i);
        if (s->account.id == i && !s->ended) return false;
    }
    return true;
}

static void op_open(rta_playout_consumer *c, const rta_op *op) {
    segment *s = segment_of(c, op->segment);
    const bool possible = op->policy <= RTA_POLICY_OFF && op->b <= RTA_LOAD(c->own->controls.flush);
    bool reusable = s->account.id == 0 || (s->account.id < c->head && s->ended) ||
                    (s->account.state == RTA_SEGMENT_CUT && s->ended);
    if (op->segment != c->next || !reusable || !possible) {
        fault(c);
        return;
    }
    if (c->remote.cut.waits && c->remote.cut.segment == s->account.id) rta_remote_settle(c);
    memset(&s->account, 0, sizeof s->account);
    s->account.id = op->segment;
    s->account.begin = c->position_end;
    s->account.state = RTA_SEGMENT_QUEUED;
    s->account.policy = op->policy;
    s->epoch = (epoch){op->a, op->b};
    s->consumed = s->due = 0;
    s->ended = false;
    s->words = s->marks = s->fired = s->sentences = 0;
    s->sentences_played = 0;
    c->next++;
    touch(c, s);
}

static void op_write(rta_playout_consumer *c, const rta_op *op) {
    segment *s = known(c, op->segment);
    uint64_t announced = RTA_LOAD_ACQ(c->peer->samples.write);
    bool fits = op->a > 0 && op->a <= c->capacity && c->position_end + op->a - c->low <= c->capacity &&
                announced - c->position_end >= op->a && announced - c->position_end <= c->capacity;
    if (!s || s->ended || !fits || !earlier_all_ended(c, op->segment)) {
        fault(c);
        return;
    }
    if (s->account.received == 0) s->account.begin = c->position_end;
    s->account.received += op->a;
    c->position_end += op->a;
    if (s->account.state == RTA_SEGMENT_CUT) { /* committed while the flush came: never to be heard */
        s->account.dropped += op->a;
        s->consumed += op->a;
        c->dropped += op->a;
        c->read += op->a;
    }
    touch(c, s);
}

static void take_op(rta_playout_consumer *c, const rta_op *op) {
    segment *s;
    switch (op->kind) {
    case RTA_OP_OPEN: op_open(c, op); break;
    case RTA_OP_WRITE: op_write(c, op); break;
    case RTA_OP_END:
        s = known(c, op->segment);
        if (!s || s->ended) {
            fault(c);
            break;
        }
        s->ended = true;
        break;
    case RTA_OP_WORD: /* late words of a segment already gone are normal: the session keeps them */
        s = known(c, op->segment);
        if (s && s->words < WORDS) s->word[s->words++] = op->a;
        break;
    case RTA_OP_MARK:
        s = known(c, op->segment);
        if (!s || s->marks == MARKS) {
            fault(c);
            break;
        }
        s->mark_at[s->marks] = op->a;
        s->mark_id[s->marks++] = op->b;
        c->marks_came = true;
        break;
    case RTA_OP_SENTENCE:
        s = known(c, op->segment);
        if (!s || s->sentences == SENTENCES) {
            fault(c);
            break;
        }
        s->sentence_at[s->sentences++] = op->a;
        c->marks_came = true;
        break;
    default: fault(c); break;
    }
}

void rta_consumer_take_ops(rta_playout_consumer *c) {
    uint64_t count = rta_ring_available(&c->ops);
    if (count > RTA_PLAYOUT_OPS) count = 0; /* impossible counter: take nothing */
    for (uint64_t i = 0; i < count; i++) {
        rta_op op;
        if (rta_ring_pull(&c->ops, &op, 1) != RTA_OK) break;
        c->ops_taken++;
        take_op(c, &op);
    }
}
