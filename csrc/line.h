/* SPDX-License-Identifier: Apache-2.0
 *
 * line.h: one line of the engine, between engine.c (which knows time, tables and batches) and line_*.c (which know one
 * port): from its input ring to the mic ring, its windows, its detector's wishes, its paced output. Everything is
 * allocated and touched in rta_line_create. The public part of a line is in engine.h.
 */
#ifndef RTA_LINE_H
#define RTA_LINE_H

#include "ear.h"
#include "engine.h"
#include "line_clock.h"
#include "line_echo.h"
#include "line_link.h"
#include "line_output.h"
#include "line_packets.h"
#include "line_socket.h"
#include "resample.h"

/* A probability of an outside VAD on its way to the step. */
typedef struct rta_line_answer {
    uint64_t position_end;
    float probability;
    uint32_t pad;
} rta_line_answer;

/* Evidence on its way to the step; also its record in the journal. */
typedef struct rta_line_evidence {
    uint64_t question;
    rta_turn_evidence evidence;
} rta_line_evidence;

typedef struct rta_line_datagrams {
    rta_rtp_latch latch;
    uint64_t rtcp, malformed, strangers; /* stored atomically, for those who read figures */
} rta_line_datagrams;

struct rta_line {
    /* Set at creation. */
    rta_port_engine *port;
    rta_line_config config;
    uint32_t rate; /* of the port */
    int64_t tick_ns;
    uint32_t delay_samples;
    bool hears; /* with the engine's kernel; else no windows are formed here */
    unsigned wake; /* engine.c: index of the wake-up descriptor, RTA_ENGINE_WAKES: none */
    float *input_data;
    float *cleaned_data; /* NULL without: config.cleaned */
    rta_line_answer *answers; /* NULL without an outside VAD */
    rta_line_evidence *evidence;
    rta_hint *hints;
    rta_turn_settings *settings; /* RTA_LINE_SETTINGS, in turn */
    rta_line_packets *packets; /* NULL: input is PCM */
    rta_line_socket *socket; /* NULL: none */
    /* The producer's. */
    _Alignas(RTA_CACHE_LINE) rta_ring_writer input_writer;
    rta_ring_producer input_producer;
    rta_ring_writer cleaned_writer;
    rta_ring_producer cleaned_producer;
    uint64_t input_dropped;
    rta_line_datagrams datagrams;
    /* The outside VAD's. */
    _Alignas(RTA_CACHE_LINE) rta_ring_writer answer_writer;
    rta_ring_producer answer_producer;
    uint64_t answered; /* position of the last one posted: a multiple of the window, only grows */
    uint64_t answers_dropped;
    /* The turn model's, and the session's. */
    _Alignas(RTA_CACHE_LINE) rta_ring_writer evidence_writer;
    rta_ring_producer evidence_producer;
    uint64_t evidence_dropped;
    _Alignas(RTA_CACHE_LINE) rta_ring_writer hint_writer;
    rta_ring_producer hint_producer;
    uint64_t hints_dropped;
    uint64_t settings_given, settings_dropped;
    /* The step's from here on; counters are stored atomically, for those who read figures. */
    _Alignas(RTA_CACHE_LINE) rta_ring_consumer input_consumer;
    rta_ring_reader input_reader;
    rta_ring_consumer cleaned_consumer;
    rta_ring_reader cleaned_reader;
    rta_ring_consumer answer_consumer;
    rta_ring_reader answer_reader;
    rta_ring_consumer evidence_consumer;
    rta_ring_reader evidence_reader;
    rta_ring_consumer hint_consumer;
    rta_ring_reader hint_reader;
    uint64_t settings_taken; /* released: the producer uses their places again */
    rta_resampler *resampler;
    rta_line_echo *echo;
    rta_line_clock *clock; /* NULL: paced */
    rta_detector detector;
    rta_mic_meter meter;
    rta_mic_window *measured; /* of windows not yet decided: window k in k % measured_size */
    uint64_t measured_size, measured_count; /* power of two; windows measured, as a count of the mic clock */
    uint8_t *concealed; /* samples of each RTA_PEEK_SAMPLES of the same windows */
    rta_ear ear; /* without memory where no kernel hears */
    rta_ear cleaned_ear; /* the same for what was cleaned; without memory where nothing is */
    float *state;   /* of the VAD */
    float *chunk;   /* input of one tick */
    float *cleaned; /* of the same moments */
    float *fresh;   /* the same at 16 kHz */
    float *pending; /* 16 kHz samples not yet heard: [heard, count) */
    uint64_t chunk_samples, pending_heard, pending_count;
    rta_ear *looking; /* whose the look under way is; NULL: the mic's */
    uint64_t skip; /* samples up to the first whole window of the mic clock */
    uint64_t ticks;
    uint64_t heard_to; /* mic position of the end of the last window */
    float heard_last;  /* its probability */
    uint64_t starved_untold, starving_ticks;
    rta_line_link link; /* of a network line */
    uint64_t tick_taken; /* samples in this tick */
    uint64_t questions;     /* of the detector, as last seen */
    int64_t patience_ns;    /* for the answer to the last of them */
    uint64_t news; /* as last signalled */
    rta_turn_counts turn_counts; /* the detector's, for those who read figures */
    uint64_t input_concealed, input_silence;
    uint64_t input_taken, input_starved, input_bad, mic_written, windows, peeks, windows_skipped;
    rta_line_output output;
};

/* One tick is at most 100 ms. RTA_INVALID, RTA_NOMEM. */
rta_status rta_line_create(rta_line **line, rta_port_engine *port, const rta_line_config *config, int64_t tick_ns,
                           const rta_vad_kernel *vad);

/* AUDIO PATH, the step. Takes what is due (paced), or a part of what is there: true if there may be more. first: of this
 * tick. */
bool rta_line_take(rta_line *line, bool first, int64_t tick_ns);
/* The next look to be taken at what was heard: a peek or the near window (ear.h), the cleaned one's, or the mic's, in this order; the
 * samples stay in place until the next take, the state is to be run on. False: none. */
bool rta_line_look(rta_line *line, float **state, const float **window);
/* What that look gave: a window steps the detector, whose wishes are carried out, and the session is told. */
void rta_line_looked(rta_line *line, float probability);
/* The same for what an outside VAD has answered. */
void rta_line_take_answers(rta_line *line);
/* Evidence, hints and settings that have come: they take effect now. */
void rta_line_take_told(rta_line *line);
/* Pulls what is due in this tick. Device: nothing. */
void rta_line_put_out(rta_line *line, int64_t tick_ns);

/* Control side, once no step uses the line any more: what its barge-in still holds down, a duck or a pause, is lifted;
 * nobody else would. */
void rta_line_let_go(const rta_line *line);

/* A count with one writer that others may read. */
static inline void rta_count(uint64_t *count, uint64_t more) {
    __atomic_store_n(count, *count + more, __ATOMIC_RELAXED);
}

#endif
