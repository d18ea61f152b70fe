/* SPDX-License-Identifier: Apache-2.0
 *
 * The output stage of the playout: the state machine PLAY, PARK, HOLD, DIE of playout.h, sample by sample; marks; decay in
 * gaps; background sound.
 */
#include <math.h>
#include <string.h>

#include "playout_parts.h"

/* ---- Marks */

void rta_consumer_fire_marks(rta_playout_consumer *c, segment *s, uint64_t offset, bool whole) {
    for (uint32_t i = 0; i < s->marks; i++) {
        if (s->fired >> i & 1 || !(s->mark_at[i] < s->due || whole)) continue;
        s->fired |= 1u << i;
        uint64_t ago = s->consumed > s->mark_at[i] ? s->consumed - s->mark_at[i] : 0;
        uint64_t most = offset + c->remote.ahead; /* what was ahead had left in pulls before */
        rta_consumer_emit(c, RTA_EV_MARK, s->account.id, offset - (ago < most ? ago : most), s->mark_id[i],
                          s->mark_at[i], 0, 0, 0);
    }
    for (uint32_t i = 0; i < s->sentences; i++) {
        if (s->sentences_played >> i & 1 || !(s->sentence_at[i] <= s->due || whole)) continue;
        s->sentences_played |= 1ull << i;
        c->sentences++;
    }
}

/* ---- The output stage */

void rta_consumer_drop_rest(rta_playout_consumer *c, segment *s, uint64_t offset) {
    uint64_t rest = s->account.received - s->consumed;
    s->consumed += rest;
    s->account.dropped += rest;
    c->dropped += rest;
    c->flush_dropped += rest;
    c->read += rest;
    s->account.state = RTA_SEGMENT_CUT;
    rta_consumer_fire_marks(c, s, offset, false);
    if (!rta_remote_keeps_cut(c, s, offset))
        rta_consumer_emit(c, RTA_EV_CUT, s->account.id, offset, s->account.played, s->account.dropped, s->account.high,
                          0, 0);
    touch(c, s);
    c->head++;
    c->starved = false;
}

static void finish(rta_playout_consumer *c, segment *s, uint64_t offset) {
    s->account.state = RTA_SEGMENT_DONE;
    rta_remote_finish(c, s);
    c->sentences++;
    rta_consumer_fire_marks(c, s, offset, true);
    rta_consumer_emit(c, RTA_EV_SEGMENT_DONE, s->account.id, offset, s->account.played, s->account.replayed,
                      s->account.high, 0, 0);
    touch(c, s);
    c->head++;
    c->starved = false;
}

segment *rta_consumer_settle_head(rta_playout_consumer *c, epoch now, uint64_t offset, bool fade) {
    for (;;) {
        segment *s = head_of(c);
        if (!s) return NULL;
        uint64_t left = s->account.received - s->consumed;
        if (stale(s, now)) {
            bool sounding = fade && !remote_clears(c) && s->account.state == RTA_SEGMENT_PLAYING && c->stage != HOLD &&
                            c->envelope > 0;
            if (sounding && left > 0) {
                c->stage = DIE;
                return s;
            }
            rta_consumer_drop_rest(c, s, offset);
            if (c->stage == DIE) c->stage = PLAY;
            continue;
        }
        if (left == 0 && s->ended && !beyond(c, offset)) {
            finish(c, s, offset);
            continue;
        }
        return s;
    }
}

void rta_consumer_flush_done(rta_playout_consumer *c, epoch now, uint64_t offset) {
    segment *s = head_of(c);
    uint32_t by = (now.session != c->flush_taken_session ? RTA_BY_SESSION : 0) |
                  (now.engine != c->flush_taken_engine ? RTA_BY_ENGINE : 0);
    if (!by || (s && stale(s, now))) return;
    rta_consumer_emit(c, RTA_EV_FLUSHED, 0, offset, now.session + now.engine, c->flush_dropped, 0, by, 0);
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
    if (remote_clears(c)) c->envelope = 0; /* the remote has faded out */
    rta_consumer_emit(c, RTA_EV_PAUSED, s ? s->account.id : 0, offset, s ? s->consumed : 0, 0, 0, c->paused_by, 0);
}

static void leave_hold(rta_playout_consumer *c, uint64_t offset) {
    segment *s = head_of(c);
    uint64_t before = c->replayed;
    if (s) rta_remote_go_back(c, s);
    if (c->rewind && s && s->account.state == RTA_SEGMENT_PLAYING) rewind_to_word(c, s);
    c->stage = PLAY;
    rta_consumer_emit(c, RTA_EV_RESUMED, s ? s->account.id : 0, offset, s ? s->consumed : 0, c->replayed - before, 0,
                      c->paused_by, 0);
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
    if (c->read > c->high) c->high = c->read;
    rta_remote_spoken(c, s, offset + count, count);
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
    rta_consumer_emit(c, RTA_EV_UNDERRUN, s->account.id, offset, s->consumed, 0, 0, 0, 0);
}

void rta_consumer_mix_background(rta_playout_consumer *c, float *out, uint64_t count) {
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

void rta_consumer_run_stage(rta_playout_consumer *c, float *out, uint64_t begin, uint64_t end, epoch now) {
    uint64_t at = begin;
    while (at < end) {
        segment *s = rta_consumer_settle_head(c, now, at, true);
        rta_consumer_flush_done(c, now, at);
        if (c->stage != DIE) {
            if (c->paused && c->stage == PLAY) {
                bool sounding =
                    s && !remote_clears(c) && s->account.state == RTA_SEGMENT_PLAYING && c->envelope > 0 && !c->starved;
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
        uint64_t want = end - at;
        if (c->stage == HOLD || !s) {
            rest(c, out + at, want);
            at = end;
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
            at = end;
            break;
        }
        if (s->account.state == RTA_SEGMENT_QUEUED) {
            s->account.state = RTA_SEGMENT_PLAYING;
            c->envelope = c->fade;
            rta_consumer_emit(c, RTA_EV_SEGMENT_STARTED, s->account.id, at, 0, 0, 0, 0, 0);
        }
        c->starved = false;
        c->conceal_left = 0;
        uint64_t run = left < want ? left : want;
        if ((c->stage == PARK || c->stage == DIE) && run > c->envelope) run = c->envelope;
        speak(c, s, out + at, at, run);
        at += run;
        rta_consumer_fire_marks(c, s, at, false);
    }
    segment *s = rta_consumer_settle_head(c, now, at, true);
    if (c->stage == PARK && (!s || s->account.state != RTA_SEGMENT_PLAYING || c->envelope == 0)) go_hold(c, at);
    rta_consumer_flush_done(c, now, at);
}
