/* SPDX-License-Identifier: Apache-2.0
 *
 * rtp_sender.h: from what is put out, sample by sample, to RTP packets: resampled to the codec's rate, cut into frames,
 * encoded, with a header. Sans-IO: samples in, packets out; who sends them, and when, is another's to say.
 *
 *   samples ──► resample ──► frames of 10, 20, 40, 60 ms ──► encode ──► sequence, timestamp, marker ──► packet
 *
 * One stream for as long as it lives: one SSRC, sequence numbers without a gap, and timestamps on the media clock: that of a
 * frame says how many samples were put out before it, through silence, flushes and stalls. So a step that comes late gives
 * its packets late, and never shifts what follows.
 *
 *   a frame that the encoder leaves out (DTX)      no packet; the timestamp goes on, the sequence does not
 *   the first packet, and the first with sound     has the marker (RFC 3551, section 4.1): a good place for
 *   after a silence that was announced             the far end to change its delay
 *   cut()                                          the encoder is reset before the frame in which the cut lies: what its
 *                                                  look-ahead holds of before is never sent (law 2). Time goes on
 *
 * Delay (law 7): the resampler's and the encoder's, in samples at the codec's rate: sample n of what the far end decodes was
 * put out n - delay samples after the beginning. That a frame is sent when it is whole comes beside.
 *
 * How samples are cut into calls does not matter (law 6). Mono. Samples are finite.
 *
 * Threads: one at a time. AUDIO PATH except create and destroy.
 */
#ifndef RTA_RTP_SENDER_H
#define RTA_RTP_SENDER_H

#include "codec.h"
#include "rtp.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rta_rtp_sender_config {
    rta_encoder_config encoder; /* one channel */
    uint32_t input_rate;
    uint8_t payload_type; /* 0 .. 127 */
    uint16_t seq;         /* of the first packet; these three at random, by RFC 3550 */
    uint32_t timestamp, ssrc;
} rta_rtp_sender_config;

typedef struct rta_rtp_sender_figures {
    uint64_t samples; /* taken */
    uint64_t packets, payload_bytes;
    uint64_t frames, silent_frames; /* encoded; of them without a packet */
    uint64_t cuts;
} rta_rtp_sender_figures;

typedef struct rta_rtp_sender rta_rtp_sender;

rta_status rta_rtp_sender_check(const rta_rtp_sender_config *config, const char **why);
/* RTA_INVALID; RTA_CLOSED: libopus is not bound; RTA_NOMEM. */
rta_status rta_rtp_sender_create(rta_rtp_sender **out, const rta_rtp_sender_config *config);
void rta_rtp_sender_destroy(rta_rtp_sender *sender);

/* Takes samples until a packet is ready or there are no more; *used says how many. RTA_OK: a packet, valid until the next
 * call; call again with the rest. RTA_EMPTY: all were taken. */
rta_status rta_rtp_sender_take(rta_rtp_sender *sender, const float *samples, uint64_t count, uint64_t *used,
                               const uint8_t **packet, size_t *bytes);
/* What is taken from now on was written after a flush. */
void rta_rtp_sender_cut(rta_rtp_sender *sender);
/* Of a packet, header and all. */
size_t rta_rtp_sender_bytes_most(const rta_rtp_sender *sender);
/* At the codec's rate. */
uint32_t rta_rtp_sender_delay_samples(const rta_rtp_sender *sender);
void rta_rtp_sender_read_figures(const rta_rtp_sender *sender, rta_rtp_sender_figures *figures);

#ifdef __cplusplus
}
#endif
#endif
