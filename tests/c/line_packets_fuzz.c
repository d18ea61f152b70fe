/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzing of packets into a line: the ring, the jitter buffer, the chain to the mic ring and the detector. Streams that go
 * right for a while and then are damaged in every field, with arrivals of any time and order; figures are checked at every
 * tick. Where arrivals are honest, a second engine that steps rarely hears the same, sample for sample (law 6). Without
 * arguments some thousand packets; `line_packets_fuzz <seconds> [seed]` for longer (make fuzz).
 */
// sources: line
#include "engine.h"
#include "fuzz.h"

#include <math.h>
#include <string.h>

enum { TICK_NS = 10000000, PACKETS = 300 };
static uint64_t packets_put, ticks, windows, compared;

static const rta_port_config PORT = {
    .playout = {.rate = 8000, .queue_samples = 8000, .history_samples = 800},
    .mic_samples = 1 << 19,
    .tap_samples = 1 << 16,
};

static void hear(const void *model, uint32_t batch, float *const *states, const float *const *samples,
                 float *probabilities, void *scratch) {
    (void)model;
    (void)states;
    (void)scratch;
    for (uint32_t row = 0; row < batch; row++) {
        float sum = 0.0f;
        for (int i = 0; i < RTA_VAD_WINDOW; i++) {
            CHECK(fabsf(samples[row][i]) <= 2.0f); /* a number, and one that packets can hold */
            sum += fabsf(samples[row][i]);
        }
        probabilities[row] = sum / RTA_VAD_WINDOW > 1.0f ? 1.0f : sum / RTA_VAD_WINDOW;
    }
    windows += batch;
}

static const rta_vad_kernel VAD = {.rate = RTA_MIC_RATE,
                                   .window_samples = RTA_VAD_WINDOW,
                                   .state_floats = 1,
                                   .max_batch = 4,
                                   .scratch_bytes = 64,
                                   .run = hear};

typedef struct call {
    rta_port_engine *port;
    rta_port_session *session;
    rta_engine *engine;
    rta_line *line;
    rta_history_reader mic;
} call;

static void open_call(call *c, const rta_line_config *config) {
    const rta_engine_config engine = {.tick_ns = TICK_NS, .vad = &VAD, .max_lines = 1};
    CHECK(rta_port_engine_create(&c->port, &PORT, false) == RTA_OK);
    CHECK(rta_port_session_private(&c->session, c->port) == RTA_OK);
    CHECK(rta_engine_create(&c->engine, &engine) == RTA_OK);
    CHECK(rta_engine_add(c->engine, c->port, config, &c->line) == RTA_OK);
    CHECK(rta_port_mic_reader(c->session, &c->mic, 0) == RTA_OK);
}

static void close_call(call *c) {
    CHECK(rta_engine_remove(c->engine, c->line) == RTA_OK);
    rta_line_free(c->line);
    rta_engine_destroy(c->engine);
    rta_port_session_destroy(c->session);
    rta_port_engine_destroy(c->port);
}

static void check_figures(const call *c, uint64_t put) {
    rta_packets_figures f;
    rta_line_figures l;
    rta_line_packets_read(c->line, &f);
    rta_line_figures_read(c->line, &l);
    const rta_jitter_packets *p = &f.jitter.packets;
    CHECK(p->received == p->used + p->late_discarded + p->duplicate + p->superseded + p->queued);
    CHECK(p->expected == p->received_unique + p->missing);
    CHECK(p->received + p->refused + f.dropped + f.refused <= put);
    const uint64_t given = l.input_taken + l.input_concealed + l.input_silence;
    CHECK(given <= f.jitter.total_samples && f.jitter.total_samples - given <= 48000);
    CHECK(l.input_starved == 0 && l.input_bad == 0);
}

static int64_t any_time(uint64_t *random, int64_t now) {
    switch (random_between(random, 0, 5)) {
    case 0: return (int64_t)next_random(random);
    case 1: return INT64_MAX;
    case 2: return RTA_ARRIVES_NOW;
    case 3: return (int64_t)((uint64_t)now - random_between(random, 0, 20000000000u));
    default: return (int64_t)((uint64_t)now + random_between(random, 0, 2000000000u));
    }
}

static void compare(call *a, call *b) {
    static float x[4096], y[4096];
    CHECK(rta_port_mic_written(a->port) == rta_port_mic_written(b->port));
    for (uint64_t left = rta_port_mic_written(a->port), run; left; left -= run) {
        run = left < 4096 ? left : 4096;
        if (rta_history_read(&a->mic, x, run) != RTA_OK || rta_history_read(&b->mic, y, run) != RTA_OK) return;
        CHECK(!memcmp(x, y, run * sizeof *x));
        compared += run;
    }
}

static void one_stream(uint64_t *random) {
    static const uint32_t rates[] = {8000, 16000, 24000, 48000};
    rta_line_config config = {.kind = RTA_LINE_NETWORK, .input_samples = 1 << 13, .wake_fd = -1};
    rta_detector_defaults(&config.detector);
    rta_jitter_defaults(&config.packets.jitter);
    rta_jitter_config *j = &config.packets.jitter;
    j->rate = config.input_rate = rates[random_between(random, 0, 3)];
    j->channels = (uint32_t)random_between(random, 1, 2);
    j->capacity = 32u << random_between(random, 0, 3);
    j->packet_most = (uint32_t)random_between(random, 1, j->rate / 10);
    j->conceal_most = (uint32_t)random_between(random, 0, j->rate / 10);
    config.link_lost_ns = (int64_t)random_between(random, 1, 3000000000);
    config.packets.waiting = 64;
    static const uint8_t codecs[] = {RTA_CODEC_NONE, RTA_CODEC_PCM16, RTA_CODEC_L16,
                                     RTA_CODEC_PCMU, RTA_CODEC_PCMA,  RTA_CODEC_CN};
    for (int i = 0; i < 128; i++) j->codecs[i] = codecs[random_between(random, 0, 5)];
    const bool wild = random_between(random, 0, 1);
    call often, rarely;
    open_call(&often, &config);
    open_call(&rarely, &config);
    const size_t room = (size_t)j->packet_most * j->channels * 2 + 64;
    uint8_t *payload = malloc(room); /* exactly: a byte too many is seen */
    CHECK(payload != NULL);
    fuzz_fill(random, payload, room);
    CHECK(rta_engine_step(often.engine, 0) == RTA_OK && rta_engine_step(rarely.engine, 0) == RTA_OK);
    int64_t now = 0;
    uint64_t put = 0, since = 0;
    rta_jitter_packet p = {.seq = (uint16_t)next_random(random), .timestamp = (uint32_t)next_random(random)};
    for (int k = 0; k < PACKETS; k++) {
        p.seq++;
        p.timestamp += j->packet_most;
        p.bytes = j->packet_most * j->channels * (random_between(random, 0, 1) ? 2 : 1);
        rta_jitter_packet sent = p;
        const uint64_t kind = random_between(random, 0, wild ? 12 : 60);
        if (kind == 0) sent.seq = (uint16_t)next_random(random);
        else if (kind == 1) sent.timestamp = (uint32_t)next_random(random);
        else if (kind == 2) sent.ssrc = (uint32_t)random_between(random, 0, 2);
        else if (kind == 3) sent.bytes = (uint32_t)random_between(random, 0, room);
        else if (kind == 4) sent.bytes = 0;
        else if (kind == 5) sent.payload_type = (uint8_t)random_between(random, 0, 255);
        else if (kind == 6) sent.seq = (uint16_t)(p.seq - random_between(random, 0, 40));
        else if (kind == 7) p.seq = (uint16_t)(p.seq + random_between(random, 0, 300));
        else if (kind == 8) p.timestamp += (uint32_t)random_between(random, 0, 100000);
        sent.arrival_ns = now + (int64_t)random_between(random, 0, 9999999);
        if (wild && random_between(random, 0, 5) == 0) sent.arrival_ns = any_time(random, now);
        if (sent.bytes > room) sent.bytes = (uint32_t)room;
        sent.payload = payload;
        rta_line_put_packet(often.line, &sent);
        rta_line_put_packet(rarely.line, &sent);
        put++;
        packets_put++;
        if (random_between(random, 0, 2) == 0 && ++since < 48) continue;
        since = 0;
        for (uint64_t n = random_between(random, 1, 4); n; n--) {
            now += TICK_NS;
            CHECK(rta_engine_step(often.engine, now) == RTA_OK);
            ticks++;
            check_figures(&often, put);
        }
        if (random_between(random, 0, 3)) continue;
        if (random_between(random, 0, 9) == 0) now += (int64_t)random_between(random, 0, 8) * 1000000000; /* a stall */
        CHECK(rta_engine_step(rarely.engine, now) == RTA_OK);
        CHECK(rta_engine_step(often.engine, now) == RTA_OK);
        check_figures(&rarely, put);
    }
    for (int n = 0; n < 100; n++) { /* what a flood has left comes, too */
        now += TICK_NS;
        CHECK(rta_engine_step(often.engine, now) == RTA_OK);
    }
    CHECK(rta_engine_step(rarely.engine, now) == RTA_OK);
    rta_packets_figures a, b;
    rta_line_packets_read(often.line, &a);
    rta_line_packets_read(rarely.line, &b);
    if (!wild && a.dropped == 0 && b.dropped == 0) {
        CHECK(!memcmp(&a, &b, sizeof a));
        compare(&often, &rarely);
    }
    free(payload);
    close_call(&often);
    close_call(&rarely);
}

int main(int argc, char **argv) {
    uint64_t random = fuzz_seed(argc, argv);
    for (fuzz_clock clock = fuzz_start(argc, argv); fuzz_goes_on(&clock);)
        for (int n = 0; n < 10; n++) one_stream(&random);
    printf("line_packets_fuzz: %llu packets put, %llu ticks, %llu windows heard, %llu samples compared\n",
           (unsigned long long)packets_put, (unsigned long long)ticks, (unsigned long long)windows,
           (unsigned long long)compared);
    CHECK(windows > 0 && compared > 0);
    return 0;
}
