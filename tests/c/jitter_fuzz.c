/* Fuzzing of the jitter buffer: streams of packets that go right for a while and then are damaged in every field (sequence,
 * timestamp, source, payload type and length, arrival times of any size and order), taken or not taken, at any times, by
 * both modes. After every call the sums hold and media time has no hole. Without arguments a few thousand calls; `jitter_fuzz <seconds>
 * [seed]` for longer (make fuzz). */
// sources: jitter_play
#include "fuzz.h"
#include "jitter_play.h"
#include "opus_found.h"

#include <string.h>

static uint64_t executions, audio, concealed, recovered;
static bool with_opus;

static void check_sums(const rta_jitter *j, const rta_play *play) {
    rta_jitter_figures f;
    if (play) rta_play_read_figures(play, &f);
    else rta_jitter_read_figures(j, &f);
    const rta_jitter_packets *p = &f.packets;
    CHECK(p->received == p->used + p->late_discarded + p->duplicate + p->superseded + p->queued);
    CHECK(p->expected == p->received_unique + p->missing);
    CHECK(f.total_samples + f.buffered_samples + f.removed_samples ==
          f.emitted_count + f.concealed_samples + f.silence_samples + f.inserted_samples);
}

static int64_t any_time(uint64_t *random, int64_t now) {
    switch (random_between(random, 0, 9)) {
    case 0: return (int64_t)next_random(random);
    case 1: return INT64_MAX;
    case 2: return INT64_MIN;
    case 3: return (int64_t)((uint64_t)now - random_between(random, 0, 10000000000u));
    default: return (int64_t)((uint64_t)now + random_between(random, 0, 10000000000u));
    }
}

static void one_stream(uint64_t *random) {
    static const uint32_t rates[] = {8000, 16000, 24000, 44100, 48000};
    rta_jitter_config config;
    rta_jitter_defaults(&config);
    const bool opus = with_opus && random_between(random, 0, 2) == 0;
    config.rate = rates[random_between(random, 0, 4)];
    if (opus && 48000 % config.rate != 0) config.rate = 16000;
    if (opus) config.clock = 48000;
    config.channels = (uint32_t)random_between(random, 1, 2);
    config.capacity = 32u << random_between(random, 0, 3);
    config.packet_most = (uint32_t)random_between(random, 1, config.rate / 10);
    config.conceal_most = (uint32_t)random_between(random, 0, config.rate / 10);
    config.wait_least_ns = (int64_t)random_between(random, 0, 20000000);
    for (int i = 0; i < 128; i++) config.codecs[i] = (uint8_t)random_between(random, 0, RTA_CODEC_OPUS - 1);
    if (opus) {
        config.packet_most = (uint32_t)random_between(random, config.rate / 50, config.rate * 12 / 100);
        for (int i = 0; i < 128; i++)
            config.codecs[i] = random_between(random, 0, 9) ? RTA_CODEC_OPUS : i % 2 * RTA_CODEC_CN;
    }
    rta_jitter *j = NULL;
    CHECK(rta_jitter_create(&j, &config) == RTA_OK);
    rta_play_config play_config;
    rta_play_defaults(&play_config);
    play_config.jitter = config;
    play_config.rule = (uint32_t)random_between(random, 0, 1);
    play_config.late = (float)random_between(random, 1, 100) / 300.0f;
    rta_play *play = NULL;
    CHECK(rta_play_create(&play, &play_config) == RTA_OK);
    const size_t played_room = (size_t)config.rate / 100 * config.channels;
    int16_t *played = malloc(played_room * sizeof *played);
    CHECK(played != NULL);
    uint64_t played_position = 0;
    const size_t room = (size_t)rta_jitter_frame_most(j) * config.channels;
    int16_t *out = malloc(room * sizeof *out); /* exactly: a sample too many is seen */
    uint8_t payload[2 * 2 * 4800 + 64];
    CHECK(out != NULL);
    fuzz_fill(random, payload, 512);
    int64_t now = any_time(random, 0);
    uint64_t position = 0;
    const uint32_t samples = config.packet_most;
    rta_jitter_packet p = {.seq = (uint16_t)next_random(random), .timestamp = (uint32_t)next_random(random)};
    const bool wild = random_between(random, 0, 1);
    for (int step = 0; step < 400; step++) {
        executions++;
        now = (int64_t)((uint64_t)now + random_between(random, 0, 40000000));
        p.seq++;
        p.timestamp += samples;
        p.arrival_ns = now;
        p.bytes = samples * config.channels * (random_between(random, 0, 1) ? 2 : 1);
        rta_jitter_packet sent = p;
        const uint64_t kind = random_between(random, 0, wild ? 12 : 60);
        if (kind == 0) sent.seq = (uint16_t)next_random(random);
        else if (kind == 1) sent.timestamp = (uint32_t)next_random(random);
        else if (kind == 2) sent.ssrc = (uint32_t)random_between(random, 0, 2);
        else if (kind == 3) sent.bytes = (uint32_t)random_between(random, 0, 200);
        else if (kind == 4) sent.bytes = 0;
        else if (kind == 5) sent.arrival_ns = any_time(random, now);
        else if (kind == 6) sent.seq = (uint16_t)(p.seq - random_between(random, 0, 40));
        else if (kind == 7) p.seq = (uint16_t)(p.seq + random_between(random, 0, 300));
        else if (kind == 8) p.timestamp += (uint32_t)random_between(random, 0, 100000);
        else if (kind == 9) sent.payload_type = (uint8_t)random_between(random, 0, 127);
        else if (kind == 10 && wild) now = any_time(random, now);
        else if (kind == 11) p.ssrc = (uint32_t)random_between(random, 0, 1);
        if (opus) { /* any packet, one frame of any kind and size more often than not */
            fuzz_fill(random, payload, 8);
            if (random_between(random, 0, 7)) payload[0] &= 0xFC;
            sent.bytes = (uint32_t)random_between(random, 0, random_between(random, 0, 9) ? 100 : 1600);
        }
        sent.payload = payload;
        if (sent.bytes > sizeof payload) sent.bytes = sizeof payload;
        rta_jitter_taken taken;
        rta_jitter_put(j, &sent, &taken);
        rta_play_put(play, &sent, &taken);
        check_sums(NULL, play);
        for (uint64_t n = random_between(random, 0, 3); n > 0; n--) {
            rta_jitter_frame frame;
            rta_play_get(play, now, &frame, played);
            CHECK(frame.position == played_position && frame.samples == config.rate / 100);
            played_position += frame.samples;
            check_sums(NULL, play);
        }
        check_sums(j, NULL);
        if (random_between(random, 0, 3) == 0) continue;
        const int64_t asked = random_between(random, 0, 20) ? now : rta_jitter_due_ns(j);
        rta_jitter_frame frame;
        for (int n = 0; n < 200 && rta_jitter_get(j, asked, &frame, out) == RTA_OK; n++) {
            CHECK(frame.position == position && frame.samples * config.channels <= room);
            position += frame.samples;
            audio += frame.kind == RTA_JITTER_AUDIO;
            concealed += frame.kind == RTA_JITTER_CONCEALED;
            check_sums(j, NULL);
        }
    }
    rta_jitter_figures figures;
    rta_jitter_read_figures(j, &figures);
    recovered += figures.recovered_samples;
    CHECK(figures.fec_discarded <= figures.fec_received);
    free(out);
    free(played);
    rta_play_destroy(play);
    rta_jitter_destroy(j);
}

int main(int argc, char **argv) {
    uint64_t random = fuzz_seed(argc, argv);
    with_opus = opus_found();
    for (fuzz_clock clock = fuzz_start(argc, argv); fuzz_goes_on(&clock);)
        for (int n = 0; n < 20; n++) one_stream(&random);
    printf("jitter_fuzz: %llu packets put, %llu frames of sound, %llu concealed, %llu samples recovered\n",
           (unsigned long long)executions, (unsigned long long)audio, (unsigned long long)concealed,
           (unsigned long long)recovered);
    CHECK(audio > 0 && concealed > 0 && (!with_opus || recovered > 0));
    return 0;
}
