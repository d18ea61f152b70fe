/* SPDX-License-Identifier: Apache-2.0
 *
 * Laws 4 and 8 for a line with an outside VAD, with real threads: the engine's own, one that pushes input, one that
 * answers windows in bursts, leaves some out and overflows the ring now and then, one that reads figures. Every window
 * is heard once, in its place: with its own answer, or, skipped or dropped, as the one before it.
 */
// sources: line
#include <pthread.h>
#include <stdlib.h>

#include "check.h"
#include "engine.h"

enum { TICK_NS = 1000000, RUN_MS = 500, MOST = 1 << 19, BLOCK = 4096 };

static rta_engine *engine;
static rta_port_engine *port;
static rta_port_session *session;
static rta_line *line;
static int running = 1;
static float expected[MOST]; /* of window k; the answering thread's */

static bool go_on(void) { return __atomic_load_n(&running, __ATOMIC_ACQUIRE); }
static void wait_us(int64_t us) { rta_sleep_until_ns(rta_clock_ns() + us * 1000); }

static void *push_input(void *argument) {
    (void)argument;
    static const float block[BLOCK];
    uint64_t taken;
    while (go_on()) {
        if (rta_line_room(line) >= BLOCK) CHECK(rta_line_push(line, block, BLOCK, &taken) == RTA_OK && taken == BLOCK);
        wait_us(400);
    }
    return NULL;
}

/* What has been heard is as expected; returns how far. */
static uint64_t check_heard(rta_history_reader *heard) {
    float probability;
    while (rta_history_available(heard)) {
        CHECK(rta_history_read(heard, &probability, 1) == RTA_OK);
        CHECK(probability == expected[heard->position - 1]);
    }
    return heard->position;
}

static uint64_t answer(void) {
    rta_history_reader heard;
    uint64_t windows = 0, dropped = 0, due = 0; /* due: windows up to the last answer that was taken */
    uint32_t chance = 1;
    float last = 0.0f;
    CHECK(rta_port_probability_reader(session, &heard, 0) == RTA_OK);
    for (unsigned burst = 0; go_on() || windows == 0; burst++) {
        const uint64_t there = rta_port_mic_written(port) / RTA_VAD_WINDOW;
        /* Each tenth burst comes late: more than the ring holds. */
        if (burst % 10 == 9 && there < windows + RTA_LINE_ANSWERS + 200 && go_on()) {
            burst--;
            wait_us(200);
            continue;
        }
        while (windows < there && windows < MOST) {
            const float probability = (float)(windows % 1000) / 1000.0f;
            const uint64_t end = (windows + 1) * RTA_VAD_WINDOW;
            chance = chance * 1664525u + 1013904223u;
            if ((chance >> 16) % 8 != 0) {
                const rta_status status = rta_line_probability(line, end, probability);
                CHECK(status == RTA_OK || status == RTA_FULL);
                CHECK(rta_line_answered(line) == end);
                CHECK(rta_line_probability(line, end, probability) == RTA_INVALID);
                if (status == RTA_OK) {
                    last = probability;
                    due = windows + 1;
                } else {
                    dropped++;
                }
            }
            expected[windows++] = last;
        }
        check_heard(&heard);
        wait_us(100);
    }
    /* The last answer is heard when the ring is empty. */
    rta_line_figures figures;
    rta_line_figures_read(line, &figures);
    CHECK(figures.answers_dropped == dropped);
    while (check_heard(&heard) < due) wait_us(1000); /* the engine's thread may be late on a busy machine */
    const uint64_t before = heard.position;
    CHECK(before == due);
    rta_line_figures_read(line, &figures);
    CHECK(figures.windows == before && before <= windows);
    CHECK(figures.windows_skipped > 0 && figures.windows_skipped < before);
    return dropped;
}

static void *watch(void *argument) {
    (void)argument;
    rta_line_figures last = {0}, now;
    while (go_on()) {
        rta_line_figures_read(line, &now);
        CHECK(now.windows >= last.windows && now.windows_skipped >= last.windows_skipped);
        CHECK(now.answers_dropped >= last.answers_dropped);
        CHECK(rta_line_answered(line) <= rta_port_mic_written(port));
        last = now;
        wait_us(300);
    }
    return NULL;
}

static void *stop_later(void *argument) {
    (void)argument;
    wait_us(RUN_MS * 1000);
    rta_line_figures figures;
    do { /* on a busy machine until the ring has overflowed */
        wait_us(10000);
        rta_line_figures_read(line, &figures);
    } while (!figures.answers_dropped);
    __atomic_store_n(&running, 0, __ATOMIC_RELEASE);
    return NULL;
}

int main(void) {
    const rta_port_config port_config = {
        .playout = {.rate = 24000, .queue_samples = 24000, .history_samples = 2400},
        .mic_samples = 1 << 19,
        .tap_samples = 1 << 16,
    };
    const rta_engine_config engine_config = {.tick_ns = TICK_NS, .max_lines = 1};
    rta_line_config config = {
        .kind = RTA_LINE_DEVICE, .input_rate = 16000, .input_samples = 1 << 16, .wake_fd = -1, .outside_vad = true};
    rta_detector_defaults(&config.detector);
    CHECK(rta_port_engine_create(&port, &port_config, false) == RTA_OK);
    CHECK(rta_port_session_private(&session, port) == RTA_OK);
    CHECK(rta_engine_create(&engine, &engine_config) == RTA_OK);
    CHECK(rta_engine_add(engine, port, &config, &line) == RTA_OK);
    CHECK(rta_line_probability(line, RTA_VAD_WINDOW, 0.5f) == RTA_INVALID); /* nothing is there yet */
    CHECK(rta_engine_start(engine) == RTA_OK);

    pthread_t pusher, watcher, stopper;
    pthread_create(&pusher, NULL, push_input, NULL);
    pthread_create(&watcher, NULL, watch, NULL);
    pthread_create(&stopper, NULL, stop_later, NULL);
    CHECK(answer() > 0);
    pthread_join(pusher, NULL);
    pthread_join(watcher, NULL);
    pthread_join(stopper, NULL);

    rta_engine_destroy(engine);
    rta_line_free(line);
    rta_port_session_destroy(session);
    rta_port_engine_destroy(port);
    return 0;
}
