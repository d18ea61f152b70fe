# SPDX-License-Identifier: Apache-2.0
#
# engine_decl.pxi: what _engine.pyx uses of the core, as declared in the headers named.

cdef extern from "<unistd.h>" nogil:
    int32_t getpid()

cdef extern from "<stdbool.h>" nogil:
    ctypedef bint bool_t "bool"

cdef extern from "base.h" nogil:
    ctypedef enum rta_status:
        RTA_OK
        RTA_FULL
        RTA_INVALID
        RTA_BUSY
        RTA_NOMEM
        RTA_SYSTEM
    const char *rta_status_name(rta_status status)

cdef extern from "platform.h" nogil:
    ctypedef struct rta_wake:
        int read_fd
        int write_fd
    rta_status rta_wake_open(rta_wake *wake)
    void rta_wake_close(rta_wake *wake)
    bint rta_wake_drain(int read_fd)

cdef extern from "port.h" nogil:
    ctypedef struct rta_port_engine:
        pass
    enum:
        RTA_MIC_RATE
        RTA_VAD_WINDOW

cdef extern from "vad.h" nogil:
    ctypedef struct rta_vad_kernel:
        uint32_t rate
        uint32_t window_samples
        uint32_t max_batch

cdef extern from "window.h" nogil:
    ctypedef struct rta_window:
        uint64_t position_end
        uint64_t segment
        uint32_t speaking
        float probability
        float echo
        float mean_square
        uint32_t clipped
        uint32_t starved
        uint64_t decided
        uint32_t policy
        float near
        uint64_t sentences
        float power[4]
        float edge[4]
        uint32_t concealed
        float cleaned
    ctypedef struct rta_peek:
        uint64_t position_end
        uint64_t segment
        uint32_t speaking
        uint32_t policy
        float probability
        float echo
        float mean_square
        uint32_t concealed

cdef extern from "dsp.h" nogil:
    uint64_t rta_first_nonfinite(const float *samples, uint64_t count)

cdef extern from "stage.h" nogil:
    enum:
        RTA_STAGE_FRAME
        RTA_STAGE_STATE
    ctypedef struct rta_stage:
        uint32_t rate
        uint32_t frame_samples
        uint32_t delay_samples
        size_t state_bytes
        void *init
        void *run

cdef extern from "echo_guard.h" nogil:
    ctypedef struct rta_echo_guard:
        pass
    ctypedef struct rta_echo_figures:
        bint found
        int32_t delay_samples
        float share
        float score
        uint64_t moved
        uint64_t starved
        uint64_t realigned
    rta_status rta_echo_guard_create(rta_echo_guard **guard, uint32_t ref_rate)
    void rta_echo_guard_destroy(rta_echo_guard *guard)
    void rta_echo_guard_ref(rta_echo_guard *guard, const float *samples, uint64_t count)
    void rta_echo_guard_mic(rta_echo_guard *guard, const float *samples, uint64_t count)
    float rta_echo_guard_share(rta_echo_guard *guard)
    void rta_echo_guard_align(rta_echo_guard *guard)
    void rta_echo_guard_figures(const rta_echo_guard *guard, rta_echo_figures *figures)

cdef extern from "mic_health.h" nogil:
    ctypedef struct rta_mic_window:
        float mean_square
        uint32_t clipped
        uint32_t starved
    ctypedef struct rta_mic_meter:
        pass
    ctypedef struct rta_mic_health_config:
        bint enabled
        float silent
        float quiet
        float quiet_back
        float loud_back
        float loud
        uint64_t silent_first
        uint64_t silent_after
        uint64_t judged
        float clip_share
    ctypedef struct rta_mic_health:
        uint32_t level
        bint clipping
    void rta_mic_meter_init(rta_mic_meter *meter, uint32_t window_samples)
    uint64_t rta_mic_meter_take(rta_mic_meter *meter, const float *samples, uint64_t count, bint starved,
                                rta_mic_window *window, bool_t *done)
    void rta_mic_health_defaults(rta_mic_health_config *config)
    rta_status rta_mic_health_check(const rta_mic_health_config *config, const char **why)

cdef extern from "detector.h" nogil:
    ctypedef struct rta_gate_config:
        float on
        float off
        uint64_t min_speech
        uint64_t min_silence
    ctypedef struct rta_gate:
        uint32_t state
    ctypedef struct rta_barge_config:
        bint enabled
        float duck_gain
        uint32_t duck_ramp_ms
        uint64_t pause_after
        uint64_t confirm_after
        uint64_t false_after
        uint64_t confirm_by
        uint64_t level_counts
        uint64_t doubt_after
        uint64_t backchannel_least
        bint rewind_on_false
        bint early_onset
        float onset_rise
        float onset_from
        float onset_sure
        float onset_loud
        float onset_above
        float echo_clear
        float echo_most
        float loud_share
        float variety_full
        uint32_t min_words
        uint64_t warm_up
    ctypedef struct rta_barge:
        uint32_t state
    ctypedef struct rta_turn_policy:
        uint64_t min_delay
        uint64_t max_delay
        uint64_t silence_delay
        uint64_t long_delay
    ctypedef struct rta_turn_evidence:
        pass
    enum:
        RTA_TURN_QUESTIONS
        RTA_TURN_EVIDENCE_FLOATS
        RTA_AGENT_STATES
    const rta_turn_policy *rta_turn_policy_profile(const char *name)
    void rta_turn_evidence_clear(rta_turn_evidence *evidence)
    ctypedef struct rta_turn_config:
        uint32_t asks
        uint64_t ask_after[4]
        uint64_t late_after
        uint64_t grace
        rta_turn_policy policy[3]
    ctypedef struct rta_turn_counts:
        uint64_t asked
        uint64_t answered
        uint64_t late
        uint64_t stale
        uint64_t unanswered
        uint64_t resumed
    ctypedef struct rta_turn:
        uint32_t state
        uint64_t started_at
        uint64_t delay
        rta_turn_counts counts
    enum:
        RTA_HINT_WORDS
        RTA_HINT_STT
        RTA_HINT_BACKCHANNEL
        RTA_HINT_ASKED
        RTA_HINT_THINKING
        RTA_HINT_MIN_WORDS
        RTA_HINT_WARM_UP
    ctypedef struct rta_hint:
        uint32_t kind
        uint32_t value
        uint64_t turn
    bint rta_hint_good(const rta_hint *hint)
    ctypedef struct rta_detector_config:
        uint32_t window_samples
        rta_gate_config gate
        rta_barge_config barge
        rta_turn_config turn
        rta_mic_health_config mic
    ctypedef struct rta_detector:
        uint64_t position
        rta_gate gate
        rta_barge barge
        rta_turn turn
        rta_mic_health mic
    ctypedef struct rta_detector_output:
        uint32_t actions
        uint32_t event_count
        rta_event *events
    enum:
        RTA_DO_DUCK
        RTA_DO_PAUSE
        RTA_DO_FLUSH
        RTA_DO_UNDUCK
        RTA_DO_RESUME
        RTA_DO_RESUME_REWIND
    void rta_detector_defaults(rta_detector_config *config)
    rta_status rta_detector_check(const rta_detector_config *config, const char **why)
    rta_status rta_detector_init(rta_detector *d, const rta_detector_config *config)
    void rta_detector_step(rta_detector *d, const rta_window *window, rta_detector_output *output)
    void rta_detector_evidence(rta_detector *d, uint64_t question, const rta_turn_evidence *evidence, uint64_t at,
                               rta_detector_output *output)
    void rta_detector_hint(rta_detector *d, const rta_hint *hint, uint64_t at, rta_detector_output *output)
    enum:
        RTA_SETTINGS_TURN
        RTA_SETTINGS_BARGE
    ctypedef struct rta_turn_settings:
        uint32_t has
        rta_turn_config turn
        rta_barge_config barge
    rta_status rta_turn_settings_check(const rta_turn_settings *settings, const char **why)
    void rta_detector_settings(rta_detector *d, const rta_turn_settings *settings, uint64_t at,
                               rta_detector_output *output)
    void rta_detector_peek(rta_detector *d, const rta_peek *peek, rta_detector_output *output)

cdef extern from "jitter.h" nogil:
    ctypedef struct rta_jitter_config:
        uint32_t rate
        int64_t link_lost_ns
    bint rta_jitter_wants_opus(const rta_jitter_config *config)
    ctypedef struct rta_jitter_packet:
        uint16_t seq
        uint8_t payload_type
        uint32_t timestamp
        uint32_t ssrc
        int64_t arrival_ns
        const uint8_t *payload
        uint32_t bytes

cdef extern from "platform.h" nogil:
    ctypedef struct rta_socket_address:
        uint8_t length
    rta_status rta_socket_address_parse(rta_socket_address *address, const char *host, uint16_t port)

cdef extern from "udp.h" nogil:
    ctypedef struct rta_udp:
        pass
    ctypedef struct rta_udp_figures:
        uint64_t sent
        uint64_t sent_bytes
        uint64_t send_full
        uint64_t send_errors
        uint64_t send_refused
        uint64_t received
        uint64_t received_bytes
        uint64_t too_long
        uint64_t receive_errors
    rta_status rta_udp_open(rta_udp **out, const char *host, uint16_t port)
    void rta_udp_close(rta_udp *udp)
    rta_status rta_udp_bound(const rta_udp *udp, char *text, uint16_t *port)
    void rta_udp_figures_read(const rta_udp *udp, rta_udp_figures *figures)

cdef extern from "rtp_sender.h" nogil:
    enum:
        RTA_CODEC_OPUS
    ctypedef struct rta_encoder_config:
        uint32_t codec
        uint32_t rate
    ctypedef struct rta_rtp_sender_config:
        rta_encoder_config encoder
        uint32_t input_rate
        uint32_t ssrc

cdef extern from "playout.h" nogil:
    ctypedef enum rta_remote:
        RTA_REMOTE_NONE
        RTA_REMOTE_PLAYS
        RTA_REMOTE_CLEARS
        RTA_REMOTE_DUCKS
    ctypedef struct rta_remote_report:
        uint64_t played
        uint64_t clear

cdef extern from "engine.h" nogil:
    enum:
        RTA_ENGINE_LINES
    const int64_t RTA_ARRIVES_NOW
    ctypedef struct rta_packets_config:
        rta_jitter_config jitter
        uint32_t waiting
    ctypedef struct rta_packets_figures:
        pass
    ctypedef struct rta_socket_config:
        rta_udp *udp
        rta_socket_address send_to
        rta_rtp_sender_config rtp
        bint sends
        bint receives
    ctypedef struct rta_socket_figures:
        uint64_t samples
        uint64_t packets
        uint64_t payload_bytes
        uint64_t frames
        uint64_t silent_frames
        uint64_t cuts
        uint64_t unaddressed
        uint64_t dropped
        uint32_t delay_samples
    ctypedef struct rta_engine:
        pass
    ctypedef struct rta_line:
        pass
    ctypedef struct rta_engine_config:
        int64_t tick_ns
        const rta_vad_kernel *vad
        uint32_t max_lines
        uint32_t max_batch
    ctypedef enum rta_line_kind:
        RTA_LINE_PACED
        RTA_LINE_DEVICE
        RTA_LINE_NETWORK
    ctypedef struct rta_line_config:
        rta_line_kind kind
        uint32_t input_rate
        uint64_t input_samples
        rta_detector_config detector
        int64_t device_latency_ns
        int64_t device_bound_ns
        int wake_fd
        bint outside_vad
        bint observe
        const rta_stage *stage
        bint cleaned
        uint32_t upstream_delay_samples
        rta_packets_config packets
        rta_remote remote
        int64_t lead_ns
        int64_t link_lost_ns
        rta_socket_config socket
    ctypedef struct rta_engine_figures:
        uint64_t steps
        uint64_t ticks
        uint64_t late_steps
        int64_t max_lateness_ns
        int64_t busy_ns
        uint64_t windows
        uint64_t batches
        uint64_t wakes
        int64_t thread_id
    ctypedef struct rta_line_figures:
        uint64_t input_taken
        uint64_t input_starved
        uint64_t input_dropped
        uint64_t input_bad
        uint64_t input_concealed
        uint64_t input_silence
        uint64_t mic_written
        uint64_t windows
        uint64_t peeks
        uint64_t out_pulled
        uint64_t answers_dropped
        uint64_t windows_skipped
        rta_turn_counts turn
        uint64_t evidence_dropped
        uint64_t hints_dropped
        uint64_t settings_dropped
        uint64_t echo_found
        uint64_t echo_moved
        uint64_t echo_starved
        uint64_t echo_realigned
        int64_t echo_delay_samples
        uint64_t stage_bad
        uint64_t stage_starved
        uint64_t reports
        uint64_t reports_refused
        uint64_t reports_dropped
        uint64_t lead_samples
        uint64_t link_losses
        uint64_t link_silent_ms
        uint32_t input_delay_samples
    rta_status rta_engine_create(rta_engine **engine, const rta_engine_config *config)
    void rta_engine_destroy(rta_engine *engine)
    rta_status rta_engine_add(rta_engine *engine, rta_port_engine *port, const rta_line_config *config, rta_line **line)
    rta_status rta_engine_remove(rta_engine *engine, rta_line *line)
    rta_status rta_engine_start(rta_engine *engine)
    void rta_engine_stop(rta_engine *engine)
    rta_status rta_engine_step(rta_engine *engine, int64_t now_ns)
    void rta_engine_figures_read(const rta_engine *engine, rta_engine_figures *figures)
    ctypedef struct rta_anchor:
        uint64_t out
        double mic
    void rta_line_mark_input(rta_line *line, uint64_t position, uint32_t rate, int64_t ns)
    uint64_t rta_line_pushed(const rta_line *line)
    uint64_t rta_line_anchors(const rta_line *line, uint64_t *first, rta_anchor *anchors, uint64_t most)
    rta_status rta_line_push(rta_line *line, const float *samples, uint64_t count, uint64_t *taken)
    rta_status rta_line_push_cleaned(rta_line *line, const float *samples, const float *cleaned, uint64_t count,
                                     uint64_t *taken)
    ctypedef struct rta_source:
        uint8_t address[16]
        uint16_t port
        uint16_t pad[3]
    ctypedef enum rta_datagram:
        RTA_DATAGRAM_TAKEN
    rta_status rta_line_put_datagram(rta_line *line, const uint8_t *data, size_t bytes, const rta_source *source,
                                     int64_t arrival_ns, rta_datagram *what)
    void rta_line_sent_read(const rta_line *line, rta_socket_figures *figures)
    uint64_t rta_line_room(const rta_line *line)
    rta_status rta_line_put_packet(rta_line *line, const rta_jitter_packet *packet)
    void rta_line_packets_read(const rta_line *line, rta_packets_figures *figures)
    rta_status rta_line_probability(rta_line *line, uint64_t position_end, float probability)
    rta_status rta_line_set_lead(rta_line *line, int64_t lead_ns)
    rta_status rta_line_report(rta_line *line, const rta_remote_report *report)
    rta_status rta_line_turn_evidence(rta_line *line, uint64_t question, const rta_turn_evidence *evidence)
    rta_status rta_line_turn_hint(rta_line *line, const rta_hint *hint)
    rta_status rta_line_turn_settings(rta_line *line, const rta_turn_settings *settings, const char **why)
    uint64_t rta_line_answered(const rta_line *line)
    void rta_line_figures_read(const rta_line *line, rta_line_figures *figures)
    void rta_line_free(rta_line *line)

cdef extern from "line_socket.h" nogil:
    rta_status rta_line_socket_check(const rta_socket_config *config, uint32_t rate, const char **why)

cdef extern from "device.h" nogil:
    ctypedef struct rta_pa_time_info:
        pass
    enum:
        RTA_DEVICE_CHANNELS
    ctypedef struct rta_device:
        pass
    ctypedef struct rta_device_figures:
        uint64_t input_callbacks
        uint64_t output_callbacks
        uint64_t input_samples
        uint64_t output_samples
        uint64_t input_overflows
        uint64_t output_underflows
        int64_t first_input_ns
        int64_t first_output_ns
        int64_t output_latency_ns
        int64_t input_latency_ns
        uint64_t output_late_pulls
        uint64_t detour_dropped
        uint64_t output_failed
    rta_status rta_device_create(rta_device **device, rta_line *line, uint32_t input_channels, uint32_t output_channels,
                                 int64_t output_latency_ns, int64_t input_latency_ns)
    rta_status rta_device_detour(rta_device *device, uint32_t rate, uint64_t samples)
    uint64_t rta_device_take(rta_device *device, float *samples, uint64_t most)
    uint64_t rta_device_waiting(rta_device *device)
    void rta_device_destroy(rta_device *device)
    void rta_device_set_latency(rta_device *device, int64_t output_latency_ns, int64_t input_latency_ns)
    void rta_device_figures_read(const rta_device *device, rta_device_figures *figures)
    int rta_device_input(const void *input, void *output, unsigned long frames, const rta_pa_time_info *time,
                         unsigned long status, void *device)
    int rta_device_output(const void *input, void *output, unsigned long frames, const rta_pa_time_info *time,
                          unsigned long status, void *device)
