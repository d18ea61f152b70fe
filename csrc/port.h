/* SPDX-License-Identifier: Apache-2.0
 *
 * port.h: the AudioPort: where one live two-way audio stream meets an agent. Two page-aligned regions without pointers:
 *
 *   engine region (written by the engine side)           session region (written by the session side)
 *     header: magic, version, sizes, config                header: the same
 *     playout: rta_playout_engine                          playout: rta_playout_session, ops, samples, background
 *     playout events, hearing events (rings)               their read counters
 *     mic ring (16 kHz float32 history)                    mic cursors[8], commit
 *     probabilities (one float per VAD window, history)
 *     reference tap (port rate float32 history)
 *
 * Private: both in this process. Shared: each side creates its own region, sealed, and maps the other's read-only by
 * its descriptor. The engine side decides the config and creates first; the session side reads it from the header.
 * Neither side acts on a counter of the other without checking it.
 *
 * The mic ring and everything in hearing is at 16 kHz; the playout and the tap are at config.rate.
 */
#ifndef RTA_PORT_H
#define RTA_PORT_H

#include "base.h"
#include "detector.h"
#include "event.h"
#include "history.h"
#include "journal.h"
#include "outgoing.h"
#include "platform.h"
#include "playout.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { RTA_MIC_RATE = 16000, RTA_VAD_WINDOW = 512, RTA_PORT_CURSORS = 8, RTA_PORT_EVENTS = 1024 };
/* Names of the shared cursors. */
enum { RTA_CURSOR_SESSION = 0, RTA_CURSOR_TURN = 1, RTA_CURSOR_RECORDER = 2, RTA_CURSOR_SUCCESSOR = 3 };

typedef struct rta_port_config {
    rta_playout_config playout;
    uint64_t mic_samples;   /* retained mic history: power of two, >= 20 s (default 2^19 = 32.8 s) */
    uint64_t tap_samples;   /* retained reference tap: power of two (default >= 8 s) */
    uint64_t epoch;         /* grows each time a stream is set up anew; stamps the journal */
} rta_port_config;

rta_status rta_port_config_check(const rta_port_config *config, const char **why);

typedef struct rta_port_mic_block { /* session region */
    uint64_t commit;
    uint64_t cursors[RTA_PORT_CURSORS];
    uint64_t pad[7];
} rta_port_mic_block;

/* ---- Engine side of a port. */
typedef struct rta_port_engine rta_port_engine;
/* shared: make the engine region shareable; its descriptor is rta_port_engine_fd(). */
rta_status rta_port_engine_create(rta_port_engine **port, const rta_port_config *config, bool shared);
int rta_port_engine_fd(const rta_port_engine *port);
const rta_port_config *rta_port_engine_config(const rta_port_engine *port);
/* Takes the session side's region by its descriptor (the first session, or the successor of a dead one). */
rta_status rta_port_engine_accept(rta_port_engine *port, int session_fd);
void rta_port_engine_destroy(rta_port_engine *port);

rta_playout_consumer *rta_port_consumer(rta_port_engine *port);
rta_playout_controls *rta_port_engine_controls(rta_port_engine *port);
const rta_playout_engine *rta_port_playout_state(const rta_port_engine *port);
/* AUDIO PATH, engine thread: 16 kHz samples into the mic ring; a probability; a hearing event. */
rta_status rta_port_mic_write(rta_port_engine *port, const float *samples, uint64_t count);
uint64_t rta_port_mic_written(const rta_port_engine *port);
void rta_port_probability_write(rta_port_engine *port, float probability);
void rta_port_event(rta_port_engine *port, const rta_event *event);
/* A reader of the tap for the engine thread, from what is put out next on. */
rta_status rta_port_engine_tap_reader(const rta_port_engine *port, rta_history_reader *reader);
/* What is put out, for who sends it, from tap position `position` on: on either side. */
rta_status rta_port_engine_outgoing(const rta_port_engine *port, rta_outgoing *outgoing, uint64_t position,
                                    bool played);
/* Counts that change whenever there is something new for the session (events, room, mic); for the wake-up. */
uint64_t rta_port_news(const rta_port_engine *port);
/* Journals of the two engine-side threads; NULL: none. Set before the port is driven. */
void rta_port_engine_journal(rta_port_engine *port, rta_journal *engine, rta_journal *consumer);
rta_journal *rta_port_journal_of_engine(rta_port_engine *port);

/* ---- Session side of a port. */
typedef struct rta_port_session rta_port_session;
/* In the same process (private port, or a shared one served at home). */
rta_status rta_port_session_private(rta_port_session **session, rta_port_engine *port);
/* In another process: maps the engine region, creates its own; hand rta_port_session_fd() to the engine side. */
rta_status rta_port_session_attach(rta_port_session **session, int engine_fd);
int rta_port_session_fd(const rta_port_session *session);
void rta_port_session_destroy(rta_port_session *session);

const rta_port_config *rta_port_session_config(const rta_port_session *session);
rta_playout_writer *rta_port_writer(rta_port_session *session);
rta_playout_controls *rta_port_session_controls(rta_port_session *session);
void rta_port_session_journal(rta_port_session *session, rta_journal *writer);
/* One thread. Returns true and the next event of either ring (playout's first); false: none. */
bool rta_port_next_event(rta_port_session *session, rta_event *event);
/* Readers of the two event rings for somebody beside the session (the journal), from the oldest retained event on. */
void rta_port_event_readers(const rta_port_session *session, rta_history_reader *playout, rta_history_reader *hearing);
uint64_t rta_port_events_dropped(const rta_port_session *session);
/* How far rta_port_next_event has read the two rings: counts of events since the port was made. A successor goes on from
 * there (same thread as rta_port_next_event); what is not retained any more counts as dropped. RTA_INVALID: no such
 * event has been written yet. */
void rta_port_events_taken(const rta_port_session *session, uint64_t *playout, uint64_t *hearing);
rta_status rta_port_events_from(rta_port_session *session, uint64_t playout, uint64_t hearing);
/* Readers; each handle is one thread's. */
rta_status rta_port_mic_reader(const rta_port_session *session, rta_history_reader *reader, uint64_t position);
rta_status rta_port_tap_reader(const rta_port_session *session, rta_history_reader *reader, uint64_t position);
rta_status rta_port_session_outgoing(const rta_port_session *session, rta_outgoing *outgoing, uint64_t position,
                                     bool played);
rta_status rta_port_probability_reader(const rta_port_session *session, rta_history_reader *reader, uint64_t position);
uint64_t rta_port_commit(const rta_port_session *session);
rta_status rta_port_set_commit(rta_port_session *session, uint64_t position); /* never falls, never past write */
uint64_t rta_port_cursor(const rta_port_session *session, unsigned index);
void rta_port_set_cursor(rta_port_session *session, unsigned index, uint64_t position);

#ifdef __cplusplus
}
#endif
#endif
