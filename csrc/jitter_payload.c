/* SPDX-License-Identifier: Apache-2.0 */
#include "jitter_payload.h"

#include "noise.h"
#include "opus_packet.h"

static inline rta_decoder *decoder_of(const rta_jitter_payload *p, const rta_jitter_slot *slot) {
    return p->decoders[p->config->codecs[slot->payload_type]];
}

bool rta_jitter_wants_opus(const rta_jitter_config *config) {
    return memchr(config->codecs, RTA_CODEC_OPUS, sizeof config->codecs) != NULL;
}

uint32_t rta_jitter_payload_most(const rta_jitter_config *config) {
    uint32_t most = 1; /* a comfort noise packet's level */
    for (uint32_t n = 0; n < sizeof config->codecs; n++) {
        const uint32_t codec = config->codecs[n];
        if (!rta_codec_has_sound(codec)) continue;
        const uint32_t bytes =
            codec == RTA_CODEC_OPUS ? RTA_OPUS_BYTES_MOST : config->packet_most * config->channels * 2;
        most = bytes > most ? bytes : most;
    }
    return most;
}

rta_status rta_jitter_payload_init(rta_jitter_payload *p, const rta_jitter_config *config) {
    memset(p, 0, sizeof *p);
    p->config = config;
    p->slot_bytes = rta_jitter_payload_most(config);
    rta_status status = rta_conceal_create(&p->conceal, config->rate, config->channels);
    for (uint32_t n = 0; n < 128 && status == RTA_OK; n++) {
        const uint32_t codec = config->codecs[n];
        if (!rta_codec_has_sound(codec)) continue;
        if (p->decoders[codec] == NULL)
            status = rta_decoder_create(&p->decoders[codec], codec, config->rate, config->channels);
    }
    return status;
}

void rta_jitter_payload_free(rta_jitter_payload *p) {
    for (uint32_t n = 0; n < RTA_CODECS; n++) rta_decoder_destroy(p->decoders[n]);
    rta_conceal_destroy(p->conceal);
}

/* ---- What a packet says of itself */

static rta_payload_look look_at(const rta_jitter_payload *p, const rta_jitter_slot *slot) {
    const rta_decoder *decoder = decoder_of(p, slot);
    return decoder ? rta_decoder_look(decoder, slot->payload, slot->bytes) : (rta_payload_look){0};
}

uint32_t rta_jitter_samples(const rta_jitter_payload *p, const rta_jitter_slot *slot) {
    return look_at(p, slot).samples;
}

uint32_t rta_jitter_fec_samples(const rta_jitter_payload *p, const rta_jitter_slot *slot) {
    return look_at(p, slot).fec_samples;
}

bool rta_jitter_announces(const rta_jitter_payload *p, const rta_jitter_slot *slot) {
    return p->config->codecs[slot->payload_type] == RTA_CODEC_CN || look_at(p, slot).announces;
}

rta_jitter_refused rta_jitter_look(const rta_jitter_payload *p, rta_jitter_packet *packet) {
    const uint32_t codec = p->config->codecs[packet->payload_type];
    if (!rta_codec_has_sound(codec)) {
        packet->bytes = codec == RTA_CODEC_CN && packet->bytes > 0 ? 1 : 0;
        return RTA_JITTER_FINE;
    }
    if (packet->bytes > p->slot_bytes && codec == RTA_CODEC_OPUS) return RTA_JITTER_TOO_LONG;
    const rta_payload_look look = rta_decoder_look(p->decoders[codec], packet->payload, packet->bytes);
    if (look.samples > p->config->packet_most || (!look.malformed && packet->bytes > p->slot_bytes))
        return RTA_JITTER_TOO_LONG;
    return look.malformed ? RTA_JITTER_NOT_WHOLE : RTA_JITTER_FINE;
}

void rta_jitter_took(rta_jitter_payload *p, const rta_jitter_packet *packet, rta_jitter_taken taken) {
    if (p->clock_known && (taken == RTA_JITTER_TAKEN || taken == RTA_JITTER_RESTARTED)) {
        p->ticks += (int32_t)(p->asked - p->last_ticks);
        p->last_ticks = p->asked;
    }
    const rta_decoder *decoder = p->decoders[p->config->codecs[packet->payload_type]];
    if (decoder == NULL || taken == RTA_JITTER_DUPLICATE) return;
    if (rta_decoder_look(decoder, packet->payload, packet->bytes).fec_samples == 0) return;
    p->fec_received++;
    p->fec_discarded += taken == RTA_JITTER_LATE;
}

/* ---- The sender's clock */

uint32_t rta_jitter_in_samples(rta_jitter_payload *p, uint32_t timestamp) {
    const uint32_t divisor = rta_jitter_clock(p->config) / p->config->rate;
    if (divisor == 1) return timestamp;
    if (!p->clock_known) p->first_ticks = p->last_ticks = timestamp;
    p->clock_known = true;
    p->asked = timestamp;
    const int64_t ticks = p->ticks + (int32_t)(timestamp - p->last_ticks);
    const int64_t down = ticks / divisor - (ticks % divisor < 0);
    return (uint32_t)(uint64_t)down;
}

uint32_t rta_jitter_in_ticks(const rta_jitter_payload *p, uint32_t samples) {
    return p->first_ticks + samples * (rta_jitter_clock(p->config) / p->config->rate);
}

/* ---- Sound */

bool rta_jitter_decode(rta_jitter_payload *p, const rta_jitter_slot *slot, int16_t *out) {
    const uint32_t codec = p->config->codecs[slot->payload_type];
    rta_decoder *decoder = p->decoders[codec];
    if (codec != p->codec) rta_decoder_reset(decoder);
    p->codec = codec;
    if (slot->seq != p->recovered_by && rta_jitter_fec_samples(p, slot) > 0) p->fec_discarded++;
    uint32_t samples = 0;
    const rta_status status = rta_decode(decoder, slot->payload, slot->bytes, out, p->config->packet_most, &samples);
    p->corrupt += status != RTA_OK;
    return status == RTA_OK;
}

void rta_jitter_recover(rta_jitter_payload *p, const rta_jitter_slot *slot, int16_t *out) {
    uint32_t samples = 0;
    p->codec = p->config->codecs[slot->payload_type];
    rta_decoder_fec(decoder_of(p, slot), slot->payload, slot->bytes, out, p->config->packet_most, &samples);
    p->recovered_by = slot->seq;
    p->recovered_samples += samples;
}

void rta_jitter_real(rta_jitter_payload *p, int16_t *io, uint32_t samples) {
    rta_conceal_real(p->conceal, io, samples);
}

void rta_jitter_told_noise(rta_jitter_payload *p, const rta_jitter_slot *slot) {
    p->codec = RTA_CODEC_CN;
    if (slot->bytes > 0) rta_conceal_told_level(p->conceal, rta_noise_level(slot->payload[0]));
}

static rta_decoder *concealing(const rta_jitter_payload *p) {
    rta_decoder *decoder = p->decoders[p->codec];
    return decoder != NULL && rta_decoder_conceals(decoder) ? decoder : NULL;
}

uint32_t rta_jitter_conceal(rta_jitter_payload *p, int16_t *out, uint32_t samples) {
    rta_decoder *decoder = concealing(p);
    if (decoder == NULL) return rta_conceal_fill(p->conceal, out, samples);
    rta_decoder_conceal(decoder, out, samples);
    for (uint32_t i = 0; i < samples * p->config->channels; i++)
        if (out[i] != 0) return 0;
    return samples;
}

void rta_jitter_silence(rta_jitter_payload *p, bool announced, int16_t *out, uint32_t samples) {
    rta_decoder *decoder = announced ? concealing(p) : NULL;
    if (decoder == NULL) rta_conceal_noise(p->conceal, out, samples);
    else rta_decoder_conceal(decoder, out, samples);
}

void rta_jitter_payload_restart(rta_jitter_payload *p) {
    for (uint32_t n = 0; n < RTA_CODECS; n++)
        if (p->decoders[n]) rta_decoder_reset(p->decoders[n]);
}

void rta_jitter_payload_figures(const rta_jitter_payload *p, rta_jitter_figures *figures) {
    figures->fec_received = p->fec_received;
    figures->fec_discarded = p->fec_discarded;
    figures->recovered_samples = p->recovered_samples;
    figures->corrupt = p->corrupt;
}
