# What _port.pyx uses of the C headers.

cdef extern from "base.h" nogil:
    ctypedef enum rta_status:
        RTA_OK
        RTA_FULL
        RTA_EMPTY
        RTA_CLOSED
        RTA_CUT
        RTA_ORDER
        RTA_INVALID
        RTA_BUSY
        RTA_NOMEM
        RTA_SYSTEM
        RTA_LOST
        RTA_CORRUPT
        RTA_TIMEOUT
    const char *rta_status_name(rta_status status)

cdef extern from "platform.h" nogil:
    int64_t rta_clock_ns()
    void rta_sleep_until_ns(int64_t deadline_ns)

cdef extern from "ring.h" nogil:
    ctypedef struct rta_ring_span:
        void *first
        void *second
        uint64_t first_count
        uint64_t second_count

cdef extern from "history.h" nogil:
    ctypedef struct rta_history_reader:
        uint64_t position
        uint64_t lost
        uint64_t capacity
        uint64_t guard
    uint64_t rta_history_available(const rta_history_reader *r)
    uint64_t rta_history_oldest(const rta_history_reader *r)
    rta_status rta_history_read(rta_history_reader *r, void *elems, uint64_t count)
    rta_status rta_history_copy(const rta_history_reader *r, uint64_t start, void *elems, uint64_t count)
    rta_status rta_history_view(const rta_history_reader *r, uint64_t commit, uint64_t start, uint64_t count,
                                rta_ring_span *span)
    bint rta_history_valid(const rta_history_reader *r, uint64_t start)

cdef extern from "journal.h" nogil:
    ctypedef struct rta_journal
    rta_status rta_journal_create(rta_journal **journal, uint64_t ring_bytes)
    void rta_journal_destroy(rta_journal *journal)
    size_t rta_journal_drain(rta_journal *journal, void *buffer, size_t buffer_bytes)
    uint64_t rta_journal_lost(const rta_journal *journal)

cdef extern from "resample.h" nogil:
    ctypedef struct rta_resampler
    rta_status rta_resampler_create(rta_resampler **r, uint32_t from_rate, uint32_t to_rate)
    void rta_resampler_destroy(rta_resampler *r)
    uint32_t rta_resampler_delay(const rta_resampler *r)
    uint64_t rta_resampler_max_out(const rta_resampler *r, uint64_t in_count)
    rta_status rta_resampler_process(rta_resampler *r, const float *samples, uint64_t in_count, float *out,
                                     uint64_t *out_count)
    rta_status rta_resampler_flush(rta_resampler *r, float *out, uint64_t *out_count)

cdef extern from "playout.h" nogil:
    enum:
        RTA_SEGMENT_UNKNOWN
        RTA_SEGMENT_QUEUED
        RTA_SEGMENT_PLAYING
        RTA_SEGMENT_DONE
        RTA_SEGMENT_CUT
        RTA_PLAYOUT_SEGMENTS
    ctypedef struct rta_playout_config:
        uint32_t rate
        uint64_t queue_samples
        uint64_t history_samples
        uint64_t background_samples
    ctypedef struct rta_playout_controls:
        pass
    ctypedef struct rta_playout_engine
    ctypedef struct rta_playout_writer
    ctypedef struct rta_playout_consumer
    ctypedef struct rta_playout_ledger:
        uint64_t segment, written, played, queued, dropped, replayed, high, refused, recalled
        uint64_t silence, concealed, pulled, underruns, faults, ahead
        uint32_t state, paused
    ctypedef struct rta_playout_heard_at:
        uint64_t now, final, bound
    uint64_t rta_playout_flush(rta_playout_controls *own)
    void rta_playout_pause(rta_playout_controls *own)
    void rta_playout_resume(rta_playout_controls *own, bint rewind_to_word)
    rta_status rta_playout_duck(rta_playout_controls *own, float gain, uint32_t ramp_samples)
    rta_status rta_playout_volume(rta_playout_controls *own, float gain, uint32_t ramp_samples)
    ctypedef enum rta_barge_policy:
        RTA_POLICY_IMMEDIATE
    rta_status rta_playout_open(rta_playout_writer *w, rta_barge_policy policy, uint64_t *segment)
    rta_status rta_playout_write(rta_playout_writer *w, uint64_t segment, const float *samples, uint64_t count,
                                 uint64_t *accepted)
    uint64_t rta_playout_room(rta_playout_writer *w)
    rta_status rta_playout_end(rta_playout_writer *w, uint64_t segment)
    rta_status rta_playout_add_text(rta_playout_writer *w, uint64_t segment, uint64_t sample, uint32_t text_offset,
                                    bint word_start)
    rta_status rta_playout_add_mark(rta_playout_writer *w, uint64_t segment, uint64_t sample, uint64_t mark)
    rta_status rta_playout_add_sentence_end(rta_playout_writer *w, uint64_t segment, uint64_t sample)
    rta_status rta_playout_text_offset(const rta_playout_writer *w, uint64_t segment, uint64_t sample,
                                       uint32_t *offset)
    rta_status rta_playout_background(rta_playout_writer *w, const float *samples, uint64_t count)
    bint rta_playout_is_cut(const rta_playout_writer *w, uint64_t segment)
    bint rta_playout_flush_done(const rta_playout_writer *w, uint64_t ticket)
    uint64_t rta_playout_cut_by(rta_playout_writer *w, uint64_t ticket, uint64_t before)
    bint rta_playout_engine_flush_done(const rta_playout_engine *engine, uint64_t ticket)
    rta_status rta_playout_snapshot(rta_playout_writer *w, uint64_t segment, rta_playout_ledger *ledger)
    rta_status rta_playout_device_time(rta_playout_writer *w, uint64_t out, int64_t *device_ns, int64_t *bound_ns)
    rta_status rta_playout_heard(rta_playout_writer *w, uint64_t segment, int64_t now_ns, rta_playout_heard_at *heard)
    rta_status rta_playout_attach(rta_playout_consumer *c)
    void rta_playout_detach(rta_playout_consumer *c)
    rta_status rta_playout_pull(rta_playout_consumer *c, float *out, uint64_t count, int64_t device_ns,
                                int64_t bound_ns)

cdef extern from "outgoing.h" nogil:
    enum:
        RTA_OUTGOING_AUDIO
        RTA_OUTGOING_CLEAR
        RTA_OUTGOING_DUCK
        RTA_OUTGOING_LOST
    ctypedef struct rta_outgoing_item:
        int kind
        float gain
        uint64_t out, count, clear, ramp
    ctypedef struct rta_outgoing:
        rta_history_reader tap
    rta_status rta_outgoing_next(rta_outgoing *o, float *samples, uint64_t most, rta_outgoing_item *item)

cdef extern from "port.h" nogil:
    enum:
        RTA_MIC_RATE
        RTA_VAD_WINDOW
        RTA_PORT_CURSORS
    ctypedef struct rta_port_config:
        rta_playout_config playout
        uint64_t mic_samples
        uint64_t tap_samples
        uint64_t epoch
    ctypedef struct rta_port_engine
    ctypedef struct rta_port_session
    rta_status rta_port_config_check(const rta_port_config *config, const char **why)
    rta_status rta_port_engine_create(rta_port_engine **port, const rta_port_config *config, bint shared)
    int rta_port_engine_fd(const rta_port_engine *port)
    rta_status rta_port_engine_accept(rta_port_engine *port, int session_fd)
    void rta_port_engine_destroy(rta_port_engine *port)
    const rta_port_config *rta_port_engine_config(const rta_port_engine *port)
    rta_playout_consumer *rta_port_consumer(rta_port_engine *port)
    rta_playout_controls *rta_port_engine_controls(rta_port_engine *port)
    const rta_playout_engine *rta_port_playout_state(const rta_port_engine *port)
    rta_status rta_port_mic_write(rta_port_engine *port, const float *samples, uint64_t count)
    uint64_t rta_port_mic_written(const rta_port_engine *port)
    void rta_port_engine_journal(rta_port_engine *port, rta_journal *engine, rta_journal *consumer)
    rta_status rta_port_session_private(rta_port_session **session, rta_port_engine *port)
    rta_status rta_port_session_attach(rta_port_session **session, int engine_fd)
    int rta_port_session_fd(const rta_port_session *session)
    void rta_port_session_destroy(rta_port_session *session)
    const rta_port_config *rta_port_session_config(const rta_port_session *session)
    rta_playout_writer *rta_port_writer(rta_port_session *session)
    rta_playout_controls *rta_port_session_controls(rta_port_session *session)
    void rta_port_session_journal(rta_port_session *session, rta_journal *writer)
    bint rta_port_next_event(rta_port_session *session, rta_event *event)
    void rta_port_event_readers(const rta_port_session *session, rta_history_reader *playout,
                                rta_history_reader *hearing)
    uint64_t rta_port_events_dropped(const rta_port_session *session)
    void rta_port_events_taken(const rta_port_session *session, uint64_t *playout, uint64_t *hearing)
    rta_status rta_port_events_from(rta_port_session *session, uint64_t playout, uint64_t hearing)
    rta_status rta_port_mic_reader(const rta_port_session *session, rta_history_reader *reader, uint64_t position)
    rta_status rta_port_tap_reader(const rta_port_session *session, rta_history_reader *reader, uint64_t position)
    rta_status rta_port_engine_outgoing(const rta_port_engine *port, rta_outgoing *outgoing, uint64_t position,
                                        bint played)
    rta_status rta_port_session_outgoing(const rta_port_session *session, rta_outgoing *outgoing, uint64_t position,
                                         bint played)
    rta_status rta_port_probability_reader(const rta_port_session *session, rta_history_reader *reader,
                                           uint64_t position)
    uint64_t rta_port_commit(const rta_port_session *session)
    rta_status rta_port_set_commit(rta_port_session *session, uint64_t position)
    uint64_t rta_port_cursor(const rta_port_session *session, unsigned index)
    void rta_port_set_cursor(rta_port_session *session, unsigned index, uint64_t position)
