/* SPDX-License-Identifier: Apache-2.0
 *
 * The playout's writer: opens segments, moves samples and ops into the rings, remembers what it wrote, and reads the
 * account back. One thread at a time; off the audio path.
 */
#include "playout_shared.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "platform.h"

typedef struct text_entry {
    uint64_t sample;
    uint32_t offset;
} text_entry;

typedef struct remembered {
    uint64_t id, epoch_session, epoch_engine, begin, written, refused, heard_now;
    uint32_t marks, sentences, text_count, text_room;
    bool ended, placed, final; /* placed: begin is known; final: `last` is the consumer's closed account */
    rta_playout_slot last;
    text_entry *text; /* sorted by sample */
} remembered;

struct rta_playout_writer {
    rta_playout_config config;
    rta_playout_session *own;
    const rta_playout_engine *peer;
    rta_ring_writer ops, samples;
    rta_ring_consumer nobody; /* stands in for the consumer's counters until it has taken this writer over */
    bool bound;
    rta_playout_layout layout;
    uint64_t next, position; /* next id; samples written */
    uint64_t first_open;     /* the first segment that has not ended */
    uint64_t written, refused, background_loads, ops_pushed;
    rta_journal *journal;
    remembered segments[RTA_PLAYOUT_REMEMBERED];
};

rta_status rta_playout_writer_create(rta_playout_writer **out, const rta_playout_config *config,
                                     rta_playout_session *own, const rta_playout_engine *peer) {
    if (rta_playout_config_check(config, NULL) != RTA_OK) return RTA_INVALID;
    rta_playout_writer *w = calloc(1, sizeof *w);
    if (!w) return RTA_NOMEM;
    w->config = *config;
    w->own = own;
    w->peer = peer;
    w->layout = rta_playout_layout_of(config);
    w->next = w->first_open = 1;
    unsigned char *base = (unsigned char *)own;
    RTA_STORE(own->controls.duck, rta_pack_gain(1.0f, 0));
    RTA_STORE(own->controls.volume, rta_pack_gain(1.0f, 0));
    rta_ring_writer_init(&w->ops, &own->ops, &w->nobody, base + w->layout.ops, RTA_PLAYOUT_OPS, sizeof(rta_op),
                         RTA_RING_REJECT);
    rta_ring_writer_init(&w->samples, &own->samples, &w->nobody, base + w->layout.samples, rta_playout_capacity(config),
                         sizeof(float), RTA_RING_REJECT);
    RTA_STORE_REL(own->token, (uint64_t)rta_clock_ns() ^ (uint64_t)(uintptr_t)w << 20 ^ 1);
    *out = w;
    return RTA_OK;
}

/* What stands in the engine's part is about this writer only once the consumer says so: a successor attaches while the
 * account is still that of the one before. */
static bool bound(rta_playout_writer *w) {
    if (!w->bound && RTA_LOAD_ACQ(w->peer->bound) == RTA_LOAD(w->own->token)) {
        w->ops.peer = &w->peer->ops;
        w->samples.peer = &w->peer->samples;
        w->bound = true;
    }
    return w->bound;
}

void rta_playout_writer_destroy(rta_playout_writer *w) {
    if (!w) return;
    for (int i = 0; i < RTA_PLAYOUT_REMEMBERED; i++) free(w->segments[i].text);
    free(w);
}

void rta_playout_writer_journal(rta_playout_writer *w, rta_journal *journal) { w->journal = journal; }

static remembered *recall(const rta_playout_writer *w, uint64_t id) {
    if (id == 0 || id >= w->next) return NULL;
    const remembered *s = &w->segments[id % RTA_PLAYOUT_REMEMBERED];
    return s->id == id ? (remembered *)s : NULL;
}

static bool cut(const rta_playout_writer *w, const remembered *s) {
    return s->epoch_session < __atomic_load_n(&w->own->controls.flush, __ATOMIC_SEQ_CST) ||
           s->epoch_engine < __atomic_load_n(&w->peer->controls.flush, __ATOMIC_SEQ_CST);
}

bool rta_playout_is_cut(const rta_playout_writer *w, uint64_t segment) {
    const remembered *s = recall(w, segment);
    if (!s) return false;
    if (s->final) return s->last.state == RTA_SEGMENT_CUT;
    const rta_playout_slot *slot = &w->peer->slots[segment % RTA_PLAYOUT_SEGMENTS];
    bool done = w->bound && RTA_LOAD(slot->id) == segment && RTA_LOAD(slot->state) == RTA_SEGMENT_DONE;
    return !done && cut(w, s);
}

/* ---- Reading the consumer's account */

/* A consistent copy of the account (without slots and log), of one slot, and if wanted of the pull log. */
static rta_status read_account(rta_playout_writer *w, rta_playout_engine *account, uint64_t id, rta_playout_slot *slot,
                               bool log) {
    const rta_playout_engine *peer = w->peer;
    if (!bound(w)) {
        memset(account, 0, sizeof *account);
        if (slot) memset(slot, 0, sizeof *slot);
        return RTA_OK;
    }
    const size_t from = offsetof(rta_playout_engine, read), to = offsetof(rta_playout_engine, slots);
    for (int tries = 0; tries < 200000; tries++) {
        uint32_t before = RTA_LOAD_ACQ(peer->seq);
        if (!(before & 1)) {
            account->paused = RTA_LOAD(peer->paused);
            rta_words_load((char *)account + from, (const char *)peer + from, to - from);
            if (slot) rta_words_load(slot, &peer->slots[id % RTA_PLAYOUT_SEGMENTS], sizeof *slot);
            if (log) rta_words_load(account->pull_log, peer->pull_log, sizeof peer->pull_log);
            if (rta_seq_same(&peer->seq, before)) return RTA_OK;
        }
        if (tries > 100) rta_sleep_until_ns(rta_clock_ns() + 10000); /* the publisher has been put to sleep */
    }
    return RTA_TIMEOUT;
}

/* Keeps the closed account of a segment whose slot is about to be used again. */
static bool close_account(rta_playout_writer *w, remembered *s) {
    if (s->final) return true;
    rta_playout_engine account;
    rta_playout_slot slot;
    if (read_account(w, &account, s->id, &slot, false) != RTA_OK || slot.id != s->id) return false;
    if (slot.state != RTA_SEGMENT_DONE && slot.state != RTA_SEGMENT_CUT) return false;
    if (slot.received != s->written || !s->ended) return false;
    s->last = slot;
    s->final = true;
    return true;
}

/* ---- Writing */

static bool push_op(rta_playout_writer *w, const rta_op *op, const float *samples) {
    bound(w);
    if (rta_ring_push(&w->ops, op, 1) != RTA_OK) return false;
    w->ops_pushed++;
    if (w->journal)
        rta_journal_write(w->journal, RTA_J_OP, w->ops_pushed, op, sizeof *op, samples,
                          samples ? op->a * sizeof(float) : 0);
    return true;
}

static void publish(rta_playout_writer *w) {
    rta_seq_begin(&w->own->seq);
    RTA_STORE(w->own->written, w->written);
    RTA_STORE(w->own->refused, w->refused);
    RTA_STORE(w->own->opened, w->next - 1);
    rta_seq_end(&w->own->seq);
}

static bool end_op(rta_playout_writer *w, remembered *s) {
    if (s->ended) return true;
    rta_op op = {.segment = s->id, .kind = RTA_OP_END};
    if (!push_op(w, &op, NULL)) return false;
    s->ended = true;
    return true;
}

/* Ends cut segments at the front, so that those behind them may take samples. */
static bool end_what_was_cut(rta_playout_writer *w) {
    while (w->first_open < w->next) {
        remembered *s = recall(w, w->first_open);
        if (s && !s->ended && !(cut(w, s) && end_op(w, s))) return s->ended;
        w->first_open++;
    }
    return true;
}

rta_status rta_playout_open(rta_playout_writer *w, rta_barge_policy policy, uint64_t *segment) {
    if ((uint32_t)policy > RTA_POLICY_OFF) return RTA_INVALID;
    end_what_was_cut(w);
    if (w->next > RTA_PLAYOUT_SEGMENTS) {
        remembered *before = recall(w, w->next - RTA_PLAYOUT_SEGMENTS);
        if (before && !close_account(w, before)) return RTA_FULL;
    }
    rta_op op = {.segment = w->next,
                 .kind = RTA_OP_OPEN,
                 .policy = policy,
                 .a = __atomic_load_n(&w->own->controls.flush, __ATOMIC_SEQ_CST),
                 .b = __atomic_load_n(&w->peer->controls.flush, __ATOMIC_SEQ_CST)};
    if (!push_op(w, &op, NULL)) return RTA_FULL;
    remembered *s = &w->segments[w->next % RTA_PLAYOUT_REMEMBERED];
    free(s->text);
    *s = (remembered){.id = w->next, .epoch_session = op.a, .epoch_engine = op.b, .begin = w->position};
    *segment = w->next++;
    publish(w);
    return RTA_OK;
}

uint64_t rta_playout_room(rta_playout_writer *w) {
    uint64_t read = bound(w) ? RTA_LOAD(w->peer->read) : 0;
    uint64_t room = rta_ring_room(&w->samples), queued = w->position - read;
    uint64_t most = queued < w->config.queue_samples ? w->config.queue_samples - queued : 0;
    if (rta_ring_room(&w->ops) < 2) return 0;
    return room < most ? room : most;
}

static rta_status refuse(rta_playout_writer *w, remembered *s, uint64_t count) {
    s->refused += count;
    w->refused += count;
    end_op(w, s);
    publish(w);
    return RTA_CUT;
}

rta_status rta_playout_write(rta_playout_writer *w, uint64_t segment, const float *samples, uint64_t count,
                             uint64_t *accepted) {
    *accepted = 0;
    remembered *s = recall(w, segment);
    if (!s) return RTA_LOST;
    if (s->final ? s->last.state == RTA_SEGMENT_CUT : cut(w, s)) return refuse(w, s, count);
    if (s->ended) return RTA_CLOSED;
    end_what_was_cut(w);
    if (s->ended) return refuse(w, s, count); /* a flush came just now */
    if (w->first_open != segment) return RTA_ORDER;
    for (uint64_t i = 0; i < count; i++)
        if (!isfinite(samples[i])) return RTA_INVALID;
    if (count == 0) return RTA_OK;
    uint64_t room = rta_playout_room(w), take = count < room ? count : room;
    rta_ring_span span;
    if (take == 0 || rta_ring_reserve(&w->samples, take, &span) != RTA_OK) return RTA_FULL;
    memcpy(span.first, samples, span.first_count * sizeof(float));
    if (span.second_count) memcpy(span.second, samples + span.first_count, span.second_count * sizeof(float));
    rta_ring_commit(&w->samples, take);
    rta_op op = {.segment = segment, .a = take, .kind = RTA_OP_WRITE};
    push_op(w, &op, samples); /* rta_playout_room() left place for it */
    if (!s->placed) s->begin = w->position;
    s->placed = true;
    s->written += take;
    w->position += take;
    w->written += take;
    publish(w);
    *accepted = take;
    return RTA_OK;
}

rta_status rta_playout_end(rta_playout_writer *w, uint64_t segment) {
    remembered *s = recall(w, segment);
    if (!s) return RTA_LOST;
    if (!s->final && cut(w, s)) return refuse(w, s, 0);
    if (s->ended) return RTA_OK;
    if (!end_op(w, s)) return RTA_FULL;
    end_what_was_cut(w);
    while (w->first_open < w->next && recall(w, w->first_open)->ended) w->first_open++;
    return RTA_OK;
}

/* ---- Text and marks */

rta_status rta_playout_add_text(rta_playout_writer *w, uint64_t segment, uint64_t sample, uint32_t text_offset,
                                bool word_start) {
    remembered *s = recall(w, segment);
    if (!s) return RTA_LOST;
    if (s->text_count == RTA_PLAYOUT_WORDS) return RTA_FULL;
    if (s->text_count == s->text_room) {
        uint32_t room = s->text_room ? s->text_room * 2 : 64;
        text_entry *text = realloc(s->text, room * sizeof *text);
        if (!text) return RTA_NOMEM;
        s->text = text;
        s->text_room = room;
    }
    if (word_start && !s->final) {
        rta_op op = {.segment = segment, .a = sample, .kind = RTA_OP_WORD};
        if (!push_op(w, &op, NULL)) return RTA_FULL;
    }
    uint32_t at = s->text_count++;
    for (; at > 0 && s->text[at - 1].sample > sample; at--) s->text[at] = s->text[at - 1];
    s->text[at] = (text_entry){sample, text_offset};
    return RTA_OK;
}

rta_status rta_playout_text_offset(const rta_playout_writer *w, uint64_t segment, uint64_t sample, uint32_t *offset) {
    const remembered *s = recall(w, segment);
    if (!s) return RTA_LOST;
    *offset = 0;
    for (uint32_t i = 0; i < s->text_count && s->text[i].sample <= sample; i++) *offset = s->text[i].offset;
    return RTA_OK;
}

rta_status rta_playout_add_mark(rta_playout_writer *w, uint64_t segment, uint64_t sample, uint64_t mark) {
    remembered *s = recall(w, segment);
    if (!s || s->final) return RTA_LOST;
    if (s->marks == RTA_PLAYOUT_MARKS) return RTA_FULL;
    rta_op op = {.segment = segment, .a = sample, .b = mark, .kind = RTA_OP_MARK};
    if (!push_op(w, &op, NULL)) return RTA_FULL;
    s->marks++;
    return RTA_OK;
}

rta_status rta_playout_add_sentence_end(rta_playout_writer *w, uint64_t segment, uint64_t sample) {
    remembered *s = recall(w, segment);
    if (!s || s->final) return RTA_LOST;
    if (s->sentences == RTA_PLAYOUT_SENTENCES) return RTA_FULL;
    rta_op op = {.segment = segment, .a = sample, .kind = RTA_OP_SENTENCE};
    if (!push_op(w, &op, NULL)) return RTA_FULL;
    s->sentences++;
    return RTA_OK;
}

rta_status rta_playout_background(rta_playout_writer *w, const float *samples, uint64_t count) {
    if (count > w->config.background_samples || count > 0xffffffffu) return RTA_INVALID;
    uint64_t word = RTA_LOAD(w->own->controls.background);
    if (word & 1) { /* first off, then, once the consumer says so, the new one */
        RTA_STORE_REL(w->own->controls.background, word & ~1ull);
        word &= ~1ull;
    }
    if (count == 0) return RTA_OK;
    bool consumed = RTA_LOAD_ACQ(w->peer->attached) || RTA_LOAD(w->peer->pulls);
    if (consumed && word && RTA_LOAD_ACQ(w->peer->background_taken) != word) return RTA_BUSY;
    for (uint64_t i = 0; i < count; i++)
        if (!isfinite(samples[i])) return RTA_INVALID;
    memcpy((unsigned char *)w->own + w->layout.background, samples, count * sizeof(float));
    if (w->journal)
        rta_journal_write(w->journal, RTA_J_BACKGROUND, w->ops_pushed, samples, count * sizeof(float), NULL, 0);
    w->background_loads++;
    RTA_STORE_REL(w->own->controls.background, w->background_loads << 33 | count << 1 | 1);
    return RTA_OK;
}

/* ---- Account */

bool rta_playout_flush_done(const rta_playout_writer *w, uint64_t ticket) {
    return RTA_LOAD_ACQ(w->peer->bound) == RTA_LOAD(w->own->token) &&
           RTA_LOAD_ACQ(w->peer->flush_taken_session) >= ticket;
}

uint64_t rta_playout_cut_by(rta_playout_writer *w, uint64_t ticket, uint64_t before) {
    for (uint64_t id = before ? before - 1 : w->next - 1; id > 0; id--) {
        const remembered *s = recall(w, id);
        if (!s || s->epoch_session + 1 < ticket) return 0;
        rta_playout_ledger ledger;
        if (s->epoch_session + 1 != ticket || rta_playout_snapshot(w, id, &ledger) != RTA_OK) continue;
        if (ledger.state == RTA_SEGMENT_CUT) return id;
    }
    return 0;
}

rta_status rta_playout_snapshot(rta_playout_writer *w, uint64_t segment, rta_playout_ledger *ledger) {
    rta_playout_engine account;
    rta_playout_slot slot;
    memset(ledger, 0, sizeof *ledger);
    rta_status status = read_account(w, &account, segment, &slot, false);
    if (status != RTA_OK) return status;
    ledger->segment = segment;
    ledger->paused = account.paused;
    if (segment == 0) {
        ledger->written = w->written;
        ledger->refused = w->refused;
        ledger->queued = w->position - account.read;
        ledger->played = account.played;
        ledger->dropped = account.dropped;
        ledger->replayed = account.replayed;
        ledger->high = account.high;
        ledger->silence = account.silence;
        ledger->concealed = account.concealed;
        ledger->pulled = account.pulled;
        ledger->underruns = account.underruns;
        ledger->faults = account.faults;
        ledger->recalled = account.recalled;
        ledger->ahead = account.ahead;
        return RTA_OK;
    }
    const remembered *s = recall(w, segment);
    if (!s) return RTA_LOST;
    const rta_playout_slot *seen = s->final ? &s->last : slot.id == segment ? &slot : NULL;
    uint64_t end = s->begin + s->written, from = s->begin > account.read ? s->begin : account.read;
    ledger->written = s->written;
    ledger->refused = s->refused;
    ledger->queued = end > from ? end - from : 0;
    if (seen) {
        ledger->played = seen->played;
        ledger->dropped = seen->dropped;
        ledger->replayed = seen->replayed;
        ledger->high = seen->high;
        ledger->recalled = seen->recalled;
        ledger->state = seen->state;
    } else {
        ledger->state = RTA_SEGMENT_QUEUED;
    }
    return RTA_OK;
}

rta_status rta_playout_device_time(rta_playout_writer *w, uint64_t out, int64_t *device_ns, int64_t *bound_ns) {
    rta_playout_engine account;
    rta_status status = read_account(w, &account, 0, NULL, true);
    if (status != RTA_OK) return status;
    uint64_t logs = account.pull_log_count < RTA_PLAYOUT_PULLS ? account.pull_log_count : RTA_PLAYOUT_PULLS;
    for (uint64_t i = 1; i <= logs; i++) {
        const rta_playout_pull_log *log = &account.pull_log[(account.pull_log_count - i) % RTA_PLAYOUT_PULLS];
        if (out < log->out) continue;
        if (out >= log->out + log->count) {
            if (i > 1) return RTA_LOST; /* recalled: what came next took its time */
            if (out - log->out - log->count >= account.ahead) return RTA_EMPTY;
        }
        *device_ns = log->device_ns + (int64_t)((double)(out - log->out) * 1e9 / (double)w->config.rate);
        *bound_ns = log->bound_ns;
        return RTA_OK;
    }
    return logs ? RTA_LOST : RTA_EMPTY;
}

rta_status rta_playout_heard(rta_playout_writer *w, uint64_t segment, int64_t now_ns, rta_playout_heard_at *heard) {
    rta_playout_engine account;
    rta_playout_slot slot;
    remembered *s = recall(w, segment);
    if (!s) return RTA_LOST;
    rta_status status = read_account(w, &account, segment, &slot, true);
    if (status != RTA_OK) return status;
    const rta_playout_slot *seen = s->final ? &s->last : slot.id == segment ? &slot : NULL;
    memset(heard, 0, sizeof *heard);
    if (!seen) return RTA_OK;
    heard->final = seen->high;
    if (account.remote >= RTA_REMOTE_CLEARS) {
        heard->now = seen->high;
        heard->bound = seen->bound;
        return RTA_OK;
    }
    const double rate = (double)w->config.rate;
    uint64_t logs = account.pull_log_count < RTA_PLAYOUT_PULLS ? account.pull_log_count : RTA_PLAYOUT_PULLS;
    uint64_t position = 0; /* furthest position out of the loudspeaker at now_ns */
    for (uint64_t i = 1; i <= logs; i++) {
        const rta_playout_pull_log *log = &account.pull_log[(account.pull_log_count - i) % RTA_PLAYOUT_PULLS];
        position = log->high_before;
        heard->bound = (uint64_t)ceil((double)log->bound_ns * 1e-9 * rate) + 1;
        if (log->device_ns > now_ns) continue;
        double elapsed = (double)(now_ns - log->device_ns) * 1e-9 * rate;
        uint64_t gained = log->high_after - log->high_before;
        uint64_t out = elapsed >= (double)log->count ? log->count : (uint64_t)elapsed;
        if (gained == log->count) position += out;
        else { /* part of this pull was silence or a replay: speech may stand anywhere in it */
            position += out < gained ? out : gained;
            if (out < log->count) heard->bound += log->count - gained;
        }
        break;
    }
    uint64_t now = position > seen->begin ? position - seen->begin : 0;
    if (now > seen->high) now = seen->high;
    if (now > s->heard_now) s->heard_now = now;
    heard->now = s->heard_now;
    return RTA_OK;
}
