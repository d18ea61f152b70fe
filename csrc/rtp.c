/* SPDX-License-Identifier: Apache-2.0
 *
 * `at` is where reading or writing stands; every step first compares what it wants with what is left, so that no sum can
 * wrap and nothing is read that was not compared.
 */
#include "rtp.h"

#include <string.h>

static inline uint16_t get16(const uint8_t *p) { return (uint16_t)(p[0] << 8 | p[1]); }

static inline uint32_t get32(const uint8_t *p) { return (uint32_t)get16(p) << 16 | get16(p + 2); }

static inline void put16(uint8_t *p, uint16_t x) {
    p[0] = (uint8_t)(x >> 8);
    p[1] = (uint8_t)x;
}

static inline void put32(uint8_t *p, uint32_t x) {
    put16(p, (uint16_t)(x >> 16));
    put16(p + 2, (uint16_t)x);
}

const char *rta_rtp_result_text(rta_rtp_result result) {
    switch (result) {
    case RTA_RTP_OK: return "ok";
    case RTA_RTP_SHORT: return "shorter than a header of 12 bytes";
    case RTA_RTP_VERSION: return "the version is not 2";
    case RTA_RTP_CSRC: return "the CSRC list goes beyond the end";
    case RTA_RTP_EXTENSION: return "the header extension goes beyond the end";
    case RTA_RTP_PADDING: return "the padding count is 0 or more than there is";
    }
    return "unknown";
}

bool rta_rtp_is_rtcp(const uint8_t *data, size_t bytes) {
    return bytes >= 2 && data[0] >> 6 == 2 && data[1] >= 192 && data[1] <= 223;
}

rta_rtp_result rta_rtp_parse(const uint8_t *data, size_t bytes, rta_rtp_packet *packet) {
    if (bytes < RTA_RTP_HEADER_BYTES) return RTA_RTP_SHORT;
    if (data[0] >> 6 != 2) return RTA_RTP_VERSION;
    memset(packet, 0, sizeof *packet);
    packet->has_extension = (data[0] & 0x10) != 0;
    packet->csrc_count = data[0] & 0x0F;
    packet->marker = (data[1] & 0x80) != 0;
    packet->payload_type = data[1] & 0x7F;
    packet->seq = get16(data + 2);
    packet->timestamp = get32(data + 4);
    packet->ssrc = get32(data + 8);
    size_t at = RTA_RTP_HEADER_BYTES;
    if (bytes - at < 4u * packet->csrc_count) return RTA_RTP_CSRC;
    for (uint32_t i = 0; i < packet->csrc_count; i++, at += 4) packet->csrc[i] = get32(data + at);
    if (packet->has_extension) {
        if (bytes - at < 4) return RTA_RTP_EXTENSION;
        packet->extension_profile = get16(data + at);
        packet->extension_bytes = 4u * get16(data + at + 2);
        at += 4;
        if (bytes - at < packet->extension_bytes) return RTA_RTP_EXTENSION;
        packet->extension = data + at;
        at += packet->extension_bytes;
    }
    size_t end = bytes;
    if (data[0] & 0x20) {
        if (end == at) return RTA_RTP_PADDING;
        packet->padding_bytes = data[end - 1];
        if (packet->padding_bytes == 0 || packet->padding_bytes > end - at) return RTA_RTP_PADDING;
        end -= packet->padding_bytes;
    }
    packet->payload = data + at;
    packet->payload_bytes = (uint32_t)(end - at);
    return RTA_RTP_OK;
}

rta_status rta_rtp_build(const rta_rtp_packet *packet, uint8_t *out, size_t room, size_t *bytes) {
    if (packet->payload_type > 127 || packet->csrc_count > RTA_RTP_CSRCS) return RTA_INVALID;
    const uint32_t extension = packet->has_extension ? packet->extension_bytes : 0;
    if (extension % 4 != 0 || extension > 4u * 65535) return RTA_INVALID;
    const uint64_t whole = RTA_RTP_HEADER_BYTES + 4u * packet->csrc_count + (packet->has_extension ? 4u : 0u) +
                           (uint64_t)extension + packet->payload_bytes + packet->padding_bytes;
    if (whole > RTA_RTP_MOST_BYTES) return RTA_INVALID;
    *bytes = (size_t)whole;
    if (room < whole) return RTA_FULL;
    out[0] =
        (uint8_t)(0x80 | (packet->padding_bytes ? 0x20 : 0) | (packet->has_extension ? 0x10 : 0) | packet->csrc_count);
    out[1] = (uint8_t)((packet->marker ? 0x80 : 0) | packet->payload_type);
    put16(out + 2, packet->seq);
    put32(out + 4, packet->timestamp);
    put32(out + 8, packet->ssrc);
    uint8_t *at = out + RTA_RTP_HEADER_BYTES;
    for (uint32_t i = 0; i < packet->csrc_count; i++, at += 4) put32(at, packet->csrc[i]);
    if (packet->has_extension) {
        put16(at, packet->extension_profile);
        put16(at + 2, (uint16_t)(extension / 4));
        at += 4;
        if (extension) memcpy(at, packet->extension, extension);
        at += extension;
    }
    if (packet->payload_bytes) memcpy(at, packet->payload, packet->payload_bytes);
    at += packet->payload_bytes;
    if (packet->padding_bytes) {
        memset(at, 0, packet->padding_bytes);
        at[packet->padding_bytes - 1] = packet->padding_bytes;
    }
    return RTA_OK;
}
