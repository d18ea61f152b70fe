/* SPDX-License-Identifier: Apache-2.0
 *
 * libopus's states lie behind ours in one block of memory. They are made again in place to reset them, which allocates
 * nothing and, unlike its own reset, leaves nothing of before (tests/core/test_codec.py).
 */
#include "codec_opus.h"

#include "opus_library.h"

#include <stdlib.h>
#include <string.h>

enum {
    UNIT_MS = 10,                      /* of concealment: SILK has no smaller */
    UNIT_MOST = 48000 / 1000 * UNIT_MS /* samples of each channel */
};

static size_t behind(size_t bytes) { return (bytes + RTA_CACHE_LINE - 1) / RTA_CACHE_LINE * RTA_CACHE_LINE; }

/* ---- Decoding */

struct rta_opus_decoder {
    uint32_t rate, channels;
    uint32_t unit;           /* samples of each channel */
    uint32_t left;           /* at the end of `rest`, to be put out by the next call */
    int16_t rest[UNIT_MOST * RTA_CODEC_CHANNELS];
};

static void *state_of_decoder(rta_opus_decoder *d) { return (uint8_t *)d + behind(sizeof *d); }

rta_status rta_opus_decoder_create(rta_opus_decoder **out, uint32_t rate, uint32_t channels) {
    const rta_opus_library *opus = rta_opus();
    if (opus == NULL) return RTA_CLOSED;
    const int bytes = opus->decoder_get_size((int)channels);
    if (bytes <= 0) return RTA_INVALID;
    rta_opus_decoder *d = rta_zeroed(behind(sizeof *d) + (size_t)bytes);
    if (d == NULL) return RTA_NOMEM;
    d->rate = rate;
    d->channels = channels;
    rta_opus_decoder_reset(d);
    *out = d;
    return RTA_OK;
}

void rta_opus_decoder_destroy(rta_opus_decoder *d) { free(d); }

void rta_opus_decoder_reset(rta_opus_decoder *d) {
    d->unit = d->rate * UNIT_MS / 1000;
    d->left = 0;
    rta_opus()->decoder_init(state_of_decoder(d), (int32_t)d->rate, (int)d->channels);
}

static uint32_t at_rate(const rta_opus_decoder *d, uint32_t samples) { return samples / (RTA_OPUS_CLOCK / d->rate); }

rta_status rta_opus_decode(rta_opus_decoder *d, const uint8_t *payload, uint32_t bytes, const rta_opus_look *look,
                           int16_t *out) {
    const uint32_t samples = at_rate(d, look->samples), frame = at_rate(d, look->frame_samples);
    d->left = 0;
    const int got = rta_opus()->decode(state_of_decoder(d), payload, (int32_t)bytes, out, (int)samples, 0);
    d->unit = frame < d->rate * UNIT_MS / 1000 ? frame : d->rate * UNIT_MS / 1000;
    if (got == (int)samples) return RTA_OK;
    rta_opus_conceal(d, out, samples);
    d->left = 0;
    return RTA_CORRUPT;
}

rta_status rta_opus_decode_fec(rta_opus_decoder *d, const uint8_t *next, uint32_t bytes, const rta_opus_look *look,
                               int16_t *out) {
    const uint32_t samples = at_rate(d, look->frame_samples);
    d->left = 0;
    if (rta_opus()->decode(state_of_decoder(d), next, (int32_t)bytes, out, (int)samples, 1) == (int)samples)
        return RTA_OK;
    rta_opus_conceal(d, out, samples);
    d->left = 0;
    return RTA_CORRUPT;
}

void rta_opus_conceal(rta_opus_decoder *d, int16_t *out, uint32_t samples) {
    const uint32_t channels = d->channels;
    while (samples > 0) {
        if (d->left == 0) {
            if (rta_opus()->decode(state_of_decoder(d), NULL, 0, d->rest, (int)d->unit, 0) != (int)d->unit)
                memset(d->rest, 0, sizeof d->rest);
            d->left = d->unit;
        }
        const uint32_t now = samples < d->left ? samples : d->left;
        memcpy(out, d->rest + (size_t)(d->unit - d->left) * channels, (size_t)now * channels * sizeof *out);
        out += (size_t)now * channels;
        d->left -= now;
        samples -= now;
    }
}

/* ---- Encoding */

struct rta_opus_encoder {
    rta_encoder_config config;
    uint32_t delay_samples;
    bool silent; /* said that silence has come */
};

static void *state_of_encoder(rta_opus_encoder *e) { return (uint8_t *)e + behind(sizeof *e); }

static bool make(rta_opus_encoder *e) {
    const rta_opus_library *opus = rta_opus();
    const rta_encoder_config *c = &e->config;
    void *state = state_of_encoder(e);
    e->silent = false;
    return opus->encoder_init(state, (int32_t)c->rate, (int)c->channels, RTA_OPUS_APPLICATION_VOIP) == 0 &&
           opus->encoder_ctl(state, RTA_OPUS_SET_BITRATE, (int32_t)c->bitrate) == 0 &&
           opus->encoder_ctl(state, RTA_OPUS_SET_COMPLEXITY, (int32_t)c->complexity) == 0 &&
           opus->encoder_ctl(state, RTA_OPUS_SET_DTX, (int32_t)c->dtx) == 0 &&
           opus->encoder_ctl(state, RTA_OPUS_SET_INBAND_FEC, (int32_t)c->fec) == 0 &&
           opus->encoder_ctl(state, RTA_OPUS_SET_PACKET_LOSS_PERC, (int32_t)(c->fec ? c->loss_percent : 0)) == 0;
}

rta_status rta_opus_encoder_create(rta_opus_encoder **out, const rta_encoder_config *config) {
    const rta_opus_library *opus = rta_opus();
    if (opus == NULL) return RTA_CLOSED;
    const int bytes = opus->encoder_get_size((int)config->channels);
    if (bytes <= 0) return RTA_INVALID;
    rta_opus_encoder *e = rta_zeroed(behind(sizeof *e) + (size_t)bytes);
    if (e == NULL) return RTA_NOMEM;
    e->config = *config;
    int32_t delay = 0;
    if (!make(e) || opus->encoder_ctl(state_of_encoder(e), RTA_OPUS_GET_LOOKAHEAD, &delay) != 0) {
        free(e);
        return RTA_INVALID;
    }
    e->delay_samples = (uint32_t)delay;
    *out = e;
    return RTA_OK;
}

void rta_opus_encoder_destroy(rta_opus_encoder *e) { free(e); }

void rta_opus_encoder_reset(rta_opus_encoder *e) { make(e); }

uint32_t rta_opus_encoder_delay_samples(const rta_opus_encoder *e) { return e->delay_samples; }

rta_status rta_opus_encode(rta_opus_encoder *e, const int16_t *in, uint8_t *out, uint32_t room, uint32_t *bytes) {
    const int32_t got = rta_opus()->encode(state_of_encoder(e), in, (int)e->config.frame_samples, out, (int32_t)room);
    *bytes = got > 0 ? (uint32_t)got : 0;
    if (got <= 0) return RTA_CORRUPT;
    const bool silent = e->config.dtx && got <= 2;
    if (silent && e->silent) *bytes = 0;
    e->silent = silent;
    return RTA_OK;
}
