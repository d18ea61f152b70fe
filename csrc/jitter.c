/* SPDX-License-Identifier: Apache-2.0
 *
 * What is owed before the packet in front may come out lies in `owed`: concealment, then silence, then what it
 * carries of the packet before it. So get() is a loop of
 * small steps: pay what is owed, in frames of 20 ms; look at the front; let it owe, or give it.
 */
#include "jitter.h"

#include "jitter_payload.h"
#include "jitter_wait.h"

#include <stdlib.h>
#include <string.h>

#define LOST_MOST (UINT64_C(1) << 31) /* samples: beyond any timestamp gap; keeps products in 64 bits */
#define WAITED_MOST INT64_C(3600000000000)
#define INTERRUPTION_MS 150

struct rta_jitter {
    rta_jitter_config config;
    rta_jitter_window window;
    rta_jitter_payload payload;
    rta_jitter_wait wait;
    rta_interarrival interarrival;
    rta_jitter_figures figures;
    int64_t now_ns, last_put_ns;
    bool any, lost, back; /* any: a packet has come; lost: told so; back: to be told */
    /* the media clock against the sender's */
    bool anchored;          /* next_timestamp is known */
    uint32_t next_timestamp;
    uint32_t last_samples;  /* of the last packet with sound */
    int64_t last_arrival_ns; /* of the last packet given */
    uint64_t last_seq;       /* of it */
    /* owed before the front */
    bool settled; /* what the front owes is known */
    uint64_t owed_concealed, owed_silence;
    uint32_t owed_recovered; /* that the front carries of what is before it */
    /* announced silence */
    bool announced;
    int64_t announced_ns;
    uint64_t announced_samples; /* given since */
    uint64_t concealed_run;
};

void rta_jitter_defaults(rta_jitter_config *c) {
    memset(c, 0, sizeof *c);
    c->rate = 8000;
    c->channels = 1;
    c->capacity = 256;
    c->packet_most = 480;
    c->conceal_most = 8000;
    c->wait_least_ns = 60 * INT64_C(1000000);
    c->wait_most_ns = 120 * INT64_C(1000000);
    c->link_lost_ns = 5 * INT64_C(1000000000);
    memset(c->codecs, RTA_CODEC_PCMU, sizeof c->codecs);
    c->codecs[13] = RTA_CODEC_CN;
}

rta_status rta_jitter_check(const rta_jitter_config *c, const char **why) {
    const char *wrong = NULL;
    if (c->rate < 8000 || c->rate > 48000) wrong = "rate must be 8000 .. 48000";
    else if (c->channels < 1 || c->channels > RTA_JITTER_CHANNELS) wrong = "channels must be 1 or 2";
    else if (c->capacity < 2 * RTA_JITTER_NEAR || c->capacity > RTA_JITTER_BACK / 2 ||
             (c->capacity & (c->capacity - 1)) != 0)
        wrong = "capacity must be a power of two, 32 .. 2048 packets";
    else if (c->packet_most < 1 || c->packet_most > c->rate) wrong = "a packet must be at most 1 s";
    else if (c->conceal_most > 10ull * c->rate) wrong = "a gap may be concealed for at most 10 s";
    else if (c->wait_least_ns < 0 || c->wait_least_ns > c->wait_most_ns || c->wait_most_ns > 10 * INT64_C(1000000000))
        wrong = "waits must satisfy 0 <= least <= most <= 10 s";
    else if (c->link_lost_ns < 1 || c->link_lost_ns > 86400 * INT64_C(1000000000))
        wrong = "link_lost must be more than 0 and at most a day";
    bool opus = false, others = false;
    for (uint32_t i = 0; i < 128 && wrong == NULL; i++) {
        if (c->codecs[i] >= RTA_CODECS) wrong = "unknown codec";
        opus |= c->codecs[i] == RTA_CODEC_OPUS;
        others |= rta_codec_has_sound(c->codecs[i]) && c->codecs[i] != RTA_CODEC_OPUS;
    }
    if (wrong == NULL && opus) rta_decoder_check(RTA_CODEC_OPUS, c->rate, c->channels, &wrong);
    if (wrong == NULL && rta_jitter_clock(c) % c->rate != 0) wrong = "the clock must be a multiple of the rate";
    if (wrong == NULL && opus) {
        if (wrong == NULL && rta_jitter_clock(c) != 48000) wrong = "the clock of Opus is 48000";
        if (wrong == NULL && others && c->rate != 48000) wrong = "beside Opus other codecs must have a rate of 48000";
    }
    if (why) *why = wrong;
    return wrong ? RTA_INVALID : RTA_OK;
}

rta_status rta_jitter_create(rta_jitter **out, const rta_jitter_config *config) {
    rta_status status = rta_jitter_check(config, NULL);
    if (status) return status;
    rta_jitter *j = rta_zeroed(sizeof *j);
    if (j == NULL) return RTA_NOMEM;
    j->config = *config;
    j->wait.least_ns = config->wait_least_ns;
    j->wait.most_ns = config->wait_most_ns;
    j->now_ns = -RTA_JITTER_TIME_MOST;
    status = rta_jitter_payload_init(&j->payload, &j->config);
    if (status == RTA_OK) status = rta_jitter_window_init(&j->window, config->capacity, j->payload.slot_bytes);
    if (status != RTA_OK) {
        rta_jitter_destroy(j);
        return status;
    }
    *out = j;
    return RTA_OK;
}

void rta_jitter_destroy(rta_jitter *j) {
    if (j == NULL) return;
    rta_jitter_window_free(&j->window);
    rta_jitter_payload_free(&j->payload);
    free(j);
}

static inline uint32_t chunk(const rta_jitter *j) { return j->config.rate / 50; }

uint32_t rta_jitter_frame_most(const rta_jitter *j) {
    return j->config.packet_most > chunk(j) ? j->config.packet_most : chunk(j);
}

/* ---- in */

rta_jitter_refused rta_jitter_put(rta_jitter *j, const rta_jitter_packet *packet, rta_jitter_taken *taken) {
    RTA_RT_ENTER();
    rta_jitter_packet p = *packet;
    p.payload_type &= 127;
    p.arrival_ns = rta_jitter_bounded_ns(p.arrival_ns);
    const rta_jitter_refused refused = rta_jitter_look(&j->payload, &p);
    if (refused == RTA_JITTER_FINE) {
        rta_jitter_window *w = &j->window;
        const uint64_t front_before = w->front;
        uint64_t seq = 0;
        p.timestamp = rta_jitter_in_samples(&j->payload, p.timestamp);
        *taken = rta_jitter_window_put(w, &p, &seq);
        rta_jitter_took(&j->payload, &p, *taken);
        const int64_t overtaken_ns = rta_jitter_window_overtaken_ns(w, seq);
        if ((*taken == RTA_JITTER_TAKEN || *taken == RTA_JITTER_LATE) && overtaken_ns != INT64_MAX)
            rta_jitter_wait_learn(&j->wait, p.arrival_ns - overtaken_ns);
        if (*taken == RTA_JITTER_TAKEN)
            rta_interarrival_take(&j->interarrival, p.timestamp, p.arrival_ns, j->config.rate);
        if (*taken == RTA_JITTER_RESTARTED) j->interarrival.known = false;
        if (w->front != front_before) j->settled = false; /* what was in front gave way */
        if (j->lost) j->back = true;
        if (!j->any || p.arrival_ns > j->last_put_ns) j->last_put_ns = p.arrival_ns;
        j->any = true;
    } else {
        j->window.count.refused++;
    }
    RTA_RT_LEAVE();
    return refused;
}

/* ---- out */

static void told(rta_jitter *j, rta_jitter_frame *frame, rta_jitter_kind kind, uint32_t samples) {
    memset(frame, 0, sizeof *frame);
    frame->kind = kind;
    frame->samples = samples;
    frame->position = j->figures.total_samples;
    j->figures.total_samples += samples;
}

static void end_of_concealment(rta_jitter *j) {
    if (j->concealed_run * 1000 >= (uint64_t)j->config.rate * INTERRUPTION_MS) {
        j->figures.interruptions++;
        j->figures.interruption_samples += j->concealed_run;
    }
    j->concealed_run = 0;
}

static void concealed(rta_jitter *j, uint32_t samples, uint32_t silent) {
    j->figures.concealment_events += j->concealed_run == 0;
    j->concealed_run += samples;
    j->figures.concealed_samples += samples;
    j->figures.silent_concealed_samples += silent;
}

static void give_concealed(rta_jitter *j, rta_jitter_frame *frame, int16_t *out) {
    const uint32_t samples = j->owed_concealed < chunk(j) ? (uint32_t)j->owed_concealed : chunk(j);
    told(j, frame, RTA_JITTER_CONCEALED, samples);
    j->owed_concealed -= samples;
    j->next_timestamp += samples;
    concealed(j, samples, rta_jitter_conceal(&j->payload, out, samples));
}

static void give_silence(rta_jitter *j, rta_jitter_frame *frame, int16_t *out, uint32_t samples) {
    end_of_concealment(j);
    told(j, frame, RTA_JITTER_SILENCE, samples);
    j->figures.silence_samples += samples;
    rta_jitter_silence(&j->payload, j->announced, out, samples);
}

/* What lies between the last sample given and the packet in front. */
static void settle(rta_jitter *j, const rta_jitter_slot *slot) {
    j->settled = true;
    j->owed_concealed = j->owed_silence = j->owed_recovered = 0;
    if (!j->anchored) return;
    const uint64_t rate = j->config.rate;
    const int64_t gap = (int32_t)(slot->timestamp - j->next_timestamp);
    uint64_t lost = (slot->seq - j->last_seq - 1) * j->last_samples;
    lost = lost < LOST_MOST ? lost : LOST_MOST;
    int64_t passed_ns = slot->arrival_ns - j->last_arrival_ns;
    passed_ns = passed_ns < 0 ? 0 : passed_ns;
    const bool jump =
        gap > 0 && gap * INT64_C(1000000000) / (int64_t)rate >
                       passed_ns + RTA_JITTER_JUMP_S * INT64_C(1000000000) + (int64_t)lost * 1000000000 / (int64_t)rate;
    if (gap < 0 && j->announced && (uint64_t)-gap <= j->announced_samples) return; /* it ran ahead of the sender */
    uint64_t concealed = lost;
    if (jump || gap < 0) j->figures.timestamp_jumps++;
    else {
        concealed = lost < (uint64_t)gap ? lost : (uint64_t)gap;
        const uint64_t silent = (uint64_t)gap - concealed, most = RTA_JITTER_SILENT_S * rate;
        j->owed_silence = silent < most ? silent : most;
        j->figures.skipped_samples += silent - j->owed_silence;
    }
    j->owed_concealed = concealed < j->config.conceal_most ? concealed : j->config.conceal_most;
    j->figures.skipped_samples += concealed - j->owed_concealed;
    const uint32_t carried = lost > 0 ? rta_jitter_fec_samples(&j->payload, slot) : 0;
    if (carried > j->owed_concealed) return;
    j->owed_concealed -= carried;
    j->owed_recovered = carried;
}

static int64_t waited_us(const rta_jitter *j, const rta_jitter_slot *slot) {
    const int64_t waited_ns = j->now_ns > slot->arrival_ns ? j->now_ns - slot->arrival_ns : 0;
    return (waited_ns < WAITED_MOST ? waited_ns : WAITED_MOST) / 1000;
}

/* Sound of a packet: its own, or of the one before it. */
static void give_audio(rta_jitter *j, const rta_jitter_slot *slot, uint32_t timestamp, uint32_t samples,
                       rta_jitter_frame *frame) {
    end_of_concealment(j);
    told(j, frame, RTA_JITTER_AUDIO, samples);
    frame->arrival_ns = slot->arrival_ns;
    frame->seq = slot->packet_seq;
    frame->timestamp = rta_jitter_in_ticks(&j->payload, timestamp);
    j->figures.emitted_count += samples;
    j->figures.delay_sample_us += (uint64_t)waited_us(j, slot) * samples;
}

static void give_recovered(rta_jitter *j, const rta_jitter_slot *slot, rta_jitter_frame *frame, int16_t *out) {
    const uint32_t samples = j->owed_recovered;
    j->owed_recovered = 0;
    rta_jitter_recover(&j->payload, slot, out);
    rta_jitter_real(&j->payload, out, samples);
    give_audio(j, slot, slot->timestamp - samples, samples, frame);
    frame->seq--;
    j->next_timestamp += samples;
}

/* The packet in front comes out. False: it has no sound, look again. */
static bool give_front(rta_jitter *j, rta_jitter_slot *slot, rta_jitter_frame *frame, int16_t *out) {
    const uint32_t codec = j->config.codecs[slot->payload_type], samples = rta_jitter_samples(&j->payload, slot);
    if (slot->seq >= j->window.begin && j->last_seq < j->window.begin) rta_jitter_payload_restart(&j->payload);
    j->settled = false;
    j->last_seq = slot->seq;
    j->last_arrival_ns = slot->arrival_ns;
    if (codec == RTA_CODEC_CN) {
        rta_jitter_told_noise(&j->payload, slot);
        j->anchored = true;
        j->next_timestamp = slot->timestamp;
    } else if (samples > 0) {
        j->announced = false;
        j->anchored = true;
        j->next_timestamp = slot->timestamp + samples;
        j->last_samples = samples;
        const bool whole = rta_jitter_decode(&j->payload, slot, out);
        rta_jitter_real(&j->payload, out, samples);
        if (whole) {
            give_audio(j, slot, slot->timestamp, samples, frame);
        } else {
            told(j, frame, RTA_JITTER_CONCEALED, samples);
            concealed(j, samples, 0);
        }
    }
    if (rta_jitter_announces(&j->payload, slot)) {
        j->announced = true;
        j->announced_ns = slot->arrival_ns + (int64_t)samples * 1000000000 / j->config.rate;
        j->announced_samples = 0;
    }
    rta_jitter_window_pop(&j->window, true);
    return samples > 0;
}

/* When the link counts as lost. */
static int64_t lost_at_ns(const rta_jitter *j) {
    return j->last_put_ns + j->config.link_lost_ns * (j->announced ? RTA_JITTER_QUIET : 1);
}

/* The next samples of announced silence, if their time has come. */
static uint32_t silence_due(const rta_jitter *j) {
    if (!j->announced || j->lost || j->now_ns <= j->announced_ns) return 0;
    const int64_t passed_ns = j->now_ns - j->announced_ns;
    if (j->now_ns >= lost_at_ns(j)) return 0;
    const uint64_t due = (uint64_t)passed_ns / 1000 * j->config.rate / 1000000;
    return due >= j->announced_samples + chunk(j) ? chunk(j) : 0;
}

static rta_status next(rta_jitter *j, rta_jitter_frame *frame, int16_t *out) {
    rta_jitter_window *w = &j->window;
    if (j->back) {
        j->back = j->lost = false;
        told(j, frame, RTA_JITTER_LINK_BACK, 0);
        return RTA_OK;
    }
    for (;;) {
        rta_jitter_slot *slot = rta_jitter_window_front(w);
        if (slot != NULL) {
            const uint32_t codec = j->config.codecs[slot->payload_type];
            const bool timed =
                codec == RTA_CODEC_CN || rta_jitter_samples(&j->payload, slot) > 0; /* its timestamp counts */
            if (timed && !j->settled) settle(j, slot);
            if (timed && j->owed_concealed > 0) {
                give_concealed(j, frame, out);
                return RTA_OK;
            }
            if (timed && j->owed_silence > 0) {
                const uint32_t samples = j->owed_silence < chunk(j) ? (uint32_t)j->owed_silence : chunk(j);
                j->owed_silence -= samples;
                j->next_timestamp += samples;
                give_silence(j, frame, out, samples);
                return RTA_OK;
            }
            if (timed && j->owed_recovered > 0) {
                give_recovered(j, slot, frame, out);
                return RTA_OK;
            }
            if (give_front(j, slot, frame, out)) return RTA_OK;
            continue;
        }
        rta_jitter_slot *behind = rta_jitter_window_behind_gap(w);
        if (behind == NULL) break;
        if (rta_jitter_window_restarts_at(w, behind->seq)) {
            j->anchored = false;
        } else {
            if (j->now_ns - behind->arrival_ns < rta_jitter_wait_ns(&j->wait)) break;
            rta_jitter_wait_learn(&j->wait, 0);
        }
        j->settled = false;
        rta_jitter_window_skip_to(w, behind->seq);
    }
    const uint32_t silence = silence_due(j);
    if (silence > 0 && !rta_jitter_window_ordered(w)) {
        j->announced_samples += silence;
        j->next_timestamp += silence;
        give_silence(j, frame, out, silence);
        return RTA_OK;
    }
    if (j->any && !j->lost && j->now_ns >= lost_at_ns(j)) {
        j->lost = true;
        j->announced = false;
        j->figures.link_losses++;
        end_of_concealment(j);
        told(j, frame, RTA_JITTER_LINK_LOST, 0);
        return RTA_OK;
    }
    return RTA_EMPTY;
}

rta_status rta_jitter_get(rta_jitter *j, int64_t now_ns, rta_jitter_frame *frame, int16_t *out) {
    RTA_RT_ENTER();
    now_ns = rta_jitter_bounded_ns(now_ns);
    if (now_ns > j->now_ns) j->now_ns = now_ns;
    const rta_status status = next(j, frame, out);
    RTA_RT_LEAVE();
    return status;
}

int64_t rta_jitter_due_ns(rta_jitter *j) {
    rta_jitter_window *w = &j->window;
    if (!j->any) return INT64_MAX;
    if (j->back || rta_jitter_window_front(w) != NULL) return j->now_ns;
    int64_t due = j->lost ? INT64_MAX : lost_at_ns(j);
    const rta_jitter_slot *behind = rta_jitter_window_behind_gap(w);
    if (behind != NULL) {
        const bool restart = rta_jitter_window_restarts_at(w, behind->seq);
        const int64_t give_up = behind->arrival_ns + (restart ? 0 : rta_jitter_wait_ns(&j->wait));
        due = give_up < due ? give_up : due;
    } else if (j->announced) {
        const uint64_t at = j->announced_samples + chunk(j);
        const int64_t silence =
            j->announced_ns + (int64_t)((at * 1000000 + j->config.rate - 1) / j->config.rate + 1) * 1000;
        due = silence < due ? silence : due;
    }
    return due > j->now_ns ? due : j->now_ns;
}

void rta_jitter_read_figures(const rta_jitter *j, rta_jitter_figures *figures) {
    *figures = j->figures;
    figures->packets = j->window.count;
    rta_jitter_payload_figures(&j->payload, figures);
    figures->wait_ns = rta_jitter_wait_ns(&j->wait);
    figures->jitter_ns = j->interarrival.jitter_ns;
}
