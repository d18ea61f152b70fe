/* SPDX-License-Identifier: Apache-2.0
 *
 * Laws 1, 2, 4 and 8 under the engine with real threads: the engine's own, a sound card's callback, writers of speech,
 * one that flushes, one that pushes input, one that adds and removes lines, one that reads figures.
 */
// sources: engine
#define _GNU_SOURCE
#include <math.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "device.h"
#include "engine.h"

enum { RATE = 24000, PERIOD = 240, PACED = 3, CALLS = PACED + 1, TICK_NS = 1000000, RUN_MS = 900 };

static const rta_port_config CONFIG = {
    .playout = {.rate = RATE, .queue_samples = RATE, .history_samples = RATE / 10},
    .mic_samples = 1 << 19,
    .tap_samples = 1 << 16,
};

/* One call; the last one is at the sound card. */
typedef struct call {
    rta_port_engine *port;
    rta_port_session *session;
    rta_journal *journals[3];
    rta_line *line;
} call;

static call calls[CALLS];
static rta_engine *engine;
static rta_device *device;
static rta_wake wake;
static int running = 1;
static uint64_t interruptions; /* barge-ins that went all the way */

static bool go_on(void) { return __atomic_load_n(&running, __ATOMIC_ACQUIRE); }
static void wait_us(int64_t us) { rta_sleep_until_ns(rta_clock_ns() + us * 1000); }

/* The level of the window is its probability; the state counts windows, each of a stream exactly once. */
static void hear(const void *model, uint32_t batch, float *const *states, const float *const *windows,
                 float *probabilities, void *scratch) {
    (void)model;
    memset(scratch, 0, 64);
    for (uint32_t row = 0; row < batch; row++) {
        float sum = 0.0f;
        for (int i = 0; i < RTA_VAD_WINDOW; i++) sum += fabsf(windows[row][i]);
        states[row][0] += 1.0f;
        probabilities[row] = sum / RTA_VAD_WINDOW;
    }
}

static const rta_vad_kernel VAD = {.rate = RTA_MIC_RATE,
                                   .window_samples = RTA_VAD_WINDOW,
                                   .state_floats = 1,
                                   .max_batch = 2,
                                   .scratch_bytes = 64,
                                   .run = hear};

static rta_line_config line_config(rta_line_kind kind) {
    rta_line_config config = {.kind = kind, .input_rate = 48000, .input_samples = 1 << 14, .wake_fd = wake.write_fd};
    rta_detector_defaults(&config.detector);
    return config;
}

static void open_call(call *c) {
    CHECK(rta_port_engine_create(&c->port, &CONFIG, false) == RTA_OK);
    CHECK(rta_port_session_private(&c->session, c->port) == RTA_OK);
    for (int i = 0; i < 3; i++) CHECK(rta_journal_create(&c->journals[i], 1 << 14) == RTA_OK);
    rta_port_engine_journal(c->port, c->journals[0], c->journals[1]);
    rta_port_session_journal(c->session, c->journals[2]);
}

static void close_call(call *c) {
    rta_port_session_destroy(c->session);
    rta_port_engine_destroy(c->port);
    for (int i = 0; i < 3; i++) rta_journal_destroy(c->journals[i]);
}

static void check_account(call *c) {
    rta_playout_ledger l;
    CHECK(rta_playout_snapshot(rta_port_writer(c->session), 0, &l) == RTA_OK);
    CHECK(l.written + l.replayed == l.played + l.queued + l.dropped);
    CHECK(l.played + l.silence + l.concealed == l.pulled);
    CHECK(l.faults == 0);
}

/* ---- Threads */

static void *write_speech(void *argument) {
    call *c = argument;
    rta_playout_writer *writer = rta_port_writer(c->session);
    float block[PERIOD];
    uint64_t id, accepted;
    for (int i = 0; i < PERIOD; i++) block[i] = 0.25f;
    while (go_on()) {
        if (rta_playout_open(writer, RTA_POLICY_IMMEDIATE, &id) == RTA_OK) {
            for (int n = 0; n < 40 && go_on(); n++) {
                if (rta_playout_write(writer, id, block, PERIOD, &accepted) == RTA_CUT) break;
                wait_us(200);
            }
            rta_playout_end(writer, id);
        }
        check_account(c);
        rta_event event;
        while (rta_port_next_event(c->session, &event)) {
            CHECK(event.kind != RTA_EV_SESSION_FAULT);
            if (event.kind == RTA_EV_BARGE_IN && event.a == RTA_BARGE_CONFIRMED)
                __atomic_fetch_add(&interruptions, 1, __ATOMIC_RELAXED);
        }
        wait_us(300);
    }
    return NULL;
}

/* A caller who talks in bursts: 0.2 s of speech, then 0.1 s of silence, as fast as there is room. */
static void *push_input(void *argument) {
    call *c = argument;
    float block[480];
    uint64_t at = 0, taken;
    while (go_on()) {
        const float value = at % 14400 < 9600 ? 0.9f : 0.0f;
        for (int i = 0; i < 480; i++) block[i] = i % 97 == 0 ? NAN : value;
        if (rta_line_room(c->line) >= 480) {
            CHECK(rta_line_push(c->line, block, 480, &taken) == RTA_OK && taken == 480);
            at += 480;
        }
        wait_us(500);
    }
    return NULL;
}

static void *sound_card(void *argument) {
    (void)argument;
    float in[2 * PERIOD], out[2 * PERIOD];
    uint64_t blocks = 0;
    while (go_on()) {
        const rta_pa_time_info time = {.input_adc_time = 1.0, .current_time = 1.01, .output_dac_time = 1.02};
        for (int i = 0; i < 2 * PERIOD; i++) in[i] = blocks % 60 < 40 ? 0.9f : 0.0f;
        CHECK(rta_device_input(in, NULL, PERIOD, &time, 0, device) == 0);
        CHECK(rta_device_output(NULL, out, PERIOD, &time, 0, device) == 0);
        for (int i = 0; i < PERIOD; i++) CHECK(out[2 * i] == out[2 * i + 1] && fabsf(out[2 * i]) <= 0.25f);
        blocks++;
        wait_us(400);
    }
    return (void *)(uintptr_t)blocks;
}

static void *flush(void *argument) {
    (void)argument;
    for (unsigned n = 0; go_on(); n++) {
        rta_playout_flush(rta_port_session_controls(calls[n % CALLS].session));
        wait_us(3000);
    }
    return NULL;
}

static void *come_and_go(void *argument) {
    (void)argument;
    while (go_on()) {
        call c;
        rta_line_figures before, after;
        const rta_line_config config = line_config(RTA_LINE_PACED);
        open_call(&c);
        CHECK(rta_engine_add(engine, c.port, &config, &c.line) == RTA_OK);
        wait_us(2500);
        CHECK(rta_engine_remove(engine, c.line) == RTA_OK);
        CHECK(rta_engine_remove(engine, c.line) == RTA_INVALID);
        rta_line_figures_read(c.line, &before);
        wait_us(1200);
        rta_line_figures_read(c.line, &after); /* no step uses it any more */
        CHECK(memcmp(&before, &after, sizeof before) == 0);
        CHECK(rta_port_mic_written(c.port) == before.mic_written);
        rta_line_free(c.line);
        close_call(&c);
    }
    return NULL;
}

static void *watch(void *argument) {
    (void)argument;
    static unsigned char records[1 << 14];
    rta_engine_figures last = {0}, now;
    uint64_t drained = 0;
    while (go_on()) {
        rta_engine_figures_read(engine, &now);
        CHECK(now.steps >= last.steps && now.ticks >= last.ticks && now.windows >= last.windows);
        CHECK(now.wakes <= now.steps); /* one descriptor: at most one write a step */
        last = now;
        for (int i = 0; i < CALLS; i++)
            for (int j = 0; j < 3; j++) drained += rta_journal_drain(calls[i].journals[j], records, sizeof records);
        drained += rta_wake_drain(wake.read_fd);
        CHECK(rta_engine_step(engine, rta_clock_ns()) == RTA_BUSY);
        CHECK(rta_engine_start(engine) == RTA_BUSY);
        wait_us(1000);
    }
    return (void *)(uintptr_t)drained;
}

int main(void) {
    const rta_engine_config config = {.tick_ns = TICK_NS, .vad = &VAD, .max_lines = CALLS + 1};
    CHECK(rta_wake_open(&wake) == RTA_OK);
    CHECK(rta_engine_create(&engine, &config) == RTA_OK);
    for (int i = 0; i < CALLS; i++) {
        const rta_line_config line = line_config(i < PACED ? RTA_LINE_PACED : RTA_LINE_DEVICE);
        open_call(&calls[i]);
        CHECK(rta_engine_add(engine, calls[i].port, &line, &calls[i].line) == RTA_OK);
    }
    CHECK(rta_device_create(&device, calls[PACED].line, 2, 2, 20000000, 10000000) == RTA_OK);
    CHECK(rta_engine_start(engine) == RTA_OK);

    pthread_t writers[CALLS], pushers[PACED], card, flusher, control, watcher;
    for (int i = 0; i < CALLS; i++) pthread_create(&writers[i], NULL, write_speech, &calls[i]);
    for (int i = 0; i < PACED; i++) pthread_create(&pushers[i], NULL, push_input, &calls[i]);
    pthread_create(&card, NULL, sound_card, NULL);
    pthread_create(&flusher, NULL, flush, NULL);
    pthread_create(&control, NULL, come_and_go, NULL);
    pthread_create(&watcher, NULL, watch, NULL);
    wait_us(RUN_MS * 1000);
    /* On a busy machine until every part has had its turn. */
    for (int i = 0; i < 1000 && !__atomic_load_n(&interruptions, __ATOMIC_RELAXED); i++) wait_us(20000);
    __atomic_store_n(&running, 0, __ATOMIC_RELEASE);

    void *blocks, *seen;
    for (int i = 0; i < CALLS; i++) pthread_join(writers[i], NULL);
    for (int i = 0; i < PACED; i++) pthread_join(pushers[i], NULL);
    pthread_join(card, &blocks);
    pthread_join(flusher, NULL);
    pthread_join(control, NULL);
    pthread_join(watcher, &seen);
    rta_engine_stop(engine);
    CHECK(seen != NULL);
    CHECK(interruptions > 0);

    rta_engine_figures figures;
    rta_engine_figures_read(engine, &figures);
    CHECK(figures.thread_id == 0 && figures.ticks > 0);
    for (int i = 0; i < CALLS; i++) {
        rta_line_figures line;
        rta_line_figures_read(calls[i].line, &line);
        check_account(&calls[i]);
        CHECK(line.windows == line.mic_written / RTA_VAD_WINDOW);
        CHECK(line.mic_written == rta_port_mic_written(calls[i].port));
        if (i == PACED) continue;
        CHECK(line.input_taken + line.input_starved == figures.ticks * 48);
        CHECK(line.mic_written == figures.ticks * 16);
        CHECK(line.out_pulled == figures.ticks * 24);
        CHECK(line.input_bad > 0);
    }
    rta_device_figures card_figures;
    rta_device_figures_read(device, &card_figures);
    CHECK(card_figures.output_callbacks == (uintptr_t)blocks && card_figures.output_failed == 0);

    rta_device_destroy(device);
    rta_engine_destroy(engine); /* removes the lines */
    for (int i = 0; i < CALLS; i++) {
        rta_line_free(calls[i].line);
        close_call(&calls[i]);
    }
    rta_wake_close(&wake);
    return 0;
}
