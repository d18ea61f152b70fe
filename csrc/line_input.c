/* SPDX-License-Identifier: Apache-2.0 */
#include "line_parts.h"

#include <math.h>
#include <string.h>

/* ---- Producer */

static rta_status push(rta_line *l, const float *samples, const float *cleaned, uint64_t count, uint64_t *taken) {
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

/* Levels for mic health. `starved`: silence of our own is among the samples. */
static void measure(rta_line *l, const float *samples, uint64_t count, bool starved) {
    while (count) {
        bool done = false;
        rta_mic_window *window = &l->measured[l->measured_count % l->measured_size];
        const uint64_t taken = rta_mic_meter_take(&l->meter, samples, count, starved, window, &done);
        l->measured_count += done;
        samples += taken;
        count -= taken;
    }
}

/* The chain: journal, resample, levels, stage (or what was cleaned before), mic ring, echo guard, pending windows. `starved`: not all of the chunk came over the line. */
static void feed(rta_line *l, uint64_t count, bool starved) {
    if (l->pending_heard) {
        l->pending_count -= l->pending_heard;
        memmove(l->pending, l->pending + l->pending_heard, l->pending_count * sizeof(float));
        l->pending_heard = 0;
    }
    rta_journal_write(rta_port_journal_of_engine(l->port), RTA_J_INPUT, rta_port_mic_written(l->port), l->chunk,
                      count * sizeof(float), NULL, 0);
    uint64_t resampled = 0, fresh_count = 0;
    rta_resampler_process(l->resampler, l->chunk, count, l->fresh, &resampled);
    measure(l, l->fresh, resampled, starved); /* before any canceller */
    rta_line_echo_take_reference(l->echo);
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
    l->pending_count += fresh_count;
    const uint64_t skipped = l->skip < l->pending_count ? l->skip : l->pending_count;
    l->pending_heard += skipped;
    l->skip -= skipped;
}

/* So many samples, of which as many as are there come over the line, the others are silence. */
static void take(rta_line *l, uint64_t count, uint64_t taken) {
    if (taken && l->cleaned) rta_ring_pull(&l->cleaned_reader, l->cleaned, taken);
    if (taken) rta_ring_pull(&l->input_reader, l->chunk, taken);
    memset(l->chunk + taken, 0, (count - taken) * sizeof(float));
    if (l->cleaned) memset(l->cleaned + taken, 0, (count - taken) * sizeof(float));
    rta_count(&l->input_taken, taken);
    if (!count) return;
    clean(l, l->chunk, taken);
    if (l->cleaned) clean(l, l->cleaned, taken);
    feed(l, count, taken < count);
}

static void tell_link(rta_line *l, bool came) {
    uint64_t without_ms = 0;
    const rta_link_change change = rta_line_link_tick(&l->link, l->config.link_lost_ns, l->tick_ns, came, &without_ms);
    if (change == RTA_LINK_SAME) return;
    const uint64_t mic = rta_port_mic_written(l->port);
    const rta_event e = {.kind = change == RTA_LINK_LOST ? RTA_EV_LINK_LOST : RTA_EV_LINK_BACK,
                         .mic = mic,
                         .decided = mic,
                         .a = without_ms};
    rta_port_event(l->port, &e);
}

static bool take_network(rta_line *l, bool first) {
    const uint64_t there = rta_ring_available(&l->input_reader);
    if (first) {
        tell_link(l, there > 0);
        l->burst_left = (uint64_t)l->config.input_rate * RTA_LINE_BURST_MS / 1000;
    }
    uint64_t taken = there < l->chunk_samples ? there : l->chunk_samples;
    if (taken > l->burst_left) taken = l->burst_left;
    l->burst_left -= taken;
    take(l, taken, taken);
    return there > taken && l->burst_left > 0;
}

bool rta_line_take(rta_line *l, bool first) {
    const uint64_t there = rta_ring_available(&l->input_reader);
    switch (l->config.kind) {
    case RTA_LINE_PACED: {
        const uint64_t due = due_in_tick(l, l->config.input_rate), taken = there < due ? there : due;
        starved(l, due - taken, rta_port_mic_written(l->port));
        take(l, due, taken);
        return false;
    }
    case RTA_LINE_DEVICE: {
        const uint64_t taken = there < l->chunk_samples ? there : l->chunk_samples;
        take(l, taken, taken);
        return there > taken;
    }
    case RTA_LINE_NETWORK: return take_network(l, first);
    }
    return false;
}
