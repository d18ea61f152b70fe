/* SPDX-License-Identifier: Apache-2.0
 *
 * What every codec is asked in the same way, and the codecs without a state. Opus is in codec_opus.c.
 */
#include "codec.h"

#include "codec_opus.h"
#include "g711.h"
#include "noise.h"
#include "opus_library.h"

#include <stdlib.h>
#include <string.h>

static const char *const names[RTA_CODECS] = {"none", "pcm16", "l16", "pcmu", "pcma", "cn", "opus"};

const char *rta_codec_name(uint32_t codec) { return codec < RTA_CODECS ? names[codec] : "unknown"; }

bool rta_codec_has_sound(uint32_t codec) {
    return codec < RTA_CODECS && codec != RTA_CODEC_NONE && codec != RTA_CODEC_CN;
}

uint32_t rta_codec_clock(uint32_t codec, uint32_t rate) { return codec == RTA_CODEC_OPUS ? RTA_OPUS_CLOCK : rate; }

/* Of one channel, in codecs whose samples lie side by side. */
static uint32_t sample_bytes(uint32_t codec) { return codec == RTA_CODEC_PCM16 || codec == RTA_CODEC_L16 ? 2 : 1; }

static const char *wrong_stream(uint32_t codec, uint32_t rate, uint32_t channels) {
    if (codec == RTA_CODEC_NONE || codec >= RTA_CODECS) return "unknown codec";
    if (channels < 1 || channels > RTA_CODEC_CHANNELS) return "channels must be 1 or 2";
    if (rate < RTA_CODEC_RATE_LEAST || rate > RTA_CODEC_RATE_MOST) return "rate must be 8000 .. 48000";
    if (codec == RTA_CODEC_OPUS && RTA_OPUS_CLOCK % rate != 0) return "Opus has rates of 8, 12, 16, 24 and 48 kHz";
    return NULL;
}

static rta_status told(const char *wrong, const char **why) {
    if (why) *why = wrong;
    return wrong ? RTA_INVALID : RTA_OK;
}

/* ---- Decoding */

struct rta_decoder {
    uint32_t codec, rate, channels;
    rta_noise noise;        /* cn */
    rta_opus_decoder *opus; /* opus */
};

rta_status rta_decoder_check(uint32_t codec, uint32_t rate, uint32_t channels, const char **why) {
    return told(wrong_stream(codec, rate, channels), why);
}

rta_status rta_decoder_create(rta_decoder **out, uint32_t codec, uint32_t rate, uint32_t channels) {
    rta_status status = rta_decoder_check(codec, rate, channels, NULL);
    if (status != RTA_OK) return status;
    rta_decoder *d = rta_zeroed(sizeof *d);
    if (d == NULL) return RTA_NOMEM;
    d->codec = codec;
    d->rate = rate;
    d->channels = channels;
    rta_noise_init(&d->noise);
    if (codec == RTA_CODEC_OPUS) status = rta_opus_decoder_create(&d->opus, rate, channels);
    if (status != RTA_OK) {
        free(d);
        return status;
    }
    *out = d;
    return RTA_OK;
}

void rta_decoder_destroy(rta_decoder *d) {
    if (d == NULL) return;
    rta_opus_decoder_destroy(d->opus);
    free(d);
}

rta_payload_look rta_decoder_look(const rta_decoder *d, const uint8_t *payload, uint32_t bytes) {
    rta_payload_look look = {0};
    if (d->codec == RTA_CODEC_CN) {
        look.announces = true;
    } else if (d->codec == RTA_CODEC_OPUS) {
        if (bytes == 0) return look;
        const rta_opus_look opus = rta_opus_look_at(payload, bytes);
        const uint32_t divisor = RTA_OPUS_CLOCK / d->rate;
        look.malformed = opus.samples == 0;
        look.announces = opus.announces;
        look.samples = opus.samples / divisor;
        look.fec_samples = opus.has_fec ? opus.frame_samples / divisor : 0;
    } else {
        const uint32_t step = sample_bytes(d->codec) * d->channels;
        look.malformed = bytes % step != 0;
        look.samples = look.malformed ? 0 : bytes / step;
    }
    return look;
}

rta_status rta_decode(rta_decoder *d, const uint8_t *payload, uint32_t bytes, int16_t *out, uint32_t room,
                      uint32_t *samples) {
    const rta_payload_look look = rta_decoder_look(d, payload, bytes);
    *samples = 0;
    if (look.malformed) return RTA_INVALID;
    if (look.samples > room) return RTA_FULL;
    const uint64_t count = (uint64_t)look.samples * d->channels;
    rta_status status = RTA_OK;
    RTA_RT_ENTER();
    switch (d->codec) {
    case RTA_CODEC_PCM16:
        for (uint64_t i = 0; i < count; i++) out[i] = (int16_t)(payload[2 * i] | payload[2 * i + 1] << 8);
        break;
    case RTA_CODEC_L16:
        for (uint64_t i = 0; i < count; i++) out[i] = (int16_t)(payload[2 * i] << 8 | payload[2 * i + 1]);
        break;
    case RTA_CODEC_PCMU: rta_ulaw_decode(payload, out, count); break;
    case RTA_CODEC_PCMA: rta_alaw_decode(payload, out, count); break;
    case RTA_CODEC_CN:
        if (bytes > 0) d->noise.gain = rta_noise_level(payload[0]);
        break;
    case RTA_CODEC_OPUS:
        if (look.samples > 0) {
            const rta_opus_look opus = rta_opus_look_at(payload, bytes);
            status = rta_opus_decode(d->opus, payload, bytes, &opus, out);
        }
        break;
    default: break;
    }
    RTA_RT_LEAVE();
    *samples = look.samples;
    return status;
}

bool rta_decoder_conceals(const rta_decoder *d) { return d->codec == RTA_CODEC_OPUS || d->codec == RTA_CODEC_CN; }

rta_status rta_decoder_conceal(rta_decoder *d, int16_t *out, uint32_t samples) {
    if (!rta_decoder_conceals(d)) return RTA_INVALID;
    RTA_RT_ENTER();
    if (d->codec == RTA_CODEC_OPUS) {
        rta_opus_conceal(d->opus, out, samples);
    } else {
        for (uint32_t i = 0; i < samples; i++)
            for (uint32_t k = 0; k < d->channels; k++) out[i * d->channels + k] = (int16_t)rta_noise_next(&d->noise, k);
    }
    RTA_RT_LEAVE();
    return RTA_OK;
}

rta_status rta_decoder_fec(rta_decoder *d, const uint8_t *next, uint32_t bytes, int16_t *out, uint32_t room,
                           uint32_t *samples) {
    const rta_payload_look look = rta_decoder_look(d, next, bytes);
    *samples = 0;
    if (look.fec_samples == 0) return RTA_EMPTY;
    if (look.fec_samples > room) return RTA_FULL;
    RTA_RT_ENTER();
    const rta_opus_look opus = rta_opus_look_at(next, bytes);
    const rta_status status = rta_opus_decode_fec(d->opus, next, bytes, &opus, out);
    RTA_RT_LEAVE();
    *samples = look.fec_samples;
    return status;
}

void rta_decoder_reset(rta_decoder *d) {
    RTA_RT_ENTER();
    rta_noise_init(&d->noise);
    if (d->opus) rta_opus_decoder_reset(d->opus);
    RTA_RT_LEAVE();
}

uint32_t rta_decoder_delay_samples(const rta_decoder *d) {
    (void)d; /* Opus's is declared by its encoder, as a whole */
    return 0;
}

/* ---- Encoding */

struct rta_encoder {
    rta_encoder_config config;
    rta_opus_encoder *opus;
};

void rta_encoder_defaults(rta_encoder_config *c, uint32_t codec, uint32_t rate, uint32_t channels) {
    *c = (rta_encoder_config){.codec = codec,
                              .rate = rate,
                              .channels = channels,
                              .frame_samples = rate / 50,
                              .bitrate = 24000 * channels,
                              .complexity = 5,
                              .loss_percent = 10};
}

rta_status rta_encoder_check(const rta_encoder_config *c, const char **why) {
    const char *wrong = wrong_stream(c->codec, c->rate, c->channels);
    const uint64_t frame = c->frame_samples, rate = c->rate;
    if (wrong == NULL) {
        if (c->codec == RTA_CODEC_CN) wrong = "comfort noise is decoded only";
        else if (frame * 100 != rate && frame * 50 != rate && frame * 25 != rate && frame * 50 != rate * 3)
            wrong = "a frame must be 10, 20, 40 or 60 ms, and a whole number of samples";
        else if (c->codec == RTA_CODEC_OPUS) {
            if (c->bitrate < 6000 || c->bitrate > 256000) wrong = "bitrate must be 6000 .. 256000 bit/s";
            else if (c->complexity > 10) wrong = "complexity must be 0 .. 10";
            else if (c->loss_percent > 50) wrong = "the loss to expect must be 0 .. 50 %";
        } else if (c->dtx || c->fec) wrong = "DTX and FEC are of Opus only";
    }
    return told(wrong, why);
}

rta_status rta_encoder_create(rta_encoder **out, const rta_encoder_config *config) {
    rta_status status = rta_encoder_check(config, NULL);
    if (status != RTA_OK) return status;
    rta_encoder *e = rta_zeroed(sizeof *e);
    if (e == NULL) return RTA_NOMEM;
    e->config = *config;
    if (config->codec == RTA_CODEC_OPUS) status = rta_opus_encoder_create(&e->opus, config);
    if (status != RTA_OK) {
        free(e);
        return status;
    }
    *out = e;
    return RTA_OK;
}

void rta_encoder_destroy(rta_encoder *e) {
    if (e == NULL) return;
    rta_opus_encoder_destroy(e->opus);
    free(e);
}

uint32_t rta_encoder_bytes_most(const rta_encoder *e) {
    const rta_encoder_config *c = &e->config;
    return c->codec == RTA_CODEC_OPUS ? RTA_OPUS_BYTES_MOST : c->frame_samples * c->channels * sample_bytes(c->codec);
}

rta_status rta_encode(rta_encoder *e, const int16_t *in, uint8_t *out, uint32_t room, uint32_t *bytes) {
    const uint32_t most = rta_encoder_bytes_most(e), codec = e->config.codec;
    *bytes = 0;
    if (room < most) return RTA_FULL;
    const uint64_t count = (uint64_t)e->config.frame_samples * e->config.channels;
    rta_status status = RTA_OK;
    RTA_RT_ENTER();
    if (codec == RTA_CODEC_OPUS) {
        status = rta_opus_encode(e->opus, in, out, most, bytes);
    } else {
        const int low = codec == RTA_CODEC_L16; /* where the low byte goes */
        if (codec == RTA_CODEC_PCMU) rta_ulaw_encode(in, out, count);
        else if (codec == RTA_CODEC_PCMA) rta_alaw_encode(in, out, count);
        else
            for (uint64_t i = 0; i < count; i++) {
                out[2 * i + low] = (uint8_t)((uint16_t)in[i] & 255);
                out[2 * i + !low] = (uint8_t)((uint16_t)in[i] >> 8);
            }
        *bytes = most;
    }
    RTA_RT_LEAVE();
    return status;
}

void rta_encoder_reset(rta_encoder *e) {
    RTA_RT_ENTER();
    if (e->opus) rta_opus_encoder_reset(e->opus);
    RTA_RT_LEAVE();
}

uint32_t rta_encoder_delay_samples(const rta_encoder *e) {
    return e->opus ? rta_opus_encoder_delay_samples(e->opus) : 0;
}
