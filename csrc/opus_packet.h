/* SPDX-License-Identifier: Apache-2.0
 *
 * opus_packet.h: what an Opus packet says of itself before it is decoded (RFC 6716, sections 3 and 4.2.3). Every length in
 * it is checked against its end, so a packet that passes can be handed to a decoder. Pure. AUDIO PATH.
 *
 *   TOC      config 0 .. 11 SILK, 12 .. 15 hybrid, 16 .. 31 CELT: with it the duration of a frame, 2.5 .. 60 ms
 *   code 0   one frame; 1: two of the same size; 2: two, the first with its length
 *   code 3   a count of 1 .. 48, at most 120 ms; of the same size or with lengths; padding
 *
 * Forward error correction: the first frame of a SILK or hybrid packet may carry the frame before it once more, more
 * coarsely; flags in its first byte say so.
 *
 * Discontinuous transmission: a packet of one or two bytes has no sound in it. Its sender is about to fall silent.
 */
#ifndef RTA_OPUS_PACKET_H
#define RTA_OPUS_PACKET_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    RTA_OPUS_CLOCK = 48000,      /* of RTP timestamps, whatever the decoder's rate (RFC 7587) */
    RTA_OPUS_LONGEST = 5760,     /* 120 ms at that clock */
    RTA_OPUS_BYTES_MOST = 1500,  /* taken here: what goes through a network in one piece */
    RTA_OPUS_FRAME_BYTES = 1275, /* of one frame, by the RFC */
};

typedef struct rta_opus_look {
    uint32_t samples;       /* of the packet, at RTA_OPUS_CLOCK; 0: malformed */
    uint32_t frame_samples; /* of each of its frames */
    bool has_fec;           /* of the frame_samples before it */
    bool announces;         /* silence */
} rta_opus_look;

/* A frame's length, in one byte or two; false: it goes beyond the end. */
static inline bool rta_opus_length(const uint8_t *data, uint32_t bytes, uint32_t *at, uint32_t *length) {
    if (*at >= bytes) return false;
    *length = data[(*at)++];
    if (*length < 252) return true;
    if (*at >= bytes) return false;
    *length += 4u * data[(*at)++];
    return true;
}

static inline rta_opus_look rta_opus_look_at(const uint8_t *data, uint32_t bytes) {
    const rta_opus_look malformed = {0, 0, false, false};
    if (bytes == 0) return malformed;
    const uint32_t config = data[0] >> 3, code = data[0] & 3;
    const bool stereo = (data[0] & 4) != 0;
    static const uint16_t silk[4] = {480, 960, 1920, 2880};
    const uint32_t duration = config < 12   ? silk[config & 3]
                              : config < 16 ? 480u << (config & 1)
                                            : 120u << (config & 3);
    uint32_t at = 1, count = 1, first = 0, padding = 0;
    bool same_size = true;
    if (code == 1 || code == 2) {
        count = 2;
        same_size = code == 1;
    } else if (code == 3) {
        if (bytes < 2) return malformed;
        count = data[1] & 63;
        same_size = (data[1] & 128) == 0;
        at = 2;
        if (count == 0 || count * duration > RTA_OPUS_LONGEST) return malformed;
        for (bool more = (data[1] & 64) != 0; more;) {
            if (at >= bytes) return malformed;
            more = data[at] == 255;
            padding += more ? 254 : data[at];
            at++;
        }
        if (padding > bytes - at) return malformed;
    }
    const uint32_t end = bytes - padding;
    if (same_size) {
        if ((end - at) % count != 0) return malformed;
        first = (end - at) / count;
        if (first > RTA_OPUS_FRAME_BYTES) return malformed;
    } else {
        uint32_t sum = 0;
        for (uint32_t n = 0, length; n + 1 < count; n++) {
            if (!rta_opus_length(data, end, &at, &length)) return malformed;
            if (n == 0) first = length;
            sum += length;
        }
        if (sum > end - at || end - at - sum > RTA_OPUS_FRAME_BYTES) return malformed;
        if (count == 1) first = end - at;
    }
    rta_opus_look look = {count * duration, duration, false, bytes <= 2};
    if (config < 16 && first > 1) {
        /* One voice activity flag for each SILK frame, then the flag for FEC; of a stereo packet's second channel behind. */
        const uint32_t frames = duration > 960 ? duration / 960 : 1;
        look.has_fec = (data[at] >> (7 - frames) & 1) || (stereo && (data[at] >> (6 - 2 * frames) & 1));
    }
    return look;
}

#ifdef __cplusplus
}
#endif
#endif
