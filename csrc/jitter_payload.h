/* SPDX-License-Identifier: Apache-2.0
 *
 * jitter_payload.h: what lies in a packet, by its payload type. Pure. AUDIO PATH.
 */
#ifndef RTA_JITTER_PAYLOAD_H
#define RTA_JITTER_PAYLOAD_H

#include "g711.h"
#include "jitter.h"

#ifdef __cplusplus
extern "C" {
#endif

static inline uint32_t rta_codec_sample_bytes(uint32_t codec) {
    return codec == RTA_CODEC_PCM16 || codec == RTA_CODEC_L16 ? 2 : 1;
}

static inline bool rta_codec_has_sound(uint32_t codec) { return codec != RTA_CODEC_NONE && codec != RTA_CODEC_CN; }

/* Of each channel. */
static inline uint32_t rta_jitter_samples(const rta_jitter_config *config, const rta_jitter_slot *slot) {
    const uint32_t codec = config->codecs[slot->payload_type];
    return rta_codec_has_sound(codec) ? slot->bytes / (rta_codec_sample_bytes(codec) * config->channels) : 0;
}

static inline void rta_jitter_decode(const rta_jitter_config *config, const rta_jitter_slot *slot, int16_t *out) {
    const uint64_t count = (uint64_t)rta_jitter_samples(config, slot) * config->channels;
    const uint8_t *in = slot->payload;
    switch (config->codecs[slot->payload_type]) {
    case RTA_CODEC_PCM16:
        for (uint64_t i = 0; i < count; i++) out[i] = (int16_t)(in[2 * i] | in[2 * i + 1] << 8);
        break;
    case RTA_CODEC_L16:
        for (uint64_t i = 0; i < count; i++) out[i] = (int16_t)(in[2 * i] << 8 | in[2 * i + 1]);
        break;
    case RTA_CODEC_PCMU: rta_ulaw_decode(in, out, count); break;
    case RTA_CODEC_PCMA: rta_alaw_decode(in, out, count); break;
    default: break;
    }
}

/* Before a packet is taken: RTA_JITTER_FINE, or why not. A packet without sound loses its bytes: nobody looks at them. */
static inline rta_jitter_refused rta_jitter_look(const rta_jitter_config *config, rta_jitter_packet *packet) {
    const uint32_t codec = config->codecs[packet->payload_type];
    if (!rta_codec_has_sound(codec)) {
        packet->bytes = 0;
        return RTA_JITTER_FINE;
    }
    const uint32_t step = rta_codec_sample_bytes(codec) * config->channels;
    if (packet->bytes / step > config->packet_most) return RTA_JITTER_TOO_LONG;
    return packet->bytes % step != 0 ? RTA_JITTER_NOT_WHOLE : RTA_JITTER_FINE;
}

#ifdef __cplusplus
}
#endif
#endif
