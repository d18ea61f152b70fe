/* SPDX-License-Identifier: Apache-2.0
 *
 * jitter_payload.h: what a jitter buffer knows of what its packets hold: the decoder of each payload type's codec, what
 * stands in for packets that never came, and the sender's clock where it is not that of the samples. Private to jitter.c and
 * jitter_play.c.
 *
 *   sound that is missing     the codec of the last sound conceals itself (Opus)   the codec's own concealment
 *                             it does not                                          conceal.h
 *   just before a packet that carries it once more (Opus FEC)                      that
 *   silence that was announced by Opus                                             Opus's concealment: its comfort noise
 *                        by a comfort noise packet with a level                    comfort noise at that level
 *                        else                                                      comfort noise as loud as the quietest
 *                                                                                  10 ms of the last second
 *
 * Threads: as the buffer's. AUDIO PATH except init and free.
 */
#ifndef RTA_JITTER_PAYLOAD_H
#define RTA_JITTER_PAYLOAD_H

#include "codec.h"
#include "conceal.h"
#include "jitter.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rta_jitter_payload {
    const rta_jitter_config *config; /* the buffer's */
    rta_decoder *decoders[RTA_CODECS]; /* NULL: no payload type has this codec, or it has no sound */
    rta_conceal *conceal;
    uint32_t slot_bytes; /* of the longest payload taken */
    uint32_t codec; /* of the last sound */
    uint64_t recovered_by; /* the packet whose FEC was used last */
    bool clock_known;
    /* The sender's timestamps, if its clock is not that of the samples: of what was taken, so that no stray moves them. */
    uint32_t first_ticks, last_ticks;
    int64_t ticks;  /* since the first */
    uint32_t asked; /* what was brought to samples last: the clock goes there once it is taken */
    uint64_t fec_received, fec_discarded, recovered_samples, corrupt; /* figures */
} rta_jitter_payload;

/* RTA_CLOSED: libopus is wanted and not bound. What was made is freed by rta_jitter_payload_free in any case. */
rta_status rta_jitter_payload_init(rta_jitter_payload *payload, const rta_jitter_config *config);
void rta_jitter_payload_free(rta_jitter_payload *payload);

/* Of each channel. */
uint32_t rta_jitter_samples(const rta_jitter_payload *payload, const rta_jitter_slot *slot);
/* Of what lies before the packet, and which it carries once more. */
uint32_t rta_jitter_fec_samples(const rta_jitter_payload *payload, const rta_jitter_slot *slot);
/* Whether silence follows the packet. */
bool rta_jitter_announces(const rta_jitter_payload *payload, const rta_jitter_slot *slot);

/* Before a packet is taken: RTA_JITTER_FINE, or why not. What nobody looks at in a packet without sound is cut off. */
rta_jitter_refused rta_jitter_look(const rta_jitter_payload *payload, rta_jitter_packet *packet);
/* Once it was, and its timestamp brought to samples: what it carries is counted, and the sender's clock goes on. */
void rta_jitter_took(rta_jitter_payload *payload, const rta_jitter_packet *packet, rta_jitter_taken taken);

/* A timestamp in samples; and back, of one that came out of it. The same where the clocks are. */
uint32_t rta_jitter_in_samples(rta_jitter_payload *payload, uint32_t timestamp);
uint32_t rta_jitter_in_ticks(const rta_jitter_payload *payload, uint32_t samples);

/* The packet's samples. False: they had to be concealed. */
bool rta_jitter_decode(rta_jitter_payload *payload, const rta_jitter_slot *slot, int16_t *out);
/* The samples before the packet, out of it. */
void rta_jitter_recover(rta_jitter_payload *payload, const rta_jitter_slot *slot, int16_t *out);
/* What of them is put out next, the very samples: they are faded in where something of conceal.h stood before. */
void rta_jitter_real(rta_jitter_payload *payload, int16_t *io, uint32_t samples);
/* A comfort noise packet. */
void rta_jitter_told_noise(rta_jitter_payload *payload, const rta_jitter_slot *slot);
/* In place of samples that never came. Returns how many of them are silent (W3C): comfort noise alone, or zeros. */
uint32_t rta_jitter_conceal(rta_jitter_payload *payload, int16_t *out, uint32_t samples);
/* The sender's silence; announced: by it. */
void rta_jitter_silence(rta_jitter_payload *payload, bool announced, int16_t *out, uint32_t samples);
/* Its part of the figures. */
void rta_jitter_payload_figures(const rta_jitter_payload *payload, rta_jitter_figures *figures);
/* Another sequence begins: its sender has begun anew, too. */
void rta_jitter_payload_restart(rta_jitter_payload *payload);

#ifdef __cplusplus
}
#endif
#endif
