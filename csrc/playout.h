/* SPDX-License-Identifier: Apache-2.0
 *
 * playout.h: what the agent says, from the writer (session side) to the consumer (sound card callback, engine tick,
 * simulation). Laws 1, 2, 3 live here.
 *
 *      session side                      shared, no pointers                    engine side
 *   writer ── ops, samples ──►  op ring (SPSC)  sample ring (SPSC)  ──►  consumer: pull(n) ──► tap, device
 *   controls ── words ───────►  flush, pause, duck, gain (both sides have a set)  ──►
 *   snapshot ◄───────────────  ledger, slots, pull log (written by the consumer)  ◄──
 *
 * Everything the writer does is an *op* in a bounded queue (open, write, end, word, mark), taken by the consumer in
 * order at the start of a pull. The consumer keeps its own tables, checks every op, and believes no counter of the
 * other side: a wrong op is reported (RTA_EV_SESSION_FAULT), counted, and skipped. A pull is therefore a function of
 * (ops taken, control words seen, n): that is what the journal records (law 5), and why a pull is wait-free.
 *
 * Coordinates. `position` counts samples accepted into the sample ring (port rate). A segment is a contiguous range
 * [begin, begin + written). Segments play in the order in which they were opened; a later one takes samples only once
 * the earlier ones are ended (RTA_ORDER).
 *
 * Flush (law 2). flush() adds one to the caller's side's flush word. A segment carries both words as they were when it
 * was opened (its epoch); it is stale once either has grown. So a flush needs no position: the consumer fades
 * what is sounding within fade_samples, drops every sample of stale segments, whenever it arrives, and the writer is
 * refused with RTA_CUT from the moment of the flush. A segment opened after the flush is never touched by it.
 *
 * The output stage is one state machine with an integer envelope e in 0..F (F = fade_samples = 5 ms):
 *
 *   state     each pull, per run of samples                                        leaves to
 *   PLAY      put out at gain e/F (e rises to F); at e = F and gain 1 bit for bit   DIE on stale; PARK on pause
 *   PARK      e falls to 0, samples put out count as played                         HOLD at e = 0; PLAY on resume
 *   HOLD      silence; position stands                                              PLAY on resume (rewind applied first)
 *   DIE       e falls to 0, samples put out count as played                         drop the stale rest, CUT; then PLAY or HOLD
 *   Paused means: either side's pause word says so. A stale segment in HOLD is dropped without a sound.
 *   Nothing to play: silence. Inside an open segment that has begun: an underrun: the last value decays over F samples
 *   (counted `concealed`), an event once, and the next samples fade in from e = 0.
 *
 * Gains multiply: volume (session) x min(duck of the session, duck of the engine) x envelope; each ramps linearly in
 * amplitude per sample, so how pulls are cut never changes the output (law 6). Background sound is mixed under
 * speech, is not ducked, paused or flushed, and appears in the reference tap.
 *
 * Counters. Port and segment: written (by the writer) + replayed = played + queued + dropped (law 1), in every snapshot;
 * queued comes from the positions of the two ring ends, not from the counters. Output: pulled = played + silence +
 * concealed. heard: what fell due is logged with its device time (see rta_playout_heard).
 *
 * A remote that holds audio (a browser, a telephone gateway) is fed by rta_playout_pull_ahead(): `due` samples fall due in
 * each call; while the segment at the head has samples queued, up to `lead` more are put out ahead of their time, so that
 * a sender that stalls for less is not heard. Silence is never put out ahead, nor a segment before the one before it has
 * ended in time: the first word leaves at once, and what is ahead is always the latest samples of the head. What is said
 * of time (marks, SEGMENT_DONE, sentence ends, `speaking`, the log) goes by what has fallen due, not by what left.
 *
 *   remote    flush                                      pause                              duck
 *   NONE      as drawn above; nothing is put out ahead   as above                           as above
 *   PLAYS     what is ahead is played, then as above     the same                           at what leaves next
 *   CLEARS    CLEAR; the rest is dropped without a fade  CLEAR; resume goes on with the     at what leaves next
 *             (the remote fades within 5 ms)             first sample the remote threw away
 *   DUCKS     as CLEARS                                  as CLEARS                          DUCKED says from which sample on
 *                                                                                           the new gain is in what leaves
 * CLEAR k at out position P says: throw away what you hold of before P. The remote answers with the position p at which
 * it stopped (rta_playout_remote_report). Until it does, at most RTA_REMOTE_WAIT_MS, the CUT of what was playing waits, so
 * that what it says of `high` is what was heard at the remote; without an answer p is what had fallen due, and the bound
 * is the lead. Nothing else waits: what was opened after a flush plays at once, and a resume takes what is known.
 * What lies between p and P was played and taken back: it counts as `recalled`, once p is known; after a pause it
 * is played again, and counts as replayed. So law 1 stands as it is, and played - recalled was heard at the remote.
 * `high` of a segment is the furthest sample beyond recall: put out (NONE, PLAYS); acknowledged by the remote's
 * reports, and at its end all of it (CLEARS, DUCKS). It never falls. `bound` says how much further the truth may be.
 */
#ifndef RTA_PLAYOUT_H
#define RTA_PLAYOUT_H

#include "base.h"
#include "history.h"
#include "journal.h"
#include "ring.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    RTA_PLAYOUT_SEGMENTS = 64,   /* live at once (opened, not yet done or cut); opening one more gives RTA_FULL */
    RTA_PLAYOUT_OPS = 8192,      /* ops in flight */
    RTA_PLAYOUT_PULLS = 128,     /* length of the pull log */
    RTA_PLAYOUT_WORDS = 4096,    /* text entries per segment (session side); RTA_FULL beyond */
    RTA_PLAYOUT_CONSUMER_WORDS = 512, /* word starts per segment that a rewind can go to; later ones are not kept */
    RTA_PLAYOUT_MARKS = 32,      /* marks per segment; RTA_FULL beyond */
    RTA_PLAYOUT_SENTENCES = 64,  /* sentence ends per segment; RTA_FULL beyond */
    RTA_PLAYOUT_REMEMBERED = 256, /* segments whose account the writer can still give */
    RTA_PLAYOUT_RUNS = 256, /* stretches of speech put out that a remote's report can be about */
    RTA_REMOTE_WAIT_MS = 500, /* how long a remote has to say where a clear has stopped it */
};

typedef enum rta_remote { /* what stands beyond the consumer */
                          RTA_REMOTE_NONE = 0, /* nothing that holds audio, beyond a fixed latency */
                          RTA_REMOTE_PLAYS = 1, /* plays what it was sent */
                          RTA_REMOTE_CLEARS = 2, /* throws away what it holds when told, and reports what it played */
                          RTA_REMOTE_DUCKS = 3, /* besides, changes the gain of what it holds when told */
} rta_remote;

typedef struct rta_playout_config {
    uint32_t rate;               /* 8000..192000 */
    uint64_t queue_samples;      /* bound on what may be queued */
    uint64_t history_samples;    /* kept behind the read position for a rewind: 2 s */
    uint64_t background_samples; /* room for looped background sound, may be 0 */
} rta_playout_config;

typedef enum rta_op_kind {
    RTA_OP_OPEN = 1,  /* a, b = how often the session side, the engine side had flushed; policy */
    RTA_OP_WRITE = 2, /* a = samples, now in the sample ring */
    RTA_OP_END = 3,
    RTA_OP_WORD = 4, /* a = sample within the segment at which a word starts */
    RTA_OP_MARK = 5, /* a = sample within the segment, b = mark id */
    RTA_OP_SENTENCE = 6, /* a = sample within the segment at which a sentence of the agent ends */
} rta_op_kind;

typedef struct rta_op {
    uint64_t segment, a, b;
    uint32_t kind;
    uint32_t policy; /* OPEN: rta_barge_policy; else 0 */
} rta_op; /* 32 bytes */

/* Control words of one side; any thread of that side may write them (atomic read-modify-write, lock-free). */
typedef struct rta_playout_controls {
    uint64_t flush;  /* count of flushes */
    uint64_t pause;  /* (changes << 2) | (rewind_to_word << 1) | paused */
    uint64_t duck;   /* target gain as float bits << 32 | ramp in samples */
    uint64_t volume; /* the same; session side only */
    uint64_t background; /* session side: (loads << 33) | samples << 1 | on */
    uint64_t pad[3];
} rta_playout_controls;

typedef struct rta_playout_session { /* written by the session side */
    rta_playout_controls controls;
    rta_ring_producer ops, samples;
    uint32_t seq, pad0; /* seqlock of the three below: even when at rest */
    uint64_t written;   /* samples accepted */
    uint64_t refused;   /* samples refused with RTA_CUT */
    uint64_t opened;    /* segments ever opened; ids are 1, 2, 3, ... */
    uint64_t token;     /* names this writer; see rta_playout_engine.bound */
    uint64_t pad[3];
    /* then: op data, sample data, background data */
} rta_playout_session;

typedef enum rta_segment_state { /* as the consumer sees it */
                                 RTA_SEGMENT_UNKNOWN = 0,
                                 RTA_SEGMENT_QUEUED = 1,
                                 RTA_SEGMENT_PLAYING = 2, /* at least one sample was put out */
                                 RTA_SEGMENT_DONE = 3,
                                 RTA_SEGMENT_CUT = 4,
} rta_segment_state;

typedef struct rta_playout_slot { /* the consumer's account of segment `id`, in slot id % RTA_PLAYOUT_SEGMENTS */
    uint64_t id, begin, received; /* received = samples of WRITE ops taken */
    uint64_t played, dropped, replayed;
    uint64_t high; /* furthest sample beyond recall (count from begin) */
    uint64_t bound; /* samples by which what was heard for good may lie off `high`, because a remote holds it */
    uint64_t recalled; /* of those played: thrown away by the remote */
    uint32_t state;
    uint32_t policy; /* rta_barge_policy */
} rta_playout_slot;

typedef struct rta_playout_pull_log { /* what fell due in one pull, for positions as heard */
    int64_t device_ns;               /* when its first sample leaves the loudspeaker */
    int64_t bound_ns;                /* +- of that */
    uint64_t out, count;             /* its first sample (the tap's clock), and how many */
    uint64_t high_before, high_after; /* furthest position that had fallen due */
} rta_playout_pull_log;

typedef struct rta_playout_engine { /* written by the consumer, `controls` by any thread of the engine side */
    rta_playout_controls controls;
    rta_ring_consumer ops, samples; /* samples.read trails the read position by the history kept */
    uint64_t attached;              /* 1 while a consumer holds the role */
    uint64_t bound; /* token of the writer that this account and the two counters above are about */
    uint64_t policy;    /* of the segment `speaking` */
    uint64_t sentences; /* sentence ends played since the consumer was made; the end of a segment is one */
    uint64_t pad0[4];
    uint32_t seq, paused; /* seqlock of all below; paused: 1 in HOLD */
    uint64_t read, high;  /* positions */
    uint64_t played, dropped, replayed, silence, concealed, pulled, underruns, faults, pulls;
    uint64_t flush_taken_session, flush_taken_engine; /* flushes of each side whose cut is complete */
    uint64_t recalled; /* samples played that a remote threw away */
    uint64_t ahead;    /* samples put out whose time has not come */
    uint64_t due;      /* out position up to which their time has come */
    uint64_t remote;   /* rta_remote */
    uint64_t current;     /* segment at the head: being played or next, or 0 */
    uint64_t speaking;    /* the same, but 0 while the session side pauses or nothing is left of it */
    uint64_t background_taken; /* background word in effect */
    uint64_t pull_log_count;
    rta_playout_slot slots[RTA_PLAYOUT_SEGMENTS];
    rta_playout_pull_log pull_log[RTA_PLAYOUT_PULLS];
} rta_playout_engine;

/* Sizes of the two parts, multiples of 64. 0 for a bad config. */
size_t rta_playout_session_bytes(const rta_playout_config *config);
size_t rta_playout_engine_bytes(const rta_playout_config *config);
rta_status rta_playout_config_check(const rta_playout_config *config, const char **why);

/* ---- Controls: any thread, any attached process, lock-free; the audio path may use them too (the engine does). */
uint64_t rta_playout_flush(rta_playout_controls *own); /* returns the side's flush count */
void rta_playout_pause(rta_playout_controls *own);
void rta_playout_resume(rta_playout_controls *own, bool rewind_to_word);
rta_status rta_playout_duck(rta_playout_controls *own, float gain, uint32_t ramp_samples);   /* 0 <= gain <= 1 */
rta_status rta_playout_volume(rta_playout_controls *own, float gain, uint32_t ramp_samples); /* 0 <= gain <= 8 */

/* ---- Writer: session side, one thread at a time (the binding holds a lock). Not on the audio path: allocates. */
typedef struct rta_playout_writer rta_playout_writer;
rta_status rta_playout_writer_create(rta_playout_writer **w, const rta_playout_config *config, rta_playout_session *own,
                                     const rta_playout_engine *peer);
void rta_playout_writer_destroy(rta_playout_writer *w);
rta_status rta_playout_open(rta_playout_writer *w, rta_barge_policy policy, uint64_t *segment);
/* Takes as much as there is room for; *accepted tells how much (RTA_FULL only if 0 of count > 0). */
rta_status rta_playout_write(rta_playout_writer *w, uint64_t segment, const float *samples, uint64_t count,
                             uint64_t *accepted);
uint64_t rta_playout_room(rta_playout_writer *w);
rta_status rta_playout_end(rta_playout_writer *w, uint64_t segment);
/* Text entries: (sample within the segment, text offset, word start?). May be added before, while or after the audio is
 * written or played, in any order, also to a segment that is done or cut as long as it is remembered (the last 256). */
rta_status rta_playout_add_text(rta_playout_writer *w, uint64_t segment, uint64_t sample, uint32_t text_offset,
                                bool word_start);
rta_status rta_playout_add_mark(rta_playout_writer *w, uint64_t segment, uint64_t sample, uint64_t mark);
/* A sentence (or clause) of the agent ends at `sample`: where RTA_POLICY_AFTER_SENTENCE may cut. Before or after the audio;
 * one that comes when it was already played counts when it comes. RTA_LOST: the segment is gone. */
rta_status rta_playout_add_sentence_end(rta_playout_writer *w, uint64_t segment, uint64_t sample);
/* Text offset of the last entry at or before `sample` (0 if none). */
rta_status rta_playout_text_offset(const rta_playout_writer *w, uint64_t segment, uint64_t sample, uint32_t *offset);
/* Loads looped background sound; RTA_BUSY while the consumer still uses the old one (switch it off, then try again). */
rta_status rta_playout_background(rta_playout_writer *w, const float *samples, uint64_t count);
bool rta_playout_is_cut(const rta_playout_writer *w, uint64_t segment);
/* Are the cuts of the session side's flushes up to `ticket` (what rta_playout_flush returned) complete? Any thread. */
bool rta_playout_flush_done(const rta_playout_writer *w, uint64_t ticket);
/* Segments the session side's flush `ticket` cut: those opened since the flush before it. Gives the id of the latest
 * such segment below `before` (0: from the last opened on) that the consumer has cut; 0: none left. */
uint64_t rta_playout_cut_by(rta_playout_writer *w, uint64_t ticket, uint64_t before);
bool rta_playout_engine_flush_done(const rta_playout_engine *engine, uint64_t ticket); /* of the engine side's */
void rta_playout_writer_journal(rta_playout_writer *w, rta_journal *journal);

typedef struct rta_playout_ledger { /* one segment, or (segment == 0) the port */
    uint64_t segment, written, played, queued, dropped, replayed, high, refused, recalled;
    uint64_t silence, concealed, pulled, underruns, faults, ahead; /* port only */
    uint32_t state, paused;
} rta_playout_ledger;
/* Consistent snapshot; session side, any thread that holds the writer's lock. RTA_LOST: no longer remembered. */
rta_status rta_playout_snapshot(rta_playout_writer *w, uint64_t segment, rta_playout_ledger *ledger);

typedef struct rta_playout_heard_at {
    uint64_t now, final, bound; /* samples of the segment from its start; high-water marks; +- bound samples */
} rta_playout_heard_at;
/* When a sample that was put out (position of the tap) leaves, or has left, the loudspeaker, +- bound_ns, by the pull log:
 * RTA_LOST: its pull is no longer in the log, or it was recalled; RTA_EMPTY: not yet put out. */
rta_status rta_playout_device_time(rta_playout_writer *w, uint64_t out, int64_t *device_ns, int64_t *bound_ns);
/* heard_now: out of the loudspeaker at now_ns by the pull log; heard_final: besides, what the device already holds. Where a
 * remote clears both are what it has acknowledged, and the bound how much more it was sent. */
rta_status rta_playout_heard(rta_playout_writer *w, uint64_t segment, int64_t now_ns, rta_playout_heard_at *heard);

/* ---- Consumer: engine side. attach takes the role (RTA_BUSY if somebody has it), pull and settle need it. */
typedef struct rta_playout_consumer rta_playout_consumer;
rta_status rta_playout_consumer_create(rta_playout_consumer **c, const rta_playout_config *config,
                                       rta_playout_engine *own, const rta_playout_session *peer /* may be NULL */,
                                       rta_history_writer *tap /* may be NULL */,
                                       rta_history_writer *events /* the same */);
void rta_playout_consumer_destroy(rta_playout_consumer *c);
/* A session side (the first, or a successor's fresh memory) takes over at the next pull or settle: what was queued is
 * cut, with events; then the account starts again from zero, as the new writer's does. The caller waits for
 * rta_playout_bound() == peer (or attaches and settles itself) before it frees the old memory. */
void rta_playout_consumer_rebind(rta_playout_consumer *c, const rta_playout_session *peer);
const rta_playout_session *rta_playout_bound(const rta_playout_consumer *c);
/* Journal of the consumer's thread; mic_position: where to read the mic clock for the records, may be NULL. */
void rta_playout_consumer_journal(rta_playout_consumer *c, rta_journal *journal, const uint64_t *mic_position);
rta_status rta_playout_attach(rta_playout_consumer *c);
void rta_playout_detach(rta_playout_consumer *c); /* completes a pending cut, then gives the role back */

/* AUDIO PATH. Wait-free. out[count] float32 mono at the port's rate. device_ns: when the first sample will leave the
 * loudspeaker, +- bound_ns; now_ns + latency. count <= 65536. */
rta_status rta_playout_pull(rta_playout_consumer *c, float *out, uint64_t count, int64_t device_ns, int64_t bound_ns);
/* AUDIO PATH. The same for a remote that holds audio: `due` samples fall due, from device_ns on; *count tells how many
 * went into out[room], from 0 to due + lead. room >= due, both at most 65536. RTA_INVALID, nothing is done: beyond. */
rta_status rta_playout_pull_ahead(rta_playout_consumer *c, rta_remote remote, float *out, uint64_t room, uint64_t due,
                                  uint64_t lead, int64_t device_ns, int64_t bound_ns, uint64_t *count);

typedef struct rta_remote_report {
    uint64_t played; /* out position before which all that was not cleared has been played */
    uint64_t clear;  /* 0, or the number of the CLEAR that was carried out there */
} rta_remote_report;
/* AUDIO PATH, between pulls. What the remote says. RTA_INVALID, nothing is taken: more than was put out, less than said
 * before, a clear that never was: whoever hears from outside counts it. */
rta_status rta_playout_remote_report(rta_playout_consumer *c, const rta_remote_report *report);

/* AUDIO PATH. Takes ops and controls without putting anything out: completes a cut at once. What a remote holds is no longer
 * followed. */
rta_status rta_playout_settle(rta_playout_consumer *c);

/* What the last pull acted on, for the journal and for replay. */
typedef struct rta_playout_inputs {
    uint64_t ops; /* ops taken so far */
    rta_playout_controls session, engine;
} rta_playout_inputs;
void rta_playout_inputs_seen(const rta_playout_consumer *c, rta_playout_inputs *inputs);
/* Is a segment sounding or waiting to (not paused by the session)? For the detector. AUDIO PATH, engine side. */
bool rta_playout_speaking(const rta_playout_engine *engine, uint64_t *segment);
/* How that segment may be interrupted, and how many sentence ends were played so far (it only grows). AUDIO PATH. */
rta_barge_policy rta_playout_policy(const rta_playout_engine *engine, uint64_t *sentences);

/* Pulls ever logged, and one of the last RTA_PLAYOUT_PULLS of them. AUDIO PATH, engine side. RTA_LOST: overwritten;
 * RTA_EMPTY: not yet; RTA_BUSY: the consumer is just publishing, ask again. */
uint64_t rta_playout_pulls_logged(const rta_playout_engine *engine);
rta_status rta_playout_pull_logged(const rta_playout_engine *engine, uint64_t index, rta_playout_pull_log *log);

#ifdef __cplusplus
}
#endif
#endif
