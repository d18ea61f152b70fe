/* SPDX-License-Identifier: Apache-2.0 */
#include "line_parts.h"

#include <math.h>
#include <string.h>

/* ---- Producer */

static rta_status push(rta_line *l, const float *samples, const float *cleaned, uint64_t count, uint64_t *taken) {
    *taken = 0;
    if (l->packets) return RTA_INVALID;
    const uint64_t room = rta_ring_room(&l->input_writer);
    const uint64_t fits = count < room ? count : room;
    /* First what goes beside, taken first, too: so it has room for whatever the input has room for, and is there. */
    rta_status status = fits && l->cleaned ? rta_ring_push(&l->cleaned_writer, cleaned, fits) : RTA_OK;
    if (fits && !status) status = rta_ring_push(&l->input_writer, samples, fits);
    *taken = status ? 0 : fits;
    if (fits < count) rta_count(&l->input_dropped, count - fits);
    return status ? status : fits < count ? RTA_FULL : RTA_OK;
}

rta_status rta_line_push(rta_line *l, const float *samples, uint64_t count, uint64_t *taken) {
    return push(l, samples, samples, count, taken);
}

rta_status rta_line_push_cleaned(rta_line *l, const float *samples, const float *cleaned, uint64_t count,
                                 uint64_t *taken) {
    *taken = 0;
    return l->cleaned ? push(l, samples, cleaned, count, taken) : RTA_INVALID;
}

rta_status rta_line_put_packet(rta_line *l, const rta_jitter_packet *packet) {
    return l->packets ? rta_line_packets_put(l->packets, packet) : RTA_INVALID;
}

void rta_line_mark_input(rta_line *l, uint64_t position, uint32_t rate, int64_t ns) {
    if (l->clock) rta_line_clock_mark(l->clock, position, rate, ns);
}

uint64_t rta_line_pushed(const rta_line *l) { return __atomic_load_n(&l->input_producer.write, __ATOMIC_RELAXED); }

uint64_t rta_line_anchors(const rta_line *l, uint64_t *from, rta_anchor *anchors, uint64_t most) {
    return l->clock ? rta_line_clock_read(l->clock, from, anchors, most) : 0;
}

uint64_t rta_line_room(const rta_line *l) {
    /* read first: it only grows towards write, so the difference never wraps */
    const uint64_t read = __atomic_load_n(&l->input_consumer.read, __ATOMIC_ACQUIRE);
    const uint64_t write = __atomic_load_n(&l->input_producer.write, __ATOMIC_ACQUIRE);
    const uint64_t held = write - read;
    return held < l->config.input_samples ? l->config.input_samples - held : 0;
}

/* ---- The step */

static void starved(rta_line *l, uint64_t missing, uint64_t mic) {
    const bool begins = missing && l->starving_ticks == 0, ends = !missing && l->starving_ticks > 0;
    const bool again = missing && l->starving_ticks * (uint64_t)l->tick_ns >= NS_PER_S;
    l->starved_untold += missing;
    if (missing) rta_count(&l->input_starved, missing);
    if ((begins || ends || again) && l->starved_untold) {
        rta_event e = {.kind = RTA_EV_INPUT_STARVED, .mic = mic, .decided = mic, .a = l->starved_untold};
        rta_port_event(l->port, &e);
        l->starved_untold = 0;
    }
    if (ends) l->starving_ticks = 0;
    else if (missing) l->starving_ticks = again ? 1 : l->starving_ticks + 1;
}

static void clean(rta_line *l, float *samples, uint64_t count) {
    uint64_t bad = 0;
    for (uint64_t i = 0; i < count; i++) {
        const bool good = fabsf(samples[i]) <= (float)RTA_INPUT_LIMIT; /* false for NaN */
        samples[i] = good ? samples[i] : 0.0f;
        bad += !good;
    }
    if (bad) rta_count(&l->input_bad, bad);
}

/* `at`: of the mic clock. */
static void note_concealed(rta_line *l, uint64_t at, uint64_t count, bool concealed) {
    for (uint64_t run; count; at += run, count -= run) {
        const uint64_t into = at % RTA_PEEK_SAMPLES;
        uint8_t *hop = &l->concealed[at / RTA_PEEK_SAMPLES % (l->measured_size * RTA_WINDOW_HOPS)];
        run = count < RTA_PEEK_SAMPLES - into ? count : RTA_PEEK_SAMPLES - into;
        if (into == 0) *hop = 0;
        if (concealed) *hop = (uint8_t)(*hop + run);
    }
}

/* Levels for mic health, and what was concealed. */
static void measure(rta_line *l, const float *samples, uint64_t count, rta_line_origin origin) {
    const bool starved = origin != RTA_FROM_LINE;
    note_concealed(l, l->measured_count * RTA_VAD_WINDOW + l->meter.count, count, origin == RTA_OWN_CONCEALED);
    while (count) {
        bool done = false;
        rta_mic_window *window = &l->measured[l->measured_count % l->measured_size];
        const uint64_t taken = rta_mic_meter_take(&l->meter, samples, count, starved, window, &done);
        l->measured_count += done;
        samples += taken;
        count -= taken;
    }
}

/* The chain: journal, resample, levels, stage (or what was cleaned before), mic ring, echo guard, pending windows. */
void rta_line_feed(rta_line *l, uint64_t count, rta_line_origin origin) {
    if (l->pending_heard) {
        l->pending_count -= l->pending_heard;
        memmove(l->pending, l->pending + l->pending_heard, l->pending_count * sizeof(float));
        l->pending_heard = 0;
    }
    if (!l->packets) /* else they are in the journal */
        rta_journal_write(rta_port_journal_of_engine(l->port), RTA_J_INPUT, rta_port_mic_written(l->port), l->chunk,
                          count * sizeof(float), NULL, 0);
    uint64_t resampled = 0, fresh_count = 0;
    rta_resampler_process(l->resampler, l->chunk, count, l->fresh, &resampled);
    measure(l, l->fresh, resampled, origin); /* before any canceller */
    const uint64_t waiting = rta_ring_available(&l->input_reader) * RTA_MIC_RATE / l->config.input_rate;
    rta_line_echo_take_reference(l->echo, resampled, waiting);
    const float *fresh = rta_line_echo_stage(l->echo, l->fresh, resampled, &fresh_count);
    if (!fresh_count) return;
    const float *kept = l->cleaned ? l->cleaned : fresh; /* as many: both are at 16 kHz */
    if (l->cleaned)
        rta_journal_write(rta_port_journal_of_engine(l->port), RTA_J_CLEANED, rta_port_mic_written(l->port), kept,
                          fresh_count * sizeof(float), NULL, 0);
    if (l->config.stage) /* a replay has no stage to run again */
        rta_journal_write(rta_port_journal_of_engine(l->port), RTA_J_STAGED, rta_port_mic_written(l->port), fresh,
                          fresh_count * sizeof(float), NULL, 0);
    /* The guard judges what the VAD hears: an outside one reads the mic ring. */
    rta_line_echo_heard(l->echo, rta_port_mic_written(l->port), l->hears ? fresh : kept, fresh_count);
    rta_port_mic_write(l->port, kept, fresh_count);
    rta_count(&l->mic_written, fresh_count);
    if (!l->hears) return;
    memcpy(l->pending + l->pending_count, fresh, fresh_count * sizeof(float));
    rta_ear_feed(&l->ear, rta_line_echo_rest(l->echo, fresh, fresh_count), fresh_count);
    if (l->cleaned) rta_ear_feed(&l->cleaned_ear, kept, fresh_count);
    l->pending_count += fresh_count;
    const uint64_t skipped = l->skip < l->pending_count ? l->skip : l->pending_count;
    l->pending_heard += skipped;
    l->skip -= skipped;
}

void rta_line_take_ring(rta_line *l, uint64_t count, uint64_t taken) {
    if (taken && l->cleaned) rta_ring_pull(&l->cleaned_reader, l->cleaned, taken);
    if (taken) rta_ring_pull(&l->input_reader, l->chunk, taken);
    memset(l->chunk + taken, 0, (count - taken) * sizeof(float));
    if (l->cleaned) memset(l->cleaned + taken, 0, (count - taken) * sizeof(float));
    rta_count(&l->input_taken, taken);
    if (!count) return;
    clean(l, l->chunk, taken);
    if (l->cleaned) clean(l, l->cleaned, taken);
    rta_line_feed(l, count, taken < count ? RTA_OWN_SILENCE : RTA_FROM_LINE);
}

bool rta_line_take(rta_line *l, bool first, int64_t tick_ns) {
    if (l->config.kind == RTA_LINE_NETWORK) return rta_line_take_network(l, first, tick_ns);
    const uint64_t there = rta_ring_available(&l->input_reader);
    if (l->config.kind == RTA_LINE_DEVICE) {
        const uint64_t taken = there < l->chunk_samples ? there : l->chunk_samples;
        rta_line_take_ring(l, taken, taken);
        return there > taken;
    }
    const uint64_t due = due_in_tick(l, l->config.input_rate), taken = there < due ? there : due;
    starved(l, due - taken, rta_port_mic_written(l->port));
    rta_line_take_ring(l, due, taken);
    return false;
}
