/* SPDX-License-Identifier: Apache-2.0 */
#include "line_parts.h"

#include <stdlib.h>

enum { LINE_REFERENCE_SLACK = 8 };

static bool power_of_two(uint64_t n) { return n != 0 && (n & (n - 1)) == 0; }

/* Both ends of a ring that drops the newest. */
static rta_status wire(rta_ring_writer *writer, rta_ring_producer *producer, rta_ring_reader *reader,
                       rta_ring_consumer *consumer, void *data, uint64_t capacity, uint64_t elem_bytes) {
    const rta_status status =
        rta_ring_writer_init(writer, producer, consumer, data, capacity, elem_bytes, RTA_RING_DROP_NEWEST);
    return status ? status : rta_ring_reader_init(reader, consumer, producer, data, capacity, elem_bytes);
}

static rta_status check(const rta_line_config *c, uint64_t tick_samples) {
    if (c->kind != RTA_LINE_PACED && c->kind != RTA_LINE_DEVICE && c->kind != RTA_LINE_NETWORK) return RTA_INVALID;
    if (c->kind == RTA_LINE_NETWORK && (c->link_lost_ns < 1 || c->link_lost_ns > RTA_LINK_LONGEST_NS))
        return RTA_INVALID;
    if (!power_of_two(c->input_samples) || c->input_samples > (uint64_t)1 << 32) return RTA_INVALID;
    if (c->input_samples < 2 * tick_samples) return RTA_INVALID;
    if (c->cleaned && (c->input_rate != RTA_MIC_RATE || c->stage)) return RTA_INVALID;
    const rta_packets_config *p = &c->packets;
    if (p->waiting && (c->kind != RTA_LINE_NETWORK || c->cleaned || p->jitter.rate != c->input_rate))
        return RTA_INVALID;
    const rta_socket_config *s = &c->socket;
    if (s->udp && (c->kind != RTA_LINE_NETWORK || s->receives != (p->waiting > 0) || c->remote >= RTA_REMOTE_CLEARS))
        return RTA_INVALID;
    if (c->device_latency_ns < 0 || c->device_bound_ns < 0) return RTA_INVALID;
    if (c->remote > RTA_REMOTE_DUCKS || c->lead_ns < 0 || c->lead_ns > RTA_LINE_LEAD_NS) return RTA_INVALID;
    if (c->remote != RTA_REMOTE_NONE ? c->kind == RTA_LINE_DEVICE : c->lead_ns > 0) return RTA_INVALID;
    if (c->detector.window_samples != RTA_VAD_WINDOW || c->upstream_delay_samples > RTA_MIC_RATE) return RTA_INVALID;
    return RTA_OK;
}

rta_status rta_line_create(rta_line **line, rta_port_engine *port, const rta_line_config *config, int64_t tick_ns,
                           const rta_vad_kernel *vad) {
    *line = NULL;
    rta_resampler *resampler = NULL;
    rta_status status = rta_resampler_create(&resampler, config->input_rate, RTA_MIC_RATE);
    if (status) return status;
    const uint64_t chunk_samples = samples_at((uint64_t)tick_ns, config->input_rate) + 1;
    rta_line *l = NULL;
    status = check(config, chunk_samples);
    if (!status && !(l = rta_zeroed(sizeof *l))) status = RTA_NOMEM;
    if (status) {
        rta_resampler_destroy(resampler);
        return status;
    }
    l->resampler = resampler;
    l->port = port;
    l->config = *config;
    l->rate = rta_port_engine_config(port)->playout.rate;
    l->tick_ns = tick_ns;
    l->delay_samples = rta_resampler_delay(resampler) + config->upstream_delay_samples;
    if (config->stage) l->delay_samples += config->stage->delay_samples;
    l->hears = vad != NULL && !config->outside_vad;
    l->wake = RTA_ENGINE_WAKES;
    l->chunk_samples = chunk_samples;
    const uint64_t resampled = rta_resampler_max_out(resampler, chunk_samples);
    const uint64_t mic_samples = resampled + (config->stage ? RTA_STAGE_FRAME : 0);
    l->input_data = rta_zeroed(config->input_samples * sizeof(float));
    l->chunk = rta_zeroed(chunk_samples * sizeof(float));
    if (config->cleaned) l->cleaned_data = rta_zeroed(config->input_samples * sizeof(float));
    if (config->cleaned) l->cleaned = rta_zeroed(chunk_samples * sizeof(float));
    l->fresh = rta_zeroed(resampled * sizeof(float));
    l->pending = rta_zeroed((mic_samples + RTA_VAD_WINDOW) * sizeof(float));
    l->state = rta_zeroed((l->hears ? vad->state_floats : 0) * sizeof(float));
    l->measured_size = config->outside_vad ? 2 * RTA_LINE_ANSWERS : 64; /* more than may wait to be decided */
    l->measured = rta_zeroed(l->measured_size * sizeof *l->measured);
    l->concealed = rta_zeroed(l->measured_size * RTA_WINDOW_HOPS);
    if (config->outside_vad) l->answers = rta_zeroed(RTA_LINE_ANSWERS * sizeof *l->answers);
    l->evidence = rta_zeroed(RTA_LINE_TOLD * sizeof *l->evidence);
    l->hints = rta_zeroed(RTA_LINE_TOLD * sizeof *l->hints);
    l->settings = rta_zeroed(RTA_LINE_SETTINGS * sizeof *l->settings);
    if (!l->input_data || !l->chunk || !l->fresh || !l->pending || !l->state || !l->measured || !l->concealed ||
        !l->evidence || !l->hints || !l->settings || (config->outside_vad && !l->answers) ||
        (config->cleaned && !(l->cleaned && l->cleaned_data))) {
        rta_line_free(l);
        return RTA_NOMEM;
    }
    if (config->packets.waiting) {
        rta_packets_config packets = config->packets;
        packets.jitter.link_lost_ns = config->link_lost_ns;
        status = rta_line_packets_create(&l->packets, &packets);
        if (status) {
            rta_line_free(l);
            return status;
        }
    }
    if (config->socket.udp) {
        status = rta_line_socket_create(&l->socket, &config->socket, l->rate);
        if (status) {
            rta_line_free(l);
            return status;
        }
    }
    /* A stage's reference begins with silence, so that it is always there: a tick, and what its resampler holds back. */
    const bool own_clocks = config->kind != RTA_LINE_PACED;
    const uint64_t lead = own_clocks ? 0 : samples_at((uint64_t)tick_ns, RTA_MIC_RATE) + LINE_REFERENCE_SLACK;
    if (own_clocks) status = rta_line_clock_create(&l->clock, port, l->delay_samples);
    if (!status)
        status = rta_line_echo_create(&l->echo, port, l->hears || l->answers, l->clock ? &l->clock->map : NULL,
                                      config->stage, lead, resampled);
    if (!status) status = rta_line_output_init(l);
    if (!status) status = rta_detector_init(&l->detector, &config->detector);
    if (!status)
        status = wire(&l->input_writer, &l->input_producer, &l->input_reader, &l->input_consumer, l->input_data,
                      config->input_samples, sizeof(float));
    if (!status && l->cleaned)
        status = wire(&l->cleaned_writer, &l->cleaned_producer, &l->cleaned_reader, &l->cleaned_consumer,
                      l->cleaned_data, config->input_samples, sizeof(float));
    if (!status && l->answers)
        status = wire(&l->answer_writer, &l->answer_producer, &l->answer_reader, &l->answer_consumer, l->answers,
                      RTA_LINE_ANSWERS, sizeof *l->answers);
    if (!status)
        status = wire(&l->evidence_writer, &l->evidence_producer, &l->evidence_reader, &l->evidence_consumer,
                      l->evidence, RTA_LINE_TOLD, sizeof *l->evidence);
    if (!status)
        status = wire(&l->hint_writer, &l->hint_producer, &l->hint_reader, &l->hint_consumer, l->hints, RTA_LINE_TOLD,
                      sizeof *l->hints);
    if (status) {
        rta_line_free(l);
        return status;
    }
    /* Windows lie on multiples of 512 of the mic clock, whoever drove the port before: probability k is of the window
     * that ends at 512 * (k + 1). The window that is under way was not heard whole; it counts as no speech. */
    const uint64_t written = rta_port_mic_written(port);
    l->skip = (RTA_VAD_WINDOW - written % RTA_VAD_WINDOW) % RTA_VAD_WINDOW;
    l->heard_to = l->answered = written + l->skip;
    rta_mic_meter_init(&l->meter, RTA_VAD_WINDOW);
    l->meter.count = l->meter.starved = (uint32_t)(written % RTA_VAD_WINDOW);
    l->measured_count = written / RTA_VAD_WINDOW;
    if ((l->hears || l->answers) && l->skip) rta_port_probability_write(port, 0.0f);
    l->news = rta_port_news(port);
    if (l->hears) status = rta_ear_init(&l->ear, vad, written, mic_samples);
    if (!status && l->hears && l->cleaned) status = rta_ear_init(&l->cleaned_ear, vad, written, mic_samples);
    if (status) {
        rta_line_free(l);
        return status;
    }
    *line = l;
    return RTA_OK;
}

void rta_line_free(rta_line *l) {
    if (!l) return;
    rta_resampler_destroy(l->resampler);
    rta_line_echo_destroy(l->echo);
    free(l->clock);
    free(l->input_data);
    free(l->cleaned_data);
    free(l->cleaned);
    free(l->answers);
    free(l->measured);
    free(l->concealed);
    rta_line_packets_destroy(l->packets);
    rta_line_socket_destroy(l->socket);
    free(l->evidence);
    free(l->hints);
    free(l->settings);
    free(l->chunk);
    free(l->fresh);
    free(l->pending);
    rta_line_output_free(l);
    free(l->state);
    rta_ear_free(&l->ear);
    rta_ear_free(&l->cleaned_ear);
    free(l);
}

rta_port_engine *rta_line_port(const rta_line *l) { return l->port; }
const rta_line_config *rta_line_config_of(const rta_line *l) { return &l->config; }

void rta_line_sent_read(const rta_line *l, rta_socket_figures *figures) {
    memset(figures, 0, sizeof *figures);
    if (l->socket) rta_line_socket_figures_read(l->socket, figures);
}

void rta_line_figures_read(const rta_line *l, rta_line_figures *figures) {
    rta_line_echo_figures echo;
    rta_packets_figures packets;
    rta_line_packets_read(l, &packets);
    rta_line_echo_figures_read(l->echo, &echo);
    *figures = (rta_line_figures){
        .echo_found = echo.found,
        .echo_moved = echo.moved,
        .echo_starved = echo.starved,
        .echo_realigned = echo.realigned,
        .echo_delay_samples = echo.delay_samples,
        .stage_bad = echo.stage_bad,
        .stage_starved = echo.stage_starved,
        .link_losses = __atomic_load_n(&l->link.losses, __ATOMIC_RELAXED) + packets.jitter.link_losses,
        .link_silent_ms = __atomic_load_n(&l->link.silent_ns, __ATOMIC_RELAXED) / 1000000,
        .input_taken = __atomic_load_n(&l->input_taken, __ATOMIC_RELAXED),
        .input_starved = __atomic_load_n(&l->input_starved, __ATOMIC_RELAXED),
        .input_dropped = __atomic_load_n(&l->input_dropped, __ATOMIC_RELAXED),
        .input_concealed = __atomic_load_n(&l->input_concealed, __ATOMIC_RELAXED),
        .input_silence = __atomic_load_n(&l->input_silence, __ATOMIC_RELAXED),
        .input_bad = __atomic_load_n(&l->input_bad, __ATOMIC_RELAXED),
        .mic_written = __atomic_load_n(&l->mic_written, __ATOMIC_RELAXED),
        .windows = __atomic_load_n(&l->windows, __ATOMIC_RELAXED),
        .peeks = __atomic_load_n(&l->peeks, __ATOMIC_RELAXED),
        .answers_dropped = __atomic_load_n(&l->answers_dropped, __ATOMIC_RELAXED),
        .windows_skipped = __atomic_load_n(&l->windows_skipped, __ATOMIC_RELAXED),
        .turn =
            {
                .asked = __atomic_load_n(&l->turn_counts.asked, __ATOMIC_RELAXED),
                .answered = __atomic_load_n(&l->turn_counts.answered, __ATOMIC_RELAXED),
                .late = __atomic_load_n(&l->turn_counts.late, __ATOMIC_RELAXED),
                .stale = __atomic_load_n(&l->turn_counts.stale, __ATOMIC_RELAXED),
                .unanswered = __atomic_load_n(&l->turn_counts.unanswered, __ATOMIC_RELAXED),
                .resumed = __atomic_load_n(&l->turn_counts.resumed, __ATOMIC_RELAXED),
            },
        .evidence_dropped = __atomic_load_n(&l->evidence_dropped, __ATOMIC_RELAXED),
        .hints_dropped = __atomic_load_n(&l->hints_dropped, __ATOMIC_RELAXED),
        .settings_dropped = __atomic_load_n(&l->settings_dropped, __ATOMIC_RELAXED),
        .out_pulled = __atomic_load_n(&l->output.pulled, __ATOMIC_RELAXED),
        .reports = __atomic_load_n(&l->output.reports, __ATOMIC_RELAXED),
        .reports_refused = __atomic_load_n(&l->output.reports_refused, __ATOMIC_RELAXED),
        .reports_dropped = __atomic_load_n(&l->output.reports_dropped, __ATOMIC_RELAXED),
        .lead_samples = __atomic_load_n(&l->output.lead_samples, __ATOMIC_RELAXED),
        .input_delay_samples = l->delay_samples,
    };
}
