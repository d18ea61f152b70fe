/* SPDX-License-Identifier: Apache-2.0 */
#include "line.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NS_PER_S = 1000000000, LINE_REFERENCE_SLACK = 8 };

/* Samples of a clock of `rate` that begin in the first `elapsed_ns`; exact for centuries. */
static uint64_t samples_at(uint64_t elapsed_ns, uint32_t rate) {
    return elapsed_ns / NS_PER_S * rate + elapsed_ns % NS_PER_S * rate / NS_PER_S;
}

static uint64_t due_in_tick(const rta_line *l, uint32_t rate) {
    const uint64_t begin = l->ticks * (uint64_t)l->tick_ns;
    return samples_at(begin + (uint64_t)l->tick_ns, rate) - samples_at(begin, rate);
}

static bool power_of_two(uint64_t n) { return n != 0 && (n & (n - 1)) == 0; }

/* Both ends of a ring that drops the newest. */
static rta_status wire(rta_ring_writer *writer, rta_ring_producer *producer, rta_ring_reader *reader,
                       rta_ring_consumer *consumer, void *data, uint64_t capacity, uint64_t elem_bytes) {
    const rta_status status =
        rta_ring_writer_init(writer, producer, consumer, data, capacity, elem_bytes, RTA_RING_DROP_NEWEST);
    return status ? status : rta_ring_reader_init(reader, consumer, producer, data, capacity, elem_bytes);
}

static rta_status check(const rta_line_config *c, uint64_t tick_samples) {
    if (c->kind != RTA_LINE_PACED && c->kind != RTA_LINE_DEVICE) return RTA_INVALID;
    if (!power_of_two(c->input_samples) || c->input_samples > (uint64_t)1 << 32) return RTA_INVALID;
    if (c->input_samples < 2 * tick_samples) return RTA_INVALID;
    if (c->cleaned && (c->input_rate != RTA_MIC_RATE || c->stage)) return RTA_INVALID;
    if (c->device_latency_ns < 0 || c->device_bound_ns < 0) return RTA_INVALID;
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
    l->out = rta_zeroed((samples_at((uint64_t)tick_ns, l->rate) + 1) * sizeof(float));
    l->state = rta_zeroed((l->hears ? vad->state_floats : 0) * sizeof(float));
    l->measured_size = config->outside_vad ? 2 * RTA_LINE_ANSWERS : 64; /* more than may wait to be decided */
    l->measured = rta_zeroed(l->measured_size * sizeof *l->measured);
    if (config->outside_vad) l->answers = rta_zeroed(RTA_LINE_ANSWERS * sizeof *l->answers);
    l->evidence = rta_zeroed(RTA_LINE_TOLD * sizeof *l->evidence);
    l->hints = rta_zeroed(RTA_LINE_TOLD * sizeof *l->hints);
    if (!l->input_data || !l->chunk || !l->fresh || !l->pending || !l->out || !l->state || !l->measured ||
        !l->evidence || !l->hints || (config->outside_vad && !l->answers) ||
        (config->cleaned && !(l->cleaned && l->cleaned_data))) {
        rta_line_free(l);
        return RTA_NOMEM;
    }
    /* A stage's reference begins with silence, so that it is always there: a tick, and what its resampler holds back. */
    const bool own_clocks = config->kind == RTA_LINE_DEVICE;
    const uint64_t lead = own_clocks ? 0 : samples_at((uint64_t)tick_ns, RTA_MIC_RATE) + LINE_REFERENCE_SLACK;
    status = rta_line_echo_create(&l->echo, port, l->hears || l->answers, own_clocks, config->stage, lead, resampled);
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
    free(l->input_data);
    free(l->cleaned_data);
    free(l->cleaned);
    free(l->answers);
    free(l->measured);
    free(l->evidence);
    free(l->hints);
    free(l->chunk);
    free(l->fresh);
    free(l->pending);
    free(l->out);
    free(l->state);
    rta_ear_free(&l->ear);
    free(l);
}

rta_port_engine *rta_line_port(const rta_line *l) { return l->port; }
const rta_line_config *rta_line_config_of(const rta_line *l) { return &l->config; }

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

/* ---- Outside VAD */

rta_status rta_line_probability(rta_line *l, uint64_t position_end, float probability) {
    if (!l->answers || position_end % RTA_VAD_WINDOW || position_end <= l->answered) return RTA_INVALID;
    if (position_end > rta_port_mic_written(l->port)) return RTA_INVALID;
    if (!(probability >= 0.0f && probability <= 1.0f)) return RTA_INVALID; /* NaN, too */
    const rta_line_answer answer = {.position_end = position_end, .probability = probability};
    const bool fits = rta_ring_room(&l->answer_writer) > 0;
    const rta_status status = fits ? rta_ring_push(&l->answer_writer, &answer, 1) : RTA_FULL;
    if (!fits) rta_count(&l->answers_dropped, 1);
    rta_count(&l->answered, position_end - l->answered);
    return status;
}

uint64_t rta_line_answered(const rta_line *l) {
    return l->answers ? __atomic_load_n(&l->answered, __ATOMIC_RELAXED) : 0;
}

/* ---- Evidence and hints */

rta_status rta_line_turn_evidence(rta_line *l, uint64_t question, const rta_turn_evidence *evidence) {
    const rta_line_evidence told = {.question = question, .evidence = *evidence};
    if (rta_ring_room(&l->evidence_writer) > 0) return rta_ring_push(&l->evidence_writer, &told, 1);
    rta_count(&l->evidence_dropped, 1);
    return RTA_FULL;
}

rta_status rta_line_turn_hint(rta_line *l, const rta_hint *hint) {
    if (!rta_hint_good(hint)) return RTA_INVALID;
    if (rta_ring_room(&l->hint_writer) > 0) return rta_ring_push(&l->hint_writer, hint, 1);
    rta_count(&l->hints_dropped, 1);
    return RTA_FULL;
}

/* ---- Input */

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

/* What was measured of the window that ends at `position_end`; all of it starved where that is not known any more. */
static rta_mic_window measured_at(const rta_line *l, uint64_t position_end) {
    const uint64_t index = position_end / RTA_VAD_WINDOW - 1;
    const bool known = index < l->measured_count && l->measured_count - index <= l->measured_size;
    return known ? l->measured[index % l->measured_size] : (rta_mic_window){.starved = RTA_VAD_WINDOW};
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

bool rta_line_take(rta_line *l) {
    const bool paced = l->config.kind == RTA_LINE_PACED;
    const uint64_t there = rta_ring_available(&l->input_reader);
    const uint64_t wanted = paced ? due_in_tick(l, l->config.input_rate) : l->chunk_samples;
    const uint64_t taken = there < wanted ? there : wanted;
    const uint64_t count = paced ? wanted : taken;
    if (taken && l->cleaned) rta_ring_pull(&l->cleaned_reader, l->cleaned, taken);
    if (taken) rta_ring_pull(&l->input_reader, l->chunk, taken);
    memset(l->chunk + taken, 0, (count - taken) * sizeof(float));
    if (l->cleaned) memset(l->cleaned + taken, 0, (count - taken) * sizeof(float));
    rta_count(&l->input_taken, taken);
    if (paced) starved(l, wanted - taken, rta_port_mic_written(l->port));
    if (!count) return false;
    clean(l, l->chunk, taken);
    if (l->cleaned) clean(l, l->cleaned, taken);
    feed(l, count, taken < count);
    return !paced && there > taken;
}

bool rta_line_look(rta_line *l, float **state, const float **window) {
    if (!l->hears) return false;
    const bool peeks = rta_barge_wants_peeks(&l->detector.barge, &l->config.detector.barge) &&
                       rta_playout_speaking(rta_port_playout_state(l->port), NULL);
    l->near_look = rta_ear_look(&l->ear, l->heard_to + RTA_VAD_WINDOW, peeks, state, window);
    if (l->near_look) return true;
    if (l->pending_count - l->pending_heard < RTA_VAD_WINDOW) return false;
    *state = l->state;
    *window = l->pending + l->pending_heard;
    return true;
}

/* ---- Decisions */

/* In the order of the bits: the flush stands before the pause is lifted, so that no stale sample slips out between. */
static void carry_out(const rta_line *l, uint32_t actions) {
    if (l->config.observe) return;
    const rta_barge_config *d = &l->config.detector.barge;
    rta_playout_controls *controls = rta_port_engine_controls(l->port);
    const uint32_t ramp = (uint32_t)((uint64_t)d->duck_ramp_ms * l->rate / 1000);
    if (actions & RTA_DO_DUCK) rta_playout_duck(controls, d->duck_gain, ramp);
    if (actions & RTA_DO_PAUSE) rta_playout_pause(controls);
    if (actions & RTA_DO_FLUSH) rta_playout_flush(controls);
    if (actions & RTA_DO_UNDUCK) rta_playout_duck(controls, 1.0f, ramp);
    if (actions & RTA_DO_RESUME) rta_playout_resume(controls, false);
    if (actions & RTA_DO_RESUME_REWIND) rta_playout_resume(controls, true);
}

void rta_line_let_go(const rta_line *l) {
    const rta_barge *b = &l->detector.barge;
    carry_out(l, (b->ducks ? RTA_DO_UNDUCK : 0) | (b->pauses ? RTA_DO_RESUME : 0));
}

static void tell(rta_line *l, const rta_detector_output *output) {
    for (uint32_t i = 0; i < output->event_count; i++) rta_port_event(l->port, &output->events[i]);
    const rta_turn_counts *now = &l->detector.turn.counts;
    __atomic_store_n(&l->turn_counts.asked, now->asked, __ATOMIC_RELAXED);
    __atomic_store_n(&l->turn_counts.answered, now->answered, __ATOMIC_RELAXED);
    __atomic_store_n(&l->turn_counts.late, now->late, __ATOMIC_RELAXED);
    __atomic_store_n(&l->turn_counts.stale, now->stale, __ATOMIC_RELAXED);
    __atomic_store_n(&l->turn_counts.unanswered, now->unanswered, __ATOMIC_RELAXED);
    __atomic_store_n(&l->turn_counts.resumed, now->resumed, __ATOMIC_RELAXED);
}

/* The next window's probability is known. */
static void decide(rta_line *l, float probability) {
    const rta_playout_engine *playout = rta_port_playout_state(l->port);
    rta_journal_window told = {.mic = rta_port_mic_written(l->port)};
    rta_detector_output output;
    l->heard_last = probability;
    l->heard_to += RTA_VAD_WINDOW;
    const rta_mic_window heard = measured_at(l, l->heard_to);
    told.window = (rta_window){.position_end = l->heard_to,
                               .probability = probability,
                               .mean_square = heard.mean_square,
                               .clipped = heard.clipped,
                               .starved = heard.starved};
    told.window.echo = rta_line_echo_share(l->echo, l->heard_to);
    if (l->answers) told.window.decided = told.mic;
    told.window.speaking = rta_playout_speaking(playout, &told.window.segment);
    told.window.policy = rta_playout_policy(playout, &told.window.sentences);
    told.window.near = NAN;
    if (l->hears) rta_ear_tell(&l->ear, l->heard_to, &told.window);
    rta_detector_step(&l->detector, &told.window, &output);
    told.actions = output.actions;
    rta_journal_write(rta_port_journal_of_engine(l->port), RTA_J_WINDOW, l->heard_to, &told, sizeof told, NULL, 0);
    if (output.actions) carry_out(l, output.actions);
    rta_port_probability_write(l->port, probability);
    tell(l, &output);
    rta_count(&l->windows, 1);
    if (l->hears) rta_ear_listen(&l->ear, told.window.speaking, l->state, l->heard_to);
}

static float mean_square(const float *samples, uint64_t count) {
    float sum = 0.0f;
    for (uint64_t i = 0; i < count; i++) sum += samples[i] * samples[i];
    return sum / (float)count;
}

static void peek(rta_line *l, uint64_t position, float probability) {
    const rta_playout_engine *playout = rta_port_playout_state(l->port);
    rta_journal_peek told = {.peek = {.position_end = position, .probability = probability},
                             .mic = rta_port_mic_written(l->port)};
    rta_detector_output output;
    uint64_t sentences;
    told.peek.speaking = rta_playout_speaking(playout, &told.peek.segment);
    told.peek.policy = rta_playout_policy(playout, &sentences);
    told.peek.echo = rta_line_echo_share_now(l->echo);
    /* Of the window under way, so it is still pending. */
    const float *last = l->pending + l->pending_heard + (position - l->heard_to - RTA_PEEK_SAMPLES);
    told.peek.mean_square = mean_square(last, RTA_PEEK_SAMPLES);
    rta_detector_peek(&l->detector, &told.peek, &output);
    told.actions = output.actions;
    rta_journal_write(rta_port_journal_of_engine(l->port), RTA_J_PEEK, position, &told, sizeof told, NULL, 0);
    if (output.actions) carry_out(l, output.actions);
    for (uint32_t i = 0; i < output.event_count; i++) rta_port_event(l->port, &output.events[i]);
    rta_count(&l->peeks, 1);
}

void rta_line_looked(rta_line *l, float probability) {
    uint64_t position;
    if (!l->near_look) {
        l->pending_heard += RTA_VAD_WINDOW;
        decide(l, probability);
    } else if (rta_ear_looked(&l->ear, l->heard_to + RTA_VAD_WINDOW, probability, &position)) {
        peek(l, position, probability);
    }
}

void rta_line_take_answers(rta_line *l) {
    rta_ring_span next;
    if (!l->answers) return;
    for (unsigned left = RTA_LINE_HEARD_PER_TICK; left && rta_ring_peek(&l->answer_reader, 1, &next) == RTA_OK;
         left--) {
        const rta_line_answer answer = *(const rta_line_answer *)next.first;
        const bool skipped = answer.position_end > l->heard_to + RTA_VAD_WINDOW;
        decide(l, skipped ? l->heard_last : answer.probability);
        if (skipped) rta_count(&l->windows_skipped, 1);
        else rta_ring_advance(&l->answer_reader, 1);
    }
}

void rta_line_take_told(rta_line *l) {
    rta_journal *journal = rta_port_journal_of_engine(l->port);
    const uint64_t mic = rta_port_mic_written(l->port);
    rta_detector_output output;
    rta_line_evidence answer;
    rta_hint hint;
    for (unsigned left = RTA_LINE_TOLD_PER_TICK; left && rta_ring_pull(&l->evidence_reader, &answer, 1) == RTA_OK;
         left--) {
        rta_journal_write(journal, RTA_J_TURN_EVIDENCE, mic, &answer, sizeof answer, NULL, 0);
        rta_detector_evidence(&l->detector, answer.question, &answer.evidence, mic, &output);
        tell(l, &output);
    }
    for (unsigned left = RTA_LINE_TOLD_PER_TICK; left && rta_ring_pull(&l->hint_reader, &hint, 1) == RTA_OK; left--) {
        rta_journal_write(journal, RTA_J_TURN_HINT, mic, &hint, sizeof hint, NULL, 0);
        rta_detector_hint(&l->detector, &hint, mic, &output);
        tell(l, &output);
    }
}

/* ---- Output */

void rta_line_put_out(rta_line *l, int64_t tick_ns) {
    if (l->config.kind == RTA_LINE_PACED) {
        const uint64_t count = due_in_tick(l, l->rate);
        const rta_status status = rta_playout_pull(rta_port_consumer(l->port), l->out, count,
                                                   tick_ns + l->config.device_latency_ns, l->config.device_bound_ns);
        if (!status) rta_count(&l->out_pulled, count);
    }
    l->ticks++;
}

void rta_line_figures_read(const rta_line *l, rta_line_figures *figures) {
    rta_line_echo_figures echo;
    rta_line_echo_figures_read(l->echo, &echo);
    *figures = (rta_line_figures){
        .echo_found = echo.found,
        .echo_moved = echo.moved,
        .echo_starved = echo.starved,
        .echo_realigned = echo.realigned,
        .echo_delay_samples = echo.delay_samples,
        .stage_bad = echo.stage_bad,
        .stage_starved = echo.stage_starved,
        .input_taken = __atomic_load_n(&l->input_taken, __ATOMIC_RELAXED),
        .input_starved = __atomic_load_n(&l->input_starved, __ATOMIC_RELAXED),
        .input_dropped = __atomic_load_n(&l->input_dropped, __ATOMIC_RELAXED),
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
        .out_pulled = __atomic_load_n(&l->out_pulled, __ATOMIC_RELAXED),
        .input_delay_samples = l->delay_samples,
    };
}
