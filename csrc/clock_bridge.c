/* SPDX-License-Identifier: Apache-2.0
 *
 * Beside the samples a second ring carries the marks: up to which sample had been pushed by when. So both clocks are
 * tracked on the sink's thread, and whatever is decided is decided there.
 */
#include "clock_bridge.h"

#include <math.h>
#include <stdlib.h>

#include "resample_variable.h"
#include "ring.h"

enum { MARKS = 1024, PIECE = 512 /* source samples moved at a time */, CHUNK = 256 /* sink samples given at a time */ };
static const float LIMIT = 256.0f;

typedef struct mark {
    uint64_t position;
    int64_t now_ns;
} mark;

struct rta_clock_bridge {
    rta_clock_bridge_config config;
    uint32_t fade; /* sink samples in 5 ms */
    float *data;
    mark marks[MARKS];
    /* The source's. */
    _Alignas(RTA_CACHE_LINE) rta_ring_writer writer;
    rta_ring_producer producer;
    rta_ring_writer mark_writer;
    rta_ring_producer mark_producer;
    uint64_t dropped;
    /* The sink's; counters are stored atomically, for those who read figures. */
    _Alignas(RTA_CACHE_LINE) rta_ring_consumer consumer;
    rta_ring_reader reader;
    rta_ring_consumer mark_consumer;
    rta_ring_reader mark_reader;
    rta_drift drift;
    rta_variable *resampler;
    uint64_t put;    /* since the resampler began */
    uint64_t passed; /* of those, what was counted as used */
    uint64_t held;   /* put - passed, as of the last pull */
    uint64_t fade_in; /* samples of it still to come */
    float piece[PIECE];
    rta_clock_bridge_figures told;
};

static void more(uint64_t *count, uint64_t by) { __atomic_store_n(count, *count + by, __ATOMIC_RELAXED); }
static void tell(double *figure, double value) { __atomic_store(figure, &value, __ATOMIC_RELAXED); }

static rta_status wire(rta_clock_bridge *b) {
    rta_status s = rta_ring_writer_init(&b->writer, &b->producer, &b->consumer, b->data, b->config.capacity,
                                        sizeof(float), RTA_RING_DROP_NEWEST);
    if (!s)
        s = rta_ring_reader_init(&b->reader, &b->consumer, &b->producer, b->data, b->config.capacity, sizeof(float));
    if (!s)
        s = rta_ring_writer_init(&b->mark_writer, &b->mark_producer, &b->mark_consumer, b->marks, MARKS, sizeof(mark),
                                 RTA_RING_DROP_NEWEST);
    if (!s)
        s = rta_ring_reader_init(&b->mark_reader, &b->mark_consumer, &b->mark_producer, b->marks, MARKS, sizeof(mark));
    return s;
}

rta_status rta_clock_bridge_create(rta_clock_bridge **bridge, const rta_clock_bridge_config *c) {
    *bridge = NULL;
    rta_variable *resampler;
    rta_status status = rta_variable_create(&resampler, c->source_rate, c->sink_rate);
    if (status) return status;
    rta_clock_bridge *b = rta_zeroed(sizeof *b);
    if (!b) {
        rta_variable_destroy(resampler);
        return RTA_NOMEM;
    }
    b->resampler = resampler;
    b->config = *c;
    b->fade = c->sink_rate / 200;
    status = rta_drift_init(&b->drift, c->source_rate, c->sink_rate, c->target_s, c->most_ppm);
    if (!status && (c->capacity & (c->capacity - 1) || c->capacity > (uint64_t)1 << 30 ||
                    (double)c->capacity < 2.0 * c->target_s * c->source_rate))
        status = RTA_INVALID;
    if (!status && !(b->data = rta_zeroed(c->capacity * sizeof(float)))) status = RTA_NOMEM;
    if (!status) status = wire(b);
    if (status) {
        rta_clock_bridge_destroy(b);
        return status;
    }
    b->told.delay_samples = rta_variable_delay(resampler);
    *bridge = b;
    return RTA_OK;
}

void rta_clock_bridge_destroy(rta_clock_bridge *b) {
    if (!b) return;
    rta_variable_destroy(b->resampler);
    free(b->data);
    free(b);
}

/* ---- Source */

rta_status rta_clock_bridge_push(rta_clock_bridge *b, const float *samples, uint64_t count, int64_t now_ns,
                                 uint64_t *taken) {
    RTA_RT_ENTER();
    const uint64_t room = rta_ring_room(&b->writer), fits = count < room ? count : room;
    const rta_status status = fits ? rta_ring_push(&b->writer, samples, fits) : RTA_OK;
    if (fits && !status) {
        const mark at = {.position = b->producer.write, .now_ns = now_ns};
        rta_ring_push(&b->mark_writer, &at, 1); /* after the samples: who sees it sees them; a full ring counts it */
    }
    *taken = status ? 0 : fits;
    if (fits < count) more(&b->dropped, count - fits);
    RTA_RT_LEAVE();
    return status ? status : fits < count ? RTA_FULL : RTA_OK;
}

/* ---- Sink */

static void take_marks(rta_clock_bridge *b) {
    mark at;
    for (unsigned left = MARKS; left && rta_ring_pull(&b->mark_reader, &at, 1) == RTA_OK; left--)
        rta_drift_pushed(&b->drift, at.position, at.now_ns);
}

/* Source samples whose place the reading has passed. */
static void count_used(rta_clock_bridge *b) {
    const double waiting = rta_variable_ahead(b->resampler);
    const uint64_t held = waiting > 0.0 ? (uint64_t)waiting : 0, passed = b->put > held ? b->put - held : 0;
    if (passed <= b->passed) return;
    more(&b->told.used, passed - b->passed);
    b->passed = passed;
}

/* Moves `count` samples, which are there, into the resampler. */
static void feed(rta_clock_bridge *b, uint64_t count) {
    for (uint64_t run; count; count -= run) {
        run = count < PIECE ? count : PIECE;
        rta_ring_pull(&b->reader, b->piece, run);
        for (uint64_t i = 0; i < run; i++)
            if (!(fabsf(b->piece[i]) <= LIMIT)) b->piece[i] = 0.0f; /* NaN, too */
        rta_variable_put(b->resampler, b->piece, run);
        b->put += run;
    }
}

/* Up to `count` outputs from what there is. */
static uint64_t read_on(rta_clock_bridge *b, float *out, uint64_t count) {
    uint64_t done = 0;
    for (bool all = true; all && done < count;) {
        const uint64_t want = count - done < CHUNK ? count - done : CHUNK;
        const uint64_t needs = rta_variable_needs(b->resampler, want), there = rta_ring_available(&b->reader);
        feed(b, needs < there ? needs : there);
        const uint64_t given = rta_variable_get(b->resampler, out + done, want);
        done += given;
        all = given == want;
    }
    count_used(b);
    /* After an interruption nothing comes until the filter is full, then more and more. */
    for (uint64_t i = 0; i < done && b->fade_in; i++, b->fade_in--)
        out[i] *= b->fade_in > b->fade ? 0.0f : (float)(b->fade - b->fade_in) / (float)b->fade;
    return done;
}

/* The reading is given up; what the resampler holds back is passed over. */
static void give_up(rta_clock_bridge *b) {
    more(&b->told.skipped, b->put - b->passed);
    b->put = b->passed = 0;
    rta_variable_reset(b->resampler);
    rta_drift_restart(&b->drift);
}

/* `sound` of the `count` were given; what the resampler has not yet given of what it took comes after it. */
static void interrupt(rta_clock_bridge *b, float *out, uint64_t sound, uint64_t count) {
    static const float silence[PIECE];
    const uint64_t delay = b->told.delay_samples, tail = count - sound < delay ? count - sound : delay;
    const uint64_t needs = rta_variable_needs(b->resampler, tail);
    if (tail && sound < b->fade && needs <= PIECE && rta_variable_put(b->resampler, silence, needs) == RTA_OK)
        sound += rta_variable_get(b->resampler, out + sound, tail);
    const uint64_t fade = sound < b->fade ? sound : b->fade;
    for (uint64_t i = 0; i < fade; i++) out[sound - fade + i] *= (float)(fade - i) / (float)(fade + 1);
    memset(out + sound, 0, (count - sound) * sizeof(float));
    more(&b->told.played, sound);
    more(&b->told.starved, count - sound);
    give_up(b);
}

/* WAITING: how much of the pull is still silence; count: all of it. Where sound begins, reading is at its place. */
static uint64_t begin(rta_clock_bridge *b, uint64_t count, int64_t now_ns) {
    const uint64_t read = b->consumer.read, there = rta_ring_available(&b->reader);
    const double level_s = rta_drift_pulls(&b->drift, b->told.pulled, now_ns, read, 0.0, 0.0);
    if (b->drift.source.state == RTA_CLOCK_EMPTY) return count;
    double short_s = b->config.target_s - level_s;
    if (short_s < 0.0) { /* later than it should begin: the oldest is passed over, once what follows is there */
        const uint64_t over = (uint64_t)(-short_s * b->config.source_rate);
        if (over + rta_variable_needs(b->resampler, count) > there) return count;
        rta_ring_advance(&b->reader, over);
        more(&b->told.skipped, over);
        short_s = 0.0;
    }
    const double silence = short_s * b->config.sink_rate;
    if (silence + 0.5 >= (double)count) return count;
    const uint64_t wait = (uint64_t)(silence + 0.5);
    b->drift.level_s = b->config.target_s; /* as it will be then */
    rta_variable_steer(b->resampler, rta_drift_wanted_ppm(&b->drift, b->told.pulled), 0);
    if (rta_variable_needs(b->resampler, count - wait) > rta_ring_available(&b->reader)) return count;
    rta_drift_started(&b->drift);
    if (b->drift.restarts) b->fade_in = b->fade + b->told.delay_samples;
    return wait;
}

static void steer(rta_clock_bridge *b) {
    const double ppm = rta_variable_ppm(b->resampler), wanted = rta_drift_wanted_ppm(&b->drift, b->told.pulled);
    rta_variable_steer(b->resampler, wanted, rta_drift_ramp(&b->drift, ppm, wanted));
}

static void tell_all(rta_clock_bridge *b) {
    rta_clock_bridge_figures *f = &b->told;
    __atomic_store_n(&f->state, b->drift.state, __ATOMIC_RELAXED);
    tell(&f->level_s, b->drift.level_s);
    tell(&f->drift_ppm, rta_drift_ppm(&b->drift));
    tell(&f->ppm, rta_variable_ppm(b->resampler));
    tell(&f->source_ppm, rta_clock_track_ppm(&b->drift.source));
    tell(&f->sink_ppm, rta_clock_track_ppm(&b->drift.sink));
    tell(&f->read_position, (double)b->consumer.read - rta_variable_ahead(b->resampler));
    __atomic_store_n(&b->held, b->put - b->passed, __ATOMIC_RELAXED);
    more(&f->locks, b->drift.locks - f->locks);
    more(&f->clock_steps, b->drift.source.steps + b->drift.sink.steps - f->clock_steps);
    more(&f->times_back, b->drift.source.backwards + b->drift.sink.backwards - f->times_back);
}

void rta_clock_bridge_pull(rta_clock_bridge *b, float *out, uint64_t count, int64_t now_ns) {
    RTA_RT_ENTER();
    take_marks(b);
    uint64_t silence = 0;
    if (b->drift.state == RTA_DRIFT_WAITING) {
        silence = begin(b, count, now_ns);
        memset(out, 0, silence * sizeof(float));
        more(&b->told.waited, silence);
    } else {
        const double ahead = rta_variable_ahead(b->resampler), ppm = rta_variable_ppm(b->resampler);
        const double level_s = rta_drift_pulls(&b->drift, b->told.pulled, now_ns, b->consumer.read, -ahead, ppm);
        if (level_s > b->config.target_s + RTA_DRIFT_RESTART_S) {
            const uint64_t most = count < b->fade ? count : b->fade;
            more(&b->told.overruns, 1);
            interrupt(b, out, read_on(b, out, most), count);
            silence = count;
        } else {
            steer(b);
        }
    }
    if (silence < count) {
        const uint64_t given = read_on(b, out + silence, count - silence);
        if (given == count - silence) {
            more(&b->told.played, given);
        } else {
            more(&b->told.underruns, 1);
            interrupt(b, out + silence, given, count - silence);
        }
    }
    more(&b->told.pulled, count);
    tell_all(b);
    RTA_RT_LEAVE();
}

void rta_clock_bridge_figures_read(const rta_clock_bridge *b, rta_clock_bridge_figures *f) {
    const rta_clock_bridge_figures *t = &b->told;
    f->state = __atomic_load_n(&t->state, __ATOMIC_RELAXED);
    f->delay_samples = t->delay_samples;
    __atomic_load(&t->level_s, &f->level_s, __ATOMIC_RELAXED);
    __atomic_load(&t->drift_ppm, &f->drift_ppm, __ATOMIC_RELAXED);
    __atomic_load(&t->ppm, &f->ppm, __ATOMIC_RELAXED);
    __atomic_load(&t->source_ppm, &f->source_ppm, __ATOMIC_RELAXED);
    __atomic_load(&t->sink_ppm, &f->sink_ppm, __ATOMIC_RELAXED);
    __atomic_load(&t->read_position, &f->read_position, __ATOMIC_RELAXED);
    f->used = __atomic_load_n(&t->used, __ATOMIC_RELAXED);
    f->skipped = __atomic_load_n(&t->skipped, __ATOMIC_RELAXED);
    /* read first: it only grows towards write, so the difference never wraps */
    const uint64_t read = __atomic_load_n(&b->consumer.read, __ATOMIC_ACQUIRE);
    f->taken = __atomic_load_n(&b->producer.write, __ATOMIC_ACQUIRE);
    f->dropped = __atomic_load_n(&b->dropped, __ATOMIC_RELAXED);
    f->queued = f->taken - read + __atomic_load_n(&b->held, __ATOMIC_RELAXED);
    f->pulled = __atomic_load_n(&t->pulled, __ATOMIC_RELAXED);
    f->played = __atomic_load_n(&t->played, __ATOMIC_RELAXED);
    f->waited = __atomic_load_n(&t->waited, __ATOMIC_RELAXED);
    f->starved = __atomic_load_n(&t->starved, __ATOMIC_RELAXED);
    f->underruns = __atomic_load_n(&t->underruns, __ATOMIC_RELAXED);
    f->overruns = __atomic_load_n(&t->overruns, __ATOMIC_RELAXED);
    f->locks = __atomic_load_n(&t->locks, __ATOMIC_RELAXED);
    f->clock_steps = __atomic_load_n(&t->clock_steps, __ATOMIC_RELAXED);
    f->times_back = __atomic_load_n(&t->times_back, __ATOMIC_RELAXED);
    f->marks_dropped = __atomic_load_n(&b->mark_producer.dropped, __ATOMIC_RELAXED);
}
