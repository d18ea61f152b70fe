/* SPDX-License-Identifier: Apache-2.0
 *
 * The playout's consumer: its roles, the control words it reads once a pull, and the account it publishes. Nothing on its way
 * waits, allocates (after create) or believes the session side. See playout_parts.h for its other files.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "playout_parts.h"

void rta_consumer_emit(rta_playout_consumer *c, uint32_t kind, uint64_t id, uint64_t offset, uint64_t a, uint64_t b,
                       uint64_t high, uint32_t flags, float value) {
    if (!c->events) return;
    rta_event event = {.kind = kind,
                       .flags = flags,
                       .segment = id,
                       .out = c->out + offset,
                       .mic = c->mic_seen,
                       .decided = high,
                       .a = a,
                       .b = b,
                       .value = value};
    rta_history_write(c->events, &event, 1);
}

/* ---- Creation and roles */

static void reset_account(rta_playout_consumer *c) {
    c->position_end = c->read = c->low = c->high = c->played = c->dropped = c->replayed = 0;
    c->silence = c->concealed = c->pulled = c->underruns = c->faults = c->pulls = c->recalled = c->due_high = 0;
    c->flush_taken_session = c->flush_told_session = 0;
    c->flush_taken_engine = c->flush_told_engine = RTA_LOAD(c->own->controls.flush);
    rta_remote_forget(c);
    c->flush_dropped = 0;
    c->marks_came = false;
    c->dirty = ~0ull;
    c->head = c->next = 1;
    for (int i = 0; i < SEGMENTS; i++) {
        segment *s = &c->segments[i];
        memset(&s->account, 0, sizeof s->account);
        s->words = s->marks = s->fired = s->sentences = 0;
        s->ended = true;
    }
    c->ops_taken = 0;
    c->starved = false;
    c->envelope = c->fade;
    c->stage = PLAY;
    c->paused = c->session_paused = c->rewind = false;
    c->background_word = c->background_at = c->background_count = c->background_envelope = 0;
    c->background_on = false;
    const uint64_t one = rta_pack_gain(1.0f, 0);
    c->volume = c->duck_session = (ramp){1.0f, 1.0f, 0, 0, one};
    memset(&c->seen.session, 0, sizeof c->seen.session);
    c->seen.session.duck = c->seen.session.volume = one;
}

static void bind(rta_playout_consumer *c, const rta_playout_session *peer) {
    c->peer = peer;
    RTA_STORE_REL(c->own->ops.read, 0);
    RTA_STORE_REL(c->own->samples.read, 0);
    c->data = NULL;
    if (!peer) return;
    const unsigned char *base = (const unsigned char *)peer;
    c->data = (const float *)(base + c->layout.samples);
    rta_ring_reader_init(&c->ops, &c->own->ops, &peer->ops, base + c->layout.ops, RTA_PLAYOUT_OPS, sizeof(rta_op));
}

rta_status rta_playout_consumer_create(rta_playout_consumer **out, const rta_playout_config *config,
                                       rta_playout_engine *own, const rta_playout_session *peer,
                                       rta_history_writer *tap, rta_history_writer *events) {
    if (rta_playout_config_check(config, NULL) != RTA_OK) return RTA_INVALID;
    rta_playout_consumer *c = rta_zeroed(sizeof *c);
    if (!c) return RTA_NOMEM;
    c->segments = rta_zeroed(SEGMENTS * sizeof(segment));
    if (!c->segments) {
        free(c);
        return RTA_NOMEM;
    }
    c->config = *config;
    c->own = own;
    c->tap = tap;
    c->events = events;
    c->layout = rta_playout_layout_of(config);
    c->capacity = rta_playout_capacity(config);
    c->fade = config->rate * 5 / 1000;
    const uint64_t one = rta_pack_gain(1.0f, 0);
    RTA_STORE(own->controls.duck, one);
    RTA_STORE(own->controls.volume, one);
    c->duck_engine = (ramp){1.0f, 1.0f, 0, 0, one};
    c->seen.engine.duck = c->seen.engine.volume = one;
    reset_account(c);
    bind(c, peer);
    *out = c;
    return RTA_OK;
}

void rta_playout_consumer_destroy(rta_playout_consumer *c) {
    if (!c) return;
    free(c->segments);
    free(c);
}

void rta_playout_consumer_journal(rta_playout_consumer *c, rta_journal *journal, const uint64_t *mic_position) {
    c->mic_position = mic_position;
    __atomic_store_n(&c->journal, journal, __ATOMIC_RELEASE);
}

void rta_playout_consumer_rebind(rta_playout_consumer *c, const rta_playout_session *peer) {
    __atomic_store_n(&c->pending, peer, __ATOMIC_RELAXED);
    __atomic_store_n(&c->has_pending, true, __ATOMIC_RELEASE);
}

const rta_playout_session *rta_playout_bound(const rta_playout_consumer *c) {
    if (__atomic_load_n(&c->has_pending, __ATOMIC_ACQUIRE)) return NULL;
    return __atomic_load_n(&c->peer, __ATOMIC_ACQUIRE);
}

rta_status rta_playout_attach(rta_playout_consumer *c) {
    uint64_t nobody = 0;
    return __atomic_compare_exchange_n(&c->own->attached, &nobody, 1, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)
               ? RTA_OK
               : RTA_BUSY;
}

void rta_playout_detach(rta_playout_consumer *c) {
    rta_playout_settle(c);
    RTA_STORE_REL(c->own->attached, 0);
}

void rta_playout_inputs_seen(const rta_playout_consumer *c, rta_playout_inputs *inputs) { *inputs = c->seen; }

/* ---- Controls */

/* begun: how much of the ramp a remote that ducks has made by what leaves next, on what it holds. */
static uint64_t aim(ramp *r, uint64_t word, float most, uint64_t begun) {
    if (word == r->word) return 0;
    r->word = word;
    float to = rta_unpack_gain(word);
    if (!(to >= 0.0f && to <= most)) return 0; /* NaN or nonsense from outside: keep what is */
    float now = gain_at(r, 0);
    const uint64_t length = word & 0xffffffffu;
    *r = (ramp){now, to, begun < length ? begun : length, length, word};
    return length;
}

static void pass(ramp *r, uint64_t count) {
    if (!steady(r)) r->at = r->at + count > r->length ? r->length : r->at + count;
}

static void load_controls(const rta_playout_controls *from, rta_playout_controls *to) {
    to->flush = __atomic_load_n(&from->flush, __ATOMIC_SEQ_CST);
    to->pause = RTA_LOAD_ACQ(from->pause);
    to->duck = RTA_LOAD_ACQ(from->duck);
    to->volume = RTA_LOAD_ACQ(from->volume);
    to->background = RTA_LOAD_ACQ(from->background);
}

/* Reads both sides' words once; returns the epoch in force for this pull. */
static epoch take_controls(rta_playout_consumer *c) {
    rta_playout_controls session = c->seen.session, engine;
    if (c->peer) load_controls(&c->peer->controls, &session);
    load_controls(&c->own->controls, &engine);
    bool session_paused = session.pause & 1, engine_paused = engine.pause & 1;
    bool rewinds = (session.pause != c->seen.session.pause && (session.pause & 3) == 2) ||
                   (engine.pause != c->seen.engine.pause && (engine.pause & 3) == 2);
    if (rewinds) c->rewind = true;
    c->paused = session_paused || engine_paused;
    c->session_paused = session_paused;
    if (c->paused) c->paused_by = (session_paused ? RTA_BY_SESSION : 0) | (engine_paused ? RTA_BY_ENGINE : 0);
    bool ducks =
        session.duck != c->duck_session.word || engine.duck != c->duck_engine.word || session.volume != c->volume.word;
    const uint64_t begun = c->remote.kind == RTA_REMOTE_DUCKS ? c->remote.ahead : 0;
    const uint64_t lengths[] = {aim(&c->duck_session, session.duck, 1.0f, begun),
                                aim(&c->duck_engine, engine.duck, 1.0f, begun),
                                aim(&c->volume, session.volume, 8.0f, begun)};
    uint64_t length = lengths[0] > lengths[1] ? lengths[0] : lengths[1];
    if (lengths[2] > length) length = lengths[2];
    if (ducks)
        rta_consumer_emit(c, RTA_EV_DUCKED, 0, 0, length, 0, 0, 0,
                          fminf(c->duck_session.to, c->duck_engine.to) * c->volume.to);
    if (session.background != c->background_word) {
        c->background_word = session.background;
        bool on = session.background & 1;
        uint64_t count = (session.background >> 1) & 0xffffffffu;
        if (on && count > 0 && count <= c->config.background_samples) {
            if (count != c->background_count || !c->background_on) c->background_at = 0;
            c->background_count = count;
            c->background_on = true;
        } else {
            c->background_on = false;
        }
    }
    c->seen.session = session;
    c->seen.engine = engine;
    return (epoch){session.flush, engine.flush};
}

/* ---- Publishing */

static void publish(rta_playout_consumer *c, const rta_playout_pull_log *log) {
    rta_playout_engine *own = c->own;
    if (!c->remote.cut.waits) {
        c->flush_told_session = c->flush_taken_session;
        c->flush_told_engine = c->flush_taken_engine;
    }
    uint64_t keep = c->read > c->config.history_samples ? c->read - c->config.history_samples : 0;
    if (keep > c->low) c->low = keep;
    rta_seq_begin(&own->seq);
    RTA_STORE(own->paused, c->stage == HOLD);
    const uint64_t account[] = {c->read,
                                c->high,
                                c->played,
                                c->dropped,
                                c->replayed,
                                c->silence,
                                c->concealed,
                                c->pulled,
                                c->underruns,
                                c->faults,
                                c->pulls,
                                c->flush_told_session,
                                c->flush_told_engine,
                                c->recalled,
                                c->remote.ahead,
                                c->out - c->remote.ahead,
                                c->remote.kind};
    rta_words_store(&own->read, account, sizeof account);
    segment *s = head_of(c);
    uint64_t current = s ? s->account.id : 0;
    bool speaking = s && !c->session_paused && c->stage != DIE &&
                    (s->account.received > s->consumed || !s->ended || c->remote.ahead > 0) && s->account.received > 0;
    RTA_STORE(own->current, current);
    RTA_STORE(own->policy, s ? s->account.policy : RTA_POLICY_IMMEDIATE);
    RTA_STORE(own->sentences, c->sentences);
    RTA_STORE_REL(own->speaking, speaking ? current : 0);
    RTA_STORE(own->background_taken, c->background_envelope ? 1 : c->background_word);
    for (uint64_t dirty = c->dirty; dirty; dirty &= dirty - 1) {
        unsigned i = (unsigned)__builtin_ctzll(dirty);
        rta_words_store(&own->slots[i], &c->segments[i].account, sizeof(rta_playout_slot));
    }
    c->dirty = 0;
    if (log) {
        rta_words_store(&own->pull_log[c->pull_log_count % RTA_PLAYOUT_PULLS], log, sizeof *log);
        c->pull_log_count++;
    }
    RTA_STORE(own->pull_log_count, c->pull_log_count);
    rta_seq_end(&own->seq);
    RTA_STORE_REL(own->samples.read, c->low);
    RTA_STORE_REL(own->bound, c->peer ? RTA_LOAD_ACQ(c->peer->token) : 0);
}

static void take_pending(rta_playout_consumer *c) {
    if (!__atomic_load_n(&c->has_pending, __ATOMIC_ACQUIRE)) return;
    rta_remote_abandon(c);
    while (head_of(c)) rta_consumer_drop_rest(c, head_of(c), 0);
    const rta_playout_session *peer = __atomic_load_n(&c->pending, __ATOMIC_RELAXED);
    reset_account(c);
    bind(c, peer);
    __atomic_store_n(&c->has_pending, false, __ATOMIC_RELEASE);
}

static epoch begin(rta_playout_consumer *c) {
    c->mic_seen = c->mic_position ? RTA_LOAD_ACQ(*c->mic_position) : 0;
    take_pending(c);
    /* Ops first: a segment opened after a flush that this pull does not see is simply of the next pull. */
    if (c->peer) rta_consumer_take_ops(c);
    epoch now = take_controls(c);
    if (c->marks_came) { /* perhaps on samples that were played already, or in a segment that is done */
        c->marks_came = false;
        for (uint64_t id = c->next > SEGMENTS ? c->next - SEGMENTS : 1; id < c->next; id++)
            rta_consumer_fire_marks(c, segment_of(c, id), 0, segment_of(c, id)->account.state == RTA_SEGMENT_DONE);
    }
    c->seen.ops = c->ops_taken;
    return now;
}

static void tap(const rta_playout_consumer *c, const float *out, uint64_t count) {
    if (!c->tap) return;
    for (uint64_t at = 0; at < count;) { /* the tap takes at most half its length at once */
        const uint64_t run = count - at < c->tap->capacity / 2 ? count - at : c->tap->capacity / 2;
        rta_history_write(c->tap, out + at, run);
        at += run;
    }
}

/* How much of the head may leave ahead of its time, once what is due has left. */
static uint64_t may_lead(rta_playout_consumer *c, epoch now, uint64_t offset, uint64_t lead, uint64_t room) {
    const segment *s = head_of(c);
    const uint64_t ahead = beyond(c, offset);
    if (!s || s->account.state != RTA_SEGMENT_PLAYING || stale(s, now) || c->stage != PLAY || c->paused) return 0;
    uint64_t most = s->account.received - s->consumed;
    if (most > room) most = room;
    return ahead >= lead ? 0 : most < lead - ahead ? most : lead - ahead;
}

typedef struct wish { /* of one pull */
    rta_remote remote;
    uint64_t due, lead, room;
    int64_t device_ns, bound_ns;
} wish;

static void note(rta_playout_consumer *c, const wish *w) {
    rta_journal *journal = __atomic_load_n(&c->journal, __ATOMIC_ACQUIRE);
    if (!journal) return;
    const uint64_t head[] = {w->due, (uint64_t)w->device_ns, (uint64_t)w->bound_ns, c->mic_seen, w->remote, w->lead,
                             w->room};
    const bool plain = w->remote == RTA_REMOTE_NONE;
    rta_journal_write(journal, plain ? RTA_J_PULL : RTA_J_PULL_AHEAD, c->out, head,
                      plain ? 4 * sizeof head[0] : sizeof head, &c->seen, sizeof c->seen);
}

static uint64_t pull(rta_playout_consumer *c, float *out, const wish *w) {
    c->remote.kind = w->remote;
    c->remote.due = w->due;
    const epoch now = begin(c);
    note(c, w);
    const uint64_t high_before = c->due_high;
    rta_remote_take(c, now);
    rta_playout_pull_log log = {.device_ns = w->device_ns,
                                .bound_ns = w->bound_ns,
                                .out = c->out - c->remote.ahead,
                                .count = w->due,
                                .high_before = high_before};
    const uint64_t needed = w->due > c->remote.ahead ? w->due - c->remote.ahead : 0;
    rta_consumer_run_stage(c, out, 0, needed, now);
    const uint64_t count = needed + may_lead(c, now, needed, w->lead, w->room - needed);
    if (count > needed) rta_consumer_run_stage(c, out, needed, count, now);
    rta_consumer_mix_background(c, out, count);
    pass(&c->volume, count);
    pass(&c->duck_session, count);
    pass(&c->duck_engine, count);
    tap(c, out, count);
    c->out += count;
    c->pulled += count;
    c->pulls++;
    c->remote.ahead = beyond(c, count);
    c->remote.due = 0;
    log.high_after = c->due_high;
    publish(c, &log);
    return count;
}

rta_status rta_playout_pull(rta_playout_consumer *c, float *out, uint64_t count, int64_t device_ns, int64_t bound_ns) {
    if (count == 0 || count > MAX_PULL) return RTA_INVALID;
    RTA_RT_ENTER();
    pull(c, out,
         &(wish){.remote = RTA_REMOTE_NONE, .due = count, .room = count, .device_ns = device_ns, .bound_ns = bound_ns});
    RTA_RT_LEAVE();
    return RTA_OK;
}

rta_status rta_playout_pull_ahead(rta_playout_consumer *c, rta_remote remote, float *out, uint64_t room, uint64_t due,
                                  uint64_t lead, int64_t device_ns, int64_t bound_ns, uint64_t *count) {
    *count = 0;
    if (remote < RTA_REMOTE_PLAYS || remote > RTA_REMOTE_DUCKS) return RTA_INVALID;
    if (room > MAX_PULL || due > room) return RTA_INVALID;
    RTA_RT_ENTER();
    *count = pull(c, out, &(wish){remote, due, lead, room, device_ns, bound_ns});
    RTA_RT_LEAVE();
    return RTA_OK;
}

rta_status rta_playout_settle(rta_playout_consumer *c) {
    RTA_RT_ENTER();
    epoch now = begin(c);
    rta_remote_settle(c);
    c->remote.ahead = 0;
    rta_journal *journal = __atomic_load_n(&c->journal, __ATOMIC_ACQUIRE);
    if (journal)
        rta_journal_write(journal, RTA_J_SETTLE, c->out, &c->mic_seen, sizeof c->mic_seen, &c->seen, sizeof c->seen);
    rta_consumer_settle_head(c, now, 0, false);
    rta_consumer_flush_done(c, now, 0);
    publish(c, NULL);
    RTA_RT_LEAVE();
    return RTA_OK;
}
