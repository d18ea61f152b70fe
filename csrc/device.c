/* SPDX-License-Identifier: Apache-2.0 */
#include "device.h"

#include <stdlib.h>
#include <string.h>

#include "line.h"

enum { CHUNK_FRAMES = 1024, CONTINUE = 0 /* paContinue */ };
static const double NS = 1e9, LONGEST_S = 10.0;

/* One direction of the device; everything but reported_ns belongs to that stream's callback. */
typedef struct stream {
    uint32_t channels, rate;
    int64_t reported_ns; /* the stream's latency as PortAudio told at opening */
    int64_t last_ns;     /* when the last callback began; 0: none yet */
    uint64_t callbacks, samples, faults, late, failed;
    int64_t first_ns, latency_ns;
    float mono[CHUNK_FRAMES];
} stream;

struct rta_device {
    rta_line *line;
    _Alignas(RTA_CACHE_LINE) stream input;
    _Alignas(RTA_CACHE_LINE) stream output;
    /* The detour; NULL: none. */
    float *detour;
    _Alignas(RTA_CACHE_LINE) rta_ring_writer detour_writer;
    rta_ring_producer detour_producer;
    _Alignas(RTA_CACHE_LINE) rta_ring_consumer detour_consumer;
    rta_ring_reader detour_reader;
};

static void store(int64_t *figure, int64_t value) { __atomic_store_n(figure, value, __ATOMIC_RELAXED); }

rta_status rta_device_create(rta_device **device, rta_line *line, uint32_t input_channels, uint32_t output_channels,
                             int64_t output_latency_ns, int64_t input_latency_ns) {
    *device = NULL;
    if (line->config.kind != RTA_LINE_DEVICE) return RTA_INVALID;
    if (input_channels < 1 || input_channels > RTA_DEVICE_CHANNELS) return RTA_INVALID;
    if (output_channels < 1 || output_channels > RTA_DEVICE_CHANNELS) return RTA_INVALID;
    const rta_status status = rta_playout_attach(rta_port_consumer(line->port));
    if (status) return status;
    rta_device *d = aligned_alloc(RTA_CACHE_LINE, sizeof *d);
    if (!d) {
        rta_playout_detach(rta_port_consumer(line->port));
        return RTA_NOMEM;
    }
    memset(d, 0, sizeof *d);
    d->line = line;
    d->input.channels = input_channels;
    d->input.rate = line->config.input_rate;
    d->output.channels = output_channels;
    d->output.rate = line->rate;
    rta_device_set_latency(d, output_latency_ns, input_latency_ns);
    *device = d;
    return RTA_OK;
}

void rta_device_destroy(rta_device *d) {
    if (!d) return;
    rta_playout_detach(rta_port_consumer(d->line->port));
    free(d->detour);
    free(d);
}

rta_status rta_device_detour(rta_device *d, uint32_t rate, uint64_t samples) {
    if (d->detour) return RTA_BUSY;
    if (samples < CHUNK_FRAMES || samples & (samples - 1) || samples > (uint64_t)1 << 28) return RTA_INVALID;
    float *ring = aligned_alloc(RTA_CACHE_LINE, samples * sizeof(float));
    if (!ring) return RTA_NOMEM;
    memset(ring, 0, samples * sizeof(float));
    rta_status status = rta_ring_writer_init(&d->detour_writer, &d->detour_producer, &d->detour_consumer, ring, samples,
                                             sizeof(float), RTA_RING_DROP_NEWEST);
    if (!status)
        status = rta_ring_reader_init(&d->detour_reader, &d->detour_consumer, &d->detour_producer, ring, samples,
                                      sizeof(float));
    if (status) free(ring);
    else d->detour = ring, d->input.rate = rate;
    return status;
}

uint64_t rta_device_waiting(rta_device *d) { return d->detour ? rta_ring_available(&d->detour_reader) : 0; }

uint64_t rta_device_take(rta_device *d, float *samples, uint64_t most) {
    const uint64_t there = rta_device_waiting(d), count = there < most ? there : most;
    return count && rta_ring_pull(&d->detour_reader, samples, count) == RTA_OK ? count : 0;
}

void rta_device_set_latency(rta_device *d, int64_t output_latency_ns, int64_t input_latency_ns) {
    store(&d->output.reported_ns, output_latency_ns > 0 ? output_latency_ns : 0);
    store(&d->input.reported_ns, input_latency_ns > 0 ? input_latency_ns : 0);
}

static int64_t span_ns(uint64_t frames, uint32_t rate) { return (int64_t)(frames * 1000000000u / rate); }

/* From now to the converter (output) or from the converter to now (input), with its bound. */
static int64_t latency(const stream *s, double seconds, unsigned long frames, int64_t *bound_ns) {
    const bool told = seconds > 0.0 && seconds < LONGEST_S;
    const int64_t reported_ns = __atomic_load_n(&s->reported_ns, __ATOMIC_RELAXED);
    *bound_ns = told ? span_ns(frames, s->rate) : reported_ns;
    return told ? (int64_t)(seconds * NS) : reported_ns;
}

static void began(stream *s, int64_t now_ns, int64_t first_ns, int64_t latency_ns, unsigned long frames, bool fault) {
    if (s->last_ns && now_ns - s->last_ns > 2 * span_ns(frames, s->rate)) rta_count(&s->late, 1);
    s->last_ns = now_ns;
    if (!s->first_ns) store(&s->first_ns, first_ns);
    store(&s->latency_ns, latency_ns);
    rta_count(&s->callbacks, 1);
    rta_count(&s->samples, frames);
    if (fault) rta_count(&s->faults, 1);
}

/* The mean of the channels, summed in their order. */
static void mix_down(const float *in, uint32_t channels, float *out, unsigned long frames) {
    for (unsigned long i = 0; i < frames; i++) {
        float sum = 0.0f;
        for (uint32_t c = 0; c < channels; c++) sum += in[i * channels + c];
        out[i] = sum / (float)channels;
    }
}

static void spread(const float *in, uint32_t channels, float *out, unsigned long frames) {
    for (unsigned long i = 0; i < frames; i++)
        for (uint32_t c = 0; c < channels; c++) out[i * channels + c] = in[i];
}

int rta_device_input(const void *input, void *output, unsigned long frames, const rta_pa_time_info *time,
                     unsigned long status, void *device) {
    (void)output;
    RTA_RT_ENTER();
    rta_device *d = device;
    stream *s = &d->input;
    const int64_t now_ns = rta_clock_ns();
    int64_t bound_ns;
    const int64_t latency_ns = latency(s, time ? time->current_time - time->input_adc_time : 0.0, frames, &bound_ns);
    began(s, now_ns, now_ns - latency_ns, latency_ns, frames, status & RTA_PA_INPUT_OVERFLOW);
    uint64_t taken;
    rta_line_mark_input(d->line, d->detour ? d->detour_producer.write : rta_line_pushed(d->line), s->rate,
                        now_ns - latency_ns);
    /* No buffer: the device gave nothing, and the time passed all the same: silence. */
    for (unsigned long done = 0, count; done < frames; done += count) {
        count = frames - done < CHUNK_FRAMES ? frames - done : CHUNK_FRAMES;
        const float *in = input ? (const float *)input + done * s->channels : NULL;
        if (!in) memset(s->mono, 0, count * sizeof(float));
        else if (s->channels > 1) mix_down(in, s->channels, s->mono, count);
        const float *mono = in && s->channels == 1 ? in : s->mono;
        if (d->detour) rta_ring_push(&d->detour_writer, mono, count);
        else rta_line_push(d->line, mono, count, &taken);
    }
    RTA_RT_LEAVE();
    return CONTINUE;
}

int rta_device_output(const void *input, void *output, unsigned long frames, const rta_pa_time_info *time,
                      unsigned long status, void *device) {
    (void)input;
    if (!output) return CONTINUE;
    RTA_RT_ENTER();
    rta_device *d = device;
    stream *s = &d->output;
    rta_playout_consumer *consumer = rta_port_consumer(d->line->port);
    const int64_t now_ns = rta_clock_ns();
    int64_t bound_ns;
    const int64_t latency_ns = latency(s, time ? time->output_dac_time - time->current_time : 0.0, frames, &bound_ns);
    began(s, now_ns, now_ns + latency_ns, latency_ns, frames, status & RTA_PA_OUTPUT_UNDERFLOW);
    for (unsigned long done = 0, count; done < frames; done += count) {
        count = frames - done < CHUNK_FRAMES ? frames - done : CHUNK_FRAMES;
        float *out = (float *)output + done * s->channels;
        float *mono = s->channels == 1 ? out : s->mono;
        if (rta_playout_pull(consumer, mono, count, now_ns + latency_ns + span_ns(done, s->rate), bound_ns)) {
            memset(mono, 0, count * sizeof(float));
            rta_count(&s->failed, count);
        }
        if (s->channels > 1) spread(mono, s->channels, out, count);
    }
    RTA_RT_LEAVE();
    return CONTINUE;
}

void rta_device_figures_read(const rta_device *d, rta_device_figures *figures) {
    const stream *in = &d->input, *out = &d->output;
    *figures = (rta_device_figures){
        .input_callbacks = __atomic_load_n(&in->callbacks, __ATOMIC_RELAXED),
        .output_callbacks = __atomic_load_n(&out->callbacks, __ATOMIC_RELAXED),
        .input_samples = __atomic_load_n(&in->samples, __ATOMIC_RELAXED),
        .output_samples = __atomic_load_n(&out->samples, __ATOMIC_RELAXED),
        .input_overflows = __atomic_load_n(&in->faults, __ATOMIC_RELAXED),
        .output_underflows = __atomic_load_n(&out->faults, __ATOMIC_RELAXED),
        .first_input_ns = __atomic_load_n(&in->first_ns, __ATOMIC_RELAXED),
        .first_output_ns = __atomic_load_n(&out->first_ns, __ATOMIC_RELAXED),
        .output_latency_ns = __atomic_load_n(&out->latency_ns, __ATOMIC_RELAXED),
        .input_latency_ns = __atomic_load_n(&in->latency_ns, __ATOMIC_RELAXED),
        .output_late_pulls = __atomic_load_n(&out->late, __ATOMIC_RELAXED),
        .detour_dropped = __atomic_load_n(&d->detour_producer.dropped, __ATOMIC_RELAXED),
        .output_failed = __atomic_load_n(&out->failed, __ATOMIC_RELAXED),
    };
}
