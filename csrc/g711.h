/* SPDX-License-Identifier: Apache-2.0
 *
 * g711.h: ITU-T G.711 (11/88): A-law and mu-law, as on the telephone network, 8 bit <-> 16 bit linear.
 *
 * Linear samples are left-justified in 16 bits: A-law's 13-bit values are times 8, mu-law's 14-bit values times 4.
 * Encoding follows the decision values of Tables 1 and 2 of the recommendation, symmetrically for both signs. Where a
 * sample lies on a decision value exactly, the recommendation leaves the choice open; like the ITU's reference
 * software (G.191, module g711), a positive one takes the larger magnitude and a negative one the smaller.
 * A-law octets come with the even bits inverted and mu-law's with all magnitude bits inverted, as they are sent.
 *
 * Threads: pure functions, AUDIO PATH (wait-free, no allocation). Zero counts are fine.
 */
#ifndef RTA_G711_H
#define RTA_G711_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

void rta_ulaw_encode(const int16_t *in, uint8_t *out, uint64_t count);
void rta_ulaw_decode(const uint8_t *in, int16_t *out, uint64_t count);
void rta_alaw_encode(const int16_t *in, uint8_t *out, uint64_t count);
void rta_alaw_decode(const uint8_t *in, int16_t *out, uint64_t count);

#ifdef __cplusplus
}
#endif
#endif
