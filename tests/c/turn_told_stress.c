/* SPDX-License-Identifier: Apache-2.0
 *
 * Laws 4, 5 and 8 for evidence and hints, with real threads: the engine's own, one that pushes speech and pauses, one that
 * answers questions as it reads them, one that hints more than a tick takes and changes settings more often than they are
 * taken, one that reads figures. The journal then
 * holds everything that took effect, in the order in which it did: a second detector that is fed from it tells the
 * same events, and counts the same.
 */
// sources: line
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "engine.h"

enum {
    TICK_NS = 1000000,
    RUN_MS = 500,
    BLOCK = 512,
    JOURNAL_BYTES = 1 << 24,
    KEPT_BYTES = 1 << 28,
    MOST_EVENTS = 1 << 14
};

static rta_engine *engine;
static rta_port_engine *port;
static rta_port_session *session;
static rta_line *line;
static rta_line_config config;
static rta_journal *journal;
static int running = 1;
static rta_event told[MOST_EVENTS];
static unsigned told_count;

static bool go_on(void) { return __atomic_load_n(&running, __ATOMIC_ACQUIRE); }
static void wait_us(int64_t us) { rta_sleep_until_ns(rta_clock_ns() + us * 1000); }

/* A window's level is its probability. */
static void hear(const void *model, uint32_t batch, float *const *states, const float *const *windows,
                 float *probabilities, void *scratch) {
    (void)model, (void)states, (void)scratch;
    for (uint32_t row = 0; row < batch; row++) probabilities[row] = windows[row][0];
}
static const rta_vad_kernel level = {
    .rate = 16000, .window_samples = BLOCK, .state_floats = 1, .max_batch = 4, .scratch_bytes = 64, .run = hear};

static void *push_input(void *argument) {
    (void)argument;
    uint64_t chance = 7, taken;
    float block[BLOCK];
    for (unsigned left = 0, speech = 0; go_on(); left--) {
        if (left == 0) {
            speech = !speech;
            left = (unsigned)random_between(&chance, 1, speech ? 12 : 40);
        }
        for (int i = 0; i < BLOCK; i++) block[i] = speech ? 0.9f : 0.1f;
        while (rta_line_room(line) < BLOCK && go_on()) wait_us(50);
        rta_line_push(line, block, BLOCK, &taken);
        wait_us(2000); /* some sixteen times faster than life: answers must find their silence */
    }
    return NULL;
}

/* Answers what is asked, most of it; keeps every event. */
static void *answer(void *argument) {
    (void)argument;
    rta_history_reader playout, events;
    rta_event event;
    uint64_t chance = 11;
    rta_port_event_readers(session, &playout, &events);
    for (bool last = false; !last;) {
        last = !go_on();
        while (rta_history_available(&events)) {
            CHECK(rta_history_read(&events, &event, 1) == RTA_OK);
            CHECK(told_count < MOST_EVENTS);
            told[told_count++] = event;
            if (event.kind != RTA_EV_TURN_ASKED || random_between(&chance, 0, 9) == 0) continue;
            rta_turn_evidence evidence;
            rta_turn_evidence_clear(&evidence);
            evidence.p_asked = evidence.p_trimmed = (float)random_between(&chance, 0, 1000) / 1000.0f;
            rta_line_turn_evidence(line, event.a, &evidence);
        }
        wait_us(200);
    }
    CHECK(events.lost == 0);
    return NULL;
}

static void *hint(void *argument) {
    (void)argument;
    uint64_t given = 0, dropped = 0, settings_dropped = 0;
    rta_turn_settings settings = {.turn = config.detector.turn, .barge = config.detector.barge};
    while (go_on()) {
        const rta_hint one = {.kind = RTA_HINT_THINKING, .value = given % 2};
        const rta_status status = rta_line_turn_hint(line, &one);
        CHECK(status == RTA_OK || status == RTA_FULL);
        dropped += status == RTA_FULL;
        if (++given % 300 == 0) wait_us(1000);
        if (given % 40 == 0) {
            settings.turn.grace = 16000 * (2 + given / 40 % 2);
            settings.barge.enabled = given / 40 % 2;
            settings.has = 1 + given / 40 % 3;
            const rta_status changed = rta_line_turn_settings(line, &settings, NULL);
            CHECK(changed == RTA_OK || changed == RTA_FULL);
            settings_dropped += changed == RTA_FULL;
        }
    }
    const rta_hint wrong = {.kind = 99};
    CHECK(rta_line_turn_hint(line, &wrong) == RTA_INVALID);
    rta_line_figures figures;
    rta_line_figures_read(line, &figures);
    CHECK(figures.hints_dropped == dropped && dropped > 0);
    CHECK(figures.settings_dropped == settings_dropped && settings_dropped > 0);
    settings.has = 4;
    CHECK(rta_line_turn_settings(line, &settings, NULL) == RTA_INVALID);
    settings.has = RTA_SETTINGS_TURN;
    settings.turn.policy[1].knots = 0;
    CHECK(rta_line_turn_settings(line, &settings, NULL) == RTA_INVALID);
    return NULL;
}

static void *watch(void *argument) {
    (void)argument;
    rta_line_figures last = {0}, now;
    while (go_on()) {
        rta_line_figures_read(line, &now);
        CHECK(now.turn.asked >= last.turn.asked && now.turn.answered >= last.turn.answered);
        CHECK(now.turn.answered <= now.turn.asked + 1); /* read one after the other */
        last = now;
        wait_us(300);
    }
    return NULL;
}

/* Feeds a new detector from the journal and compares. */
static void replay(const unsigned char *data, size_t bytes, const rta_line_figures *figures) {
    static rta_detector detector;
    rta_detector_output output;
    unsigned at_event = 0, changed = 0;
    CHECK(rta_detector_init(&detector, &config.detector) == RTA_OK);
    for (size_t at = 0; at < bytes;) {
        rta_journal_record record;
        memcpy(&record, data + at, sizeof record);
        const unsigned char *payload = data + at + sizeof record;
        at += sizeof record + (record.bytes + 7) / 8 * 8;
        output.event_count = 0;
        CHECK(record.kind != RTA_J_GAP);
        if (record.kind == RTA_J_WINDOW) {
            rta_journal_window window;
            CHECK(record.bytes == sizeof window);
            memcpy(&window, payload, sizeof window);
            rta_detector_step(&detector, &window.window, &output);
        } else if (record.kind == RTA_J_TURN_EVIDENCE) {
            struct {
                uint64_t question;
                rta_turn_evidence evidence;
            } one;
            CHECK(record.bytes == sizeof one);
            memcpy(&one, payload, sizeof one);
            rta_detector_evidence(&detector, one.question, &one.evidence, record.stamp, &output);
        } else if (record.kind == RTA_J_TURN_HINT) {
            rta_hint one;
            CHECK(record.bytes == sizeof one);
            memcpy(&one, payload, sizeof one);
            rta_detector_hint(&detector, &one, record.stamp, &output);
        } else if (record.kind == RTA_J_TURN_SETTINGS) {
            rta_turn_settings one;
            CHECK(record.bytes == sizeof one);
            memcpy(&one, payload, sizeof one);
            rta_detector_settings(&detector, &one, record.stamp, &output);
            changed++;
        }
        for (uint32_t i = 0; i < output.event_count; i++) {
            while (at_event < told_count && told[at_event].kind == RTA_EV_INPUT_STARVED) at_event++;
            CHECK(at_event < told_count && !memcmp(&told[at_event++], &output.events[i], sizeof *told));
        }
    }
    CHECK(!memcmp(&detector.turn.counts, &figures->turn, sizeof figures->turn));
    CHECK(figures->turn.asked > 20 && figures->turn.answered > 5 && figures->turn.resumed > 0);
    CHECK(changed > 20);
}

int main(void) {
    const rta_port_config port_config = {
        .playout = {.rate = 24000, .queue_samples = 24000, .history_samples = 2400},
        .mic_samples = 1 << 19,
        .tap_samples = 1 << 16,
    };
    const rta_engine_config engine_config = {.tick_ns = TICK_NS, .max_lines = 1, .vad = &level};
    config = (rta_line_config){.kind = RTA_LINE_DEVICE, .input_rate = 16000, .input_samples = 1 << 16, .wake_fd = -1};
    rta_detector_defaults(&config.detector);
    config.detector.turn.late_after = 16000 * 30; /* media time: it runs faster than the threads */
    config.detector.turn.grace = 16000 * 3;
    CHECK(rta_port_engine_create(&port, &port_config, false) == RTA_OK);
    CHECK(rta_port_session_private(&session, port) == RTA_OK);
    CHECK(rta_journal_create(&journal, JOURNAL_BYTES) == RTA_OK);
    rta_port_engine_journal(port, journal, NULL);
    CHECK(rta_engine_create(&engine, &engine_config) == RTA_OK);
    CHECK(rta_engine_add(engine, port, &config, &line) == RTA_OK);
    CHECK(rta_engine_start(engine) == RTA_OK);

    pthread_t threads[4];
    void *(*const works[4])(void *) = {push_input, answer, hint, watch};
    for (int i = 0; i < 4; i++) pthread_create(&threads[i], NULL, works[i], NULL);
    rta_line_figures figures;
    const int64_t least_ns = rta_clock_ns() + (int64_t)RUN_MS * 1000000;
    unsigned char *data = malloc(KEPT_BYTES);
    CHECK(data);
    size_t bytes = 0;
    do { /* on a busy machine until enough has happened */
        wait_us(10000);
        bytes += rta_journal_drain(journal, data + bytes, KEPT_BYTES - bytes);
        rta_line_figures_read(line, &figures);
    } while (rta_clock_ns() < least_ns || figures.turn.answered < 10 || !figures.turn.resumed ||
             !figures.hints_dropped || !figures.settings_dropped);
    rta_engine_stop(engine);
    __atomic_store_n(&running, 0, __ATOMIC_RELEASE);
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);

    rta_line_figures_read(line, &figures);
    bytes += rta_journal_drain(journal, data + bytes, KEPT_BYTES - bytes);
    CHECK(rta_journal_lost(journal) == 0);
    replay(data, bytes, &figures);
    free(data);
    rta_engine_destroy(engine);
    rta_line_free(line);
    rta_port_session_destroy(session);
    rta_port_engine_destroy(port);
    rta_journal_destroy(journal);
    return 0;
}
