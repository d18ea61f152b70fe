/* SPDX-License-Identifier: Apache-2.0
 *
 * Lines are handed over without a lock: the control side fills the table that no step uses, publishes it with one
 * store, and waits until a step that may still hold the old one has ended. `stepping` is odd while a step runs; both
 * sides use sequentially consistent accesses, so that either the step sees the new table or the control side the step.
 */
#include "engine.h"

#include <stdlib.h>
#include <string.h>

#include "line.h"

enum { GRACE_NS = 200000, CATCH_UP_TICKS = 100 };

typedef struct table {
    uint32_t count;
    rta_line *lines[];
} table;

struct rta_engine {
    /* Set at creation. */
    rta_engine_config config;
    uint32_t max_batch;
    table *tables[2];
    /* The control side's. */
    _Alignas(RTA_CACHE_LINE) rta_thread *thread;
    uint32_t wake_users[RTA_ENGINE_WAKES];
    int wake_fds[RTA_ENGINE_WAKES]; /* written only while no line uses the entry */
    /* Shared. */
    _Alignas(RTA_CACHE_LINE) table *current;
    uint64_t stepping;
    uint32_t running; /* the thread is there */
    uint32_t stop;
    int64_t thread_id;
    /* The step's. */
    _Alignas(RTA_CACHE_LINE) int64_t now_ns;
    int64_t next_tick_ns;
    bool anchored; /* the grid has begun */
    void *scratch;
    rta_line **batch;
    float **states;
    const float **windows_of;
    float *probabilities;
    uint64_t steps, ticks, late_steps, busy_ns, max_lateness_ns, windows, batches, wakes;
};

static rta_status check(const rta_engine_config *c) {
    if (c->tick_ns < 1000000 || c->tick_ns > 100000000) return RTA_INVALID;
    if (c->max_lines < 1 || c->max_lines > RTA_ENGINE_LINES) return RTA_INVALID;
    const rta_vad_kernel *vad = c->vad;
    if (!vad) return RTA_OK;
    if (vad->rate != RTA_MIC_RATE || vad->window_samples != RTA_VAD_WINDOW || !vad->run) return RTA_INVALID;
    if (vad->max_batch < 1 || c->max_batch > vad->max_batch) return RTA_INVALID;
    return RTA_OK;
}

rta_status rta_engine_create(rta_engine **engine, const rta_engine_config *config) {
    *engine = NULL;
    const rta_status status = check(config);
    if (status) return status;
    rta_engine *e = rta_zeroed(sizeof *e);
    if (!e) return RTA_NOMEM;
    e->config = *config;
    const rta_vad_kernel *vad = config->vad;
    e->max_batch = !vad ? 0 : config->max_batch ? config->max_batch : vad->max_batch;
    bool complete = true;
    for (int i = 0; i < 2; i++)
        complete &= (e->tables[i] = rta_zeroed(sizeof(table) + config->max_lines * sizeof(rta_line *))) != NULL;
    if (vad) {
        complete &= (e->scratch = rta_zeroed(vad->scratch_bytes)) != NULL;
        complete &= (e->batch = rta_zeroed(e->max_batch * sizeof *e->batch)) != NULL;
        complete &= (e->states = rta_zeroed(e->max_batch * sizeof *e->states)) != NULL;
        complete &= (e->windows_of = rta_zeroed(e->max_batch * sizeof *e->windows_of)) != NULL;
        complete &= (e->probabilities = rta_zeroed(e->max_batch * sizeof *e->probabilities)) != NULL;
    }
    e->current = e->tables[0];
    if (!complete) {
        rta_engine_destroy(e);
        return RTA_NOMEM;
    }
    *engine = e;
    return RTA_OK;
}

void rta_engine_destroy(rta_engine *e) {
    if (!e) return;
    rta_engine_stop(e);
    while (e->current && e->current->count) rta_engine_remove(e, e->current->lines[e->current->count - 1]);
    free(e->tables[0]);
    free(e->tables[1]);
    free(e->scratch);
    free(e->batch);
    free(e->states);
    free(e->windows_of);
    free(e->probabilities);
    free(e);
}

/* ---- Control side: the table */

static table *spare_table(const rta_engine *e) { return e->current == e->tables[0] ? e->tables[1] : e->tables[0]; }

static void publish(rta_engine *e, table *next) {
    __atomic_store_n(&e->current, next, __ATOMIC_SEQ_CST);
    const uint64_t seen = __atomic_load_n(&e->stepping, __ATOMIC_SEQ_CST);
    if (!(seen & 1)) return;
    while (__atomic_load_n(&e->stepping, __ATOMIC_SEQ_CST) == seen) rta_sleep_until_ns(rta_clock_ns() + GRACE_NS);
}

/* The entry of a descriptor, a new one if need be; RTA_ENGINE_WAKES: there is none. */
static unsigned wake_entry(rta_engine *e, int fd) {
    unsigned free_entry = RTA_ENGINE_WAKES;
    for (unsigned i = 0; i < RTA_ENGINE_WAKES; i++) {
        if (e->wake_users[i] && e->wake_fds[i] == fd) return i;
        if (!e->wake_users[i] && free_entry == RTA_ENGINE_WAKES) free_entry = i;
    }
    if (free_entry < RTA_ENGINE_WAKES) e->wake_fds[free_entry] = fd;
    return free_entry;
}

rta_status rta_engine_add(rta_engine *e, rta_port_engine *port, const rta_line_config *config, rta_line **line) {
    *line = NULL;
    const table *old = e->current;
    const bool wakes = config->wake_fd >= 0, pulls = config->kind != RTA_LINE_DEVICE;
    const unsigned wake = wakes ? wake_entry(e, config->wake_fd) : RTA_ENGINE_WAKES;
    if (old->count == e->config.max_lines || (wakes && wake == RTA_ENGINE_WAKES)) return RTA_FULL;
    rta_status status = pulls ? rta_playout_attach(rta_port_consumer(port)) : RTA_OK;
    if (status) return status;
    status = rta_line_create(line, port, config, e->config.tick_ns, e->config.vad);
    if (status) {
        if (pulls) rta_playout_detach(rta_port_consumer(port));
        return status;
    }
    (*line)->wake = wake;
    if (wakes) e->wake_users[wake]++;
    table *next = spare_table(e);
    next->count = old->count + 1;
    memcpy(next->lines, old->lines, old->count * sizeof(rta_line *));
    next->lines[old->count] = *line;
    publish(e, next);
    return RTA_OK;
}

rta_status rta_engine_remove(rta_engine *e, rta_line *line) {
    const table *old = e->current;
    table *next = spare_table(e);
    next->count = 0;
    for (uint32_t i = 0; i < old->count; i++)
        if (old->lines[i] != line) next->lines[next->count++] = old->lines[i];
    if (next->count == old->count) return RTA_INVALID;
    publish(e, next);
    rta_line_let_go(line);
    if (line->wake < RTA_ENGINE_WAKES) e->wake_users[line->wake]--;
    if (line->config.kind != RTA_LINE_DEVICE) rta_playout_detach(rta_port_consumer(line->port));
    return RTA_OK;
}

/* ---- The step */

static void run_batch(rta_engine *e, uint32_t count) {
    const rta_vad_kernel *vad = e->config.vad;
    vad->run(vad->model, count, e->states, e->windows_of, e->probabilities, e->scratch);
    rta_count(&e->batches, 1);
    rta_count(&e->windows, count);
    for (uint32_t i = 0; i < count; i++) rta_line_looked(e->batch[i], e->probabilities[i]);
}

/* One look of each line that has one; false: none had. */
static bool hear(rta_engine *e, const table *t) {
    uint32_t count = 0;
    bool any = false;
    for (uint32_t i = 0; i < t->count; i++) {
        if (!rta_line_look(t->lines[i], &e->states[count], &e->windows_of[count])) continue;
        any = true;
        e->batch[count] = t->lines[i];
        if (++count < e->max_batch) continue;
        run_batch(e, count);
        count = 0;
    }
    if (count) run_batch(e, count);
    return any;
}

static void tick(rta_engine *e, const table *t, int64_t tick_ns) {
    /* A paced line takes once in a tick; a device line until its ring is empty, a network line to its bound. */
    for (bool first = true, more = true; more; first = false) {
        more = false;
        for (uint32_t i = 0; i < t->count; i++) {
            rta_line *line = t->lines[i];
            if (first || line->config.kind != RTA_LINE_PACED) more |= rta_line_take(line, first, tick_ns);
        }
        while (hear(e, t)) {}
    }
    for (uint32_t i = 0; i < t->count; i++) rta_line_take_answers(t->lines[i]);
    for (uint32_t i = 0; i < t->count; i++) rta_line_take_told(t->lines[i]);
    for (uint32_t i = 0; i < t->count; i++) rta_line_put_out(t->lines[i], tick_ns);
    rta_count(&e->ticks, 1);
}

static void signal_news(rta_engine *e, const table *t) {
    uint64_t marked = 0; /* one bit for each wake-up descriptor */
    for (uint32_t i = 0; i < t->count; i++) {
        rta_line *line = t->lines[i];
        if (line->wake >= RTA_ENGINE_WAKES) continue;
        const uint64_t news = rta_port_news(line->port);
        if (news != line->news) marked |= (uint64_t)1 << line->wake;
        line->news = news;
    }
    for (; marked; marked &= marked - 1) {
        rta_wake_signal(e->wake_fds[__builtin_ctzll(marked)]);
        rta_count(&e->wakes, 1);
    }
}

static rta_status step(rta_engine *e, int64_t now_ns) {
    uint64_t even = __atomic_load_n(&e->stepping, __ATOMIC_SEQ_CST);
    if ((even & 1) ||
        !__atomic_compare_exchange_n(&e->stepping, &even, even + 1, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        return RTA_BUSY;
    RTA_RT_ENTER();
    const int64_t began_ns = rta_clock_ns();
    rta_status status = RTA_OK;
    const int64_t furthest_ns = (int64_t)RTA_ENGINE_JUMP_S * 1000000000;
    if (e->anchored && (now_ns < e->now_ns || now_ns - e->now_ns > furthest_ns)) {
        status = RTA_INVALID;
    } else {
        const table *t = __atomic_load_n(&e->current, __ATOMIC_SEQ_CST);
        if (!e->anchored) e->next_tick_ns = now_ns + e->config.tick_ns;
        e->anchored = true;
        e->now_ns = now_ns;
        for (; e->next_tick_ns <= now_ns; e->next_tick_ns += e->config.tick_ns) tick(e, t, e->next_tick_ns);
        signal_news(e, t);
        rta_count(&e->steps, 1);
        rta_count(&e->busy_ns, (uint64_t)(rta_clock_ns() - began_ns));
    }
    RTA_RT_LEAVE();
    __atomic_store_n(&e->stepping, even + 2, __ATOMIC_SEQ_CST);
    return status;
}

rta_status rta_engine_step(rta_engine *e, int64_t now_ns) {
    return __atomic_load_n(&e->running, __ATOMIC_SEQ_CST) ? RTA_BUSY : step(e, now_ns);
}

/* ---- The thread */

static void note_lateness(rta_engine *e, int64_t lateness_ns) {
    if (lateness_ns > e->config.tick_ns) rta_count(&e->late_steps, 1);
    if (lateness_ns > (int64_t)e->max_lateness_ns)
        __atomic_store_n(&e->max_lateness_ns, (uint64_t)lateness_ns, __ATOMIC_RELAXED);
}

static void thread_main(void *argument) {
    rta_engine *e = argument;
    __atomic_store_n(&e->thread_id, rta_thread_id(), __ATOMIC_RELAXED);
    step(e, rta_clock_ns());
    while (!__atomic_load_n(&e->stop, __ATOMIC_ACQUIRE)) {
        rta_sleep_until_ns(e->next_tick_ns);
        const int64_t now_ns = rta_clock_ns();
        note_lateness(e, now_ns - e->next_tick_ns);
        /* A long stall is caught up in parts, so that stop and the control side never wait for all of it. */
        const int64_t part_ns = e->next_tick_ns + CATCH_UP_TICKS * e->config.tick_ns;
        step(e, now_ns < part_ns ? now_ns : part_ns);
    }
}

rta_status rta_engine_start(rta_engine *e) {
    if (e->thread) return RTA_BUSY;
    __atomic_store_n(&e->running, 1, __ATOMIC_SEQ_CST); /* no step by hand begins from here on */
    rta_status status = __atomic_load_n(&e->stepping, __ATOMIC_SEQ_CST) & 1 ? RTA_BUSY : RTA_OK;
    if (!status) {
        e->stop = 0;
        e->anchored = false;
        status = rta_thread_start(&e->thread, thread_main, e, "rtaudio-engine", true);
    }
    if (status) __atomic_store_n(&e->running, 0, __ATOMIC_SEQ_CST);
    return status;
}

void rta_engine_stop(rta_engine *e) {
    if (!e->thread) return;
    __atomic_store_n(&e->stop, 1, __ATOMIC_RELEASE);
    rta_thread_join(e->thread);
    e->thread = NULL;
    e->anchored = false;
    __atomic_store_n(&e->thread_id, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&e->running, 0, __ATOMIC_SEQ_CST);
}

void rta_engine_figures_read(const rta_engine *e, rta_engine_figures *figures) {
    *figures = (rta_engine_figures){
        .steps = __atomic_load_n(&e->steps, __ATOMIC_RELAXED),
        .ticks = __atomic_load_n(&e->ticks, __ATOMIC_RELAXED),
        .late_steps = __atomic_load_n(&e->late_steps, __ATOMIC_RELAXED),
        .max_lateness_ns = (int64_t)__atomic_load_n(&e->max_lateness_ns, __ATOMIC_RELAXED),
        .busy_ns = (int64_t)__atomic_load_n(&e->busy_ns, __ATOMIC_RELAXED),
        .windows = __atomic_load_n(&e->windows, __ATOMIC_RELAXED),
        .batches = __atomic_load_n(&e->batches, __ATOMIC_RELAXED),
        .wakes = __atomic_load_n(&e->wakes, __ATOMIC_RELAXED),
        .thread_id = __atomic_load_n(&e->thread_id, __ATOMIC_RELAXED),
    };
}
