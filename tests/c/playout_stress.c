/* SPDX-License-Identifier: Apache-2.0
 *
 * Laws 1 and 2 with real threads: one writes speech, one pulls, two flush (one per side), pause and duck; then the same
 * with the session side in another process. Every sample is the number of its segment, so a stale one shows.
 */
// sources: port
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "check.h"
#include "port.h"

enum { RATE = 24000, PERIOD = 240, FADE = RATE * 5 / 1000 };

static const rta_port_config CONFIG = {
    .playout = {.rate = RATE, .queue_samples = RATE / 2, .history_samples = RATE / 10},
    .mic_samples = 1 << 19,
    .tap_samples = 1 << 16,
};

static int running;
static uint64_t oldest_allowed; /* segments up to this one were flushed before it was raised */

static void start(void) {
    __atomic_store_n(&running, 1, __ATOMIC_RELEASE);
    __atomic_store_n(&oldest_allowed, 0, __ATOMIC_RELEASE);
}

static bool go_on(void) { return __atomic_load_n(&running, __ATOMIC_ACQUIRE); }

/* ---- Session side */

static uint64_t write_speech(rta_port_session *session, int64_t until_ns) {
    rta_playout_writer *writer = rta_port_writer(session);
    float block[PERIOD];
    uint64_t cuts = 0;
    while (rta_clock_ns() < until_ns) {
        uint64_t id, accepted;
        if (rta_playout_open(writer, RTA_POLICY_IMMEDIATE, &id) != RTA_OK) continue;
        for (int i = 0; i < PERIOD; i++) block[i] = (float)id;
        for (int n = 0; n < 12; n++) {
            rta_status status = rta_playout_write(writer, id, block, PERIOD, &accepted);
            if (status == RTA_CUT) {
                cuts++;
                break;
            }
            CHECK(status == RTA_OK || status == RTA_FULL);
            rta_sleep_until_ns(rta_clock_ns() + 100000);
            if (n % 4 == 0) rta_playout_add_text(writer, id, (uint64_t)n * PERIOD, (uint32_t)n, true);
        }
        rta_status ended = rta_playout_end(writer, id);
        CHECK(ended == RTA_OK || ended == RTA_CUT || ended == RTA_FULL);
        rta_playout_ledger port, one;
        CHECK(rta_playout_snapshot(writer, 0, &port) == RTA_OK);
        CHECK(port.written + port.replayed == port.played + port.queued + port.dropped);
        CHECK(port.played + port.silence + port.concealed == port.pulled);
        CHECK(port.faults == 0);
        CHECK(rta_playout_snapshot(writer, id, &one) == RTA_OK);
        CHECK(one.written + one.replayed == one.played + one.queued + one.dropped);
        rta_playout_heard_at heard;
        CHECK(rta_playout_heard(writer, id, rta_clock_ns(), &heard) == RTA_OK);
        CHECK(heard.now <= heard.final && heard.final <= one.written + PERIOD * 12);
        rta_event event;
        while (rta_port_next_event(session, &event)) CHECK(event.kind != RTA_EV_SESSION_FAULT);
    }
    return cuts;
}

static void *session_controls(void *argument) {
    rta_playout_controls *controls = rta_port_session_controls(argument);
    for (unsigned n = 0; go_on(); n++) {
        rta_playout_flush(controls);
        if (n % 3 == 0) rta_playout_pause(controls);
        rta_sleep_until_ns(rta_clock_ns() + 700000);
        if (n % 3 == 0) rta_playout_resume(controls, n % 2);
        rta_playout_duck(controls, 1.0f, n % 100); /* a word that changes; the values stay */
    }
    rta_playout_resume(controls, false);
    return NULL;
}

/* ---- Engine side */

static void *engine_controls(void *argument) {
    rta_port_engine *port = argument;
    while (go_on()) {
        uint64_t segment = 0;
        rta_playout_speaking(rta_port_playout_state(port), &segment);
        rta_playout_flush(rta_port_engine_controls(port));
        /* What was speaking before the flush must be gone from the next pull on. */
        __atomic_store_n(&oldest_allowed, segment, __ATOMIC_RELEASE);
        rta_sleep_until_ns(rta_clock_ns() + 1100000);
    }
    return NULL;
}

static void *pull(void *argument) {
    rta_port_engine *port = argument;
    rta_playout_consumer *consumer = rta_port_consumer(port);
    CHECK(rta_playout_attach(consumer) == RTA_OK);
    CHECK(rta_playout_attach(consumer) == RTA_BUSY);
    float out[PERIOD];
    uint64_t sounding = 0;
    while (go_on()) {
        uint64_t stale = __atomic_load_n(&oldest_allowed, __ATOMIC_ACQUIRE);
        CHECK(rta_playout_pull(consumer, out, PERIOD, rta_clock_ns(), 0) == RTA_OK);
        for (int i = FADE; i + 1 < PERIOD; i++) { /* fades and decays never stand still; speech does */
            if (out[i] != out[i + 1] || out[i] < 1.0f) continue;
            CHECK((uint64_t)out[i] > stale);
            sounding++;
        }
        rta_sleep_until_ns(rta_clock_ns() + 50000);
    }
    rta_playout_detach(consumer);
    CHECK(sounding > 0);
    return NULL;
}

static void in_one_process(void) {
    rta_port_engine *port;
    rta_port_session *session;
    CHECK(rta_port_engine_create(&port, &CONFIG, false) == RTA_OK);
    CHECK(rta_port_session_private(&session, port) == RTA_OK);
    start();
    pthread_t threads[3];
    pthread_create(&threads[0], NULL, pull, port);
    pthread_create(&threads[1], NULL, engine_controls, port);
    pthread_create(&threads[2], NULL, session_controls, session);
    CHECK(write_speech(session, rta_clock_ns() + 800000000) > 0);
    __atomic_store_n(&running, 0, __ATOMIC_RELEASE);
    for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
    rta_playout_ledger end;
    CHECK(rta_playout_snapshot(rta_port_writer(session), 0, &end) == RTA_OK);
    CHECK(end.written + end.replayed == end.played + end.queued + end.dropped);
    rta_port_session_destroy(session);
    rta_port_engine_destroy(port);
}

static void in_two_processes(void) {
    rta_port_engine *port;
    CHECK(rta_port_engine_create(&port, &CONFIG, true) == RTA_OK);
    int there[2], back[2];
    CHECK(pipe(there) == 0 && pipe(back) == 0);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        rta_port_session *session;
        char byte;
        CHECK(rta_port_session_attach(&session, rta_port_engine_fd(port)) == RTA_OK);
        int fd = rta_port_session_fd(session);
        CHECK(write(there[1], &fd, sizeof fd) == sizeof fd && read(back[0], &byte, 1) == 1);
        uint64_t cuts = 0;
        for (int64_t until = rta_clock_ns() + 500000000; rta_clock_ns() < until;) {
            cuts += write_speech(session, rta_clock_ns() + 20000000);
            rta_playout_flush(rta_port_session_controls(session));
        }
        CHECK(cuts > 0);
        rta_port_session_destroy(session);
        _exit(0);
    }
    int fd;
    char path[64];
    CHECK(read(there[0], &fd, sizeof fd) == sizeof fd);
    snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)child, fd);
    int session_fd = open(path, O_RDONLY);
    CHECK(session_fd >= 0);
    CHECK(rta_port_engine_accept(port, session_fd) == RTA_OK);
    close(session_fd);
    start();
    pthread_t threads[2];
    pthread_create(&threads[0], NULL, pull, port);
    pthread_create(&threads[1], NULL, engine_controls, port);
    CHECK(write(back[1], "x", 1) == 1);
    expect_child(child);
    __atomic_store_n(&running, 0, __ATOMIC_RELEASE);
    for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
    CHECK(rta_port_playout_state(port)->faults == 0);
    rta_port_engine_destroy(port);
}

int main(void) {
    in_two_processes(); /* first: fork before there are threads */
    in_one_process();
    return 0;
}
