/* SPDX-License-Identifier: Apache-2.0
 *
 * What a remote that holds audio holds of the playout: what is ahead of its time, what it was told to clear, what it says it
 * has played. The table of what becomes of a flush, a pause and a duck is in playout.h.
 *
 *   clear     none ──flush or pause, and the remote may hold speech──► open ──its answer, the wait is over,
 *               ▲                                                        │    a resume, or another clear
 *               └────── known: recalled is counted, a CUT that waited is told, a resume knows how far back ◄──┘
 *
 * Out positions (the tap's clock) and samples of speech are tied together by `runs`: each a stretch of consecutive samples
 * that left one after the other. An answer cuts off of them what was thrown away.
 */
#include <string.h>

#include "playout_parts.h"

/* ---- Runs */

static run *run_at(remote *r, uint64_t i) { return &r->runs[i % RTA_PLAYOUT_RUNS]; }

static uint64_t first_run(const remote *r) {
    return r->run_count > RTA_PLAYOUT_RUNS ? r->run_count - RTA_PLAYOUT_RUNS : 0;
}

static void add_run(remote *r, uint64_t out, uint64_t position, uint64_t count) {
    run *last = r->run_count ? run_at(r, r->run_count - 1) : NULL;
    const bool after_clear = out == r->clear.out; /* an answer cuts off what was before it, and that alone */
    if (last && !after_clear && last->out + last->count == out && last->position + last->count == position) {
        last->count += count;
        return;
    }
    *run_at(r, r->run_count++) = (run){out, position, count};
}

/* The position behind the speech that had been put out, and not thrown away, before `out`, and the run it is of; NULL: too
 * long ago, or none. */
static const run *run_before(remote *r, uint64_t out, uint64_t *position) {
    for (uint64_t i = r->run_count; i > first_run(r); i--) {
        const run *one = run_at(r, i - 1);
        if (one->out >= out) continue;
        *position = one->position + (out - one->out < one->count ? out - one->out : one->count);
        return one;
    }
    return NULL;
}

/* Speech in [from, to) was thrown away: gives how much, and in *first the position of the first such sample. */
static uint64_t cut_off(remote *r, uint64_t from, uint64_t to, uint64_t *first) {
    uint64_t gone = 0;
    for (uint64_t i = r->run_count; i > first_run(r); i--) {
        run *one = run_at(r, i - 1);
        if (one->out >= to || one->count == 0) continue;
        if (one->out + one->count <= from) break;
        const uint64_t kept = from > one->out ? from - one->out : 0;
        gone += one->count - kept;
        *first = one->position + kept;
        one->count = kept;
    }
    return gone;
}

/* ---- What leaves, and what falls due */

void rta_remote_fall_due(rta_playout_consumer *c, segment *s, uint64_t offset) {
    const uint64_t ahead = beyond(c, offset);
    const uint64_t due = s->consumed > ahead ? s->consumed - ahead : 0;
    if (due > s->due) s->due = due;
    const uint64_t position = c->read > ahead ? c->read - ahead : 0;
    if (position > c->due_high) c->due_high = position;
}

/* `high` and `bound` of a segment by what was acknowledged. */
static void acknowledge(rta_playout_consumer *c, segment *s, uint64_t position) {
    const uint64_t begin = s->account.begin;
    const uint64_t heard = position > begin ? position - begin : 0;
    const uint64_t most = s->account.received;
    if (heard > s->account.high) s->account.high = heard < most ? heard : most;
    touch(c, s);
}

void rta_remote_spoken(rta_playout_consumer *c, segment *s, uint64_t offset, uint64_t count) {
    remote *r = &c->remote;
    rta_remote_fall_due(c, s, offset);
    if (!remote_clears(c)) {
        if (s->consumed > s->account.high) s->account.high = s->consumed;
        return;
    }
    const uint64_t end = c->out + offset;
    add_run(r, end - count, c->read - count, count);
    r->spoken_end = end;
    s->account.bound = s->consumed > s->account.high ? s->consumed - s->account.high : 0;
}

void rta_remote_finish(rta_playout_consumer *c, segment *s) {
    s->due = s->account.received;
    if (!remote_clears(c)) return;
    const uint64_t end = s->account.begin + s->account.received, known = c->remote.acknowledged_position;
    s->account.high = s->account.received;
    s->account.bound = end > known ? end - known : 0;
    if (s->account.bound > s->account.received) s->account.bound = s->account.received;
}

void rta_remote_forget(rta_playout_consumer *c) {
    remote *r = &c->remote;
    r->run_count = 0;
    r->acknowledged_position = 0;
    r->clear.open = false;
    r->clear.back = 0;
    r->cut.waits = false;
    r->flush_seen_session = c->flush_taken_session;
    r->flush_seen_engine = c->flush_taken_engine;
}

/* ---- Clears */

/* Where it stopped is known: before out position `stopped`; `bound`: by how many samples that may be wrong. */
static void resolve(rta_playout_consumer *c, uint64_t stopped, uint64_t bound) {
    remote *r = &c->remote;
    segment *s = segment_of(c, r->clear.segment);
    const bool known = r->clear.segment && s->account.id == r->clear.segment;
    uint64_t position = r->clear.position_end;
    const uint64_t gone = cut_off(r, stopped, r->clear.out, &position);
    r->clear.open = false;
    r->clear.guess = bound;
    r->clear.back = r->clear.position_end > position ? r->clear.position_end - position : 0;
    c->recalled += gone;
    if (known) {
        const uint64_t most = s->account.played - s->account.recalled; /* some of it may be of the segment before */
        s->account.recalled += gone < most ? gone : most;
        if (r->clear.back > s->account.received) r->clear.back = s->account.received;
        acknowledge(c, s, position);
        s->account.bound = bound;
    }
    if (!r->cut.waits) return;
    r->cut.waits = false;
    if (!known) return;
    const uint64_t offset = r->cut.out - c->out;
    rta_consumer_emit(c, RTA_EV_CUT, r->cut.segment, offset, s->account.played, s->account.dropped, s->account.high, 0,
                      0);
}

void rta_remote_settle(rta_playout_consumer *c) {
    const remote *r = &c->remote;
    if (!r->clear.open) return;
    const uint64_t least = r->acknowledged;
    const uint64_t likely = r->clear.due_out > least ? r->clear.due_out : least;
    const uint64_t below = likely - least, above = r->clear.out > likely ? r->clear.out - likely : 0;
    resolve(c, likely, below > above ? below : above);
}

static void clear(rta_playout_consumer *c) {
    remote *r = &c->remote;
    const segment *s = head_of(c);
    rta_remote_settle(c);
    r->clears++;
    r->clear.open = true;
    r->clear.out = c->out;
    r->clear.due_out = c->out - r->ahead;
    r->clear.position_end = c->read;
    r->clear.segment = s && s->account.state == RTA_SEGMENT_PLAYING ? s->account.id : 0;
    r->clear.waited = r->clear.back = r->clear.guess = 0;
    r->ahead = 0;
    rta_consumer_emit(c, RTA_EV_CLEAR, r->clear.segment, 0, r->clears, r->clear.due_out, 0, 0, 0);
}

static bool may_hold(const remote *r) {
    const uint64_t done = r->acknowledged > r->clear.out ? r->acknowledged : r->clear.out;
    return r->ahead > 0 || r->spoken_end > done;
}

void rta_remote_abandon(rta_playout_consumer *c) {
    if (remote_clears(c) && may_hold(&c->remote)) clear(c);
    rta_remote_settle(c);
}

void rta_remote_take(rta_playout_consumer *c, epoch now) {
    remote *r = &c->remote;
    segment *s = head_of(c);
    if (remote_clears(c)) {
        const uint64_t wait = (uint64_t)c->config.rate * RTA_REMOTE_WAIT_MS / 1000;
        if (r->clear.open && (r->clear.waited += r->due) >= wait) rta_remote_settle(c);
        const bool flushed = now.session != r->flush_seen_session || now.engine != r->flush_seen_engine;
        const bool pauses = c->paused && c->stage == PLAY && s && s->account.state == RTA_SEGMENT_PLAYING;
        if ((flushed || pauses) && may_hold(r)) clear(c);
    }
    r->flush_seen_session = now.session;
    r->flush_seen_engine = now.engine;
    if (r->ahead && s && s->account.state == RTA_SEGMENT_PLAYING) {
        rta_remote_fall_due(c, s, 0);
        rta_consumer_fire_marks(c, s, 0, false);
    }
}

bool rta_remote_keeps_cut(rta_playout_consumer *c, const segment *s, uint64_t offset) {
    remote *r = &c->remote;
    if (!r->clear.open || r->clear.segment != s->account.id) return false;
    r->cut.waits = true;
    r->cut.segment = s->account.id;
    r->cut.out = c->out + offset;
    return true;
}

void rta_remote_go_back(rta_playout_consumer *c, segment *s) {
    remote *r = &c->remote;
    if (!remote_clears(c) || r->clear.segment != s->account.id || r->clear.position_end != c->read) return;
    rta_remote_settle(c);
    uint64_t back = r->clear.back;
    if (back > c->read - c->low) back = c->read - c->low; /* what is no longer kept */
    if (back > s->consumed) back = s->consumed;
    r->clear.back = 0;
    s->consumed -= back;
    s->account.replayed += back;
    c->replayed += back;
    c->read -= back;
    touch(c, s);
}

/* ---- Reports */

rta_status rta_playout_remote_report(rta_playout_consumer *c, const rta_remote_report *report) {
    remote *r = &c->remote;
    if (!remote_clears(c) || report->clear > r->clears) return RTA_INVALID;
    if (report->played > c->out || report->played < r->acknowledged) return RTA_INVALID;
    const bool answers = r->clear.open && report->clear == r->clears;
    if (answers && report->played > r->clear.out) return RTA_INVALID;
    RTA_RT_ENTER();
    rta_journal_write(__atomic_load_n(&c->journal, __ATOMIC_ACQUIRE), RTA_J_REMOTE_REPORT, c->out, report,
                      sizeof *report, NULL, 0);
    /* It plays what came after the clear, and never said where it had stopped. */
    if (r->clear.open && !answers && report->played > r->clear.out) rta_remote_settle(c);
    r->acknowledged = report->played;
    if (answers) resolve(c, report->played, 0);
    uint64_t position;
    const run *one = run_before(r, report->played, &position);
    if (one && position > r->acknowledged_position) {
        r->acknowledged_position = position;
        segment *s = head_of(c);
        if (s && s->account.state == RTA_SEGMENT_PLAYING) {
            acknowledge(c, s, position);
            /* What was thrown away is no longer on its way. */
            const uint64_t back = r->clear.segment == s->account.id ? r->clear.back : 0;
            const uint64_t sent = s->consumed > back ? s->consumed - back : 0;
            /* That it plays what came after a clear does not say where that had stopped it. */
            const uint64_t guess = r->clear.segment == s->account.id && one->out < r->clear.out ? r->clear.guess : 0;
            s->account.bound = sent > s->account.high + guess ? sent - s->account.high : guess;
        }
    }
    RTA_RT_LEAVE();
    return RTA_OK;
}
