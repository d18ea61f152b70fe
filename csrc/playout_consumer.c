/* SPDX-License-Identifier: Apache-2.0
 *
 * The playout's consumer: takes ops, keeps its own table of segments, runs the output stage drawn in playout.h, and
 * publishes the account. Nothing here waits, allocates (after create) or believes the session side.
 */
#include "playout_shared.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "event.h"

enum { SEGMENTS = RTA_PLAYOUT_SEGMENTS, MARKS = RTA_PLAYOUT_MARKS, WORDS = RTA_PLAYOUT_CONSUMER_WORDS };
enum { MAX_PULL = 65536 };

typedef enum stage { PLAY, PARK, HOLD, DIE } stage;

/* How often each side had flushed. Kept apart: a session that lies about its count cannot undo the engine's flush. */
typedef struct epoch {
    uint64_t session, engine;
} epoch;

typedef struct segment {
    rta_playout_slot account;
    struct epoch epoch;
    uint64_t consumed; /* samples passed, 0 <= consumed <= received; falls on a rewind */
    bool ended;
    uint32_t words, marks, fired;
    uint64_t word[WORDS];
    uint64_t mark_at[MARKS], mark_id[MARKS];
} segment;

/* A gain that moves linearly from one value to another over a number of output samples; value by position, not by
 * accumulation, so that how pulls are cut cannot matter. */
typedef struct ramp {
    float from, to;
    uint64_t at, length;
    uint64_t word; /* control word it came from */
} ramp;

struct rta_playout_consumer {
    rta_playout_config config;
    rta_playout_engine *own;
    const rta_playout_session *peer;
    const rta_playout_session *pending; /* set by rebind, taken by the next pull or settle */
    bool has_pending;
    rta_playout_layout layout;
    uint64_t capacity, fade;
    rta_ring_reader ops;
    const float *data;
    rta_history_writer *tap;
    rta_history_writer *events;
    rta_journal *journal;
    const uint64_t *mic_position;
    uint64_t mic_seen; /* read once a pull: what events and the journal's record say agrees */

    /* the account, published at the end of each pull */
    uint64_t position_end; /* all that WRITE ops have announced */
    uint64_t read, low, high, played, dropped, replayed, silence, concealed, pulled, underruns, faults, pulls;
    uint64_t flush_taken_session, flush_taken_engine, pull_log_count;
    uint64_t out; /* samples put out since the consumer was made; the tap's clock */
    uint64_t dirty; /* slots to publish */

    /* segments: ids [head, next) are live */
    uint64_t head, next;
    segment *segments;
    uint64_t ops_taken;
    rta_playout_inputs seen;

    /* output stage */
    stage stage;
    uint64_t envelope; /* 0..fade */
    bool paused, rewind, starved, session_paused, marks_came;
    uint32_t paused_by;
    float last;         /* last value put out, for concealment */
    float conceal_from; /* value a gap decays from */
    uint64_t conceal_left;
    ramp volume, duck_session, duck_engine;
    uint64_t flush_dropped; /* by the flush being taken */

    /* background sound */
    uint64_t background_word, background_at, background_count, background_envelope;
    bool background_on;
};

static segment *segment_of(rta_playout_consumer *c, uint64_t id) { return &c->segments[id % SEGMENTS]; }

static void touch(rta_playout_consumer *c, const segment *s) { c->dirty |= 1ull << (s->account.id % SEGMENTS); }

static uint64_t out_position(const rta_playout_consumer *c, uint64_t offset) { return c->out + offset; }

static void emit(rta_playout_consumer *c, uint32_t kind, uint64_t id, uint64_t offset, uint64_t a, uint64_t b,
                 uint64_t high, uint32_t flags, float value) {
    if (!c->events) return;
    rta_event event = {.kind = kind,
                       .flags = flags,
                       .segment = id,
                       .out = out_position(c, offset),
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
    c->silence = c->concealed = c->pulled = c->underruns = c->faults = c->pulls = 0;
    c->flush_taken_session = 0;
    c->flush_taken_engine = RTA_LOAD(c->own->controls.flush);
    c->flush_dropped = 0;
    c->marks_came = false;
    c->dirty = ~0ull;
    c->head = c->next = 1;
    for (int i = 0; i < SEGMENTS; i++) {
        segment *s = &c->segments[i];
        memset(&s->account, 0, sizeof s->account);
        s->words = s->marks = s->fired = 0;
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
    rta_playout_consumer *c = calloc(1, sizeof *c);
    if (!c) return RTA_NOMEM;
    c->segments = calloc(SEGMENTS, sizeof(segment));
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

/* ---- Ops */

static void fault(rta_playout_consumer *c) {
    c->faults++;
    emit(c, RTA_EV_SESSION_FAULT, 0, 0, c->ops_taken, 0, 0, 0, 0);
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
    bool reusable = s->account.id == 0 || (s->account.id < c->head && s->ended) ||
                    (s->account.state == RTA_SEGMENT_CUT && s->ended);
    if (op->segment != c->next || !reusable || op->b > RTA_LOAD(c->own->controls.flush)) {
        fault(c);
        return;
    }
    memset(&s->account, 0, sizeof s->account);
    s->account.id = op->segment;
    s->account.begin = c->position_end;
    s->account.state = RTA_SEGMENT_QUEUED;
    s->epoch = (epoch){op->a, op->b};
    s->consumed = 0;
    s->ended = false;
    s->words = s->marks = s->fired = 0;
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
    default: fault(c); break;
    }
}

static void take_ops(rta_playout_consumer *c) {
    uint64_t count = rta_ring_available(&c->ops);
    if (count > RTA_PLAYOUT_OPS) count = 0; /* impossible counter: take nothing */
    for (uint64_t i = 0; i < count; i++) {
        rta_op op;
        if (rta_ring_pull(&c->ops, &op, 1) != RTA_OK) break;
        c->ops_taken++;
        take_op(c, &op);
    }
}

/* ---- Marks */

static void fire_marks(rta_playout_consumer *c, segment *s, uint64_t offset, bool whole) {
    for (uint32_t i = 0; i < s->marks; i++) {
        if (s->fired >> i & 1 || !(s->mark_at[i] < s->account.high || whole)) continue;
        s->fired |= 1u << i;
        uint64_t ago = s->consumed > s->mark_at[i] ? s->consumed - s->mark_at[i] : 0;
        emit(c, RTA_EV_MARK, s->account.id, ago < offset ? offset - ago : 0, s->mark_id[i], s->mark_at[i], 0, 0, 0);
    }
}

/* ---- Controls */

static void aim(ramp *r, uint64_t word, float most) {
    if (word == r->word) return;
    r->word = word;
    float to = rta_unpack_gain(word);
    if (!(to >= 0.0f && to <= most)) return; /* NaN or nonsense from outside: keep what is */
    float now = r->at >= r->length ? r->to : r->from + (r->to - r->from) * ((float)r->at / (float)r->length);
    *r = (ramp){now, to, 0, word & 0xffffffffu, word};
}

static float gain_at(const ramp *r, uint64_t offset) {
    uint64_t at = r->at + offset;
    return at >= r->length ? r->to : r->from + (r->to - r->from) * ((float)at / (float)r->length);
}

static bool steady(const ramp *r) { return r->at >= r->length; }

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
    aim(&c->duck_session, session.duck, 1.0f);
    aim(&c->duck_engine, engine.duck, 1.0f);
    aim(&c->volume, session.volume, 8.0f);
    if (ducks) emit(c, RTA_EV_DUCKED, 0, 0, 0, 0, 0, 0, fminf(c->duck_session.to, c->duck_engine.to) * c->volume.to);
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

/* ---- The output stage */

static void drop_rest(rta_playout_consumer *c, segment *s, uint64_t offset) {
    uint64_t rest = s->account.received - s->consumed;
    s->consumed += rest;
    s->account.dropped += rest;
    c->dropped += rest;
    c->flush_dropped += rest;
    c->read += rest;
    s->account.state = RTA_SEGMENT_CUT;
    fire_marks(c, s, offset, false);
    emit(c, RTA_EV_CUT, s->account.id, offset, s->account.played, s->account.dropped, s->account.high, 0, 0);
    touch(c, s);
    c->head++;
    c->starved = false;
}

static void finish(rta_playout_consumer *c, segment *s, uint64_t offset) {
    s->account.state = RTA_SEGMENT_DONE;
    fire_marks(c, s, offset, true);
    emit(c, RTA_EV_SEGMENT_DONE, s->account.id, offset, s->account.played, s->account.replayed, s->account.high, 0, 0);
    touch(c, s);
    c->head++;
    c->starved = false;
}

static bool stale(const segment *s, epoch now) {
    return s->epoch.session < now.session || s->epoch.engine < now.engine;
}

static segment *head_of(rta_playout_consumer *c) { return c->head < c->next ? segment_of(c, c->head) : NULL; }

/* Brings the head to a segment that has something to say or to wait for; drops what is stale and cannot sound. */
static segment *settle_head(rta_playout_consumer *c, epoch now, uint64_t offset, bool fade) {
    for (;;) {
        segment *s = head_of(c);
        if (!s) return NULL;
        uint64_t left = s->account.received - s->consumed;
        if (stale(s, now)) {
            bool sounding = fade && s->account.state == RTA_SEGMENT_PLAYING && c->stage != HOLD && c->envelope > 0;
            if (sounding && left > 0) {
                c->stage = DIE;
                return s;
            }
            drop_rest(c, s, offset);
            if (c->stage == DIE) c->stage = PLAY;
            continue;
        }
        if (left == 0 && s->ended) {
            finish(c, s, offset);
            continue;
        }
        return s;
    }
}

static void flush_done(rta_playout_consumer *c, epoch now, uint64_t offset) {
    segment *s = head_of(c);
    uint32_t by = (now.session != c->flush_taken_session ? RTA_BY_SESSION : 0) |
                  (now.engine != c->flush_taken_engine ? RTA_BY_ENGINE : 0);
    if (!by || (s && stale(s, now))) return;
    emit(c, RTA_EV_FLUSHED, 0, offset, now.session + now.engine, c->flush_dropped, 0, by, 0);
    c->flush_taken_session = now.session;
    c->flush_taken_engine = now.engine;
    c->flush_dropped = 0;
}

static void rewind_to_word(rta_playout_consumer *c, segment *s) {
    uint64_t word = 0;
    bool found = false;
    for (uint32_t i = 0; i < s->words; i++) {
        if (s->word[i] <= s->consumed && (!found || s->word[i] > word)) {
            word = s->word[i];
            found = true;
        }
    }
    if (!found) return;
    uint64_t back = s->consumed - word;
    if (back > c->read - c->low) back = c->read - c->low;
    s->consumed -= back;
    s->account.replayed += back;
    c->replayed += back;
    c->read -= back;
    touch(c, s);
}

static void go_hold(rta_playout_consumer *c, uint64_t offset) {
    segment *s = head_of(c);
    c->stage = HOLD;
    emit(c, RTA_EV_PAUSED, s ? s->account.id : 0, offset, s ? s->consumed : 0, 0, 0, c->paused_by, 0);
}

static void leave_hold(rta_playout_consumer *c, uint64_t offset) {
    segment *s = head_of(c);
    uint64_t before = c->replayed;
    if (c->rewind && s && s->account.state == RTA_SEGMENT_PLAYING) rewind_to_word(c, s);
    c->stage = PLAY;
    emit(c, RTA_EV_RESUMED, s ? s->account.id : 0, offset, s ? s->consumed : 0, c->replayed - before, 0, c->paused_by,
         0);
}

/* Puts out `count` samples of the head with the gains in force; envelope per the stage. */
static void speak(rta_playout_consumer *c, segment *s, float *out, uint64_t offset, uint64_t count) {
    const uint64_t mask = c->capacity - 1;
    const float scale = 1.0f / (float)c->fade;
    uint64_t at = c->read;
    bool falling = c->stage == PARK || c->stage == DIE;
    bool plain =
        !falling && c->envelope == c->fade && steady(&c->volume) && steady(&c->duck_session) && steady(&c->duck_engine);
    float even = c->volume.to * fminf(c->duck_session.to, c->duck_engine.to);
    if (plain) {
        for (uint64_t done = 0; done < count;) {
            uint64_t index = (at + done) & mask, run = c->capacity - index;
            if (run > count - done) run = count - done;
            if (even == 1.0f) memcpy(out + done, c->data + index, run * sizeof(float));
            else
                for (uint64_t i = 0; i < run; i++) out[done + i] = c->data[index + i] * even;
            done += run;
        }
    } else {
        for (uint64_t i = 0; i < count; i++) {
            float gain = gain_at(&c->volume, offset + i) *
                         fminf(gain_at(&c->duck_session, offset + i), gain_at(&c->duck_engine, offset + i));
            if (falling) c->envelope--;
            if (c->envelope < c->fade) gain *= (float)c->envelope * scale;
            if (!falling && c->envelope < c->fade) c->envelope++;
            out[i] = c->data[(at + i) & mask] * gain;
        }
    }
    c->last = out[count - 1];
    c->read += count;
    c->played += count;
    s->consumed += count;
    s->account.played += count;
    if (s->consumed > s->account.high) s->account.high = s->consumed;
    if (c->read > c->high) c->high = c->read;
    touch(c, s);
}

/* Silence, after what is left of a gap's decay. */
static void rest(rta_playout_consumer *c, float *out, uint64_t count) {
    uint64_t decay = c->conceal_left < count ? c->conceal_left : count;
    for (uint64_t i = 0; i < decay; i++) {
        c->conceal_left--;
        out[i] = c->conceal_from * ((float)c->conceal_left / (float)c->fade);
    }
    c->concealed += decay;
    c->silence += count - decay;
    memset(out + decay, 0, (count - decay) * sizeof(float));
    c->last = 0.0f;
}

static void starve(rta_playout_consumer *c, segment *s, uint64_t offset) {
    if (c->starved) return;
    c->starved = true;
    c->underruns++;
    c->conceal_from = c->last;
    c->conceal_left = c->fade;
    c->envelope = 0;
    emit(c, RTA_EV_UNDERRUN, s->account.id, offset, s->consumed, 0, 0, 0, 0);
}

static void mix_background(rta_playout_consumer *c, float *out, uint64_t count) {
    if (!c->background_on && c->background_envelope == 0) return;
    const float *sound = (const float *)((const unsigned char *)c->peer + c->layout.background);
    const float scale = 1.0f / (float)c->fade;
    for (uint64_t i = 0; i < count; i++) {
        if (c->background_on) {
            if (c->background_envelope < c->fade) c->background_envelope++;
        } else if (c->background_envelope == 0 || --c->background_envelope == 0) {
            break;
        }
        out[i] += sound[c->background_at] * ((float)c->background_envelope * scale);
        if (++c->background_at >= c->background_count) c->background_at = 0;
    }
}

static void run_stage(rta_playout_consumer *c, float *out, uint64_t count, epoch now) {
    uint64_t at = 0;
    while (at < count) {
        segment *s = settle_head(c, now, at, true);
        flush_done(c, now, at);
        if (c->stage != DIE) {
            if (c->paused && c->stage == PLAY) {
                bool sounding = s && s->account.state == RTA_SEGMENT_PLAYING && c->envelope > 0 && !c->starved;
                if (sounding) c->stage = PARK;
                else go_hold(c, at);
            } else if (!c->paused && c->stage == HOLD) {
                leave_hold(c, at);
                c->rewind = false;
                continue;
            } else if (!c->paused && c->stage == PARK) {
                c->stage = PLAY;
            }
        }
        if (!c->paused) c->rewind = false;
        uint64_t want = count - at;
        if (c->stage == HOLD || !s) {
            rest(c, out + at, want);
            at = count;
            break;
        }
        uint64_t left = s->account.received - s->consumed;
        if (c->stage == PARK && (s->account.state != RTA_SEGMENT_PLAYING || c->envelope == 0)) {
            go_hold(c, at); /* faded out, or the segment ended on the way */
            continue;
        }
        if (left == 0) {
            if (s->account.state == RTA_SEGMENT_PLAYING) starve(c, s, at);
            if (c->stage == PARK) go_hold(c, at);
            rest(c, out + at, want);
            at = count;
            break;
        }
        if (s->account.state == RTA_SEGMENT_QUEUED) {
            s->account.state = RTA_SEGMENT_PLAYING;
            c->envelope = c->fade;
            emit(c, RTA_EV_SEGMENT_STARTED, s->account.id, at, 0, 0, 0, 0, 0);
        }
        c->starved = false;
        c->conceal_left = 0;
        uint64_t run = left < want ? left : want;
        if ((c->stage == PARK || c->stage == DIE) && run > c->envelope) run = c->envelope;
        speak(c, s, out + at, at, run);
        at += run;
        fire_marks(c, s, at, false);
    }
    segment *s = settle_head(c, now, at, true);
    if (c->stage == PARK && (!s || s->account.state != RTA_SEGMENT_PLAYING || c->envelope == 0)) go_hold(c, at);
    flush_done(c, now, at);
}

/* ---- Publishing */

static void publish(rta_playout_consumer *c, const rta_playout_pull_log *log) {
    rta_playout_engine *own = c->own;
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
                                c->flush_taken_session,
                                c->flush_taken_engine};
    rta_words_store(&own->read, account, sizeof account);
    segment *s = head_of(c);
    uint64_t current = s ? s->account.id : 0;
    bool speaking = s && !c->session_paused && c->stage != DIE && (s->account.received > s->consumed || !s->ended) &&
                    (s->account.received > 0);
    RTA_STORE(own->current, current);
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
    while (head_of(c)) drop_rest(c, head_of(c), 0);
    const rta_playout_session *peer = __atomic_load_n(&c->pending, __ATOMIC_RELAXED);
    reset_account(c);
    bind(c, peer);
    __atomic_store_n(&c->has_pending, false, __ATOMIC_RELEASE);
}

static epoch begin(rta_playout_consumer *c) {
    c->mic_seen = c->mic_position ? RTA_LOAD_ACQ(*c->mic_position) : 0;
    take_pending(c);
    /* Ops first: a segment opened after a flush that this pull does not see is simply of the next pull. */
    if (c->peer) take_ops(c);
    epoch now = take_controls(c);
    if (c->marks_came) { /* perhaps on samples that were played already, or in a segment that is done */
        c->marks_came = false;
        for (uint64_t id = c->next > SEGMENTS ? c->next - SEGMENTS : 1; id < c->next; id++)
            fire_marks(c, segment_of(c, id), 0, segment_of(c, id)->account.state == RTA_SEGMENT_DONE);
    }
    c->seen.ops = c->ops_taken;
    return now;
}

rta_status rta_playout_pull(rta_playout_consumer *c, float *out, uint64_t count, int64_t device_ns, int64_t bound_ns) {
    if (count == 0 || count > MAX_PULL) return RTA_INVALID;
    RTA_RT_ENTER();
    epoch now = begin(c);
    rta_playout_pull_log log = {
        .device_ns = device_ns, .bound_ns = bound_ns, .out = c->out, .count = count, .high_before = c->high};
    rta_journal *journal = __atomic_load_n(&c->journal, __ATOMIC_ACQUIRE);
    if (journal) {
        uint64_t head[4] = {count, (uint64_t)device_ns, (uint64_t)bound_ns, c->mic_seen};
        rta_journal_write(journal, RTA_J_PULL, c->out, head, sizeof head, &c->seen, sizeof c->seen);
    }
    run_stage(c, out, count, now);
    mix_background(c, out, count);
    pass(&c->volume, count);
    pass(&c->duck_session, count);
    pass(&c->duck_engine, count);
    if (c->tap) {
        for (uint64_t at = 0; at < count;) { /* the tap takes at most half its length at once */
            uint64_t run = count - at < c->tap->capacity / 2 ? count - at : c->tap->capacity / 2;
            rta_history_write(c->tap, out + at, run);
            at += run;
        }
    }
    c->out += count;
    c->pulled += count;
    c->pulls++;
    log.high_after = c->high;
    publish(c, &log);
    RTA_RT_LEAVE();
    return RTA_OK;
}

rta_status rta_playout_settle(rta_playout_consumer *c) {
    RTA_RT_ENTER();
    epoch now = begin(c);
    rta_journal *journal = __atomic_load_n(&c->journal, __ATOMIC_ACQUIRE);
    if (journal) rta_journal_write(journal, RTA_J_SETTLE, c->out, &c->seen, sizeof c->seen, NULL, 0);
    settle_head(c, now, 0, false);
    flush_done(c, now, 0);
    publish(c, NULL);
    RTA_RT_LEAVE();
    return RTA_OK;
}
