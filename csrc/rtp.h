/* SPDX-License-Identifier: Apache-2.0
 *
 * rtp.h: RTP packets (RFC 3550, section 5), read and written. Sans-IO and stateless: bytes in, fields out, and back.
 *
 *    0                   1                   2                   3
 *   |V=2|P|X|  CC   |M|     PT      |          sequence number      |
 *   |                           timestamp                           |
 *   |                             SSRC                              |
 *   |                     CSRC, CC of them (0 .. 15)                |
 *   |  X: profile                   |   X: length in 32-bit words   |
 *   |                     X: so many words                          |
 *   |  payload ...                           P: padding, its count  |
 *
 * Whatever bytes come in, nothing outside them is read. A packet is taken whole or refused with the first of these:
 *
 *   SHORT      fewer than 12 bytes
 *   VERSION    the version is not 2 (STUN, DTLS and ZRTP on the same port are among these: RFC 7983)
 *   CSRC       the list of contributing sources goes beyond the end
 *   EXTENSION  the header extension goes beyond the end
 *   PADDING    its count is 0, or more than there is behind the header
 *
 * RTCP on the same port (RFC 5761) has version 2 as well: ask rta_rtp_is_rtcp first.
 *
 * Threads: pure functions, AUDIO PATH (wait-free, no allocation).
 */
#ifndef RTA_RTP_H
#define RTA_RTP_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { RTA_RTP_HEADER_BYTES = 12, RTA_RTP_CSRCS = 15, RTA_RTP_MOST_BYTES = 65535 };

typedef enum rta_rtp_result {
    RTA_RTP_OK = 0,
    RTA_RTP_SHORT,
    RTA_RTP_VERSION,
    RTA_RTP_CSRC,
    RTA_RTP_EXTENSION,
    RTA_RTP_PADDING,
} rta_rtp_result;

typedef struct rta_rtp_packet {
    uint8_t payload_type; /* 0 .. 127 */
    bool marker, has_extension;
    uint8_t csrc_count;    /* 0 .. 15 */
    uint8_t padding_bytes; /* behind the payload, its count included; 0: none */
    uint16_t seq;
    uint32_t timestamp, ssrc;
    uint32_t csrc[RTA_RTP_CSRCS];
    uint16_t extension_profile;
    uint32_t extension_bytes; /* a multiple of 4, at most 4 * 65535 */
    uint32_t payload_bytes;
    const uint8_t *extension; /* these two point into the bytes that were parsed */
    const uint8_t *payload;
} rta_rtp_packet;

/* Fills *packet if the result is OK; otherwise *packet holds nothing of use. */
rta_rtp_result rta_rtp_parse(const uint8_t *data, size_t bytes, rta_rtp_packet *packet);
/* What is wrong, in a few words. */
const char *rta_rtp_result_text(rta_rtp_result result);

/* RTA_OK: wrote *bytes. RTA_FULL: room for fewer than *bytes; nothing was written (room 0 asks for the size).
 * RTA_INVALID: a field is out of its range, or the whole is longer than RTA_RTP_MOST_BYTES. */
rta_status rta_rtp_build(const rta_rtp_packet *packet, uint8_t *out, size_t room, size_t *bytes);

/* Whether the second byte says RTCP (packet types 192 .. 223, RFC 5761 section 4). */
bool rta_rtp_is_rtcp(const uint8_t *data, size_t bytes);

#ifdef __cplusplus
}
#endif
#endif
