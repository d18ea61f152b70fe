/* SPDX-License-Identifier: Apache-2.0
 *
 * playout_parts.h: private to the playout's consumer: what its four files share. playout_consumer.c holds roles, controls
 * and publishing, playout_ops.c takes what the writer sends, playout_stage.c is the output stage drawn in playout.h,
 * playout_remote.c knows what a remote holds.
 */
#ifndef RTA_PLAYOUT_PARTS_H
#define RTA_PLAYOUT_PARTS_H

#include "event.h"
#include "playout_shared.h"

enum {
    SEGMENTS = RTA_PLAYOUT_SEGMENTS,
    MARKS = RTA_PLAYOUT_MARKS,
    SENTENCES = RTA_PLAYOUT_SENTENCES,
    WORDS = RTA_PLAYOUT_CONSUMER_WORDS
};
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
    uint64_t due;      /* furthest sample whose time has come: the highest `consumed` without what is ahead */
    bool ended;
    uint32_t words, marks, fired;
    uint64_t word[WORDS];
    uint64_t mark_at[MARKS], mark_id[MARKS];
    uint32_t sentences; /* ends that are known, and in bits which of them were played */
    uint64_t sentences_played;
    uint64_t sentence_at[SENTENCES];
} segment;

/* A gain that moves linearly from one value to another over a number of output samples; value by position, not by
 * accumulation, so that how pulls are cut cannot matter. */
typedef struct ramp {
    float from, to;
    uint64_t at, length;
    uint64_t word; /* control word it came from */
} ramp;

/* A stretch of speech as it went out: what of it a clear took back is cut off once that is known. */
typedef struct run {
    uint64_t out, position, count;
} run;

/* What is beyond the consumer; see playout_remote.c. */
typedef struct remote {
    rta_remote kind;
    uint64_t ahead; /* samples put out whose time had not come when this pull began: the latest of the head */
    uint64_t due;   /* of this pull; what it puts out beyond `due - ahead` is ahead of its time */
    uint64_t spoken_end; /* out position behind the last sample of speech put out */
    uint64_t acknowledged, acknowledged_position; /* by reports: out position, and the sample that is */
    uint64_t flush_seen_session, flush_seen_engine;
    uint64_t clears; /* ever told */
    struct {         /* the last of them */
        bool open;   /* its answer is awaited */
        uint64_t out, due_out, position_end, segment, waited;
        uint64_t guess; /* it was never answered: by how many samples where it stopped may be wrong */
        uint64_t back; /* samples before position_end that the remote threw away; what a resume has to go back */
    } clear;
    struct { /* CUT that waits for that answer */
        bool waits;
        uint64_t segment, out;
    } cut;
    uint64_t run_count; /* ever begun; run i in i % RTA_PLAYOUT_RUNS */
    run runs[RTA_PLAYOUT_RUNS];
} remote;

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
    uint64_t recalled, due_high; /* due_high: furthest position whose time has come */
    uint64_t flush_taken_session, flush_taken_engine, pull_log_count;
    uint64_t flush_told_session, flush_told_engine; /* the same, once no cut waits for a remote */
    uint64_t out; /* samples put out since the consumer was made; the tap's clock */
    uint64_t sentences; /* ends played since the consumer was made */
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

    remote remote;

    /* background sound */
    uint64_t background_word, background_at, background_count, background_envelope;
    bool background_on;
};

static inline segment *segment_of(rta_playout_consumer *c, uint64_t id) { return &c->segments[id % SEGMENTS]; }

static inline void touch(rta_playout_consumer *c, const segment *s) { c->dirty |= 1ull << (s->account.id % SEGMENTS); }

static inline bool stale(const segment *s, epoch now) {
    return s->epoch.session < now.session || s->epoch.engine < now.engine;
}

static inline segment *head_of(rta_playout_consumer *c) { return c->head < c->next ? segment_of(c, c->head) : NULL; }

static inline float gain_at(const ramp *r, uint64_t offset) {
    uint64_t at = r->at + offset;
    return at >= r->length ? r->to : r->from + (r->to - r->from) * ((float)at / (float)r->length);
}

static inline bool steady(const ramp *r) { return r->at >= r->length; }

static inline bool remote_clears(const rta_playout_consumer *c) { return c->remote.kind >= RTA_REMOTE_CLEARS; }

/* Samples that are ahead of their time once `offset` were put out in this pull. */
static inline uint64_t beyond(const rta_playout_consumer *c, uint64_t offset) {
    const uint64_t sent = c->remote.ahead + offset;
    return sent > c->remote.due ? sent - c->remote.due : 0;
}

/* Audio path, all of them. */
void rta_consumer_emit(rta_playout_consumer *c, uint32_t kind, uint64_t id, uint64_t offset, uint64_t a, uint64_t b,
                       uint64_t high, uint32_t flags, float value);
void rta_consumer_take_ops(rta_playout_consumer *c);
/* Fires what has been played, marks and sentence ends; whole: the segment is done, so also those at its end. */
void rta_consumer_fire_marks(rta_playout_consumer *c, segment *s, uint64_t offset, bool whole);
/* Drops what is left of the head, which is cut. */
void rta_consumer_drop_rest(rta_playout_consumer *c, segment *s, uint64_t offset);
/* Brings the head to a segment that has something to say or to wait for; drops what is stale and cannot sound. */
segment *rta_consumer_settle_head(rta_playout_consumer *c, epoch now, uint64_t offset, bool fade);
void rta_consumer_flush_done(rta_playout_consumer *c, epoch now, uint64_t offset);
/* The output stage for samples [begin, end) of a pull, and the background under all of it. */
void rta_consumer_run_stage(rta_playout_consumer *c, float *out, uint64_t begin, uint64_t end, epoch now);
void rta_consumer_mix_background(rta_playout_consumer *c, float *out, uint64_t count);

/* What has just been spoken: `count` samples of the head that end at `offset` of the pull. */
void rta_remote_spoken(rta_playout_consumer *c, segment *s, uint64_t offset, uint64_t count);
/* The time of what the head has put out has come, but for what is beyond at `offset`. */
void rta_remote_fall_due(rta_playout_consumer *c, segment *s, uint64_t offset);
/* Before a pull runs: tells a remote to clear where the control words of this pull ask for it, and ends a wait that took
 * too long. */
void rta_remote_take(rta_playout_consumer *c, epoch now);
/* The answer to the open clear is taken to be what had fallen due. */
void rta_remote_settle(rta_playout_consumer *c);
/* What it holds is of a writer that is gone. */
void rta_remote_abandon(rta_playout_consumer *c);
/* Is the CUT of this segment to wait for the remote? It is told then. */
bool rta_remote_keeps_cut(rta_playout_consumer *c, const segment *s, uint64_t offset);
/* On a resume: goes back to the first sample the remote threw away. */
void rta_remote_go_back(rta_playout_consumer *c, segment *s);
/* All of the segment is due. */
void rta_remote_finish(rta_playout_consumer *c, segment *s);
/* A new writer: positions begin again. */
void rta_remote_forget(rta_playout_consumer *c);

#endif
