/* SPDX-License-Identifier: Apache-2.0
 *
 * Media time is 64 bit, in samples, from an anchor: a timestamp and the media time it stands for. Where timestamps begin anew
 * (another sequence, a jump) there is a new anchor, from a packet on; packets before it keep the old one.
 *
 * `fifo` holds decoded samples that were not put out yet: real ones, in which stretching works, and behind them, within one
 * get(), what fills up the frame. `next_media` is the media time of the sample that follows the last real one.
 */
#include "jitter_play.h"

#include "jitter_payload.h"
#include "jitter_wait.h"
#include "stretch.h"

#include <stdlib.h>
#include <string.h>

#define MS INT64_C(1000000)
#define SLACK (4 * MS)  /* a pitch period: less cannot be taken out */
#define WAIT (10 * MS)  /* a frame */
#define LIVE (400 * MS) /* stretching takes about a second for so much */
#define HASTE (60 * MS) /* beyond it every frame may be shortened */
#define EARLY (1000 * MS) /* sooner than the fastest by so much: its media time means nothing */
#define INTERRUPTION_MS 150
enum { REST_FRAMES = 3 }; /* between two stretches of speech */

typedef struct anchor {
    uint32_t timestamp;
    int64_t media, arrival_ns;
} anchor;

struct rta_play {
    rta_play_config config;
    rta_jitter_window window;
    rta_jitter_payload payload;
    rta_jitter_target target;
    rta_interarrival interarrival;
    rta_jitter_figures figures;
    int64_t now_ns, last_put_ns;
    bool any, anchored;
    anchor here, before; /* before: of packets below anchored_from */
    uint64_t anchored_from, last_seq;
    bool playing, announced;
    int64_t next_media;
    uint64_t concealed_run;
    int64_t stood; /* samples concealed since media time stands still */
    uint32_t rest; /* frames until speech may be stretched again */
    int16_t *fifo, *scratch;
    uint32_t fill, room; /* samples of each channel */
};

void rta_play_defaults(rta_play_config *c) {
    memset(c, 0, sizeof *c);
    rta_jitter_defaults(&c->jitter);
    c->rule = RTA_TARGET_OURS;
    c->late = 0.01f;
    c->least_ns = 0;
    c->most_ns = 1000 * MS;
    c->start_ns = 40 * MS;
}

rta_status rta_play_check(const rta_play_config *c, const char **why) {
    const rta_status status = rta_jitter_check(&c->jitter, why);
    if (status != RTA_OK) return status;
    const char *wrong = NULL;
    if (c->rule > RTA_TARGET_NETEQ) wrong = "unknown rule";
    else if (!(c->late > 0.0f && c->late < 0.5f)) wrong = "late must be more than 0 and less than 0.5";
    else if (c->least_ns < 0 || c->least_ns > c->most_ns || c->most_ns > 10000 * MS || c->start_ns < 0)
        wrong = "target delays must satisfy 0 <= least <= most <= 10 s, 0 <= start";
    if (why) *why = wrong;
    return wrong ? RTA_INVALID : RTA_OK;
}

static inline uint32_t frame_samples(const rta_play *j) { return j->config.jitter.rate / 100; }

rta_status rta_play_create(rta_play **out, const rta_play_config *config) {
    rta_status status = rta_play_check(config, NULL);
    if (status) return status;
    rta_play *j = rta_zeroed(sizeof *j);
    if (j == NULL) return RTA_NOMEM;
    const rta_jitter_config *c = &config->jitter;
    j->config = *config;
    j->now_ns = -RTA_JITTER_TIME_MOST;
    j->room = c->packet_most + rta_stretch_needs(c->rate) + c->rate / 20;
    j->fifo = rta_zeroed((size_t)j->room * c->channels * sizeof *j->fifo);
    j->scratch = rta_zeroed((size_t)c->packet_most * c->channels * sizeof *j->scratch);
    rta_jitter_target_init(&j->target, config->rule, config->late, config->least_ns, config->most_ns, config->start_ns);
    status = rta_jitter_payload_init(&j->payload, &j->config.jitter);
    if (status == RTA_OK) status = rta_jitter_window_init(&j->window, c->capacity, j->payload.slot_bytes);
    if (status == RTA_OK && (j->fifo == NULL || j->scratch == NULL)) status = RTA_NOMEM;
    if (status != RTA_OK) {
        rta_play_destroy(j);
        return status;
    }
    *out = j;
    return RTA_OK;
}

void rta_play_destroy(rta_play *j) {
    if (j == NULL) return;
    rta_jitter_window_free(&j->window);
    rta_jitter_payload_free(&j->payload);
    free(j->fifo);
    free(j->scratch);
    free(j);
}

static inline int64_t ns_of(const rta_play *j, int64_t samples) {
    const int64_t rate = j->config.jitter.rate;
    return samples / rate * 1000000000 + samples % rate * 1000000000 / rate;
}

static inline int64_t samples_in(const rta_play *j, int64_t ns) {
    return ns / 1000000000 * j->config.jitter.rate + ns % 1000000000 * j->config.jitter.rate / 1000000000;
}

static int64_t media_of(const rta_play *j, const rta_jitter_slot *slot) {
    const anchor *a = slot->seq >= j->anchored_from ? &j->here : &j->before;
    return a->media + (int32_t)(slot->timestamp - a->timestamp);
}

/* ---- in */

static bool is_timed(const rta_play *j, uint8_t payload_type, uint32_t bytes) {
    return bytes > 0 || j->config.jitter.codecs[payload_type] == RTA_CODEC_CN;
}

/* Where media time stands by this packet. */
static void locate(rta_play *j, const rta_jitter_packet *p, rta_jitter_taken taken, uint64_t seq) {
    const int64_t passed_ns = p->arrival_ns - j->here.arrival_ns;
    const int64_t step = (int32_t)(p->timestamp - j->here.timestamp);
    const int64_t jump_ns = RTA_JITTER_JUMP_S * 1000 * MS;
    int64_t media = j->here.media + step;
    const bool jump = ns_of(j, step) > (passed_ns > 0 ? passed_ns : 0) + jump_ns || ns_of(j, step) < -jump_ns;
    if (!j->anchored || taken == RTA_JITTER_RESTARTED || jump) {
        if (jump && taken != RTA_JITTER_RESTARTED && j->anchored) j->figures.timestamp_jumps++;
        /* An hour at most: what lies between is not known anyway, and sums stay small. */
        const int64_t passed = passed_ns < 0 ? 0 : passed_ns > 3600000 * MS ? 3600000 * MS : passed_ns;
        media = j->anchored ? j->here.media + samples_in(j, passed) : 0;
        j->before = j->here;
        j->anchored_from = taken == RTA_JITTER_RESTARTED ? j->window.begin - RTA_JITTER_NEAR : seq;
        if (!j->anchored) j->anchored_from = 0;
        j->anchored = true;
        rta_jitter_target_rebase(&j->target);
    } else if (step < 0) {
        rta_jitter_target_take(&j->target, p->arrival_ns, ns_of(j, media), true);
        return;
    }
    j->here = (anchor){p->timestamp, media, p->arrival_ns};
    rta_jitter_target_take(&j->target, p->arrival_ns, ns_of(j, media), false);
}

rta_jitter_refused rta_play_put(rta_play *j, const rta_jitter_packet *packet, rta_jitter_taken *taken) {
    RTA_RT_ENTER();
    rta_jitter_packet p = *packet;
    p.payload_type &= 127;
    p.arrival_ns = rta_jitter_bounded_ns(p.arrival_ns);
    const rta_jitter_refused refused = rta_jitter_look(&j->payload, &p);
    if (refused == RTA_JITTER_FINE) {
        uint64_t seq = 0;
        p.timestamp = rta_jitter_in_samples(&j->payload, p.timestamp);
        *taken = rta_jitter_window_put(&j->window, &p, &seq);
        rta_jitter_took(&j->payload, &p, *taken);
        const bool counts = *taken == RTA_JITTER_TAKEN || *taken == RTA_JITTER_LATE || *taken == RTA_JITTER_RESTARTED;
        if (counts && is_timed(j, p.payload_type, p.bytes)) {
            locate(j, &p, *taken, seq);
            rta_interarrival_take(&j->interarrival, p.timestamp, p.arrival_ns, j->config.jitter.rate);
        }
        if (!j->any || p.arrival_ns > j->last_put_ns) j->last_put_ns = p.arrival_ns;
        j->any = true;
    } else {
        j->window.count.refused++;
    }
    RTA_RT_LEAVE();
    return refused;
}

/* ---- out */

/* The delay of a sample of this media time that is put out `ahead` samples from now. */
static int64_t delay_ns(const rta_play *j, int64_t media, uint32_t ahead) {
    return j->now_ns - rta_jitter_target_base_ns(&j->target) - ns_of(j, media - ahead);
}

static inline int16_t *end_of_fifo(const rta_play *j) { return j->fifo + (size_t)j->fill * j->config.jitter.channels; }

static void end_of_concealment(rta_play *j) {
    if (j->concealed_run * 1000 >= (uint64_t)j->config.jitter.rate * INTERRUPTION_MS) {
        j->figures.interruptions++;
        j->figures.interruption_samples += j->concealed_run;
    }
    j->concealed_run = 0;
}

static void concealed(rta_play *j, uint32_t samples, uint32_t silent) {
    j->figures.silent_concealed_samples += silent;
    j->figures.concealment_events += j->concealed_run == 0;
    j->figures.concealed_samples += samples;
    j->concealed_run += samples;
    j->fill += samples;
}

static void conceal(rta_play *j, uint32_t samples) {
    concealed(j, samples, rta_jitter_conceal(&j->payload, end_of_fifo(j), samples));
}

static void noise(rta_play *j, uint32_t samples) {
    end_of_concealment(j);
    rta_jitter_silence(&j->payload, j->announced, end_of_fifo(j), samples);
    j->figures.silence_samples += samples;
    j->fill += samples;
}

/* The last `left` of the samples in `scratch`, sound of a packet, into the fifo. */
static void emit(rta_play *j, const rta_jitter_slot *slot, uint32_t samples, uint32_t left) {
    const rta_jitter_config *c = &j->config.jitter;
    end_of_concealment(j);
    memcpy(end_of_fifo(j), j->scratch + (size_t)(samples - left) * c->channels,
           (size_t)left * c->channels * sizeof *j->fifo);
    rta_jitter_real(&j->payload, end_of_fifo(j), left);
    int64_t waited_ns = j->now_ns - slot->arrival_ns;
    waited_ns = waited_ns < 0 ? 0 : waited_ns > 3600000 * MS ? 3600000 * MS : waited_ns;
    j->figures.emitted_count += left;
    j->figures.delay_sample_us += (uint64_t)waited_ns / 1000 * left;
    j->figures.target_sample_us += (uint64_t)j->target.target_ns / 1000 * left;
    j->fill += left;
}

/* The packet in front, from `next_media` on, into the fifo. */
static void decode_front(rta_play *j, rta_jitter_slot *slot, int64_t media) {
    const rta_jitter_config *c = &j->config.jitter;
    const uint32_t samples = rta_jitter_samples(&j->payload, slot), left = samples - (uint32_t)(j->next_media - media);
    j->stood = 0;
    if (rta_jitter_decode(&j->payload, slot, j->scratch)) {
        emit(j, slot, samples, left);
    } else {
        memcpy(end_of_fifo(j), j->scratch + (size_t)(samples - left) * c->channels,
               (size_t)left * c->channels * sizeof *j->fifo);
        concealed(j, left, 0);
    }
    j->announced = rta_jitter_announces(&j->payload, slot);
    j->next_media = media + samples;
    j->last_seq = slot->seq;
    rta_jitter_window_pop(&j->window, true);
}

/* The last `missing` samples before the packet behind a gap, out of what it carries of them. */
static void recover(rta_play *j, const rta_jitter_slot *behind, uint32_t carried, uint32_t missing) {
    rta_jitter_recover(&j->payload, behind, j->scratch);
    emit(j, behind, carried, missing);
    j->next_media += missing;
    j->stood = 0;
    rta_jitter_window_skip_to(&j->window, behind->seq);
}

/* Decodes ahead, as long as packets go on without a break, until there are `samples`. */
static bool decode_ahead(rta_play *j, uint32_t samples) {
    while (j->fill < samples) {
        rta_jitter_slot *slot = rta_jitter_window_front(&j->window);
        if (slot == NULL || (slot->seq >= j->anchored_from) != (j->last_seq >= j->anchored_from)) return false;
        const int64_t media = media_of(j, slot), length = rta_jitter_samples(&j->payload, slot);
        if (length == 0 || media > j->next_media || media + length <= j->next_media) return false;
        if (j->fill + length > j->room) return false;
        decode_front(j, slot, media);
    }
    return true;
}

static void stretch(rta_play *j) {
    const rta_jitter_config *c = &j->config.jitter;
    const int64_t excess_ns = delay_ns(j, j->next_media, j->fill) - j->target.target_ns;
    if (j->rest > 0) j->rest--;
    const int64_t slack = SLACK + j->target.target_ns / 12;
    if (excess_ns < slack && excess_ns > -SLACK) return;
    if (j->rest > 0 && excess_ns < HASTE) return;
    if (j->concealed_run > 0 || !decode_ahead(j, rta_stretch_needs(c->rate))) return;
    int64_t most = samples_in(j, excess_ns < 0 ? -excess_ns : excess_ns);
    most = most < c->rate ? most : c->rate;
    rta_stretched done;
    if (excess_ns > 0) {
        done = rta_stretch_shorten(j->fifo, j->fill, c->channels, c->rate, (uint32_t)most);
        j->fill -= done.lag;
        j->figures.removed_samples += done.lag;
    } else {
        if (j->fill + c->rate * 15 / 1000 > j->room) return;
        done = rta_stretch_lengthen(j->fifo, j->fill, c->channels, c->rate, (uint32_t)most);
        j->fill += done.lag;
        j->figures.inserted_samples += done.lag;
    }
    if (done.lag > 0 && !done.quiet) j->rest = REST_FRAMES;
}

/* Discards what is too old to be caught up with by stretching; whether there was anything. */
static bool discard_old(rta_play *j) {
    bool any = false;
    for (rta_jitter_slot *slot; (slot = rta_jitter_window_front(&j->window)) != NULL; any = true) {
        if (slot->seq >= j->window.highest) break; /* the newest is never too old */
        const int64_t length = rta_jitter_samples(&j->payload, slot);
        if (length > 0) {
            const int64_t media = media_of(j, slot);
            if (delay_ns(j, media, j->fill) <= j->target.target_ns + SLACK) break;
            j->next_media = media + length;
        }
        j->last_seq = slot->seq;
        rta_jitter_window_pop(&j->window, false);
    }
    return any;
}

/* One step towards a whole frame: something is put into the fifo, or the front moves. */
static void step(rta_play *j, uint32_t wanted) {
    rta_jitter_window *w = &j->window;
    const uint32_t open = wanted - j->fill;
    rta_jitter_slot *slot = rta_jitter_window_front(w);
    if (slot != NULL) {
        const int64_t length = rta_jitter_samples(&j->payload, slot), media = media_of(j, slot);
        const bool announces = rta_jitter_announces(&j->payload, slot);
        if (length > 0 || announces) {
            if (slot->seq >= j->anchored_from && j->last_seq < j->anchored_from) { /* a new beginning */
                j->next_media = media;
                rta_jitter_payload_restart(&j->payload);
            }
            j->last_seq = slot->seq;
        }
        if (length == 0) {
            if (announces) rta_jitter_told_noise(&j->payload, slot);
            j->announced |= announces;
            rta_jitter_window_pop(w, true);
        } else if (media + length <= j->next_media) rta_jitter_window_pop(w, false);
        else if (media > j->next_media) {
            const int64_t delay = delay_ns(j, media, j->fill);
            if (delay >= j->target.target_ns || delay < -EARLY) j->next_media = media;
            else {
                const int64_t ahead = media - j->next_media;
                const uint32_t samples = ahead < open ? (uint32_t)ahead : open;
                noise(j, samples);
                j->next_media += samples;
            }
        } else {
            const bool old = delay_ns(j, j->next_media, j->fill) > j->target.target_ns + LIVE;
            if (!(old && j->concealed_run > 0 && discard_old(j))) decode_front(j, slot, media);
        }
        return;
    }
    if (j->announced) {
        noise(j, open);
        j->next_media += open;
        return;
    }
    const rta_jitter_slot *behind = rta_jitter_window_behind_gap(w);
    if (behind == NULL) {
        conceal(j, open);
        j->stood += open;
        return;
    }
    const int64_t missing = media_of(j, behind) - j->next_media;
    const bool over = rta_jitter_window_restarts_at(w, behind->seq) || missing <= 0 ||
                      (behind->seq >= j->anchored_from && j->last_seq < j->anchored_from) ||
                      rta_jitter_samples(&j->payload, behind) == 0;
    if (over) {
        rta_jitter_window_skip_to(w, behind->seq);
        return;
    }
    if (j->stood > 0) { /* what was concealed while nothing came stands for what will never come */
        j->next_media += j->stood < missing ? j->stood : missing;
        j->stood = 0;
        return;
    }
    const uint32_t carried = rta_jitter_fec_samples(&j->payload, behind);
    if (carried > 0 && missing <= carried) {
        recover(j, behind, carried, (uint32_t)missing);
        return;
    }
    const int64_t lost = missing - carried;
    const bool early = delay_ns(j, j->next_media, j->fill) < j->target.target_ns - WAIT;
    const uint32_t samples = lost < open && !early ? (uint32_t)lost : open;
    conceal(j, samples);
    if (!early) j->next_media += samples;
}

/* Before the first packet, or after a link was lost: whether to begin. */
static bool begins(rta_play *j) {
    rta_jitter_slot *slot = rta_jitter_window_front(&j->window);
    if (slot == NULL) slot = rta_jitter_window_behind_gap(&j->window);
    if (slot == NULL || !j->anchored) return false;
    if (delay_ns(j, media_of(j, slot), 0) < j->target.target_ns) return false;
    if (rta_jitter_window_front(&j->window) == NULL) rta_jitter_window_skip_to(&j->window, slot->seq);
    j->next_media = media_of(j, slot);
    j->last_seq = slot->seq;
    j->playing = true;
    return true;
}

void rta_play_get(rta_play *j, int64_t now_ns, rta_jitter_frame *frame, int16_t *out) {
    RTA_RT_ENTER();
    const rta_jitter_config *c = &j->config.jitter;
    const uint32_t wanted = frame_samples(j);
    now_ns = rta_jitter_bounded_ns(now_ns);
    if (now_ns > j->now_ns) j->now_ns = now_ns;
    const uint64_t concealed_before = j->figures.concealed_samples, silence_before = j->figures.silence_samples;
    if (j->playing && !rta_jitter_window_ordered(&j->window) &&
        j->now_ns - j->last_put_ns >= c->link_lost_ns * (j->announced ? RTA_JITTER_QUIET : 1)) {
        j->playing = j->announced = false;
        j->figures.link_losses++;
        end_of_concealment(j);
    }
    if (j->playing || begins(j)) {
        stretch(j);
        int64_t first = j->next_media - j->fill;
        while (j->fill < wanted) {
            const bool empty = j->fill == 0;
            step(j, wanted);
            if (empty && j->fill > 0) first = j->next_media - j->fill;
        }
        frame->timestamp = rta_jitter_in_ticks(&j->payload, j->here.timestamp + (uint32_t)(first - j->here.media));
    } else {
        if (j->fill < wanted) noise(j, wanted - j->fill);
        frame->timestamp = 0;
    }
    frame->kind = j->figures.concealed_samples != concealed_before ? RTA_JITTER_CONCEALED
                  : j->figures.silence_samples != silence_before   ? RTA_JITTER_SILENCE
                                                                   : RTA_JITTER_AUDIO;
    frame->samples = wanted;
    frame->position = j->figures.total_samples;
    frame->arrival_ns = 0;
    frame->seq = 0;
    j->figures.total_samples += wanted;
    const size_t count = (size_t)wanted * c->channels;
    memcpy(out, j->fifo, count * sizeof *out);
    j->fill -= wanted;
    memmove(j->fifo, j->fifo + count, (size_t)j->fill * c->channels * sizeof *out);
    RTA_RT_LEAVE();
}

void rta_play_read_figures(const rta_play *j, rta_jitter_figures *figures) {
    *figures = j->figures;
    rta_jitter_payload_figures(&j->payload, figures);
    figures->packets = j->window.count;
    figures->jitter_ns = j->interarrival.jitter_ns;
    figures->target_ns = j->target.target_ns;
    figures->buffered_samples = j->fill;
}
