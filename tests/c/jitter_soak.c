/* A call of many simulated hours on a bad line: loss, bursts, overtaking, duplicates, stalls with floods, restarts, in both modes.
 * Counters are exact at every minute and memory is what it was after the first minute. `jitter_soak [hours]`, half an hour without. */
// sources: jitter_play
#include "check.h"
#include "jitter_play.h"

#include <malloc.h>
#include <string.h>

enum { WAITING = 256 };
#define MS INT64_C(1000000)

static void check_sums(const rta_jitter_figures *f, uint64_t position) {
    const rta_jitter_packets *c = &f->packets;
    CHECK(c->received == c->used + c->late_discarded + c->duplicate + c->superseded + c->queued);
    CHECK(c->expected == c->received_unique + c->missing);
    CHECK(f->total_samples == position);
    CHECK(f->total_samples + f->buffered_samples + f->removed_samples ==
          f->emitted_count + f->concealed_samples + f->silence_samples + f->inserted_samples);
}

int main(int argc, char **argv) {
    const double hours = argc > 1 ? atof(argv[1]) : 0.5;
    rta_jitter_config config;
    rta_jitter_defaults(&config);
    rta_jitter *j = NULL;
    CHECK(rta_jitter_create(&j, &config) == RTA_OK);
    rta_play_config play_config;
    rta_play_defaults(&play_config);
    rta_play *play = NULL;
    CHECK(rta_play_create(&play, &play_config) == RTA_OK);
    uint64_t played = 0;
    uint64_t random = 7, sent = 0, dropped = 0, doubled = 0, position = 0, refused = 0;
    struct {
        rta_jitter_packet packet;
        bool there;
    } air[WAITING] = {0};
    uint8_t payload[160];
    memset(payload, 0x55, sizeof payload);
    int16_t out[480];
    rta_jitter_packet p = {.bytes = sizeof payload, .payload = payload};
    const uint64_t ticks = (uint64_t)(hours * 3600 * 50);
    int64_t stalled_until = 0;
    bool bursting = false;
    size_t memory = 0;
    for (uint64_t tick = 0; tick < ticks; tick++) {
        const int64_t now = (int64_t)tick * 20 * MS;
        if (random_between(&random, 0, 20000) == 0) stalled_until = now + 3000 * MS;
        if (random_between(&random, 0, 20000) == 0) p.seq += 20000, p.timestamp += 123456;
        bursting = random_between(&random, 0, 99) < (bursting ? 70u : 1u);
        p.seq++;
        p.timestamp += 160;
        if (bursting || random_between(&random, 0, 99) == 0) dropped++;
        else {
            for (int copies = random_between(&random, 0, 200) == 0 ? 2 : 1; copies > 0; copies--) {
                uint32_t k = 0;
                while (k < WAITING && air[k].there) k++;
                CHECK(k < WAITING);
                air[k].packet = p;
                air[k].there = true;
                air[k].packet.arrival_ns = now + (int64_t)random_between(&random, 0, 60) * MS;
                if (air[k].packet.arrival_ns < stalled_until) air[k].packet.arrival_ns = stalled_until;
                sent++;
                doubled += copies == 2;
            }
        }
        for (int64_t at = now; at < now + 20 * MS; at += 5 * MS) {
            for (uint32_t k = 0; k < WAITING; k++)
                if (air[k].there && air[k].packet.arrival_ns <= at) {
                    rta_jitter_taken taken;
                    refused += rta_jitter_put(j, &air[k].packet, &taken) != RTA_JITTER_FINE;
                    refused += rta_play_put(play, &air[k].packet, &taken) != RTA_JITTER_FINE;
                    air[k].there = false;
                }
            rta_jitter_frame frame;
            if (at % (10 * MS) == 0) {
                rta_play_get(play, at, &frame, out);
                played += frame.samples;
            }
            while (rta_jitter_get(j, at, &frame, out) == RTA_OK) {
                CHECK(frame.position == position);
                position += frame.samples;
            }
        }
        if (tick % (50 * 60) == 50 * 59) {
            rta_jitter_figures f;
            rta_jitter_read_figures(j, &f);
            check_sums(&f, position);
            rta_play_read_figures(play, &f);
            check_sums(&f, played);
            CHECK(refused == 0);
            const size_t used = mallinfo2().uordblks;
            CHECK(memory == 0 || used == memory);
            memory = used;
        }
    }
    rta_jitter_figures f;
    rta_jitter_read_figures(j, &f);
    printf("jitter_soak: %.1f hours, %llu packets sent, %llu dropped, %llu twice, %llu late, %llu restarts\n", hours,
           (unsigned long long)sent, (unsigned long long)dropped, (unsigned long long)doubled,
           (unsigned long long)f.packets.late_discarded, (unsigned long long)f.packets.restarts);
    rta_jitter_destroy(j);
    rta_play_destroy(play);
    return 0;
}
