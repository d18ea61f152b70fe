/* SPDX-License-Identifier: Apache-2.0
 *
 * Packets into lines with real threads: the engine's, one that puts, one that reads figures. Every packet is taken or
 * counted, both sums hold in whatever state a reader sees, and sound comes out in the order in which it was put (laws 1, 4, 8).
 */
// sources: line
#include "check.h"
#include "engine.h"

#include <pthread.h>
#include <string.h>

enum { PACKET = 160, PUT = 20000, WAITING = 64 };

static const rta_port_config PORT = {
    .playout = {.rate = 8000, .queue_samples = 8000, .history_samples = 800},
    .mic_samples = 1 << 19,
    .tap_samples = 1 << 16,
};

static rta_line *line;
static int running = 1;
static uint64_t seen;

static void check_sums(rta_packets_figures *f) {
    rta_line_packets_read(line, f);
    const rta_jitter_packets *p = &f->jitter.packets;
    CHECK(p->received == p->used + p->late_discarded + p->duplicate + p->superseded + p->queued);
    CHECK(p->expected == p->received_unique + p->missing);
    CHECK(f->jitter.total_samples == f->jitter.emitted_count + f->jitter.concealed_samples + f->jitter.silence_samples);
}

static void *read_figures(void *argument) {
    rta_packets_figures f;
    while (__atomic_load_n(&running, __ATOMIC_ACQUIRE)) {
        check_sums(&f);
        CHECK(f.jitter.packets.received >= seen);
        seen = f.jitter.packets.received;
        rta_sleep_until_ns(rta_clock_ns() + 20000);
    }
    return argument;
}

int main(void) {
    rta_port_engine *port = NULL;
    rta_port_session *session = NULL;
    rta_engine *engine = NULL;
    const rta_engine_config engine_config = {.tick_ns = 1000000, .max_lines = 1};
    rta_line_config config = {.kind = RTA_LINE_NETWORK,
                              .input_rate = 8000,
                              .input_samples = 1 << 12,
                              .wake_fd = -1,
                              .link_lost_ns = 1000000000};
    rta_detector_defaults(&config.detector);
    rta_jitter_defaults(&config.packets.jitter);
    config.packets.jitter.wait_least_ns = config.packets.jitter.wait_most_ns = 0;
    config.packets.waiting = WAITING;
    memset(config.packets.jitter.codecs, RTA_CODEC_PCM16, sizeof config.packets.jitter.codecs);
    CHECK(rta_port_engine_create(&port, &PORT, false) == RTA_OK);
    CHECK(rta_port_session_private(&session, port) == RTA_OK);
    CHECK(rta_engine_create(&engine, &engine_config) == RTA_OK);
    CHECK(rta_engine_add(engine, port, &config, &line) == RTA_OK);
    CHECK(rta_engine_start(engine) == RTA_OK);
    pthread_t reader;
    CHECK(pthread_create(&reader, NULL, read_figures, NULL) == 0);

    uint64_t taken = 0;
    for (uint32_t k = 0; k < PUT; k++) {
        int16_t samples[PACKET];
        for (int i = 0; i < PACKET; i++) samples[i] = (int16_t)(taken % 30000);
        const rta_jitter_packet packet = {.seq = (uint16_t)taken,
                                          .timestamp = (uint32_t)(PACKET * taken),
                                          .arrival_ns = k % 3 ? rta_clock_ns() : RTA_ARRIVES_NOW,
                                          .payload = (const uint8_t *)samples,
                                          .bytes = sizeof samples};
        if (rta_line_put_packet(line, &packet) == RTA_OK) taken++;
        if (k % 50 == 0) rta_sleep_until_ns(rta_clock_ns() + 1000000);
    }
    rta_packets_figures f;
    for (int i = 0; i < 5000; i++) {
        check_sums(&f);
        if (f.jitter.packets.used == taken) break;
        rta_sleep_until_ns(rta_clock_ns() + 1000000);
    }
    __atomic_store_n(&running, 0, __ATOMIC_RELEASE);
    CHECK(pthread_join(reader, NULL) == 0);
    CHECK(f.jitter.packets.used == taken && f.dropped == PUT - taken && taken > WAITING);
    CHECK(f.jitter.emitted_count == taken * PACKET && f.jitter.concealed_samples == 0);
    CHECK(rta_engine_remove(engine, line) == RTA_OK);
    rta_line_free(line);
    rta_engine_destroy(engine);
    rta_port_session_destroy(session);
    rta_port_engine_destroy(port);
    return 0;
}
