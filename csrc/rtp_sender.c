/* SPDX-License-Identifier: Apache-2.0
 *
 * `frame` holds samples at the codec's rate that are not encoded yet: less than a frame before a block of at most 10 ms is
 * resampled into it, so a frame and what a block gives are all it has to hold.
 */
#include "rtp_sender.h"

#include "dsp.h"
#include "resample.h"

#include <stdlib.h>
#include <string.h>

struct rta_rtp_sender {
    rta_rtp_sender_config config;
    rta_resampler *resampler;
    rta_encoder *encoder;
    uint32_t block; /* input samples resampled at once, at most */
    uint32_t ticks; /* of the RTP clock in a frame */
    float *resampled;
    int16_t *frame;
    uint64_t fill;
    bool cut;   /* the encoder is reset before the next frame */
    bool quiet; /* the last frame gave no packet, or one that announced silence; at first */
    uint16_t seq;
    uint32_t timestamp;
    uint8_t *payload, *packet;
    uint32_t payload_room;
    rta_rtp_sender_figures figures;
};

rta_status rta_rtp_sender_check(const rta_rtp_sender_config *c, const char **why) {
    const char *wrong = NULL;
    const rta_status status = rta_encoder_check(&c->encoder, why);
    if (status != RTA_OK) return status;
    if (c->encoder.channels != 1) wrong = "an agent's voice has one channel";
    else if (c->payload_type > 127) wrong = "the payload type must be 0 .. 127";
    else {
        rta_resampler *resampler = NULL;
        if (rta_resampler_create(&resampler, c->input_rate, c->encoder.rate) == RTA_INVALID)
            wrong = "there is no resampler between these rates";
        rta_resampler_destroy(resampler);
    }
    if (why) *why = wrong;
    return wrong ? RTA_INVALID : RTA_OK;
}

rta_status rta_rtp_sender_create(rta_rtp_sender **out, const rta_rtp_sender_config *config) {
    rta_status status = rta_rtp_sender_check(config, NULL);
    if (status != RTA_OK) return status;
    rta_rtp_sender *s = rta_zeroed(sizeof *s);
    if (s == NULL) return RTA_NOMEM;
    s->config = *config;
    s->block = config->input_rate / 100;
    s->ticks = config->encoder.frame_samples *
               (rta_codec_clock(config->encoder.codec, config->encoder.rate) / config->encoder.rate);
    s->seq = config->seq;
    s->timestamp = config->timestamp;
    s->quiet = true;
    status = rta_resampler_create(&s->resampler, config->input_rate, config->encoder.rate);
    if (status == RTA_OK) status = rta_encoder_create(&s->encoder, &config->encoder);
    if (status == RTA_OK) {
        const uint64_t most = rta_resampler_max_out(s->resampler, s->block);
        s->payload_room = rta_encoder_bytes_most(s->encoder);
        s->resampled = rta_zeroed(most * sizeof *s->resampled);
        s->frame = rta_zeroed((config->encoder.frame_samples + most) * sizeof *s->frame);
        s->payload = rta_zeroed(s->payload_room);
        s->packet = rta_zeroed(s->payload_room + RTA_RTP_HEADER_BYTES);
        if (!s->resampled || !s->frame || !s->payload || !s->packet) status = RTA_NOMEM;
    }
    if (status != RTA_OK) {
        rta_rtp_sender_destroy(s);
        return status;
    }
    *out = s;
    return RTA_OK;
}

void rta_rtp_sender_destroy(rta_rtp_sender *s) {
    if (s == NULL) return;
    rta_resampler_destroy(s->resampler);
    rta_encoder_destroy(s->encoder);
    free(s->resampled);
    free(s->frame);
    free(s->payload);
    free(s->packet);
    free(s);
}

/* The frame in front: whether there is a packet of it. */
static bool send_frame(rta_rtp_sender *s, size_t *bytes) {
    const uint32_t samples = s->config.encoder.frame_samples;
    uint32_t payload_bytes = 0;
    if (s->cut) rta_encoder_reset(s->encoder);
    s->cut = false;
    rta_encode(s->encoder, s->frame, s->payload, s->payload_room, &payload_bytes);
    s->fill -= samples;
    memmove(s->frame, s->frame + samples, s->fill * sizeof *s->frame);
    const uint32_t timestamp = s->timestamp;
    s->timestamp += s->ticks;
    s->figures.frames++;
    const bool announces = s->config.encoder.dtx && payload_bytes <= 2;
    const rta_rtp_packet packet = {.payload_type = s->config.payload_type,
                                   .marker = s->quiet && !announces,
                                   .seq = s->seq,
                                   .timestamp = timestamp,
                                   .ssrc = s->config.ssrc,
                                   .payload_bytes = payload_bytes,
                                   .payload = s->payload};
    s->quiet = announces;
    if (payload_bytes == 0 ||
        rta_rtp_build(&packet, s->packet, s->payload_room + RTA_RTP_HEADER_BYTES, bytes) != RTA_OK) {
        s->figures.silent_frames++;
        return false;
    }
    s->seq++;
    s->figures.packets++;
    s->figures.payload_bytes += payload_bytes;
    return true;
}

rta_status rta_rtp_sender_take(rta_rtp_sender *s, const float *samples, uint64_t count, uint64_t *used,
                               const uint8_t **packet, size_t *bytes) {
    RTA_RT_ENTER();
    *used = 0;
    *packet = s->packet;
    *bytes = 0;
    rta_status status = RTA_EMPTY;
    for (;;) {
        if (s->fill >= s->config.encoder.frame_samples) {
            if (send_frame(s, bytes)) {
                status = RTA_OK;
                break;
            }
            continue;
        }
        const uint64_t block = count - *used < s->block ? count - *used : s->block;
        if (block == 0) break;
        uint64_t got = 0;
        rta_resampler_process(s->resampler, samples + *used, block, s->resampled, &got);
        rta_i16_from_f32(s->resampled, s->frame + s->fill, got);
        s->fill += got;
        s->figures.samples += block;
        *used += block;
    }
    RTA_RT_LEAVE();
    return status;
}

void rta_rtp_sender_cut(rta_rtp_sender *s) {
    s->cut = true;
    s->figures.cuts++;
}

size_t rta_rtp_sender_bytes_most(const rta_rtp_sender *s) { return s->payload_room + RTA_RTP_HEADER_BYTES; }

uint32_t rta_rtp_sender_delay_samples(const rta_rtp_sender *s) {
    return rta_resampler_delay(s->resampler) + rta_encoder_delay_samples(s->encoder);
}

void rta_rtp_sender_read_figures(const rta_rtp_sender *s, rta_rtp_sender_figures *figures) { *figures = s->figures; }
