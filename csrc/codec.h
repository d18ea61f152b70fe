/* SPDX-License-Identifier: Apache-2.0
 *
 * codec.h: one face for everything that sound is sent as: payloads in, samples out, and back. A decoder and an encoder hold
 * the state of one stream; what is stored when they are made is all they use.
 *
 *   codec   payload                                        rates                    conceals, FEC   encodes
 *   pcm16   16 bit, little-endian                          any                      no              yes
 *   l16     16 bit, big-endian (RFC 3551)                  any                      no              yes
 *   pcmu    G.711 mu-law (g711.h)                          any (8000 by RFC 3551)   no              yes
 *   pcma    G.711 A-law                                    any                      no              yes
 *   cn      comfort noise (RFC 3389): its level; what the  any                      noise           no
 *           packet says of its spectrum is not used
 *   opus    RFC 6716, RFC 7587 (opus_packet.h)             8, 12, 16, 24, 48 kHz    yes             yes, with DTX and FEC
 *
 * "Any" is 8000 .. 48000. int16, 1 or 2 channels, interleaved. Opus is libopus (opus_library.h) and must be bound before.
 *
 * A decoder's calls, in the order of the stream:
 *
 *   decode   the next payload: its samples. Malformed (rta_decoder_look says so before): nothing. One that looks right and
 *            is not: the samples are there, concealed (RTA_CORRUPT)
 *   conceal  so many samples in place of payloads that never came. Not by all codecs: rta_decoder_conceals. cn: noise at
 *            the level told
 *   fec      the frame before a payload, out of that payload, which is decoded next
 *
 * How conceal is cut into calls does not change what comes out (law 6): Opus conceals in units of 10 ms (a frame, where those
 * are shorter); what is left of a unit is put out by the next call, and forgotten by decode and fec.
 *
 * An encoder takes whole frames. What it gives may be empty: nothing is to be sent (DTX: the first packet of a silence says
 * so in a byte or two, then there is one in 400 ms).
 *
 * reset: as newly made; nothing of what was before is in what comes after (law 2: a flush leaves no sample behind).
 *
 * Delay (law 7): sample n of a stream that was encoded and decoded is the encoder's sample n - delay. Opus: 6.5 ms, all of
 * it declared by the encoder, as libopus's interface has it (its look-ahead); the others none.
 *
 * Determinism (law 5): all but Opus are the same bits everywhere. Opus: on the same build of libopus and the same kind of
 * processor (it chooses instructions by what there is).
 *
 * Threads: each decoder and encoder one at a time. AUDIO PATH except create and destroy.
 */
#ifndef RTA_CODEC_H
#define RTA_CODEC_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    RTA_CODEC_CHANNELS = 2,
    RTA_CODEC_RATE_LEAST = 8000,
    RTA_CODEC_RATE_MOST = 48000,
};

typedef enum rta_codec {
    RTA_CODEC_NONE = 0, /* no sound */
    RTA_CODEC_PCM16,
    RTA_CODEC_L16,
    RTA_CODEC_PCMU,
    RTA_CODEC_PCMA,
    RTA_CODEC_CN, /* announces silence */
    RTA_CODEC_OPUS,
    RTA_CODECS,
} rta_codec;

/* "none", "pcm16", ... */
const char *rta_codec_name(uint32_t codec);
/* Whether payloads of it hold sound: all but none and cn. */
bool rta_codec_has_sound(uint32_t codec);
/* Of its RTP timestamps, for a stream decoded at `rate`: 48000 for Opus (RFC 7587), else the rate. */
uint32_t rta_codec_clock(uint32_t codec, uint32_t rate);

/* ---- Decoding */

typedef struct rta_decoder rta_decoder;

/* RTA_INVALID: why says what. RTA_CLOSED: libopus is not bound. RTA_NOMEM. `why` may be NULL. */
rta_status rta_decoder_check(uint32_t codec, uint32_t rate, uint32_t channels, const char **why);
rta_status rta_decoder_create(rta_decoder **out, uint32_t codec, uint32_t rate, uint32_t channels);
void rta_decoder_destroy(rta_decoder *decoder);

/* What a payload says of itself, at the decoder's rate; samples of each channel. No state. */
typedef struct rta_payload_look {
    bool malformed;       /* no whole number of samples; an Opus packet that contradicts itself */
    bool announces;       /* silence */
    uint32_t samples;     /* 0: no sound */
    uint32_t fec_samples; /* that it carries of what lies just before it; 0: none */
} rta_payload_look;
rta_payload_look rta_decoder_look(const rta_decoder *decoder, const uint8_t *payload, uint32_t bytes);

/* `out` has room for `room` samples of each channel. RTA_FULL: the payload has more; RTA_INVALID: malformed; nothing was
 * done. RTA_CORRUPT: concealed, see above. */
rta_status rta_decode(rta_decoder *decoder, const uint8_t *payload, uint32_t bytes, int16_t *out, uint32_t room,
                      uint32_t *samples);
bool rta_decoder_conceals(const rta_decoder *decoder);
/* Of a decoder that conceals (else RTA_INVALID). */
rta_status rta_decoder_conceal(rta_decoder *decoder, int16_t *out, uint32_t samples);
/* Writes look.fec_samples. RTA_EMPTY: it carries none; RTA_FULL; nothing was done. RTA_CORRUPT as above. */
rta_status rta_decoder_fec(rta_decoder *decoder, const uint8_t *next, uint32_t bytes, int16_t *out, uint32_t room,
                           uint32_t *samples);
void rta_decoder_reset(rta_decoder *decoder);
uint32_t rta_decoder_delay_samples(const rta_decoder *decoder);

/* ---- Encoding */

typedef struct rta_encoder_config {
    uint32_t codec, rate, channels;
    uint32_t frame_samples; /* of each channel: 10, 20, 40 or 60 ms */
    /* of Opus: */
    uint32_t bitrate;    /* bit/s, 6000 .. 256000 */
    uint32_t complexity; /* 0 .. 10 */
    uint32_t loss_percent; /* to expect, 0 .. 50: how much is spent on FEC */
    bool dtx, fec;
} rta_encoder_config;

typedef struct rta_encoder rta_encoder;

/* 20 ms frames; Opus at 24 kbit/s for each channel, complexity 5, no DTX, no FEC, 10 % loss. */
void rta_encoder_defaults(rta_encoder_config *config, uint32_t codec, uint32_t rate, uint32_t channels);
rta_status rta_encoder_check(const rta_encoder_config *config, const char **why);
rta_status rta_encoder_create(rta_encoder **out, const rta_encoder_config *config);
void rta_encoder_destroy(rta_encoder *encoder);

/* One frame. *bytes 0: nothing to send. RTA_FULL: room is less than rta_encoder_bytes_most(); nothing was done.
 * RTA_CORRUPT: libopus refused, which it has no reason to; *bytes is 0. */
rta_status rta_encode(rta_encoder *encoder, const int16_t *in, uint8_t *out, uint32_t room, uint32_t *bytes);
uint32_t rta_encoder_bytes_most(const rta_encoder *encoder);
void rta_encoder_reset(rta_encoder *encoder);
uint32_t rta_encoder_delay_samples(const rta_encoder *encoder);

#ifdef __cplusplus
}
#endif
#endif
