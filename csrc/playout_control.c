/* SPDX-License-Identifier: Apache-2.0
 *
 * The playout's controls: one atomic read-modify-write each, from any thread of the side that owns the words.
 */
#include "playout_shared.h"

uint64_t rta_playout_flush(rta_playout_controls *own) {
    RTA_RT_ENTER();
    uint64_t count = __atomic_add_fetch(&own->flush, 1, __ATOMIC_SEQ_CST);
    RTA_RT_LEAVE();
    return count;
}

static void set_pause(rta_playout_controls *own, uint64_t low_bits) {
    uint64_t seen = RTA_LOAD(own->pause), next;
    do next = ((seen >> 2) + 1) << 2 | low_bits;
    while (!__atomic_compare_exchange_n(&own->pause, &seen, next, true, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
}

void rta_playout_pause(rta_playout_controls *own) { set_pause(own, 1); }

void rta_playout_resume(rta_playout_controls *own, bool rewind_to_word) { set_pause(own, rewind_to_word ? 2 : 0); }

rta_status rta_playout_duck(rta_playout_controls *own, float gain, uint32_t ramp_samples) {
    if (!(gain >= 0.0f && gain <= 1.0f)) return RTA_INVALID;
    RTA_STORE_REL(own->duck, rta_pack_gain(gain, ramp_samples));
    return RTA_OK;
}

rta_status rta_playout_volume(rta_playout_controls *own, float gain, uint32_t ramp_samples) {
    if (!(gain >= 0.0f && gain <= 8.0f)) return RTA_INVALID;
    RTA_STORE_REL(own->volume, rta_pack_gain(gain, ramp_samples));
    return RTA_OK;
}

rta_status rta_playout_config_check(const rta_playout_config *config, const char **why) {
    const char *wrong = NULL;
    if (config->rate < 8000 || config->rate > 192000) wrong = "rate must be 8000..192000 Hz";
    else if (config->queue_samples < 64 || config->queue_samples > (uint64_t)1 << 28)
        wrong = "queue must hold 64 samples to 2^28";
    else if (config->history_samples > (uint64_t)1 << 26) wrong = "history must be at most 2^26 samples";
    else if (config->background_samples > (uint64_t)1 << 28) wrong = "background must be at most 2^28 samples";
    if (why) *why = wrong;
    return wrong ? RTA_INVALID : RTA_OK;
}

size_t rta_playout_session_bytes(const rta_playout_config *config) {
    return rta_playout_config_check(config, NULL) == RTA_OK ? rta_playout_layout_of(config).bytes : 0;
}

size_t rta_playout_engine_bytes(const rta_playout_config *config) {
    return rta_playout_config_check(config, NULL) == RTA_OK ? rta_align64(sizeof(rta_playout_engine)) : 0;
}

bool rta_playout_speaking(const rta_playout_engine *engine, uint64_t *segment) {
    uint64_t id = RTA_LOAD_ACQ(engine->speaking);
    if (segment) *segment = id;
    return id != 0;
}

rta_barge_policy rta_playout_policy(const rta_playout_engine *engine, uint64_t *sentences) {
    const uint64_t policy = RTA_LOAD(engine->policy);
    *sentences = RTA_LOAD(engine->sentences);
    return policy <= RTA_POLICY_OFF ? (rta_barge_policy)policy : RTA_POLICY_IMMEDIATE;
}

bool rta_playout_engine_flush_done(const rta_playout_engine *engine, uint64_t ticket) {
    return RTA_LOAD_ACQ(engine->flush_taken_engine) >= ticket;
}

uint64_t rta_playout_pulls_logged(const rta_playout_engine *engine) { return RTA_LOAD_ACQ(engine->pull_log_count); }

rta_status rta_playout_pull_logged(const rta_playout_engine *engine, uint64_t index, rta_playout_pull_log *log) {
    const uint32_t before = RTA_LOAD_ACQ(engine->seq);
    if (before & 1) return RTA_BUSY;
    const uint64_t logged = RTA_LOAD(engine->pull_log_count);
    rta_words_load(log, &engine->pull_log[index % RTA_PLAYOUT_PULLS], sizeof *log);
    if (!rta_seq_same(&engine->seq, before)) return RTA_BUSY;
    if (index >= logged) return RTA_EMPTY;
    return logged - index > RTA_PLAYOUT_PULLS ? RTA_LOST : RTA_OK;
}
