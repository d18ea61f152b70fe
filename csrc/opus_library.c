/* SPDX-License-Identifier: Apache-2.0 */
#include "opus_library.h"

#include "platform.h"

#include <stdio.h>

static rta_opus_library library;
static bool bound;

const rta_opus_library *rta_opus(void) { return bound ? &library : NULL; }

rta_status rta_opus_bind(const char *path, char *why, size_t why_bytes) {
    if (bound) return RTA_OK;
    void *handle = rta_library_open(path, why, why_bytes);
    if (handle == NULL) return RTA_SYSTEM;
    rta_opus_library found;
    const struct {
        const char *name;
        void *to; /* a pointer to a function: as POSIX has it, the same size as one to data */
    } names[] = {
        {"opus_decoder_get_size", &found.decoder_get_size},
        {"opus_decoder_init", &found.decoder_init},
        {"opus_decode", &found.decode},
        {"opus_decoder_ctl", &found.decoder_ctl},
        {"opus_encoder_get_size", &found.encoder_get_size},
        {"opus_encoder_init", &found.encoder_init},
        {"opus_encode", &found.encode},
        {"opus_encoder_ctl", &found.encoder_ctl},
        {"opus_get_version_string", &found.get_version_string},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        void *symbol = rta_library_symbol(handle, names[i].name);
        if (symbol == NULL) {
            snprintf(why, why_bytes, "it has no %s", names[i].name);
            rta_library_close(handle);
            return RTA_INVALID;
        }
        memcpy(names[i].to, &symbol, sizeof symbol);
    }
    library = found;
    bound = true;
    return RTA_OK;
}
