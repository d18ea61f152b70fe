/* SPDX-License-Identifier: Apache-2.0
 *
 * Law 11 between processes: a session side that writes anything at all into its region (ops, counters, control words,
 * samples) can silence itself, but cannot make the consumer read outside, hang, or lose count; and the engine's own
 * flush still holds.
 */
// sources: playout
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "playout_shared.h"

enum { RATE = 8000, PERIOD = 160, ROUNDS = 4000 };

static const rta_playout_config CONFIG = {
    .rate = RATE, .queue_samples = 4000, .history_samples = 800, .background_samples = 256};

typedef struct world {
    rta_playout_session *session;
    rta_playout_engine *engine;
    rta_playout_consumer *consumer;
    rta_op *ops;
    float *samples;
} world;

static world make(void) {
    world w;
    rta_playout_layout at = rta_playout_layout_of(&CONFIG);
    w.session = aligned_alloc(64, at.bytes); /* exactly as large as it should be: what lies beyond is poisoned */
    w.engine = aligned_alloc(64, rta_playout_engine_bytes(&CONFIG));
    memset(w.session, 0, at.bytes);
    memset(w.engine, 0, rta_playout_engine_bytes(&CONFIG));
    w.ops = (rta_op *)((unsigned char *)w.session + at.ops);
    w.samples = (float *)((unsigned char *)w.session + at.samples);
    CHECK(rta_playout_consumer_create(&w.consumer, &CONFIG, w.engine, w.session, NULL, NULL) == RTA_OK);
    return w;
}

static void destroy(world *w) {
    rta_playout_consumer_destroy(w->consumer);
    free(w->session);
    free(w->engine);
}

/* Numbers at which things break: small, near powers of two, near the counters in use, anything. */
static uint64_t odd_number(uint64_t *seed, uint64_t near) {
    switch (random_between(seed, 0, 5)) {
    case 0: return random_between(seed, 0, 4);
    case 1: return near + random_between(seed, 0, 600);
    case 2: return near - random_between(seed, 0, 600);
    case 3: return (1ull << random_between(seed, 0, 63)) - random_between(seed, 0, 1);
    case 4: return random_between(seed, 0, 300);
    default: return next_random(seed);
    }
}

static void scribble(world *w, uint64_t *seed) {
    rta_playout_session *s = w->session;
    uint64_t write = RTA_LOAD(s->ops.write);
    for (uint64_t n = random_between(seed, 0, 12); n > 0; n--) {
        rta_op *op = &w->ops[write++ % RTA_PLAYOUT_OPS];
        /* Mostly of a form that could be, so that deep states are reached. */
        *op = (rta_op){.segment = random_between(seed, 0, 7) ? random_between(seed, 1, 90) : odd_number(seed, 60),
                       .a = odd_number(seed, 0),
                       .b = odd_number(seed, 0),
                       .kind = (uint32_t)random_between(seed, 0, 6)};
        if (op->kind == RTA_OP_WRITE) RTA_STORE(s->samples.write, RTA_LOAD(s->samples.write) + op->a % 400);
        if (op->kind == RTA_OP_WRITE && random_between(seed, 0, 3)) op->a %= 400;
    }
    RTA_STORE_REL(s->ops.write, write);
    switch (random_between(seed, 0, 11)) {
    case 0: RTA_STORE(s->ops.write, odd_number(seed, write)); break;
    case 1: RTA_STORE(s->samples.write, odd_number(seed, RTA_LOAD(s->samples.write))); break;
    case 2: RTA_STORE(s->controls.flush, odd_number(seed, 0)); break;
    case 3: RTA_STORE(s->controls.pause, next_random(seed)); break;
    case 4: RTA_STORE(s->controls.duck, next_random(seed)); break;
    case 5: RTA_STORE(s->controls.volume, next_random(seed)); break;
    case 6: RTA_STORE(s->controls.background, next_random(seed)); break;
    case 7: RTA_STORE(s->token, next_random(seed)); break;
    default: break;
    }
}

static void scribbled(uint64_t seed) {
    world w = make();
    float out[PERIOD];
    uint64_t pulled = 0;
    for (int round = 0; round < ROUNDS; round++) {
        scribble(&w, &seed);
        uint64_t count = random_between(&seed, 1, PERIOD);
        CHECK(rta_playout_pull(w.consumer, out, count, round, 0) == RTA_OK);
        pulled += count;
        const rta_playout_engine *e = w.engine;
        CHECK(e->pulled == pulled && e->played + e->silence + e->concealed == pulled);
        CHECK(e->read + e->replayed == e->played + e->dropped);
        if (random_between(&seed, 0, 99) == 0) {
            CHECK(rta_playout_attach(w.consumer) == RTA_OK);
            rta_playout_detach(w.consumer);
        }
    }
    destroy(&w);
}

/* A worker that sets its own flush count back, or opens segments from the future, is still silenced by the engine. */
static void the_engines_flush_holds(void) {
    for (uint64_t lie = 0; lie < 4; lie++) {
        world w = make();
        float out[PERIOD];
        RTA_STORE(w.session->controls.flush, 1000);
        RTA_STORE(w.session->controls.duck, rta_pack_gain(1.0f, 0));
        RTA_STORE(w.session->controls.volume, rta_pack_gain(1.0f, 0));
        w.ops[0] = (rta_op){.segment = 1, .kind = RTA_OP_OPEN, .a = lie & 1 ? ~0ull : 1000, .b = lie & 2 ? 7 : 0};
        w.ops[1] = (rta_op){.segment = 1, .kind = RTA_OP_WRITE, .a = 4000};
        for (int i = 0; i < 4000; i++) w.samples[i] = 1.0f;
        RTA_STORE(w.session->samples.write, 4000);
        RTA_STORE_REL(w.session->ops.write, 2);
        CHECK(rta_playout_pull(w.consumer, out, PERIOD, 0, 0) == RTA_OK);
        bool sounded = out[0] == 1.0f;
        CHECK(sounded == !(lie & 2)); /* engine flushes that never were: the op is refused */
        rta_playout_flush(&w.engine->controls);
        RTA_STORE(w.session->controls.flush, 0);
        CHECK(rta_playout_pull(w.consumer, out, PERIOD, 0, 0) == RTA_OK);
        for (int i = RATE * 5 / 1000; i < PERIOD; i++) CHECK(out[i] == 0.0f);
        CHECK(rta_playout_pull(w.consumer, out, PERIOD, 0, 0) == RTA_OK);
        for (int i = 0; i < PERIOD; i++) CHECK(out[i] == 0.0f);
        destroy(&w);
    }
}

int main(void) {
    the_engines_flush_holds();
    for (uint64_t seed = 1; seed <= 60; seed++) scribbled(seed * 7919);
    return 0;
}
