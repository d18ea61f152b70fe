/* SPDX-License-Identifier: Apache-2.0
 *
 * opus_library.h: libopus, found and bound when things are set up, so that it may run on the engine's thread without
 * Python. Nothing of it is built in: docs/decisions/codecs.md.
 *
 * Bound once for each compiled module, and never given back: what was made with it may live on. Every name is resolved
 * when it is bound, and so are the library's own, so that no call on the audio path meets the dynamic linker.
 *
 * The declarations are ours, of the functions that we call (opus-codec.org, API of libopus 1.1 and later, which has been
 * stable since). State lies in memory of the caller's: neither *_init nor decode and encode allocate. `make trap` holds that.
 *
 * Threads: bind: set-up side, one at a time. The table does not change once it is bound. Its calls: AUDIO PATH, one thread
 * at a time for each state.
 */
#ifndef RTA_OPUS_LIBRARY_H
#define RTA_OPUS_LIBRARY_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { /* of libopus's interface */
       RTA_OPUS_APPLICATION_VOIP = 2048,
       RTA_OPUS_SET_BITRATE = 4002,
       RTA_OPUS_SET_COMPLEXITY = 4010,
       RTA_OPUS_SET_INBAND_FEC = 4012,
       RTA_OPUS_SET_PACKET_LOSS_PERC = 4014,
       RTA_OPUS_SET_DTX = 4016,
       RTA_OPUS_GET_LOOKAHEAD = 4027,
       RTA_OPUS_RESET_STATE = 4028,
};

typedef struct rta_opus_library {
    int (*decoder_get_size)(int channels);
    int (*decoder_init)(void *state, int32_t rate, int channels);
    /* data NULL: conceals. fec 1: what `data` carries of the frame before it. Samples of each channel, or < 0. */
    int (*decode)(void *state, const uint8_t *data, int32_t bytes, int16_t *out, int samples, int fec);
    int (*decoder_ctl)(void *state, int request, ...);
    int (*encoder_get_size)(int channels);
    int (*encoder_init)(void *state, int32_t rate, int channels, int application);
    int32_t (*encode)(void *state, const int16_t *in, int samples, uint8_t *out, int32_t room);
    int (*encoder_ctl)(void *state, int request, ...);
    const char *(*get_version_string)(void);
} rta_opus_library;

/* path: as dlopen takes it. RTA_SYSTEM: cannot be loaded; RTA_INVALID: no libopus; `why` says what (bounded, ends in 0).
 * Bound already: RTA_OK, and nothing is done. */
rta_status rta_opus_bind(const char *path, char *why, size_t why_bytes);
/* NULL until it is bound. */
const rta_opus_library *rta_opus(void);

#ifdef __cplusplus
}
#endif
#endif
