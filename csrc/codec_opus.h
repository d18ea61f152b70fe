/* SPDX-License-Identifier: Apache-2.0
 *
 * codec_opus.h: Opus behind codec.h, by libopus. Private to codec.c; what the calls mean is said in codec.h.
 */
#ifndef RTA_CODEC_OPUS_H
#define RTA_CODEC_OPUS_H

#include "codec.h"
#include "opus_packet.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rta_opus_decoder rta_opus_decoder;

rta_status rta_opus_decoder_create(rta_opus_decoder **out, uint32_t rate, uint32_t channels);
void rta_opus_decoder_destroy(rta_opus_decoder *decoder);
/* `look` is that of the payload, not malformed; `out` has room for it. */
rta_status rta_opus_decode(rta_opus_decoder *decoder, const uint8_t *payload, uint32_t bytes, const rta_opus_look *look,
                           int16_t *out);
rta_status rta_opus_decode_fec(rta_opus_decoder *decoder, const uint8_t *next, uint32_t bytes,
                               const rta_opus_look *look, int16_t *out);
void rta_opus_conceal(rta_opus_decoder *decoder, int16_t *out, uint32_t samples);
void rta_opus_decoder_reset(rta_opus_decoder *decoder);

typedef struct rta_opus_encoder rta_opus_encoder;

rta_status rta_opus_encoder_create(rta_opus_encoder **out, const rta_encoder_config *config);
void rta_opus_encoder_destroy(rta_opus_encoder *encoder);
rta_status rta_opus_encode(rta_opus_encoder *encoder, const int16_t *in, uint8_t *out, uint32_t room, uint32_t *bytes);
void rta_opus_encoder_reset(rta_opus_encoder *encoder);
uint32_t rta_opus_encoder_delay_samples(const rta_opus_encoder *encoder);

#ifdef __cplusplus
}
#endif
#endif
