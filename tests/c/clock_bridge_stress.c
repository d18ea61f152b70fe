// sources: clocks
// flags: -lm -lpthread
//
// A bridge between two real threads, which drift by whatever the scheduler makes of them: sums hold (law 1), what comes out was
// pushed (a constant) or is silence, and nothing races (the thread sanitizer runs this).
#include "check.h"
#include "clock_bridge.h"
#include "platform.h"

#include <math.h>

enum { ROUNDS = 3000, BLOCK = 160 };

typedef struct shared {
    rta_clock_bridge *bridge;
    int64_t clock_ns; /* virtual: whoever has done a block moves it on */
    uint32_t done;
} shared;

static void source(void *argument) {
    shared *s = argument;
    float block[BLOCK];
    uint64_t taken, seed = 7;
    for (int i = 0; i < BLOCK; i++) block[i] = 0.5f;
    for (int k = 0; k < ROUNDS; k++) {
        const int64_t now = __atomic_add_fetch(&s->clock_ns, 5000000, __ATOMIC_RELAXED);
        rta_clock_bridge_push(s->bridge, block, random_between(&seed, 1, BLOCK), now, &taken);
        if (k % 16 == 0) sched_yield();
    }
    __atomic_store_n(&s->done, 1, __ATOMIC_RELEASE);
}

/* Anybody may look: no figure is ever impossible. */
static void watcher(void *argument) {
    shared *s = argument;
    rta_clock_bridge_figures f;
    while (!__atomic_load_n(&s->done, __ATOMIC_ACQUIRE)) {
        rta_clock_bridge_figures_read(s->bridge, &f);
        CHECK(f.queued < (uint64_t)1 << 62); /* it does not wrap */
    }
}

int main(void) {
    const rta_clock_bridge_config config = {
        .source_rate = 16000, .sink_rate = 16000, .target_s = 0.03, .most_ppm = 1000.0, .capacity = 4096};
    shared s = {0};
    rta_thread *thread, *watching;
    rta_clock_bridge_figures f;
    float out[BLOCK];
    uint64_t sound = 0, seed = 3;
    CHECK(rta_clock_bridge_create(&s.bridge, &config) == RTA_OK);
    CHECK(rta_thread_start(&thread, source, &s, "source", false) == RTA_OK);
    CHECK(rta_thread_start(&watching, watcher, &s, "watcher", false) == RTA_OK);
    while (!__atomic_load_n(&s.done, __ATOMIC_ACQUIRE)) {
        const uint64_t count = random_between(&seed, 1, BLOCK);
        rta_clock_bridge_pull(s.bridge, out, count, __atomic_add_fetch(&s.clock_ns, 5000000, __ATOMIC_RELAXED));
        for (uint64_t i = 0; i < count; i++) {
            CHECK(isfinite(out[i]) && out[i] > -0.1f && out[i] < 0.6f);
            sound += out[i] > 0.4f;
        }
        rta_clock_bridge_figures_read(s.bridge, &f);
        CHECK(f.pulled == f.played + f.waited + f.starved);
        sched_yield();
    }
    rta_thread_join(thread);
    rta_thread_join(watching);
    rta_clock_bridge_figures_read(s.bridge, &f);
    CHECK(f.taken == f.used + f.skipped + f.queued);
    CHECK(f.taken + f.dropped > 0 && f.queued <= config.capacity + 4096 && sound <= f.played);
    rta_clock_bridge_destroy(s.bridge);
    return 0;
}
