/* SPDX-License-Identifier: Apache-2.0
 *
 * Lays the two regions of a port out, checks them when they come from outside, and hands their parts to those who drive
 * them. All layout follows from the config in the engine region's header, which is checked before it is used.
 */
#include "port.h"

#include <stdlib.h>
#include <string.h>

#define LOAD(field) __atomic_load_n(&(field), __ATOMIC_ACQUIRE)
#define STORE(field, value) __atomic_store_n(&(field), (value), __ATOMIC_RELEASE)

enum { MAGIC = 0x50415452, LAYOUT_VERSION = 2, PROBABILITIES = 4096, MIC_GUARD = 4096, EVENT_GUARD = 32 };
enum { ENGINE_REGION = 1, SESSION_REGION = 2 };

typedef struct header {
    uint32_t magic, version, side, pad;
    uint64_t bytes;
    rta_port_config config;
} header;

static size_t align64(size_t bytes) { return (bytes + 63) & ~(size_t)63; }

typedef struct engine_layout { /* offsets in the engine region */
    size_t playout, playout_events, playout_event_data, hearing_events, hearing_event_data, mic, mic_data, probability,
        probability_data, tap, tap_data, bytes;
} engine_layout;

typedef struct session_layout { /* offsets in the session region */
    size_t mic, playout, bytes;
} session_layout;

static size_t place(size_t *end, size_t bytes) {
    size_t at = *end;
    *end += align64(bytes);
    return at;
}

static engine_layout engine_layout_of(const rta_port_config *config) {
    engine_layout at;
    size_t end = align64(sizeof(header));
    at.playout = place(&end, rta_playout_engine_bytes(&config->playout));
    at.playout_events = place(&end, sizeof(rta_history_block));
    at.playout_event_data = place(&end, sizeof(rta_event) * RTA_PORT_EVENTS);
    at.hearing_events = place(&end, sizeof(rta_history_block));
    at.hearing_event_data = place(&end, sizeof(rta_event) * RTA_PORT_EVENTS);
    at.mic = place(&end, sizeof(rta_history_block));
    at.mic_data = place(&end, sizeof(float) * config->mic_samples);
    at.probability = place(&end, sizeof(rta_history_block));
    at.probability_data = place(&end, sizeof(float) * PROBABILITIES);
    at.tap = place(&end, sizeof(rta_history_block));
    at.tap_data = place(&end, sizeof(float) * config->tap_samples);
    at.bytes = end;
    return at;
}

static session_layout session_layout_of(const rta_port_config *config) {
    session_layout at;
    size_t end = align64(sizeof(header));
    at.mic = place(&end, sizeof(rta_port_mic_block));
    at.playout = place(&end, rta_playout_session_bytes(&config->playout));
    at.bytes = end;
    return at;
}

static bool power_of_two(uint64_t n) { return n && !(n & (n - 1)); }

rta_status rta_port_config_check(const rta_port_config *config, const char **why) {
    const char *wrong = NULL;
    if (rta_playout_config_check(&config->playout, &wrong) != RTA_OK) {
        /* told by the playout */
    } else if (!power_of_two(config->mic_samples) || config->mic_samples > (uint64_t)1 << 28 ||
               config->mic_samples < 20 * RTA_MIC_RATE + MIC_GUARD) {
        wrong = "mic history must be a power of two that holds 20 s at 16 kHz, at most 2^28 samples";
    } else if (!power_of_two(config->tap_samples) || config->tap_samples < 1024 ||
               config->tap_samples > (uint64_t)1 << 28) {
        wrong = "tap history must be a power of two, 1024 to 2^28 samples";
    }
    if (why) *why = wrong;
    return wrong ? RTA_INVALID : RTA_OK;
}

static void write_header(rta_region *region, uint32_t side, size_t bytes, const rta_port_config *config) {
    header *h = region->base;
    *h = (header){.version = LAYOUT_VERSION, .side = side, .bytes = bytes, .config = *config};
    STORE(h->magic, MAGIC);
}

/* Copies the header out first: the other side could change it between check and use. */
static rta_status read_header(const rta_region *region, uint32_t side, header *h) {
    memcpy(h, region->base, sizeof *h);
    if (h->magic != MAGIC || h->version != LAYOUT_VERSION || h->side != side) return RTA_INVALID;
    if (rta_port_config_check(&h->config, NULL) != RTA_OK) return RTA_INVALID;
    size_t bytes = side == ENGINE_REGION ? engine_layout_of(&h->config).bytes : session_layout_of(&h->config).bytes;
    return h->bytes == bytes && region->bytes >= bytes ? RTA_OK : RTA_INVALID;
}

/* ---- Engine side */

struct rta_port_engine {
    rta_port_config config;
    rta_region own, peer; /* peer: the session region, where it came from outside */
    engine_layout at;
    rta_playout_consumer *consumer;
    rta_history_writer playout_events, hearing_events, mic, probability, tap;
    rta_journal *journal;
};

static void *at(const rta_region *region, size_t offset) { return (unsigned char *)region->base + offset; }

static const rta_playout_session *session_playout(const rta_region *region, const rta_port_config *config) {
    return (const rta_playout_session *)at(region, session_layout_of(config).playout);
}

rta_status rta_port_engine_create(rta_port_engine **out, const rta_port_config *config, bool shared) {
    if (rta_port_config_check(config, NULL) != RTA_OK) return RTA_INVALID;
    rta_port_engine *port = calloc(1, sizeof *port);
    if (!port) return RTA_NOMEM;
    port->config = *config;
    port->at = engine_layout_of(config);
    port->own.fd = port->peer.fd = -1;
    rta_status status = shared ? rta_region_create(&port->own, port->at.bytes, "rtaudio-engine")
                               : rta_region_private(&port->own, port->at.bytes);
    if (status != RTA_OK) {
        free(port);
        return status;
    }
    const rta_region *own = &port->own;
    const engine_layout *to = &port->at;
    rta_history_writer_init(&port->playout_events, at(own, to->playout_events), at(own, to->playout_event_data),
                            RTA_PORT_EVENTS, sizeof(rta_event));
    rta_history_writer_init(&port->hearing_events, at(own, to->hearing_events), at(own, to->hearing_event_data),
                            RTA_PORT_EVENTS, sizeof(rta_event));
    rta_history_writer_init(&port->mic, at(own, to->mic), at(own, to->mic_data), config->mic_samples, sizeof(float));
    rta_history_writer_init(&port->probability, at(own, to->probability), at(own, to->probability_data), PROBABILITIES,
                            sizeof(float));
    rta_history_writer_init(&port->tap, at(own, to->tap), at(own, to->tap_data), config->tap_samples, sizeof(float));
    status = rta_playout_consumer_create(&port->consumer, &config->playout, at(own, to->playout), NULL, &port->tap,
                                         &port->playout_events);
    if (status != RTA_OK) {
        rta_region_close(&port->own);
        free(port);
        return status;
    }
    rta_playout_consumer_journal(port->consumer, NULL, &port->mic.own->write);
    write_header(&port->own, ENGINE_REGION, port->at.bytes, config);
    *out = port;
    return RTA_OK;
}

int rta_port_engine_fd(const rta_port_engine *port) { return port->own.fd; }

/* Waits until the consumer uses `peer`; drives it itself when nobody else does. */
static rta_status bind_session(rta_port_engine *port, const rta_playout_session *peer) {
    rta_playout_consumer_rebind(port->consumer, peer);
    for (int tries = 0; tries < 2000; tries++) {
        if (rta_playout_bound(port->consumer) == peer) return RTA_OK;
        if (rta_playout_attach(port->consumer) == RTA_OK) rta_playout_detach(port->consumer);
        else rta_sleep_until_ns(rta_clock_ns() + 1000000);
    }
    return RTA_TIMEOUT;
}

rta_status rta_port_engine_accept(rta_port_engine *port, int session_fd) {
    rta_region region;
    rta_status status = rta_region_attach(&region, session_fd, session_layout_of(&port->config).bytes);
    if (status != RTA_OK) return status;
    header h;
    status = read_header(&region, SESSION_REGION, &h);
    if (status == RTA_OK && memcmp(&h.config, &port->config, sizeof h.config) != 0) status = RTA_INVALID;
    if (status == RTA_OK) status = bind_session(port, session_playout(&region, &port->config));
    if (status != RTA_OK) {
        if (status != RTA_TIMEOUT) rta_region_close(&region); /* a stuck consumer may yet look at it */
        return status;
    }
    if (port->peer.base) rta_region_close(&port->peer);
    port->peer = region;
    return RTA_OK;
}

void rta_port_engine_destroy(rta_port_engine *port) {
    if (!port) return;
    rta_history_close(&port->mic);
    rta_history_close(&port->tap);
    rta_history_close(&port->playout_events);
    rta_history_close(&port->hearing_events);
    rta_playout_consumer_destroy(port->consumer);
    if (port->peer.base) rta_region_close(&port->peer);
    rta_region_close(&port->own);
    free(port);
}

const rta_port_config *rta_port_engine_config(const rta_port_engine *port) { return &port->config; }
rta_playout_consumer *rta_port_consumer(rta_port_engine *port) { return port->consumer; }

const rta_playout_engine *rta_port_playout_state(const rta_port_engine *port) {
    return (const rta_playout_engine *)at(&port->own, port->at.playout);
}

rta_playout_controls *rta_port_engine_controls(rta_port_engine *port) {
    return &((rta_playout_engine *)at(&port->own, port->at.playout))->controls;
}

rta_status rta_port_mic_write(rta_port_engine *port, const float *samples, uint64_t count) {
    return rta_history_write(&port->mic, samples, count);
}

uint64_t rta_port_mic_written(const rta_port_engine *port) { return LOAD(port->mic.own->write); }

void rta_port_probability_write(rta_port_engine *port, float probability) {
    rta_history_write(&port->probability, &probability, 1);
}

void rta_port_event(rta_port_engine *port, const rta_event *event) {
    rta_history_write(&port->hearing_events, event, 1);
}

rta_status rta_port_engine_tap_reader(const rta_port_engine *port, rta_history_reader *r) {
    const rta_history_block *block = port->tap.own;
    return rta_history_reader_init(r, block, port->tap.data, port->config.tap_samples, sizeof(float),
                                   port->config.tap_samples / 8, LOAD(block->write));
}

uint64_t rta_port_news(const rta_port_engine *port) {
    const rta_playout_engine *playout = rta_port_playout_state(port);
    return LOAD(port->mic.own->write) + LOAD(port->playout_events.own->write) + LOAD(port->hearing_events.own->write) +
           LOAD(playout->samples.read) + LOAD(playout->ops.read) + LOAD(playout->pulled);
}

void rta_port_engine_journal(rta_port_engine *port, rta_journal *engine, rta_journal *consumer) {
    STORE(port->journal, engine);
    rta_playout_consumer_journal(port->consumer, consumer, &port->mic.own->write);
}

rta_journal *rta_port_journal_of_engine(rta_port_engine *port) { return LOAD(port->journal); }

rta_status rta_port_engine_outgoing(const rta_port_engine *port, rta_outgoing *outgoing, uint64_t position,
                                    bool played) {
    const engine_layout *to = &port->at;
    const uint64_t capacity = port->config.tap_samples;
    rta_history_reader tap, events;
    rta_status status = rta_history_reader_init(&tap, at(&port->own, to->tap), at(&port->own, to->tap_data), capacity,
                                                sizeof(float), capacity / 8, position);
    if (status == RTA_OK)
        status =
            rta_history_reader_init(&events, at(&port->own, to->playout_events), at(&port->own, to->playout_event_data),
                                    RTA_PORT_EVENTS, sizeof(rta_event), EVENT_GUARD, 0);
    if (status == RTA_OK) rta_outgoing_init(outgoing, &tap, &events, rta_port_playout_state(port), played);
    return status;
}

/* ---- Session side */

struct rta_port_session {
    rta_port_config config;
    rta_region own;    /* session region, written here */
    rta_region engine; /* mapping of the engine region; in a private port only its base is borrowed */
    bool borrowed;
    engine_layout at;
    rta_playout_writer *writer;
    rta_history_reader playout_events, hearing_events;
};

static rta_port_mic_block *mic_block(const rta_port_session *session) {
    return at(&session->own, session_layout_of(&session->config).mic);
}

static rta_playout_session *playout_block(const rta_port_session *session) {
    return at(&session->own, session_layout_of(&session->config).playout);
}

static rta_status reader(const rta_port_session *session, rta_history_reader *r, size_t block, size_t data,
                         uint64_t capacity, uint64_t elem_bytes, uint64_t guard, uint64_t position) {
    return rta_history_reader_init(r, at(&session->engine, block), at(&session->engine, data), capacity, elem_bytes,
                                   guard, position);
}

void rta_port_event_readers(const rta_port_session *session, rta_history_reader *playout, rta_history_reader *hearing) {
    const engine_layout *to = &session->at;
    reader(session, playout, to->playout_events, to->playout_event_data, RTA_PORT_EVENTS, sizeof(rta_event),
           EVENT_GUARD, 0);
    reader(session, hearing, to->hearing_events, to->hearing_event_data, RTA_PORT_EVENTS, sizeof(rta_event),
           EVENT_GUARD, 0);
}

/* Fills the rest of a session whose config, own region and engine mapping are there. */
static rta_status session_finish(rta_port_session *session) {
    rta_status status = rta_playout_writer_create(&session->writer, &session->config.playout, playout_block(session),
                                                  at(&session->engine, session->at.playout));
    if (status != RTA_OK) return status;
    rta_port_event_readers(session, &session->playout_events, &session->hearing_events);
    write_header(&session->own, SESSION_REGION, session_layout_of(&session->config).bytes, &session->config);
    return RTA_OK;
}

rta_status rta_port_session_private(rta_port_session **out, rta_port_engine *port) {
    rta_port_session *session = calloc(1, sizeof *session);
    if (!session) return RTA_NOMEM;
    session->config = port->config;
    session->at = port->at;
    session->own.fd = session->engine.fd = -1;
    session->engine.base = port->own.base;
    session->borrowed = true;
    rta_status status = rta_region_private(&session->own, session_layout_of(&port->config).bytes);
    if (status == RTA_OK) status = session_finish(session);
    if (status == RTA_OK) status = bind_session(port, playout_block(session));
    if (status != RTA_OK) {
        rta_port_session_destroy(session);
        return status;
    }
    *out = session;
    return RTA_OK;
}

rta_status rta_port_session_attach(rta_port_session **out, int engine_fd) {
    rta_port_session *session = calloc(1, sizeof *session);
    if (!session) return RTA_NOMEM;
    session->own.fd = session->engine.fd = -1;
    header h;
    rta_status status = rta_region_attach(&session->engine, engine_fd, sizeof(header));
    if (status == RTA_OK) status = read_header(&session->engine, ENGINE_REGION, &h);
    if (status == RTA_OK) {
        session->config = h.config;
        session->at = engine_layout_of(&h.config);
        status = rta_region_create(&session->own, session_layout_of(&h.config).bytes, "rtaudio-session");
    }
    if (status == RTA_OK) status = session_finish(session);
    if (status != RTA_OK) {
        rta_port_session_destroy(session);
        return status;
    }
    *out = session;
    return RTA_OK;
}

int rta_port_session_fd(const rta_port_session *session) { return session->own.fd; }

void rta_port_session_destroy(rta_port_session *session) {
    if (!session) return;
    rta_playout_writer_destroy(session->writer);
    if (session->own.base) rta_region_close(&session->own);
    if (!session->borrowed && session->engine.base) rta_region_close(&session->engine);
    free(session);
}

const rta_port_config *rta_port_session_config(const rta_port_session *session) { return &session->config; }
rta_playout_writer *rta_port_writer(rta_port_session *session) { return session->writer; }
rta_playout_controls *rta_port_session_controls(rta_port_session *session) { return &playout_block(session)->controls; }

void rta_port_session_journal(rta_port_session *session, rta_journal *writer) {
    rta_playout_writer_journal(session->writer, writer);
}

static bool next_of(rta_history_reader *r, rta_event *event) {
    rta_status status = rta_history_read(r, event, 1);
    if (status == RTA_LOST) status = rta_history_read(r, event, 1);
    return status == RTA_OK;
}

bool rta_port_next_event(rta_port_session *session, rta_event *event) {
    return next_of(&session->playout_events, event) || next_of(&session->hearing_events, event);
}

uint64_t rta_port_events_dropped(const rta_port_session *session) {
    return session->playout_events.lost + session->hearing_events.lost;
}

void rta_port_events_taken(const rta_port_session *session, uint64_t *playout, uint64_t *hearing) {
    *playout = session->playout_events.position;
    *hearing = session->hearing_events.position;
}

static uint64_t events_written(const rta_history_reader *r) { return r->position + rta_history_available(r); }

rta_status rta_port_events_from(rta_port_session *session, uint64_t playout, uint64_t hearing) {
    rta_history_reader fresh[2];
    rta_port_event_readers(session, &fresh[0], &fresh[1]);
    if (playout > events_written(&fresh[0]) || hearing > events_written(&fresh[1])) return RTA_INVALID;
    session->playout_events.position = playout;
    session->hearing_events.position = hearing;
    return RTA_OK;
}

static uint64_t mic_written(const rta_port_session *session) {
    return LOAD(((const rta_history_block *)at(&session->engine, session->at.mic))->write);
}

rta_status rta_port_mic_reader(const rta_port_session *session, rta_history_reader *r, uint64_t position) {
    return reader(session, r, session->at.mic, session->at.mic_data, session->config.mic_samples, sizeof(float),
                  MIC_GUARD, position);
}

rta_status rta_port_tap_reader(const rta_port_session *session, rta_history_reader *r, uint64_t position) {
    uint64_t guard = session->config.tap_samples / 8;
    return reader(session, r, session->at.tap, session->at.tap_data, session->config.tap_samples, sizeof(float), guard,
                  position);
}

rta_status rta_port_session_outgoing(const rta_port_session *session, rta_outgoing *outgoing, uint64_t position,
                                     bool played) {
    rta_history_reader tap, events, hearing;
    const rta_status status = rta_port_tap_reader(session, &tap, position);
    rta_port_event_readers(session, &events, &hearing);
    if (status == RTA_OK) rta_outgoing_init(outgoing, &tap, &events, at(&session->engine, session->at.playout), played);
    return status;
}

rta_status rta_port_probability_reader(const rta_port_session *session, rta_history_reader *r, uint64_t position) {
    return reader(session, r, session->at.probability, session->at.probability_data, PROBABILITIES, sizeof(float), 64,
                  position);
}

uint64_t rta_port_commit(const rta_port_session *session) { return LOAD(mic_block(session)->commit); }

rta_status rta_port_set_commit(rta_port_session *session, uint64_t position) {
    if (position < rta_port_commit(session) || position > mic_written(session)) return RTA_INVALID;
    STORE(mic_block(session)->commit, position);
    return RTA_OK;
}

uint64_t rta_port_cursor(const rta_port_session *session, unsigned index) {
    return index < RTA_PORT_CURSORS ? LOAD(mic_block(session)->cursors[index]) : 0;
}

void rta_port_set_cursor(rta_port_session *session, unsigned index, uint64_t position) {
    if (index < RTA_PORT_CURSORS) STORE(mic_block(session)->cursors[index], position);
}
